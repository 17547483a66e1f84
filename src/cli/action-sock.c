/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hvctl sock PORT: stdin and stdout become a stream to a listener in the guest, through the unix
 * socket of hvd's hvsock device.
 *
 *	stdin ──► to_guest ──► socket      the end of stdin closes the socket for writing
 *	stdout ◄── to_user ◄── socket      the end of the socket ends the command
 *
 * Each direction has a buffer; what cannot be written waits in it and stops its reader. A guest
 * that has ended its own stream still gets the rest of stdin, until it closes the connection.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/actions.h"
#include "cli/endpoint.h"
#include "cli/interrupt.h"
#include "cli/problem.h"
#include "cli/text.h"
#include "common/cleanup.h"
#include "common/clock.h"
#include "common/unix_socket.h"

enum {
	BUFFER_BYTES = 64 * 1024,
	/* A pipe that can be written takes this much without blocking. */
	PIPE_BYTES = 4096,
	LINE_BYTES = 160,
};

/* ---- the socket ------------------------------------------------------------ */

static bool take_ending(char *path, const char *ending)
{
	size_t length = strlen(path), cut = strlen(ending);

	if (length <= cut || strcmp(path + length - cut, ending) != 0)
		return false;
	path[length - cut] = '\0';
	return true;
}

/* NAME.vsock beside NAME.api.sock, unless --path says where. */
static enum cli_exit find_path(
	struct cli *cli, const struct invocation *invocation, char **ret_path)
{
	const char *given = invocation_value(invocation, "path")->text;
	CLEANUP(free) char *path = NULL;
	enum cli_exit r = CLI_OK;

	if (given)
		*ret_path = strdup(given);
	else
		r = endpoint_find(&cli->options, &path);
	if (r != CLI_OK)
		return r;
	if (path && !take_ending(path, ".api.sock") && !take_ending(path, ".ro.sock"))
		return problem_usage(&cli->options, "say --path",
			"%s is not called NAME.api.sock: where is NAME.vsock?", path);
	if (path)
		*ret_path = text_format("%s.vsock", path);
	return *ret_path ? CLI_OK : problem_errno(&cli->options, ENOMEM, "the socket");
}

static enum cli_exit report_connect(const struct cli_options *options, int error, const char *path)
{
	if (error == -ENOENT)
		return problem_report(options, CLI_NO_CONNECTION, "no_hvsock",
			"start hvd with --device hvsock", "there is no %s", path);
	if (error == -EACCES || error == -EPERM)
		return problem_report(options, CLI_DENIED, "permission_denied", NULL, "%s: %s",
			path, strerror(-error));
	return problem_report(options, CLI_NO_CONNECTION, "connect_failed", NULL, "%s: %s", path,
		strerror(-error));
}

/* ---- CONNECT --------------------------------------------------------------- */

/* "ERROR no_listener the guest ...": the reason is made to be matched, the rest to be read. */
static enum cli_exit report_refusal(const struct cli_options *options, char *line)
{
	static const char error[] = "ERROR ";
	char *reason = line + strlen(error), *sentence;
	enum cli_exit exit_code = CLI_REFUSED;

	if (strncmp(line, error, strlen(error)) != 0)
		return problem_report(options, CLI_INTERNAL, "bad_reply", NULL,
			"neither OK nor ERROR came from the socket");
	sentence = strchr(reason, ' ');
	if (!sentence)
		sentence = reason + strlen(reason);
	else
		*sentence++ = '\0';
	if (strcmp(reason, "timeout") == 0)
		exit_code = CLI_TIMEOUT;
	return problem_report(options, exit_code, reason,
		strcmp(reason, "no_listener") == 0 ? "is there a listener, and the module hv_sock?"
						   : NULL,
		"%s", sentence);
}

