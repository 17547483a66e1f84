/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Every node class of the machine, in the order in which the tree shows them.
 *
 * Purpose: the daemon registers them, and the schemas are generated from them: one list for both.
 * Threads: constant.
 * Errors:  none.
 */
#include <stddef.h>
#include "common/node.h"

/* The owner of each is the struct vm. */
extern const struct node_class *const catalog_machine[];
extern const size_t catalog_machine_count;
