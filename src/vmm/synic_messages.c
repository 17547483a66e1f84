/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages on their way to the guest, as inspection shows them: in a slot, or waiting for it. */
#include "vmm/synic_info.h"

#include <errno.h>
#include <string.h>
#include "vmm/slot.h"
#include "vmm/synic_deliver.h"
#include "vmm/vm.h"

enum { MESSAGES_MAX = 1 + HV_MESSAGE_QUEUE_MAX };

static void fill_message(const struct synic *synic, unsigned n, unsigned position,
	const struct hv_message *message, struct message_info *ret_info)
{
	const struct hv_message_header *header = &message->header;

	*ret_info = (struct message_info){
		.vp = synic->vcpu->index,
		.vtl = synic->vtl,
		.sint = n,
		.position = position,
		.type = header->type,
		.payload_size = header->payload_size,
		.sender = header->sender,
		.payload_shown = MIN(header->payload_size, MESSAGE_INFO_PAYLOAD),
	};
	memcpy(ret_info->payload, message->payload, ret_info->payload_shown);
}

static bool fill_slot_message(const struct synic *synic, unsigned n, struct message_info *ret_info)
{
	struct hv_message message;

	if (!synic->simp_page.enabled)
		return false;
	(void)!slot_read(synic_slot_locked(synic, n), &message); /* torn is told by the SINT */
	if (message.header.type == 0)
		return false;
	fill_message(synic, n, 0, &message, ret_info);
	ret_info->where = MESSAGE_SLOT;
	ret_info->age_ns = synic_age_or_null(synic, synic->sint[n].last_delivery_ns);
	return true;
}

/* All messages of a SINT: in the slot (position 0), then those that wait. Returns how many. */
static unsigned snapshot_messages(
	struct synic *synic, unsigned n, struct message_info infos[MESSAGES_MAX])
{
	const struct synic_entry *entry;
	unsigned count = 0, position = 1;

	pthread_mutex_lock(&synic->lock);
	count += fill_slot_message(synic, n, &infos[count]);
	TAILQ_FOREACH (entry, &synic->sint[n].queue, link) {
		struct message_info *info = &infos[count++];

		fill_message(synic, n, position++, &entry->message, info);
		info->where = entry->staged ? MESSAGE_STAGED : MESSAGE_QUEUED;
		info->age_ns = clock_now_ns(synic->vm->clock) - entry->queued_ns;
	}
	pthread_mutex_unlock(&synic->lock);
	return count;
}

static int get_message(void *owner, const uint64_t *key, void *ret_info)
{
	struct synic *synic = synic_find(owner, key[0], key[3]);
	struct message_info infos[MESSAGES_MAX];
	unsigned count;

	if (!synic || key[1] >= HV_SINT_COUNT)
		return -ENOENT;
	count = snapshot_messages(synic, (unsigned)key[1], infos);
	for (unsigned i = 0; i < count; i++) {
		if (infos[i].position == key[2]) {
			memcpy(ret_info, &infos[i], sizeof(infos[i]));
			return 0;
		}
	}
	return -ENOENT;
}

struct message_query {
	const uint64_t *key, *after;
	unsigned fixed;
	node_visit_fn visit;
	void *arg;
};

static bool message_wanted(const struct message_query *query, const uint64_t full[4])
{
	for (unsigned i = 0; i < query->fixed; i++) {
		if (full[i] != query->key[i])
			return false;
	}
	for (unsigned i = 0; query->after && i < 3; i++) {
		if (full[i] != query->after[i])
			return full[i] > query->after[i];
	}
	return !query->after;
}

/* Nonzero ends the listing. */
static int visit_messages(struct synic *synic, unsigned n, const struct message_query *query)
{
	struct message_info infos[MESSAGES_MAX];
	unsigned count = snapshot_messages(synic, n, infos);

	for (unsigned i = 0; i < count; i++) {
		const uint64_t full[NODE_MAX_KEYS + 1] = {
			infos[i].vp, n, infos[i].position, infos[i].vtl};
		int stop = message_wanted(query, full) ? query->visit(query->arg, full, &infos[i])
						       : 0;

		if (stop)
			return stop;
	}
	return 0;
}

static void list_messages(void *owner, const uint64_t *key, unsigned fixed, const uint64_t *after,
	node_visit_fn visit, void *arg)
{
	const struct message_query query = {key, after, fixed, visit, arg};
	struct vm *vm = owner;

	for (uint64_t vp = 0; vp < vm->vp_count; vp++) {
		struct synic *synic = synic_find(vm, vp, key[3]);

		for (unsigned n = 0; synic && n < HV_SINT_COUNT; n++) {
			if (visit_messages(synic, n, &query) != 0)
				return;
		}
	}
}

static const char *const where_names[] = {"slot", "queued", "staged", NULL};

static const struct field message_fields[] = {
	{FIELD_U(struct message_info, vp, 0, "Virtual processor index of the target.")},
	{FIELD_U(struct message_info, vtl, 0, "Virtual trust level of the target.")},
	{FIELD_U(struct message_info, sint, 0, "Synthetic interrupt source of the target.")},
	{FIELD_U(struct message_info, position, 0,
		"0: in the slot, not freed by the guest yet; 1 and up: order of delivery.")},
	{FIELD_E(struct message_info, where, 0, where_names,
		"slot: the guest can see it. queued: a port's. staged: a route's staged message.")},
	{FIELD_X(struct message_info, type, 0, "Message type.")},
	{FIELD_U(struct message_info, payload_size, 0, "Payload bytes, 0-240.")},
	{FIELD_X(struct message_info, sender, 0, "Sender or port id.")},
	{FIELD_U(struct message_info, age_ns, FIELD_NULLABLE,
		"Time in the slot, or time waiting; null when hvd did not fill the slot.")},
	{FIELD_H(struct message_info, payload, payload_shown, "The first 32 payload bytes.")},
};
static const struct field_table message_table = FIELD_TABLE(struct message_info, "message",
	"A message on its way to the guest: in its slot, or waiting for it.", message_fields);

const struct node_class message_node_class = {
	.path = "messages/{vp}/{sint}/{position}",
	.fields = &message_table,
	.key_count = 3,
	.query_key = "vtl",
	.get = get_message,
	.list = list_messages,
};
