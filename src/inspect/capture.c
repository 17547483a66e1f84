/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "inspect/capture.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "inspect/capture_stream.h"
#include "inspect/rest.h"
#include "inspect/server.h"
#include "vmm/vm.h"

struct capture_query {
	char payload[8];
	uint64_t relid, limit;
};

static const struct param capture_rows[] = {
	{PARAM_S(struct capture_query, payload,
		"Of each channel packet's payload: none, head (the first 64 bytes, the default) or full")},
	{PARAM_U(struct capture_query, relid, 1, VMBUS_RELID_MAX,
		"Only what concerns this channel")},
	{PARAM_U(struct capture_query, limit, 1, INT64_MAX,
		"The stream ends after so many packets")},
};
const struct param_table capture_query_table = PARAM_TABLE(NULL, NULL, capture_rows);

static bool read_payload(
	struct request *request, const char *text, enum capture_payload *ret_payload)
{
	static const char *const names[CAPTURE_PAYLOADS] = {"none", "head", "full"};

	if (text[0] == '\0') {
		*ret_payload = CAPTURE_PAYLOAD_HEAD;
		return true;
	}
	for (unsigned i = 0; i < CAPTURE_PAYLOADS; i++) {
		if (strcmp(text, names[i]) == 0) {
			*ret_payload = i;
			return true;
		}
	}
	problem_value(&request->reply, PROBLEM_BAD_VALUE, "?payload",
		"payload is none of none, head, full");
	return false;
}

static int new_stream(struct inspect *inspect, const struct capture_query *query,
	enum capture_payload payload, struct stream **ret_stream)
{
	struct vm *vm = inspect->config.vm;
	char application[64];
	const struct capture_stream_config config = {
		.application = application,
		.interface = vm->name,
		.payload = payload,
		.relid = (uint32_t)query->relid,
		.limit = query->limit,
		.heartbeat_ns = inspect->config.heartbeat_ns,
	};

	snprintf(application, sizeof(application), "hvd %s", inspect->version);
	return capture_stream_new(&vm->capture, &config, ret_stream);
}

static void open_stream(
	struct request *request, const struct capture_query *query, enum capture_payload payload)
{
	struct reply *reply = &request->reply;
	int r = new_stream(request->inspect, query, payload, &reply->stream);

	if (r == -EBUSY)
		problem(reply, PROBLEM_TOO_MANY_STREAMS, "%d captures are open",
			CAPTURE_READERS_MAX);
	else if (r < 0)
		problem(reply, PROBLEM_INTERNAL, "%s", strerror(-r));
}

void capture_handle(struct request *request)
{
	struct capture_query query = {0};
	enum capture_payload payload;

	if (!rest_query(request, &query) || !read_payload(request, query.payload, &payload))
		return;
	if (!request->inspect->config.vm) {
		problem(&request->reply, PROBLEM_UNAVAILABLE, "there is no VM");
		return;
	}
	request->reply.status = 200;
	request->reply.type = request->route->reply_type;
	if (strcmp(request->method, "GET") == 0)
		open_stream(request, &query, payload);
}
