/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/synic_info.h"

#include <errno.h>
#include <string.h>
#include "hvdef/hv_msr.h"
#include "vmm/slot.h"
#include "vmm/synic_deliver.h"
#include "vmm/vm.h"

/* ---- keys and lists ---------------------------------------------------- */

static bool comes_after(uint64_t vp, uint64_t column, const uint64_t *after)
{
	if (!after)
		return true;
	return vp > after[0] || (vp == after[0] && column > after[1]);
}

void vp_grid_list(struct vm *vm, unsigned columns, vp_grid_get_fn get, const uint64_t *key,
	unsigned fixed, const uint64_t *after, node_visit_fn visit, void *arg)
{
	_Alignas(8) uint8_t info[VP_GRID_INFO_MAX];
	uint64_t first = fixed > 0 ? key[0] : 0;
	uint64_t last = fixed > 0 ? key[0] : vm->vp_count - 1;

	for (uint64_t vp = first; vp <= last && vp < vm->vp_count; vp++) {
		for (uint64_t column = 0; column < columns; column++) {
			const uint64_t full[NODE_MAX_KEYS + 1] = {vp, column, key[2]};

			if ((fixed > 1 && column != key[1]) || !comes_after(vp, column, after))
				continue;
			if (get(vm, full, info) == 0 && visit(arg, full, info) != 0)
				return;
		}
	}
}

uint64_t synic_age_or_null(const struct synic *synic, uint64_t then_ns)
{
	return then_ns ? clock_now_ns(synic->vm->clock) - then_ns : UINT64_MAX;
}

/* ---- registers that KVM holds ------------------------------------------ */

/*
 * What a snapshot is made of: in mode kernel the registers as the VP read them from KVM, in the
 * other modes `synic` has all.
 */
struct source {
	struct synic *synic;
	bool kernel;
	struct vcpu_msrs msrs; /* valid in mode kernel */
};

static int open_source(struct vm *vm, uint64_t vp, uint64_t vtl, struct source *ret_source)
{
	struct synic *synic = synic_find(vm, vp, vtl);

	if (!synic)
		return -ENOENT;
	ret_source->synic = synic;
	ret_source->kernel = synic_is_kernel(synic);
	return ret_source->kernel ? vcpu_msrs(synic->vcpu, &ret_source->msrs) : 0;
}

/* `ours` unless KVM holds the register. */
static uint64_t msr_of(const struct source *source, uint32_t index, uint64_t ours)
{
	return source->kernel ? vcpu_msr(&source->msrs, index) : ours;
}

/* ---- synic ------------------------------------------------------------- */

static void fill_synic_locked(const struct source *source, struct synic_info *ret_info)
{
	const struct synic *synic = source->synic;
	uint64_t scontrol = msr_of(source, HV_MSR_SCONTROL, synic->scontrol);
	uint64_t simp_msr = msr_of(source, HV_MSR_SIMP, synic->simp);
	uint64_t siefp_msr = msr_of(source, HV_MSR_SIEFP, synic->siefp);
	bool simp = simp_msr & HV_PAGE_ENABLE;
	bool siefp = siefp_msr & HV_PAGE_ENABLE;

	*ret_info = (struct synic_info){
		.vp = synic->vcpu->index,
		.vtl = synic->vtl,
		.mode = synic->vm->synic_mode,
		.scontrol = scontrol,
		.sversion = msr_of(source, HV_MSR_SVERSION, HV_SYNIC_VERSION),
		.siefp = siefp_msr,
		.simp = simp_msr,
		.enabled = scontrol & HV_SCONTROL_ENABLE,
		.simp_enabled = simp,
		.siefp_enabled = siefp,
		.simp_gpa = simp ? simp_msr & HV_PAGE_GPA_MASK : UINT64_MAX,
		.siefp_gpa = siefp ? siefp_msr & HV_PAGE_GPA_MASK : UINT64_MAX,
		.eoms = source->kernel ? UINT64_MAX : synic->eoms,
		.retry_armed = synic->retry_ns != 0,
	};
}

static int get_synic(void *owner, const uint64_t *key, void *ret_info)
{
	struct source source;
	int r = open_source(owner, key[0], key[1], &source);

	if (r < 0)
		return r;
	pthread_mutex_lock(&source.synic->lock);
	fill_synic_locked(&source, ret_info);
	pthread_mutex_unlock(&source.synic->lock);
	return 0;
}

