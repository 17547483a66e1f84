/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "inspect/tree.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common/cleanup.h"
#include "common/parse.h"
#include "hvdef/hv_synic.h"
#include "inspect/glob.h"
#include "inspect/json.h"
#include "inspect/on_vcpu.h"
#include "inspect/operation.h"
#include "inspect/rest.h"
#include "inspect/server.h"

/*
 * Two trees walk in step: the templates (struct path_node, "vps" -> {vp} -> "sints" -> {sint}) and
 * the keys bound so far. A chain of keys, {vp}/{sint} of "routes", is listed by the class at its
 * end; the objects come in ascending order, so one pass opens and closes the levels in between.
 */
enum { NODES_MAX = 8192, DEPTH_MAX = 16, BATCH = 32, PATCH_VALUE_BYTES = 256 };

#define TIMEOUT_MAX_MS 5000

struct tree_query {
	uint32_t depth, timeout_ms;
	uint8_t vtl;
	char glob[GLOB_MAX_BYTES];
};

static const struct param tree_rows[] = {
	{PARAM_U(struct tree_query, depth, 0, DEPTH_MAX, "Levels below the node, default all")},
	{PARAM_S(struct tree_query, glob,
		"Only what matches, relative to the node: vps/*/sints/2, **/vector")},
	{PARAM_U(struct tree_query, timeout_ms, 1, TIMEOUT_MAX_MS,
		"How long to wait for VPs in all, default 1000")},
	{PARAM_U(struct tree_query, vtl, 0, HV_VTL_COUNT - 1,
		"Virtual trust level of nodes that have one, default 0")},
};
const struct param_table tree_query_table = PARAM_TABLE(NULL, NULL, tree_rows);

/* ---- where a path leads --------------------------------------------------------------------- */

struct place {
	const struct path_node *node;
	uint64_t key[NODE_MAX_KEYS + 1];
	unsigned keys;
	const struct resource *around; /* the object the node lives in, or NULL */
	const struct field *field;     /* a leaf, or NULL: the node */
	size_t base;                   /* of the struct that `field` is in, in the info struct */
};

/*
 * Below a node without an object the key is a number: words are the last keys of their class.
 */
static bool bind_key(struct place *place, const struct path_node *node, const char *text)
{
	const struct resource *resource = node->value;
	uint64_t value;

	if (place->keys == NODE_MAX_KEYS)
		return false;
	if (resource && resource_key_is_word(resource, place->keys)) {
		if (!resource_parse_key(resource, place->keys, text, &value))
			return false;
	} else if (parse_u64(text, 0, UINT64_MAX, &value) < 0) {
		return false;
	}
	place->key[place->keys++] = value;
	return true;
}

/* Goes down the members of the node's struct: "exits", "io". */
static bool find_leaf(struct place *place, const char *const *segment, unsigned count)
{
	const struct resource *resource = place->node->value;
	const struct field_table *table = resource ? resource->class->fields : NULL;

	for (unsigned i = 0; i < count; i++) {
		if (place->field)
			place->base += place->field->offset;
		place->field = table ? json_find_field(table, segment[i]) : NULL;
		if (!place->field)
			return false;
		table = place->field->type == FIELD_OBJECT ? place->field->table : NULL;
	}
	return true;
}

static bool keys_in_range(const struct place *place)
{
	const struct resource *resource = place->node->value;

	for (unsigned i = 0; resource && i < resource->class->key_count; i++) {
		if (place->key[i] > resource->key_max[i])
			return false;
	}
	return true;
}

static void pass(struct place *place, const struct path_node *next)
{
	const struct resource *resource = place->node->value;

	if (resource && resource->class->key_count > 0)
		place->around = resource;
	place->node = next;
}

