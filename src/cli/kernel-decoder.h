/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Trace events of the kernel, out of the pages of its ring buffers.
 *
 * What an event looks like is learned from the running kernel's own description (the text of
 * events/kvm/NAME/format), so that nothing here knows a single event by name. An event has as
 * arguments the fields that its print format mentions, in that order, and hexadecimal where it says
 * so: KVM declares fields that it never fills. vcpu_id and sint are what the event is about.
 *
 * Purpose: the one file that knows libtraceevent.
 * Threads: one.
 * Errors:  negative errno; -EPROTO for a description that cannot be read.
 */
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "common/util.h"

enum { KERNEL_NOWHERE = -1 };

struct kernel_event {
	uint64_t mono_ns;
	int tid;          /* the thread that ran, or that an interrupt interrupted */
	const char *name; /* as the kernel calls it: "kvm_hv_synic_set_irq" */
	int64_t vp, sint; /* KERNEL_NOWHERE: the event does not say */
	json_t *args;     /* borrowed */
};

/* Each returns false to have no more. */
struct kernel_event_sink {
	bool (*on_event)(void *arg, const struct kernel_event *event);
	/* Events of before `mono_ns` were overwritten; `count` is 0 when the kernel did not count.
	 */
	bool (*on_lost)(void *arg, uint64_t mono_ns, uint64_t count);
	void *arg;
};

struct kernel_decoder;

int kernel_decoder_new(struct kernel_decoder **ret_decoder) MUST_CHECK;
struct kernel_decoder *kernel_decoder_free(struct kernel_decoder *decoder);
/* The text of events/header_page: how long pages are, and where their events begin. */
int kernel_decoder_add_header_page(
	struct kernel_decoder *decoder, const char *text, size_t size) MUST_CHECK;
/* The text of events/kvm/NAME/format. */
int kernel_decoder_add_event(
	struct kernel_decoder *decoder, const char *text, size_t size) MUST_CHECK;
/* Bytes of one page as per_cpu/cpuN/trace_pipe_raw gives it. */
size_t kernel_decoder_page_bytes(const struct kernel_decoder *decoder);

enum { KERNEL_E_STOPPED = 1 /* the sink wants no more */ };
/* Feeds the sink with the events of one page. */
int kernel_decoder_read_page(struct kernel_decoder *decoder, void *page,
	const struct kernel_event_sink *sink) MUST_CHECK;
