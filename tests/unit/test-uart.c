/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The 16550 and its console, without a guest: registers as a driver uses them. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "fake_vm.h"
#include "vmm/dev/console.h"
#include "vmm/dev/uart.h"

enum { PATIENCE_MS = 5000 };
enum { DATA, IER, IIR, LCR, MCR, LSR, MSR, SCR, FCR = IIR };

static struct fake_vm *fake;
static struct console *console;
static struct uart *uart;
static bool line;
static unsigned line_changes;

static int on_line(struct vm *vm, unsigned irq, bool level)
{
	assert_int_equal(irq, UART_IRQ);
	assert_true(level != line);
	line = level;
	line_changes++;
	return 0;
}

static void start(enum console_kind kind, const char *path)
{
	fake = fake_vm_new(1, 0);
	fake->accel.irq_line = on_line;
	line = false;
	line_changes = 0;
	assert_int_equal(console_new(fake->vm.loop, kind, path, &console), 0);
	assert_int_equal(uart_new(&fake->vm, console, &uart), 0);
}

static int setup(void **state)
{
	start(CONSOLE_PTY, NULL);
	return 0;
}

static int teardown(void **state)
{
	uart = uart_free(uart);
	console = console_free(console);
	fake_vm_free(fake);
	return 0;
}

static void outb(unsigned reg, uint32_t value)
{
	iobus_access(&fake->vm.iobus, NULL, (uint16_t)(UART_PORT + reg), 1, true, &value);
}

static uint8_t inb(unsigned reg)
{
	uint32_t value = 0;

	iobus_access(&fake->vm.iobus, NULL, (uint16_t)(UART_PORT + reg), 1, false, &value);
	assert_int_equal(value >> 8, 0xffffff);
	return (uint8_t)value;
}

/* The other side of the pty. */
static int open_peer(void)
{
	int fd = open(console_pty_path(console), O_RDWR | O_NOCTTY | O_NONBLOCK);

	assert_true(fd >= 0);
	return fd;
}

