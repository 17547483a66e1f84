/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What is left of the keyboard controller: its reset line.
 *
 * There is no keyboard. The status register says that commands are taken and that no data waits, so
 * that nobody waits for either; a command 0xf0 to 0xff with bit 0 clear pulses output 0, which is
 * wired to the reset of the processor, and resets the VM.
 *
 * Purpose: ports 0x60 and 0x64.
 * Threads: added before VPs start; accesses on VP threads; no state.
 * Errors:  those of iobus_add().
 */
#include "common/util.h"

struct vm;

enum { I8042_DATA_PORT = 0x60, I8042_COMMAND_PORT = 0x64 };

int i8042_add(struct vm *vm) MUST_CHECK;
