/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The connection (spec/vmbus.md 6.1).
 *
 *	disconnected --contact--> connecting --answer sent--> negotiated --request--> connected
 *	negotiated, connected --contact, unload--> disconnecting --devices stopped--> the next thing
 *
 * Letting go of everything is the same whatever the reason: every channel is released, and when the
 * last device has stopped, what was asked for is done.
 */
#include <errno.h>
#include "common/log.h"
#include "vmbus/internal.h"
#include "vmm/event.h"

static void set_state(struct vmbus *bus, enum vmbus_state state)
{
	struct vmbus_connection *connection = &bus->connection;

	if (connection->state == state)
		return;
	hv_record(bus->vm->recorder, HV_EVENT_VMBUS_CONNECTION, RECORD_NO_VP, 0, RECORD_NO_SINT,
		connection->state, state, connection->version);
	connection->state = state;
	connection->since_ns = clock_now_ns(bus->vm->clock);
}

/* ---- letting go ------------------------------------------------------------------------------ */

static void forget_connection(struct vmbus *bus)
{
	struct vmbus_connection *connection = &bus->connection;

	if (connection->monitor_page_c2p && monitor_set_page(&bus->vm->monitor, UINT64_MAX) < 0)
		log_warning("vmbus: the monitor page stays");
	connection->version = 0;
	connection->interrupt_page = 0;
	connection->monitor_page_p2c = connection->monitor_page_c2p = 0;
	set_state(bus, VMBUS_DISCONNECTED);
}

static void release_channels(struct vmbus *bus)
{
	struct vmbus_channel *channel = TAILQ_FIRST(&bus->channels);

	while (channel) {
		struct vmbus_channel *next = TAILQ_NEXT(channel, link);

		channel_release_by_reset(channel);
		channel = next;
	}
}

static void do_next(struct vmbus *bus);

static void let_go(struct vmbus *bus, enum vmbus_next next)
{
	bus->connection.next = next;
	set_state(bus, VMBUS_DISCONNECTING);
	release_channels(bus);
	connection_continue(bus);
}

void connection_continue(struct vmbus *bus)
{
	if (bus->connection.state == VMBUS_DISCONNECTING && bus->releasing == 0)
		do_next(bus);
}

void connection_reset(struct vmbus *bus)
{
	incoming_flush(bus);
	outgoing_flush(bus);
	message_faults_flush(bus);
	let_go(bus, NEXT_NOTHING);
}

/* ---- contact --------------------------------------------------------------------------------- */

static bool is_known(uint32_t version)
{
	static const uint32_t versions[] = {
		VMBUS_VERSION_2_4,
		VMBUS_VERSION_3_0,
		VMBUS_VERSION_4_0,
		VMBUS_VERSION_4_1,
		VMBUS_VERSION_5_0,
		VMBUS_VERSION_5_1,
		VMBUS_VERSION_5_2,
		VMBUS_VERSION_5_3,
	};

	for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
		if (versions[i] == version)
			return true;
	}
	return false;
}

/* Guests look at `supported` alone: whatever is wrong is said there. */
static void answer(struct vmbus *bus, uint32_t version, bool supported, vmbus_sent_fn sent)
{
	const struct vmbus_version_response response = {
		.header.type = VMBUS_MSG_VERSION_RESPONSE,
		.supported = supported,
		.selected = version >= VMBUS_VERSION_5_0 ? VMBUS_CONNECTION_NEW : version,
	};

	bus->connection.contact_ns = 0;
	if (supported)
		bus->connection.contacts = bus->connection.contacts_refused = 0;
	else
		bus->connection.contacts_refused++;
	vmbus_send(bus, &response, sizeof(response), 0, supported ? version : 0, sent);
}

static void on_answer_sent(struct vmbus *bus)
{
	if (bus->connection.state == VMBUS_CONNECTING)
		set_state(bus, VMBUS_NEGOTIATED);
}

/* Where messages shall go. Before 3.0 the guest could not choose; before 5.0 not the SINT. */
static int set_target(struct vmbus *bus, const struct vmbus_initiate_contact *contact)
{
	bool chooses_vp = contact->version >= VMBUS_VERSION_3_0;
	bool chooses_sint = contact->version >= VMBUS_VERSION_5_0;

	if (chooses_sint && (contact->sint == 0 || contact->vtl != 0))
		return -EINVAL;
	return outgoing_set_target(bus, chooses_vp ? contact->target_vp : 0,
		chooses_sint ? contact->sint : VMBUS_SINT);
}

