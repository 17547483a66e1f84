/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * From words to an invocation, by the tables of command.h.
 *
 * Words are taken whole: no abbreviations, so that a script keeps its meaning when commands are
 * added; a word that is nearly right is answered with what was probably meant. Global options may
 * stand anywhere.
 *
 * Purpose: parse and check a command line before anything is sent.
 * Threads: one.
 * Errors:  CLI_USAGE, reported with the option's name and the next thing to type.
 */
#include "cli/command.h"

/*
 * Fills `ret_options` (which holds the defaults before) and `ret_invocation`. Its command is NULL
 * when no command was given, or with --help at the level of `ret_noun`.
 */
enum cli_exit parser_parse(int argc, char **argv, struct cli_options *ret_options,
	struct invocation *ret_invocation, const char **ret_noun) MUST_CHECK;
void invocation_deinit(struct invocation *invocation);
