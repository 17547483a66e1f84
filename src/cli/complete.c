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

/* An hvd that hangs keeps the shell so long; one on a busy host gets to answer. */
#define ASK_LIMIT_NS (3 * NSEC_PER_SEC)

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
	const char *value;            /* in it: what stands behind "--option=", or all of it */
	complete_fn add;
	void *arg;
};

/* The last value of "0,2,1": what stands before it is offered back in front of each candidate. */
static const char *last_value(const struct context *context)
{
	bool list = context->pending && context->pending->flags & ARG_LIST;
	const char *comma = list ? strrchr(context->value, ',') : NULL;

	return comma ? comma + 1 : context->value;
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
	json_auto_t *reply = NULL;
	size_t i;
	json_t *sint;

	/* Whatever stands for the VP goes into a path only when it is a number. */
	if (!vp || vp[strspn(vp, "0123456789")] != '\0')
		vp = "0";
	target = text_format("/v1/vps/%s/sints", vp);
	reply = target ? ask(context, target) : NULL;
	json_array_foreach(json_object_get(reply, "items"), i, sint)
	{
		bool masked = json_is_true(json_object_get(sint, "masked"));
		CLEANUP(free) char *id = text_value("", json_object_get(sint, "sint"));
		CLEANUP(free) char *vector = text_value("", json_object_get(sint, "vector"));
		CLEANUP(free) char *note = text_format("vector %s", vector ? vector : "-");

		offer(context, id, masked ? "masked" : note);
	}
}

static void offer_kinds(const struct context *context)
{
	offer_ids(context, "/v1/device_kinds?limit=1000", "kind", "help");
}

/* "hvsock," and what stands behind the last comma: "hvsock,id=", "hvsock,path=". */
static void offer_spec(const struct context *context)
{
	const char *comma = strrchr(context->value, ',');
	int typed = comma ? (int)(comma + 1 - context->value) : 0;
	size_t kind = strcspn(context->value, ",");
	CLEANUP(free) char *target = NULL;
	json_auto_t *reply = NULL;
	size_t i;
	json_t *option;

	if (!comma) {
		offer_kinds(context);
		return;
	}
	/* Whatever stands for the kind goes into a path only when it can be one. */
	if (strspn(context->value, "abcdefghijklmnopqrstuvwxyz") < kind)
		return;
	target = text_format("/v1/device_kinds/%.*s", (int)kind, context->value);
	reply = target ? ask(context, target) : NULL;
	json_array_foreach(json_object_get(reply, "options"), i, option)
	{
		CLEANUP(free) char *key = text_value("", json_object_get(option, "option"));
		CLEANUP(free)
		char *spec = key ? text_format("%.*s%s=", typed, context->value, key) : NULL;

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

/* Children of the node whose path is complete so far; what has children itself ends with a slash. */
static void offer_tree(const struct context *context)
{
	const char *slash = strrchr(context->value, '/');
	size_t length = slash ? (size_t)(slash - context->value) : 0;
	CLEANUP(free) char *parent = strndup(context->value, length);
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
		char *path = text_format("%s%s%s%s", parent, length ? "/" : "", key,
			json_is_object(value) ? "/" : "");

		/* $more and $error are about the node, not in it. */
		if (key[0] != '$')
			offer(context, path, "");
	}
}

/* ---- files ---------------------------------------------------------------- */

static void offer_files(
	const struct context *context, const char *begun, struct complete_files *ret_files)
{
	ret_files->wanted = true;
	ret_files->kept = (size_t)(begun - context->word);
}

/* "@FILE" or "-": hex digits are typed by those who know them. */
static void offer_data(const struct context *context, struct complete_files *ret_files)
{
	if (context->value[0] == '@') {
		offer_files(context, context->value + 1, ret_files);
		return;
	}
	offer(context, "@", "the contents of a file");
	offer(context, "-", "what comes on stdin");
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

/* "list, show, history": what a noun is about is what can be done with it. */
static char *verbs_of(const char *noun)
{
	char *verbs = NULL;

	for (size_t i = 0; i < command_count; i++) {
		char *longer;

		if (!commands[i].verb || strcmp(commands[i].noun, noun) != 0)
			continue;
		longer = text_format(
			"%s%s%s", verbs ? verbs : "", verbs ? ", " : "", commands[i].verb);
		free(verbs);
		verbs = longer;
	}
	return verbs;
}

static void offer_nouns(const struct context *context)
{
	for (size_t i = 0; i < command_count; i++) {
		bool again = i > 0 && strcmp(commands[i].noun, commands[i - 1].noun) == 0;
		CLEANUP(free) char *verbs = NULL;

		if (again || commands[i].flags & COMMAND_HIDDEN)
			continue;
		verbs = verbs_of(commands[i].noun);
		offer(context, commands[i].noun, verbs ? verbs : commands[i].help);
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

static void offer_values(
	const struct context *context, const struct arg *arg, struct complete_files *ret_files)
{
	switch (arg->completer) {
	case COMPLETE_NOTHING:
		break;
	case COMPLETE_CHOICES:
		offer_choices(context, arg->choices);
		break;
	case COMPLETE_FILE:
		offer_files(context, context->value, ret_files);
		break;
	case COMPLETE_DATA:
		offer_data(context, ret_files);
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

/*
 * The option of a word, if it is one and takes a value. `ret_value` is the value in the word itself:
 * "--name=VALUE", "-xVALUE"; NULL when that is the next word.
 */
static const struct arg *option_of(
	const struct context *context, const char *word, const char **ret_value)
{
	bool is_long = word[0] == '-' && word[1] == '-';
	size_t length = is_long ? strcspn(word, "=") : 2;
	CLEANUP(free) char *name = strndup(word, length);
	const struct arg *option = name ? command_find_option(context->command, name) : NULL;

	if (!option || !arg_takes_value(option))
		return NULL;
	*ret_value = strlen(word) > length ? word + length + is_long : NULL;
	return option;
}

/* Takes in one finished word. */
static void read_word(struct context *context, const char *word)
{
	if (context->pending) {
		note_value(context, context->pending, word);
		context->pending = NULL;
	} else if (word[0] == '-' && word[1]) {
		const char *value = NULL;
		const struct arg *option = option_of(context, word, &value);

		if (value)
			note_value(context, option, value);
		else
			context->pending = option;
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

/* The unfinished word may be an option with its value: "--output=js". */
static void read_last_word(struct context *context, const char *word)
{
	const char *value = NULL;
	const struct arg *option = NULL;

	context->word = context->value = word;
	if (!context->pending && word[0] == '-')
		option = option_of(context, word, &value);
	if (value) {
		context->pending = option;
		context->value = value;
	}
}

size_t complete_skip(const char *word, const char *text)
{
	size_t word_length = strlen(word), length = strlen(text);

	if (length > word_length || strcmp(word + word_length - length, text) != 0)
		return 0;
	return word_length - length;
}

void complete_words(const struct cli_options *defaults, const char *const *words, size_t count,
	complete_fn add, void *arg, struct complete_files *ret_files)
{
	struct context context = {.options = *defaults, .add = add, .arg = arg};
	const struct arg *positional;

	*ret_files = (struct complete_files){0};
	if (count == 0)
		return;
	for (size_t i = 0; i + 1 < count; i++)
		read_word(&context, words[i]);
	read_last_word(&context, words[count - 1]);
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
