/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmbus/ic.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "vmbus/internal.h"
#include "vmm/event.h"

/* Packets taken from the ring before others get their turn on the main loop. */
enum { PACKETS_AT_ONCE = 64 };

/* A driver whose daemon does not run leaves the first packet unread: after this long it is said. */
#define DAEMON_PATIENCE_NS (2 * NSEC_PER_SEC)

static const struct ic_version framework_versions[] = {{1, 0}, {3, 0}};

const struct ic_ops *const ic_components[IC_COMPONENTS] = {
	[IC_COMPONENT_HEARTBEAT] = &heartbeat_ops,
	[IC_COMPONENT_TIMESYNC] = &timesync_ops,
	[IC_COMPONENT_SHUTDOWN] = &shutdown_ops,
	[IC_COMPONENT_KVP] = &kvp_ops,
	[IC_COMPONENT_VSS] = &vss_ops,
};

/* A component without a period that has something to say repeats it until it has been heard. */
#define REPEAT_NS NSEC_PER_SEC

static uint64_t now_ns(const struct ic *ic)
{
	return clock_now_ns(ic->bus->vm->clock);
}

static size_t packet_limit(const struct ic *ic)
{
	return ic->ops->packet_limit ? ic->ops->packet_limit : IC_PACKET_DEFAULT;
}

/* ---- state -------------------- */

static void set_state(struct ic *ic, enum ic_state state, enum ic_contact contact)
{
	if (state == ic->state && contact == ic->contact)
		return;
	if (state != ic->state)
		ic->since_ns = now_ns(ic);
	ic->state = state;
	ic->contact = contact;
	hv_record(ic->bus->vm->recorder, HV_EVENT_IC, RECORD_NO_VP, 0, RECORD_NO_SINT,
		ic->component, state, contact, ic->channel ? ic->channel->relid : 0);
}

static PRINTF(2, 3) void note_problem(struct ic *ic, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(ic->problem, sizeof(ic->problem), format, args);
	va_end(args);
}

/* Whoever asked is told, once. */
static void finish_call(
	struct ic *ic, enum ic_outcome outcome, uint32_t status, uint64_t latency_ns)
{
	const struct ic_answer answer = {outcome, status, latency_ns};
	ic_done_fn done = ic->done;

	ic->done = NULL;
	ic->calling = false;
	if (!done)
		return;
	hv_record(ic->bus->vm->recorder, HV_EVENT_IC_ANSWER, RECORD_NO_VP, 0, RECORD_NO_SINT,
		ic->component, outcome, status, vmbus_channel_relid(ic->channel),
		latency_ns == UINT64_MAX ? 0 : latency_ns);
	done(ic->done_arg, &answer);
}

/* ---- to the guest -------------------- */

/* It has not read the last packet. */
static bool guest_is_behind(const struct ic *ic)
{
	struct ring_state ring;

	ring_observe(vmbus_channel_out(ic->channel), &ring);
	return ring.used > 0;
}

/* The body stands in the packet already. */
static int send_packet(struct ic *ic, enum ic_message_type type, size_t body_size)
{
	const struct iovec iov = {ic->packet, sizeof(struct ic_header) + body_size};
	const struct ic_header header = {
		.pipe_flags = IC_PIPE_DATA,
		.pipe_size = (uint32_t)(iov.iov_len - IC_PIPE_HEADER_BYTES),
		.framework = ic->framework,
		.type = (uint16_t)type,
		.message = ic->version,
		.body_size = (uint16_t)body_size,
		.transaction = (uint8_t)(ic->transaction + 1),
		.flags = IC_FLAG_TRANSACTION | IC_FLAG_REQUEST,
	};
	int r;

	memcpy(ic->packet, &header, sizeof(header));
	ic->pipelined = guest_is_behind(ic) ? ic->pipelined + 1 : 0;
	r = vmbus_channel_send(ic->channel, ic->transaction + 1, false, &iov, 1);
	if (r < 0) {
		note_problem(ic, "a packet could not be sent: %s", strerror(-r));
		return r;
	}
	ic->transaction++;
	ic->out = IC_OUT;
	ic->sent_ns = now_ns(ic);
	return 0;
}

