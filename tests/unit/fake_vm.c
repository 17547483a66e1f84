/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fake_vm.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <cmocka.h>
#include "common/rcu.h"
#include "hvdef/hv_msr.h"

enum { RING_RECORDS = 4096 };

/* ---- the backend -------------------------------------------------------------------------- */

/* 0, or the error this call was told to fail with. The lock is held. */
static int planned_failure(struct fake_vm *fake, enum fake_call call)
{
	if (fake->failure[call].countdown == 0 || --fake->failure[call].countdown > 0)
		return 0;
	return fake->failure[call].error;
}

static int fake_assert_vector(struct vcpu *vcpu, uint8_t vector, bool auto_eoi)
{
	struct fake_vm *fake = fake_vm_of(vcpu->vm);
	int r;

	pthread_mutex_lock(&fake->lock);
	r = planned_failure(fake, FAKE_ASSERT);
	if (r == 0 && fake->vector_count < FAKE_VECTORS)
		fake->vectors[fake->vector_count] = (struct fake_vector){
			vcpu->index, vector, auto_eoi};
	if (r == 0)
		fake->vector_count++;
	pthread_mutex_unlock(&fake->lock);
	return r;
}

/* What KVM's table says of the GSI. The lock is held. */
static const struct gsi_entry *routed_to(const struct fake_vm *fake, uint32_t gsi)
{
	assert_true(gsi >= GSI_FIRST && gsi - GSI_FIRST < fake->gsi_count);
	return &fake->gsi[gsi - GSI_FIRST];
}

static int fake_assert_sint(struct vcpu *vcpu, uint32_t gsi)
{
	struct fake_vm *fake = fake_vm_of(vcpu->vm);
	const struct gsi_entry *entry;
	int r;

	pthread_mutex_lock(&fake->lock);
	entry = routed_to(fake, gsi);
	assert_int_equal(entry->kind, GSI_HV_SINT);
	assert_int_equal(entry->vp, vcpu->index);
	r = planned_failure(fake, FAKE_ASSERT);
	if (r == 0 && fake->masked[entry->vp] & BIT64(entry->sint))
		r = -EPERM;
	if (r == 0)
		fake->sints[entry->vp][entry->sint]++;
	pthread_mutex_unlock(&fake->lock);
	return r;
}

static void fake_kick(struct vcpu *vcpu)
{
	struct fake_vm *fake = fake_vm_of(vcpu->vm);

	pthread_mutex_lock(&fake->lock);
	fake->kicks++;
	pthread_mutex_unlock(&fake->lock);
}

static int fake_gsi_commit(
	struct vm *vm, const struct gsi_entry *entries, uint32_t first_gsi, uint32_t count)
{
	struct fake_vm *fake = fake_vm_of(vm);
	int r;

	pthread_mutex_lock(&fake->lock);
	r = planned_failure(fake, FAKE_COMMIT);
	if (r == 0) {
		memcpy(fake->gsi, entries, count * sizeof(*entries));
		fake->gsi_count = count;
	}
	fake->commits++;
	pthread_mutex_unlock(&fake->lock);
	return r;
}

/* An unbound row is forgotten when its place is needed. */
static struct fake_irqfd *free_irqfd(struct fake_vm *fake)
{
	if (fake->irqfd_count < FAKE_IRQFDS)
		return &fake->irqfds[fake->irqfd_count++];
	for (unsigned i = 0; i < FAKE_IRQFDS; i++) {
		if (!fake->irqfds[i].bound)
			return &fake->irqfds[i];
	}
	return NULL;
}

static int bind_irqfd(struct fake_vm *fake, int set_fd, int ack_fd, uint32_t gsi)
{
	struct fake_irqfd *irqfd = free_irqfd(fake);

	if (!irqfd)
		return -ENOSPC;
	*irqfd = (struct fake_irqfd){set_fd, ack_fd, gsi, true};
	return 0;
}

