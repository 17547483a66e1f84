/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table below is indexed by the register's offset from 0x40000000; a hole is an unknown
 * register. An access passes three gates: the row exists, the VTL holds the row's privileges, the
 * row has a function for the direction. Failing any of them is #GP.
 *
 * Page registers follow one pattern: compute the new value, put the page in place, and only if
 * that worked store the value, so that a #GP leaves both as they were.
 *
 *	GUEST_OS_ID	0: the hypercall page goes away, its GPA stays in HYPERCALL
 *	HYPERCALL	OS id 0: ignored; locked or reserved bits: #GP
 *
 * Clearing GUEST_OS_ID disables even a locked page; the lock bit stays, so that only a reset makes
 * HYPERCALL writable again.
 */
#include "vmm/msr.h"
#include <errno.h>
#include <string.h>
#include "hvdef/hv_cpuid.h"
#include "hvdef/hv_msr.h"
#include "vmm/event.h"
#include "vmm/vm.h"

/* ---- pages ---------------------------------------------------------------- */

typedef void (*fill_fn)(const struct hv_partition *hv, uint8_t *page);

static void fill_hypercall_page(const struct hv_partition *hv, uint8_t *page)
{
	hypercall_fill_page(page);
}

static void fill_tsc_page(const struct hv_partition *hv, uint8_t *page)
{
	reftime_fill_page(&hv->vm->reftime, (struct hv_reference_tsc_page *)(void *)page);
}

/* Only the EOI assist field is the hypervisor's to initialise; the rest follows the page. */
static void fill_vp_assist_page(const struct hv_partition *hv, uint8_t *page)
{
	memset(page, 0, sizeof(uint32_t));
}

/* Moves `page` to where `value` wants it, freshly filled when it was off. Caller holds hv->lock. */
static enum hv_fault place_page(
	struct hv_partition *hv, struct overlay *page, uint64_t value, fill_fn fill)
{
	bool enable = value & HV_PAGE_ENABLE;

	if (enable) {
		pthread_mutex_lock(&hv->page_lock);
		if (!page->enabled)
			fill(hv, page->page);
		pthread_mutex_unlock(&hv->page_lock);
	}
	if (overlay_set(&hv->vm->overlays, page, enable, value & HV_PAGE_GPA_MASK))
		return HV_FAULT_GP;
	return HV_FAULT_NONE;
}

static void record_page(struct vcpu *vcpu, uint8_t vtl, uint32_t index, uint64_t old, uint64_t new)
{
	if (old != new)
		hv_record(vcpu->vm->recorder, HV_EVENT_PAGE, vcpu->index, vtl, RECORD_NO_SINT,
			index, old, new);
}

static struct hv_partition *partition(struct vcpu *vcpu, uint8_t vtl)
{
	return &vcpu->vm->hv[vtl];
}

/* ---- values that hv->lock guards ------------------------------------------ */

static uint64_t get(struct hv_partition *hv, const uint64_t *value)
{
	uint64_t copy;

	pthread_mutex_lock(&hv->lock);
	copy = *value;
	pthread_mutex_unlock(&hv->lock);
	return copy;
}

/* A page register without conditions. Reserved bits are kept: guests write back what they read. */
static enum hv_fault set_page_register(struct vcpu *vcpu, uint8_t vtl, uint32_t index,
	uint64_t value, uint64_t *reg, struct overlay *page, fill_fn fill)
{
	struct hv_partition *hv = partition(vcpu, vtl);
	enum hv_fault fault;
	uint64_t old, new;

	pthread_mutex_lock(&hv->lock);
	old = *reg;
	fault = place_page(hv, page, value, fill);
	if (fault == HV_FAULT_NONE)
		*reg = value;
	new = *reg;
	pthread_mutex_unlock(&hv->lock);
	record_page(vcpu, vtl, index, old, new);
	return fault;
}

/* ---- partition-wide registers --------------------------------------------- */

static enum hv_fault read_guest_os_id(struct vcpu *vcpu, uint8_t vtl, uint32_t index, uint64_t *ret)
{
	struct hv_partition *hv = partition(vcpu, vtl);

