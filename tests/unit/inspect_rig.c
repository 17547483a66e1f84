/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "inspect_rig.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "common/rcu.h"

/* The server gives up first. */
enum { ANSWER_PATIENCE_MS = 3 * RIG_PATIENCE_MS };

void rig_init(struct rig *rig)
{
	*rig = (struct rig){0};
	snprintf(rig->directory, sizeof(rig->directory), "/tmp/hvd-test-XXXXXX");
	assert_non_null(mkdtemp(rig->directory));
	snprintf(rig->path[RIG_API], sizeof(rig->path[0]), "%s/api.sock", rig->directory);
	snprintf(rig->path[RIG_READ_ONLY], sizeof(rig->path[0]), "%s/ro.sock", rig->directory);
	assert_int_equal(recorder_new(&clock_monotonic, RIG_RECORDS, &rig->recorder), 0);
	assert_int_equal(loop_new(&rig->loop), 0);
}

static void *run_main_loop(void *arg)
{
	struct rig *rig = arg;

	rcu_thread_init();
	loop_run(rig->loop);
	rcu_thread_exit();
	return NULL;
}

void rig_serve(struct rig *rig, struct vm *vm, struct injector *injector,
	const struct node_provider *providers)
{
	const struct inspect_config config = {
		.vm = vm,
		.bus = rig->bus,
		.injector = injector,
		.recorder = rig->recorder,
		.previous_log_fd = rig->previous_log_fd,
		.loop = rig->loop,
		.version = "0.0-test",
		.runtime_dir = rig->directory,
		.idle_ns = rig->idle_ms * NSEC_PER_MSEC,
		.unread_bytes = RIG_UNREAD_BYTES,
		.patience_ns = (rig->patience_ms ? rig->patience_ms : RIG_PATIENCE_MS) *
			       NSEC_PER_MSEC,
		.heartbeat_ns = 100 * NSEC_PER_MSEC,
	};

	assert_int_equal(inspect_new(&config, &rig->inspect), 0);
	for (; providers && providers->class; providers++)
		assert_int_equal(inspect_add_provider(rig->inspect, providers), 0);
	assert_int_equal(
		inspect_listen_unix(rig->inspect, rig->path[RIG_API], INSPECT_READ_WRITE), 0);
	assert_int_equal(
		inspect_listen_unix(rig->inspect, rig->path[RIG_READ_ONLY], INSPECT_READ_ONLY), 0);
	assert_int_equal(
		inspect_listen_tcp(rig->inspect, "127.0.0.1", 0, RIG_TOKEN, &rig->port), 0);
	assert_int_equal(inspect_start(rig->inspect), 0);
	inspect_set_ready(rig->inspect, true);
	assert_int_equal(pthread_create(&rig->main_thread, NULL, run_main_loop, rig), 0);
}

static void leave(struct loop_work *work)
{
	loop_exit(container_of(work, struct rig, leave)->loop, 0);
}

void rig_stop(struct rig *rig)
{
	if (rig->stopped)
		return;
	rig->stopped = true;
	rig->leave.run = leave;
	loop_defer(rig->loop, &rig->leave);
	pthread_join(rig->main_thread, NULL);
	inspect_stop(rig->inspect);
}

void rig_free(struct rig *rig)
{
	rig_stop(rig);
	inspect_free(rig->inspect);
	loop_free(rig->loop);
	recorder_free(rig->recorder);
	assert_int_equal(rmdir(rig->directory), 0); /* the sockets are gone */
}

/* ---- the client ----------------------------------------------------------------------------- */

