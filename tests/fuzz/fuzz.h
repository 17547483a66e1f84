/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What a fuzz target is and how it reads its input.
 *
 * A target defines LLVMFuzzerTestOneInput(). With -Dfuzz=true and clang libFuzzer drives it; else
 * replay.c feeds it the files of its corpus as a plain test.
 *
 * Purpose: the same targets for fuzzing and for replaying what fuzzing found.
 * Threads: one.
 * Errors:  a target reports by crashing; input that ends early reads as zeros.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fuzz_input {
	const uint8_t *data;
	size_t left;
};

static inline bool fuzz_more(const struct fuzz_input *input)
{
	return input->left > 0;
}

/* Little-endian, as on the machines hvd runs on. */
static inline uint64_t fuzz_take(struct fuzz_input *input, size_t bytes)
{
	size_t n = bytes < input->left ? bytes : input->left;
	uint64_t value = 0;

	memcpy(&value, input->data, n);
	input->data += n;
	input->left -= n;
	return value;
}
