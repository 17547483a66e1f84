/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The other ends of hv_sock in the nested rig, linked statically: busybox has neither.
 *
 *	in the guest
 *	vsock-peer echo PORT		serves a port; what comes goes back, until its end
 *	vsock-peer hold PORT		takes a connection and reads nothing of it
 *	vsock-peer connect PORT		stdin to the host, then what comes from there to stdout
 *
 *	on the host
 *	vsock-peer unix PATH		as echo, on a unix socket
 *	vsock-peer clients PATH COUNT	as many clients of port 5000, one after the other
 *	vsock-peer trips PATH COUNT	one client, a byte there and back as often; says how long
 *					one trip took
 *	vsock-peer send PATH PORT	stdin to a port, which then stays open
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include <linux/vm_sockets.h>

/* From one to the other until the end. */
static int copy(int from, int to)
{
	static char data[65536];
	ssize_t got;

	while ((got = read(from, data, sizeof(data))) > 0) {
		for (ssize_t done = 0, n; done < got; done += n) {
			n = write(to, data + done, (size_t)(got - done));
			if (n < 0)
				return -1;
		}
	}
	return (int)got;
}

static int fail(const char *what)
{
	perror(what);
	return 1;
}

static int start_listening(int fd, const void *address, socklen_t size)
{
	if (bind(fd, address, size) < 0 || listen(fd, 64) < 0)
		return fail("listen");
	puts("listening");
	fflush(stdout);
	return 0;
}

/* What comes goes back, one client after the other. */
static int echo(int fd, const void *address, socklen_t size)
{
	if (start_listening(fd, address, size) != 0)
		return 1;
	for (;;) {
		int client = accept(fd, NULL, NULL);

		if (client < 0)
			return fail("accept");
		if (copy(client, client) < 0)
			perror("echo");
		close(client);
	}
}

static int echo_at_path(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	return echo(socket(AF_UNIX, SOCK_STREAM, 0), &address, sizeof(address));
}

static int echo_at_port(unsigned port)
{
	const struct sockaddr_vm address = {
		.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY, .svm_port = port};

	return echo(socket(AF_VSOCK, SOCK_STREAM, 0), &address, sizeof(address));
}

static int hold_at_port(unsigned port)
{
	const struct sockaddr_vm address = {
		.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY, .svm_port = port};
	int fd = socket(AF_VSOCK, SOCK_STREAM, 0);

	if (start_listening(fd, &address, sizeof(address)) != 0)
		return 1;
	if (accept(fd, NULL, NULL) < 0)
		return fail("accept");
	for (;;)
		pause();
}

static int connect_to_host(unsigned port)
{
	const struct sockaddr_vm address = {
		.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_HOST, .svm_port = port};
	int fd = socket(AF_VSOCK, SOCK_STREAM, 0);

	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return fail("connect");
	if (copy(STDIN_FILENO, fd) < 0 || shutdown(fd, SHUT_WR) < 0)
		return fail("to the host");
	return copy(fd, STDOUT_FILENO) < 0 ? fail("from the host") : 0;
}

/* A line, read byte by byte: what follows is the stream. */
static int read_line(int fd, char *line, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (read(fd, line + i, 1) != 1)
			return -1;
		if (line[i] == '\n')
			return 0;
	}
	return -1;
}

/* A connection to a port of the guest, or -1. */
static int dial(const char *path, unsigned port)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	char line[64];
	int size = snprintf(line, sizeof(line), "CONNECT %u\n", port);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 &&
		write(fd, line, (size_t)size) == size && read_line(fd, line, sizeof(line)) == 0 &&
		strncmp(line, "OK ", 3) == 0)
		return fd;
	close(fd);
	return -1;
}

static int send_and_stay(const char *path, unsigned port)
{
	int fd = dial(path, port);

	if (fd < 0 || copy(STDIN_FILENO, fd) < 0)
		return fail("to the guest");
	for (;;)
		pause();
}

/* One client of the echo at port 5000: a word there, its end, the word back, its end. */
static int one_client(const char *path, char *word, size_t size)
{
	int fd = dial(path, 5000), whole = 0;
	char line[64];

	if (fd < 0)
		return 0;
	if (write(fd, word, size) == (ssize_t)size && shutdown(fd, SHUT_WR) == 0) {
		memset(line, 0, sizeof(line));
		whole = recv(fd, line, size, MSG_WAITALL) == (ssize_t)size &&
			memcmp(line, word, size) == 0 && read(fd, line, 1) == 0;
	}
	close(fd);
	return whole;
}

static int clients(const char *path, unsigned count)
{
	char word[32];

	for (unsigned i = 0; i < count; i++) {
		int size = snprintf(word, sizeof(word), "client %u", i);

		if (!one_client(path, word, (size_t)size)) {
			printf("%s failed\n", word);
			return 1;
		}
	}
	return 0;
}

static int trips(const char *path, unsigned count)
{
	struct timespec start, end;
	char byte = 'x';
	int fd = dial(path, 5000);
	bool works = fd >= 0;

	clock_gettime(CLOCK_MONOTONIC, &start);
	for (unsigned i = 0; works && i < count; i++)
		works = write(fd, &byte, 1) == 1 && read(fd, &byte, 1) == 1;
	clock_gettime(CLOCK_MONOTONIC, &end);
	close(fd);
	if (!works)
		return fail("the stream");
	printf("a round trip of one byte: %.1f us\n",
		((double)(end.tv_sec - start.tv_sec) * 1e9 +
			(double)(end.tv_nsec - start.tv_nsec)) /
			1e3 / count);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "unix") == 0)
		return echo_at_path(argv[2]);
	if (argc == 3 && strcmp(argv[1], "echo") == 0)
		return echo_at_port((unsigned)strtoul(argv[2], NULL, 0));
	if (argc == 3 && strcmp(argv[1], "hold") == 0)
		return hold_at_port((unsigned)strtoul(argv[2], NULL, 0));
	if (argc == 3 && strcmp(argv[1], "connect") == 0)
		return connect_to_host((unsigned)strtoul(argv[2], NULL, 0));
	if (argc == 4 && strcmp(argv[1], "clients") == 0)
		return clients(argv[2], (unsigned)strtoul(argv[3], NULL, 0));
	if (argc == 4 && strcmp(argv[1], "trips") == 0)
		return trips(argv[2], (unsigned)strtoul(argv[3], NULL, 0));
	if (argc == 4 && strcmp(argv[1], "send") == 0)
		return send_and_stay(argv[2], (unsigned)strtoul(argv[3], NULL, 0));
	fputs("usage: vsock-peer echo|hold|connect PORT | unix PATH | clients|trips PATH COUNT |"
	      " send PATH PORT\n",
		stderr);
	return 2;
}
