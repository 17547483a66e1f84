/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The command line is read twice: once to find --config and to refuse mistakes before any file is
 * opened, and once more on top of what the file says.
 */
#include "daemon/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "common/log.h"
#include "common/parse.h"
#include "daemon/config.h"
#include "daemon/http_option.h"

enum { NAME_LENGTH_MAX = 48, CPUS_MAX = 64, PAGE_BYTES = 4096 };

#define MEMORY_DEFAULT_BYTES (UINT64_C(256) << 20)
#define MEMORY_MIN_BYTES     (UINT64_C(1) << 20)
#define MEMORY_MAX_BYTES     (UINT64_C(1) << 40)

static const char *const accel_names[] = {"auto", "kvm", "sim", NULL};
static const char *const synic_names[] = {"auto", "kernel", "user", NULL};
static const char *const enforce_cpuid_names[] = {"auto", "on", "off", NULL};
static const char *const on_stop_names[] = {"auto", "exit", "stay", NULL};
static const char *const log_level_names[] = {"error", "warning", "info", "debug", NULL};

#define ROW(text, k, member) .name = (text), .kind = (k), .offset = offsetof(struct options, member)

const struct option_row option_rows[] = {
	{ROW("name", OPTION_TEXT, name), .argument = "NAME",
		.help = "name of the VM and of its sockets (default: vm)"},
	{ROW("accel", OPTION_CHOICE, accel), .argument = "auto|kvm|sim", .choices = accel_names,
		.help = "what runs the VPs (default: auto)"},
	{ROW("synic", OPTION_CHOICE, synic), .argument = "auto|kernel|user", .choices = synic_names,
		.help = "who holds the SynIC (default: auto, KVM where it can)"},
	{ROW("enforce-cpuid", OPTION_CHOICE, enforce_cpuid), .argument = "auto|on|off",
		.choices = enforce_cpuid_names,
		.help = "KVM's SynIC refuses what CPUID does not offer"},
	{ROW("cpus", OPTION_NUMBER, cpus), .argument = "N", .minimum = 1, .maximum = CPUS_MAX,
		.help = "virtual processors, 1 to 64 (default: 1)"},
	{ROW("memory", OPTION_SIZE, memory_bytes), .argument = "SIZE", .minimum = MEMORY_MIN_BYTES,
		.maximum = MEMORY_MAX_BYTES,
		.help = "guest memory, suffixes K, M, G (default: 256M)"},
	{ROW("kernel", OPTION_TEXT, kernel), .argument = "IMAGE",
		.help = "Linux kernel (bzImage) or multiboot image to boot"},
	{ROW("initrd", OPTION_TEXT, initrd), .argument = "FILE",
		.help = "initrd of the kernel, or first module of the image"},
	{ROW("append", OPTION_TEXT, append), .argument = "STRING",
		.help = "command line of the guest"},
	{ROW("demo", OPTION_FLAG, demo),
		.help = "boot the built-in guest; needs no files, and no KVM either"},
	{ROW("vmbus", OPTION_FLAG, vmbus),
		.help = "a VMBus, also without a --device: they can be added later"},
	{ROW("device", OPTION_LIST, devices), .argument = "NAME[,KEY=VALUE...]",
		.help = "add a VMBus device; may be given more than once"},
	{ROW("serial", OPTION_TEXT, serial), .argument = "stdio|pty|file:PATH|null",
		.help = "where the guest's serial port leads (default: stdio)"},
	{ROW("testdev", OPTION_FLAG, testdev), .help = "add the SynIC test device"},
	{ROW("doctor", OPTION_FLAG, doctor),
		.help = "look all the time for what is stuck, and record it"},
	{ROW("config", OPTION_TEXT, config), .argument = "FILE", .command_line_only = true,
		.help = "JSON object with these options; the command line wins"},
	{ROW("check-config", OPTION_FLAG, check_config), .command_line_only = true,
		.help = "check options and files, then exit"},
	{ROW("print-config", OPTION_FLAG, print_config), .command_line_only = true,
		.help = "print the resulting configuration as JSON, then exit"},
	{ROW("runtime-dir", OPTION_TEXT, runtime_dir), .argument = "DIR",
		.help = "where the sockets go"},
	{ROW("recorder-file", OPTION_TEXT, recorder_file), .argument = "PATH|memfd|none",
		.help = "where records outlive hvd (default: NAME.log beside the sockets)"},
	{ROW("http", OPTION_TEXT, http), .argument = "127.0.0.1:PORT",
		.help = "serve the API on a loopback port, too"},
	{ROW("token-file", OPTION_TEXT, token_file), .argument = "FILE",
		.help = "bearer token that --http wants for changes"},
	{ROW("paused", OPTION_FLAG, paused), .help = "do not start the VPs yet"},
	{ROW("on-stop", OPTION_CHOICE, on_stop), .argument = "auto|exit|stay",
		.choices = on_stop_names,
		.help = "when the VM has stopped (default: auto, stay after a fault only)"},
	{ROW("log-level", OPTION_CHOICE, log_level), .argument = "error|warning|info|debug",
		.choices = log_level_names, .help = "diagnostics on stderr (default: info)"},
	{ROW("version", OPTION_FLAG, version), .command_line_only = true,
		.help = "print the version, then exit"},
	{ROW("help", OPTION_FLAG, help), .command_line_only = true, .help = "print this help"},
};
const size_t option_row_count = ARRAY_LEN(option_rows);

