/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The inside of struct inspect, for the files of this folder.
 *
 * Purpose: what the parts of the server share.
 * Threads: constant after start, but for what is marked atomic and what names its thread.
 * Errors:  none.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "common/record.h"
#include "inspect/inspect.h"
#include "inspect/operation.h"
#include "inspect/path.h"
#include "inspect/previous.h"
#include "inspect/registry.h"
#include "inspect/reply_log.h"

struct doctor_rounds;
struct http;
struct bound_route;

struct inspect {
	struct inspect_config config;
	char *version, *runtime_dir; /* own */
	uint64_t started_realtime_ns;

	struct registry registry;
	struct path_node routes;   /* value: struct bound_route */
	struct bound_route *bound; /* owns: all of them */

	struct loop *http_loop; /* owns: the HTTP thread's */
	struct operations operations;
	struct http *http; /* owns */
	struct doctor_rounds *doctor; /* owns */
	struct reply_log reply_log;
	struct previous previous;

	_Atomic bool ready, stopping;
	_Atomic uint32_t streams;  /* open now */
	_Atomic uint64_t requests; /* answered or refused since start */
	bool started, stopped;     /* main thread */
};
