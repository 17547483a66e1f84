/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What a field means, out of the schemas.
 *
 * Purpose: `hvctl explain` and the completion of its argument.
 * Threads: one.
 * Errors:  NULL without memory.
 */
#include <jansson.h>
#include "common/util.h"

/*
 * Fields that `wanted` names: {"field": "port.minimum_vtl", "type": "integer", "nullable": false,
 * "writable": false, "description": ..., "values": [...] or null, "minimum": n or null, "maximum":
 * n or null}. NULL as `wanted` means all.
 */
json_t *explain_find(const char *wanted) MUST_CHECK;
/* The kinds of record: {"staged": "a staged message changed state", ...}. */
json_t *explain_record_types(void) MUST_CHECK;
