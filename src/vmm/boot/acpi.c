/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/boot/acpi.h"

#include <errno.h>
#include <string.h>
#include "vmm/boot/aml.h"
#include "vmm/dev/acpi_pm.h"
#include "vmm/dev/pci_config.h"
#include "vmm/dev/rtc.h"
#include "vmm/dev/uart.h"
#include "vmm/vm.h"

/* layouts, ACPI 6.4, chapter 5 */

struct rsdp {
	char signature[8];
	uint8_t checksum; /* of the first 20 bytes */
	char oem_id[6];
	uint8_t revision;
	uint32_t rsdt;
	uint32_t length;
	uint64_t xsdt;
	uint8_t extended_checksum; /* of all */
	uint8_t reserved[3];
} __attribute__((packed));
_Static_assert(sizeof(struct rsdp) == 36, "5.2.5.3");

struct sdt_header {
	char signature[4];
	uint32_t length;
	uint8_t revision;
	uint8_t checksum;
	char oem_id[6];
	char oem_table_id[8];
	uint32_t oem_revision;
	char creator_id[4];
	uint32_t creator_revision;
} __attribute__((packed));
_Static_assert(sizeof(struct sdt_header) == 36, "5.2.6");

struct gas {
	uint8_t space, bit_width, bit_offset, access_size;
	uint64_t address;
} __attribute__((packed));
enum { GAS_SYSTEM_IO = 1, GAS_BYTE = 1, GAS_WORD = 2 };

struct fadt {
	struct sdt_header header;
	uint32_t facs, dsdt;
	uint8_t reserved, preferred_pm_profile;
	uint16_t sci_interrupt;
	uint32_t smi_command;
	uint8_t acpi_enable, acpi_disable, s4_bios, pstate_control;
	uint32_t pm1a_event, pm1b_event, pm1a_control, pm1b_control, pm2_control, pm_timer;
	uint32_t gpe0, gpe1;
	uint8_t pm1_event_bytes, pm1_control_bytes, pm2_control_bytes, pm_timer_bytes;
	uint8_t gpe0_bytes, gpe1_bytes, gpe1_base, cst_control;
	uint16_t c2_latency, c3_latency, flush_size, flush_stride;
	uint8_t duty_offset, duty_width, day_alarm, month_alarm, century;
	uint16_t boot_architecture;
	uint8_t reserved2;
	uint32_t flags;
	struct gas reset_register;
	uint8_t reset_value;
	uint16_t arm_boot_architecture;
	uint8_t minor_version;
	uint64_t x_facs, x_dsdt;
	struct gas x_pm1a_event, x_pm1b_event, x_pm1a_control, x_pm1b_control, x_pm2_control;
	struct gas x_pm_timer, x_gpe0, x_gpe1, sleep_control, sleep_status;
	uint64_t hypervisor_vendor;
} __attribute__((packed));
_Static_assert(sizeof(struct fadt) == 276, "5.2.9");

enum {
	FADT_WBINVD = 1 << 0,
	FADT_C1 = 1 << 2,
	FADT_NO_POWER_BUTTON = 1 << 4, /* not as fixed hardware */
	FADT_NO_SLEEP_BUTTON = 1 << 5,
	FADT_NO_FIXED_RTC = 1 << 6,
	FADT_RESET_REGISTER = 1 << 10,
	FADT_HEADLESS = 1 << 12,
};
enum { BOOT_LEGACY_DEVICES = 1 << 0, BOOT_NO_VGA = 1 << 2, BOOT_NO_ASPM = 1 << 4 };
/* Longer than these: the state does not exist. */
enum { C2_LATENCY_NONE = 101, C3_LATENCY_NONE = 1001 };

struct facs {
	char signature[4];
	uint32_t length, hardware_signature, waking_vector, global_lock, flags;
	uint64_t x_waking_vector;
	uint8_t version, reserved[31];
} __attribute__((packed));
_Static_assert(sizeof(struct facs) == 64, "5.2.10");

