/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What the files of the bus share.
 *
 *	bus.c         life, reset, the lock
 *	incoming.c    message ports, the queue of what the guest sent
 *	dispatch.c    lengths, versions, states: which handler a message gets
 *	outgoing.c    the FIFO of what the guest is sent, one in flight
 *	owed.c        answers that were made and that the guest has not been given
 *	connection.c  INITIATE_CONTACT, REQUEST_OFFERS, UNLOAD
 *	channel.c     offers, OPEN, CLOSE, RELID_RELEASED
 *	channel_signals.c  rings and signals of an open channel, MODIFY
 *	gpadl.c       guest memory that a channel may use
 *	info.c, ring_info.c, packet_info.c  what inspection shows of all that
 *	message_faults.c  what faults (vmm/fault.h) do to messages
 *	remedy.c      what an operator can do to a channel
 *	history.c     the last messages of connection and channels; counters; records
 *
 * Purpose: the state of the protocol machines.
 * Threads: main loop, under `lock`, unless said otherwise.
 * Errors:  negative errno.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/queue.h>
#include "common/loop.h"
#include "vmbus/device.h"
#include "vmbus/ring_check.h"
#include "vmbus/states.h"
#include "vmbus/vmbus.h"
#include "vmm/guest_port.h"
#include "vmm/ports.h"
#include "vmm/vm.h"

enum {
	VMBUS_INCOMING_MAX = 64,
	VMBUS_RELIDS = VMBUS_RELID_MAX + 1,
	VMBUS_HISTORY = 16,
	VMBUS_GPADLS_MAX = 4096,
	VMBUS_GPADLS_ASSEMBLING_MAX = 64,
	VMBUS_GPADL_PAGES_MAX = 327680, /* 1280 MiB, as Hyper-V */
	VMBUS_CONNECTION_ID_BASE = 0x2000, /* a channel's connection id less its relid */
};

/* ---- history -------------------------------------------------------------------------------- */

enum vmbus_verdict {
	VMBUS_OK,
	VMBUS_IGNORED,   /* legal, without effect in this state */
	VMBUS_ILLEGAL,   /* not in this state, or not in this version */
	VMBUS_MALFORMED, /* too short, or it contradicts itself */
};

struct vmbus_history_entry {
	uint64_t mono_ns;
	uint32_t type, relid, value;
	bool out;
	uint8_t verdict; /* enum vmbus_verdict */
};

struct vmbus_history {
	struct vmbus_history_entry entry[VMBUS_HISTORY];
	uint64_t count; /* ever; the newest is entry[(count - 1) % VMBUS_HISTORY] */
};

struct vmbus_noted {
	uint32_t type;
	uint32_t relid; /* 0: none */
	uint32_t value; /* version, GPADL, status, whatever the message is about */
	const void *message; /* borrows for the call */
	size_t size;
};

/* Notes a message for the connection and, if there is one, for the channel; counts and records it. */
void vmbus_note_in(struct vmbus *bus, struct vmbus_channel *channel, const struct vmbus_noted *noted);
void vmbus_note_out(struct vmbus *bus, const struct vmbus_noted *noted);
/* The message from the guest that was noted last was not obeyed. */
void vmbus_note_refusal(struct vmbus *bus, uint32_t relid, uint32_t type, enum vmbus_verdict verdict);

/* ---- channel -------------------------------------------------------------------------------- */

struct vmbus_gpadl;

/* What inspection saw of a ring before; taken_ns 0: nothing. */
struct ring_looks {
	struct ring_snapshot old, recent;
};

/* What the doctor wants to know of a channel, since the guest let go of it last. */
struct channel_notes {
	enum vmbus_channel_state before_revoke; /* client_released: it was not taken back */
	uint64_t offers, opens, opened_ns;
	uint64_t requests_after_revoke; /* OPEN_CHANNEL and GPADL_HEADER */
	uint64_t early_teardowns;       /* of the rings, refused */
	uint32_t previous_vp, refused_vp; /* UINT32_MAX: none */
	uint64_t events_set, events_lost; /* signals that set the flag anew; that no flag took */
	uint64_t signal_in_ns, signal_out_ns, write_ns; /* the last ones, 0: never */
	uint64_t wakes;          /* signals since the last packet, beside its own */
	uint64_t largest_packet; /* bytes with header */
};

struct vmbus_channel {
	TAILQ_ENTRY(vmbus_channel) link; /* in the order of offers */
	struct vmbus *bus;               /* borrows */
	const struct vmbus_device_ops *ops;
	void *arg;
	struct vmbus_offer offer;
	uint32_t relid, connection_id;