static int unbind_irqfd(struct fake_vm *fake, int set_fd, uint32_t gsi)
{
	for (unsigned i = 0; i < fake->irqfd_count; i++) {
		struct fake_irqfd *irqfd = &fake->irqfds[i];

		if (irqfd->bound && irqfd->set_fd == set_fd && irqfd->gsi == gsi) {
			irqfd->bound = false;
			return 0;
		}
	}
	return -ENOENT;
}

static int fake_irqfd(struct vm *vm, int set_fd, int ack_fd, uint32_t gsi, bool assign)
{
	struct fake_vm *fake = fake_vm_of(vm);
	int r;

	pthread_mutex_lock(&fake->lock);
	r = planned_failure(fake, FAKE_IRQFD);
	if (r == 0 && assign)
		r = bind_irqfd(fake, set_fd, ack_fd, gsi);
	else if (r == 0)
		r = unbind_irqfd(fake, set_fd, gsi);
	pthread_mutex_unlock(&fake->lock);
	return r;
}

static struct fake_signal *find_signal(struct fake_vm *fake, uint32_t connection_id)
{
	for (unsigned i = 0; i < fake->signal_count; i++) {
		if (fake->signals[i].connection_id == connection_id)
			return &fake->signals[i];
	}
	return NULL;
}

static int assign_signal(struct fake_vm *fake, uint32_t connection_id, int fd)
{
	if (connection_id & ~HV_CONNECTION_ID_MASK)
		return -EINVAL;
	if (find_signal(fake, connection_id))
		return -EEXIST;
	if (fake->signal_count == FAKE_SIGNALS)
		return -ENOMEM;
	fake->signals[fake->signal_count++] = (struct fake_signal){connection_id, fd};
	return 0;
}

static int deassign_signal(struct fake_vm *fake, uint32_t connection_id)
{
	struct fake_signal *signal = find_signal(fake, connection_id);

	if (!signal)
		return -ENOENT;
	*signal = fake->signals[--fake->signal_count];
	return 0;
}

static int fake_signal_eventfd(struct vm *vm, uint32_t connection_id, int fd, bool assign)
{
	struct fake_vm *fake = fake_vm_of(vm);
	int r;

	pthread_mutex_lock(&fake->lock);
	r = planned_failure(fake, FAKE_SIGNAL);
	if (r == 0 && assign)
		r = assign_signal(fake, connection_id, fd);
	else if (r == 0)
		r = deassign_signal(fake, connection_id);
	pthread_mutex_unlock(&fake->lock);
	return r;
}

bool fake_vm_signal(struct fake_vm *fake, uint32_t connection_id)
{
	struct fake_signal *signal;

	pthread_mutex_lock(&fake->lock);
	signal = find_signal(fake, connection_id);
	if (signal)
		assert_int_equal(eventfd_write(signal->fd, 1), 0);
	pthread_mutex_unlock(&fake->lock);
	return signal;
}

static uint64_t fake_guest_tsc(struct vm *vm)
{
	uint64_t elapsed_ns = clock_now_ns(vm->clock) - FAKE_START_NS;

	return (uint64_t)((unsigned __int128)elapsed_ns * FAKE_TSC_HZ / NSEC_PER_SEC);
}

void fake_vm_fail(struct fake_vm *fake, enum fake_call call, unsigned nth, int error)
{
	pthread_mutex_lock(&fake->lock);
	fake->failure[call].countdown = nth;
	fake->failure[call].error = error;
	pthread_mutex_unlock(&fake->lock);
}

/* ---- life ----------------------------------------------------------------------------------- */

static struct vcpu *fake_vcpu_new(struct vm *vm, uint32_t index)
{
	struct vcpu *vcpu = calloc(1, sizeof(*vcpu));

	assert_non_null(vcpu);
	vcpu->vm = vm;
	vcpu->index = index;
	vcpu->apic_id = index;
	for (uint8_t vtl = 0; vtl < HV_VTL_COUNT; vtl++)
		assert_int_equal(synic_init(&vcpu->synic[vtl], vcpu, vtl), 0);
	hv_vp_init(vcpu);
	pthread_mutex_init(&vcpu->mail_lock, NULL);
	pthread_cond_init(&vcpu->mail_cond, NULL);
	return vcpu;
}

