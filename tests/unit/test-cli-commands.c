/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Each row of the command table and each of its arguments says all that readers of it need. */
#include "cli/command.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void each_row(void (*check)(const struct command *command))
{
	for (size_t i = 0; i < command_count; i++)
		check(&commands[i]);
}

static void check_words(const struct command *command)
{
	assert_non_null(command->noun);
	assert_ptr_equal(command_find(command->noun, command->verb), command);
	assert_true(islower((unsigned char)command->help[0]));
	assert_int_not_equal(command->help[strlen(command->help) - 1], '.');
	/* The example runs this very command. */
	assert_memory_equal(command->example, "hvctl ", 6);
	assert_non_null(strstr(command->example, command->noun));
	assert_true(!command->verb || strstr(command->example, command->verb));
}

static void test_rows_have_words_help_and_an_example(void **state)
{
	each_row(check_words);
}

static void check_deed(const struct command *command)
{
	assert_true(command->path || command->run);
	assert_true(!command->path == !command->method);
	/* A list without columns could not be a table, and one without names no -o name. */
	if (command->flags & COMMAND_LIST) {
		assert_non_null(command->columns);
		assert_non_null(command->names);
	}
}

static void test_rows_request_or_run_something(void **state)
{
	each_row(check_deed);
}

static void check_path_keys(const struct command *command, const char *path)
{
	for (const char *open = path ? strchr(path, '{') : NULL; open;
		open = strchr(open + 1, '{')) {
		size_t length = strcspn(open + 1, "}");
		bool found = false;

		for (const struct arg *arg = command->args; arg->name; arg++)
			found |= arg->place == PLACE_PATH && strlen(arg->key) == length &&
				 strncmp(arg->key, open + 1, length) == 0;
		assert_true(found);
	}
}

static void check_paths(const struct command *command)
{
	check_path_keys(command, command->path);
	check_path_keys(command, command->narrow_path);
}

static void test_keys_of_paths_are_arguments(void **state)
{
	each_row(check_paths);
}

static void check_arg(const struct arg *arg)
{
	assert_non_null(arg->key);
	assert_non_null(arg->help);
	assert_true(!arg_takes_value(arg) || arg->metavar);
	assert_int_equal(arg->type == ARG_CHOICE, arg->choices != NULL);
	assert_true(arg->completer != COMPLETE_CHOICES || arg->choices);
	if (!arg_is_option(arg))
		for (const char *p = arg->name; *p; p++)
			assert_true(isupper((unsigned char)*p));
}

/*
 * --watch is for list and show: elsewhere its letter is free, as in "capture -w". "top -n 1" is what
 * everybody types: there a VM is named before the command, or with --vm.
 */
static bool hides_global(const struct command *command, const struct arg *arg)
{
	const struct arg *global = command_find_option(NULL, arg->name);
	bool shows = command->verb &&
		     (strcmp(command->verb, "list") == 0 || strcmp(command->verb, "show") == 0);

	if (strcmp(command->noun, "top") == 0 && strcmp(arg->name, "-n") == 0)
		return false;
	return global &&
	       (shows || strcmp(global->key, "watch") != 0 || strcmp(global->name, arg->name) == 0);
}

static void check_args(const struct command *command)
{
	size_t count = 0;

	for (const struct arg *arg = command->args; arg->name; arg++, count++) {
		check_arg(arg);
		/* An argument must not hide a global option, nor another of its own. */
		assert_ptr_equal(command_find_option(command, arg->name), arg);
		assert_true(!arg_is_option(arg) || !hides_global(command, arg));
		/* Nothing can follow what takes all words. */
		assert_true(!(arg->flags & ARG_REPEAT) || !arg[1].name || arg_is_option(&arg[1]));
	}
	assert_true(count < COMMAND_MAX_ARGS);
}

static void test_arguments_are_described(void **state)
{
	each_row(check_args);
	for (const struct arg *arg = global_options; arg->name; arg++)
		check_arg(arg);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows_have_words_help_and_an_example),
		cmocka_unit_test(test_rows_request_or_run_something),
		cmocka_unit_test(test_keys_of_paths_are_arguments),
		cmocka_unit_test(test_arguments_are_described),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
