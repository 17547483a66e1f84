/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hvctl snapshot: everything that can be seen of a VM, in one document.
 *
 * Its parts are replies of the API, each as it was answered, one after the other: the versions, the
 * whole tree with the packets in the rings, the doctor's two samples, the recent log. Each has the
 * --timeout; one that cannot be had is null, and `errors` says why. The log comes last, and so has
 * what happened while the others were taken.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/actions.h"
#include "cli/client.h"
#include "cli/problem.h"
#include "cli/render.h"
#include "cli/text.h"
#include "common/cleanup.h"

enum { LOG_PAGES_MAX = 20, ERRORS_MAX = 64 };

#define LOG_SINCE_DEFAULT "5m"

struct snapshot {
	struct cli *cli;  /* borrows */
	json_t *document; /* owns */
	bool complete;
};

/* ---- parts ------------------------------------------------------------------ */

static const char *exit_word(enum cli_exit r)
{
	switch (r) {
	case CLI_TIMEOUT:
		return "timeout";
	case CLI_NOT_FOUND:
		return "not_found";
	case CLI_DENIED:
		return "not_permitted";
	case CLI_NO_CONNECTION:
		return "connection_lost";
	default:
		return "unavailable";
	}
}

static void note(struct snapshot *snapshot, const char *part, const char *error)
{
	json_t *errors = json_object_get(snapshot->document, "errors");

	if (json_array_size(errors) < ERRORS_MAX)
		json_array_append_new(
			errors, json_pack("{s:s, s:s}", "part", part, "error", error));
	snapshot->complete = false;
}

static void note_error(struct snapshot *snapshot, const char *part, enum cli_exit r)
{
	note(snapshot, part, exit_word(r));
}

/*
 * Nodes that the tree lacks: {"$error": "timeout"} where a VP did not answer. What is "gone" is not
 * lacking: there is none, as of a bus on a VM without one.
 */
static void note_gaps(struct snapshot *snapshot, const json_t *node, const char *path)
{
	const char *error = json_string_value(json_object_get(node, "$error"));
	const char *key;
	json_t *value;

	if (error && strcmp(error, "gone") != 0)
		note(snapshot, path, error);
	json_object_foreach((json_t *)node, key, value)
	{
		CLEANUP(free)
		char *below = json_is_object(value) ? text_format("%s/%s", path, key) : NULL;

		if (below)
			note_gaps(snapshot, value, below);
	}
}

static enum cli_exit get(struct snapshot *snapshot, const char *target, json_t **ret_reply)
{
	return client_request(snapshot->cli, "GET", target, NULL, NULL, ret_reply);
}

static enum cli_exit take_part(struct snapshot *snapshot, const char *member, const char *target)
{
	json_t *reply = NULL;
	enum cli_exit r = get(snapshot, target, &reply);

	if (r == CLI_INTERRUPTED)
		return r;
	if (r != CLI_OK)
		note_error(snapshot, target, r);
	json_object_set_new(snapshot->document, member, reply ? reply : json_null());
	return CLI_OK;
}

/* Packets are shown where they are asked for only; they go where they belong. */
static enum cli_exit add_packets(struct snapshot *snapshot, const char *which)
{
	CLEANUP(free)
	char *target = text_format("/v1/tree?glob=channels%%2F*%%2Frings%%2F*%%2F%s%%2F*", which);
	json_t *tree = json_object_get(snapshot->document, "tree");
	json_auto_t *packets = NULL;
	enum cli_exit r;

	if (!json_is_object(tree))
		return CLI_OK;
	if (!target)
		return CLI_INTERNAL;
	r = get(snapshot, target, &packets);
	if (r == CLI_INTERRUPTED)
		return r;
	if (r != CLI_OK || json_object_update_recursive(tree, packets) < 0)
		note_error(snapshot, target, r);
	return CLI_OK;
}

/* A collection that was filled is no longer "more, if asked for". */
static void drop_more(json_t *node)
{
	const char *key;
	json_t *value;

	if (json_object_size(node) > 1)
		json_object_del(node, "$more");
	json_object_foreach(node, key, value)
	{
		if (json_is_object(value))
			drop_more(value);
	}
}

