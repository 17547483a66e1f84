/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What a recorder holds, as a file: NDJSON in the form of /v1/log.
 *
 * Purpose: run-guest --records.
 * Threads: any, once nobody records any more.
 * Errors:  a negative errno of the file; -EOVERFLOW: records are missing.
 */
#include "common/record.h"

int records_save(struct recorder *recorder, const char *path) MUST_CHECK;
