/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Every channel message leaves a record that says, by name, what stands in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "common/cleanup.h"
#include "inspect/log_text.h"
#include "vmbus/device.h"
#include "vmbus/internal.h"
#include "vmbus_guest.h"
#include "vmm/event.h"

enum { RING_PAGES = 8 };

static struct vmbus_guest guest;
static struct record_cursor cursor;
static uint32_t relid;

static int set_up(void **state)
{
	char text[DEVICE_ERROR_BYTES];

	vmbus_guest_start(&guest);
	cursor.next = 1;
	assert_int_equal(vmbus_device_add(guest.bus, "null", text), 0);
	return 0;
}

static int tear_down(void **state)
{
	vmbus_devices_remove_all(guest.bus);
	vmbus_guest_end(&guest);
	return 0;
}

static bool is_message(const struct record *record)
{
	return strcmp(hv_event_desc[record->type].name, "vmbus.message") == 0;
}

/* The next record of a message has these arguments, in this order. */
static void expect(const char *args)
{
	CLEANUP(writer) struct writer w = {0};
	struct record record;
	uint64_t gap;

	do
		assert_int_equal(
			recorder_read(guest.fake->vm.recorder, &cursor, &record, 1, &gap), 1);
	while (!is_message(&record));
	log_write_record(&w, &hv_record_names, &record, 0);
	if (!memmem(w.data, w.used, args, strlen(args)))
		fail_msg("%.*s\n     is not %s", (int)w.used, w.data, args);
}

static void skip_all(void)
{
	struct record record;
	uint64_t gap;

	while (recorder_read(guest.fake->vm.recorder, &cursor, &record, 1, &gap) > 0)
		;
}

#define POST(message) vmbus_guest_post(&guest, &(message), sizeof(message))
#define IN(type)      "\"args\":{\"direction\":\"in\",\"message\":\"" type "\",\"relid\":"
#define OUT(type)     "\"args\":{\"direction\":\"out\",\"message\":\"" type "\",\"relid\":"

static void connect_guest(void)
{
	assert_int_equal(vmbus_guest_connect(&guest, &relid, 1), 1);
	assert_int_equal(relid, 1);
}

static void the_way_to_a_connection(void **state)
{
	connect_guest();
	expect(IN("initiate_contact") "0,\"version\":\"0x50003\",\"target_vp\":0,\"sint\":2,"
				      "\"vtl\":0,\"feature_flags\":\"0x0\"}");
	expect(OUT("version_response") "0,\"supported\":true,\"connection_state\":0,"
				       "\"selected\":\"0x4\"}");
	expect(IN("request_offers") "0}");
	expect(OUT("offer_channel") "1,\"monitor_id\":255,\"monitor_allocated\":false,"
				    "\"connection_id\":8193,\"class\":\"0x6e756c6c\","
				    "\"chn_flags\":\"0x0\"}");
	expect(OUT("all_offers_delivered") "0}");
}

static void an_old_guest_names_its_interrupt_page(void **state)
{
	const struct vmbus_initiate_contact contact = {
		.header.type = VMBUS_MSG_INITIATE_CONTACT,
		.version = VMBUS_VERSION_4_0,
		.target_vp = 1,
		.interrupt_page = 0x123456789000,
	};

	POST(contact);
	expect(IN("initiate_contact") "0,\"version\":\"0x40000\",\"target_vp\":1,"
				      "\"interrupt_page\":\"0x123456789000\"}");
}

