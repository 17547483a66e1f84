/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pages of the kernel's trace buffers, made by hand, read with the descriptions of a real kernel.
 */
#include "cli/kernel-decoder.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COMMON                                                                         \
	"format:\n"                                                                    \
	"\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n"         \
	"\tfield:unsigned char common_flags;\toffset:2;\tsize:1;\tsigned:0;\n"         \
	"\tfield:unsigned char common_preempt_count;\toffset:3;\tsize:1;\tsigned:0;\n" \
	"\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n"

static const char header_page[] = "\tfield: u64 timestamp;\toffset:0;\tsize:8;\tsigned:0;\n"
				  "\tfield: local_t commit;\toffset:8;\tsize:8;\tsigned:1;\n"
				  "\tfield: int overwrite;\toffset:8;\tsize:1;\tsigned:1;\n"
				  "\tfield: char data;\toffset:16;\tsize:4080;\tsigned:0;\n";

static const char set_irq[] = "name: kvm_hv_synic_set_irq\nID: 120\n" COMMON
			      "\tfield:int vcpu_id;\toffset:8;\tsize:4;\tsigned:1;\n"
			      "\tfield:u32 sint;\toffset:12;\tsize:4;\tsigned:0;\n"
			      "\tfield:int vector;\toffset:16;\tsize:4;\tsigned:1;\n"
			      "\tfield:int ret;\toffset:20;\tsize:4;\tsigned:1;\n\n"
			      "print fmt: \"vcpu_id %d sint %u vector %d ret %d\", "
			      "REC->vcpu_id, REC->sint, REC->vector, REC->ret\n";

/* Declares fields that it never fills. */
static const char send_eoi[] = "name: kvm_hv_synic_send_eoi\nID: 121\n" COMMON
			       "\tfield:int vcpu_id;\toffset:8;\tsize:4;\tsigned:1;\n"
			       "\tfield:u32 sint;\toffset:12;\tsize:4;\tsigned:0;\n"
			       "\tfield:int vector;\toffset:16;\tsize:4;\tsigned:1;\n"
			       "\tfield:int ret;\toffset:20;\tsize:4;\tsigned:1;\n\n"
			       "print fmt: \"vcpu_id %d vector %d\", REC->vcpu_id, REC->vector\n";

static const char set_msr[] = "name: kvm_hv_synic_set_msr\nID: 122\n" COMMON
			      "\tfield:int vcpu_id;\toffset:8;\tsize:4;\tsigned:1;\n"
			      "\tfield:u32 msr;\toffset:12;\tsize:4;\tsigned:0;\n"
			      "\tfield:u64 data;\toffset:16;\tsize:8;\tsigned:0;\n"
			      "\tfield:bool host;\toffset:24;\tsize:1;\tsigned:0;\n\n"
			      "print fmt: \"vcpu_id %d msr 0x%x data 0x%llx host %d\", "
			      "REC->vcpu_id, REC->msr, REC->data, REC->host\n";

static const char hypercall[] =
	"name: kvm_hv_hypercall\nID: 113\n" COMMON
	"\tfield:__u16 rep_cnt;\toffset:8;\tsize:2;\tsigned:0;\n"
	"\tfield:__u16 rep_idx;\toffset:10;\tsize:2;\tsigned:0;\n"
	"\tfield:__u64 ingpa;\toffset:16;\tsize:8;\tsigned:0;\n"
	"\tfield:__u64 outgpa;\toffset:24;\tsize:8;\tsigned:0;\n"
	"\tfield:__u16 code;\toffset:32;\tsize:2;\tsigned:0;\n"
	"\tfield:__u16 var_cnt;\toffset:34;\tsize:2;\tsigned:0;\n"
	"\tfield:bool fast;\toffset:36;\tsize:1;\tsigned:0;\n\n"
	"print fmt: \"code 0x%x %s var_cnt 0x%x rep_cnt 0x%x idx 0x%x in 0x%llx out 0x%llx\", "
	"REC->code, REC->fast ? \"fast\" : \"slow\", REC->var_cnt, REC->rep_cnt, "
	"REC->rep_idx, REC->ingpa, REC->outgpa\n";

static const char set_count[] = "name: kvm_hv_stimer_set_count\nID: 116\n" COMMON
				"\tfield:int vcpu_id;\toffset:8;\tsize:4;\tsigned:1;\n"
				"\tfield:int timer_index;\toffset:12;\tsize:4;\tsigned:1;\n"
				"\tfield:u64 count;\toffset:16;\tsize:8;\tsigned:0;\n"
				"\tfield:bool host;\toffset:24;\tsize:1;\tsigned:0;\n\n"
				"print fmt: \"vcpu_id %d timer %d count %llu host %d\", "
				"REC->vcpu_id, REC->timer_index, REC->count, REC->host\n";

/* ---- a page --------------------------------------------------------------- */

enum { PAGE_BYTES = 4096, PAGE_HEADER = 16, TID = 4711 };

static const uint64_t missed_events = UINT64_C(1) << 31, missed_stored = UINT64_C(1) << 30;

