/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/fault.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "common/clock.h"
#include "common/loop.h"
#include "vmm/event.h"
#include "vmm/vm.h"

static uint64_t now_ns(const struct faults *faults)
{
	return clock_now_ns(faults->vm->clock);
}

static bool is_live(const struct fault *fault)
{
	return fault->id != 0 && fault->state != FAULT_ENDED;
}

/* When its time is over; UINT64_MAX: it has none. */
static uint64_t due_ns(const struct fault *fault)
{
	return fault->spec.for_ns ? fault->added_ns + fault->spec.for_ns : UINT64_MAX;
}

/* ---- the table, under its lock -------------------- */

static void update_active_locked(struct faults *faults)
{
	uint32_t active = 0;

	for (unsigned i = 0; i < FAULTS_MAX; i++) {
		if (faults->fault[i].id != 0 && faults->fault[i].state == FAULT_ACTIVE)
			active |= 1u << faults->fault[i].spec.kind;
	}
	atomic_store(&faults->active, active);
}

static uint8_t sint_of(const struct fault_place *place)
{
	return place->sint == FAULT_ANY ? RECORD_NO_SINT : (uint8_t)place->sint;
}

/* 0 where a record has no better word for "none". */
static uint64_t or_zero(uint32_t value)
{
	return value == FAULT_ANY ? 0 : value;
}

static void end_locked(struct faults *faults, struct fault *fault, enum fault_end why)
{
	fault->state = FAULT_ENDED;
	fault->end = why;
	fault->ended_ns = now_ns(faults);
	hv_record(faults->vm->recorder, HV_EVENT_FAULT_ENDED, fault->spec.place.vp, 0,
		sint_of(&fault->spec.place), fault->id, fault->spec.kind, fault->hits, why);
}

static struct fault *find_locked(struct faults *faults, uint64_t id)
{
	for (unsigned i = 0; id != 0 && i < FAULTS_MAX; i++) {
		if (faults->fault[i].id == id)
			return &faults->fault[i];
	}
	return NULL;
}

/* A free place, or that of the fault which ended first. NULL: all are active. */
static struct fault *find_room_locked(struct faults *faults)
{
	struct fault *oldest = NULL;

	for (unsigned i = 0; i < FAULTS_MAX; i++) {
		struct fault *fault = &faults->fault[i];

		if (fault->id == 0)
			return fault;
		if (fault->state == FAULT_ENDED && (!oldest || fault->ended_ns < oldest->ended_ns))
			oldest = fault;
	}
	return oldest;
}

/* Also to a time in the past: the timer then runs at once. */
static void arm_locked(struct faults *faults)
{
	uint64_t first_ns = UINT64_MAX;

	for (unsigned i = 0; i < FAULTS_MAX; i++) {
		if (is_live(&faults->fault[i]))
			first_ns = MIN(first_ns, due_ns(&faults->fault[i]));
	}
	loop_timer_arm(faults->timer, first_ns == UINT64_MAX ? 0 : first_ns);
}

/* ---- hooks -------------------- */

static bool selects(uint32_t wanted, uint32_t given)
{
	return wanted == FAULT_ANY || wanted == given;
}

static bool is_for(const struct fault *fault, const struct fault_place *place)
{
	const struct fault_place *wanted = &fault->spec.place;

	return selects(wanted->relid, place->relid) && selects(wanted->vp, place->vp) &&
	       selects(wanted->sint, place->sint) && selects(wanted->message, place->message) &&
	       selects(wanted->direction, place->direction);
}

/* Each hit is a record; what lasts is asked about again and again, and is one deed. */
static void record_hit(
	struct faults *faults, const struct fault *fault, const struct fault_place *place)
{
	if (fault->hits > 1 && (fault_kinds[fault->spec.kind].traits & FAULT_LASTS))
		return;
	hv_record(faults->vm->recorder, HV_EVENT_FAULT_HIT, place->vp, 0, sint_of(place), fault->id,
		fault->spec.kind, fault->hits, or_zero(place->relid), or_zero(place->message));
}

static void hit_locked(struct faults *faults, struct fault *fault, const struct fault_place *place)
{
	fault->hits++;
	fault->last_hit_ns = now_ns(faults);
	faults->hits++;
	record_hit(faults, fault, place);
	if (fault_kinds[fault->spec.kind].traits & FAULT_KEEPS)
		fault->kept++;
	if (fault->spec.count == 0 || fault->hits < fault->spec.count)
		return;
	fault->state = FAULT_USED_UP;
	if (fault->kept == 0)
		end_locked(faults, fault, FAULT_END_COUNT);
	update_active_locked(faults);
}

/* The one that was added first. */
static struct fault *match_locked(
	struct faults *faults, enum fault_kind kind, const struct fault_place *place)
{
	struct fault *first = NULL;

	for (unsigned i = 0; i < FAULTS_MAX; i++) {
		struct fault *fault = &faults->fault[i];

		if (fault->id != 0 && fault->state == FAULT_ACTIVE && fault->spec.kind == kind &&
			is_for(fault, place) && due_ns(fault) > now_ns(faults) &&
			(!first || fault->id < first->id))
			first = fault;
	}
	return first;
}

