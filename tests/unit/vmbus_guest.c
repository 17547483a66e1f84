/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmbus_guest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "common/loop.h"
#include "vmm/ports.h"

void vmbus_guest_start(struct vmbus_guest *guest)
{
	*guest = (struct vmbus_guest){
		.fake = fake_vm_new(2, FAKE_WITH_TSC),
		.next_gpadl = 0xe1e10,
		.next_pfn = GUEST_GPADL_PFN,
	};
	fake_vm_enable(guest->fake, 0);
	fake_vm_enable(guest->fake, 1);
	assert_int_equal(vmbus_new(&guest->fake->vm, &guest->bus), 0);
}

void vmbus_guest_end(struct vmbus_guest *guest)
{
	guest->bus = vmbus_free(guest->bus);
	fake_vm_free(guest->fake);
}

/* ---- messages -------------------------------------------------------------------------------- */

enum hv_status vmbus_guest_post_only(struct vmbus_guest *guest, const void *message, size_t size)
{
	struct hv_post_message_input input = {
		.connection_id = VMBUS_CONNECTION_NEW,
		.message_type = HV_MESSAGE_TYPE_VMBUS,
		.payload_size = (uint32_t)size,
	};

	memcpy(input.payload, message, size);
	return ports_post_message(&guest->fake->vm.ports, NULL, 0, &input);
}

void vmbus_guest_post(struct vmbus_guest *guest, const void *message, size_t size)
{
	assert_int_equal(vmbus_guest_post_only(guest, message, size), HV_STATUS_SUCCESS);
	fake_vm_run_loop(guest->fake);
}

void vmbus_guest_expect(struct vmbus_guest *guest, uint32_t type, void *ret_message, size_t size)
{
	struct hv_message *slot = fake_vm_slot(guest->fake, 0, VMBUS_SINT);
	const struct vmbus_message_header *header = (const void *)slot->payload;

	fake_vm_run_loop(guest->fake);
	assert_int_equal(slot->header.type, HV_MESSAGE_TYPE_VMBUS);
	assert_int_equal(header->type, type);
	assert_true(slot->header.payload_size >= size);
	if (ret_message)
		memcpy(ret_message, slot->payload, size);
	fake_vm_consume(guest->fake, 0, VMBUS_SINT);
	fake_vm_run_loop(guest->fake);
}

void vmbus_guest_expect_nothing(struct vmbus_guest *guest)
{
	fake_vm_run_loop(guest->fake);
	assert_int_equal(fake_vm_slot(guest->fake, 0, VMBUS_SINT)->header.type, 0);
}

bool vmbus_guest_contact(struct vmbus_guest *guest, uint32_t version)
{
	struct vmbus_initiate_contact contact = {
		.header.type = VMBUS_MSG_INITIATE_CONTACT,
		.version = version,
	};
	struct vmbus_version_response response;

	if (version >= VMBUS_VERSION_5_0)
		contact.sint = VMBUS_SINT;
	vmbus_guest_post(guest, &contact, sizeof(contact));
	vmbus_guest_expect(guest, VMBUS_MSG_VERSION_RESPONSE, &response, sizeof(response));
	return response.supported;
}

/* Offers until ALL_OFFERS_DELIVERED. */
unsigned vmbus_guest_request_offers(struct vmbus_guest *guest, uint32_t *ret_relids, unsigned room)
{
	const struct vmbus_message_header request = {.type = VMBUS_MSG_REQUEST_OFFERS};
	struct hv_message *slot = fake_vm_slot(guest->fake, 0, VMBUS_SINT);
	unsigned count = 0;

	vmbus_guest_post(guest, &request, sizeof(request));
	while (((const struct vmbus_message_header *)(const void *)slot->payload)->type ==
		VMBUS_MSG_OFFER_CHANNEL) {
		struct vmbus_offer_channel offer;

		vmbus_guest_expect(guest, VMBUS_MSG_OFFER_CHANNEL, &offer, sizeof(offer));
		assert_true(count < room);
		ret_relids[count++] = offer.child_relid;
	}
	vmbus_guest_expect(guest, VMBUS_MSG_ALL_OFFERS_DELIVERED, NULL, 0);
	return count;
}

unsigned vmbus_guest_connect(struct vmbus_guest *guest, uint32_t *ret_relids, unsigned room)
{
	assert_true(vmbus_guest_contact(guest, VMBUS_VERSION_5_3));
	return vmbus_guest_request_offers(guest, ret_relids, room);
}

/* ---- GPADLs ---------------------------------------------------------------------------------- */

uint8_t *vmbus_guest_page(struct vmbus_guest *guest, uint64_t pfn)
{
	return fake_vm_ram(guest->fake, pfn * VMBUS_PAGE_SIZE);
}

/* Words of a range in one header, behind the range's own; and in one body. */
enum { HEADER_PFNS = 26, BODY_PFNS = 28 };

static void post_header(
	struct vmbus_guest *guest, uint32_t relid, const uint64_t *pfns, uint32_t pages)
{
	_Alignas(8) uint8_t message[VMBUS_MESSAGE_MAX] = {0};
	struct vmbus_gpadl_header *header = (void *)message;
	struct vmbus_gpa_range range = {.byte_count = pages * VMBUS_PAGE_SIZE};
	uint32_t count = MIN(pages, (uint32_t)HEADER_PFNS);

	*header = (struct vmbus_gpadl_header){
		.header.type = VMBUS_MSG_GPADL_HEADER,
		.child_relid = relid,
		.gpadl = guest->next_gpadl,
		.range_buf_len = (uint16_t)(sizeof(range) + 8 * pages),
		.range_count = 1,
	};
	memcpy(header->ranges, &range, sizeof(range));
	memcpy(header->ranges + sizeof(range), pfns, 8 * count);
	vmbus_guest_post(guest, message, sizeof(*header) + sizeof(range) + 8 * count);
}

