/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Key-value exchange against a scripted hv_utils with its daemon: what is asked, what is believed.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "common/utf16.h"
#include "ic_guest.h"
#include "vmbus/internal.h"
#include "vmbus/kvp.h"
#include "vmm/event.h"

static struct ic_guest hv;
static struct kvp_item items[KVP_ITEMS_MAX];
static struct kvp_call kvp;

static int start(void **state)
{
	ic_guest_start(&hv, IC_COMPONENT_KVP);
	kvp = (struct kvp_call){.items = items, .next = KVP_COMPLETE};
	return 0;
}

static int end(void **state)
{
	ic_guest_end(&hv);
	return 0;
}

static int ask(enum kvp_question question)
{
	const struct ic_call call = {.request = question, .kvp = &kvp};

	return ic_guest_ask_call(&hv, &call);
}

/* Agrees on versions, and somebody asks. */
static void begin(enum kvp_question question)
{
	ic_guest_negotiate(&hv, 4, 0);
	assert_int_equal(ask(question), 0);
}

static struct ic_kvp message_of(const struct ic_packet *packet)
{
	struct ic_kvp message;

	assert_int_equal(packet->header.body_size, sizeof(message));
	memcpy(&message, packet->body, sizeof(message));
	return message;
}

/* The next question, which must be about that item. */
static struct ic_packet take_enumeration(enum ic_kvp_pool pool, uint32_t index)
{
	struct ic_packet packet = ic_guest_take(&hv, IC_KVP);
	struct ic_kvp message = message_of(&packet);

	assert_int_equal(message.operation, IC_KVP_ENUMERATE);
	assert_int_equal(message.pool, pool);
	assert_int_equal(message.enumerate.index, index);
	return packet;
}

static void set_item(struct ic_packet *packet, const char *key, const char *value)
{
	struct ic_kvp message = message_of(packet);
	struct ic_kvp_value *item = &message.enumerate.item;
	size_t key_size, value_size;

	assert_int_equal(utf16_from_utf8(key, item->key, sizeof(item->key), &key_size), 0);
	assert_int_equal(utf16_from_utf8(value, item->value, sizeof(item->value), &value_size), 0);
	item->type = IC_KVP_STRING;
	item->key_size = (uint32_t)key_size;
	item->value_size = (uint32_t)value_size;
	memcpy(packet->body, &message, sizeof(message));
}

static void serve(enum ic_kvp_pool pool, uint32_t index, const char *key, const char *value)
{
	struct ic_packet packet = take_enumeration(pool, index);

	set_item(&packet, key, value);
	ic_guest_answer(&hv, &packet);
}

static void refuse(enum ic_message_type type, uint32_t status)
{
	struct ic_packet packet = ic_guest_take(&hv, type);

	packet.header.status = status;
	ic_guest_answer(&hv, &packet);
}

static void expect_told(enum ic_outcome outcome)
{
	assert_int_equal(hv.told.count, 1);
	assert_int_equal(hv.told.answer.outcome, outcome);
	ic_guest_expect_silence(&hv);
}

static void expect_item(unsigned i, const char *key, const char *value)
{
	assert_true(i < kvp.item_count);
	assert_string_equal(items[i].key, key);
	assert_string_equal(items[i].value, value);
}

/* ---- the daemon -------------------- */

static void a_driver_without_its_daemon_is_no_fault(void **state)
{
	struct ic_packet packet;

	ic_guest_first_look(&hv);
	ic_guest_pass(&hv, 2 * NSEC_PER_SEC - 1);
	assert_int_equal(hv.ic->state, IC_NEGOTIATING);
	ic_guest_pass(&hv, 1);
	assert_int_equal(hv.ic->state, IC_NO_DAEMON);
	assert_string_equal(hv.ic->problem, "");
	assert_int_equal(ask(KVP_OSINFO), IC_E_NO_DAEMON);
	ic_guest_pass(&hv, 100 * NSEC_PER_SEC);
	/* It is started: the driver reads what has been waiting. */
	packet = ic_guest_take(&hv, IC_NEGOTIATE);
	ic_guest_expect_silence(&hv);
	ic_guest_answer_versions(
		&hv, &packet, 1, (struct ic_version){3, 0}, (struct ic_version){4, 0});
	assert_int_equal(hv.ic->state, IC_READY);
	assert_int_equal(hv.ic->contact, IC_CONTACT_OK);
	assert_int_equal(hv.ic->lost, 0);
}

