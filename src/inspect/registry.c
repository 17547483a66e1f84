/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "inspect/registry.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common/cleanup.h"
#include "common/parse.h"
#include "inspect/json.h"

enum { MAX_KEY_NAME = 32 };

void registry_deinit(struct registry *registry)
{
	for (unsigned i = 0; i < registry->count; i++)
		free(registry->resource[i]);
	registry->count = 0;
	path_deinit(&registry->tree);
}

static uint64_t largest_key(const struct field *field)
{
	if (field->maximum)
		return field->maximum;
	return field->size >= 8 ? UINT64_MAX : BIT64(field->size * 8) - 1;
}

static int take_name(struct resource *resource, unsigned index, const struct field *field)
{
	if (index + 1 != resource->class->key_count || !resource->class->find ||
		field->size > KEY_TEXT_BYTES)
		return -EINVAL;
	resource->key_max[index] = UINT64_MAX;
	resource->name_key = field;
	return 0;
}

/* Finds the field of the key named by the segment "{name}" at `at`. */
static int take_key(struct resource *resource, unsigned index, const char *at, size_t length)
{
	const struct field *field;
	char name[MAX_KEY_NAME];

	if (index >= resource->class->key_count || length - 2 >= sizeof(name))
		return -EINVAL;
	snprintf(name, sizeof(name), "%.*s", (int)(length - 2), at + 1);
	field = json_find_field(resource->class->fields, name);
	if (!field)
		return -EINVAL;
	if (field->type == FIELD_STRING)
		return take_name(resource, index, field);
	resource->key_max[index] = largest_key(field);
	if (field->type == FIELD_ENUM)
		resource->key_words[index] = field->names;
	return 0;
}

/* Walks the template: key maxima, and the list's path, which ends at the last literal. */
static int take_path(struct resource *resource)
{
	const char *path = resource->class->path, *at = path;
	unsigned keys = 0;
	size_t list_length = 0;

	if (strlen(path) >= RESOURCE_PATH_BYTES)
		return -EINVAL;
	for (;;) {
		size_t length = strcspn(at, "/");

		if (at[0] == '{') {
			int r = take_key(resource, keys++, at, length);

			if (r < 0)
				return r;
		} else {
			list_length = (size_t)(at - path) + length;
			resource->list_fixed = keys;
		}
		if (at[length] == '\0')
			break;
		at += length + 1;
	}
	/*
	 * "vps/{vp}/synic" is an object although its class can list: over all VPs, for flat paths.
	 */
	if (resource->class->list && path[strlen(path) - 1] == '}')
		snprintf(resource->list_path, sizeof(resource->list_path), "%.*s", (int)list_length,
			path);
	return keys == resource->class->key_count ? 0 : -EINVAL;
}

static int take_query_key(struct resource *resource)
{
	const struct field *field;

	if (!resource->class->query_key)
		return 0;
	field = json_find_field(resource->class->fields, resource->class->query_key);
	if (!field)
		return -EINVAL;
	resource->key_max[resource->class->key_count] = largest_key(field);
	return 0;
}

/* The longest registered path that is a proper prefix and ends in a key. */
static const struct resource *find_parent(const struct registry *registry, const char *path)
{
	const struct resource *parent = NULL;
	size_t best = 0;

	for (unsigned i = 0; i < registry->count; i++) {
		const struct node_class *class = registry->resource[i]->class;
		size_t length = strlen(class->path);

		if (class->key_count > 0 && length > best &&
			strncmp(path, class->path, length) == 0 && path[length] == '/') {
			parent = registry->resource[i];
			best = length;
		}
	}
	return parent;
}

int registry_add(struct registry *registry, const struct node_provider *provider,
	const struct resource **ret_resource)
{
	CLEANUP(free) struct resource *resource = calloc(1, sizeof(*resource));
	struct path_node *node;
	int r;

	if (!resource)
		return -ENOMEM;
	if (registry->count == REGISTRY_MAX_CLASSES || provider->class->key_count > NODE_MAX_KEYS)
		return -EINVAL;
	resource->class = provider->class;
	resource->owner = provider->owner;
	/* Without an owner a class is only described. */
	if (provider->class->on_vcpu && provider->owner)
		resource->on_vcpu = provider->class->on_vcpu(provider->owner);
	snprintf(resource->list_schema, sizeof(resource->list_schema), "%.64s-list",
		provider->class->fields->name);
	r = take_path(resource);
	if (r == 0)
		r = take_query_key(resource);
	if (r == 0)
		r = path_add(&registry->tree, provider->class->path, &node);
	if (r < 0)
		return r;
	if (node->value)
		return -EEXIST;
	node->value = resource;
	*ret_resource = resource;
	registry->resource[registry->count++] = TAKE_PTR(resource);
	/* Classes come in any order: whoever is new may be a parent of those that were first. */
	for (unsigned i = 0; i < registry->count; i++)
		registry->resource[i]->parent = find_parent(
			registry, registry->resource[i]->class->path);
	return 0;
}

static bool find_word(const char *const *words, const char *text, uint64_t *ret_index)
{
	for (uint64_t i = 0; words[i]; i++) {
		if (strcmp(words[i], text) == 0) {
			*ret_index = i;
			return true;
		}
	}
	return false;
}

static bool is_name(const struct resource *resource, unsigned index)
{
	return resource->name_key && index + 1 == resource->class->key_count;
}

bool resource_key_is_word(const struct resource *resource, unsigned index)
{
	return resource->key_words[index] || is_name(resource, index);
}

bool resource_parse_key(
	const struct resource *resource, unsigned index, const char *text, uint64_t *ret_key)
{
	if (is_name(resource, index))
		return resource->class->find(resource->owner, text, ret_key) == 0;
	if (resource->key_words[index])
		return find_word(resource->key_words[index], text, ret_key);
	return parse_u64(text, 0, resource->key_max[index], ret_key) == 0;
}

void resource_format_key(const struct resource *resource, unsigned index, uint64_t key,
	const void *info, char text[KEY_TEXT_BYTES])
{
	if (is_name(resource, index))
		snprintf(text, KEY_TEXT_BYTES, "%s",
			(const char *)info + resource->name_key->offset);
	else if (resource->key_words[index])
		snprintf(text, KEY_TEXT_BYTES, "%s", resource->key_words[index][key]);
	else
		snprintf(text, KEY_TEXT_BYTES, "%" PRIu64, key);
}

bool resource_parse_keys(const struct resource *resource, const char *const *text, unsigned count,
	uint64_t query_key, uint64_t *key)
{
	for (unsigned i = 0; i < count; i++) {
		if (!resource_parse_key(resource, i, text[i], &key[i]))
			return false;
	}
	key[resource->class->key_count] = query_key;
	return true;
}

bool resource_parent_exists(const struct resource *resource, const uint64_t *key)
{
	const struct resource *parent = resource->parent;
	uint64_t parent_key[NODE_MAX_KEYS + 1] = {0};
	CLEANUP(free) void *info = NULL;

	if (!parent)
		return true;
	info = calloc(1, parent->class->fields->size);
	if (!info)
		return false;
	memcpy(parent_key, key, parent->class->key_count * sizeof(*key));
	return parent->class->get(parent->owner, parent_key, info) == 0;
}
