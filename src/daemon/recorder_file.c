/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/recorder_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>
#include "common/cleanup.h"
#include "common/log.h"
#include "common/record_file.h"

#define STORE_NAME      "hvd-recorder"
#define PREVIOUS_SUFFIX ".1"

/* ---- a file --------------------------------------------------------------------------------- */

/* What is in the way is a log of ours, of whatever version, or empty; else it stays as it is. */
static bool may_replace(int fd)
{
	char magic[sizeof(RECORD_FILE_MAGIC) - 1];
	struct stat st;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return false;
	return st.st_size == 0 || (pread(fd, magic, sizeof(magic), 0) == sizeof(magic) &&
					  memcmp(magic, RECORD_FILE_MAGIC, sizeof(magic)) == 0);
}

static bool name_aside(char aside[PATH_MAX], const char *path)
{
	return snprintf(aside, PATH_MAX, "%s" PREVIOUS_SUFFIX, path) < PATH_MAX;
}

/* Moves the former run's log out of the way; -1 in `ret_fd` when there is none. */
static int move_previous(const char *path, int *ret_fd, struct problem *ret_problem)
{
	CLEANUP(fd)
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	char aside[PATH_MAX];
	bool fits = name_aside(aside, path);

	*ret_fd = -1;
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0)
		return problem_errno(ret_problem, EX_CONFIG, -errno, path);
	if (!may_replace(fd))
		return problem_set(ret_problem, EX_CONFIG,
			"recorder-file: %s is no log of hvd, and is left as it is", path);
	if (!fits)
		return problem_errno(ret_problem, EX_CONFIG, -ENAMETOOLONG, path);
	if (rename(path, aside) < 0)
		return problem_errno(ret_problem, EX_CONFIG, -errno, aside);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static void move_back(const char *path)
{
	char aside[PATH_MAX];

	if (!name_aside(aside, path) || rename(aside, path) < 0)
		log_debug("%s: %s", path, strerror(errno));
}

static int open_path(struct recorder_file *file, struct problem *ret_problem)
{
	if (move_previous(file->name, &file->previous_fd, ret_problem))
		return 1;
	file->fd = open(file->name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (file->fd >= 0)
		return 0;
	problem_errno(ret_problem, EX_CONFIG, -errno, file->name);
	if (file->previous_fd >= 0)
		move_back(file->name);
	return 1;
}

/* ---- a memfd -------------------------------------------------------------------------------- */

static void free_names(char **names)
{
	for (char **name = names; name && *name; name++)
		free(*name);
	free(names);
}

/* What systemd kept: ours is taken, the rest is not ours to keep open. */
static int take_stored(void)
{
	char **names = NULL;
	int count = sd_listen_fds_with_names(1, &names), found = -1;

	for (int i = 0; i < count; i++) {
		int fd = SD_LISTEN_FDS_START + i;

		if (found < 0 && strcmp(names[i], STORE_NAME) == 0)
			found = fd;
		else
			close(fd);
	}
	free_names(names);
	return found;
}

static int open_memfd(struct recorder_file *file, struct problem *ret_problem)
{
	file->memfd = true;
	file->previous_fd = take_stored();
	file->fd = memfd_create(STORE_NAME, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (file->fd < 0)
		return problem_errno(ret_problem, EX_SOFTWARE, -errno, "memfd");
	return 0;
}

/* ---- either --------------------------------------------------------------------------------- */

static int take_name(struct recorder_file *file, const char *option, const struct runtime *runtime,
	struct problem *ret_problem)
{
	int length = option ? snprintf(file->name, sizeof(file->name), "%s", option)
			    : snprintf(file->name, sizeof(file->name), "%s.log", runtime->prefix);

	if (length >= (int)sizeof(file->name))
		return problem_errno(ret_problem, EX_CONFIG, -ENAMETOOLONG, "recorder-file");
	return 0;
}

int recorder_file_open(struct recorder_file *file, const char *option,
	const struct runtime *runtime, struct problem *ret_problem)
{
	int r;

	*file = (struct recorder_file){.fd = -1, .previous_fd = -1};
	if (option && strcmp(option, "none") == 0)
		return 0;
	r = take_name(file, option, runtime, ret_problem);
	if (!r)
		r = option && strcmp(option, "memfd") == 0 ? open_memfd(file, ret_problem)
							   : open_path(file, ret_problem);
	if (r)
		recorder_file_close(file);
	return r;
}

/* systemd sends what it keeps with LISTEN_FDS; the former one goes, as there is room for one. */
static int store(const struct recorder_file *file)
{
	if (!getenv("NOTIFY_SOCKET")) {
		log_warning("recorder-file: memfd, but no service manager to keep it");
		return 0;
	}
	if (file->previous_fd >= 0)
		(void)sd_notify(0, "FDSTOREREMOVE=1\nFDNAME=" STORE_NAME);
	return sd_pid_notify_with_fds(
		0, 0, "FDSTORE=1\nFDNAME=" STORE_NAME, (const int *)&file->fd, 1);
}

int recorder_file_settle(const struct recorder_file *file, struct problem *ret_problem)
{
	int r;

	if (!file->memfd)
		return 0;
	if (fcntl(file->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return problem_errno(ret_problem, EX_SOFTWARE, -errno, "sealing the memfd");
	r = store(file);
	return r < 0 ? problem_errno(ret_problem, EX_SOFTWARE, r, "storing the memfd") : 0;
}

void recorder_file_undo(const struct recorder_file *file)
{
	if (file->fd <= 0 || file->memfd)
		return;
	if (file->previous_fd > 0)
		move_back(file->name);
	else if (unlink(file->name) < 0)
		log_debug("%s: %s", file->name, strerror(errno));
}

void recorder_file_close(struct recorder_file *file)
{
	if (file->fd > 0)
		close(file->fd);
	if (file->previous_fd > 0)
		close(file->previous_fd);
	file->fd = file->previous_fd = -1;
}
