/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/render.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/problem.h"
#include "cli/select.h"
#include "cli/table.h"
#include "cli/text.h"
#include "common/cleanup.h"

enum { MAX_COLUMNS = 64, MAX_SINTS = 16 };

/* Columns of the terminal, 0 when stdout is none. */
static size_t terminal_width(void)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0)
		return 0;
	return size.ws_col;
}

void render_note(const struct cli *cli, const char *format, ...)
{
	va_list args;

	if (cli->options.quiet || cli_wants_json(&cli->options))
		return;
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
}

enum cli_exit render_finish(const struct cli_options *options)
{
	int error;

	if (fflush(stdout) == 0 && !ferror(stdout))
		return CLI_OK;
	error = errno ? errno : EIO;
	/* Told once: whoever flushes after this has nothing to complain about. */
	__fpurge(stdout);
	clearerr(stdout);
	return problem_errno(options, error, "writing to stdout");
}

enum cli_exit render_json(struct cli *cli, const json_t *document)
{
	bool lines = cli->options.format == CLI_FORMAT_JSONL || cli->options.watch;
	size_t flags = lines ? JSON_COMPACT : JSON_INDENT(2);

	/* On a terminal nothing but ASCII, so that no character can act on it. */
	if (isatty(STDOUT_FILENO))
		flags |= JSON_ENSURE_ASCII;
	if (json_dumpf(document, stdout, flags | JSON_ENCODE_ANY) < 0)
		return problem_errno(&cli->options, errno ? errno : ENOMEM, "writing to stdout");
	fputc('\n', stdout);
	return CLI_OK;
}

/* ---- columns ------------------------------------------------------------- */

struct column {
	char *path; /* owns */
	char *name; /* owns */
	/* Of lists within objects; a table has its own ways. */
	size_t width;
	bool right;
};

struct columns {
	struct column list[MAX_COLUMNS];
	size_t count;
};

static void cleanup_columns(struct columns *columns)
{
	for (size_t i = 0; i < columns->count; i++) {
		free(columns->list[i].path);
		free(columns->list[i].name);
	}
}

/* "last_eom_age_ns" -> "LAST-EOM-AGE": the cells show the unit. */
static char *default_name(const char *path)
{
	static const char *const units[] = {"_100ns", "_ns", "_bytes"};
	size_t length = strlen(path);
	char *name;

	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		size_t tail = strlen(units[i]);

		if (length > tail && strcmp(path + length - tail, units[i]) == 0) {
			length -= tail;
			break;
		}
	}
	name = strndup(path, length);
	for (char *p = name; p && *p; p++)
		*p = *p == '_' ? '-' : (char)toupper((unsigned char)*p);
	return name;
}

/* Splits "path:NAME,path,..." and appends. */
static int add_columns(struct columns *columns, const char *text)
{
	while (text && *text && columns->count < MAX_COLUMNS) {
		size_t length = strcspn(text, ","), path_length = strcspn(text, ":,");
		struct column *column = &columns->list[columns->count];

		column->path = strndup(text, path_length);
		if (!column->path)
			return -ENOMEM;
		columns->count++;
		column->name = path_length < length
				       ? strndup(text + path_length + 1, length - path_length - 1)
				       : default_name(column->path);
		if (!column->name)
			return -ENOMEM;
		text += length + (text[length] == ',');
	}
	return 0;
}

/* --columns when given, otherwise the row's own. */
static enum cli_exit choose_columns(
	struct cli *cli, const char *own, const json_t *items, struct columns *columns)
{
	const char *chosen = cli->options.columns;
	enum cli_exit r = CLI_OK;

	if (add_columns(columns, chosen ? chosen : own) < 0)
		return problem_errno(&cli->options, ENOMEM, "table");
	if (columns->count == 0)
		return problem_usage(&cli->options, NULL, "--columns wants the name of a field");
	for (size_t i = 0; chosen && i < columns->count && r == CLI_OK; i++)
		r = select_check_path(&cli->options, "--columns", columns->list[i].path, items);
	return r;
}

/* ---- tables -------------------------------------------------------------- */