int rig_connect(struct rig *rig, enum rig_door door)
{
	struct sockaddr_un local = {.sun_family = AF_UNIX};
	struct sockaddr_in remote = {
		.sin_family = AF_INET,
		.sin_port = htons(rig->port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(door == RIG_TCP ? AF_INET : AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	if (door == RIG_TCP) {
		assert_int_equal(connect(fd, (struct sockaddr *)&remote, sizeof(remote)), 0);
	} else {
		snprintf(local.sun_path, sizeof(local.sun_path), "%s", rig->path[door]);
		assert_int_equal(connect(fd, (struct sockaddr *)&local, sizeof(local)), 0);
	}
	return fd;
}

void rig_send(int fd, const char *text)
{
	size_t size = strlen(text);

	while (size > 0) {
		ssize_t n = send(fd, text, size, MSG_NOSIGNAL);

		if (n < 0)
			return; /* the server hung up: the test looks at that */
		text += n;
		size -= (size_t)n;
	}
}

/* One byte, or -1 at the end. A server that says nothing fails the test. */
static int read_byte(int fd)
{
	struct pollfd wait = {.fd = fd, .events = POLLIN};
	unsigned char byte;

	assert_int_equal(poll(&wait, 1, ANSWER_PATIENCE_MS), 1);
	return read(fd, &byte, 1) == 1 ? byte : -1;
}

static bool read_headers(int fd, char *text, size_t size)
{
	size_t used = 0;
	int byte;

	while (used < 4 || memcmp(text + used - 4, "\r\n\r\n", 4) != 0) {
		byte = read_byte(fd);
		if (byte < 0)
			return false;
		assert_true(used + 1 < size);
		text[used++] = (char)byte;
	}
	text[used] = '\0';
	return true;
}

const char *answer_header(const struct answer *answer, const char *name, char text[128])
{
	const char *line = strstr(answer->headers, "\r\n");

	for (; line; line = strstr(line + 2, "\r\n")) {
		const char *field = line + 2;

		if (strncasecmp(field, name, strlen(name)) != 0 || field[strlen(name)] != ':')
			continue;
		field += strlen(name) + 1;
		field += strspn(field, " ");
		snprintf(text, 128, "%.*s", (int)strcspn(field, "\r"), field);
		return text;
	}
	return NULL;
}

static void read_exactly(int fd, char *to, size_t size)
{
	while (size > 0) {
		struct pollfd wait = {.fd = fd, .events = POLLIN};
		ssize_t n;

		assert_int_equal(poll(&wait, 1, ANSWER_PATIENCE_MS), 1);
		n = read(fd, to, size);
		assert_true(n > 0);
		to += n;
		size -= (size_t)n;
	}
}

bool rig_receive(int fd, struct answer *ret_answer)
{
	struct answer answer = {0};
	char value[128];

	if (!read_headers(fd, answer.headers, sizeof(answer.headers)))
		return false;
	assert_int_equal(sscanf(answer.headers, "HTTP/1.%*c %u", &answer.status), 1);
	if (answer.status == 100)
		return rig_receive(fd, ret_answer);
	if (answer_header(&answer, "Content-Length", value)) {
		answer.size = strtoul(value, NULL, 10);
		answer.text = calloc(1, answer.size + 1);
		assert_non_null(answer.text);
		read_exactly(fd, answer.text, answer.size);
		answer.json = json_loadb(answer.text, answer.size, JSON_REJECT_DUPLICATES, NULL);
	}
	*ret_answer = answer;
	return true;
}

void answer_free(struct answer *answer)
{
	json_decref(answer->json);
	free(answer->text);
	*answer = (struct answer){0};
}

struct answer rig_call_with(struct rig *rig, enum rig_door door, const char *method,
	const char *target, const char *headers, const char *body)
{
	int fd = rig_connect(rig, door);
	struct answer answer;
	char head[8192];

	snprintf(head, sizeof(head), "%s %s HTTP/1.1\r\nHost: localhost\r\n%s", method, target,
		headers);
	rig_send(fd, head);
	if (body) {
		snprintf(head, sizeof(head), "Content-Length: %zu\r\n%s\r\n", strlen(body),
			strstr(headers, "Content-Type") ? ""
							: "Content-Type: application/json\r\n");
		rig_send(fd, head);
		rig_send(fd, body);
	} else {
		rig_send(fd, "\r\n");
	}
	if (!rig_receive(fd, &answer))
		fail_msg("%s %s: no reply", method, target);
	close(fd);
	return answer;
}

struct answer rig_call(struct rig *rig, enum rig_door door, const char *method, const char *target,
	const char *body)
{
	return rig_call_with(rig, door, method, target, "", body);
}

bool rig_hung_up(int fd, int ms)
{
	struct pollfd wait = {.fd = fd, .events = POLLIN};
	char rest[1024];

	while (poll(&wait, 1, ms) == 1) {
		if (read(fd, rest, sizeof(rest)) <= 0)
			return true;
	}
	return false;
}

bool rig_chunk(int fd, char *text, size_t size)
{
	char length[32];
	size_t used = 0, chunk;
	int byte;

	while ((byte = read_byte(fd)) != '\n') {
		assert_true(byte >= 0 && used < sizeof(length) - 1);
		length[used++] = (char)byte;
	}
	length[used] = '\0';
	chunk = strtoul(length, NULL, 16);
	assert_true(chunk < size);
	read_exactly(fd, text, chunk);
	text[chunk] = '\0';
	read_exactly(fd, length, 2);
	return chunk > 0;
}

const char *rig_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	assert_non_null(text);
	return text;
}

void rig_expect_problem(const struct answer *answer, unsigned status, const char *code)
{
	char type[128];

	assert_non_null(answer->json);
	assert_int_equal(answer->status, status);
	assert_string_equal(json_string_value(json_object_get(answer->json, "code")), code);
	assert_int_equal(json_integer_value(json_object_get(answer->json, "status")), status);
	assert_non_null(answer_header(answer, "Content-Type", type));
	assert_string_equal(type, "application/problem+json");
}

const char *rig_pointer(const struct answer *answer)
{
	const json_t *errors = json_object_get(answer->json, "errors");

	assert_int_equal(json_array_size(errors), 1);
	return json_string_value(json_object_get(json_array_get(errors, 0), "pointer"));
}
