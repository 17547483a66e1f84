/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Everything hvd owns hangs off struct hvd, which is built by the rows of `stages` from top to
 * bottom. hvd_free() takes down whatever was built, in reverse: first the API, so that no client
 * sees half a machine, then what acts on the VM, then the VM.
 */
#include "daemon/daemon.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include "common/clock.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/rcu.h"
#include "common/record.h"
#include "daemon/accelerator.h"
#include "daemon/devices.h"
#include "daemon/http_option.h"
#include "daemon/recorder_file.h"
#include "daemon/sandbox.h"
#include "inspect/catalog.h"
#include "inspect/inspect.h"
#include "vmm/event.h"
#include "vmm/inject.h"
#include "vmm/vm.h"

/* Records kept per thread: 4096 of 64 bytes, the last seconds of a busy guest. */
enum { RECORDER_RING_RECORDS = 4096 };

struct hvd {
	const struct options *options; /* borrows (outlives hvd) */
	uint64_t start_ns;
	struct runtime runtime;
	char token[HTTP_TOKEN_MAX + 1]; /* empty: changes over --http are refused */

	struct loop *loop; /* owns */
	struct recorder_file recorder_file;
	struct recorder *recorder; /* owns */
	struct vm *vm;             /* owns */
	struct devices devices;    /* of the VM */
	struct injector *injector; /* owns */
	struct inspect *inspect;   /* owns */
	int signal;                /* that ended it; 0: none */
	bool built;                /* every stage has been passed */
};

typedef int (*stage_fn)(struct hvd *hvd, struct problem *ret_problem);

/* ---- the end --------------------------------------------------------------------------------- */

static void read_stop(struct vm *vm, struct vm_stop *ret_stop)
{
	pthread_mutex_lock(&vm->life_lock);
	*ret_stop = vm->stop;
	pthread_mutex_unlock(&vm->life_lock);
}

/* The guest, or somebody with the right to, wanted the VM to end; anything else is a fault. */
static bool ended_on_purpose(const struct vm_stop *stop)
{
	switch (stop->reason) {
	case VM_STOP_NONE:
	case VM_STOP_REQUESTED:
	case VM_STOP_DEBUG_EXIT:
	case VM_STOP_POWER_OFF:
	case VM_STOP_GUEST_ENDED:
		return true;
	case VM_STOP_TRIPLE_FAULT:
	case VM_STOP_UNMAPPED_ACCESS:
	case VM_STOP_INTERNAL_ERROR:
	case VM_STOP_ENTRY_FAILED:
	case VM_STOP_IOCTL_FAILED:
		return false;
	}
	return false;
}

int hvd_exit_status(struct hvd *hvd)
{
	struct vm_stop stop;

	read_stop(hvd->vm, &stop);
	if (stop.reason == VM_STOP_DEBUG_EXIT)
		return (int)(stop.code & 0xff);
	return ended_on_purpose(&stop) ? EX_OK : EX_SOFTWARE;
}

static void on_vm_state(struct vm *vm, void *arg)
{
	struct hvd *hvd = arg;
	unsigned choice = hvd->options->on_stop;
	struct vm_stop stop;

	if (atomic_load(&vm->state) != VM_STOPPED)
		return;
	read_stop(vm, &stop);
	if (ended_on_purpose(&stop))
		log_info("the VM stopped: %s", stop.what);
	else
		log_error("the VM stopped: %s", stop.what);
	if (choice == ON_STOP_EXIT || (choice == ON_STOP_AUTO && ended_on_purpose(&stop)))
		loop_exit(hvd->loop, 0);
	else
		log_info("staying for inspection; SIGTERM ends hvd");
}

/* hvd ends: from here on no VP runs, and nobody needs to be told. */
static void park_vm(struct vm *vm)
{
	int r;

	vm->on_state = NULL;
	r = vm_shutdown(vm);
	if (r < 0)
		log_error("cannot stop the VM: %s", strerror(-r));
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
	struct hvd *hvd = userdata;

	log_info("%s: stopping", strsignal((int)info->ssi_signo));
	hvd->signal = (int)info->ssi_signo;
	park_vm(hvd->vm);
	loop_exit(hvd->loop, 0);
	return 0;
}

