/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bench-http SOCKET PATH [SECONDS] [CONNECTIONS]: requests per second on a unix socket.
 *
 * Keep-alive connections, one request in flight on each: all are written, then all are read, so the
 * server sees a steady batch and the client costs little. Prints the rate, the share of one CPU the
 * server process used meanwhile (SO_PEERCRED, /proc/PID/stat), and the rate per fully used core.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { MAX_CONNECTIONS = 64, REPLY_MAX = 65536 };

static double now_seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* utime + stime of the process, in seconds. */
static double process_cpu_seconds(pid_t pid)
{
	char path[64], line[1024];
	unsigned long utime = 0, stime = 0;
	const char *after_name;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "re");
	if (!file)
		return 0;
	if (fgets(line, sizeof(line), file) && (after_name = strrchr(line, ')')))
		sscanf(after_name + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &utime,
			&stime);
	fclose(file);
	return (double)(utime + stime) / (double)sysconf(_SC_CLK_TCK);
}

static int connect_unix(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof(address.sun_path)) {
		fprintf(stderr, "bench-http: socket path too long: %s\n", path);
		exit(2);
	}
	strcpy(address.sun_path, path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		fprintf(stderr, "bench-http: %s: %s\n", path, strerror(errno));
		exit(1);
	}
	return fd;
}

/* Reads one reply: headers, then Content-Length bytes. Exits unless the status is 200. */
static void read_reply(int fd)
{
	static char buffer[REPLY_MAX];
	size_t used = 0, wanted = SIZE_MAX;

	while (used < wanted) {
		ssize_t n = read(fd, buffer + used, sizeof(buffer) - 1 - used);
		const char *end, *length;

		if (n <= 0) {
			fprintf(stderr, "bench-http: connection closed early\n");
			exit(1);
		}
		used += (size_t)n;
		buffer[used] = '\0';
		if (wanted != SIZE_MAX || !(end = strstr(buffer, "\r\n\r\n")))
			continue;
		length = strcasestr(buffer, "content-length:");
		if (!length || strncmp(buffer, "HTTP/1.1 200", 12) != 0) {
			fprintf(stderr, "bench-http: unexpected reply: %.60s\n", buffer);
			exit(1);
		}
		wanted = (size_t)(end + 4 - buffer) + strtoul(length + 15, NULL, 10);
	}
}

static pid_t peer_pid(int fd)
{
	struct ucred peer = { 0 };
	socklen_t size = sizeof(peer);

	getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size);
	return peer.pid;
}

int main(int argc, char **argv)
{
	int fds[MAX_CONNECTIONS], connections = argc > 4 ? atoi(argv[4]) : 16;
	double seconds = argc > 3 ? atof(argv[3]) : 2.0, start, cpu, elapsed;
	char request[512];
	uint64_t requests = 0;
	int length;

	if (argc < 3 || connections < 1 || connections > MAX_CONNECTIONS) {
		fprintf(stderr, "usage: bench-http SOCKET PATH [SECONDS] [CONNECTIONS 1-%d]\n",
			MAX_CONNECTIONS);
		return 2;
	}
	length = snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: hvd\r\n\r\n", argv[2]);
	for (int i = 0; i < connections; i++)
		fds[i] = connect_unix(argv[1]);
	start = now_seconds();
	cpu = process_cpu_seconds(peer_pid(fds[0]));
	do {
		for (int i = 0; i < connections; i++) {
			if (write(fds[i], request, (size_t)length) != length)
				return 1;
		}
		for (int i = 0; i < connections; i++)
			read_reply(fds[i]);
		requests += (uint64_t)connections;
		elapsed = now_seconds() - start;
	} while (elapsed < seconds);
	cpu = process_cpu_seconds(peer_pid(fds[0])) - cpu;
	printf("http: GET %s: %.0f requests/s, server at %.0f%% of one core, "
	       "%.0f requests per core-second\n",
		argv[2], (double)requests / elapsed, 100 * cpu / elapsed,
		cpu > 0 ? (double)requests / cpu : 0.0);
	return 0;
}
