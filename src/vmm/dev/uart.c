/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/dev/uart.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include "vmm/dev/console.h"
#include "vmm/vm.h"

/* Registers by offset; 0 and 1 are the divisor while LCR_DLAB is set. */
enum { REG_DATA, REG_IER, REG_IIR_FCR, REG_LCR, REG_MCR, REG_LSR, REG_MSR, REG_SCR };

enum {
	IER_RX = 0x01,
	IER_TX = 0x02,
	IER_LINE = 0x04,
	IER_MODEM = 0x08,
	IER_MASK = 0x0f,

	IIR_MODEM = 0x00,
	IIR_NONE = 0x01,
	IIR_TX = 0x02,
	IIR_RX = 0x04,
	IIR_LINE = 0x06,
	IIR_TIMEOUT = 0x0c,
	IIR_FIFOS = 0xc0,

	FCR_ENABLE = 0x01,
	FCR_CLEAR_RX = 0x02,
	FCR_TRIGGER_SHIFT = 6,

	LCR_DLAB = 0x80,

	MCR_DTR = 0x01,
	MCR_RTS = 0x02,
	MCR_OUT1 = 0x04,
	MCR_OUT2 = 0x08,
	MCR_LOOP = 0x10,
	MCR_MASK = 0x1f,

	LSR_DATA_READY = 0x01,
	LSR_OVERRUN = 0x02,
	LSR_TX_EMPTY = 0x60, /* holding register and transmitter */

	MSR_DELTA_CTS = 0x01,
	MSR_DELTA_DSR = 0x02,
	MSR_RING_ENDED = 0x04,
	MSR_DELTA_DCD = 0x08,
	MSR_DELTAS = 0x0f,
	MSR_CTS = 0x10,
	MSR_DSR = 0x20,
	MSR_RING = 0x40,
	MSR_DCD = 0x80,
};

struct uart {
	struct vm *vm;           /* borrows; not looked at by uart_free() */
	struct console *console; /* borrows */
	struct vm_device device;

	pthread_mutex_t lock; /* guards the rest */
	uint8_t ier, fcr, lcr, mcr, msr, scr, divisor[2];
	bool overrun;
	bool tx_irq; /* the holding register became empty and nobody has looked yet */
	uint8_t fifo[UART_FIFO_BYTES];
	unsigned fifo_head, fifo_count;
	bool line; /* level of the interrupt line */
};

/* receiving */

static unsigned fifo_size(const struct uart *uart)
{
	return uart->fcr & FCR_ENABLE ? UART_FIFO_BYTES : 1;
}

static void receive_locked(struct uart *uart, uint8_t byte)
{
	if (uart->fifo_count == fifo_size(uart)) {
		uart->overrun = true;
		return;
	}
	uart->fifo[(uart->fifo_head + uart->fifo_count++) % UART_FIFO_BYTES] = byte;
}

static uint8_t take_received_locked(struct uart *uart)
{
	uint8_t byte;

	if (uart->fifo_count == 0)
		return 0;
	byte = uart->fifo[uart->fifo_head];
	uart->fifo_head = (uart->fifo_head + 1) % UART_FIFO_BYTES;
	uart->fifo_count--;
	console_want_input(uart->console);
	return byte;
}

static unsigned trigger_level(const struct uart *uart)
{
	static const uint8_t levels[] = {1, 4, 8, 14};

	return uart->fcr & FCR_ENABLE ? levels[uart->fcr >> FCR_TRIGGER_SHIFT] : 1;
}

/* interrupts */

/* The cause of highest priority. */
static uint8_t interrupt_cause(const struct uart *uart)
{
	if (uart->ier & IER_LINE && uart->overrun)
		return IIR_LINE;
	if (uart->ier & IER_RX && uart->fifo_count >= trigger_level(uart))
		return IIR_RX;
	if (uart->ier & IER_RX && uart->fifo_count > 0)
		return IIR_TIMEOUT;
	if (uart->ier & IER_TX && uart->tx_irq)
		return IIR_TX;
	if (uart->ier & IER_MODEM && uart->msr & MSR_DELTAS)
		return IIR_MODEM;
	return IIR_NONE;
}

