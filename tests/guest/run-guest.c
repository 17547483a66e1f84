/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs one guest program without the daemon: run-guest [options] NAME [OPTION...]
 *
 *	--accel kvm|sim         default sim
 *	--synic user|kernel     with kvm: who holds the SynIC, hvd (default) or KVM
 *	--vps N                 default 1
 *	--resets N              the VM must have been reset N times (default 0)
 *	--timeout SEC           default 30
 *	--records FILE          at the end, write there every record as a line of JSON
 *
 * NAME and the OPTIONs go onto the guest's command line, and with --synic kernel also kvm-synic, so
 * that a program knows whose rules hold. The guest's console goes to stdout. The exit status is 0
 * when the guest ended with 0 through the debug exit, 77 when the accelerator cannot be used here,
 * else 1: also when a record was lost.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common/clock.h"
#include "common/loop.h"
#include "common/rcu.h"
#include "common/record.h"
#include "image.h"
#include "records.h"
#include "sim/software.h"
#include "vmm/boot/boot.h"
#include "vmm/dev/console.h"
#include "vmm/dev/debug_exit.h"
#include "vmm/dev/demo.h"
#include "vmm/dev/testdev.h"
#include "vmm/dev/uart.h"
#include "vmm/vm.h"

enum { EXIT_SKIPPED = 77, MEMORY_BYTES = 64 << 20 };

/* Per thread. When all have to be kept, more than any program makes; unused memory costs nothing.
 */
enum { RING_RECORDS = 1 << 10, RING_RECORDS_KEPT = 1 << 20 };

struct options {
	bool kvm, kernel_synic;
	unsigned vps, resets, timeout_s;
	const char *records; /* borrows; NULL: not wanted */
	char command_line[512];
};

struct runner {
	struct options options;
	struct loop *loop;
	struct loop_timer *timeout;
	struct recorder *recorder;
	struct console *console;
	struct uart *uart;
	struct vm *vm;
	struct testdev *testdev;
	struct demo *demo;
	struct vm_device watch; /* counts resets */
	unsigned resets;
	bool timed_out;
};

/* ---- what the VM tells us ------------------------------------------------ */

static void on_state(struct vm *vm, void *arg)
{
	if (atomic_load(&vm->state) == VM_STOPPED)
		loop_exit(vm->loop, 0);
}

static void on_reset(struct vm_device *device)
{
	container_of(device, struct runner, watch)->resets++;
}

static void on_timeout(void *arg)
{
	struct runner *runner = arg;

	runner->timed_out = true;
	loop_exit(runner->loop, 0);
}

/* ---- building the VM ----------------------------------------------------- */

static enum synic_mode synic_mode(const struct options *options)
{
	if (!options->kvm)
		return SYNIC_MODE_SIM;
	return options->kernel_synic ? SYNIC_MODE_KERNEL : SYNIC_MODE_USER;
}

static int make_vm(struct runner *runner)
{
	const struct vm_config config = {
		.name = "guest-test",
		.vp_count = runner->options.vps,
		.memory_bytes = MEMORY_BYTES,
		.accel = runner->options.kvm ? &accel_kvm : &accel_sim,
		.synic_mode = synic_mode(&runner->options),
		.enforce_cpuid = true,
		.clock = &clock_monotonic,
		.loop = runner->loop,
		.recorder = runner->recorder,
	};
	int r = vm_new(&config, &runner->vm);

	if (r < 0)
		return r;
	runner->vm->on_state = on_state;
	runner->watch.reset = on_reset;
	vm_add_device(runner->vm, &runner->watch);
	return 0;
}

static int add_devices(struct runner *runner)
{
	int r = uart_new(runner->vm, runner->console, &runner->uart);

	if (r == 0)
		r = debug_exit_add(runner->vm);
	if (r == 0)
		r = testdev_new(runner->vm, &runner->testdev);
	if (r == 0)
		r = demo_new(runner->vm, &runner->demo);
	return r;
}

static int load_guest(struct runner *runner)
{
	char why[BOOT_ERROR_BYTES];
	int r;

	if (!runner->options.kvm)
		return guest_software_load(runner->vm, runner->options.command_line);
	r = boot_memory(runner->vm, "built-in", guest_image,
		(size_t)(guest_image_end - guest_image), runner->options.command_line, why);
	if (r < 0)
		fprintf(stderr, "run-guest: %s\n", why);
	return r;
}

static int build(struct runner *runner)
{
	size_t ring_records = runner->options.records ? RING_RECORDS_KEPT : RING_RECORDS;
	int r = loop_new(&runner->loop);

	if (r == 0)
		r = loop_timer_new(runner->loop, on_timeout, runner, &runner->timeout);
	if (r == 0)
		r = recorder_new(&clock_monotonic, ring_records, &runner->recorder);
	if (r == 0)
		r = console_new(runner->loop, CONSOLE_STDIO, NULL, &runner->console);
	if (r == 0)
		r = make_vm(runner);
	if (r == 0)
		r = add_devices(runner);
	return r < 0 ? r : load_guest(runner);
}

