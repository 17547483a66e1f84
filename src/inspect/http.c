/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "inspect/http.h"

#include <errno.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include "common/cleanup.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/rcu.h"
#include "inspect/request.h"
#include "inspect/rest.h"
#include "inspect/server.h"
#include "inspect/stream.h"

/*
 * A request goes through
 *
 *	NEW -> RECEIVING -> HANDLED -> (SUSPENDED ->) QUEUED
 *
 * MHD calls on_request() at the end of the headers, for each piece of the body, at the end of the
 * body, and again after a resume. A reply may only be queued before the body starts (the
 * connection then closes, with or without a body) or when it is complete.
 *
 * What 0.9.75 does not do, and is done here: the raw target is taken before MHD decodes it;
 * ambiguous headers are refused; a connection that does not get its request out is hung up on; a
 * client that left while suspended is found by the heartbeat.
 */
enum request_state { REQUEST_NEW, REQUEST_RECEIVING, REQUEST_HANDLED, REQUEST_QUEUED };

enum {
	DRAIN_MAX = 1 << 20, /* an oversized body is read up to this, so that 413 can be heard */
	STREAM_BLOCK = 32 << 10, /* bytes MHD asks a stream for */
	RUNS_PER_WAKE = 8,
	UNREAD_SMALL = 16 << 10, /* a reply up to this is always given */
};

#define STOP_PATIENCE_NS NSEC_PER_SEC

struct listener {
	struct http *http;
	struct listener *next;
	struct request_door door;
	char *token, *unix_path; /* own */
	int fd;                  /* owns */
	struct MHD_Daemon *daemon;
	sd_event_source *io, *again; /* own */
};

/* One accepted connection. */
struct peer {
	TAILQ_ENTRY(peer) link;
	int fd;            /* borrows: MHD's */
	uint64_t since_ns; /* when the server began to wait for the client */
	bool busy;         /* the client waits for the server instead, or streams */
	uint32_t uid, pid;
};

struct http_request {
	struct request request;
	TAILQ_ENTRY(http_request) link; /* in http.streams while streaming */
	struct listener *listener;
	struct MHD_Connection *connection;
	struct peer *peer;
	enum request_state state;
	bool bad_target, close, stream_waits;
	bool streaming, counted;
	char *body; /* owns */
	size_t received, capacity;
	size_t unread; /* bytes of the reply, once it is queued; counted in http.unread */
};

struct http {
	struct inspect *inspect;
	struct http_limits limits;
	struct loop *loop; /* borrows */
	struct listener *listeners;
	pthread_t thread;
	bool started, stopping;
	struct loop_work stop_work;
	struct loop_timer *pump, *sweep; /* own */
	TAILQ_HEAD(, peer) peers;
	TAILQ_HEAD(, http_request) streams;
	unsigned active; /* handled, not completed */
	size_t unread;   /* bytes of replies that are queued */
	uint64_t stop_ns;
};

static uint64_t now_ns(void)
{
	return clock_now_ns(&clock_monotonic);
}

/* ---- bodies --------------------------------------------------------------------------------- */

/* Keeps what fits; what is beyond the limit is only counted. False: hang up. */
static bool receive(struct http_request *hr, const char *data, size_t size)
{
	if (hr->received + size > DRAIN_MAX)
		return false;
	if (hr->received + size <= HTTP_BODY_MAX) {
		if (hr->received + size > hr->capacity) {
			size_t capacity = MAX((size_t)1024, 2 * (hr->received + size));
			char *body = realloc(hr->body, capacity);

			if (!body)
				return false;
			hr->body = body;
			hr->capacity = capacity;
		}
		memcpy(hr->body + hr->received, data, size);
	}
	hr->received += size;
	return true;
}

/* ---- replies -------------------------------------------------------------------------------- */