/* Keys are {vp}, with the VTL behind. */
static void list_synics(void *owner, const uint64_t *key, unsigned fixed, const uint64_t *after,
	node_visit_fn visit, void *arg)
{
	struct vm *vm = owner;
	uint64_t first = fixed > 0 ? key[0] : 0;

	if (after && after[0] >= first)
		first = after[0] + 1;
	for (uint64_t vp = first; vp < vm->vp_count && (fixed == 0 || vp == key[0]); vp++) {
		const uint64_t full[NODE_MAX_KEYS + 1] = {vp, key[1]};
		struct synic_info info;

		if (get_synic(vm, full, &info) == 0 && visit(arg, full, &info) != 0)
			return;
	}
}

static const char *const mode_names[] = {"user", "kernel", "sim", NULL};

static const struct field synic_fields[] = {
	{FIELD_U(struct synic_info, vp, 0, "Virtual processor index.")},
	{FIELD_U(struct synic_info, vtl, 0, "Virtual trust level; each (VP, VTL) has a SynIC.")},
	{FIELD_E(struct synic_info, mode, 0, mode_names,
		"Who holds the SynIC's state: hvd (user, sim) or KVM (kernel).")},
	{FIELD_X(struct synic_info, scontrol, 0,
		"SCONTROL, MSR 0x40000080 (TLFS 11.8.1): bit 0 enables the SynIC.")},
	{FIELD_X(struct synic_info, sversion, 0, "SVERSION, MSR 0x40000081.")},
	{FIELD_X(struct synic_info, siefp, 0,
		"SIEFP, MSR 0x40000082: event flags page, bit 0 enable, 63:12 page frame number.")},
	{FIELD_X(struct synic_info, simp, 0,
		"SIMP, MSR 0x40000083: message page, bit 0 enable, 63:12 page frame number.")},
	{FIELD_B(struct synic_info, enabled, 0,
		"SCONTROL.0. While false no SINT interrupts; messages are still written.")},
	{FIELD_B(struct synic_info, simp_enabled, 0, "The message page is enabled.")},
	{FIELD_X(struct synic_info, simp_gpa, FIELD_NULLABLE,
		"Where the message page is; null while disabled.")},
	{FIELD_B(struct synic_info, siefp_enabled, 0, "The event flags page is enabled.")},
	{FIELD_X(struct synic_info, siefp_gpa, FIELD_NULLABLE,
		"Where the event flags page is; null while disabled.")},
	{FIELD_U(struct synic_info, eoms, FIELD_NULLABLE,
		"End-of-message writes; each acknowledges all SINTs. Null in mode kernel, where KVM "
		"executes them.")},
	{FIELD_B(struct synic_info, retry_armed, 0,
		"A message or timer waits behind an occupied slot, which is looked at every ms.")},
};
static const struct field_table synic_table = FIELD_TABLE(struct synic_info, "synic",
	"The synthetic interrupt controller of one (VP, VTL), TLFS 11.", synic_fields);

const struct node_class synic_node_class = {
	.path = "vps/{vp}/synic",
	.flat_path = "synics",
	.fields = &synic_table,
	.key_count = 1,
	.query_key = "vtl",
	.on_vcpu = vcpu_sample_msrs,
	.get = get_synic,
	.list = list_synics,
};

/* ---- sints ------------------------------------------------------------- */

/* When hvd filled the slot; KVM's timers do not say when they did. */
static uint64_t slot_age_ns(const struct source *source, unsigned n, uint32_t type)
{
	if (type == HV_MESSAGE_TYPE_NONE ||
		(source->kernel && type == HV_MESSAGE_TYPE_TIMER_EXPIRED))
		return UINT64_MAX;
	return synic_age_or_null(source->synic, source->synic->sint[n].last_delivery_ns);
}

static void fill_slot_locked(const struct source *source, unsigned n, struct slot_info *ret_info)
{
	const struct synic *synic = source->synic;
	struct hv_message message;

	*ret_info = (struct slot_info){.present = synic->simp_page.enabled};
	if (!ret_info->present)
		return;
	ret_info->torn = !slot_read(synic_slot_locked(synic, n), &message);
	ret_info->busy = message.header.type != 0;
	ret_info->type = message.header.type;
	ret_info->payload_size = message.header.payload_size;
	ret_info->pending = message.header.flags & HV_MESSAGE_FLAG_PENDING;
	ret_info->sender = message.header.sender;
	ret_info->age_ns = slot_age_ns(source, n, message.header.type);
}