/* ---- rows ------------------------------------------------------------------------------------ */

static void *option_member(struct options *options, const struct option_row *row)
{
	return (char *)options + row->offset;
}

const struct option_row *option_find(const char *name, size_t length)
{
	for (size_t i = 0; i < ARRAY_LEN(option_rows); i++) {
		if (strncmp(option_rows[i].name, name, length) == 0 &&
			option_rows[i].name[length] == '\0')
			return &option_rows[i];
	}
	return NULL;
}

void option_set_flag(struct options *options, const struct option_row *row, bool value)
{
	*(bool *)option_member(options, row) = value;
}

int option_set_number(struct options *options, const struct option_row *row, uint64_t value,
	int exit_status, struct problem *ret_problem)
{
	if (value < row->minimum || value > row->maximum)
		return problem_set(ret_problem, exit_status,
			"%s: %llu is not between %llu and %llu", row->name,
			(unsigned long long)value, (unsigned long long)row->minimum,
			(unsigned long long)row->maximum);
	*(uint64_t *)option_member(options, row) = value;
	return 0;
}

static int set_text(char **member, const char *text, struct problem *ret_problem)
{
	char *copy = strdup(text);

	if (!copy)
		return problem_errno(ret_problem, EX_SOFTWARE, -ENOMEM, "options");
	free(*member);
	*member = copy;
	return 0;
}

static int add_item(struct option_list *list, const struct option_row *row, const char *text,
	int exit_status, struct problem *ret_problem)
{
	if (list->count == OPTION_LIST_MAX)
		return problem_set(
			ret_problem, exit_status, "%s: more than %d", row->name, OPTION_LIST_MAX);
	if (set_text(&list->item[list->count], text, ret_problem))
		return 1;
	list->count++;
	return 0;
}

static int set_choice(unsigned *member, const struct option_row *row, const char *text,
	int exit_status, struct problem *ret_problem)
{
	for (unsigned i = 0; row->choices[i]; i++) {
		if (strcmp(row->choices[i], text) == 0) {
			*member = i;
			return 0;
		}
	}
	return problem_set(ret_problem, exit_status, "%s: '%s' is not one of %s", row->name, text,
		row->argument);
}

static int set_parsed(struct options *options, const struct option_row *row, const char *text,
	int exit_status, struct problem *ret_problem)
{
	uint64_t value;
	int r;

	if (row->kind == OPTION_SIZE)
		r = parse_size(text, &value);
	else
		r = parse_u64(text, 0, UINT64_MAX, &value);
	if (r < 0)
		return problem_set(ret_problem, exit_status, "%s: '%s' is not a %s", row->name,
			text, row->kind == OPTION_SIZE ? "size such as 64M" : "number");
	return option_set_number(options, row, value, exit_status, ret_problem);
}

