/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Requests without HTTP around them: target, method, headers and body go straight to rest_handle().
 *
 * Input: lines "METHOD TARGET", "CONTENT-TYPE", then the body.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common/loop.h"
#include "common/record.h"
#include "fuzz.h"
#include "inspect/request.h"
#include "inspect/rest.h"
#include "inspect/server.h"
#include "inspect/stream.h"

static struct inspect *the_inspect(void)
{
	static struct inspect *inspect;
	struct inspect_config config = {.version = "fuzz"};

	if (inspect)
		return inspect;
	if (loop_new(&config.loop) < 0 ||
		recorder_new(&clock_monotonic, 16, &config.recorder) < 0 ||
		inspect_new(&config, &inspect) < 0)
		abort();
	return inspect;
}

static void on_answered(struct request *request)
{
}

/* Both loops run on this thread; without a machine nothing waits for longer than a turn. */
static void finish_operation(struct request *request)
{
	while (request->operation) {
		loop_run_ready(request->inspect->config.loop);
		loop_run_ready(request->inspect->http_loop);
	}
}

/* What any reply must be, however strange the request. */
static void check_reply(const struct request *request)
{
	const struct reply *reply = &request->reply;
	json_t *json;

	if (reply->stream)
		return;
	if (reply->status < 200 || reply->status > 599)
		abort();
	if (!reply->schema)
		return;
	json = json_loadb(reply->body.data, reply->body.used, JSON_REJECT_DUPLICATES, NULL);
	if (!json)
		abort();
	json_decref(json);
}

/* Takes the text up to the next newline off the front. */
static char *take_line(char **rest)
{
	static char nothing[] = "";
	char *line = strsep(rest, "\n");

	return line ? line : nothing;
}

static void handle(char *text, size_t size)
{
	static const struct request_door door = {.role = INSPECT_READ_WRITE};
	struct request *request = calloc(1, sizeof(*request));
	char *rest = text, *method = take_line(&rest), *target;

	if (!request)
		return;
	target = strchr(method, ' ');
	if (target)
		*target++ = '\0';
	request->inspect = the_inspect();
	request->door = &door;
	request->method = method;
	request->headers.content_type = take_line(&rest);
	request->body = rest ? rest : "";
	request->body_size = rest ? size - (size_t)(rest - text) : 0;
	request->answered = on_answered;
	if (target && target_parse(target, &request->target)) {
		rest_handle(request);
		finish_operation(request);
		rest_finished(request);
		check_reply(request);
	}
	reply_deinit(&request->reply);
	free(request);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	handle(text, size);
	free(text);
	return 0;
}
