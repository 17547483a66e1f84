/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Seeds for tests of random schedules.
 *
 * Purpose: the same seeds in every run, some new ones in each, and one alone to look into a
 * failure. Threads: the test's. Errors:  the property fails the test and names its seed.
 */
#include <stdlib.h>
#include <time.h>

/*
 * Seeds 1 to `fixed`, then `fresh` new ones. In the environment: HVD_SEED=N for that one alone,
 * HVD_SEEDS=N for so many new ones.
 */
static inline void for_each_seed(void (*property)(unsigned seed), unsigned fixed, unsigned fresh)
{
	const char *given = getenv("HVD_SEED"), *count = getenv("HVD_SEEDS");
	unsigned first = (unsigned)time(NULL);

	if (given) {
		property((unsigned)strtoul(given, NULL, 10));
		return;
	}
	if (count)
		fresh = (unsigned)strtoul(count, NULL, 10);
	for (unsigned i = 0; i < fixed; i++)
		property(1 + i);
	for (unsigned i = 0; i < fresh; i++)
		property(first + i);
}
