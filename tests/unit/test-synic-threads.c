/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The SynIC under many threads: ports and routes post, a guest consumes, writes EOM, masks SINTs
 * and moves its pages, a client looks on, the main loop completes.
 *
 * In mode kernel the guest's thread is the VP's as well: it does the work it is asked for, and
 * plays KVM's timers, which write the slots too.
 *
 * Invariants, whatever the schedule: every message arrives exactly once, those of one sender in
 * order; every accepted post is told exactly once; staged messages end FREE; references return to
 * what they were. Built with -Db_sanitize=thread it also says that nothing raced.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "fake_vm.h"
#include "hvdef/hv_msr.h"
#include "vmm/guest_port.h"
#include "vmm/synic_info.h"

enum {
	SINT = 2,
	PORTS = 2,
	ROUTE_SENDER = PORTS, /* sender number of the route's messages */
	SENDERS = PORTS + 1,
	MESSAGES = 1500, /* per sender */
	TYPE_BASE = 1,
};

struct world {
	bool kernel;
	struct fake_vm *fake;
	struct synic *synic;
	struct guest_message_port *port[PORTS];
	struct sint_route *route;
	unsigned next[SENDERS]; /* guest thread: the number expected next of each sender */
	unsigned wrong;         /* guest thread: messages lost, doubled or out of order */
	unsigned ticks;         /* guest thread: timer messages, in the same slot */
	unsigned route_done;    /* main loop */
	unsigned route_failed;  /* main loop */
	bool stop;              /* atomic: helpers end */
};

/* A message is its sender and its number. */
static uint32_t payload_of(unsigned sender, unsigned number)
{
	return sender << 24 | number;
}

static bool stopping(const struct world *world)
{
	return __atomic_load_n(&world->stop, __ATOMIC_ACQUIRE);
}

struct sender {
	struct world *world;
	unsigned number;
};

static void *port_thread(void *arg)
{
	const struct sender *sender = arg;
	struct guest_message_port *port = sender->world->port[sender->number];

	for (unsigned i = 0; i < MESSAGES; i++) {
		uint32_t payload = payload_of(sender->number, i);

		while (guest_message_port_post(port, TYPE_BASE, &payload, sizeof(payload)) != 0)
			sched_yield();
	}
	return NULL;
}

static void on_route_done(struct sint_route *route, int status, void *arg)
{
	struct world *world = arg;

	world->route_done++;
	world->route_failed += status != 0;
}

static void *route_thread(void *arg)
{
	struct world *world = arg;

	for (unsigned i = 0; i < MESSAGES; i++) {
		uint32_t payload = payload_of(ROUTE_SENDER, i);
		struct hv_message message = {.header = {.type = TYPE_BASE, .payload_size = 4}};

		memcpy(message.payload, &payload, sizeof(payload));
		while (sint_route_post(
			       world->route, &message, SINT_POST_QUEUE, on_route_done, world) != 0)
			sched_yield();
	}
	return NULL;
}

/* ---- the guest --------------------------------------------------------- */

/* The page the SIMP is on now; only this thread moves it. */
static const uint64_t pages[] = {FAKE_SIMP_GPA, FAKE_SIMP_GPA + 0x4000};

static struct hv_message *slot_at(struct world *world, unsigned page)
{
	struct hv_message_page *simp = fake_vm_ram(world->fake, pages[page]);

	return &simp->slot[SINT];
}

static void check_message(struct world *world, uint32_t payload)
{
	unsigned sender = payload >> 24, number = payload & 0xffffff;

	if (sender >= SENDERS || number != world->next[sender])
		world->wrong++;
	else
		world->next[sender]++;
}

static void write_eom(struct world *world)
{
	if (world->kernel)
		fake_vm_eom(world->fake, 0);
	else
		(void)synic_msr_write(world->synic, HV_MSR_EOM, 0);
}

static void consume(struct world *world, unsigned page)
{
	struct hv_message *slot = slot_at(world, page);
	uint32_t type = __atomic_load_n(&slot->header.type, __ATOMIC_ACQUIRE);
	uint64_t word = __atomic_load_n((uint64_t *)(void *)slot->payload, __ATOMIC_RELAXED);

	if (type == HV_MESSAGE_TYPE_NONE)
		return;
	if (type == HV_MESSAGE_TYPE_TIMER_EXPIRED)
		world->ticks++;
	else
		check_message(world, (uint32_t)word);
	__atomic_store_n(&slot->header.type, HV_MESSAGE_TYPE_NONE, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&slot->header.flags, __ATOMIC_SEQ_CST) & HV_MESSAGE_FLAG_PENDING)
		write_eom(world);
}

