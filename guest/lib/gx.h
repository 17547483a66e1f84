/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * gx: the machine as a guest program sees it.
 *
 * Programs (guest/programs) are written once against this interface. Two implementations exist:
 * guest/x86 on a real processor, and guest/sim, where each VP is a software guest on the `sim`
 * backend. A program keeps its state in one struct inside guest RAM (gx_state()), never in
 * statics: on sim several VMs and several boots share the process.
 *
 * Purpose: registers, memory, interrupts, other VPs, time, console and verdicts for guest programs.
 * Threads: every function runs on the VP it is given. What several VPs share must be atomic.
 * Errors:  faults come back as enum gx_fault; what must not fail ends the guest with a message.
 */
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "hvdef/hv_cpuid.h"
#include "hvdef/hv_hypercall.h"
#include "hvdef/hv_msr.h"
#include "hvdef/hv_synic.h"

#define GX_PRINTF(f, a) __attribute__((format(printf, f, a)))
#define GX_ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define GX_MAX_VPS      64
#define GX_MS           UINT64_C(10000)    /* in 100 ns units */
#define GX_SECOND       UINT64_C(10000000) /* in 100 ns units */
#define GX_PATIENCE_MS  10000u             /* a wait this long has failed, on the slowest host */
#define GX_FIRST_VECTOR 32u

struct gx_vp; /* one virtual processor */

enum gx_fault { GX_FAULT_NONE, GX_FAULT_GP, GX_FAULT_UD };
enum gx_platform { GX_PLATFORM_X86, GX_PLATFORM_SIM };

/* ---- the machine --------------------------------------------------------- */

unsigned gx_vp_count(struct gx_vp *vp);
uint32_t gx_index(struct gx_vp *vp);
enum gx_platform gx_platform(struct gx_vp *vp);
/* The program's own state: zeroed at boot, the same for all VPs. */
void *gx_state(struct gx_vp *vp);
/* First byte behind RAM below 3 GiB. */
uint64_t gx_ram_end(struct gx_vp *vp);
/* Allocates zeroed pages of RAM for good and returns their GPA. */
uint64_t gx_pages(struct gx_vp *vp, unsigned count);
/* The memory at a GPA in RAM. */
void *gx_at(struct gx_vp *vp, uint64_t gpa);
/* "name=value" on the command line; the value ends at a space. */
bool gx_option(struct gx_vp *vp, const char *name, uint64_t *ret_value);
uint64_t gx_option_or(struct gx_vp *vp, const char *name, uint64_t otherwise);
/* "name" alone, or "name=anything". */
bool gx_has_option(struct gx_vp *vp, const char *name);

/* ---- registers ----------------------------------------------------------- */

struct gx_cpuid {
	uint32_t eax, ebx, ecx, edx;
};
void gx_cpuid(struct gx_vp *vp, uint32_t leaf, struct gx_cpuid *ret_cpuid);
enum gx_fault gx_rdmsr(struct gx_vp *vp, uint32_t index, uint64_t *ret_value);
enum gx_fault gx_wrmsr(struct gx_vp *vp, uint32_t index, uint64_t value);
/* The same where a fault would be a surprise: it fails the program. */
uint64_t gx_msr(struct gx_vp *vp, uint32_t index);
void gx_set_msr(struct gx_vp *vp, uint32_t index, uint64_t value);
/* The VTL later MSR accesses and hypercalls are made in; only sim has any but 0. */
bool gx_set_vtl(struct gx_vp *vp, uint8_t vtl);

void gx_out(struct gx_vp *vp, uint16_t port, unsigned size, uint32_t value);
uint32_t gx_in(struct gx_vp *vp, uint16_t port, unsigned size);
/*
 * While on, a hypercall is a write to a port nobody claims, through a copy of the hypercall page's
 * code: what an exit alone costs, with the same instructions around it. Its result means nothing.
 * Returns whether hypercalls are exits at all; on sim they are not, and nothing changes.
 */
bool gx_bare_hypercalls(struct gx_vp *vp, bool on);

/* ---- hypercalls ---------------------------------------------------------- */

enum gx_caller {
	GX_CALLER_64BIT,
	GX_CALLER_32BIT, /* compatibility mode */
	GX_CALLER_USER,  /* 64-bit code at CPL 3 that may use the port */
};

/* Calls the hypercall page as `caller`; input and output as the calling convention has them. */
enum gx_fault gx_hypercall_as(struct gx_vp *vp, enum gx_caller caller, uint64_t control,
	uint64_t input, uint64_t output, uint64_t *ret_result);