/* ---- the beginning --------------------------------------------------------------------------- */

static int take_name(struct hvd *hvd, struct problem *ret_problem)
{
	const struct options *options = hvd->options;

	return runtime_init(&hvd->runtime, options->runtime_dir, options->name, ret_problem);
}

static int check_files(struct hvd *hvd, struct problem *ret_problem)
{
	return devices_check(hvd->options, ret_problem);
}

static int read_token(struct hvd *hvd, struct problem *ret_problem)
{
	if (!hvd->options->token_file)
		return 0;
	return http_token_read(hvd->options->token_file, hvd->token, ret_problem);
}

static int fence_files(struct hvd *hvd, struct problem *ret_problem)
{
	int r = sandbox_files(hvd->options, hvd->runtime.dir);

	return r < 0 ? problem_errno(ret_problem, EX_SOFTWARE, r, "Landlock") : 0;
}

static int start_loop(struct hvd *hvd, struct problem *ret_problem)
{
	int r = loop_new(&hvd->loop);

	if (r == 0)
		r = sd_event_add_signal(loop_event(hvd->loop), NULL, SIGTERM, on_signal, hvd);
	if (r >= 0)
		r = sd_event_add_signal(loop_event(hvd->loop), NULL, SIGINT, on_signal, hvd);
	if (r >= 0)
		r = sd_event_set_watchdog(loop_event(hvd->loop), true);
	if (r < 0)
		return problem_errno(ret_problem, EX_SOFTWARE, r, "main loop");
	return 0;
}

static int open_recorder_file(struct hvd *hvd, struct problem *ret_problem)
{
	return recorder_file_open(
		&hvd->recorder_file, hvd->options->recorder_file, &hvd->runtime, ret_problem);
}

static int start_recorder(struct hvd *hvd, struct problem *ret_problem)
{
	const struct recorder_file *file = &hvd->recorder_file;
	const struct recorder_home home = {
		.fd = file->fd,
		.names = &hv_record_names,
		.hvd_version = HVD_VERSION,
		.vm = hvd->options->name,
	};
	int r = recorder_new_at(&clock_monotonic, RECORDER_RING_RECORDS,
		file->fd >= 0 ? &home : NULL, &hvd->recorder);

	if (r == 0)
		r = recorder_attach(hvd->recorder, "main");
	if (r < 0)
		return problem_errno(
			ret_problem, EX_SOFTWARE, r, *file->name ? file->name : "recorder");
	return recorder_file_settle(file, ret_problem);
}

static int make_vm(struct hvd *hvd, struct problem *ret_problem)
{
	struct accelerator accelerator;
	struct vm_config config = {
		.name = hvd->options->name,
		.vp_count = (unsigned)hvd->options->cpus,
		.memory_bytes = hvd->options->memory_bytes,
		.clock = &clock_monotonic,
		.loop = hvd->loop,
		.recorder = hvd->recorder,
		.process_start_ns = hvd->start_ns,
	};
	int r;

	if (accelerator_choose(hvd->options, &accelerator, ret_problem))
		return 1;
	config.accel = accelerator.accel;
	config.synic_mode = accelerator.synic_mode;
	config.enforce_cpuid = accelerator.enforce_cpuid;
	r = vm_new(&config, &hvd->vm);
	if (r < 0)
		return problem_errno(ret_problem, EX_SOFTWARE, r, "virtual machine");
	hvd->vm->on_state = on_vm_state;
	hvd->vm->on_state_arg = hvd;
	return 0;
}

static int furnish_vm(struct hvd *hvd, struct problem *ret_problem)
{
	hvd->devices.socket_prefix = hvd->runtime.prefix;
	return devices_init(&hvd->devices, hvd->vm, hvd->options, ret_problem);
}

