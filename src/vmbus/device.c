/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmbus/device.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "vmbus/guid.h"
#include "vmbus/internal.h"

const struct vmbus_device_kind *const vmbus_device_kinds[] = {
	&vmbus_echo_kind,
	&vmbus_heartbeat_kind,
	&vmbus_hvsock_kind,
	&vmbus_kvp_kind,
	&vmbus_null_kind,
	&vmbus_shutdown_kind,
	&vmbus_timesync_kind,
	&vmbus_vss_kind,
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

const struct vmbus_device_kind *vmbus_device_find_kind(const char *name)
{
	for (size_t i = 0; vmbus_device_kinds[i]; i++) {
		if (strcmp(vmbus_device_kinds[i]->name, name) == 0)
			return vmbus_device_kinds[i];
	}
	return NULL;
}

bool vmbus_device_has_option(const struct vmbus_device_kind *kind, const char *key)
{
	if (strcmp(key, "id") == 0)
		return true;
	for (const struct device_option_row *row = kind->options; row && row->key; row++) {
		if (strcmp(row->key, key) == 0)
			return true;
	}
	return false;
}

void vmbus_device_list_kinds(char text[DEVICE_ERROR_BYTES], const char *wanted)
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
		if (vmbus_device_has_option(kind, options->key[i]))
			continue;
		snprintf(reterr_text, DEVICE_ERROR_BYTES, "%s has no option '%.40s'", kind->name,
			options->key[i]);
		return -EINVAL;
	}
	return 0;
}

bool vmbus_device_name_is_valid(const char *name)
{
	size_t length = strlen(name);

	return length > 0 && length < DEVICE_NAME_BYTES && !strchr(".-_", name[0]) &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
		       length;
}

/* The device's name, or NULL when it cannot be one. */
static const char *name_of(
	const struct device_options *options, char reterr_text[DEVICE_ERROR_BYTES])
{
	const char *id = device_option(options, "id");
	const char *name = id ? id : options->kind;

	if (vmbus_device_name_is_valid(name))
		return name;
	snprintf(reterr_text, DEVICE_ERROR_BYTES,
		"id: '%.40s' is not 1 to %d letters, digits, '.', '_' or '-', the first a letter "
		"or a digit",
		name, DEVICE_NAME_BYTES - 1);
	return NULL;
}

static int parse(const char *spec, struct device_options *options,
	const struct vmbus_device_kind **ret_kind, char reterr_text[DEVICE_ERROR_BYTES])
{
	const struct vmbus_device_kind *kind;
	int r = split(options, spec, reterr_text);

	if (r < 0)
		return r;
	kind = vmbus_device_find_kind(options->kind);
	if (!kind) {
		vmbus_device_list_kinds(reterr_text, options->kind);
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

void device_split(const struct vmbus_device *device, struct device_options *ret_options)
{
	char ignored[DEVICE_ERROR_BYTES];

	/* It was taken apart before, when the device was made. */
	if (split(ret_options, device->spec, ignored) < 0)
		*ret_options = (struct device_options){.kind = device->kind->name};
}

const char *vmbus_device_blamed_option(const struct vmbus_device_kind *kind, const char *error_text)
{
	size_t prefix = strlen(kind->name);

	if (strncmp(error_text, kind->name, prefix) == 0 &&
		strncmp(error_text + prefix, ": ", 2) == 0)
		error_text += prefix + 2;
	for (const struct device_option_row *row = kind->options; row && row->key; row++) {
		size_t length = strlen(row->key);

		if (strncmp(error_text, row->key, length) == 0 && error_text[length] == ':')
			return row->key;
	}
	return NULL;
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

struct vmbus_device *device_find(struct vmbus *bus, const char *name)
{
	struct vmbus_device *device;

	TAILQ_FOREACH (device, &bus->devices, link) {
		if (strcmp(device->name, name) == 0)
			return device;
	}
	return NULL;
}

static int create(struct vmbus *bus, const struct vmbus_device_kind *kind,
	const struct device_options *options, const char *spec,
	char reterr_text[DEVICE_ERROR_BYTES])
{
	const char *name = name_of(options, reterr_text);
	struct vmbus_device *device;
	int r;

	if (device_find(bus, name)) {
		snprintf(reterr_text, DEVICE_ERROR_BYTES, "there is a device '%s'", name);
		return -EEXIST;
	}
	r = kind->create(bus, options, &device, reterr_text);
	if (r < 0)
		return r;
	device->kind = kind;
	device->number = ++bus->devices_made;
	device->made_ns = clock_now_ns(bus->vm->clock);
	snprintf(device->name, sizeof(device->name), "%s", name);
	snprintf(device->spec, sizeof(device->spec), "%s", spec);
	TAILQ_INSERT_TAIL(&bus->devices, device, link);
	return 0;
}

/* For a kind that said nothing itself: what vmbus_channel_add() and the C library answer. */
static void explain(
	const struct vmbus_device_kind *kind, int error, char reterr_text[DEVICE_ERROR_BYTES])
{
	const char *why = strerror(-error);

	if (error == -EEXIST)
		why = "its class and instance are on offer already";
	else if (error == -ENOSPC)
		why = "every relid is in use";
	else if (error == -EBUSY)
		why = "its monitor id is in use";
	snprintf(reterr_text, DEVICE_ERROR_BYTES, "%s: %s", kind->name, why);
}

int vmbus_device_add(struct vmbus *bus, const char *spec, char reterr_text[DEVICE_ERROR_BYTES])
{
	const struct vmbus_device_kind *kind;
	struct device_options options;
	int r = parse(spec, &options, &kind, reterr_text);

	if (r < 0)
		return r;
	reterr_text[0] = '\0';
	vmbus_lock(bus);
	r = create(bus, kind, &options, spec, reterr_text);
	vmbus_unlock(bus);
	if (r < 0 && reterr_text[0] == '\0')
		explain(kind, r, reterr_text);
	return r;
}

bool vmbus_device_exists(struct vmbus *bus, const char *name)
{
	bool exists;

	vmbus_lock(bus);
	exists = device_find(bus, name);
	vmbus_unlock(bus);
	return exists;
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
	device = device_find(bus, name);
	if (device)
		remove_locked(bus, device);
	vmbus_unlock(bus);
	return device ? 0 : -ENOENT;
}

/* Once the guest has been made to forget everything, a removal is final at once. */
void vmbus_devices_remove_all(struct vmbus *bus)
{
	faults_end_all(&bus->vm->faults, FAULT_END_RESET);
	vmbus_lock(bus);
	connection_reset(bus);
	while (!TAILQ_EMPTY(&bus->devices))
		remove_locked(bus, TAILQ_FIRST(&bus->devices));
	vmbus_unlock(bus);
}
