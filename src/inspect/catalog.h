/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Every node class of the machine and its bus, in the order in which the tree shows them.
 *
 * Purpose: the daemon registers them, and the schemas are generated from them: one list for both.
 * Threads: any.
 * Errors:  none.
 */
#include <stddef.h>
#include "common/node.h"

struct vm;
struct vmbus;

enum { CATALOG_MAX = 32 };

/*
 * Fills in the classes with their owners and returns how many. `bus` NULL: a machine without one; its
 * nodes are absent. Both NULL: for what needs no objects.
 */
size_t catalog_providers(
	struct vm *vm, struct vmbus *bus, struct node_provider ret_providers[CATALOG_MAX]);
