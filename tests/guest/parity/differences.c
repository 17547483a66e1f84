/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "differences.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include "common/cleanup.h"

/*
 * A line is PROGRAM MODES WHAT EVENT REASON..., as
 *
 *	vp-init-*   sim-user     only=sim      synic.reset             INIT is seen on sim alone
 *	*           user-kernel  field=vector  sint.assert             KVM holds the SINT
 *	demo*       *            timed         *                       as often as the time allows
 *
 * PROGRAM, MODES and EVENT are globs, as are MODE and FIELD. "only" takes what that mode has more
 * of than the other one, the latest of a stream; "sometimes" is the same and need not occur. EVENT
 * may go on with ":FIELD=VALUE", VALUE a glob or nothing for a field that is not there, several
 * times: then it is those observations alone.
 */
enum { WORDS = 4, LINE_WIDTH = 100 };

enum what { ONLY, SOMETIMES, FIELD, TIMED };

struct difference {
	char *line; /* owns: the text, cut into the words below */
	char *word[WORDS];
	const char *reason;
	enum what what;
	bool here; /* about the modes that are compared */
	bool occurred;
};

struct differences {
	struct difference *list; /* owns */
	size_t count;
};

/* ---- reading --------------------------------------------------------------------------------- */

static bool cut(struct difference *difference)
{
	char *rest = difference->line;

	for (size_t i = 0; i < WORDS; i++) {
		rest += strspn(rest, " \t");
		difference->word[i] = strsep(&rest, " \t");
		if (!rest)
			return false;
	}
	difference->reason = rest + strspn(rest, " \t");
	return *difference->reason != '\0';
}

static bool classify(struct difference *difference)
{
	const char *what = difference->word[2];

	if (strcmp(what, "timed") == 0)
		difference->what = TIMED;
	else if (strncmp(what, "only=", 5) == 0)
		difference->what = ONLY;
	else if (strncmp(what, "sometimes=", 10) == 0)
		difference->what = SOMETIMES;
	else if (strncmp(what, "field=", 6) == 0)
		difference->what = FIELD;
	else
		return false;
	return true;
}

static bool append(struct differences *differences, const char *line, const char *modes)
{
	struct difference difference = {.line = strdup(line)}, *list;

	if (!difference.line || !cut(&difference) || !classify(&difference)) {
		fprintf(stderr, "parity: what does this line say: %s\n", line);
		free(difference.line);
		return false;
	}
	difference.here = fnmatch(difference.word[1], modes, 0) == 0;
	list = reallocarray(differences->list, differences->count + 1, sizeof(*list));
	if (!list) {
		free(difference.line);
		return false;
	}
	differences->list = list;
	list[differences->count++] = difference;
	return true;
}

bool differences_read(
	const char *path, const char *a, const char *b, struct differences **ret_differences)
{
	struct differences *differences = calloc(1, sizeof(*differences));
	CLEANUP(free) char *line = NULL;
	char modes[64];
	size_t size = 0;
	bool good = differences != NULL;
	FILE *file = fopen(path, "re");

	if (!file) {
		fprintf(stderr, "parity: %s: %m\n", path);
		good = false;
	}
	snprintf(modes, sizeof(modes), "%s-%s", a, b);
	while (good && getline(&line, &size, file) >= 0) {
		line[strcspn(line, "\n")] = '\0';
		if (line[0] != '\0' && line[0] != '#')
			good = append(differences, line, modes);
	}
	if (file)
		fclose(file);
	if (good)
		*ret_differences = differences;
	else
		differences_free(differences);
	return good;
}

struct differences *differences_free(struct differences *differences)
{
	if (!differences)
		return NULL;
	for (size_t i = 0; i < differences->count; i++)
		free(differences->list[i].line);
	free(differences->list);
	free(differences);
	return NULL;
}

/* ---- using ----------------------------------------------------------------------------------- */

static bool value_matches(const json_t *value, const char *pattern)
{
	CLEANUP(free) char *text = NULL;

	if (json_is_string(value))
		return fnmatch(pattern, json_string_value(value), FNM_EXTMATCH) == 0;
	text = json_dumps(value, JSON_ENCODE_ANY);
	return text && fnmatch(pattern, text, FNM_EXTMATCH) == 0;
}

