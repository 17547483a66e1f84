/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/kernel-decoder.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <traceevent/event-parse.h>
#include <traceevent/kbuffer.h>

#include "common/cleanup.h"

enum { MAX_FIELDS = 16 };

struct event_field {
	const struct tep_format_field *format; /* borrows; tep has it */
	bool hex;
};

struct event_format {
	struct tep_event *event; /* borrows; tep has it */
	size_t field_count;
	struct event_field fields[MAX_FIELDS];
};

struct kernel_decoder {
	struct tep_handle *tep;       /* owns */
	struct kbuffer *page;         /* owns; the page being read */
	struct event_format *formats; /* owns */
	size_t format_count;
};

int kernel_decoder_new(struct kernel_decoder **ret_decoder)
{
	struct kernel_decoder *decoder = calloc(1, sizeof(*decoder));

	if (!decoder)
		return -ENOMEM;
	/* It would write to stderr; what it cannot read is told by what it returns. */
	tep_set_loglevel(TEP_LOG_NONE);
	decoder->tep = tep_alloc();
	decoder->page = kbuffer_alloc(
		sizeof(long) == 8 ? KBUFFER_LSIZE_8 : KBUFFER_LSIZE_4, KBUFFER_ENDIAN_LITTLE);
	if (!decoder->tep || !decoder->page) {
		kernel_decoder_free(decoder);
		return -ENOMEM;
	}
	*ret_decoder = decoder;
	return 0;
}

struct kernel_decoder *kernel_decoder_free(struct kernel_decoder *decoder)
{
	if (!decoder)
		return NULL;
	kbuffer_free(decoder->page);
	tep_free(decoder->tep);
	free(decoder->formats);
	free(decoder);
	return NULL;
}

/* ---- descriptions --------------------------------------------------------- */

int kernel_decoder_add_header_page(struct kernel_decoder *decoder, const char *text, size_t size)
{
	CLEANUP(free) char *copy = strndup(text, size);

	if (!copy)
		return -ENOMEM;
	return tep_parse_header_page(decoder->tep, copy, size, sizeof(long)) == 0 ? 0 : -EPROTO;
}

size_t kernel_decoder_page_bytes(const struct kernel_decoder *decoder)
{
	return (size_t)tep_get_sub_buffer_size(decoder->tep);
}

/* A field that is an array has no place among the arguments; no event of ours has one. */
static void add_field(struct event_format *format, const char *name, bool hex)
{
	const struct tep_format_field *field = tep_find_field(format->event, name);
	const unsigned long several = TEP_FIELD_IS_ARRAY | TEP_FIELD_IS_STRING |
				      TEP_FIELD_IS_DYNAMIC;

	if (!field || field->flags & several || format->field_count == MAX_FIELDS)
		return;
	for (size_t i = 0; i < format->field_count; i++)
		if (format->fields[i].format == field)
			return;
	format->fields[format->field_count++] = (struct event_field){.format = field, .hex = hex};
}

/* The fields in one argument of the print format: REC->x, or x inside ?:, a cast, a symbol. */
static void add_argument(struct event_format *format, const struct tep_print_arg *arg, bool hex)
{
	if (!arg)
		return;
	switch (arg->type) {
	case TEP_PRINT_FIELD:
		add_field(format, arg->field.name, hex);
		break;
	case TEP_PRINT_TYPE:
		add_argument(format, arg->typecast.item, hex);
		break;
	case TEP_PRINT_FLAGS:
		add_argument(format, arg->flags.field, true);
		break;
	case TEP_PRINT_SYMBOL:
		add_argument(format, arg->symbol.field, false);
		break;
	case TEP_PRINT_OP:
		add_argument(format, arg->op.left, false);
		add_argument(format, arg->op.right, false);
		break;
	default: /* constants and arrays */
		break;
	}
}

/* The letter of the next conversion of a print format, '\0' after the last. */
static char next_conversion(const char **format)
{
	const char *at = *format;

	while (*at && (at[0] != '%' || at[1] == '%'))
		at += at[0] == '%' ? 2 : 1;
	if (*at)
		at++;
	at += strspn(at, "-+ #0123456789.hljzqL");
	*format = *at ? at + 1 : at;
	return *at;
}

static void read_print_format(struct event_format *format)
{
	const char *text = format->event->print_fmt.format;
	const struct tep_print_arg *arg = format->event->print_fmt.args;
	const struct tep_format_field *field = format->event->format.fields;

	/* One that libtraceevent cannot read says nothing about which fields are filled. */
	for (; format->event->flags & TEP_EVENT_FL_FAILED && field; field = field->next)
		add_field(format, field->name, false);
	for (; text && arg; arg = arg->next) {
		char letter = next_conversion(&text);

		add_argument(format, arg, letter == 'x' || letter == 'X');
	}
}

