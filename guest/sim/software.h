/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The guest programs as software guests of the `sim` backend.
 *
 * Purpose: make a VM boot the program named by run=NAME on its command line, as the image would.
 * Threads: main thread, before the VM runs.
 * Errors:  -ENOMEM, -ENAMETOOLONG (the command line), -EFBIG (RAM is too small for the programs).
 */
struct vm;

/* Fills vm->boot. The command line is copied; an unknown program fails when the guest runs. */
int guest_software_load(struct vm *vm, const char *command_line)
	__attribute__((warn_unused_result));