struct synic_glance synic_glance(struct synic *synic, unsigned sint)
{
	struct synic_glance glance = {.present = true};
	struct hv_message message = {0};

	pthread_mutex_lock(&synic->lock);
	glance.simp_enabled = synic->simp_page.enabled;
	/* A slot that changes while it is read is not stuck: it counts as free. */
	if (glance.simp_enabled && !slot_read(synic_slot_locked(synic, sint), &message))
		message.header.type = HV_MESSAGE_TYPE_NONE;
	glance.queue_depth = synic->sint[sint].depth;
	glance.irq_owed = synic->sint[sint].irq_owed;
	glance.interrupts = synic->sint[sint].interrupts;
	pthread_mutex_unlock(&synic->lock);
	glance.slot_type = message.header.type;
	glance.slot_busy = message.header.type != 0;
	glance.slot_pending = message.header.flags & HV_MESSAGE_FLAG_PENDING;
	return glance;
}

static void fill_flags_locked(const struct synic *synic, unsigned n, struct sint_info *info)
{
	const struct hv_event_flags *flags = synic_flags_locked(synic, n);

	for (unsigned i = 0; i < ARRAY_LEN(flags->word); i++) {
		uint64_t word = __atomic_load_n(&flags->word[i], __ATOMIC_RELAXED);

		for (; word != 0; word &= word - 1) {
			info->event_flag_count++;
			if (info->event_flags_listed < SINT_INFO_FLAGS)
				info->event_flags[info->event_flags_listed++] =
					i * 64 + (unsigned)__builtin_ctzll(word);
		}
	}
}

static void fill_sint_locked(const struct source *source, unsigned n, struct sint_info *ret_info)
{
	const struct synic *synic = source->synic;
	const struct synic_sint *sint = &synic->sint[n];
	uint64_t raw = msr_of(source, HV_MSR_SINT0 + n, sint->msr);

	*ret_info = (struct sint_info){
		.vp = synic->vcpu->index,
		.vtl = synic->vtl,
		.sint = n,
		.raw = raw,
		.vector = raw & HV_SINT_VECTOR_MASK,
		.masked = raw & HV_SINT_MASKED,
		.auto_eoi = raw & HV_SINT_AUTO_EOI,
		.polling = raw & HV_SINT_POLLING,
		.proxy = raw & HV_SINT_PROXY,
		.queue_depth = sint->depth,
		.queue_capacity = HV_MESSAGE_QUEUE_MAX,
		.irq_owed = sint->irq_owed,
		.last_eom_age_ns = source->kernel ? UINT64_MAX
						  : synic_age_or_null(synic, synic->last_eom_ns),
		.last_delivery_age_ns = synic_age_or_null(synic, sint->last_delivery_ns),
		.last_event_age_ns = synic_age_or_null(synic, sint->last_event_ns),
		.last_interrupt_age_ns = synic_age_or_null(synic, sint->last_interrupt_ns),
		.posted = sint->posted,
		.delivered = sint->delivered,
		.busy = sint->busy,
		.dropped = sint->dropped,
		.retries = sint->retries,
		.events = sint->events,
		.interrupts = sint->interrupts,
		.owed = sint->owed,
		.last_error = sint->last_error,
	};
	fill_slot_locked(source, n, &ret_info->slot);
	if (synic->siefp_page.enabled)
		fill_flags_locked(synic, n, ret_info);
}

static int get_sint(void *owner, const uint64_t *key, void *ret_info)
{
	struct source source;
	int r = key[1] < HV_SINT_COUNT ? open_source(owner, key[0], key[2], &source) : -ENOENT;

	if (r < 0)
		return r;
	pthread_mutex_lock(&source.synic->lock);
	fill_sint_locked(&source, (unsigned)key[1], ret_info);
	pthread_mutex_unlock(&source.synic->lock);
	return 0;
}
_Static_assert(sizeof(struct sint_info) <= VP_GRID_INFO_MAX, "fits the grid's buffer");
_Static_assert(sizeof(struct stimer_info) <= VP_GRID_INFO_MAX, "fits the grid's buffer");
_Static_assert(sizeof(struct route_info) <= VP_GRID_INFO_MAX, "fits the grid's buffer");