static bool find_place(struct request *request, struct place *ret_place)
{
	const char *const *segment = request->target.segment + request->match.deep_from;
	unsigned count = request->target.count - request->match.deep_from;
	struct place place = {.node = &request->inspect->registry.tree};
	unsigned i;

	for (i = 0; i < count; i++) {
		const struct path_node *next = path_step(place.node, segment[i]);

		if (!next || (next->key && !bind_key(&place, next, segment[i])))
			break;
		pass(&place, next);
		if (!keys_in_range(&place))
			return false;
	}
	if (!find_leaf(&place, segment + i, count - i))
		return false;
	*ret_place = place;
	return true;
}

/* A walk below here needs the worker. */
static bool has_on_vcpu(const struct path_node *node)
{
	const struct resource *resource = node->value;

	if (resource && resource->on_vcpu)
		return true;
	for (const struct path_node *child = node->child; child; child = child->sibling) {
		if (has_on_vcpu(child))
			return true;
	}
	return false;
}

/* ---- the walk ------------------------------------------------------------------------------- */

struct walk {
	struct inspect *inspect;
	struct writer *writer;
	const struct glob *glob; /* NULL: everything */
	unsigned depth_max, nodes;
	uint8_t vtl;
	struct visits *visits; /* NULL: nothing here needs any */
	uint64_t deadline_ns;  /* of the visits */
};

/* One step of it. */
struct spot {
	const struct path_node *node;
	uint64_t key[NODE_MAX_KEYS + 1];
	unsigned keys, depth;
	glob_states states;
	bool whole; /* the glob has matched: everything from here on */
};

static void walk_node(struct walk *walk, const struct spot *spot, const void *info);

static void write_error(struct writer *w, const char *reason)
{
	writer_key_string(w, "$error", reason);
}

/* Below the depth that was asked for: there is something, and no failure. */
static void write_more(struct writer *w)
{
	writer_key_bool(w, "$more", true);
}

/* Whether what is below can be read: what the visit to its VP said. */
static int visited(const struct walk *walk, const struct resource *resource, const uint64_t *key)
{
	if (!walk->visits)
		return 0;
	return visits_result(walk->visits, resource, visits_vp(resource, key));
}

static int fetch(
	struct walk *walk, const struct resource *resource, const struct spot *spot, void *info)
{
	uint64_t key[NODE_MAX_KEYS + 1];
	int r = visited(walk, resource, spot->key);

	memcpy(key, spot->key, sizeof(key));
	key[resource->class->key_count] = walk->vtl;
	return r < 0 ? r : resource->class->get(resource->owner, key, info);
}

static bool wants_field(const struct walk *walk, const struct spot *spot, const struct field *field)
{
	return spot->whole ||
	       glob_done(walk->glob, glob_step(walk->glob, spot->states, field->name));
}

static bool wants_any_field(
	const struct walk *walk, const struct spot *spot, const struct field_table *table)
{
	for (size_t i = 0; i < table->count; i++) {
		if (wants_field(walk, spot, &table->fields[i]))
			return true;
	}
	return false;
}

static void write_wanted(struct walk *walk, const struct spot *spot,
	const struct field_table *table, const void *info)
{
	for (size_t i = 0; i < table->count; i++) {
		if (!wants_field(walk, spot, &table->fields[i]))
			continue;
		writer_key(walk->writer, table->fields[i].name);
		json_write_field(walk->writer, &table->fields[i], info);
	}
}

/* The node's own members. `info` is NULL when the snapshot has to be taken first. */
static void write_object(struct walk *walk, const struct spot *spot, const void *info)
{
	const struct resource *resource = spot->node->value;
	CLEANUP(free) void *own = NULL;
	int r = 0;

	if (!resource || !wants_any_field(walk, spot, resource->class->fields))
		return;
	walk->nodes++;
	if (!info) {
		own = calloc(1, resource->class->fields->size);
		r = own ? fetch(walk, resource, spot, own) : -ENOMEM;
		info = own;
	}
	if (r < 0)
		write_error(walk->writer, visits_error_name(r));
	else
		write_wanted(walk, spot, resource->class->fields, info);
}

