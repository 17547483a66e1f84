/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ACPI tables and the AML in them, byte by byte.
 *
 *	test-acpi		the tests
 *	test-acpi DIR [vmbus]	writes every table into a file DIR/SIGNATURE.dat, for iasl
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "fake_vm.h"
#include "vmm/boot/acpi.h"
#include "vmm/boot/aml.h"

static uint8_t area[ACPI_TABLES_BYTES];
static size_t used;

static void build(unsigned vp_count, bool vmbus)
{
	memset(area, 0, sizeof(area));
	assert_int_equal(acpi_build(&(struct acpi_config){.vp_count = vp_count, .vmbus = vmbus},
				 area, &used),
		0);
	assert_in_range(used, 1, sizeof(area));
}

static uint64_t word(const uint8_t *at, size_t bytes)
{
	uint64_t value = 0;

	memcpy(&value, at, bytes);
	return value;
}

static uint8_t sum(const uint8_t *bytes, size_t count)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < count; i++)
		sum += bytes[i];
	return sum;
}

/* The table at an address, which must be a whole one with the right checksum. */
static const uint8_t *table_at(uint64_t gpa, const char *signature)
{
	const uint8_t *table = area + (gpa - ACPI_TABLES_GPA);
	uint64_t length;

	assert_in_range(gpa, ACPI_TABLES_GPA, ACPI_TABLES_GPA + used - 36);
	length = word(table + 4, 4);
	assert_in_range(length, 36, used - (gpa - ACPI_TABLES_GPA));
	assert_memory_equal(table, signature, 4);
	assert_int_equal(sum(table, length), 0);
	assert_int_equal(gpa % 16, 0);
	return table;
}

static const uint8_t *xsdt(void)
{
	return table_at(word(area + 24, 8), "XSDT");
}

static const uint8_t *fadt(void)
{
	return table_at(word(xsdt() + 36, 8), "FACP");
}

static const uint8_t *madt(void)
{
	return table_at(word(xsdt() + 44, 8), "APIC");
}

static const uint8_t *dsdt(void)
{
	return table_at(word(fadt() + 140, 8), "DSDT");
}

/* tables */

static void test_roots(void **state)
{
	build(1, false);
	assert_memory_equal(area, "RSD PTR ", 8);
	assert_int_equal(area[15], 2);
	assert_int_equal(word(area + 20, 4), 36);
	assert_int_equal(sum(area, 20), 0);
	assert_int_equal(sum(area, 36), 0);
	assert_int_equal(word(xsdt() + 4, 4), 36 + 2 * 8);
}

static void test_fadt(void **state)
{
	const uint8_t *facs;

	build(1, false);
	assert_int_equal(word(fadt() + 4, 4), 276);
	assert_int_equal(fadt()[8], 6);
	assert_int_equal(word(fadt() + 46, 2), 9);     /* SCI */
	assert_int_equal(word(fadt() + 48, 4), 0);     /* no SMI: always in ACPI mode */
	assert_int_equal(word(fadt() + 56, 4), 0x600); /* PM1a event */
	assert_int_equal(word(fadt() + 64, 4), 0x604); /* PM1a control */
	assert_int_equal(word(fadt() + 76, 4), 0);     /* no PM timer */
	assert_int_equal(word(fadt() + 80, 8), 0);     /* no general-purpose events */
	assert_int_equal(fadt()[88], 4);
	assert_int_equal(fadt()[89], 2);
	assert_int_equal(fadt()[91], 0);
	assert_int_equal(fadt()[108], 0x32);           /* century */
	assert_int_equal(word(fadt() + 109, 2), 0x15); /* legacy devices, no VGA, no 8042 */
	assert_int_equal(word(fadt() + 112, 4), 0x1475);
	assert_int_equal(word(fadt() + 116, 4), 0x01000801);
	assert_int_equal(word(fadt() + 120, 8), 0xcf9); /* reset register */
	assert_int_equal(fadt()[128], 6);
	assert_int_equal(word(fadt() + 152, 8), 0x600); /* and PM1a once more, 64 bits wide */
	assert_int_equal(word(fadt() + 176, 8), 0x604);
	assert_int_equal(word(fadt() + 40, 4), word(fadt() + 140, 8));
	assert_int_equal(word(fadt() + 36, 4) % 64, 0);
	facs = area + (word(fadt() + 36, 4) - ACPI_TABLES_GPA);
	assert_memory_equal(facs, "FACS", 4);
	assert_int_equal(word(facs + 4, 4), 64);
}

