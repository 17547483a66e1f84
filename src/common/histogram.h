/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * A histogram of durations or sizes with a fixed size: 32 buckets for each power of two, so that a
 * quantile is right to within 1/32 whatever the values are.
 *
 * Purpose: medians and percentiles of millions of values without keeping them.
 * Threads: the owner's.
 * Errors:  none.
 */
#include <stdint.h>

enum { HISTOGRAM_STEPS = 32, HISTOGRAM_BUCKETS = (64 - 4) * HISTOGRAM_STEPS };

/* All zero is empty. */
struct histogram {
	uint64_t count, minimum, maximum;
	uint64_t bucket[HISTOGRAM_BUCKETS];
};

/* O(1). */
void histogram_add(struct histogram *histogram, uint64_t value);
/*
 * The least value that at least `permille` (1..1000) thousandths of the values do not exceed, not
 * more than 1/32 above it. 0 when there are no values.
 */
uint64_t histogram_quantile(const struct histogram *histogram, unsigned permille);