static char *log_target(const char *since)
{
	char *target = NULL;
	size_t size;
	FILE *out = open_memstream(&target, &size);

	if (!out)
		return NULL;
	fputs("/v1/log?limit=1000&since=", out);
	client_put_encoded(out, since, false);
	return text_finish(out, &target);
}

/* Pages of the log from `since` on; the records are those of one log, and bounded. */
static enum cli_exit take_log(struct snapshot *snapshot, const char *since)
{
	CLEANUP(free) char *from = log_target(since);
	json_t *log = json_pack("{s:[], s:n, s:n}", "items", "seq", "next");
	json_auto_t *page = NULL;
	enum cli_exit r = from && log ? get(snapshot, from, &page) : CLI_INTERNAL;

	json_object_set_new(snapshot->document, "log", log);
	for (unsigned pages = 1; r == CLI_OK; pages++) {
		const char *next = json_string_value(json_object_get(page, "next"));
		CLEANUP(free)
		char *target = next ? text_format("/v1/log?limit=1000&cursor=%s", next) : NULL;
		json_t *more = NULL;

		json_array_extend(json_object_get(log, "items"), json_object_get(page, "items"));
		json_object_set(log, "seq", json_object_get(page, "seq"));
		if (!target)
			return CLI_OK;
		if (pages == LOG_PAGES_MAX) {
			json_object_set(log, "next", json_object_get(page, "next"));
			return CLI_OK;
		}
		r = get(snapshot, target, &more);
		json_decref(page);
		page = more;
	}
	if (r != CLI_INTERRUPTED)
		note_error(snapshot, "/v1/log", r);
	return r == CLI_INTERRUPTED ? r : CLI_OK;
}

static enum cli_exit take_parts(struct snapshot *snapshot, const char *since)
{
	enum cli_exit r = take_part(snapshot, "tree", "/v1/tree");

	if (r == CLI_OK)
		r = add_packets(snapshot, "unread");
	if (r == CLI_OK)
		r = add_packets(snapshot, "consumed");
	note_gaps(snapshot, json_object_get(snapshot->document, "tree"), "/v1/tree");
	drop_more(json_object_get(json_object_get(snapshot->document, "tree"), "channels"));
	if (r == CLI_OK)
		r = take_part(snapshot, "doctor", "/v1/doctor/samples");
	return r == CLI_OK ? take_log(snapshot, since) : r;
}

/* ---- the document ------------------------------------------------------------ */

/* Bytes that the guest or a client sent: null, wherever they are. */
static void redact(json_t *value)
{
	static const char *const payloads[] = {"payload", "head"};
	const char *key;
	json_t *member;
	size_t i;

	json_object_foreach(value, key, member) redact(member);
	json_array_foreach(value, i, member) redact(member);
	for (i = 0; i < ARRAY_LEN(payloads); i++)
		if (json_is_string(json_object_get(value, payloads[i])))
			json_object_set_new(value, payloads[i], json_null());
}

static json_t *new_document(bool redacted)
{
	struct timespec now;
	struct tm utc;
	char text[32];

	clock_gettime(CLOCK_REALTIME, &now);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now.tv_sec, &utc));
	return json_pack("{s:i, s:s, s:s, s:b, s:b, s:[], s:n, s:n, s:n, s:n}", "snapshot", 1,
		"taken", text, "hvctl_version", HVD_VERSION, "redacted", redacted, "complete",
		false, "errors", "api", "tree", "doctor", "log");
}

/* The versions come first: a daemon that does not even say those is no daemon. */
static enum cli_exit take(
	struct cli *cli, const struct invocation *invocation, struct snapshot *snapshot)
{
	const char *since = invocation_value(invocation, "since")->text;
	json_t *api = NULL;
	enum cli_exit r = client_request(cli, "GET", "/v1", NULL, NULL, &api);

	if (r != CLI_OK)
		return r;
	json_object_set_new(snapshot->document, "api", api);
	snapshot->complete = true;
	cli->options.silent = true; /* what parts lack is noted in the document */
	r = take_parts(snapshot, since ? since : LOG_SINCE_DEFAULT);
	cli->options.silent = false;
	json_object_set_new(snapshot->document, "complete", json_boolean(snapshot->complete));
	if (invocation_given(invocation, "redact"))
		redact(snapshot->document);
	return r;
}

