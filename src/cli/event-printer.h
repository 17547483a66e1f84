/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Records as lines: time, sequence number, VP, SINT, kind, arguments; -j passes them on as they
 * are.
 *
 * Purpose: what watch and log do with each record, until there have been enough.
 * Threads: one.
 * Errors:  event_printer.result, reported.
 */
#include <jansson.h>
#include "cli/command.h"
#include "cli/http.h"

struct event_printer {
	struct cli *cli;
	uint64_t wanted; /* records still to print, UINT64_MAX without --count */
	enum cli_exit result;
	bool ended;      /* the daemon said that it ends the stream */
	uint64_t end_ns; /* monotonic; UINT64_MAX without --for */
	bool timed_out;  /* the time of --for is over */
};

/* With the --count and the --for of the command line. */
struct event_printer event_printer_for(struct cli *cli, const struct invocation *invocation);
/* Before each wait of a stream: false once the time of --for is over. */
bool event_printer_turn(struct event_printer *printer, struct http_wait *wait) MUST_CHECK;
/* Prints a record; heartbeats are not for people. Returns false when no more are wanted. */
bool event_printer_take(struct event_printer *printer, const json_t *record) MUST_CHECK;
/* The items of an array, until no more are wanted; false then. */
bool event_printer_take_all(struct event_printer *printer, const json_t *records) MUST_CHECK;
/* Parses a line of the stream; `result` is set when it is no record. NULL then. */
json_t *event_printer_parse(struct event_printer *printer, const char *line) MUST_CHECK;
/* What a stream comes to that client_stream() ended with `streamed`. */
enum cli_exit event_printer_verdict(
	const struct event_printer *printer, enum cli_exit streamed) MUST_CHECK;
