/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "observe.h"

#include <ctype.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common/cleanup.h"

enum { NAME_BYTES = 160 };

/* ---- what counts ----------------------------------------------------------------------------- */

enum counting {
	COUNT_ALL,  /* each, in order */
	COUNT_RUNS, /* equal ones in a row are one: how many is a matter of time */
	COUNT_NONE, /* whether it happens at all is a matter of time */
};

/*
 * Every kind of record that a guest program may cause; any other fails the suite when it occurs, so
 * that whoever adds one says what can be compared.
 *
 * message.busy and eom tell whether the guest was faster than the next message; that pending flag,
 * EOM and retry work is for the guest programs to check. A periodic timer expires as often as the
 * guest takes time. Queue depths depend on how fast the guest empties its slot. One signal may serve
 * several packets. How often a fault strikes, and what the doctor sees of a run that is over so soon,
 * is a matter of time.
 */
static const struct kind {
	const char *event;
	enum counting counting;
	bool interrupts;        /* is an interrupt, or may cause one */
	const char *subject[2]; /* the arguments that, beside VP and SINT, tell streams apart */
	const char *time[4];    /* arguments that are times, or depend on them */
} kinds[] = {
	{"vm.state", COUNT_ALL, false, {NULL}, {NULL}},
	{"vp.state", COUNT_ALL, false, {NULL}, {NULL}},
	{"msr.write", COUNT_ALL, false, {"msr"}, {NULL}},
	{"msr.fault", COUNT_ALL, false, {"msr"}, {NULL}},
	{"hypercall", COUNT_ALL, false, {"control"}, {NULL}},
	{"hypercall.fault", COUNT_ALL, false, {NULL}, {NULL}},
	{"port.message", COUNT_ALL, false, {"connection_id"}, {NULL}},
	{"port.signal", COUNT_ALL, false, {"connection_id", "status"}, {NULL}},
	{"port.signal.fast", COUNT_ALL, false, {NULL}, {NULL}},
	{"port.fast_path_error", COUNT_ALL, false, {"connection_id"}, {NULL}},
	{"port.add", COUNT_ALL, false, {"connection_id"}, {NULL}},
	{"port.release", COUNT_ALL, false, {"connection_id"}, {NULL}},
	{"staged", COUNT_ALL, false, {NULL}, {"age_ns"}},
	{"message.delivered", COUNT_ALL, true, {NULL}, {"queue_depth", "latency_ns"}},
	{"message.busy", COUNT_NONE, false, {NULL}, {NULL}},
	{"message.dropped", COUNT_ALL, false, {NULL}, {NULL}},
	{"sint.assert", COUNT_ALL, true, {NULL}, {NULL}},
	{"sint.owed", COUNT_ALL, true, {NULL}, {NULL}},
	{"sint.ack", COUNT_NONE, false, {NULL}, {NULL}},
	{"eom", COUNT_NONE, false, {NULL}, {NULL}},
	{"event.flag", COUNT_ALL, true, {NULL}, {NULL}},
	{"stimer.expired", COUNT_RUNS, false, {NULL}, {"due_100ns", "late_100ns"}},
	{"stimer.delivered", COUNT_RUNS, true, {NULL}, {"waited_100ns"}},
	{"page", COUNT_ALL, false, {"msr"}, {NULL}},
	{"monitor", COUNT_ALL, false, {"monitor_id"}, {NULL}},
	{"synic.reset", COUNT_ALL, false, {NULL}, {NULL}},
	{"testdev", COUNT_ALL, false, {"connection_id"}, {NULL}},
	{"api", COUNT_ALL, false, {NULL}, {NULL}},
	{"crash", COUNT_ALL, false, {NULL}, {NULL}},
	{"ioctl.failed", COUNT_ALL, false, {"ioctl"}, {NULL}},
	{"vmbus.message", COUNT_ALL, false, {"direction", "relid"}, {NULL}},
	{"vmbus.refused", COUNT_ALL, false, {"relid"}, {NULL}},
	{"vmbus.channel", COUNT_ALL, false, {"relid"}, {NULL}},
	{"vmbus.connection", COUNT_ALL, false, {NULL}, {NULL}},
	{"vmbus.signal", COUNT_RUNS, false, {"direction", "relid"}, {NULL}},
	{"ic", COUNT_ALL, false, {"name"}, {NULL}},
	{"ic.answer", COUNT_RUNS, false, {"name"}, {"latency_ns"}},
	{"ic.freeze", COUNT_ALL, false, {NULL}, {NULL}},
	{"echo", COUNT_ALL, false, {"relid"}, {"sent", "received", "lost"}},
	{"fault.added", COUNT_ALL, false, {"kind"}, {"uid", "pid"}},
	{"fault.hit", COUNT_NONE, false, {NULL}, {NULL}},
	{"fault.ended", COUNT_ALL, false, {"kind"}, {"hits"}},
	{"doctor.finding", COUNT_NONE, false, {NULL}, {NULL}},
};

