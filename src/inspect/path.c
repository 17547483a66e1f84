/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "inspect/path.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What one segment of a template says. */
struct segment {
	const char *name;
	size_t length;
	bool key, deep;
};

static bool ends_with(const char *text, size_t length, const char *end)
{
	size_t end_length = strlen(end);

	return length >= end_length && memcmp(text + length - end_length, end, end_length) == 0;
}

static int parse_segment(const char *at, size_t length, struct segment *ret_segment)
{
	struct segment segment = {.name = at, .length = length};

	if (length == 0)
		return -EINVAL;
	if (at[0] == '{') {
		if (length < 3 || at[length - 1] != '}')
			return -EINVAL;
		segment = (struct segment){.name = at + 1, .length = length - 2, .key = true};
		if (ends_with(segment.name, segment.length, "...")) {
			segment.deep = true;
			segment.length -= 3;
		}
	}
	*ret_segment = segment;
	return 0;
}

static struct path_node *find_child(const struct path_node *node, const struct segment *segment)
{
	for (struct path_node *child = node->child; child; child = child->sibling) {
		if (child->key && segment->key)
			return child;
		if (!child->key && !segment->key && strlen(child->name) == segment->length &&
			memcmp(child->name, segment->name, segment->length) == 0)
			return child;
	}
	return NULL;
}

static struct path_node *add_child(struct path_node *node, const struct segment *segment)
{
	struct path_node **at = &node->child, *child = calloc(1, sizeof(*child));

	if (!child)
		return NULL;
	child->name = strndup(segment->name, segment->length);
	if (!child->name) {
		free(child);
		return NULL;
	}
	child->key = segment->key;
	child->deep = segment->deep;
	while (*at && (child->key || !(*at)->key))
		at = &(*at)->sibling;
	child->sibling = *at;
	*at = child;
	return child;
}

int path_add(struct path_node *root, const char *template, struct path_node **ret_node)
{
	struct path_node *node = root;
	const char *at = template;

	for (;;) {
		size_t length = strcspn(at, "/");
		struct path_node *child;
		struct segment segment;
		int r = parse_segment(at, length, &segment);

		if (r < 0)
			return r;
		child = find_child(node, &segment);
		if (!child)
			child = add_child(node, &segment);
		if (!child)
			return -ENOMEM;
		node = child;
		if (at[length] == '\0')
			break;
		at += length + 1;
	}
	*ret_node = node;
	return 0;
}

void path_deinit(struct path_node *root)
{
	struct path_node *child = root->child;

	while (child) {
		struct path_node *next = child->sibling;

		path_deinit(child);
		free(child->name);
		free(child);
		child = next;
	}
	root->child = NULL;
}

struct path_node *path_step(const struct path_node *node, const char *segment)
{
	for (struct path_node *child = node->child; child; child = child->sibling) {
		if (child->key || strcmp(child->name, segment) == 0)
			return child; /* the key is last */
	}
	return NULL;
}

struct path_node *path_key_child(const struct path_node *node)
{
	for (struct path_node *child = node->child; child; child = child->sibling) {
		if (child->key)
			return child;
	}
	return NULL;
}

bool path_find(const struct path_node *root, const char *const *segments, unsigned count,
	struct path_match *ret_match)
{
	struct path_match match = {.node = root, .deep_from = count};
	struct path_node *next;

	for (unsigned i = 0; i < count; i++) {
		next = path_step(match.node, segments[i]);
		if (!next)
			return false;
		match.node = next;
		if (next->deep) {
			match.deep_from = i;
			break;
		}
		if (next->key) {
			if (match.key_count == PATH_MAX_KEYS)
				return false;
			match.key[match.key_count++] = segments[i];
		}
	}
	if (!match.node->value) {
		next = path_key_child(match.node); /* "{name...}" may stand for nothing */
		if (!next || !next->deep)
			return false;
		match.node = next;
	}
	*ret_match = match;
	return true;
}