/* The key that says the unit: "slot.age_ns" -> "age_ns". */
static const char *last_key(const char *path)
{
	const char *dot = strrchr(path, '.');

	return dot ? dot + 1 : path;
}

/* Numbers go to the right; so do durations and sizes that nobody knows yet. */
static bool is_number_column(const json_t *items, const char *path)
{
	static const char *const units[] = {"_ns", "_100ns", "_bytes"};
	const json_t *value = NULL;

	for (size_t i = 0; i < ARRAY_LEN(units); i++)
		if (strlen(path) > strlen(units[i]) &&
			strcmp(path + strlen(path) - strlen(units[i]), units[i]) == 0)
			return true;
	for (size_t i = 0; i < json_array_size(items) && (!value || json_is_null(value)); i++)
		value = select_path(json_array_get(items, i), path);
	return json_is_number(value);
}

/* What can still be read when its end is missing: no name, state or id that is typed elsewhere. */
static bool is_prose_column(const char *path)
{
	static const char *const prose[] = {"help", "payload", "problem", "error", "diagnosis",
		"advice", "guest_shows", "fast_path_error"};

	for (size_t i = 0; i < ARRAY_LEN(prose); i++)
		if (strcmp(last_key(path), prose[i]) == 0)
			return true;
	return false;
}

static int add_item(
	struct cli *cli, struct table *table, const struct columns *columns, const json_t *item)
{
	int r = table_add_row(table);

	for (size_t i = 0; i < columns->count && r == 0; i++) {
		const json_t *value = select_path(item, columns->list[i].path);
		CLEANUP(free) char *text = text_value(last_key(columns->list[i].path), value);

		r = text ? table_set_cell(
				   table, i, text, cli->color ? text_value_color(value) : NULL)
			 : -ENOMEM;
	}
	return r;
}

static int fill_table(
	struct cli *cli, struct table *table, const struct columns *columns, const json_t *items)
{
	int r = 0;

	for (size_t i = 0; i < columns->count && r == 0; i++) {
		const char *path = columns->list[i].path;

		r = table_add_column(table, columns->list[i].name, is_number_column(items, path),
			is_prose_column(path));
	}
	for (size_t i = 0; i < json_array_size(items) && r == 0; i++)
		r = add_item(cli, table, columns, json_array_get(items, i));
	return r;
}

enum cli_exit render_table(struct cli *cli, const char *own_columns, const json_t *items)
{
	__attribute__((cleanup(cleanup_columns))) struct columns columns = {0};
	CLEANUP(table) struct table *table = NULL;
	enum cli_exit result = choose_columns(cli, own_columns, items, &columns);
	size_t width = cli->options.format == CLI_FORMAT_WIDE ? 0 : terminal_width();
	int r;

	if (result != CLI_OK)
		return result;
	r = table_new(!cli->options.no_headers, width, cli->color, &table);
	if (r == 0)
		r = fill_table(cli, table, &columns, items);
	if (r == 0)
		r = table_print(table);
	return r < 0 ? problem_errno(&cli->options, -r, "table") : CLI_OK;
}

/* ---- objects ------------------------------------------------------------- */

/* A node of the tree below the depth that was asked for: one word, no block. */
static bool is_more(const json_t *value)
{
	return json_is_true(json_object_get(value, "$more"));
}

static bool is_block(const json_t *value)
{
	return (json_is_object(value) && json_object_size(value) > 0 && !is_more(value)) ||
	       (json_is_array(value) && json_is_object(json_array_get(value, 0)));
}

static size_t widest_key(const json_t *object)
{
	size_t width = 0;
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)object, key, value) if (!is_block(value))
		width = MAX(width, strlen(key));
	return width;
}

static void put_key(FILE *out, const char *key, unsigned indent)
{
	fprintf(out, "%*s", (int)indent, "");
	text_put(out, key);
	fputc(':', out);
}