static ssize_t read_stream(void *arg, uint64_t position, char *to, size_t size)
{
	struct http_request *hr = arg;
	struct stream *stream = hr->request.reply.stream;
	size_t taken = stream_take(stream, to, size);

	if (taken > 0)
		return (ssize_t)taken;
	if (stream_over(stream))
		return MHD_CONTENT_READER_END_OF_STREAM;
	/* Returning 0 alone would make MHD ask again at once, for ever. */
	hr->stream_waits = true;
	MHD_suspend_connection(hr->connection);
	return 0;
}

static void add_header(struct MHD_Response *response, const char *name, const char *value)
{
	if (value && value[0])
		(void)MHD_add_response_header(response, name, value);
}

static struct MHD_Response *make_response(struct http_request *hr)
{
	struct reply *reply = &hr->request.reply;
	struct writer *body = &reply->body;
	struct MHD_Response *response;

	if (reply->stream)
		return MHD_create_response_from_callback(
			MHD_SIZE_UNKNOWN, STREAM_BLOCK, read_stream, hr, NULL);
	if (!body->data)
		return MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
	response = MHD_create_response_from_buffer_with_free_callback(body->used, body->data, free);
	if (response)
		*body = (struct writer){0};
	return response;
}

static void start_streaming(struct http_request *hr)
{
	struct http *http = hr->listener->http;

	if (TAILQ_EMPTY(&http->streams))
		loop_timer_arm(http->pump, now_ns() + http->limits.pump_ns);
	TAILQ_INSERT_TAIL(&http->streams, hr, link);
	hr->streaming = true;
	atomic_fetch_add(&http->inspect->streams, 1);
}

static bool too_many_streams(struct http *http)
{
	return atomic_load(&http->inspect->streams) >= http->limits.streams;
}

/* Clients that ask and do not read would have us keep 32 MiB each. */
static bool too_much_unread(const struct http *http, const struct reply *reply)
{
	return http->unread > 0 && reply->body.capacity > UNREAD_SMALL &&
	       http->unread + reply->body.capacity > http->limits.unread_bytes;
}

/* Counts the reply until its request is completed. */
static void count_unread(struct http_request *hr)
{
	struct http *http = hr->listener->http;
	struct reply *reply = &hr->request.reply;

	if (too_much_unread(http, reply)) {
		writer_deinit(&reply->body);
		problem(reply, PROBLEM_TOO_MUCH_UNREAD, "%zu bytes", http->unread);
	}
	hr->unread = reply->body.capacity;
	http->unread += hr->unread;
}

static enum MHD_Result send_reply(struct http_request *hr)
{
	struct http *http = hr->listener->http;
	struct reply *reply = &hr->request.reply;
	struct MHD_Response *response;
	enum MHD_Result result;

	if (reply->stream && too_many_streams(http)) {
		reply->stream = stream_free(reply->stream);
		problem(reply, PROBLEM_TOO_MANY_STREAMS, "%u are open", http->limits.streams);
	}
	count_unread(hr);
	rest_finished(&hr->request);
	response = make_response(hr);
	if (!response)
		return MHD_NO;
	add_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, reply->type);
	add_header(response, MHD_HTTP_HEADER_ALLOW, reply->allow);
	if (reply->stream)
		add_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	if (reply->status == 429 || reply->status == 503)
		add_header(response, MHD_HTTP_HEADER_RETRY_AFTER, "1");
	if (hr->close || http->stopping)
		add_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
	hr->peer->busy = reply->stream != NULL;
	hr->peer->since_ns = now_ns();
	if (reply->stream)
		start_streaming(hr);
	hr->state = REQUEST_QUEUED;
	result = MHD_queue_response(hr->connection, reply->status, response);
	MHD_destroy_response(response);
	return result;
}

/* MHD does not wake itself when it is polled from outside: its turn must be asked for. */
static void resume(struct http_request *hr)
{
	MHD_resume_connection(hr->connection);
	sd_event_source_set_enabled(hr->listener->again, SD_EVENT_ONESHOT);
}