static void init_backend(struct fake_vm *fake, unsigned options)
{
	fake->accel.name = "fake";
	fake->accel.assert_vector = fake_assert_vector;
	fake->accel.vcpu_kick = fake_kick;
	if (options & (FAKE_WITH_IRQFD | FAKE_KERNEL)) {
		fake->accel.gsi_commit = fake_gsi_commit;
		fake->accel.irqfd = fake_irqfd;
	}
	if (options & FAKE_WITH_TSC)
		fake->accel.guest_tsc = fake_guest_tsc;
	fake->vm.accel = &fake->accel;
	fake->vm.synic_mode = options & FAKE_WITH_IRQFD ? SYNIC_MODE_USER : SYNIC_MODE_SIM;
	if (options & FAKE_KERNEL) {
		fake->accel.assert_sint = fake_assert_sint;
		fake->vm.synic_mode = SYNIC_MODE_KERNEL;
	}
	if (options & FAKE_WITH_SIGNALS)
		fake->accel.signal_eventfd = fake_signal_eventfd;
}

static void init_parts(struct vm *vm)
{
	capture_init(&vm->capture, vm->clock);
	overlays_init(&vm->overlays, &vm->memory);
	TAILQ_INIT(&vm->devices);
	for (uint8_t vtl = 0; vtl < HV_VTL_COUNT; vtl++)
		hv_partition_init(&vm->hv[vtl], vm, vtl);
	assert_int_equal(guest_memory_init(&vm->memory, FAKE_MEMORY_BYTES), 0);
	assert_int_equal(iobus_init(&vm->iobus), 0);
	assert_int_equal(ports_init(&vm->ports, vm), 0);
	assert_int_equal(gsi_table_init(&vm->gsis, vm), 0);
	assert_int_equal(sint_routes_init(&vm->routes, vm), 0);
	assert_int_equal(monitor_init(&vm->monitor, vm), 0);
	assert_int_equal(faults_init(&vm->faults, vm), 0);
}

struct fake_vm *fake_vm_new(unsigned vp_count, unsigned options)
{
	struct fake_vm *fake = calloc(1, sizeof(*fake));
	struct vm *vm;

	assert_non_null(fake);
	vm = &fake->vm;
	rcu_thread_init();
	pthread_mutex_init(&fake->lock, NULL);
	clock_manual_init(&fake->clock, FAKE_START_NS);
	vm->clock = &fake->clock.clock;
	assert_int_equal(loop_new(&vm->loop), 0);
	assert_int_equal(recorder_new(vm->clock, RING_RECORDS, &vm->recorder), 0);
	init_backend(fake, options);
	init_parts(vm);
	reftime_init(&vm->reftime, vm, options & FAKE_WITH_TSC ? FAKE_TSC_HZ : 0);
	for (unsigned i = 0; i < vp_count; i++)
		vm->vcpu[i] = fake_vcpu_new(vm, i);
	vm->vp_count = vp_count;
	return fake;
}

static void fake_vcpu_free(struct vcpu *vcpu)
{
	for (unsigned vtl = 0; vtl < HV_VTL_COUNT; vtl++)
		synic_deinit(&vcpu->synic[vtl]);
	pthread_cond_destroy(&vcpu->mail_cond);
	pthread_mutex_destroy(&vcpu->mail_lock);
	free(vcpu);
}