/* Moves to a child; false when the glob has nothing there. */
static bool enter(const struct walk *walk, struct spot *spot, const struct path_node *node,
	const char *segment)
{
	spot->node = node;
	spot->depth++;
	if (spot->whole)
		return true;
	spot->states = glob_step(walk->glob, spot->states, segment);
	spot->whole = glob_done(walk->glob, spot->states);
	return spot->states != 0;
}

/* Writes the child unless nothing in it was wanted. */
static void walk_member(
	struct walk *walk, const struct spot *spot, const char *segment, const void *info)
{
	struct writer *w = walk->writer;
	size_t used = w->used, begun;
	bool comma = w->comma;

	writer_key(w, segment);
	begun = w->used;
	walk_node(walk, spot, info);
	if (!spot->whole && w->used == begun + strlen("{}")) {
		w->used = used;
		w->comma = comma;
	}
}

/* ---- collections ---------------------------------------------------------------------------- */

/* Items are copied out first: a list may hold a lock while it visits. */
struct batch {
	const struct resource *resource;
	unsigned count;
	uint64_t key[BATCH][NODE_MAX_KEYS + 1];
	char *info; /* BATCH of fields->size */
};

static int collect(void *arg, const uint64_t *key, const void *info)
{
	struct batch *batch = arg;
	const struct node_class *class = batch->resource->class;

	memcpy(batch->key[batch->count], key, class->key_count * sizeof(*key));
	memcpy(batch->info + batch->count * class->fields->size, info, class->fields->size);
	return ++batch->count == BATCH;
}

/* The levels of a chain of keys that are open: "routes": { "0": { "2": ... */
struct chain {
	const struct path_node *first;    /* the {key} node below the collection */
	const struct resource *resource;  /* at the end of the chain */
	struct spot spot;                 /* of the collection */
	struct spot level[NODE_MAX_KEYS]; /* entered, one for each open key */
	unsigned open;
	unsigned length; /* keys in the chain */
};

static void close_levels(struct walk *walk, struct chain *chain, unsigned keep)
{
	for (; chain->open > keep; chain->open--)
		writer_object_end(walk->writer);
}

static const struct path_node *chain_node(const struct chain *chain, unsigned index)
{
	const struct path_node *node = chain->first;

	for (unsigned i = 0; i < index; i++)
		node = path_key_child(node);
	return node;
}

/* How many of the open levels the item shares. */
static unsigned shared_levels(const struct chain *chain, const uint64_t *key)
{
	unsigned shared = 0;

	while (shared < chain->open && chain->level[shared].key[chain->spot.keys + shared] ==
					       key[chain->spot.keys + shared])
		shared++;
	return shared;
}

/* One item: opens the levels above it, then writes it. */
static void walk_item(struct walk *walk, struct chain *chain, const uint64_t *key, const void *info)
{
	unsigned level = shared_levels(chain, key);
	struct spot spot;
	char text[KEY_TEXT_BYTES];

	close_levels(walk, chain, level);
	for (;; level++) {
		spot = level == 0 ? chain->spot : chain->level[level - 1];
		spot.key[spot.keys++] = key[chain->spot.keys + level];
		resource_format_key(
			chain->resource, spot.keys - 1, spot.key[spot.keys - 1], info, text);
		if (!enter(walk, &spot, chain_node(chain, level), text))
			return;
		if (level == chain->length - 1)
			break;
		writer_key(walk->writer, text);
		writer_object_begin(walk->writer);
		chain->level[level] = spot;
		chain->open++;
	}
	walk_member(walk, &spot, text, info);
}

static const struct resource *chain_end(const struct path_node *node, unsigned *ret_length)
{
	unsigned length = 1;

	while (!node->value) {
		node = path_key_child(node);
		if (!node)
			return NULL;
		length++;
	}
	*ret_length = length;
	return node->value;
}

/* The walk starts at the collection, or a glob spells it out. */
static bool is_named(const struct resource *resource, const struct spot *spot)
{
	return !resource->class->by_name_only || spot->depth == 0 || !spot->whole;
}