/* Until the socket can be read. */
static enum cli_exit wait_for_reply(const struct cli_options *options, int fd, uint64_t deadline_ns)
{
	for (;;) {
		struct pollfd fds[] = {
			{.fd = fd, .events = POLLIN},
			{.fd = interrupt_fd(), .events = POLLIN},
		};
		uint64_t now = clock_now_ns(&clock_monotonic);
		struct timespec left = {
			.tv_sec = (time_t)((deadline_ns - MIN(now, deadline_ns)) / NSEC_PER_SEC),
			.tv_nsec = (long)((deadline_ns - MIN(now, deadline_ns)) % NSEC_PER_SEC),
		};
		int ready = ppoll(fds, ARRAY_LEN(fds), &left, NULL);

		if (interrupt_pending())
			return CLI_INTERRUPTED;
		if (ready > 0)
			return CLI_OK;
		if (ready == 0)
			return problem_report(
				options, CLI_TIMEOUT, "timeout", NULL, "no answer came in time");
		if (errno != EINTR)
			return problem_errno(options, errno, "poll");
	}
}

/* A line, byte by byte: what follows it is the guest's. */
static enum cli_exit read_line(
	const struct cli_options *options, int fd, uint64_t deadline_ns, char line[LINE_BYTES])
{
	for (size_t length = 0; length < LINE_BYTES; length++) {
		enum cli_exit r = wait_for_reply(options, fd, deadline_ns);

		if (r != CLI_OK)
			return r;
		if (recv(fd, line + length, 1, 0) != 1)
			return problem_report(options, CLI_INTERNAL, "bad_reply", NULL,
				"the socket was closed without an answer");
		if (line[length] == '\n') {
			line[length] = '\0';
			return CLI_OK;
		}
	}
	return problem_report(
		options, CLI_INTERNAL, "bad_reply", NULL, "the socket's answer is too long");
}

static enum cli_exit greet(const struct cli_options *options, int fd, uint64_t port)
{
	uint64_t deadline = clock_now_ns(&clock_monotonic) + options->timeout_ns;
	CLEANUP(free) char *request = text_format("CONNECT %" PRIu64 "\n", port);
	char line[LINE_BYTES];
	enum cli_exit r;

	if (!request)
		return problem_errno(options, ENOMEM, "sock");
	/* A refusal may have come already, and tells more than the failure to write. */
	if (send(fd, request, strlen(request), MSG_NOSIGNAL) < 0 && errno != EPIPE)
		return problem_errno(options, errno, "sock");
	r = read_line(options, fd, deadline, line);
	if (r != CLI_OK || strncmp(line, "OK ", 3) == 0)
		return r;
	return report_refusal(options, line);
}

/* ---- bytes ----------------------------------------------------------------- */

struct flow {
	char data[BUFFER_BYTES];
	size_t begin, end;
	bool ended; /* its reader will bring no more */
};

struct relay {
	int socket;
	struct flow to_guest, to_user;
	bool shut; /* the guest was told of the end of stdin */
};

static bool is_empty(const struct flow *flow)
{
	return flow->begin == flow->end;
}

/* What poll() is to wait for; -1 where there is nothing to do. */
static void prepare(const struct relay *relay, struct pollfd fds[4])
{
	bool read_user = is_empty(&relay->to_guest) && !relay->to_guest.ended;
	bool read_guest = is_empty(&relay->to_user) && !relay->to_user.ended;
	short socket_events = (short)((read_guest ? POLLIN : 0) |
				      (is_empty(&relay->to_guest) ? 0 : POLLOUT));

	fds[0] = (struct pollfd){.fd = read_user ? STDIN_FILENO : -1, .events = POLLIN};
	fds[1] = (struct pollfd){
		.fd = is_empty(&relay->to_user) ? -1 : STDOUT_FILENO, .events = POLLOUT};
	/* While stdout is awaited a socket that hung up would only say so again and again. */
	fds[2] = (struct pollfd){
		.fd = socket_events || is_empty(&relay->to_user) ? relay->socket : -1,
		.events = socket_events};
	fds[3] = (struct pollfd){.fd = interrupt_fd(), .events = POLLIN};
}

