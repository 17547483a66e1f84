/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Integration components: what heartbeat, time synchronisation, shutdown, key-value exchange and
 * backup have in common (spec/vmbus.md 7).
 *
 *	closed --OPEN--> waiting --first look--> negotiating --versions chosen--> ready
 *	any    --CLOSE--> closed                 negotiating --none chosen------> failed
 *	negotiating, ready --not even read, and the component has a daemon--> no_daemon
 *	no_daemon          --the guest answers after all--------------------> ready
 *
 * The host asks, the guest answers, one question at a time: the next one is sent when the last was
 * answered, or when its patience is over and the guest has at least read it. A guest that does not
 * read finds one packet in its ring when it comes back, not a hundred. What somebody asked may take
 * several packets; its patience is for all of them together.
 *
 * Purpose: framing, negotiation, transactions, counters; what a component adds is struct ic_ops.
 * Threads: main loop, with the bus's lock held unless said otherwise.
 * Errors:  nothing a guest answers is one: it is counted, and `problem` says what was wrong.
 */
#include <stdbool.h>
#include <stdint.h>
#include "common/node.h"
#include "hvdef/vmbus_ic.h"
#include "vmbus/device.h"
#include "vmbus/states.h"
#include "vmbus/vmbus.h"

struct ic;
struct kvp_call;
struct loop_timer;

/* In the order of ic_components[]; also the key of the node. */
enum ic_component {
	IC_COMPONENT_HEARTBEAT,
	IC_COMPONENT_TIMESYNC,
	IC_COMPONENT_SHUTDOWN,
	IC_COMPONENT_KVP,
	IC_COMPONENT_VSS,
	IC_COMPONENTS,
};

/* ---- requests -------------------------------------------------------------------------------- */

/* What a request may say more precisely: a bit each, in the order of the API's parameters. */
enum ic_parameter {
	IC_FORCE = 1 << 0,
	IC_FOR = 1 << 1,
	IC_POOL = 1 << 2,
	IC_KEY = 1 << 3,
	IC_VALUE = 1 << 4,
	IC_START = 1 << 5,
	IC_ADAPTER = 1 << 6,
	IC_PARAMETERS = 7,
};

/* What can be asked of a component. */
struct ic_question {
	const char *name;     /* NULL ends a list */
	unsigned takes;       /* enum ic_parameter */
	unsigned needs;       /* among those */
	const char *answered; /* what an answer means, for people */
	const char *refused;  /* what a refusal may mean; NULL: its status says all */
};

/* What somebody wants of the guest beside what a component says on its own. */
struct ic_call {
	unsigned request; /* index of ops->questions */
	bool force;
	uint64_t for_ns;
	struct kvp_call *kvp; /* borrows until `done` runs; of key-value exchange only */
	unsigned step;        /* packets of it that were answered; the caller leaves it 0 */
};

enum ic_outcome {
	IC_ANSWERED,
	IC_REFUSED,    /* answered with a status that is not 0 */
	IC_BAD_ANSWER, /* answered with what is no answer */
	IC_LOST,       /* not answered in time, or the guest does not even read */
	IC_ENDED,      /* the channel was closed, or the device removed */
};

struct ic_answer {
	enum ic_outcome outcome;
	uint32_t status;
	uint64_t latency_ns; /* UINT64_MAX: there was no answer */
};

/* Main loop, locked. */
typedef void (*ic_done_fn)(void *arg, const struct ic_answer *answer);

/* Positive answers of ic_request(). */
enum ic_condition { IC_E_NOT_READY = 1, IC_E_NO_DAEMON, IC_E_BUSY, IC_E_BEHIND };

/*
 * Main loop, takes the lock. `done` runs exactly once if this returns 0, possibly before it does.
 * -ENOENT: no such device. IC_E_NOT_READY: nothing was negotiated. IC_E_NO_DAEMON: the program of
 * the guest that would answer does not run. IC_E_BUSY: another request is under way. IC_E_BEHIND:
 * the guest has not read the last packet yet.
 */
int ic_request(struct vmbus *bus, enum ic_component component, const struct ic_call *call,
	ic_done_fn done, void *arg) MUST_CHECK;

/* ---- components ------------------------------------------------------------------------------ */

/* An answer, after its lengths and ids were checked. Borrows. */
struct ic_reply {
	uint32_t status;
	const uint8_t *body; /* any alignment */
	size_t size;
};

enum {
	IC_PACKET_MAX = 8192,     /* of any component, both ways */
	IC_PACKET_DEFAULT = 4096, /* what the guest's drivers take (spec/vmbus.md 4.5), and we do */
	IC_BODY_MAX = IC_PACKET_MAX - 16 - sizeof(struct ic_header),
};
#define IC_NEVER UINT64_MAX

