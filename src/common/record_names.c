/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/record_names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "common/parse.h"

/* What is asked for by number to be written: HV_STATUS values and synthetic MSRs lie here. */
enum { STATUS_END = 0x100, MSR_FIRST = 0x40000000, MSR_END = 0x40000400 };

enum { EVENTS_MAX = 256, LABELS_MAX = 1024, ARG_NAME_MAX = 31 };

struct record_label {
	uint64_t value;
	const char *name;
};

/* ---- fields --------------------------------------------------------------------------------- */

bool record_field_next(const char **spec, struct record_field *ret_field)
{
	const char *text = *spec, *colon = text ? strchr(text, ':') : NULL;
	size_t length;

	if (!colon)
		return false;
	length = strcspn(colon, ",");
	*ret_field = (struct record_field){.kind = colon + 1, .bits = 64};
	snprintf(ret_field->name, sizeof(ret_field->name), "%.*s", (int)(colon - text), text);
	if (colon[1] != '=' && colon[1] != '\0' && colon[2] == '@') {
		char *plus;

		ret_field->shift = (unsigned)strtoul(colon + 3, &plus, 10);
		ret_field->bits = (unsigned)strtoul(plus + 1, NULL, 10);
	}
	*spec = colon[length] == ',' ? colon + length + 1 : NULL;
	return true;
}

uint64_t record_field_value(const struct record_field *field, uint64_t arg)
{
	uint64_t value = arg >> field->shift;

	return field->bits < 64 ? value & (BIT64(field->bits) - 1) : value;
}

/* ---- writing -------------------------------------------------------------------------------- */

static void write_event(const struct record_event *event, FILE *out)
{
	fprintf(out, "event\t%s", event->name);
	for (size_t i = 0; i < RECORD_ARGS; i++)
		fprintf(out, "\t%s", event->args[i] ? event->args[i] : "-");
	fputc('\n', out);
}

void record_names_write(const struct record_names *names, FILE *out)
{
	for (unsigned i = 0; i < names->event_count; i++)
		write_event(&names->events[i], out);
	for (unsigned status = 0; status < STATUS_END; status++) {
		const char *name = names->status_name(names, status);

		if (strcmp(name, "unknown") != 0)
			fprintf(out, "status\t%#x\t%s\n", status, name);
	}
	for (unsigned msr = MSR_FIRST; msr < MSR_END; msr++) {
		const char *name = names->msr_name(names, msr);

		if (name)
			fprintf(out, "msr\t%#x\t%s\n", msr, name);
	}
}

/* ---- looking up ----------------------------------------------------------------------------- */

static const char *find_label(const struct record_label *labels, size_t count, uint64_t value)
{
	for (size_t i = 0; i < count; i++) {
		if (labels[i].value == value)
			return labels[i].name;
	}
	return NULL;
}

static const char *status_name(const struct record_names *names, uint64_t status)
{
	const struct record_table *table = (const struct record_table *)names;
	const char *name = find_label(table->labels, table->status_count, status);

	return name ? name : "unknown";
}

static const char *msr_name(const struct record_names *names, uint64_t index)
{
	const struct record_table *table = (const struct record_table *)names;

	return find_label(table->labels + table->status_count, table->msr_count, index);
}

/* ---- reading -------------------------------------------------------------------------------- */

/* Names reach terminals: printable ASCII and nothing else. */
static bool is_plain(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if ((text[i] < ' ' || text[i] > '~') && text[i] != '\t' && text[i] != '\n')
			return false;
	}
	return true;
}

/* "0+8" to the end of the field: bits that are there. */
static bool is_part(const char *text, size_t length)
{
	char copy[sizeof("63+64")] = "", *plus;
	uint64_t shift, bits;

	if (length >= sizeof(copy))
		return false;
	memcpy(copy, text, length);
	plus = strchr(copy, '+');
	if (!plus)
		return false;
	*plus = '\0';
	return parse_u64(copy, 0, 63, &shift) == 0 && parse_u64(plus + 1, 1, 64, &bits) == 0 &&
	       shift + bits <= 64;
}

