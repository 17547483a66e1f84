/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/vm-process.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli/client.h"
#include "cli/problem.h"
#include "cli/text.h"
#include "common/cleanup.h"
#include "common/parse.h"

/* PROC_PID_INIT_INO: the namespace whose numbers tracefs uses has this one on every Linux. */
#define INITIAL_PID_NAMESPACE "pid:[4026531836]"

/* ---- who listens ------------------------------------------------------------ */

/* 0 when that process has no number in our PID namespace. */
static int read_peer(const char *socket_path, pid_t *ret_pid)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	CLEANUP(fd) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct ucred peer;
	socklen_t size = sizeof(peer);

	if (fd < 0)
		return -errno;
	/* It has been connected to before: it fits. */
	strncpy(address.sun_path, socket_path, sizeof(address.sun_path) - 1);
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
		getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
		return -errno;
	*ret_pid = peer.pid;
	return 0;
}

/* The process's number in its own namespace: the last one of "NSpid:\t1234\t1". */
static int read_inner_pid(pid_t pid, uint64_t *ret_inner)
{
	CLEANUP(free) char *path = text_format("/proc/%d/status", (int)pid);
	CLEANUP(file) FILE *status = path ? fopen(path, "re") : NULL;
	CLEANUP(free) char *line = NULL;
	size_t capacity = 0;

	while (status && getline(&line, &capacity, status) >= 0) {
		const char *last = strrchr(line, '\t');

		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "NSpid:", 6) == 0 && last)
			return parse_u64(last + 1, 1, INT32_MAX, ret_inner);
	}
	return -ENOENT;
}

static bool in_initial_namespace(void)
{
	char target[sizeof(INITIAL_PID_NAMESPACE)];
	ssize_t length = readlink("/proc/self/ns/pid", target, sizeof(target));

	return length == (ssize_t)strlen(INITIAL_PID_NAMESPACE) &&
	       memcmp(target, INITIAL_PID_NAMESPACE, (size_t)length) == 0;
}

static enum cli_exit report_not_local(struct cli *cli, pid_t peer, json_int_t daemon)
{
	return problem_report(&cli->options, CLI_REFUSED, "daemon_not_local",
		"run hvctl watch --kernel on the host where hvd runs, on hvd's own socket",
		"process %d listens at %s, and hvd says that it is process %lld: it is not the "
		"same",
		(int)peer, cli->socket, (long long)daemon);
}

static enum cli_exit report_namespace(struct cli *cli, const char *who)
{
	return problem_report(&cli->options, CLI_REFUSED, "other_pid_namespace",
		"run hvctl watch --kernel on the host, outside of containers",
		"tracefs counts processes in the host's PID namespace, and %s", who);
}

static enum cli_exit check_peer(struct cli *cli, json_int_t daemon, pid_t *ret_pid)
{
	uint64_t inner;
	pid_t peer = 0;
	int r = read_peer(cli->socket, &peer);

	if (r < 0)
		return problem_errno(&cli->options, -r, cli->socket);
	if (peer == 0)
		return report_namespace(cli, "hvd's is not part of the one hvctl runs in");
	if (read_inner_pid(peer, &inner) < 0)
		return problem_report(&cli->options, CLI_DENIED, "process_not_visible",
			"run hvctl watch --kernel as root, with /proc mounted",
			"/proc does not show process %d, which listens at %s", (int)peer,
			cli->socket);
	if ((json_int_t)inner != daemon)
		return report_not_local(cli, peer, daemon);
	*ret_pid = peer;
	return CLI_OK;
}

enum cli_exit vm_process_find(struct cli *cli, struct vm_process *ret_process)
{
	json_auto_t *daemon = NULL;
	pid_t pid = 0;
	enum cli_exit r = client_request(cli, "GET", "/v1/daemon", NULL, NULL, &daemon);

	if (r != CLI_OK)
		return r;
	if (!in_initial_namespace())
		return report_namespace(cli, "hvctl runs in another one");
	r = check_peer(cli, json_integer_value(json_object_get(daemon, "pid")), &pid);
	if (r == CLI_OK)
		*ret_process = (struct vm_process){.pid = pid};
	return r;
}

void vm_process_deinit(struct vm_process *process)
{
	free(process->threads);
	*process = (struct vm_process){0};
}

/* ---- its threads ---------------------------------------------------------------- */

/* hvd's threads are called by what they do; those of VPs "vp0", "vp1", ... */
static int64_t read_thread_vp(pid_t pid, int tid)
{
	CLEANUP(free) char *path = text_format("/proc/%d/task/%d/comm", (int)pid, tid);
	CLEANUP(file) FILE *file = path ? fopen(path, "re") : NULL;
	char name[32];
	uint64_t vp;

	if (!file || !fgets(name, sizeof(name), file))
		return -1;
	name[strcspn(name, "\n")] = '\0';
	if (strncmp(name, "vp", 2) != 0 || parse_u64(name + 2, 0, UINT32_MAX, &vp) != 0)
		return -1;
	return (int64_t)vp;
}

int64_t vm_process_vp(struct vm_process *process, int tid)
{
	struct vm_thread thread = {.tid = tid};
	struct vm_thread *grown;

	for (size_t i = 0; i < process->count; i++)
		if (process->threads[i].tid == tid)
			return process->threads[i].vp;
	thread.vp = read_thread_vp(process->pid, tid);
	grown = reallocarray(process->threads, process->count + 1, sizeof(*grown));
	if (grown) {
		grown[process->count++] = thread;
		process->threads = grown;
	}
	return thread.vp;
}
