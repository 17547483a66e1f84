/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Host ports for the demo guest, owner "demo".
 *
 *	0x10001  message  each message comes back to the calling VP's SINT 2
 *	0x10002  event    sets flag DEMO_EVENT_FLAG of the calling VP's SINT 2
 *	0x10003  monitor  monitor id 0; sets flag DEMO_MONITOR_FLAG of the calling VP's SINT 2
 *	0x10004  message  takes each message and does nothing: what a bare HvPostMessage costs
 *	0x10005  event    the same for HvSignalEvent
 *	0x10006  event    sets flag DEMO_VP0_FLAG of VP 0's SINT 2, whoever calls
 *
 * A call without a VP (the API, the monitor page) is answered on VP 0. The last two ports need not
 * know the caller and have a fast path in mode kernel: then the guest is told of success at once,
 * and 0x10006 sets its flag as the host would, also for a masked SINT. The echo keeps order and
 * holds what the guest does not take yet; when it holds GUEST_PORT_MESSAGES, a post is answered
 * INSUFFICIENT_BUFFERS.
 *
 * A guest that wants monitored notification gives its page through the message port: a message of
 * type DEMO_MONITOR_PAGE_TYPE whose payload is the page's GPA (8 bytes). It comes back, when the
 * page is in use or was refused, with a payload of 4 bytes: 0 or a negative errno. A reset takes it
 * away.
 *
 * Purpose: give --demo somebody to talk to.
 * Threads: new and free on the main loop, handlers on any thread, without allocation.
 * Errors:  those of ports.h and guest_port.h.
 */
#include "common/util.h"

struct demo;
struct vm;

#define DEMO_MESSAGE_PORT 0x10001u
#define DEMO_EVENT_PORT   0x10002u
#define DEMO_MONITOR_PORT 0x10003u
#define DEMO_MESSAGE_SINK 0x10004u
#define DEMO_EVENT_SINK   0x10005u
#define DEMO_VP0_PORT     0x10006u

#define DEMO_MONITOR_PAGE_TYPE 0x6d6fu

enum { DEMO_SINT = 2, DEMO_EVENT_FLAG = 1, DEMO_MONITOR_FLAG = 2, DEMO_VP0_FLAG = 3 };

/* After the VM's VPs exist. */
int demo_new(struct vm *vm, struct demo **ret_demo) MUST_CHECK;
/* NULL is fine; returns NULL. */
struct demo *demo_free(struct demo *demo);
