/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The local APIC of a software guest: what interrupts wait, which are in service, what may come
 * through.
 *
 * Purpose: IRR, ISR and priorities, with auto-EOI per request.
 * Threads: none of its own; the owner's lock.
 * Errors:  none.
 */
#include <stdbool.h>
#include <stdint.h>

/* Bit v: word v / 64, bit v % 64. */
struct sim_lapic {
	uint64_t irr[4], isr[4];
	uint64_t auto_eoi[4]; /* of requested vectors: they do not enter service */
};

void sim_lapic_reset(struct sim_lapic *lapic);
/* A vector below 16 is illegal and ignored, as in hardware. */
void sim_lapic_request(struct sim_lapic *lapic, uint8_t vector, bool auto_eoi);
/* The vector to deliver now, or -1: it must outrank the priority class in service. */
int sim_lapic_deliverable(const struct sim_lapic *lapic);
/* Moves a vector from requested to in service, or nowhere with auto-EOI. */
void sim_lapic_accept(struct sim_lapic *lapic, uint8_t vector);
/* Ends the highest vector in service. */
void sim_lapic_eoi(struct sim_lapic *lapic);
