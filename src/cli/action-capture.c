/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hvctl capture: the pcapng stream of hvd into a file or a pipe.
 *
 * Only whole blocks are written, so that the file is a good one whenever and however this ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/actions.h"
#include "cli/client.h"
#include "cli/interrupt.h"
#include "cli/problem.h"
#include "cli/render.h"
#include "cli/request.h"
#include "common/cleanup.h"
#include "common/clock.h"

enum {
	BLOCK_STATISTICS = 5,
	BLOCK_PACKET = 6,
	BLOCK_LEAST = 12,           /* type, length, length again */
	BLOCK_MAX = 1 << 20,        /* hvd's are smaller */
	STATISTICS_OPTIONS_AT = 20, /* behind type, length, interface and time */
	STATISTICS_DROPPED = 5,     /* an option of eight bytes */
};

struct capture {
	struct cli *cli;
	const char *name; /* of the file, for people */
	int fd;
	uint8_t *pending; /* owns; the beginning of a block */
	size_t used, capacity;
	uint64_t packets, lost;
	uint64_t end_ns;      /* monotonic; UINT64_MAX: no end */
	enum cli_exit result; /* why it stopped, when not the server did */
};

/* ---- blocks ------------------------------------------------------------------------------------
 */

static uint32_t word(const uint8_t *bytes)
{
	uint32_t value;

	memcpy(&value, bytes, sizeof(value));
	return value;
}

static uint64_t dropped(const uint8_t *block, size_t length)
{
	size_t at = STATISTICS_OPTIONS_AT;
	uint64_t value = 0;

	while (at + 12 <= length) {
		uint16_t code, size;

		memcpy(&code, block + at, sizeof(code));
		memcpy(&size, block + at + 2, sizeof(size));
		if (code == STATISTICS_DROPPED && size == sizeof(value))
			memcpy(&value, block + at + 4, sizeof(value));
		at += 4 + ((size_t)size + 3) / 4 * 4;
	}
	return value;
}

static void count_block(struct capture *capture, const uint8_t *block, size_t length)
{
	if (word(block) == BLOCK_PACKET)
		capture->packets++;
	else if (word(block) == BLOCK_STATISTICS)
		capture->lost = dropped(block, length);
}

/* Bytes of the whole blocks that `size` bytes begin with; SIZE_MAX: they are no pcapng. */
static size_t whole_blocks(const uint8_t *bytes, size_t size)
{
	size_t at = 0;

	while (size - at >= BLOCK_LEAST) {
		size_t length = word(bytes + at + 4);

		if (length < BLOCK_LEAST || length > BLOCK_MAX || length % 4)
			return SIZE_MAX;
		if (length > size - at)
			break;
		at += length;
	}
	return at;
}

static void count_blocks(struct capture *capture, size_t size)
{
	for (size_t at = 0; at < size;) {
		size_t length = word(capture->pending + at + 4);

		count_block(capture, capture->pending + at, length);
		at += length;
	}
}

/* Bytes written, `size` unless `result` says why not. */
static size_t write_some(struct capture *capture, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t written = write(capture->fd, capture->pending + done, size - done);

		if (written < 0 && errno == EINTR && interrupt_pending()) {
			capture->result = CLI_INTERRUPTED; /* a reader that does not read */
			return done;
		}
		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0) {
			capture->result = problem_errno(
				&capture->cli->options, errno, capture->name);
			return done;
		}
		done += (size_t)written;
	}
	return done;
}

/* A full disk cuts a block in two: the half is taken off again, where that can be done. */
static bool write_blocks(struct capture *capture, size_t size)
{
	size_t done = write_some(capture, size), whole = whole_blocks(capture->pending, done);
	off_t end = lseek(capture->fd, 0, SEEK_CUR), half = (off_t)(done - whole);

	count_blocks(capture, whole);
	if (done == size)
		return true;
	if (end >= half) /* not so of a pipe: its reader has seen the half */
		(void)!ftruncate(capture->fd, end - half);
	return false;
}