static void a_channel_from_open_to_release(void **state)
{
	const struct vmbus_modify_channel modify = {
		.header.type = VMBUS_MSG_MODIFY_CHANNEL, .child_relid = 1, .target_vp = 1};
	uint32_t gpadl;

	connect_guest();
	skip_all();
	gpadl = vmbus_guest_open(&guest, relid, RING_PAGES);
	assert_int_equal(gpadl, 0xe1e10);
	expect(IN("gpadl_header") "1,\"gpadl\":\"0xe1e10\",\"range_buf_len\":72,"
				  "\"range_count\":1,\"byte_count\":32768,\"byte_offset\":0}");
	expect(OUT("gpadl_created") "1,\"gpadl\":\"0xe1e10\",\"status\":\"0x0\"}");
	expect(IN("open_channel") "1,\"open_id\":1,\"ring_gpadl\":\"0xe1e10\",\"target_vp\":0,"
				  "\"downstream_offset\":4}");
	expect(OUT("open_channel_result") "1,\"open_id\":1,\"status\":\"0x0\"}");
	POST(modify);
	expect(IN("modify_channel") "1,\"target_vp\":1}");
	expect(OUT("modify_channel_response") "1,\"status\":\"0x0\"}");
	vmbus_guest_expect(&guest, VMBUS_MSG_MODIFY_CHANNEL_RESPONSE, NULL, 0);
	vmbus_guest_close(&guest, relid);
	expect(IN("close_channel") "1}");
	vmbus_guest_tear_down(&guest, relid, gpadl);
	expect(IN("gpadl_teardown") "1,\"gpadl\":\"0xe1e10\"}");
	expect(OUT("gpadl_torndown") "1,\"gpadl\":\"0xe1e10\"}");
	vmbus_guest_release(&guest, relid);
	expect(IN("relid_released") "1}");
}

static void a_gpadl_in_two_messages(void **state)
{
	/* struct vmbus_gpadl_header and _body, with what follows them. */
	const struct {
		struct vmbus_message_header header;
		uint32_t relid, gpadl;
		uint16_t range_buf_len, range_count;
		uint32_t byte_count, byte_offset;
	} __attribute__((packed)) header = {
		.header.type = VMBUS_MSG_GPADL_HEADER,
		.relid = 1,
		.gpadl = 7,
		.range_buf_len = 16,
		.range_count = 1,
		.byte_count = 0x1000,
	};
	const struct {
		struct vmbus_message_header header;
		uint32_t message_number, gpadl;
		uint64_t pfn;
	} __attribute__((packed)) body = {
		.header.type = VMBUS_MSG_GPADL_BODY,
		.message_number = 3,
		.gpadl = 7,
		.pfn = GUEST_GPADL_PFN,
	};

	connect_guest();
	skip_all();
	POST(header);
	expect(IN("gpadl_header") "1,\"gpadl\":\"0x7\",\"range_buf_len\":16,\"range_count\":1,"
				  "\"byte_count\":4096,\"byte_offset\":0}");
	POST(body); /* it names its GPADL alone, and is its channel's all the same */
	expect(IN("gpadl_body") "1,\"message_number\":3,\"gpadl\":\"0x7\"}");
	expect(OUT("gpadl_created") "1,\"gpadl\":\"0x7\",\"status\":\"0x0\"}");
}

static void reserved_channels_and_streams(void **state)
{
	const struct vmbus_open_reserved open = {.header.type = VMBUS_MSG_OPEN_RESERVED_CHANNEL,
		.child_relid = 9,
		.target_vp = 1,
		.target_sint = 2,
		.ring_gpadl = 0x11,
		.downstream_offset = 4};
	const struct vmbus_close_reserved close = {.header.type = VMBUS_MSG_CLOSE_RESERVED_CHANNEL,
		.child_relid = 9,
		.target_vp = 1,
		.target_sint = 2};
	const struct vmbus_tl_connect_request request = {
		.header.type = VMBUS_MSG_TL_CONNECT_REQUEST,
		.endpoint.a = 0x2222,
		.service.a = 5000,
	};

	connect_guest();
	skip_all();
	POST(open);
	expect(IN("open_reserved_channel") "9,\"target_vp\":1,\"target_sint\":2,"
					   "\"ring_gpadl\":\"0x11\",\"downstream_offset\":4}");
	POST(close);
	expect(IN("close_reserved_channel") "9,\"target_vp\":1,\"target_sint\":2}");
	expect(OUT("close_reserved_response") "9}");
	POST(request);
	expect(IN("tl_connect_request") "0,\"endpoint\":\"0x2222\",\"service\":\"0x1388\"}");
	expect(OUT("tl_connect_result") "0,\"endpoint\":\"0x2222\",\"service\":\"0x1388\","
					"\"status\":\"0xc0000236\"}");
}