bool fault_take(struct faults *faults, enum fault_kind kind, const struct fault_place *place,
	struct fault_effect *ret_effect)
{
	struct fault *fault;

	pthread_mutex_lock(&faults->lock);
	fault = match_locked(faults, kind, place);
	if (fault && ret_effect)
		*ret_effect = (struct fault_effect){
			.id = fault->id,
			.delay_ns = fault->spec.delay_ns,
			.status = fault->spec.status,
		};
	if (fault)
		hit_locked(faults, fault, place);
	pthread_mutex_unlock(&faults->lock);
	return fault != NULL;
}

/* One that was removed meanwhile is not found any more, and need not be. */
void fault_let_go(struct faults *faults, uint64_t id)
{
	struct fault *fault;

	pthread_mutex_lock(&faults->lock);
	fault = find_locked(faults, id);
	if (fault && fault->kept > 0 && --fault->kept == 0 && fault->state == FAULT_USED_UP)
		end_locked(faults, fault, FAULT_END_COUNT);
	pthread_mutex_unlock(&faults->lock);
}

/* ---- what is asked for -------------------- */

static PRINTF(3, 4) int refuse(
	struct fault_refusal *reterr, const char *field, const char *format, ...)
{
	va_list args;

	reterr->field = field;
	va_start(args, format);
	vsnprintf(reterr->text, sizeof(reterr->text), format, args);
	va_end(args);
	return -EINVAL;
}

/* A member that was given although the kind does not look at it. */
static const char *stray_selector(const struct fault_kind_row *row, const struct fault_place *place)
{
	const struct {
		unsigned selector;
		uint32_t given;
		const char *name;
	} members[] = {
		{FAULT_BY_RELID, place->relid, "relid"},
		{FAULT_BY_VP, place->vp, "vp"},
		{FAULT_BY_SINT, place->sint, "sint"},
		{FAULT_BY_MESSAGE, place->message, "message"},
		{FAULT_BY_DIRECTION, place->direction, "direction"},
	};

	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		if (members[i].given != FAULT_ANY && !(row->selectors & members[i].selector))
			return members[i].name;
	}
	return NULL;
}

static int check_members(
	const struct faults *faults, const struct fault_spec *spec, struct fault_refusal *reterr)
{
	const struct fault_kind_row *row = &fault_kinds[spec->kind];
	const char *name = fault_kind_names[spec->kind];
	const char *stray = stray_selector(row, &spec->place);

	if (stray)
		return refuse(reterr, stray, "%s does not look at %s", name, stray);
	if (spec->place.relid != FAULT_ANY && !faults->vm->has_vmbus)
		return refuse(reterr, "relid", "this machine has no VMBus and no channels");
	if (spec->place.vp != FAULT_ANY && !vm_vcpu(faults->vm, spec->place.vp))
		return refuse(reterr, "vp", "there is no VP %u", spec->place.vp);
	if (spec->count && (row->traits & FAULT_LASTS))
		return refuse(reterr, "count", "%s ends by time only", name);
	if (spec->delay_ns && !row->delay_ns)
		return refuse(reterr, "delay_ns", "%s has no delay", name);
	if (spec->status && !row->status)
		return refuse(reterr, "status", "%s has no status", name);
	return 0;
}

static int check(
	const struct faults *faults, const struct fault_spec *spec, struct fault_refusal *reterr)
{
	unsigned traits = fault_kinds[spec->kind].traits;

	if ((traits & FAULT_NEEDS_BUS) && !faults->vm->has_vmbus) {
		refuse(reterr, "", "%s needs a VMBus, and this machine has none",
			fault_kind_names[spec->kind]);
		return -ENODEV;
	}
	return check_members(faults, spec, reterr);
}

/* Every fault ends: one that was given neither count nor time gets what its kind says. */
static struct fault_spec with_defaults(const struct fault_spec *given)
{
	const struct fault_kind_row *row = &fault_kinds[given->kind];
	struct fault_spec spec = *given;

	if (spec.count == 0 && spec.for_ns == 0)
		spec.count = row->count;
	if (spec.for_ns == 0)
		spec.for_ns = row->for_ns;
	if (spec.delay_ns == 0)
		spec.delay_ns = row->delay_ns;
	if (spec.status == 0)
		spec.status = row->status;
	return spec;
}

static void put_locked(struct faults *faults, struct fault *fault, const struct fault_spec *spec)
{
	*fault = (struct fault){
		.id = ++faults->last_id,
		.spec = with_defaults(spec),
		.added_ns = now_ns(faults),
	};
	faults->added++;
	update_active_locked(faults);
	arm_locked(faults);
	hv_record(faults->vm->recorder, HV_EVENT_FAULT_ADDED, fault->spec.place.vp, 0,
		sint_of(&fault->spec.place), fault->id, fault->spec.kind, spec->uid, spec->pid,
		or_zero(fault->spec.place.relid));
}

int faults_add(struct faults *faults, const struct fault_spec *spec, struct fault *ret_fault,
	struct fault_refusal *reterr)
{
	struct fault *fault;
	int r = check(faults, spec, reterr);

