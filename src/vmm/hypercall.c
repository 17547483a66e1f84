/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A call runs through one line of gates, in the order of spec 6.3 and 6.4:
 *
 *	CPL 0, protected mode, page enabled	#UD
 *	code known				0x02
 *	privilege				0x06
 *	reserved bits, rep, variable header	0x03
 *	fast form allowed by the row		0x03
 *	slow: aligned, in one page, RAM		0x04
 *	reserved bits of the input's first word	0x03
 *	the row's handler			its own statuses
 *
 * The input is copied out of guest memory or registers once; everything after works on the copy.
 *
 * An input that lies on an overlay page is accepted, unlike TLFS 3.6: overlays are swapped into
 * RAM by copy, so the call sees exactly what the guest sees at that address.
 *
 * In mode kernel KVM stands before the first gate and asks for the page only that GUEST_OS_ID be
 * set; it has passed some of the others, which hold for ever and are passed again.
 *
 * The hypercall page itself is guest RAM while it is enabled; a guest that writes to it harms
 * itself only.
 */
#include "vmm/hypercall.h"
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include "hvdef/hv_cpuid.h"
#include "hvdef/hv_msr.h"
#include "vmm/event.h"
#include "vmm/vm.h"

/* Control, input and (unused so far) output, whichever way the caller passed them. */
struct call {
	uint64_t control;
	uint64_t input; /* GPA, or the first eight bytes when `by_value` */
	uint64_t output;
	bool by_value; /* fast, or read by KVM */
};

union call_input {
	struct hv_post_message_input post_message;
	struct hv_signal_event_input signal_event;
	uint64_t word[2]; /* the fast form */
};

/* ---- handlers ------------------------------------------------------------- */

static enum hv_status call_notify_long_spin_wait(
	struct vcpu *vcpu, uint8_t vtl, const union call_input *input)
{
	atomic_fetch_add_explicit(&vcpu->long_spin_waits, 1, memory_order_relaxed);
	sched_yield();
	return HV_STATUS_SUCCESS;
}

static enum hv_status call_post_message(
	struct vcpu *vcpu, uint8_t vtl, const union call_input *input)
{
	return ports_post_message(&vcpu->vm->ports, vcpu, vtl, &input->post_message);
}

static enum hv_status call_signal_event(
	struct vcpu *vcpu, uint8_t vtl, const union call_input *input)
{
	return ports_signal_event(&vcpu->vm->ports, vcpu, vtl, input->signal_event.connection_id,
		input->signal_event.flag_number);
}

/* ---- the table ------------------------------------------------------------ */

struct call_row {
	uint16_t code;
	const char *name;
	uint16_t input_size;     /* bytes; 0: the input is not looked at */
	bool fast;               /* may come in registers */
	bool records_itself;     /* the handler writes a record of its own */
	uint64_t input_reserved; /* bits of the first input word that must be zero */
	struct hv_privileges need;
	enum hv_status (*run)(struct vcpu *vcpu, uint8_t vtl, const union call_input *input);
};

/* In ascending order of codes; the last row stands for all others. */
static const struct call_row call_table[HYPERCALL_STAT_CODES] = {
	{
		.code = HV_CALL_NOTIFY_LONG_SPIN_WAIT,
		.name = "HvNotifyLongSpinWait",
		.fast = true,
		.run = call_notify_long_spin_wait,
	},
	{
		.code = HV_CALL_POST_MESSAGE,
		.name = "HvPostMessage",
		.input_size = sizeof(struct hv_post_message_input),
		.records_itself = true,
		.need = {.ebx = HV_PRIV_POST_MESSAGES},
		.run = call_post_message,
	},
	{
		.code = HV_CALL_SIGNAL_EVENT,
		.name = "HvSignalEvent",
		.input_size = sizeof(struct hv_signal_event_input),
		.fast = true,
		.records_itself = true,
		.input_reserved = UINT64_C(0xffff) << 48,
		.need = {.ebx = HV_PRIV_SIGNAL_EVENTS},
		.run = call_signal_event,
	},
	{.code = HYPERCALL_CODE_OTHER, .name = "other"},
};

static const struct call_row *find_call(uint64_t control)
{
	uint64_t code = control & HV_CONTROL_CODE_MASK;
	const struct call_row *row = call_table;

	while (row->run && row->code != code)
		row++;
	return row;
}