/* The members of one row: they all have the same. */
static int add_member_columns(struct columns *columns, const json_t *row)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)row, key, value)
	{
		struct column *column = &columns->list[columns->count];
		CLEANUP(free) char *name = default_name(key);

		if (columns->count == MAX_COLUMNS)
			break;
		*column = (struct column){
			.path = strdup(key), .name = name ? text_escape(name) : NULL};
		columns->count++;
		if (!column->path || !column->name)
			return -ENOMEM;
	}
	return 0;
}

/* Room for the heading and every value; numbers go to the right. */
static void measure_column(struct column *column, const json_t *rows)
{
	column->right = is_number_column(rows, column->path);
	column->width = strlen(column->name);
	for (size_t i = 0; i < json_array_size(rows); i++) {
		const json_t *value = json_object_get(json_array_get(rows, i), column->path);
		CLEANUP(free) char *text = text_value(column->path, value);

		column->width = MAX(column->width, text ? strlen(text) : 0);
	}
}

/* `row` NULL: the headings. */
static void put_row(FILE *out, const struct columns *columns, const json_t *row, unsigned indent)
{
	fprintf(out, "%*s", (int)indent, "");
	for (size_t i = 0; i < columns->count; i++) {
		const struct column *column = &columns->list[i];
		const json_t *value = json_object_get(row, column->path);
		CLEANUP(free)
		char *text = row ? text_value(column->path, value) : strdup(column->name);
		bool ragged = i + 1 == columns->count && !column->right;
		int width = ragged ? 0 : (int)column->width;

		fprintf(out, "%s%*s", i > 0 ? "  " : "", column->right ? width : -width,
			text ? text : "");
	}
	fputc('\n', out);
}

/* A list within an object: headings and a line each. */
static void put_rows(FILE *out, const json_t *rows, unsigned indent)
{
	__attribute__((cleanup(cleanup_columns))) struct columns columns = {0};

	if (add_member_columns(&columns, json_array_get(rows, 0)) < 0)
		return;
	for (size_t i = 0; i < columns.count; i++)
		measure_column(&columns.list[i], rows);
	put_row(out, &columns, NULL, indent);
	for (size_t i = 0; i < json_array_size(rows); i++)
		put_row(out, &columns, json_array_get(rows, i), indent);
}

static void put_lines(FILE *out, const json_t *object, unsigned indent);

static void put_block(FILE *out, const char *key, const json_t *value, unsigned indent)
{
	put_key(out, key, indent);
	fputc('\n', out);
	if (json_is_object(value))
		put_lines(out, value, indent + 2);
	else
		put_rows(out, value, indent + 2);
}

/* Aligned "key: value" lines, objects inside indented. */
static void put_lines(FILE *out, const json_t *object, unsigned indent)
{
	size_t width = widest_key(object);
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)object, key, value)
	{
		if (is_block(value)) {
			put_block(out, key, value, indent);
			continue;
		}
		put_key(out, key, indent);
		fprintf(out, "%*s", (int)(width - strlen(key) + 1), "");
		if (is_more(value))
			fputs("...", out);
		else
			text_put_value(out, key, value);
		fputc('\n', out);
	}
}

/* An object of the --columns alone, their paths as keys. */
static json_t *project(const json_t *item, const struct columns *columns)
{
	json_t *chosen = json_object();

	for (size_t i = 0; i < columns->count && chosen; i++) {
		const json_t *value = select_path(item, columns->list[i].path);
		json_t *copy = value ? json_incref((json_t *)value) : json_null();

		if (json_object_set_new(chosen, columns->list[i].path, copy) < 0) {
			json_decref(chosen);
			return NULL;
		}
	}
	return chosen;
}

/* Replaces the items by what --columns keeps of them. */
static enum cli_exit project_items(struct cli *cli, json_t *items)
{
	__attribute__((cleanup(cleanup_columns))) struct columns columns = {0};
	enum cli_exit r = CLI_OK;

	if (!cli->options.columns)
		return CLI_OK;
	r = choose_columns(cli, NULL, items, &columns);
	for (size_t i = 0; i < json_array_size(items) && r == CLI_OK; i++) {
		json_t *chosen = project(json_array_get(items, i), &columns);

		if (!chosen || json_array_set_new(items, i, chosen) < 0)
			r = problem_errno(&cli->options, ENOMEM, "--columns");
	}
	return r;
}