static void a_driver_that_reads_and_is_silent_has_its_daemon(void **state)
{
	ic_guest_first_look(&hv);
	ic_guest_take(&hv, IC_NEGOTIATE);
	ic_guest_pass(&hv, 10 * NSEC_PER_SEC);
	assert_int_equal(hv.ic->state, IC_NEGOTIATING);
}

static void a_daemon_that_ends_is_missed_and_may_come_back(void **state)
{
	struct ic_packet packet;

	begin(KVP_LIST);
	ic_guest_pass(&hv, 4 * NSEC_PER_SEC);
	assert_int_equal(hv.told.answer.outcome, IC_LOST);
	assert_int_equal(hv.ic->state, IC_NO_DAEMON);
	assert_int_equal(hv.ic->contact, IC_LOST_COMMUNICATION);
	assert_int_equal(ask(KVP_LIST), IC_E_NO_DAEMON);
	/* Nobody waits for this answer any more; it says that the daemon is there. */
	packet = take_enumeration(IC_KVP_POOL_EXTERNAL, 0);
	set_item(&packet, "late", "1");
	memset(items, 0, sizeof(items));
	ic_guest_answer(&hv, &packet);
	assert_int_equal(hv.ic->state, IC_READY);
	assert_int_equal(hv.ic->late, 1);
	assert_string_equal(items[0].key, "");
	assert_int_equal(hv.told.count, 1);
	assert_int_equal(ask(KVP_LIST), 0);
	take_enumeration(IC_KVP_POOL_EXTERNAL, 0);
}

/* ---- enumeration -------------------- */

static void a_pool_is_asked_for_item_by_item(void **state)
{
	kvp.pool = IC_KVP_POOL_GUEST;
	begin(KVP_LIST);
	serve(IC_KVP_POOL_GUEST, 0, "color", "gr\xc3\xbcn");
	serve(IC_KVP_POOL_GUEST, 1, "", "");
	assert_int_equal(hv.told.count, 0);
	refuse(IC_KVP, IC_STATUS_NO_MORE_ITEMS);
	expect_told(IC_ANSWERED);
	assert_int_equal(kvp.item_count, 2);
	expect_item(0, "color", "gr\xc3\xbcn");
	expect_item(1, "", "");
	assert_true(kvp.next == KVP_COMPLETE);
	assert_int_equal(hv.ic->requests, 3);
	assert_int_equal(hv.ic->responses, 3);
	assert_int_equal(hv.ic->refused, 0);
	assert_int_equal(fake_vm_recorded(hv.guest.fake, HV_EVENT_IC_ANSWER), 1);
}

static void what_the_guest_is_stands_in_the_pool_auto(void **state)
{
	kvp.pool = IC_KVP_POOL_GUEST; /* not asked for */
	begin(KVP_OSINFO);
	serve(IC_KVP_POOL_AUTO, 0, "OSName", "Linux");
	refuse(IC_KVP, IC_STATUS_NO_MORE_ITEMS);
	expect_told(IC_ANSWERED);
	expect_item(0, "OSName", "Linux");
}

static void a_pool_without_end_is_given_in_parts(void **state)
{
	kvp.start = 5;
	begin(KVP_LIST);
	for (unsigned i = 0; i < KVP_ITEMS_MAX; i++) {
		char key[16];

		snprintf(key, sizeof(key), "%u", i);
		serve(IC_KVP_POOL_EXTERNAL, 5 + i, key, "x");
	}
	expect_told(IC_ANSWERED);
	assert_int_equal(kvp.item_count, KVP_ITEMS_MAX);
	expect_item(KVP_ITEMS_MAX - 1, "63", "x");
	assert_int_equal(kvp.next, 5 + KVP_ITEMS_MAX);
}

static void a_key_is_looked_for_by_enumeration(void **state)
{
	strcpy(kvp.key, "site");
	begin(KVP_LOOK_UP);
	serve(IC_KVP_POOL_EXTERNAL, 0, "sit", "wrong");
	serve(IC_KVP_POOL_EXTERNAL, 1, "site", "berlin");
	expect_told(IC_ANSWERED);
	assert_int_equal(kvp.item_count, 1);
	expect_item(0, "site", "berlin");
}

