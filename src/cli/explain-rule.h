/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Rules of the doctor in full: hvctl explain D17.
 *
 * Purpose: the texts of doctor/rules.c, for people and as JSON.
 * Threads: one.
 * Errors:  enum cli_exit, reported.
 */
#include "cli/command.h"

/* "D17", also in lower case. */
bool explain_is_rule(const char *word);
/* "D99": a D and digits. */
bool explain_looks_like_rule(const char *word);
/* `word` is a rule. */
enum cli_exit explain_rule(
	struct cli *cli, const struct invocation *invocation, const char *word) MUST_CHECK;
/* All of them, a line each. */
enum cli_exit explain_rules(struct cli *cli, const struct invocation *invocation) MUST_CHECK;