/* `condition` is "FIELD=VALUE". */
static bool holds(const json_t *observation, char *condition)
{
	char *value = strchr(condition, '=');
	const json_t *field;

	if (!value)
		return false;
	*value++ = '\0';
	field = json_object_get(observation, condition);
	return field ? value_matches(field, value) : *value == '\0';
}

static bool event_matches(const struct difference *difference, const json_t *observation)
{
	CLEANUP(free) char *pattern = strdup(difference->word[3]);
	char *rest = pattern, *condition;

	if (!pattern || fnmatch(strsep(&rest, ":"),
				json_string_value(json_object_get(observation, "event")), 0) != 0)
		return false;
	while ((condition = strsep(&rest, ":"))) {
		if (!holds(observation, condition))
			return false;
	}
	return true;
}

static bool is_about(const struct difference *difference, const char *program, enum what what)
{
	return difference->here && difference->what == what &&
	       fnmatch(difference->word[0], program, FNM_EXTMATCH) == 0;
}

/* Of "only=MODE" and its like. */
static const char *value_of(const struct difference *difference)
{
	return strchr(difference->word[2], '=') + 1;
}

bool differences_timed(struct differences *differences, const char *program)
{
	for (size_t i = 0; i < differences->count; i++) {
		if (is_about(&differences->list[i], program, TIMED)) {
			differences->list[i].occurred = true;
			return true;
		}
	}
	return false;
}

static size_t count_matches(const struct difference *difference, const json_t *stream)
{
	const json_t *observation;
	size_t i, count = 0;

	json_array_foreach(stream, i, observation) count += event_matches(difference, observation);
	return count;
}

/* The latest of those that match. */
static void remove_matches(const struct difference *difference, json_t *stream, size_t count)
{
	for (size_t i = json_array_size(stream); i > 0 && count > 0; i--) {
		if (!event_matches(difference, json_array_get(stream, i - 1)))
			continue;
		json_array_remove(stream, i - 1);
		count--;
	}
}

static void drop_surplus(struct difference *difference, json_t *streams, const json_t *others)
{
	const char *name;
	json_t *stream;
	void *next;

	json_object_foreach_safe(streams, next, name, stream)
	{
		size_t count = count_matches(difference, stream);
		size_t others_count = count_matches(difference, json_object_get(others, name));

		if (count > others_count) {
			remove_matches(difference, stream, count - others_count);
			difference->occurred = true;
		}
		if (json_array_size(stream) == 0)
			json_object_del(streams, name);
	}
}

void differences_drop(struct differences *differences, const char *program, const char *mode,
	json_t *streams, const json_t *others)
{
	for (size_t i = 0; i < differences->count; i++) {
		struct difference *difference = &differences->list[i];

		if ((is_about(difference, program, ONLY) ||
			    is_about(difference, program, SOMETIMES)) &&
			fnmatch(value_of(difference), mode, 0) == 0)
			drop_surplus(difference, streams, others);
	}
}

bool differences_allow(struct differences *differences, const char *program, const json_t *a,
	const json_t *b, const char *key)
{
	for (size_t i = 0; i < differences->count; i++) {
		struct difference *difference = &differences->list[i];

		if (is_about(difference, program, FIELD) &&
			fnmatch(value_of(difference), key, 0) == 0 &&
			(event_matches(difference, a) || event_matches(difference, b))) {
			difference->occurred = true;
			return true;
		}
	}
	return false;
}

unsigned differences_report(const struct differences *differences)
{
	unsigned absent = 0;

	for (size_t i = 0; i < differences->count; i++) {
		const struct difference *difference = &differences->list[i];

		if (!difference->here || (difference->what == SOMETIMES && !difference->occurred))
			continue;
		printf("#   %s: %s %s %s: %s\n", difference->occurred ? "documented" : "ABSENT",
			difference->word[0], difference->word[2], difference->word[3],
			difference->reason);
		absent += !difference->occurred;
	}
	return absent;
}
