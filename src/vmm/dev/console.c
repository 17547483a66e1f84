/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Descriptors that others share (stdin, stdout) must not become non-blocking for them too. They are
 * opened anew through /proc where that gives an independent description: terminals and pipes. Other
 * kinds are duplicated: writing to a regular file does not wait for anybody, and a socket has
 * MSG_DONTWAIT.
 */
#include "vmm/dev/console.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>
#include "common/cleanup.h"
#include "common/clock.h"
#include "common/loop.h"

enum { RING_BYTES = 65536, CHUNK_BYTES = 4096, INPUT_BYTES = 64 };

struct console {
	struct loop *loop; /* borrows */
	enum console_kind kind;
	int in_fd, out_fd; /* own; -1: none */
	int pty_fd; /* owns; keeps the terminal side open, so that the master does not hang up */
	bool out_is_socket;
	char pty_path[64];
	struct termios saved; /* valid when `restore` */
	bool restore;

	sd_event_source *readable, *writable; /* own; NULL: not possible */
	struct console_input input;
	struct loop_work flush_work, want_work;

	pthread_mutex_t lock; /* guards the ring */
	uint8_t ring[RING_BYTES];
	size_t head, count;
	uint64_t written, dropped;
	bool dead; /* the descriptor failed */
};

/* output */

void console_put(struct console *console, uint8_t byte)
{
	bool kept;

	pthread_mutex_lock(&console->lock);
	kept = console->count < RING_BYTES && !console->dead && console->out_fd >= 0;
	if (kept)
		console->ring[(console->head + console->count++) % RING_BYTES] = byte;
	else if (console->out_fd >= 0)
		console->dropped++;
	pthread_mutex_unlock(&console->lock);
	if (kept)
		loop_defer(console->loop, &console->flush_work);
}

/* The oldest bytes, without a wrap. They stay in the ring. */
static size_t peek(struct console *console, uint8_t chunk[CHUNK_BYTES])
{
	size_t size;

	pthread_mutex_lock(&console->lock);
	size = MIN(console->count, RING_BYTES - console->head);
	size = MIN(size, (size_t)CHUNK_BYTES);
	memcpy(chunk, console->ring + console->head, size);
	pthread_mutex_unlock(&console->lock);
	return size;
}

static void consume(struct console *console, size_t size)
{
	pthread_mutex_lock(&console->lock);
	console->head = (console->head + size) % RING_BYTES;
	console->count -= size;
	console->written += size;
	pthread_mutex_unlock(&console->lock);
}

static void give_up(struct console *console)
{
	pthread_mutex_lock(&console->lock);
	console->dead = true;
	console->dropped += console->count;
	console->count = 0;
	pthread_mutex_unlock(&console->lock);
}

static ssize_t write_some(const struct console *console, const uint8_t *chunk, size_t size)
{
	if (console->out_is_socket)
		return send(console->out_fd, chunk, size, MSG_DONTWAIT | MSG_NOSIGNAL);
	return write(console->out_fd, chunk, size);
}

/* Writes until the ring is empty (true) or the descriptor is full (false). */
static bool flush(struct console *console)
{
	uint8_t chunk[CHUNK_BYTES];
	size_t size;

	while ((size = peek(console, chunk)) > 0) {
		ssize_t n = write_some(console, chunk, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return false;
		if (n < 0) {
			give_up(console);
			return true;
		}
		consume(console, (size_t)n);
	}
	return true;
}

static void flush_and_wait(struct console *console)
{
	bool done = flush(console);

	if (console->writable)
		sd_event_source_set_enabled(
			console->writable, done ? SD_EVENT_OFF : SD_EVENT_ONESHOT);
}

static void on_flush_work(struct loop_work *work)
{
	flush_and_wait(container_of(work, struct console, flush_work));
}

static int on_writable(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	flush_and_wait(arg);
	return 0;
}

/* input */

static int on_readable(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	struct console *console = arg;
	const struct console_input *input = &console->input;
	size_t room = input->room ? MIN(input->room(input->arg), (size_t)INPUT_BYTES) : 0;
	uint8_t bytes[INPUT_BYTES];
	ssize_t n;

	if (room == 0) {
		sd_event_source_set_enabled(source, SD_EVENT_OFF);
		return 0;
	}
	n = read(fd, bytes, room);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0) /* end of input, or the terminal is gone */
		console->readable = sd_event_source_disable_unref(source);
	for (ssize_t i = 0; i < n; i++)
		input->byte(input->arg, bytes[i]);
	return 0;
}

