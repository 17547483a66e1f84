/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The inspection server: node classes become REST resources, a tree, schemas and streams.
 *
 * Life, as the daemon drives it:
 *
 *	inspect_new -> add_provider* -> listen_*+ -> start -> ready(true) ... stop -> free
 *
 * stop() ends the streams with an end record, answers what is pending with 503, closes the
 * listeners and joins the threads. Between stop() and free() the VM and the injector are freed:
 * an injected message that nobody waits for any more still reports its end to this object.
 *
 * Purpose: serve what the modules registered, over HTTP, to clients that are not trusted.
 * Threads: every function here on the main loop's thread. Inside: one HTTP thread for all
 *          listeners, and one worker that waits (with a deadline) for VPs on its behalf. Whatever
 *          changes the VM runs on the main loop.
 * Errors:  negative errno. Clients see problem objects only.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "common/node.h"
#include "common/util.h"

struct injector;
struct inspect;
struct loop;
struct recorder;
struct vm;
struct vmbus;

/* What a client of a listener may do; fixed per listener. */
enum inspect_role {
	INSPECT_READ_ONLY, /* GET only; everything else is 403 */
	INSPECT_READ_WRITE,
};

struct inspect_config {
	struct vm *vm;             /* borrows until stop; NULL: no VM actions (tests) */
	struct vmbus *bus;         /* borrows until stop; NULL: requests of /v1/ic are 404 */
	struct injector *injector; /* borrows until stop; NULL: POST /v1/messages is 503 */
	struct recorder *recorder; /* borrows until free */
	struct loop *loop;         /* borrows until free: the main loop */
	int previous_log_fd;       /* copied: the former run's log; 0 and below: there is none */
	const char *version;       /* copied */
	const char *runtime_dir;   /* copied; NULL: unknown */
	bool doctor;               /* watches from the start */
	/* A client that does not get its request out is hung up on after this; 0: a minute. */
	uint64_t idle_ns;
	/* What clients may leave unread, in all; 0: 128 MiB. */
	size_t unread_bytes;
	/*
	 * How long a request waits for VPs if it does not say, and how much longer for what is made
	 * of their answers; 0: a second.
	 */
	uint64_t patience_ns;
	/* What a stream says at least this often, so that both ends know of each other; 0: 5 s. */
	uint64_t heartbeat_ns;
};

/* Registers the recorder and daemon nodes itself; the daemon adds those of the machine. */
int inspect_new(const struct inspect_config *config, struct inspect **ret_inspect) MUST_CHECK;
/* NULL is fine; stops first when that was not done. Returns NULL. */
struct inspect *inspect_free(struct inspect *inspect);

/* Before start. `provider` is copied; its class and owner outlive stop(). -EEXIST: path taken. */
int inspect_add_provider(struct inspect *inspect, const struct node_provider *provider) MUST_CHECK;

/*
 * Before start. Binds and listens on a unix socket (mode 0660). A socket nobody listens on is
 * replaced; -EADDRINUSE when somebody does. The file is unlinked by stop().
 */
int inspect_listen_unix(
	struct inspect *inspect, const char *path, enum inspect_role role) MUST_CHECK;
/*
 * Before start. `address` is a numeric loopback address ("127.0.0.1", "::1"), else -EINVAL; port 0
 * takes a free one. Changing requests need "Authorization: Bearer TOKEN"; with `token` NULL they
 * are refused. `ret_port` may be NULL.
 */
int inspect_listen_tcp(struct inspect *inspect, const char *address, uint16_t port,
	const char *token, uint16_t *ret_port) MUST_CHECK;

/* Starts the threads: requests are answered from here on. */
int inspect_start(struct inspect *inspect) MUST_CHECK;
/* What /readyz says: false until the VM runs, or waits for its resume. */
void inspect_set_ready(struct inspect *inspect, bool ready);
/* Idempotent. Returns when no client is served any more, after at most about a second. */
void inspect_stop(struct inspect *inspect);
