/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Key-value exchange: what somebody may ask of a guest's registry of texts (spec/vmbus.md 7.6).
 *
 * Purpose: questions and answers of the component kvp, as UTF-8.
 * Threads: a call belongs to the component from ic_request() until its `done` runs.
 * Errors:  enum ic_outcome; texts that do not fit are refused by kvp_check() beforehand.
 */
#include <stddef.h>
#include <stdint.h>
#include "hvdef/vmbus_ic.h"

/* In the order of kvp_ops.questions. */
enum kvp_question {
	KVP_OSINFO,
	KVP_IPS,
	KVP_LIST,
	KVP_LOOK_UP,
	KVP_STORE,
	KVP_REMOVE,
};

enum {
	/* Of an item: three bytes of UTF-8 for each unit of UTF-16. */
	KVP_KEY_TEXT = IC_KVP_KEY_BYTES / 2 * 3 + 1,
	KVP_VALUE_TEXT = IC_KVP_VALUE_BYTES / 2 * 3 + 1,
	KVP_ITEMS_MAX = 64,      /* in an answer */
	KVP_SEARCHED_MAX = 4096, /* items that a key is looked for in */
	KVP_MAC_TEXT = 18,
};

struct kvp_item {
	char key[KVP_KEY_TEXT], value[KVP_VALUE_TEXT];
};

#define KVP_COMPLETE UINT64_MAX

/* Text is UTF-8; "" where the question does not take it. */
struct kvp_call {
	enum ic_kvp_pool pool;
	char key[IC_KVP_KEY_BYTES],
		value[IC_KVP_VALUE_BYTES]; /* Linux has no more room, as UTF-8 */
	uint64_t start;                    /* items that are left out at the beginning */
	char adapter[KVP_MAC_TEXT];        /* a MAC address; "" all */

	struct kvp_item *items; /* borrows: room for KVP_ITEMS_MAX */
	uint32_t item_count;
	uint64_t next; /* `start` of what did not fit; KVP_COMPLETE, as the caller sets it: none */
	uint64_t seen; /* the component's own */
};

/*
 * Puts the adapter's address into the form that Linux compares with. NULL, or the name of the
 * member that no guest could take; `ret_why` says why, and is NULL otherwise. Any thread.
 */
const char *kvp_prepare(struct kvp_call *call, const char **ret_why);
