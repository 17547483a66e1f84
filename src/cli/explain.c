/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A field has a full name: the object's, then the keys down to it ("sint.slot.pending"). It is
 * found by its full name, with the object in the plural as in the commands ("sints.slot.pending"),
 * by the object alone (all its fields), or by any tail of the full name ("minimum_vtl",
 * "slot.pending").
 */
#include "cli/explain.h"

#include <errno.h>
#include <string.h>

#include "cli/actions.h"
#include "cli/explain-rule.h"
#include "cli/problem.h"
#include "cli/render.h"
#include "cli/text.h"
#include "common/cleanup.h"
#include "inspect/embedded.h"

enum { MAX_DEPTH = 8 };

struct search {
	const char *wanted; /* NULL: everything */
	const char *object; /* name of the schema being walked */
	const json_t *root; /* of that schema, for its $defs */
	json_t *found;      /* array */
	bool out_of_memory;
};

/* ---- reading schemas ----------------------------------------------------- */

/* Follows "#/$defs/slot"; anything else stands for itself. */
static const json_t *resolve(const struct search *search, const json_t *node)
{
	const char *reference = json_string_value(json_object_get(node, "$ref"));
	static const char prefix[] = "#/$defs/";

	if (!reference || strncmp(reference, prefix, strlen(prefix)) != 0)
		return node;
	return json_object_get(json_object_get(search->root, "$defs"), reference + strlen(prefix));
}

static bool is_null_type(const json_t *node)
{
	const char *type = json_string_value(json_object_get(node, "type"));

	return type && strcmp(type, "null") == 0;
}

/* Steps into the alternative that is not null, and into the elements of an array. */
static const json_t *content(const struct search *search, const json_t *node)
{
	static const char *const alternatives[] = {"anyOf", "oneOf"};
	size_t index;
	json_t *choice;

	node = resolve(search, node);
	for (size_t i = 0; i < ARRAY_LEN(alternatives); i++)
		json_array_foreach(json_object_get(node, alternatives[i]), index,
			choice) if (!is_null_type(resolve(search, choice))) return content(search,
			choice);
	if (json_is_object(json_object_get(node, "items")))
		return content(search, json_object_get(node, "items"));
	return node;
}

static bool is_nullable(const json_t *node)
{
	static const char *const lists[] = {"type", "anyOf", "oneOf"};
	const json_t *choice;

	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		const json_t *list = json_object_get(node, lists[i]);

		for (size_t j = 0; j < json_array_size(list); j++) {
			choice = json_array_get(list, j);
			if (is_null_type(choice) ||
				(json_is_string(choice) &&
					!strcmp(json_string_value(choice), "null")))
				return true;
		}
	}
	return false;
}

/* "integer" out of "integer" or ["integer", "null"]; "array" stays visible above its elements. */
static const char *type_name(const struct search *search, const json_t *node)
{
	const json_t *type = json_object_get(resolve(search, node), "type");
	size_t i;
	json_t *name;

	if (!type)
		type = json_object_get(content(search, node), "type");
	if (json_is_string(type))
		return json_string_value(type);
	json_array_foreach(type, i,
		name) if (json_is_string(name) && strcmp(json_string_value(name), "null") !=
							  0) return json_string_value(name);
	return "any";
}

static json_t *member(const json_t *node, const char *key)
{
	json_t *value = json_object_get(node, key);

	return value ? json_incref(value) : json_null();
}

/* ---- matching ------------------------------------------------------------ */

/* True when `name` is `object` or its plural; `length` of `name` count. */
static bool names_object(const char *object, const char *name, size_t length)
{
	size_t own = strlen(object);

	return strncmp(name, object, own) == 0 &&
	       (length == own || (length == own + 1 && name[own] == 's'));
}

static bool is_tail(const char *full, const char *tail)
{
	size_t full_length = strlen(full), length = strlen(tail);

	return length <= full_length && strcmp(full + full_length - length, tail) == 0 &&
	       (length == full_length || full[full_length - length - 1] == '.');
}

