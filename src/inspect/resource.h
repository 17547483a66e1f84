/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Node classes as REST resources: one object, and pages of a collection.
 *
 * Purpose: GET /v1/ports/{connection_id} and GET /v1/ports for every class.
 * Threads: the HTTP thread; the worker where VPs have to be asked first (see on_vcpu.h).
 * Errors:  problems in the reply.
 */
#include "inspect/registry.h"
#include "inspect/rest.h"

void resource_routes(
	const struct resource *resource, struct route *ret_object, struct route *ret_list);

/* An object for the body of a POST reply: GET of a singleton class by its path. */
void resource_reply(struct inspect *inspect, const char *path, struct reply *reply);
/* The same of an object of a class whose only key is a name, with this status. */
void resource_reply_named(struct inspect *inspect, const struct node_class *class, const char *name,
	unsigned status, struct reply *reply);