	enum vmbus_channel_state state;
	uint64_t since_ns; /* in this state */
	enum vmbus_device_state device;
	bool removing;     /* vmbus_channel_remove(): free it when the guest has let go */
	bool reoffer;      /* channel_revoke(): offer it again when the guest has let go */
	char failure[96];  /* why it failed; "" otherwise */

	/* From OPEN on. */
	struct vmbus_open_channel request, reopen;
	struct vmbus_gpadl *ring_gpadl; /* borrows, while device != DEVICE_CLOSED */
	struct vmbus_ring in, out;
	struct ring_looks looks[2]; /* of in and out, since they are there */
	struct port *port;                /* owns: the guest signals us */
	struct guest_event_port *signals; /* owns: we signal the guest; NULL: it wants none */
	struct loop_timer *recheck;       /* owns: 100 ms after OPEN_RESULT */

	_Atomic uint64_t signals_in; /* counted by the port's handler, on any VP's thread */
	struct loop_work signalled_work, free_work;

	uint64_t held_by; /* a fault keeps the device from going on; 0: none does */
	/*
	 * A fault sent the event of the first packet before OPEN_RESULT: neither that packet nor
	 * the look after OPEN_RESULT sends it again.
	 */
	bool early_packet, early_recheck;

	unsigned gpadls;
	uint64_t opens, refused, signals_out;
	struct channel_notes notes;
	struct vmbus_history history;
};

struct vmbus_channel *channel_by_relid(struct vmbus *bus, uint32_t relid);
/* Sends the offer of a channel that the guest does not know. */
void channel_send_offer(struct vmbus_channel *channel);
/* The guest knows the offer, and was not told that it is taken back. */
bool channel_is_offered(const struct vmbus_channel *channel);
/* Takes the offer back, which the guest must know, and makes it again when the guest has let go. */
void channel_revoke(struct vmbus_channel *channel);
/* The guest is gone or starts anew: what it had of the channel is dropped. It may be freed. */
void channel_release_by_reset(struct vmbus_channel *channel);

/* 0: guest to host, 1: host to guest; NULL: there is no such ring, or none now. */
const struct vmbus_ring *channel_ring(const struct vmbus_channel *channel, unsigned ring);
/* Where a ring's unread packets start and end; it must be there. False: the guest's index is none. */
bool channel_unread(const struct vmbus_channel *channel, unsigned ring, uint32_t *ret_from, uint32_t *ret_to);
/* A look at a ring, which must be there, for ring_check(); at the first packets of what is unread. */
void channel_look_at_ring(const struct vmbus_channel *channel, unsigned ring, uint32_t packets_max,
	struct ring_snapshot *ret_look);

/* Whether a fault of this kind hits the channel, here and now; the second: one is active. */
bool channel_take_fault(struct vmbus_channel *channel, enum fault_kind kind);
#define channel_is_hit(channel, kind)                               \
	(fault_possible(&(channel)->bus->vm->faults, (kind)) &&     \
		channel_take_fault((channel), (kind)))
/* Fault `id` has ended: the devices that it held go on. */
void channels_go_on(struct vmbus *bus, uint64_t id);

/* The device is asked to stop; one that is starting is stopped when it has started. */
void channel_stop_device(struct vmbus_channel *channel);

/* OPEN_CHANNEL: maps the rings and makes the ways to signal; whatever r, disconnect afterwards. */
int channel_connect_rings(struct vmbus_channel *channel) MUST_CHECK;
/* The device has stopped, or never started: nobody touches the rings any more. Idempotent. */
void channel_disconnect_rings(struct vmbus_channel *channel);
/* Main loop, `signalled_work`: the guest signalled once or more often; takes the lock. */
void channel_signalled(struct loop_work *work);
/* Main loop, 100 ms after OPEN_RESULT; takes the lock. With a manual clock a test calls it. */
void channel_recheck(void *channel);

/* Handlers; `channel` is NULL when the relid leads nowhere. */
enum vmbus_verdict channel_on_open(struct vmbus_channel *channel, const struct vmbus_open_channel *message);
enum vmbus_verdict channel_on_close(struct vmbus_channel *channel);
enum vmbus_verdict channel_on_released(struct vmbus_channel *channel);
enum vmbus_verdict channel_on_modify(struct vmbus *bus, struct vmbus_channel *channel,
	const struct vmbus_modify_channel *message);

/* ---- GPADL ----------------------------------------------------------------------------------- */