static void list_sints(void *owner, const uint64_t *key, unsigned fixed, const uint64_t *after,
	node_visit_fn visit, void *arg)
{
	vp_grid_list(owner, HV_SINT_COUNT, get_sint, key, fixed, after, visit, arg);
}

static const struct field slot_fields[] = {
	{FIELD_B(struct slot_info, busy, 0,
		"The message type is not zero: the guest has not freed the slot yet.")},
	{FIELD_X(struct slot_info, type, 0, "Message type in the slot; 0x0 is an empty slot.")},
	{FIELD_U(struct slot_info, payload_size, 0, "Payload bytes of the message, 0-240.")},
	{FIELD_B(struct slot_info, pending, 0,
		"MessagePending flag: another message waits, the guest must write EOM (TLFS 11.8.3).")},
	{FIELD_X(struct slot_info, sender, 0, "Sender or port id of the message.")},
	{FIELD_U(struct slot_info, age_ns, FIELD_NULLABLE,
		"Time since hvd filled the slot; null when it is free, or filled by a timer of KVM.")},
	{FIELD_B(struct slot_info, torn, 0, "The guest changed the slot while it was being read.")},
};
static const struct field_table slot_table = FIELD_TABLE(struct slot_info, "slot",
	"The message slot of a SINT in the message page (SIMP), TLFS 11.10.3.", slot_fields);

static const struct field sint_fields[] = {
	{FIELD_U(struct sint_info, vp, 0, "Virtual processor index.")},
	{FIELD_U(struct sint_info, vtl, 0, "Virtual trust level.")},
	{FIELD_U(struct sint_info, sint, 0, "Synthetic interrupt source, 0-15.")},
	{FIELD_X(struct sint_info, raw, 0, "SINTx, MSR 0x40000090 + x (TLFS 11.8.4).")},
	{FIELD_U(struct sint_info, vector, 0, "Interrupt vector, bits 7:0.")},
	{FIELD_B(struct sint_info, masked, 0,
		"Bit 16. Messages are still written; their interrupt is owed.")},
	{FIELD_B(struct sint_info, auto_eoi, 0, "Bit 17: no EOI is needed.")},
	{FIELD_B(struct sint_info, polling, 0,
		"Bit 18: the guest polls, no interrupt is raised. KVM does not look at it.")},
	{FIELD_B(struct sint_info, proxy, 0,
		"Bit 20: interrupts are proxied, none is raised. KVM does not look at it.")},
	{FIELD_O(struct sint_info, slot, FIELD_NULLABLE, &slot_table,
		"The message slot; null while the message page is disabled.")},
	{FIELD_A(struct sint_info, event_flags, event_flags_listed, NULL,
		"Event flags that are set, the first 64 of them (TLFS 11.10.4).")},
	{FIELD_U(struct sint_info, event_flag_count, 0, "How many event flags are set.")},
	{FIELD_U(struct sint_info, queue_depth, 0, "Messages waiting behind the slot.")},
	{FIELD_U(struct sint_info, queue_capacity, 0, "Messages that may wait behind the slot.")},
	{FIELD_B(struct sint_info, irq_owed, 0,
		"An interrupt was withheld and will be raised when the SINT can be asserted.")},
	{FIELD_U(struct sint_info, last_eom_age_ns, FIELD_NULLABLE,
		"Time since the VP last wrote EOM; null if never, and in mode kernel.")},
	{FIELD_U(struct sint_info, last_delivery_age_ns, FIELD_NULLABLE,
		"Time since hvd last wrote a message into the slot; null if never.")},
	{FIELD_U(struct sint_info, last_event_age_ns, FIELD_NULLABLE,
		"Time since an event flag was last set anew; null if never.")},
	{FIELD_U(struct sint_info, last_interrupt_age_ns, FIELD_NULLABLE,
		"Time since hvd last asserted the SINT; null if never.")},
	{FIELD_U(struct sint_info, posted, 0, "Messages accepted into the queue.")},
	{FIELD_U(struct sint_info, delivered, 0, "Queued messages written into the slot.")},
	{FIELD_U(struct sint_info, busy, 0, "Times a message had to wait for an occupied slot.")},
	{FIELD_U(struct sint_info, dropped, 0, "Queued messages dropped by a reset.")},
	{FIELD_U(struct sint_info, retries, 0, "Millisecond looks at an occupied slot.")},
	{FIELD_U(struct sint_info, events, 0, "Event flags that went from clear to set.")},
	{FIELD_U(struct sint_info, interrupts, 0,
		"Interrupts asserted by hvd; in mode kernel KVM's timers raise theirs besides.")},
	{FIELD_U(struct sint_info, owed, 0, "Interrupts withheld and owed.")},
	{FIELD_I(struct sint_info, last_error, 0, "Last failure as a negative errno, 0 if none.")},
};
static const struct field_table sint_table = FIELD_TABLE(struct sint_info, "sint",
	"One synthetic interrupt source with its message slot, event flags and queue.",
	sint_fields);

