/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What hvd is asked to do. One table of options serves the command line, the JSON configuration
 * file, --help and --print-config.
 *
 * Purpose: turn arguments and a configuration file into a checked struct options.
 * Threads: main thread, before anything else runs.
 * Errors:  0, or 1 with a problem: EX_USAGE for the command line, EX_CONFIG for the file.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include "common/util.h"
#include "daemon/problem.h"

enum accel_choice { ACCEL_AUTO, ACCEL_KVM, ACCEL_SIM };
enum synic_choice { SYNIC_AUTO, SYNIC_KERNEL, SYNIC_USER };
enum enforce_cpuid_choice { ENFORCE_CPUID_AUTO, ENFORCE_CPUID_ON, ENFORCE_CPUID_OFF };

/*
 * What hvd does once the VM has stopped. Auto: exit when the guest wanted to end, stay on a fault.
 */
enum on_stop_choice { ON_STOP_AUTO, ON_STOP_EXIT, ON_STOP_STAY };

enum { OPTION_LIST_MAX = 64 };

/* An option that may be given more than once. */
struct option_list {
	char *item[OPTION_LIST_MAX]; /* owns */
	unsigned count;
};

/* Strings are owned; NULL: not given. */
struct options {
	char *name;
	unsigned accel, synic;  /* enum accel_choice, enum synic_choice */
	unsigned enforce_cpuid; /* enum enforce_cpuid_choice */
	uint64_t cpus, memory_bytes;
	char *kernel, *initrd, *append;
	bool demo, testdev, vmbus, doctor;
	struct option_list devices;
	char *serial;
	char *config;
	bool check_config, print_config;
	char *runtime_dir, *http, *token_file, *recorder_file;
	bool paused;
	unsigned on_stop;   /* enum on_stop_choice */
	unsigned log_level; /* enum log_level */
	bool version, help;
};

/*
 * Defaults, then the file named by --config, then the command line. The result is checked as a
 * whole, except after --help and --version. On a problem `options` holds nothing.
 */
int options_parse(struct options *options, int argc, char *const *argv,
	struct problem *ret_problem) MUST_CHECK;
void options_deinit(struct options *options);

void options_print_help(FILE *out);

/* ---- for config.c ---------------------------------------------------------------------------- */

enum option_kind {
	OPTION_FLAG,   /* bool */
	OPTION_TEXT,   /* char * */
	OPTION_NUMBER, /* uint64_t in [minimum, maximum] */
	OPTION_SIZE,   /* uint64_t bytes, suffixes allowed */
	OPTION_CHOICE, /* unsigned, index into choices */
	OPTION_LIST,   /* struct option_list: every value is added */
};

struct option_row {
	const char *name;
	enum option_kind kind;
	size_t offset; /* in struct options */
	const char *argument, *help;
	const char *const *choices; /* NULL-terminated */
	uint64_t minimum, maximum;
	bool command_line_only;
};

extern const struct option_row option_rows[];
extern const size_t option_row_count;

/* NULL when there is none of that name. */
const struct option_row *option_find(const char *name, size_t length);
/* Sets from text or from a number; `where` names the source, `exit_status` is its status. */
int option_set_text(struct options *options, const struct option_row *row, const char *text,
	int exit_status, struct problem *ret_problem) MUST_CHECK;
int option_set_number(struct options *options, const struct option_row *row, uint64_t value,
	int exit_status, struct problem *ret_problem) MUST_CHECK;
void option_set_flag(struct options *options, const struct option_row *row, bool value);