struct vmbus_gpadl {
	TAILQ_ENTRY(vmbus_gpadl) link;
	struct vmbus_channel *channel; /* borrows; GPADLs go before their channel */
	uint32_t id;
	enum vmbus_gpadl_state state;
	uint64_t since_ns, filled_ns; /* in this state; the last bytes of it */
	uint16_t range_count, expected, filled; /* bytes of ranges */
	uint8_t *ranges;                        /* owns, while assembling */
	uint8_t **page;                         /* owns, once accepted; guest RAM, in order */
	uint32_t page_count;
	bool is_ring; /* one range, whole pages: can hold rings */
};

enum vmbus_verdict gpadl_on_header(struct vmbus *bus, struct vmbus_channel *channel,
	const struct vmbus_gpadl_header *message, size_t size);
enum vmbus_verdict gpadl_on_body(struct vmbus *bus, const struct vmbus_gpadl_body *message, size_t size);
/* Whose GPADL the body belongs to, or NULL. */
struct vmbus_channel *gpadl_channel_of_body(struct vmbus *bus, const struct vmbus_gpadl_body *message);
enum vmbus_verdict gpadl_on_teardown(struct vmbus *bus, struct vmbus_channel *channel,
	const struct vmbus_gpadl_teardown *message);
/* An accepted one of this channel, or NULL. */
struct vmbus_gpadl *gpadl_find(struct vmbus_channel *channel, uint32_t id);
/* The device has stopped: TORNDOWN for those the guest asked about meanwhile. */
void gpadl_finish_teardowns(struct vmbus_channel *channel);
/* Drops all of a channel, without a message. Its device must have stopped. */
void gpadl_drop_all(struct vmbus_channel *channel);

/* ---- connection ------------------------------------------------------------------------------ */

enum vmbus_next { NEXT_NOTHING, NEXT_CONTACT, NEXT_UNLOAD };

struct vmbus_connection {
	enum vmbus_state state;
	uint64_t since_ns;
	uint32_t version;   /* 0: none */
	uint32_t target_vp; /* of messages to the guest */
	uint8_t sint;
	uint64_t interrupt_page, monitor_page_p2c, monitor_page_c2p; /* 0: none */
	enum vmbus_next next; /* after disconnecting */
	struct vmbus_initiate_contact contact; /* NEXT_CONTACT */

	/* For the doctor: attempts since one succeeded; asked and not answered yet, 0: not. */
	uint64_t contacts, contacts_refused;
	uint64_t contact_ns, unload_ns;
};

enum vmbus_verdict connection_on_contact(struct vmbus *bus, const struct vmbus_initiate_contact *message);
enum vmbus_verdict connection_on_request_offers(struct vmbus *bus);
enum vmbus_verdict connection_on_unload(struct vmbus *bus);
/* A device stopped that a release waited for: goes on if it was the last. */
void connection_continue(struct vmbus *bus);
/* Lets go of everything at once: VM reset. */
void connection_reset(struct vmbus *bus);

/* ---- messages --------------------------------------------------------------------------------- */

struct vmbus_in_message {
	uint32_t size;
	_Alignas(8) uint8_t payload[VMBUS_MESSAGE_MAX];
};

typedef void (*vmbus_sent_fn)(struct vmbus *bus);

struct vmbus_out_message {
	STAILQ_ENTRY(vmbus_out_message) link;
	uint32_t size;
	uint32_t relid, value; /* for the history */
	uint64_t made_ns;
	vmbus_sent_fn sent; /* it reached the slot; may be NULL */
	_Alignas(8) uint8_t payload[VMBUS_MESSAGE_MAX];
};

/* `relid` and `value` are for the history. Out of memory: the guest will wait; it is logged. */
void vmbus_send(struct vmbus *bus, const void *message, size_t size, uint32_t relid, uint32_t value,
	vmbus_sent_fn sent);
/* Puts it at the end of the FIFO, which frees it. */
void outgoing_add(struct vmbus *bus, struct vmbus_out_message *out);
bool outgoing_is_empty(const struct vmbus *bus);
int outgoing_init(struct vmbus *bus) MUST_CHECK;
/* Messages go to this VP and SINT from now on. 0 or a negative errno of the route. */
int outgoing_set_target(struct vmbus *bus, uint32_t vp, uint8_t sint) MUST_CHECK;
/* Drops what waits. */
void outgoing_flush(struct vmbus *bus);
void outgoing_deinit(struct vmbus *bus);

enum { VMBUS_OWED_MAX = 64 };

/* An answer or a RESCIND that was made, on its way to the slot or lost on it. */
struct vmbus_owed {
	uint32_t type, relid;
	uint64_t id, since_ns; /* id: of a GPADL; UINT64_MAX: none */
};