void fake_vm_free(struct fake_vm *fake)
{
	struct vm *vm = &fake->vm;

	for (unsigned i = 0; i < vm->vp_count; i++) {
		for (unsigned vtl = 0; vtl < HV_VTL_COUNT; vtl++)
			synic_reset(&vm->vcpu[i]->synic[vtl]);
	}
	loop_drain(vm->loop);
	assert_int_equal(vm->routes.count, 0);
	monitor_deinit(&vm->monitor);
	faults_deinit(&vm->faults);
	for (unsigned i = 0; i < vm->vp_count; i++)
		fake_vcpu_free(vm->vcpu[i]);
	sint_routes_deinit(&vm->routes);
	gsi_table_deinit(&vm->gsis);
	ports_deinit(&vm->ports);
	for (unsigned vtl = 0; vtl < HV_VTL_COUNT; vtl++)
		hv_partition_deinit(&vm->hv[vtl]);
	overlays_deinit(&vm->overlays);
	capture_deinit(&vm->capture);
	iobus_deinit(&vm->iobus);
	guest_memory_deinit(&vm->memory);
	recorder_free(vm->recorder);
	loop_free(vm->loop);
	for (unsigned i = 0; i < fake->irqfd_count; i++)
		assert_false(fake->irqfds[i].bound);
	assert_int_equal(fake->signal_count, 0);
	pthread_mutex_destroy(&fake->lock);
	free(fake);
}

/* ---- time and the main loop ------------------------------------------------------------------ */

void fake_vm_advance_ns(struct fake_vm *fake, uint64_t by_ns)
{
	clock_manual_advance(&fake->clock, by_ns);
	for (unsigned i = 0; i < fake->vm.vp_count; i++) {
		for (unsigned vtl = 0; vtl < HV_VTL_COUNT; vtl++)
			synic_deadline(&fake->vm.vcpu[i]->synic[vtl]);
	}
}

void fake_vm_run_loop(struct fake_vm *fake)
{
	assert_int_equal(loop_run_ready(fake->vm.loop), 0);
}

/* ---- mode kernel -------------------------------------------------------------------------- */

void fake_vm_enter_vcpu(struct fake_vm *fake, uint32_t vp)
{
	vcpu_set_current(fake->vm.vcpu[vp]);
}

void fake_vm_leave_vcpu(void)
{
	vcpu_set_current(NULL);
}

bool fake_vm_work(struct fake_vm *fake, uint32_t vp)
{
	struct vcpu *vcpu = fake->vm.vcpu[vp];

	if (!atomic_exchange(&vcpu->work, false))
		return false;
	fake_vm_enter_vcpu(fake, vp);
	synic_work(&vcpu->synic[0]);
	fake_vm_leave_vcpu();
	return true;
}

void fake_vm_sync(
	struct fake_vm *fake, uint32_t vp, uint64_t scontrol, uint64_t siefp, uint64_t simp)
{
	fake_vm_enter_vcpu(fake, vp);
	synic_kernel_sync(fake_vm_synic(fake, vp), scontrol, siefp, simp);
	fake_vm_leave_vcpu();
}

void fake_vm_eom(struct fake_vm *fake, uint32_t vp)
{
	pthread_mutex_lock(&fake->lock);
	for (unsigned i = 0; i < fake->irqfd_count; i++) {
		const struct fake_irqfd *irqfd = &fake->irqfds[i];

		if (irqfd->bound && irqfd->ack_fd >= 0 && routed_to(fake, irqfd->gsi)->vp == vp)
			assert_int_equal(eventfd_write(irqfd->ack_fd, 1), 0);
	}
	pthread_mutex_unlock(&fake->lock);
}

/* ---- what happened --------------------------------------------------------------------------- */

unsigned fake_vm_asserted(struct fake_vm *fake, uint32_t vp, uint8_t vector)
{
	unsigned count = 0;

	pthread_mutex_lock(&fake->lock);
	for (unsigned i = 0; i < MIN(fake->vector_count, (unsigned)FAKE_VECTORS); i++)
		count += fake->vectors[i].vp == vp && fake->vectors[i].vector == vector;
	pthread_mutex_unlock(&fake->lock);
	return count;
}

unsigned fake_vm_asserted_in_all(struct fake_vm *fake)
{
	unsigned count;

	pthread_mutex_lock(&fake->lock);
	count = fake->vector_count;
	pthread_mutex_unlock(&fake->lock);
	return count;
}

