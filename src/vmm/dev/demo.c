/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/dev/demo.h"
#include <errno.h>
#include <stdlib.h>
#include "vmm/guest_port.h"
#include "vmm/vm.h"

/* What leads back to one VP. */
struct answer {
	struct guest_message_port *echo;  /* owns */
	struct guest_event_port *event;   /* owns */
	struct guest_event_port *monitor; /* owns */
};

struct demo {
	struct vm *vm;                                         /* borrows */
	struct port *message_port, *event_port, *monitor_port; /* owns */
	struct answer answer[VM_MAX_VPS];
};

static struct answer *answer_for(struct demo *demo, const struct vcpu *caller)
{
	return &demo->answer[caller ? caller->index : 0];
}

static enum hv_status on_message(
	void *arg, struct vcpu *caller, const struct hv_post_message_input *input)
{
	struct answer *answer = answer_for(arg, caller);
	int r = guest_message_port_post(
		answer->echo, input->message_type, input->payload, input->payload_size);

	if (r == -EAGAIN)
		return HV_STATUS_INSUFFICIENT_BUFFERS;
	return r ? HV_STATUS_INVALID_SYNIC_STATE : HV_STATUS_SUCCESS;
}

static enum hv_status signal_guest(struct guest_event_port *port)
{
	return guest_event_port_signal(port) < 0 ? HV_STATUS_INVALID_SYNIC_STATE
						 : HV_STATUS_SUCCESS;
}

static enum hv_status on_event(void *arg, struct vcpu *caller, uint16_t flag)
{
	return signal_guest(answer_for(arg, caller)->event);
}

static enum hv_status on_monitor(void *arg, struct vcpu *caller, uint16_t flag)
{
	return signal_guest(answer_for(arg, caller)->monitor);
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

static int add_ports(struct demo *demo)
{
	struct ports *ports = &demo->vm->ports;
	const struct port_spec message = {
		.connection_id = DEMO_MESSAGE_PORT,
		.type = PORT_MESSAGE,
		.owner = "demo",
		.on_message = on_message,
		.arg = demo,
	};
	const struct port_spec event = {
		.connection_id = DEMO_EVENT_PORT,
		.type = PORT_EVENT,
		.owner = "demo",
		.on_event = on_event,
		.arg = demo,
	};
	const struct port_spec monitor = {
		.connection_id = DEMO_MONITOR_PORT,
		.type = PORT_MONITOR,
		.owner = "demo",
		.on_event = on_monitor,
		.arg = demo,
	};
	int r;

	r = ports_add(ports, &message, &demo->message_port);
	if (r)
		return r;
	r = ports_add(ports, &event, &demo->event_port);
	if (r)
		return r;
	return ports_add(ports, &monitor, &demo->monitor_port);
}

int demo_new(struct vm *vm, struct demo **ret_demo)
{
	struct demo *demo = calloc(1, sizeof(*demo));
	int r = 0;

	if (!demo)
		return -ENOMEM;
	demo->vm = vm;
	for (uint32_t vp = 0; !r && vp < vm->vp_count; vp++)
		r = make_answer(vm, vp, &demo->answer[vp]);
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
	port_release(demo->message_port);
	port_release(demo->event_port);
	port_release(demo->monitor_port);
	for (uint32_t vp = 0; vp < demo->vm->vp_count; vp++) {
		guest_message_port_free(demo->answer[vp].echo);
		guest_event_port_free(demo->answer[vp].event);
		guest_event_port_free(demo->answer[vp].monitor);
	}
	free(demo);
	return NULL;
}
