/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/complete.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "cli/client.h"
#include "cli/command.h"
#include "cli/endpoint.h"
#include "cli/explain.h"
#include "cli/text.h"
#include "common/cleanup.h"
#include "doctor/doctor.h"

#define ASK_LIMIT_NS (500 * NSEC_PER_MSEC)

/* What the words before the unfinished one say. */
struct context {
	struct cli_options options; /* --vm and --socket taken from the line */
	const struct command *command;
	const char *noun;
	const struct arg *pending; /* option whose value the unfinished word is */
	size_t positionals;
	const char *first_positional; /* a VP, when SINTs of it are wanted */
	const char *vp;               /* value of --vp */
	const char *word;             /* the unfinished one */
	complete_fn add;
	void *arg;
};

/* The last value of "0,2,1": what stands before it is offered back in front of each candidate. */
static const char *last_value(const struct context *context)
{
	bool list = context->pending && context->pending->flags & ARG_LIST;
	const char *comma = list ? strrchr(context->word, ',') : NULL;

	return comma ? comma + 1 : context->word;
}

static void offer(const struct context *context, const char *candidate, const char *about)
{
	const char *begun = last_value(context);
	CLEANUP(free) char *whole = NULL;

	if (!candidate || strncmp(candidate, begun, strlen(begun)) != 0)
		return;
	whole = text_format("%.*s%s", (int)(begun - context->word), context->word, candidate);
	if (whole)
		context->add(context->arg, whole, about ? about : "");
}

/* ---- asking the daemon --------------------------------------------------- */

static json_t *ask(const struct context *context, const char *target)
{
	struct cli cli = {.options = context->options};
	json_t *reply = NULL;

	cli.options.silent = true;
	cli.options.timeout_ns = ASK_LIMIT_NS;
	if (client_request(&cli, "GET", target, NULL, NULL, &reply) != CLI_OK)
		reply = NULL;
	client_close(&cli);
	return reply;
}

/* Offers `key` of each item; `about` is the field shown next to it. */
static void offer_ids(
	const struct context *context, const char *target, const char *key, const char *about)
{
	json_auto_t *reply = ask(context, target);
	size_t i;
	json_t *item;

	json_array_foreach(json_object_get(reply, "items"), i, item)
	{
		CLEANUP(free) char *id = text_value("", json_object_get(item, key));
		CLEANUP(free) char *note = text_value(about, json_object_get(item, about));

		offer(context, id, note);
	}
}

static void offer_sints(const struct context *context)
{
	const char *vp = context->vp ? context->vp : context->first_positional;
	CLEANUP(free) char *target = NULL;

	/* Whatever stands for the VP goes into a path only when it is a number. */
	if (!vp || vp[strspn(vp, "0123456789")] != '\0')
		vp = "0";
	target = text_format("/v1/vps/%s/sints", vp);
	if (target)
		offer_ids(context, target, "sint", "vector");
}

static void offer_kinds(const struct context *context)
{
	offer_ids(context, "/v1/device_kinds?limit=1000", "kind", "help");
}

/* "hvsock," and what stands behind the last comma: "hvsock,id=", "hvsock,path=". */
static void offer_spec(const struct context *context)
{
	const char *comma = strrchr(context->word, ',');
	int typed = comma ? (int)(comma + 1 - context->word) : 0;
	size_t kind = strcspn(context->word, ",");
	CLEANUP(free) char *target = NULL;
	json_auto_t *reply = NULL;
	size_t i;
	json_t *option;

	if (!comma) {
		offer_kinds(context);
		return;
	}
	/* Whatever stands for the kind goes into a path only when it can be one. */
	if (strspn(context->word, "abcdefghijklmnopqrstuvwxyz") < kind)
		return;
	target = text_format("/v1/device_kinds/%.*s", (int)kind, context->word);
	reply = target ? ask(context, target) : NULL;
	json_array_foreach(json_object_get(reply, "options"), i, option)
	{
		CLEANUP(free) char *key = text_value("", json_object_get(option, "option"));
		CLEANUP(free)
		char *spec = key ? text_format("%.*s%s=", typed, context->word, key) : NULL;

		offer(context, spec, json_string_value(json_object_get(option, "help")));
	}
}

