/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/dev/demo.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "common/log.h"
#include "common/loop.h"
#include "vmm/guest_port.h"
#include "vmm/vm.h"

/* What leads back to one VP. */
struct answer {
	struct guest_message_port *echo;  /* owns */
	struct guest_event_port *event;   /* owns */
	struct guest_event_port *monitor; /* owns */
};

enum { DEMO_PORTS = 6 };

struct demo {
	struct vm *vm;                 /* borrows */
	struct port *port[DEMO_PORTS]; /* owns */
	struct answer answer[VM_MAX_VPS];
	struct guest_event_port *vp0; /* owns */
	struct vm_device device;

	/* The monitor page asked for last; handlers may not set it themselves. */
	struct loop_work page_work;
	_Atomic bool page_wanted; /* a reset takes the wish back */
	_Atomic uint64_t page_gpa;
	_Atomic uint32_t page_vp;
};

static struct answer *answer_for(struct demo *demo, const struct vcpu *caller)
{
	return &demo->answer[caller ? caller->index : 0];
}

static enum hv_status send_back(
	struct answer *answer, uint32_t type, const void *payload, size_t size)
{
	int r = guest_message_port_post(answer->echo, type, payload, size);

	if (r == -EAGAIN)
		return HV_STATUS_INSUFFICIENT_BUFFERS;
	return r ? HV_STATUS_INVALID_SYNIC_STATE : HV_STATUS_SUCCESS;
}

/* ---- the monitor page ----------------------------------------------------- */

static void set_page_on_loop(struct loop_work *work)
{
	struct demo *demo = container_of(work, struct demo, page_work);
	struct monitor *monitor = &demo->vm->monitor;
	int32_t result;

	if (!atomic_exchange(&demo->page_wanted, false))
		return;
	result = monitor_set_page(monitor, UINT64_MAX);
	if (result == 0)
		result = monitor_set_page(monitor, atomic_load(&demo->page_gpa));
	/* A guest that lets no room for the answer goes without. */
	(void)send_back(&demo->answer[atomic_load(&demo->page_vp)], DEMO_MONITOR_PAGE_TYPE, &result,
		sizeof(result));
}

static enum hv_status take_page(
	struct demo *demo, struct vcpu *caller, const struct hv_post_message_input *input)
{
	uint64_t gpa;

	if (input->payload_size != sizeof(gpa))
		return HV_STATUS_INVALID_PARAMETER;
	memcpy(&gpa, input->payload, sizeof(gpa));
	atomic_store(&demo->page_gpa, gpa);
	atomic_store(&demo->page_vp, caller ? caller->index : 0);
	atomic_store(&demo->page_wanted, true);
	loop_defer(demo->vm->loop, &demo->page_work);
	return HV_STATUS_SUCCESS;
}

static void reset_device(struct vm_device *device)
{
	struct demo *demo = container_of(device, struct demo, device);

	atomic_store(&demo->page_wanted, false);
	if (monitor_set_page(&demo->vm->monitor, UINT64_MAX) < 0)
		log_debug("the monitor page stays");
}

/* ---- handlers ------------------------------------------------------------- */

static enum hv_status on_message(
	void *arg, struct vcpu *caller, const struct hv_post_message_input *input)
{
	if (input->message_type == DEMO_MONITOR_PAGE_TYPE)
		return take_page(arg, caller, input);
	return send_back(
		answer_for(arg, caller), input->message_type, input->payload, input->payload_size);
}

static enum hv_status signal_guest(struct guest_event_port *port, const struct vcpu *caller)
{
	if (guest_event_port_signal(port, caller) < 0)
		return HV_STATUS_INVALID_SYNIC_STATE;
	return HV_STATUS_SUCCESS;
}

static enum hv_status on_event(void *arg, struct vcpu *caller, uint16_t flag)
{
	return signal_guest(answer_for(arg, caller)->event, caller);
}