/* Every VP has its LAPIC; one IOAPIC; IRQ 0 on pin 2; the SCI level-triggered; NMI on LINT1. */
static void test_madt(void **state)
{
	static const unsigned vp_counts[] = {1, 2, 4, 64};
	static const uint8_t rest[] = {1, 12, 0, 0, 0x00, 0x00, 0xc0, 0xfe, 0, 0, 0, 0, 2, 10, 0, 0,
		2, 0, 0, 0, 0, 0, 2, 10, 0, 9, 9, 0, 0, 0, 0x0d, 0, 4, 6, 0xff, 0, 0, 1};

	for (size_t i = 0; i < ARRAY_LEN(vp_counts); i++) {
		const uint8_t *at;

		build(vp_counts[i], true);
		assert_int_equal(word(madt() + 4, 4), 44 + vp_counts[i] * 8 + sizeof(rest));
		assert_int_equal(word(madt() + 36, 4), 0xfee00000);
		assert_int_equal(word(madt() + 40, 4), 1);
		at = madt() + 44;
		for (unsigned vp = 0; vp < vp_counts[i]; vp++, at += 8) {
			const uint8_t lapic[8] = {0, 8, (uint8_t)vp, (uint8_t)vp, 1};

			assert_memory_equal(at, lapic, sizeof(lapic));
		}
		assert_memory_equal(at, rest, sizeof(rest));
	}
}

static const uint8_t *find(const uint8_t *table, const void *bytes, size_t count)
{
	return memmem(table, word(table + 4, 4), bytes, count);
}

static void test_dsdt(void **state)
{
	static const uint8_t power_off[] = {0x08, '\\', '_', 'S', '5', '_', 0x12, 0x08, 0x04, 0x0a,
		0x05, 0x0a, 0x05, 0x00, 0x00};
	static const uint8_t com1[] = {0x5b, 0x82, 0x2b, 'C', 'O', 'M', '1', 0x08, '_', 'H', 'I',
		'D', 0x0c, 0x41, 0xd0, 0x05, 0x01, 0x08, '_', 'U', 'I', 'D', 0x01, 0x08, '_', 'C',
		'R', 'S', 0x11, 0x10, 0x0a, 0x0d, 0x47, 0x01, 0xf8, 0x03, 0xf8, 0x03, 0x01, 0x08,
		0x22, 0x10, 0x00, 0x79, 0x00};

	build(1, false);
	assert_memory_equal(dsdt() + 36, power_off, sizeof(power_off));
	assert_non_null(find(dsdt(), com1, sizeof(com1)));
	assert_non_null(find(dsdt(), "RTC_", 4));
	assert_null(find(dsdt(), "VMBS", 4));
}

static void test_vmbus(void **state)
{
	static const uint8_t vmbus[] = {0x5b, 0x82, 0x35, 'V', 'M', 'B', 'S', 0x08, '_', 'H', 'I',
		'D', 0x0d, 'V', 'M', 'B', 'u', 's', 0, 0x08, '_', 'U', 'I', 'D', 0x00, 0x08, '_',
		'D', 'D', 'N', 0x0d, 'V', 'M', 'B', 'U', 'S', 0, 0x08, '_', 'S', 'T', 'A', 0x0a,
		0x0f, 0x08, '_', 'C', 'R', 'S', 0x11, 0x05, 0x0a, 0x02, 0x79, 0x00};

	build(1, true);
	assert_non_null(find(dsdt(), vmbus, sizeof(vmbus)));
}

static void test_load(void **state)
{
	struct fake_vm *fake = fake_vm_new(2, 0);

	build(2, false);
	assert_int_equal(acpi_load(&fake->vm), 0);
	assert_memory_equal(fake_vm_ram(fake, ACPI_TABLES_GPA), area, used);
	fake->vm.has_vmbus = true;
	build(2, true);
	assert_int_equal(acpi_load(&fake->vm), 0);
	assert_memory_equal(fake_vm_ram(fake, ACPI_TABLES_GPA), area, used);
	fake_vm_free(fake);
}

/* AML */

