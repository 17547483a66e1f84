/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "vmbus/device.h"
#include "vmbus/internal.h"

enum device_info_state { DEVICE_UNUSED, DEVICE_IN_USE, DEVICE_FAILED };

static const char *const state_names[] = {"unused", "in_use", "failed", NULL};

/* ---- devices ----------------------------------------------------------------------------------
 */

static bool owns(const struct vmbus_device *device, const struct vmbus_channel *channel)
{
	return device->kind->owns ? device->kind->owns(device, channel) : channel->arg == device;
}

static void fill_channels(
	const struct vmbus_device *device, const struct vmbus *bus, struct device_info *info)
{
	const struct vmbus_channel *channel;
	bool failed = false;

	TAILQ_FOREACH (channel, &bus->channels, link) {
		if (!owns(device, channel))
			continue;
		info->channels++;
		info->open_channels += channel->state == CHANNEL_OPEN;
		failed |= channel->state == CHANNEL_FAILED;
		if (info->relid_count < ARRAY_LEN(info->relids))
			info->relids[info->relid_count++] = channel->relid;
	}
	info->state = info->open_channels > 0 ? DEVICE_IN_USE : DEVICE_UNUSED;
	if (failed)
		info->state = DEVICE_FAILED;
}

static void fill_options(const struct vmbus_device *device, struct device_info *info)
{
	struct device_options options;

	device_split(device, &options);
	for (unsigned i = 0; i < options.count; i++) {
		struct device_option_info *option = &info->options[info->option_count++];

		snprintf(option->option, sizeof(option->option), "%s", options.key[i]);
		snprintf(option->value, sizeof(option->value), "%s", options.value[i]);
	}
}

static void fill(
	const struct vmbus_device *device, const struct vmbus *bus, struct device_info *ret_info)
{
	*ret_info = (struct device_info){
		.age_ns = clock_now_ns(bus->vm->clock) - device->made_ns,
	};
	memcpy(ret_info->name, device->name, sizeof(ret_info->name));
	snprintf(ret_info->kind, sizeof(ret_info->kind), "%s", device->kind->name);
	fill_channels(device, bus, ret_info);
	fill_options(device, ret_info);
}

static int find_device(void *owner, const char *name, uint64_t *ret_key)
{
	const struct vmbus_device *device;
	struct vmbus *bus = owner;

	if (!bus)
		return -ENOENT;
	vmbus_lock(bus);
	device = device_find(bus, name);
	if (device)
		*ret_key = device->number;
	vmbus_unlock(bus);
	return device ? 0 : -ENOENT;
}

/* The first whose number is at least `from`; they stand in their order. */
static int get_from(struct vmbus *bus, uint64_t from, uint64_t *ret_key, void *ret_info)
{
	const struct vmbus_device *device;

	vmbus_lock(bus);
	TAILQ_FOREACH (device, &bus->devices, link) {
		if (device->number >= from)
			break;
	}
	if (device) {
		*ret_key = device->number;
		fill(device, bus, ret_info);
	}
	vmbus_unlock(bus);
	return device ? 0 : -ENOENT;
}

static int get_device(void *owner, const uint64_t *key, void *ret_info)
{
	uint64_t found;
	int r = owner ? get_from(owner, key[0], &found, ret_info) : -ENOENT;

	return r == 0 && found != key[0] ? -ENOENT : r;
}

static void list_devices(void *owner, const uint64_t *key, unsigned fixed, const uint64_t *after,
	node_visit_fn visit, void *arg)
{
	uint64_t number = fixed > 0 ? key[0] : after ? after[0] + 1 : 0;
	struct device_info info;

	while (owner && get_from(owner, number, &number, &info) == 0) {
		if ((fixed > 0 && number != key[0]) || visit(arg, &number, &info) != 0)
			return;
		number++;
	}
}

static const struct field device_option_fields[] = {
	{FIELD_S(struct device_option_info, option, 0, "The option.")},
	{FIELD_S(struct device_option_info, value, 0, "What it was set to.")},
};
static const struct field_table device_option_table = FIELD_TABLE(struct device_option_info,
	"device_option", "An option that a device was made with.", device_option_fields);

