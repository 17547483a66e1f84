/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The slot protocol alone: what is written when, and that no interleaving loses a message. */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <cmocka.h>
#include "vmm/slot.h"

static struct hv_message slot;

static int setup(void **state)
{
	memset(&slot, 0, sizeof(slot));
	return 0;
}

static struct hv_message message_of(uint32_t type)
{
	struct hv_message message = {
		.header = {.type = type, .payload_size = 8, .sender = 0x1122334455667788}};

	memcpy(message.payload, &type, sizeof(type));
	return message;
}

static void an_empty_slot_takes_the_whole_message(void **state)
{
	struct hv_message message = message_of(3);

	memset(&slot, 0xff, sizeof(slot));
	slot.header.type = 0;
	message.header.reserved = 0x5555; /* not the sender's to set */
	message.header.flags = 0xff;
	assert_true(slot_write(&slot, &message, false));
	message.header.reserved = 0;
	message.header.flags = 0;
	assert_memory_equal(&slot, &message, sizeof(slot));
}

static void the_pending_flag_comes_with_the_message_when_more_wait(void **state)
{
	struct hv_message message = message_of(3);

	assert_true(slot_write(&slot, &message, true));
	assert_int_equal(slot.header.flags, HV_MESSAGE_FLAG_PENDING);
}

static void an_occupied_slot_only_gets_the_pending_flag(void **state)
{
	struct hv_message occupant = message_of(3), message = message_of(4);

	slot = occupant;
	slot.header.flags = 0x80; /* the guest's business */
	assert_false(slot_write(&slot, &message, false));
	occupant.header.flags = 0x80 | HV_MESSAGE_FLAG_PENDING;
	assert_memory_equal(&slot, &occupant, sizeof(slot));
}

/*
 * The guest frees the slot between our first look and our flag: it saw no flag, so no EOM will
 * come, and only the second look can tell. A page that may not be written stops us right there.
 */
static struct hv_message *guarded;

/* In the middle of an atomic access: ThreadSanitizer must not see another one here. */
__attribute__((no_sanitize_thread)) static void free_guarded_slot(int signal)
{
	mprotect(guarded, HV_PAGE_SIZE, PROT_READ | PROT_WRITE);
	*(volatile uint32_t *)&guarded->header.type = 0;
}

static void a_slot_freed_just_before_the_flag_is_found_free(void **state)
{
	struct sigaction action = {.sa_handler = free_guarded_slot}, old;
	struct hv_message message = message_of(4);

	guarded = mmap(NULL, HV_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(guarded, MAP_FAILED);
	*guarded = message_of(3);
	assert_int_equal(mprotect(guarded, HV_PAGE_SIZE, PROT_READ), 0);
	assert_int_equal(sigaction(SIGSEGV, &action, &old), 0);
	assert_true(slot_write(guarded, &message, false));
	sigaction(SIGSEGV, &old, NULL);
	assert_memory_equal(guarded, &message, sizeof(message));
	munmap(guarded, HV_PAGE_SIZE);
}

static void a_snapshot_is_the_slot(void **state)
{
	struct hv_message message = message_of(3), copy;

	assert_true(slot_write(&slot, &message, false));
	assert_true(slot_read(&slot, &copy));
	assert_memory_equal(&copy, &message, sizeof(copy));
}

/*
 * One hypervisor-side writer, two guest threads that both take messages out of the slot, without
 * any lock between them. The writer goes on only when the slot was free or it was told by an EOM,
 * as if there were no millisecond retry: a message lost between the pending flag and the EOM would
 * leave both sides waiting, which the deadline of the test run finds.
 */
enum { MESSAGES = 20000, GUESTS = 2 };

/* All but the slot: atomic. */
struct race {
	struct hv_message slot;
	uint32_t eoms, consumed, torn;
	uint8_t taken[MESSAGES + 1]; /* by type */
};

static void guest_take(struct race *race)
{
	struct hv_message_header *header = &race->slot.header;
	uint32_t type = __atomic_load_n(&header->type, __ATOMIC_ACQUIRE);
	uint64_t first = __atomic_load_n((uint64_t *)(void *)race->slot.payload, __ATOMIC_RELAXED);
	uint32_t expected = type;

	if (type == 0 || !__atomic_compare_exchange_n(&header->type, &expected, 0, false,
				 __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		return;
	if (__atomic_load_n(&header->flags, __ATOMIC_SEQ_CST) & HV_MESSAGE_FLAG_PENDING)
		__atomic_fetch_add(&race->eoms, 1, __ATOMIC_SEQ_CST);
	if (first != type)
		__atomic_fetch_add(&race->torn, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&race->taken[type], 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&race->consumed, 1, __ATOMIC_RELEASE);
}

static void *guest(void *arg)
{
	struct race *race = arg;

	while (__atomic_load_n(&race->consumed, __ATOMIC_ACQUIRE) < MESSAGES) {
		guest_take(race);
		sched_yield();
	}
	return NULL;
}

static void wait_for_eom(struct race *race, uint32_t seen)
{
	while (__atomic_load_n(&race->eoms, __ATOMIC_SEQ_CST) == seen)
		sched_yield();
}

static void no_interleaving_loses_a_message(void **state)
{
	static struct race race;
	pthread_t guests[GUESTS];
	unsigned busy = 0;

	for (unsigned i = 0; i < GUESTS; i++)
		assert_int_equal(pthread_create(&guests[i], NULL, guest, &race), 0);
	for (uint32_t type = 1; type <= MESSAGES; type++) {
		struct hv_message message = message_of(type);
		uint32_t seen = __atomic_load_n(&race.eoms, __ATOMIC_SEQ_CST);

		while (!slot_write(&race.slot, &message, false)) {
			busy++;
			wait_for_eom(&race, seen);
			seen = __atomic_load_n(&race.eoms, __ATOMIC_SEQ_CST);
		}
	}
	for (unsigned i = 0; i < GUESTS; i++)
		pthread_join(guests[i], NULL);
	assert_int_equal(race.torn, 0);
	for (uint32_t type = 1; type <= MESSAGES; type++)
		assert_int_equal(race.taken[type], 1);
	assert_int_not_equal(busy, 0); /* the interesting half was met */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(an_empty_slot_takes_the_whole_message, setup),
		cmocka_unit_test_setup(
			the_pending_flag_comes_with_the_message_when_more_wait, setup),
		cmocka_unit_test_setup(an_occupied_slot_only_gets_the_pending_flag, setup),
		cmocka_unit_test(a_slot_freed_just_before_the_flag_is_found_free),
		cmocka_unit_test_setup(a_snapshot_is_the_slot, setup),
		cmocka_unit_test(no_interleaving_loses_a_message),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
