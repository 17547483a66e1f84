/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A hostile Linux kernel: the input is the file. What is accepted must load into RAM. */
#include <stdlib.h>
#include "fuzz.h"
#include "../unit/fake_vm.h"
#include "vmm/boot/boot_source.h"
#include "vmm/boot/linux.h"

/* An initrd of ours beside it: where it goes is the kernel's word. */
static struct boot_source source_of(const uint8_t *data, size_t size)
{
	static const uint8_t initrd[5000] = {1};
	struct boot_source source = {
		.name = "fuzz", .command_line = "a", .image = data, .image_size = size};

	source.initrd = malloc(sizeof(initrd));
	source.initrd_size = sizeof(initrd);
	memcpy(source.initrd, initrd, sizeof(initrd));
	return source;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fake_vm *fake = fake_vm_new(1, 0);
	struct vm_boot *boot = &fake->vm.boot;
	struct boot_source source = source_of(data, size);
	char why[BOOT_ERROR_BYTES] = "";
	int r = linux_boot(&fake->vm, &source, why);

	/* A refusal has its sentence; a kernel that was accepted loads, and starts in RAM. */
	if (r < 0 && why[0] == '\0')
		abort();
	if (r == 0 && boot->load(&fake->vm) < 0)
		abort();
	if (r == 0 && !guest_memory_at(&fake->vm.memory, boot->entry, 1))
		abort();
	boot_source_deinit(&source);
	if (boot->data_free)
		boot->data_free(boot->data);
	fake_vm_free(fake);
	return 0;
}