const struct node_class sint_node_class = {
	.path = "vps/{vp}/sints/{sint}",
	.flat_path = "sints",
	.fields = &sint_table,
	.key_count = 2,
	.query_key = "vtl",
	.on_vcpu = vcpu_sample_msrs,
	.get = get_sint,
	.list = list_sints,
};

/* ---- timers ------------------------------------------------------------ */

/* What CONFIG and COUNT say. */
static void fill_stimer_registers(
	const struct synic *synic, unsigned i, const struct stimer *timer, struct stimer_info *info)
{
	*info = (struct stimer_info){
		.vp = synic->vcpu->index,
		.vtl = synic->vtl,
		.timer = i,
		.config = timer->config,
		.count = timer->count,
		.enabled = timer->config & HV_STIMER_ENABLE,
		.periodic = timer->config & HV_STIMER_PERIODIC,
		.lazy = timer->config & HV_STIMER_LAZY,
		.auto_enable = timer->config & HV_STIMER_AUTO_ENABLE,
		.direct = stimer_is_direct(timer),
		.vector = stimer_vector(timer),
		.sint = stimer_sint(timer),
		.due_100ns = UINT64_MAX,
		.due_in_ns = UINT64_MAX,
	};
}

static uint64_t ns_until(const struct synic *synic, uint64_t due_100ns)
{
	uint64_t deadline_ns = reftime_deadline_ns(&synic->vm->reftime, due_100ns);
	uint64_t now_ns = clock_now_ns(synic->vm->clock);

	return deadline_ns > now_ns ? deadline_ns - now_ns : 0;
}

static void fill_stimer_locked(const struct synic *synic, unsigned i, struct stimer_info *ret_info)
{
	const struct stimer *timer = &synic->stimer[i];

	fill_stimer_registers(synic, i, timer, ret_info);
	ret_info->armed = timer->armed;
	ret_info->waiting = timer->waiting;
	ret_info->expirations = timer->expirations;
	ret_info->delivered = timer->delivered;
	ret_info->dropped = timer->dropped;
	if (!timer->armed)
		return;
	ret_info->due_100ns = timer->due_100ns;
	ret_info->due_in_ns = ns_until(synic, timer->due_100ns);
}

/* A timer further away is shown as this far: more nanoseconds do not fit into 64 bits. */
#define DUE_MAX_100NS (UINT64_MAX / 100)

/*
 * KVM tells the registers and nothing of what it does with them. It disables a one-shot timer once
 * its message is in the slot: one that is still enabled expires at its count, or has and waits.
 */
static void fill_kernel_stimer(
	const struct source *source, unsigned i, struct stimer_info *ret_info)
{
	const struct stimer timer = {
		.config = vcpu_msr(&source->msrs, HV_MSR_STIMER0_CONFIG + 2 * i),
		.count = vcpu_msr(&source->msrs, HV_MSR_STIMER0_COUNT + 2 * i),
	};
	uint64_t now_100ns = vcpu_msr(&source->msrs, HV_MSR_TIME_REF_COUNT);

	fill_stimer_registers(source->synic, i, &timer, ret_info);
	ret_info->armed = ret_info->enabled ? FIELD_BOOL_UNKNOWN : false;
	ret_info->waiting = ret_info->armed;
	ret_info->expirations = ret_info->delivered = ret_info->dropped = UINT64_MAX;
	if (!ret_info->enabled || ret_info->periodic)
		return;
	ret_info->due_100ns = timer.count;
	ret_info->due_in_ns = timer.count > now_100ns
				      ? MIN(timer.count - now_100ns, DUE_MAX_100NS) * 100
				      : 0;
}

