/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmbus/device.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "vmbus/guid.h"
#include "vmbus/internal.h"

const struct vmbus_device_kind *const vmbus_device_kinds[] = {
	&vmbus_heartbeat_kind,
	&vmbus_hvsock_kind,
	&vmbus_null_kind,
	&vmbus_shutdown_kind,
	&vmbus_timesync_kind,
	NULL,
};

/* ---- specs -------------------- */

static int split_option(
	struct device_options *options, char *text, char reterr_text[DEVICE_ERROR_BYTES])
{
	char *equals = strchr(text, '=');

	if (!equals || equals == text) {
		snprintf(reterr_text, DEVICE_ERROR_BYTES, "'%s' is not key=value", text);
		return -EINVAL;
	}
	if (options->count == DEVICE_OPTIONS_MAX) {
		snprintf(reterr_text, DEVICE_ERROR_BYTES, "more than %d options",
			DEVICE_OPTIONS_MAX);
		return -EINVAL;
	}
	*equals = '\0';
	options->key[options->count] = text;
	options->value[options->count++] = equals + 1;
	return 0;
}

static int split(
	struct device_options *options, const char *spec, char reterr_text[DEVICE_ERROR_BYTES])
{
	char *rest = options->text, *part;

	if (strlen(spec) >= sizeof(options->text)) {
		snprintf(reterr_text, DEVICE_ERROR_BYTES, "longer than %zu bytes",
			sizeof(options->text) - 1);
		return -EINVAL;
	}
	strcpy(options->text, spec);
	options->count = 0;
	options->kind = strsep(&rest, ",");
	while ((part = strsep(&rest, ","))) {
		int r = split_option(options, part, reterr_text);

		if (r < 0)
			return r;
	}
	return 0;
}

static const struct vmbus_device_kind *find_kind(const char *name)
{
	for (size_t i = 0; vmbus_device_kinds[i]; i++) {
		if (strcmp(vmbus_device_kinds[i]->name, name) == 0)
			return vmbus_device_kinds[i];
	}
	return NULL;
}

static bool has_option(const struct vmbus_device_kind *kind, const char *key)
{
	if (strcmp(key, "id") == 0)
		return true;
	for (const struct device_option_row *row = kind->options; row && row->key; row++) {
		if (strcmp(row->key, key) == 0)
			return true;
	}
	return false;
}

static void list_kinds(char text[DEVICE_ERROR_BYTES], const char *wanted)
{
	size_t used = (size_t)snprintf(
		text, DEVICE_ERROR_BYTES, "'%.40s' is no device; there are", wanted);

	for (size_t i = 0; vmbus_device_kinds[i] && used < DEVICE_ERROR_BYTES; i++)
		used += (size_t)snprintf(text + used, DEVICE_ERROR_BYTES - used, "%s %s",
			i ? "," : "", vmbus_device_kinds[i]->name);
}

static int check_options(const struct vmbus_device_kind *kind, const struct device_options *options,
	char reterr_text[DEVICE_ERROR_BYTES])
{
	for (unsigned i = 0; i < options->count; i++) {
		if (has_option(kind, options->key[i]))
			continue;
		snprintf(reterr_text, DEVICE_ERROR_BYTES, "%s has no option '%.40s'", kind->name,
			options->key[i]);
		return -EINVAL;
	}
	return 0;
}

static bool name_is_valid(const char *name)
{
	size_t length = strlen(name);

	return length > 0 && length < DEVICE_NAME_BYTES &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
		       length;
}

/* The device's name, or NULL when it cannot be one. */
static const char *name_of(
	const struct device_options *options, char reterr_text[DEVICE_ERROR_BYTES])
{
	const char *id = device_option(options, "id");
	const char *name = id ? id : options->kind;

	if (name_is_valid(name))
		return name;
	snprintf(reterr_text, DEVICE_ERROR_BYTES,
		"id: '%.40s' is not 1 to %d letters, digits, '.', '_' or '-'", name,
		DEVICE_NAME_BYTES - 1);
	return NULL;
}