static void walk_collection(
	struct walk *walk, const struct spot *spot, const struct path_node *first)
{
	struct chain chain = {.first = first, .spot = *spot};
	const struct resource *resource = chain.resource = chain_end(first, &chain.length);
	CLEANUP(free) char *info = NULL;
	struct batch batch = {.resource = resource};
	uint64_t key[NODE_MAX_KEYS + 1] = {0}, after[NODE_MAX_KEYS + 1];
	bool more = false;
	int r;

	if (!resource || !resource->class->list || spot->depth + chain.length > walk->depth_max ||
		!is_named(resource, spot)) {
		if (resource)
			write_more(walk->writer);
		return;
	}
	r = visited(walk, resource, spot->key);
	if (r < 0) {
		write_error(walk->writer, visits_error_name(r));
		return;
	}
	info = batch.info = calloc(BATCH, resource->class->fields->size);
	if (!info)
		return;
	memcpy(key, spot->key, spot->keys * sizeof(*key));
	key[resource->class->key_count] = walk->vtl;
	do {
		batch.count = 0;
		resource->class->list(
			resource->owner, key, spot->keys, more ? after : NULL, collect, &batch);
		for (unsigned i = 0; i < batch.count && walk->nodes < NODES_MAX; i++)
			walk_item(walk, &chain, batch.key[i],
				batch.info + i * resource->class->fields->size);
		more = batch.count == BATCH && walk->nodes < NODES_MAX && !walk->writer->failed;
		if (more)
			memcpy(after, batch.key[BATCH - 1], sizeof(after));
		after[resource->class->key_count] = walk->vtl;
	} while (more);
	close_levels(walk, &chain, 0);
	if (walk->nodes >= NODES_MAX)
		write_error(walk->writer, "truncated");
}

static void walk_children(struct walk *walk, const struct spot *spot)
{
	for (const struct path_node *child = spot->node->child; child; child = child->sibling) {
		struct spot below = *spot;

		if (child->key)
			walk_collection(walk, spot, child);
		else if (enter(walk, &below, child, child->name))
			walk_member(walk, &below, child->name, NULL);
	}
}

static void walk_node(struct walk *walk, const struct spot *spot, const void *info)
{
	writer_object_begin(walk->writer);
	if (spot->depth > walk->depth_max) {
		write_more(walk->writer);
	} else {
		write_object(walk, spot, info);
		walk_children(walk, spot);
	}
	writer_object_end(walk->writer);
}

/* ---- visits --------------------------------------------------------------------------------- */

static void note_visits(struct walk *walk, const struct spot *spot);

/* Notes what has to be visited for the objects below each VP. */
static void note_vps(struct walk *walk, const struct spot *spot, const struct path_node *child)
{
	const struct vm *vm = walk->inspect->config.vm;

	for (uint64_t vp = 0; vm && vp < vm->vp_count; vp++) {
		struct spot below = *spot;
		char text[24];

		below.key[below.keys++] = vp;
		snprintf(text, sizeof(text), "%" PRIu64, vp);
		if (enter(walk, &below, child, text))
			note_visits(walk, &below);
	}
}

/*
 * Which VPs the walk will need, before it starts. Objects that need one have the VP as their first
 * key. Further keys are not known yet: any might be wanted.
 */
static void note_visits(struct walk *walk, const struct spot *spot)
{
	const struct resource *resource = spot->node->value;

	if (spot->depth > walk->depth_max)
		return;
	if (resource && wants_any_field(walk, spot, resource->class->fields))
		visits_want(walk->visits, resource, visits_vp(resource, spot->key));
	for (const struct path_node *child = spot->node->child; child; child = child->sibling) {
		struct spot below = *spot;

		if (!has_on_vcpu(child))
			continue;
		if (child->key && spot->keys == 0) {
			note_vps(walk, spot, child);
		} else if (child->key) {
			below.node = child;
			below.depth++;
			below.whole = true;
			note_visits(walk, &below);
		} else if (enter(walk, &below, child, child->name)) {
			note_visits(walk, &below);
		}
	}
}