static void send_text(int fd, const char *text)
{
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

/* A terminal passes bytes on in its own time: runs the loop until they have arrived. */
#define WAIT_FOR(condition)                                                      \
	do {                                                                     \
		for (unsigned ms_ = 0; ms_ < PATIENCE_MS && !(condition); ms_++) \
			sd_event_run(loop_event(fake->vm.loop), 1000);           \
		assert_true(condition);                                          \
	} while (0)

static void read_text(int fd, char *text, size_t size)
{
	for (size_t count = 0; count < size;) {
		struct pollfd pollfd = {.fd = fd, .events = POLLIN};
		ssize_t n;

		assert_int_equal(poll(&pollfd, 1, PATIENCE_MS), 1);
		n = read(fd, text + count, size - count);
		assert_true(n > 0);
		count += (size_t)n;
	}
}

/* identification, as the Linux driver does it */

static void test_identifies_as_16550a(void **state)
{
	outb(IER, 0);
	assert_int_equal(inb(IER), 0);
	outb(IER, 0xff);
	assert_int_equal(inb(IER), 0x0f);
	outb(IER, 0);
	outb(MCR, 0x1a); /* loop, OUT2, RTS */
	assert_int_equal(inb(MSR) & 0xf0, 0x90);
	outb(MCR, 0);
	outb(FCR, 1);
	assert_int_equal(inb(IIR) >> 6, 3);
	outb(FCR, 0);
	assert_int_equal(inb(IIR) >> 6, 0);
	outb(SCR, 0x5a);
	assert_int_equal(inb(SCR), 0x5a);
	assert_int_equal(inb(LSR), 0x60);
	assert_int_equal(inb(MSR) & 0xf0, 0xb0);
}

static void test_divisor_hides_data_and_ier(void **state)
{
	outb(IER, 1);
	outb(LCR, 0x83);
	outb(DATA, 0x34);
	outb(IER, 0x12);
	assert_int_equal(inb(DATA), 0x34);
	assert_int_equal(inb(IER), 0x12);
	outb(LCR, 0x03);
	assert_int_equal(inb(IER), 1);
	assert_int_equal(inb(LCR), 3);
}

/* transmitting */

static void test_output_reaches_the_console(void **state)
{
	char text[16] = "";
	int fd = open_peer();

	outb(DATA, 'h');
	outb(DATA, 'v');
	outb(DATA, 'd');
	assert_int_equal(inb(LSR), 0x60);
	fake_vm_run_loop(fake);
	read_text(fd, text, 3);
	assert_string_equal(text, "hvd");
	close(fd);
}

static void test_tx_interrupt(void **state)
{
	outb(IER, 2); /* raised at once: the register is empty */
	assert_true(line);
	assert_int_equal(inb(IIR), 2); /* reading IIR clears it */
	assert_false(line);
	assert_int_equal(inb(IIR), 1);
	outb(DATA, 'x');
	assert_true(line);
	assert_int_equal(inb(IIR), 2);
	outb(IER, 2); /* already on: no new interrupt */
	assert_false(line);
}

/* receiving */

static void test_rx_without_fifo(void **state)
{
	int fd = open_peer();

	outb(IER, 1);
	send_text(fd, "ab");
	WAIT_FOR(line);
	assert_int_equal(inb(IIR), 4);
	assert_int_equal(inb(LSR), 0x61);
	assert_int_equal(inb(DATA), 'a');
	assert_false(line);
	WAIT_FOR(line); /* there is room for the second */
	assert_int_equal(inb(DATA), 'b');
	assert_int_equal(inb(LSR), 0x60);
	assert_int_equal(inb(DATA), 0);
	close(fd);
}

static void test_rx_trigger_and_timeout(void **state)
{
	int fd = open_peer();

	outb(FCR, 0x41); /* FIFO on, trigger at 4 */
	outb(IER, 1);
	send_text(fd, "a");
	WAIT_FOR(line);
	assert_int_equal(inb(IIR), 0xcc); /* character timeout */
	send_text(fd, "bcd");
	WAIT_FOR(inb(IIR) == 0xc4);
	assert_int_equal(inb(DATA), 'a');
	assert_int_equal(inb(IIR), 0xcc);
	outb(FCR, 0x43); /* clear the receiver */
	assert_int_equal(inb(IIR), 0xc1);
	assert_false(line);
	close(fd);
}

static void test_rx_waits_for_room(void **state)
{
	static const char text[] = "0123456789abcdefghijklmnopqrstuvwxyz";
	char seen[sizeof(text)] = "";
	int fd = open_peer();
	size_t count = 0;

	outb(FCR, 0xc1);
	send_text(fd, text);
	while (count < strlen(text)) {
		WAIT_FOR(inb(LSR) == 0x61); /* never an overrun */
		seen[count++] = (char)inb(DATA);
	}
	assert_string_equal(seen, text);
	assert_int_equal(inb(LSR), 0x60);
	close(fd);
}

static void test_loopback(void **state)
{
	int fd = open_peer();
	char text[4];

	outb(FCR, 1);
	outb(MCR, 0x10);
	inb(MSR);
	outb(IER, 4);
	for (unsigned i = 0; i < UART_FIFO_BYTES + 1; i++)
		outb(DATA, i);
	assert_true(line);
	assert_int_equal(inb(IIR), 0xc6); /* line status: overrun */
	assert_int_equal(inb(LSR), 0x63);
	assert_int_equal(inb(LSR), 0x61); /* reading clears it */
	for (unsigned i = 0; i < UART_FIFO_BYTES; i++)
		assert_int_equal(inb(DATA), i);
	fake_vm_run_loop(fake);
	outb(MCR, 0);
	outb(DATA, 'x');
	fake_vm_run_loop(fake);
	read_text(fd, text, 1);
	assert_int_equal(text[0], 'x'); /* and nothing before it */
	close(fd);
}

static void test_modem_interrupt(void **state)
{
	outb(MCR, 0x10);
	inb(MSR);
	outb(IER, 8);
	assert_false(line);
	outb(MCR, 0x14); /* OUT1 is ring: only its end is reported */
	assert_false(line);
	outb(MCR, 0x12);
	assert_true(line);
	assert_int_equal(inb(IIR), 0);
	assert_int_equal(inb(MSR), 0x15); /* CTS, its delta, and the ring's end */
	assert_false(line);
}

/* accesses and reset */

static void test_wide_access_is_split(void **state)
{
	uint32_t value = 0x0f000000;

	iobus_access(&fake->vm.iobus, NULL, UART_PORT + LCR, 4, true, &value);
	outb(SCR, 0x77);
	iobus_access(&fake->vm.iobus, NULL, UART_PORT + MSR, 4, false, &value);
	assert_int_equal(value, 0xffff77b0); /* MSR, SCR, and no such ports */
}

static void test_reset(void **state)
{
	struct vm_device *device = TAILQ_FIRST(&fake->vm.devices);

	outb(IER, 2);
	outb(SCR, 1);
	assert_true(line);
	device->reset(device);
	assert_false(line);
	assert_int_equal(inb(SCR), 0);
	assert_int_equal(inb(IER), 0);
	assert_int_equal(inb(IIR), 1);
}

/* console */

static struct console_info console_info(void)
{
	struct console_info info;

	assert_int_equal(console_node_class.get(console, NULL, &info), 0);
	return info;
}

static void test_slow_terminal_drops(void **state)
{
	enum { MANY = 300000 };
	struct console_info info;

	for (unsigned i = 0; i < MANY; i++)
		outb(DATA, 'x');
	fake_vm_run_loop(fake);
	info = console_info();
	assert_int_equal(info.kind, CONSOLE_PTY);
	assert_string_equal(info.terminal, console_pty_path(console));
	assert_in_range(info.dropped_bytes, MANY / 2, MANY - 1);
	assert_int_equal(info.written_bytes + info.waiting_bytes + info.dropped_bytes, MANY);
	assert_in_range(info.waiting_bytes, 1, 65536);
	assert_false(info.failed);
}

static void test_file(void **state)
{
	char path[] = "/tmp/hvd-test-console-XXXXXX", text[16] = "";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	start(CONSOLE_FILE, path);
	outb(DATA, 'o');
	outb(DATA, 'k');
	teardown(state); /* writes what is left */
	assert_int_equal(read(fd, text, sizeof(text)), 2);
	assert_string_equal(text, "ok");
	close(fd);
	unlink(path);
}

static void test_null(void **state)
{
	start(CONSOLE_NULL, NULL);
	outb(DATA, 'x');
	fake_vm_run_loop(fake);
	assert_int_equal(console_info().dropped_bytes, 0);
	assert_null(console_pty_path(console));
	teardown(state);
}

static void test_bad_file(void **state)
{
	struct loop *loop;
	struct console *none = NULL;

	assert_int_equal(loop_new(&loop), 0);
	assert_int_equal(console_new(loop, CONSOLE_FILE, "/no/such/place", &none), -ENOENT);
	assert_null(none);
	loop_free(loop);
}

/* A pipe in place of standard output. */
static void test_stdio_survives_a_closed_reader(void **state)
{
	int saved = dup(STDOUT_FILENO), fds[2];

	fflush(stdout);
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_true(dup2(fds[1], STDOUT_FILENO) >= 0);
	start(CONSOLE_STDIO, NULL);
	assert_true(dup2(saved, STDOUT_FILENO) >= 0);
	assert_int_equal(fcntl(fds[1], F_GETFL) & O_NONBLOCK, 0); /* still as its owner wants it */
	close(fds[0]);
	close(fds[1]);
	outb(DATA, 'x');
	fake_vm_run_loop(fake);
	outb(DATA, 'y');
	assert_int_equal(console_info().dropped_bytes, 2);
	assert_int_equal(console_info().written_bytes, 0);
	assert_true(console_info().failed);
	teardown(state);
	close(saved);
}

#define UART_TEST(text, fn)               \
	{                                 \
		text, fn, setup, teardown \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UART_TEST("it identifies as a 16550A", test_identifies_as_16550a),
		UART_TEST("DLAB shows the divisor in place of data and IER",
			test_divisor_hides_data_and_ier),
		UART_TEST("output reaches the console", test_output_reaches_the_console),
		UART_TEST("the transmit interrupt comes when enabled and after each byte",
			test_tx_interrupt),
		UART_TEST("without FIFOs one byte waits at a time", test_rx_without_fifo),
		UART_TEST("the trigger level is data available, less is a timeout",
			test_rx_trigger_and_timeout),
		UART_TEST("input waits until the FIFO has room", test_rx_waits_for_room),
		UART_TEST("loopback receives what is sent, and overruns", test_loopback),
		UART_TEST("modem line changes interrupt", test_modem_interrupt),
		UART_TEST("a wide access is split into bytes", test_wide_access_is_split),
		UART_TEST("a reset puts the registers back", test_reset),
		UART_TEST(
			"a terminal nobody reads costs bytes, not time", test_slow_terminal_drops),
		{"file output is complete when the console is closed", test_file},
		{"null swallows everything", test_null},
		{"a file that cannot be made is an error", test_bad_file},
		{"a closed pipe behind stdout is survived", test_stdio_survives_a_closed_reader},
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
