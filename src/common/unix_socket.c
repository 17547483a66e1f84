/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/unix_socket.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include "common/cleanup.h"

enum { BACKLOG = 64 };

static int make_address(const char *path, struct sockaddr_un *ret_address)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path) + 1);
	*ret_address = address;
	return 0;
}

static int connect_to(const struct sockaddr_un *address)
{
	CLEANUP(fd) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0)
		return -errno;
	return TAKE_FD(fd);
}

/* Somebody who listens answers a connect, or is too busy; a socket file left behind refuses it. */
static int remove_stale(const struct sockaddr_un *address)
{
	int r = connect_to(address);

	if (r >= 0)
		close(r);
	if (r >= 0 || r == -EAGAIN)
		return -EADDRINUSE;
	if (r != -ECONNREFUSED)
		return r == -ENOENT ? 0 : r;
	return unlink(address->sun_path) < 0 && errno != ENOENT ? -errno : 0;
}

int unix_listen(const char *path)
{
	struct sockaddr_un address;
	CLEANUP(fd) int fd = -1;
	int r = make_address(path, &address);

	if (r == 0)
		r = remove_stale(&address);
	if (r < 0)
		return r;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* The file gets the socket's mode. */
	if (fd < 0 || fchmod(fd, 0600) < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	if (chmod(path, 0660) < 0 || listen(fd, BACKLOG) < 0)
		return -errno;
	return TAKE_FD(fd);
}

int unix_connect(const char *path)
{
	struct sockaddr_un address;
	int r = make_address(path, &address);

	return r < 0 ? r : connect_to(&address);
}
