/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Guest ports: host-to-guest message and event senders (spec 10.1).
 *
 * A message port owns GUEST_PORT_MESSAGES buffers. Messages go straight into the SINT's FIFO while
 * it has room and wait in the port, in order, while it has not. Either kind of port holds a
 * reference to the SINT route of its target.
 *
 * A port keeps its target: who wants another makes another port.
 *
 * Purpose: post messages in order to a (VTL, VP, SINT) and set one event flag there.
 * Threads: post and signal on any thread, VP threads inside a hypercall too: no allocation, no
 *          wait. new and free anywhere but in a port handler: a route may be made.
 * Errors:  -EAGAIN every buffer is in use, -EINVAL, -ENOENT no such VP, or those of synic.h.
 */
#include <stdint.h>
#include "common/util.h"
#include "vmm/sint_route.h"

struct vcpu;
struct vm;
struct guest_message_port;
struct guest_event_port;

enum { GUEST_PORT_MESSAGES = 64 };

int guest_message_port_new(struct vm *vm, uint8_t vtl, uint32_t vp, uint8_t sint,
	struct guest_message_port **ret_port) MUST_CHECK;
/* Messages that did not reach their slot yet are dropped. NULL is fine; returns NULL. */
struct guest_message_port *guest_message_port_free(struct guest_message_port *port);
int guest_message_port_post(struct guest_message_port *port, uint32_t type, const void *payload, size_t size) MUST_CHECK;

int guest_event_port_new(struct vm *vm, uint8_t vtl, uint32_t vp, uint8_t sint, uint16_t flag,
	struct guest_event_port **ret_port) MUST_CHECK;
struct guest_event_port *guest_event_port_free(struct guest_event_port *port);
/*
 * 0 newly set, 1 already set, or as synic_set_event_flag(). `caller` is the VP whose HvSignalEvent
 * is carried out, NULL when the host signals of its own accord: only the guest is refused a masked
 * SINT.
 */
int guest_event_port_signal(struct guest_event_port *port, const struct vcpu *caller) MUST_CHECK;
/* Any thread: 1 the guest has not consumed the flag yet, 0 it has, -ENXIO SIEFP off. */
int guest_event_port_is_set(const struct guest_event_port *port) MUST_CHECK;
