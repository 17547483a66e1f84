/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <locale.h>

#include "cli/cli.h"
#include "cli/interrupt.h"
#include "cli/problem.h"
#include "common/stdfds.h"

int main(int argc, char **argv)
{
	static const struct cli_options defaults = {.timeout_ns = 5 * NSEC_PER_SEC};
	int r;

	setlocale(LC_ALL, "");
	r = stdfds_fill();
	if (r < 0)
		return (int)problem_errno(&defaults, -r, "/dev/null");
	r = interrupt_init();
	if (r < 0)
		return (int)problem_errno(&defaults, -r, "signal handling");
	return (int)cli_main(argc, argv, &defaults);
}
