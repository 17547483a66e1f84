/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The command table: one row says everything about a command.
 *
 * Parsing, requests, rendering, --help, completion in the shells and the manual's command list are
 * all read off these rows. A new command is one row in commands.c and, when a plain request with
 * the reply rendered is not enough, one run function.
 *
 * Purpose: rows for commands, arguments and global options, and how to find them.
 * Threads: tables are constant.
 * Errors:  the find functions return NULL.
 */
#include "cli/cli.h"

/* What completes a value: words from the row itself, or ids asked of the live daemon. */
enum completer {
	COMPLETE_NOTHING,
	COMPLETE_CHOICES, /* arg.choices */
	COMPLETE_FILE,    /* left to the shell */
	COMPLETE_DATA,    /* @FILE or - */
	COMPLETE_VM,
	COMPLETE_VP,
	COMPLETE_SINT,
	COMPLETE_CONNECTION,
	COMPLETE_RELID,
	COMPLETE_DEVICE,
	COMPLETE_DEVICE_KIND,
	COMPLETE_DEVICE_SPEC,
	COMPLETE_EVENT_TYPE,
	COMPLETE_TREE_PATH,
	COMPLETE_FIELD,
	COMPLETE_FAULT,
	COMPLETE_COMMAND,    /* a noun, then its verbs */
	COMPLETE_FAULT_WORD, /* a word of the fault's member with the argument's key */
};

enum arg_type {
	ARG_UINT,     /* decimal or 0x hexadecimal, up to arg.maximum */
	ARG_UINTS,    /* one such number, or several: 0,2 */
	ARG_TEXT,     /* anything */
	ARG_CHOICE,   /* one of arg.choices */
	ARG_DURATION, /* 5s, 100ms */
	ARG_MOMENT,   /* 17, 5m, 19:14:47.5, 2026-11-21T15:53:15Z: moment.h */
	ARG_PAYLOAD,  /* hex bytes, @FILE or - for stdin: at most 240 bytes */
	ARG_SET,      /* no value: true */
	ARG_CLEAR,    /* no value: false */
};

/* Where a value goes in the request. */
enum arg_place {
	PLACE_LOCAL, /* nowhere: the run function reads it */
	PLACE_PATH,  /* {key} of the path */
	PLACE_QUERY, /* ?key=value */
	PLACE_BODY,  /* "key": value */
};

enum arg_flags {
	ARG_REQUIRED = 1 << 0,
	ARG_REPEAT = 1 << 1, /* the last positional argument takes all further words */
	ARG_LIST = 1 << 2,   /* several values, separated by commas */
};

struct arg {
	/* "--sint", "-d", or for positional arguments their name in capitals: "SINT". NULL ends. */
	const char *name;
	const char *key; /* in path, query or body, and for the run function */
	const char *metavar;
	const char *help;
	enum arg_type type;
	enum arg_place place;
	enum completer completer;
	unsigned flags;
	uint64_t maximum;
	const char *const *choices; /* NULL-terminated */
};

enum { COMMAND_MAX_ARGS = 12 };

struct invocation;

typedef enum cli_exit (*command_run_fn)(struct cli *cli, const struct invocation *invocation);

enum command_flags {
	COMMAND_LIST = 1 << 0,    /* the reply is a list */
	COMMAND_HIDDEN = 1 << 1,  /* for the completion scripts */
	COMMAND_OFFLINE = 1 << 2, /* --from FILE: answered by a snapshot */
	COMMAND_STATE = 1 << 3,   /* how things are, as list and show tell it: --watch repeats it */
	COMMAND_RECORDS = 1 << 4, /* prints records, which have no columns */
};

struct command {
	const char *noun;
	const char *verb; /* NULL: the noun is the whole command */
	const char *help;
	const char *example;
	const char *method;
	const char *path;
	/* Taken instead of `path` when all its keys are given: /v1/vps/{vp}/sints. */
	const char *narrow_path;
	/*
	 * "connection_id:ID,slot.busy:BUSY"; `wide` is appended under -o wide; `names` is -o name.
	 */
	const char *columns;
	const char *wide;
	const char *names;
	unsigned flags;
	command_run_fn run; /* NULL: request, then render */
	struct arg args[COMMAND_MAX_ARGS];
};

extern const struct command commands[];
extern const size_t command_count;

/* Global options: their `key` is the member of cli_options they set. */
extern const struct arg global_options[];
/* The global option's one-letter form, or 0. */
char global_option_letter(const struct arg *option);

const struct command *command_find(const char *noun, const char *verb);
bool command_is_noun(const char *word);
const struct arg *command_find_option(const struct command *command, const char *name);
static inline bool arg_is_option(const struct arg *arg)
{
	return arg->name[0] == '-';
}
static inline bool arg_takes_value(const struct arg *arg)
{
	return arg->type != ARG_SET && arg->type != ARG_CLEAR;
}

/* ---- a parsed command line ------------------------------------------------ */

struct value {
	const char *text; /* as typed, NULL when not given; ARG_MOMENT as the API takes it */
	uint64_t number;  /* ARG_UINT, ARG_DURATION (ns) */
	char *payload;    /* owns; ARG_PAYLOAD as plain hex digits, the text of ARG_MOMENT */
};

struct invocation {
	const struct command *command;
	struct value values[COMMAND_MAX_ARGS]; /* in step with command->args */
	const char **rest;                     /* owns the array: words of an ARG_REPEAT argument */
	size_t rest_count;
};

/* The value of the argument with this key; one with text NULL when it was not given. */
const struct value *invocation_value(const struct invocation *invocation, const char *key);
bool invocation_given(const struct invocation *invocation, const char *key);
