/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/fault_info.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "vmm/message_names.h"
#include "vmm/vm.h"

static const char *const states[] = {"active", "used_up", "ended", NULL};
static const char *const ends[] = {"count", "time", "removed", "reset", NULL};

/* ---- faults/{id} -------------------- */

static const struct field fault_fields[] = {
	{FIELD_U(struct fault_info, id, 0, "Number of the fault, counted up.")},
	{FIELD_E(struct fault_info, kind, 0, fault_kind_names,
		"What goes wrong on purpose; see fault-kinds.")},
	{FIELD_E(struct fault_info, state, 0, states,
		"active: it will hit again. used_up: it has hit `count` times, and keeps what it hit. "
		"ended: it is only remembered.")},
	{FIELD_E(struct fault_info, ended_by, FIELD_NULLABLE, ends,
		"What ended it: its count, its time, somebody, or a reset of the VM.")},
	{FIELD_U(struct fault_info, relid, FIELD_NULLABLE, "Only this channel; null: any.")},
	{FIELD_U(struct fault_info, vp, FIELD_NULLABLE, "Only this VP; null: any.")},
	{FIELD_U(struct fault_info, sint, FIELD_NULLABLE, "Only this SINT; null: any.")},
	{FIELD_E(struct fault_info, message, FIELD_NULLABLE, vmbus_message_names,
		"Only this channel message; null: any.")},
	{FIELD_E(struct fault_info, direction, FIELD_NULLABLE, fault_direction_names,
		"in: only from the guest; out: only to the guest; null: both.")},
	{FIELD_U(struct fault_info, count, FIELD_NULLABLE,
		"How often it hits at most; null: as often as it can.")},
	{FIELD_U(struct fault_info, hits, 0, "How often it has hit.")},
	{FIELD_U(struct fault_info, kept, 0, "Things it has hit that have still to go on.")},
	{FIELD_U(struct fault_info, for_ns, FIELD_NULLABLE, "How long it lasts; null: no limit.")},
	{FIELD_U(struct fault_info, left_ns, FIELD_NULLABLE,
		"How long it still lasts; null: no limit, or it has ended.")},
	{FIELD_U(struct fault_info, delay_ns, FIELD_NULLABLE,
		"How long it keeps each thing; null: it delays nothing.")},
	{FIELD_X(struct fault_info, status, FIELD_NULLABLE,
		"The HV_STATUS it answers with; null: it answers nothing.")},
	{FIELD_U(struct fault_info, uid, FIELD_NULLABLE, "User who added it; null: unknown.")},
	{FIELD_U(struct fault_info, pid, FIELD_NULLABLE, "Process that added it; null: unknown.")},
	{FIELD_U(struct fault_info, age_ns, 0, "Time since it was added.")},
	{FIELD_U(struct fault_info, last_hit_age_ns, FIELD_NULLABLE, "Time since it hit last.")},
	{FIELD_U(struct fault_info, ended_age_ns, FIELD_NULLABLE, "Time since it ended.")},
};
const struct field_table fault_info_table = FIELD_TABLE(struct fault_info, "fault",
	"Something that hvd does wrong on purpose, because somebody asked for it.", fault_fields);

static uint32_t or_null(uint32_t value)
{
	return value ? value : UINT32_MAX;
}

static uint64_t or_null64(uint64_t value)
{
	return value ? value : UINT64_MAX;
}

static uint64_t age_or_null(uint64_t now_ns, uint64_t then_ns)
{
	return then_ns ? now_ns - then_ns : UINT64_MAX;
}

static uint64_t left_ns(const struct fault *fault, uint64_t now_ns)
{
	uint64_t due_ns = fault->added_ns + fault->spec.for_ns;

	if (fault->spec.for_ns == 0 || fault->state == FAULT_ENDED)
		return UINT64_MAX;
	return due_ns > now_ns ? due_ns - now_ns : 0;
}

void fault_info_fill(
	const struct faults *faults, const struct fault *fault, struct fault_info *ret_info)
{
	const struct fault_spec *spec = &fault->spec;
	uint64_t now_ns = clock_now_ns(faults->vm->clock);

	*ret_info = (struct fault_info){
		.id = fault->id,
		.kind = spec->kind,
		.state = fault->state,
		.ended_by = fault->state == FAULT_ENDED ? fault->end : UINT32_MAX,
		.relid = spec->place.relid,
		.vp = spec->place.vp,
		.sint = spec->place.sint,
		.message = spec->place.message,
		.direction = spec->place.direction,
		.count = or_null(spec->count),
		.hits = fault->hits,
		.kept = fault->kept,
		.for_ns = or_null64(spec->for_ns),
		.left_ns = left_ns(fault, now_ns),
		.delay_ns = or_null64(spec->delay_ns),
		.status = or_null(spec->status),
		.uid = spec->uid,
		.pid = or_null(spec->pid),
		.age_ns = now_ns - fault->added_ns,
		.last_hit_age_ns = age_or_null(now_ns, fault->last_hit_ns),
		.ended_age_ns = age_or_null(now_ns, fault->ended_ns),
	};
}

