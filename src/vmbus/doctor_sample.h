/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The bus's part of a sample of the doctor.
 *
 * Purpose: fill connection, owed, gpadls, channels, ics and socks of a struct doctor_sample.
 * Threads: any; takes the bus's lock for as long as a look at every channel takes.
 * Errors:  none: what does not fit is left out, and the sample says so.
 */

struct doctor_sample;
struct vmbus;

/*
 * So many packets of all rings together are looked at, which takes a millisecond: a ring gets an equal
 * share of what is left, so that each has its first 8 looked at however full the others are, and the
 * same ones in the next sample.
 */
enum { VMBUS_SAMPLE_PACKETS_MAX = 32768 };

/* `bus` NULL: a VM without one; nothing is filled in. */
void vmbus_doctor_sample(struct vmbus *bus, struct doctor_sample *sample);
