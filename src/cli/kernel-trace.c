/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/kernel-trace.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/magic.h>
#include <tracefs/tracefs.h>

#include "cli/problem.h"
#include "cli/text.h"
#include "common/cleanup.h"
#include "common/parse.h"
#include "inspect/glob.h"

#define EVENT_SYSTEM    "kvm"
#define EVENT_PREFIX    "kvm_hv_"
#define INSTANCE_PREFIX "hvd-hvctl-"

/* How much of one CPU's buffer is read before the next CPU, and hvd, have their turn. */
enum { PAGES_PER_TURN = 4 };

struct kernel_trace {
	const struct cli_options *options; /* borrows */
	const char *root;                  /* where tracefs is mounted */
	struct tracefs_instance *instance; /* owns; NULL: not made yet */
	struct kernel_decoder *decoder;    /* owns */
	char **events;                     /* owns; kvm_hv_*, NULL-terminated */
	void *page;                        /* owns */
	int epoll_fd;                      /* of all the CPUs */
	int *cpu_fds;                      /* owns */
	size_t cpu_count;
	struct epoll_event *ready; /* owns; room for all CPUs */
};

char *kernel_trace_type(const char *event)
{
	size_t prefix = strlen(EVENT_PREFIX);

	return text_format("kvm.%s", event + (strncmp(event, EVENT_PREFIX, prefix) ? 0 : prefix));
}

/* ---- failures ------------------------------------------------------------- */

static enum cli_exit report_not_mounted(const struct cli_options *options, const char *where)
{
	if (access(where, F_OK) < 0)
		return problem_report(options, CLI_NOT_FOUND, "tracefs_missing",
			"it needs CONFIG_FTRACE; without --kernel, watch needs nothing of it",
			"this kernel has no tracefs: there is no %s", where);
	return problem_report(options, CLI_REFUSED, "tracefs_not_mounted",
		"mount it as root: mount -t tracefs nodev /sys/kernel/tracing",
		"tracefs is not mounted on %s", where);
}

static enum cli_exit report_errno(const struct cli_options *options, int error, const char *what)
{
	if (error == EACCES || error == EPERM)
		return problem_report(options, CLI_DENIED, "tracefs_not_permitted",
			"run hvctl watch --kernel as root", "no permission to use tracefs: %s: %s",
			what, strerror(error));
	return problem_report(options, CLI_INTERNAL, "tracefs_error", NULL, "tracefs: %s: %s", what,
		strerror(error));
}

static enum cli_exit report_no_match(const struct kernel_trace *trace, const char *type)
{
	CLEANUP(free) char *names = NULL;
	CLEANUP(free) char *hint = NULL;
	size_t size;
	FILE *out = open_memstream(&names, &size);

	for (size_t i = 0; out && trace->events[i]; i++)
		fprintf(out, "%s%s", i > 0 ? ", " : "", trace->events[i] + strlen(EVENT_PREFIX));
	if (out && fclose(out) == 0)
		hint = text_format("after \"kvm.\" it has %s", names);
	return problem_report(trace->options, CLI_NOT_FOUND, "no_such_event", hint,
		"no trace event of this kernel matches --type %s", type);
}

/* ---- what there is ---------------------------------------------------------- */

static bool is_tracefs(const char *path)
{
	struct statfs fs;

	return statfs(path, &fs) == 0 && fs.f_type == TRACEFS_MAGIC;
}

/* libtracefs would mount what it does not find: nothing that somebody who watches asked for. */
static enum cli_exit find_root(struct kernel_trace *trace)
{
	static char usual[] = "/sys/kernel/tracing", old[] = "/sys/kernel/debug/tracing";
	char *root = is_tracefs(usual) ? usual : is_tracefs(old) ? old : NULL;
	CLEANUP(free) char *instances = NULL;

	if (!root)
		return report_not_mounted(trace->options, usual);
	instances = text_format("%s/instances", root);
	if (!instances || tracefs_set_tracing_dir(root) < 0)
		return problem_errno(trace->options, ENOMEM, "tracefs");
	if (faccessat(AT_FDCWD, instances, R_OK | W_OK | X_OK, AT_EACCESS) < 0)
		return report_errno(trace->options, errno, instances);
	trace->root = root;
	return CLI_OK;
}

