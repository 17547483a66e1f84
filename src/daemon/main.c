/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "common/clock.h"
#include "common/log.h"
#include "common/stdfds.h"
#include "daemon/config.h"
#include "daemon/daemon.h"

static int report(const struct problem *problem)
{
	fprintf(stderr, "hvd: %s\n", problem->text);
	if (problem->exit_status == EX_USAGE)
		fprintf(stderr, "Try 'hvd --help'.\n");
	return problem->exit_status;
}

static int run(const struct options *options, uint64_t start_ns)
{
	struct problem problem;
	struct hvd *hvd;
	int status;

	if (hvd_new(options, start_ns, &hvd, &problem))
		return report(&problem);
	if (hvd_run(hvd, &problem))
		status = report(&problem);
	else
		status = hvd_exit_status(hvd);
	hvd_free(hvd);
	return status;
}

static int print_config(const struct options *options)
{
	struct problem problem;
	int r = config_print(options, stdout);

	if (r < 0 && problem_errno(&problem, EX_SOFTWARE, r, "--print-config"))
		return report(&problem);
	return EX_OK;
}

/* --help, --version, --print-config, --check-config, or the VM: the first that was asked for. */
static int act(const struct options *options, uint64_t start_ns)
{
	struct problem problem;

	if (options->help) {
		options_print_help(stdout);
		return EX_OK;
	}
	if (options->version) {
		puts("hvd " HVD_VERSION);
		return EX_OK;
	}
	if (options->print_config)
		return print_config(options);
	if (options->check_config)
		return hvd_check(options, &problem) ? report(&problem) : EX_OK;
	log_set_level((enum log_level)options->log_level);
	return run(options, start_ns);
}

int main(int argc, char **argv)
{
	uint64_t start_ns = clock_now_ns(&clock_monotonic);
	struct options options;
	struct problem problem;
	int status, r;

	r = stdfds_fill();
	if (r < 0 && problem_errno(&problem, EX_SOFTWARE, r, "/dev/null"))
		return report(&problem);
	if (options_parse(&options, argc, argv, &problem))
		return report(&problem);
	status = act(&options, start_ns);
	if (fflush(stdout) != 0 && status == EX_OK &&
		problem_errno(&problem, EX_SOFTWARE, -errno, "writing to stdout"))
		status = report(&problem);
	options_deinit(&options);
	return status;
}
