/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "common/log.h"
#include "daemon/config.h"
#include "daemon/http_option.h"
#include "daemon/options.h"

enum { MAX_ARGUMENTS = 12 };

/* Splits at blanks: test arguments have none inside. */
static int parse_line(struct options *options, const char *line, struct problem *problem)
{
	char copy[512], *argv[MAX_ARGUMENTS + 1] = {copy}, *save = NULL;
	int argc = 1;

	snprintf(copy, sizeof(copy), "%s", line);
	for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		assert_true(argc < MAX_ARGUMENTS);
		argv[argc++] = word;
	}
	return options_parse(options, argc, argv, problem);
}

static void write_file(char path[64], const char *text)
{
	FILE *file;
	int fd;

	strcpy(path, "/tmp/test-options-XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	file = fdopen(fd, "w");
	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

/* Parses --config with a file of that text, and more arguments. */
static int parse_config(
	struct options *options, const char *text, const char *more, struct problem *problem)
{
	char path[64], line[256];
	int r;

	write_file(path, text);
	snprintf(line, sizeof(line), "--config %s %s", path, more);
	r = parse_line(options, line, problem);
	unlink(path);
	return r;
}

static void test_defaults(void **state)
{
	struct options options;
	struct problem problem;

	assert_int_equal(parse_line(&options, "--demo", &problem), 0);
	assert_string_equal(options.name, "vm");
	assert_string_equal(options.serial, "stdio");
	assert_int_equal(options.cpus, 1);
	assert_int_equal(options.memory_bytes, 256 << 20);
	assert_int_equal(options.accel, ACCEL_AUTO);
	assert_int_equal(options.synic, SYNIC_AUTO);
	assert_int_equal(options.enforce_cpuid, ENFORCE_CPUID_AUTO);
	assert_int_equal(options.on_stop, ON_STOP_AUTO);
	assert_int_equal(options.log_level, LOG_LEVEL_INFO);
	assert_null(options.kernel);
	assert_false(options.paused);
	options_deinit(&options);
}

static void test_both_forms(void **state)
{
	struct options options;
	struct problem problem;

	assert_int_equal(
		parse_line(&options,
			"--kernel=/k --cpus 64 --memory=2G --append a=b --on-stop stay", &problem),
		0);
	assert_string_equal(options.kernel, "/k");
	assert_string_equal(options.append, "a=b");
	assert_int_equal(options.cpus, 64);
	assert_int_equal(options.memory_bytes, UINT64_C(2) << 30);
	assert_int_equal(options.on_stop, ON_STOP_STAY);
	options_deinit(&options);
}

static void test_usage_errors(void **state)
{
	static const struct {
		const char *line, *text;
	} rows[] = {
		{"", "nothing to boot"},
		{"--bogus", "unknown option '--bogus'"},
		{"--nam x", "unknown option '--nam'"},
		{"-d", "'-d' is not an option"},
		{"image", "'image' is not an option"},
		{"--", "unknown option '--'"},
		{"--demo=yes", "demo takes no value"},
		{"--demo --cpus", "--cpus needs a value"},
		{"--demo --cpus 0", "cpus: 0 is not between 1 and 64"},
		{"--demo --cpus 65", "cpus: 65"},
		{"--demo --cpus 1x", "cpus: '1x' is not a number"},
		{"--demo --cpus -1", "cpus: '-1' is not a number"},
		{"--demo --memory 12Q", "memory: '12Q' is not a size"},
		{"--demo --memory 1023K", "memory: 1047552 is not between"},
		{"--demo --memory 1048577", "whole number of 4 KiB pages"},
		{"--demo --memory 99999999999999999999", "memory:"},
		{"--demo --accel tcg", "accel: 'tcg' is not one of auto|kvm|sim"},
		{"--demo --synic both", "synic: 'both'"},
		{"--demo --on-stop never", "on-stop: 'never'"},
		{"--demo --log-level loud", "log-level: 'loud'"},
		{"--demo --serial tcp:1", "serial: 'tcp:1'"},
		{"--demo --serial file:", "serial: 'file:'"},
		{"--demo --name ../x", "name: '../x'"},
		{"--demo --name .x", "name: '.x'"},
		{"--demo --name=", "name: ''"},
		{"--demo --kernel k", "exclude each other"},
		{"--demo --initrd i", "initrd needs kernel"},
		{"--kernel k --accel sim", "sim runs the built-in guest only"},
		{"--demo --accel sim --synic user", "sim has a SynIC of its own"},
		{"--demo --accel sim --synic kernel", "sim has a SynIC of its own"},
		{"--demo --enforce-cpuid yes", "enforce-cpuid: 'yes' is not one of auto|on|off"},
		{"--demo --accel sim --enforce-cpuid off", "hvd's own always enforces"},
		{"--demo --synic user --enforce-cpuid off", "hvd's own always enforces"},
		{"--demo --token-file t", "token-file needs http"},
		{"--demo --http 8080", "http: '8080' is not a loopback address"},
		{"--demo --http 0.0.0.0:80", "http: '0.0.0.0:80'"},
		{"--demo --http 192.0.2.1:80", "http:"},
		{"--demo --http localhost:80", "http:"},
		{"--demo --http 127.0.0.1:65536", "http:"},
		{"--demo --http 127.0.0.1:", "http:"},
		{"--demo --http ::1:80", "http:"},
		{"--demo --http [::1:80", "http:"},
		{"--demo --http [::2]:80", "http:"},
		{"--demo --http []:80", "http:"},
		{"--demo --http :", "http:"},
		{"--demo --http [:", "http:"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct options options;
		struct problem problem = {0};

		if (parse_line(&options, rows[i].line, &problem) == 0)
			fail_msg("accepted: %s", rows[i].line);
		assert_int_equal(problem.exit_status, EX_USAGE);
		if (!strstr(problem.text, rows[i].text))
			fail_msg("%s: said '%s'", rows[i].line, problem.text);
	}
}

static void test_http_endpoints(void **state)
{
	static const struct {
		const char *text, *address;
		unsigned port;
	} rows[] = {
		{"127.0.0.1:8080", "127.0.0.1", 8080},
		{"127.255.0.9:0", "127.255.0.9", 0},
		{"[::1]:65535", "::1", 65535},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct http_endpoint endpoint;

		assert_int_equal(http_endpoint_parse(rows[i].text, &endpoint), 0);
		assert_string_equal(endpoint.address, rows[i].address);
		assert_int_equal(endpoint.port, rows[i].port);
	}
}

static void test_tokens(void **state)
{
	static const struct {
		const char *text;
		int exit_status;
	} rows[] = {
		{"0123456789abcdef\n", 0},
		{"0123456789abcdef", 0},
		{"0123456789abcde\n", EX_CONFIG},
		{"0123456789 abcdef\n", EX_CONFIG},
		{"0123456789abcdef\nsecond\n", EX_CONFIG},
		{"", EX_CONFIG},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char path[64], token[HTTP_TOKEN_MAX + 1];
		struct problem problem = {0};
		int r;

		write_file(path, rows[i].text);
		r = http_token_read(path, token, &problem);
		assert_int_equal(r, rows[i].exit_status != 0);
		assert_int_equal(problem.exit_status, rows[i].exit_status);
		if (r == 0)
			assert_string_equal(token, "0123456789abcdef");
		assert_int_equal(chmod(path, 0644), 0);
		assert_int_equal(http_token_read(path, token, &problem), 1);
		assert_int_equal(problem.exit_status, EX_NOPERM);
		unlink(path);
	}
}

static void test_help_needs_no_image(void **state)
{
	struct options options;
	struct problem problem;

	assert_int_equal(parse_line(&options, "--help", &problem), 0);
	assert_true(options.help);
	options_deinit(&options);
	assert_int_equal(parse_line(&options, "--version --config /nonexistent", &problem), 0);
	assert_true(options.version);
	options_deinit(&options);
}

static void test_command_line_beats_config(void **state)
{
	struct options options;
	struct problem problem;

	assert_int_equal(
		parse_config(&options,
			"{\"demo\": true, \"name\": \"a\", \"cpus\": 3, \"memory\": \"8M\","
			" \"synic\": \"user\", \"http\": null}",
			"--name b --log-level debug", &problem),
		0);
	assert_true(options.demo);
	assert_string_equal(options.name, "b");
	assert_int_equal(options.cpus, 3);
	assert_int_equal(options.memory_bytes, 8 << 20);
	assert_int_equal(options.synic, SYNIC_USER);
	assert_int_equal(options.log_level, LOG_LEVEL_DEBUG);
	assert_null(options.http);
	options_deinit(&options);
}

static void test_config_errors(void **state)
{
	static const struct {
		const char *json, *text;
	} rows[] = {
		{"", ":1:0:"},
		{"{\"demo\": true,}", ":1:"},
		{"[]", "must hold one object"},
		{"{\"demo\": true} x", ":1:"},
		{"{\"demo\": true, \"speed\": 1}", "unknown key 'speed'"},
		{"{\"demo\": true, \"config\": \"x\"}", "unknown key 'config'"},
		{"{\"demo\": true, \"help\": true}", "unknown key 'help'"},
		{"{\"demo\": true, \"demo\": true}", "duplicate object key"},
		{"{\"demo\": 1}", "demo: must be true or false, not an integer"},
		{"{\"demo\": true, \"cpus\": \"2\"}", "cpus: must be an integer, not a string"},
		{"{\"demo\": true, \"cpus\": 2.0}", "cpus: must be an integer, not a fraction"},
		{"{\"demo\": true, \"cpus\": 0}", "cpus: 0 is not between"},
		{"{\"demo\": true, \"cpus\": -3}", "cpus: -3 is negative"},
		{"{\"demo\": true, \"name\": true}", "name: must be a string, not true"},
		{"{\"demo\": true, \"accel\": null}", "accel: must be a string, not null"},
		{"{\"demo\": true, \"accel\": \"xen\"}", "accel: 'xen'"},
		{"{\"demo\": true, \"device\": \"x\"}",
			"device: must be an array of strings, not a string"},
		{"{\"demo\": true, \"device\": [\"x\", 1]}",
			"device: must be an array of strings, not an integer"},
		{"{\"name\": \"a\"}", "nothing to boot"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct options options;
		struct problem problem = {0};

		if (parse_config(&options, rows[i].json, "", &problem) == 0)
			fail_msg("accepted: %s", rows[i].json);
		assert_int_equal(problem.exit_status, EX_CONFIG);
		if (!strstr(problem.text, rows[i].text))
			fail_msg("%s: said '%s'", rows[i].json, problem.text);
	}
}

static void test_config_file_missing_or_huge(void **state)
{
	struct options options;
	struct problem problem;

	assert_int_equal(parse_line(&options, "--config /nonexistent", &problem), 1);
	assert_int_equal(problem.exit_status, EX_CONFIG);
	assert_non_null(strstr(problem.text, "/nonexistent"));
	assert_non_null(strstr(problem.text, "ENOENT"));
	assert_int_equal(parse_line(&options, "--config /dev/zero", &problem), 1);
	assert_int_equal(problem.exit_status, EX_CONFIG);
	assert_non_null(strstr(problem.text, "longer than"));
}

static void test_printed_config_reads_back(void **state)
{
	struct options options, again;
	struct problem problem;
	char text[4096] = "", second[4096] = "";
	FILE *out = fmemopen(text, sizeof(text), "w");

	assert_non_null(out);
	assert_int_equal(
		parse_line(&options,
			"--demo --cpus 7 --memory 3M --serial file:/x --accel kvm --paused",
			&problem),
		0);
	assert_int_equal(config_print(&options, out), 0);
	assert_int_equal(fclose(out), 0);
	options_deinit(&options);

	assert_int_equal(parse_config(&again, text, "", &problem), 0);
	out = fmemopen(second, sizeof(second), "w");
	assert_non_null(out);
	assert_int_equal(config_print(&again, out), 0);
	assert_int_equal(fclose(out), 0);
	assert_int_equal(again.cpus, 7);
	assert_true(again.paused);
	assert_string_equal(text, second);
	options_deinit(&again);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		{"defaults are those of the manual", test_defaults, NULL, NULL, NULL},
		{"--name value and --name=value are the same", test_both_forms, NULL, NULL, NULL},
		{"a wrong command line is EX_USAGE and says what is wrong", test_usage_errors, NULL,
			NULL, NULL},
		{"--http takes loopback addresses only", test_http_endpoints, NULL, NULL, NULL},
		{"a token is one long line, private to its owner", test_tokens, NULL, NULL, NULL},
		{"--help and --version need nothing else", test_help_needs_no_image, NULL, NULL,
			NULL},
		{"the command line beats the configuration file", test_command_line_beats_config,
			NULL, NULL, NULL},
		{"a wrong configuration is EX_CONFIG and names the key", test_config_errors, NULL,
			NULL, NULL},
		{"a missing or endless configuration file is EX_CONFIG",
			test_config_file_missing_or_huge, NULL, NULL, NULL},
		{"--print-config reads back to the same", test_printed_config_reads_back, NULL,
			NULL, NULL},
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
