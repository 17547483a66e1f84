/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Node classes as REST resources: one object, and pages of a collection.
 *
 * Purpose: GET /v1/ports/{connection_id} and GET /v1/ports for every class.
 * Threads: the HTTP thread; objects of an on_vcpu class are fetched by the worker.
 * Errors:  problems in the reply.
 */
#include "inspect/registry.h"
#include "inspect/rest.h"

void resource_routes(
	const struct resource *resource, struct route *ret_object, struct route *ret_list);

/*
 * Fills one snapshot on the thread of the VP it belongs to. Worker only. 0, -ENOENT, -ETIMEDOUT,
 * or what vcpu_run_on() said. Gives up early when the server stops.
 */
int resource_get_on_vcpu(struct inspect *inspect, const struct resource *resource,
	const uint64_t *key, uint64_t deadline_ns, void *ret_info) MUST_CHECK;

/* An object for the body of a POST reply: GET of a singleton class by its path. */
void resource_reply(struct inspect *inspect, const char *path, struct reply *reply);
