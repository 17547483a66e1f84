/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One row per message a guest may send. The gates, in this order: known and sent by guests at all;
 * long enough; in the version that was negotiated; while channels may be talked about.
 */
#include "vmbus/internal.h"

/* What a handler gets: the message, and the channel it names, if it names one that exists. */
struct call {
	struct vmbus *bus;
	struct vmbus_channel *channel;
	const void *message;
	size_t size;
};

typedef enum vmbus_verdict (*handler_fn)(struct call *call);

static enum vmbus_verdict on_contact(struct call *call)
{
	return connection_on_contact(call->bus, call->message);
}

static enum vmbus_verdict on_request_offers(struct call *call)
{
	return connection_on_request_offers(call->bus);
}

static enum vmbus_verdict on_unload(struct call *call)
{
	return connection_on_unload(call->bus);
}

static enum vmbus_verdict on_open(struct call *call)
{
	return call->channel ? channel_on_open(call->channel, call->message) : VMBUS_ILLEGAL;
}

static enum vmbus_verdict on_close(struct call *call)
{
	return call->channel ? channel_on_close(call->channel) : VMBUS_ILLEGAL;
}

/* Linux unloads first, and lets go of its channels afterwards. */
static enum vmbus_verdict on_released(struct call *call)
{
	enum vmbus_state state = call->bus->connection.state;

	if (state == VMBUS_DISCONNECTED || state == VMBUS_DISCONNECTING)
		return VMBUS_IGNORED;
	if (state != VMBUS_CONNECTED)
		return VMBUS_ILLEGAL;
	return call->channel ? channel_on_released(call->channel) : VMBUS_ILLEGAL;
}

static enum vmbus_verdict on_modify(struct call *call)
{
	return channel_on_modify(call->bus, call->channel, call->message);
}

static enum vmbus_verdict on_gpadl_header(struct call *call)
{
	return gpadl_on_header(call->bus, call->channel, call->message, call->size);
}

static enum vmbus_verdict on_gpadl_body(struct call *call)
{
	return gpadl_on_body(call->bus, call->message, call->size);
}

static enum vmbus_verdict on_gpadl_teardown(struct call *call)
{
	return gpadl_on_teardown(call->bus, call->channel, call->message);
}

/* We reserve no channels: opening one has no answer, closing one has. */
static enum vmbus_verdict on_open_reserved(struct call *call)
{
	return VMBUS_IGNORED;
}

static enum vmbus_verdict on_close_reserved(struct call *call)
{
	const struct vmbus_close_reserved *message = call->message;
	const struct vmbus_relid_message response = {
		.header.type = VMBUS_MSG_CLOSE_RESERVED_RESPONSE,
		.child_relid = message->child_relid,
	};

	vmbus_send(call->bus, &response, sizeof(response), message->child_relid, 0, NULL);
	return VMBUS_OK;
}

static void refuse_connect(
	struct vmbus *bus, const struct vmbus_guid *endpoint, const struct vmbus_guid *service)
{
	const struct vmbus_tl_connect_result result = {
		.header.type = VMBUS_MSG_TL_CONNECT_RESULT,
		.endpoint = *endpoint,
		.service = *service,
		.status = VMBUS_STATUS_CONNECTION_REFUSED,
	};

	/* Before 4.1 there is no such message: the guest's connect() times out. */
	if (bus->connection.state == VMBUS_CONNECTED &&
		bus->connection.version >= VMBUS_VERSION_4_1)
		vmbus_send(bus, &result, sizeof(result), 0, result.status, NULL);
}

static enum vmbus_verdict on_connect(struct call *call)
{
	const struct vmbus_tl_connect_request *message = call->message;
	struct vmbus *bus = call->bus;

	if (!bus->connect || !bus->connect(bus->connect_arg, &message->endpoint, &message->service))
		refuse_connect(bus, &message->endpoint, &message->service);
	return VMBUS_OK;
}

struct row {
	handler_fn run;
	uint16_t size;
	uint16_t relid, value; /* where they stand, 0: nowhere */
	uint32_t since;        /* version, 0: whatever was negotiated, if anything */
	bool connected;        /* only while channels are on offer */
};

#define ROW(handler, type_) .run = (handler), .size = sizeof(type_)
#define AT(type_, member)   ((uint16_t)offsetof(type_, member))

