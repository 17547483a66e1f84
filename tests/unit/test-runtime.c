/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "daemon/runtime.h"

struct scratch {
	char top[64], dir[80];
};

static int scratch_setup(void **state)
{
	static struct scratch scratch;

	strcpy(scratch.top, "/tmp/test-runtime-XXXXXX");
	if (!mkdtemp(scratch.top))
		return -1;
	snprintf(scratch.dir, sizeof(scratch.dir), "%s/run", scratch.top);
	*state = &scratch;
	return 0;
}

static int scratch_teardown(void **state)
{
	const struct scratch *scratch = *state;

	/* Fails, and so does the test, when something was left behind. */
	if (rmdir(scratch->dir) < 0 && errno != ENOENT)
		return -1;
	return rmdir(scratch->top);
}

static void test_creates_directory(void **state)
{
	const struct scratch *scratch = *state;
	struct runtime runtime;
	struct problem problem;
	struct stat st;

	assert_int_equal(runtime_init(&runtime, scratch->dir, "a", &problem), 0);
	assert_int_equal(stat(scratch->dir, &st), 0);
	assert_int_equal(st.st_mode & 07777 & ~0750, 0);
	assert_non_null(strstr(runtime.api_path, "/run/a.api.sock"));
	assert_non_null(strstr(runtime.ro_path, "/run/a.ro.sock"));
	runtime_deinit(&runtime);
	assert_int_equal(access(runtime.lock_path, F_OK), -1);
}

static void test_name_has_one_owner(void **state)
{
	const struct scratch *scratch = *state;
	struct runtime first, second, other;
	struct problem problem;
	char pid[32];

	assert_int_equal(runtime_init(&first, scratch->dir, "a", &problem), 0);
	assert_int_equal(runtime_init(&second, scratch->dir, "a", &problem), 1);
	assert_int_equal(problem.exit_status, EX_CONFIG);
	snprintf(pid, sizeof(pid), "process %d,", (int)getpid());
	assert_non_null(strstr(problem.text, pid));
	runtime_deinit(&second);
	assert_int_equal(access(first.lock_path, F_OK), 0);
	assert_int_equal(runtime_init(&other, scratch->dir, "b", &problem), 0);
	runtime_deinit(&other);
	runtime_deinit(&first);
	assert_int_equal(runtime_init(&second, scratch->dir, "a", &problem), 0);
	runtime_deinit(&second);
}

static void test_refuses_open_directory(void **state)
{
	const struct scratch *scratch = *state;
	struct runtime runtime;
	struct problem problem;

	assert_int_equal(mkdir(scratch->dir, 0700), 0);
	assert_int_equal(chmod(scratch->dir, 0777), 0);
	assert_int_equal(runtime_init(&runtime, scratch->dir, "a", &problem), 1);
	assert_int_equal(problem.exit_status, EX_NOPERM);
}

static void test_refuses_what_is_no_directory(void **state)
{
	struct runtime runtime;
	struct problem problem;

	assert_int_equal(runtime_init(&runtime, "/dev/null", "a", &problem), 1);
	assert_int_equal(problem.exit_status, EX_CONFIG);
	assert_int_equal(runtime_init(&runtime, "/nonexistent/x", "a", &problem), 1);
	assert_int_equal(problem.exit_status, EX_CONFIG);
	assert_non_null(strstr(problem.text, "ENOENT"));
}

static void test_refuses_long_paths(void **state)
{
	char dir[200] = "/tmp/";
	struct runtime runtime;
	struct problem problem;

	memset(dir + 5, 'x', 100);
	assert_int_equal(runtime_init(&runtime, dir, "a", &problem), 1);
	assert_int_equal(problem.exit_status, EX_CONFIG);
	assert_non_null(strstr(problem.text, "longer than the 107 bytes"));
}

static void test_where_the_directory_comes_from(void **state)
{
	const struct scratch *scratch = *state;
	struct runtime runtime;
	struct problem problem;

	setenv("HVD_RUNTIME_DIR", "/nonexistent/by-environment", 1);
	assert_int_equal(runtime_init(&runtime, NULL, "a", &problem), 1);
	assert_non_null(strstr(problem.text, "/nonexistent/by-environment"));
	assert_int_equal(runtime_init(&runtime, scratch->dir, "a", &problem), 0);
	assert_string_equal(runtime.dir, scratch->dir);
	runtime_deinit(&runtime);
	unsetenv("HVD_RUNTIME_DIR");
}

#define IN_SCRATCH(name, fn)                                        \
	{                                                           \
		(name), (fn), scratch_setup, scratch_teardown, NULL \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_SCRATCH("the directory is made, closed to others", test_creates_directory),
		IN_SCRATCH(
			"a name has one owner, who is told to the second", test_name_has_one_owner),
		IN_SCRATCH(
			"a directory everybody may write is refused", test_refuses_open_directory),
		IN_SCRATCH("what is no directory is refused", test_refuses_what_is_no_directory),
		IN_SCRATCH("a path too long for a socket is refused", test_refuses_long_paths),
		IN_SCRATCH("the option beats HVD_RUNTIME_DIR", test_where_the_directory_comes_from),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
