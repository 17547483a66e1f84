/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * A scripted guest's VM with its bus, behind a real inspection server.
 *
 * Purpose: tests of the API that need a bus.
 * Threads: the test's; the rig runs the main loop on one of its own.
 * Errors:  a failure to set up fails the test.
 */
#include "inspect_rig.h"
#include "vmbus_guest.h"

struct served_guest {
	struct vmbus_guest guest;
	struct rig rig;
};

/* The guest, nothing said yet, and the server not there yet. */
void served_guest_start(struct served_guest *served);
/* A --device. */
void served_guest_add(struct served_guest *served, const char *spec);
/* The server with all that hvd shows; without the bus as if there were none. */
void served_guest_serve(struct served_guest *served);
void served_guest_serve_without_bus(struct served_guest *served);
/* Everything goes. */
void served_guest_end(struct served_guest *served);