static void offer_vms(const struct context *context)
{
	struct cli_options options = context->options;
	struct endpoint *list = NULL;
	size_t count = 0;

	options.silent = true;
	if (endpoint_list(&options, &list, &count) != CLI_OK)
		return;
	for (size_t i = 0; i < count; i++)
		offer(context, list[i].name, list[i].socket);
	endpoint_list_free(list, count);
}

/* Children of the node whose path is complete so far. */
static void offer_tree(const struct context *context)
{
	const char *slash = strrchr(context->word, '/');
	size_t length = slash ? (size_t)(slash - context->word) : 0;
	CLEANUP(free) char *parent = strndup(context->word, length);
	CLEANUP(free)
	char *target = parent ? text_format("/v1/tree%s%s?depth=1", length ? "/" : "", parent)
			      : NULL;
	json_auto_t *node = NULL;
	const char *key;
	json_t *value;

	if (!target || target[strcspn(target, " *[]\"<>")] != '\0')
		return;
	node = ask(context, target);
	json_object_foreach(node, key, value)
	{
		CLEANUP(free)
		char *path = text_format("%s%s%s", parent, length ? "/" : "", key);

		offer(context, path, "");
	}
}

/* ---- words of the tables ------------------------------------------------- */

static void offer_event_types(const struct context *context)
{
	json_auto_t *types = explain_record_types();
	const char *type;
	json_t *about;

	json_object_foreach(types, type, about) offer(context, type, json_string_value(about));
}

static void offer_fields(const struct context *context)
{
	json_auto_t *fields = explain_find(NULL);
	size_t i;
	json_t *field;

	json_array_foreach(fields, i, field)
		offer(context, json_string_value(json_object_get(field, "field")), "");
}

static void offer_rules(const struct context *context)
{
	for (unsigned i = 0; i < DOCTOR_RULES; i++) {
		struct doctor_rule_text rule = doctor_rule_text(i);

		offer(context, rule.id, rule.title);
	}
	offer(context, "rules", "all rules, a line each");
	offer(context, "records", "all kinds of record, a line each");
}

/* The words that a member of a fault may be, by the schema. */
static void offer_fault_words(const struct context *context, const char *key)
{
	CLEANUP(free) char *name = text_format("fault.%s", key);
	json_auto_t *fields = name ? explain_find(name) : NULL;
	size_t i;
	json_t *word;

	json_array_foreach(json_object_get(json_array_get(fields, 0), "values"), i, word)
		offer(context, json_string_value(word), "");
}

static void offer_choices(const struct context *context, const char *const *choices)
{
	for (; *choices; choices++)
		offer(context, *choices, "");
}

static void offer_nouns(const struct context *context)
{
	for (size_t i = 0; i < command_count; i++) {
		bool again = i > 0 && strcmp(commands[i].noun, commands[i - 1].noun) == 0;

		if (!again && !(commands[i].flags & COMMAND_HIDDEN))
			offer(context, commands[i].noun, commands[i].verb ? "" : commands[i].help);
	}
}

static void offer_verbs(const struct context *context, const char *noun)
{
	for (size_t i = 0; i < command_count; i++)
		if (commands[i].verb && strcmp(commands[i].noun, noun) == 0)
			offer(context, commands[i].verb, commands[i].help);
}

/* What help explains. */
static void offer_command(const struct context *context)
{
	if (context->positionals == 0)
		offer_nouns(context);
	else if (context->positionals == 1)
		offer_verbs(context, context->first_positional);
}

