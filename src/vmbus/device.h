/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Devices of the bus by name: what `--device NAME[,key=value...]` and the API add and remove.
 *
 * A kind has a row in device.c's table. A device offers one channel or several; it lives until the
 * guest has let go of the last one, though its name is free again as soon as it is removed.
 *
 * Purpose: make, name and remove devices.
 * Threads: main loop; takes the bus's lock.
 * Errors:  -ENOENT no such kind or device; -EINVAL an option, `reterr_text` says which and why;
 *          -EEXIST the name or the GUIDs are in use; others from below.
 */
#include <stdbool.h>
#include <sys/queue.h>
#include "common/node.h"
#include "common/util.h"
#include "hvdef/vmbus.h"

struct vmbus;
struct vmbus_device_kind;

enum { DEVICE_OPTIONS_MAX = 8, DEVICE_NAME_BYTES = 32, DEVICE_ERROR_BYTES = 160 };

/* A spec that was taken apart: "null,id=a,class=..." */
struct device_options {
	char text[512]; /* what the pointers point into */
	const char *kind;
	const char *key[DEVICE_OPTIONS_MAX], *value[DEVICE_OPTIONS_MAX];
	unsigned count;
};

/* One that exists; a kind's own structure starts with it. */
struct vmbus_device {
	TAILQ_ENTRY(vmbus_device) link;
	const struct vmbus_device_kind *kind;
	char name[DEVICE_NAME_BYTES]; /* the option id, or the kind's name */
};

struct device_option_row {
	const char *key, *help;
};

struct vmbus_device_kind {
	const char *name, *help;
	const struct device_option_row *options; /* beside id; ends with a NULL key; NULL: none */
	/* Locked. Offers the channels. */
	int (*create)(struct vmbus *bus, const struct device_options *options,
		struct vmbus_device **ret_device, char reterr_text[DEVICE_ERROR_BYTES]);
	/* Locked. Takes the offers back; the memory goes when the guest has let go of them. */
	void (*remove)(struct vmbus_device *device);
};

extern const struct vmbus_device_kind *const vmbus_device_kinds[]; /* ends with NULL */

/* Only checks: that the kind is there and has these options. */
int vmbus_device_check(const char *spec, char reterr_text[DEVICE_ERROR_BYTES]) MUST_CHECK;
int vmbus_device_add(struct vmbus *bus, const char *spec, char reterr_text[DEVICE_ERROR_BYTES]) MUST_CHECK;
int vmbus_device_remove(struct vmbus *bus, const char *name) MUST_CHECK;
/*
 * The end of the VM, after its last instruction: removes every device, whatever the guest holds.
 */
void vmbus_devices_remove_all(struct vmbus *bus);

/* For kinds: the value of a key, or NULL. */
const char *device_option(const struct device_options *options, const char *key);
/* Reads a GUID; leaves *guid alone when the key is not given. */
int device_option_guid(const struct device_options *options, const char *key, struct vmbus_guid *guid,
	char reterr_text[DEVICE_ERROR_BYTES]) MUST_CHECK;

extern const struct vmbus_device_kind vmbus_heartbeat_kind;
extern const struct vmbus_device_kind vmbus_hvsock_kind;
extern const struct vmbus_device_kind vmbus_null_kind;
extern const struct vmbus_device_kind vmbus_shutdown_kind;
extern const struct vmbus_device_kind vmbus_timesync_kind;