static const struct row rows[VMBUS_MSG_COUNT] = {
	[VMBUS_MSG_INITIATE_CONTACT] = {ROW(on_contact, struct vmbus_initiate_contact),
		.value = AT(struct vmbus_initiate_contact, version)},
	[VMBUS_MSG_REQUEST_OFFERS] = {ROW(on_request_offers, struct vmbus_message_header)},
	[VMBUS_MSG_UNLOAD] = {ROW(on_unload, struct vmbus_message_header)},
	[VMBUS_MSG_OPEN_CHANNEL] = {ROW(on_open, struct vmbus_open_channel),
		.relid = AT(struct vmbus_open_channel, child_relid),
		.value = AT(struct vmbus_open_channel, ring_gpadl), .connected = true},
	[VMBUS_MSG_CLOSE_CHANNEL] = {ROW(on_close, struct vmbus_relid_message),
		.relid = AT(struct vmbus_relid_message, child_relid), .connected = true},
	[VMBUS_MSG_RELID_RELEASED] = {ROW(on_released, struct vmbus_relid_message),
		.relid = AT(struct vmbus_relid_message, child_relid)},
	[VMBUS_MSG_GPADL_HEADER] = {ROW(on_gpadl_header, struct vmbus_gpadl_header),
		.relid = AT(struct vmbus_gpadl_header, child_relid),
		.value = AT(struct vmbus_gpadl_header, gpadl), .connected = true},
	[VMBUS_MSG_GPADL_BODY] = {ROW(on_gpadl_body, struct vmbus_gpadl_body),
		.value = AT(struct vmbus_gpadl_body, gpadl), .connected = true},
	[VMBUS_MSG_GPADL_TEARDOWN] = {ROW(on_gpadl_teardown, struct vmbus_gpadl_teardown),
		.relid = AT(struct vmbus_gpadl_teardown, child_relid),
		.value = AT(struct vmbus_gpadl_teardown, gpadl), .connected = true},
	[VMBUS_MSG_MODIFY_CHANNEL] = {ROW(on_modify, struct vmbus_modify_channel),
		.relid = AT(struct vmbus_modify_channel, child_relid),
		.value = AT(struct vmbus_modify_channel, target_vp), .since = VMBUS_VERSION_4_1,
		.connected = true},
	[VMBUS_MSG_TL_CONNECT_REQUEST] = {ROW(on_connect, struct vmbus_tl_connect_request),
		.since = VMBUS_VERSION_4_0, .connected = true},
	[VMBUS_MSG_OPEN_RESERVED_CHANNEL] = {ROW(on_open_reserved, struct vmbus_open_reserved),
		.relid = AT(struct vmbus_open_reserved, child_relid), .since = VMBUS_VERSION_4_0},
	[VMBUS_MSG_CLOSE_RESERVED_CHANNEL] = {ROW(on_close_reserved, struct vmbus_close_reserved),
		.relid = AT(struct vmbus_close_reserved, child_relid), .since = VMBUS_VERSION_4_0},
};

/* Messages are aligned to eight bytes, their words to four. */
static uint32_t word_at(const void *message, uint16_t offset)
{
	return ((const uint32_t *)message)[offset / sizeof(uint32_t)];
}

/* Offset 0, where the type stands, means that the message names no such thing. */
static uint32_t optional_word_at(const void *message, uint16_t offset)
{
	return offset ? word_at(message, offset) : 0;
}

static enum vmbus_verdict run(const struct row *row, struct call *call)
{
	const struct vmbus_connection *connection = &call->bus->connection;

	if (connection->version < row->since)
		return VMBUS_ILLEGAL;
	if (row->connected && connection->state != VMBUS_CONNECTED)
		return VMBUS_ILLEGAL;
	return row->run(call);
}

/* A body names its GPADL only. */
static struct vmbus_channel *channel_of(
	struct vmbus *bus, const struct row *row, const void *message)
{
	if (row->run == on_gpadl_body)
		return gpadl_channel_of_body(bus, message);
	return channel_by_relid(bus, optional_word_at(message, row->relid));
}

static const struct row *row_of(const void *message, size_t size)
{
	bool whole = size >= sizeof(struct vmbus_message_header);
	uint32_t type = whole ? word_at(message, 0) : VMBUS_MSG_INVALID;

	return &rows[type < VMBUS_MSG_COUNT ? type : VMBUS_MSG_INVALID];
}

uint32_t vmbus_message_relid(struct vmbus *bus, const void *message, size_t size)
{
	const struct row *row = row_of(message, size);
	const struct vmbus_channel *channel;

	if (!row->run || size < row->size)
		return 0;
	channel = channel_of(bus, row, message);
	return channel ? channel->relid : optional_word_at(message, row->relid);
}

/*
 * The message is noted before it is dealt with, so that it stands before what it is answered with;
 * that it was refused is noted afterwards.
 */
static void run_noted(struct vmbus *bus, const struct row *row, const void *message, size_t size)
{
	struct call call = {
		.bus = bus,
		.channel = channel_of(bus, row, message),
		.message = message,
		.size = size,
	};
	const struct vmbus_noted noted = {
		.type = word_at(message, 0),
		.relid = vmbus_message_relid(bus, message, size),
		.value = optional_word_at(message, row->value),
		.message = message,
		.size = size,
	};
	enum vmbus_verdict verdict;

	vmbus_note_in(bus, call.channel, &noted);
	verdict = run(row, &call);
	if (verdict != VMBUS_OK)
		vmbus_note_refusal(bus, noted.relid, noted.type, verdict);
}

void vmbus_dispatch(struct vmbus *bus, const void *message, size_t size)
{
	bool whole = size >= sizeof(struct vmbus_message_header);
	uint32_t type = whole ? word_at(message, 0) : VMBUS_MSG_INVALID;
	const struct row *row = row_of(message, size);
	const struct vmbus_noted noted = {.type = type, .message = message, .size = size};

	if (row->run && size >= row->size) {
		run_noted(bus, row, message, size);
		return;
	}
	vmbus_note_in(bus, NULL, &noted);
	vmbus_note_refusal(bus, 0, type, VMBUS_MALFORMED);
}
