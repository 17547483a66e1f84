/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/histogram.h"

#include "common/util.h"

/*
 * Values below 32 have a bucket each. Above, the highest bit chooses a group of 32 buckets and the
 * five bits behind it one of these.
 */
enum { STEP_BITS = 5 };
_Static_assert(1 << STEP_BITS == HISTOGRAM_STEPS, "bits of a step");

static unsigned bucket_of(uint64_t value)
{
	unsigned shift;

	if (value < HISTOGRAM_STEPS)
		return (unsigned)value;
	shift = 63 - (unsigned)__builtin_clzll(value) - STEP_BITS;
	return (shift + 1) * HISTOGRAM_STEPS + (unsigned)(value >> shift) % HISTOGRAM_STEPS;
}

/* The largest value in a bucket. */
static uint64_t last_of(unsigned bucket)
{
	unsigned shift = bucket / HISTOGRAM_STEPS;
	uint64_t step = HISTOGRAM_STEPS + bucket % HISTOGRAM_STEPS;

	if (shift-- == 0)
		return bucket;
	return (step << shift) + ((UINT64_C(1) << shift) - 1);
}

void histogram_add(struct histogram *histogram, uint64_t value)
{
	histogram->minimum = histogram->count ? MIN(histogram->minimum, value) : value;
	histogram->maximum = MAX(histogram->maximum, value);
	histogram->count++;
	histogram->bucket[bucket_of(value)]++;
}

uint64_t histogram_quantile(const struct histogram *histogram, unsigned permille)
{
	/* Divided first: no product of a count overflows. */
	uint64_t wanted = histogram->count / 1000 * permille +
			  (histogram->count % 1000 * permille + 999) / 1000;
	uint64_t seen = 0;

	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		seen += histogram->bucket[i];
		if (seen >= wanted && seen > 0)
			return MIN(last_of(i), histogram->maximum);
	}
	return 0;
}
