/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/unix_socket.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include "common/cleanup.h"

enum { BACKLOG = 64, SOCKET_MODE = 0660 };

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

/*
 * Somebody who listens answers a connect, or is too busy; a socket file left behind refuses it. So
 * does any other file, which is none of our business.
 */
static int remove_stale(const struct sockaddr_un *address)
{
	int r = connect_to(address);
	struct stat st;

	if (r >= 0)
		close(r);
	if (r >= 0 || r == -EAGAIN)
		return -EADDRINUSE;
	if (r != -ECONNREFUSED)
		return r == -ENOENT ? 0 : r;
	if (lstat(address->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -ENOTSOCK;
	return unlink(address->sun_path) < 0 && errno != ENOENT ? -errno : 0;
}

/*
 * The file is made by bind(), 0777 less the umask: no chmod() is needed, which a sandbox cannot
 * confine to some files.
 */
static int bind_with_mode(int fd, const struct sockaddr_un *address)
{
	mode_t previous = umask(0777 & ~SOCKET_MODE);
	int r = bind(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 ? -errno : 0;

	umask(previous);
	return r;
}

static int listen_at(const struct sockaddr_un *address)
{
	CLEANUP(fd) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int r = fd < 0 ? -errno : bind_with_mode(fd, address);

	if (r < 0)
		return r;
	return listen(fd, BACKLOG) < 0 ? -errno : TAKE_FD(fd);
}

int unix_listen(const char *path)
{
	struct sockaddr_un address;
	int r = make_address(path, &address);

	if (r == 0)
		r = remove_stale(&address);
	if (r < 0)
		return r;
	return listen_at(&address);
}

int unix_connect(const char *path)
{
	struct sockaddr_un address;
	int r = make_address(path, &address);

	return r < 0 ? r : connect_to(&address);
}