static void update_line_locked(struct uart *uart)
{
	bool line = interrupt_cause(uart) != IIR_NONE;

	if (line == uart->line)
		return;
	uart->line = line;
	if (uart->vm->accel->irq_line && uart->vm->accel->irq_line(uart->vm, UART_IRQ, line) < 0)
		uart->line = !line; /* tried again at the next change */
}

/* modem lines */

/* What is connected: a device that is always ready, or in loopback our own outputs. */
static uint8_t modem_lines(const struct uart *uart)
{
	uint8_t lines = 0;

	if (!(uart->mcr & MCR_LOOP))
		return MSR_CTS | MSR_DSR | MSR_DCD;
	lines |= uart->mcr & MCR_RTS ? MSR_CTS : 0;
	lines |= uart->mcr & MCR_DTR ? MSR_DSR : 0;
	lines |= uart->mcr & MCR_OUT1 ? MSR_RING : 0;
	lines |= uart->mcr & MCR_OUT2 ? MSR_DCD : 0;
	return lines;
}

static void update_modem_locked(struct uart *uart)
{
	uint8_t lines = modem_lines(uart);
	uint8_t changed = (uart->msr ^ lines) & ~MSR_DELTAS;
	uint8_t deltas = uart->msr & MSR_DELTAS;

	deltas |= changed & MSR_CTS ? MSR_DELTA_CTS : 0;
	deltas |= changed & MSR_DSR ? MSR_DELTA_DSR : 0;
	deltas |= changed & MSR_DCD ? MSR_DELTA_DCD : 0;
	deltas |= changed & uart->msr & MSR_RING ? MSR_RING_ENDED : 0;
	uart->msr = lines | deltas;
}

/* registers */

static uint8_t read_iir_locked(struct uart *uart)
{
	uint8_t cause = interrupt_cause(uart);

	if (cause == IIR_TX)
		uart->tx_irq = false;
	return cause | (uart->fcr & FCR_ENABLE ? IIR_FIFOS : 0);
}

static uint8_t read_lsr_locked(struct uart *uart)
{
	uint8_t lsr = LSR_TX_EMPTY;

	if (uart->fifo_count > 0)
		lsr |= LSR_DATA_READY;
	if (uart->overrun)
		lsr |= LSR_OVERRUN;
	uart->overrun = false;
	return lsr;
}

static uint8_t read_msr_locked(struct uart *uart)
{
	uint8_t msr = uart->msr;

	uart->msr &= ~MSR_DELTAS;
	return msr;
}

static uint8_t read_locked(struct uart *uart, unsigned reg)
{
	if (reg <= REG_IER && uart->lcr & LCR_DLAB)
		return uart->divisor[reg];
	switch (reg) {
	case REG_DATA:
		return take_received_locked(uart);
	case REG_IER:
		return uart->ier;
	case REG_IIR_FCR:
		return read_iir_locked(uart);
	case REG_LCR:
		return uart->lcr;
	case REG_MCR:
		return uart->mcr;
	case REG_LSR:
		return read_lsr_locked(uart);
	case REG_MSR:
		return read_msr_locked(uart);
	}
	return uart->scr;
}

static void transmit_locked(struct uart *uart, uint8_t byte)
{
	if (uart->mcr & MCR_LOOP)
		receive_locked(uart, byte);
	else
		console_put(uart->console, byte);
	uart->tx_irq = true;
}

/* Enabling the interrupt while the holding register is empty raises it: drivers count on that. */
static void write_ier_locked(struct uart *uart, uint8_t value)
{
	if (value & ~uart->ier & IER_TX)
		uart->tx_irq = true;
	uart->ier = value & IER_MASK;
}

static void write_fcr_locked(struct uart *uart, uint8_t value)
{
	bool toggled = (value ^ uart->fcr) & FCR_ENABLE;

	uart->fcr = value & (FCR_ENABLE | 3u << FCR_TRIGGER_SHIFT);
	if (toggled || value & FCR_CLEAR_RX) {
		uart->fifo_count = 0;
		console_want_input(uart->console);
	}
}

