/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The node classes that were registered, prepared for lookups.
 *
 * Purpose: from a class to what REST and the tree need of it.
 * Threads: filled before the threads start, constant afterwards. get and list as in node.h.
 * Errors:  -EEXIST, -EINVAL, -ENOMEM.
 */
#include "common/node.h"
#include "inspect/path.h"

enum { REGISTRY_MAX_CLASSES = 48, RESOURCE_PATH_BYTES = 96 };

struct resource {
	const struct node_class *class;      /* borrows */
	void *owner;                         /* borrows */
	node_on_vcpu_fn on_vcpu;             /* NULL: nothing has to be read on a VP */
	const struct resource *parent;       /* borrows: the object this one lives in, or NULL */
	uint64_t key_max[NODE_MAX_KEYS + 1]; /* largest legal keys, the query key included */
	const char *const *key_words[NODE_MAX_KEYS]; /* of a key that is an enum; else NULL */
	const struct field *name_key;                /* the last key when it is a name, or NULL */
	unsigned list_fixed;                         /* keys in `list_path` */
	char list_path[RESOURCE_PATH_BYTES];         /* "vps/{vp}/sints"; "": not a collection */
	char list_schema[RESOURCE_PATH_BYTES];       /* "sint-list" */
};

struct registry {
	struct path_node tree; /* value: struct resource */
	unsigned count;
	struct resource *resource[REGISTRY_MAX_CLASSES]; /* owns */
};

void registry_deinit(struct registry *registry);
/* -EEXIST when the path is taken, -EINVAL when class and table do not fit together. */
int registry_add(struct registry *registry, const struct node_provider *provider,
	const struct resource **ret_resource) MUST_CHECK;

/*
 * Texts to keys. False when one cannot be a key: no such object. `key` has room
 * for the query key behind the others, which is set to `query_key`.
 */
bool resource_parse_keys(const struct resource *resource, const char *const *text, unsigned count,
	uint64_t query_key, uint64_t *key) MUST_CHECK;

enum { KEY_TEXT_BYTES = 32 };
/*
 * One key of a path, to and from its text: a number, one of the words its field can have, or a
 * name, which is read off `info`, a snapshot of the object.
 */
bool resource_parse_key(const struct resource *resource, unsigned index, const char *text,
	uint64_t *ret_key) MUST_CHECK;
void resource_format_key(const struct resource *resource, unsigned index, uint64_t key,
	const void *info, char text[KEY_TEXT_BYTES]);
/* Whether the key is something else than a number. */
bool resource_key_is_word(const struct resource *resource, unsigned index);

/* Whether the object that `key` says this one lives in exists; true when there is no such class. */
bool resource_parent_exists(const struct resource *resource, const uint64_t *key);