/* ---- one call ------------------------------------------------------------- */

/* Simple calls: no repetition, no variable header; the nested bit is not offered. */
#define CONTROL_MUST_BE_ZERO                                                         \
	(HV_CONTROL_RESERVED_MASK | HV_CONTROL_NESTED | HV_CONTROL_VAR_HEADER_MASK | \
		HV_CONTROL_REP_COUNT_MASK | HV_CONTROL_REP_START_MASK)

static struct call decode(const struct hypercall_regs *regs)
{
	struct call call = {
		.control = regs->rdx << 32 | (uint32_t)regs->rax,
		.input = regs->rbx << 32 | (uint32_t)regs->rcx,
		.output = regs->rdi << 32 | (uint32_t)regs->rsi,
	};

	if (regs->long_mode)
		call = (struct call){regs->rcx, regs->rdx, regs->r8};
	call.by_value = call.control & HV_CONTROL_FAST;
	return call;
}

static void encode(struct hypercall_regs *regs, uint64_t result)
{
	if (regs->long_mode) {
		regs->rax = result;
	} else {
		regs->rax = (uint32_t)result;
		regs->rdx = result >> 32;
	}
}

static enum hv_status copy_slow_input(
	struct vm *vm, const struct call_row *row, uint64_t gpa, union call_input *input)
{
	if (gpa % 8)
		return HV_STATUS_INVALID_ALIGNMENT;
	if (gpa % HV_PAGE_SIZE + row->input_size > HV_PAGE_SIZE)
		return HV_STATUS_INVALID_ALIGNMENT;
	if (guest_memory_read(&vm->memory, gpa, input, row->input_size))
		return HV_STATUS_INVALID_ALIGNMENT;
	return HV_STATUS_SUCCESS;
}

static enum hv_status copy_input(
	struct vm *vm, const struct call_row *row, const struct call *call, union call_input *input)
{
	enum hv_status status = HV_STATUS_SUCCESS;

	if (call->by_value) {
		input->word[0] = call->input;
		input->word[1] = call->output;
	} else {
		status = copy_slow_input(vm, row, call->input, input);
	}
	if (status == HV_STATUS_SUCCESS && (input->word[0] & row->input_reserved))
		status = HV_STATUS_INVALID_HYPERCALL_INPUT;
	return status;
}

/* Everything up to the handler, which gets a copy of its input. */
static enum hv_status admit(struct vcpu *vcpu, uint8_t vtl, const struct call_row *row,
	const struct call *call, union call_input *input)
{
	if (!row->run)
		return HV_STATUS_INVALID_HYPERCALL_CODE;
	if (!hv_privileges_cover(hv_privileges(vcpu->vm, vtl), row->need))
		return HV_STATUS_ACCESS_DENIED;
	if (call->control & CONTROL_MUST_BE_ZERO)
		return HV_STATUS_INVALID_HYPERCALL_INPUT;
	if ((call->control & HV_CONTROL_FAST) && !row->fast)
		return HV_STATUS_INVALID_HYPERCALL_INPUT;
	if (!row->input_size)
		return HV_STATUS_SUCCESS;
	return copy_input(vcpu->vm, row, call, input);
}

static enum hv_status execute(
	struct vcpu *vcpu, uint8_t vtl, const struct call_row *row, const struct call *call)
{
	union call_input input;
	enum hv_status status = admit(vcpu, vtl, row, call, &input);
	bool admitted = status == HV_STATUS_SUCCESS;

	if (admitted)
		status = row->run(vcpu, vtl, &input);
	if (!admitted || !row->records_itself)
		hv_record(vcpu->vm->recorder, HV_EVENT_HYPERCALL, vcpu->index, vtl, RECORD_NO_SINT,
			call->control & HV_CONTROL_CODE_MASK, call->control, status);
	return status;
}