static void write_mcr_locked(struct uart *uart, uint8_t value)
{
	uart->mcr = value & MCR_MASK;
	update_modem_locked(uart);
	console_want_input(uart->console); /* loopback may have ended */
}

static void write_locked(struct uart *uart, unsigned reg, uint8_t value)
{
	if (reg <= REG_IER && uart->lcr & LCR_DLAB) {
		uart->divisor[reg] = value;
		return;
	}
	switch (reg) {
	case REG_DATA:
		transmit_locked(uart, value);
		break;
	case REG_IER:
		write_ier_locked(uart, value);
		break;
	case REG_IIR_FCR:
		write_fcr_locked(uart, value);
		break;
	case REG_LCR:
		uart->lcr = value;
		break;
	case REG_MCR:
		write_mcr_locked(uart, value);
		break;
	case REG_SCR:
		uart->scr = value;
		break;
	}
}

/* A wider access is that many accesses to neighbouring registers, as on an 8-bit bus. */
static void on_access(
	void *arg, struct vcpu *vcpu, uint16_t offset, unsigned size, bool write, uint32_t *value)
{
	struct uart *uart = arg;

	pthread_mutex_lock(&uart->lock);
	for (unsigned i = 0; i < size && offset + i < UART_PORTS; i++) {
		if (write) {
			write_locked(uart, offset + i, (uint8_t)(*value >> 8 * i));
		} else {
			*value &= ~(0xffu << 8 * i);
			*value |= (uint32_t)read_locked(uart, offset + i) << 8 * i;
		}
	}
	update_line_locked(uart);
	pthread_mutex_unlock(&uart->lock);
}

/* from the console, on the main loop */

static size_t input_room(void *arg)
{
	struct uart *uart = arg;
	size_t room = 0;

	pthread_mutex_lock(&uart->lock);
	if (!(uart->mcr & MCR_LOOP))
		room = fifo_size(uart) - MIN(uart->fifo_count, fifo_size(uart));
	pthread_mutex_unlock(&uart->lock);
	return room;
}

static void input_byte(void *arg, uint8_t byte)
{
	struct uart *uart = arg;

	pthread_mutex_lock(&uart->lock);
	receive_locked(uart, byte);
	update_line_locked(uart);
	pthread_mutex_unlock(&uart->lock);
}

/* life */

static void set_power_on_locked(struct uart *uart)
{
	uart->ier = uart->fcr = uart->lcr = uart->mcr = uart->scr = 0;
	uart->divisor[0] = 12; /* 9600 baud */
	uart->divisor[1] = 0;
	uart->msr = modem_lines(uart);
	uart->overrun = uart->tx_irq = false;
	uart->fifo_head = uart->fifo_count = 0;
}

static void reset(struct vm_device *device)
{
	struct uart *uart = container_of(device, struct uart, device);

	pthread_mutex_lock(&uart->lock);
	set_power_on_locked(uart);
	update_line_locked(uart);
	pthread_mutex_unlock(&uart->lock);
	console_want_input(uart->console);
}

int uart_new(struct vm *vm, struct console *console, struct uart **ret_uart)
{
	struct uart *uart = calloc(1, sizeof(*uart));
	int r;

	if (!uart)
		return -ENOMEM;
	uart->vm = vm;
	uart->console = console;
	uart->device.reset = reset;
	pthread_mutex_init(&uart->lock, NULL);
	set_power_on_locked(uart);
	r = iobus_add(&vm->iobus, UART_PORT, UART_PORTS, "uart", on_access, uart);
	if (r < 0) {
		uart_free(uart);
		return r;
	}
	vm_add_device(vm, &uart->device);
	console_set_input(console,
		&(struct console_input){.room = input_room, .byte = input_byte, .arg = uart});
	*ret_uart = uart;
	return 0;
}

struct uart *uart_free(struct uart *uart)
{
	if (!uart)
		return NULL;
	console_set_input(uart->console, &(struct console_input){0});
	pthread_mutex_destroy(&uart->lock);
	free(uart);
	return NULL;
}