static int make_injector(struct hvd *hvd, struct problem *ret_problem)
{
	int r = injector_new(hvd->vm, &hvd->injector);

	return r < 0 ? problem_errno(ret_problem, EX_SOFTWARE, r, "injector") : 0;
}

/* ---- the API --------------------------------------------------------------------------------- */

static int add_providers(struct hvd *hvd)
{
	const struct catalog_owners owners = {
		.vm = hvd->vm,
		.bus = hvd->devices.bus,
		.console = hvd->devices.console,
		.testdev = hvd->devices.testdev,
	};
	struct node_provider providers[CATALOG_MAX];
	size_t count = catalog_providers(&owners, providers);
	int r = 0;

	for (size_t i = 0; i < count && r == 0; i++)
		r = inspect_add_provider(hvd->inspect, &providers[i]);
	return r;
}

static int make_inspect(struct hvd *hvd, struct problem *ret_problem)
{
	const struct inspect_config config = {
		.vm = hvd->vm,
		.bus = hvd->devices.bus,
		.injector = hvd->injector,
		.recorder = hvd->recorder,
		.previous_log_fd = hvd->recorder_file.previous_fd,
		.loop = hvd->loop,
		.version = HVD_VERSION,
		.runtime_dir = hvd->runtime.dir,
		.doctor = hvd->options->doctor,
	};
	int r = inspect_new(&config, &hvd->inspect);

	if (r == 0)
		r = add_providers(hvd);
	return r < 0 ? problem_errno(ret_problem, EX_SOFTWARE, r, "API") : 0;
}

static int listen_unix(struct hvd *hvd, struct problem *ret_problem)
{
	const struct {
		const char *path;
		enum inspect_role role;
	} sockets[] = {
		{hvd->runtime.api_path, INSPECT_READ_WRITE},
		{hvd->runtime.ro_path, INSPECT_READ_ONLY},
	};

	for (size_t i = 0; i < ARRAY_LEN(sockets); i++) {
		int r = inspect_listen_unix(hvd->inspect, sockets[i].path, sockets[i].role);

		if (r < 0)
			return problem_errno(ret_problem, EX_CONFIG, r, sockets[i].path);
	}
	return 0;
}

static int listen_http(struct hvd *hvd, struct problem *ret_problem)
{
	struct http_endpoint endpoint;
	uint16_t port;
	int r;

	if (!hvd->options->http)
		return 0;
	r = http_endpoint_parse(hvd->options->http, &endpoint);
	if (r == 0)
		r = inspect_listen_tcp(hvd->inspect, endpoint.address, endpoint.port,
			*hvd->token ? hvd->token : NULL, &port);
	if (r < 0)
		return problem_errno(ret_problem, EX_CONFIG, r, hvd->options->http);
	log_info("API on http://%s port %u, %s", endpoint.address, port,
		*hvd->token ? "changes with the token" : "changes refused (no --token-file)");
	return 0;
}

static int fence_calls(struct hvd *hvd, struct problem *ret_problem)
{
	int r = sandbox_calls();

	return r < 0 ? problem_errno(ret_problem, EX_SOFTWARE, r, "seccomp") : 0;
}

static int start_inspect(struct hvd *hvd, struct problem *ret_problem)
{
	int r = inspect_start(hvd->inspect);

	return r < 0 ? problem_errno(ret_problem, EX_SOFTWARE, r, "API") : 0;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static const stage_fn stages[] = {
	check_files,
	read_token,
	take_name,
	open_recorder_file,
	fence_files,
	start_loop,
	start_recorder,
	make_vm,
	furnish_vm,
	make_injector,
	make_inspect,
	listen_unix,
	listen_http,
	start_inspect,
	fence_calls,
};

/* Before any thread exists: they all inherit the mask, and sd-event reads the signals. */
static void block_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
}

int hvd_new(const struct options *options, uint64_t start_ns, struct hvd **ret_hvd,
	struct problem *ret_problem)
{
	struct hvd *hvd = calloc(1, sizeof(*hvd));

