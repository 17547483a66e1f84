/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Auto-EOI (TLFS 11.8.4) over an in-kernel LAPIC, which knows nothing of it: after the guest took
 * the vector we clear its in-service bit, on the VP's thread with the guest out.
 *
 *	asserter: MSI; then mark the vector pending; then take the VP out of the guest.
 *	VP:       before each entry, while vectors are pending: take all marks; read the LAPIC; a
 *	          vector in service is ended; one still requested is marked again.
 *
 * A mark is set after its MSI and taken before the LAPIC is read, so a vector that shows in neither
 * register was already ended. While marks remain, a timer takes the VP out again: the guest gives
 * no sign of its own when it accepts an interrupt.
 *
 * How a vector is ended: where KVM lets us reach an EOI register (x2APIC mode, or its
 * HV_X64_MSR_EOI), by a write to it as soon as ours is the highest in service; until then only what
 * is of higher priority anyway is in its way. Else by writing back the whole LAPIC without the bit,
 * our own MSIs held off meanwhile. An IPI of another VP that comes in between is lost: hence the
 * last resort.
 */
#include "vmm/kvm_backend.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "hvdef/hv_msr.h"
#include "vmm/vm.h"

enum { X2APIC_EOI = 0x80b, APIC_BASE_X2APIC = 1 << 10, VECTOR_WORDS = 4 };

static const uint64_t retry_first_ns = 50 * NSEC_PER_USEC;
static const uint64_t retry_last_ns = NSEC_PER_MSEC;

void kvm_auto_eoi_init(struct kvm_auto_eoi *auto_eoi)
{
	pthread_mutex_init(&auto_eoi->lapic_lock, NULL);
	auto_eoi->retry_ns = retry_first_ns;
}

void kvm_auto_eoi_deinit(struct kvm_auto_eoi *auto_eoi)
{
	if (auto_eoi->timer_made)
		timer_delete(auto_eoi->timer);
	pthread_mutex_destroy(&auto_eoi->lapic_lock);
}

int kvm_assert_vector(struct vcpu *vcpu, uint8_t vector, bool auto_eoi)
{
	struct kvm_vcpu *kv = kvm_vcpu_of(vcpu);
	struct kvm_auto_eoi *state = &kv->auto_eoi;
	int r;

	pthread_mutex_lock(&state->lapic_lock);
	r = kvm_send_msi(kv->kvm, vcpu->apic_id, vector);
	pthread_mutex_unlock(&state->lapic_lock);
	/* -EPERM: KVM found no LAPIC that would take it, as on hardware. */
	if (r < 0 && r != -EPERM)
		return kvm_stop_vm_ioctl(
			vcpu->vm, "KVM_SIGNAL_MSI", r, "VP %u vector 0x%x", vcpu->index, vector);
	if (r < 0 || !auto_eoi)
		return r;
	atomic_fetch_or(&state->pending[vector / 64], BIT64(vector % 64));
	kvm_vcpu_kick(vcpu);
	return 0;
}

/* the retry timer */

static void arm_timer(struct kvm_auto_eoi *auto_eoi, uint64_t first_ns, uint64_t interval_ns)
{
	struct itimerspec when = {
		.it_value.tv_nsec = (long)first_ns,
		.it_interval.tv_nsec = (long)interval_ns,
	};

	timer_settime(auto_eoi->timer, 0, &when, NULL);
	auto_eoi->timer_armed = first_ns != 0;
}

static bool make_timer(struct kvm_vcpu *kv)
{
	struct sigevent event = {
		.sigev_notify = SIGEV_THREAD_ID,
		.sigev_signo = kvm_kick_signal(),
		._sigev_un._tid = atomic_load(&kv->tid),
	};

	if (!kv->auto_eoi.timer_made)
		kv->auto_eoi.timer_made = timer_create(CLOCK_MONOTONIC, &event,
						  &kv->auto_eoi.timer) == 0;
	return kv->auto_eoi.timer_made;
}

/*
 * Soon at first, then ever later, down to a thousand exits a second for a guest that keeps its
 * interrupts off. A signal that arrives just before KVM_RUN is lost: hence the interval.
 */
static void arm_retry(struct kvm_vcpu *kv)
{
	struct kvm_auto_eoi *auto_eoi = &kv->auto_eoi;

	if (!make_timer(kv))
		return; /* swept at the next exit or assert */
	arm_timer(auto_eoi, auto_eoi->retry_ns, retry_last_ns);
	auto_eoi->retry_ns = MIN(auto_eoi->retry_ns * 2, retry_last_ns);
}

static void stop_retry(struct kvm_auto_eoi *auto_eoi)
{
	auto_eoi->retry_ns = retry_first_ns;
	if (auto_eoi->timer_armed)
		arm_timer(auto_eoi, 0, 0);
}

