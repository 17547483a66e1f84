/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "inspect/nodes.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "common/log.h"
#include "common/record.h"
#include "inspect/server.h"

/* ---- recorder ------------------------------------------------------------------------------- */

struct recorder_info {
	bool enabled;
	uint64_t records, overwritten, bytes;
	uint32_t threads, unkept;
	uint64_t head_seq, oldest_seq;
};

static const struct field recorder_rows[] = {
	{FIELD_B(struct recorder_info, enabled, FIELD_WRITABLE, "Whether events are recorded")},
	{FIELD_U(struct recorder_info, records, 0, "Records taken since start")},
	{FIELD_U(struct recorder_info, overwritten, 0, "Records that made room for newer ones")},
	{FIELD_U(struct recorder_info, bytes, 0, "Memory the rings may use")},
	{FIELD_U(struct recorder_info, threads, 0, "Threads with a ring of their own")},
	{FIELD_U(struct recorder_info, unkept, 0,
		"Rings that found no room in the file of --recorder-file: their records do not "
		"outlive hvd")},
	{FIELD_U(struct recorder_info, head_seq, 0, "Sequence number of the newest record")},
	{FIELD_U(struct recorder_info, oldest_seq, 0, "Oldest sequence number that can be read")},
};
static const struct field_table recorder_table = FIELD_TABLE(
	struct recorder_info, "recorder", "The flight recorder behind the log", recorder_rows);

static int recorder_get(void *owner, const uint64_t *key, void *ret_info)
{
	const struct recorder *recorder = owner;
	struct recorder_stats stats;

	recorder_stats(recorder, &stats);
	*(struct recorder_info *)ret_info = (struct recorder_info){
		.enabled = stats.enabled,
		.records = stats.records,
		.overwritten = stats.overwritten,
		.bytes = stats.bytes,
		.threads = stats.threads,
		.unkept = stats.unkept,
		.head_seq = recorder_head(recorder),
		.oldest_seq = recorder_oldest(recorder),
	};
	return 0;
}

static int recorder_set(
	void *owner, const uint64_t *key, const struct field *field, const void *value)
{
	recorder_set_enabled(owner, *(const bool *)value);
	return 0;
}

const struct node_class recorder_node_class = {
	.path = "recorder",
	.fields = &recorder_table,
	.get = recorder_get,
	.set = recorder_set,
};

/* ---- daemon --------------------------------------------------------------------------------- */

struct daemon_info {
	uint32_t pid;
	char version[32];
	uint8_t log_level;
	char runtime_dir[256];
	uint32_t streams;
	uint64_t requests;
	uint64_t started;
};

static const char *const log_level_names[] = {"error", "warning", "info", "debug", NULL};

static const struct field daemon_rows[] = {
	{FIELD_U(struct daemon_info, pid, 0, "Process id of hvd")},
	{FIELD_S(struct daemon_info, version, 0, "Version of hvd")},
	{FIELD_E(struct daemon_info, log_level, FIELD_WRITABLE, log_level_names,
		"Least important level of hvd's own messages on stderr")},
	{FIELD_S(struct daemon_info, runtime_dir, FIELD_NULLABLE, "Where the sockets are")},
	{FIELD_U(struct daemon_info, streams, 0, "Log streams open now")},
	{FIELD_U(struct daemon_info, requests, 0, "Requests answered or refused since start")},
	{FIELD_T(struct daemon_info, started, 0, "When the server started")},
};
static const struct field_table daemon_table = FIELD_TABLE(
	struct daemon_info, "daemon", "The hvd process", daemon_rows);

static int daemon_get(void *owner, const uint64_t *key, void *ret_info)
{
	struct inspect *inspect = owner;
	struct daemon_info *info = ret_info;

	*info = (struct daemon_info){
		.pid = (uint32_t)getpid(),
		.log_level = (uint8_t)log_get_level(),
		.streams = atomic_load(&inspect->streams),
		.requests = atomic_load(&inspect->requests),
		.started = inspect->started_realtime_ns,
	};
	snprintf(info->version, sizeof(info->version), "%s", inspect->version);
	snprintf(info->runtime_dir, sizeof(info->runtime_dir), "%s",
		inspect->runtime_dir ? inspect->runtime_dir : "");
	return 0;
}

static int daemon_set(
	void *owner, const uint64_t *key, const struct field *field, const void *value)
{
	log_set_level((enum log_level) * (const uint8_t *)value);
	return 0;
}

const struct node_class daemon_node_class = {
	.path = "daemon",
	.fields = &daemon_table,
	.get = daemon_get,
	.set = daemon_set,
};