/* "kvm_hv_timer_state" is about VMX's preemption timer, which KVM calls hv_timer: no Hyper-V. */
static bool is_hyperv_event(const char *name)
{
	return strncmp(name, EVENT_PREFIX, strlen(EVENT_PREFIX)) == 0 &&
	       strcmp(name, "kvm_hv_timer_state") != 0;
}

static bool is_wanted(const char *event, const char *globs)
{
	CLEANUP(free) char *type = kernel_trace_type(event);

	return !globs || (type && glob_list_matches(globs, type));
}

/* Frees those of `events` that are not about Hyper-V. Returns how many stay. */
static size_t keep_hyperv(char **events)
{
	size_t kept = 0;

	for (size_t i = 0; events[i]; i++) {
		if (is_hyperv_event(events[i]))
			events[kept++] = events[i];
		else
			free(events[i]);
	}
	events[kept] = NULL;
	return kept;
}

static enum cli_exit find_events(struct kernel_trace *trace)
{
	trace->events = tracefs_system_events(trace->root, EVENT_SYSTEM);
	if (trace->events && keep_hyperv(trace->events) > 0)
		return CLI_OK;
	return problem_report(trace->options, CLI_NOT_FOUND, "kvm_events_missing",
		"they need the module kvm, built with CONFIG_KVM_HYPERV",
		"this kernel has no trace events %s:%s*", EVENT_SYSTEM, EVENT_PREFIX);
}

/* ---- what they look like ----------------------------------------------------- */

static enum cli_exit add_header_page(struct kernel_trace *trace)
{
	CLEANUP(free) char *text = NULL;
	int size = 0, r;

	text = tracefs_instance_file_read(NULL, "events/header_page", &size);
	if (!text)
		return report_errno(trace->options, errno, "events/header_page");
	r = kernel_decoder_add_header_page(trace->decoder, text, (size_t)size);
	if (r < 0)
		return report_errno(trace->options, -r, "events/header_page");
	trace->page = malloc(kernel_decoder_page_bytes(trace->decoder));
	return trace->page ? CLI_OK : problem_errno(trace->options, ENOMEM, "tracefs");
}

static enum cli_exit add_format(struct kernel_trace *trace, const char *event)
{
	CLEANUP(free) char *text = NULL;
	int size = 0, r;

	text = tracefs_event_file_read(NULL, EVENT_SYSTEM, event, "format", &size);
	r = text ? kernel_decoder_add_event(trace->decoder, text, (size_t)size) : -errno;
	return r < 0 ? report_errno(trace->options, -r, event) : CLI_OK;
}

static enum cli_exit learn_formats(struct kernel_trace *trace)
{
	int error = kernel_decoder_new(&trace->decoder);
	enum cli_exit r;

	if (error < 0)
		return problem_errno(trace->options, -error, "tracefs");
	r = add_header_page(trace);
	for (size_t i = 0; r == CLI_OK && trace->events[i]; i++)
		r = add_format(trace, trace->events[i]);
	return r;
}

/* ---- the instance ------------------------------------------------------------- */

/* Ours by its name, and left by a process that is gone, or that had the number we have now. */
static bool is_leftover(const char *name)
{
	uint64_t pid;

	if (strncmp(name, INSTANCE_PREFIX, strlen(INSTANCE_PREFIX)) != 0 ||
		parse_u64(name + strlen(INSTANCE_PREFIX), 1, INT32_MAX, &pid) != 0)
		return false;
	return (pid_t)pid == getpid() || (kill((pid_t)pid, 0) < 0 && errno == ESRCH);
}

/* What cannot be removed harms nobody but the memory; whoever comes next tries again. */
static void remove_leftovers(const struct kernel_trace *trace)
{
	CLEANUP(free) char *path = text_format("%s/instances", trace->root);
	DIR *folder = path ? opendir(path) : NULL;
	const struct dirent *entry;

	while (folder && (entry = readdir(folder)))
		if (is_leftover(entry->d_name))
			unlinkat(dirfd(folder), entry->d_name, AT_REMOVEDIR);
	if (folder)
		closedir(folder);
}