static bool all_arrived(const struct world *world)
{
	for (unsigned i = 0; i < SENDERS; i++) {
		if (world->next[i] < MESSAGES)
			return false;
	}
	return true;
}

static void disturb(struct world *world, unsigned *seed, unsigned *page)
{
	switch (rand_r(seed) % 16) {
	case 0:
		*page = !*page;
		(void)synic_msr_write(world->synic, HV_MSR_SIMP, pages[*page] | HV_PAGE_ENABLE);
		break;
	case 1:
		(void)synic_msr_write(world->synic, HV_MSR_SIMP, 0);
		(void)synic_msr_write(world->synic, HV_MSR_SIMP, pages[*page] | HV_PAGE_ENABLE);
		break;
	case 2:
		(void)synic_msr_write(world->synic, HV_MSR_SINT0 + SINT, HV_SINT_RESET);
		(void)synic_msr_write(world->synic, HV_MSR_SINT0 + SINT, FAKE_VECTOR + SINT);
		break;
	case 3:
		(void)synic_msr_write(world->synic, HV_MSR_SCONTROL, 0);
		(void)synic_msr_write(world->synic, HV_MSR_SCONTROL, HV_SCONTROL_ENABLE);
		break;
	case 4:
		(void)synic_msr_write(world->synic, HV_MSR_STIMER0_CONFIG,
			(uint64_t)SINT << HV_STIMER_SINT_SHIFT | HV_STIMER_AUTO_ENABLE |
				HV_STIMER_PERIODIC);
		(void)synic_msr_write(world->synic, HV_MSR_STIMER0_COUNT, 50);
		break;
	}
}

/* ---- the same on KVM's SynIC --------------------------------------------------------------- */

static void write_registers(struct world *world, uint64_t scontrol, uint64_t simp)
{
	fake_vm_sync(world->fake, 0, scontrol, world->synic->siefp, simp);
}

static void set_mask(struct world *world, bool masked)
{
	struct fake_vm *fake = world->fake;

	pthread_mutex_lock(&fake->lock);
	fake->masked[0] = masked ? BIT64(SINT) : 0;
	pthread_mutex_unlock(&fake->lock);
}

/* A look at the type, and later the message: in between other threads do what they want. */
static void kvm_timer(struct world *world, unsigned page)
{
	struct hv_message *slot = slot_at(world, page);

	if (__atomic_load_n(&slot->header.type, __ATOMIC_ACQUIRE) != HV_MESSAGE_TYPE_NONE)
		return;
	sched_yield();
	__atomic_store_n((uint32_t *)(void *)&slot->header.payload_size, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&slot->header.type, HV_MESSAGE_TYPE_TIMER_EXPIRED, __ATOMIC_RELEASE);
}

static void disturb_kernel(struct world *world, unsigned *seed, unsigned *page)
{
	switch (rand_r(seed) % 16) {
	case 0:
		*page = !*page;
		write_registers(world, HV_SCONTROL_ENABLE, pages[*page] | HV_PAGE_ENABLE);
		break;
	case 1:
		write_registers(world, HV_SCONTROL_ENABLE, 0);
		write_registers(world, HV_SCONTROL_ENABLE, pages[*page] | HV_PAGE_ENABLE);
		break;
	case 2:
		set_mask(world, true);
		set_mask(world, false);
		break;
	case 3:
		write_registers(world, 0, pages[*page] | HV_PAGE_ENABLE);
		write_registers(world, HV_SCONTROL_ENABLE, pages[*page] | HV_PAGE_ENABLE);
		break;
	case 4:
	case 5:
		kvm_timer(world, *page);
		break;
	}
	(void)fake_vm_work(world->fake, 0);
}

static void *guest_thread(void *arg)
{
	struct world *world = arg;
	unsigned seed = 1, page = 0;

	/* Until a timer message came, too, however slow the machine. */
	while ((!all_arrived(world) || world->ticks == 0) && world->wrong == 0) {
		consume(world, page);
		if (world->kernel)
			disturb_kernel(world, &seed, &page);
		else
			disturb(world, &seed, &page);
	}
	return NULL;
}

