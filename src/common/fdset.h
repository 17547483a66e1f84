/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Eventfds that the main loop watches, and that any thread may add and remove.
 *
 * Each is known by a key, not by a pointer: what it belonged to may be gone when its turn comes, and
 * the function that is told of it looks the key up under its owner's lock. One epoll set is one
 * source of the loop, however many descriptors are in it.
 *
 * Purpose: acks of SINT routes and signals of ports that KVM delivers as eventfds.
 * Threads: init, deinit and `ready` on the main loop; add and remove on any thread.
 * Errors:  negative errno of epoll.
 */
#include <stdint.h>
#include <systemd/sd-event.h>
#include "common/util.h"

struct loop;
struct fdset;

/*
 * The descriptor added with `key` is readable, or was a moment ago; it stays so until it is read,
 * which must not block. A key that leads nowhere any more is to be ignored.
 */
typedef void (*fdset_ready_fn)(struct fdset *set, uint64_t key);

struct fdset {
	fdset_ready_fn ready;
	int epoll_fd; /* owns; -1: not initialised */
	sd_event_source *source; /* owns */
};

int fdset_init(struct fdset *set, struct loop *loop, fdset_ready_fn ready) MUST_CHECK;
/* Takes one that init refused, or that deinit has seen before. */
void fdset_deinit(struct fdset *set);
int fdset_add(struct fdset *set, int fd, uint64_t key) MUST_CHECK;
/* Adds it silent: only fdset_arm() has its being readable told, once, now or later. */
int fdset_add_silent(struct fdset *set, int fd, uint64_t key) MUST_CHECK;
/* Any thread, never blocks. */
void fdset_arm(struct fdset *set, int fd, uint64_t key);
/* Before the descriptor is closed. */
void fdset_remove(struct fdset *set, int fd);
/*
 * On the loop's thread: tells of everything that is readable now, not only of what the loop would
 * get to in its turn. Nobody makes descriptors readable meanwhile.
 */
void fdset_drain(struct fdset *set);