/* Notes the message if the guest waits for its kind; beyond VMBUS_OWED_MAX it does not. */
void owed_note(struct vmbus *bus, const void *message, uint32_t relid);
/* The guest has let go of the channel, and waits for nothing about it. */
void owed_forget(struct vmbus *bus, uint32_t relid);
/* It reached the slot. A RESCIND also frees whoever waits for OPEN_RESULT or GPADL_CREATED. */
void owed_settle(struct vmbus *bus, const void *message, uint32_t relid);

int incoming_init(struct vmbus *bus) MUST_CHECK;
/* Takes messages from the queue until it is empty or an answer has to be waited for. */
void incoming_pump(struct vmbus *bus);
void incoming_flush(struct vmbus *bus);
void incoming_deinit(struct vmbus *bus);

/* The channel that a message of the guest is about, 0: none. */
uint32_t vmbus_message_relid(struct vmbus *bus, const void *message, size_t size);
/* `size` <= VMBUS_MESSAGE_MAX, at least a header. */
void vmbus_dispatch(struct vmbus *bus, const void *message, size_t size);

/* ---- faults ---------------------------------------------------------------------------------- */

enum { VMBUS_KEPT_MAX = 64 };

/* Messages that faults keep, or have let go and that could not go on yet. */
struct message_faults {
	struct fault_listener listener;
	struct loop_timer *timer; /* owns: the earliest due time */
	TAILQ_HEAD(, kept_message) kept;
	unsigned count; /* at most VMBUS_KEPT_MAX: beyond that, messages go their normal way */
};

int message_faults_init(struct vmbus *bus) MUST_CHECK;
void message_faults_deinit(struct vmbus *bus);
/* Drops what is kept: the connection is gone. */
void message_faults_flush(struct vmbus *bus);
/* Every message to the guest comes by here, and goes on to outgoing_add() unless a fault hits. */
void message_faults_out(struct vmbus *bus, struct vmbus_out_message *out);
/* Every message from the guest, which goes on to vmbus_dispatch(). */
void message_faults_in(struct vmbus *bus, const struct vmbus_in_message *message);
/* Dispatches one that was let go. False: there is none. */
bool message_faults_resume_in(struct vmbus *bus);
/* The timer's function; takes the lock. With a manual clock a test calls it. */
void message_faults_tick(void *bus);

/* ---- the bus --------------------------------------------------------------------------------- */

struct vmbus {
	struct vm *vm; /* borrows */
	struct vm_device device;
	pthread_mutex_t lock;

	pthread_mutex_t in_lock; /* guards the queue; VP threads take it */
	struct vmbus_in_message in[VMBUS_INCOMING_MAX];
	unsigned in_first, in_count;
	uint64_t in_refused;
	struct loop_work in_work;
	struct port *port[2]; /* owns: connections 1 and 4 */

	STAILQ_HEAD(, vmbus_out_message) out;
	unsigned out_count;
	struct synic_entry out_entry; /* the first of `out`, on its way */
	bool out_posted;
	struct synic *out_synic;      /* borrows: where it was posted */
	struct synic_waiter out_waiter;
	struct sint_route *out_route; /* ref: the target's, so that its GSI exists */
	struct loop_work out_work;
	_Atomic int out_status;       /* of the entry; valid once out_done */
	_Atomic bool out_done;

	struct message_faults faults;
	struct vmbus_owed owed[VMBUS_OWED_MAX]; /* in the order in which they were made */
	unsigned owed_count;
	uint64_t messages_delivered; /* to their slot */
	uint64_t in_taken_ns;        /* the last message of the guest, 0: none yet; by in_lock */

	struct vmbus_connection connection;
	TAILQ_HEAD(, vmbus_channel) channels;
	struct vmbus_channel *by_relid[VMBUS_RELIDS];
	uint32_t last_relid;
	unsigned releasing; /* channels that a release waits for */

	TAILQ_HEAD(vmbus_gpadl_list, vmbus_gpadl) gpadls; /* in the order of their headers */
	unsigned gpadl_count, gpadls_assembling;
	uint32_t gpadl_pages;

	uint64_t messages_in[VMBUS_MSG_COUNT], messages_out[VMBUS_MSG_COUNT]; /* 0: unknown types */
	uint64_t verdicts[4];
	struct vmbus_history history;

	TAILQ_HEAD(, vmbus_device) devices; /* owns, in the order of their making */
	uint64_t devices_made;              /* ever: numbers of devices */
	vmbus_connect_fn connect;
	void *connect_arg;
	const char *socket_prefix; /* borrows; NULL: none */
};