static const struct kind *find_kind(const char *event)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (strcmp(kinds[i].event, event) == 0)
			return &kinds[i];
	}
	return NULL;
}

/* ---- a run as it is read --------------------------------------------------------------------- */

struct reader {
	bool timed;
	json_t *streams; /* owns */
	json_t *held;    /* owns: by VP, VTL and SINT, what may yet be joined */
	json_t *pages;   /* owns: by VP and VTL, then by register: the pages it was on so far */
};

static bool is(const json_t *object, const char *key, const char *value)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text && strcmp(text, value) == 0;
}

static bool contains(const json_t *stream, const json_t *observation)
{
	const json_t *other;
	size_t i;

	json_array_foreach(stream, i, other)
	{
		if (json_equal(other, observation))
			return true;
	}
	return false;
}

static void add(
	struct reader *reader, const char *name, enum counting counting, json_t *observation)
{
	json_t *stream = json_object_get(reader->streams, name);

	if (!stream) {
		stream = json_array();
		json_object_set_new(reader->streams, name, stream);
	}
	if (reader->timed ? contains(stream, observation)
			  : counting == COUNT_RUNS &&
				    json_equal(observation,
					    json_array_get(stream, json_array_size(stream) - 1)))
		return;
	json_array_append(stream, observation);
}

/* ---- pages ----------------------------------------------------------------------------------- */

/* Of the partition, not of a VP. */
static bool is_partition_page(const json_t *record)
{
	const json_t *args = json_object_get(record, "args");

	return is(record, "type", "page") &&
	       (is(args, "msr", "HYPERCALL") || is(args, "msr", "REFERENCE_TSC"));
}

static bool is_page_register(const char *msr)
{
	static const char *const names[] = {
		"SIMP", "SIEFP", "HYPERCALL", "REFERENCE_TSC", "VP_ASSIST_PAGE"};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (strcmp(msr, names[i]) == 0)
			return true;
	}
	return false;
}

/*
 * Where a guest has free pages depends on its image and, with several VPs, on who asks first. What
 * can be compared is whether a register goes back to a page: pages are numbered as they come,
 * anew after a reset.
 */
static void name_page(json_t *pages, const char *msr, json_t *fields, const char *key)
{
	const char *text = json_string_value(json_object_get(fields, key));
	uint64_t value = text ? strtoull(text, NULL, 16) : 0, gpa = value & ~UINT64_C(0xfff);
	json_t *seen = json_object_get(pages, msr), *page;
	size_t number;

	if (value == 0)
		return;
	if (!seen) {
		seen = json_array();
		json_object_set_new(pages, msr, seen);
	}
	json_array_foreach(seen, number, page)
	{
		if ((uint64_t)json_integer_value(page) == gpa)
			break;
	}
	if (number == json_array_size(seen))
		json_array_append_new(seen, json_integer((json_int_t)gpa));
	json_object_set_new(fields, key,
		json_sprintf("page %zu + 0x%x", number + 1, (unsigned)(value & 0xfff)));
}

static void name_pages(struct reader *reader, const char *place, json_t *fields)
{
	const char *msr = json_string_value(json_object_get(fields, "msr"));
	json_t *pages = json_object_get(reader->pages, place);

	if (!msr || !is_page_register(msr))
		return;
	if (!pages) {
		pages = json_object();
		json_object_set_new(reader->pages, place, pages);
	}
	name_page(pages, msr, fields, "value");
	name_page(pages, msr, fields, "old");
	name_page(pages, msr, fields, "new");
}

