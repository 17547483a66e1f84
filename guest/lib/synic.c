/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's half of the SynIC protocol.
 *
 * A slot is freed by storing type 0; only then may the pending flag be looked at, with a full
 * barrier between the two, because the hypervisor sets the flag and then looks at the type
 * (TLFS 11.10.3). Either it sees the free slot, or we see the flag and write EOM.
 */
#include "lib/machine.h"
#include "lib/synic.h"

#define GUEST_OS_ID UINT64_C(0x8100000000000001) /* open source, vendor 1 */

/* One page for all VPs: whoever comes first chooses it. */
static uint64_t hypercall_page(struct gx_vp *vp)
{
	uint64_t page = atomic_load(&vp->machine->hypercall_page), mine;

	if (page)
		return page;
	mine = gx_pages(vp, 1);
	return atomic_compare_exchange_strong(&vp->machine->hypercall_page, &page, mine) ? mine
											 : page;
}

void gx_hypercalls_enable(struct gx_vp *vp)
{
	vp->hypercall_page = hypercall_page(vp);
	gx_set_msr(vp, HV_MSR_GUEST_OS_ID, GUEST_OS_ID);
	gx_set_msr(vp, HV_MSR_HYPERCALL, vp->hypercall_page | HV_PAGE_ENABLE);
}

bool gx_is_kvm_synic(struct gx_vp *vp)
{
	return gx_has_option(vp, "kvm-synic");
}

void gx_synic_enable(struct gx_vp *vp)
{
	vp->simp = gx_pages(vp, 1);
	vp->siefp = gx_pages(vp, 1);
	gx_set_msr(vp, HV_MSR_SIMP, vp->simp | HV_PAGE_ENABLE);
	gx_set_msr(vp, HV_MSR_SIEFP, vp->siefp | HV_PAGE_ENABLE);
	gx_set_msr(vp, HV_MSR_SCONTROL, HV_SCONTROL_ENABLE);
}

void gx_set_sint(struct gx_vp *vp, unsigned sint, uint64_t value)
{
	gx_set_msr(vp, HV_MSR_SINT0 + sint, value);
}

struct hv_message *gx_slot(struct gx_vp *vp, unsigned sint)
{
	struct hv_message_page *page = gx_at(vp, vp->simp);

	return &page->slot[sint];
}

struct hv_event_flags *gx_flags(struct gx_vp *vp, unsigned sint)
{
	struct hv_event_flags_page *page = gx_at(vp, vp->siefp);

	return &page->sint[sint];
}

uint32_t gx_slot_type(struct gx_vp *vp, unsigned sint)
{
	return __atomic_load_n(&gx_slot(vp, sint)->header.type, __ATOMIC_ACQUIRE);
}

bool gx_slot_pending(struct gx_vp *vp, unsigned sint)
{
	return __atomic_load_n(&gx_slot(vp, sint)->header.flags, __ATOMIC_SEQ_CST) &
	       HV_MESSAGE_FLAG_PENDING;
}

bool gx_free_message(struct hv_message *slot)
{
	__atomic_exchange_n(&slot->header.type, HV_MESSAGE_TYPE_NONE, __ATOMIC_SEQ_CST);
	return __atomic_load_n(&slot->header.flags, __ATOMIC_SEQ_CST) & HV_MESSAGE_FLAG_PENDING;
}

bool gx_slot_free(struct gx_vp *vp, unsigned sint)
{
	return gx_free_message(gx_slot(vp, sint));
}

void gx_eom(struct gx_vp *vp)
{
	gx_set_msr(vp, HV_MSR_EOM, 0);
}

/* The hypervisor may set the pending flag meanwhile: no load may cover more than its field. */
void gx_copy_message(const struct hv_message *slot, struct hv_message *ret_message)
{
	const struct hv_message_header *header = &slot->header;

	ret_message->header = (struct hv_message_header){
		.type = __atomic_load_n(&header->type, __ATOMIC_ACQUIRE),
		.payload_size = __atomic_load_n(&header->payload_size, __ATOMIC_RELAXED),
		.flags = __atomic_load_n(&header->flags, __ATOMIC_RELAXED),
		.sender = __atomic_load_n(&header->sender, __ATOMIC_RELAXED),
	};
	__builtin_memcpy(ret_message->payload, slot->payload, sizeof(ret_message->payload));
}

bool gx_take_message(struct gx_vp *vp, unsigned sint, struct hv_message *ret_message)
{
	if (gx_slot_type(vp, sint) == HV_MESSAGE_TYPE_NONE)
		return false;
	gx_copy_message(gx_slot(vp, sint), ret_message);
	if (gx_slot_free(vp, sint))
		gx_eom(vp);
	return true;
}

bool gx_take_flag(struct gx_vp *vp, unsigned sint, unsigned flag)
{
	uint64_t bit = UINT64_C(1) << (flag % 64);

	return __atomic_fetch_and(&gx_flags(vp, sint)->word[flag / 64], ~bit, __ATOMIC_SEQ_CST) &
	       bit;
}

uint64_t gx_input(struct gx_vp *vp)
{
	return vp->input;
}

uint16_t gx_hypercall(struct gx_vp *vp, uint64_t control, uint64_t input, uint64_t output)
{
	uint64_t result;
	enum gx_fault fault = gx_hypercall_as(vp, GX_CALLER_64BIT, control, input, output, &result);

	if (fault != GX_FAULT_NONE)
		gx_die(vp, "hypercall %lx faulted", control);
	return (uint16_t)result;
}

uint16_t gx_post(
	struct gx_vp *vp, uint32_t connection, uint32_t type, const void *payload, size_t size)
{
	struct hv_post_message_input *input = gx_at(vp, vp->input);

	*input = (struct hv_post_message_input){
		.connection_id = connection,
		.message_type = type,
		.payload_size = (uint32_t)size,
	};
	__builtin_memcpy(input->payload, payload, size);
	return gx_hypercall(vp, HV_CALL_POST_MESSAGE, vp->input, 0);
}

uint16_t gx_signal(struct gx_vp *vp, uint32_t connection, uint16_t flag)
{
	return gx_hypercall(
		vp, HV_CALL_SIGNAL_EVENT | HV_CONTROL_FAST, connection | (uint64_t)flag << 32, 0);
}

uint16_t gx_post_patiently(
	struct gx_vp *vp, uint32_t connection, uint32_t type, const void *payload, size_t size)
{
	struct gx_deadline deadline = gx_deadline(vp, GX_PATIENCE_MS);
	uint16_t status;

	do
		status = gx_post(vp, connection, type, payload, size);
	while (status == HV_STATUS_INSUFFICIENT_BUFFERS && !gx_expired(vp, &deadline));
	return status;
}

enum { TESTDEV_PORT = 0x3000 };

void gx_testdev(
	struct gx_vp *vp, unsigned command, uint32_t target, unsigned sint, uint8_t connection)
{
	gx_out(vp, TESTDEV_PORT, 4,
		(uint32_t)connection << 24 | command << 16 | target << 8 | sint);
}