/* The operation ended or its deadline passed: MHD calls on_request() again after this. */
static void on_answered(struct request *request)
{
	resume(container_of(request, struct http_request, request));
}

/* ---- requests ------------------------------------------------------------------------------- */

/* One pass over the header fields. */
struct header_scan {
	struct request_headers *headers;
	unsigned hosts, lengths, encodings, origins, tokens, types;
};

static enum MHD_Result scan_header(
	void *arg, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct header_scan *scan = arg;
	const struct {
		const char *name;
		const char **value;
		unsigned *count;
	} wanted[] = {
		{"Host", &scan->headers->host, &scan->hosts},
		{"Content-Length", NULL, &scan->lengths},
		{"Transfer-Encoding", NULL, &scan->encodings},
		{"Origin", &scan->headers->origin, &scan->origins},
		{"Authorization", &scan->headers->authorization, &scan->tokens},
		{"Content-Type", &scan->headers->content_type, &scan->types},
		{"Accept", &scan->headers->accept, NULL},
		{"Last-Event-ID", &scan->headers->last_event_id, NULL},
	};

	for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
		if (strcasecmp(name, wanted[i].name) != 0)
			continue;
		if (wanted[i].value)
			*wanted[i].value = value ? value : "";
		if (wanted[i].count)
			++*wanted[i].count;
		break;
	}
	return MHD_YES;
}

/* What two parsers could read in two ways is refused: request smuggling lives there. */
static const char *ambiguity(const struct header_scan *scan)
{
	if (scan->hosts > 1)
		return "there is more than one Host";
	if (scan->lengths > 1)
		return "there is more than one Content-Length";
	if (scan->encodings > 1)
		return "there is more than one Transfer-Encoding";
	if (scan->lengths > 0 && scan->encodings > 0)
		return "Content-Length and Transfer-Encoding exclude each other";
	if (scan->origins > 1 || scan->tokens > 1 || scan->types > 1)
		return "Origin, Authorization or Content-Type is given twice";
	return NULL;
}

static enum MHD_Result refuse(struct http_request *hr, enum problem_code code, const char *why)
{
	hr->close = true; /* where the next request starts cannot be trusted */
	hr->state = REQUEST_HANDLED;
	problem(&hr->request.reply, code, "%s", why);
	return send_reply(hr);
}

static enum MHD_Result handle(struct http_request *hr)
{
	struct http *http = hr->listener->http;

	hr->state = REQUEST_HANDLED;
	hr->counted = true;
	http->active++;
	hr->request.body = hr->body;
	hr->request.body_size = hr->received;
	if (http->stopping)
		problem(&hr->request.reply, PROBLEM_STOPPING, "hvd is stopping");
	else if (hr->received > HTTP_BODY_MAX)
		problem(&hr->request.reply, PROBLEM_BODY_TOO_LARGE, "%zu bytes", hr->received);
	else
		rest_handle(&hr->request);
	if (hr->request.operation) {
		hr->peer->busy = true;
		MHD_suspend_connection(hr->connection);
		return MHD_YES;
	}
	return send_reply(hr);
}