/* ---- interrupts ---------------------------------------------------------- */

typedef void (*gx_vector_fn)(struct gx_vp *vp, unsigned vector, void *arg);
/* Interrupts of `vector` on this VP run `fn` with interrupts disabled; it writes EOI itself. */
void gx_handle(struct gx_vp *vp, unsigned vector, gx_vector_fn fn, void *arg);
/* The same for interrupts that are only counted and ended. */
void gx_count_interrupts(struct gx_vp *vp, unsigned vector, _Atomic uint32_t *count);
/* The same for interrupts that are only ended. */
void gx_ignore_interrupts(struct gx_vp *vp, unsigned vector);
void gx_irq_enable(struct gx_vp *vp);
void gx_irq_disable(struct gx_vp *vp);
/* Enables interrupts and sleeps until one has been handled. No interrupt is missed in between. */
void gx_halt(struct gx_vp *vp);
void gx_pause(struct gx_vp *vp);
void gx_eoi(struct gx_vp *vp);
void gx_ipi(struct gx_vp *vp, uint32_t target, unsigned vector);

/* ---- other VPs ----------------------------------------------------------- */

typedef void (*gx_job_fn)(struct gx_vp *vp, void *arg);
/* Runs fn(that VP, arg) on VP `index`, which must be another one and idle. */
void gx_start(struct gx_vp *vp, uint32_t index, gx_job_fn fn, void *arg);
/* Waits until that job has ended. */
void gx_join(struct gx_vp *vp, uint32_t index);
/* Runs fn on every VP at once and waits for all. */
void gx_run_all(struct gx_vp *vp, gx_job_fn fn, void *arg);
/* Resets another, idle VP by INIT and SIPI and waits until it is idle again. */
void gx_restart(struct gx_vp *vp, uint32_t index);

/* ---- time ---------------------------------------------------------------- */

/* The reference counter, 100 ns units. */
uint64_t gx_now(struct gx_vp *vp);
/* The same from an enabled reference TSC page: no exit. */
uint64_t gx_page_time(struct gx_vp *vp, const struct hv_reference_tsc_page *page);
uint64_t gx_tsc(struct gx_vp *vp);
void gx_sleep_ms(struct gx_vp *vp, unsigned ms);

struct gx_deadline {
	uint64_t end_100ns;
	unsigned polls;
};
struct gx_deadline gx_deadline(struct gx_vp *vp, unsigned ms);
/* Pauses; true once the time is up. */
bool gx_expired(struct gx_vp *vp, struct gx_deadline *deadline);

/* Polls until the condition holds; its value says whether it did in time. */
#define gx_wait_ms(vp, condition, ms)                                            \
	({                                                                       \
		struct gx_deadline deadline_ = gx_deadline((vp), (ms));          \
		bool holds_;                                                     \
		while (!(holds_ = (condition)) && !gx_expired((vp), &deadline_)) \
			;                                                        \
		holds_;                                                          \
	})
#define gx_wait(vp, condition) gx_wait_ms(vp, condition, GX_PATIENCE_MS)

/* ---- figures ------------------------------------------------------------- */

/* Ascending: the median is values[count / 2]. */
void gx_sort(uint64_t *values, unsigned count);

/* ---- console and verdict ------------------------------------------------- */

/* One line without its newline: %s %c %d %u %x, with l or ll; not from an interrupt handler. */
void gx_print(struct gx_vp *vp, const char *format, ...) GX_PRINTF(2, 3);
/* "ok N - text" or "not ok N - text"; returns `holds`. */
bool gx_ok(struct gx_vp *vp, bool holds, const char *format, ...) GX_PRINTF(3, 4);
/* "ok N - text # SKIP": cannot be shown here. */
void gx_skip(struct gx_vp *vp, const char *format, ...) GX_PRINTF(2, 3);
/* Says why and ends the guest as failed. */
_Noreturn void gx_die(struct gx_vp *vp, const char *format, ...) GX_PRINTF(2, 3);
/* Ends the guest through the debug exit device. */
_Noreturn void gx_exit(struct gx_vp *vp, uint8_t code);

/* ---- programs ------------------------------------------------------------ */

struct gx_program {
	const char *name;
	const char *rule; /* what it shows, one line */
	size_t state_bytes;
	void (*run)(struct gx_vp *vp); /* on VP 0; returning ends the guest with the verdict */
};