static void test_integers(void **state)
{
	static const struct {
		uint64_t value;
		uint8_t bytes[9];
		size_t count;
	} rows[] = {
		{0, {0x00}, 1},
		{1, {0x01}, 1},
		{2, {0x0a, 2}, 2},
		{0xff, {0x0a, 0xff}, 2},
		{0x100, {0x0b, 0x00, 0x01}, 3},
		{0x10000, {0x0c, 0x00, 0x00, 0x01, 0x00}, 5},
		{UINT32_MAX, {0x0c, 0xff, 0xff, 0xff, 0xff}, 5},
		{UINT64_C(1) << 32, {0x0e, 0, 0, 0, 0, 1, 0, 0, 0}, 9},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t bytes[32];
		struct aml aml = {.bytes = bytes, .size = sizeof(bytes)};

		aml_name_integer(&aml, "A", rows[i].value);
		assert_int_equal(aml.used, 5 + rows[i].count);
		assert_memory_equal(bytes,
			"\x08"
			"A___",
			5);
		assert_memory_equal(bytes + 5, rows[i].bytes, rows[i].count);
	}
}

/* The size of a device that holds `extra` bytes beside its name, opcode and length included. */
static size_t device_bytes(size_t extra, uint8_t *bytes, size_t size)
{
	struct aml aml = {.bytes = bytes, .size = size};
	char text[8192] = "";
	size_t opened = aml_open_device(&aml, "D");

	memset(text, 'x', extra - 7);
	aml_name_string(&aml, "S", text); /* seven bytes more than the text */
	aml_close(&aml, opened);
	assert_false(aml.overflow);
	return aml.used;
}

/* The length counts itself: 63 is the most that one byte can say, 4095 two. */
static void test_lengths(void **state)
{
	static uint8_t bytes[8192];

	assert_int_equal(device_bytes(58, bytes, sizeof(bytes)), 2 + 63);
	assert_int_equal(bytes[2], 63);
	assert_int_equal(device_bytes(59, bytes, sizeof(bytes)), 2 + 65);
	assert_int_equal(word(bytes + 2, 2), 0x0441); /* 65 = 0x41 */
	assert_int_equal(device_bytes(4089, bytes, sizeof(bytes)), 2 + 4095);
	assert_int_equal(word(bytes + 2, 2), 0xff4f);
	assert_int_equal(device_bytes(4090, bytes, sizeof(bytes)), 2 + 4097);
	assert_int_equal(word(bytes + 2, 3), 0x010081); /* 4097 = 0x1001 */
}

/* Whatever the room, nothing is written beyond it, and it is said that there was not enough. */
static void test_overflow(void **state)
{
	size_t whole = 0;

	for (size_t room = 100; room > 0; room--) {
		uint8_t *bytes = malloc(room); /* exact, so that ASan sees a write past the end */
		struct aml aml = {.bytes = bytes, .size = room};
		size_t device = aml_open_device(&aml, "DEV"), resources;

		aml_name_eisa_id(&aml, "_HID", "PNP0501");
		resources = aml_open_resources(&aml, "_CRS");
		aml_resource_io(&aml, 0x3f8, 8);
		aml_resource_irq(&aml, 4);
		aml_close_resources(&aml, resources);
		aml_close(&aml, device);
		if (room == 100)
			whole = aml.used;
		assert_int_equal(aml.overflow, room < whole);
		assert_true(aml.used <= room);
		free(bytes);
	}
}

static int write_table(const char *folder, const uint8_t *table)
{
	char path[4096];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%.4s.dat", folder, (const char *)table);
	file = fopen(path, "wb");
	if (!file || fwrite(table, word(table + 4, 4), 1, file) != 1 || fclose(file) != 0) {
		perror(path);
		return 1;
	}
	return 0;
}

static int write_tables(const char *folder, bool vmbus)
{
	build(4, vmbus);
	return write_table(folder, xsdt()) || write_table(folder, fadt()) ||
	       write_table(folder, madt()) || write_table(folder, dsdt());
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_roots),
		cmocka_unit_test(test_fadt),
		cmocka_unit_test(test_madt),
		cmocka_unit_test(test_dsdt),
		cmocka_unit_test(test_vmbus),
		cmocka_unit_test(test_load),
		cmocka_unit_test(test_integers),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_overflow),
	};

	if (argc > 1)
		return write_tables(argv[1], argc > 2);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
