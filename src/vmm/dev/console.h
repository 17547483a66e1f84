/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Where a serial line ends: standard input and output, a pseudo-terminal, a file, or nowhere.
 *
 * Output goes into a bounded ring and from there to the descriptor as fast as that takes it; when
 * the ring is full, bytes are dropped and counted. Input is read only while the line has room.
 *
 * Purpose: keep VP threads away from slow terminals.
 * Threads: console_put() and console_want_input() from any; the rest on the main loop, where the
 *          input callbacks run too.
 * Errors:  negative errno of opening. A descriptor that fails later swallows what it is given.
 */
#include <stddef.h>
#include <stdint.h>
#include "common/node.h"
#include "common/util.h"

struct console;
struct loop;

enum console_kind { CONSOLE_NULL, CONSOLE_STDIO, CONSOLE_PTY, CONSOLE_FILE };

struct console_input {
	/* How many bytes the line takes now. */
	size_t (*room)(void *arg);
	void (*byte)(void *arg, uint8_t byte);
	void *arg;
};

/* `path`: CONSOLE_FILE only; truncated. On a terminal, stdio switches line editing and echo off. */
int console_new(struct loop *loop, enum console_kind kind, const char *path,
	struct console **ret_console) MUST_CHECK;
/* Writes out what is left, for at most a second; gives the terminal back as it was. */
struct console *console_free(struct console *console);
/* Once, before the guest runs. */
void console_set_input(struct console *console, const struct console_input *input);

void console_put(struct console *console, uint8_t byte);
/* There is room again after console_input.room() had none. */
void console_want_input(struct console *console);

/* CONSOLE_PTY: the path of the terminal; else NULL. */
const char *console_pty_path(const struct console *console);

struct console_info {
	uint32_t kind; /* enum console_kind */
	char terminal[64];
	bool failed;
	uint64_t written_bytes, dropped_bytes;
	uint32_t waiting_bytes;
};
extern const struct node_class console_node_class; /* serial; owner: struct console */