static void a_key_that_is_not_there_is_no_item(void **state)
{
	strcpy(kvp.key, "site");
	begin(KVP_LOOK_UP);
	serve(IC_KVP_POOL_EXTERNAL, 0, "Site", "wrong");
	refuse(IC_KVP, IC_STATUS_NO_MORE_ITEMS);
	expect_told(IC_ANSWERED);
	assert_int_equal(kvp.item_count, 0);
}

static void numbers_are_shown_as_text(void **state)
{
	static const struct {
		uint32_t type;
		const char *text;
	} rows[] = {{IC_KVP_U32, "4294967295"}, {IC_KVP_U64_LINUX, "18446744073709551615"},
		{IC_KVP_U64, "18446744073709551615"}};

	begin(KVP_LIST);
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		struct ic_packet packet = take_enumeration(IC_KVP_POOL_EXTERNAL, i);
		struct ic_kvp message;

		set_item(&packet, "n", "");
		memcpy(&message, packet.body, sizeof(message));
		message.enumerate.item.type = rows[i].type;
		memset(message.enumerate.item.value, 0xff, 8);
		memcpy(packet.body, &message, sizeof(message));
		ic_guest_answer(&hv, &packet);
		expect_item(i, "n", rows[i].text);
	}
}

/* ---- answers that are none -------------------- */

enum { WHOLE = sizeof(struct ic_kvp) };

struct damage {
	const char *name;
	size_t offset, count;
	uint8_t byte;
	uint16_t body_size; /* 0: as it was */
};

#define AT(member) offsetof(struct ic_kvp, enumerate.member)

static void expect_bad_answer(const struct damage *damage)
{
	struct ic_packet packet;

	assert_int_equal(ask(KVP_LIST), 0);
	packet = take_enumeration(IC_KVP_POOL_EXTERNAL, 0);
	set_item(&packet, "key", "value");
	memset(packet.body + damage->offset, damage->byte, damage->count);
	if (damage->body_size)
		packet.header.body_size = damage->body_size;
	ic_guest_answer(&hv, &packet);
	assert_int_equal(hv.told.answer.outcome, IC_BAD_ANSWER);
	assert_int_equal(kvp.item_count, 0);
	ic_guest_expect_silence(&hv);
}

static void what_does_not_fit_what_was_asked_ends_the_request(void **state)
{
	static const struct damage rows[] = {
		{"another operation", offsetof(struct ic_kvp, operation), 1, IC_KVP_GET, 0},
		{"another pool", offsetof(struct ic_kvp, pool), 1, IC_KVP_POOL_GUEST, 0},
		{"another index", AT(index), 1, 1, 0},
		{"no type", AT(item.type), 4, 0, 0},
		{"a type that is none", AT(item.type), 1, 7, 0},
		{"a key without room", AT(item.key_size), 2, 0xff, 0},
		{"a value without room", AT(item.value_size), 4, 0xff, 0},
		{"a key of no bytes", AT(item.key_size), 1, 0, 0},
		{"a key without its end", AT(item.key_size), 1, 6, 0},
		{"a value of an odd size", AT(item.value_size), 1, 11, 0},
		{"half a character", AT(item.key) + 1, 1, 0xd8, 0},
		{"too short", 0, 0, 0, WHOLE - 1},
	};

	ic_guest_negotiate(&hv, 4, 0);
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		print_message("%s\n", rows[i].name);
		expect_bad_answer(&rows[i]);
		assert_int_equal(hv.ic->malformed, i + 1);
		assert_int_equal(hv.told.count, i + 1);
	}
	assert_int_equal(hv.ic->state, IC_READY);
}

static void a_text_may_fill_its_room(void **state)
{
	char key[IC_KVP_KEY_BYTES / 2];
	struct ic_packet packet;

	memset(key, 'k', sizeof(key) - 1);
	key[sizeof(key) - 1] = '\0';
	begin(KVP_LIST);
	packet = take_enumeration(IC_KVP_POOL_EXTERNAL, 0);
	set_item(&packet, key, "v");
	ic_guest_answer(&hv, &packet);
	expect_item(0, key, "v");
}

