/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/help.h"

#include <string.h>

enum { LABEL_WIDTH = 26 };

/* ---- pieces -------------------------------------------------------------- */

static void put_words(FILE *out, const struct command *command)
{
	fprintf(out, "%s%s%s", command->noun, command->verb ? " " : "",
		command->verb ? command->verb : "");
}

static void put_arg_synopsis(FILE *out, const struct arg *arg)
{
	bool required = arg->flags & ARG_REQUIRED;

	fprintf(out, " %s%s", required ? "" : "[", arg->name);
	if (arg_is_option(arg) && arg->metavar)
		fprintf(out, " %s", arg->metavar);
	fprintf(out, "%s%s", arg->flags & ARG_REPEAT ? "..." : "", required ? "" : "]");
}

/* "hvctl sints show VP SINT [--vtl N]" */
static void put_synopsis(FILE *out, const struct command *command)
{
	fputs("hvctl ", out);
	put_words(out, command);
	for (const struct arg *arg = command->args; arg->name; arg++)
		put_arg_synopsis(out, arg);
}

/* A label and its explanation, on two lines when the label is long. */
static void put_entry(FILE *out, const char *label, const char *text)
{
	if (strlen(label) > LABEL_WIDTH)
		fprintf(out, "  %s\n  %*s  %s\n", label, LABEL_WIDTH, "", text);
	else
		fprintf(out, "  %-*s  %s\n", LABEL_WIDTH, label, text);
}

static void put_arg(FILE *out, const struct arg *arg)
{
	char label[64];

	snprintf(label, sizeof(label), "%s%s%s", arg->name,
		arg_is_option(arg) && arg->metavar ? " " : "",
		arg_is_option(arg) && arg->metavar ? arg->metavar : "");
	put_entry(out, label, arg->help);
}

static void put_global(FILE *out, const struct arg *arg)
{
	char letter = global_option_letter(arg);
	char label[64], start[8] = "    ";

	if (letter)
		snprintf(start, sizeof(start), "-%c, ", letter);
	snprintf(label, sizeof(label), "%s%s%s%s", start, arg->name, arg->metavar ? " " : "",
		arg->metavar ? arg->metavar : "");
	put_entry(out, label, arg->help);
}

static void put_command_line(FILE *out, const struct command *command)
{
	char label[64];

	snprintf(label, sizeof(label), "%s%s%s", command->noun, command->verb ? " " : "",
		command->verb ? command->verb : "");
	put_entry(out, label, command->help);
}

/* ---- levels -------------------------------------------------------------- */

static void put_program(FILE *out)
{
	fputs("Usage: hvctl [GLOBAL OPTIONS] NOUN [VERB] [ARGUMENTS]\n"
	      "Lists, inspects and drives the SynIC of VMs run by hvd. Without arguments on a\n"
	      "terminal: the interactive shell.\n\nCommands:\n",
		out);
	for (size_t i = 0; i < command_count; i++)
		if (!(commands[i].flags & COMMAND_HIDDEN))
			put_command_line(out, &commands[i]);
	fputs("\nGlobal options:\n", out);
	for (const struct arg *arg = global_options; arg->name; arg++)
		put_global(out, arg);
	fputs("\nExit status: 0 ok, 1 internal or server error, 2 usage, 3 not found, 4 refused by\n"
	      "state, 5 not permitted, 6 cannot connect, 7 timeout, 8 the doctor found something,\n"
	      "130 interrupted.\n"
	      "\"hvctl NOUN --help\" and \"hvctl NOUN VERB --help\" say more.\n",
		out);
}

static void put_noun(FILE *out, const char *noun)
{
	fprintf(out, "Usage: hvctl %s VERB [ARGUMENTS]\n\nCommands:\n", noun);
	for (size_t i = 0; i < command_count; i++)
		if (strcmp(commands[i].noun, noun) == 0)
			put_command_line(out, &commands[i]);
	fprintf(out,
		"\n\"hvctl %s VERB --help\" explains one; \"hvctl --help\" the global options.\n",
		noun);
}

static void put_args(FILE *out, const struct command *command, bool options, const char *title)
{
	for (const struct arg *arg = command->args; arg->name; arg++) {
		if (arg_is_option(arg) != options)
			continue;
		fputs(title, out);
		title = "";
		put_arg(out, arg);
	}
}

/* The paths of "path:HEADER,..." */
static void put_paths(FILE *out, const char *columns, const char *separator)
{
	while (*columns) {
		size_t length = strcspn(columns, ",");

		fputs(separator, out);
		fwrite(columns, 1, strcspn(columns, ":,"), out);
		columns += length + (columns[length] == ',');
		separator = ",";
	}
}

static void put_columns(FILE *out, const struct command *command)
{
	if (!command->columns)
		return;
	fputs("\nColumns: ", out);
	put_paths(out, command->columns, "");
	if (command->wide)
		put_paths(out, command->wide, ",");
	fputc('\n', out);
}

static void put_command(FILE *out, const struct command *command)
{
	fputs("Usage: ", out);
	put_synopsis(out, command);
	/* Help is a phrase; a sentence begins with a capital. */
	fprintf(out, "\n%c%s.\n", command->help[0] & ~0x20, command->help + 1);
	put_args(out, command, false, "\nArguments:\n");
	put_args(out, command, true, "\nOptions:\n");
	put_columns(out, command);
	if (command->method)
		fprintf(out, "\nRequest: %s %s\n", command->method,
			command->narrow_path ? command->narrow_path : command->path);
	fprintf(out, "\nExample:\n  %s\n", command->example);
	fputs("\n\"hvctl --help\" lists the global options.\n", out);
}

void help_put(FILE *out, const char *noun, const struct command *command)
{
	if (command)
		put_command(out, command);
	else if (noun)
		put_noun(out, noun);
	else
		put_program(out);
}

/* ---- the manual ---------------------------------------------------------- */

/* scdoc gives '_' and '*' a meaning in running text. */
static void put_scdoc(FILE *out, const char *text)
{
	for (; *text; text++) {
		if (strchr("_*\\<>#", *text))
			fputc('\\', out);
		fputc(*text, out);
	}
}

static void put_manual_arg(FILE *out, const struct arg *arg, char letter)
{
	fputs("*", out);
	if (letter)
		fprintf(out, "-%c*, *", letter);
	put_scdoc(out, arg->name);
	fputc('*', out);
	if (arg_is_option(arg) && arg->metavar) {
		fputs(" _", out);
		put_scdoc(out, arg->metavar);
		fputc('_', out);
	}
	fputs("\n\t", out);
	put_scdoc(out, arg->help);
	fputs("\n\n", out);
}

static void put_manual_command(FILE *out, const struct command *command)
{
	fputs("## ", out);
	put_words(out, command);
	fputs("\n\n*", out);
	put_synopsis(out, command);
	fprintf(out, "*\n\n%c", command->help[0] & ~0x20);
	put_scdoc(out, command->help + 1);
	fputs(".\n\n", out);
	for (const struct arg *arg = command->args; arg->name; arg++)
		put_manual_arg(out, arg, 0);
	fputs("Example:\n\n```\n", out);
	fprintf(out, "%s\n```\n\n", command->example);
}

void help_put_manual_commands(FILE *out)
{
	for (size_t i = 0; i < command_count; i++)
		if (!(commands[i].flags & COMMAND_HIDDEN))
			put_manual_command(out, &commands[i]);
}

void help_put_manual_options(FILE *out)
{
	for (const struct arg *arg = global_options; arg->name; arg++)
		put_manual_arg(out, arg, global_option_letter(arg));
}
