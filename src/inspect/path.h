/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Path templates as a tree of segments: "v1/ports/{connection_id}".
 *
 * One step per segment finds what a path leads to: a literal child by name, else the one {key}
 * child. A template that ends in "{name...}" takes all remaining segments, also none. The REST
 * routes and the inspection tree are both kept in such a tree.
 *
 * Purpose: routing.
 * Threads: built before the threads start, constant afterwards.
 * Errors:  -ENOMEM, -EINVAL.
 */
#include <stdbool.h>
#include "common/util.h"

enum { PATH_MAX_KEYS = 4 };

struct path_node {
	char *name;                /* owns; without braces */
	bool key;                  /* stands for any one segment */
	bool deep;                 /* stands for all the remaining ones */
	struct path_node *child;   /* owns; literals in order of addition, the key last */
	struct path_node *sibling; /* owns */
	void *value;               /* borrows; NULL: only a step on the way */
};

/* Finds or makes the node of a template below `root`. */
int path_add(struct path_node *root, const char *template, struct path_node **ret_node) MUST_CHECK;
void path_deinit(struct path_node *root);

/* The child `segment` leads to, or NULL. */
struct path_node *path_step(const struct path_node *node, const char *segment);
/* The {key} child, or NULL. */
struct path_node *path_key_child(const struct path_node *node);

struct path_match {
	const struct path_node *node;
	unsigned key_count;
	const char *key[PATH_MAX_KEYS]; /* the segments that stood for keys */
	unsigned deep_from;             /* first segment taken by {name...}; else the count */
};

/* True when the segments lead to a node with a value. */
bool path_find(const struct path_node *root, const char *const *segments, unsigned count,
	struct path_match *ret_match) MUST_CHECK;
