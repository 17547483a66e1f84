/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Ports that PC software writes to waste a microsecond or to show a code to nobody: 0x80 (POST
 * code), 0xed (the other delay port) and 0xe9 (debug console of emulators).
 *
 * Claimed only so that the count of unclaimed accesses tells of real mistakes.
 *
 * Purpose: do nothing, knowingly.
 * Threads: added before VPs start; accesses on VP threads; no state.
 * Errors:  those of iobus_add().
 */
#include "common/util.h"

struct vm;

int delay_ports_add(struct vm *vm) MUST_CHECK;