int option_set_text(struct options *options, const struct option_row *row, const char *text,
	int exit_status, struct problem *ret_problem)
{
	void *member = option_member(options, row);

	switch (row->kind) {
	case OPTION_TEXT:
		return set_text(member, text, ret_problem);
	case OPTION_CHOICE:
		return set_choice(member, row, text, exit_status, ret_problem);
	case OPTION_NUMBER:
	case OPTION_SIZE:
		return set_parsed(options, row, text, exit_status, ret_problem);
	case OPTION_FLAG:
		return problem_set(ret_problem, exit_status, "%s takes no value", row->name);
	case OPTION_LIST:
		return add_item(member, row, text, exit_status, ret_problem);
	}
	return problem_set(ret_problem, EX_SOFTWARE, "%s: no such kind of option", row->name);
}

/* ---- the command line ------------------------------------------------------------------------ */

static int set_from_argument(struct options *options, const struct option_row *row,
	const char *value, struct problem *ret_problem)
{
	if (row->kind == OPTION_FLAG && !value) {
		option_set_flag(options, row, true);
		return 0;
	}
	if (!value)
		return problem_set(
			ret_problem, EX_USAGE, "--%s needs a value: %s", row->name, row->argument);
	return option_set_text(options, row, value, EX_USAGE, ret_problem);
}