/* ---- requests ------------------------------------------------------------------------------- */

/* What to walk; handed to the worker when a VP has to be asked. */
struct job {
	struct place place;
	struct tree_query query;
	uint64_t deadline_ns;
};

static void reply_error(struct reply *reply, int error)
{
	if (error == -ENOENT)
		problem(reply, PROBLEM_NOT_FOUND, "there is no such node");
	else if (error == -ETIMEDOUT)
		problem(reply, PROBLEM_TIMEOUT, "the VP did not answer in time");
	else
		problem(reply, PROBLEM_UNAVAILABLE, "%s", strerror(-error));
}

/* A snapshot of the node's object, or NULL when there is none or it cannot be had. */
static int take_snapshot(struct walk *walk, const struct resource *resource,
	const struct place *place, void **ret_info)
{
	struct spot spot = {.node = place->node, .keys = place->keys};
	CLEANUP(free) void *info = calloc(1, resource->class->fields->size);
	int r;

	memcpy(spot.key, place->key, sizeof(spot.key));
	r = info ? fetch(walk, resource, &spot, info) : -ENOMEM;
	if (r == 0)
		*ret_info = TAKE_PTR(info);
	return r;
}

static void reply_leaf(struct walk *walk, const struct place *place, struct reply *reply)
{
	const struct resource *resource = place->node->value;
	CLEANUP(free) void *info = NULL;
	struct writer *w;
	int r;

	if (walk->visits) {
		visits_want(walk->visits, resource, visits_vp(resource, place->key));
		visits_go(walk->visits, walk->deadline_ns);
	}
	r = take_snapshot(walk, resource, place, &info);
	if (r < 0) {
		reply_error(reply, r);
		return;
	}
	w = reply_json(reply, 200, "leaf");
	writer_object_begin(w);
	writer_key(w, "value");
	json_write_field(w, place->field, (const char *)info + place->base);
	writer_object_end(w);
}

/* Objects named in the path must exist: {} would be an answer about nothing. */
static int check_exists(struct walk *walk, const struct place *place, void **ret_info)
{
	const struct resource *resource = place->node->value;
	CLEANUP(free) void *around = NULL;
	int r = 0;

	if (place->around)
		r = take_snapshot(walk, place->around, place, &around);
	if (r < 0 || !resource)
		return r;
	r = take_snapshot(walk, resource, place, ret_info);
	/* A VP that does not answer is told in the reply, beside what is known. */
	return r != -ENOENT && resource->on_vcpu ? 0 : r;
}

static void reply_node(
	struct walk *walk, const struct place *place, const char *glob_text, struct reply *reply)
{
	struct spot spot = {.node = place->node, .keys = place->keys, .whole = !glob_text[0]};
	CLEANUP(free) void *info = NULL;
	struct glob glob;
	int r;

	if (glob_text[0]) {
		if (!glob_parse(glob_text, &glob)) {
			problem_value(
				reply, PROBLEM_BAD_VALUE, "?glob", "glob has too many segments");
			return;
		}
		walk->glob = &glob;
		spot.states = glob_start(&glob);
	}
	memcpy(spot.key, place->key, sizeof(spot.key));
	if (walk->visits) {
		note_visits(walk, &spot);
		visits_go(walk->visits, walk->deadline_ns);
	}
	r = check_exists(walk, place, &info);
	if (r < 0) {
		reply_error(reply, r);
		return;
	}
	walk->writer = reply_json(reply, 200, "tree");
	walk_node(walk, &spot, info);
}

/* `visits` is NULL when no VP has to be asked. */
static void do_job(
	struct inspect *inspect, const struct job *job, struct visits *visits, struct reply *reply)
{
	struct walk walk = {
		.inspect = inspect,
		.depth_max = job->query.depth,
		.vtl = job->query.vtl,
		.visits = visits,
		.deadline_ns = job->deadline_ns,
	};

	if (job->place.field)
		reply_leaf(&walk, &job->place, reply);
	else
		reply_node(&walk, &job->place, job->query.glob, reply);
}

