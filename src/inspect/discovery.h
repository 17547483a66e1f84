/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What a client finds without knowing anything: health, version, links, schemas.
 *
 * Purpose: /healthz, /readyz, /v1, /v1/schemas/{name}, /v1/openapi.json.
 * Threads: the HTTP thread.
 * Errors:  problems in the reply.
 */
struct request;

void discovery_health(struct request *request);
void discovery_ready(struct request *request);
void discovery_root(struct request *request);
void discovery_schemas(struct request *request);
void discovery_schema(struct request *request);
void discovery_openapi(struct request *request);