static unsigned find_records(struct fake_vm *fake, uint16_t type, struct record *ret_last)
{
	struct record_cursor cursor = {.next = 1};
	struct record records[64];
	unsigned count = 0;
	uint64_t gap;
	size_t n;

	while ((n = recorder_read(fake->vm.recorder, &cursor, records, ARRAY_LEN(records), &gap)) >
		0) {
		for (size_t i = 0; i < n; i++) {
			if (records[i].type != type)
				continue;
			*ret_last = records[i];
			count++;
		}
	}
	return count;
}

unsigned fake_vm_recorded(struct fake_vm *fake, uint16_t type)
{
	struct record unused;

	return find_records(fake, type, &unused);
}

struct record fake_vm_last_record(struct fake_vm *fake, uint16_t type)
{
	struct record last = {0};

	assert_true(find_records(fake, type, &last) > 0);
	return last;
}

/* ---- the guest's side -------------------------------------------------- */

struct synic *fake_vm_synic(struct fake_vm *fake, uint32_t vp)
{
	return &fake->vm.vcpu[vp]->synic[0];
}

static uint64_t page_of(uint64_t gpa, uint32_t vp)
{
	return gpa + (uint64_t)vp * HV_PAGE_SIZE;
}

static void write_msr(struct synic *synic, uint32_t index, uint64_t value)
{
	assert_int_equal(synic_msr_write(synic, index, value), HV_FAULT_NONE);
}

void fake_vm_enable(struct fake_vm *fake, uint32_t vp)
{
	struct synic *synic = fake_vm_synic(fake, vp);

	if (synic_is_kernel(synic)) {
		fake_vm_sync(fake, vp, HV_SCONTROL_ENABLE,
			page_of(FAKE_SIEFP_GPA, vp) | HV_PAGE_ENABLE,
			page_of(FAKE_SIMP_GPA, vp) | HV_PAGE_ENABLE);
		return;
	}
	write_msr(synic, HV_MSR_SIMP, page_of(FAKE_SIMP_GPA, vp) | HV_PAGE_ENABLE);
	write_msr(synic, HV_MSR_SIEFP, page_of(FAKE_SIEFP_GPA, vp) | HV_PAGE_ENABLE);
	for (unsigned n = 0; n < HV_SINT_COUNT; n++)
		write_msr(synic, HV_MSR_SINT0 + n, FAKE_VECTOR + n);
	write_msr(synic, HV_MSR_SCONTROL, HV_SCONTROL_ENABLE);
}

void *fake_vm_ram(struct fake_vm *fake, uint64_t gpa)
{
	return guest_memory_at(&fake->vm.memory, gpa, HV_PAGE_SIZE);
}

struct hv_message *fake_vm_slot(struct fake_vm *fake, uint32_t vp, unsigned sint)
{
	struct hv_message_page *page = fake_vm_ram(fake, page_of(FAKE_SIMP_GPA, vp));

	return &page->slot[sint];
}

struct hv_event_flags *fake_vm_flags(struct fake_vm *fake, uint32_t vp, unsigned sint)
{
	struct hv_event_flags_page *page = fake_vm_ram(fake, page_of(FAKE_SIEFP_GPA, vp));

	return &page->sint[sint];
}

void fake_vm_consume(struct fake_vm *fake, uint32_t vp, unsigned sint)
{
	struct hv_message *slot = fake_vm_slot(fake, vp, sint);

	__atomic_store_n(&slot->header.type, HV_MESSAGE_TYPE_NONE, __ATOMIC_SEQ_CST);
	if (!(__atomic_load_n(&slot->header.flags, __ATOMIC_SEQ_CST) & HV_MESSAGE_FLAG_PENDING))
		return;
	if (synic_is_kernel(fake_vm_synic(fake, vp)))
		fake_vm_eom(fake, vp);
	else
		write_msr(fake_vm_synic(fake, vp), HV_MSR_EOM, 0);
}
