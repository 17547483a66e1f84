/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * GPADLs (spec/vmbus.md 2.5, 6.3): a header and bodies are put together, then checked as a whole,
 * then every page is looked up once.
 *
 *	(none) --header--> assembling --last body--> accepted
 *	accepted --teardown--> tearing down --device stopped--> gone
 *
 * What a guest may hold is bounded: so many GPADLs, so many of them unfinished, so many pages.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "vmbus/internal.h"

#define STATUS_QUOTA UINT32_C(0xc0000044)

/* ---- answers --------------------------------------------------------------------------------- */

static void answer_created(struct vmbus *bus, uint32_t relid, uint32_t id, uint32_t status)
{
	const struct vmbus_gpadl_created message = {
		.header.type = VMBUS_MSG_GPADL_CREATED,
		.child_relid = relid,
		.gpadl = id,
		.status = status,
	};

	vmbus_send(bus, &message, sizeof(message), relid, status, NULL);
}

static void answer_torndown(struct vmbus *bus, uint32_t relid, uint32_t id)
{
	const struct vmbus_gpadl_torndown message = {
		.header.type = VMBUS_MSG_GPADL_TORNDOWN,
		.gpadl = id,
	};

	vmbus_send(bus, &message, sizeof(message), relid, id, NULL);
}

/* ---- life ------------------------------------------------------------------------------------ */

static void set_state(struct vmbus_gpadl *gpadl, enum vmbus_gpadl_state state)
{
	gpadl->state = state;
	gpadl->since_ns = clock_now_ns(gpadl->channel->bus->vm->clock);
}

static void gpadl_free(struct vmbus_gpadl *gpadl)
{
	struct vmbus_channel *channel = gpadl->channel;
	struct vmbus *bus = channel->bus;

	TAILQ_REMOVE(&bus->gpadls, gpadl, link);
	bus->gpadl_count--;
	bus->gpadls_assembling -= gpadl->state == GPADL_ASSEMBLING;
	bus->gpadl_pages -= gpadl->page_count;
	channel->gpadls--;
	free(gpadl->ranges);
	free(gpadl->page);
	free(gpadl);
}

static struct vmbus_gpadl *gpadl_new(
	struct vmbus_channel *channel, const struct vmbus_gpadl_header *message)
{
	struct vmbus *bus = channel->bus;
	struct vmbus_gpadl *gpadl = calloc(1, sizeof(*gpadl));

	if (!gpadl)
		return NULL;
	gpadl->ranges = malloc(message->range_buf_len);
	if (!gpadl->ranges) {
		free(gpadl);
		return NULL;
	}
	gpadl->channel = channel;
	gpadl->id = message->gpadl;
	gpadl->range_count = message->range_count;
	gpadl->expected = message->range_buf_len;
	TAILQ_INSERT_TAIL(&bus->gpadls, gpadl, link);
	bus->gpadl_count++;
	bus->gpadls_assembling++;
	channel->gpadls++;
	set_state(gpadl, GPADL_ASSEMBLING);
	return gpadl;
}

/* ---- looking up ------------------------------------------------------------------------------ */

static struct vmbus_gpadl *find(const struct vmbus_channel *channel, uint32_t id)
{
	struct vmbus_gpadl *gpadl;

	TAILQ_FOREACH (gpadl, &channel->bus->gpadls, link) {
		if (gpadl->id == id && gpadl->channel == channel)
			return gpadl;
	}
	return NULL;
}

static struct vmbus_gpadl *find_assembling(struct vmbus *bus, uint32_t id)
{
	struct vmbus_gpadl *gpadl;

	if (bus->gpadls_assembling == 0)
		return NULL;
	/* The unfinished ones are the newest. */
	TAILQ_FOREACH_REVERSE(gpadl, &bus->gpadls, vmbus_gpadl_list, link)
	{
		if (gpadl->id == id && gpadl->state == GPADL_ASSEMBLING)
			return gpadl;
	}
	return NULL;
}

struct vmbus_gpadl *gpadl_find(struct vmbus_channel *channel, uint32_t id)
{
	struct vmbus_gpadl *gpadl = find(channel, id);

	return gpadl && gpadl->state == GPADL_ACCEPTED ? gpadl : NULL;
}

/* ---- the whole, checked ---------------------------------------------------------------------- */

/* Page frame numbers a range holds, 0 when it cannot be one. */
static uint32_t range_pages(uint32_t byte_count, uint32_t byte_offset)
{
	if (byte_count == 0 || byte_offset >= VMBUS_PAGE_SIZE)
		return 0;
	return (uint32_t)(((uint64_t)byte_offset + byte_count + VMBUS_PAGE_SIZE - 1) /
			  VMBUS_PAGE_SIZE);
}

