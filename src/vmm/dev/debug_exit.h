/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Debug exit: a guest ends the VM with a status of its own.
 *
 * A write of `value` (8, 16 or 32 bits) to DEBUG_EXIT_PORT stops the VM with VM_STOP_DEBUG_EXIT and the code
 * (value << 1) | 1, as QEMU's isa-debug-exit does; hvd exits with its low eight bits.
 *
 * Purpose: port 0xf4.
 * Threads: added before VPs start; writes on VP threads.
 * Errors:  those of iobus_add().
 */
#include "common/util.h"

struct vm;

#define DEBUG_EXIT_PORT 0xf4

int debug_exit_add(struct vm *vm) MUST_CHECK;
