/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/slot.h"

#include <string.h>

enum { SLOT_WORDS = HV_MESSAGE_SIZE / sizeof(uint64_t) };

uint32_t slot_type(const struct hv_message *slot)
{
	return __atomic_load_n(&slot->header.type, __ATOMIC_SEQ_CST);
}

bool slot_pending(const struct hv_message *slot)
{
	return __atomic_load_n(&slot->header.flags, __ATOMIC_SEQ_CST) & HV_MESSAGE_FLAG_PENDING;
}

/* Bytes 4..255. Word stores, so that a guest looking too early tears no wider than a word. */
static void store_body(struct hv_message *slot, const struct hv_message *message, bool more)
{
	uint64_t *to = (uint64_t *)(void *)slot;
	uint64_t from[SLOT_WORDS];
	struct hv_message_header header = {
		.payload_size = message->header.payload_size,
		.flags = more ? HV_MESSAGE_FLAG_PENDING : 0,
	};
	uint32_t size_and_flags;

	memcpy(from, message, sizeof(from));
	memcpy(&size_and_flags, &header.payload_size, sizeof(size_and_flags));
	__atomic_store_n(
		(uint32_t *)(void *)&slot->header.payload_size, size_and_flags, __ATOMIC_RELAXED);
	for (unsigned i = 1; i < SLOT_WORDS; i++)
		__atomic_store_n(&to[i], from[i], __ATOMIC_RELAXED);
}

static bool write_if_free(struct hv_message *slot, const struct hv_message *message, bool more)
{
	uint32_t none = HV_MESSAGE_TYPE_NONE;

	if (slot_type(slot) != HV_MESSAGE_TYPE_NONE)
		return false;
	store_body(slot, message, more);
	return __atomic_compare_exchange_n(&slot->header.type, &none, message->header.type, false,
		__ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

bool slot_write_silently(struct hv_message *slot, const struct hv_message *message)
{
	return write_if_free(slot, message, false);
}

bool slot_write(struct hv_message *slot, const struct hv_message *message, bool more)
{
	if (write_if_free(slot, message, more))
		return true;
	/* Sequentially consistent with the load of the type that follows: the full barrier. */
	__atomic_fetch_or(&slot->header.flags, HV_MESSAGE_FLAG_PENDING, __ATOMIC_SEQ_CST);
	return write_if_free(slot, message, more);
}

bool slot_read(const struct hv_message *slot, struct hv_message *ret_message)
{
	const uint64_t *from = (const uint64_t *)(const void *)slot;
	uint64_t to[SLOT_WORDS];
	uint32_t type = slot_type(slot);

	for (unsigned i = 0; i < SLOT_WORDS; i++)
		to[i] = __atomic_load_n(&from[i], __ATOMIC_ACQUIRE);
	memcpy(ret_message, to, sizeof(*ret_message));
	ret_message->header.type = type;
	return slot_type(slot) == type;
}
