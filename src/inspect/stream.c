/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "inspect/stream.h"

#include <string.h>
#include "common/clock.h"

void stream_init(struct stream *stream, const struct stream_ops *ops, uint64_t heartbeat_ns)
{
	stream->ops = ops;
	stream->heartbeat_ns = heartbeat_ns;
	stream_touched(stream);
}

struct stream *stream_free(struct stream *stream)
{
	if (!stream)
		return NULL;
	writer_deinit(&stream->text);
	stream->ops->free(stream);
	return NULL;
}

void stream_touched(struct stream *stream)
{
	stream->last_ns = clock_now_ns(&clock_monotonic);
}

void stream_end(struct stream *stream, const char *reason)
{
	if (stream->ended)
		return;
	stream->ops->put_end(stream, reason);
	stream->ended = true;
}

static bool has_bytes(const struct stream *stream)
{
	return stream->taken < stream->text.used;
}

bool stream_over(const struct stream *stream)
{
	return (stream->ended || stream->text.failed) && !has_bytes(stream);
}

bool stream_ready(struct stream *stream)
{
	if (has_bytes(stream) || stream->ended || stream->text.failed)
		return true;
	writer_clear(&stream->text);
	stream->taken = 0;
	stream->ops->fill(stream);
	if (!has_bytes(stream) &&
		clock_now_ns(&clock_monotonic) - stream->last_ns >= stream->heartbeat_ns)
		stream->ops->put_heartbeat(stream);
	return has_bytes(stream) || stream->text.failed;
}

size_t stream_take(struct stream *stream, char *to, size_t size)
{
	size_t taken;

	if (!stream_ready(stream))
		return 0;
	taken = MIN(size, stream->text.used - stream->taken);
	if (taken > 0)
		memcpy(to, stream->text.data + stream->taken, taken);
	stream->taken += taken;
	return taken;
}
