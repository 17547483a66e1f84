/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/sim_lapic.h"

#include <string.h>
#include "common/util.h"

enum { FIRST_LEGAL_VECTOR = 16 };

static void set_bit(uint64_t bits[4], uint8_t vector)
{
	bits[vector / 64] |= BIT64(vector % 64);
}

static void clear_bit(uint64_t bits[4], uint8_t vector)
{
	bits[vector / 64] &= ~BIT64(vector % 64);
}

static bool test_bit(const uint64_t bits[4], uint8_t vector)
{
	return bits[vector / 64] & BIT64(vector % 64);
}

/* -1: none. */
static int highest(const uint64_t bits[4])
{
	for (int word = 3; word >= 0; word--)
		if (bits[word])
			return word * 64 + 63 - __builtin_clzll(bits[word]);
	return -1;
}

void sim_lapic_reset(struct sim_lapic *lapic)
{
	memset(lapic, 0, sizeof(*lapic));
}

void sim_lapic_request(struct sim_lapic *lapic, uint8_t vector, bool auto_eoi)
{
	if (vector < FIRST_LEGAL_VECTOR)
		return;
	set_bit(lapic->irr, vector);
	if (auto_eoi)
		set_bit(lapic->auto_eoi, vector);
	else
		clear_bit(lapic->auto_eoi, vector);
}

int sim_lapic_deliverable(const struct sim_lapic *lapic)
{
	int requested = highest(lapic->irr), in_service = highest(lapic->isr);

	if (requested < 0 || (in_service >= 0 && requested / 16 <= in_service / 16))
		return -1;
	return requested;
}

void sim_lapic_accept(struct sim_lapic *lapic, uint8_t vector)
{
	clear_bit(lapic->irr, vector);
	if (!test_bit(lapic->auto_eoi, vector))
		set_bit(lapic->isr, vector);
}

void sim_lapic_eoi(struct sim_lapic *lapic)
{
	int in_service = highest(lapic->isr);

	if (in_service >= 0)
		clear_bit(lapic->isr, (uint8_t)in_service);
}
