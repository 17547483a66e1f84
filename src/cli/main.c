/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <locale.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/interrupt.h"
#include "cli/problem.h"

int main(int argc, char **argv)
{
	static const struct cli_options defaults = {.timeout_ns = 5 * NSEC_PER_SEC};
	/* Nothing to do named: a terminal or a pipe with commands wants the shell. */
	static char shell_word[] = "shell";
	char *shell_argv[] = {argv[0], shell_word, NULL};
	int r;

	setlocale(LC_ALL, "");
	r = interrupt_init();
	if (r < 0)
		return (int)problem_errno(&defaults, -r, "signal handling");
	if (argc <= 1)
		return (int)cli_main(2, shell_argv, &defaults);
	return (int)cli_main(argc, argv, &defaults);
}
