/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Listeners with a path: what may stand there before, and what stands there afterwards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "common/unix_socket.h"

static char dir[64], path[80];

static int set_up(void **state)
{
	strcpy(dir, "/tmp/test-unix-socket-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/door", dir);
	return 0;
}

static int tear_down(void **state)
{
	unlink(path);
	return rmdir(dir);
}

static void who_listens_is_reached_and_not_replaced(void **state)
{
	int fd = unix_listen(path), client = unix_connect(path);

	assert_true(fd >= 0);
	assert_true(client >= 0);
	assert_int_equal(unix_listen(path), -EADDRINUSE);
	close(client);
	client = unix_connect(path);
	assert_true(client >= 0);
	close(client);
	close(fd);
}

static void a_socket_left_behind_is_replaced(void **state)
{
	int fd = unix_listen(path);

	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(unix_connect(path), -ECONNREFUSED);
	fd = unix_listen(path);
	assert_true(fd >= 0);
	close(fd);
}

static void a_file_that_is_no_socket_stays(void **state)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(unix_listen(path), -ENOTSOCK);
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("/dev/null", path), 0);
	assert_int_equal(unix_listen(path), -ENOTSOCK);
	assert_int_equal(unlink(path), 0);
}

static void a_path_that_is_too_long_or_leads_nowhere_is_refused(void **state)
{
	char longest[200];

	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(unix_listen(longest), -ENAMETOOLONG);
	assert_int_equal(unix_connect(longest), -ENAMETOOLONG);
	assert_int_equal(unix_connect(path), -ENOENT);
	assert_int_equal(unix_listen("/nowhere/at/all"), -ENOENT);
}

static int mode_of(const char *file)
{
	struct stat st;

	return stat(file, &st) == 0 ? (int)(st.st_mode & 07777) : -1;
}

static void the_file_has_mode_0660_whatever_the_umask_which_stays(void **state)
{
	static const mode_t umasks[] = {0, 022, 077, 0777};
	for (size_t i = 0; i < ARRAY_LEN(umasks); i++) {
		mode_t before = umask(umasks[i]);
		int fd = unix_listen(path), mode = mode_of(path);
		mode_t after = umask(before);

		assert_true(fd >= 0);
		assert_int_equal(mode, 0660);
		assert_int_equal(after, umasks[i]);
		close(fd);
		assert_int_equal(unlink(path), 0);
	}
}

#define SOCKET_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SOCKET_TEST(who_listens_is_reached_and_not_replaced),
		SOCKET_TEST(a_socket_left_behind_is_replaced),
		SOCKET_TEST(a_file_that_is_no_socket_stays),
		SOCKET_TEST(a_path_that_is_too_long_or_leads_nowhere_is_refused),
		SOCKET_TEST(the_file_has_mode_0660_whatever_the_umask_which_stays),
	};

	return cmocka_run_group_tests_name("unix-socket", tests, NULL, NULL);
}