	*ret = get(hv, &hv->guest_os_id);
	return HV_FAULT_NONE;
}

static enum hv_fault write_guest_os_id(
	struct vcpu *vcpu, uint8_t vtl, uint32_t index, uint64_t value)
{
	struct hv_partition *hv = partition(vcpu, vtl);
	uint64_t old, new;

	pthread_mutex_lock(&hv->lock);
	hv->guest_os_id = value;
	old = new = hv->hypercall;
	if (!value) {
		new &= ~HV_PAGE_ENABLE;
		/* Taking a page away cannot fail. */
		(void)place_page(hv, &hv->hypercall_page, new, fill_hypercall_page);
		hv->hypercall = new;
	}
	pthread_mutex_unlock(&hv->lock);
	record_page(vcpu, vtl, HV_MSR_HYPERCALL, old, new);
	return HV_FAULT_NONE;
}

static enum hv_fault read_hypercall(struct vcpu *vcpu, uint8_t vtl, uint32_t index, uint64_t *ret)
{
	*ret = partition(vcpu, vtl)->hypercall;
	return HV_FAULT_NONE;
}

static enum hv_fault set_hypercall_locked(struct hv_partition *hv, uint64_t value)
{
	enum hv_fault fault;

	if (!hv->guest_os_id)
		return HV_FAULT_NONE;
	if ((hv->hypercall & HV_HYPERCALL_LOCKED) || (value & HV_HYPERCALL_RESERVED_MASK))
		return HV_FAULT_GP;
	fault = place_page(hv, &hv->hypercall_page, value, fill_hypercall_page);
	if (fault == HV_FAULT_NONE)
		hv->hypercall = value;
	return fault;
}

static enum hv_fault write_hypercall(struct vcpu *vcpu, uint8_t vtl, uint32_t index, uint64_t value)
{
	struct hv_partition *hv = partition(vcpu, vtl);
	enum hv_fault fault;
	uint64_t old, new;

	pthread_mutex_lock(&hv->lock);
	old = hv->hypercall;
	fault = set_hypercall_locked(hv, value);
	new = hv->hypercall;
	pthread_mutex_unlock(&hv->lock);
	record_page(vcpu, vtl, index, old, new);
	return fault;
}

static enum hv_fault read_reference_tsc(
	struct vcpu *vcpu, uint8_t vtl, uint32_t index, uint64_t *ret)
{
	struct hv_partition *hv = partition(vcpu, vtl);

	*ret = get(hv, &hv->reference_tsc);
	return HV_FAULT_NONE;
}

static enum hv_fault write_reference_tsc(
	struct vcpu *vcpu, uint8_t vtl, uint32_t index, uint64_t value)
{
	struct hv_partition *hv = partition(vcpu, vtl);

	return set_page_register(
		vcpu, vtl, index, value, &hv->reference_tsc, &hv->tsc_page, fill_tsc_page);
}

static enum hv_fault read_reset(struct vcpu *vcpu, uint8_t vtl, uint32_t index, uint64_t *ret)
{
	*ret = 0;
	return HV_FAULT_NONE;
}

static enum hv_fault write_reset(struct vcpu *vcpu, uint8_t vtl, uint32_t index, uint64_t value)
{
	if (value & 1)
		vm_request_reset(vcpu->vm);
	return HV_FAULT_NONE;
}

static enum hv_fault read_time_ref_count(
	struct vcpu *vcpu, uint8_t vtl, uint32_t index, uint64_t *ret)
{
	*ret = reftime_now_100ns(&vcpu->vm->reftime);
	return HV_FAULT_NONE;
}

static enum hv_fault read_tsc_frequency(
	struct vcpu *vcpu, uint8_t vtl, uint32_t index, uint64_t *ret)
{
	*ret = vcpu->vm->reftime.tsc_hz;
	return HV_FAULT_NONE;
}

static enum hv_fault read_apic_frequency(
	struct vcpu *vcpu, uint8_t vtl, uint32_t index, uint64_t *ret)
{
	*ret = vcpu->vm->reftime.apic_hz;
	return HV_FAULT_NONE;
}

