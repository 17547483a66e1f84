/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The schemas of the doctor's replies, out of the field tables of its findings and its model.
 *
 * Purpose: doctor-report and doctor-samples.
 * Threads: any.
 * Errors:  those of the writer.
 */
#include "doctor/doctor.h"
#include "inspect/writer.h"

/* The keywords of the schema, into an object that is open. */
void doctor_write_report_schema(struct writer *writer);
void doctor_write_samples_schema(struct writer *writer);