/* The headers are complete. */
static enum MHD_Result begin(
	struct http_request *hr, struct MHD_Connection *connection, const char *method)
{
	struct header_scan scan = {.headers = &hr->request.headers};
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(
		connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	const char *why;

	if (!info || !info->socket_context)
		return MHD_NO;
	hr->peer = info->socket_context;
	hr->connection = connection;
	hr->request.method = method;
	hr->request.peer_uid = hr->peer->uid;
	hr->request.peer_pid = hr->peer->pid;
	hr->state = REQUEST_RECEIVING;
	MHD_get_connection_values(connection, MHD_HEADER_KIND, scan_header, &scan);
	why = ambiguity(&scan);
	if (why)
		return refuse(hr, PROBLEM_BAD_HEADER, why);
	if (hr->bad_target)
		return refuse(hr, PROBLEM_BAD_TARGET, "the path cannot be split safely");
	/* A reply queued here would close the connection, even when no body follows. */
	return MHD_YES;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *url,
	const char *method, const char *version, const char *data, size_t *size, void **context)
{
	struct http_request *hr = *context;

	if (!hr)
		return MHD_NO; /* out of memory when the target came */
	if (hr->state == REQUEST_NEW)
		return begin(hr, connection, method);
	if (*size > 0) {
		bool ok = receive(hr, data, *size);

		*size = 0;
		return ok ? MHD_YES : MHD_NO;
	}
	if (hr->state == REQUEST_RECEIVING)
		return handle(hr);
	return hr->state == REQUEST_HANDLED ? send_reply(hr) : MHD_YES;
}

/* MHD calls this with the target as it was sent; what it returns becomes *context above. */
static void *on_target(void *cls, const char *raw, struct MHD_Connection *connection)
{
	struct listener *listener = cls;
	struct http_request *hr = malloc(sizeof(*hr));

	if (!hr)
		return NULL;
	/* All but the target, which is large and which target_parse() fills. */
	memset(hr, 0, offsetof(struct http_request, request.target));
	memset((char *)hr + offsetof(struct http_request, request.route), 0,
		sizeof(*hr) - offsetof(struct http_request, request.route));
	hr->listener = listener;
	hr->request.inspect = listener->http->inspect;
	hr->request.door = &listener->door;
	hr->request.answered = on_answered;
	hr->bad_target = !target_parse(raw, &hr->request.target);
	return hr;
}

static void leave_if_drained(struct http *http)
{
	if (http->stopping && http->active == 0)
		loop_exit(http->loop, 0);
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **context,
	enum MHD_RequestTerminationCode code)
{
	struct http_request *hr = *context;
	struct http *http;