static enum cli_exit make_instance(struct kernel_trace *trace)
{
	CLEANUP(free) char *name = text_format(INSTANCE_PREFIX "%d", (int)getpid());

	remove_leftovers(trace);
	if (name)
		trace->instance = tracefs_instance_create(name);
	return trace->instance ? CLI_OK : report_errno(trace->options, errno, "instances");
}

static enum cli_exit write_settings(struct kernel_trace *trace)
{
	static const struct {
		const char *file, *value;
	} settings[] = {
		{"tracing_on", "0"},     /* until every event is enabled: none may be missing */
		{"trace_clock", "mono"}, /* the clock of hvd's records */
		{"buffer_size_kb", "1024"},
		{"buffer_percent", "0"},     /* readable at the first event */
		{"options/event-fork", "1"}, /* threads made from now on count as well */
	};

	for (size_t i = 0; i < ARRAY_LEN(settings); i++)
		if (tracefs_instance_file_write(
			    trace->instance, settings[i].file, settings[i].value) < 0)
			return report_errno(trace->options, errno, settings[i].file);
	return CLI_OK;
}

static enum cli_exit add_thread(struct kernel_trace *trace, const char *tid)
{
	CLEANUP(free) char *line = text_format("%s\n", tid);

	if (!line)
		return problem_errno(trace->options, ENOMEM, "tracefs");
	/* The file takes any number: a thread that has ended meanwhile is no failure. */
	if (tracefs_instance_file_append(trace->instance, "set_event_pid", line) < 0)
		return report_errno(trace->options, errno, "set_event_pid");
	return CLI_OK;
}

/* Events are filtered by thread in the kernel: those of other VMs never get here. */
static enum cli_exit add_threads(struct kernel_trace *trace, pid_t pid)
{
	CLEANUP(free) char *path = text_format("/proc/%d/task", (int)pid);
	DIR *folder = path ? opendir(path) : NULL;
	enum cli_exit r = CLI_OK;
	const struct dirent *entry;

	if (!folder)
		return problem_errno(trace->options, errno, "the threads of hvd");
	while (r == CLI_OK && (entry = readdir(folder)))
		if (entry->d_name[0] != '.')
			r = add_thread(trace, entry->d_name);
	closedir(folder);
	return r;
}

static enum cli_exit enable_events(struct kernel_trace *trace, const char *type)
{
	size_t count = 0;

	for (size_t i = 0; trace->events[i]; i++) {
		if (!is_wanted(trace->events[i], type))
			continue;
		if (tracefs_event_file_write(
			    trace->instance, EVENT_SYSTEM, trace->events[i], "enable", "1") < 0)
			return report_errno(trace->options, errno, trace->events[i]);
		count++;
	}
	return count > 0 ? CLI_OK : report_no_match(trace, type);
}

static enum cli_exit begin(struct kernel_trace *trace)
{
	if (tracefs_instance_file_write(trace->instance, "tracing_on", "1") < 0)
		return report_errno(trace->options, errno, "tracing_on");
	return CLI_OK;
}

/* ---- the buffers ---------------------------------------------------------------- */

static enum cli_exit open_cpu(struct kernel_trace *trace, const char *cpu)
{
	CLEANUP(free) char *file = text_format("per_cpu/%s/trace_pipe_raw", cpu);
	int *grown = reallocarray(trace->cpu_fds, trace->cpu_count + 1, sizeof(*grown));
	struct epoll_event event = {.events = EPOLLIN};

	if (!file || !grown)
		return problem_errno(trace->options, ENOMEM, "tracefs");
	trace->cpu_fds = grown;
	event.data.fd = tracefs_instance_file_open(
		trace->instance, file, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (event.data.fd < 0)
		return report_errno(trace->options, errno, file);
	grown[trace->cpu_count++] = event.data.fd;
	if (epoll_ctl(trace->epoll_fd, EPOLL_CTL_ADD, event.data.fd, &event) < 0)
		return report_errno(trace->options, errno, file);
	return CLI_OK;
}

static enum cli_exit open_cpus(struct kernel_trace *trace)
{
	char *path = tracefs_instance_get_file(trace->instance, "per_cpu");
	DIR *folder = path ? opendir(path) : NULL;
	enum cli_exit r = CLI_OK;
	const struct dirent *entry;

