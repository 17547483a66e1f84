/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The first serial port: a 16550A at UART_PORT on interrupt line UART_IRQ.
 *
 * Transmission takes no time: a byte written is in the console at once, so the holding register is
 * always empty. Bytes received wait in a FIFO of 16, or of one when FIFOs are off; a byte below the
 * trigger level is reported as a character timeout without waiting for the four character times.
 * Baud rate and format are kept and have no effect.
 *
 * Purpose: the guest's console, exact enough for any 8250 driver.
 * Threads: uart_new() and uart_free() on the main thread; registers on VP threads, under a lock.
 * Errors:  those of iobus_add().
 */
#include "common/util.h"

struct console;
struct uart;
struct vm;

enum { UART_PORT = 0x3f8, UART_PORTS = 8, UART_IRQ = 4, UART_FIFO_BYTES = 16 };

/* `console` outlives the UART. Before the VM runs. */
int uart_new(struct vm *vm, struct console *console, struct uart **ret_uart) MUST_CHECK;
/* After vm_free(); NULL is fine; returns NULL. */
struct uart *uart_free(struct uart *uart);
