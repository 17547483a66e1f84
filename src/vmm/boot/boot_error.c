/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/boot/boot_error.h"

#include <stdarg.h>
#include <stdio.h>

int boot_fail(char reterr_text[BOOT_ERROR_BYTES], int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(reterr_text, BOOT_ERROR_BYTES, format, args);
	va_end(args);
	return error;
}
