/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Feeds every file of the folders on the command line to the target this is linked with. */
#include "fuzz.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { INPUT_MAX = 1 << 20 };

static int replay_file(int folder, const char *name)
{
	static uint8_t data[INPUT_MAX];
	int fd = openat(folder, name, O_RDONLY | O_CLOEXEC);
	ssize_t size;

	if (fd < 0)
		return -1;
	size = read(fd, data, sizeof(data));
	close(fd);
	if (size < 0)
		return -1;
	printf("%s\n", name);
	fflush(stdout);
	LLVMFuzzerTestOneInput(data, (size_t)size);
	return 0;
}

/* The number of files replayed, or -1. */
static int replay_folder(const char *path)
{
	DIR *folder = opendir(path);
	struct dirent *entry;
	int count = 0;

	if (!folder)
		return -1;
	while (count >= 0 && (entry = readdir(folder))) {
		if (entry->d_name[0] == '.')
			continue;
		count = replay_file(dirfd(folder), entry->d_name) ? -1 : count + 1;
	}
	closedir(folder);
	return count;
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		fprintf(stderr, "usage: %s FOLDER...\n", argv[0]);
		return EXIT_FAILURE;
	}
	for (int i = 1; i < argc; i++)
		if (replay_folder(argv[i]) <= 0) {
			fprintf(stderr, "%s: nothing to replay\n", argv[i]);
			return EXIT_FAILURE;
		}
	return EXIT_SUCCESS;
}