/* Another VP of the guest: EOMs and route interrupts at any time. */
static void *eom_thread(void *arg)
{
	struct world *world = arg;

	while (!stopping(world)) {
		write_eom(world);
		(void)!sint_route_set(world->route);
		(void)!synic_set_event_flag(world->synic, SINT, 3, SYNIC_FROM_HOST);
		sched_yield();
	}
	return NULL;
}

static int count_one(void *arg, const uint64_t *key, const void *info)
{
	++*(unsigned *)arg;
	return 0;
}

/* A client that reads everything, and a second holder of the route that comes and goes. */
static void *client_thread(void *arg)
{
	static const uint64_t key[NODE_MAX_KEYS + 1];
	struct world *world = arg;
	struct vm *vm = &world->fake->vm;
	struct sint_route *route;
	unsigned seen = 0;

	while (!stopping(world)) {
		sint_node_class.list(vm, key, 0, NULL, count_one, &seen);
		message_node_class.list(vm, key, 0, NULL, count_one, &seen);
		route_node_class.list(vm, key, 0, NULL, count_one, &seen);
		stimer_node_class.list(vm, key, 0, NULL, count_one, &seen);
		if (sint_route_get(vm, 0, 0, SINT + 1, &route) == 0)
			sint_route_unref(route);
		sched_yield();
	}
	return NULL;
}

static void start_world(struct world *world, unsigned options)
{
	*world = (struct world){
		.kernel = options & FAKE_KERNEL,
		.fake = fake_vm_new(1, options),
	};
	world->synic = fake_vm_synic(world->fake, 0);
	fake_vm_enable(world->fake, 0);
	for (unsigned i = 0; i < PORTS; i++)
		assert_int_equal(
			guest_message_port_new(&world->fake->vm, 0, 0, SINT, &world->port[i]), 0);
	assert_int_equal(sint_route_get(&world->fake->vm, 0, 0, SINT, &world->route), 0);
	assert_true(sint_route_ack_fd(world->route) >= 0);
}

static void end_world(struct world *world)
{
	static const uint64_t key[] = {0, SINT, 0};
	struct route_info info;

	loop_drain(world->fake->vm.loop);
	assert_int_equal(route_node_class.get(&world->fake->vm, key, &info), 0);
	assert_int_equal(info.staged.state, STAGED_FREE);
	assert_int_equal(info.refcount, 1 + PORTS); /* ours, and each port's */
	for (unsigned i = 0; i < PORTS; i++)
		guest_message_port_free(world->port[i]);
	sint_route_unref(world->route);
	fake_vm_free(world->fake);
}

static void spawn(pthread_t *thread, void *(*run)(void *), void *arg)
{
	assert_int_equal(pthread_create(thread, NULL, run, arg), 0);
}

static void no_message_is_lost_doubled_or_reordered(unsigned options)
{
	struct world world;
	struct sender senders[PORTS];
	pthread_t ports[PORTS], route, guest, eom, client;

	start_world(&world, options);
	for (unsigned i = 0; i < PORTS; i++) {
		senders[i] = (struct sender){&world, i};
		spawn(&ports[i], port_thread, &senders[i]);
	}
	spawn(&route, route_thread, &world);
	spawn(&guest, guest_thread, &world);
	spawn(&eom, eom_thread, &world);
	spawn(&client, client_thread, &world);
	/* This thread is the main loop: ports refill from there, routes complete there. */
	while (pthread_tryjoin_np(guest, NULL) == EBUSY) {
		fake_vm_run_loop(world.fake);
		fake_vm_advance_ns(world.fake, NSEC_PER_USEC);
		sched_yield();
	}
	__atomic_store_n(&world.stop, true, __ATOMIC_RELEASE);
	for (unsigned i = 0; i < PORTS; i++)
		pthread_join(ports[i], NULL);
	pthread_join(route, NULL);
	pthread_join(eom, NULL);
	pthread_join(client, NULL);
	loop_drain(world.fake->vm.loop);
	assert_int_equal(world.wrong, 0);
	assert_int_not_equal(world.ticks, 0);
	assert_int_equal(world.route_done, MESSAGES);
	assert_int_equal(world.route_failed, 0);
	end_world(&world);
}

