/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A hostile log file: the input is the file. What is accepted can be printed to its end. */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include "common/cleanup.h"
#include "common/record_history.h"
#include "fuzz.h"
#include "inspect/log_page.h"

/* Every line costs at least a record; a page of the server's is not larger. */
enum { LINES = 1000 };

static void print_all(const struct record_history *history)
{
	struct log_source source = log_source_former(history);
	struct log_range range;
	struct log_filter_text text = {.type = "*", .relid = ""};
	const char *key;

	if (log_filter_compile(&text, source.names, &range.filter, &key) ||
		log_range_since(&source, "", &range) != LOG_OK ||
		log_range_until(&source, "", &range) != LOG_OK)
		abort();
	for (uint64_t last = 1; last > 0; range.next = last + 1) {
		CLEANUP(writer) struct writer w = {0};

		last = log_write_range(&w, &source, &range, LINES);
		if (last > 0 && last < range.next)
			abort(); /* it would never end */
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	struct record_history *history;
	char why[RECORD_WHY_BYTES] = "";
	int r;

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	/* The rings need not be written out: a file may end in a hole. */
	if (size > 4096 && ftruncate(fd, 4 << 20) < 0)
		abort();
	r = record_history_load(fd, true, &history, why);
	close(fd);
	if (r == 0) {
		print_all(history);
		record_history_free(history);
	} else if (why[0] == '\0') {
		abort();
	}
	return 0;
}