static void other_packets_of_the_guest_change_nothing(void **state)
{
	struct ic_packet packet, other;

	begin(KVP_LIST);
	packet = take_enumeration(IC_KVP_POOL_EXTERNAL, 0);
	set_item(&packet, "key", "value");
	other = packet;
	other.transaction_id++; /* another transaction */
	ic_guest_answer(&hv, &other);
	other = packet;
	other.header.type = IC_VSS; /* another component */
	ic_guest_answer(&hv, &other);
	other = packet; /* a question */
	ic_guest_put(&hv, &other);
	assert_int_equal(hv.ic->stray, 2);
	assert_int_equal(hv.ic->malformed, 1);
	assert_int_equal(kvp.item_count, 0);
	ic_guest_answer(&hv, &packet);
	expect_item(0, "key", "value");
	ic_guest_answer(&hv, &packet); /* once more */
	assert_int_equal(hv.ic->stray, 3);
	assert_int_equal(kvp.item_count, 1);
}

/* ---- set and delete -------------------- */

static void a_key_is_set(void **state)
{
	static const uint8_t key[] = {'k', 0, 0xfc, 0, 0, 0}, value[] = {'v', 0, 0, 0};
	struct ic_packet packet;
	struct ic_kvp message;

	strcpy(kvp.key, "k\xc3\xbc");
	strcpy(kvp.value, "v");
	kvp.pool = IC_KVP_POOL_GUEST;
	begin(KVP_STORE);
	packet = ic_guest_take(&hv, IC_KVP);
	message = message_of(&packet);
	assert_int_equal(message.operation, IC_KVP_SET);
	assert_int_equal(message.pool, IC_KVP_POOL_GUEST);
	assert_int_equal(message.item.type, IC_KVP_STRING);
	assert_int_equal(message.item.key_size, sizeof(key));
	assert_int_equal(message.item.value_size, sizeof(value));
	assert_memory_equal(message.item.key, key, sizeof(key));
	assert_memory_equal(message.item.value, value, sizeof(value));
	ic_guest_answer(&hv, &packet);
	expect_told(IC_ANSWERED);
}

static void a_key_is_deleted_or_there_is_none(void **state)
{
	static const uint8_t key[] = {'k', 0, 0, 0};
	struct ic_packet packet;
	struct ic_kvp message;

	strcpy(kvp.key, "k");
	begin(KVP_REMOVE);
	packet = ic_guest_take(&hv, IC_KVP);
	message = message_of(&packet);
	assert_int_equal(message.operation, IC_KVP_DELETE);
	assert_int_equal(message.remove.key_size, sizeof(key));
	assert_memory_equal(message.remove.key, key, sizeof(key));
	packet.header.status = IC_STATUS_NO_MORE_ITEMS;
	ic_guest_answer(&hv, &packet);
	expect_told(IC_REFUSED);
	assert_int_equal(hv.told.answer.status, IC_STATUS_NO_MORE_ITEMS);
}

/* ---- addresses -------------------- */

static void addresses_are_listed_with_their_family(void **state)
{
	begin(KVP_IPS);
	serve(IC_KVP_POOL_AUTO, 2, "NetworkAddressIPv4", "10.0.0.2;192.168.1.1");
	serve(IC_KVP_POOL_AUTO, 3, "NetworkAddressIPv6", ";fe80::1; 2001:db8::2;");
	expect_told(IC_ANSWERED);
	assert_int_equal(kvp.item_count, 4);
	expect_item(0, "ipv4", "10.0.0.2");
	expect_item(1, "ipv4", "192.168.1.1");
	expect_item(2, "ipv6", "fe80::1");
	expect_item(3, "ipv6", "2001:db8::2");
}

static void what_is_no_address_is_no_answer(void **state)
{
	begin(KVP_IPS);
	serve(IC_KVP_POOL_AUTO, 2, "NetworkAddressIPv4", "10.0.0.2;getifaddrs failed\n");
	expect_told(IC_BAD_ANSWER);
}

static void more_addresses_than_fit_are_given_in_parts(void **state)
{
	char list[1024] = "";

	for (unsigned i = 0; i < 70; i++)
		snprintf(list + strlen(list), sizeof(list) - strlen(list), "10.0.0.%u;", i);
	begin(KVP_IPS);
	serve(IC_KVP_POOL_AUTO, 2, "NetworkAddressIPv4", list);
	expect_told(IC_ANSWERED);
	assert_int_equal(kvp.item_count, KVP_ITEMS_MAX);
	assert_int_equal(kvp.next, KVP_ITEMS_MAX);
	kvp = (struct kvp_call){.items = items, .next = KVP_COMPLETE, .start = kvp.next};
	assert_int_equal(ask(KVP_IPS), 0);
	serve(IC_KVP_POOL_AUTO, 2, "NetworkAddressIPv4", list);
	serve(IC_KVP_POOL_AUTO, 3, "NetworkAddressIPv6", "::1");
	assert_int_equal(kvp.item_count, 7);
	expect_item(0, "ipv4", "10.0.0.64");
	expect_item(6, "ipv6", "::1");
}