	tracefs_put_tracing_file(path);
	if (!folder)
		return report_errno(trace->options, errno, "per_cpu");
	trace->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (trace->epoll_fd < 0)
		r = problem_errno(trace->options, errno, "epoll");
	while (r == CLI_OK && (entry = readdir(folder)))
		if (strncmp(entry->d_name, "cpu", 3) == 0)
			r = open_cpu(trace, entry->d_name);
	closedir(folder);
	if (r != CLI_OK)
		return r;
	trace->ready = calloc(trace->cpu_count + 1, sizeof(*trace->ready));
	return trace->ready ? CLI_OK : problem_errno(trace->options, ENOMEM, "tracefs");
}

/* Reads what one CPU has, or its share of this turn. */
static int read_cpu(struct kernel_trace *trace, int fd, const struct kernel_event_sink *sink)
{
	size_t bytes = kernel_decoder_page_bytes(trace->decoder);
	int r = 0;

	for (unsigned i = 0; r == 0 && i < PAGES_PER_TURN; i++) {
		ssize_t size = read(fd, trace->page, bytes);

		if (size < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		if (size <= 0)
			return 0;
		r = kernel_decoder_read_page(trace->decoder, trace->page, sink);
	}
	return r == 0 ? KERNEL_E_MORE : r;
}

int kernel_trace_read(struct kernel_trace *trace, const struct kernel_event_sink *sink)
{
	int count = epoll_wait(trace->epoll_fd, trace->ready, (int)trace->cpu_count, 0);
	bool more = false;

	for (int i = 0; i < count; i++) {
		int r = read_cpu(trace, trace->ready[i].data.fd, sink);

		more |= r == KERNEL_E_MORE;
		if (r != 0 && r != KERNEL_E_MORE)
			return r;
	}
	return more ? KERNEL_E_MORE : 0;
}

int kernel_trace_fd(const struct kernel_trace *trace)
{
	return trace->epoll_fd;
}

/* ---- life ------------------------------------------------------------------------- */

static enum cli_exit start(struct kernel_trace *trace, const struct kernel_trace_config *config)
{
	enum cli_exit r = find_root(trace);

	if (r == CLI_OK)
		r = find_events(trace);
	if (r == CLI_OK)
		r = learn_formats(trace);
	if (r == CLI_OK)
		r = make_instance(trace);
	if (r == CLI_OK)
		r = write_settings(trace);
	if (r == CLI_OK)
		r = add_threads(trace, config->pid);
	if (r == CLI_OK)
		r = open_cpus(trace);
	if (r == CLI_OK)
		r = enable_events(trace, config->type);
	return r == CLI_OK ? begin(trace) : r;
}

enum cli_exit kernel_trace_new(const struct cli_options *options,
	const struct kernel_trace_config *config, struct kernel_trace **ret_trace)
{
	struct kernel_trace *trace = calloc(1, sizeof(*trace));
	enum cli_exit r;

	if (!trace)
		return problem_errno(options, ENOMEM, "tracefs");
	trace->options = options;
	trace->epoll_fd = -1;
	r = start(trace, config);
	if (r == CLI_OK)
		*ret_trace = trace;
	else
		kernel_trace_free(trace);
	return r;
}

struct kernel_trace *kernel_trace_free(struct kernel_trace *trace)
{
	if (!trace)
		return NULL;
	/* An instance with open files would stay. */
	for (size_t i = 0; i < trace->cpu_count; i++)
		close(trace->cpu_fds[i]);
	if (trace->epoll_fd >= 0)
		close(trace->epoll_fd);
	if (trace->instance) {
		tracefs_instance_destroy(trace->instance);
		tracefs_instance_free(trace->instance);
	}
	tracefs_list_free(trace->events);
	kernel_decoder_free(trace->decoder);
	free(trace->cpu_fds);
	free(trace->ready);
	free(trace->page);
	free(trace);
	return NULL;
}
