/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The SynIC under random schedules of one thread. A failure prints its seed; HVD_SEED=N runs it
 * again alone.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "fake_vm.h"
#include "hvdef/hv_msr.h"
#include "seeds.h"

enum { SINT = 2, VECTOR = FAKE_VECTOR + SINT, ENTRIES = 24, STEPS = 300 };
enum { FIXED_SEEDS = 100, FRESH_SEEDS = 50 };

struct item {
	struct synic_entry entry;
	struct run *run;
	unsigned number;
	bool in_flight;
};

struct run {
	unsigned seed, state; /* as started, and as it goes */
	struct fake_vm *fake;
	struct synic *synic;
	uint64_t simp; /* as last written */
	struct item items[ENTRIES];
	unsigned posted, told;
	unsigned accepted[STEPS]; /* numbers told "written", in order */
	unsigned accepted_count;
	unsigned seen[STEPS]; /* numbers the guest read, in order */
	unsigned seen_count;
	unsigned flags_set, flags_seen;
	unsigned served; /* interrupts the guest has handled */
};

#define CHECK(run, condition)                                                               \
	do {                                                                                \
		if (!(condition))                                                           \
			fail_msg("%s does not hold, HVD_SEED=%u", #condition, (run)->seed); \
	} while (0)

static unsigned pick(struct run *run, unsigned limit)
{
	return (unsigned)rand_r(&run->state) % limit;
}

static void write_msr(struct run *run, uint32_t index, uint64_t value)
{
	CHECK(run, synic_msr_write(run->synic, index, value) == HV_FAULT_NONE);
}

/* ---- the host ---------------------------------------------------------- */

static void on_done(struct synic_entry *entry, int status)
{
	struct item *item = container_of(entry, struct item, entry);
	struct run *run = item->run;

	CHECK(run, item->in_flight);
	CHECK(run, status == 0 || status == -ECANCELED);
	item->in_flight = false;
	run->told++;
	if (status == 0)
		run->accepted[run->accepted_count++] = item->number;
}

/* Some runs are quiet, so that events and timers are alone at times; some keep the queue full. */
static void post(struct run *run)
{
	static const unsigned percent[] = {3, 25, 100};

	if (pick(run, 100) >= percent[run->seed % ARRAY_LEN(percent)])
		return;
	for (unsigned i = 0; i < ENTRIES; i++) {
		struct item *item = &run->items[i];

		if (item->in_flight)
			continue;
		item->run = run;
		item->number = run->posted;
		item->in_flight = true;
		item->entry.done = on_done;
		item->entry.message.header.type = 1 + item->number;
		if (synic_post(run->synic, SINT, &item->entry) == 0)
			run->posted++;
		else
			item->in_flight = false;
		return;
	}
}

static void withdraw(struct run *run)
{
	struct item *item = &run->items[pick(run, ENTRIES)];

	if (synic_withdraw(run->synic, SINT, &item->entry)) {
		item->in_flight = false;
		run->told++;
	}
}

static void signal_event(struct run *run)
{
	if (synic_set_event_flag(run->synic, SINT, pick(run, 128), SYNIC_FROM_HOST) == 0)
		run->flags_set++;
}

/* ---- the guest --------------------------------------------------------- */

static struct hv_message *visible_slot(struct run *run)
{
	struct hv_message_page *page = fake_vm_ram(run->fake, run->simp & HV_PAGE_GPA_MASK);

	return run->simp & HV_PAGE_ENABLE ? &page->slot[SINT] : NULL;
}

static void take_flags(struct run *run)
{
	struct hv_event_flags *flags = fake_vm_flags(run->fake, 0, SINT);

	for (unsigned i = 0; i < 2; i++)
		run->flags_seen += (unsigned)__builtin_popcountll(
			__atomic_exchange_n(&flags->word[i], 0, __ATOMIC_SEQ_CST));
}

/* The handler of a careful guest: takes messages until the slot stays empty, then flags. */
static void handle_interrupt(struct run *run)
{
	struct hv_message *slot = visible_slot(run);

	while (slot->header.type != 0) {
		run->seen[run->seen_count++] = slot->header.type - 1;
		slot->header.type = 0;
		if (slot->header.flags & HV_MESSAGE_FLAG_PENDING)
			write_msr(run, HV_MSR_EOM, 0);
	}
	take_flags(run);
}

/* While its message page is off, it keeps interrupts off. */
static void serve_interrupts(struct run *run)
{
	unsigned raised = fake_vm_asserted_in_all(run->fake);

	while (visible_slot(run) && run->served != raised) {
		run->served = raised;
		handle_interrupt(run);
		raised = fake_vm_asserted_in_all(run->fake);
	}
}

static void write_simp(struct run *run)
{
	static const uint64_t values[] = {FAKE_SIMP_GPA | 1, 0, (FAKE_SIMP_GPA + 0x4000) | 1,
		FAKE_SIMP_GPA, (FAKE_SIMP_GPA + 0x8000) | 1};

	run->simp = values[pick(run, ARRAY_LEN(values))];
	write_msr(run, HV_MSR_SIMP, run->simp);
}

static void write_sint(struct run *run)
{
	static const uint64_t values[] = {VECTOR, HV_SINT_MASKED | VECTOR, VECTOR + 1,
		HV_SINT_POLLING | VECTOR, HV_SINT_AUTO_EOI | VECTOR, HV_SINT_PROXY | VECTOR,
		HV_SINT_RESET};

	write_msr(run, HV_MSR_SINT0 + SINT, values[pick(run, ARRAY_LEN(values))]);
}

static void write_scontrol(struct run *run)
{
	write_msr(run, HV_MSR_SCONTROL, pick(run, 2));
}

static void pass_time(struct run *run)
{
	fake_vm_advance_ns(run->fake, pick(run, 3 * NSEC_PER_MSEC));
}

static void write_eom(struct run *run)
{
	write_msr(run, HV_MSR_EOM, pick(run, 100));
}

/* ---- properties ------------------------------------------------------------ */

static struct run *run_new(unsigned seed)
{
	struct run *run = calloc(1, sizeof(*run));

	assert_non_null(run);
	run->seed = run->state = seed;
	run->fake = fake_vm_new(1, 0);
	run->synic = fake_vm_synic(run->fake, 0);
	fake_vm_enable(run->fake, 0);
	run->simp = FAKE_SIMP_GPA | HV_PAGE_ENABLE;
	return run;
}

static void run_free(struct run *run)
{
	fake_vm_free(run->fake);
	CHECK(run, run->told == run->posted);
	free(run);
}

/* Everything on again: whatever was withheld must now come by itself. */
static void settle(struct run *run)
{
	run->simp = FAKE_SIMP_GPA | HV_PAGE_ENABLE;
	write_msr(run, HV_MSR_SIMP, run->simp);
	write_msr(run, HV_MSR_SINT0 + SINT, VECTOR);
	write_msr(run, HV_MSR_SCONTROL, HV_SCONTROL_ENABLE);
	serve_interrupts(run);
	for (unsigned i = 0; i < 2 * ENTRIES; i++) {
		fake_vm_advance_ns(run->fake, NSEC_PER_MSEC);
		serve_interrupts(run);
	}
}

/*
 * A guest that looks only when it is interrupted gets every message once and in order, and every
 * event, whatever it switched off and on meanwhile.
 */
static void interrupts_alone_find_every_message(unsigned seed)
{
	static void (*const steps[])(struct run * run) = {post, post, post, withdraw, signal_event,
		serve_interrupts, serve_interrupts, write_simp, write_sint, write_scontrol,
		pass_time, write_eom};
	struct run *run = run_new(seed);

	for (unsigned i = 0; i < STEPS; i++)
		steps[pick(run, ARRAY_LEN(steps))](run);
	settle(run);
	CHECK(run, run->told == run->posted);
	CHECK(run, run->seen_count == run->accepted_count);
	for (unsigned i = 0; i < run->seen_count; i++) {
		CHECK(run, run->seen[i] == run->accepted[i]);
		CHECK(run, i == 0 || run->seen[i] > run->seen[i - 1]);
	}
	CHECK(run, run->flags_seen == run->flags_set);
	run_free(run);
}

static void scribble(struct run *run)
{
	uint8_t *page = fake_vm_ram(run->fake, FAKE_SIMP_GPA + pick(run, 3) * 0x4000);
	unsigned at = SINT * HV_MESSAGE_SIZE + pick(run, HV_MESSAGE_SIZE);

	page[at] = (uint8_t)pick(run, 256);
}

static void reset(struct run *run)
{
	synic_reset(run->synic);
	run->simp = 0;
	if (pick(run, 2)) {
		fake_vm_enable(run->fake, 0);
		run->simp = FAKE_SIMP_GPA | HV_PAGE_ENABLE;
	}
}

/* Registers with any value: #GP is fine, everything else must be. */
static void write_anything(struct run *run)
{
	static const uint32_t indexes[] = {HV_MSR_SCONTROL, HV_MSR_SIEFP, HV_MSR_SIMP, HV_MSR_EOM,
		HV_MSR_SINT0 + SINT, HV_MSR_SINT15, HV_MSR_STIMER0_CONFIG, HV_MSR_STIMER0_COUNT,
		HV_MSR_STIMER3_COUNT - 1, HV_MSR_STIMER3_COUNT};
	uint64_t value = (uint64_t)pick(run, UINT32_MAX) << 32 | pick(run, UINT32_MAX);

	/* Mostly small values: they are the ones that do something. */
	value >>= pick(run, 64);
	(void)!synic_msr_write(run->synic, indexes[pick(run, ARRAY_LEN(indexes))], value);
	write_simp(run);
}

static void arm_timer(struct run *run)
{
	unsigned n = pick(run, HV_STIMER_COUNT);

	write_msr(run, HV_MSR_STIMER0_CONFIG + 2 * n,
		(uint64_t)SINT << HV_STIMER_SINT_SHIFT | HV_STIMER_AUTO_ENABLE | pick(run, 8));
	write_msr(run, HV_MSR_STIMER0_COUNT + 2 * n, pick(run, 20000));
}

/* A hostile guest gets nowhere: every message is told once, the queue stays bounded. */
static void a_hostile_guest_loses_only_its_own_messages(unsigned seed)
{
	static void (*const steps[])(struct run * run) = {post, post, post, withdraw, signal_event,
		scribble, scribble, write_anything, write_sint, write_scontrol, pass_time,
		write_eom, arm_timer, reset};
	struct run *run = run_new(seed);

	for (unsigned i = 0; i < STEPS; i++) {
		steps[pick(run, ARRAY_LEN(steps))](run);
		CHECK(run, run->synic->sint[SINT].depth <= HV_MESSAGE_QUEUE_MAX);
		CHECK(run, run->posted - run->told == run->synic->sint[SINT].depth);
	}
	synic_reset(run->synic);
	CHECK(run, run->told == run->posted);
	run_free(run);
}

static void interrupts_alone_find_every_message_whatever_the_schedule(void **state)
{
	for_each_seed(interrupts_alone_find_every_message, FIXED_SEEDS, FRESH_SEEDS);
}

static void a_hostile_guest_loses_only_its_own_messages_whatever_it_does(void **state)
{
	for_each_seed(a_hostile_guest_loses_only_its_own_messages, FIXED_SEEDS, FRESH_SEEDS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(interrupts_alone_find_every_message_whatever_the_schedule),
		cmocka_unit_test(a_hostile_guest_loses_only_its_own_messages_whatever_it_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
