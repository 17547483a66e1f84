/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The thread exists from the first moment there is something to poll until monitor_deinit(); it
 * sleeps on `cond` while there is no page or no monitor.
 *
 * One pass: under the lock, take the pending bits of the groups in use and note which connections
 * they stand for; without the lock, signal those. A monitor removed in between has its signal
 * dropped by the port table (or delivered to its successor there, as a spurious event).
 */
#include "vmm/monitor.h"
#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "common/rcu.h"
#include "vmm/event.h"
#include "vmm/vm.h"

enum { DEFAULT_LATENCY_100NS = 10000, MINIMUM_LATENCY_100NS = 1000, BITS = 32 };

#define NO_PAGE UINT64_MAX

/* NULL without a page. Looked up anew each time. Caller holds the lock. */
static struct hv_monitor_page *page_of(const struct monitor *monitor)
{
	if (monitor->page_gpa == NO_PAGE)
		return NULL;
	return guest_memory_at(&monitor->vm->memory, monitor->page_gpa, HV_PAGE_SIZE);
}

/* ---- what the guest is told ----------------------------------------------- */

static bool group_used(const struct monitor *monitor, unsigned group)
{
	for (unsigned bit = 0; bit < BITS; bit++)
		if (monitor->slot[BITS * group + bit].used)
			return true;
	return false;
}

static void write_group_enables(const struct monitor *monitor, struct hv_monitor_page *page)
{
	uint32_t enables = 0;

	for (unsigned group = 0; group < HV_MONITOR_GROUPS; group++)
		if (group_used(monitor, group))
			enables |= 1u << group;
	__atomic_store_n(&page->trigger_state, enables, __ATOMIC_RELAXED);
}

static void write_slot(const struct monitor *monitor, struct hv_monitor_page *page, unsigned id)
{
	const struct monitor_slot *slot = &monitor->slot[id];
	unsigned group = id / BITS, bit = id % BITS;

	__atomic_store_n(
		&page->parameter[group][bit].connection_id, slot->connection_id, __ATOMIC_RELAXED);
	__atomic_store_n(&page->parameter[group][bit].flag_number, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&page->latency[group][bit], slot->latency_100ns, __ATOMIC_RELAXED);
}

/* ---- one pass ------------------------------------------------------------- */

struct hit {
	uint8_t id;
	uint32_t connection_id;
};

/* Those of the bits that a fault wants left where they are. Caller holds the lock. */
static uint32_t skipped(const struct monitor *monitor, unsigned group, uint32_t pending)
{
	uint32_t left = 0;

	for (; pending; pending &= pending - 1) {
		unsigned bit = (unsigned)__builtin_ctz(pending);
		const struct monitor_slot *slot = &monitor->slot[BITS * group + bit];
		struct fault_place place = {FAULT_ANYWHERE};

		if (slot->relid)
			place.relid = slot->relid;
		if (fault_hit(&monitor->vm->faults, FAULT_SKIP_MONITOR, &place, NULL))
			left |= 1u << bit;
	}
	return left;
}

/* Caller holds the lock. */
static uint32_t take_pending(
	const struct monitor *monitor, struct hv_monitor_page *page, unsigned group)
{
	uint32_t *pending = &page->group[group].pending;
	uint32_t bits = __atomic_load_n(pending, __ATOMIC_RELAXED);

	if (bits && fault_possible(&monitor->vm->faults, FAULT_SKIP_MONITOR))
		bits &= ~skipped(monitor, group, bits);
	/* Do not dirty the guest's cache line for nothing. */
	if (!bits)
		return 0;
	return __atomic_fetch_and(pending, ~bits, __ATOMIC_ACQ_REL) & bits;
}

static unsigned collect_group(
	struct monitor *monitor, unsigned group, uint32_t pending, struct hit *hits)
{
	unsigned count = 0;

	while (pending) {
		unsigned id = BITS * group + (unsigned)__builtin_ctz(pending);
		struct monitor_slot *slot = &monitor->slot[id];

		pending &= pending - 1;
		if (!slot->used)
			continue;
		slot->hits++;
		hits[count++] = (struct hit){id, slot->connection_id};
	}
	return count;
}

static unsigned collect(struct monitor *monitor, struct hit hits[HV_MONITOR_COUNT])
{
	struct hv_monitor_page *page;
	unsigned count = 0;

	pthread_mutex_lock(&monitor->lock);
	monitor->scans++;
	monitor->scanned_ns = clock_now_ns(monitor->vm->clock);
	page = page_of(monitor);
	for (unsigned group = 0; page && group < HV_MONITOR_GROUPS; group++)
		if (group_used(monitor, group))
			count += collect_group(
				monitor, group, take_pending(monitor, page, group), hits + count);
	pthread_mutex_unlock(&monitor->lock);
	return count;
}