static bool is_page(const struct vmbus *bus, uint64_t gpa)
{
	return gpa % VMBUS_PAGE_SIZE == 0 &&
	       guest_memory_at(&bus->vm->memory, gpa, VMBUS_PAGE_SIZE);
}

/* Both pages or none. The host never signals through the first one; it is kept to be looked at. */
static int set_monitor_pages(struct vmbus *bus, const struct vmbus_initiate_contact *contact)
{
	struct vmbus_connection *connection = &bus->connection;
	int r;

	if (!contact->monitor_page_p2c != !contact->monitor_page_c2p)
		return -EINVAL;
	if (!contact->monitor_page_c2p)
		return 0;
	if (!is_page(bus, contact->monitor_page_p2c))
		return -EFAULT;
	r = monitor_set_page(&bus->vm->monitor, contact->monitor_page_c2p);
	if (r < 0)
		return r;
	connection->monitor_page_p2c = contact->monitor_page_p2c;
	connection->monitor_page_c2p = contact->monitor_page_c2p;
	return 0;
}

static int accept_contact(struct vmbus *bus, const struct vmbus_initiate_contact *contact)
{
	int r = is_known(contact->version) ? set_target(bus, contact) : -EPROTONOSUPPORT;

	if (r == 0)
		r = set_monitor_pages(bus, contact);
	if (r < 0)
		return r;
	bus->connection.version = contact->version;
	bus->connection.interrupt_page = contact->version < VMBUS_VERSION_5_0
						 ? contact->interrupt_page
						 : 0;
	return 0;
}

/* From the state disconnected. */
static void negotiate(struct vmbus *bus, const struct vmbus_initiate_contact *contact)
{
	if (accept_contact(bus, contact) < 0) {
		answer(bus, contact->version, false, NULL);
		return;
	}
	set_state(bus, VMBUS_CONNECTING);
	answer(bus, contact->version, true, on_answer_sent);
}

enum vmbus_verdict connection_on_contact(
	struct vmbus *bus, const struct vmbus_initiate_contact *contact)
{
	bus->owed_count = 0; /* a guest that starts anew waits for nothing else */
	bus->connection.contacts++;
	bus->connection.contact_ns = clock_now_ns(bus->vm->clock);
	if (bus->connection.state == VMBUS_DISCONNECTED) {
		negotiate(bus, contact);
		return VMBUS_OK;
	}
	bus->connection.contact = *contact;
	if (bus->connection.state == VMBUS_DISCONNECTING)
		bus->connection.next = NEXT_CONTACT;
	else
		let_go(bus, NEXT_CONTACT);
	return VMBUS_OK;
}

/* ---- offers ---------------------------------------------------------------------------------- */

enum vmbus_verdict connection_on_request_offers(struct vmbus *bus)
{
	const struct vmbus_message_header delivered = {.type = VMBUS_MSG_ALL_OFFERS_DELIVERED};
	struct vmbus_channel *channel;

	if (bus->connection.state != VMBUS_NEGOTIATED)
		return VMBUS_ILLEGAL;
	set_state(bus, VMBUS_CONNECTED);
	TAILQ_FOREACH (channel, &bus->channels, link)
		channel_send_offer(channel);
	vmbus_send(bus, &delivered, sizeof(delivered), 0, 0, NULL);
	return VMBUS_OK;
}

/* ---- unload ---------------------------------------------------------------------------------- */

static void answer_unload(struct vmbus *bus)
{
	const struct vmbus_message_header response = {.type = VMBUS_MSG_UNLOAD_RESPONSE};

	bus->connection.unload_ns = 0;
	vmbus_send(bus, &response, sizeof(response), 0, 0, NULL);
}

/* Also without a connection: a guest that waits for the answer waits for ever. */
enum vmbus_verdict connection_on_unload(struct vmbus *bus)
{
	bus->connection.unload_ns = clock_now_ns(bus->vm->clock);
	switch (bus->connection.state) {
	case VMBUS_DISCONNECTED:
		answer_unload(bus);
		return VMBUS_OK;
	case VMBUS_DISCONNECTING:
		bus->connection.next = NEXT_UNLOAD;
		return VMBUS_OK;
	default:
		let_go(bus, NEXT_UNLOAD);
		return VMBUS_OK;
	}
}

static void do_next(struct vmbus *bus)
{
	enum vmbus_next next = bus->connection.next;

	bus->connection.next = NEXT_NOTHING;
	forget_connection(bus);
	if (next == NEXT_NOTHING)
		bus->connection.contact_ns = bus->connection.unload_ns = 0;
	if (next == NEXT_CONTACT)
		negotiate(bus, &bus->connection.contact);
	else if (next == NEXT_UNLOAD)
		answer_unload(bus);
}
