/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Routes, ports and events against a guest that does what it likes with its SynIC, under random
 * schedules, in every mode. A failure prints its seed; HVD_SEED=N runs it again alone.
 *
 * Every message carries its sender and a number, so that at each one the guest takes it is known
 * which must be next: none is lost, doubled or out of order. The guest looks at a SINT only when
 * it was interrupted, so an interrupt that is lost leaves something behind.
 *
 * In mode kernel two parties write the slots. Ours may do so on the VP's thread outside the guest
 * alone. KVM's timers do it inside, in two steps: what the schedule puts in between must not be a
 * write of ours.
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
#include "vmm/guest_port.h"
#include "vmm/synic_info.h"

enum {
	VPS = 2,
	TARGETS = 3,
	STEPS = 1000,
	FIXED_SEEDS = 100,
	FRESH_SEEDS = 30,
	REFS = 3, /* of one route, at most */
	FLAGS = 64,
	SETTLE_ROUNDS = 300,
	TYPE = 1,
};

static const struct place {
	unsigned vp, sint;
} places[TARGETS] = {{0, 2}, {0, 5}, {1, 2}};

/* ---- who sends, and what the guest must see ----------------------------------------------- */

enum kind { ROUTE, PORT, TIMER, KINDS };

struct sender {
	unsigned accepted;     /* numbers given away */
	unsigned next;         /* nothing below it will be seen any more */
	bool cancelled[STEPS]; /* told that it was not delivered */
	bool seen[STEPS];
	/* Not 0: from here on, all up to this number may be missing, for its port went. */
	unsigned gone[STEPS];
};

/* What KVM does with a timer's message. */
enum timer_state { TIMER_IDLE, TIMER_DUE, TIMER_SLOT_FREE, TIMER_WAITS };

struct target {
	struct world *world;
	unsigned vp, sint;
	struct sender sender[KINDS];
	struct sint_route *route[REFS]; /* a reference each */
	unsigned refs;
	bool in_flight; /* a staged message whose end was not told yet */
	struct guest_message_port *port;
	struct guest_event_port *event;
	bool interrupted; /* and the guest has not looked yet */
	unsigned flags_set, flags_taken;
	enum timer_state timer;
	struct hv_message *free_slot; /* TIMER_SLOT_FREE: the one it saw */
};

struct guest_vp {
	uint64_t scontrol, siefp, simp; /* as the guest wrote them */
	bool in_kvm;                    /* mode kernel: inside KVM_RUN */
};

struct world {
	unsigned seed, state; /* as started, and as it goes */
	bool kernel;
	struct fake_vm *fake;
	struct target target[TARGETS];
	struct guest_vp vp[VPS];
};