void monitor_observe(struct monitor *monitor, struct monitor_state *ret_state)
{
	const struct hv_monitor_page *page;

	pthread_mutex_lock(&monitor->lock);
	*ret_state = (struct monitor_state){
		.page_gpa = monitor->page_gpa,
		.scans = monitor->scans,
		.scanned_ns = monitor->scanned_ns,
		.started = monitor->started,
		.tid = monitor->tid,
	};
	page = page_of(monitor);
	for (unsigned group = 0; page && group < HV_MONITOR_GROUPS; group++) {
		uint64_t bits = __atomic_load_n(&page->group[group].pending, __ATOMIC_RELAXED);

		ret_state->pending[group / 2] |= bits << (group % 2 * BITS);
	}
	pthread_mutex_unlock(&monitor->lock);
}

unsigned monitor_service(struct monitor *monitor)
{
	struct hit hits[HV_MONITOR_COUNT];
	unsigned count = collect(monitor, hits);

	for (unsigned i = 0; i < count; i++) {
		enum hv_status status = ports_signal_event(
			&monitor->vm->ports, NULL, 0, hits[i].connection_id, 0);

		hv_record(monitor->vm->recorder, HV_EVENT_MONITOR, RECORD_NO_VP, 0, RECORD_NO_SINT,
			hits[i].id, hits[i].connection_id, 0, status);
	}
	return count;
}

/* ---- the thread ----------------------------------------------------------- */

static bool needed(const struct monitor *monitor)
{
	return monitor->used && monitor->page_gpa != NO_PAGE;
}

static uint64_t interval_ns(const struct monitor *monitor)
{
	uint64_t least = DEFAULT_LATENCY_100NS;

	for (unsigned id = 0; id < HV_MONITOR_COUNT; id++)
		if (monitor->slot[id].used)
			least = MIN(least, (uint64_t)monitor->slot[id].latency_100ns);
	return MAX(least, (uint64_t)MINIMUM_LATENCY_100NS) * 100;
}

/* Until something changes or the next pass is due. Caller holds the lock. */
static void wait_for_next(struct monitor *monitor)
{
	uint64_t due_ns;
	struct timespec due;

	if (!needed(monitor)) {
		pthread_cond_wait(&monitor->cond, &monitor->lock);
		return;
	}
	due_ns = clock_now_ns(&clock_monotonic) + interval_ns(monitor);
	due.tv_sec = (time_t)(due_ns / NSEC_PER_SEC);
	due.tv_nsec = (long)(due_ns % NSEC_PER_SEC);
	pthread_cond_timedwait(&monitor->cond, &monitor->lock, &due);
}

static void *monitor_thread(void *arg)
{
	struct monitor *monitor = arg;

	rcu_thread_init();
	pthread_mutex_lock(&monitor->lock);
	monitor->tid = gettid();
	while (!monitor->stopping) {
		wait_for_next(monitor);
		if (monitor->stopping || !needed(monitor))
			continue;
		pthread_mutex_unlock(&monitor->lock);
		monitor_service(monitor);
		pthread_mutex_lock(&monitor->lock);
	}
	pthread_mutex_unlock(&monitor->lock);
	rcu_thread_exit();
	return NULL;
}

/* Caller holds the lock. */
static int wake_thread(struct monitor *monitor)
{
	int r;

	if (monitor->started) {
		pthread_cond_signal(&monitor->cond);
		return 0;
	}
	if (!needed(monitor))
		return 0;
	r = pthread_create(&monitor->thread, NULL, monitor_thread, monitor);
	if (r)
		return -r;
	monitor->started = true;
	return 0;
}

/* ---- page and monitors ---------------------------------------------------- */

static int set_page_locked(struct monitor *monitor, uint64_t gpa)
{
	uint64_t old_gpa = monitor->page_gpa;
	struct hv_monitor_page *page;
	int r;

	if (gpa != NO_PAGE && old_gpa != NO_PAGE && gpa != old_gpa && monitor->used)
		return -EBUSY;
	if (gpa != NO_PAGE &&
		(gpa % HV_PAGE_SIZE || !guest_memory_at(&monitor->vm->memory, gpa, HV_PAGE_SIZE)))
		return -EFAULT;
	monitor->page_gpa = gpa;
	r = wake_thread(monitor);
	if (r) {
		monitor->page_gpa = old_gpa;
		return r;
	}
	page = page_of(monitor);
	if (!page)
		return 0;
	for (unsigned id = 0; id < HV_MONITOR_COUNT; id++)
		if (monitor->slot[id].used)
			write_slot(monitor, page, id);
	write_group_enables(monitor, page);
	return 0;
}

int monitor_set_page(struct monitor *monitor, uint64_t gpa)
{
	int r;

	pthread_mutex_lock(&monitor->lock);
	r = set_page_locked(monitor, gpa);
	pthread_mutex_unlock(&monitor->lock);
	return r;
}

/* Tells the guest about slot `id`, whatever it is now. Caller holds the lock. */
static void publish_slot(const struct monitor *monitor, unsigned id)
{
	struct hv_monitor_page *page = page_of(monitor);

	if (!page)
		return;
	write_slot(monitor, page, id);
	write_group_enables(monitor, page);
}

