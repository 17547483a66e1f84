/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Both sources bring their records late: hvd looks for new ones every 20 ms, and the trace buffers
 * are read once every TICK_MS while there is something in them. Both give the time on
 * CLOCK_MONOTONIC. So everything waits in a merge until it is 100 ms old and is printed in order.
 */
#include "cli/watch-kernel.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/client.h"
#include "cli/interrupt.h"
#include "cli/kernel-trace.h"
#include "cli/merge.h"
#include "cli/problem.h"
#include "cli/render.h"
#include "cli/vm-process.h"
#include "common/cleanup.h"
#include "common/clock.h"
#include "inspect/log_filter.h"

/* A record waits for WINDOW_NS and at most one tick more. */
#define WINDOW_NS (90 * NSEC_PER_MSEC)
enum {
	TICK_MS = 10,
	CAPACITY = 8192,
	LAST_TURNS = 1000, /* at the end, should the kernel go on for ever */
};

struct kernel_watch {
	struct event_printer *printer;
	struct log_numbers vp, sint, relid; /* filters */
	struct vm_process process;
	struct kernel_trace *trace; /* owns */
	struct merge merge;
	uint64_t hvd_ns;    /* of hvd's last record */
	bool read_anything; /* this turn */
	bool more_to_read;
	json_t *end; /* owns; hvd's last word, NULL while it has not spoken it */
};

/* ---- records of hvd --------------------------------------------------------- */

static bool push(struct kernel_watch *watch, json_t *record, uint64_t mono_ns)
{
	if (record)
		return merge_push(&watch->merge, record, mono_ns, clock_now_ns(&clock_monotonic));
	watch->printer->result = problem_errno(
		&watch->printer->cli->options, ENOMEM, "event stream");
	return false;
}

/* A gap has no time: it stays behind the record it follows. */
static bool take_line(void *arg, const char *line)
{
	struct kernel_watch *watch = arg;
	json_t *record = event_printer_parse(watch->printer, line), *mono_ns;
	const char *type;

	if (!record)
		return false;
	type = json_string_value(json_object_get(record, "type"));
	if (type && strcmp(type, "heartbeat") == 0) {
		json_decref(record);
		return true;
	}
	if (type && strcmp(type, "end") == 0) {
		json_decref(watch->end);
		watch->end = record;
		return true;
	}
	mono_ns = json_object_get(record, "mono_ns");
	if (json_is_integer(mono_ns))
		watch->hvd_ns = (uint64_t)json_integer_value(mono_ns);
	return push(watch, record, watch->hvd_ns);
}

/* ---- records of KVM ------------------------------------------------------------ */

static json_t *number_or_null(int64_t number)
{
	return number < 0 ? json_null() : json_integer(number);
}

/* RFC 3339 with nanoseconds, as hvd writes it. */
static json_t *wall_clock(uint64_t mono_ns)
{
	uint64_t ns = mono_ns + clock_realtime_ns() - clock_now_ns(&clock_monotonic);
	time_t seconds = (time_t)(ns / NSEC_PER_SEC);
	char date[sizeof("-2147483648-01-01T00:00:00")] = "";
	struct tm tm;

	if (gmtime_r(&seconds, &tm))
		strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
	return json_sprintf("%s.%09uZ", date, (unsigned)(ns % NSEC_PER_SEC));
}

/* Everything KVM emulates is what we call VTL 0. */
static json_t *kernel_record(const struct kernel_event *event, int64_t vp)
{
	CLEANUP(free) char *type = kernel_trace_type(event->name);

	return json_pack("{s:n, s:o, s:I, s:s, s:o, s:o, s:o, s:O}", "seq", "time",
		wall_clock(event->mono_ns), "mono_ns", (json_int_t)event->mono_ns, "type",
		type ? type : "", "vp", number_or_null(vp), "vtl", number_or_null(vp < 0 ? -1 : 0),
		"sint", number_or_null(event->sint), "args", event->args);
}

/* What is not known, a value below 0, passes no filter. */
static bool passes(const struct log_numbers *filter, int64_t value)
{
	return filter->count == 0 || (value >= 0 && log_numbers_contain(filter, (uint64_t)value));
}

/* The command line has been checked. */
static struct log_numbers filter_of(const struct invocation *invocation, const char *key)
{
	const char *text = invocation_value(invocation, key)->text;
	struct log_numbers numbers = {0};

	if (text && log_numbers_parse(text, UINT64_MAX, &numbers))
		numbers.count = 0;
	return numbers;
}

static bool on_event(void *arg, const struct kernel_event *event)
{
	struct kernel_watch *watch = arg;
	/* Hypercalls do not say which VP makes them, but it is the one whose thread runs. */
	int64_t vp = event->vp >= 0 ? event->vp : vm_process_vp(&watch->process, event->tid);

	watch->read_anything = true;
	/* KVM knows no channels. */
	if (!passes(&watch->vp, vp) || !passes(&watch->sint, event->sint) ||
		!passes(&watch->relid, -1))
		return true;
	return push(watch, kernel_record(event, vp), event->mono_ns);
}

static bool on_lost(void *arg, uint64_t mono_ns, uint64_t count)
{
	struct kernel_watch *watch = arg;

	return push(watch,
		json_pack("{s:s, s:n, s:o, s:s}", "type", "gap", "seq", "lost",
			count > 0 ? json_integer((json_int_t)count) : json_null(), "source",
			"kernel"),
		mono_ns);
}