int kernel_decoder_add_event(struct kernel_decoder *decoder, const char *text, size_t size)
{
	struct event_format *grown = reallocarray(
		decoder->formats, decoder->format_count + 1, sizeof(*decoder->formats));
	struct event_format format = {0};

	if (!grown)
		return -ENOMEM;
	decoder->formats = grown;
	if (tep_parse_format(decoder->tep, &format.event, text, size, "kvm") != 0 || !format.event)
		return -EPROTO;
	read_print_format(&format);
	grown[decoder->format_count++] = format;
	return 0;
}

/* ---- events ----------------------------------------------------------------- */

static uint64_t read_field(const struct tep_format_field *field, const struct tep_record *record)
{
	unsigned long long value = 0;

	/* An event is never shorter than its description says; a page from elsewhere may be. */
	if (field->offset + field->size > record->size ||
		tep_read_number_field((struct tep_format_field *)field, record->data, &value) != 0)
		return 0;
	return value;
}

static int64_t sign_extend(uint64_t value, int bytes)
{
	unsigned unused = 64 - 8 * (unsigned)bytes;

	return (int64_t)(value << unused) >> unused;
}

static int64_t read_signed(const struct tep_format_field *field, const struct tep_record *record)
{
	uint64_t value = read_field(field, record);

	return field->flags & TEP_FIELD_IS_SIGNED ? sign_extend(value, field->size)
						  : (int64_t)value;
}

static json_t *to_json(const struct event_field *field, const struct tep_record *record)
{
	uint64_t value = read_field(field->format, record);
	char text[sizeof("0x") + 16];

	if (strcmp(field->format->type, "bool") == 0)
		return json_boolean(value);
	if (!field->hex && field->format->flags & TEP_FIELD_IS_SIGNED)
		return json_integer(sign_extend(value, field->format->size));
	if (!field->hex && value <= INT64_MAX)
		return json_integer((json_int_t)value);
	snprintf(text, sizeof(text), "0x%" PRIx64, value);
	return json_string(text);
}

static const struct event_format *find_format(const struct kernel_decoder *decoder, int id)
{
	for (size_t i = 0; i < decoder->format_count; i++)
		if (decoder->formats[i].event->id == id)
			return &decoder->formats[i];
	return NULL;
}

/* Fills in what the fields say, arguments included. */
static int read_fields(const struct event_format *format, const struct tep_record *record,
	struct kernel_event *event)
{
	for (size_t i = 0; i < format->field_count; i++) {
		const struct event_field *field = &format->fields[i];
		const char *name = field->format->name;

		if (strcmp(name, "vcpu_id") == 0)
			event->vp = read_signed(field->format, record);
		else if (strcmp(name, "sint") == 0)
			event->sint = read_signed(field->format, record);
		else if (json_object_set_new(event->args, name, to_json(field, record)) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int read_event(struct kernel_decoder *decoder, struct tep_record *record,
	const struct kernel_event_sink *sink)
{
	const struct event_format *format = find_format(
		decoder, tep_data_type(decoder->tep, record));
	json_auto_t *args = NULL;
	struct kernel_event event = {
		.mono_ns = record->ts,
		.vp = KERNEL_NOWHERE,
		.sint = KERNEL_NOWHERE,
	};
	int r;

	/* The kernel's own marks, and events that somebody else enabled in our instance. */
	if (!format)
		return 0;
	event.tid = tep_data_pid(decoder->tep, record);
	event.name = format->event->name;
	event.args = args = json_object();
	r = args ? read_fields(format, record, &event) : -ENOMEM;
	if (r < 0)
		return r;
	return sink->on_event(sink->arg, &event) ? 0 : KERNEL_E_STOPPED;
}

/* A page tells in front whether events were overwritten before its own. */
static int report_lost(uint64_t mono_ns, int missed, const struct kernel_event_sink *sink)
{
	if (missed == 0)
		return 0;
	return sink->on_lost(sink->arg, mono_ns, (uint64_t)MAX(missed, 0)) ? 0 : KERNEL_E_STOPPED;
}

int kernel_decoder_read_page(
	struct kernel_decoder *decoder, void *page, const struct kernel_event_sink *sink)
{
	unsigned long long ts;
	void *data;
	int r;

	if (kbuffer_load_subbuffer(decoder->page, page) < 0)
		return -EPROTO;
	data = kbuffer_read_event(decoder->page, &ts);
	if (!data)
		return 0;
	r = report_lost(ts, kbuffer_missed_events(decoder->page), sink);
	for (; data && r == 0; data = kbuffer_next_event(decoder->page, &ts)) {
		struct tep_record record = {
			.ts = ts,
			.data = data,
			.size = kbuffer_event_size(decoder->page),
		};

		r = read_event(decoder, &record, sink);
	}
	return r;
}