static enum hv_fault read_crash_parameter(
	struct vcpu *vcpu, uint8_t vtl, uint32_t index, uint64_t *ret)
{
	struct hv_partition *hv = partition(vcpu, vtl);

	*ret = get(hv, &hv->crash[index - HV_MSR_CRASH_P0]);
	return HV_FAULT_NONE;
}

static enum hv_fault write_crash_parameter(
	struct vcpu *vcpu, uint8_t vtl, uint32_t index, uint64_t value)
{
	struct hv_partition *hv = partition(vcpu, vtl);

	pthread_mutex_lock(&hv->lock);
	hv->crash[index - HV_MSR_CRASH_P0] = value;
	pthread_mutex_unlock(&hv->lock);
	return HV_FAULT_NONE;
}

/* What a crash report may ask for: notification only, no message text. */
static enum hv_fault read_crash_ctl(struct vcpu *vcpu, uint8_t vtl, uint32_t index, uint64_t *ret)
{
	*ret = HV_CRASH_NOTIFY;
	return HV_FAULT_NONE;
}

static enum hv_fault write_crash_ctl(struct vcpu *vcpu, uint8_t vtl, uint32_t index, uint64_t value)
{
	struct hv_partition *hv = partition(vcpu, vtl);
	uint64_t parameters[HV_CRASH_PARAMETERS];

	if (!(value & HV_CRASH_NOTIFY))
		return HV_FAULT_NONE;
	pthread_mutex_lock(&hv->lock);
	hv->crash_ctl = value;
	memcpy(parameters, hv->crash, sizeof(parameters));
	pthread_mutex_unlock(&hv->lock);
	hv_crashed(vcpu, vtl, parameters);
	return HV_FAULT_NONE;
}

void hv_crashed(struct vcpu *vcpu, uint8_t vtl, const uint64_t p[HV_CRASH_PARAMETERS])
{
	struct hv_partition *hv = partition(vcpu, vtl);

	pthread_mutex_lock(&hv->lock);
	hv->crashes++;
	hv->crashed_ns = clock_now_ns(vcpu->vm->clock);
	pthread_mutex_unlock(&hv->lock);
	hv_record(vcpu->vm->recorder, HV_EVENT_CRASH, vcpu->index, vtl, RECORD_NO_SINT, p[0], p[1],
		p[2], p[3], p[4]);
}

/* ---- registers of one VP -------------------------------------------------- */

static enum hv_fault read_vp_index(struct vcpu *vcpu, uint8_t vtl, uint32_t index, uint64_t *ret)
{
	*ret = vcpu->index;
	return HV_FAULT_NONE;
}

static enum hv_fault read_vp_runtime(struct vcpu *vcpu, uint8_t vtl, uint32_t index, uint64_t *ret)
{
	*ret = atomic_load_explicit(&vcpu->runtime_100ns, memory_order_relaxed);
	return HV_FAULT_NONE;
}

uint64_t hv_vp_assist(struct vcpu *vcpu, uint8_t vtl)
{
	return get(partition(vcpu, vtl), &vcpu->hv[vtl].vp_assist);
}

static enum hv_fault read_vp_assist(struct vcpu *vcpu, uint8_t vtl, uint32_t index, uint64_t *ret)
{
	*ret = hv_vp_assist(vcpu, vtl);
	return HV_FAULT_NONE;
}

static enum hv_fault write_vp_assist(struct vcpu *vcpu, uint8_t vtl, uint32_t index, uint64_t value)
{
	struct hv_vp *vp = &vcpu->hv[vtl];

	return set_page_register(vcpu, vtl, index, value, &vp->vp_assist, &vp->vp_assist_page,
		fill_vp_assist_page);
}

static enum hv_fault read_synic(struct vcpu *vcpu, uint8_t vtl, uint32_t index, uint64_t *ret)
{
	return synic_msr_read(&vcpu->synic[vtl], index, ret);
}

static enum hv_fault write_synic(struct vcpu *vcpu, uint8_t vtl, uint32_t index, uint64_t value)
{
	return synic_msr_write(&vcpu->synic[vtl], index, value);
}

