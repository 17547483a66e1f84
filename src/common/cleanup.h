/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Scope-bound clean-up for locals.
 *
 * Purpose: CLEANUP(free) char *p; CLEANUP(fd) int fd = -1; -- released when the scope is left.
 * Threads: none.
 * Errors:  none; the releasing functions take NULL and -1.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CLEANUP(kind) __attribute__((cleanup(cleanup_##kind)))

static inline void cleanup_free(void *pointer_to_pointer)
{
	free(*(void **)pointer_to_pointer);
}

static inline void cleanup_fd(int *fd)
{
	if (*fd >= 0) {
		int saved = errno;

		close(*fd);
		errno = saved;
	}
}

static inline void cleanup_file(FILE **file)
{
	if (*file)
		fclose(*file);
}

/* Moves a pointer out of a CLEANUP local, leaving NULL behind. */
#define TAKE_PTR(p)                                                                                \
	({                                                                                         \
		__typeof__(p) taken_ = (p);                                                        \
		(p) = NULL;                                                                        \
		taken_;                                                                            \
	})

/* Moves a descriptor out of a CLEANUP local, leaving -1 behind. */
#define TAKE_FD(fd)                                                                                \
	({                                                                                         \
		int taken_ = (fd);                                                                 \
		(fd) = -1;                                                                         \
		taken_;                                                                            \
	})
