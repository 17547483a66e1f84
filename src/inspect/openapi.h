/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The OpenAPI 3.1 description, out of the route table.
 *
 * Purpose: /v1/openapi.json.
 * Threads: any, after the providers have been added.
 * Errors:  those of the writer.
 */
#include "inspect/writer.h"

struct inspect;

void openapi_write(struct writer *writer, const struct inspect *inspect);