static uint8_t *packet_body(struct ic *ic)
{
	return ic->packet + sizeof(struct ic_header);
}

/* Both lists, ascending; the guest takes the highest of each that it knows. */
static void negotiate(struct ic *ic)
{
	const struct ic_negotiate lists = {
		.framework_count = ARRAY_LEN(framework_versions),
		.message_count = (uint16_t)ic->ops->version_count,
	};
	size_t versions_bytes = ic->ops->version_count * sizeof(struct ic_version);
	uint8_t *at = packet_body(ic);

	memcpy(at, &lists, sizeof(lists));
	at += sizeof(lists);
	memcpy(at, framework_versions, sizeof(framework_versions));
	at += sizeof(framework_versions);
	memcpy(at, ic->ops->versions, versions_bytes);
	at += versions_bytes;
	if (send_packet(ic, IC_NEGOTIATE, (size_t)(at - packet_body(ic))) == 0)
		set_state(ic, IC_NEGOTIATING, IC_NO_HANDSHAKE);
}

/* A fault does not wait for the answer to the first. */
static void ask_again(struct ic *ic, const struct ic_call *call)
{
	size_t size = ic->ops->fill(ic, call, packet_body(ic));

	if (size > 0 && send_packet(ic, ic->ops->type, size) == 0)
		ic->requests++;
}

/* A packet of the component; `call` NULL: on its own. Whether it went out. */
static bool ask(struct ic *ic, const struct ic_call *call)
{
	size_t size = ic->ops->fill(ic, call, packet_body(ic));

	if (size == 0)
		note_problem(ic, "a packet could not be made");
	if (size == 0 || send_packet(ic, ic->ops->type, size) < 0)
		return false;
	ic->requests++;
	ic->fresh = false;
	if (channel_is_hit(ic->channel, FAULT_PIPELINE_IC))
		ask_again(ic, call);
	return true;
}

static void send_call(struct ic *ic)
{
	ic->calling = !guest_is_behind(ic) && ask(ic, &ic->call);
	if (!ic->calling)
		finish_call(ic, IC_LOST, 0, UINT64_MAX);
	else if (ic->call.step == 0)
		ic->asked_ns = ic->sent_ns;
}

static void send_next(struct ic *ic)
{
	if (ic->done) {
		send_call(ic);
	} else if (now_ns(ic) >= ic->next_ns) {
		ic->next_ns = now_ns(ic) + (ic->ops->period_ns ? ic->ops->period_ns : REPEAT_NS);
		if (!guest_is_behind(ic))
			ask(ic, NULL);
	}
}

/* ---- time -------------------- */

static uint64_t settled_ns(const struct ic *ic)
{
	return ic->since_ns + ic->ops->settle_ns;
}

/* When the guest has taken too long to answer what is out. */
static uint64_t overdue_ns(const struct ic *ic)
{
	return (ic->calling ? ic->asked_ns : ic->sent_ns) + ic->ops->patience_ns;
}

static bool is_overdue(const struct ic *ic)
{
	return ic->state == IC_READY && ic->out == IC_OUT && now_ns(ic) >= overdue_ns(ic);
}

static bool lacks_daemon(const struct ic *ic)
{
	return ic->ops->daemon && guest_is_behind(ic);
}

static void lose(struct ic *ic)
{
	ic->out = IC_OVERDUE;
	ic->lost++;
	set_state(ic, lacks_daemon(ic) ? IC_NO_DAEMON : ic->state, IC_LOST_COMMUNICATION);
	if (ic->calling)
		finish_call(ic, IC_LOST, 0, UINT64_MAX);
}

static uint64_t daemon_missed_ns(const struct ic *ic)
{
	return ic->sent_ns + DAEMON_PATIENCE_NS;
}

/* When to look again; 0: not for the clock's sake. */
static uint64_t deadline_ns(const struct ic *ic)
{
	if (ic->state == IC_NEGOTIATING && ic->ops->daemon && now_ns(ic) < daemon_missed_ns(ic))
		return daemon_missed_ns(ic);
	if (ic->state != IC_READY)
		return 0;
	if (ic->out == IC_OUT)
		return overdue_ns(ic);
	if (ic->done)
		return settled_ns(ic);
	return ic->next_ns == IC_NEVER ? 0 : MAX(ic->next_ns, settled_ns(ic));
}

