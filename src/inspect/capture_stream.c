/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "inspect/capture_stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "common/clock.h"
#include "inspect/log_text.h"
#include "inspect/pcapng.h"
#include "inspect/stream.h"
#include "vmbus/capture_filter.h"

/* One turn looks at this many items at most; a filter that hits nothing must not hold the thread.
 */
enum { SCAN_MAX = 1 << 12 };

/* ---- a packet ---------------------------------------------------------------------------------
 */

/* What Wireshark finds in front of each packet: big-endian tag, length, value; then the end. */
static const uint8_t dissector_tags[] = {
	0, 12, 0, 8, 'h', 'v', 'v', 'm', 'b', 'u', 's', 0, /* EXP_PDU_TAG_DISSECTOR_NAME */
	0, 0, 0, 0,                                        /* EXP_PDU_TAG_END_OF_OPT */
};

enum { PSEUDO_VERSION = 1, PSEUDO_CUT = 1 };

/* docs/capture.md; little-endian. */
struct pseudo_header {
	uint8_t version, length; /* PSEUDO_VERSION, bytes of this header */
	uint8_t kind, direction, vtl, sint;
	uint16_t flags; /* PSEUDO_CUT */
	uint32_t vp, connection_id, relid, status;
	uint64_t value;
	uint32_t count, reserved;
	struct vmbus_guid class;
};
_Static_assert(sizeof(struct pseudo_header) == 56, "docs/capture.md");

static struct pseudo_header pseudo_header(const struct capture_item *item)
{
	const struct capture_meta *meta = &item->meta;

	return (struct pseudo_header){
		.version = PSEUDO_VERSION,
		.length = sizeof(struct pseudo_header),
		.kind = meta->kind,
		.direction = meta->direction,
		.vtl = meta->vtl,
		.sint = meta->sint,
		.flags = item->bytes < item->original_bytes ? PSEUDO_CUT : 0,
		.vp = meta->vp,
		.connection_id = meta->connection_id,
		.relid = meta->relid,
		.status = meta->status,
		.value = meta->value,
		.count = meta->count,
		.class = meta->class,
	};
}

/* ---- the stream --------------------------------------------------------------------------------
 */

struct capture_stream {
	struct stream stream;
	struct capture *capture; /* borrows: the VM's */
	struct capture_reader reader;
	struct capture_filter filter;
	uint64_t left;          /* packets until the limit; UINT64_MAX: none */
	uint64_t packets, lost; /* so far */
	uint64_t lost_before;   /* since the packet before */
	uint8_t bytes[CAPTURE_BYTES_MAX];
};

static struct capture_stream *of(struct stream *stream)
{
	return container_of(stream, struct capture_stream, stream);
}

static void put_packet(
	struct capture_stream *capture, const struct capture_item *item, uint64_t offset)
{
	struct pseudo_header pseudo = pseudo_header(item);
	const struct pcapng_packet packet = {
		.realtime_ns = item->mono_ns + offset,
		.outbound = item->meta.direction == CAPTURE_TO_GUEST,
		.lost = capture->lost_before,
		.missing = item->original_bytes - item->bytes,
		.part = {{(void *)(uintptr_t)dissector_tags, sizeof(dissector_tags)},
			{&pseudo, sizeof(pseudo)}, {capture->bytes, item->bytes}},
	};

	pcapng_packet(&capture->stream.text, &packet);
	stream_touched(&capture->stream);
	capture->packets++;
	capture->lost_before = 0;
	if (capture->left != UINT64_MAX && --capture->left == 0)
		stream_end(&capture->stream, NULL);
}

static void fill(struct stream *stream)
{
	struct capture_stream *capture = of(stream);
	uint64_t offset = log_realtime_offset();
	struct capture_item item;

	for (unsigned i = 0; i < SCAN_MAX; i++) {
		if (!capture_next(capture->capture, &capture->reader, &item, capture->bytes))
			return;
		capture->lost += item.lost;
		capture->lost_before += item.lost;
		if (capture_filter_passes(&capture->filter, &item, capture->bytes))
			put_packet(capture, &item, offset);
		if (stream->ended || stream->text.used >= STREAM_BUFFER_BYTES)
			return;
	}
}

static void put_statistics(struct stream *stream)
{
	struct capture_stream *capture = of(stream);

	pcapng_statistics(&stream->text, clock_realtime_ns(), capture->packets, capture->lost);
	stream_touched(stream);
}

/* The file says by its end that nothing was lost behind its last packet. */
static void put_end(struct stream *stream, const char *reason)
{
	put_statistics(stream);
}

static void capture_stream_free(struct stream *stream)
{
	struct capture_stream *capture = of(stream);

	capture_close(capture->capture, &capture->reader);
	free(capture);
}

static const struct stream_ops capture_stream_ops = {
	.fill = fill,
	.put_heartbeat = put_statistics,
	.put_end = put_end,
	.free = capture_stream_free,
};

int capture_stream_new(struct capture *capture, const struct capture_stream_config *config,
	struct stream **ret_stream)
{
	struct capture_stream *stream = malloc(sizeof(*stream));
	int r;

	if (!stream)
		return -ENOMEM;
	/* All but the buffer, which is large. */
	memset(stream, 0, offsetof(struct capture_stream, bytes));
	stream->capture = capture;
	stream->filter.relid = config->relid;
	stream->left = config->limit ? config->limit : UINT64_MAX;
	r = capture_open(capture, config->payload, &stream->reader);
	if (r < 0) {
		free(stream);
		return r;
	}
	stream_init(&stream->stream, &capture_stream_ops, config->heartbeat_ns);
	pcapng_begin(&stream->stream.text, config->application, config->interface);
	*ret_stream = &stream->stream;
	return 0;
}