/* ---- names --------------------------------------------------------------- */

/* The arguments that name an item to other commands: "0 2" for a SINT. */
static void put_name(const struct command *command, const json_t *item)
{
	const char *path = command->names ? command->names : "name";

	while (*path) {
		CLEANUP(free) char *key = strndup(path, strcspn(path, ","));

		/* "name" as the unit key: an identifier is printed as it is typed. */
		text_put_value(stdout, "name", key ? json_object_get(item, key) : NULL);
		path += strcspn(path, ",");
		if (*path == ',') {
			fputc(' ', stdout);
			path++;
		}
	}
	fputc('\n', stdout);
}

/* ---- replies ------------------------------------------------------------- */

static char *join_columns(const struct command *command, bool wide)
{
	return text_format("%s%s%s", command->columns ? command->columns : "",
		wide && command->wide ? "," : "", wide && command->wide ? command->wide : "");
}

static enum cli_exit render_list_text(
	struct cli *cli, const struct command *command, const json_t *items)
{
	CLEANUP(free)
	char *columns = join_columns(command, cli->options.format == CLI_FORMAT_WIDE);

	if (!columns)
		return problem_errno(&cli->options, ENOMEM, "table");
	return render_table(cli, columns, items);
}

static enum cli_exit render_list(
	struct cli *cli, const struct command *command, json_t *reply, json_t *items)
{
	enum cli_exit r = select_apply(&cli->options, items);

	if (r == CLI_OK && cli_wants_json(&cli->options))
		r = project_items(cli, items);
	if (r != CLI_OK)
		return r;
	switch (cli->options.format) {
	case CLI_FORMAT_JSON:
		return render_json(cli, reply);
	case CLI_FORMAT_JSONL:
		for (size_t i = 0; i < json_array_size(items) && r == CLI_OK; i++)
			r = render_json(cli, json_array_get(items, i));
		return r;
	case CLI_FORMAT_NAME:
		for (size_t i = 0; i < json_array_size(items); i++)
			put_name(command, json_array_get(items, i));
		return CLI_OK;
	case CLI_FORMAT_TABLE:
	case CLI_FORMAT_WIDE:
		return render_list_text(cli, command, items);
	}
	return CLI_INTERNAL;
}

enum cli_exit render_object(struct cli *cli, const struct command *command, const json_t *object)
{
	json_auto_t *items = json_pack("[O]", object);
	enum cli_exit r;

	if (!items)
		return problem_errno(&cli->options, ENOMEM, "reply");
	r = project_items(cli, items);
	if (r != CLI_OK)
		return r;
	if (cli->options.format == CLI_FORMAT_NAME)
		put_name(command, object);
	else if (cli_wants_json(&cli->options))
		r = render_json(cli, json_array_get(items, 0));
	else if (json_is_object(object))
		put_lines(stdout, json_array_get(items, 0), 0);
	else
		text_put_value(stdout, "", object);
	return r;
}

enum cli_exit render_list_errors(const struct cli *cli, const json_t *reply)
{
	const json_t *errors = json_object_get(reply, "errors");
	enum cli_exit r = CLI_OK;

	for (size_t i = 0; i < json_array_size(errors); i++) {
		const json_t *item = json_array_get(errors, i);
		const char *error = json_string_value(json_object_get(item, "error"));
		bool timeout = error && strcmp(error, "timeout") == 0;

		r = problem_report(&cli->options, timeout ? CLI_TIMEOUT : CLI_INTERNAL,
			error ? error : "unavailable", NULL,
			"VP %" JSON_INTEGER_FORMAT " is left out: it did not answer",
			json_integer_value(json_object_get(item, "vp")));
	}
	return r;
}

enum cli_exit render_reply(struct cli *cli, const struct command *command, json_t *reply)
{
	json_t *items = json_object_get(reply, "items");
	enum cli_exit r;

	if (!json_is_array(items))
		return render_object(cli, command, reply);
	r = render_list(cli, command, reply, items);
	return r == CLI_OK ? render_list_errors(cli, reply) : r;
}