/* ---- the file ----------------------------------------------------------------- */

/* Everything, on disk when `sync`, or -errno. Closes `fd`. */
static int write_all(int fd, const json_t *document, bool sync)
{
	FILE *out = fdopen(fd, "w");
	int r;

	if (!out) {
		close(fd);
		return -errno;
	}
	errno = 0; /* jansson says that it failed, and stdio why */
	r = json_dumpf(document, out, JSON_INDENT(1)) < 0 ? -(errno ? errno : EIO) : 0;
	if (r == 0 && (fputc('\n', out) == EOF || fflush(out) != 0 || (sync && fsync(fd) < 0)))
		r = -errno;
	if (fclose(out) != 0 && r == 0)
		r = -errno;
	return r;
}

/* A device, a pipe or /dev/fd/3 is written to where it is: a rename would put a file in its place. */
static bool is_special(const char *path)
{
	struct stat info;

	return stat(path, &info) == 0 && !S_ISREG(info.st_mode);
}

static int write_special(const char *path, const json_t *document)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd < 0 ? -errno : write_all(fd, document, false);
}

/* Under another name first, so that FILE is either whole or as it was; for its owner only. */
static int write_file(const char *path, const json_t *document)
{
	CLEANUP(free) char *behind = realpath(path, NULL); /* a symbolic link stays one */
	CLEANUP(free) char *temporary = text_format("%s.XXXXXX", behind ? behind : path);
	int fd = temporary ? mkostemp(temporary, O_CLOEXEC) : -1;
	int r;

	if (fd < 0)
		return temporary ? -errno : -ENOMEM;
	r = write_all(fd, document, true);
	if (r == 0 && rename(temporary, behind ? behind : path) < 0)
		r = -errno;
	if (r < 0)
		unlink(temporary);
	return r;
}

static enum cli_exit put(struct cli *cli, const char *file, const json_t *document)
{
	int r;

	if (!file || strcmp(file, "-") == 0)
		return render_json(cli, document);
	r = is_special(file) ? write_special(file, document) : write_file(file, document);
	return r < 0 ? problem_report(&cli->options, CLI_INTERNAL, "not_written", NULL, "%s: %s",
			       file, strerror(-r))
		     : CLI_OK;
}

static void note_missing(const struct cli *cli, const json_t *document)
{
	const json_t *errors = json_object_get(document, "errors");

	for (size_t i = 0; i < json_array_size(errors); i++)
		render_note(cli, "%s is left out: %s\n",
			json_string_value(json_object_get(json_array_get(errors, i), "part")),
			json_string_value(json_object_get(json_array_get(errors, i), "error")));
}

/* A document with holes is worth having, and no success: 7 when somebody did not answer in time. */
static enum cli_exit verdict(const json_t *document)
{
	const json_t *errors = json_object_get(document, "errors");

	for (size_t i = 0; i < json_array_size(errors); i++) {
		if (strcmp(text_member(json_array_get(errors, i), "error"), "timeout") == 0)
			return CLI_TIMEOUT;
	}
	return CLI_OK;
}

enum cli_exit run_snapshot(struct cli *cli, const struct invocation *invocation)
{
	struct snapshot snapshot = {.cli = cli};
	enum cli_exit r;

	if (cli->options.curl)
		return problem_usage(&cli->options, "\"hvctl inspect --curl\" asks for the tree",
			"a snapshot is made of several requests");
	snapshot.document = new_document(invocation_given(invocation, "redact"));
	if (!snapshot.document)
		return problem_errno(&cli->options, ENOMEM, "snapshot");
	r = take(cli, invocation, &snapshot);
	if (r == CLI_OK)
		r = put(cli, invocation_value(invocation, "file")->text, snapshot.document);
	if (r == CLI_OK) {
		note_missing(cli, snapshot.document);
		r = verdict(snapshot.document);
	}
	json_decref(snapshot.document);
	return r;
}
