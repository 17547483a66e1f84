/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What guests wait for without a timeout (spec/vmbus.md 2.6): from the moment it was made until it
 * stands in the slot. Whatever happens to a message in between, it is not forgotten here.
 */
#include "vmbus/internal.h"

/* What an entry and a message are matched by; type 0: the guest does not wait for such a one. */
static struct vmbus_owed key_of(const void *message, uint32_t relid)
{
	const struct vmbus_message_header *header = message;
	struct vmbus_owed key = {.type = header->type, .relid = relid, .id = UINT64_MAX};

	switch (header->type) {
	case VMBUS_MSG_VERSION_RESPONSE:
	case VMBUS_MSG_UNLOAD_RESPONSE:
	case VMBUS_MSG_OPEN_CHANNEL_RESULT:
	case VMBUS_MSG_MODIFY_CHANNEL_RESPONSE:
	case VMBUS_MSG_RESCIND_CHANNEL_OFFER:
		return key;
	case VMBUS_MSG_GPADL_CREATED:
		key.id = ((const struct vmbus_gpadl_created *)message)->gpadl;
		return key;
	case VMBUS_MSG_GPADL_TORNDOWN:
		key.id = ((const struct vmbus_gpadl_torndown *)message)->gpadl;
		return key;
	default:
		return (struct vmbus_owed){0};
	}
}

void owed_note(struct vmbus *bus, const void *message, uint32_t relid)
{
	struct vmbus_owed owed = key_of(message, relid);

	if (owed.type == 0 || bus->owed_count == VMBUS_OWED_MAX)
		return;
	owed.since_ns = clock_now_ns(bus->vm->clock);
	bus->owed[bus->owed_count++] = owed;
}

static bool is_freed_by_rescind(uint32_t type)
{
	return type == VMBUS_MSG_OPEN_CHANNEL_RESULT || type == VMBUS_MSG_GPADL_CREATED;
}

/* Those of a channel that the guest no longer waits for. */
static void forget(struct vmbus *bus, uint32_t relid, bool all)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < bus->owed_count; i++) {
		const struct vmbus_owed *owed = &bus->owed[i];

		if (owed->relid != relid || !(all || is_freed_by_rescind(owed->type)))
			bus->owed[kept++] = *owed;
	}
	bus->owed_count = kept;
}

void owed_forget(struct vmbus *bus, uint32_t relid)
{
	forget(bus, relid, true);
}

void owed_settle(struct vmbus *bus, const void *message, uint32_t relid)
{
	struct vmbus_owed key = key_of(message, relid);
	unsigned i = 0;

	if (key.type == 0)
		return;
	while (i < bus->owed_count &&
		(bus->owed[i].type != key.type || bus->owed[i].relid != key.relid ||
			bus->owed[i].id != key.id))
		i++;
	if (i == bus->owed_count)
		return;
	bus->owed_count--;
	for (; i < bus->owed_count; i++)
		bus->owed[i] = bus->owed[i + 1];
	if (key.type == VMBUS_MSG_RESCIND_CHANNEL_OFFER)
		forget(bus, relid, false);
}
