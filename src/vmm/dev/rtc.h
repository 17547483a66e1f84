/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The battery-backed clock of a PC (MC146818) and its 114 bytes of memory.
 *
 * The time is the host's, in UTC, and cannot be set: writes to the time registers do nothing. It is
 * shown as the guest asks for in register B (BCD or binary, 12 or 24 hours), and register A says
 * "update in progress" for the last 244 us of each second. Alarm and periodic interrupts do not
 * exist; the bits that enable them are kept and have no effect.
 *
 * Purpose: the wall clock a guest reads at boot.
 * Threads: rtc_new() and rtc_free() on the main thread; registers on VP threads, under a lock.
 * Errors:  those of iobus_add().
 */
#include <stdint.h>
#include "common/util.h"

struct rtc;
struct vm;

enum { RTC_PORT = 0x70, RTC_PORTS = 2 };
enum { RTC_CENTURY = 0x32 }; /* the register, as the FADT says */

/* `realtime_ns`: since the epoch; any thread. Before the VM runs. */
int rtc_new(struct vm *vm, uint64_t (*realtime_ns)(void), struct rtc **ret_rtc) MUST_CHECK;
/* After vm_free(); NULL is fine; returns NULL. */
struct rtc *rtc_free(struct rtc *rtc);
