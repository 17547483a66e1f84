/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/offline.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/problem.h"
#include "cli/text.h"
#include "common/cleanup.h"
#include "common/parse.h"
#include "inspect/embedded.h"
#include "inspect/glob.h"

enum { SEGMENTS_MAX = 16, SEGMENT_BYTES = 96, SNAPSHOT_VERSION = 1 };

/* ---- the file ------------------------------------------------------------- */

static bool is_snapshot(const json_t *document)
{
	const json_t *version = json_object_get(document, "snapshot");

	return json_integer_value(version) == SNAPSHOT_VERSION &&
	       json_is_object(json_object_get(document, "tree"));
}

/* What people name by mistake; jansson says of both that something was expected. */
static const char *other_kind(FILE *in)
{
	struct stat info;

	if (fstat(fileno(in), &info) < 0)
		return NULL;
	if (S_ISDIR(info.st_mode))
		return "it is a directory";
	return S_ISREG(info.st_mode) && info.st_size == 0 ? "it is empty" : NULL;
}

enum cli_exit offline_load(struct cli *cli, const char *file, json_t **ret_snapshot)
{
	bool from_stdin = strcmp(file, "-") == 0;
	FILE *in = from_stdin ? stdin : fopen(file, "re");
	json_auto_t *document = NULL;
	const char *other = in ? other_kind(in) : NULL;
	json_error_t error;

	if (!in)
		return problem_report(&cli->options, errno == EACCES ? CLI_DENIED : CLI_NOT_FOUND,
			"no_such_file", NULL, "%s: %s", file, strerror(errno));
	document = json_loadf(in, JSON_REJECT_DUPLICATES, &error);
	if (!from_stdin)
		fclose(in);
	if (!document && other)
		return problem_usage(&cli->options, "\"hvctl snapshot FILE\" makes one",
			"%s is no snapshot: %s", file, other);
	if (!document)
		return problem_usage(&cli->options, "\"hvctl snapshot FILE\" makes one",
			"%s is no snapshot: line %d: %s", file, error.line, error.text);
	if (!is_snapshot(document))
		return problem_usage(&cli->options, "\"hvctl snapshot FILE\" makes one",
			"%s is no snapshot that this hvctl knows, or has no tree", file);
	*ret_snapshot = json_incref(document);
	return CLI_OK;
}

/* ---- targets --------------------------------------------------------------- */

/* A path in segments, and the parameters that matter here. */
struct target {
	char segment[SEGMENTS_MAX][SEGMENT_BYTES];
	unsigned count;
	char glob[GLOB_MAX_BYTES];
	uint64_t depth, limit; /* UINT64_MAX: not given */
	uint64_t vtl;
};

