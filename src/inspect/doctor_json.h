/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Samples and reports as JSON, in hvd and in hvctl.
 *
 * A snapshot holds the two samples it was made with as "doctor": {"samples": [{...}, {...}]}, which
 * is the reply of GET /v1/doctor/samples. hvctl reads them back and judges them itself.
 *
 * Purpose: write and read the model of doctor/model.h by its field tables.
 * Threads: any.
 * Errors:  writing: those of the writer. Reading: NULL, or false; nothing is taken on trust.
 */
#include <jansson.h>
#include "doctor/doctor.h"
#include "inspect/writer.h"

/* One object with a member per section. */
void doctor_write_sample(struct writer *writer, const struct doctor_sample *sample);
/* What a report says beside its findings, as members of an open object. */
void doctor_write_summary(struct writer *writer, const struct doctor_limits *limits,
	const struct doctor_report *report);

/* A sample as doctor_write_sample() wrote it; NULL: it is none, or memory is short. */
struct doctor_sample *doctor_read_sample(const json_t *object) MUST_CHECK;