/* `path` is the field's path inside the object. */
static bool is_wanted(const struct search *search, const char *path)
{
	size_t head;

	if (!search->wanted)
		return true;
	head = strcspn(search->wanted, ".");
	if (names_object(search->object, search->wanted, head)) {
		if (search->wanted[head] == '\0' || strcmp(search->wanted + head + 1, path) == 0)
			return true;
	}
	return is_tail(path, search->wanted);
}

static void add_field(struct search *search, const char *path, const json_t *node)
{
	const json_t *inner = content(search, node);
	CLEANUP(free) char *full = text_format("%s.%s", search->object, path);
	json_t *description = member(resolve(search, node), "description");
	json_t *field = NULL;

	if (full)
		field = json_pack("{s:s, s:s, s:b, s:b, s:o, s:o, s:o, s:o}", "field", full, "type",
			type_name(search, node), "nullable", is_nullable(resolve(search, node)),
			"writable", json_is_true(json_object_get(inner, "x-writable")),
			"description", description, "values", member(inner, "enum"), "minimum",
			member(inner, "minimum"), "maximum", member(inner, "maximum"));
	if (!field || json_array_append_new(search->found, field) < 0)
		search->out_of_memory = true;
}

static void walk(struct search *search, const json_t *node, const char *prefix, unsigned depth)
{
	const json_t *properties = json_object_get(content(search, node), "properties");
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)properties, key, value)
	{
		CLEANUP(free)
		char *path = text_format("%s%s%s", prefix, *prefix ? "." : "", key);

		if (!path) {
			search->out_of_memory = true;
			return;
		}
		if (is_wanted(search, path))
			add_field(search, path, value);
		if (depth < MAX_DEPTH)
			walk(search, value, path, depth + 1);
	}
}

/* Pages wrap objects that have schemas of their own; requests and problems are no state. */
static bool is_object_schema(const char *name, const json_t *root)
{
	static const char request[] = "-request";
	const char *tail = strrchr(name, '-');

	return !json_object_get(json_object_get(root, "properties"), "items") &&
	       !(tail && strcmp(tail, request) == 0) && strcmp(name, "problem") != 0;
}

static void walk_file(struct search *search, const char *name, const char *text)
{
	json_auto_t *root = json_loads(text, 0, NULL);

	search->object = name;
	search->root = root;
	if (is_object_schema(name, root))
		walk(search, root, "", 0);
}

json_t *explain_find(const char *wanted)
{
	struct search search = {.wanted = wanted, .found = json_array()};

	/* Who names an object wants that one first, and then those that have a field of its name. */
	for (unsigned pass = 0; pass < 2; pass++) {
		for (size_t i = 0; search.found && i < embedded_file_count; i++) {
			const char *name = embedded_files[i].name;
			bool is_named = wanted && names_object(name, wanted, strlen(wanted));

			if (is_named == (pass == 0))
				walk_file(&search, name, embedded_files[i].text);
		}
	}
	if (search.out_of_memory) {
		json_decref(search.found);
		return NULL;
	}
	return search.found;
}

/* The schema of records is a choice of variants, each with its type as a constant. */
static void add_record_types(const json_t *root, json_t *types)
{
	size_t i;
	json_t *variant;

	json_array_foreach(json_object_get(root, "oneOf"), i, variant)
	{
		const json_t *properties = json_object_get(variant, "properties");
		const json_t *type = json_object_get(json_object_get(properties, "type"), "const");

		/*
		 * Gaps and ends have no arguments: they are about the stream, and no filter hits
		 * them.
		 */
		if (json_is_string(type) && json_object_get(properties, "args"))
			json_object_set(types, json_string_value(type),
				json_object_get(variant, "description"));
	}
}

json_t *explain_record_types(void)
{
	json_t *types = json_object();

	for (size_t i = 0; types && i < embedded_file_count; i++) {
		json_auto_t *root = NULL;

		if (strcmp(embedded_files[i].name, "log-record") != 0)
			continue;
		root = json_loads(embedded_files[i].text, 0, NULL);
		add_record_types(root, types);
	}
	return types;
}

/* ---- hvctl explain ------------------------------------------------------- */