struct page {
	_Alignas(8) uint8_t bytes[PAGE_BYTES];
	size_t used; /* behind the header */
};

static void page_begin(struct page *page, uint64_t mono_ns)
{
	*page = (struct page){0};
	memcpy(page->bytes, &mono_ns, sizeof(mono_ns));
}

/* An event `delta_ns` after the one before; `fields` follow the common ones. */
static void page_add(
	struct page *page, uint16_t id, uint32_t delta_ns, const void *fields, size_t size)
{
	uint8_t *at = page->bytes + PAGE_HEADER + page->used;
	uint32_t head = (uint32_t)((8 + size) / 4) | delta_ns << 5, tid = TID;

	assert_int_equal(size % 4, 0);
	memcpy(at, &head, 4);
	memcpy(at + 4, &id, 2);
	memcpy(at + 8, &tid, 4);
	memcpy(at + 12, fields, size);
	page->used += 12 + size;
}

static void page_end(struct page *page, uint64_t flags)
{
	uint64_t commit = page->used | flags;

	memcpy(page->bytes + 8, &commit, sizeof(commit));
}

/* ---- reading it -------------------------------------------------------------- */

struct fixture {
	struct kernel_decoder *decoder;
	struct page page;
	char *text; /* what the sink got, a line each */
	size_t size;
	FILE *out;
	unsigned wanted;
};

static bool on_event(void *arg, const struct kernel_event *event)
{
	struct fixture *f = arg;
	char *args = json_dumps(event->args, JSON_COMPACT);

	assert_int_equal(event->tid, TID);
	fprintf(f->out, "%llu %s vp=%lld sint=%lld %s\n", (unsigned long long)event->mono_ns,
		event->name, (long long)event->vp, (long long)event->sint, args);
	free(args);
	return --f->wanted > 0;
}

static bool on_lost(void *arg, uint64_t mono_ns, uint64_t count)
{
	struct fixture *f = arg;

	fprintf(f->out, "%llu lost %llu\n", (unsigned long long)mono_ns, (unsigned long long)count);
	return --f->wanted > 0;
}

static int setup(void **state)
{
	static const char *const formats[] = {set_irq, send_eoi, set_msr, hypercall, set_count};
	static struct fixture fixture;

	fixture = (struct fixture){.wanted = 100};
	assert_int_equal(kernel_decoder_new(&fixture.decoder), 0);
	assert_int_equal(
		kernel_decoder_add_header_page(fixture.decoder, header_page, strlen(header_page)),
		0);
	for (size_t i = 0; i < ARRAY_LEN(formats); i++)
		assert_int_equal(
			kernel_decoder_add_event(fixture.decoder, formats[i], strlen(formats[i])),
			0);
	page_begin(&fixture.page, 5000000000);
	fixture.out = open_memstream(&fixture.text, &fixture.size);
	*state = &fixture;
	return fixture.out ? 0 : -1;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	fclose(f->out);
	free(f->text);
	kernel_decoder_free(f->decoder);
	return 0;
}

static void reads(struct fixture *f, int result, const char *expected)
{
	const struct kernel_event_sink sink = {.on_event = on_event, .on_lost = on_lost, .arg = f};

	assert_int_equal(kernel_decoder_read_page(f->decoder, f->page.bytes, &sink), result);
	fflush(f->out);
	assert_string_equal(f->text, expected);
}

static void add_set_irq(struct fixture *f, uint32_t delta_ns, int vcpu, int sint)
{
	page_add(&f->page, 120, delta_ns, (const int32_t[]){vcpu, sint, 96, -1}, 16);
}

static void test_pages_are_as_long_as_the_kernel_says(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(kernel_decoder_page_bytes(f->decoder), PAGE_BYTES);
}

static void test_vcpu_and_sint_are_what_it_is_about(void **state)
{
	struct fixture *f = *state;

	add_set_irq(f, 0, 1, 2);
	add_set_irq(f, 250, 0, 15);
	page_end(&f->page, 0);
	reads(f, 0,
		"5000000000 kvm_hv_synic_set_irq vp=1 sint=2 {\"vector\":96,\"ret\":-1}\n"
		"5000000250 kvm_hv_synic_set_irq vp=0 sint=15 {\"vector\":96,\"ret\":-1}\n");
}

static void test_a_field_that_is_not_printed_is_not_believed(void **state)
{
	struct fixture *f = *state;

	page_add(&f->page, 121, 0, (const uint32_t[]){0, 0xdead, 96, 0xbeef}, 16);
	page_end(&f->page, 0);
	reads(f, 0, "5000000000 kvm_hv_synic_send_eoi vp=0 sint=-1 {\"vector\":96}\n");
}

static void test_registers_are_hexadecimal_and_bool_is_bool(void **state)
{
	struct fixture *f = *state;
	struct {
		int32_t vcpu;
		uint32_t msr;
		uint64_t data;
		uint32_t host;
	} __attribute__((packed)) fields = {3, 0x40000084, 0, 1};

	page_add(&f->page, 122, 0, &fields, sizeof(fields));
	page_end(&f->page, 0);
	reads(f, 0,
		"5000000000 kvm_hv_synic_set_msr vp=3 sint=-1 "
		"{\"msr\":\"0x40000084\",\"data\":\"0x0\",\"host\":true}\n");
}

