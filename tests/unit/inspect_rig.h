/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * An inspection server with its main loop, and a raw HTTP client that may misbehave.
 *
 * Purpose: tests of src/inspect/ as a client meets it.
 * Threads: the test's thread is the client; the rig runs the main loop on one of its own.
 * Errors:  a failure to set up or to talk fails the test.
 */
#include <jansson.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include "common/node.h"
#include "common/loop.h"
#include "common/record.h"
#include "inspect/inspect.h"

struct injector;
struct vm;
struct vmbus;

enum rig_door { RIG_API, RIG_READ_ONLY, RIG_TCP };

#define RIG_TOKEN "correct horse"

struct rig {
	struct recorder *recorder;
	struct loop *loop;
	struct inspect *inspect;
	struct vmbus *bus;    /* borrows; may be set before rig_serve() */
	int previous_log_fd;  /* likewise; 0: there is none */
	unsigned idle_ms;     /* likewise; 0: as long as hvd has it */
	unsigned patience_ms; /* likewise; 0: RIG_PATIENCE_MS */
	char directory[32], path[2][64];
	uint16_t port;
	pthread_t main_thread;
	bool stopped;
	struct loop_work leave;
};

/* The patience is far beyond what a busy machine keeps a thread waiting. */
enum { RIG_RECORDS = 256, RIG_UNREAD_BYTES = 1 << 20, RIG_PATIENCE_MS = 20000 };

/* Makes recorder and loop; rig_serve() goes on. */
void rig_init(struct rig *rig);
/* `providers` end with a NULL class. `vm` and `injector` may be NULL. */
void rig_serve(struct rig *rig, struct vm *vm, struct injector *injector,
	const struct node_provider *providers);
/* Ends the main loop's thread and stops the server; the VM and the injector may go then. */
void rig_stop(struct rig *rig);
void rig_free(struct rig *rig);

struct answer {
	unsigned status;
	char headers[2048];
	char *text; /* owns */
	size_t size;
	json_t *json; /* owns; NULL when the body is not JSON */
};
void answer_free(struct answer *answer);
/* The value of a header field in `text`, or NULL when there is none. */
const char *answer_header(const struct answer *answer, const char *name, char text[128]);

int rig_connect(struct rig *rig, enum rig_door door);
void rig_send(int fd, const char *text);
/* Reads one reply. False: the server hung up instead. */
bool rig_receive(int fd, struct answer *ret_answer);
/* One request on a connection of its own. `body` may be NULL. */
struct answer rig_call(struct rig *rig, enum rig_door door, const char *method, const char *target,
	const char *body);
/* The same with further header lines, each ending in \r\n. */
struct answer rig_call_with(struct rig *rig, enum rig_door door, const char *method,
	const char *target, const char *headers, const char *body);
/* The connection was closed, or is within `ms`: RIG_PATIENCE_MS where it must be. */
bool rig_hung_up(int fd, int ms);
/* One chunk of a chunked reply, NUL-terminated; false at the end of the stream. */
bool rig_chunk(int fd, char *text, size_t size);

/* The text of a member, which must be there. */
const char *rig_text(const json_t *object, const char *key);
/* Asserts status and problem code. */
void rig_expect_problem(const struct answer *answer, unsigned status, const char *code);
/* The pointer of the only member of errors[]. */
const char *rig_pointer(const struct answer *answer);