/* After whatever happened: does what is due, and sees to it that it looks again in time. */
static void look(struct ic *ic)
{
	if (ic->state == IC_NEGOTIATING && now_ns(ic) >= daemon_missed_ns(ic) && lacks_daemon(ic))
		set_state(ic, IC_NO_DAEMON, IC_NO_HANDSHAKE);
	if (is_overdue(ic))
		lose(ic);
	if (ic->state == IC_READY && ic->out != IC_OUT && now_ns(ic) >= settled_ns(ic))
		send_next(ic);
	loop_timer_arm(ic->timer, deadline_ns(ic));
}

void ic_tick(void *arg)
{
	struct ic *ic = arg;
	struct vmbus *bus = ic->bus;

	vmbus_lock(bus);
	look(ic);
	vmbus_unlock(bus);
}

/* ---- from the guest -------------------- */

/* False: the lengths do not fit together, or it is no answer. */
static bool parse(const uint8_t *payload, size_t size, struct ic_header *ret_header,
	struct ic_reply *ret_reply)
{
	struct ic_header header;

	if (size < sizeof(header))
		return false;
	memcpy(&header, payload, sizeof(header));
	if (header.pipe_flags != IC_PIPE_DATA || header.pipe_size > size - IC_PIPE_HEADER_BYTES ||
		header.pipe_size < sizeof(header) - IC_PIPE_HEADER_BYTES ||
		header.body_size > header.pipe_size - (sizeof(header) - IC_PIPE_HEADER_BYTES) ||
		!(header.flags & IC_FLAG_RESPONSE))
		return false;
	*ret_header = header;
	*ret_reply = (struct ic_reply){header.status, payload + sizeof(header), header.body_size};
	return true;
}

static bool is_among(const struct ic_version *versions, size_t count, struct ic_version version)
{
	for (size_t i = 0; i < count; i++) {
		if (versions[i].major == version.major && versions[i].minor == version.minor)
			return true;
	}
	return false;
}

/* What the guest made of the lists. */
struct ic_choice {
	struct ic_negotiate counts;
	struct ic_version framework, version;
};

/* False: it is no answer at all. */
static bool read_choice(const struct ic_reply *reply, struct ic_choice *ret_choice)
{
	struct ic_choice choice = {0};
	bool none;

	if (reply->size < sizeof(choice.counts))
		return false;
	memcpy(&choice, reply->body, MIN(reply->size, sizeof(choice)));
	none = choice.counts.framework_count == 0 && choice.counts.message_count == 0;
	if (!none && (choice.counts.framework_count != 1 || choice.counts.message_count != 1 ||
			     reply->size < sizeof(choice)))
		return false;
	*ret_choice = choice;
	return true;
}

static bool was_offered(const struct ic *ic, const struct ic_choice *choice)
{
	return is_among(framework_versions, ARRAY_LEN(framework_versions), choice->framework) &&
	       is_among(ic->ops->versions, ic->ops->version_count, choice->version);
}

/* There is one question, and one answer to it. */
static void on_negotiated(struct ic *ic, const struct ic_reply *reply)
{
	struct ic_choice choice;

	ic->out = IC_NOTHING_OUT;
	if (!read_choice(reply, &choice)) {
		ic->malformed++;
		note_problem(ic, "the answer to the offered versions makes no sense");
	} else if (choice.counts.framework_count == 0) {
		note_problem(ic, "the guest knows none of the offered versions");
	} else if (!was_offered(ic, &choice)) {
		note_problem(ic, "the guest chose %u.%u and %u.%u, which were not offered",
			choice.framework.major, choice.framework.minor, choice.version.major,
			choice.version.minor);
	} else {
		ic->framework = choice.framework;
		ic->version = choice.version;
		ic->next_ns = ic->ops->period_ns ? 0 : IC_NEVER;
		ic->fresh = true;
		set_state(ic, IC_READY, IC_CONTACT_OK);
		if (ic->ops->ready)
			ic->ops->ready(ic);
		return;
	}
	set_state(ic, IC_FAILED, IC_NO_HANDSHAKE);
}

