/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The guest image inside the executable: hvd-guest.elf, multiboot 1.
 *
 * Purpose: the bytes from guest_image up to guest_image_end.
 * Threads: constant. Errors: none.
 */
#include <stdint.h>

extern const uint8_t guest_image[], guest_image_end[];
