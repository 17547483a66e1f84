/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/parser.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/problem.h"
#include "cli/text.h"
#include "cli/value.h"
#include "common/cleanup.h"

enum { MAX_WORDS = 128 };

/* The state of one parse. */
struct parser {
	int argc;
	char **argv;
	int position; /* of the word looked at */
	bool options_ended;
	struct cli_options *options;
	struct invocation *invocation;
	const char *noun;
	size_t positionals; /* taken so far */
	bool seen[32];      /* global options given, in step with global_options */
};

/* ---- global options ------------------------------------------------------ */

static size_t choice_index(const struct arg *arg, const char *text)
{
	size_t i = 0;

	while (strcmp(arg->choices[i], text) != 0)
		i++;
	return i;
}

static void set_global(
	struct cli_options *options, const struct arg *arg, const struct value *value)
{
	const struct {
		const char *key;
		const char **text;
		bool *flag;
	} members[] = {
		{"vm", &options->vm, NULL},
		{"socket", &options->socket, NULL},
		{"columns", &options->columns, NULL},
		{"filter", &options->filter, NULL},
		{"sort", &options->sort, NULL},
		{"no_headers", NULL, &options->no_headers},
		{"watch", NULL, &options->watch},
		{"curl", NULL, &options->curl},
		{"quiet", NULL, &options->quiet},
		{"verbose", NULL, &options->verbose},
		{"version", NULL, &options->version},
		{"help", NULL, &options->help},
	};

	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		if (strcmp(members[i].key, arg->key) != 0)
			continue;
		if (members[i].text)
			*members[i].text = value->text;
		else
			*members[i].flag = true;
	}
	if (strcmp(arg->key, "json") == 0)
		options->format = CLI_FORMAT_JSON;
	if (strcmp(arg->key, "output") == 0)
		options->format = (enum cli_format)choice_index(arg, value->text);
	if (strcmp(arg->key, "color") == 0)
		options->color = (enum cli_color)choice_index(arg, value->text);
	if (strcmp(arg->key, "timeout") == 0) {
		options->timeout_ns = value->number;
		options->timeout_given = true;
	}
}

/* ---- options ------------------------------------------------------------- */

static bool is_global(const struct arg *arg)
{
	for (const struct arg *option = global_options; option->name; option++)
		if (option == arg)
			return true;
	return false;
}

static enum cli_exit store_option(
	struct parser *parser, const struct arg *arg, const struct value *value)
{
	bool *seen;

	if (is_global(arg)) {
		seen = &parser->seen[arg - global_options];
		if (*seen && arg_takes_value(arg))
			return problem_usage(parser->options, NULL, "%s is given twice", arg->name);
		*seen = true;
		set_global(parser->options, arg, value);
		return CLI_OK;
	}
	if (parser->invocation->values[arg - parser->invocation->command->args].text)
		return problem_usage(parser->options, NULL, "%s is given twice", arg->name);
	parser->invocation->values[arg - parser->invocation->command->args] = *value;
	return CLI_OK;
}

static enum cli_exit unknown_option(const struct parser *parser, const char *name)
{
	const struct command *command = parser->invocation->command;
	const char *names[COMMAND_MAX_ARGS + 32];
	size_t count = 0;
	CLEANUP(free)
	char *where = !parser->noun ? strdup("")
		      : command && command->verb
			      ? text_format(" %s %s", parser->noun, command->verb)
			      : text_format(" %s", parser->noun);

	for (const struct arg *arg = command ? command->args : NULL; arg && arg->name; arg++)
		if (arg_is_option(arg))
			names[count++] = arg->name;
	for (const struct arg *arg = global_options; arg->name; arg++)
		names[count++] = arg->name;
	return problem_unknown_word(
		parser->options, "option", name, names, count, where ? where : "");
}

/* Takes an option's value: after '=', glued to the letter, or the next word. */
static enum cli_exit option_value(
	struct parser *parser, const struct arg *arg, const char *glued, struct value *ret_value)
{
	if (!arg_takes_value(arg)) {
		if (glued)
			return problem_usage(parser->options, NULL, "%s takes no value", arg->name);
		ret_value->text = arg->name;
		return CLI_OK;
	}
	if (!glued) {
		if (parser->position + 1 >= parser->argc)
			return problem_usage(parser->options, NULL, "%s wants a value: %s",
				arg->name, arg->metavar);
		glued = parser->argv[++parser->position];
	}
	return value_parse(parser->options, arg, glued, ret_value);
}

