/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "inspect/metrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common/cleanup.h"
#include "common/clock.h"
#include "inspect/json.h"
#include "inspect/on_vcpu.h"
#include "inspect/registry.h"
#include "inspect/rest.h"
#include "inspect/server.h"

/*
 * All samples of a metric must stand together, so the objects of a class are copied first and then
 * walked once per member. With 64 VPs that makes tens of thousands of lines: what an object's lines
 * have in common is formatted once.
 */
enum { OBJECTS_MAX = 2048, NAME_BYTES = 128 };

struct samples {
	const struct resource *resource;
	unsigned count, capacity;
	char *info;           /* owns; count times the size of one */
	struct writer labels; /* of all objects, one behind the other; what stands before a value */
	size_t *labels_end;   /* owns; by object */
};

static int keep(void *arg, const uint64_t *key, const void *info)
{
	struct samples *samples = arg;
	size_t size = samples->resource->class->fields->size;

	if (samples->count == samples->capacity) {
		unsigned capacity = samples->capacity ? 2 * samples->capacity : 16;
		char *grown = realloc(samples->info, capacity * size);

		if (!grown)
			return 1;
		samples->info = grown;
		samples->capacity = capacity;
	}
	memcpy(samples->info + samples->count * size, info, size);
	return ++samples->count == OBJECTS_MAX;
}

/* VP by VP, without those that did not answer. */
static void collect_visited(struct samples *samples, const struct visits *visits)
{
	const struct resource *resource = samples->resource;
	const struct vm *vm = visits->inspect->config.vm;

	for (uint64_t vp = 0; vm && vp < vm->vp_count; vp++) {
		const uint64_t key[NODE_MAX_KEYS + 1] = {vp};

		if (visits_result(visits, resource, vp) == 0)
			resource->class->list(resource->owner, key, 1, NULL, keep, samples);
	}
}

static void collect(struct samples *samples, const struct visits *visits)
{
	const struct resource *resource = samples->resource;
	const struct node_class *class = resource->class;
	const uint64_t key[NODE_MAX_KEYS + 1] = {0};
	CLEANUP(free) char *info = NULL;

	if (class->list && resource->on_vcpu) {
		collect_visited(samples, visits);
	} else if (class->list) {
		class->list(resource->owner, key, 0, NULL, keep, samples);
	} else if (class->key_count == 0 && visits_result(visits, resource, 0) == 0) {
		info = calloc(1, class->fields->size);
		if (info && class->get(resource->owner, key, info) == 0)
			keep(samples, key, info);
	}
}

/* {vp="0",sint="2"} and a space: the keys are members of the struct. */
static void write_labels(struct writer *w, const struct resource *resource, const char *info)
{
	const char *at = strchr(resource->class->path, '{');

	for (unsigned i = 0; at; i++, at = strchr(at + 1, '{')) {
		char name[32];
		const struct field *field;
		char key[KEY_TEXT_BYTES];

		snprintf(name, sizeof(name), "%.*s", (int)strcspn(at + 1, "}"), at + 1);
		field = json_find_field(resource->class->fields, name);
		resource_format_key(resource, i,
			field->type == FIELD_STRING ? 0 : json_field_value(field, info), info, key);
		writer_format(w, "%s%s=\"%s\"", i > 0 ? "," : "{", name, key);
	}
	writer_text(w, resource->class->key_count > 0 ? "} " : " ");
}

/* False: no memory. */
static bool make_labels(struct samples *samples)
{
	size_t size = samples->resource->class->fields->size;

	samples->labels_end = calloc(samples->count, sizeof(*samples->labels_end));
	if (!samples->labels_end)
		return false;
	for (unsigned i = 0; i < samples->count; i++) {
		write_labels(&samples->labels, samples->resource, samples->info + i * size);
		samples->labels_end[i] = samples->labels.used;
	}
	return !samples->labels.failed;
}

static bool is_number(const struct field *field)
{
	return field->type == FIELD_UINT || field->type == FIELD_BOOL;
}

static bool is_known(const struct field *field, const char *info)
{
	uint64_t unknown = field->size >= 8 ? UINT64_MAX : BIT64(field->size * 8) - 1;

	return !(field->flags & FIELD_NULLABLE) || json_field_value(field, info) != unknown;
}