static enum hv_status on_monitor(void *arg, struct vcpu *caller, uint16_t flag)
{
	return signal_guest(answer_for(arg, caller)->monitor, caller);
}

static enum hv_status on_vp0(void *arg, struct vcpu *caller, uint16_t flag)
{
	return signal_guest(((struct demo *)arg)->vp0, caller);
}

static int make_answer(struct vm *vm, uint32_t vp, struct answer *answer)
{
	int r;

	r = guest_message_port_new(vm, 0, vp, DEMO_SINT, &answer->echo);
	if (r)
		return r;
	r = guest_event_port_new(vm, 0, vp, DEMO_SINT, DEMO_EVENT_FLAG, &answer->event);
	if (r)
		return r;
	return guest_event_port_new(vm, 0, vp, DEMO_SINT, DEMO_MONITOR_FLAG, &answer->monitor);
}

static enum hv_status sink_message(
	void *arg, struct vcpu *caller, const struct hv_post_message_input *input)
{
	return HV_STATUS_SUCCESS;
}

static enum hv_status sink_event(void *arg, struct vcpu *caller, uint16_t flag)
{
	return HV_STATUS_SUCCESS;
}

static int add_ports(struct demo *demo)
{
	const struct port_spec specs[DEMO_PORTS] = {
		{.connection_id = DEMO_MESSAGE_PORT,
			.type = PORT_MESSAGE,
			.on_message = on_message},
		{.connection_id = DEMO_EVENT_PORT, .type = PORT_EVENT, .on_event = on_event},
		{.connection_id = DEMO_MONITOR_PORT, .type = PORT_MONITOR, .on_event = on_monitor},
		{.connection_id = DEMO_MESSAGE_SINK,
			.type = PORT_MESSAGE,
			.on_message = sink_message},
		{.connection_id = DEMO_EVENT_SINK,
			.type = PORT_EVENT,
			.coalesce = true,
			.on_event = sink_event},
		{.connection_id = DEMO_VP0_PORT,
			.type = PORT_EVENT,
			.coalesce = true,
			.on_event = on_vp0},
	};
	int r = 0;

	for (unsigned i = 0; r == 0 && i < DEMO_PORTS; i++) {
		struct port_spec spec = specs[i];

		spec.owner = "demo";
		spec.arg = demo;
		r = ports_add(&demo->vm->ports, &spec, &demo->port[i]);
	}
	return r;
}

int demo_new(struct vm *vm, struct demo **ret_demo)
{
	struct demo *demo = calloc(1, sizeof(*demo));
	int r = 0;

	if (!demo)
		return -ENOMEM;
	demo->vm = vm;
	demo->page_work.run = set_page_on_loop;
	demo->device.reset = reset_device;
	vm_add_device(vm, &demo->device);
	for (uint32_t vp = 0; !r && vp < vm->vp_count; vp++)
		r = make_answer(vm, vp, &demo->answer[vp]);
	if (!r)
		r = guest_event_port_new(vm, 0, 0, DEMO_SINT, DEMO_VP0_FLAG, &demo->vp0);
	if (!r)
		r = add_ports(demo);
	if (r) {
		demo_free(demo);
		return r;
	}
	*ret_demo = demo;
	return 0;
}

struct demo *demo_free(struct demo *demo)
{
	if (!demo)
		return NULL;
	/* The ports first: no handler may find an answer that is gone. */
	for (unsigned i = 0; i < DEMO_PORTS; i++)
		port_release(demo->port[i]);
	loop_drain(demo->vm->loop);
	vm_remove_device(demo->vm, &demo->device);
	for (uint32_t vp = 0; vp < demo->vm->vp_count; vp++) {
		guest_message_port_free(demo->answer[vp].echo);
		guest_event_port_free(demo->answer[vp].event);
		guest_event_port_free(demo->answer[vp].monitor);
	}
	guest_event_port_free(demo->vp0);
	free(demo);
	return NULL;
}
