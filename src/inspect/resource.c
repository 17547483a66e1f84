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
#include "inspect/on_vcpu.h"
#include "inspect/server.h"

enum { LIMIT_DEFAULT = 100, LIMIT_MAX = 1000, CURSOR_BYTES = 96 };

#define OBJECT_TIMEOUT_MAX_MS 5000

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
			"How long to wait for VPs that must be asked, default 1000") \
	}

static const struct param vtl_rows[] = {PARAM_ROW_VTL};
static const struct param timeout_rows[] = {PARAM_ROW_TIMEOUT};
static const struct param vtl_timeout_rows[] = {PARAM_ROW_VTL, PARAM_ROW_TIMEOUT};
static const struct param page_rows[] = {PARAM_ROW_LIMIT, PARAM_ROW_CURSOR};
static const struct param vtl_page_rows[] = {PARAM_ROW_VTL, PARAM_ROW_LIMIT, PARAM_ROW_CURSOR};
static const struct param vtl_timeout_page_rows[] = {
	PARAM_ROW_VTL, PARAM_ROW_TIMEOUT, PARAM_ROW_LIMIT, PARAM_ROW_CURSOR};

static const struct param_table vtl_query = PARAM_TABLE(NULL, NULL, vtl_rows);
static const struct param_table timeout_query = PARAM_TABLE(NULL, NULL, timeout_rows);
static const struct param_table vtl_timeout_query = PARAM_TABLE(NULL, NULL, vtl_timeout_rows);
static const struct param_table page_query = PARAM_TABLE(NULL, NULL, page_rows);
static const struct param_table vtl_page_query = PARAM_TABLE(NULL, NULL, vtl_page_rows);
static const struct param_table vtl_timeout_page_query = PARAM_TABLE(
	NULL, NULL, vtl_timeout_page_rows);

static uint64_t deadline_in(uint32_t timeout_ms)
{
	return clock_now_ns(&clock_monotonic) + timeout_ms * NSEC_PER_MSEC;
}

static bool read_query(struct request *request, struct resource_query *ret_query)
{
	*ret_query = (struct resource_query){
		.limit = LIMIT_DEFAULT,
		.timeout_ms = operation_patience_ms(request),
	};
	return !request->route->query || rest_query(request, ret_query);
}

/* ---- objects -------------------------------------------------------------------------------- */

/*
 * "there is no port with connection_id 99", "there is no route with vp 0, sint 5". A name that is
 * not known has no key: it never comes here, but for an object that went while it was looked at.
 */
