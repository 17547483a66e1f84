/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Eventfds with which KVM carries out HvSignalEvent by itself (spec 5.4): a call with flag number 0
 * adds one to the eventfd of its connection id and goes on in the guest, without an exit.
 *
 * Only mode kernel has them. They may use half of the descriptors that the process is allowed, so
 * that a guest with many event ports leaves enough for everything else.
 *
 * Purpose: the descriptors behind the fast path of event ports, and who is told of them.
 * Threads: init, settle, deinit and the `ready` function on the main loop; the rest on any thread.
 *          Open and stop of one connection id must not overlap.
 * Errors:  -EMFILE too many, otherwise the negative errno of the system call.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "common/fdset.h"

struct vm;

struct signal_fds {
	struct vm *vm;    /* borrows; NULL: nothing is signalled by the kernel here */
	struct fdset set; /* key: connection id */
	unsigned limit;
	_Atomic unsigned count;
};

/* `ready` is told of connection ids whose eventfd has signals to be taken. */
int signal_fds_init(struct signal_fds *fds, struct vm *vm, fdset_ready_fn ready) MUST_CHECK;
/* Takes one that was never initialised. */
void signal_fds_deinit(struct signal_fds *fds);
static inline bool signal_fds_offered(const struct signal_fds *fds)
{
	return fds->vm;
}

/* From now on KVM signals *ret_fd. -EEXIST: the connection id has an eventfd already. */
int signal_fds_open(struct signal_fds *fds, uint32_t connection_id, int *ret_fd) MUST_CHECK;
/* KVM signals `fd` no more once this returns, and `ready` is not told of new signals. */
void signal_fds_stop(struct signal_fds *fds, uint32_t connection_id, int fd);
/* After the stop, once nobody can take from it. */
void signal_fds_close(struct signal_fds *fds, int fd);

/* Signals since the last call; each is given out once, whoever asks. */
uint64_t signal_fds_take(int fd);
/* Tells `ready` of everything that has signals now. No VP runs. */
void signal_fds_settle(struct signal_fds *fds);
