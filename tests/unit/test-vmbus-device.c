/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Devices by name: specs as a user types them, names that are free again, removal at the end. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "vmbus/device.h"
#include "vmbus_guest.h"

static struct vmbus_guest guest;
static char text[DEVICE_ERROR_BYTES];

static int set_up(void **state)
{
	vmbus_guest_start(&guest);
	return 0;
}

static int tear_down(void **state)
{
	vmbus_devices_remove_all(guest.bus);
	vmbus_guest_end(&guest);
	return 0;
}

static void add(const char *spec)
{
	assert_int_equal(vmbus_device_add(guest.bus, spec, text), 0);
}

static void what_is_wrong_with_a_spec_is_named(void **state)
{
	static const struct {
		const char *spec;
		int error;
		const char *says;
	} rows[] = {
		{"", -ENOENT, "'' is no device; there are"},
		{"floppy", -ENOENT, "'floppy' is no device; there are"},
		{"null,", -EINVAL, "'' is not key=value"},
		{"null,class", -EINVAL, "'class' is not key=value"},
		{"null,=1", -EINVAL, "'=1' is not key=value"},
		{"null,colour=red", -EINVAL, "null has no option 'colour'"},
		{"null,id=", -EINVAL, "id: '' is not"},
		{"null,id=a b", -EINVAL, "id: 'a b' is not"},
		{"null,id=12345678901234567890123456789012", -EINVAL, "id: '1234"},
		{"null,id=a,id=a,id=a,id=a,id=a,id=a,id=a,id=a,id=a", -EINVAL, "more than 8"},
	};
	char longest[600];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(vmbus_device_check(rows[i].spec, text), rows[i].error);
		assert_non_null(strstr(text, rows[i].says));
		assert_int_equal(vmbus_device_add(guest.bus, rows[i].spec, text), rows[i].error);
	}
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(vmbus_device_check(longest, text), -EINVAL);
	assert_non_null(strstr(text, "longer than"));
	assert_int_equal(vmbus_device_add(guest.bus, "null,class=1", text), -EINVAL);
	assert_non_null(strstr(text, "class: '1' is not a GUID"));
}

static void a_name_and_a_device_are_there_once(void **state)
{
	add("null");
	assert_int_equal(vmbus_device_add(guest.bus, "null", text), -EEXIST);
	assert_non_null(strstr(text, "there is a device 'null'"));
	/* Another name, the same GUIDs. */
	assert_int_equal(vmbus_device_add(guest.bus, "null,id=other", text), -EEXIST);
	add("null,id=other,instance=00000000-0000-0000-0000-000000000001");
}

static void a_guest_sees_the_offers_and_may_open_them(void **state)
{
	uint32_t relids[4];

	add("null");
	assert_int_equal(vmbus_guest_connect(&guest, relids, 4), 1);
	vmbus_guest_open(&guest, relids[0], 8);
	assert_int_equal(vmbus_guest_signal(&guest, relids[0]), HV_STATUS_SUCCESS);
}

static void a_removed_device_leaves_its_name_at_once_and_its_offer_later(void **state)
{
	uint32_t relids[4];

	add("null");
	vmbus_guest_connect(&guest, relids, 4);
	assert_int_equal(vmbus_device_remove(guest.bus, "null"), 0);
	assert_int_equal(vmbus_device_remove(guest.bus, "null"), -ENOENT);
	vmbus_guest_expect(&guest, VMBUS_MSG_RESCIND_CHANNEL_OFFER, NULL, 0);
	add("null");
	vmbus_guest_expect_nothing(&guest);
	vmbus_guest_release(&guest, relids[0]);
	vmbus_guest_expect(&guest, VMBUS_MSG_OFFER_CHANNEL, NULL, 0);
}

static void the_end_of_the_vm_takes_everything_back(void **state)
{
	uint32_t relids[4];

	add("null");
	vmbus_guest_connect(&guest, relids, 4);
	vmbus_guest_open(&guest, relids[0], 8);
	assert_int_equal(vmbus_device_remove(guest.bus, "null"), 0);
	add("null");
	vmbus_devices_remove_all(guest.bus);
}

#define DEVICE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		DEVICE_TEST(what_is_wrong_with_a_spec_is_named),
		DEVICE_TEST(a_name_and_a_device_are_there_once),
		DEVICE_TEST(a_guest_sees_the_offers_and_may_open_them),
		DEVICE_TEST(a_removed_device_leaves_its_name_at_once_and_its_offer_later),
		DEVICE_TEST(the_end_of_the_vm_takes_everything_back),
	};

	return cmocka_run_group_tests_name("vmbus-device", tests, NULL, NULL);
}
