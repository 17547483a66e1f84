/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Quantiles of a histogram beside those of the values themselves, sorted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "common/histogram.h"
#include "common/util.h"

enum { VALUES = 2000 };

static const unsigned permilles[] = {1, 10, 250, 500, 900, 990, 999, 1000};

static struct histogram histogram;

static int clear(void **state)
{
	memset(&histogram, 0, sizeof(histogram));
	return 0;
}

static void an_empty_one_says_nothing(void **state)
{
	assert_int_equal(histogram_quantile(&histogram, 500), 0);
}

static void small_values_are_exact(void **state)
{
	for (uint64_t value = 1; value <= 63; value++)
		histogram_add(&histogram, value);
	assert_int_equal(histogram_quantile(&histogram, 500), 32);
	assert_int_equal(histogram_quantile(&histogram, 1), 1);
	assert_int_equal(histogram_quantile(&histogram, 1000), 63);
	assert_int_equal(histogram.minimum, 1);
	assert_int_equal(histogram.maximum, 63);
}

static void one_value_is_every_quantile(void **state)
{
	static const uint64_t values[] = {0, 1, 31, 32, 33, 1000, UINT64_C(1) << 62, UINT64_MAX};

	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		clear(state);
		histogram_add(&histogram, values[i]);
		for (size_t j = 0; j < ARRAY_LEN(permilles); j++)
			assert_true(histogram_quantile(&histogram, permilles[j]) == values[i]);
		assert_true(histogram.minimum == values[i] && histogram.maximum == values[i]);
	}
}

static int compare(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return left < right ? -1 : left > right;
}

/* Of every order of magnitude. */
static uint64_t next_value(uint64_t *random)
{
	*random ^= *random << 13;
	*random ^= *random >> 7;
	*random ^= *random << 17;
	return *random >> (*random * 7 % 64);
}

static void a_quantile_is_right_to_within_a_32nd(void **state)
{
	static uint64_t values[VALUES];
	uint64_t random = 88172645463325252u;

	for (size_t i = 0; i < VALUES; i++) {
		values[i] = next_value(&random);
		histogram_add(&histogram, values[i]);
	}
	qsort(values, VALUES, sizeof(values[0]), compare);
	for (size_t i = 0; i < ARRAY_LEN(permilles); i++) {
		uint64_t exact = values[(VALUES * permilles[i] + 999) / 1000 - 1];
		uint64_t said = histogram_quantile(&histogram, permilles[i]);

		assert_true(said >= exact && said - exact <= exact / 32);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(an_empty_one_says_nothing, clear),
		cmocka_unit_test_setup(small_values_are_exact, clear),
		cmocka_unit_test_setup(one_value_is_every_quantile, clear),
		cmocka_unit_test_setup(a_quantile_is_right_to_within_a_32nd, clear),
	};

	return cmocka_run_group_tests_name("histogram", tests, NULL, NULL);
}
