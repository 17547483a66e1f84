/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/request.h"

#include <inttypes.h>
#include <string.h>

#include "cli/client.h"
#include "cli/text.h"
#include "common/cleanup.h"

static void put_argument(FILE *out, const struct arg *arg, const struct value *value)
{
	if (arg->type == ARG_UINT)
		fprintf(out, "%" PRIu64, value->number);
	else if (!arg_takes_value(arg))
		fputs(arg->type == ARG_SET ? "1" : "0", out);
	else
		client_put_encoded(out, value->text, false);
}

/* True when every {key} of the path has been given. */
static bool is_filled(const struct invocation *invocation, const char *path)
{
	for (const char *open = strchr(path, '{'); open; open = strchr(open + 1, '{')) {
		CLEANUP(free) char *key = strndup(open + 1, strcspn(open + 1, "}"));

		if (!key || !invocation_given(invocation, key))
			return false;
	}
	return true;
}

static const struct arg *find_path_arg(
	const struct command *command, const char *key, size_t length)
{
	for (const struct arg *arg = command->args; arg->name; arg++)
		if (strncmp(arg->key, key, length) == 0 && arg->key[length] == '\0')
			return arg;
	return NULL;
}

static void put_path(FILE *out, const struct invocation *invocation, const char *path)
{
	while (*path) {
		size_t literal = strcspn(path, "{"), length;
		const struct arg *arg;

		fwrite(path, 1, literal, out);
		path += literal;
		if (!*path)
			return;
		length = strcspn(path + 1, "}");
		arg = find_path_arg(invocation->command, path + 1, length);
		if (arg)
			put_argument(
				out, arg, &invocation->values[arg - invocation->command->args]);
		path += length + 2;
	}
}

static void put_query(FILE *out, const struct invocation *invocation)
{
	char separator = '?';

	for (size_t i = 0; invocation->command->args[i].name; i++) {
		const struct arg *arg = &invocation->command->args[i];

		if (arg->place != PLACE_QUERY || !invocation->values[i].text)
			continue;
		fprintf(out, "%c%s=", separator, arg->key);
		put_argument(out, arg, &invocation->values[i]);
		separator = '&';
	}
}

bool request_is_narrow(const struct invocation *invocation)
{
	const char *path = invocation->command->narrow_path;

	return path && is_filled(invocation, path);
}

char *request_target(const struct invocation *invocation)
{
	const struct command *command = invocation->command;
	bool narrow = request_is_narrow(invocation);
	char *target = NULL;
	size_t size;
	FILE *out = open_memstream(&target, &size);

	if (!out)
		return NULL;
	put_path(out, invocation, narrow ? command->narrow_path : command->path);
	put_query(out, invocation);
	return text_finish(out, &target);
}

static json_t *body_value(const struct arg *arg, const struct value *value)
{
	switch (arg->type) {
	case ARG_UINT:
	case ARG_DURATION:
		return json_integer((json_int_t)value->number);
	case ARG_PAYLOAD:
		return json_string(value->payload);
	case ARG_SET:
		return json_true();
	case ARG_CLEAR:
		return json_false();
	case ARG_UINTS:
	case ARG_MOMENT:
	case ARG_TEXT:
	case ARG_CHOICE:
		return json_string(value->text);
	}
	return NULL;
}

json_t *request_body(const struct invocation *invocation)
{
	json_t *body = json_object();

	for (size_t i = 0; body && invocation->command->args[i].name; i++) {
		const struct arg *arg = &invocation->command->args[i];

		if (arg->place != PLACE_BODY || !invocation->values[i].text)
			continue;
		if (json_object_set_new(body, arg->key, body_value(arg, &invocation->values[i])) <
			0) {
			json_decref(body);
			return NULL;
		}
	}
	return body;
}