/* Returns false when that is the end of it. */
static bool read_trace(struct kernel_watch *watch)
{
	const struct kernel_event_sink sink = {
		.on_event = on_event, .on_lost = on_lost, .arg = watch};
	int r;

	watch->read_anything = false;
	r = kernel_trace_read(watch->trace, &sink);
	watch->more_to_read = r == KERNEL_E_MORE;
	if (r < 0)
		watch->printer->result = problem_errno(
			&watch->printer->cli->options, -r, "the kernel's trace buffers");
	return r == 0 || watch->more_to_read;
}

/* ---- both ------------------------------------------------------------------------ */

static bool emit(void *arg, const json_t *record)
{
	return event_printer_take(arg, record);
}

/*
 * The time is taken before the buffers are read: all that is older has been read then, unless there
 * is more than is read in one turn. While records come they are waited for by the clock, not each
 * by its own wake-up.
 */
static bool turn(void *arg, struct http_wait *wait)
{
	struct kernel_watch *watch = arg;
	uint64_t now_ns = clock_now_ns(&clock_monotonic);

	if (!event_printer_turn(watch->printer, wait) || !read_trace(watch))
		return false;
	if (!watch->more_to_read && !merge_release(&watch->merge, now_ns))
		return false;
	if (watch->more_to_read)
		wait->timeout_ms = 0;
	else if (watch->read_anything || !merge_is_empty(&watch->merge))
		wait->timeout_ms = MIN(wait->timeout_ms, TICK_MS);
	else
		wait->fd = kernel_trace_fd(watch->trace);
	return true;
}

/* The stream is over: what has come until now is all. */
static bool finish(struct kernel_watch *watch)
{
	bool good = read_trace(watch);

	for (unsigned i = 0; good && watch->more_to_read && i < LAST_TURNS; i++)
		good = read_trace(watch);
	return good && merge_flush(&watch->merge) &&
	       (!watch->end || event_printer_take(watch->printer, watch->end));
}

static enum cli_exit follow(struct kernel_watch *watch, const char *target)
{
	const struct http_side side = {.turn = turn, .arg = watch};
	struct event_printer *printer = watch->printer;
	enum cli_exit r = client_stream(printer->cli, target, take_line, watch, &side);
	bool enough = printer->result != CLI_OK || printer->wanted == 0 || r == CLI_INTERRUPTED;

	if (!enough)
		(void)finish(watch); /* its result stands in the printer, too */
	return event_printer_verdict(printer, r);
}

static enum cli_exit trace_and_follow(
	struct kernel_watch *watch, const struct invocation *invocation, const char *target)
{
	struct cli *cli = watch->printer->cli;
	const struct kernel_trace_config config = {
		.pid = watch->process.pid,
		.type = invocation_value(invocation, "type")->text,
	};
	enum cli_exit r;

	interrupt_hold();
	r = kernel_trace_new(&cli->options, &config, &watch->trace);
	if (r == CLI_OK && merge_init(&watch->merge, CAPACITY, WINDOW_NS, emit, watch->printer) < 0)
		r = problem_errno(&cli->options, ENOMEM, "watch");
	if (r == CLI_OK)
		r = follow(watch, target);
	watch->trace = kernel_trace_free(watch->trace);
	merge_deinit(&watch->merge);
	interrupt_release();
	return r;
}

/* ---- before it begins --------------------------------------------------------------- */

static bool is_word(const json_t *object, const char *key, const char *word)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text && strcmp(text, word) == 0;
}

static enum cli_exit check_mode(struct cli *cli)
{
	json_auto_t *vm = NULL;
	enum cli_exit r = client_request(cli, "GET", "/v1/vm", NULL, NULL, &vm);

	if (r != CLI_OK)
		return r;
	if (!is_word(vm, "accel", "kvm"))
		return problem_report(&cli->options, CLI_REFUSED, "not_kvm",
			"hvd --accel kvm runs it on KVM",
			"the VM does not run on KVM: the kernel has no events about it");
	if (!is_word(vm, "synic_mode", "kernel"))
		render_note(cli, "the SynIC of this VM is hvd's own (mode user): KVM does little "
				 "for it that it could tell\n");
	return CLI_OK;
}

enum cli_exit watch_kernel(
	const struct invocation *invocation, const char *target, struct event_printer *printer)
{
	struct cli *cli = printer->cli;
	struct kernel_watch watch = {
		.printer = printer,
		.vp = filter_of(invocation, "vp"),
		.sint = filter_of(invocation, "sint"),
		.relid = filter_of(invocation, "relid"),
	};
	enum cli_exit r;

	if (cli->options.curl)
		return problem_usage(&cli->options, "leave --kernel away for hvd's records",
			"--curl: the kernel's records do not come over HTTP");
	r = check_mode(cli);
	if (r == CLI_OK)
		r = vm_process_find(cli, &watch.process);
	if (r == CLI_OK && invocation_given(invocation, "since"))
		render_note(cli, "--since is about hvd's records; the kernel's begin now\n");
	if (r == CLI_OK)
		r = trace_and_follow(&watch, invocation, target);
	vm_process_deinit(&watch.process);
	json_decref(watch.end);
	return r;
}
