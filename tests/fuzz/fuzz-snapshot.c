/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A hostile snapshot, as somebody sends it with a bug report: hvctl shows it on a terminal.
 *
 * Input: a byte that picks the command, then the file.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include "cli/cli.h"
#include "fuzz.h"

enum { WORDS_MAX = 6, SNAPSHOT_FD = 100 };

#define SNAPSHOT_FILE "/dev/fd/100"

static const char *const commands[][WORDS_MAX] = {
	{"doctor"},
	{"doctor", "4", "7", "--stuck-after", "50ms"},
	{"doctor", "-o", "wide"},
	{"inspect"},
	{"inspect", "vps/0", "--depth", "2"},
	{"inspect", "--glob", "**/{relid,simp,raw}"},
	{"inspect", "channels/4/state"},
	{"vm", "show"},
	{"vps", "list", "-o", "wide"},
	{"synic", "show"},
	{"sints", "list"},
	{"vmbus", "show"},
	{"vmbus", "history"},
	{"channels", "list", "--sort", "state"},
	{"channels", "show", "4"},
	{"channels", "history", "4"},
	{"rings", "list"},
	{"rings", "show", "4"},
	{"gpadls", "list", "-o", "name"},
	{"ic", "show", "kvp"},
	{"devices", "list"},
	{"echo", "show", "echo"},
	{"socks", "list", "--filter", "port=7"},
	{"messages", "list"},
	{"faults", "list"},
	{"hv", "show"},
};

/* Nothing that came out of the file may act on the terminal. */
static void check_text(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		unsigned char byte = (unsigned char)text[i], next = i + 1 < size ? text[i + 1] : 0;

		if ((byte < ' ' && byte != '\n') || byte == 0x7f || (byte == 0xc2 && next < 0xa0))
			abort();
	}
}

static void run(const char *const *words)
{
	static char program[] = "hvctl", from[] = "--from", file[] = SNAPSHOT_FILE;
	const struct cli_options defaults = {.color = CLI_COLOR_NEVER};
	char *argv[WORDS_MAX + 4] = {program};
	int argc = 1;

	for (unsigned i = 0; i < WORDS_MAX && words[i]; i++)
		argv[argc++] = (char *)(uintptr_t)words[i];
	argv[argc++] = from;
	argv[argc++] = file;
	(void)!cli_main(argc, argv, &defaults);
}

/* What hvctl says comes here; the fuzzer talks to descriptor 2. */
static void run_and_look(const char *const *words)
{
	FILE *own[] = {stdout, stderr}, *out;
	char *text = NULL;
	size_t size = 0;

	out = open_memstream(&text, &size);
	if (!out)
		abort();
	stdout = stderr = out;
	run(words);
	stdout = own[0];
	stderr = own[1];
	fclose(out);
	check_text(text, size);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd;

	if (size == 0)
		return 0;
	fd = memfd_create("fuzz", MFD_CLOEXEC);
	if (fd < 0 || write(fd, data + 1, size - 1) != (ssize_t)size - 1 ||
		dup2(fd, SNAPSHOT_FD) < 0)
		abort();
	close(fd);
	lseek(SNAPSHOT_FD, 0, SEEK_SET);
	run_and_look(commands[data[0] % (sizeof(commands) / sizeof(*commands))]);
	close(SNAPSHOT_FD);
	return 0;
}
