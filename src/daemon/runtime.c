/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/runtime.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "common/cleanup.h"

static const char *non_empty_env(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

/* The option, $HVD_RUNTIME_DIR, /run/hvd for root, $XDG_RUNTIME_DIR/hvd. */
static int choose_dir(char dir[PATH_MAX], const char *option, struct problem *ret_problem)
{
	const char *chosen = option ? option : non_empty_env("HVD_RUNTIME_DIR");
	const char *session = non_empty_env("XDG_RUNTIME_DIR");
	int length;

	if (!chosen && geteuid() == 0)
		chosen = "/run/hvd";
	if (chosen)
		length = snprintf(dir, PATH_MAX, "%s", chosen);
	else if (session)
		length = snprintf(dir, PATH_MAX, "%s/hvd", session);
	else
		return problem_set(ret_problem, EX_CONFIG,
			"no runtime directory: give --runtime-dir or set XDG_RUNTIME_DIR");
	if (length >= PATH_MAX)
		return problem_set(ret_problem, EX_CONFIG, "runtime directory: name too long");
	return 0;
}

/*
 * Whoever may write the directory may swap our sockets for theirs, so it must be ours or root's
 * and not open to the world.
 */
static int check_dir(const char *dir, struct problem *ret_problem)
{
	struct stat st;

	if (stat(dir, &st) < 0)
		return problem_errno(ret_problem, EX_CONFIG, -errno, dir);
	if (!S_ISDIR(st.st_mode))
		return problem_errno(ret_problem, EX_CONFIG, -ENOTDIR, dir);
	if (st.st_uid != geteuid() && st.st_uid != 0)
		return problem_set(ret_problem, EX_NOPERM, "%s: belongs to somebody else", dir);
	if (st.st_mode & S_IWOTH)
		return problem_set(ret_problem, EX_NOPERM, "%s: everybody may write there", dir);
	return 0;
}

static int prepare_dir(const char *dir, struct problem *ret_problem)
{
	if (mkdir(dir, 0750) < 0 && errno != EEXIST)
		return problem_errno(ret_problem, EX_CONFIG, -errno, dir);
	return check_dir(dir, ret_problem);
}

static int make_path(char path[SOCKET_PATH_MAX], const struct runtime *runtime, const char *name,
	const char *suffix, struct problem *ret_problem)
{
	int length = snprintf(path, SOCKET_PATH_MAX, "%s/%s%s", runtime->dir, name, suffix);

	if (length >= SOCKET_PATH_MAX)
		return problem_set(ret_problem, EX_CONFIG,
			"%s/%s%s: longer than the %d bytes a socket's name may have", runtime->dir,
			name, suffix, SOCKET_PATH_MAX - 1);
	return 0;
}

/* Says who holds the lock, as far as the file tells. */
static int already_running(
	const struct runtime *runtime, int fd, const char *name, struct problem *ret_problem)
{
	char pid[16] = "";
	ssize_t length = pread(fd, pid, sizeof(pid) - 1, 0);

	pid[length > 0 ? length : 0] = '\0';
	pid[strcspn(pid, "\n")] = '\0';
	return problem_set(ret_problem, EX_CONFIG,
		"a VM named '%s' runs already (process %s, %s); give another --name", name,
		*pid ? pid : "unknown", runtime->api_path);
}

/* The owner before us may have unlinked the file between our open and our flock. */
static bool is_still_linked(int fd, const char *path)
{
	struct stat held, named;

	return fstat(fd, &held) == 0 && stat(path, &named) == 0 && held.st_ino == named.st_ino &&
	       held.st_dev == named.st_dev;
}

static int take_lock(struct runtime *runtime, const char *name, struct problem *ret_problem)
{
	for (;;) {
		CLEANUP(fd)
		int fd = open(runtime->lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);

		if (fd < 0)
			return problem_errno(ret_problem, EX_CONFIG, -errno, runtime->lock_path);
		if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
			if (errno == EWOULDBLOCK)
				return already_running(runtime, fd, name, ret_problem);
			return problem_errno(ret_problem, EX_SOFTWARE, -errno, runtime->lock_path);
		}
		if (!is_still_linked(fd, runtime->lock_path))
			continue;
		if (ftruncate(fd, 0) < 0 || dprintf(fd, "%d\n", (int)getpid()) < 0)
			return problem_errno(ret_problem, EX_SOFTWARE, -errno, runtime->lock_path);
		runtime->lock_fd = TAKE_FD(fd);
		return 0;
	}
}

int runtime_init(
	struct runtime *runtime, const char *dir, const char *name, struct problem *ret_problem)
{
	*runtime = (struct runtime){.lock_fd = -1};
	if (choose_dir(runtime->dir, dir, ret_problem) ||
		make_path(runtime->api_path, runtime, name, ".api.sock", ret_problem) ||
		make_path(runtime->ro_path, runtime, name, ".ro.sock", ret_problem) ||
		make_path(runtime->lock_path, runtime, name, ".lock", ret_problem) ||
		make_path(runtime->prefix, runtime, name, "", ret_problem) ||
		prepare_dir(runtime->dir, ret_problem))
		return 1;
	return take_lock(runtime, name, ret_problem);
}

void runtime_deinit(struct runtime *runtime)
{
	if (runtime->lock_fd < 0 || !*runtime->lock_path)
		return;
	/* While we still hold it: nobody else can be between our unlink and their lock. */
	unlink(runtime->lock_path);
	close(runtime->lock_fd);
	runtime->lock_fd = -1;
}