static void put_field(FILE *out, const json_t *field)
{
	const json_t *values = json_object_get(field, "values");
	const json_t *maximum = json_object_get(field, "maximum");

	text_put_value(out, "", json_object_get(field, "field"));
	fputs(": ", out);
	text_put_value(out, "", json_object_get(field, "type"));
	if (json_is_integer(maximum))
		fprintf(out, " up to %lld", (long long)json_integer_value(maximum));
	if (json_is_array(values)) {
		fputs(", one of ", out);
		text_put_value(out, "", values);
	}
	fputs(json_is_true(json_object_get(field, "nullable")) ? ", null when unknown\n    "
							       : "\n    ",
		out);
	text_put_value(out, "", json_object_get(field, "description"));
	fputc('\n', out);
}

static enum cli_exit report_unknown(struct cli *cli, const char *wanted)
{
	json_auto_t *all = explain_find(NULL);
	size_t count = json_array_size(all);
	CLEANUP(free) const char **names = calloc(2 * count + 1, sizeof(*names));
	CLEANUP(free) char *hint = NULL;
	const char *near;

	for (size_t i = 0; names && i < count; i++) {
		names[2 * i] = json_string_value(json_object_get(json_array_get(all, i), "field"));
		names[2 * i + 1] = strrchr(names[2 * i], '.') + 1;
	}
	near = names ? text_did_you_mean(wanted, names, 2 * count) : NULL;
	hint = near ? text_format("did you mean \"%s\"?", near) : NULL;
	return problem_report(&cli->options, CLI_NOT_FOUND, "no_such_field", hint,
		"no field is called \"%s\"", wanted);
}

/* Kinds of record: the one called `wanted`, or all of them. Empty: there is none. */
static json_t *find_kinds(const char *wanted)
{
	json_auto_t *types = explain_record_types();
	json_t *found = json_array(), *description;
	const char *name;

	json_object_foreach(types, name, description)
	{
		if (wanted && strcmp(wanted, name) != 0)
			continue;
		json_array_append_new(
			found, json_pack("{s:s, s:O}", "record", name, "description", description));
	}
	return found;
}

static void put_kind(FILE *out, const json_t *kind)
{
	fprintf(out, "%-20s ", text_member(kind, "record"));
	text_put(out, text_member(kind, "description"));
	fputc('\n', out);
}

static enum cli_exit render_found(struct cli *cli, const struct invocation *invocation,
	json_t *found, void (*put)(FILE *out, const json_t *item))
{
	json_auto_t *reply = NULL;

	if (!cli_wants_json(&cli->options)) {
		for (size_t i = 0; i < json_array_size(found); i++)
			put(stdout, json_array_get(found, i));
		return CLI_OK;
	}
	reply = json_pack("{s:O, s:n, s:n}", "items", found, "seq", "next");
	return reply ? render_reply(cli, invocation->command, reply)
		     : problem_errno(&cli->options, ENOMEM, "explain");
}

enum cli_exit run_explain(struct cli *cli, const struct invocation *invocation)
{
	const char *wanted = invocation_value(invocation, "field")->text;
	bool all_kinds = strcmp(wanted, "records") == 0;
	json_auto_t *found = NULL, *kinds = NULL;

	if (explain_is_rule(wanted))
		return explain_rule(cli, invocation, wanted);
	if (strcmp(wanted, "rules") == 0)
		return explain_rules(cli, invocation);
	if (explain_looks_like_rule(wanted))
		return problem_report(&cli->options, CLI_NOT_FOUND, "no_such_rule",
			"\"hvctl explain rules\" lists them", "no rule is called \"%s\"", wanted);
	kinds = find_kinds(all_kinds ? NULL : wanted);
	found = explain_find(wanted);
	if (!found || !kinds)
		return problem_errno(&cli->options, ENOMEM, "explain");
	if (json_array_size(kinds) > 0)
		return render_found(cli, invocation, kinds, put_kind);
	return json_array_size(found) > 0 ? render_found(cli, invocation, found, put_field)
					  : report_unknown(cli, wanted);
}