struct madt {
	struct sdt_header header;
	uint32_t lapic_address, flags;
} __attribute__((packed));
enum { MADT_PCAT_COMPAT = 1 << 0 };

struct madt_lapic {
	uint8_t type, length, processor_uid, apic_id;
	uint32_t flags;
} __attribute__((packed));
enum { MADT_LAPIC = 0, LAPIC_ENABLED = 1 << 0 };

struct madt_ioapic {
	uint8_t type, length, id, reserved;
	uint32_t address, gsi_base;
} __attribute__((packed));
enum { MADT_IOAPIC = 1 };

struct madt_override {
	uint8_t type, length, bus, source;
	uint32_t gsi;
	uint16_t flags;
} __attribute__((packed));
enum { MADT_OVERRIDE = 2, ACTIVE_HIGH_LEVEL = 0xd };

struct madt_lapic_nmi {
	uint8_t type, length, processor_uid;
	uint16_t flags;
	uint8_t lint;
} __attribute__((packed));
enum { MADT_LAPIC_NMI = 4, ALL_PROCESSORS = 0xff };

enum { TIMER_IRQ = 0, TIMER_GSI = 2, SCI_IRQ = 9 };
enum { LAPIC_GPA = 0xfee00000, IOAPIC_GPA = 0xfec00000 };

/* building: one table after the other, 16-byte aligned */

struct builder {
	const struct acpi_config *config;
	uint8_t *bytes;
	size_t used;
	bool overflow;
	uint64_t facs, dsdt, fadt, madt, xsdt; /* addresses */
};

static uint8_t checksum(const void *bytes, size_t count)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < count; i++)
		sum += ((const uint8_t *)bytes)[i];
	return (uint8_t)-sum;
}

static struct sdt_header sdt_header(const char signature[4], uint8_t revision)
{
	struct sdt_header header = {
		.revision = revision,
		.oem_id = {'H', 'V', 'D', ' ', ' ', ' '},
		.oem_table_id = {'H', 'V', 'D', ' ', ' ', ' ', ' ', ' '},
		.oem_revision = 1,
		.creator_id = {'H', 'V', 'D', ' '},
		.creator_revision = 1,
	};

	memcpy(header.signature, signature, sizeof(header.signature));
	return header;
}

static void put(struct builder *b, const void *bytes, size_t count)
{
	if (count > ACPI_TABLES_BYTES - b->used) {
		b->overflow = true;
		return;
	}
	memcpy(b->bytes + b->used, bytes, count);
	b->used += count;
}

/* Where the next table goes. */
static size_t align(struct builder *b)
{
	static const uint8_t zeroes[16];

	put(b, zeroes, -b->used % sizeof(zeroes));
	return b->used;
}

/* The table from `start` on is complete: its length and checksum go in. Returns its address. */
static uint64_t finish(struct builder *b, size_t start)
{
	struct sdt_header header;
	size_t length = b->used - start;

	if (b->overflow)
		return 0;
	memcpy(&header, b->bytes + start, sizeof(header));
	header.length = (uint32_t)length;
	memcpy(b->bytes + start, &header, sizeof(header));
	header.checksum = checksum(b->bytes + start, length);
	memcpy(b->bytes + start, &header, sizeof(header));
	return ACPI_TABLES_GPA + start;
}

/* DSDT */

static void describe_serial_port(struct aml *aml)
{
	size_t device = aml_open_device(aml, "COM1"), resources;

	aml_name_eisa_id(aml, "_HID", "PNP0501");
	aml_name_integer(aml, "_UID", 1);
	resources = aml_open_resources(aml, "_CRS");
	aml_resource_io(aml, UART_PORT, UART_PORTS);
	aml_resource_irq(aml, UART_IRQ);
	aml_close_resources(aml, resources);
	aml_close(aml, device);
}

