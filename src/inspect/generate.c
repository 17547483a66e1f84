/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * generate DIRECTORY: writes every schema and the OpenAPI description, as committed under schema/.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common/cleanup.h"
#include "common/loop.h"
#include "common/record.h"
#include "inspect/catalog.h"
#include "inspect/inspect.h"
#include "inspect/schema.h"

/* Indented, keys in the order of the tables: made to be read and to be compared. */
static int write_file(void *arg, const char *name, const struct writer *text)
{
	json_auto_t *json = json_loadb(text->data, text->used, JSON_REJECT_DUPLICATES, NULL);
	char path[512];

	snprintf(path, sizeof(path), "%s/%s.json", (const char *)arg, name);
	if (text->failed || !json) {
		fprintf(stderr, "generate: %s is not JSON: %.*s\n", name, (int)text->used,
			text->data);
		return -1;
	}
	CLEANUP(file) FILE *file = fopen(path, "w");
	if (!file || json_dumpf(json, file, JSON_INDENT(2) | JSON_ENSURE_ASCII) < 0) {
		perror(path);
		return -1;
	}
	return fputc('\n', file) == EOF ? -1 : 0;
}

static int add_machine(struct inspect *inspect)
{
	struct node_provider providers[CATALOG_MAX];
	size_t count = catalog_providers(&(struct catalog_owners){0}, providers);
	int r = 0;

	for (size_t i = 0; i < count && r == 0; i++) {
		r = inspect_add_provider(inspect, &providers[i]);
		if (r < 0)
			fprintf(stderr, "generate: %s: %s\n", providers[i].class->path,
				strerror(-r));
	}
	return r;
}

static int generate(char *directory, struct loop *loop, struct recorder *recorder)
{
	const struct inspect_config config = {.recorder = recorder, .loop = loop, .version = ""};
	struct inspect *inspect;
	int r = inspect_new(&config, &inspect);

	if (r < 0)
		return r;
	r = add_machine(inspect);
	if (r == 0)
		r = schema_generate(inspect, write_file, directory);
	inspect_free(inspect);
	return r;
}

int main(int argc, char **argv)
{
	struct recorder *recorder = NULL;
	struct loop *loop = NULL;
	int r;

	if (argc != 2) {
		fprintf(stderr, "usage: generate DIRECTORY\n");
		return 64;
	}
	r = loop_new(&loop);
	if (r == 0)
		r = recorder_new(&clock_monotonic, 2, &recorder);
	if (r == 0)
		r = generate(argv[1], loop, recorder);
	recorder_free(recorder);
	loop_free(loop);
	return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
