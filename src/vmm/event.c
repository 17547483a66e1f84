/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/event.h"

#include "vmm/hypercall.h"
#include "vmm/msr.h"

const struct record_event hv_event_desc[HV_EVENT_COUNT] = {
#define HV_EVENT_DESC(id, event_name, text, a0, a1, a2, a3, a4) \
	[id] = {.name = (event_name), .doc = (text), .args = {a0, a1, a2, a3, a4}},
	HV_EVENTS(HV_EVENT_DESC)
#undef HV_EVENT_DESC
};

static const char *status_name(const struct record_names *names, uint64_t status)
{
	return hv_status_name(status);
}

static const char *msr_name(const struct record_names *names, uint64_t index)
{
	return hv_msr_name((uint32_t)index);
}

const struct record_names hv_record_names = {
	.events = hv_event_desc,
	.event_count = HV_EVENT_COUNT,
	.status_name = status_name,
	.msr_name = msr_name,
};
