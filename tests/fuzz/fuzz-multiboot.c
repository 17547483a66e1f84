/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A hostile image: the input is the file. What is accepted must load into RAM. */
#include <stdlib.h>
#include "fuzz.h"
#include "../unit/fake_vm.h"
#include "vmm/boot/boot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fake_vm *fake = fake_vm_new(1, 0);
	struct vm_boot *boot = &fake->vm.boot;
	char why[BOOT_ERROR_BYTES] = "";
	int r = boot_memory(&fake->vm, "fuzz", data, size, "", why);

	/* A refusal has its sentence; an image that was accepted loads, and starts in RAM. */
	if (r < 0 && why[0] == '\0')
		abort();
	if (r == 0 && boot->load(&fake->vm) < 0)
		abort();
	if (r == 0 && !guest_memory_at(&fake->vm.memory, boot->entry, 1))
		abort();
	if (boot->data_free)
		boot->data_free(boot->data);
	fake_vm_free(fake);
	return 0;
}