static void offer_values(const struct context *context, const struct arg *arg, bool *ret_files)
{
	switch (arg->completer) {
	case COMPLETE_NOTHING:
		break;
	case COMPLETE_CHOICES:
		offer_choices(context, arg->choices);
		break;
	case COMPLETE_FILE:
		*ret_files = true;
		break;
	case COMPLETE_VM:
		offer_vms(context);
		break;
	case COMPLETE_VP:
		offer_ids(context, "/v1/vps?limit=1000", "vp", "state");
		break;
	case COMPLETE_SINT:
		offer_sints(context);
		break;
	case COMPLETE_CONNECTION:
		offer_ids(context, "/v1/ports?limit=1000", "connection_id", "owner");
		break;
	case COMPLETE_RELID:
		offer_ids(context, "/v1/channels?limit=1000", "relid", "device");
		break;
	case COMPLETE_DEVICE:
		offer_ids(context, "/v1/devices?limit=1000", "name", "kind");
		break;
	case COMPLETE_DEVICE_KIND:
		offer_kinds(context);
		break;
	case COMPLETE_DEVICE_SPEC:
		offer_spec(context);
		break;
	case COMPLETE_EVENT_TYPE:
		offer_event_types(context);
		break;
	case COMPLETE_TREE_PATH:
		offer_tree(context);
		break;
	case COMPLETE_FIELD:
		offer_fields(context);
		offer_rules(context);
		break;
	case COMPLETE_FAULT:
		offer_ids(context, "/v1/faults?limit=1000", "id", "kind");
		break;
	case COMPLETE_COMMAND:
		offer_command(context);
		break;
	case COMPLETE_FAULT_WORD:
		offer_fault_words(context, arg->key);
		break;
	}
}

static void offer_options(const struct context *context)
{
	const struct arg *arg = context->command ? context->command->args : NULL;

	for (; arg && arg->name; arg++)
		if (arg_is_option(arg))
			offer(context, arg->name, arg->help);
	for (arg = global_options; arg->name; arg++)
		offer(context, arg->name, arg->help);
}

/* ---- the line ------------------------------------------------------------ */

static void note_value(struct context *context, const struct arg *option, const char *value)
{
	if (strcmp(option->key, "vm") == 0)
		context->options.vm = value;
	else if (strcmp(option->key, "socket") == 0)
		context->options.socket = value;
	else if (strcmp(option->key, "vp") == 0)
		context->vp = value;
}

/* Takes in one finished word. */
static void read_word(struct context *context, const char *word)
{
	if (context->pending) {
		note_value(context, context->pending, word);
		context->pending = NULL;
	} else if (word[0] == '-' && word[1]) {
		const struct arg *option = command_find_option(context->command, word);

		context->pending = option && arg_takes_value(option) ? option : NULL;
	} else if (!context->noun) {
		context->noun = word;
		context->command = command_find(word, NULL);
	} else if (!context->command) {
		context->command = command_find(context->noun, word);
	} else if (context->positionals++ == 0) {
		context->first_positional = word;
	}
}

static const struct arg *next_positional(const struct context *context)
{
	size_t left = context->positionals;

	for (const struct arg *arg = context->command->args; arg->name; arg++)
		if (!arg_is_option(arg) && (left-- == 0 || arg->flags & ARG_REPEAT))
			return arg;
	return NULL;
}

void complete_words(const struct cli_options *defaults, const char *const *words, size_t count,
	complete_fn add, void *arg, bool *ret_files)
{
	struct context context = {.options = *defaults, .add = add, .arg = arg};
	const struct arg *positional;

	*ret_files = false;
	if (count == 0)
		return;
	for (size_t i = 0; i + 1 < count; i++)
		read_word(&context, words[i]);
	context.word = words[count - 1];
	if (context.pending) {
		offer_values(&context, context.pending, ret_files);
	} else if (context.word[0] == '-') {
		offer_options(&context);
	} else if (!context.noun) {
		offer_nouns(&context);
	} else if (!context.command) {
		offer_verbs(&context, context.noun);
	} else {
		positional = next_positional(&context);
		if (positional)
			offer_values(&context, positional, ret_files);
	}
}