static void what_is_no_message_says_its_type(void **state)
{
	const struct vmbus_message_header strange = {.type = 77};
	const struct vmbus_message_header cut = {.type = VMBUS_MSG_OPEN_CHANNEL};

	POST(strange);
	expect(IN("invalid") "0,\"type\":\"0x4d\"}");
	POST(cut); /* nothing is read behind its end */
	expect(IN("open_channel") "0,\"open_id\":0,\"ring_gpadl\":\"0x0\",\"target_vp\":0,"
				  "\"downstream_offset\":0}");
}

static void leaving_and_being_left(void **state)
{
	const struct vmbus_message_header unload = {.type = VMBUS_MSG_UNLOAD};

	connect_guest();
	skip_all();
	assert_int_equal(vmbus_device_remove(guest.bus, "null"), 0);
	expect(OUT("rescind_channel_offer") "1}");
	vmbus_guest_expect(&guest, VMBUS_MSG_RESCIND_CHANNEL_OFFER, NULL, 0);
	POST(unload);
	expect(IN("unload") "0}");
	expect(OUT("unload_response") "0}");
}

/* ---- the text of arguments ------------------------------------------------------------------ */

static void an_argument_may_be_made_of_fields(void **state)
{
	const char *spec = "a:x@0+8,b:u@8+24,d:b@63+1,c:=none|some";
	const struct {
		const char *name;
		char kind;
		uint64_t value;
	} rows[] = {{"a", 'x', 0xef}, {"b", 'u', 0x89abcd}, {"d", 'b', 1},
		{"c", '=', 0x8123456789abcdef}};
	struct record_field field;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_true(record_field_next(&spec, &field));
		assert_string_equal(field.name, rows[i].name);
		assert_int_equal(field.kind[0], rows[i].kind);
		assert_int_equal(record_field_value(&field, 0x8123456789abcdef), rows[i].value);
	}
	assert_false(record_field_next(&spec, &field));
}

static void every_part_of_every_kind_lies_within_its_argument(void **state)
{
	for (size_t i = 0; i < HV_EVENT_COUNT * (size_t)RECORD_ARGS; i++) {
		const char *spec = hv_event_desc[i / RECORD_ARGS].args[i % RECORD_ARGS];
		struct record_field field;
		uint64_t used = 0;

		while (record_field_next(&spec, &field)) {
			uint64_t mask = record_field_value(&field, UINT64_MAX) << field.shift;

			/* Words are the last field: what follows would be one of them. */
			assert_true(field.kind[0] != '=' || !spec);
			assert_true(field.bits > 0 && field.shift + field.bits <= 64);
			assert_int_equal(used & mask, 0);
			used |= mask;
		}
	}
}

#define RECORD_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RECORD_TEST(the_way_to_a_connection),
		RECORD_TEST(an_old_guest_names_its_interrupt_page),
		RECORD_TEST(a_channel_from_open_to_release),
		RECORD_TEST(a_gpadl_in_two_messages),
		RECORD_TEST(reserved_channels_and_streams),
		RECORD_TEST(what_is_no_message_says_its_type),
		RECORD_TEST(leaving_and_being_left),
		cmocka_unit_test(an_argument_may_be_made_of_fields),
		cmocka_unit_test(every_part_of_every_kind_lies_within_its_argument),
	};

	return cmocka_run_group_tests_name("vmbus-records", tests, NULL, NULL);
}