/* ---- interrupts and their causes ------------------------------------------------------------- */

/*
 * An interrupt, raised or owed, belongs to the message or flag that caused it: the SynIC's lock
 * puts it right behind a message and right before a flag among the records of its SINT. The others
 * (routes, owed ones that are paid) stand for themselves. So the messages of a SINT can be compared
 * however events fall in between, and a timer takes its interrupt along.
 *
 * So an observation that may still be joined by its neighbour is held back, one for each SINT.
 */
static bool is_interrupt(const json_t *observation)
{
	return is(observation, "event", "sint.assert") || is(observation, "event", "sint.owed");
}

/* A direct timer has no SINT, and its interrupt comes first. */
static bool interrupt_follows(const json_t *observation, bool has_sint)
{
	return is(observation, "event", "message.delivered") ||
	       (is(observation, "event", "stimer.delivered") && has_sint);
}

static bool interrupt_precedes(const json_t *observation, bool has_sint)
{
	if (is(observation, "event", "event.flag"))
		return json_is_true(json_object_get(observation, "newly"));
	return is(observation, "event", "stimer.delivered") && !has_sint;
}

static void give_interrupt(json_t *cause, json_t *interrupt)
{
	const char *key;
	json_t *value;

	json_object_foreach(interrupt, key, value)
	{
		char name[NAME_BYTES];

		snprintf(name, sizeof(name), "interrupt.%s", key);
		json_object_set(cause, name, value);
	}
}

/* An observation and the stream it goes to. */
static void add_named(struct reader *reader, json_t *named)
{
	json_t *observation = json_object_get(named, "observation");
	const char *event = json_string_value(json_object_get(observation, "event"));

	add(reader, json_string_value(json_object_get(named, "stream")), find_kind(event)->counting,
		observation);
}

static void release_held(struct reader *reader, const char *sint)
{
	json_t *held = json_object_get(reader->held, sint);

	if (held)
		add_named(reader, held);
	json_object_del(reader->held, sint);
}

static void join_or_hold(struct reader *reader, const char *sint, bool has_sint, json_t *named)
{
	json_t *observation = json_object_get(named, "observation");
	json_t *held = json_object_get(json_object_get(reader->held, sint), "observation");

	if (held && is_interrupt(observation) && interrupt_follows(held, has_sint)) {
		give_interrupt(held, observation);
		release_held(reader, sint);
		return;
	}
	if (held && is_interrupt(held) && interrupt_precedes(observation, has_sint)) {
		give_interrupt(observation, held);
		json_object_del(reader->held, sint);
	}
	release_held(reader, sint);
	if (is_interrupt(observation) || interrupt_follows(observation, has_sint))
		json_object_set(reader->held, sint, named);
	else
		add_named(reader, named);
}

/* ---- records --------------------------------------------------------------------------------- */

/*
 * A post that finds no buffer is repeated by the guest; how often says how fast the receiver was.
 * An event for a flag that is set already changes nothing; how many there are says how fast the
 * guest took it, and KVM adds up what its fast path takes. Where one of these is due, the guest
 * programs insist on it.
 */
static bool is_matter_of_time(const json_t *observation)
{
	if (is(observation, "event", "port.message"))
		return is(observation, "status", "insufficient_buffers");
	return is(observation, "event", "event.flag") &&
	       json_is_false(json_object_get(observation, "newly")) &&
	       is(observation, "status", "ok");
}

/* One-shot timers are set to a point in time. */
static void forget_times(const struct kind *kind, json_t *observation)
{
	const char *msr = json_string_value(json_object_get(observation, "msr"));

	for (size_t i = 0; i < ARRAY_LEN(kind->time) && kind->time[i]; i++)
		json_object_del(observation, kind->time[i]);
	if (msr && strncmp(msr, "STIMER", 6) == 0 && strstr(msr, "_COUNT"))
		json_object_del(observation, "value");
}

static void append_part(char name[NAME_BYTES], const char *label, const json_t *value)
{
	size_t used = strlen(name);

	if (json_is_integer(value))
		snprintf(name + used, NAME_BYTES - used, ", %s %lld", label,
			(long long)json_integer_value(value));
	else if (json_is_string(value))
		snprintf(name + used, NAME_BYTES - used, ", %s", json_string_value(value));
}

