/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What can be observed of a run, without what is a matter of time.
 *
 * A run is the records of run-guest --records and the guest's console. They become streams: the
 * observations of one kind about one thing (a VP, a SINT, a connection), in order. VPs and host
 * threads run side by side, so only the order within a stream says something.
 *
 * An observation is a JSON object: "event", and the fields of its record that are no times. What
 * else is left out, and why, stands beside the table in observe.c.
 *
 * Purpose: the parity suite; what two runs of one program must have in common.
 * Threads: one.
 * Errors:  said on stderr, false.
 */
#include <stdbool.h>
#include <jansson.h>
#include "common/util.h"

/*
 * Reads FOLDER/PROGRAM.records and FOLDER/PROGRAM.console into an object that maps the name of a
 * stream to an array of observations. A `timed` program does the same things over and over until
 * its time is up: each observation then counts once, whatever their order.
 */
bool observe(const char *folder, const char *program, bool timed, json_t **ret_streams) MUST_CHECK;