static void describe_rtc(struct aml *aml)
{
	size_t device = aml_open_device(aml, "RTC"), resources;

	aml_name_eisa_id(aml, "_HID", "PNP0B00");
	resources = aml_open_resources(aml, "_CRS");
	aml_resource_io(aml, RTC_PORT, RTC_PORTS);
	aml_close_resources(aml, resources);
	aml_close(aml, device);
}

/* The name is what Linux looks for; the interrupt of the real one is not used on x86. */
static void describe_vmbus(struct aml *aml)
{
	size_t device = aml_open_device(aml, "VMBS"), resources;

	aml_name_string(aml, "_HID", "VMBus");
	aml_name_integer(aml, "_UID", 0);
	aml_name_string(aml, "_DDN", "VMBUS");
	aml_name_integer(aml, "_STA", 0xf);
	resources = aml_open_resources(aml, "_CRS");
	aml_close_resources(aml, resources);
	aml_close(aml, device);
}

static void build_dsdt(struct builder *b)
{
	static const uint8_t s5[] = {ACPI_PM_SLEEP_TYPE_S5, ACPI_PM_SLEEP_TYPE_S5, 0, 0};
	struct sdt_header header = sdt_header("DSDT", 2);
	size_t start = align(b), scope;
	struct aml aml;

	put(b, &header, sizeof(header));
	aml = (struct aml){.bytes = b->bytes + b->used, .size = ACPI_TABLES_BYTES - b->used};
	aml_name_package(&aml, "\\_S5", s5, ARRAY_LEN(s5));
	scope = aml_open_scope(&aml, "\\_SB");
	describe_serial_port(&aml);
	describe_rtc(&aml);
	if (b->config->vmbus)
		describe_vmbus(&aml);
	aml_close(&aml, scope);
	b->used += aml.used;
	b->overflow |= aml.overflow;
	b->dsdt = finish(b, start);
}

/* FACS and FADT */

static void build_facs(struct builder *b)
{
	struct facs facs = {.signature = "FACS", .length = sizeof(facs), .version = 2};

	put(b, &(uint8_t[64]){0}, -b->used % 64);
	b->facs = ACPI_TABLES_GPA + b->used;
	put(b, &facs, sizeof(facs));
}

static struct gas io_register(uint16_t port, uint8_t bytes, uint8_t access_size)
{
	return (struct gas){
		.space = GAS_SYSTEM_IO,
		.bit_width = (uint8_t)(bytes * 8),
		.access_size = access_size,
		.address = port,
	};
}

static void build_fadt(struct builder *b)
{
	struct fadt fadt = {
		.header = sdt_header("FACP", 6),
		.facs = (uint32_t)b->facs,
		.dsdt = (uint32_t)b->dsdt,
		.sci_interrupt = SCI_IRQ,
		.pm1a_event = ACPI_PM_EVENT_PORT,
		.pm1a_control = ACPI_PM_CONTROL_PORT,
		.pm1_event_bytes = ACPI_PM_EVENT_PORTS,
		.pm1_control_bytes = ACPI_PM_CONTROL_PORTS,
		.c2_latency = C2_LATENCY_NONE,
		.c3_latency = C3_LATENCY_NONE,
		.century = RTC_CENTURY,
		.boot_architecture = BOOT_LEGACY_DEVICES | BOOT_NO_VGA | BOOT_NO_ASPM,
		.flags = FADT_WBINVD | FADT_C1 | FADT_NO_POWER_BUTTON | FADT_NO_SLEEP_BUTTON |
			 FADT_NO_FIXED_RTC | FADT_RESET_REGISTER | FADT_HEADLESS,
		.reset_register = io_register(PCI_RESET_PORT, 1, GAS_BYTE),
		.reset_value = PCI_RESET_FULL,
		.minor_version = 4,
		.x_facs = b->facs,
		.x_dsdt = b->dsdt,
		.x_pm1a_event = io_register(ACPI_PM_EVENT_PORT, ACPI_PM_EVENT_PORTS, GAS_WORD),
		.x_pm1a_control = io_register(
			ACPI_PM_CONTROL_PORT, ACPI_PM_CONTROL_PORTS, GAS_WORD),
	};
	size_t start = align(b);

	put(b, &fadt, sizeof(fadt));
	b->fadt = finish(b, start);
}