/* "--name value", "--name=value", "--flag". */
static int apply_arguments(
	struct options *options, int argc, char *const *argv, struct problem *ret_problem)
{
	for (int i = 1; i < argc; i++) {
		const char *name = argv[i] + 2, *value;
		const struct option_row *row;
		int r;

		if (strncmp(argv[i], "--", 2) != 0)
			return problem_set(ret_problem, EX_USAGE, "'%s' is not an option", argv[i]);
		row = option_find(name, strcspn(name, "="));
		if (!row)
			return problem_set(ret_problem, EX_USAGE, "unknown option '%s'", argv[i]);
		value = strchr(name, '=');
		if (value)
			value++;
		else if (row->kind != OPTION_FLAG && i + 1 < argc)
			value = argv[++i];
		r = set_from_argument(options, row, value, ret_problem);
		if (r)
			return r;
	}
	return 0;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static bool name_is_valid(const char *name)
{
	static const char first[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
	size_t length = strlen(name);

	if (length == 0 || length > NAME_LENGTH_MAX || !strchr(first, name[0]))
		return false;
	return strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
	       length;
}

static bool serial_is_valid(const char *serial)
{
	return strcmp(serial, "stdio") == 0 || strcmp(serial, "pty") == 0 ||
	       strcmp(serial, "null") == 0 ||
	       (strncmp(serial, "file:", 5) == 0 && serial[5] != '\0');
}

static int check_values(const struct options *options, int status, struct problem *ret_problem)
{
	struct http_endpoint endpoint;

	if (!name_is_valid(options->name))
		return problem_set(ret_problem, status,
			"name: '%s' is not 1 to %d letters, digits, '.', '_' or '-'", options->name,
			NAME_LENGTH_MAX);
	if (!serial_is_valid(options->serial))
		return problem_set(ret_problem, status,
			"serial: '%s' is not stdio, pty, file:PATH or null", options->serial);
	if (options->http && http_endpoint_parse(options->http, &endpoint) < 0)
		return problem_set(ret_problem, status,
			"http: '%s' is not a loopback address and port such as 127.0.0.1:8080",
			options->http);
	if (options->memory_bytes % PAGE_BYTES != 0)
		return problem_set(ret_problem, status,
			"memory: %llu bytes is not a whole number of 4 KiB pages",
			(unsigned long long)options->memory_bytes);
	return 0;
}

/* The state of the SynIC is certain to be hvd's. */
static bool has_own_synic(const struct options *options)
{
	return options->accel == ACCEL_SIM || options->synic == SYNIC_USER;
}

static int check_combination(const struct options *options, int status, struct problem *ret_problem)
{
	if (options->demo && options->kernel)
		return problem_set(ret_problem, status, "demo and kernel exclude each other");
	if (!options->demo && !options->kernel)
		return problem_set(
			ret_problem, status, "nothing to boot: give --kernel IMAGE or --demo");
	if (options->initrd && !options->kernel)
		return problem_set(ret_problem, status, "initrd needs kernel");
	if (options->accel == ACCEL_SIM && !options->demo)
		return problem_set(
			ret_problem, status, "accel: sim runs the built-in guest only (--demo)");
	if (options->accel == ACCEL_SIM && options->synic != SYNIC_AUTO)
		return problem_set(ret_problem, status, "synic: sim has a SynIC of its own");
	if (options->enforce_cpuid == ENFORCE_CPUID_OFF && has_own_synic(options))
		return problem_set(ret_problem, status,
			"enforce-cpuid: only KVM's SynIC can do without, hvd's own always enforces");
	if (options->token_file && !options->http)
		return problem_set(ret_problem, status, "token-file needs http");
	return 0;
}

static int options_check(const struct options *options, struct problem *ret_problem)
{
	int status = options->config ? EX_CONFIG : EX_USAGE;
	int r = check_values(options, status, ret_problem);

	return r ? r : check_combination(options, status, ret_problem);
}

static int set_defaults(struct options *options, struct problem *ret_problem)
{
	*options = (struct options){
		.cpus = 1,
		.memory_bytes = MEMORY_DEFAULT_BYTES,
		.log_level = LOG_LEVEL_INFO,
	};
	if (set_text(&options->name, "vm", ret_problem))
		return 1;
	return set_text(&options->serial, "stdio", ret_problem);
}

/* Starts again from the defaults with the file, then lets the command line win. */
static int reparse_with_config(
	struct options *options, int argc, char *const *argv, struct problem *ret_problem)
{
	char *path = options->config;
	int r;

	options->config = NULL;
	options_deinit(options);
	r = set_defaults(options, ret_problem);
	if (!r)
		r = config_load(options, path, ret_problem);
	if (!r)
		r = apply_arguments(options, argc, argv, ret_problem);
	free(path);
	return r;
}

int options_parse(struct options *options, int argc, char *const *argv, struct problem *ret_problem)
{
	int r;

	r = set_defaults(options, ret_problem);
	if (!r)
		r = apply_arguments(options, argc, argv, ret_problem);
	if (!r && (options->help || options->version))
		return 0;
	if (!r && options->config)
		r = reparse_with_config(options, argc, argv, ret_problem);
	if (!r)
		r = options_check(options, ret_problem);
	if (r)
		options_deinit(options);
	return r;
}

static void clear_list(struct option_list *list)
{
	while (list->count > 0) {
		free(list->item[--list->count]);
		list->item[list->count] = NULL;
	}
}

void options_deinit(struct options *options)
{
	for (size_t i = 0; i < ARRAY_LEN(option_rows); i++) {
		void *member = option_member(options, &option_rows[i]);
		char **text = member;

		if (option_rows[i].kind == OPTION_LIST)
			clear_list(member);
		if (option_rows[i].kind != OPTION_TEXT)
			continue;
		free(*text);
		*text = NULL;
	}
}

void options_print_help(FILE *out)
{
	fputs("usage: hvd --demo | --kernel IMAGE [OPTION]...\n"
	      "Runs one virtual machine with the Hyper-V SynIC on KVM.\n\n",
		out);
	for (size_t i = 0; i < ARRAY_LEN(option_rows); i++) {
		const struct option_row *row = &option_rows[i];
		char left[64];

		snprintf(left, sizeof(left), "--%s%s%s", row->name, row->argument ? " " : "",
			row->argument ? row->argument : "");
		fprintf(out, "  %-35s %s\n", left, row->help);
	}
	fputs("\nExit status: that of the guest's debug exit; 0 power-off or SIGTERM; 64 usage,\n"
	      "66 image, 69 accelerator, 70 internal or guest fault, 77 permission,\n"
	      "78 configuration. See hvd(8).\n",
		out);
}