static struct ic_kvp_ip_info ip_info_of(const struct ic_packet *packet)
{
	struct ic_kvp_ip_info message;

	assert_int_equal(packet->header.body_size, sizeof(message));
	memcpy(&message, packet->body, sizeof(message));
	return message;
}

#define PUT(text, member) \
	assert_int_equal(utf16_from_utf8((text), (member), sizeof(member), NULL), 0)
#define EXPECT(text, member)                                                               \
	do {                                                                               \
		char text_[KVP_VALUE_TEXT];                                                \
                                                                                           \
		assert_int_equal(                                                          \
			utf16_to_utf8((member), sizeof(member), text_, sizeof(text_)), 0); \
		assert_string_equal(text_, (text));                                        \
	} while (0)

static void one_adapter_tells_all_it_has(void **state)
{
	struct ic_packet packet;
	struct ic_kvp_ip_info message;

	strcpy(kvp.adapter, "00:15:5D:01:02:03");
	begin(KVP_IPS);
	packet = ic_guest_take(&hv, IC_KVP);
	message = ip_info_of(&packet);
	assert_int_equal(message.operation, IC_KVP_GET_IP_INFO);
	EXPECT("00:15:5D:01:02:03", message.adapter);
	PUT("10.0.0.2;fe80::1", message.address);
	PUT("255.0.0.0;/64", message.subnet);
	PUT("10.0.0.1", message.gateway);
	PUT("9.9.9.9;", message.dns);
	message.dhcp = 1;
	memcpy(packet.body, &message, sizeof(message));
	ic_guest_answer(&hv, &packet);
	expect_told(IC_ANSWERED);
	assert_int_equal(kvp.item_count, 7);
	expect_item(1, "ipv6", "fe80::1");
	expect_item(2, "subnet", "255.0.0.0");
	expect_item(3, "subnet", "/64");
	expect_item(4, "gateway", "10.0.0.1");
	expect_item(5, "dns", "9.9.9.9");
	expect_item(6, "dhcp", "true");
}

static void an_adapter_without_end_of_text_is_no_answer(void **state)
{
	struct ic_packet packet;
	struct ic_kvp_ip_info message;

	strcpy(kvp.adapter, "00:15:5D:01:02:03");
	begin(KVP_IPS);
	packet = ic_guest_take(&hv, IC_KVP);
	message = ip_info_of(&packet);
	memset(message.dns, '1', sizeof(message.dns));
	memcpy(packet.body, &message, sizeof(message));
	ic_guest_answer(&hv, &packet);
	expect_told(IC_BAD_ANSWER);
}

/* ---- time and ends -------------------- */

static void the_patience_is_for_all_packets_together(void **state)
{
	struct ic_packet packet;

	begin(KVP_LIST);
	ic_guest_pass(&hv, 3 * NSEC_PER_SEC);
	serve(IC_KVP_POOL_EXTERNAL, 0, "a", "b");
	packet = take_enumeration(IC_KVP_POOL_EXTERNAL, 1);
	ic_guest_pass(&hv, NSEC_PER_SEC - 1);
	assert_int_equal(hv.told.count, 0);
	ic_guest_pass(&hv, 1);
	assert_int_equal(hv.told.count, 1);
	assert_int_equal(hv.told.answer.outcome, IC_LOST);
	assert_int_equal(hv.ic->state, IC_READY); /* it was read: somebody is there */
	set_item(&packet, "c", "d");
	ic_guest_answer(&hv, &packet);
	assert_int_equal(hv.ic->late, 1);
	assert_int_equal(kvp.item_count, 1);
	ic_guest_expect_silence(&hv);
}

static void another_request_waits_for_all_packets_of_the_first(void **state)
{
	begin(KVP_LIST);
	assert_int_equal(ask(KVP_LIST), IC_E_BUSY);
	serve(IC_KVP_POOL_EXTERNAL, 0, "a", "b");
	assert_int_equal(ask(KVP_LIST), IC_E_BUSY);
	refuse(IC_KVP, IC_STATUS_FAIL);
	expect_told(IC_REFUSED);
	assert_int_equal(ask(KVP_LIST), 0);
}