/* Messages and signals are captured by ports.c; of them this is told only that they failed. */
static void capture_call(
	struct vcpu *vcpu, uint8_t vtl, const struct call *call, enum hv_status status)
{
	const struct capture_meta meta = {
		.kind = CAPTURE_HYPERCALL,
		.direction = CAPTURE_TO_HOST,
		.vtl = vtl,
		.sint = RECORD_NO_SINT,
		.vp = vcpu->index,
		.connection_id = CAPTURE_NONE,
		.value = call->control,
		.status = status,
	};
	uint64_t words[] = {call->input, call->output};
	const struct iovec registers = {.iov_base = words, .iov_len = sizeof(words)};

	capture_put(&vcpu->vm->capture, &meta, &registers, 1);
}

static void count(struct vm *vm, const struct call_row *row, enum hv_status status, uint64_t calls)
{
	struct hypercall_stat *stat = &vm->hypercalls.code[row - call_table];
	unsigned place = MIN((unsigned)status, HYPERCALL_STAT_STATUSES - 1u);

	atomic_fetch_add_explicit(&stat->by_status[place], calls, memory_order_relaxed);
}

uint64_t hypercall_count(struct vm *vm, uint32_t code, enum hv_status status)
{
	const struct hypercall_stat *stat = &vm->hypercalls.code[find_call(code) - call_table];
	unsigned place = MIN((unsigned)status, HYPERCALL_STAT_STATUSES - 1u);

	return atomic_load_explicit(&stat->by_status[place], memory_order_relaxed);
}

void hypercall_count_signals(struct vm *vm, uint64_t calls)
{
	count(vm, find_call(HV_CALL_SIGNAL_EVENT), HV_STATUS_SUCCESS, calls);
}

static bool callable(const struct vcpu *vcpu, uint8_t vtl, const struct hypercall_regs *regs)
{
	return regs->protected_mode && regs->cpl == 0 &&
	       (vcpu->vm->hv[vtl].hypercall & HV_PAGE_ENABLE);
}

static enum hv_status run_and_count(struct vcpu *vcpu, uint8_t vtl, const struct call *call)
{
	const struct call_row *row = find_call(call->control);
	enum hv_status status = execute(vcpu, vtl, row, call);

	count(vcpu->vm, row, status, 1);
	if (capture_wanted(&vcpu->vm->capture) &&
		(!row->records_itself || status != HV_STATUS_SUCCESS))
		capture_call(vcpu, vtl, call, status);
	return status;
}

enum hv_fault hypercall_dispatch(struct vcpu *vcpu, uint8_t vtl, struct hypercall_regs *regs)
{
	struct call call = decode(regs);

	if (!callable(vcpu, vtl, regs)) {
		atomic_fetch_add_explicit(&vcpu->hypercall_faults, 1, memory_order_relaxed);
		hv_record(vcpu->vm->recorder, HV_EVENT_HYPERCALL_FAULT, vcpu->index, vtl,
			RECORD_NO_SINT, call.control, regs->cpl);
		return HV_FAULT_UD;
	}
	encode(regs, run_and_count(vcpu, vtl, &call));
	return HV_FAULT_NONE;
}

uint64_t hypercall_from_kvm(struct vcpu *vcpu, uint64_t control, uint64_t input, uint64_t output)
{
	bool signal = (control & HV_CONTROL_CODE_MASK) == HV_CALL_SIGNAL_EVENT;
	const struct call call = {
		.control = control,
		.input = input,
		.output = output,
		.by_value = signal || (control & HV_CONTROL_FAST),
	};

	return run_and_count(vcpu, 0, &call);
}

/* ---- page and names ------------------------------------------------------- */

void hypercall_fill_page(uint8_t page[HV_PAGE_SIZE])
{
	static const uint8_t code[] = {
		0xf3, 0x0f, 0x1e, 0xfa,                             /* endbr64 */
		[HYPERCALL_PAGE_OUT_OFFSET] = 0xe7, HYPERCALL_PORT, /* out HYPERCALL_PORT, eax */
		[HYPERCALL_PAGE_RET_OFFSET] = 0xc3,                 /* ret */
	};

	memset(page, 0xcc, HV_PAGE_SIZE); /* int3 */
	memcpy(page, code, sizeof(code));
}