struct ic_ops {
	const struct vmbus_device_kind *kind;
	struct vmbus_guid interface_type, interface_instance;
	enum ic_message_type type;
	const struct ic_version *versions; /* ascending, as they are offered */
	unsigned version_count;
	size_t size;          /* of the component's structure, which starts with struct ic */
	size_t packet_limit;  /* bytes with all headers; 0: IC_PACKET_DEFAULT */
	uint64_t period_ns;   /* it speaks on its own this often; 0: only when asked */
	uint64_t patience_ns; /* an answer that takes longer is late */
	uint64_t settle_ns;   /* how long the guest is left alone after negotiation */
	bool lock_step;       /* Linux's driver reads one packet per interrupt */
	/* The program without which the guest's driver reads nothing; NULL: the driver suffices. */
	const char *daemon;
	const struct ic_question *questions; /* NULL name ends them */
	/*
	 * Writes the body of the next packet, at most IC_BODY_MAX bytes; `call` NULL: on its own.
	 * Returns its size, or 0 when it cannot be made.
	 */
	size_t (*fill)(struct ic *ic, const struct ic_call *call, void *body);
	/*
	 * What an answer comes to: IC_ANSWERED, IC_REFUSED or IC_BAD_ANSWER. `call` NULL: nobody
	 * waits for it (any more). `ret_more`, false before: the call goes on with another packet,
	 * if it was answered. NULL: the status says it.
	 */
	enum ic_outcome (*take)(struct ic *ic, const struct ic_call *call,
		const struct ic_reply *reply, bool *ret_more);
	/* Versions were agreed on; the channel closes. May be NULL. */
	void (*ready)(struct ic *ic);
	void (*closed)(struct ic *ic);
};

/* IC_ANSWERED or IC_REFUSED. */
enum ic_outcome ic_outcome_of(uint32_t status);

enum ic_transaction { IC_NOTHING_OUT, IC_OUT, IC_OVERDUE };

struct ic {
	struct vmbus_device device;
	const struct ic_ops *ops;
	enum ic_component component;
	struct vmbus_device_ops channel_ops; /* with the component's name */
	struct vmbus *bus;                   /* borrows */
	struct vmbus_channel *channel;       /* borrows; the bus frees it */
	struct loop_timer *timer;            /* owns */

	enum ic_state state;
	uint64_t since_ns; /* in this state */
	enum ic_contact contact;
	struct ic_version framework, version; /* chosen; 0.0 before */
	bool fresh;                           /* nothing was sent since they were chosen */
	char problem[96];                     /* what was wrong last; "" nothing since OPEN */

	enum ic_transaction out;
	uint64_t transaction;          /* of the last packet; its low byte is the component's */
	uint64_t sent_ns, answered_ns; /* 0: never */
	uint64_t next_ns;              /* when it speaks on its own, or IC_NEVER */

	ic_done_fn done; /* NULL: nobody asked */
	void *done_arg;
	struct ic_call call;
	bool calling;      /* what is out is the call's; else the call waits */
	uint64_t asked_ns; /* when the first packet of the call was sent */

	uint64_t requests, responses, refused, lost, late, stray, malformed;
	uint64_t pipelined; /* packets sent behind one that the guest had not read */
	uint32_t last_status;
	uint64_t last_latency_ns; /* UINT64_MAX: none */

	_Alignas(8) uint8_t packet[IC_PACKET_MAX];
};

/* For the kinds of device. */
int ic_create(struct vmbus *bus, enum ic_component component,
	struct vmbus_device **ret_device) MUST_CHECK;
void ic_remove(struct vmbus_device *device);

/* Takes the lock: the timer's function. With a manual clock a test calls it. */
void ic_tick(void *ic);

extern const struct ic_ops heartbeat_ops;
extern const struct ic_ops timesync_ops;
extern const struct ic_ops shutdown_ops;
extern const struct ic_ops kvp_ops;
extern const struct ic_ops vss_ops;
extern const struct ic_ops *const ic_components[IC_COMPONENTS];

/* The one on this bus, or NULL. */
struct ic *ic_find(struct vmbus *bus, enum ic_component component);

/* ---- inspection ------------------------------------------------------------------------------ */

/* Of backup only. */
struct ic_freeze_info {
	bool present;
	uint32_t state;                            /* enum vss_state */
	uint64_t time_in_state_ns, thaw_due_in_ns; /* all ones: not due */
	uint64_t freezes, thaws, automatic_thaws;
};

struct ic_info {
	uint8_t name; /* enum ic_component */
	char device[DEVICE_NAME_BYTES];
	uint32_t relid;
	uint32_t state, contact;
	uint64_t time_in_state_ns;
	char framework_version[12], message_version[12]; /* "" none */
	uint64_t requests, responses, refused, lost, late, stray, malformed;
	uint32_t last_status;
	uint64_t last_latency_ns, last_response_age_ns, waiting_ns; /* all ones: none */
	char problem[96];
	struct ic_freeze_info freeze;
};

extern const struct node_class ic_node_class; /* ic/{name}; owner: struct vmbus or NULL */