static const struct field device_fields[] = {
	{FIELD_S(struct device_info, name, 0, "Its name: the option id, or the kind's.")},
	{FIELD_S(struct device_info, kind, 0, "What it is; see device_kinds.")},
	{FIELD_E(struct device_info, state, 0, state_names,
		"unused: the guest has none of its channels open. in_use: it has. failed: the guest "
		"broke one of them.")},
	{FIELD_U(struct device_info, age_ns, 0, "Time since it was added.")},
	{FIELD_U(struct device_info, channels, 0, "Channels that it has on the bus.")},
	{FIELD_U(struct device_info, open_channels, 0, "Those that are open.")},
	{FIELD_A(struct device_info, relids, relid_count, NULL, "Their relids; see channels.")},
	{FIELD_A(struct device_info, options, option_count, &device_option_table,
		"The options it was made with.")},
};
static const struct field_table device_table = FIELD_TABLE(struct device_info, "device",
	"A device of the VMBus: what --device or the API added.", device_fields);

const struct node_class device_node_class = {
	.path = "devices/{name}",
	.fields = &device_table,
	.key_count = 1,
	.find = find_device,
	.get = get_device,
	.list = list_devices,
};

/* ---- kinds ------------------------------------------------------------------------------------
 */

static uint32_t count_devices(struct vmbus *bus, const struct vmbus_device_kind *kind)
{
	const struct vmbus_device *device;
	uint32_t count = 0;

	vmbus_lock(bus);
	TAILQ_FOREACH (device, &bus->devices, link)
		count += device->kind == kind;
	vmbus_unlock(bus);
	return count;
}

static void add_option(struct device_kind_info *info, const char *key, const char *help)
{
	struct device_kind_option_info *option;

	if (info->option_count == ARRAY_LEN(info->options))
		return;
	option = &info->options[info->option_count++];
	snprintf(option->option, sizeof(option->option), "%s", key);
	snprintf(option->help, sizeof(option->help), "%s", help);
}

static void fill_kind(
	const struct vmbus_device_kind *kind, struct vmbus *bus, struct device_kind_info *ret_info)
{
	*ret_info = (struct device_kind_info){.devices = bus ? count_devices(bus, kind) : 0};
	snprintf(ret_info->kind, sizeof(ret_info->kind), "%s", kind->name);
	snprintf(ret_info->help, sizeof(ret_info->help), "%s", kind->help);
	add_option(ret_info, "id", "the device's name (default: that of its kind)");
	for (const struct device_option_row *row = kind->options; row && row->key; row++)
		add_option(ret_info, row->key, row->help);
}

static int find_kind(void *owner, const char *name, uint64_t *ret_key)
{
	for (uint64_t i = 0; vmbus_device_kinds[i]; i++) {
		if (strcmp(vmbus_device_kinds[i]->name, name) == 0) {
			*ret_key = i;
			return 0;
		}
	}
	return -ENOENT;
}

static int get_kind(void *owner, const uint64_t *key, void *ret_info)
{
	for (uint64_t i = 0; vmbus_device_kinds[i]; i++) {
		if (i == key[0]) {
			fill_kind(vmbus_device_kinds[i], owner, ret_info);
			return 0;
		}
	}
	return -ENOENT;
}

static void list_kinds(void *owner, const uint64_t *key, unsigned fixed, const uint64_t *after,
	node_visit_fn visit, void *arg)
{
	struct device_kind_info info;

	for (uint64_t i = after ? after[0] + 1 : 0; get_kind(owner, &i, &info) == 0; i++) {
		if (fixed > 0 && i != key[0])
			continue;
		if (visit(arg, &i, &info) != 0)
			return;
	}
}

static const struct field kind_option_fields[] = {
	{FIELD_S(struct device_kind_option_info, option, 0, "The option.")},
	{FIELD_S(struct device_kind_option_info, help, 0, "What it says.")},
};
static const struct field_table kind_option_table = FIELD_TABLE(struct device_kind_option_info,
	"device_kind_option", "An option that a kind of device has.", kind_option_fields);

static const struct field kind_fields[] = {
	{FIELD_S(struct device_kind_info, kind, 0, "What a device is made by.")},
	{FIELD_S(struct device_kind_info, help, 0, "What such a device does.")},
	{FIELD_U(struct device_kind_info, devices, 0, "How many the VM has.")},
	{FIELD_A(struct device_kind_info, options, option_count, &kind_option_table,
		"The options it has.")},
};
static const struct field_table kind_table = FIELD_TABLE(struct device_kind_info, "device_kind",
	"A kind of device that can be added to the VMBus.", kind_fields);

const struct node_class device_kind_node_class = {
	.path = "device_kinds/{kind}",
	.fields = &kind_table,
	.key_count = 1,
	.find = find_kind,
	.get = get_kind,
	.list = list_kinds,
};