	if (!hvd)
		return problem_errno(ret_problem, EX_SOFTWARE, -ENOMEM, "hvd");
	hvd->options = options;
	hvd->start_ns = start_ns;
	block_signals();
	rcu_thread_init();
	for (size_t i = 0; i < ARRAY_LEN(stages); i++) {
		if (stages[i](hvd, ret_problem)) {
			hvd_free(hvd);
			return 1;
		}
	}
	hvd->built = true;
	*ret_hvd = hvd;
	return 0;
}

/* What the log says of the end, taken while there is a VM to ask. */
struct last_words {
	int exit_status;
	char why[sizeof(((struct vm_stop *)0)->what)];
};

static struct last_words last_words(struct hvd *hvd)
{
	struct last_words words = {.exit_status = EX_SOFTWARE, .why = "it did not start"};
	struct vm_stop stop;

	if (!hvd->built)
		return words;
	read_stop(hvd->vm, &stop);
	words.exit_status = hvd_exit_status(hvd);
	snprintf(words.why, sizeof(words.why), "%s",
		hvd->signal ? strsignal(hvd->signal) : stop.what);
	return words;
}

/* Said when all the rest is gone: a log without it is that of an hvd which did not get so far. */
static void end_recorder(struct hvd *hvd, const struct last_words *words)
{
	if (hvd->recorder) {
		recorder_detach(hvd->recorder);
		recorder_end(hvd->recorder, words->exit_status, words->why);
	}
	recorder_free(hvd->recorder);
	if (!hvd->built)
		recorder_file_undo(&hvd->recorder_file);
	recorder_file_close(&hvd->recorder_file);
}

struct hvd *hvd_free(struct hvd *hvd)
{
	struct last_words words;

	if (!hvd)
		return NULL;
	if (hvd->inspect)
		inspect_stop(hvd->inspect);
	if (hvd->vm)
		park_vm(hvd->vm);
	words = last_words(hvd);
	injector_free(hvd->injector);
	devices_release(&hvd->devices);
	vm_free(hvd->vm);
	devices_deinit(&hvd->devices);
	inspect_free(hvd->inspect);
	end_recorder(hvd, &words);
	loop_free(hvd->loop);
	runtime_deinit(&hvd->runtime);
	rcu_thread_exit();
	free(hvd);
	return NULL;
}

int hvd_check(const struct options *options, struct problem *ret_problem)
{
	struct hvd hvd = {.options = options};

	return check_files(&hvd, ret_problem) || read_token(&hvd, ret_problem);
}

static void announce(struct hvd *hvd)
{
	struct vm *vm = hvd->vm;

	log_info("VM '%s': %s, %u VPs, %llu MiB; API on %s", vm->name, vm->accel->name,
		vm->vp_count, (unsigned long long)(hvd->options->memory_bytes >> 20),
		hvd->runtime.api_path);
	inspect_set_ready(hvd->inspect, true);
	sd_notifyf(0, "READY=1\nSTATUS=VM '%s' on %s", vm->name, vm->accel->name);
}

/* In the words of the backend, when it has any. */
static int cannot_start(struct hvd *hvd, int error, struct problem *ret_problem)
{
	struct vm_stop stop;

	read_stop(hvd->vm, &stop);
	if (stop.reason == VM_STOP_NONE)
		return problem_errno(ret_problem, EX_SOFTWARE, error, "starting the VM");
	return problem_set(ret_problem, EX_SOFTWARE, "starting the VM: %s", stop.what);
}

int hvd_run(struct hvd *hvd, struct problem *ret_problem)
{
	int r = 0;

	if (!hvd->options->paused)
		r = vm_resume(hvd->vm);
	if (r)
		return cannot_start(hvd, r, ret_problem);
	announce(hvd);
	r = loop_run(hvd->loop);
	sd_notify(0, "STOPPING=1");
	return r < 0 ? problem_errno(ret_problem, EX_SOFTWARE, r, "main loop") : 0;
}