#define CHECK(world, condition)                                                               \
	do {                                                                                  \
		if (!(condition))                                                             \
			fail_msg("%s does not hold, HVD_SEED=%u", #condition, (world)->seed); \
	} while (0)

static unsigned pick(struct world *world, unsigned limit)
{
	return (unsigned)rand_r(&world->state) % limit;
}

static struct target *any_target(struct world *world)
{
	return &world->target[pick(world, TARGETS)];
}

static struct synic *synic_of(struct target *target)
{
	return fake_vm_synic(target->world->fake, target->vp);
}

static uint32_t payload_of(enum kind kind, unsigned number)
{
	return (uint32_t)kind << 16 | number;
}

/* The guest took message `number`: all before it were taken, cancelled, or went with their port. */
static void saw(struct world *world, struct sender *sender, unsigned number)
{
	CHECK(world, number >= sender->next && number < sender->accepted);
	for (unsigned i = sender->next; i < number; i++)
		CHECK(world,
			sender->cancelled[i] || (sender->gone[i] && number >= sender->gone[i]));
	CHECK(world, !sender->cancelled[number]);
	sender->seen[number] = true;
	sender->next = number + 1;
}

/* Nothing is on its way any more. */
static void saw_all(struct world *world, struct sender *sender)
{
	for (unsigned i = sender->next; i < sender->accepted; i++)
		CHECK(world, sender->cancelled[i] || sender->gone[i]);
}

/* What is still on its way will not arrive, but for what is in the slot already. */
static void port_went(struct sender *sender)
{
	for (unsigned i = sender->next; i < sender->accepted; i++) {
		if (!sender->gone[i])
			sender->gone[i] = sender->accepted;
	}
}

/* ---- the VP's thread ---------------------------------------------------------------------- */

/* KVM goes to user space only when it is done with what it does for the guest. */
static bool kvm_is_busy(const struct world *world, unsigned vp)
{
	for (unsigned i = 0; i < TARGETS; i++) {
		if (world->target[i].vp == vp && world->target[i].timer == TIMER_SLOT_FREE)
			return true;
	}
	return false;
}

/* What vcpu_loop() does between two stays in the guest. */
static void leave_kvm(struct world *world, unsigned vp)
{
	world->vp[vp].in_kvm = false;
	(void)fake_vm_work(world->fake, vp);
}

/* Back into the guest, unless it has to leave at once. */
static void enter_kvm(struct world *world, unsigned vp)
{
	leave_kvm(world, vp);
	world->vp[vp].in_kvm = true;
}

static void leave(struct world *world)
{
	unsigned vp = pick(world, VPS);

	if (world->kernel && !kvm_is_busy(world, vp))
		leave_kvm(world, vp);
}

static void enter(struct world *world)
{
	unsigned vp = pick(world, VPS);

	if (!world->kernel || world->vp[vp].in_kvm)
		return;
	enter_kvm(world, vp);
}

/* ---- the host ----------------------------------------------------------------------------- */

static void on_done(struct sint_route *route, int status, void *arg)
{
	struct target *target = arg;
	struct world *world = target->world;
	struct sender *sender = &target->sender[ROUTE];

	CHECK(world, target->in_flight);
	CHECK(world, status == 0 || status == -EAGAIN || status == -ENXIO || status == -ECANCELED);
	target->in_flight = false;
	if (status == 0)
		return;
	CHECK(world, !sender->seen[sender->accepted - 1]);
	sender->cancelled[sender->accepted - 1] = true;
}

static void stage(struct target *target)
{
	struct sender *sender = &target->sender[ROUTE];
	struct hv_message message = {.header = {.type = TYPE, .payload_size = 4}};
	uint32_t payload = payload_of(ROUTE, sender->accepted);
	enum sint_post_mode mode = pick(target->world, 4) ? SINT_POST_QUEUE : SINT_POST_ONCE;
	bool was_free = !target->in_flight;
	int r;

	if (!target->refs)
		return;
	memcpy(message.payload, &payload, sizeof(payload));
	sender->accepted++; /* it may be delivered at once */
	target->in_flight = true;
	r = sint_route_post(target->route[0], &message, mode, on_done, target);
	if (r == 0) {
		CHECK(target->world, was_free);
		return;
	}
	CHECK(target->world, r == -EAGAIN);
	sender->accepted--;
	target->in_flight = !was_free;
}

static void post(struct target *target)
{
	struct sender *sender = &target->sender[PORT];
	uint32_t payload = payload_of(PORT, sender->accepted);

	if (!target->port)
		return;
	sender->accepted++;
	if (guest_message_port_post(target->port, TYPE, &payload, sizeof(payload)) != 0)
		sender->accepted--;
}

static void signal_event(struct target *target)
{
	int r;

	if (!target->event)
		return;
	r = guest_event_port_signal(target->event, NULL);
	CHECK(target->world, r == 0 || r == 1 || r == -ENXIO);
	target->flags_set += r == 0;
}

/* From the main loop, or from a hypercall of one of the VPs, which is not in the guest then. */
static void send(struct world *world, void (*how)(struct target *target))
{
	struct target *target = any_target(world);
	unsigned vp = pick(world, VPS + 1);

	if (!world->kernel || vp == VPS || kvm_is_busy(world, vp)) {
		how(target);
		return;
	}
	leave_kvm(world, vp);
	fake_vm_enter_vcpu(world->fake, vp);
	how(target);
	fake_vm_leave_vcpu();
	enter_kvm(world, vp);
}

static void stage_one(struct world *world)
{
	send(world, stage);
}

static void post_one(struct world *world)
{
	send(world, post);
}

static void signal_one(struct world *world)
{
	send(world, signal_event);
}

static void cancel(struct world *world)
{
	struct target *target = any_target(world);

	if (target->refs)
		sint_route_cancel(target->route[0]);
}

static void get_route(struct world *world)
{
	struct target *target = any_target(world);
	struct sint_route **slot = &target->route[target->refs];

	if (target->refs == REFS)
		return;
	CHECK(world,
		sint_route_get(&world->fake->vm, target->vp, 0, (uint8_t)target->sint, slot) == 0);
	target->refs++;
	CHECK(world, *slot == target->route[0]);
}

static void put_route(struct world *world)
{
	struct target *target = any_target(world);

	if (target->refs)
		sint_route_unref(target->route[--target->refs]);
}

static void open_ports(struct world *world)
{
	struct target *target = any_target(world);
	struct vm *vm = &world->fake->vm;

	if (!target->port)
		CHECK(world, guest_message_port_new(
				     vm, 0, target->vp, (uint8_t)target->sint, &target->port) == 0);
	if (!target->event)
		CHECK(world, guest_event_port_new(vm, 0, target->vp, (uint8_t)target->sint,
				     (uint16_t)pick(world, FLAGS), &target->event) == 0);
}

/* What has not reached its slot goes with the port. */
static void close_ports(struct world *world)
{
	struct target *target = any_target(world);

	port_went(&target->sender[PORT]);
	target->port = guest_message_port_free(target->port);
	target->event = guest_event_port_free(target->event);
}

static void run_loop(struct world *world)
{
	fake_vm_run_loop(world->fake);
}

static void pass_time(struct world *world)
{
	fake_vm_advance_ns(world->fake, pick(world, 2 * NSEC_PER_MSEC));
}

/* ---- the guest ---------------------------------------------------------------------------- */

static bool guest_runs(struct world *world, unsigned vp)
{
	return !kvm_is_busy(world, vp);
}

static void *page_at(struct world *world, uint64_t reg)
{
	return reg & HV_PAGE_ENABLE ? fake_vm_ram(world->fake, reg & HV_PAGE_GPA_MASK) : NULL;
}

static struct hv_message *slot_of(struct target *target)
{
	struct hv_message_page *page = page_at(target->world, target->world->vp[target->vp].simp);

	return page ? &page->slot[target->sint] : NULL;
}

static void write_msr(struct world *world, unsigned vp, uint32_t index, uint64_t value)
{
	CHECK(world,
		synic_msr_write(fake_vm_synic(world->fake, vp), index, value) == HV_FAULT_NONE);
}

/* Mode kernel: KVM signals the ack eventfds of the VP's routes, and looks at its own timers. */
static void kvm_eom(struct world *world, unsigned vp)
{
	fake_vm_eom(world->fake, vp);
	for (unsigned i = 0; i < TARGETS; i++) {
		if (world->target[i].vp == vp && world->target[i].timer == TIMER_WAITS)
			world->target[i].timer = TIMER_DUE;
	}
}

static bool waits_behind_free_slot(struct target *target)
{
	const struct hv_message *slot = slot_of(target);

	return slot && slot->header.type == HV_MESSAGE_TYPE_NONE &&
	       synic_of(target)->sint[target->sint].depth > 0;
}

/* After an EOM nothing waits for the next retry. */
static void check_refilled(struct world *world, unsigned vp)
{
	for (unsigned i = 0; i < TARGETS; i++)
		CHECK(world,
			world->target[i].vp != vp || !waits_behind_free_slot(&world->target[i]));
}

static void eom(struct world *world, unsigned vp)
{
	if (world->kernel) {
		kvm_eom(world, vp);
		return;
	}
	write_msr(world, vp, HV_MSR_EOM, 0);
	check_refilled(world, vp);
}

/* Who was interrupted since the last look. */
static void collect_interrupts(struct world *world)
{
	struct fake_vm *fake = world->fake;

	CHECK(world, fake->vector_count <= FAKE_VECTORS);
	for (unsigned i = 0; i < TARGETS; i++) {
		struct target *target = &world->target[i];
		unsigned *count = &fake->sints[target->vp][target->sint];

		if (fake_vm_asserted(fake, target->vp, (uint8_t)(FAKE_VECTOR + target->sint)) ||
			*count > 0)
			target->interrupted = true;
		*count = 0;
	}
	fake->vector_count = 0;
}

/* A guest that is not polite frees its slot and leaves it at that. */
static void take_message(struct target *target, struct hv_message *slot, bool polite)
{
	struct world *world = target->world;
	uint32_t payload, kind;

	memcpy(&payload, slot->payload, sizeof(payload));
	kind = payload >> 16;
	CHECK(world, kind < KINDS && slot->header.type == TYPE);
	saw(world, &target->sender[kind], payload & 0xffff);
	slot->header.type = HV_MESSAGE_TYPE_NONE;
	if (polite && slot->header.flags & HV_MESSAGE_FLAG_PENDING)
		eom(world, target->vp);
}

static void take_flags(struct target *target)
{
	struct hv_event_flags_page *page = page_at(
		target->world, target->world->vp[target->vp].siefp);
	uint64_t flags = page->sint[target->sint].word[0];

	page->sint[target->sint].word[0] = 0;
	target->flags_taken += (unsigned)__builtin_popcountll(flags);
}

/* The handler: some take a message a time, and wait to be interrupted for the next. */
static void handle_interrupt(struct target *target, unsigned most, bool polite)
{
	struct hv_message *slot = slot_of(target);

	target->interrupted = false;
	take_flags(target);
	for (unsigned i = 0; i < most && slot->header.type != HV_MESSAGE_TYPE_NONE; i++)
		take_message(target, slot, polite);
}

/* While one of its pages is off, a guest keeps interrupts off. */
static void serve(struct target *target, unsigned most, bool polite)
{
	struct world *world = target->world;
	const struct guest_vp *vp = &world->vp[target->vp];

	collect_interrupts(world);
	if (target->interrupted && guest_runs(world, target->vp) && page_at(world, vp->simp) &&
		page_at(world, vp->siefp))
		handle_interrupt(target, most, polite);
}

static void serve_all(struct world *world)
{
	serve(any_target(world), UINT32_MAX, true);
}

static void serve_slowly(struct world *world)
{
	serve(any_target(world), 1, pick(world, 4) != 0);
}

/* In mode kernel the news goes by way of the main loop, and the VP has to come out. */
static void write_eom(struct world *world)
{
	unsigned vp = pick(world, VPS);

	if (!guest_runs(world, vp))
		return;
	eom(world, vp);
	if (!world->kernel || pick(world, 2))
		return;
	fake_vm_run_loop(world->fake);
	enter_kvm(world, vp);
	check_refilled(world, vp);
}

/* SCONTROL, SIEFP and SIMP as in world->vp; in mode kernel each write leaves the guest. */
static void write_registers(struct world *world, unsigned vp)
{
	const struct guest_vp *regs = &world->vp[vp];

	if (!world->kernel) {
		write_msr(world, vp, HV_MSR_SCONTROL, regs->scontrol);
		write_msr(world, vp, HV_MSR_SIEFP, regs->siefp);
		write_msr(world, vp, HV_MSR_SIMP, regs->simp);
		return;
	}
	leave_kvm(world, vp);
	fake_vm_sync(world->fake, vp, regs->scontrol, regs->siefp, regs->simp);
	enter_kvm(world, vp);
}

/* One of three pages for each purpose and VP, on or off. */
static uint64_t any_page(struct world *world, uint64_t base, unsigned vp)
{
	uint64_t gpa = base + (vp * 4 + pick(world, 3)) * HV_PAGE_SIZE;

	return pick(world, 8) ? gpa | HV_PAGE_ENABLE : gpa;
}

static void change_registers(struct world *world)
{
	unsigned vp = pick(world, VPS);
	struct guest_vp *regs = &world->vp[vp];

	if (!guest_runs(world, vp))
		return;
	switch (pick(world, 3)) {
	case 0:
		regs->scontrol = pick(world, 8) ? HV_SCONTROL_ENABLE : 0;
		break;
	case 1:
		regs->siefp = any_page(world, FAKE_SIEFP_GPA, vp);
		break;
	case 2:
		regs->simp = any_page(world, FAKE_SIMP_GPA, vp);
		break;
	}
	write_registers(world, vp);
}

static void set_mask(struct target *target, bool masked)
{
	uint64_t value = FAKE_VECTOR + target->sint;
	struct world *world = target->world;
	uint16_t bit = (uint16_t)BIT64(target->sint), *in_kvm = &world->fake->masked[target->vp];

	if (!world->kernel)
		write_msr(world, target->vp, HV_MSR_SINT0 + target->sint,
			masked ? value | HV_SINT_MASKED : value);
	else if (masked)
		*in_kvm |= bit;
	else
		*in_kvm &= (uint16_t)~bit;
}

static void mask(struct world *world)
{
	struct target *target = any_target(world);

	if (guest_runs(world, target->vp))
		set_mask(target, pick(world, 3) == 0);
}

/* The VP goes back to its reset values; what was on its way to it is gone. */
static void reset(struct world *world)
{
	unsigned vp = pick(world, VPS);

	if (pick(world, 16) || !guest_runs(world, vp))
		return;
	collect_interrupts(world);
	world->vp[vp] = (struct guest_vp){0};
	synic_reset(fake_vm_synic(world->fake, vp));
	for (unsigned i = 0; i < TARGETS; i++) {
		struct target *target = &world->target[i];

		if (target->vp != vp)
			continue;
		for (unsigned kind = 0; kind < KINDS; kind++)
			target->sender[kind].next = target->sender[kind].accepted;
		set_mask(target, true);
		target->timer = TIMER_IDLE;
		target->interrupted = false;
		target->flags_set = target->flags_taken = 0;
	}
}

/* ---- KVM's timers ------------------------------------------------------------------------- */

/* The first step: is there room? The guest masks no SINT that its timers use (spec 12.20). */
static void look_at_slot(struct target *target)
{
	struct hv_message *slot = slot_of(target);

	target->timer = TIMER_WAITS;
	if (!slot)
		return;
	if (slot->header.type != HV_MESSAGE_TYPE_NONE) {
		slot->header.flags |= HV_MESSAGE_FLAG_PENDING;
		return;
	}
	target->timer = TIMER_SLOT_FREE;
	target->free_slot = slot;
}

/* The second one, without another look. */
static void write_slot(struct target *target)
{
	struct hv_message *slot = target->free_slot;
	uint32_t payload = payload_of(TIMER, target->sender[TIMER].accepted - 1);

	memset(slot, 0, sizeof(*slot));
	memcpy(slot->payload, &payload, sizeof(payload));
	slot->header.payload_size = sizeof(payload);
	slot->header.type = TYPE;
	target->interrupted = true;
	target->timer = TIMER_IDLE;
}

static void step_timer(struct target *target)
{
	switch (target->timer) {
	case TIMER_IDLE:
		target->sender[TIMER].accepted++;
		target->timer = TIMER_DUE;
		break;
	case TIMER_DUE:
		look_at_slot(target);
		break;
	case TIMER_SLOT_FREE:
		write_slot(target);
		break;
	case TIMER_WAITS:
		break;
	}
}

static void timer(struct world *world)
{
	struct target *target = any_target(world);

	if (world->kernel && world->vp[target->vp].in_kvm &&
		!(world->fake->masked[target->vp] & BIT64(target->sint)))
		step_timer(target);
}

/* ---- properties --------------------------------------------------------------------------- */

static struct world *world_new(unsigned seed, unsigned options)
{
	struct world *world = calloc(1, sizeof(*world));

	assert_non_null(world);
	world->seed = world->state = seed;
	world->kernel = options & FAKE_KERNEL;
	world->fake = fake_vm_new(VPS, options);
	for (unsigned i = 0; i < TARGETS; i++) {
		world->target[i].world = world;
		world->target[i].vp = places[i].vp;
		world->target[i].sint = places[i].sint;
	}
	return world;
}

/*
 * Whoever waits behind an occupied slot has said so in it. KVM's timers take away the flag of a
 * slot they write, until the next retry.
 */
static void check_pending_flag(struct target *target)
{
	const struct hv_message *slot = slot_of(target);

	if (target->world->kernel || !slot || slot->header.type == HV_MESSAGE_TYPE_NONE ||
		synic_of(target)->sint[target->sint].depth == 0)
		return;
	CHECK(target->world, slot->header.flags & HV_MESSAGE_FLAG_PENDING);
}

static void check_now(struct world *world)
{
	for (unsigned i = 0; i < TARGETS; i++) {
		struct target *target = &world->target[i];
		struct sint_route_status status;

		CHECK(world, synic_of(target)->sint[target->sint].depth <= HV_MESSAGE_QUEUE_MAX);
		check_pending_flag(target);
		if (!target->refs)
			continue;
		sint_route_status(target->route[0], &status);
		CHECK(world, target->in_flight == (status.state != STAGED_FREE));
	}
}

static void switch_everything_on(struct world *world)
{
	for (unsigned vp = 0; vp < VPS; vp++) {
		world->vp[vp] = (struct guest_vp){
			.scontrol = HV_SCONTROL_ENABLE,
			.siefp = (FAKE_SIEFP_GPA + vp * 4 * HV_PAGE_SIZE) | HV_PAGE_ENABLE,
			.simp = (FAKE_SIMP_GPA + vp * 4 * HV_PAGE_SIZE) | HV_PAGE_ENABLE,
		};
		write_registers(world, vp);
	}
	for (unsigned i = 0; i < TARGETS; i++)
		set_mask(&world->target[i], false);
}

/*
 * No new work, and time for the old. Half of the time the guest writes no EOM: then the next retry
 * has to bring what waits. Only a timer of KVM's needs an EOM.
 */
static void settle(struct world *world)
{
	for (unsigned i = 0; i < TARGETS; i++) {
		if (world->target[i].timer == TIMER_SLOT_FREE)
			write_slot(&world->target[i]);
	}
	switch_everything_on(world);
	for (unsigned round = 0; round < SETTLE_ROUNDS; round++) {
		fake_vm_advance_ns(world->fake, NSEC_PER_MSEC);
		fake_vm_run_loop(world->fake);
		for (unsigned vp = 0; world->kernel && vp < VPS; vp++)
			enter_kvm(world, vp);
		for (unsigned i = 0; i < TARGETS; i++) {
			struct target *target = &world->target[i];

			while (target->timer == TIMER_DUE || target->timer == TIMER_SLOT_FREE)
				step_timer(target);
			serve(target, UINT32_MAX, round % 2);
			if (target->timer == TIMER_WAITS)
				eom(world, target->vp);
		}
	}
	fake_vm_run_loop(world->fake);
}

static void check_target(struct target *target)
{
	struct world *world = target->world;
	const uint64_t key[] = {target->vp, target->sint, 0};
	unsigned refs = target->refs + (target->port != NULL) + (target->event != NULL);
	struct route_info info;

	for (unsigned kind = 0; kind < KINDS; kind++)
		saw_all(world, &target->sender[kind]);
	CHECK(world, !target->in_flight);
	CHECK(world, target->flags_taken == target->flags_set);
	CHECK(world, synic_of(target)->sint[target->sint].depth == 0);
	if (refs == 0) {
		CHECK(world, route_node_class.get(&world->fake->vm, key, &info) == -ENOENT);
		return;
	}
	CHECK(world, route_node_class.get(&world->fake->vm, key, &info) == 0);
	CHECK(world, info.staged.state == STAGED_FREE);
	CHECK(world, info.refcount == refs);
}

static void world_free(struct world *world)
{
	for (unsigned i = 0; i < TARGETS; i++) {
		struct target *target = &world->target[i];

		while (target->refs)
			sint_route_unref(target->route[--target->refs]);
		guest_message_port_free(target->port);
		guest_event_port_free(target->event);
	}
	fake_vm_free(world->fake); /* insists that no route is left */
	free(world);
}

/* Work is frequent, so that the FIFOs are full at times; what takes it away is rare. */
static const struct step {
	void (*run)(struct world *world);
	unsigned weight;
} steps[] = {
	{stage_one, 10},
	{post_one, 14},
	{signal_one, 5},
	{timer, 12},
	{serve_all, 14},
	{serve_slowly, 6},
	{run_loop, 9},
	{pass_time, 3},
	{leave, 6},
	{enter, 8},
	{write_eom, 2},
	{mask, 2},
	{change_registers, 2},
	{get_route, 3},
	{put_route, 2},
	{open_ports, 3},
	{cancel, 1},
	{close_ports, 1},
	{reset, 1},
};

static void take_step(struct world *world)
{
	unsigned sum = 0, at;

	for (size_t i = 0; i < ARRAY_LEN(steps); i++)
		sum += steps[i].weight;
	at = pick(world, sum);
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		if (at < steps[i].weight) {
			steps[i].run(world);
			return;
		}
		at -= steps[i].weight;
	}
}

