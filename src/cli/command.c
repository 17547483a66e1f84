/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/command.h"

#include <string.h>

const struct command *command_find(const char *noun, const char *verb)
{
	for (size_t i = 0; i < command_count; i++) {
		if (strcmp(commands[i].noun, noun) != 0)
			continue;
		if (!verb ? !commands[i].verb : commands[i].verb && !strcmp(commands[i].verb, verb))
			return &commands[i];
	}
	return NULL;
}

static bool stands_before_verbs(const char *noun)
{
	for (size_t i = 0; i < command_count; i++)
		if (commands[i].verb && strcmp(commands[i].noun, noun) == 0)
			return true;
	return false;
}

bool command_is_noun(const char *word)
{
	return command_find(word, NULL) || stands_before_verbs(word);
}

static const struct arg *find_arg(const struct arg *args, const char *name)
{
	for (; args->name; args++)
		if (strcmp(args->name, name) == 0)
			return args;
	return NULL;
}

const struct arg *command_find_option(const struct command *command, const char *name)
{
	const struct arg *arg = command ? find_arg(command->args, name) : NULL;

	if (arg)
		return arg;
	for (arg = global_options; arg->name; arg++) {
		char letter = global_option_letter(arg);

		if (strcmp(arg->name, name) == 0)
			return arg;
		if (letter && name[0] == '-' && name[1] == letter && name[2] == '\0')
			return arg;
	}
	return NULL;
}

const struct value *invocation_value(const struct invocation *invocation, const char *key)
{
	static const struct value none = {0};
	const struct arg *args = invocation->command->args;

	for (size_t i = 0; args[i].name; i++)
		if (strcmp(args[i].key, key) == 0)
			return &invocation->values[i];
	return &none;
}

bool invocation_given(const struct invocation *invocation, const char *key)
{
	return invocation_value(invocation, key)->text != NULL;
}
