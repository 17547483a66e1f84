/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The guest's half of the SynIC protocol (TLFS 11), as an operating system would have it.
 *
 * Purpose: enable a VP's SynIC, take messages and flags, post and signal.
 * Threads: the VP given; slots and flags of another VP through the *_of functions.
 * Errors:  none; surprises end the guest.
 */
#include "lib/gx.h"

/*
 * Whether this is KVM's own SynIC, which differs here and there (docs/hyperv-coverage.md): the
 * command line says kvm-synic then.
 */
bool gx_is_kvm_synic(struct gx_vp *vp);
/* Sets GUEST_OS_ID and enables the hypercall page; every VP may call it. */
void gx_hypercalls_enable(struct gx_vp *vp);
/* Gives this VP fresh SIMP and SIEFP pages and sets SCONTROL. */
void gx_synic_enable(struct gx_vp *vp);
void gx_set_sint(struct gx_vp *vp, unsigned sint, uint64_t value);

struct hv_message *gx_slot(struct gx_vp *vp, unsigned sint);
struct hv_event_flags *gx_flags(struct gx_vp *vp, unsigned sint);

uint32_t gx_slot_type(struct gx_vp *vp, unsigned sint);
bool gx_slot_pending(struct gx_vp *vp, unsigned sint);
/* Copies an occupied slot. */
void gx_copy_message(const struct hv_message *slot, struct hv_message *ret_message);
/* Frees a slot, of whichever VP; true when a message is pending and EOM must follow. */
bool gx_free_message(struct hv_message *slot);
bool gx_slot_free(struct gx_vp *vp, unsigned sint);
void gx_eom(struct gx_vp *vp);
/* Copies the message out, frees the slot, writes EOM if one is pending. False: slot empty. */
bool gx_take_message(struct gx_vp *vp, unsigned sint, struct hv_message *ret_message);
/* Tests and clears one event flag. */
bool gx_take_flag(struct gx_vp *vp, unsigned sint, unsigned flag);

/* HvPostMessage and HvSignalEvent (fast). */
uint16_t gx_post(
	struct gx_vp *vp, uint32_t connection, uint32_t type, const void *payload, size_t size);
uint16_t gx_signal(struct gx_vp *vp, uint32_t connection, uint16_t flag);
/* Posts until the receiver has a buffer. */
uint16_t gx_post_patiently(
	struct gx_vp *vp, uint32_t connection, uint32_t type, const void *payload, size_t size);
/* Any call; the status word of the result. A fault ends the guest. */
uint16_t gx_hypercall(struct gx_vp *vp, uint64_t control, uint64_t input, uint64_t output);
/* This VP's page for hypercall input. */
uint64_t gx_input(struct gx_vp *vp);

/* ---- the SynIC test device (spec 11) ------------------------------------- */

enum gx_testdev {
	GX_TESTDEV_ROUTE_CREATE = 1,
	GX_TESTDEV_ROUTE_DESTROY,
	GX_TESTDEV_SET_SINT,
	GX_TESTDEV_MESSAGE_CREATE, /* HvPostMessage to `connection` comes back to (target, sint) */
	GX_TESTDEV_MESSAGE_DESTROY,
	GX_TESTDEV_EVENT_CREATE, /* HvSignalEvent sets flag `connection` of (target, sint) */
	GX_TESTDEV_EVENT_DESTROY,
};
void gx_testdev(
	struct gx_vp *vp, unsigned command, uint32_t target, unsigned sint, uint8_t connection);