/* The one with the smallest id that is not below `first`. */
static int get_from(struct faults *faults, uint64_t first, struct fault *ret_fault)
{
	const struct fault *next = NULL;

	pthread_mutex_lock(&faults->lock);
	for (unsigned i = 0; i < FAULTS_MAX; i++) {
		const struct fault *fault = &faults->fault[i];

		if (fault->id != 0 && fault->id >= first && (!next || fault->id < next->id))
			next = fault;
	}
	if (next)
		*ret_fault = *next;
	pthread_mutex_unlock(&faults->lock);
	return next ? 0 : -ENOENT;
}

static int get_fault(void *owner, const uint64_t *key, void *ret_info)
{
	struct vm *vm = owner;
	struct fault fault;

	if (get_from(&vm->faults, key[0], &fault) < 0 || fault.id != key[0])
		return -ENOENT;
	fault_info_fill(&vm->faults, &fault, ret_info);
	return 0;
}

static void list_faults(void *owner, const uint64_t *key, unsigned fixed, const uint64_t *after,
	node_visit_fn visit, void *arg)
{
	struct vm *vm = owner;
	uint64_t next = fixed > 0 ? key[0] : 0;
	struct fault_info info;
	struct fault fault;

	if (after)
		next = MAX(next, after[0] + 1);
	for (; get_from(&vm->faults, next, &fault) == 0; next = fault.id + 1) {
		if (fixed > 0 && fault.id != key[0])
			return;
		fault_info_fill(&vm->faults, &fault, &info);
		if (visit(arg, &fault.id, &info) != 0)
			return;
	}
}

const struct node_class fault_node_class = {
	.path = "faults/{id}",
	.fields = &fault_info_table,
	.key_count = 1,
	.get = get_fault,
	.list = list_faults,
};

/* ---- fault-kinds/{kind} -------------------- */

static const struct field kind_fields[] = {
	{FIELD_E(struct fault_kind_info, kind, 0, fault_kind_names, "The kind of fault.")},
	{FIELD_S(struct fault_kind_info, help, 0, "What goes wrong.")},
	{FIELD_S(struct fault_kind_info, selectors, FIELD_NULLABLE,
		"What narrows it: relid, vp, sint, message, direction; null: nothing does.")},
	{FIELD_S(struct fault_kind_info, ends_by, 0, "What may end it: count or time.")},
	{FIELD_B(struct fault_kind_info, keeps, 0,
		"What it hits goes on later; what other kinds hit is as it is.")},
	{FIELD_U(struct fault_kind_info, count, FIELD_NULLABLE,
		"How often it hits when neither a count nor a time is given.")},
	{FIELD_U(struct fault_kind_info, for_ns, FIELD_NULLABLE,
		"How long it lasts when no time is given; null: until its count is used up.")},
	{FIELD_U(struct fault_kind_info, delay_ns, FIELD_NULLABLE,
		"How long it keeps each thing by default; null: it takes no delay.")},
	{FIELD_X(struct fault_kind_info, status, FIELD_NULLABLE,
		"The HV_STATUS it answers with by default; null: it takes no status.")},
};
static const struct field_table kind_table = FIELD_TABLE(struct fault_kind_info, "fault_kind",
	"A way in which hvd can misbehave on purpose.", kind_fields);

static void list_selectors(unsigned selectors, char *text, size_t size)
{
	static const char *const names[] = {"relid", "vp", "sint", "message", "direction"};
	size_t used = 0;

	for (unsigned i = 0; i < ARRAY_LEN(names) && used < size; i++) {
		if (selectors & 1u << i)
			used += (size_t)snprintf(
				text + used, size - used, "%s%s", used ? "," : "", names[i]);
	}
}

static int get_kind(void *owner, const uint64_t *key, void *ret_info)
{
	struct fault_kind_info *info = ret_info;
	const struct fault_kind_row *row;

	if (key[0] >= FAULT_KINDS)
		return -ENOENT;
	row = &fault_kinds[key[0]];
	*info = (struct fault_kind_info){
		.kind = (uint8_t)key[0],
		.keeps = row->traits & FAULT_KEEPS,
		.count = or_null(row->count),
		.for_ns = or_null64(row->for_ns),
		.delay_ns = or_null64(row->delay_ns),
		.status = or_null(row->status),
	};
	snprintf(info->help, sizeof(info->help), "%s", row->help);
	snprintf(info->ends_by, sizeof(info->ends_by), "%s",
		row->traits & FAULT_LASTS ? "time" : "count,time");
	list_selectors(row->selectors, info->selectors, sizeof(info->selectors));
	return 0;
}

static void list_kinds(void *owner, const uint64_t *key, unsigned fixed, const uint64_t *after,
	node_visit_fn visit, void *arg)
{
	struct fault_kind_info info;

	for (uint64_t i = after ? after[0] + 1 : 0; get_kind(owner, &i, &info) == 0; i++) {
		if ((fixed == 0 || i == key[0]) && visit(arg, &i, &info) != 0)
			return;
	}
}

const struct node_class fault_kind_node_class = {
	.path = "fault-kinds/{kind}",
	.fields = &kind_table,
	.key_count = 1,
	.get = get_kind,
	.list = list_kinds,
};