/* ---- the table ------------------------------------------------------------ */

struct msr_row {
	const char *name;
	enum hv_msr_scope scope;
	uint64_t reset;
	struct hv_privileges need;
	enum hv_fault (*read)(struct vcpu *vcpu, uint8_t vtl, uint32_t index, uint64_t *ret);
	enum hv_fault (*write)(struct vcpu *vcpu, uint8_t vtl, uint32_t index, uint64_t value);
};

/* clang-format off */
#define EAX(bit) { .eax = (bit) }
#define EDX(bit) { .edx = (bit) }

#define ROW(reg, sc, need_, read_, write_)                                                         \
	[HV_MSR_##reg - HV_MSR_BASE] = {                                                           \
		.name = #reg, .scope = HV_MSR_##sc, .need = need_, .read = (read_),                \
		.write = (write_),                                                                 \
	}
#define SINT(n)                                                                                    \
	[HV_MSR_SINT0 + (n) - HV_MSR_BASE] = {                                                     \
		.name = "SINT" #n, .scope = HV_MSR_VP, .reset = HV_SINT_RESET,                     \
		.need = EAX(HV_PRIV_SYNIC), .read = read_synic, .write = write_synic,              \
	}
#define STIMER_REG(n, reg, offset_)                                                                \
	[HV_MSR_STIMER0_CONFIG + 2 * (n) + (offset_) - HV_MSR_BASE] = {                            \
		.name = "STIMER" #n "_" reg, .scope = HV_MSR_VP, .need = EAX(HV_PRIV_STIMER),      \
		.read = read_synic, .write = write_synic,                                          \
	}
#define STIMER(n) STIMER_REG(n, "CONFIG", 0), STIMER_REG(n, "COUNT", 1)
#define CRASH_P(n)                                                                                 \
	[HV_MSR_CRASH_P0 + (n) - HV_MSR_BASE] = {                                                  \
		.name = "CRASH_P" #n, .scope = HV_MSR_PARTITION,                                   \
		.need = EDX(HV_FEATURE_CRASH_MSRS), .read = read_crash_parameter,                  \
		.write = write_crash_parameter,                                                    \
	}
/* Known by name, gated by a privilege we never give. */
#define ABSENT(reg, sc, need_) ROW(reg, sc, need_, NULL, NULL)

