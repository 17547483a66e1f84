/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmbus/internal.h"
#include "vmm/event.h"

static unsigned known(uint32_t type)
{
	return type < VMBUS_MSG_COUNT ? type : VMBUS_MSG_INVALID;
}

static void add(struct vmbus_history *history, const struct vmbus_history_entry *entry)
{
	history->entry[history->count++ % VMBUS_HISTORY] = *entry;
}

/* The verdict of the newest entry from the guest, if it has not been pushed out since. */
static void refuse(struct vmbus_history *history, uint32_t type, enum vmbus_verdict verdict)
{
	uint64_t oldest = history->count - MIN(history->count, (uint64_t)VMBUS_HISTORY);

	for (uint64_t i = history->count; i-- > oldest;) {
		struct vmbus_history_entry *entry = &history->entry[i % VMBUS_HISTORY];

		if (!entry->out) {
			if (entry->type == type)
				entry->verdict = (uint8_t)verdict;
			return;
		}
	}
}

static void note(
	struct vmbus *bus, struct vmbus_channel *channel, const struct vmbus_history_entry *entry)
{
	uint64_t *counters = entry->out ? bus->messages_out : bus->messages_in;

	counters[known(entry->type)]++;
	add(&bus->history, entry);
	if (channel)
		add(&channel->history, entry);
	hv_record(bus->vm->recorder, HV_EVENT_VMBUS_MESSAGE, RECORD_NO_VP, 0, RECORD_NO_SINT,
		entry->out, known(entry->type), entry->relid, entry->value);
}

static struct vmbus_history_entry entry_now(
	struct vmbus *bus, uint32_t type, uint32_t relid, uint32_t value, bool out)
{
	return (struct vmbus_history_entry){
		.mono_ns = clock_now_ns(bus->vm->clock),
		.type = type,
		.relid = relid,
		.value = value,
		.out = out,
	};
}

void vmbus_note_in(struct vmbus *bus, struct vmbus_channel *channel, uint32_t type, uint32_t relid,
	uint32_t value)
{
	struct vmbus_history_entry entry = entry_now(bus, type, relid, value, false);

	note(bus, channel, &entry);
}

void vmbus_note_out(struct vmbus *bus, uint32_t type, uint32_t relid, uint32_t value)
{
	struct vmbus_history_entry entry = entry_now(bus, type, relid, value, true);

	note(bus, channel_by_relid(bus, relid), &entry);
}

void vmbus_note_refusal(
	struct vmbus *bus, uint32_t relid, uint32_t type, enum vmbus_verdict verdict)
{
	struct vmbus_channel *channel = channel_by_relid(bus, relid);

	bus->verdicts[verdict]++;
	refuse(&bus->history, type, verdict);
	if (channel) {
		channel->refused++;
		refuse(&channel->history, type, verdict);
	}
	hv_record(bus->vm->recorder, HV_EVENT_VMBUS_REFUSED, RECORD_NO_VP, 0, RECORD_NO_SINT,
		known(type), relid, verdict);
}