/*
 * Where a record belongs. What the partition has once belongs to no VP: any may be the first. For a
 * signal the VP is a field, as KVM does not tell it.
 */
static void append_place(char name[NAME_BYTES], const json_t *record)
{
	if (!is_partition_page(record) && !is(record, "type", "port.signal"))
		append_part(name, "VP", json_object_get(record, "vp"));
	append_part(name, "VTL", json_object_get(record, "vtl"));
	append_part(name, "SINT", json_object_get(record, "sint"));
}

static void name_stream(const struct kind *kind, const json_t *record, char name[NAME_BYTES])
{
	const json_t *args = json_object_get(record, "args");

	snprintf(name, NAME_BYTES, "%s", kind->event);
	append_place(name, record);
	for (size_t i = 0; i < ARRAY_LEN(kind->subject) && kind->subject[i]; i++)
		append_part(name, kind->subject[i], json_object_get(args, kind->subject[i]));
}

/* What the record says, without times and places. */
static json_t *make_observation(
	struct reader *reader, const struct kind *kind, const char *place, const json_t *record)
{
	json_t *observation = json_pack("{s:s}", "event", kind->event);

	json_object_update(observation, json_object_get(record, "args"));
	if (is(record, "type", "port.signal"))
		json_object_set(observation, "vp", json_object_get(record, "vp"));
	forget_times(kind, observation);
	name_pages(reader, place, observation);
	return observation;
}

static const struct kind *kind_of(const json_t *record)
{
	const char *event = json_string_value(json_object_get(record, "type"));
	const struct kind *kind = event ? find_kind(event) : NULL;

	if (!kind)
		fprintf(stderr, "parity: nobody said what can be compared of %s\n",
			event ? event : "a record without a type");
	return kind;
}

static void take(struct reader *reader, const struct kind *kind, const json_t *record)
{
	json_auto_t *observation = NULL, *named = NULL;
	char stream[NAME_BYTES], place[NAME_BYTES] = "";

	append_place(place, record);
	if (is(record, "type", "synic.reset"))
		json_object_del(reader->pages, place);
	observation = make_observation(reader, kind, place, record);
	if (kind->counting == COUNT_NONE || is_matter_of_time(observation))
		return;
	name_stream(kind, record, stream);
	named = json_pack("{s:s, s:O}", "stream", stream, "observation", observation);
	if (kind->interrupts)
		join_or_hold(
			reader, place, json_is_integer(json_object_get(record, "sint")), named);
	else
		add_named(reader, named);
}

/* Signals that KVM took are signals; it tells later and not from which VP. */
static void take_fast_signals(struct reader *reader, const json_t *record)
{
	const json_t *args = json_object_get(record, "args");
	json_int_t count = json_integer_value(json_object_get(args, "count"));
	json_auto_t *signal = json_pack("{s:s, s:n, s:i, s:{s:O?, s:i, s:O?}}", "type",
		"port.signal", "vp", "vtl", 0, "args", "connection_id",
		json_object_get(args, "connection_id"), "flag", 0, "status",
		json_object_get(args, "status"));

	for (json_int_t i = 0; i < count; i++)
		take(reader, find_kind("port.signal"), signal);
}

static bool take_record(struct reader *reader, const json_t *record)
{
	const struct kind *kind = kind_of(record);

	if (!kind)
		return false;
	if (is(record, "type", "port.signal.fast"))
		take_fast_signals(reader, record);
	else
		take(reader, kind, record);
	return true;
}

static void release_all(struct reader *reader)
{
	const char *sint;
	json_t *named;
	void *next;

	json_object_foreach_safe(reader->held, next, sint, named) release_held(reader, sint);
}

/* ---- the console ----------------------------------------------------------------------------- */

/* An address in RAM above the first MiB is a page the guest happened to have: 0x100000-0x3ffffff.
 */
static void forget_pages(char *line)
{
	char *number = line;

	while ((number = strstr(number, "0x"))) {
		size_t digits = strspn(number + 2, "0123456789abcdef");

		if (digits == 6 || digits == 7)
			memset(number + 2, '.', digits);
		number += 2 + digits;
	}
}

