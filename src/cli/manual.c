/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hvctl-manual TEMPLATE: the template with the command table in place of the lines @COMMANDS@ and
 * @OPTIONS@. Runs at build time, is not installed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/help.h"
#include "common/cleanup.h"

int main(int argc, char **argv)
{
	CLEANUP(file) FILE *template = argc == 2 ? fopen(argv[1], "re") : NULL;
	CLEANUP(free) char *line = NULL;
	size_t capacity = 0;

	if (!template) {
		fprintf(stderr, "usage: hvctl-manual TEMPLATE\n");
		return 2;
	}
	while (getline(&line, &capacity, template) >= 0) {
		if (strcmp(line, "@COMMANDS@\n") == 0)
			help_put_manual_commands(stdout);
		else if (strcmp(line, "@OPTIONS@\n") == 0)
			help_put_manual_options(stdout);
		else
			fputs(line, stdout);
	}
	return fflush(stdout) == 0 && !ferror(template) ? 0 : 1;
}
