/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The scripts hold no list of commands that could grow stale: they ask `hvctl complete`, which
 * reads the command table and asks the live daemon for ids. It prints a candidate, a tab and a few
 * words about it on each line, and ":files" where file names belong.
 */
#include <string.h>

#include "cli/actions.h"
#include "cli/complete.h"
#include "cli/text.h"

static const char bash_script[] =
	"# bash completion for hvctl, written by \"hvctl completion bash\".\n"
	"_hvctl() {\n"
	"	local line cur prefix IFS=$' \\t\\n'\n"
	"	local -a words\n"
	"	COMPREPLY=()\n"
	"	# COMP_WORDS is cut at '=' and ':' too; hvctl wants the words as they are.\n"
	"	line=${COMP_LINE:0:COMP_POINT}\n"
	"	read -ra words <<<\"$line\"\n"
	"	[[ $line == *[[:space:]] ]] && words+=(\"\")\n"
	"	cur=${words[-1]}\n"
	"	while IFS= read -r line; do\n"
	"		if [[ $line == :files ]]; then\n"
	"			compopt -o filenames 2>/dev/null\n"
	"			while IFS= read -r line; do\n"
	"				COMPREPLY+=(\"$line\")\n"
	"			done < <(if [[ $cur == @* ]]; then compgen -P @ -f -- \"${cur#@}\"\n"
	"				else compgen -f -- \"$cur\"; fi)\n"
	"		else\n"
	"			COMPREPLY+=(\"${line%%$'\\t'*}\")\n"
	"		fi\n"
	"	done < <(\"${words[0]}\" complete -- \"${words[@]:1}\" 2>/dev/null)\n"
	"	prefix=${cur%\"${cur##*[=:]}\"}\n"
	"	COMPREPLY=(\"${COMPREPLY[@]#\"$prefix\"}\")\n"
	"}\n"
	"complete -F _hvctl hvctl\n";

static const char zsh_script[] =
	"#compdef hvctl\n"
	"# zsh completion for hvctl, written by \"hvctl completion zsh\".\n"
	"_hvctl() {\n"
	"	local -a candidates\n"
	"	local line files\n"
	"	while IFS= read -r line; do\n"
	"		if [[ $line == :files ]]; then\n"
	"			files=1\n"
	"		else\n"
	"			candidates+=(\"${${line%%$'\\t'*}//:/\\\\:}:${line#*$'\\t'}\")\n"
	"		fi\n"
	"	done < <(\"${words[1]}\" complete -- \"${(@)words[2,CURRENT-1]}\" \"$PREFIX\" 2>/dev/null)\n"
	"	(( $#candidates )) && _describe hvctl candidates\n"
	"	if [[ -n $files ]]; then\n"
	"		compset -P @\n"
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
	"	set -l words (commandline -opc)\n"
	"	set -l current (commandline -ct)\n"
	"	for line in ($words[1] complete -- $words[2..-1] \"$current\" 2>/dev/null)\n"
	"		if test \"$line\" = :files\n"
	"			if string match -q '@*' -- $current\n"
	"				__fish_complete_path (string sub -s 2 -- $current) | string replace -r '^' @\n"
	"			else\n"
	"				__fish_complete_path $current\n"
	"			end\n"
	"		else\n"
	"			echo $line\n"
	"		end\n"
	"	end\n"
	"end\n"
	"complete -c hvctl -f -a '(__hvctl_complete)'\n";

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

static void print_candidate(void *arg UNUSED, const char *candidate, const char *about)
{
	text_put(stdout, candidate);
	fputc('\t', stdout);
	text_put(stdout, about);
	fputc('\n', stdout);
}

enum cli_exit run_complete(struct cli *cli, const struct invocation *invocation)
{
	bool files = false;

	complete_words(&cli->options, invocation->rest, invocation->rest_count, print_candidate,
		NULL, &files);
	if (files)
		puts(":files");
	return CLI_OK;
}