/* One member of every object. `base` is where the struct of `field` starts in the info struct. */
static void write_metric(struct writer *w, const struct samples *samples, const char *name,
	const struct field *field, size_t base)
{
	size_t size = samples->resource->class->fields->size, start, end = 0;

	writer_format(w, "# HELP %s %.300s\n# TYPE %s untyped\n", name, field->doc, name);
	for (unsigned i = 0; i < samples->count; i++) {
		const char *info = samples->info + i * size;

		start = end;
		end = samples->labels_end[i];
		if (!is_known(field, info + base))
			continue;
		writer_text(w, name);
		writer_raw(w, samples->labels.data + start, end - start);
		writer_decimal(w, json_field_value(field, info + base));
		writer_text(w, "\n");
	}
}

static bool is_key(const struct resource *resource, const char *name)
{
	char braced[48];

	snprintf(braced, sizeof(braced), "{%s}", name);
	return strstr(resource->class->path, braced);
}

static void write_members(struct writer *w, const struct samples *samples, const char *prefix,
	const struct field_table *table, size_t base)
{
	for (size_t i = 0; i < table->count; i++) {
		const struct field *field = &table->fields[i];
		char name[NAME_BYTES];

		snprintf(name, sizeof(name), "%s_%s", prefix, field->name);
		if (field->type == FIELD_OBJECT && !(field->flags & FIELD_NULLABLE))
			write_members(w, samples, name, field->table, base + field->offset);
		else if (is_number(field) && !is_key(samples->resource, field->name))
			write_metric(w, samples, name, field, base);
	}
}

static void write_class(
	struct writer *w, const struct resource *resource, const struct visits *visits)
{
	struct samples samples = {.resource = resource};
	char prefix[NAME_BYTES];

	if (resource->class->by_name_only)
		return;
	collect(&samples, visits);
	snprintf(prefix, sizeof(prefix), "hvd_%s", resource->class->fields->name);
	if (samples.count > 0 && make_labels(&samples))
		write_members(w, &samples, prefix, resource->class->fields, 0);
	else if (samples.count > 0)
		w->failed = true;
	writer_deinit(&samples.labels);
	free(samples.labels_end);
	free(samples.info);
}

static void write_all(const struct visits *visits, struct reply *reply)
{
	const struct registry *registry = &visits->inspect->registry;
	struct writer *w = reply_json(reply, 200, NULL);

	reply->type = "text/plain; version=0.0.4";
	for (unsigned i = 0; i < registry->count; i++)
		write_class(w, registry->resource[i], visits);
}

/* An object without a list that belongs to a VP has no metrics. */
static bool is_shown(const struct resource *resource)
{
	const struct node_class *class = resource->class;

	return (class->list || class->key_count == 0) && !class->by_name_only;
}

static bool needs_visits(const struct registry *registry)
{
	for (unsigned i = 0; i < registry->count; i++) {
		if (registry->resource[i]->on_vcpu && is_shown(registry->resource[i]))
			return true;
	}
	return false;
}

static void want_all(struct visits *visits)
{
	const struct registry *registry = &visits->inspect->registry;
	const struct vm *vm = visits->inspect->config.vm;

	for (unsigned i = 0; i < registry->count; i++) {
		const struct resource *resource = registry->resource[i];

		for (uint64_t vp = 0; vm && vp < vm->vp_count && is_shown(resource); vp++)
			visits_want(visits, resource, vp);
	}
}

struct metrics_operation {
	struct operation base;
	struct visits visits;
	uint64_t deadline_ns;
};

static void run_metrics(struct operation *operation)
{
	struct metrics_operation *metrics = container_of(operation, struct metrics_operation, base);

	want_all(&metrics->visits);
	visits_go(&metrics->visits, metrics->deadline_ns);
	write_all(&metrics->visits, &operation->reply);
	operation_finish(operation);
}

void metrics_handle(struct request *request)
{
	const struct visits none = {.inspect = request->inspect};
	struct metrics_operation *metrics;

	if (!needs_visits(&request->inspect->registry)) {
		write_all(&none, &request->reply);
		return;
	}
	metrics = operation_new(request, sizeof(*metrics));
	if (!metrics)
		return;
	metrics->visits.inspect = request->inspect;
	metrics->deadline_ns = clock_now_ns(&clock_monotonic) +
			       request->inspect->config.patience_ns;
	metrics->base.run = run_metrics;
	operation_submit_read(&metrics->base, metrics->deadline_ns);
}