static void clear_slot(struct monitor *monitor, unsigned id)
{
	monitor->slot[id] = (struct monitor_slot){0};
	monitor->used--;
}

static int add_locked(struct monitor *monitor, uint8_t id, uint32_t connection_id,
	uint16_t latency_100ns, uint32_t relid)
{
	int r;

	if (monitor->slot[id].used)
		return -EEXIST;
	monitor->slot[id] = (struct monitor_slot){
		.used = true,
		.connection_id = connection_id,
		.relid = relid,
		.latency_100ns = latency_100ns ? latency_100ns : DEFAULT_LATENCY_100NS,
	};
	monitor->used++;
	r = wake_thread(monitor);
	if (r)
		clear_slot(monitor, id);
	else
		publish_slot(monitor, id);
	return r;
}

int monitor_add(struct monitor *monitor, uint8_t id, uint32_t connection_id, uint16_t latency_100ns,
	uint32_t relid)
{
	int r;

	if (id >= HV_MONITOR_COUNT)
		return -EINVAL;
	pthread_mutex_lock(&monitor->lock);
	r = add_locked(monitor, id, connection_id, latency_100ns, relid);
	pthread_mutex_unlock(&monitor->lock);
	return r;
}

void monitor_remove(struct monitor *monitor, uint8_t id)
{
	pthread_mutex_lock(&monitor->lock);
	if (id < HV_MONITOR_COUNT && monitor->slot[id].used) {
		clear_slot(monitor, id);
		publish_slot(monitor, id);
	}
	pthread_mutex_unlock(&monitor->lock);
}

/* ---- life ----------------------------------------------------------------- */

int monitor_init(struct monitor *monitor, struct vm *vm)
{
	pthread_condattr_t attr;
	int r;

	r = pthread_mutex_init(&monitor->lock, NULL);
	if (r)
		return -r;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	r = pthread_cond_init(&monitor->cond, &attr);
	pthread_condattr_destroy(&attr);
	if (r) {
		pthread_mutex_destroy(&monitor->lock);
		return -r;
	}
	monitor->page_gpa = NO_PAGE;
	monitor->vm = vm;
	return 0;
}

void monitor_deinit(struct monitor *monitor)
{
	if (!monitor->vm)
		return;
	pthread_mutex_lock(&monitor->lock);
	monitor->stopping = true;
	pthread_cond_signal(&monitor->cond);
	pthread_mutex_unlock(&monitor->lock);
	if (monitor->started)
		pthread_join(monitor->thread, NULL);
	pthread_cond_destroy(&monitor->cond);
	pthread_mutex_destroy(&monitor->lock);
	monitor->vm = NULL;
}

/* ---- inspection ----------------------------------------------------------- */

static const struct field monitor_fields[] = {
	{FIELD_U(struct monitor_info, monitor_id, 0,
		"Monitor id: bit id % 32 of group id / 32 in the monitor page (TLFS 11.11).")},
	{FIELD_U(struct monitor_info, connection_id, 0, "The port its bit signals.")},
	{FIELD_U(struct monitor_info, latency_100ns, 0,
		"How long a bit may wait before it is serviced, in 100 ns units.")},
	{FIELD_U(struct monitor_info, hits, 0, "Bits serviced.")},
	{FIELD_X(struct monitor_info, page_gpa, FIELD_NULLABLE,
		"The guest-to-host monitor page; null while the guest has not given one.")},
};
static const struct field_table monitor_table = FIELD_TABLE(struct monitor_info, "monitor",
	"A monitored notification: a bit the guest sets instead of calling HvSignalEvent.",
	monitor_fields);

static int monitor_get(void *owner, const uint64_t *key, void *ret_info)
{
	struct monitor *monitor = &((struct vm *)owner)->monitor;
	struct monitor_info *info = ret_info;
	const struct monitor_slot *slot;
	bool used;

	if (key[0] >= HV_MONITOR_COUNT)
		return -ENOENT;
	slot = &monitor->slot[key[0]];
	pthread_mutex_lock(&monitor->lock);
	used = slot->used;
	if (used)
		*info = (struct monitor_info){
			.monitor_id = (uint32_t)key[0],
			.connection_id = slot->connection_id,
			.latency_100ns = slot->latency_100ns,
			.hits = slot->hits,
			.page_gpa = monitor->page_gpa,
		};
	pthread_mutex_unlock(&monitor->lock);
	return used ? 0 : -ENOENT;
}

static void monitor_list(void *owner, const uint64_t *key, unsigned fixed, const uint64_t *after,
	node_visit_fn visit, void *arg)
{
	struct monitor_info info;

	for (uint64_t id = 0; id < HV_MONITOR_COUNT; id++) {
		if ((fixed && id != key[0]) || (after && id <= *after))
			continue;
		if (monitor_get(owner, &id, &info) == 0 && visit(arg, &id, &info))
			return;
	}
}

const struct node_class monitor_node_class = {
	.path = "monitor/{monitor_id}",
	.fields = &monitor_table,
	.key_count = 1,
	.get = monitor_get,
	.list = monitor_list,
};