static int hex_digit(char c)
{
	const char *digits = "0123456789abcdef", *at = c ? strchr(digits, c | 0x20) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* Percent-decodes `length` bytes; false when they do not fit. */
static bool decode(const char *text, size_t length, char *to, size_t size)
{
	size_t used = 0;

	for (size_t i = 0; i < length; i++) {
		bool escaped = text[i] == '%' && i + 2 < length && hex_digit(text[i + 1]) >= 0 &&
			       hex_digit(text[i + 2]) >= 0;

		if (used + 1 >= size)
			return false;
		to[used++] = escaped ? (char)(hex_digit(text[i + 1]) << 4 | hex_digit(text[i + 2]))
				     : text[i];
		i += escaped ? 2 : 0;
	}
	to[used] = '\0';
	return true;
}

static bool read_parameter(struct target *target, const char *text, size_t length)
{
	const struct {
		const char *name;
		uint64_t *value;
	} numbers[] = {
		{"depth=", &target->depth},
		{"limit=", &target->limit},
		{"vtl=", &target->vtl},
	};

	if (length >= 5 && strncmp(text, "glob=", 5) == 0)
		return decode(text + 5, length - 5, target->glob, sizeof(target->glob));
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		if (strncmp(text, numbers[i].name, strlen(numbers[i].name)) == 0)
			*numbers[i].value = strtoull(text + strlen(numbers[i].name), NULL, 10);
	return true;
}

static bool read_target(const char *text, struct target *ret_target)
{
	*ret_target = (struct target){.depth = UINT64_MAX, .limit = UINT64_MAX};
	while (*text == '/') {
		size_t length = strcspn(++text, "/?");

		if (ret_target->count == SEGMENTS_MAX ||
			!decode(text, length, ret_target->segment[ret_target->count++],
				SEGMENT_BYTES))
			return false;
		text += length;
	}
	while (*text) {
		size_t length = strcspn(++text, "&");

		if (!read_parameter(ret_target, text, length))
			return false;
		text += length;
	}
	return true;
}

/* ---- what the API serves ---------------------------------------------------- */

static json_t *load_embedded(const char *name)
{
	for (size_t i = 0; i < embedded_file_count; i++)
		if (strcmp(embedded_files[i].name, name) == 0)
			return json_loads(embedded_files[i].text, 0, NULL);
	return NULL;
}

/* The name of the schema that GET `path` answers with, or NULL. */
static const char *schema_of(const json_t *path)
{
	static const char *const steps[] = {
		"get", "responses", "200", "content", "application/json", "schema", "$ref"};
	const char *reference, *slash;

	for (size_t i = 0; i < ARRAY_LEN(steps); i++)
		path = json_object_get(path, steps[i]);
	reference = json_string_value(path);
	slash = reference ? strrchr(reference, '/') : NULL;
	return slash ? slash + 1 : NULL;
}

/* The next segment of a template; false at its end. */
static bool next_segment(const char **template, char segment[SEGMENT_BYTES])
{
	size_t length;

	if (**template != '/')
		return false;
	length = strcspn(++*template, "/");
	snprintf(segment, SEGMENT_BYTES, "%.*s", (int)length, *template);
	*template += length;
	return true;
}

static bool segment_matches(const char *pattern, const char *text)
{
	return pattern[0] == '{' || strcmp(pattern, text) == 0;
}

/* How many segments of the target the template's beginning matches; -1: it is another path. */
static int common_segments(const char *template, const struct target *target)
{
	char segment[SEGMENT_BYTES];
	unsigned i = 0;

	while (i < target->count && next_segment(&template, segment)) {
		if (!segment_matches(segment, target->segment[i]))
			return -1;
		i++;
	}
	return (int)i;
}

static unsigned count_segments(const char *template)
{
	char segment[SEGMENT_BYTES];
	unsigned count = 0;

	while (next_segment(&template, segment))
		count++;
	return count;
}

/* The row of the target itself; one without keys counts before one with. */
static const char *find_schema(const json_t *paths, const struct target *target)
{
	const char *template, *best = NULL;
	json_t *path;

	json_object_foreach((json_t *)paths, template, path)
	{
		bool whole = count_segments(template) == target->count &&
			     common_segments(template, target) == (int)target->count;

		if (whole && schema_of(path) && (!best || !strchr(template, '{')))
			best = schema_of(path);
	}
	return best;
}

/*
 * The template of the items of a list: below the list's own path, or, where that is a flat one over
 * all parents, the first with the schema of the items.
 */
static const char *find_items(
	const json_t *paths, const struct target *target, const char *schema, size_t schema_length)
{
	const char *template, *flat = NULL;
	json_t *path;

	json_object_foreach((json_t *)paths, template, path)
	{
		const char *its = schema_of(path);

		if (!its || strlen(its) != schema_length ||
			strncmp(its, schema, schema_length) != 0)
			continue;
		if (common_segments(template, target) == (int)target->count)
			return template;
		flat = flat ? flat : template;
	}
	return flat;
}

/* ---- objects out of the tree -------------------------------------------------- */

/* Only what the schema has: in the tree an object holds the nodes below it, too. */
static json_t *strip(const json_t *object, const json_t *schema)
{
	const json_t *properties = json_object_get(schema, "properties");
	json_t *stripped = json_object(), *unused;
	const char *key;

	json_object_foreach((json_t *)properties, key, unused)
	{
		json_t *value = json_object_get(object, key);

		if (value && json_object_set(stripped, key, value) < 0)
			break;
	}
	return stripped;
}

/* {"$error": ...} and {"$more": true} stand where an object could not be had. */
static bool is_object_of_tree(const json_t *value)
{
	return json_is_object(value) && !json_object_get(value, "$error") &&
	       !json_object_get(value, "$more");
}

struct expansion {
	const struct target *target;
	bool bound;           /* keys are those of the target, as far as it goes */
	const json_t *schema; /* of an item */
	json_t *items;
};

static bool expand(
	const struct expansion *all, const json_t *node, const char *template, unsigned depth)
{
	char segment[SEGMENT_BYTES];
	const char *key;
	json_t *child;

	if (!next_segment(&template, segment))
		return !is_object_of_tree(node) ||
		       json_array_append_new(all->items, strip(node, all->schema)) == 0;
	if (segment[0] != '{') {
		child = json_object_get(node, segment);
		return !child || expand(all, child, template, depth + 1);
	}
	if (all->bound && depth < all->target->count) {
		child = json_object_get(node, all->target->segment[depth]);
		return !child || expand(all, child, template, depth + 1);
	}
	json_object_foreach((json_t *)node, key, child)
	{
		if (is_object_of_tree(child) && !expand(all, child, template, depth + 1))
			return false;
	}
	return true;
}

static const json_t *find_node(const json_t *tree, const struct target *target, unsigned from)
{
	for (unsigned i = from; i < target->count && tree; i++)
		tree = json_object_get(tree, target->segment[i]);
	return tree;
}

/* ---- answers ------------------------------------------------------------------- */

static enum cli_exit absent(struct cli *cli, const char *target)
{
	return problem_report(&cli->options, CLI_NOT_FOUND, "not_found",
		"\"hvctl inspect --from FILE\" shows what the snapshot has",
		"the snapshot has no %s", target);
}

static enum cli_exit answer_list(struct cli *cli, const json_t *paths, const struct target *target,
	const char *schema, json_t **ret_reply)
{
	size_t length = strlen(schema) - strlen("-list");
	CLEANUP(free) char *item = strndup(schema, length);
	json_auto_t *item_schema = item ? load_embedded(item) : NULL;
	struct expansion all = {
		.target = target,
		.schema = item_schema,
		.items = json_array(),
	};
	const char *template = find_items(paths, target, schema, length);
	const json_t *seq = json_object_get(json_object_get(cli->snapshot, "api"), "seq");

	all.bound = template && common_segments(template, target) == (int)target->count;
	if (template && !expand(&all, json_object_get(cli->snapshot, "tree"),
				template + strlen("/v1"), 1)) {
		json_decref(all.items);
		return problem_errno(&cli->options, ENOMEM, "snapshot");
	}
	while (json_array_size(all.items) > target->limit)
		json_array_remove(all.items, json_array_size(all.items) - 1);
	*ret_reply = json_pack("{s:o, s:O?, s:n}", "items", all.items, "seq", seq, "next");
	return *ret_reply ? CLI_OK : problem_errno(&cli->options, ENOMEM, "snapshot");
}

/* ---- the tree ------------------------------------------------------------------ */

/* Whether the member `name` of the node at this path is a node, and no field of it. */
static bool is_node(const json_t *paths, struct target *path, const char *name)
{
	const char *template;
	json_t *row;

	if (path->count == SEGMENTS_MAX)
		return false;
	snprintf(path->segment[path->count++], SEGMENT_BYTES, "%s", name);
	json_object_foreach((json_t *)paths, template, row)
	{
		if (schema_of(row) && common_segments(template, path) == (int)path->count) {
			path->count--;
			return true;
		}
	}
	path->count--;
	return false;
}

/* How many keys lead from the collection at this path to its objects; 0: it is none. */
static unsigned keys_below(const json_t *paths, const struct target *path)
{
	unsigned least = 0;
	const char *template;
	json_t *row;

	json_object_foreach((json_t *)paths, template, row)
	{
		char segment[SEGMENT_BYTES];
		const char *rest = template;
		unsigned keys = 0;

		if (!schema_of(row) || common_segments(template, path) != (int)path->count)
			continue;
		for (unsigned i = 0; i < path->count; i++)
			(void)next_segment(&rest, segment);
		while (next_segment(&rest, segment) && segment[0] == '{')
			keys++;
		if (keys > 0 && (least == 0 || keys < least))
			least = keys;
	}
	return least;
}

struct tree_walk {
	const json_t *paths;
	const struct glob *glob; /* NULL: everything */
	struct target path;      /* where it is, with "v1" in front */
	uint64_t depth_max;
};

static json_t *cut(
	struct tree_walk *walk, const json_t *node, uint64_t depth, glob_states states, bool whole);

/* A member that the glob wants, or what it wants in it; NULL: nothing. */
static json_t *cut_member(struct tree_walk *walk, const char *key, json_t *value, uint64_t depth,
	glob_states states, bool whole)
{
	bool node = json_is_object(value) && is_node(walk->paths, &walk->path, key);
	json_t *result = NULL;

	if (!whole) {
		states = glob_step(walk->glob, states, key);
		whole = glob_done(walk->glob, states);
		if (states == 0)
			return NULL;
	}
	if (!node)
		return whole ? json_incref(value) : NULL;
	snprintf(walk->path.segment[walk->path.count++], SEGMENT_BYTES, "%s", key);
	result = cut(walk, value, depth + 1, states, whole);
	walk->path.count--;
	if (!whole && json_object_size(result) == 0) {
		json_decref(result);
		return NULL;
	}
	return result;
}

static json_t *cut(
	struct tree_walk *walk, const json_t *node, uint64_t depth, glob_states states, bool whole)
{
	json_t *result = json_object(), *value;
	const char *key;

	/* As in the daemon: a collection shows whole objects, or that there are some. */
	if (depth > walk->depth_max ||
		walk->depth_max - depth < keys_below(walk->paths, &walk->path)) {
		json_object_set_new(result, "$more", json_true());
		return result;
	}
	json_object_foreach((json_t *)node, key, value)
	{
		json_t *member = cut_member(walk, key, value, depth, states, whole);

		if (member)
			json_object_set_new(result, key, member);
	}
	return result;
}

static bool is_leaf(const json_t *paths, const struct target *target)
{
	struct target above = *target;

	if (target->count <= 2)
		return false;
	above.count--;
	return !is_node(paths, &above, target->segment[target->count - 1]);
}

static enum cli_exit answer_tree(struct cli *cli, const json_t *paths, const struct target *target,
	const char *text, json_t **ret_reply)
{
	const json_t *node = find_node(json_object_get(cli->snapshot, "tree"), target, 2);
	struct tree_walk walk = {.paths = paths, .path = *target, .depth_max = target->depth};
	struct target place = *target;
	struct glob glob;

	if (!node)
		return absent(cli, text);
	/* "v1/tree/vps/0" is the object at "v1/vps/0". */
	memmove(place.segment[1], place.segment[2], (SEGMENTS_MAX - 2) * SEGMENT_BYTES);
	place.count--;
	walk.path = place;
	if (is_leaf(paths, &place)) {
		*ret_reply = json_pack("{s:O}", "value", node);
		return *ret_reply ? CLI_OK : problem_errno(&cli->options, ENOMEM, "snapshot");
	}
	if (target->glob[0] && !glob_parse(target->glob, &glob))
		return problem_usage(&cli->options, NULL, "the pattern has too many segments");
	walk.glob = target->glob[0] ? &glob : NULL;
	*ret_reply = cut(&walk, node, 0, walk.glob ? glob_start(&glob) : 0, !walk.glob);
	return CLI_OK;
}

/* ---- all ------------------------------------------------------------------------ */

static bool is_tree(const struct target *target)
{
	return target->count >= 2 && strcmp(target->segment[0], "v1") == 0 &&
	       strcmp(target->segment[1], "tree") == 0;
}

static enum cli_exit answer_object(struct cli *cli, const struct target *target, const char *schema,
	const char *text, json_t **ret_reply)
{
	const json_t *node = find_node(json_object_get(cli->snapshot, "tree"), target, 1);
	json_auto_t *own = load_embedded(schema);

	if (!is_object_of_tree(node))
		return absent(cli, text);
	*ret_reply = strip(node, own);
	return CLI_OK;
}

enum cli_exit offline_get(struct cli *cli, const char *text, json_t **ret_reply)
{
	json_auto_t *openapi = load_embedded("openapi");
	const json_t *paths = json_object_get(openapi, "paths");
	struct target target;
	const char *schema;
	size_t length;

	if (!read_target(text, &target))
		return absent(cli, text);
	if (target.vtl != 0)
		return problem_usage(&cli->options, NULL, "a snapshot has VTL 0 only");
	if (is_tree(&target))
		return answer_tree(cli, paths, &target, text, ret_reply);
	schema = find_schema(paths, &target);
	if (!schema)
		return absent(cli, text);
	length = strlen(schema);
	if (length > 5 && strcmp(schema + length - 5, "-list") == 0)
		return answer_list(cli, paths, &target, schema, ret_reply);
	return answer_object(cli, &target, schema, text, ret_reply);
}