	if (r < 0)
		return r;
	pthread_mutex_lock(&faults->lock);
	fault = find_room_locked(faults);
	if (fault) {
		put_locked(faults, fault, spec);
		*ret_fault = *fault;
	}
	pthread_mutex_unlock(&faults->lock);
	if (fault)
		return 0;
	refuse(reterr, "", "%d faults are active", FAULTS_MAX);
	return -ENOSPC;
}

/* ---- the end of faults -------------------- */

/* Those that ended, for the listeners. */
struct ended {
	unsigned count;
	struct {
		enum fault_kind kind;
		uint64_t id;
	} fault[FAULTS_MAX];
};

static void end_and_note_locked(
	struct faults *faults, struct fault *fault, enum fault_end why, struct ended *ended)
{
	end_locked(faults, fault, why);
	ended->fault[ended->count].kind = fault->spec.kind;
	ended->fault[ended->count++].id = fault->id;
}

static void tell(struct faults *faults, const struct ended *ended)
{
	struct fault_listener *listener;

	for (unsigned i = 0; i < ended->count; i++) {
		TAILQ_FOREACH (listener, &faults->listeners, link)
			listener->ended(listener, ended->fault[i].kind, ended->fault[i].id);
	}
}

void faults_tick(void *arg)
{
	struct faults *faults = arg;
	struct ended ended = {0};

	pthread_mutex_lock(&faults->lock);
	for (unsigned i = 0; i < FAULTS_MAX; i++) {
		struct fault *fault = &faults->fault[i];

		if (is_live(fault) && due_ns(fault) <= now_ns(faults))
			end_and_note_locked(faults, fault, FAULT_END_TIME, &ended);
	}
	update_active_locked(faults);
	arm_locked(faults);
	pthread_mutex_unlock(&faults->lock);
	tell(faults, &ended);
}

static void end_all_locked(struct faults *faults, enum fault_end why, struct ended *ended)
{
	for (unsigned i = 0; i < FAULTS_MAX; i++) {
		if (is_live(&faults->fault[i]))
			end_and_note_locked(faults, &faults->fault[i], why, ended);
	}
	update_active_locked(faults);
	arm_locked(faults);
}

void faults_end_all(struct faults *faults, enum fault_end why)
{
	struct ended ended = {0};

	if (!faults->vm)
		return; /* of a VM that was never whole */
	pthread_mutex_lock(&faults->lock);
	end_all_locked(faults, why, &ended);
	pthread_mutex_unlock(&faults->lock);
	tell(faults, &ended);
}

unsigned faults_clear(struct faults *faults)
{
	struct ended ended = {0};

	pthread_mutex_lock(&faults->lock);
	end_all_locked(faults, FAULT_END_REMOVED, &ended);
	memset(faults->fault, 0, sizeof(faults->fault));
	pthread_mutex_unlock(&faults->lock);
	tell(faults, &ended);
	return ended.count;
}

int faults_remove(struct faults *faults, uint64_t id, struct fault *ret_fault)
{
	struct ended ended = {0};
	struct fault *fault;

	pthread_mutex_lock(&faults->lock);
	fault = find_locked(faults, id);
	if (fault) {
		if (is_live(fault))
			end_and_note_locked(faults, fault, FAULT_END_REMOVED, &ended);
		*ret_fault = *fault;
		*fault = (struct fault){0};
		update_active_locked(faults);
		arm_locked(faults);
	}
	pthread_mutex_unlock(&faults->lock);
	tell(faults, &ended);
	return fault ? 0 : -ENOENT;
}

/* ---- life -------------------- */

unsigned faults_active(struct faults *faults)
{
	unsigned count = 0;

	pthread_mutex_lock(&faults->lock);
	for (unsigned i = 0; i < FAULTS_MAX; i++)
		count += is_live(&faults->fault[i]);
	pthread_mutex_unlock(&faults->lock);
	return count;
}

uint64_t faults_hits(struct faults *faults)
{
	uint64_t hits;

	pthread_mutex_lock(&faults->lock);
	hits = faults->hits;
	pthread_mutex_unlock(&faults->lock);
	return hits;
}

void faults_listen(struct faults *faults, struct fault_listener *listener)
{
	TAILQ_INSERT_TAIL(&faults->listeners, listener, link);
}

void faults_unlisten(struct faults *faults, struct fault_listener *listener)
{
	TAILQ_REMOVE(&faults->listeners, listener, link);
}

int faults_init(struct faults *faults, struct vm *vm)
{
	int r = loop_timer_new(vm->loop, faults_tick, faults, &faults->timer);

	if (r < 0)
		return r;
	faults->vm = vm;
	TAILQ_INIT(&faults->listeners);
	pthread_mutex_init(&faults->lock, NULL);
	return 0;
}

void faults_deinit(struct faults *faults)
{
	if (!faults->vm)
		return;
	faults->timer = loop_timer_free(faults->timer);
	pthread_mutex_destroy(&faults->lock);
	faults->vm = NULL;
}
