/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * JSON Schemas (draft 2020-12) and the OpenAPI description, out of the same tables that replies
 * and requests are made of.
 *
 * Purpose: what schema/generate writes into schema/.
 * Threads: any, after the providers have been added.
 * Errors:  those of the writer.
 */
#include "common/field.h"
#include "inspect/param.h"
#include "inspect/writer.h"

struct inspect;

/* The schema of a struct, inline: one JSON object. */
void schema_write_table(struct writer *writer, const struct field_table *table);

/* Calls `emit` for every schema there is, and for "openapi". Stops at a nonzero return. */
typedef int (*schema_emit_fn)(void *arg, const char *name, const struct writer *text);
int schema_generate(struct inspect *inspect, schema_emit_fn emit, void *arg) MUST_CHECK;
