/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The multi interface is used for one transfer at a time, because curl_multi_poll() can wait for
 * the SIGINT descriptor next to the socket; curl_easy_perform() notices an interrupt a second late.
 */
#include "cli/http.h"

#include <curl/curl.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli/interrupt.h"
#include "common/cleanup.h"
#include "common/clock.h"

enum {
	REPLY_MAX_BYTES = 64 << 20,
	POLL_MS = 1000,
	/* A stream has a heartbeat every 5 s: three missed ones are silence. */
	STREAM_SILENCE_S = 15,
};

struct http {
	CURLM *multi;              /* owns */
	CURL *easy;                /* owns; keeps the connection alive between requests */
	struct curl_slist *header; /* owns */
};

/* What the callbacks work on during one http_perform(). */
struct exchange {
	struct http *http;
	const struct http_request *request;
	struct http_reply *reply;
	bool stopped;
	bool too_large;
};

static bool reply_append(struct http_reply *reply, const char *data, size_t size)
{
	char *grown = realloc(reply->body, reply->size + size + 1);

	if (!grown)
		return false;
	memcpy(grown + reply->size, data, size);
	reply->body = grown;
	reply->size += size;
	reply->body[reply->size] = '\0';
	return true;
}

static size_t on_body(char *data, size_t size, size_t count, void *arg)
{
	struct exchange *exchange = arg;
	long status = 0;

	size *= count;
	curl_easy_getinfo(exchange->http->easy, CURLINFO_RESPONSE_CODE, &status);
	if (exchange->request->on_data && status >= 200 && status < 300) {
		exchange->stopped = !exchange->request->on_data(exchange->request->arg, data, size);
		return exchange->stopped ? 0 : size;
	}
	exchange->too_large = exchange->reply->size + size > REPLY_MAX_BYTES;
	if (exchange->too_large || !reply_append(exchange->reply, data, size))
		return 0;
	return size;
}

int http_new(const char *socket, struct http **ret_http)
{
	struct http *http;

	if (strlen(socket) >= sizeof(((struct sockaddr_un *)0)->sun_path))
		return -ENAMETOOLONG;
	http = calloc(1, sizeof(*http));
	if (!http)
		return -ENOMEM;
	http->multi = curl_multi_init();
	http->easy = curl_easy_init();
	http->header = curl_slist_append(NULL, "Content-Type: application/json");
	if (!http->multi || !http->easy || !http->header) {
		http_free(http);
		return -ENOMEM;
	}
	/* Host, proxy variables and ~/.netrc must not lead anywhere but to this socket. */
	if (curl_easy_setopt(http->easy, CURLOPT_UNIX_SOCKET_PATH, socket) != CURLE_OK ||
		curl_easy_setopt(http->easy, CURLOPT_PROTOCOLS_STR, "http") != CURLE_OK) {
		http_free(http);
		return -ENOMEM;
	}
	curl_easy_setopt(http->easy, CURLOPT_PROXY, "");
	curl_easy_setopt(http->easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(http->easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(http->easy, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(http->easy, CURLOPT_USERAGENT, "hvctl");
	curl_easy_setopt(http->easy, CURLOPT_WRITEFUNCTION, on_body);
	*ret_http = http;
	return 0;
}

struct http *http_free(struct http *http)
{
	if (!http)
		return NULL;
	curl_easy_cleanup(http->easy);
	curl_multi_cleanup(http->multi);
	curl_slist_free_all(http->header);
	free(http);
	return NULL;
}

void http_reply_deinit(struct http_reply *reply)
{
	free(reply->type);
	free(reply->body);
	*reply = (struct http_reply){0};
}

/* At least one: to curl, zero means for ever. */
static long to_curl_ms(uint64_t ns)
{
	uint64_t ms = MAX(ns / NSEC_PER_MSEC, UINT64_C(1));

	return (long)MIN(ms, (uint64_t)INT32_MAX);
}

static void set_deadline(CURL *easy, const struct http_request *request)
{
	long ms = to_curl_ms(request->timeout_ns);

	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, ms);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, request->stream ? 0L : ms);
	curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, request->stream ? 1L : 0L);
	curl_easy_setopt(
		easy, CURLOPT_LOW_SPEED_TIME, request->stream ? (long)STREAM_SILENCE_S : 0L);
}

static int set_request(struct http *http, struct exchange *exchange)
{
	const struct http_request *request = exchange->request;
	CLEANUP(free) char *url = NULL;
	CURL *easy = http->easy;

	/* The host is for the Host header only; the socket decides who answers. */
	if (asprintf(&url, "http://hvd%s", request->target) < 0) {
		url = NULL;
		return -ENOMEM;
	}
	if (curl_easy_setopt(easy, CURLOPT_URL, url) != CURLE_OK)
		return -ENOMEM;
	/* HTTPGET first: it takes back what an earlier request with a body has set. */
	curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, request->body ? http->header : NULL);
	if (request->body) {
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)strlen(request->body));
		if (curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, request->body) != CURLE_OK)
			return -ENOMEM;
	}
	curl_easy_setopt(easy, CURLOPT_NOBODY, strcmp(request->method, "HEAD") == 0 ? 1L : 0L);
	if (curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method) != CURLE_OK)
		return -ENOMEM;
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, exchange);
	set_deadline(easy, request);
	return 0;
}

