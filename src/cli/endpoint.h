/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Which daemon is meant, and where its socket is.
 *
 * A VM called NAME listens on NAME.api.sock and, for reading only, on NAME.ro.sock. They lie in
 * $HVD_RUNTIME_DIR, else /run/hvd for root, else $XDG_RUNTIME_DIR/hvd and then /run/hvd.
 *
 * Purpose: from --socket, --vm, HVD_SOCKET, HVD_VM or the only VM there is to a socket path.
 * Threads: one.
 * Errors:  endpoint_find() reports; endpoint_list() skips folders it cannot read.
 */
#include "cli/cli.h"

struct endpoint {
	char *name;   /* owns; "demo" */
	char *socket; /* owns; the read-write socket, or the read-only one when that is all we may
			 use */
};

/* Sorted by name; a name is listed once, from the first folder that has it. */
enum cli_exit endpoint_list(const struct cli_options *options, struct endpoint **ret_list,
	size_t *ret_count) MUST_CHECK;
void endpoint_list_free(struct endpoint *list, size_t count);
/* `ret_socket` is for the caller to free. */
enum cli_exit endpoint_find(const struct cli_options *options, char **ret_socket) MUST_CHECK;
/* Likewise the log that it left; the file need not be there. */
enum cli_exit endpoint_find_log(const struct cli_options *options, char **ret_path) MUST_CHECK;