static void tear_down(struct runner *runner)
{
	demo_free(runner->demo);
	testdev_free(runner->testdev);
	vm_free(runner->vm);
	uart_free(runner->uart);
	console_free(runner->console);
	recorder_free(runner->recorder);
	loop_timer_free(runner->timeout);
	loop_free(runner->loop);
}

/* ---- running ------------------------------------------------------------- */

static bool passed(const struct runner *runner)
{
	const struct vm_stop *stop = &runner->vm->stop;

	if (runner->timed_out) {
		fprintf(stderr, "run-guest: no end after %u s\n", runner->options.timeout_s);
		return false;
	}
	if (stop->reason != VM_STOP_DEBUG_EXIT) {
		fprintf(stderr, "run-guest: stopped for reason %d: %s (VP %u, RIP 0x%llx)\n",
			stop->reason, stop->what, stop->vp, (unsigned long long)stop->rip);
		return false;
	}
	if (runner->resets != runner->options.resets) {
		fprintf(stderr, "run-guest: %u resets, not %u\n", runner->resets,
			runner->options.resets);
		return false;
	}
	return stop->code == 1;
}

static int run(struct runner *runner)
{
	int r = build(runner);

	if (r == 0)
		r = vm_resume(runner->vm);
	if (r == 0) {
		loop_timer_arm(runner->timeout,
			clock_now_ns(&clock_monotonic) + runner->options.timeout_s * NSEC_PER_SEC);
		r = loop_run(runner->loop);
	}
	if (r != 0) {
		fprintf(stderr, "run-guest: %s\n", strerror(abs(r)));
		return EXIT_FAILURE;
	}
	return passed(runner) ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* No VP runs afterwards. */
static void shut_down(struct runner *runner)
{
	if (runner->vm && vm_shutdown(runner->vm) < 0)
		fprintf(stderr, "run-guest: the VM did not shut down\n");
}

static int save_records(struct runner *runner)
{
	const char *path = runner->options.records;
	int r = path && runner->recorder ? records_save(runner->recorder, path) : 0;

	if (r == 0)
		return EXIT_SUCCESS;
	fprintf(stderr, "run-guest: %s: %s\n", path,
		r == -EOVERFLOW ? "records are missing" : strerror(-r));
	return EXIT_FAILURE;
}

/* ---- options ------------------------------------------------------------- */

static const struct option long_options[] = {
	{"accel", required_argument, NULL, 'a'},
	{"synic", required_argument, NULL, 's'},
	{"vps", required_argument, NULL, 'v'},
	{"resets", required_argument, NULL, 'r'},
	{"timeout", required_argument, NULL, 't'},
	{"records", required_argument, NULL, 'R'},
	{0},
};

static void append_word(struct options *options, const char *prefix, const char *word)
{
	size_t used = strlen(options->command_line);

	snprintf(options->command_line + used, sizeof(options->command_line) - used, "%s%s%s",
		used ? " " : "", prefix, word);
}

static bool parse_options(int argc, char **argv, struct options *ret_options)
{
	struct options options = {.vps = 1, .timeout_s = 30};
	int option;

	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		if (option == 'a')
			options.kvm = strcmp(optarg, "kvm") == 0;
		else if (option == 's')
			options.kernel_synic = strcmp(optarg, "kernel") == 0;
		else if (option == 'v')
			options.vps = (unsigned)strtoul(optarg, NULL, 10);
		else if (option == 'r')
			options.resets = (unsigned)strtoul(optarg, NULL, 10);
		else if (option == 't')
			options.timeout_s = (unsigned)strtoul(optarg, NULL, 10);
		else if (option == 'R')
			options.records = optarg;
		else
			return false;
	}
	if (optind == argc)
		return false;
	append_word(&options, "run=", argv[optind++]);
	while (optind < argc)
		append_word(&options, "", argv[optind++]);
	if (options.kernel_synic)
		append_word(&options, "", "kvm-synic");
	*ret_options = options;
	return true;
}

int main(int argc, char **argv)
{
	struct runner runner = {0};
	const char *missing = NULL;
	int status, r;

	if (!parse_options(argc, argv, &runner.options)) {
		fprintf(stderr,
			"usage: run-guest [--accel kvm|sim] [--synic user|kernel] [--vps N] [--resets N] [--timeout SEC] [--records FILE] NAME [OPTION...]\n");
		return EXIT_FAILURE;
	}
	r = runner.options.kvm ? accel_kvm_probe(synic_mode(&runner.options), true, &missing) : 0;
	if (r != 0) {
		printf("1..0 # SKIP /dev/kvm: %s\n", missing ? missing : strerror(-r));
		return EXIT_SKIPPED;
	}
	rcu_thread_init();
	status = run(&runner);
	shut_down(&runner);
	if (save_records(&runner) != EXIT_SUCCESS)
		status = EXIT_FAILURE;
	tear_down(&runner);
	rcu_thread_exit();
	return status;
}