static void test_a_hypercall_names_no_vp_and_hides_nothing_in_a_choice(void **state)
{
	struct fixture *f = *state;
	struct {
		uint16_t rep_cnt, rep_idx;
		uint32_t unused;
		uint64_t ingpa, outgpa;
		uint16_t code, var_cnt;
		uint8_t fast, rest[3];
	} fields = {1, 2, 0, 0x1000, 0x2000, 0x5c, 3, 1, {0}};

	page_add(&f->page, 113, 0, &fields, 32);
	page_end(&f->page, 0);
	reads(f, 0,
		"5000000000 kvm_hv_hypercall vp=-1 sint=-1 "
		"{\"code\":\"0x5c\",\"fast\":true,\"var_cnt\":\"0x3\",\"rep_cnt\":\"0x1\","
		"\"rep_idx\":\"0x2\",\"ingpa\":\"0x1000\",\"outgpa\":\"0x2000\"}\n");
}

static void test_a_number_beyond_json_is_hexadecimal(void **state)
{
	struct fixture *f = *state;
	struct {
		int32_t vcpu, timer;
		uint64_t count;
		uint32_t host;
	} __attribute__((packed)) fields = {0, 3, INT64_MAX, 0};

	page_add(&f->page, 116, 0, &fields, sizeof(fields));
	fields.count++;
	page_add(&f->page, 116, 1, &fields, sizeof(fields));
	page_end(&f->page, 0);
	reads(f, 0,
		"5000000000 kvm_hv_stimer_set_count vp=0 sint=-1 "
		"{\"timer_index\":3,\"count\":9223372036854775807,\"host\":false}\n"
		"5000000001 kvm_hv_stimer_set_count vp=0 sint=-1 "
		"{\"timer_index\":3,\"count\":\"0x8000000000000000\",\"host\":false}\n");
}

static void test_lost_events_are_told_before_the_page(void **state)
{
	struct fixture *f = *state;
	uint64_t count = 77;

	add_set_irq(f, 9, 0, 2);
	page_end(&f->page, missed_events | missed_stored);
	memcpy(f->page.bytes + PAGE_HEADER + f->page.used, &count, sizeof(count));
	reads(f, 0,
		"5000000009 lost 77\n"
		"5000000009 kvm_hv_synic_set_irq vp=0 sint=2 {\"vector\":96,\"ret\":-1}\n");
}

static void test_lost_events_may_be_uncounted(void **state)
{
	struct fixture *f = *state;

	add_set_irq(f, 0, 0, 2);
	page_end(&f->page, missed_events);
	f->wanted = 1;
	reads(f, KERNEL_E_STOPPED, "5000000000 lost 0\n");
}

static void test_unknown_events_are_passed_over(void **state)
{
	struct fixture *f = *state;

	page_add(&f->page, 999, 0, (const uint32_t[]){1}, 4);
	add_set_irq(f, 5, 0, 2);
	page_end(&f->page, 0);
	reads(f, 0, "5000000005 kvm_hv_synic_set_irq vp=0 sint=2 {\"vector\":96,\"ret\":-1}\n");
}

static void test_an_event_cut_short_reads_as_zeros(void **state)
{
	struct fixture *f = *state;

	page_add(&f->page, 120, 0, (const int32_t[]){1}, 4);
	page_end(&f->page, 0);
	reads(f, 0, "5000000000 kvm_hv_synic_set_irq vp=1 sint=0 {\"vector\":0,\"ret\":0}\n");
}

static void test_an_empty_page_is_no_event(void **state)
{
	struct fixture *f = *state;

	page_end(&f->page, 0);
	reads(f, 0, "");
}

static void test_no_more_after_enough(void **state)
{
	struct fixture *f = *state;

	add_set_irq(f, 0, 0, 2);
	add_set_irq(f, 1, 1, 2);
	page_end(&f->page, 0);
	f->wanted = 1;
	reads(f, KERNEL_E_STOPPED,
		"5000000000 kvm_hv_synic_set_irq vp=0 sint=2 {\"vector\":96,\"ret\":-1}\n");
}

static void test_a_description_of_nothing_is_refused(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(kernel_decoder_add_event(f->decoder, "nonsense", 8), -EPROTO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_pages_are_as_long_as_the_kernel_says, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_vcpu_and_sint_are_what_it_is_about, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_a_field_that_is_not_printed_is_not_believed, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_registers_are_hexadecimal_and_bool_is_bool, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_a_hypercall_names_no_vp_and_hides_nothing_in_a_choice, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			test_a_number_beyond_json_is_hexadecimal, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_lost_events_are_told_before_the_page, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lost_events_may_be_uncounted, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_unknown_events_are_passed_over, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_an_event_cut_short_reads_as_zeros, setup, teardown),
		cmocka_unit_test_setup_teardown(test_an_empty_page_is_no_event, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_more_after_enough, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_a_description_of_nothing_is_refused, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