/* Numbers of a timed program count what it did. */
static void forget_numbers(char *line)
{
	char *to = line;

	for (const char *from = line; *from; from++) {
		if (!isdigit((unsigned char)*from))
			*to++ = *from;
		else if (to == line || to[-1] != '#')
			*to++ = '#';
	}
	*to = '\0';
}

/* Without the test's number: VPs that check at the same time take turns in any order. */
static const char *skip_number(const char *line)
{
	const char *text = strstr(line, " - ");

	return text && strstr(line, "ok ") && text < line + 12 ? text : line;
}

/* Lines about one VP are in order; those that name none come from VP 0. */
static void take_line(struct reader *reader, char *line)
{
	json_auto_t *observation = NULL;
	char name[NAME_BYTES];
	unsigned vp = 0;
	const char *text, *label;

	line[strcspn(line, "\r\n")] = '\0';
	if (strncmp(line, "1..", 3) == 0)
		return; /* follows from the others */
	label = strstr(line, "VP ");
	if (label)
		vp = (unsigned)strtoul(label + 3, NULL, 10);
	forget_pages(line);
	if (reader->timed)
		forget_numbers(line);
	text = skip_number(line);
	observation = json_pack("{s:s, s:s%, s:s}", "event", "console", "verdict", line,
		text == line ? (size_t)0 : strcspn(line, "0123456789#"), "line", text);
	snprintf(name, sizeof(name), "console, VP %u", vp);
	add(reader, name, COUNT_ALL, observation);
}

/* ---- files ----------------------------------------------------------------------------------- */

static bool read_record(struct reader *reader, char *line)
{
	json_error_t error;
	json_auto_t *record = json_loads(line, 0, &error);

	if (record)
		return take_record(reader, record);
	fprintf(stderr, "parity: a record that is no JSON: %s\n", error.text);
	return false;
}

static bool read_console_line(struct reader *reader, char *line)
{
	take_line(reader, line);
	return true;
}

static bool read_lines(struct reader *reader, const char *folder, const char *program,
	const char *suffix, bool (*read_line)(struct reader *reader, char *line))
{
	CLEANUP(free) char *line = NULL;
	char path[PATH_MAX];
	size_t size = 0;
	bool good = true;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s.%s", folder, program, suffix);
	file = fopen(path, "re");
	if (!file) {
		fprintf(stderr, "parity: %s: %m\n", path);
		return false;
	}
	while (good && getline(&line, &size, file) >= 0)
		good = read_line(reader, line);
	fclose(file);
	return good;
}

static int compare_texts(const void *a, const void *b)
{
	const json_t *const *first = a, *const *second = b;
	CLEANUP(free) char *first_text = json_dumps(*first, JSON_SORT_KEYS);
	CLEANUP(free) char *second_text = json_dumps(*second, JSON_SORT_KEYS);

	return strcmp(first_text, second_text);
}

static json_t *sorted(json_t *stream)
{
	size_t count = json_array_size(stream);
	CLEANUP(free) json_t **list = calloc(count, sizeof(json_t *));
	json_t *result = json_array();

	for (size_t i = 0; list && i < count; i++)
		list[i] = json_array_get(stream, i);
	if (list)
		qsort(list, count, sizeof(json_t *), compare_texts);
	for (size_t i = 0; list && i < count; i++)
		json_array_append(result, list[i]);
	return result;
}

static void sort_streams(json_t *streams)
{
	const char *name;
	json_t *stream;
	void *next;

	json_object_foreach_safe(streams, next, name, stream)
		json_object_set_new(streams, name, sorted(stream));
}

bool observe(const char *folder, const char *program, bool timed, json_t **ret_streams)
{
	struct reader reader = {
		.timed = timed,
		.streams = json_object(),
		.held = json_object(),
		.pages = json_object(),
	};
	bool good = read_lines(&reader, folder, program, "records", read_record) &&
		    read_lines(&reader, folder, program, "console", read_console_line);

	release_all(&reader);
	if (timed)
		sort_streams(reader.streams);
	json_decref(reader.held);
	json_decref(reader.pages);
	if (good)
		*ret_streams = reader.streams;
	else
		json_decref(reader.streams);
	return good;
}