static int add_page(struct vmbus_gpadl *gpadl, uint64_t pfn)
{
	const struct vm *vm = gpadl->channel->bus->vm;
	uint8_t *page = NULL;

	if (pfn < UINT64_MAX / VMBUS_PAGE_SIZE)
		page = guest_memory_at(&vm->memory, pfn * VMBUS_PAGE_SIZE, VMBUS_PAGE_SIZE);
	if (!page)
		return -EFAULT;
	gpadl->page[gpadl->page_count++] = page;
	return 0;
}

/* One range at *offset, which moves on behind it. */
static int take_range(struct vmbus_gpadl *gpadl, uint32_t *offset)
{
	uint32_t left = gpadl->expected - *offset, pages;
	struct vmbus_gpa_range range;

	if (left < sizeof(range))
		return -EINVAL;
	memcpy(&range, gpadl->ranges + *offset, sizeof(range));
	*offset += sizeof(range);
	pages = range_pages(range.byte_count, range.byte_offset);
	if (pages == 0 || pages > (left - sizeof(range)) / sizeof(uint64_t))
		return -EINVAL;
	for (uint32_t i = 0; i < pages; i++, *offset += sizeof(uint64_t)) {
		uint64_t pfn;
		int r;

		memcpy(&pfn, gpadl->ranges + *offset, sizeof(pfn));
		r = add_page(gpadl, pfn);
		if (r < 0)
			return r;
	}
	gpadl->is_ring = gpadl->range_count == 1 && range.byte_offset == 0 &&
			 range.byte_count % VMBUS_PAGE_SIZE == 0;
	return 0;
}

static int take_ranges(struct vmbus_gpadl *gpadl)
{
	uint32_t offset = 0;

	gpadl->page = calloc(gpadl->expected / sizeof(uint64_t), sizeof(*gpadl->page));
	if (!gpadl->page)
		return -ENOMEM;
	for (unsigned i = 0; i < gpadl->range_count; i++) {
		int r = take_range(gpadl, &offset);

		if (r < 0)
			return r;
	}
	return offset == gpadl->expected ? 0 : -EINVAL;
}

/* Pages count once they are known, so that gpadl_free() gives back what was taken. */
static enum vmbus_verdict finish(struct vmbus_gpadl *gpadl)
{
	struct vmbus *bus = gpadl->channel->bus;
	uint32_t relid = gpadl->channel->relid, id = gpadl->id;
	int r = take_ranges(gpadl);
	bool fits = bus->gpadl_pages + gpadl->page_count <= VMBUS_GPADL_PAGES_MAX;

	bus->gpadl_pages += gpadl->page_count;
	if (r == -EINVAL || r == -EFAULT) {
		gpadl_free(gpadl);
		answer_created(bus, relid, id, VMBUS_STATUS_FAILURE);
		return VMBUS_MALFORMED;
	}
	if (r < 0 || !fits) {
		gpadl_free(gpadl);
		answer_created(bus, relid, id, STATUS_QUOTA);
		return VMBUS_ILLEGAL;
	}
	free(gpadl->ranges);
	gpadl->ranges = NULL;
	bus->gpadls_assembling--;
	set_state(gpadl, GPADL_ACCEPTED);
	answer_created(bus, relid, id, VMBUS_STATUS_SUCCESS);
	return VMBUS_OK;
}

/* What is sent beyond the declared length is padding. */
static enum vmbus_verdict add_bytes(struct vmbus_gpadl *gpadl, const void *bytes, size_t size)
{
	size_t wanted = MIN(size, (size_t)(gpadl->expected - gpadl->filled));

	memcpy(gpadl->ranges + gpadl->filled, bytes, wanted);
	gpadl->filled_ns = clock_now_ns(gpadl->channel->bus->vm->clock);
	gpadl->filled = (uint16_t)(gpadl->filled + wanted);
	return gpadl->filled == gpadl->expected ? finish(gpadl) : VMBUS_OK;
}

/* ---- messages -------------------------------------------------------------------------------- */

/* Every range is at least its own header and one page. */
static bool counts_are_possible(const struct vmbus_gpadl_header *message)
{
	size_t least = sizeof(struct vmbus_gpa_range) + sizeof(uint64_t);

	return message->range_count > 0 && message->range_buf_len % sizeof(uint64_t) == 0 &&
	       message->range_buf_len / least >= message->range_count;
}

