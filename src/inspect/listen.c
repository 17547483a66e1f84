/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "inspect/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include "common/cleanup.h"

enum { BACKLOG = 64 };

union any_address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static socklen_t parse_loopback(const char *text, uint16_t port, union any_address *ret_address)
{
	union any_address address = {0};

	if (inet_pton(AF_INET, text, &address.v4.sin_addr) == 1) {
		address.v4.sin_family = AF_INET;
		address.v4.sin_port = htons(port);
		if (ntohl(address.v4.sin_addr.s_addr) >> 24 != IN_LOOPBACKNET)
			return 0;
		*ret_address = address;
		return sizeof(address.v4);
	}
	if (inet_pton(AF_INET6, text, &address.v6.sin6_addr) == 1) {
		address.v6.sin6_family = AF_INET6;
		address.v6.sin6_port = htons(port);
		if (!IN6_IS_ADDR_LOOPBACK(&address.v6.sin6_addr))
			return 0;
		*ret_address = address;
		return sizeof(address.v6);
	}
	return 0;
}

int listen_loopback(const char *text, uint16_t port, uint16_t *ret_port)
{
	union any_address address;
	socklen_t size = parse_loopback(text, port, &address);
	CLEANUP(fd) int fd = -1;
	int one = 1;

	if (size == 0)
		return -EINVAL;
	fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0)
		return -errno;
	if (bind(fd, &address.any, size) < 0 || listen(fd, BACKLOG) < 0)
		return -errno;
	if (getsockname(fd, &address.any, &size) < 0)
		return -errno;
	*ret_port = ntohs(
		address.any.sa_family == AF_INET ? address.v4.sin_port : address.v6.sin6_port);
	return TAKE_FD(fd);
}
