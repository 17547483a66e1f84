/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "records.h"

#include <errno.h>
#include <stdio.h>
#include "common/cleanup.h"
#include "inspect/log_text.h"
#include "vmm/event.h"

enum { BATCH = 256 };

static int write_line(FILE *file, const struct record *record, uint64_t realtime_offset_ns)
{
	CLEANUP(writer) struct writer text = {0};

	log_write_record(&text, &hv_record_names, record, realtime_offset_ns);
	writer_text(&text, "\n");
	if (text.failed)
		return -ENOMEM;
	return fwrite(text.data, 1, text.used, file) == text.used ? 0 : -EIO;
}

/* A hole in front of the first record counts: sequence numbers start at 1. */
static int write_all(FILE *file, struct recorder *recorder)
{
	uint64_t offset = log_realtime_offset(), gap;
	struct record_cursor cursor = {.next = 1};
	struct record records[BATCH];
	size_t count;

	while ((count = recorder_read(recorder, &cursor, records, BATCH, &gap)) > 0) {
		if (gap > 0)
			return -EOVERFLOW;
		for (size_t i = 0; i < count; i++) {
			int r = write_line(file, &records[i], offset);

			if (r < 0)
				return r;
		}
	}
	return 0;
}

int records_save(struct recorder *recorder, const char *path)
{
	FILE *file = fopen(path, "we");
	int r;

	if (!file)
		return -errno;
	r = write_all(file, recorder);
	if (fclose(file) != 0 && r == 0)
		r = -errno;
	return r;
}