static int get_stimer(void *owner, const uint64_t *key, void *ret_info)
{
	struct source source;
	int r = key[1] < HV_STIMER_COUNT ? open_source(owner, key[0], key[2], &source) : -ENOENT;

	if (r < 0)
		return r;
	pthread_mutex_lock(&source.synic->lock);
	if (source.kernel)
		fill_kernel_stimer(&source, (unsigned)key[1], ret_info);
	else
		fill_stimer_locked(source.synic, (unsigned)key[1], ret_info);
	pthread_mutex_unlock(&source.synic->lock);
	return 0;
}

static void list_stimers(void *owner, const uint64_t *key, unsigned fixed, const uint64_t *after,
	node_visit_fn visit, void *arg)
{
	vp_grid_list(owner, HV_STIMER_COUNT, get_stimer, key, fixed, after, visit, arg);
}

static const struct field stimer_fields[] = {
	{FIELD_U(struct stimer_info, vp, 0, "Virtual processor index.")},
	{FIELD_U(struct stimer_info, vtl, 0, "Virtual trust level.")},
	{FIELD_U(struct stimer_info, timer, 0, "Synthetic timer, 0-3.")},
	{FIELD_X(struct stimer_info, config, 0,
		"STIMERx_CONFIG, MSR 0x400000b0 + 2x (TLFS 12.3.1).")},
	{FIELD_U(struct stimer_info, count, 0,
		"STIMERx_COUNT: one-shot, an absolute reference time; periodic, the period; 100 ns.")},
	{FIELD_B(struct stimer_info, enabled, 0, "Bit 0 of CONFIG.")},
	{FIELD_B(struct stimer_info, periodic, 0, "Bit 1 of CONFIG.")},
	{FIELD_B(struct stimer_info, lazy, 0,
		"Bit 2 of CONFIG: a periodic tick that finds its slot occupied is dropped.")},
	{FIELD_B(struct stimer_info, auto_enable, 0,
		"Bit 3 of CONFIG: writing a count other than zero enables the timer.")},
	{FIELD_B(struct stimer_info, direct, 0,
		"Bit 12 of CONFIG: raises a vector instead of sending a message.")},
	{FIELD_U(struct stimer_info, vector, 0, "Vector in direct mode, bits 11:4 of CONFIG.")},
	{FIELD_U(struct stimer_info, sint, 0, "SINT for messages, bits 19:16 of CONFIG.")},
	{FIELD_B(struct stimer_info, armed, FIELD_NULLABLE,
		"The timer has a due time; null in mode kernel while it is enabled.")},
	{FIELD_U(struct stimer_info, due_100ns, FIELD_NULLABLE,
		"Reference time of the next expiry; null when not armed. In mode kernel the count of an "
		"enabled one-shot timer, null for a periodic one.")},
	{FIELD_U(struct stimer_info, due_in_ns, FIELD_NULLABLE,
		"Time until the next expiry, 0 when overdue; null where due_100ns is.")},
	{FIELD_B(struct stimer_info, waiting, FIELD_NULLABLE,
		"Expired, but the message could not be delivered yet; null in mode kernel while it is "
		"enabled.")},
	{FIELD_U(struct stimer_info, expirations, FIELD_NULLABLE,
		"Times the timer expired; null in mode kernel.")},
	{FIELD_U(struct stimer_info, delivered, FIELD_NULLABLE,
		"Messages or interrupts delivered; null in mode kernel.")},
	{FIELD_U(struct stimer_info, dropped, FIELD_NULLABLE,
		"Periodic ticks collapsed or dropped; null in mode kernel.")},
};
static const struct field_table stimer_table = FIELD_TABLE(
	struct stimer_info, "stimer", "A synthetic timer, TLFS 12.", stimer_fields);

const struct node_class stimer_node_class = {
	.path = "vps/{vp}/stimers/{timer}",
	.flat_path = "stimers",
	.fields = &stimer_table,
	.key_count = 2,
	.query_key = "vtl",
	.on_vcpu = vcpu_sample_msrs,
	.get = get_stimer,
	.list = list_stimers,
};
