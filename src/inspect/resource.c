/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "inspect/resource.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common/cleanup.h"
#include "common/parse.h"
#include "hvdef/hv_synic.h"
#include "inspect/json.h"
#include "inspect/server.h"

enum { LIMIT_DEFAULT = 100, LIMIT_MAX = 1000, CURSOR_BYTES = 96 };

#define OBJECT_TIMEOUT_DEFAULT_MS 1000
#define OBJECT_TIMEOUT_MAX_MS     5000

struct resource_query {
	uint64_t vtl;
	uint32_t limit;
	uint32_t timeout_ms;
	char cursor[CURSOR_BYTES];
};

#define PARAM_ROW_VTL                                                    \
	{                                                                \
		PARAM_U(struct resource_query, vtl, 0, HV_VTL_COUNT - 1, \
			"Virtual trust level, default 0")                \
	}
#define PARAM_ROW_LIMIT                                             \
	{                                                           \
		PARAM_U(struct resource_query, limit, 1, LIMIT_MAX, \
			"Most items of a page, default 100")        \
	}
#define PARAM_ROW_CURSOR                                             \
	{                                                            \
		PARAM_S(struct resource_query, cursor,               \
			"Where to go on: `next` of the page before") \
	}
#define PARAM_ROW_TIMEOUT                                                            \
	{                                                                            \
		PARAM_U(struct resource_query, timeout_ms, 1, OBJECT_TIMEOUT_MAX_MS, \
			"How long to wait for the VP, default 1000")                 \
	}

static const struct param vtl_rows[] = {PARAM_ROW_VTL};
static const struct param timeout_rows[] = {PARAM_ROW_TIMEOUT};
static const struct param page_rows[] = {PARAM_ROW_LIMIT, PARAM_ROW_CURSOR};
static const struct param vtl_page_rows[] = {PARAM_ROW_VTL, PARAM_ROW_LIMIT, PARAM_ROW_CURSOR};

static const struct param_table vtl_query = PARAM_TABLE(NULL, NULL, vtl_rows);
static const struct param_table timeout_query = PARAM_TABLE(NULL, NULL, timeout_rows);
static const struct param_table page_query = PARAM_TABLE(NULL, NULL, page_rows);
static const struct param_table vtl_page_query = PARAM_TABLE(NULL, NULL, vtl_page_rows);

static bool read_query(struct request *request, struct resource_query *ret_query)
{
	*ret_query = (struct resource_query){
		.limit = LIMIT_DEFAULT,
		.timeout_ms = OBJECT_TIMEOUT_DEFAULT_MS,
	};
	return !request->route->query || rest_query(request, ret_query);
}

/* ---- objects -------------------------------------------------------------------------------- */

/* "there is no port with connection_id 99", "there is no route with vp 0, sint 5" */
static void reply_absent(struct reply *reply, const struct resource *resource, const uint64_t *key)
{
	char keys[2 * RESOURCE_PATH_BYTES] = "";
	const char *name = resource->class->path;
	size_t used = 0;

	for (unsigned i = 0; i < resource->class->key_count && (name = strchr(name, '{')); i++) {
		name++;
		used += (size_t)snprintf(keys + used, sizeof(keys) - used, "%s%.*s %" PRIu64,
			i == 0 ? " with " : ", ", (int)strcspn(name, "}"), name, key[i]);
	}
	problem(reply, PROBLEM_NOT_FOUND, "there is no %s%s", resource->class->fields->name, keys);
}

static void reply_error(
	struct reply *reply, const struct resource *resource, const uint64_t *key, int error)
{
	if (error == -ENOENT)
		reply_absent(reply, resource, key);
	else if (error == -ETIMEDOUT)
		problem(reply, PROBLEM_TIMEOUT, "the VP did not answer in time");
	else
		problem(reply, PROBLEM_UNAVAILABLE, "%s", strerror(-error));
}

static void reply_info(struct reply *reply, const struct resource *resource, const void *info)
{
	json_write_info(reply_json(reply, 200, resource->class->fields->name),
		resource->class->fields, info);
}

static void get_now(const struct resource *resource, const uint64_t *key, struct reply *reply)
{
	CLEANUP(free) void *info = calloc(1, resource->class->fields->size);
	int r = info ? resource->class->get(resource->owner, key, info) : -ENOMEM;

	if (r < 0)
		reply_error(reply, resource, key, r);
	else
		reply_info(reply, resource, info);
}

struct get_operation {
	struct operation base;
	const struct resource *resource;
	uint64_t key[NODE_MAX_KEYS + 1];
	uint64_t deadline_ns;
};

static void run_get(struct operation *operation)
{
	struct get_operation *get = container_of(operation, struct get_operation, base);
	CLEANUP(free) void *info = calloc(1, get->resource->class->fields->size);
	int r = info ? resource_get_on_vcpu(
			       operation->inspect, get->resource, get->key, get->deadline_ns, info)
		     : -ENOMEM;

	if (r < 0)
		reply_error(&operation->reply, get->resource, get->key, r);
	else
		reply_info(&operation->reply, get->resource, info);
	operation_finish(operation);
}

static void get_later(struct request *request, const uint64_t *key, uint32_t timeout_ms)
{
	struct get_operation *get = operation_new(request, sizeof(*get));

	if (!get)
		return;
	get->resource = request->route->resource;
	memcpy(get->key, key, sizeof(get->key));
	get->deadline_ns = clock_now_ns(&clock_monotonic) + timeout_ms * NSEC_PER_MSEC;
	get->base.run = run_get;
	operation_submit(&get->base, OPERATION_ON_WORKER, get->deadline_ns);
}

