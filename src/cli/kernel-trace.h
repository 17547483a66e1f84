/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * KVM's own Hyper-V trace events, as the running kernel has them.
 *
 * They are read from a tracefs instance of our own, "hvd-hvctl-PID", with buffers and settings of
 * its own, so that nobody else's tracing is touched. An instance outlives its process: it has to be
 * removed, which kernel_trace_free() does; those of processes that could not are removed by whoever
 * comes next.
 *
 * Purpose: the one file that knows libtracefs.
 * Threads: one.
 * Errors:  enum cli_exit, reported.
 */
#include "cli/cli.h"
#include "cli/kernel-decoder.h"

struct kernel_trace_config {
	pid_t pid;        /* only events raised while one of its threads ran */
	const char *type; /* only records of these types: a glob such as "kvm.stimer*", or NULL */
};

struct kernel_trace;

/* Starts tracing. Nothing of it is left when this fails. */
enum cli_exit kernel_trace_new(const struct cli_options *options,
	const struct kernel_trace_config *config, struct kernel_trace **ret_trace) MUST_CHECK;
/* Stops, and removes the instance. */
struct kernel_trace *kernel_trace_free(struct kernel_trace *trace);
/* Readable when an event has come. */
int kernel_trace_fd(const struct kernel_trace *trace);
enum { KERNEL_E_MORE = 2 /* not all that has come was read: call again */ };
/* Feeds the sink with what has come, a bounded amount. -errno, KERNEL_E_STOPPED or KERNEL_E_MORE.
 */
int kernel_trace_read(struct kernel_trace *trace, const struct kernel_event_sink *sink) MUST_CHECK;

/* The type of the record that shows this event: "kvm.synic_set_irq" for "kvm_hv_synic_set_irq". */
char *kernel_trace_type(const char *event) MUST_CHECK;
