/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Each rule is tried in a child: there is no way back out of a sandbox. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "common/thread_time.h"
#include "common/unix_socket.h"
#include "common/util.h"
#include "daemon/options.h"
#include "daemon/sandbox.h"

enum { NO_LANDLOCK = 42 };

static char dir[64];

/* Runs fn in a child; its exit status. */
static int in_child(int (*fn)(void))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(fn());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int group_setup(void **state)
{
	strcpy(dir, "/tmp/test-sandbox-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int group_teardown(void **state)
{
	char path[80];

	snprintf(path, sizeof(path), "%s/serial", dir);
	unlink(path);
	return rmdir(dir);
}

static int open_errno(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0600);

	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

static bool kernel_has_landlock(void)
{
	return syscall(SYS_landlock_create_ruleset, NULL, 0, 1) > 0;
}

static int try_files(void)
{
	char serial[80], inside[80];
	struct options options = {.serial = serial};

	snprintf(serial, sizeof(serial), "file:%s/serial", dir);
	snprintf(inside, sizeof(inside), "%s/inside", dir);
	if (!kernel_has_landlock())
		return NO_LANDLOCK;
	/* The "runtime directory" is another one, so that only the serial file is open in `dir`. */
	if (sandbox_files(&options, "/dev/shm") < 0)
		return 1;
	if (open_errno("/etc/passwd", O_RDONLY) != EACCES)
		return 2;
	if (open_errno(inside, O_WRONLY | O_CREAT) != EACCES)
		return 3;
	if (open_errno(serial + strlen("file:"), O_WRONLY) != 0)
		return 4;
	if (open_errno("/dev/null", O_RDWR) != 0)
		return 5;
	return open_errno("/proc/self/status", O_RDONLY) == 0 ? 0 : 6;
}

static void test_files(void **state)
{
	int status;

	if (!sandbox_is_built())
		skip();
	status = in_child(try_files);
	if (status == NO_LANDLOCK)
		skip();
	assert_int_equal(status, 0);
}

/* What the doctor asks of the host about the threads of VPs, which begin within. */
static int try_thread_time(void)
{
	struct options options = {.serial = (char[]){"null"}};
	struct thread_time before, within;

	thread_time_read(gettid(), &before);
	if (sandbox_files(&options, dir) < 0 || sandbox_calls() < 0)
		return 1;
	thread_time_read(gettid(), &within);
	if (within.state != THREAD_RUNNABLE)
		return 2;
	if ((within.wait_ns == THREAD_TIME_UNKNOWN) != (before.wait_ns == THREAD_TIME_UNKNOWN))
		return 3;
	return within.run_ns >= before.run_ns ? 0 : 4;
}

static void test_thread_time(void **state)
{
	assert_int_equal(in_child(try_thread_time), 0);
}

static int try_runtime_dir(void)
{
	char path[80];
	struct options options = {.serial = (char[]){"null"}};

	snprintf(path, sizeof(path), "%s/made", dir);
	if (sandbox_files(&options, dir) < 0)
		return 1;
	if (open_errno(path, O_WRONLY | O_CREAT) != 0)
		return 2;
	return unlink(path) == 0 ? 0 : 3;
}

static void test_runtime_dir(void **state)
{
	assert_int_equal(in_child(try_runtime_dir), 0);
}

static int listen_errno(const char *path)
{
	int fd = unix_listen(path);

	if (fd < 0)
		return -fd;
	close(fd);
	return unlink(path) < 0 ? errno : 0;
}

/* To 20: what a device that is added later needs; from 30: what nobody may. */
static int try_sockets(void)
{
	struct options options = {.serial = (char[]){"null"}};
	char inside[80];

	snprintf(inside, sizeof(inside), "%s/door", dir);
	if (sandbox_files(&options, dir) < 0 || sandbox_calls() < 0)
		return 1;
	if (listen_errno(inside) != 0)
		return 10;
	if (unix_connect(inside) != -ENOENT)
		return 20;
	if (socket(AF_INET, SOCK_STREAM, 0) >= 0 || errno != ENOSYS)
		return 30;
	if (chmod(dir, 0777) == 0 || errno != ENOSYS)
		return 31;
	if (kernel_has_landlock() && listen_errno("/tmp/test-sandbox-outside") != EACCES)
		return 32;
	return 0;
}

static void test_sockets(void **state)
{
	if (!sandbox_is_built())
		skip();
	assert_int_equal(in_child(try_sockets), 0);
}

static void *execute(void *arg)
{
	char *const argv[] = {(char[]){"true"}, NULL};

	execv("/bin/true", argv);
	*(int *)arg = errno;
	return NULL;
}

static int try_calls(void)
{
	pthread_t thread;
	int error = 0;

	if (sandbox_calls() < 0)
		return 1;
	execute(&error);
	if (error != ENOSYS)
		return 2;
	error = 0;
	if (pthread_create(&thread, NULL, execute, &error) != 0)
		return 3;
	if (pthread_join(thread, NULL) != 0 || error != ENOSYS)
		return 4;
	return open_errno("/dev/null", O_RDWR) == 0 ? 0 : 5;
}

static void test_calls(void **state)
{
	if (!sandbox_is_built())
		skip();
	assert_int_equal(in_child(try_calls), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		{"files that no option names stay closed", test_files, NULL, NULL, NULL},
		{"the runtime directory stays usable", test_runtime_dir, NULL, NULL, NULL},
		{"the host tells how long a thread waited", test_thread_time, NULL, NULL, NULL},
		{"a device may listen and connect, on unix sockets of the runtime directory",
			test_sockets, NULL, NULL, NULL},
		{"no thread starts a program", test_calls, NULL, NULL, NULL},
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