static enum cli_exit take_option(struct parser *parser, const char *name, const char *glued)
{
	const struct arg *arg = command_find_option(parser->invocation->command, name);
	struct value value = {0};
	enum cli_exit r;

	if (!arg)
		return unknown_option(parser, name);
	r = option_value(parser, arg, glued, &value);
	if (r != CLI_OK)
		return r;
	r = store_option(parser, arg, &value);
	if (r != CLI_OK)
		free(value.payload);
	return r;
}

/* --name, --name VALUE or --name=VALUE */
static enum cli_exit take_long_option(struct parser *parser, const char *word)
{
	size_t length = strcspn(word, "=");
	CLEANUP(free) char *name = strndup(word, length);

	if (!name)
		return problem_errno(parser->options, ENOMEM, word);
	return take_option(parser, name, word[length] ? word + length + 1 : NULL);
}

/* -x VALUE, -xVALUE, or flags together as in -qj */
static enum cli_exit take_short_options(struct parser *parser, const char *word)
{
	for (const char *letter = word + 1; *letter; letter++) {
		const char name[] = {'-', *letter, '\0'};
		const struct arg *arg = command_find_option(parser->invocation->command, name);
		bool takes_value = arg && arg_takes_value(arg);
		enum cli_exit r;

		r = take_option(parser, name, takes_value && letter[1] ? letter + 1 : NULL);
		if (r != CLI_OK || takes_value)
			return r;
	}
	return CLI_OK;
}

/* ---- nouns, verbs and positional arguments ------------------------------- */

/* Each noun once: its rows stand together. */
static size_t collect_nouns(const char **words, size_t capacity)
{
	size_t count = 0;

	for (size_t i = 0; i < command_count && count < capacity; i++) {
		bool again = count > 0 && strcmp(commands[i].noun, words[count - 1]) == 0;

		if (!again && !(commands[i].flags & COMMAND_HIDDEN))
			words[count++] = commands[i].noun;
	}
	return count;
}

static size_t collect_verbs(const char *noun, const char **words, size_t capacity)
{
	size_t count = 0;

	for (size_t i = 0; i < command_count && count < capacity; i++)
		if (commands[i].verb && strcmp(commands[i].noun, noun) == 0)
			words[count++] = commands[i].verb;
	return count;
}

static enum cli_exit take_noun(struct parser *parser, const char *word)
{
	const char *words[MAX_WORDS];

	if (!command_is_noun(word))
		return problem_unknown_word(parser->options, "command", word, words,
			collect_nouns(words, ARRAY_LEN(words)), "");
	parser->noun = word;
	parser->invocation->command = command_find(word, NULL);
	return CLI_OK;
}

static enum cli_exit take_verb(struct parser *parser, const char *word)
{
	CLEANUP(free) char *noun = text_format(" %s", parser->noun);
	CLEANUP(free) char *what = text_format("%s command", parser->noun);
	const char *words[MAX_WORDS];

	parser->invocation->command = command_find(parser->noun, word);
	if (parser->invocation->command)
		return CLI_OK;
	return problem_unknown_word(parser->options, what ? what : "command", word, words,
		collect_verbs(parser->noun, words, ARRAY_LEN(words)), noun ? noun : "");
}

/* The n-th positional argument of the command; the last one again when it repeats. */
static const struct arg *nth_positional(const struct command *command, size_t n)
{
	for (const struct arg *arg = command->args; arg->name; arg++)
		if (!arg_is_option(arg) && (n-- == 0 || arg->flags & ARG_REPEAT))
			return arg;
	return NULL;
}

static enum cli_exit take_rest(struct parser *parser, const char *word)
{
	struct invocation *invocation = parser->invocation;
	size_t size = (invocation->rest_count + 1) * sizeof(*invocation->rest);
	const char **grown = realloc(invocation->rest, size);