static bool keep(struct capture *capture, const char *data, size_t size)
{
	if (capture->used + size > capture->capacity) {
		size_t capacity = 2 * (capture->used + size);
		uint8_t *grown = realloc(capture->pending, capacity);

		if (!grown) {
			capture->result = problem_errno(
				&capture->cli->options, ENOMEM, capture->name);
			return false;
		}
		capture->pending = grown;
		capture->capacity = capacity;
	}
	memcpy(capture->pending + capture->used, data, size);
	capture->used += size;
	return true;
}

static bool take_bytes(void *arg, const char *data, size_t size)
{
	struct capture *capture = arg;
	size_t whole;

	if (!keep(capture, data, size))
		return false;
	whole = whole_blocks(capture->pending, capture->used);
	if (whole == SIZE_MAX) {
		capture->result = problem_report(&capture->cli->options, CLI_INTERNAL,
			"malformed_reply", NULL, "what hvd sends is no pcapng");
		return false;
	}
	if (!write_blocks(capture, whole))
		return false;
	capture->used -= whole;
	memmove(capture->pending, capture->pending + whole, capture->used);
	return true;
}

/* ---- the command -------------------------------------------------------------------------------
 */

static bool before_waiting(void *arg, struct http_wait *wait)
{
	struct capture *capture = arg;
	uint64_t now = clock_now_ns(&clock_monotonic), left;

	if (now >= capture->end_ns)
		return false;
	left = (capture->end_ns - now) / NSEC_PER_MSEC + 1;
	wait->timeout_ms = (int)MIN(left, (uint64_t)wait->timeout_ms);
	return true;
}

/* What passes in there may be anybody's secret: for the caller's eyes only. */
static enum cli_exit open_file(struct cli *cli, const char *name, int *ret_fd)
{
	int fd;

	if (strcmp(name, "-") == 0) {
		if (isatty(STDOUT_FILENO))
			return problem_usage(&cli->options,
				"hvctl capture -w - | wireshark -k -i -",
				"a capture is no text for a terminal");
		fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	} else {
		fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	}
	if (fd < 0)
		return problem_errno(&cli->options, errno, name);
	*ret_fd = fd;
	return CLI_OK;
}

static void tell_totals(const struct capture *capture)
{
	render_note(capture->cli, "%" PRIu64 " packets captured, %" PRIu64 " lost\n",
		capture->packets, capture->lost);
}

/* Who sits before it would else not know that it works, nor how it ends. */
static void tell_beginning(const struct capture *capture)
{
	if (isatty(STDERR_FILENO) && capture->end_ns == UINT64_MAX && !capture->cli->options.curl)
		render_note(capture->cli, "capturing into %s; ^C ends it\n",
			strcmp(capture->name, "-") == 0 ? "a pipe" : capture->name);
}

static enum cli_exit run(struct capture *capture, const char *target)
{
	const struct http_side side = {.turn = before_waiting, .arg = capture};
	enum cli_exit r = client_stream_bytes(capture->cli, target, take_bytes, capture, &side);

	if (r == CLI_OK)
		r = capture->result;
	if (r == CLI_OK || r == CLI_INTERRUPTED || capture->packets > 0)
		tell_totals(capture);
	return r;
}

enum cli_exit run_capture(struct cli *cli, const struct invocation *invocation)
{
	struct capture capture = {.cli = cli, .end_ns = UINT64_MAX};
	CLEANUP(free) char *target = request_target(invocation);
	CLEANUP(fd) int fd = -1;
	enum cli_exit r = CLI_OK;

	if (!target)
		return problem_errno(&cli->options, ENOMEM, "capture");
	capture.name = invocation_value(invocation, "file")->text;
	if (invocation_given(invocation, "for"))
		capture.end_ns = clock_now_ns(&clock_monotonic) +
				 invocation_value(invocation, "for")->number;
	if (!cli->options.curl)
		r = open_file(cli, capture.name, &fd);
	if (r != CLI_OK)
		return r;
	capture.fd = fd;
	tell_beginning(&capture);
	interrupt_hold();
	r = run(&capture, target);
	free(capture.pending);
	interrupt_release();
	return r;
}