enum ic_outcome ic_outcome_of(uint32_t status)
{
	return status == IC_STATUS_OK ? IC_ANSWERED : IC_REFUSED;
}

static enum ic_outcome judge(
	struct ic *ic, const struct ic_call *call, const struct ic_reply *reply, bool *ret_more)
{
	enum ic_outcome outcome = ic_outcome_of(reply->status);

	if (ic->ops->take)
		outcome = ic->ops->take(ic, call, reply, ret_more);
	if (outcome == IC_BAD_ANSWER) {
		ic->malformed++;
		note_problem(ic, "an answer does not fit what was asked");
		return outcome;
	}
	ic->responses++;
	ic->refused += outcome == IC_REFUSED;
	ic->last_status = reply->status;
	ic->answered_ns = now_ns(ic);
	ic->last_latency_ns = ic->answered_ns - ic->sent_ns;
	set_state(ic, IC_READY, IC_CONTACT_OK);
	return outcome;
}

/* Late or not, a guest that answers is there. Of a late answer nobody waits for anything. */
static void on_answer(struct ic *ic, const struct ic_reply *reply)
{
	bool more = false;
	enum ic_outcome outcome = judge(ic, ic->calling ? &ic->call : NULL, reply, &more);

	ic->late += ic->out == IC_OVERDUE;
	ic->out = IC_NOTHING_OUT;
	if (!ic->calling)
		return;
	if (outcome == IC_ANSWERED && more) {
		ic->call.step++;
		ic->calling = false;
	} else {
		finish_call(ic, outcome, reply->status, now_ns(ic) - ic->asked_ns);
	}
}

/* Whether the answer that is waited for is that to the offered versions. */
static bool has_agreed(const struct ic *ic)
{
	return ic->version.major != 0;
}

static bool is_to_the_last(
	const struct ic *ic, const struct ring_packet *packet, const struct ic_header *header)
{
	enum ic_message_type asked = has_agreed(ic) ? ic->ops->type : IC_NEGOTIATE;

	return ic->out != IC_NOTHING_OUT && packet->transaction_id == ic->transaction &&
	       header->transaction == (uint8_t)ic->transaction && header->type == asked;
}

static void on_packet(struct ic *ic, const struct ring_packet *packet)
{
	struct ic_header header;
	struct ic_reply reply;

	if (packet->type != VMBUS_PACKET_DATA_INBAND ||
		!parse(ic->packet + packet->header_bytes, packet->payload_bytes, &header, &reply)) {
		ic->malformed++;
		note_problem(ic, "a packet of the guest is no answer");
	} else if (!is_to_the_last(ic, packet, &header)) {
		ic->stray++;
		note_problem(ic, "an answer to nothing that was asked");
	} else if (has_agreed(ic)) {
		on_answer(ic, &reply);
	} else {
		on_negotiated(ic, &reply);
	}
}

/* A guest that writes as fast as we read does not keep the loop for itself. */
static void read_packets(struct ic *ic)
{
	struct ring_packet packet;
	int r = 0;

	for (unsigned i = 0; i < PACKETS_AT_ONCE; i++) {
		r = vmbus_channel_peek(ic->channel, ic->packet, packet_limit(ic), &packet);
		if (r == 0) {
			on_packet(ic, &packet);
			r = vmbus_channel_consume(ic->channel);
		}
		if (r < 0)
			break;
	}
	if (r == -EMSGSIZE)
		vmbus_channel_fail(ic->channel, "guest to host: a packet larger than any answer");
	if (r == 0 || (r == -EAGAIN && vmbus_channel_idle(ic->channel)))
		loop_defer(ic->bus->vm->loop, &ic->channel->signalled_work);
	else if (r != -EAGAIN)
		note_problem(ic, "the guest broke its rings");
}

/* ---- the channel -------------------- */