/* 0, or a negative errno. The end is no error. */
static int fill(struct flow *flow, int fd)
{
	ssize_t got = read(fd, flow->data, sizeof(flow->data));

	if (got < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	flow->begin = 0;
	flow->end = (size_t)got;
	flow->ended = got == 0;
	return 0;
}

static int drain(struct flow *flow, int fd, size_t most)
{
	ssize_t written = write(fd, flow->data + flow->begin, MIN(flow->end - flow->begin, most));

	if (written < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	flow->begin += (size_t)written;
	return 0;
}

static int send_on(struct flow *flow, int socket)
{
	ssize_t sent = send(
		socket, flow->data + flow->begin, flow->end - flow->begin, MSG_NOSIGNAL);

	if (sent < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (sent < 0 && errno == EPIPE) { /* the guest closed: what it left is still read */
		flow->begin = flow->end;
		flow->ended = true;
		return 0;
	}
	if (sent < 0)
		return -errno;
	flow->begin += (size_t)sent;
	return 0;
}

static enum cli_exit fail(const struct cli_options *options, int error, const char *what)
{
	if (error == -ECONNRESET)
		return problem_report(options, CLI_INTERNAL, "connection_reset", NULL,
			"the guest closed the connection before it had read everything");
	return problem_errno(options, -error, what);
}

/* One round; CLI_OK: go on. */
static enum cli_exit move(
	const struct cli_options *options, struct relay *relay, const struct pollfd fds[4])
{
	const short readable = POLLIN | POLLHUP | POLLERR;
	int r = 0;

	if (fds[0].revents && (r = fill(&relay->to_guest, STDIN_FILENO)) < 0)
		return fail(options, r, "stdin");
	if (fds[1].revents && (r = drain(&relay->to_user, STDOUT_FILENO, PIPE_BYTES)) < 0)
		return fail(options, r, "stdout");
	if ((fds[2].revents & readable) && is_empty(&relay->to_user) && !relay->to_user.ended &&
		(r = fill(&relay->to_user, relay->socket)) < 0)
		return fail(options, r, "the guest");
	if (!is_empty(&relay->to_guest) && (r = send_on(&relay->to_guest, relay->socket)) < 0)
		return fail(options, r, "the guest");
	if (relay->to_guest.ended && is_empty(&relay->to_guest) && !relay->shut) {
		shutdown(relay->socket, SHUT_WR);
		relay->shut = true;
	}
	return CLI_OK;
}

/* Both ends are through, or the guest has closed for good. */
static bool is_over(const struct relay *relay, const struct pollfd *socket)
{
	if (!relay->to_user.ended || !is_empty(&relay->to_user))
		return false;
	return relay->shut || (socket->revents & (POLLHUP | POLLERR));
}

static enum cli_exit relay_bytes(const struct cli_options *options, struct relay *relay)
{
	for (;;) {
		struct pollfd fds[4];
		enum cli_exit r;

		prepare(relay, fds);
		if (poll(fds, ARRAY_LEN(fds), -1) < 0 && errno != EINTR)
			return problem_errno(options, errno, "poll");
		if (interrupt_pending())
			return CLI_INTERRUPTED;
		r = move(options, relay, fds);
		if (r != CLI_OK || is_over(relay, &fds[2]))
			return r;
	}
}

enum cli_exit run_sock(struct cli *cli, const struct invocation *invocation)
{
	CLEANUP(free) struct relay *relay = calloc(1, sizeof(*relay));
	CLEANUP(free) char *path = NULL;
	CLEANUP(fd) int fd = -1;
	enum cli_exit r;

	if (!relay)
		return problem_errno(&cli->options, ENOMEM, "sock");
	if (cli->options.in_shell)
		return problem_usage(&cli->options, "run it by itself: hvctl sock PORT",
			"sock needs stdin, which the shell reads");
	r = find_path(cli, invocation, &path);
	if (r != CLI_OK)
		return r;
	fd = unix_connect(path);
	if (fd < 0)
		return report_connect(&cli->options, fd, path);
	relay->socket = fd;
	r = greet(&cli->options, fd, invocation_value(invocation, "port")->number);
	return r == CLI_OK ? relay_bytes(&cli->options, relay) : r;
}
