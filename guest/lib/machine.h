/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What the two implementations of gx share: the state behind struct gx_vp.
 *
 * Purpose: common state, and the few operations an implementation must provide beyond gx.h.
 * Threads: as noted per member.
 * Errors:  none.
 */
#include "lib/gx.h"

enum gx_job_state { GX_JOB_ABSENT, GX_JOB_IDLE, GX_JOB_QUEUED };

struct gx_handler {
	gx_vector_fn fn;
	void *arg;
};

struct gx_vp {
	struct gx_machine *machine;
	uint32_t index;
	void *arch; /* the implementation's own part */

	/* This VP only. */
	struct gx_handler handler[256];
	uint64_t hypercall_page; /* GPA, 0: not set up */
	uint64_t input;          /* GPA of a page for hypercall input */
	uint64_t simp, siefp;    /* GPAs, 0: not set up */

	/* Handed over by `job_state`: any VP queues, this VP takes. */
	_Atomic int job_state; /* enum gx_job_state */
	gx_job_fn job;
	void *job_arg;
};

struct gx_machine {
	enum gx_platform platform;
	unsigned vp_count;
	uint64_t ram_end;
	_Atomic uint64_t heap;           /* next free GPA */
	_Atomic uint64_t hypercall_page; /* GPA, 0: not chosen */
	char command_line[2048];
	void *state;
	_Atomic unsigned started; /* VPs that reached gx_idle(), VP 0 included */
	_Atomic unsigned checks, failures;
	_Atomic unsigned console_owner; /* VP index + 1, 0: free */
	struct gx_vp vp[GX_MAX_VPS];
};

/* Interrupt that only wakes a VP. */
#define GX_VECTOR_WAKE 0xf0u

/* ---- provided by lib/ ---------------------------------------------------- */

/* VP 0: chooses the program by run=NAME and runs it. Does not return. */
_Noreturn void gx_main(struct gx_vp *vp);
/* Every other VP: waits for jobs for ever. */
_Noreturn void gx_idle(struct gx_vp *vp);
/* Every VP, before it runs any of the program: the VTL the command line asks for. */
void gx_enter_vtl(struct gx_vp *vp);
/* The machine's interrupt entry: calls the handler, or fails loudly. */
void gx_interrupt(struct gx_vp *vp, unsigned vector);
size_t gx_format(char *buffer, size_t size, const char *format, va_list args);

/* ---- provided by the implementation -------------------------------------- */

/* VP 0: starts the other VPs, so that each reaches gx_idle(); sets vp_count. */
void gx_arch_start_vps(struct gx_vp *vp);
/* INIT and SIPI to one VP. */
void gx_arch_restart(struct gx_vp *vp, uint32_t index);