/* Whether the guest has it still: it may have let go while the device is stopping. */
static bool knows_channel(const struct vmbus_channel *channel)
{
	return channel && channel->state != CHANNEL_CLIENT_RELEASED &&
	       channel->state != CHANNEL_OPENING_CLIENT_RELEASE &&
	       channel->state != CHANNEL_CLOSING_CLIENT_RELEASE;
}

enum vmbus_verdict gpadl_on_header(struct vmbus *bus, struct vmbus_channel *channel,
	const struct vmbus_gpadl_header *message, size_t size)
{
	struct vmbus_gpadl *gpadl = NULL;
	uint32_t status = VMBUS_STATUS_FAILURE;
	enum vmbus_verdict verdict = VMBUS_ILLEGAL;

	if (!counts_are_possible(message)) {
		verdict = VMBUS_MALFORMED;
	} else if (knows_channel(channel) && !find(channel, message->gpadl) &&
		   !find_assembling(bus, message->gpadl)) {
		status = STATUS_QUOTA;
		if (bus->gpadl_count < VMBUS_GPADLS_MAX &&
			bus->gpadls_assembling < VMBUS_GPADLS_ASSEMBLING_MAX)
			gpadl = gpadl_new(channel, message);
	}
	if (channel && channel->state == CHANNEL_REVOKED)
		channel->notes.requests_after_revoke++;
	if (gpadl)
		return add_bytes(gpadl, message->ranges, size - sizeof(*message));
	answer_created(bus, message->child_relid, message->gpadl, status);
	return verdict;
}

struct vmbus_channel *gpadl_channel_of_body(
	struct vmbus *bus, const struct vmbus_gpadl_body *message)
{
	struct vmbus_gpadl *gpadl = find_assembling(bus, message->gpadl);

	return gpadl ? gpadl->channel : NULL;
}

/* Without a GPADL there is no relid, and so no answer. The message number is always 0. */
enum vmbus_verdict gpadl_on_body(
	struct vmbus *bus, const struct vmbus_gpadl_body *message, size_t size)
{
	struct vmbus_gpadl *gpadl = find_assembling(bus, message->gpadl);

	if (!gpadl || !knows_channel(gpadl->channel))
		return VMBUS_ILLEGAL;
	return add_bytes(gpadl, message->ranges, size - sizeof(*message));
}

static bool in_use(const struct vmbus_gpadl *gpadl)
{
	return gpadl->channel->ring_gpadl == gpadl;
}

static void tear_down(struct vmbus_gpadl *gpadl)
{
	struct vmbus *bus = gpadl->channel->bus;
	uint32_t relid = gpadl->channel->relid, id = gpadl->id;

	gpadl_free(gpadl);
	answer_torndown(bus, relid, id);
}

/* The rings of an open channel may not go; those of one that stops go when it has. */
enum vmbus_verdict gpadl_on_teardown(struct vmbus *bus, struct vmbus_channel *channel,
	const struct vmbus_gpadl_teardown *message)
{
	struct vmbus_gpadl *gpadl = knows_channel(channel) ? gpadl_find(channel, message->gpadl)
							   : NULL;

	if (!gpadl)
		return VMBUS_ILLEGAL;
	if (!in_use(gpadl)) {
		tear_down(gpadl);
		return VMBUS_OK;
	}
	if (channel->state == CHANNEL_OPENING || channel->state == CHANNEL_OPEN ||
		channel->state == CHANNEL_FAILED) {
		channel->notes.early_teardowns++;
		return VMBUS_ILLEGAL;
	}
	set_state(gpadl, GPADL_TEARING_DOWN);
	return VMBUS_OK;
}

void gpadl_finish_teardowns(struct vmbus_channel *channel)
{
	struct vmbus_gpadl *gpadl = TAILQ_FIRST(&channel->bus->gpadls);

	/* Whoever let go of the channel, or was reset, waits for nothing: gpadl_drop_all() follows.
	 */
	if (!knows_channel(channel))
		return;
	while (gpadl) {
		struct vmbus_gpadl *next = TAILQ_NEXT(gpadl, link);

		if (gpadl->channel == channel && gpadl->state == GPADL_TEARING_DOWN)
			tear_down(gpadl);
		gpadl = next;
	}
}

void gpadl_drop_all(struct vmbus_channel *channel)
{
	struct vmbus_gpadl *gpadl = TAILQ_FIRST(&channel->bus->gpadls);

	while (gpadl && channel->gpadls > 0) {
		struct vmbus_gpadl *next = TAILQ_NEXT(gpadl, link);

		if (gpadl->channel == channel)
			gpadl_free(gpadl);
		gpadl = next;
	}
}
