/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/endpoint.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/problem.h"
#include "cli/text.h"
#include "common/cleanup.h"
#include "common/unix_socket.h"

#define API_SUFFIX ".api.sock"
#define RO_SUFFIX  ".ro.sock"
#define LOG_SUFFIX ".log"

enum { MAX_FOLDERS = 2 };

struct folders {
	char *path[MAX_FOLDERS]; /* owns */
	size_t count;
};

static void cleanup_folders(struct folders *folders)
{
	for (size_t i = 0; i < folders->count; i++)
		free(folders->path[i]);
}

static void cleanup_dir(DIR **directory)
{
	if (*directory)
		closedir(*directory);
}

static void add_folder(struct folders *folders, char *path)
{
	if (path)
		folders->path[folders->count++] = path;
}

static struct folders runtime_folders(void)
{
	const char *chosen = getenv("HVD_RUNTIME_DIR"), *session = getenv("XDG_RUNTIME_DIR");
	struct folders folders = {0};

	if (chosen && *chosen) {
		add_folder(&folders, strdup(chosen));
		return folders;
	}
	if (geteuid() != 0 && session && *session)
		add_folder(&folders, text_format("%s/hvd", session));
	add_folder(&folders, strdup("/run/hvd"));
	return folders;
}

/* Connecting needs write permission on the socket, with the effective ids. */
static bool may_connect(const char *socket)
{
	return faccessat(AT_FDCWD, socket, W_OK, AT_EACCESS) == 0;
}

/* The read-only twin of a read-write socket that is closed to us, otherwise the socket itself. */
static char *permitted_socket(const char *socket)
{
	size_t stem = strlen(socket) - strlen(API_SUFFIX);
	CLEANUP(free) char *twin = NULL;

	if (strlen(socket) < strlen(API_SUFFIX) || strcmp(socket + stem, API_SUFFIX) != 0)
		return strdup(socket);
	if (may_connect(socket) || errno != EACCES)
		return strdup(socket);
	twin = text_format("%.*s" RO_SUFFIX, (int)stem, socket);
	return twin && may_connect(twin) ? TAKE_PTR(twin) : strdup(socket);
}

static bool has_name(const struct endpoint *list, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(list[i].name, name) == 0)
			return true;
	return false;
}

/* The VM's name when `file` ends like one of ours, otherwise NULL without memory or match. */
static char *name_before(const char *file, const char *suffix)
{
	size_t length = strlen(file), tail = strlen(suffix);

	if (length <= tail || strcmp(file + length - tail, suffix) != 0)
		return NULL;
	return strndup(file, length - tail);
}

static int add_endpoint(struct endpoint **list, size_t *count, const char *folder, char *name)
{
	CLEANUP(free) char *path = text_format("%s/%s" API_SUFFIX, folder, name);
	struct endpoint *grown = realloc(*list, (*count + 1) * sizeof(**list));

	if (grown)
		*list = grown;
	if (!path || !grown) {
		free(name);
		return -ENOMEM;
	}
	grown[*count] = (struct endpoint){.name = name, .socket = permitted_socket(path)};
	if (!grown[*count].socket) {
		free(name);
		return -ENOMEM;
	}
	++*count;
	return 0;
}

static int scan_folder(const char *folder, struct endpoint **list, size_t *count)
{
	__attribute__((cleanup(cleanup_dir))) DIR *directory = opendir(folder);
	struct dirent *entry;
	int r = 0;

	while (directory && r == 0 && (entry = readdir(directory))) {
		char *name = name_before(entry->d_name, API_SUFFIX);

		if (!name || has_name(*list, *count, name))
			free(name);
		else
			r = add_endpoint(list, count, folder, name);
	}
	return r;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct endpoint *)a)->name, ((const struct endpoint *)b)->name);
}

void endpoint_list_free(struct endpoint *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(list[i].name);
		free(list[i].socket);
	}
	free(list);
}

enum cli_exit endpoint_list(
	const struct cli_options *options, struct endpoint **ret_list, size_t *ret_count)
{
	__attribute__((cleanup(cleanup_folders))) struct folders folders = runtime_folders();
	struct endpoint *list = NULL;
	size_t count = 0;
	int r = 0;

	for (size_t i = 0; i < folders.count && r == 0; i++)
		r = scan_folder(folders.path[i], &list, &count);
	if (r < 0) {
		endpoint_list_free(list, count);
		return problem_errno(options, -r, "looking for VMs");
	}
	if (count > 1)
		qsort(list, count, sizeof(*list), by_name);
	*ret_list = list;
	*ret_count = count;
	return CLI_OK;
}

/* "/run/user/1000/hvd or /run/hvd": where we looked, for messages. */
static char *describe_folders(void)
{
	__attribute__((cleanup(cleanup_folders))) struct folders folders = runtime_folders();

	if (folders.count == 2)
		return text_format("%s or %s", folders.path[0], folders.path[1]);
	return text_format("%s", folders.count == 1 ? folders.path[0] : "(out of memory)");
}

static char *describe_names(const struct endpoint *list, size_t count)
{
	char *text = strdup("");

	for (size_t i = 0; i < count && text; i++) {
		char *longer = text_format("%s%s%s", text, i > 0 ? ", " : "", list[i].name);

		free(text);
		text = longer;
	}
	return text;
}