struct tree_operation {
	struct operation base;
	struct job job;
	struct visits visits;
};

static void run_tree(struct operation *operation)
{
	struct tree_operation *op = container_of(operation, struct tree_operation, base);

	do_job(operation->inspect, &op->job, &op->visits, &operation->reply);
	operation_finish(operation);
}

static void no_such_node(struct request *request)
{
	problem(&request->reply, PROBLEM_NOT_FOUND, "there is no such node");
}

void tree_get(struct request *request)
{
	struct job job = {.query.depth = DEPTH_MAX};
	struct tree_operation *op;

	job.query.timeout_ms = operation_patience_ms(request);
	if (!rest_query(request, &job.query))
		return;
	if (!find_place(request, &job.place)) {
		no_such_node(request);
		return;
	}
	job.deadline_ns = clock_now_ns(&clock_monotonic) + job.query.timeout_ms * NSEC_PER_MSEC;
	if (!has_on_vcpu(job.place.node)) {
		do_job(request->inspect, &job, NULL, &request->reply);
		return;
	}
	op = operation_new(request, sizeof(*op));
	if (!op)
		return;
	op->job = job;
	op->visits.inspect = request->inspect;
	op->base.run = run_tree;
	operation_submit_read(&op->base, job.deadline_ns);
}

/* ---- PATCH ---------------------------------------------------------------------------------- */

struct patch_operation {
	struct operation base;
	struct place place;
	char value[PATCH_VALUE_BYTES];
};

static void run_patch(struct operation *operation)
{
	struct patch_operation *op = container_of(operation, struct patch_operation, base);
	const struct resource *resource = op->place.node->value;
	struct walk walk = {.inspect = operation->inspect};
	int r = resource->class->set(resource->owner, op->place.key, op->place.field, op->value);

	if (r < 0)
		reply_error(&operation->reply, r);
	else
		reply_leaf(&walk, &op->place, &operation->reply);
	operation_finish(operation);
}

static bool is_writable(const struct place *place)
{
	const struct resource *resource = place->node->value;

	return place->field && (place->field->flags & FIELD_WRITABLE) && resource->class->set &&
	       place->field->size <= PATCH_VALUE_BYTES;
}

/* {"value": X} and nothing else, X fit for the leaf. */
static bool read_value(struct request *request, const struct field *field, void *ret_value)
{
	json_auto_t *body = json_parse_body(request->body, request->body_size, &request->reply);
	const char *key;
	json_t *value;

	if (!body)
		return false;
	json_object_foreach(body, key, value)
	{
		char pointer[80];

		if (strcmp(key, "value") == 0)
			continue;
		snprintf(pointer, sizeof(pointer), "/%.64s", key);
		problem_value(
			&request->reply, PROBLEM_UNKNOWN_KEY, pointer, "only value is known here");
		return false;
	}
	value = json_object_get(body, "value");
	if (value && json_read_field(field, value, ret_value))
		return true;
	problem_value(&request->reply, PROBLEM_BAD_VALUE, "/value", "%s does not take this value",
		field->name);
	return false;
}

void tree_patch(struct request *request)
{
	char value[PATCH_VALUE_BYTES] = {0};
	struct patch_operation *op;
	struct place place;

	if (!find_place(request, &place)) {
		no_such_node(request);
		return;
	}
	if (!is_writable(&place)) {
		problem(&request->reply, PROBLEM_METHOD_NOT_ALLOWED, "this is not a writable leaf");
		snprintf(request->reply.allow, sizeof(request->reply.allow), "GET, HEAD");
		return;
	}
	if (!read_value(request, place.field, value))
		return;
	op = operation_new(request, sizeof(*op));
	if (!op)
		return;
	op->place = place;
	memcpy(op->value, value, sizeof(value));
	op->base.run = run_patch;
	operation_submit(&op->base, OPERATION_ON_MAIN,
		clock_now_ns(&clock_monotonic) + TIMEOUT_MAX_MS * NSEC_PER_MSEC);
}