/* "name:kind" or "name:kind@shift+bits"; which kinds there are is the decoder's business. */
static bool is_field(const char *text, size_t length)
{
	const char *colon = memchr(text, ':', length), *kind;
	size_t left;

	if (!colon || colon == text || colon - text > ARG_NAME_MAX)
		return false;
	kind = colon + 1;
	left = length - (size_t)(kind - text);
	if (left == 0)
		return false;
	return *kind == '=' || left == 1 || (kind[1] == '@' && is_part(kind + 2, left - 2));
}

static bool is_arg(const char *text)
{
	for (;;) {
		size_t length = strcspn(text, ",");

		if (!is_field(text, length))
			return false;
		if (!text[length])
			return true;
		text += length + 1;
	}
}

static bool take_event(struct record_table *table, char *rest)
{
	struct record_event *event = &table->events[table->names.event_count];

	*event = (struct record_event){.name = strsep(&rest, "\t"), .doc = ""};
	for (size_t i = 0; i < RECORD_ARGS; i++) {
		const char *arg = rest ? strsep(&rest, "\t") : NULL;

		if (!arg || (strcmp(arg, "-") != 0 && !is_arg(arg)))
			return false;
		event->args[i] = *arg == '-' ? NULL : arg;
	}
	table->names.event_count++;
	return *event->name != '\0' && !rest;
}

/* Statuses come before MSRs, so that one array holds both. */
static bool take_label(struct record_table *table, char *rest, bool msr)
{
	struct record_label *label = &table->labels[table->status_count + table->msr_count];
	const char *number = strsep(&rest, "\t");

	if (!rest || !*rest || (!msr && table->msr_count > 0) ||
		parse_u64(number, 0, UINT64_MAX, &label->value) < 0)
		return false;
	label->name = rest;
	if (msr)
		table->msr_count++;
	else
		table->status_count++;
	return true;
}

static bool take_line(struct record_table *table, char *line)
{
	const char *word = strsep(&line, "\t");

	if (!line)
		return false;
	if (strcmp(word, "event") == 0)
		return table->names.event_count < EVENTS_MAX && take_event(table, line);
	if (strcmp(word, "status") == 0 || strcmp(word, "msr") == 0)
		return table->status_count + table->msr_count < LABELS_MAX &&
		       take_label(table, line, *word == 'm');
	return true;
}

static struct record_table *new_table(const char *text, size_t size)
{
	struct record_table *table = calloc(1, sizeof(*table));

	if (!table)
		return NULL;
	table->text = strndup(text, size);
	table->events = calloc(EVENTS_MAX, sizeof(*table->events));
	table->labels = calloc(LABELS_MAX, sizeof(*table->labels));
	table->names = (struct record_names){
		.events = table->events, .status_name = status_name, .msr_name = msr_name};
	return table->text && table->events && table->labels ? table : record_table_free(table);
}

/* The number of the first line that is wrong, 0 when none is. */
static unsigned take_lines(struct record_table *table)
{
	char *rest = table->text, *line;
	unsigned number = 1;

	for (; (line = strsep(&rest, "\n")) && rest; number++) {
		if (!take_line(table, line))
			return number;
	}
	/* The last line ends, too. */
	return (line && *line) || table->names.event_count == 0 ? number : 0;
}

int record_names_parse(
	const char *text, size_t size, struct record_table **ret_table, unsigned *ret_line)
{
	struct record_table *table;
	unsigned wrong;

	*ret_line = 1;
	if (!is_plain(text, size))
		return -EINVAL;
	table = new_table(text, size);
	if (!table)
		return -ENOMEM;
	wrong = take_lines(table);
	if (wrong > 0) {
		record_table_free(table);
		*ret_line = wrong;
		return -EINVAL;
	}
	*ret_table = table;
	return 0;
}

struct record_table *record_table_free(struct record_table *table)
{
	if (!table)
		return NULL;
	free(table->text);
	free(table->events);
	free(table->labels);
	free(table);
	return NULL;
}
