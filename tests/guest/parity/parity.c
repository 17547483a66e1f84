/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Compares what guest programs did in several modes: parity [--partial] DIFFERENCES FOLDER MODE
 * MODE...
 *
 * Each mode is compared with the one before it. FOLDER/MODE/PROGRAM.records and .console are of
 * run-guest. Each program of the first of two modes is one test, in TAP; the last one is that every
 * documented difference between the two occurred, which needs all programs: --partial leaves it
 * out.
 *
 * The exit status is 0 when all tests passed.
 */
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common/cleanup.h"
#include "differences.h"
#include "observe.h"

struct comparison {
	struct differences *differences; /* owns */
	const char *folder;
	const char *mode[2];
	const char *program; /* being compared */
	bool partial;
	unsigned found; /* differences of that program */
	unsigned tests, failures;
};

/* ---- saying what differs --------------------------------------------------------------------- */

static void print_observation(const char *mode, const json_t *observation)
{
	CLEANUP(free) char *text = observation ? json_dumps(observation, JSON_SORT_KEYS) : NULL;

	printf("#     %-6s %s\n", mode, text ? text : "nothing");
}

static void found(struct comparison *comparison, const char *stream, size_t position,
	const json_t *a, const json_t *b)
{
	comparison->found++;
	printf("#   %s, number %zu:\n", stream, position + 1);
	print_observation(comparison->mode[0], a);
	print_observation(comparison->mode[1], b);
}

/* ---- comparing ------------------------------------------------------------------------------- */

/* A field that the other observation lacks, or has another value of. */
static bool fields_agree(struct comparison *comparison, const json_t *a, const json_t *b)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)a, key, value)
	{
		if (!json_equal(value, json_object_get(b, key)) &&
			!differences_allow(comparison->differences, comparison->program, a, b, key))
			return false;
	}
	return true;
}

static bool observations_agree(struct comparison *comparison, const json_t *a, const json_t *b)
{
	if (json_equal(a, b))
		return true;
	return a && b && fields_agree(comparison, a, b) && fields_agree(comparison, b, a);
}

/* Where two streams part they are hardly ever together again: the first place says it all. */
static void compare_streams(
	struct comparison *comparison, const char *name, const json_t *a, const json_t *b)
{
	size_t count = MAX(json_array_size(a), json_array_size(b));

	for (size_t i = 0; i < count; i++) {
		const json_t *of_a = json_array_get(a, i), *of_b = json_array_get(b, i);

		if (!observations_agree(comparison, of_a, of_b)) {
			found(comparison, name, i, of_a, of_b);
			return;
		}
	}
}

static void compare(struct comparison *comparison, json_t *a, json_t *b)
{
	const char *name;
	json_t *stream;

	json_object_foreach(a, name, stream)
		compare_streams(comparison, name, stream, json_object_get(b, name));
	json_object_foreach(b, name, stream)
	{
		if (!json_object_get(a, name))
			compare_streams(comparison, name, NULL, stream);
	}
}

/* ---- programs -------------------------------------------------------------------------------- */

static bool observe_mode(struct comparison *comparison, unsigned which, json_t **ret_streams)
{
	const char *mode = comparison->mode[which], *program = comparison->program;
	char folder[PATH_MAX];

	snprintf(folder, sizeof(folder), "%s/%s", comparison->folder, mode);
	return observe(
		folder, program, differences_timed(comparison->differences, program), ret_streams);
}

static void compare_streams_of_modes(struct comparison *comparison, json_t *a, json_t *b)
{
	struct differences *differences = comparison->differences;

	differences_drop(differences, comparison->program, comparison->mode[0], a, b);
	differences_drop(differences, comparison->program, comparison->mode[1], b, a);
	compare(comparison, a, b);
}

static void result(struct comparison *comparison, bool passed, const char *what)
{
	comparison->tests++;
	comparison->failures += !passed;
	printf("%sok %u - %s and %s: %s\n", passed ? "" : "not ", comparison->tests,
		comparison->mode[0], comparison->mode[1], what);
}

static void compare_program(struct comparison *comparison, const char *program)
{
	json_auto_t *a = NULL, *b = NULL;
	bool good;

	comparison->program = program;
	comparison->found = 0;
	good = observe_mode(comparison, 0, &a) && observe_mode(comparison, 1, &b);
	if (good)
		compare_streams_of_modes(comparison, a, b);
	result(comparison, good && comparison->found == 0, program);
}

static int has_records(const struct dirent *entry)
{
	const char *suffix = strrchr(entry->d_name, '.');

	return suffix && strcmp(suffix, ".records") == 0;
}

static void compare_all(struct comparison *comparison)
{
	struct dirent **entries;
	char folder[PATH_MAX];
	int count;

	snprintf(folder, sizeof(folder), "%s/%s", comparison->folder, comparison->mode[0]);
	count = scandir(folder, &entries, has_records, alphasort);
	if (count <= 0) {
		result(comparison, false, "no programs to compare");
		return;
	}
	for (int i = 0; i < count; i++) {
		*strrchr(entries[i]->d_name, '.') = '\0';
		compare_program(comparison, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
}

static bool compare_modes(
	struct comparison *comparison, const char *differences, const char *a, const char *b)
{
	comparison->mode[0] = a;
	comparison->mode[1] = b;
	if (!differences_read(differences, a, b, &comparison->differences))
		return false;
	compare_all(comparison);
	if (!comparison->partial)
		result(comparison, differences_report(comparison->differences) == 0,
			"every documented difference occurs");
	comparison->differences = differences_free(comparison->differences);
	return true;
}

int main(int argc, char **argv)
{
	struct comparison comparison = {.partial = argc > 1 && strcmp(argv[1], "--partial") == 0};
	bool good = true;

	argc -= comparison.partial;
	argv += comparison.partial;
	if (argc < 5) {
		fprintf(stderr, "usage: parity [--partial] DIFFERENCES FOLDER MODE MODE...\n");
		return EXIT_FAILURE;
	}
	comparison.folder = argv[2];
	for (int i = 4; i < argc; i++)
		good = compare_modes(&comparison, argv[1], argv[i - 1], argv[i]) && good;
	printf("1..%u\n", comparison.tests);
	return good && comparison.failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