static void on_want_work(struct loop_work *work)
{
	struct console *console = container_of(work, struct console, want_work);

	if (console->readable)
		sd_event_source_set_enabled(console->readable, SD_EVENT_ON);
}

void console_want_input(struct console *console)
{
	loop_defer(console->loop, &console->want_work);
}

void console_set_input(struct console *console, const struct console_input *input)
{
	console->input = *input;
	console_want_input(console);
}

/* opening */

static bool can_be_reopened(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && (S_ISCHR(st.st_mode) || S_ISFIFO(st.st_mode));
}

static int own_description(int fd, int flags)
{
	char path[32];
	int own = -1;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (can_be_reopened(fd))
		own = open(path, flags | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	return own >= 0 ? own : fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

/* A process in the background would be stopped for touching its terminal. */
static bool in_foreground(int fd)
{
	return tcgetpgrp(fd) == getpgrp();
}

/* Keys go to the guest one by one, but Ctrl-C still ends hvd and output looks as before. */
static void make_keys_direct(struct console *console)
{
	struct termios direct;

	if (tcgetattr(console->in_fd, &console->saved) < 0)
		return;
	direct = console->saved;
	direct.c_iflag &= ~(tcflag_t)(ICRNL | INLCR | IGNCR | IXON);
	direct.c_lflag &= ~(tcflag_t)(ICANON | ECHO | IEXTEN);
	console->restore = tcsetattr(console->in_fd, TCSANOW, &direct) == 0;
}

static int open_stdio(struct console *console)
{
	struct stat st;

	console->out_fd = own_description(STDOUT_FILENO, O_WRONLY);
	if (console->out_fd < 0)
		return -errno;
	console->out_is_socket = fstat(console->out_fd, &st) == 0 && S_ISSOCK(st.st_mode);
	if (isatty(STDIN_FILENO) && !in_foreground(STDIN_FILENO))
		return 0;
	console->in_fd = own_description(STDIN_FILENO, O_RDONLY);
	if (console->in_fd >= 0 && isatty(console->in_fd))
		make_keys_direct(console);
	return 0; /* a closed stdin is no input */
}

static int open_pty(struct console *console)
{
	struct termios raw;

	console->out_fd = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (console->out_fd < 0 || grantpt(console->out_fd) < 0 || unlockpt(console->out_fd) < 0)
		return -errno;
	if (ptsname_r(console->out_fd, console->pty_path, sizeof(console->pty_path)) != 0)
		return -errno;
	console->pty_fd = open(console->pty_path, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (console->pty_fd < 0 || tcgetattr(console->pty_fd, &raw) < 0)
		return -errno;
	cfmakeraw(&raw);
	if (tcsetattr(console->pty_fd, TCSANOW, &raw) < 0)
		return -errno;
	console->in_fd = fcntl(console->out_fd, F_DUPFD_CLOEXEC, 3);
	return console->in_fd < 0 ? -errno : 0;
}

static int open_file(struct console *console, const char *path)
{
	console->out_fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOCTTY | O_CLOEXEC, 0666);
	return console->out_fd < 0 ? -errno : 0;
}

static int open_kind(struct console *console, enum console_kind kind, const char *path)
{
	switch (kind) {
	case CONSOLE_NULL:
		return 0;
	case CONSOLE_STDIO:
		return open_stdio(console);
	case CONSOLE_PTY:
		return open_pty(console);
	case CONSOLE_FILE:
		return open_file(console, path);
	}
	return -EINVAL;
}

/* -EPERM: a regular file or /dev/null, which cannot be waited for. */
static int watch(struct console *console, int fd, uint32_t events, sd_event_io_handler_t handler,
	sd_event_source **ret_source)
{
	int r;

	if (fd < 0)
		return 0;
	r = sd_event_add_io(loop_event(console->loop), ret_source, fd, events, handler, console);
	if (r == -EPERM)
		return 0;
	return r < 0 ? r : sd_event_source_set_enabled(*ret_source, SD_EVENT_OFF);
}

int console_new(
	struct loop *loop, enum console_kind kind, const char *path, struct console **ret_console)
{
	struct console *console = calloc(1, sizeof(*console));
	int r;

	if (!console)
		return -ENOMEM;
	console->loop = loop;
	console->kind = kind;
	console->in_fd = console->out_fd = console->pty_fd = -1;
	console->flush_work.run = on_flush_work;
	console->want_work.run = on_want_work;
	pthread_mutex_init(&console->lock, NULL);
	r = open_kind(console, kind, path);
	if (r == 0)
		r = watch(console, console->in_fd, EPOLLIN, on_readable, &console->readable);
	if (r >= 0)
		r = watch(console, console->out_fd, EPOLLOUT, on_writable, &console->writable);
	if (r < 0) {
		console_free(console);
		return r;
	}
	*ret_console = console;
	return 0;
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

/* A reader that has stopped reading gets a second, not for ever. Nobody reads a pty for sure. */
static void flush_at_last(struct console *console)
{
	uint64_t deadline_ns = clock_now_ns(&clock_monotonic) + NSEC_PER_SEC;

	while (!flush(console)) {
		struct pollfd pollfd = {.fd = console->out_fd, .events = POLLOUT};
		uint64_t now_ns = clock_now_ns(&clock_monotonic);

		if (console->pty_fd >= 0 || now_ns >= deadline_ns)
			break;
		poll(&pollfd, 1, (int)((deadline_ns - now_ns) / NSEC_PER_MSEC) + 1);
	}
}

struct console *console_free(struct console *console)
{
	if (!console)
		return NULL;
	loop_drain(console->loop);
	if (console->out_fd >= 0)
		flush_at_last(console);
	sd_event_source_disable_unref(console->readable);
	sd_event_source_disable_unref(console->writable);
	if (console->restore)
		tcsetattr(console->in_fd, TCSANOW, &console->saved);
	close_fd(console->in_fd);
	close_fd(console->out_fd);
	close_fd(console->pty_fd);
	pthread_mutex_destroy(&console->lock);
	free(console);
	return NULL;
}

const char *console_pty_path(const struct console *console)
{
	return console->pty_fd >= 0 ? console->pty_path : NULL;
}

/* inspection */

static int get_console(void *owner, const uint64_t *key, void *ret_info)
{
	struct console *console = owner;
	struct console_info *info = ret_info;

	if (!console)
		return -ENOENT;
	*info = (struct console_info){.kind = console->kind};
	if (console->pty_fd >= 0)
		memcpy(info->terminal, console->pty_path, sizeof(info->terminal));
	pthread_mutex_lock(&console->lock);
	info->failed = console->dead;
	info->written_bytes = console->written;
	info->dropped_bytes = console->dropped;
	info->waiting_bytes = (uint32_t)console->count;
	pthread_mutex_unlock(&console->lock);
	return 0;
}

static const char *const kinds[] = {
	[CONSOLE_NULL] = "null",
	[CONSOLE_STDIO] = "stdio",
	[CONSOLE_PTY] = "pty",
	[CONSOLE_FILE] = "file",
	NULL,
};

static const struct field console_fields[] = {
	{FIELD_E(struct console_info, kind, 0, kinds, "Where the line ends, as --serial says.")},
	{FIELD_S(struct console_info, terminal, FIELD_NULLABLE, "pty: the terminal to attach to.")},
	{FIELD_B(struct console_info, failed, 0,
		"Writing failed, as when the reader has gone: nothing is written any more.")},
	{FIELD_U(struct console_info, written_bytes, 0, "What the guest sent and the line took.")},
	{FIELD_U(
		struct console_info, waiting_bytes, 0, "Sent, and not taken yet: 64 KiB at most.")},
	{FIELD_U(struct console_info, dropped_bytes, 0,
		"Sent and lost, since the line did not take it in time or had failed.")},
};
static const struct field_table console_table = FIELD_TABLE(struct console_info, "serial",
	"The guest's first serial port, COM1, and what became of its output.", console_fields);

const struct node_class console_node_class = {
	.path = "serial",
	.fields = &console_table,
	.get = get_console,
};