	if (!hr)
		return;
	*context = NULL;
	http = hr->listener->http;
	if (hr->streaming) {
		TAILQ_REMOVE(&http->streams, hr, link);
		atomic_fetch_sub(&http->inspect->streams, 1);
	}
	if (hr->peer) {
		hr->peer->busy = false;
		hr->peer->since_ns = now_ns();
	}
	if (hr->counted)
		http->active--;
	http->unread -= hr->unread;
	reply_deinit(&hr->request.reply);
	free(hr->body);
	free(hr);
	leave_if_drained(http);
}

/* ---- connections ---------------------------------------------------------------------------- */

static void read_credentials(struct peer *peer)
{
	struct ucred credentials;
	socklen_t size = sizeof(credentials);

	peer->uid = UINT32_MAX;
	if (getsockopt(peer->fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0)
		return;
	peer->uid = credentials.uid;
	peer->pid = (uint32_t)credentials.pid;
}

static void connect_peer(struct http *http, struct MHD_Connection *connection, void **context)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(
		connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct peer *peer = info ? calloc(1, sizeof(*peer)) : NULL;

	*context = peer; /* NULL: requests of this connection are refused */
	if (!peer)
		return;
	peer->fd = info->connect_fd;
	peer->since_ns = now_ns();
	read_credentials(peer);
	if (TAILQ_EMPTY(&http->peers))
		loop_timer_arm(http->sweep, now_ns() + http->limits.idle_ns / 4);
	TAILQ_INSERT_TAIL(&http->peers, peer, link);
}

static void on_connection(void *cls, struct MHD_Connection *connection, void **context,
	enum MHD_ConnectionNotificationCode code)
{
	struct listener *listener = cls;
	struct peer *peer = *context;

	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		connect_peer(listener->http, connection, context);
	} else if (peer) {
		TAILQ_REMOVE(&listener->http->peers, peer, link);
		free(peer);
		*context = NULL;
	}
	/* MHD stops listening at its limit, and looks again only when it gets another turn. */
	if (code == MHD_CONNECTION_NOTIFY_CLOSED && listener->again)
		sd_event_source_set_enabled(listener->again, SD_EVENT_ONESHOT);
}

/*
 * Hangs up on whoever has been waited for too long: idle, sending a request byte by byte, or not
 * reading its reply. MHD sees the end of file and cleans up.
 */
static void on_sweep(void *arg)
{
	struct http *http = arg;
	uint64_t now = now_ns();
	struct peer *peer;

	if (http->stopping) {
		loop_exit(http->loop, 0); /* STOP_PATIENCE_NS is over */
		return;
	}
	TAILQ_FOREACH (peer, &http->peers, link) {
		if (!peer->busy && now - peer->since_ns >= http->limits.idle_ns)
			shutdown(peer->fd, SHUT_RDWR);
	}
	if (!TAILQ_EMPTY(&http->peers))
		loop_timer_arm(http->sweep, now + http->limits.idle_ns / 4);
}

static void on_pump(void *arg)
{
	struct http *http = arg;
	struct http_request *hr;

	TAILQ_FOREACH (hr, &http->streams, link) {
		if (!hr->stream_waits || !stream_ready(hr->request.reply.stream))
			continue;
		hr->stream_waits = false;
		resume(hr);
	}
	if (!TAILQ_EMPTY(&http->streams))
		loop_timer_arm(http->pump, now_ns() + http->limits.pump_ns);
}

/* ---- listeners ------------------------------------------------------------------------------ */

static int run_daemon(struct listener *listener)
{
	MHD_UNSIGNED_LONG_LONG timeout;

	for (unsigned i = 0; i < RUNS_PER_WAKE; i++) {
		if (MHD_run(listener->daemon) != MHD_YES)
			return -EIO;
		if (MHD_get_timeout(listener->daemon, &timeout) != MHD_YES || timeout > 0)
			return 0;
	}
	/* MHD has more to do: let the other sources have their turn first. */
	return sd_event_source_set_enabled(listener->again, SD_EVENT_ONESHOT);
}

static int on_readable(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	return run_daemon(arg);
}

static int on_again(sd_event_source *source, void *arg)
{
	return run_daemon(arg);
}

static void log_mhd(void *cls, const char *format, va_list args)
{
	char line[256];

	vsnprintf(line, sizeof(line), format, args);
	line[strcspn(line, "\n")] = '\0';
	log_debug("http: %s", line);
}

static int start_daemon(struct listener *listener)
{
	struct http *http = listener->http;
	const union MHD_DaemonInfo *info;
	int r;

	listener->daemon = MHD_start_daemon(
		MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL,
		on_request, listener, MHD_OPTION_EXTERNAL_LOGGER, log_mhd, NULL,
		MHD_OPTION_LISTEN_SOCKET, listener->fd, MHD_OPTION_URI_LOG_CALLBACK, on_target,
		listener, MHD_OPTION_NOTIFY_COMPLETED, on_completed, listener,
		MHD_OPTION_NOTIFY_CONNECTION, on_connection, listener, MHD_OPTION_CONNECTION_LIMIT,
		http->limits.connections, MHD_OPTION_CONNECTION_TIMEOUT, 0u,
		MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
	if (!listener->daemon)
		return -EIO;
	info = MHD_get_daemon_info(listener->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	if (!info)
		return -EIO;
	r = sd_event_add_io(loop_event(http->loop), &listener->io, info->epoll_fd, EPOLLIN,
		on_readable, listener);
	if (r >= 0)
		r = sd_event_add_defer(
			loop_event(http->loop), &listener->again, on_again, listener);
	if (r >= 0)
		r = sd_event_source_set_enabled(listener->again, SD_EVENT_OFF);
	return MIN(r, 0);
}

int http_add_listener(struct http *http, int fd, enum inspect_role role, bool tcp,
	const char *token, const char *unix_path)
{
	struct listener *listener = calloc(1, sizeof(*listener));

	if (!listener) {
		close(fd);
		return -ENOMEM;
	}
	listener->http = http;
	listener->fd = fd;
	listener->next = http->listeners;
	http->listeners = listener;
	if (token && !(listener->token = strdup(token)))
		return -ENOMEM;
	if (unix_path && !(listener->unix_path = strdup(unix_path)))
		return -ENOMEM;
	listener->door = (struct request_door){.role = role, .tcp = tcp, .token = listener->token};
	return 0;
}

static struct listener *listener_free(struct listener *listener)
{
	struct listener *next = listener->next;

	listener->io = sd_event_source_disable_unref(listener->io);
	listener->again = sd_event_source_disable_unref(listener->again);
	if (listener->daemon) {
		(void)MHD_quiesce_daemon(listener->daemon); /* the socket stays ours */
		MHD_stop_daemon(listener->daemon);
	}
	if (listener->fd >= 0)
		close(listener->fd);
	if (listener->unix_path)
		unlink(listener->unix_path);
	if (listener->token)
		explicit_bzero(listener->token, strlen(listener->token));
	free(listener->token);
	free(listener->unix_path);
	free(listener);
	return next;
}

/* ---- life ----------------------------------------------------------------------------------- */

static void *run_http(void *arg)
{
	struct http *http = arg;
	struct recorder *recorder = http->inspect->config.recorder;
	bool attached;
	int r;

	pthread_setname_np(pthread_self(), "http");
	rcu_thread_init();
	attached = recorder_attach(recorder, "http") == 0; /* else it shares a ring */
	r = loop_run(http->loop);
	if (r < 0)
		log_error("http: %s", strerror(-r));
	if (attached)
		recorder_detach(recorder);
	rcu_thread_exit();
	return NULL;
}

/* HTTP thread: no new connections, everybody gets an answer, streams an end record. */
static void begin_stop(struct loop_work *work)
{
	struct http *http = container_of(work, struct http, stop_work);
	struct http_request *hr;

	http->stopping = true;
	for (struct listener *listener = http->listeners; listener; listener = listener->next)
		(void)MHD_quiesce_daemon(listener->daemon);
	operations_abandon(&http->inspect->operations);
	TAILQ_FOREACH (hr, &http->streams, link)
		stream_end(hr->request.reply.stream, "stopping");
	on_pump(http);
	loop_timer_arm(http->sweep, now_ns() + STOP_PATIENCE_NS);
	leave_if_drained(http);
}

int http_new(struct inspect *inspect, const struct http_limits *limits, struct http **ret_http)
{
	struct http *http = calloc(1, sizeof(*http));
	int r;

	if (!http)
		return -ENOMEM;
	http->inspect = inspect;
	http->limits = *limits;
	http->loop = inspect->http_loop;
	http->stop_work.run = begin_stop;
	TAILQ_INIT(&http->peers);
	TAILQ_INIT(&http->streams);
	r = loop_timer_new(http->loop, on_pump, http, &http->pump);
	if (r == 0)
		r = loop_timer_new(http->loop, on_sweep, http, &http->sweep);
	if (r < 0) {
		http_free(http);
		return r;
	}
	*ret_http = http;
	return 0;
}

struct http *http_free(struct http *http)
{
	struct listener *listener;

	if (!http)
		return NULL;
	for (listener = http->listeners; listener;)
		listener = listener_free(listener);
	loop_timer_free(http->pump);
	loop_timer_free(http->sweep);
	free(http);
	return NULL;
}

int http_start(struct http *http)
{
	int r;

	for (struct listener *listener = http->listeners; listener; listener = listener->next) {
		r = start_daemon(listener);
		if (r < 0)
			return r;
	}
	r = pthread_create(&http->thread, NULL, run_http, http);
	http->started = r == 0;
	return -r;
}

void http_stop(struct http *http)
{
	struct listener *listener;

	if (http->started) {
		loop_defer(http->loop, &http->stop_work);
		pthread_join(http->thread, NULL);
		http->started = false;
	}
	for (listener = http->listeners; listener;)
		listener = listener_free(listener);
	http->listeners = NULL;
}
