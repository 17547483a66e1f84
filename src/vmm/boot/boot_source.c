/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/boot/boot_source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "common/cleanup.h"
#include "vmm/vm.h"

static int read_all(int fd, uint8_t *to, size_t size)
{
	for (size_t done = 0; done < size;) {
		ssize_t n = read(fd, to + done, size - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -EIO; /* cut short since fstat() */
		done += (size_t)n;
	}
	return 0;
}

/* A whole regular file of at most `limit` bytes. */
static int read_file(
	const char *path, uint64_t limit, uint8_t **ret_data, size_t *ret_size, char *reterr_text)
{
	CLEANUP(fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	CLEANUP(free) uint8_t *data = NULL;
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return boot_fail(reterr_text, -errno, "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return boot_fail(reterr_text, -EINVAL, "%s: not a regular file", path);
	if (st.st_size == 0)
		return boot_fail(reterr_text, -ENOEXEC, "%s: empty file", path);
	if ((uint64_t)st.st_size > limit)
		return boot_fail(reterr_text, -EFBIG, "%s: larger than the VM's RAM", path);
	data = malloc((size_t)st.st_size);
	r = data ? read_all(fd, data, (size_t)st.st_size) : -ENOMEM;
	if (r < 0)
		return boot_fail(reterr_text, r, "%s: %s", path, strerror(-r));
	*ret_data = TAKE_PTR(data);
	*ret_size = (size_t)st.st_size;
	return 0;
}

int boot_source_read(struct boot_source *source, const char *path, const char *initrd_path,
	uint64_t limit_bytes, char reterr_text[BOOT_ERROR_BYTES])
{
	int r = read_file(
		path, limit_bytes, &source->owned_image, &source->image_size, reterr_text);

	source->name = path;
	source->image = source->owned_image;
	if (r < 0 || !initrd_path)
		return r;
	snprintf(source->initrd_name, sizeof(source->initrd_name), "%s", initrd_path);
	return read_file(
		initrd_path, limit_bytes, &source->initrd, &source->initrd_size, reterr_text);
}

struct boot_source boot_source_take(struct boot_source *source)
{
	struct boot_source taken = *source;

	taken.name = taken.command_line = NULL;
	source->owned_image = source->initrd = NULL;
	return taken;
}

void boot_source_deinit(struct boot_source *source)
{
	free(source->owned_image);
	free(source->initrd);
	source->owned_image = source->initrd = NULL;
}

int boot_source_check(const struct boot_source *source, char reterr_text[BOOT_ERROR_BYTES])
{
	struct vm_boot *boot;

	if (strlen(source->name) >= sizeof(boot->image))
		return boot_fail(reterr_text, -ENAMETOOLONG,
			"the image's path is longer than %zu bytes", sizeof(boot->image) - 1);
	if (strlen(source->command_line) >= sizeof(boot->command_line))
		return boot_fail(reterr_text, -E2BIG,
			"the guest's command line is longer than %zu bytes",
			sizeof(boot->command_line) - 1);
	return 0;
}

void boot_source_adopt(const struct boot_source *source, struct vm *vm, const struct vm_boot *boot)
{
	if (vm->boot.data_free)
		vm->boot.data_free(vm->boot.data);
	vm->boot = *boot;
	snprintf(vm->boot.image, sizeof(vm->boot.image), "%s", source->name);
	snprintf(vm->boot.command_line, sizeof(vm->boot.command_line), "%s", source->command_line);
}