/* MADT */

static void put_lapics(struct builder *b)
{
	for (unsigned i = 0; i < b->config->vp_count; i++) {
		struct madt_lapic lapic = {
			.type = MADT_LAPIC,
			.length = sizeof(lapic),
			.processor_uid = (uint8_t)i,
			.apic_id = (uint8_t)i,
			.flags = LAPIC_ENABLED,
		};

		put(b, &lapic, sizeof(lapic));
	}
}

static void put_override(struct builder *b, uint8_t source, uint32_t gsi, uint16_t flags)
{
	struct madt_override override = {
		.type = MADT_OVERRIDE,
		.length = sizeof(override),
		.source = source,
		.gsi = gsi,
		.flags = flags,
	};

	put(b, &override, sizeof(override));
}

static void build_madt(struct builder *b)
{
	struct madt madt = {
		.header = sdt_header("APIC", 5),
		.lapic_address = LAPIC_GPA,
		.flags = MADT_PCAT_COMPAT,
	};
	struct madt_ioapic ioapic = {
		.type = MADT_IOAPIC,
		.length = sizeof(ioapic),
		.address = IOAPIC_GPA,
	};
	struct madt_lapic_nmi nmi = {
		.type = MADT_LAPIC_NMI,
		.length = sizeof(nmi),
		.processor_uid = ALL_PROCESSORS,
		.lint = 1,
	};
	size_t start = align(b);

	put(b, &madt, sizeof(madt));
	put_lapics(b);
	put(b, &ioapic, sizeof(ioapic));
	put_override(b, TIMER_IRQ, TIMER_GSI, 0);
	put_override(b, SCI_IRQ, SCI_IRQ, ACTIVE_HIGH_LEVEL);
	put(b, &nmi, sizeof(nmi));
	b->madt = finish(b, start);
}

/* roots */

static void build_xsdt(struct builder *b)
{
	struct {
		struct sdt_header header;
		uint64_t tables[2];
	} __attribute__((packed)) xsdt = {
		.header = sdt_header("XSDT", 1),
		.tables = {b->fadt, b->madt},
	};
	size_t start = align(b);

	put(b, &xsdt, sizeof(xsdt));
	b->xsdt = finish(b, start);
}

static void fill_rsdp(struct builder *b)
{
	struct rsdp rsdp = {
		.signature = {'R', 'S', 'D', ' ', 'P', 'T', 'R', ' '},
		.oem_id = {'H', 'V', 'D', ' ', ' ', ' '},
		.revision = 2,
		.length = sizeof(rsdp),
		.xsdt = b->xsdt,
	};

	rsdp.checksum = checksum(&rsdp, 20);
	rsdp.extended_checksum = checksum(&rsdp, sizeof(rsdp));
	memcpy(b->bytes, &rsdp, sizeof(rsdp));
}

int acpi_build(const struct acpi_config *config, uint8_t bytes[ACPI_TABLES_BYTES], size_t *ret_used)
{
	struct builder b = {.config = config, .bytes = bytes, .used = sizeof(struct rsdp)};

	build_facs(&b);
	build_dsdt(&b);
	build_fadt(&b);
	build_madt(&b);
	build_xsdt(&b);
	if (b.overflow)
		return -ENOSPC;
	fill_rsdp(&b);
	*ret_used = b.used;
	return 0;
}

int acpi_load(struct vm *vm)
{
	struct acpi_config config = {.vp_count = vm->vp_count, .vmbus = vm->has_vmbus};
	uint8_t bytes[ACPI_TABLES_BYTES] = {0};
	size_t used;
	int r = acpi_build(&config, bytes, &used);

	return r < 0 ? r : guest_memory_write(&vm->memory, ACPI_TABLES_GPA, bytes, used);
}
