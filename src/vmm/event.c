/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/event.h"

const struct hv_event_desc hv_event_desc[HV_EVENT_COUNT] = {
#define HV_EVENT_DESC(id, event_name, text, a0, a1, a2, a3, a4)                                    \
	[id] = { .name = (event_name), .doc = (text), .args = { a0, a1, a2, a3, a4 } },
	HV_EVENTS(HV_EVENT_DESC)
#undef HV_EVENT_DESC
};