/* Whether stdout is a pipe nobody reads any more: a stream may stay silent for long. */
static bool reader_left(void)
{
	struct pollfd descriptor = {.fd = STDOUT_FILENO};

	return poll(&descriptor, 1, 0) > 0 && (descriptor.revents & POLLERR);
}

/* One wait for the socket, SIGINT, a stream's reader, and what the side waits for. */
static int wait_turn(struct http *http, const struct http_request *request)
{
	struct http_wait wait = {.fd = -1, .timeout_ms = POLL_MS};
	struct curl_waitfd watched[3] = {
		{.fd = interrupt_fd(), .events = CURL_WAIT_POLLIN},
		{.fd = STDOUT_FILENO}, /* errors only */
	};
	unsigned count = request->stream ? 2 : 1;

	if (request->side && !request->side->turn(request->side->arg, &wait))
		return HTTP_E_STOPPED;
	if (wait.fd >= 0)
		watched[count++] = (struct curl_waitfd){.fd = wait.fd, .events = CURL_WAIT_POLLIN};
	return curl_multi_poll(http->multi, watched, count, wait.timeout_ms, NULL) == CURLM_OK
		       ? 0
		       : -EIO;
}

/* Drives the transfer to its end; SIGINT ends it early, and so does a stream's reader that left. */
static int drive(struct http *http, const struct http_request *request, CURLcode *ret_code)
{
	int running = 1, left, r = 0;
	CURLMsg *message;

	while (running > 0) {
		if (curl_multi_perform(http->multi, &running) != CURLM_OK)
			return -EIO;
		if (running > 0)
			r = wait_turn(http, request);
		if (interrupt_pending())
			return HTTP_E_INTERRUPTED;
		if (r != 0)
			return r;
		if (request->stream && reader_left()) {
			/* Ends us as the next write would, unless it is ignored or held. */
			raise(SIGPIPE);
			return interrupt_pending() ? HTTP_E_INTERRUPTED : -EPIPE;
		}
	}
	message = curl_multi_info_read(http->multi, &left);
	if (!message)
		return -EIO;
	*ret_code = message->data.result;
	return 0;
}

static int translate(const struct exchange *exchange, CURLcode code)
{
	if (exchange->stopped)
		return HTTP_E_STOPPED;
	if (exchange->too_large)
		return HTTP_E_TOO_LARGE;
	switch (code) {
	case CURLE_OK:
		return 0;
	case CURLE_COULDNT_CONNECT:
		return HTTP_E_CONNECT;
	case CURLE_OPERATION_TIMEDOUT:
		return HTTP_E_TIMEOUT;
	case CURLE_GOT_NOTHING:
	case CURLE_PARTIAL_FILE:
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
		return HTTP_E_CLOSED;
	case CURLE_OUT_OF_MEMORY:
	case CURLE_WRITE_ERROR:
		return -ENOMEM;
	default:
		return HTTP_E_BROKEN;
	}
}

static void read_reply_head(CURL *easy, struct http_reply *reply)
{
	const char *type = NULL;
	long error = 0;

	curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &reply->status);
	curl_easy_getinfo(easy, CURLINFO_CONTENT_TYPE, &type);
	curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &error);
	reply->error = (int)error;
	reply->type = strdup(type ? type : "");
}

int http_perform(
	struct http *http, const struct http_request *request, struct http_reply *ret_reply)
{
	struct http_reply reply = {0};
	struct exchange exchange = {.http = http, .request = request, .reply = &reply};
	uint64_t start_ns = clock_now_ns(&clock_monotonic);
	CURLcode code = CURLE_OK;
	int r;

	*ret_reply = reply;
	r = set_request(http, &exchange);
	if (r < 0)
		return r;
	if (curl_multi_add_handle(http->multi, http->easy) != CURLM_OK)
		return -EIO;
	r = drive(http, request, &code);
	curl_multi_remove_handle(http->multi, http->easy);
	read_reply_head(http->easy, &reply);
	reply.duration_ns = clock_now_ns(&clock_monotonic) - start_ns;
	if (r == 0 && !reply.body && !reply_append(&reply, "", 0))
		r = -ENOMEM;
	if (r == 0 && !reply.type)
		r = -ENOMEM;
	*ret_reply = reply;
	return r == 0 ? translate(&exchange, code) : r;
}