static void messages_survive_any_schedule_without_irqfd(void **state)
{
	no_message_is_lost_doubled_or_reordered(0);
}

static void messages_survive_any_schedule_with_irqfd(void **state)
{
	no_message_is_lost_doubled_or_reordered(FAKE_WITH_IRQFD | FAKE_WITH_TSC);
}

static void messages_survive_any_schedule_in_mode_kernel(void **state)
{
	no_message_is_lost_doubled_or_reordered(FAKE_KERNEL);
}

/* ---- resets ------------------------------------------------------------ */

enum { RESETS = 200, PATIENCE = 50 };

struct resetting {
	struct world world;
	unsigned accepted; /* poster */
};

static void *poster_thread(void *arg)
{
	struct resetting *resetting = arg;
	struct world *world = &resetting->world;
	struct hv_message message = {.header = {.type = TYPE_BASE, .payload_size = 4}};

	while (!stopping(world)) {
		if (sint_route_post(
			    world->route, &message, SINT_POST_QUEUE, on_route_done, world) == 0)
			resetting->accepted++;
		else
			sint_route_cancel(world->route);
		sched_yield();
	}
	return NULL;
}

/* Whatever is cancelled or reset in whichever state, each accepted message is told once. */
static void every_accepted_message_is_told_once_across_resets(void **state)
{
	struct resetting resetting = {0};
	struct world *world = &resetting.world;
	pthread_t poster, client;

	start_world(world, FAKE_WITH_IRQFD);
	spawn(&poster, poster_thread, &resetting);
	spawn(&client, client_thread, world);
	for (unsigned i = 0; i < RESETS; i++) {
		synic_reset(world->synic);
		for (unsigned j = 0; j < PATIENCE; j++) {
			loop_drain(world->fake->vm.loop);
			if (j == PATIENCE / 2)
				fake_vm_enable(world->fake, 0);
			sched_yield();
		}
	}
	__atomic_store_n(&world->stop, true, __ATOMIC_RELEASE);
	pthread_join(poster, NULL);
	pthread_join(client, NULL);
	synic_reset(world->synic);
	loop_drain(world->fake->vm.loop);
	assert_int_equal(world->route_done, resetting.accepted);
	assert_int_not_equal(resetting.accepted, 0);
	end_world(world);
}

/* ---- ports that come and go ----------------------------------------------------------------- */

enum { CHURNS = 300 };

/* Each round makes a port, fills it beyond the FIFO and frees it with messages everywhere. */
static void *churn_thread(void *arg)
{
	struct world *world = arg;
	uint32_t payload = payload_of(0, 0);

	for (unsigned i = 0; i < CHURNS; i++) {
		struct guest_message_port *port;

		if (guest_message_port_new(&world->fake->vm, 0, 0, SINT, &port) != 0)
			continue;
		for (unsigned j = 0; j < 2 * HV_MESSAGE_QUEUE_MAX; j++)
			(void)!guest_message_port_post(port, TYPE_BASE, &payload, sizeof(payload));
		guest_message_port_free(port);
	}
	__atomic_store_n(&world->stop, true, __ATOMIC_RELEASE);
	return NULL;
}

static void *careless_guest_thread(void *arg)
{
	struct world *world = arg;

	while (!stopping(world)) {
		consume(world, 0);
		sched_yield();
	}
	return NULL;
}

static void a_port_can_be_freed_while_its_messages_are_delivered(void **state)
{
	struct world world;
	pthread_t churn, guest;

	start_world(&world, 0);
	spawn(&churn, churn_thread, &world);
	spawn(&guest, careless_guest_thread, &world);
	while (!stopping(&world)) {
		fake_vm_advance_ns(world.fake, NSEC_PER_MSEC);
		loop_drain(world.fake->vm.loop);
		sched_yield();
	}
	pthread_join(churn, NULL);
	pthread_join(guest, NULL);
	consume(&world, 0);
	assert_int_equal(world.synic->sint[SINT].depth, 0);
	end_world(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_survive_any_schedule_without_irqfd),
		cmocka_unit_test(messages_survive_any_schedule_with_irqfd),
		cmocka_unit_test(messages_survive_any_schedule_in_mode_kernel),
		cmocka_unit_test(every_accepted_message_is_told_once_across_resets),
		cmocka_unit_test(a_port_can_be_freed_while_its_messages_are_delivered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