	if (!grown)
		return problem_errno(parser->options, ENOMEM, word);
	grown[invocation->rest_count++] = word;
	invocation->rest = grown;
	return CLI_OK;
}

static enum cli_exit take_positional(struct parser *parser, const char *word)
{
	const struct command *command = parser->invocation->command;
	const struct arg *arg = nth_positional(command, parser->positionals);
	struct value *value;
	enum cli_exit r;

	if (!arg)
		return problem_usage(parser->options, NULL,
			"\"%s\" is one argument too many for %s%s%s", word, command->noun,
			command->verb ? " " : "", command->verb ? command->verb : "");
	parser->positionals++;
	value = &parser->invocation->values[arg - command->args];
	r = value_parse(parser->options, arg, word, value);
	return r == CLI_OK && arg->flags & ARG_REPEAT ? take_rest(parser, word) : r;
}

static enum cli_exit take_word(struct parser *parser, const char *word)
{
	if (!parser->noun)
		return take_noun(parser, word);
	if (!parser->invocation->command)
		return take_verb(parser, word);
	return take_positional(parser, word);
}

static enum cli_exit check_complete(const struct parser *parser)
{
	const struct invocation *invocation = parser->invocation;
	const struct command *command = invocation->command;

	if (parser->options->help || parser->options->version || !parser->noun)
		return CLI_OK;
	if (!command) {
		CLEANUP(free)
		char *hint = text_format("\"hvctl %s --help\" lists them", parser->noun);

		return problem_usage(
			parser->options, hint, "\"%s\" wants a command after it", parser->noun);
	}
	for (size_t i = 0; command->args[i].name; i++) {
		if (command->args[i].flags & ARG_REQUIRED && !invocation->values[i].text) {
			CLEANUP(free) char *hint = text_format("for example: %s", command->example);

			return problem_usage(parser->options, hint, "%s%s%s wants %s",
				command->noun, command->verb ? " " : "",
				command->verb ? command->verb : "", command->args[i].name);
		}
	}
	return CLI_OK;
}

/* A single '-' is a value: stdin. */
static bool is_option_word(const struct parser *parser, const char *word)
{
	return !parser->options_ended && word[0] == '-' && word[1] != '\0';
}

/*
 * A mistake in front of -j must be told as JSON too, so the format is looked for before anything
 * else; a word that turns out to be another option's value costs nothing but the form of an error.
 */
static void foresee_format(int argc, char **argv, struct cli_options *options)
{
	static const char *const spellings[] = {
		"-j", "--json", "-ojson", "-ojsonl", "--output=json", "--output=jsonl"};

	for (int i = 1; i < argc; i++) {
		bool separate = i > 1 && strncmp(argv[i], "json", 4) == 0 &&
				(!strcmp(argv[i - 1], "-o") || !strcmp(argv[i - 1], "--output"));

		for (size_t j = 0; j < ARRAY_LEN(spellings); j++)
			separate |= strcmp(argv[i], spellings[j]) == 0;
		if (separate)
			options->format = CLI_FORMAT_JSON;
	}
}

enum cli_exit parser_parse(int argc, char **argv, struct cli_options *ret_options,
	struct invocation *ret_invocation, const char **ret_noun)
{
	struct parser parser = {
		.argc = argc,
		.argv = argv,
		.position = 1,
		.options = ret_options,
		.invocation = ret_invocation,
	};
	enum cli_exit r = CLI_OK;

	foresee_format(argc, argv, ret_options);
	for (; r == CLI_OK && parser.position < argc; parser.position++) {
		const char *word = argv[parser.position];

		if (is_option_word(&parser, word) && strcmp(word, "--") == 0)
			parser.options_ended = true;
		else if (is_option_word(&parser, word))
			r = word[1] == '-' ? take_long_option(&parser, word)
					   : take_short_options(&parser, word);
		else
			r = take_word(&parser, word);
	}
	if (r == CLI_OK)
		r = check_complete(&parser);
	*ret_noun = parser.noun;
	return r;
}

void invocation_deinit(struct invocation *invocation)
{
	for (size_t i = 0; i < ARRAY_LEN(invocation->values); i++)
		free(invocation->values[i].payload);
	free(invocation->rest);
	*invocation = (struct invocation){0};
}