static void reply_absent(struct reply *reply, const struct resource *resource, const uint64_t *key)
{
	char keys[2 * RESOURCE_PATH_BYTES] = "";
	const char *name = resource->class->path;
	size_t used = 0;

	for (unsigned i = 0; i < resource->class->key_count && (name = strchr(name, '{')); i++) {
		char text[KEY_TEXT_BYTES];

		name++;
		if (resource->name_key && i + 1 == resource->class->key_count)
			break;
		resource_format_key(resource, i, key[i], NULL, text);
		used += (size_t)snprintf(keys + used, sizeof(keys) - used, "%s%.*s %s",
			i == 0 ? " with " : ", ", (int)strcspn(name, "}"), name, text);
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
	struct visits visits;
};

static void run_get(struct operation *operation)
{
	struct get_operation *get = container_of(operation, struct get_operation, base);
	uint64_t vp = visits_vp(get->resource, get->key);
	int r;

	visits_want(&get->visits, get->resource, vp);
	visits_go(&get->visits, get->deadline_ns);
	r = visits_result(&get->visits, get->resource, vp);
	if (r < 0)
		reply_error(&operation->reply, get->resource, get->key, r);
	else
		get_now(get->resource, get->key, &operation->reply);
	operation_finish(operation);
}

static void get_later(struct request *request, const uint64_t *key, uint32_t timeout_ms)
{
	struct get_operation *get = operation_new(request, sizeof(*get));

	if (!get)
		return;
	get->resource = request->route->resource;
	memcpy(get->key, key, sizeof(get->key));
	get->visits.inspect = request->inspect;
	get->deadline_ns = deadline_in(timeout_ms);
	get->base.run = run_get;
	operation_submit_read(&get->base, get->deadline_ns);
}

static void reply_no_key(struct request *request)
{
	const struct resource *resource = request->route->resource;
	const char *what = resource->class->fields->name;

	if (resource->name_key)
		problem(&request->reply, PROBLEM_NOT_FOUND, "there is no %s %.80s", what,
			request->match.key[request->match.key_count - 1]);
	else
		problem(&request->reply, PROBLEM_NOT_FOUND,
			"the path has a key that no %s can have", what);
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
		reply_no_key(request);
	else if (resource->on_vcpu)
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

static const struct resource *find_resource(
	const struct inspect *inspect, const struct node_class *class)
{
	for (unsigned i = 0; i < inspect->registry.count; i++) {
		if (inspect->registry.resource[i]->class == class)
			return inspect->registry.resource[i];
	}
	return NULL;
}

void resource_reply_named(struct inspect *inspect, const struct node_class *class, const char *name,
	unsigned status, struct reply *reply)
{
	const struct resource *resource = find_resource(inspect, class);
	uint64_t key[NODE_MAX_KEYS + 1] = {0};

	if (!resource || !resource_parse_key(resource, 0, name, &key[0])) {
		problem(reply, PROBLEM_NOT_FOUND, "there is no %s %.80s", class->fields->name,
			name);
		return;
	}
	get_now(resource, key, reply);
	if (reply->status == 200)
		reply->status = status;
}

/* ---- collections ---------------------------------------------------------------------------- */

/* A VP of whose objects nothing is known. */
struct vp_error {
	uint32_t vp;
	int error;
};

/* A page while it is written. The cursor is the keys of the last item, joined by dots. */
struct page {
	struct writer *writer;
	const struct resource *resource;
	uint32_t limit, count;
	uint64_t last[NODE_MAX_KEYS];
	bool more;
	unsigned errors;
	struct vp_error error[VM_MAX_VPS];
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

/* What to list. */
struct page_query {
	const struct resource *resource;
	uint64_t key[NODE_MAX_KEYS + 1], after[NODE_MAX_KEYS + 1];
	unsigned fixed; /* keys given */
	bool resumed;   /* `after` is given */
	uint32_t limit;
};

static void list_items(const struct page_query *query, unsigned fixed, struct page *page)
{
	query->resource->class->list(query->resource->owner, query->key, fixed,
		query->resumed ? query->after : NULL, visit_item, page);
}

/* VPs whose objects may be on the page: from `first` up to and including `last`. */
static void vp_range(const struct page_query *query, const struct vm *vm, uint64_t *ret_first,
	uint64_t *ret_last)
{
	*ret_first = query->fixed > 0 ? query->key[0] : query->resumed ? query->after[0] : 0;
	*ret_last = query->fixed > 0 ? query->key[0] : vm->vp_count - 1;
}

/* VP by VP; notes the VPs of which nothing is known. */
static void list_visited(
	const struct page_query *query, const struct visits *visits, struct page *page)
{
	struct page_query of_vp = *query;
	uint64_t vp, last;

	vp_range(query, visits->inspect->config.vm, &vp, &last);
	for (; vp <= last && !page->more; vp++) {
		int r = visits_result(visits, query->resource, vp);

		of_vp.key[0] = vp;
		if (r == 0)
			list_items(&of_vp, MAX(query->fixed, 1U), page);
		else
			page->error[page->errors++] = (struct vp_error){(uint32_t)vp, r};
	}
}

static void write_errors(const struct page *page)
{
	writer_key(page->writer, "errors");
	writer_array_begin(page->writer);
	for (unsigned i = 0; i < page->errors; i++) {
		writer_object_begin(page->writer);
		writer_key_uint(page->writer, "vp", page->error[i].vp);
		writer_key_string(page->writer, "error", visits_error_name(page->error[i].error));
		writer_object_end(page->writer);
	}
	writer_array_end(page->writer);
}

/* `visits` is NULL when no VP has to be asked. */
static void reply_page(const struct page_query *query, struct inspect *inspect,
	const struct visits *visits, struct reply *reply)
{
	struct page page = {
		.writer = reply_json(reply, 200, query->resource->list_schema),
		.resource = query->resource,
		.limit = query->limit,
	};
	/* Before the items: what changes while they are read is then also in the log after it. */
	uint64_t seq = recorder_head(inspect->config.recorder);

	writer_object_begin(page.writer);
	writer_key(page.writer, "items");
	writer_array_begin(page.writer);
	if (visits)
		list_visited(query, visits, &page);
	else
		list_items(query, query->fixed, &page);
	writer_array_end(page.writer);
	if (query->resource->class->on_vcpu)
		write_errors(&page);
	writer_key_uint(page.writer, "seq", seq);
	write_next(&page);
	writer_object_end(page.writer);
}

struct list_operation {
	struct operation base;
	struct page_query query;
	uint64_t deadline_ns;
	struct visits visits;
};

static void run_list(struct operation *operation)
{
	struct list_operation *list = container_of(operation, struct list_operation, base);
	uint64_t vp, last;

	vp_range(&list->query, operation->inspect->config.vm, &vp, &last);
	for (; vp <= last; vp++)
		visits_want(&list->visits, list->query.resource, vp);
	visits_go(&list->visits, list->deadline_ns);
	reply_page(&list->query, operation->inspect, &list->visits, &operation->reply);
	operation_finish(operation);
}

static void list_later(struct request *request, const struct page_query *query, uint32_t timeout_ms)
{
	struct list_operation *list = operation_new(request, sizeof(*list));

	if (!list)
		return;
	list->query = *query;
	list->visits.inspect = request->inspect;
	list->deadline_ns = deadline_in(timeout_ms);
	list->base.run = run_list;
	operation_submit_read(&list->base, list->deadline_ns);
}

/* Keys and cursor; answers with a problem when they are none. */
static bool read_page_query(
	struct request *request, struct resource_query *query, struct page_query *ret_page)
{
	struct page_query page = {
		.resource = request->route->resource,
		.fixed = request->match.key_count,
		.resumed = query->cursor[0] != '\0',
		.limit = query->limit,
	};

	if (page.resumed && !read_cursor(page.resource, query->cursor, page.after)) {
		problem_value(
			&request->reply, PROBLEM_BAD_VALUE, "?cursor", "cursor is not from here");
		return false;
	}
	page.after[page.resource->class->key_count] = query->vtl;
	if (!resource_parse_keys(
		    page.resource, request->match.key, page.fixed, query->vtl, page.key) ||
		(page.fixed > 0 && !resource_parent_exists(page.resource, page.key))) {
		problem(&request->reply, PROBLEM_NOT_FOUND, "there is no such collection");
		return false;
	}
	*ret_page = page;
	return true;
}

static void handle_list(struct request *request)
{
	struct resource_query query;
	struct page_query page;

	if (!read_query(request, &query) || !read_page_query(request, &query, &page))
		return;
	if (page.resource->on_vcpu && request->inspect->config.vm)
		list_later(request, &page, query.timeout_ms);
	else
		reply_page(&page, request->inspect, NULL, &request->reply);
}

/* ---- rows of the route table ---------------------------------------------------------------- */

static const struct param_table *object_query(const struct node_class *class)
{
	if (class->query_key)
		return class->on_vcpu ? &vtl_timeout_query : &vtl_query;
	return class->on_vcpu ? &timeout_query : NULL;
}

static const struct param_table *list_query(const struct node_class *class)
{
	if (class->query_key)
		return class->on_vcpu ? &vtl_timeout_page_query : &vtl_page_query;
	return &page_query;
}

void resource_routes(
	const struct resource *resource, struct route *ret_object, struct route *ret_list)
{
	const struct node_class *class = resource->class;

	*ret_object = (struct route){
		.method = "GET",
		.handle = handle_object,
		.query = object_query(class),
		.reply_schema = class->fields->name,
		.statuses = {200},
		.doc = class->fields->doc,
		.resource = resource,
	};
	*ret_list = (struct route){
		.method = "GET",
		.handle = handle_list,
		.query = list_query(class),
		.reply_schema = resource->list_schema,
		.statuses = {200},
		.doc = class->fields->doc,
		.resource = resource,
	};
}