/* ending an interrupt */

static int highest_in_service(const struct kvm_lapic_state *lapic)
{
	int vector = 255;

	while (vector >= 0 && !kvm_lapic_bit(lapic, LAPIC_ISR, (unsigned)vector))
		vector--;
	return vector;
}

static bool write_eoi_msr(struct kvm_vcpu *kv, uint32_t index)
{
	struct kvm_msr_one msrs = {.count = 1, .entry.index = index};

	return ioctl(kv->fd, KVM_SET_MSRS, &msrs) == 1;
}

/* The MSR that ends the highest vector in service; 0 when there is none. */
static uint32_t eoi_register(const struct kvm_vcpu *kv)
{
	if (kv->run->apic_base & APIC_BASE_X2APIC)
		return X2APIC_EOI;
	return kv->kvm->eoi_msr ? HV_MSR_EOI : 0;
}

/* Memory may be short for a moment: then the next sweep tries again. Anything else ends the VM. */
static bool lapic_call(struct kvm_vcpu *kv, unsigned long request, const char *name,
	struct kvm_lapic_state *lapic, unsigned vector)
{
	int r = kvm_ioctl(kv->fd, request, lapic);

	if (r < 0 && r != -ENOMEM)
		kvm_stop_ioctl(kv, name, r, "to end vector 0x%x", vector);
	return r == 0;
}

static bool get_lapic(struct kvm_vcpu *kv, struct kvm_lapic_state *lapic, unsigned vector)
{
	return lapic_call(kv, KVM_GET_LAPIC, "KVM_GET_LAPIC", lapic, vector);
}

static bool set_lapic(struct kvm_vcpu *kv, struct kvm_lapic_state *lapic, unsigned vector)
{
	return lapic_call(kv, KVM_SET_LAPIC, "KVM_SET_LAPIC", lapic, vector);
}

static void clear_in_service(struct kvm_lapic_state *lapic, unsigned vector)
{
	lapic->regs[LAPIC_ISR + vector / 32 * 16 + vector % 32 / 8] &= (char)~(1u << vector % 8);
}

static void end_by_rewrite(struct kvm_vcpu *kv, unsigned vector)
{
	struct kvm_lapic_state lapic;
	bool done;

	pthread_mutex_lock(&kv->auto_eoi.lapic_lock);
	done = get_lapic(kv, &lapic, vector);
	if (done) {
		clear_in_service(&lapic, vector);
		done = set_lapic(kv, &lapic, vector);
	}
	if (!done)
		atomic_fetch_or(&kv->auto_eoi.pending[vector / 64], BIT64(vector % 64));
	pthread_mutex_unlock(&kv->auto_eoi.lapic_lock);
}

/* False: a higher vector is in service, and the register would end that one. */
static bool end_in_service(
	struct kvm_vcpu *kv, const struct kvm_lapic_state *lapic, unsigned vector)
{
	uint32_t index = eoi_register(kv);

	if (index != 0 && highest_in_service(lapic) != (int)vector)
		return false;
	if (index == 0 || !write_eoi_msr(kv, index))
		end_by_rewrite(kv, vector);
	return true;
}

static void settle(struct kvm_vcpu *kv, unsigned vector)
{
	struct kvm_lapic_state lapic;
	bool again = true;

	if (get_lapic(kv, &lapic, vector)) {
		bool ended = !kvm_lapic_bit(&lapic, LAPIC_ISR, vector) ||
			     end_in_service(kv, &lapic, vector);

		again = !ended || kvm_lapic_bit(&lapic, LAPIC_IRR, vector);
	}
	if (again)
		atomic_fetch_or(&kv->auto_eoi.pending[vector / 64], BIT64(vector % 64));
}

/* From the highest vector down, as they nest. */
void kvm_auto_eoi_sweep(struct kvm_vcpu *kv)
{
	for (int word = VECTOR_WORDS - 1; word >= 0; word--) {
		uint64_t marks = atomic_exchange(&kv->auto_eoi.pending[word], 0);

		while (marks) {
			unsigned bit = 63 - (unsigned)__builtin_clzll(marks);

			marks &= ~BIT64(bit);
			settle(kv, (unsigned)word * 64 + bit);
		}
	}
	if (kvm_auto_eoi_pending(&kv->auto_eoi))
		arm_retry(kv);
	else
		stop_retry(&kv->auto_eoi);
}

void kvm_auto_eoi_forget(struct kvm_vcpu *kv)
{
	for (unsigned word = 0; word < VECTOR_WORDS; word++)
		atomic_store(&kv->auto_eoi.pending[word], 0);
	stop_retry(&kv->auto_eoi);
}