static int on_open(struct vmbus_channel *channel, void *arg)
{
	struct ic *ic = arg;

	ic->framework = ic->version = (struct ic_version){0};
	ic->problem[0] = '\0';
	ic->out = IC_NOTHING_OUT;
	set_state(ic, IC_WAITING, IC_NO_HANDSHAKE);
	return 0;
}

static int on_close(struct vmbus_channel *channel, void *arg)
{
	struct ic *ic = arg;

	set_state(ic, IC_CLOSED, IC_NO_CONTACT);
	ic->out = IC_NOTHING_OUT;
	if (ic->ops->closed)
		ic->ops->closed(ic);
	loop_timer_arm(ic->timer, 0);
	finish_call(ic, IC_ENDED, 0, UINT64_MAX);
	return 0;
}

static void on_signalled(struct vmbus_channel *channel, void *arg)
{
	struct ic *ic = arg;

	if (ic->state == IC_WAITING)
		negotiate(ic);
	read_packets(ic);
	look(ic);
}

static void on_released(struct vmbus_channel *channel, void *arg)
{
	struct ic *ic = arg;

	loop_timer_free(ic->timer);
	free(ic);
}

static int offer(struct ic *ic)
{
	const struct vmbus_offer offer = {
		.interface_type = ic->ops->interface_type,
		.interface_instance = ic->ops->interface_instance,
		.chn_flags = VMBUS_OFFER_ENUMERATE_DEVICE_INTERFACE | VMBUS_OFFER_NAMED_PIPE_MODE,
		.pipe_mode = VMBUS_PIPE_MODE_MESSAGE,
		.monitor_id = VMBUS_MONITOR_NONE,
		.packet_limit = packet_limit(ic),
	};

	return vmbus_channel_add(ic->bus, &offer, &ic->channel_ops, ic, &ic->channel);
}

static const struct vmbus_device_ops channel_ops = {
	.open = on_open,
	.close = on_close,
	.signalled = on_signalled,
	.released = on_released,
};

int ic_create(struct vmbus *bus, enum ic_component component, struct vmbus_device **ret_device)
{
	const struct ic_ops *ops = ic_components[component];
	struct ic *ic = calloc(1, ops->size);
	int r;

	if (!ic)
		return -ENOMEM;
	ic->bus = bus;
	ic->ops = ops;
	ic->component = component;
	ic->channel_ops = channel_ops;
	ic->channel_ops.name = ops->kind->name;
	ic->last_latency_ns = UINT64_MAX;
	ic->since_ns = now_ns(ic);
	r = loop_timer_new(bus->vm->loop, ic_tick, ic, &ic->timer);
	if (r == 0)
		r = offer(ic);
	if (r < 0) {
		loop_timer_free(ic->timer);
		free(ic);
		return r;
	}
	*ret_device = &ic->device;
	return 0;
}

void ic_remove(struct vmbus_device *device)
{
	vmbus_channel_remove(container_of(device, struct ic, device)->channel);
}

struct ic *ic_find(struct vmbus *bus, enum ic_component component)
{
	struct vmbus_device *device;

	TAILQ_FOREACH (device, &bus->devices, link) {
		if (device->kind == ic_components[component]->kind)
			return container_of(device, struct ic, device);
	}
	return NULL;
}

/* ---- requests -------------------- */

static int check_request(const struct ic *ic)
{
	if (!ic)
		return -ENOENT;
	if (ic->state == IC_NO_DAEMON)
		return IC_E_NO_DAEMON;
	if (ic->state != IC_READY)
		return IC_E_NOT_READY;
	if (ic->done)
		return IC_E_BUSY;
	/* One that is out may yet be read; after that, somebody has to be there. */
	return ic->out != IC_OUT && guest_is_behind(ic) ? IC_E_BEHIND : 0;
}

int ic_request(struct vmbus *bus, enum ic_component component, const struct ic_call *call,
	ic_done_fn done, void *arg)
{
	struct ic *ic;
	int r;

	vmbus_lock(bus);
	ic = ic_find(bus, component);
	r = check_request(ic);
	if (r == 0) {
		ic->call = *call;
		ic->done = done;
		ic->done_arg = arg;
		look(ic);
	}
	vmbus_unlock(bus);
	return r;
}