static enum cli_exit report_choice(const struct cli_options *options, const char *wanted,
	const struct endpoint *list, size_t count)
{
	CLEANUP(free) char *folders = describe_folders();
	CLEANUP(free) char *names = describe_names(list, count);

	if (!folders || !names)
		return problem_errno(options, ENOMEM, "looking for VMs");
	if (count == 0)
		return problem_report(options, CLI_NO_CONNECTION, "no_vm",
			"start one with \"hvd --demo\", or name a socket with --socket PATH",
			"no VM runs under %s", folders);
	if (wanted)
		return problem_report(options, CLI_NO_CONNECTION, "no_such_vm",
			"\"hvctl vms list\" shows what runs",
			"no VM called \"%s\" under %s (there is %s)", wanted, folders, names);
	return problem_report(options, CLI_USAGE, "vm_ambiguous",
		"choose one with -n NAME or HVD_VM", "%zu VMs run: %s", count, names);
}

/* Nobody listens there: an hvd that was killed could not take its socket away. */
static bool is_dead(const struct endpoint *endpoint)
{
	int fd = unix_connect(endpoint->socket);

	if (fd >= 0)
		close(fd);
	return fd == -ECONNREFUSED;
}

/* Leaves those of several that live; all of them when none does. */
static size_t keep_living(struct endpoint *list, size_t count)
{
	size_t living = 0;

	for (size_t i = 0; i < count; i++) {
		struct endpoint endpoint = list[i];

		if (is_dead(&endpoint))
			continue;
		list[i] = list[living];
		list[living++] = endpoint;
	}
	if (living == 0)
		return count;
	for (size_t i = living; i < count; i++) {
		free(list[i].name);
		free(list[i].socket);
	}
	return living;
}

static enum cli_exit find_by_name(
	const struct cli_options *options, const char *wanted, char **ret_socket)
{
	struct endpoint *list = NULL;
	size_t count = 0;
	enum cli_exit r = endpoint_list(options, &list, &count);

	if (r != CLI_OK)
		return r;
	if (!wanted && count > 1)
		count = keep_living(list, count);
	for (size_t i = 0; i < count; i++) {
		if (wanted ? strcmp(list[i].name, wanted) == 0 : count == 1) {
			*ret_socket = TAKE_PTR(list[i].socket);
			endpoint_list_free(list, count);
			return CLI_OK;
		}
	}
	r = report_choice(options, wanted, list, count);
	endpoint_list_free(list, count);
	return r;
}

enum cli_exit endpoint_find(const struct cli_options *options, char **ret_socket)
{
	const char *socket = options->socket, *name = options->vm;
	char *found;

	/* An option counts more than the environment: -n NAME is not overruled by HVD_SOCKET. */
	if (!socket && !name)
		socket = getenv("HVD_SOCKET");
	if (!name)
		name = getenv("HVD_VM");
	if (!socket || !*socket)
		return find_by_name(options, name && *name ? name : NULL, ret_socket);
	found = permitted_socket(socket);
	if (!found)
		return problem_errno(options, ENOMEM, "the socket");
	*ret_socket = found;
	return CLI_OK;
}

/* ---- logs ---------------------------------------------------------------- */

/* "DIR/NAME.api.sock" -> "DIR/NAME.log"; any other name gets the suffix. */
static char *log_beside(const char *socket)
{
	static const char *const suffixes[] = {API_SUFFIX, RO_SUFFIX};

	for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
		CLEANUP(free) char *stem = name_before(socket, suffixes[i]);

		if (stem)
			return text_format("%s" LOG_SUFFIX, stem);
	}
	return text_format("%s" LOG_SUFFIX, socket);
}

/* The log called `name`, or any when that is NULL; counts what there is. */
static int scan_logs(const char *folder, const char *name, char **path, size_t *count)
{
	__attribute__((cleanup(cleanup_dir))) DIR *directory = opendir(folder);
	struct dirent *entry;

	while (directory && (entry = readdir(directory))) {
		CLEANUP(free) char *found = name_before(entry->d_name, LOG_SUFFIX);

		if (!found || (name && strcmp(found, name) != 0))
			continue;
		if (++*count == 1)
			*path = text_format("%s/%s", folder, entry->d_name);
		if (!*path)
			return -ENOMEM;
	}
	return 0;
}

static enum cli_exit find_log_by_name(
	const struct cli_options *options, const char *name, char **ret_path)
{
	__attribute__((cleanup(cleanup_folders))) struct folders folders = runtime_folders();
	CLEANUP(free) char *described = describe_folders();
	CLEANUP(free) char *path = NULL;
	size_t count = 0;
	int r = described ? 0 : -ENOMEM;

	/* A name is taken from the first folder that has it. */
	for (size_t i = 0; i < folders.count && r == 0 && !(name && count > 0); i++)
		r = scan_logs(folders.path[i], name, &path, &count);
	if (r < 0)
		return problem_errno(options, -r, "looking for logs");
	if (count > 1)
		return problem_report(options, CLI_USAGE, "vm_ambiguous",
			"choose one with -n NAME or HVD_VM", "%zu logs lie under %s", count,
			described);
	if (count == 0)
		return problem_report(options, CLI_NOT_FOUND, "no_previous_log",
			"--file PATH reads a log that lies elsewhere",
			"no hvd answers, and no log%s%s lies under %s", name ? " of " : "",
			name ? name : "", described);
	*ret_path = TAKE_PTR(path);
	return CLI_OK;
}

enum cli_exit endpoint_find_log(const struct cli_options *options, char **ret_path)
{
	const char *socket = options->socket, *name = options->vm;

	if (!socket && !name)
		socket = getenv("HVD_SOCKET");
	if (!name)
		name = getenv("HVD_VM");
	if (!socket || !*socket)
		return find_log_by_name(options, name && *name ? name : NULL, ret_path);
	*ret_path = log_beside(socket);
	return *ret_path ? CLI_OK : problem_errno(options, ENOMEM, "the log");
}
