/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Node classes: how a module offers its objects to inspection.
 *
 * A class is a path template, a field table and two functions that fill snapshots. The inspection
 * library makes REST resources (/v1/ports, /v1/ports/{connection_id}), tree nodes, schemas and
 * completions out of it. A module registers classes and knows nothing of JSON or HTTP.
 *
 * Purpose: the one interface between what is inspected (vmm, vmbus) and what shows it (inspect).
 * Threads: get and list are called from the HTTP thread, from the inspect worker and from the main
 *          loop; they take only short locks, never wait for a VP and never block. What only a VP's
 *          own thread can read is read by the function that `on_vcpu` names, before.
 * Errors:  get returns 0, -ENOENT, or -ENODATA when `on_vcpu` had to come first.
 */
#include <stdbool.h>
#include "common/field.h"
#include "common/util.h"

enum { NODE_MAX_KEYS = 3 };

/* Called for each object in ascending key order; a nonzero return ends the listing. */
typedef int (*node_visit_fn)(void *arg, const uint64_t *key, const void *info);

/*
 * Reads, on the thread of VP `vp` of `owner` and with the guest stopped, what only that thread can
 * read, and keeps it where get and list find it. Short: the guest waits. 0 or a negative errno.
 */
typedef int (*node_on_vcpu_fn)(void *owner, uint64_t vp);

struct node_class {
	/*
	 * "ports/{connection_id}", "vps/{vp}/sints/{sint}", "vm". Each {name} is one key, in order.
	 * Names are those of fields of the table.
	 */
	const char *path;
	/* A flat collection over all parents besides the nested one ("sints"), or NULL. */
	const char *flat_path;
	const struct field_table *fields;
	unsigned key_count;
	/*
	 * For a class whose last key is a FIELD_STRING, a name: the number that stands for it in
	 * `key`, the same as long as the object lives. 0 or -ENOENT. NULL for all others.
	 */
	int (*find)(void *owner, const char *name, uint64_t *ret_key);
	/*
	 * Optional key that is a query parameter ("vtl") with default 0, or NULL. It is passed as
	 * key[key_count] and is not counted in key_count.
	 */
	const char *query_key;
	/*
	 * Optional: what has to have run on VP key[0] (VP 0 for a class without keys) before get and
	 * list can show objects of that VP. It may answer NULL: for this owner, nothing. Called
	 * once for an owner.
	 */
	node_on_vcpu_fn (*on_vcpu)(const void *owner);
	/*
	 * Optional: not shown unless it is asked for by name: no metrics, {"$more": true} in a tree
	 * that starts above it. For what would make such a tree long, and is of use only now and then.
	 */
	bool by_name_only;
	/* Fills one snapshot (fields->size bytes). */
	int (*get)(void *owner, const uint64_t *key, void *ret_info);
	/*
	 * Optional: changes one FIELD_WRITABLE leaf, on the main loop. `value` holds field->size bytes
	 * laid out as in the info struct, checked against the field's type and range. 0, -ENOENT,
	 * or -EINVAL.
	 */
	int (*set)(void *owner, const uint64_t *key, const struct field *field, const void *value);
	/*
	 * Visits objects whose first `fixed` keys equal those in `key`, in ascending order, starting
	 * after the object named by `after` (all keys) when it is not NULL. NULL for singletons.
	 */
	void (*list)(void *owner, const uint64_t *key, unsigned fixed, const uint64_t *after,
		node_visit_fn visit, void *arg);
};

/* A class together with the module instance that serves it. */
struct node_provider {
	const struct node_class *class;
	void *owner;
};
