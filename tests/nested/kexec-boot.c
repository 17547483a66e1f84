/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kexec-boot KERNEL INITRD COMMAND-LINE: starts that kernel in place of the running one, which takes
 * leave of its devices but not of its firmware. For a guest; there is no way back.
 */
#include <fcntl.h>
#include <linux/reboot.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int fail(const char *what)
{
	perror(what);
	return 1;
}

int main(int argc, char **argv)
{
	int kernel, initrd;

	if (argc != 4) {
		fprintf(stderr, "usage: %s KERNEL INITRD COMMAND-LINE\n", argv[0]);
		return 2;
	}
	kernel = open(argv[1], O_RDONLY | O_CLOEXEC);
	if (kernel < 0)
		return fail(argv[1]);
	initrd = open(argv[2], O_RDONLY | O_CLOEXEC);
	if (initrd < 0)
		return fail(argv[2]);
	/* The length is that of the text with its end. */
	if (syscall(SYS_kexec_file_load, kernel, initrd, strlen(argv[3]) + 1, argv[3], 0UL) < 0)
		return fail("kexec_file_load");
	sync();
	syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_KEXEC, NULL);
	return fail("reboot");
}
