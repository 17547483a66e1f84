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

struct console;
struct testdev;
struct vm;
struct vmbus;

enum { CATALOG_MAX = 32 };

/*
 * Whose nodes they are; all borrowed. NULL: a machine without it. The classes of its bus are there
 * nevertheless, and empty; a tree has no place for the others.
 */
struct catalog_owners {
	struct vm *vm;
	struct vmbus *bus;
	struct console *console;
	struct testdev *testdev;
};

/* Fills in the classes with their owners and returns how many. No owners: for what needs no objects. */
size_t catalog_providers(
	const struct catalog_owners *owners, struct node_provider ret_providers[CATALOG_MAX]);
