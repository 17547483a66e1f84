/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Guest ports: host-to-guest message and event senders (spec 10.1).
 *
 * Purpose: post messages in order to a (VTL, VP, SINT) and set one event flag there.
 * Threads: any. A guest message port owns a bounded queue; results are told on the main loop.
 * Errors:  -EAGAIN queue full (64 messages), -EINVAL, or those of synic.h.
 */
#include <stdint.h>
#include "common/util.h"
#include "vmm/sint_route.h"

struct vm;
struct guest_message_port;
struct guest_event_port;

int guest_message_port_new(struct vm *vm, uint8_t vtl, uint32_t vp, uint8_t sint, const char *owner,
	struct guest_message_port **ret_port) MUST_CHECK;
struct guest_message_port *guest_message_port_free(struct guest_message_port *port);
int guest_message_port_post(struct guest_message_port *port, uint32_t type, const void *payload, size_t size) MUST_CHECK;
/* Later messages go to `vp`; those already queued stay where they are. */
int guest_message_port_set_target(struct guest_message_port *port, uint32_t vp) MUST_CHECK;

int guest_event_port_new(struct vm *vm, uint8_t vtl, uint32_t vp, uint8_t sint, uint16_t flag,
	struct guest_event_port **ret_port) MUST_CHECK;
struct guest_event_port *guest_event_port_free(struct guest_event_port *port);
/* 0 newly set, 1 already set, or as synic_set_event_flag(). */
int guest_event_port_signal(struct guest_event_port *port) MUST_CHECK;
int guest_event_port_set_target(struct guest_event_port *port, uint32_t vp) MUST_CHECK;
