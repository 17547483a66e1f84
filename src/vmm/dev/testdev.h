/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The SynIC test device: lets a guest make SINT routes and ports of its own (spec 11).
 *
 * One 4-byte port at TESTDEV_PORT, encoded as in QEMU's hyperv-testdev so that existing test
 * guests run unchanged: 7:0 SINT, 15:8 VP, 23:16 command, 31:24 connection id. Reads give 0.
 *
 *	1 SINT_ROUTE_CREATE   2 SINT_ROUTE_DESTROY   3 SINT_ROUTE_SET_SINT
 *	4 MSG_CONN_CREATE     5 MSG_CONN_DESTROY
 *	6 EVT_CONN_CREATE     7 EVT_CONN_DESTROY
 *
 * A message connection sends what is posted to it to its own (VP, SINT); while one message waits
 * for its slot, further posts get INSUFFICIENT_BUFFERS and leave it alone. An event connection
 * sets the flag whose number is its connection id; in mode kernel signals to it do not exit, so that
 * the flag is set a moment later, and the guest is told of success whatever state its SINT and
 * SIEFP are in. A command that makes no sense is ignored,
 * counted and recorded; whatever is made is bounded.
 *
 * Purpose: port 0x3000 (--testdev).
 * Threads: new, free and resets on the main loop, free and resets with no VP running; commands on VP
 *          threads; ports and completions as ports.h and sint_route.h say.
 * Errors:  negative errno of the iobus.
 */
#include <stdint.h>
#include "common/node.h"
#include "common/util.h"

struct testdev;
struct vm;

#define TESTDEV_PORT 0x3000

enum testdev_command {
	TESTDEV_ROUTE_CREATE = 1,
	TESTDEV_ROUTE_DESTROY,
	TESTDEV_ROUTE_SET_SINT,
	TESTDEV_MSG_CONN_CREATE,
	TESTDEV_MSG_CONN_DESTROY,
	TESTDEV_EVT_CONN_CREATE,
	TESTDEV_EVT_CONN_DESTROY,
};

/* Before the VM runs: claims the I/O port for the VM's life; the VM's resets reach it. */
int testdev_new(struct vm *vm, struct testdev **ret_dev) MUST_CHECK;
/*
 * With the VM stopped, before vm_free(). Releases everything a guest made; messages still waiting
 * are cancelled. NULL is fine; returns NULL.
 */
struct testdev *testdev_free(struct testdev *dev);

struct testdev_info {
	uint64_t commands, refused;
};
extern const struct node_class testdev_node_class; /* testdev; owner: struct testdev */
