/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/top-doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/client.h"

enum { ANSWER_MAX = 1 << 22 };

static void forget_child(struct top_doctor *doctor)
{
	while (waitpid(doctor->pid, NULL, 0) < 0 && errno == EINTR)
		;
	close(doctor->fd);
	free(doctor->text);
	*doctor = (struct top_doctor){0};
}

/* In the child: a connection of its own, and nothing of the parent's is put away. */
static void ask(const struct cli *parent, int fd)
{
	struct cli cli = {.options = parent->options};
	json_t *reply = NULL;

	signal(SIGINT, SIG_DFL);
	signal(SIGWINCH, SIG_IGN);
	cli.options.silent = true;
	if (client_request(&cli, "GET", "/v1/doctor", NULL, NULL, &reply) == CLI_OK)
		json_dumpfd(reply, fd, JSON_COMPACT);
	_exit(0);
}

void top_doctor_ask(struct top_doctor *doctor, const struct cli *cli)
{
	int ends[2];

	if (doctor->pid > 0 || pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return;
	fcntl(ends[1], F_SETFL, 0); /* the child may wait for us to read */
	doctor->pid = fork();
	if (doctor->pid == 0)
		ask(cli, ends[1]);
	close(ends[1]);
	doctor->fd = ends[0];
	if (doctor->pid > 0)
		return;
	close(ends[0]);
	*doctor = (struct top_doctor){0};
}

/* -EAGAIN: more is to come; 0: that was all. */
static int read_more(struct top_doctor *doctor)
{
	char buffer[4096], *grown;
	ssize_t n;

	while ((n = read(doctor->fd, buffer, sizeof(buffer))) > 0) {
		grown = doctor->size < ANSWER_MAX ? realloc(doctor->text, doctor->size + (size_t)n)
						  : NULL;
		if (!grown)
			return -ENOMEM;
		memcpy(grown + doctor->size, buffer, (size_t)n);
		doctor->text = grown;
		doctor->size += (size_t)n;
	}
	return n < 0 ? -errno : 0;
}

json_t *top_doctor_take(struct top_doctor *doctor)
{
	json_t *answer = NULL;
	int r;

	if (doctor->pid == 0)
		return NULL;
	r = read_more(doctor);
	if (r == -EAGAIN || r == -EINTR)
		return NULL;
	if (r == 0 && doctor->text)
		answer = json_loadb(doctor->text, doctor->size, JSON_REJECT_DUPLICATES, NULL);
	if (r < 0)
		kill(doctor->pid, SIGKILL);
	forget_child(doctor);
	return answer;
}

void top_doctor_deinit(struct top_doctor *doctor)
{
	if (doctor->pid == 0)
		return;
	kill(doctor->pid, SIGKILL);
	forget_child(doctor);
}