static void post_body(struct vmbus_guest *guest, const uint64_t *pfns, uint32_t count)
{
	_Alignas(8) uint8_t message[VMBUS_MESSAGE_MAX] = {0};
	struct vmbus_gpadl_body *body = (void *)message;

	*body = (struct vmbus_gpadl_body){
		.header.type = VMBUS_MSG_GPADL_BODY,
		.gpadl = guest->next_gpadl,
	};
	memcpy(body->ranges, pfns, 8 * count);
	vmbus_guest_post(guest, message, sizeof(*body) + 8 * count);
}

uint32_t vmbus_guest_map_gpadl(
	struct vmbus_guest *guest, uint32_t relid, const uint64_t *pfns, uint32_t pages)
{
	struct vmbus_gpadl_created created;

	post_header(guest, relid, pfns, pages);
	for (uint32_t i = HEADER_PFNS; i < pages; i += BODY_PFNS)
		post_body(guest, pfns + i, MIN(pages - i, (uint32_t)BODY_PFNS));
	vmbus_guest_expect(guest, VMBUS_MSG_GPADL_CREATED, &created, sizeof(created));
	assert_int_equal(created.child_relid, relid);
	assert_int_equal(created.gpadl, guest->next_gpadl);
	assert_int_equal(created.status, 0);
	return guest->next_gpadl++;
}

uint32_t vmbus_guest_make_gpadl(struct vmbus_guest *guest, uint32_t relid, uint32_t pages)
{
	uint64_t pfns[GUEST_GPADL_PAGES];

	assert_true(guest->next_pfn + pages <= GUEST_GPADL_PFN + GUEST_GPADL_PAGES);
	for (uint32_t i = 0; i < pages; i++) {
		memset(vmbus_guest_page(guest, guest->next_pfn), 0, VMBUS_PAGE_SIZE);
		pfns[i] = guest->next_pfn++;
	}
	return vmbus_guest_map_gpadl(guest, relid, pfns, pages);
}

void vmbus_guest_tear_down(struct vmbus_guest *guest, uint32_t relid, uint32_t gpadl)
{
	const struct vmbus_gpadl_teardown message = {
		.header.type = VMBUS_MSG_GPADL_TEARDOWN,
		.child_relid = relid,
		.gpadl = gpadl,
	};

	vmbus_guest_post(guest, &message, sizeof(message));
}

/* ---- channels -------------------------------------------------------------------------------- */

uint32_t vmbus_guest_post_open(struct vmbus_guest *guest, uint32_t relid, uint32_t pages)
{
	const struct vmbus_open_channel message = {
		.header.type = VMBUS_MSG_OPEN_CHANNEL,
		.child_relid = relid,
		.open_id = relid,
		.ring_gpadl = vmbus_guest_make_gpadl(guest, relid, pages),
		.downstream_offset = pages / 2,
	};
	uint64_t first = guest->next_pfn - pages;

	for (uint64_t pfn = first; pfn < guest->next_pfn; pfn += pages / 2)
		((struct vmbus_ring_control *)(void *)vmbus_guest_page(guest, pfn))
			->feature_bits = VMBUS_RING_FEATURE_PENDING_SEND_SZ;
	vmbus_guest_post(guest, &message, sizeof(message));
	return message.ring_gpadl;
}

uint32_t vmbus_guest_open(struct vmbus_guest *guest, uint32_t relid, uint32_t pages)
{
	struct vmbus_open_channel_result result;
	uint32_t gpadl = vmbus_guest_post_open(guest, relid, pages);

	vmbus_guest_expect(guest, VMBUS_MSG_OPEN_CHANNEL_RESULT, &result, sizeof(result));
	assert_int_equal(result.child_relid, relid);
	assert_int_equal(result.open_id, relid);
	assert_int_equal(result.status, 0);
	return gpadl;
}

static void post_relid(struct vmbus_guest *guest, uint32_t type, uint32_t relid)
{
	const struct vmbus_relid_message message = {.header.type = type, .child_relid = relid};

	vmbus_guest_post(guest, &message, sizeof(message));
}

void vmbus_guest_close(struct vmbus_guest *guest, uint32_t relid)
{
	post_relid(guest, VMBUS_MSG_CLOSE_CHANNEL, relid);
}

void vmbus_guest_release(struct vmbus_guest *guest, uint32_t relid)
{
	post_relid(guest, VMBUS_MSG_RELID_RELEASED, relid);
}

enum hv_status vmbus_guest_signal(struct vmbus_guest *guest, uint32_t relid)
{
	enum hv_status status = ports_signal_event(
		&guest->fake->vm.ports, NULL, 0, 0x2000 + relid, 0);

	fake_vm_run_loop(guest->fake);
	return status;
}

bool vmbus_guest_signalled(struct vmbus_guest *guest, uint32_t vp, uint32_t relid)
{
	uint64_t *word = &fake_vm_flags(guest->fake, vp, VMBUS_SINT)->word[relid / 64];
	bool set = *word >> relid % 64 & 1;

	*word &= ~BIT64(relid % 64);
	return set;
}

void vmbus_guest_rings(struct vmbus_guest *guest, uint32_t pages, uint8_t **ret_pages,
	struct vmbus_ring *ret_out, struct vmbus_ring *ret_in)
{
	for (uint32_t i = 0; i < pages; i++)
		ret_pages[i] = vmbus_guest_page(guest, guest->next_pfn - pages + i);
	assert_int_equal(ring_init_writer(ret_out, ret_pages, pages / 2), 0);
	assert_int_equal(ring_init_reader(ret_in, ret_pages + pages / 2, pages / 2), 0);
}
