/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/devices.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include "common/cleanup.h"
#include "common/clock.h"
#include "common/log.h"
#include "image.h"
#include "sim/software.h"
#include "vmbus/device.h"
#include "vmbus/vmbus.h"
#include "vmm/boot/boot.h"
#include "vmm/dev/acpi_pm.h"
#include "vmm/dev/console.h"
#include "vmm/dev/debug_exit.h"
#include "vmm/dev/delay_ports.h"
#include "vmm/dev/demo.h"
#include "vmm/dev/i8042.h"
#include "vmm/dev/pci_config.h"
#include "vmm/dev/rtc.h"
#include "vmm/dev/testdev.h"
#include "vmm/dev/uart.h"

/* ---- the image ------------------------------------------------------------------------------- */

static int check_image(const char *path, struct problem *ret_problem)
{
	CLEANUP(fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return problem_errno(ret_problem, EX_NOINPUT, -errno, path);
	if (!S_ISREG(st.st_mode))
		return problem_set(ret_problem, EX_NOINPUT, "%s: not a regular file", path);
	return 0;
}

static int check_devices(const struct options *options, struct problem *ret_problem)
{
	int status = options->config ? EX_CONFIG : EX_USAGE;
	char why[DEVICE_ERROR_BYTES];

	for (unsigned i = 0; i < options->devices.count; i++) {
		if (vmbus_device_check(options->devices.item[i], why) < 0)
			return problem_set(ret_problem, status, "device: %s", why);
	}
	return 0;
}

int devices_check(const struct options *options, struct problem *ret_problem)
{
	if (options->kernel && check_image(options->kernel, ret_problem))
		return 1;
	if (options->initrd && check_image(options->initrd, ret_problem))
		return 1;
	return check_devices(options, ret_problem);
}

static const char *command_line(const struct options *options)
{
	return options->append ? options->append : "";
}

static int boot_software(struct vm *vm, const struct options *options, struct problem *ret_problem)
{
	int r = guest_software_load(vm, command_line(options));

	if (r == -EFBIG)
		return problem_set(
			ret_problem, EX_NOINPUT, "built-in: the guest wants more --memory");
	if (r == -ENAMETOOLONG)
		return problem_set(ret_problem, EX_USAGE,
			"the guest's command line is longer than %zu bytes",
			sizeof(vm->boot.command_line) - 1);
	return r < 0 ? problem_errno(ret_problem, EX_USAGE, r, "append") : 0;
}

/* -E2BIG is the command line's fault; all else the image's. */
static int image_problem(int error, const char *text, struct problem *ret_problem)
{
	int exit_status = EX_NOINPUT;

	if (error == -E2BIG)
		exit_status = EX_USAGE;
	else if (error == -EACCES || error == -EPERM)
		exit_status = EX_NOPERM;
	return problem_set(ret_problem, exit_status, "%s", text);
}

static int boot_image(struct vm *vm, const struct options *options, struct problem *ret_problem)
{
	char text[BOOT_ERROR_BYTES] = "";
	int r;

	if (options->demo)
		r = boot_memory(vm, "built-in", guest_image,
			(size_t)(guest_image_end - guest_image), command_line(options), text);
	else
		r = boot_file(vm, options->kernel, options->initrd, command_line(options), text);
	return r < 0 ? image_problem(r, text, ret_problem) : 0;
}

static int add_image(struct devices *devices, struct vm *vm, const struct options *options,
	struct problem *ret_problem)
{
	if (vm->synic_mode == SYNIC_MODE_SIM)
		return boot_software(vm, options, ret_problem);
	return boot_image(vm, options, ret_problem);
}

/* ---- devices --------------------------------------------------------------------------------- */

/* "stdio", "pty", "null" or "file:PATH": options.c has checked the form. */
static int open_console(struct devices *devices, struct loop *loop, const char *serial)
{
	if (strcmp(serial, "stdio") == 0)
		return console_new(loop, CONSOLE_STDIO, NULL, &devices->console);
	if (strcmp(serial, "pty") == 0)
		return console_new(loop, CONSOLE_PTY, NULL, &devices->console);
	if (strncmp(serial, "file:", strlen("file:")) == 0)
		return console_new(loop, CONSOLE_FILE, serial + strlen("file:"), &devices->console);
	return console_new(loop, CONSOLE_NULL, NULL, &devices->console);
}

static int add_serial(struct devices *devices, struct vm *vm, const struct options *options,
	struct problem *ret_problem)
{
	int r = open_console(devices, vm->loop, options->serial);

	if (r == 0)
		r = uart_new(vm, devices->console, &devices->uart);
	if (r < 0)
		return problem_errno(ret_problem, EX_CONFIG, r, options->serial);
	if (console_pty_path(devices->console))
		log_info("serial port on %s", console_pty_path(devices->console));
	return 0;
}

/* What every PC has and software relies on without asking. */
static int add_pc(struct devices *devices, struct vm *vm, const struct options *options,
	struct problem *ret_problem)
{
	int r = acpi_pm_new(vm, &devices->acpi_pm);

	if (r == 0)
		r = rtc_new(vm, clock_realtime_ns, &devices->rtc);
	if (r == 0)
		r = pci_config_add(vm);
	if (r == 0)
		r = i8042_add(vm);
	if (r == 0)
		r = delay_ports_add(vm);
	return r < 0 ? problem_errno(ret_problem, EX_SOFTWARE, r, "PC devices") : 0;
}

static int add_debug_exit(struct devices *devices, struct vm *vm, const struct options *options,
	struct problem *ret_problem)
{
	int r = debug_exit_add(vm);

	return r < 0 ? problem_errno(ret_problem, EX_SOFTWARE, r, "debug exit") : 0;
}

static int add_testdev(struct devices *devices, struct vm *vm, const struct options *options,
	struct problem *ret_problem)
{
	int r = options->testdev ? testdev_new(vm, &devices->testdev) : 0;

	return r < 0 ? problem_errno(ret_problem, EX_SOFTWARE, r, "test device") : 0;
}

static int add_demo(struct devices *devices, struct vm *vm, const struct options *options,
	struct problem *ret_problem)
{
	int r = options->demo ? demo_new(vm, &devices->demo) : 0;

	return r < 0 ? problem_errno(ret_problem, EX_SOFTWARE, r, "demo ports") : 0;
}

static int add_vmbus_devices(
	struct vmbus *bus, const struct options *options, struct problem *ret_problem)
{
	int status = options->config ? EX_CONFIG : EX_USAGE;
	char why[DEVICE_ERROR_BYTES];

	for (unsigned i = 0; i < options->devices.count; i++) {
		if (vmbus_device_add(bus, options->devices.item[i], why) < 0)
			return problem_set(ret_problem, status, "device: %s", why);
	}
	return 0;
}

static int add_vmbus(struct devices *devices, struct vm *vm, const struct options *options,
	struct problem *ret_problem)
{
	int r;

	if (!options->vmbus && options->devices.count == 0)
		return 0;
	r = vmbus_new(vm, &devices->bus);
	if (r < 0)
		return problem_errno(ret_problem, EX_SOFTWARE, r, "VMBus");
	vmbus_set_socket_prefix(devices->bus, devices->socket_prefix);
	return add_vmbus_devices(devices->bus, options, ret_problem);
}

int devices_init(struct devices *devices, struct vm *vm, const struct options *options,
	struct problem *ret_problem)
{
	static int (*const steps[])(struct devices * devices, struct vm * vm,
		const struct options *options, struct problem *ret_problem) = {
		add_image,
		add_serial,
		add_pc,
		add_debug_exit,
		add_testdev,
		add_demo,
		add_vmbus,
	};

	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		if (steps[i](devices, vm, options, ret_problem))
			return 1;
	}
	return 0;
}

void devices_release(struct devices *devices)
{
	if (devices->bus)
		vmbus_devices_remove_all(devices->bus);
	devices->bus = vmbus_free(devices->bus);
	devices->demo = demo_free(devices->demo);
	devices->testdev = testdev_free(devices->testdev);
}

void devices_deinit(struct devices *devices)
{
	devices->acpi_pm = acpi_pm_free(devices->acpi_pm);
	devices->rtc = rtc_free(devices->rtc);
	devices->uart = uart_free(devices->uart);
	devices->console = console_free(devices->console);
}
