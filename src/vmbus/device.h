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
struct vmbus_channel;
struct vmbus_device_kind;

enum {
	DEVICE_OPTIONS_MAX = 8,
	DEVICE_NAME_BYTES = 32,
	DEVICE_SPEC_BYTES = 512,
	DEVICE_ERROR_BYTES = 160,
};

/* A spec that was taken apart: "null,id=a,class=..." */
struct device_options {
	char text[DEVICE_SPEC_BYTES]; /* what the pointers point into */
	const char *kind;
	const char *key[DEVICE_OPTIONS_MAX], *value[DEVICE_OPTIONS_MAX];
	unsigned count;
};

/* One that exists; a kind's own structure starts with it. */
struct vmbus_device {
	TAILQ_ENTRY(vmbus_device) link;
	const struct vmbus_device_kind *kind;
	char name[DEVICE_NAME_BYTES]; /* the option id, or the kind's name */
	char spec[DEVICE_SPEC_BYTES]; /* what it was made from */
	uint64_t number, made_ns;     /* counted from 1: the order of their making */
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
	/*
	 * Locked. Whether a channel is the device's. NULL: all whose argument is the device itself.
	 */
	bool (*owns)(const struct vmbus_device *device, const struct vmbus_channel *channel);
};

extern const struct vmbus_device_kind *const vmbus_device_kinds[]; /* ends with NULL */

const struct vmbus_device_kind *vmbus_device_find_kind(const char *name);
/* Says that `wanted` is none, and which there are. */
void vmbus_device_list_kinds(char text[DEVICE_ERROR_BYTES], const char *wanted);
/* It is a segment of a path in the API: "." and ".." are none, whoever sends them. */
bool vmbus_device_name_is_valid(const char *name);
/* `id` is an option of every kind. */
bool vmbus_device_has_option(const struct vmbus_device_kind *kind, const char *key);
/*
 * What kinds say of an option that is wrong begins with its name and a colon, possibly behind the
 * kind's own. Returns the option, or NULL when the text is about none.
 */
const char *vmbus_device_blamed_option(
	const struct vmbus_device_kind *kind, const char *error_text);

/* Only checks: that the kind is there and has these options. */
int vmbus_device_check(const char *spec, char reterr_text[DEVICE_ERROR_BYTES]) MUST_CHECK;
int vmbus_device_add(
	struct vmbus *bus, const char *spec, char reterr_text[DEVICE_ERROR_BYTES]) MUST_CHECK;
int vmbus_device_remove(struct vmbus *bus, const char *name) MUST_CHECK;
/* Any thread. */
bool vmbus_device_exists(struct vmbus *bus, const char *name);
/*
 * The end of the VM, after its last instruction: removes every device, whatever the guest holds.
 */
void vmbus_devices_remove_all(struct vmbus *bus);

/* For files of the bus, locked: NULL when there is none of that name. */
struct vmbus_device *device_find(struct vmbus *bus, const char *name);
/* Takes the spec of a device that exists apart once more. */
void device_split(const struct vmbus_device *device, struct device_options *ret_options);

/* For kinds: the value of a key, or NULL. */
const char *device_option(const struct device_options *options, const char *key);
/* Reads a GUID; leaves *guid alone when the key is not given. */
int device_option_guid(const struct device_options *options, const char *key,
	struct vmbus_guid *guid, char reterr_text[DEVICE_ERROR_BYTES]) MUST_CHECK;

extern const struct vmbus_device_kind vmbus_echo_kind;
extern const struct vmbus_device_kind vmbus_heartbeat_kind;
extern const struct vmbus_device_kind vmbus_hvsock_kind;
extern const struct vmbus_device_kind vmbus_kvp_kind;
extern const struct vmbus_device_kind vmbus_null_kind;
extern const struct vmbus_device_kind vmbus_shutdown_kind;
extern const struct vmbus_device_kind vmbus_timesync_kind;
extern const struct vmbus_device_kind vmbus_vss_kind;

/* ---- inspection: any thread, takes the lock ---- */

enum { DEVICE_CHANNELS_SHOWN = 256 };

struct device_option_info {
	char option[16], value[256];
};

struct device_info {
	char name[DEVICE_NAME_BYTES], kind[16];
	uint32_t state;
	uint64_t age_ns;
	uint32_t channels, open_channels;
	uint32_t relid_count, relids[DEVICE_CHANNELS_SHOWN];
	uint32_t option_count;
	struct device_option_info options[DEVICE_OPTIONS_MAX];
};

struct device_kind_option_info {
	char option[16], help[96];
};

struct device_kind_info {
	char kind[16], help[96];
	uint32_t devices;
	uint32_t option_count;
	struct device_kind_option_info options[DEVICE_OPTIONS_MAX];
};

/* devices/{name}; owner: struct vmbus, or NULL */
extern const struct node_class device_node_class;
/* device_kinds/{kind}; the same owner: the kinds are there without a bus, too */
extern const struct node_class device_kind_node_class;