const char *hv_status_name(uint64_t status)
{
	switch (status) {
	case HV_STATUS_SUCCESS:
		return "success";
	case HV_STATUS_INVALID_HYPERCALL_CODE:
		return "invalid_hypercall_code";
	case HV_STATUS_INVALID_HYPERCALL_INPUT:
		return "invalid_hypercall_input";
	case HV_STATUS_INVALID_ALIGNMENT:
		return "invalid_alignment";
	case HV_STATUS_INVALID_PARAMETER:
		return "invalid_parameter";
	case HV_STATUS_ACCESS_DENIED:
		return "access_denied";
	case HV_STATUS_OPERATION_DENIED:
		return "operation_denied";
	case HV_STATUS_INSUFFICIENT_MEMORY:
		return "insufficient_memory";
	case HV_STATUS_INVALID_VP_INDEX:
		return "invalid_vp_index";
	case HV_STATUS_INVALID_PORT_ID:
		return "invalid_port_id";
	case HV_STATUS_INVALID_CONNECTION_ID:
		return "invalid_connection_id";
	case HV_STATUS_INSUFFICIENT_BUFFERS:
		return "insufficient_buffers";
	case HV_STATUS_INVALID_SYNIC_STATE:
		return "invalid_synic_state";
	default:
		return "unknown";
	}
}

/* ---- inspection ----------------------------------------------------------- */

static const struct field status_fields[] = {
	{FIELD_X(struct hypercall_status_info, status, 0, "HV_STATUS (TLFS 3.8).")},
	{FIELD_S(struct hypercall_status_info, name, 0, "Its name.")},
	{FIELD_U(struct hypercall_status_info, count, 0, "Calls answered with it.")},
};
static const struct field_table status_table = FIELD_TABLE(struct hypercall_status_info,
	"hypercall_status", "How often a hypercall ended in one status.", status_fields);

static const struct field hypercall_fields[] = {
	{FIELD_U(struct hypercall_info, code, 0,
		"Call code (TLFS 3.4); 65535 stands for every code that is not implemented.")},
	{FIELD_S(struct hypercall_info, name, 0, "The call's name in the TLFS.")},
	{FIELD_U(struct hypercall_info, count, 0,
		"Calls since the VM was created. In mode kernel KVM answers some itself: of those only "
		"signals to ports with a fast path are counted.")},
	{FIELD_A(struct hypercall_info, statuses, status_count, &status_table,
		"The statuses that occurred.")},
};
static const struct field_table hypercall_table = FIELD_TABLE(struct hypercall_info, "hypercall",
	"One hypercall and how its calls ended.", hypercall_fields);

static void add_status(struct hypercall_info *info, unsigned status, uint64_t count)
{
	struct hypercall_status_info *row = &info->statuses[info->status_count++];

	row->status = status;
	row->count = count;
	snprintf(row->name, sizeof(row->name), "%s", hv_status_name(status));
	info->count += count;
}

static void fill_info(struct vm *vm, unsigned row, struct hypercall_info *ret_info)
{
	struct hypercall_stat *stat = &vm->hypercalls.code[row];
	struct hypercall_info info = {.code = call_table[row].code};

	snprintf(info.name, sizeof(info.name), "%s", call_table[row].name);
	for (unsigned i = 0; i < HYPERCALL_STAT_STATUSES; i++) {
		uint64_t count = atomic_load_explicit(&stat->by_status[i], memory_order_relaxed);

		if (count)
			add_status(&info, i, count);
	}
	*ret_info = info;
}

static int hypercall_get(void *owner, const uint64_t *key, void *ret_info)
{
	for (unsigned i = 0; i < ARRAY_LEN(call_table); i++)
		if (call_table[i].code == key[0]) {
			fill_info(owner, i, ret_info);
			return 0;
		}
	return -ENOENT;
}

static void hypercall_list(void *owner, const uint64_t *key, unsigned fixed, const uint64_t *after,
	node_visit_fn visit, void *arg)
{
	struct hypercall_info info;

	for (unsigned i = 0; i < ARRAY_LEN(call_table); i++) {
		uint64_t code = call_table[i].code;

		if ((fixed && code != key[0]) || (after && code <= *after))
			continue;
		fill_info(owner, i, &info);
		if (visit(arg, &code, &info))
			return;
	}
}

const struct node_class hypercall_node_class = {
	.path = "hypercalls/{code}",
	.fields = &hypercall_table,
	.key_count = 1,
	.get = hypercall_get,
	.list = hypercall_list,
};