static void handle_object(struct request *request)
{
	const struct resource *resource = request->route->resource;
	uint64_t key[NODE_MAX_KEYS + 1] = {0};
	struct resource_query query;

	if (!read_query(request, &query))
		return;
	if (!resource_parse_keys(
		    resource, request->match.key, request->match.key_count, query.vtl, key))
		problem(&request->reply, PROBLEM_NOT_FOUND,
			"the path has a key that no %s can have", resource->class->fields->name);
	else if (resource->class->on_vcpu)
		get_later(request, key, query.timeout_ms);
	else
		get_now(resource, key, &request->reply);
}

void resource_reply(struct inspect *inspect, const char *path, struct reply *reply)
{
	const uint64_t key[NODE_MAX_KEYS + 1] = {0};
	struct path_match match;

	if (path_find(&inspect->registry.tree, &path, 1, &match))
		get_now(match.node->value, key, reply);
	else
		problem(reply, PROBLEM_NOT_FOUND, "there is no %s", path);
}

/* ---- collections ---------------------------------------------------------------------------- */

/* A page while it is written. The cursor is the keys of the last item, joined by dots. */
struct page {
	struct writer *writer;
	const struct resource *resource;
	uint32_t limit, count;
	uint64_t last[NODE_MAX_KEYS];
	bool more;
};

static int visit_item(void *arg, const uint64_t *key, const void *info)
{
	struct page *page = arg;

	if (page->count == page->limit) {
		page->more = true;
		return 1;
	}
	json_write_info(page->writer, page->resource->class->fields, info);
	memcpy(page->last, key, page->resource->class->key_count * sizeof(*key));
	page->count++;
	return page->writer->failed;
}

static void write_next(struct page *page)
{
	char cursor[CURSOR_BYTES];
	int used = 0;

	writer_key(page->writer, "next");
	if (!page->more) {
		writer_null(page->writer);
		return;
	}
	for (unsigned i = 0; i < page->resource->class->key_count; i++)
		used += snprintf(cursor + used, sizeof(cursor) - (size_t)used, "%s%llu",
			i > 0 ? "." : "", (unsigned long long)page->last[i]);
	writer_string(page->writer, cursor);
}

/* Only what write_next() made, for this collection. */
static bool read_cursor(const struct resource *resource, char *cursor, uint64_t *after)
{
	unsigned count = 0;
	char *part;

	while ((part = strsep(&cursor, "."))) {
		if (count == resource->class->key_count ||
			parse_u64(part, 0, resource->key_max[count], &after[count]) < 0)
			return false;
		count++;
	}
	return count == resource->class->key_count;
}

static void reply_page(struct request *request, const uint64_t *key, unsigned fixed,
	const uint64_t *after, uint32_t limit)
{
	const struct resource *resource = request->route->resource;
	struct page page = {
		.writer = reply_json(&request->reply, 200, resource->list_schema),
		.resource = resource,
		.limit = limit,
	};
	/* Before the items: what changes while they are read is then also in the log after it. */
	uint64_t seq = recorder_head(request->inspect->config.recorder);

	writer_object_begin(page.writer);
	writer_key(page.writer, "items");
	writer_array_begin(page.writer);
	resource->class->list(resource->owner, key, fixed, after, visit_item, &page);
	writer_array_end(page.writer);
	writer_key_uint(page.writer, "seq", seq);
	write_next(&page);
	writer_object_end(page.writer);
}

static void handle_list(struct request *request)
{
	const struct resource *resource = request->route->resource;
	unsigned fixed = request->match.key_count;
	uint64_t key[NODE_MAX_KEYS + 1] = {0}, after[NODE_MAX_KEYS + 1] = {0};
	struct resource_query query;
	bool resumed;

	if (!read_query(request, &query))
		return;
	resumed = query.cursor[0] != '\0';
	if (resumed && !read_cursor(resource, query.cursor, after)) {
		problem_value(
			&request->reply, PROBLEM_BAD_VALUE, "?cursor", "cursor is not from here");
		return;
	}
	after[resource->class->key_count] = query.vtl;
	if (!resource_parse_keys(resource, request->match.key, fixed, query.vtl, key) ||
		(fixed > 0 && !resource_parent_exists(resource, key))) {
		problem(&request->reply, PROBLEM_NOT_FOUND, "there is no such collection");
		return;
	}
	reply_page(request, key, fixed, resumed ? after : NULL, query.limit);
}

/* ---- rows of the route table ---------------------------------------------------------------- */

void resource_routes(
	const struct resource *resource, struct route *ret_object, struct route *ret_list)
{
	const struct node_class *class = resource->class;

	*ret_object = (struct route){
		.method = "GET",
		.handle = handle_object,
		.query = class->on_vcpu     ? &timeout_query
			 : class->query_key ? &vtl_query
					    : NULL,
		.reply_schema = class->fields->name,
		.statuses = {200},
		.doc = class->fields->doc,
		.resource = resource,
	};
	*ret_list = (struct route){
		.method = "GET",
		.handle = handle_list,
		.query = class->query_key ? &vtl_page_query : &page_query,
		.reply_schema = resource->list_schema,
		.statuses = {200},
		.doc = class->fields->doc,
		.resource = resource,
	};
}
