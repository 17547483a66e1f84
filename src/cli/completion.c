/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The scripts hold no list of commands that could grow stale: they ask `hvctl complete`, which
 * reads the command table and asks the live daemon for ids. It prints a candidate, a tab and a few
 * words about it on each line, and ":files" where file names belong, with what stands before them
 * in the word. zsh and fish tell it the words; bash, which does not know them without their quotes,
 * the line and what of it the candidates take the place of.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/actions.h"
#include "cli/complete.h"
#include "cli/text.h"
#include "cli/words.h"
#include "common/cleanup.h"

enum { MAX_WORDS = 128 };

static const char bash_script[] =
	"# bash completion for hvctl, written by \"hvctl completion bash\".\n"
	"_hvctl() {\n"
	"	local line kept text=${2//\\\\/}\n"
	"	COMPREPLY=()\n"
	"	while IFS= read -r line; do\n"
	"		if [[ $line == :files* ]]; then\n"
	"			kept=${line#:files}\n"
	"			[[ -n $kept ]] || compopt -o filenames 2>/dev/null\n"
	"			while IFS= read -r line; do\n"
	"				# Behind an @ bash sees no file name: neither a folder nor what to quote.\n"
	"				[[ -z $kept || ! -d $line ]] || line+=/\n"
	"				[[ -z $kept ]] || printf -v line %s%q \"$kept\" \"$line\"\n"
	"				COMPREPLY+=(\"$line\")\n"
	"			done < <(compgen -f -- \"${text#\"$kept\"}\")\n"
	"		else\n"
	"			COMPREPLY+=(\"${line%%$'\\t'*}\")\n"
	"		fi\n"
	"	done < <(\"${1/#~\\//$HOME/}\" complete --line \"${COMP_LINE:0:COMP_POINT}\" \\\n"
	"			--replace \"$text\" 2>/dev/null)\n"
	"	[[ ${#COMPREPLY[@]} != 1 || ${COMPREPLY[0]} != *[=/@] ]] || compopt -o nospace 2>/dev/null\n"
	"	compopt -o nosort 2>/dev/null\n"
	"}\n"
	"complete -F _hvctl hvctl\n";

static const char zsh_script[] =
	"#compdef hvctl\n"
	"# zsh completion for hvctl, written by \"hvctl completion zsh\".\n"
	"_hvctl() {\n"
	"	local -a values about shown\n"
	"	local line kept files expl\n"
	"	integer i width=0\n"
	"	while IFS= read -r line; do\n"
	"		if [[ $line == :files* ]]; then\n"
	"			files=1 kept=${line#:files}\n"
	"		else\n"
	"			values+=(\"${line%%$'\\t'*}\")\n"
	"			about+=(\"${line#*$'\\t'}\")\n"
	"			(( $#values[-1] > width )) && width=$#values[-1]\n"
	"		fi\n"
	"	done < <(${~${(Q)words[1]}} complete -- \"${(@Q)words[2,CURRENT-1]}\" \"${(Q)PREFIX}\" 2>/dev/null)\n"
	"	for (( i = 1; i <= $#values; i++ )); do\n"
	"		line=\"${(r:width:)values[i]}  -- $about[i]\"\n"
	"		shown+=(\"${line[1,COLUMNS-1]}\")\n"
	"	done\n"
	"	# One list in hvctl's order; what goes on gets no blank behind it.\n"
	"	local -a how=(-d shown -l)\n"
	"	[[ -n ${(j::)about} ]] || how=()\n"
	"	if (( $#values == 1 )) && [[ $values[1] == *[=/@] ]]; then\n"
	"		how+=(-S '')\n"
	"	fi\n"
	"	(( $#values )) && _wanted -V hvctl expl hvctl compadd \"$how[@]\" -a values\n"
	"	if [[ -n $files ]]; then\n"
	"		compset -P \"${(b)kept}\"\n"
	"		_files\n"
	"	fi\n"
	"}\n"
	"if [[ $funcstack[1] == _hvctl ]]; then\n"
	"	_hvctl \"$@\"\n"
	"else\n"
	"	compdef _hvctl hvctl\n"
	"fi\n";

static const char fish_script[] =
	"# fish completion for hvctl, written by \"hvctl completion fish\".\n"
	"function __hvctl_complete\n"
	"	set -l words (commandline -opc | string unescape)\n"
	"	set -l current (commandline -ct | string unescape)\n"
	"	set -l program $words[1]\n"
	"	string match -q '~/*' -- $program\n"
	"	and set program $HOME(string sub -s 2 -- $program)\n"
	"	command -q $program\n"
	"	or return\n"
	"	for line in ($program complete -- $words[2..-1] \"$current\" 2>/dev/null)\n"
	"		if string match -q ':files*' -- $line\n"
	"			set -l kept (string sub -s 7 -- $line)\n"
	"			set -l name (string sub -s (math 1 + (string length -- \"$kept\")) -- \"$current\")\n"
	"			__fish_complete_path \"$name\" | string replace -r '^' -- \"$kept\"\n"
	"		else\n"
	"			echo $line\n"
	"		end\n"
	"	end\n"
	"end\n"
	"complete -c hvctl -f -k -a '(__hvctl_complete)'\n";

enum cli_exit run_completion(struct cli *cli UNUSED, const struct invocation *invocation)
{
	const char *shell = invocation_value(invocation, "shell")->text;

	if (strcmp(shell, "bash") == 0)
		fputs(bash_script, stdout);
	else if (strcmp(shell, "zsh") == 0)
		fputs(zsh_script, stdout);
	else
		fputs(fish_script, stdout);
	return CLI_OK;
}

struct printer {
	size_t skip; /* bytes of each candidate that the shell leaves as they are */
};

static void print_candidate(void *arg, const char *candidate, const char *about)
{
	const struct printer *printer = arg;

	text_put(stdout, candidate + printer->skip);
	fputc('\t', stdout);
	text_put(stdout, about);
	fputc('\n', stdout);
}

/* `words` end with the unfinished one; `text` is what of it the shell replaces. */
static void print_candidates(
	const struct cli *cli, const char *const *words, size_t count, const char *text)
{
	const char *word = words[count - 1];
	struct printer printer = {.skip = text ? complete_skip(word, text) : 0};
	struct complete_files files;

	complete_words(&cli->options, words, count, print_candidate, &printer, &files);
	if (!files.wanted)
		return;
	fputs(":files", stdout);
	if (files.kept > printer.skip)
		fwrite(word + printer.skip, 1, files.kept - printer.skip, stdout);
	fputc('\n', stdout);
}

enum cli_exit run_complete(struct cli *cli, const struct invocation *invocation)
{
	const char *text = invocation_value(invocation, "replace")->text;
	const char *given = invocation_value(invocation, "line")->text;
	CLEANUP(free) char *line = given ? strdup(given) : NULL;
	char *words[MAX_WORDS];
	size_t count = 0;

	if (!given && invocation->rest_count > 0)
		print_candidates(cli, invocation->rest, invocation->rest_count, text);
	/* The first word is the program. */
	if (line && words_split_unfinished(line, words, MAX_WORDS, &count) == 0 && count > 1)
		print_candidates(cli, (const char *const *)words + 1, count - 1, text);
	return CLI_OK;
}