static void a_channel_that_closes_ends_the_request(void **state)
{
	begin(KVP_LIST);
	serve(IC_KVP_POOL_EXTERNAL, 0, "a", "b");
	vmbus_guest_close(&hv.guest, hv.relid);
	assert_int_equal(hv.told.count, 1);
	assert_int_equal(hv.told.answer.outcome, IC_ENDED);
	assert_int_equal(hv.ic->state, IC_CLOSED);
}

static void a_packet_that_is_too_large_fails_the_channel(void **state)
{
	static uint8_t large[IC_PACKET_MAX + 8];
	const struct iovec iov = {large, sizeof(large)};
	bool signal;

	begin(KVP_LIST);
	assert_int_equal(
		ring_write(&hv.to_host, VMBUS_PACKET_DATA_INBAND, 0, 1, &iov, 1, 0, &signal), 0);
	vmbus_guest_signal(&hv.guest, hv.relid);
	fake_vm_run_loop(hv.guest.fake);
	assert_int_equal(hv.told.answer.outcome, IC_ENDED);
	assert_int_equal(hv.ic->state, IC_CLOSED);
}

/* ---- what no guest could take -------------------- */

static void texts_are_checked_before_they_are_sent(void **state)
{
	static const struct {
		const char *member;
		size_t offset;
		const char *text;
	} rows[] = {
		{"key", offsetof(struct kvp_call, key), "\xff"},
		{"adapter", offsetof(struct kvp_call, adapter), "00:15:5D:01:02"},
		{"adapter", offsetof(struct kvp_call, adapter), "00:15:5D:01:02:0g"},
	};
	const char *why;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		kvp = (struct kvp_call){0};
		strcpy((char *)&kvp + rows[i].offset, rows[i].text);
		assert_string_equal(kvp_prepare(&kvp, &why), rows[i].member);
		assert_non_null(why);
	}
	kvp = (struct kvp_call){0};
	memset(kvp.key, 'k', 254);
	strcpy(kvp.adapter, "00-15-5d-01-02-0f");
	assert_null(kvp_prepare(&kvp, &why));
	assert_string_equal(kvp.adapter, "00:15:5D:01:02:0F");
	kvp.key[254] = 'k';
	assert_string_equal(kvp_prepare(&kvp, &why), "key");
}

#define KVP_TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		KVP_TEST(a_driver_without_its_daemon_is_no_fault),
		KVP_TEST(a_driver_that_reads_and_is_silent_has_its_daemon),
		KVP_TEST(a_daemon_that_ends_is_missed_and_may_come_back),
		KVP_TEST(a_pool_is_asked_for_item_by_item),
		KVP_TEST(what_the_guest_is_stands_in_the_pool_auto),
		KVP_TEST(a_pool_without_end_is_given_in_parts),
		KVP_TEST(a_key_is_looked_for_by_enumeration),
		KVP_TEST(a_key_that_is_not_there_is_no_item),
		KVP_TEST(numbers_are_shown_as_text),
		KVP_TEST(what_does_not_fit_what_was_asked_ends_the_request),
		KVP_TEST(a_text_may_fill_its_room),
		KVP_TEST(other_packets_of_the_guest_change_nothing),
		KVP_TEST(a_key_is_set),
		KVP_TEST(a_key_is_deleted_or_there_is_none),
		KVP_TEST(addresses_are_listed_with_their_family),
		KVP_TEST(what_is_no_address_is_no_answer),
		KVP_TEST(more_addresses_than_fit_are_given_in_parts),
		KVP_TEST(one_adapter_tells_all_it_has),
		KVP_TEST(an_adapter_without_end_of_text_is_no_answer),
		KVP_TEST(the_patience_is_for_all_packets_together),
		KVP_TEST(another_request_waits_for_all_packets_of_the_first),
		KVP_TEST(a_channel_that_closes_ends_the_request),
		KVP_TEST(a_packet_that_is_too_large_fails_the_channel),
		KVP_TEST(texts_are_checked_before_they_are_sent),
	};

	return cmocka_run_group_tests_name("ic-kvp", tests, NULL, NULL);
}