static void whatever_happens(unsigned seed, unsigned options)
{
	struct world *world = world_new(seed, options);

	switch_everything_on(world);
	for (unsigned i = 0; i < STEPS; i++) {
		take_step(world);
		check_now(world);
	}
	settle(world);
	for (unsigned i = 0; i < TARGETS; i++)
		check_target(&world->target[i]);
	world_free(world);
}

static void in_mode_sim(unsigned seed)
{
	whatever_happens(seed, 0);
}

static void in_mode_user(unsigned seed)
{
	whatever_happens(seed, FAKE_WITH_IRQFD);
}

static void in_mode_kernel(unsigned seed)
{
	whatever_happens(seed, FAKE_WITH_IRQFD | FAKE_KERNEL);
}

static void nothing_is_lost_doubled_or_reordered_in_mode_sim(void **state)
{
	for_each_seed(in_mode_sim, FIXED_SEEDS, FRESH_SEEDS);
}

static void nothing_is_lost_doubled_or_reordered_in_mode_user(void **state)
{
	for_each_seed(in_mode_user, FIXED_SEEDS, FRESH_SEEDS);
}

static void nothing_is_lost_doubled_or_reordered_in_mode_kernel(void **state)
{
	for_each_seed(in_mode_kernel, FIXED_SEEDS, FRESH_SEEDS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_lost_doubled_or_reordered_in_mode_sim),
		cmocka_unit_test(nothing_is_lost_doubled_or_reordered_in_mode_user),
		cmocka_unit_test(nothing_is_lost_doubled_or_reordered_in_mode_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