static int parse(const char *spec, struct device_options *options,
	const struct vmbus_device_kind **ret_kind, char reterr_text[DEVICE_ERROR_BYTES])
{
	const struct vmbus_device_kind *kind;
	int r = split(options, spec, reterr_text);

	if (r < 0)
		return r;
	kind = find_kind(options->kind);
	if (!kind) {
		list_kinds(reterr_text, options->kind);
		return -ENOENT;
	}
	r = check_options(kind, options, reterr_text);
	if (r < 0)
		return r;
	if (!name_of(options, reterr_text))
		return -EINVAL;
	*ret_kind = kind;
	return 0;
}

int vmbus_device_check(const char *spec, char reterr_text[DEVICE_ERROR_BYTES])
{
	const struct vmbus_device_kind *kind;
	struct device_options options;

	return parse(spec, &options, &kind, reterr_text);
}

const char *device_option(const struct device_options *options, const char *key)
{
	const char *value = NULL;

	for (unsigned i = 0; i < options->count; i++) {
		if (strcmp(options->key[i], key) == 0)
			value = options->value[i]; /* the last one counts */
	}
	return value;
}

int device_option_guid(const struct device_options *options, const char *key,
	struct vmbus_guid *guid, char reterr_text[DEVICE_ERROR_BYTES])
{
	const char *text = device_option(options, key);
	int r = text ? guid_parse(text, guid) : 0;

	if (r < 0)
		snprintf(reterr_text, DEVICE_ERROR_BYTES,
			"%s: '%.40s' is not a GUID such as 57164f39-9115-4e78-ab55-382f3bd5422d",
			key, text);
	return r;
}

/* ---- life -------------------- */

static struct vmbus_device *find(struct vmbus *bus, const char *name)
{
	struct vmbus_device *device;

	TAILQ_FOREACH (device, &bus->devices, link) {
		if (strcmp(device->name, name) == 0)
			return device;
	}
	return NULL;
}

static int create(struct vmbus *bus, const struct vmbus_device_kind *kind,
	const struct device_options *options, const char *name,
	char reterr_text[DEVICE_ERROR_BYTES])
{
	struct vmbus_device *device;
	int r;

	if (find(bus, name)) {
		snprintf(reterr_text, DEVICE_ERROR_BYTES, "there is a device '%s'", name);
		return -EEXIST;
	}
	r = kind->create(bus, options, &device, reterr_text);
	if (r < 0)
		return r;
	device->kind = kind;
	snprintf(device->name, sizeof(device->name), "%s", name);
	TAILQ_INSERT_TAIL(&bus->devices, device, link);
	return 0;
}

int vmbus_device_add(struct vmbus *bus, const char *spec, char reterr_text[DEVICE_ERROR_BYTES])
{
	const struct vmbus_device_kind *kind;
	struct device_options options;
	int r = parse(spec, &options, &kind, reterr_text);

	if (r < 0)
		return r;
	snprintf(reterr_text, DEVICE_ERROR_BYTES, "%s: the offer cannot be made", kind->name);
	vmbus_lock(bus);
	r = create(bus, kind, &options, name_of(&options, reterr_text), reterr_text);
	vmbus_unlock(bus);
	return r;
}

static void remove_locked(struct vmbus *bus, struct vmbus_device *device)
{
	TAILQ_REMOVE(&bus->devices, device, link);
	device->kind->remove(device);
}

int vmbus_device_remove(struct vmbus *bus, const char *name)
{
	struct vmbus_device *device;

	vmbus_lock(bus);
	device = find(bus, name);
	if (device)
		remove_locked(bus, device);
	vmbus_unlock(bus);
	return device ? 0 : -ENOENT;
}

/* Once the guest has been made to forget everything, a removal is final at once. */
void vmbus_devices_remove_all(struct vmbus *bus)
{
	vmbus_lock(bus);
	connection_reset(bus);
	while (!TAILQ_EMPTY(&bus->devices))
		remove_locked(bus, TAILQ_FIRST(&bus->devices));
	vmbus_unlock(bus);
}