static const struct msr_row msr_table[HV_MSR_COUNT] = {
	ROW(GUEST_OS_ID, PARTITION, EAX(HV_PRIV_HYPERCALL_MSRS), read_guest_os_id, write_guest_os_id),
	ROW(HYPERCALL, PARTITION, EAX(HV_PRIV_HYPERCALL_MSRS), read_hypercall, write_hypercall),
	ROW(VP_INDEX, VP, EAX(HV_PRIV_VP_INDEX), read_vp_index, NULL),
	ROW(RESET, PARTITION, EAX(HV_PRIV_RESET), read_reset, write_reset),
	ROW(VP_RUNTIME, VP, EAX(HV_PRIV_VP_RUNTIME), read_vp_runtime, NULL),
	ROW(TIME_REF_COUNT, PARTITION, EAX(HV_PRIV_REFERENCE_COUNTER), read_time_ref_count, NULL),
	ROW(REFERENCE_TSC, PARTITION, EAX(HV_PRIV_REFERENCE_TSC), read_reference_tsc, write_reference_tsc),
	ROW(TSC_FREQUENCY, PARTITION, EAX(HV_PRIV_FREQUENCY_MSRS), read_tsc_frequency, NULL),
	ROW(APIC_FREQUENCY, PARTITION, EAX(HV_PRIV_FREQUENCY_MSRS), read_apic_frequency, NULL),

	ABSENT(EOI, VP, EAX(HV_PRIV_APIC_MSRS)),
	ABSENT(ICR, VP, EAX(HV_PRIV_APIC_MSRS)),
	ABSENT(TPR, VP, EAX(HV_PRIV_APIC_MSRS)),
	/* Linux writes it without looking at the APIC MSR privilege: not gated. */
	ROW(VP_ASSIST_PAGE, VP, EAX(0), read_vp_assist, write_vp_assist),

	ROW(SCONTROL, VP, EAX(HV_PRIV_SYNIC), read_synic, write_synic),
	[HV_MSR_SVERSION - HV_MSR_BASE] = {
		.name = "SVERSION", .scope = HV_MSR_VP, .reset = HV_SYNIC_VERSION,
		.need = EAX(HV_PRIV_SYNIC), .read = read_synic,
	},
	ROW(SIEFP, VP, EAX(HV_PRIV_SYNIC), read_synic, write_synic),
	ROW(SIMP, VP, EAX(HV_PRIV_SYNIC), read_synic, write_synic),
	ROW(EOM, VP, EAX(HV_PRIV_SYNIC), read_synic, write_synic),
	SINT(0), SINT(1), SINT(2), SINT(3), SINT(4), SINT(5), SINT(6), SINT(7),
	SINT(8), SINT(9), SINT(10), SINT(11), SINT(12), SINT(13), SINT(14), SINT(15),
	STIMER(0), STIMER(1), STIMER(2), STIMER(3),

	ABSENT(STATS_PARTITION_RETAIL, PARTITION, EAX(HV_PRIV_STATS)),
	ABSENT(STATS_PARTITION_INTERNAL, PARTITION, EAX(HV_PRIV_STATS)),
	ABSENT(STATS_VP_RETAIL, VP, EAX(HV_PRIV_STATS)),
	ABSENT(STATS_VP_INTERNAL, VP, EAX(HV_PRIV_STATS)),
	ABSENT(GUEST_IDLE, VP, EAX(HV_PRIV_GUEST_IDLE)),
	ABSENT(SYNDBG_CONTROL, PARTITION, EAX(HV_PRIV_DEBUG_MSRS)),
	ABSENT(SYNDBG_STATUS, PARTITION, EAX(HV_PRIV_DEBUG_MSRS)),
	ABSENT(SYNDBG_SEND, PARTITION, EAX(HV_PRIV_DEBUG_MSRS)),
	ABSENT(SYNDBG_RECV, PARTITION, EAX(HV_PRIV_DEBUG_MSRS)),
	ABSENT(SYNDBG_PENDING, PARTITION, EAX(HV_PRIV_DEBUG_MSRS)),
	ABSENT(SYNDBG_OPTIONS, PARTITION, EAX(HV_PRIV_DEBUG_MSRS)),

	CRASH_P(0), CRASH_P(1), CRASH_P(2), CRASH_P(3), CRASH_P(4),
	[HV_MSR_CRASH_CTL - HV_MSR_BASE] = {
		.name = "CRASH_CTL", .scope = HV_MSR_PARTITION, .reset = HV_CRASH_NOTIFY,
		.need = EDX(HV_FEATURE_CRASH_MSRS), .read = read_crash_ctl, .write = write_crash_ctl,
	},
	ABSENT(REENLIGHTENMENT_CONTROL, PARTITION, EAX(HV_PRIV_REENLIGHTENMENT)),
	ABSENT(TSC_EMULATION_CONTROL, PARTITION, EAX(HV_PRIV_REENLIGHTENMENT)),
	ABSENT(TSC_EMULATION_STATUS, PARTITION, EAX(HV_PRIV_REENLIGHTENMENT)),
	ABSENT(TSC_INVARIANT_CONTROL, PARTITION, EAX(HV_PRIV_TSC_INVARIANT)),
};
/* clang-format on */

/* NULL for an index without a register. */
static const struct msr_row *find_row(uint32_t index)
{
	uint32_t offset = index - HV_MSR_BASE;

	if (offset >= ARRAY_LEN(msr_table) || !msr_table[offset].name)
		return NULL;
	return &msr_table[offset];
}

int hv_msr_describe(uint32_t index, struct hv_msr_desc *ret_desc)
{
	const struct msr_row *row = find_row(index);

	if (!row)
		return -ENOENT;
	*ret_desc = (struct hv_msr_desc){
		.name = row->name,
		.scope = row->scope,
		.reset = row->reset,
		.need = row->need,
		.readable = row->read,
		.writable = row->write,
	};
	return 0;
}

