/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The schemas of log records, out of the table of record kinds (vmm/event.h): one variant for each
 * name, and one for each line that is no record.
 *
 * Purpose: log-record, the items of log-page, and kernel-record.
 * Threads: any.
 * Errors:  those of the writer.
 */
#include "inspect/writer.h"

/* The keywords of the schema, into an object that is open. */
void log_schema_write_record(struct writer *writer);
void log_schema_write_kernel(struct writer *writer);
