/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * --help and the manual's command list, out of the command table.
 *
 * Purpose: explain the program, a noun, or one command.
 * Threads: one.
 * Errors:  none; a failed write is noticed at exit.
 */
#include <stdio.h>
#include "cli/command.h"

/* `noun` and `command` may be NULL: the program, or all commands of the noun. */
void help_put(FILE *out, const char *noun, const struct command *command);
/* The COMMANDS and GLOBAL OPTIONS sections of hvctl(1), as scdoc source. */
void help_put_manual_commands(FILE *out);
void help_put_manual_options(FILE *out);