const char *hv_msr_name(uint32_t index)
{
	const struct msr_row *row = find_row(index);

	return row ? row->name : NULL;
}

/* ---- guest accesses ------------------------------------------------------- */

static bool accessible(const struct vcpu *vcpu, uint8_t vtl, const struct msr_row *row)
{
	return row && hv_privileges_cover(hv_privileges(vcpu->vm, vtl), row->need);
}

static void note_fault(struct vcpu *vcpu, uint8_t vtl, uint32_t index, uint64_t value, bool write)
{
	atomic_fetch_add_explicit(&vcpu->msr_faults, 1, memory_order_relaxed);
	hv_record(vcpu->vm->recorder, HV_EVENT_MSR_FAULT, vcpu->index, vtl, RECORD_NO_SINT, index,
		value, write);
}

enum hv_fault hv_msr_read(struct vcpu *vcpu, uint8_t vtl, uint32_t index, uint64_t *ret_value)
{
	const struct msr_row *row = find_row(index);
	enum hv_fault fault = HV_FAULT_GP;

	if (accessible(vcpu, vtl, row) && row->read)
		fault = row->read(vcpu, vtl, index, ret_value);
	if (fault != HV_FAULT_NONE)
		note_fault(vcpu, vtl, index, 0, false);
	return fault;
}

enum hv_fault hv_msr_write(struct vcpu *vcpu, uint8_t vtl, uint32_t index, uint64_t value)
{
	const struct msr_row *row = find_row(index);
	enum hv_fault fault = HV_FAULT_GP;

	if (accessible(vcpu, vtl, row) && row->write)
		fault = row->write(vcpu, vtl, index, value);
	if (index != HV_MSR_EOM)
		hv_record(vcpu->vm->recorder, HV_EVENT_MSR_WRITE, vcpu->index, vtl, RECORD_NO_SINT,
			index, value, fault);
	if (fault != HV_FAULT_NONE)
		note_fault(vcpu, vtl, index, value, true);
	return fault;
}

/* ---- life ----------------------------------------------------------------- */

void hv_partition_init(struct hv_partition *hv, struct vm *vm, uint8_t vtl)
{
	hv->vm = vm;
	hv->vtl = vtl;
	pthread_mutex_init(&hv->lock, NULL);
	pthread_mutex_init(&hv->page_lock, NULL);
	overlay_init(&hv->hypercall_page, &hv->page_lock);
	overlay_init(&hv->tsc_page, &hv->page_lock);
}

void hv_partition_reset(struct hv_partition *hv)
{
	pthread_mutex_lock(&hv->lock);
	overlay_reset(&hv->vm->overlays, &hv->hypercall_page);
	overlay_reset(&hv->vm->overlays, &hv->tsc_page);
	hv->guest_os_id = 0;
	hv->hypercall = 0;
	hv->reference_tsc = 0;
	hv->crash_ctl = 0;
	hv->crashed_ns = 0;
	memset(hv->crash, 0, sizeof(hv->crash));
	pthread_mutex_unlock(&hv->lock);
}

void hv_partition_deinit(struct hv_partition *hv)
{
	if (!hv->vm)
		return;
	pthread_mutex_destroy(&hv->page_lock);
	pthread_mutex_destroy(&hv->lock);
	hv->vm = NULL;
}

void hv_vp_init(struct vcpu *vcpu)
{
	for (uint8_t vtl = 0; vtl < HV_VTL_COUNT; vtl++)
		overlay_init(&vcpu->hv[vtl].vp_assist_page, &partition(vcpu, vtl)->page_lock);
}

void hv_vp_reset(struct vcpu *vcpu)
{
	for (uint8_t vtl = 0; vtl < HV_VTL_COUNT; vtl++) {
		struct hv_partition *hv = partition(vcpu, vtl);

		pthread_mutex_lock(&hv->lock);
		overlay_reset(&hv->vm->overlays, &vcpu->hv[vtl].vp_assist_page);
		vcpu->hv[vtl].vp_assist = 0;
		pthread_mutex_unlock(&hv->lock);
	}
}
