/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inspection in mode kernel: a VM whose synthetic MSRs are in a backend that counts how often each
 * VP is asked for them, and whose VPs can be made to answer never.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include "hvdef/hv_msr.h"
#include "inspect/catalog.h"
#include "inspect_rig.h"
#include "vmm/slot.h"
#include "vmm/vm.h"

enum { VPS = 3, SILENT = 1, MEMORY_BYTES = 1 << 20, LISTS = 100, TRIES = 20, AT_ONCE = 3 };
#define REF_COUNT UINT64_C(5000)

/* ---- the backend: what KVM would hold ------------------------------------------------------- */

static struct {
	_Atomic uint64_t msr[VPS][HV_MSR_COUNT];
	_Atomic unsigned asked[VPS];
	_Atomic int error; /* of hv_msrs_read */
	_Atomic bool silent;
	_Atomic unsigned entries[VPS];
	_Atomic unsigned kicks[VPS];
} backend;

static int be_ok(struct vm *vm)
{
	return 0;
}

static void be_vm_deinit(struct vm *vm)
{
}

static int be_vcpu_init(struct vcpu *vcpu)
{
	return 0;
}

static void be_vcpu_nothing(struct vcpu *vcpu)
{
}

static void be_vcpu_kick(struct vcpu *vcpu)
{
	atomic_fetch_add(&backend.kicks[vcpu->index], 1);
}

/* A guest that runs until it is kicked; the silent one until it is silent no more. */
static int be_vcpu_run(struct vcpu *vcpu)
{
	atomic_fetch_add(&backend.entries[vcpu->index], 1);
	while (!vcpu_kicked(vcpu) || (vcpu->index == SILENT && atomic_load(&backend.silent)))
		usleep(50);
	return 0;
}

static int be_hv_msrs_read(struct vcpu *vcpu, struct msr_value *msrs, unsigned count)
{
	assert_ptr_equal(vcpu_current(), vcpu);
	atomic_fetch_add(&backend.asked[vcpu->index], 1);
	for (unsigned i = 0; i < count; i++)
		msrs[i].value = backend.msr[vcpu->index][msrs[i].index - HV_MSR_BASE];
	return atomic_load(&backend.error);
}

static int be_lapic(struct vcpu *vcpu, struct vcpu_lapic *ret_lapic)
{
	*ret_lapic = (struct vcpu_lapic){.apic_id = vcpu->apic_id};
	return 0;
}

static int be_regs(struct vcpu *vcpu, struct vcpu_regs *ret_regs)
{
	*ret_regs = (struct vcpu_regs){.rip = 0x1234};
	return 0;
}

static const struct accel accel_fake = {
	.name = "fake",
	.vm_init = be_ok,
	.vm_deinit = be_vm_deinit,
	.vcpu_init = be_vcpu_init,
	.vcpu_deinit = be_vcpu_nothing,
	.vcpu_reset = be_vcpu_init,
	.vcpu_run = be_vcpu_run,
	.vcpu_kick = be_vcpu_kick,
	.vm_reset = be_ok,
	.hv_msrs_read = be_hv_msrs_read,
	.vcpu_lapic = be_lapic,
	.vcpu_regs = be_regs,
};

static void set_msr(unsigned vp, uint32_t index, uint64_t value)
{
	backend.msr[vp][index - HV_MSR_BASE] = value;
}

/* What one guest might have set up. */
static void set_msrs(void)
{
	for (unsigned vp = 0; vp < VPS; vp++) {
		for (uint32_t n = 0; n < HV_SINT_COUNT; n++)
			set_msr(vp, HV_MSR_SINT0 + n, HV_SINT_RESET);
		set_msr(vp, HV_MSR_SINT0 + 2, 0x60 + vp);
		set_msr(vp, HV_MSR_SCONTROL, 1);
		set_msr(vp, HV_MSR_SVERSION, 1);
		set_msr(vp, HV_MSR_SIMP, 0x10001);
		set_msr(vp, HV_MSR_TIME_REF_COUNT, REF_COUNT);
	}
	set_msr(0, HV_MSR_GUEST_OS_ID, 0x8100);
	set_msr(0, HV_MSR_HYPERCALL, 0x7001);
	set_msr(0, HV_MSR_REFERENCE_TSC, 0x8001);
	set_msr(0, HV_MSR_TSC_FREQUENCY, 2500000000);
	set_msr(0, HV_MSR_CRASH_P0 + 1, 0xc1);
	set_msr(0, HV_MSR_VP_ASSIST_PAGE, 0x9001);
	/* One-shot in 2000 ns; periodic; overdue; off. All to SINT 2. */
	set_msr(0, HV_MSR_STIMER0_CONFIG, 0x20000 | HV_STIMER_ENABLE);
	set_msr(0, HV_MSR_STIMER0_COUNT, REF_COUNT + 20);
	set_msr(0, HV_MSR_STIMER0_CONFIG + 2, 0x20000 | HV_STIMER_ENABLE | HV_STIMER_PERIODIC);
	set_msr(0, HV_MSR_STIMER0_COUNT + 2, 10000);
	set_msr(0, HV_MSR_STIMER0_CONFIG + 4, 0x20000 | HV_STIMER_ENABLE);
	set_msr(0, HV_MSR_STIMER0_COUNT + 4, REF_COUNT - 20);
}

/* ---- set up --------------------------------------------------------------------------------- */

struct machine {
	struct rig rig;
	struct vm *vm;
};

static void wait_for_entry(unsigned vp)
{
	while (atomic_load(&backend.entries[vp]) == 0)
		usleep(100);
}

static int set_up_with_patience(void **state, unsigned patience_ms)
{
	struct machine *machine = calloc(1, sizeof(*machine));
	struct node_provider providers[CATALOG_MAX + 1] = {0};

	assert_non_null(machine);
	memset(&backend, 0, sizeof(backend));
	set_msrs();
	rig_init(&machine->rig);
	{
		const struct vm_config config = {
			.name = "test",
			.vp_count = VPS,
			.memory_bytes = MEMORY_BYTES,
			.accel = &accel_fake,
			.synic_mode = SYNIC_MODE_KERNEL,
			.clock = &clock_monotonic,
			.loop = machine->rig.loop,
			.recorder = machine->rig.recorder,
		};
		assert_int_equal(vm_new(&config, &machine->vm), 0);
	}
	assert_int_equal(vm_resume(machine->vm), 0);
	for (unsigned vp = 0; vp < VPS; vp++)
		wait_for_entry(vp);
	catalog_providers(&(struct catalog_owners){.vm = machine->vm}, providers);
	machine->rig.patience_ms = patience_ms;
	rig_serve(&machine->rig, machine->vm, NULL, providers);
	*state = machine;
	return 0;
}

static int set_up(void **state)
{
	return set_up_with_patience(state, 0);
}

/* What has no timeout_ms is to give up the silent VP sooner. */
static int set_up_impatient(void **state)
{
	return set_up_with_patience(state, 4000);
}

static int tear_down(void **state)
{
	struct machine *machine = *state;

	atomic_store(&backend.silent, false);
	rig_stop(&machine->rig);
	vm_free(machine->vm);
	rig_free(&machine->rig);
	free(machine);
	return 0;
}

static struct answer call(void **state, const char *method, const char *target, unsigned status)
{
	struct answer a = rig_call(&((struct machine *)*state)->rig, RIG_API, method, target, NULL);

	if (a.status != status)
		fail_msg("%s: %u %s", target, a.status, a.text);
	return a;
}
#define GET(target) struct answer a = call(state, "GET", target, 200)

static void post(void **state, const char *target)
{
	struct answer a = call(state, "POST", target, 200);

	answer_free(&a);
}

static void forget_visits(void)
{
	for (unsigned vp = 0; vp < VPS; vp++)
		atomic_store(&backend.asked[vp], 0);
}

static void check_visits(unsigned zero, unsigned one, unsigned two)
{
	assert_int_equal(backend.asked[0], zero);
	assert_int_equal(backend.asked[1], one);
	assert_int_equal(backend.asked[2], two);
	forget_visits();
}

/* "1/synic/simp"; numbers index arrays. NULL when there is no such member. */
static const json_t *at(const json_t *json, const char *path)
{
	while (*path && json) {
		char name[32];

		snprintf(name, sizeof(name), "%.*s", (int)strcspn(path, "/"), path);
		json = json_is_array(json) ? json_array_get(json, strtoul(name, NULL, 10))
					   : json_object_get(json, name);
		path += strcspn(path, "/");
		path += *path == '/';
	}
	return json;
}

static void check_string(const json_t *json, const char *path, const char *value)
{
	assert_true(json_is_string(at(json, path)));
	assert_string_equal(json_string_value(at(json, path)), value);
}

static void check_integer(const json_t *json, const char *path, json_int_t value)
{
	assert_true(json_is_integer(at(json, path)));
	assert_int_equal(json_integer_value(at(json, path)), value);
}

static void check_null(const json_t *json, const char *path)
{
	if (!json_is_null(at(json, path)))
		fail_msg("%s is not null", path);
}

/* ---- values --------------------------------------------------------------------------------- */

static void registers_are_those_that_kvm_holds(void **state)
{
	{
		GET("/v1/vps/1/sints/2");
		check_string(a.json, "raw", "0x61");
		check_integer(a.json, "vector", 0x61);
		assert_true(json_is_false(at(a.json, "masked")));
		check_null(a.json, "last_eom_age_ns");
		answer_free(&a);
	}
	{
		GET("/v1/vps/0/synic");
		check_string(a.json, "mode", "kernel");
		check_string(a.json, "scontrol", "0x1");
		check_string(a.json, "simp", "0x10001");
		check_string(a.json, "simp_gpa", "0x10000");
		check_null(a.json, "siefp_gpa");
		check_null(a.json, "eoms");
		answer_free(&a);
	}
	{
		GET("/v1/vps/0");
		check_null(a.json, "msr_faults");
		check_null(a.json, "hypercall_faults");
		answer_free(&a);
	}
	{
		GET("/v1/vps/0/cpu");
		check_string(a.json, "rip", "0x1234");
		check_string(a.json, "vp_assist_page", "0x9001");
		answer_free(&a);
	}
}

static void values_change_when_the_guest_changes_them(void **state)
{
	for (uint64_t raw = 0x70; raw < 0x80; raw++) {
		char text[16];

		set_msr(2, HV_MSR_SINT0 + 5, raw);
		snprintf(text, sizeof(text), "0x%x", (unsigned)raw);
		GET("/v1/vps/2/sints/5");
		check_string(a.json, "raw", text);
		answer_free(&a);
	}
}

static void the_other_vtls_are_ours_in_any_mode(void **state)
{
	GET("/v1/vps/0/sints/2?vtl=1");
	check_string(a.json, "raw", "0x10000");
	answer_free(&a);
}

static void what_kvm_does_not_tell_of_a_timer_is_null(void **state)
{
	GET("/v1/vps/0/stimers");
	/* One-shot: due at its count. */
	check_integer(a.json, "items/0/due_100ns", REF_COUNT + 20);
	check_integer(a.json, "items/0/due_in_ns", 2000);
	check_null(a.json, "items/0/armed");
	check_null(a.json, "items/0/waiting");
	check_null(a.json, "items/0/expirations");
	check_null(a.json, "items/0/delivered");
	check_null(a.json, "items/0/dropped");
	/* Periodic: KVM does not say when it began. */
	check_integer(a.json, "items/1/count", 10000);
	check_null(a.json, "items/1/due_100ns");
	check_null(a.json, "items/1/due_in_ns");
	/* Overdue: at once, never negative. */
	check_integer(a.json, "items/2/due_in_ns", 0);
	/* Off: known to be neither armed nor waiting. */
	assert_true(json_is_false(at(a.json, "items/3/armed")));
	assert_true(json_is_false(at(a.json, "items/3/waiting")));
	check_null(a.json, "items/3/due_100ns");
	answer_free(&a);
}

static void a_timer_that_is_ages_away_is_not_overdue(void **state)
{
	set_msr(0, HV_MSR_STIMER0_COUNT + 4, REF_COUNT + BIT64(63));
	GET("/v1/vps/0/stimers/2");
	check_integer(a.json, "due_in_ns", INT64_MAX);
	answer_free(&a);
}

static void partition_registers_are_what_vp_0_reads(void **state)
{
	struct vm *vm = ((struct machine *)*state)->vm;
	struct hv_reference_tsc_page *page = guest_memory_at(&vm->memory, 0x8000, HV_PAGE_SIZE);

	for (uint32_t sequence = 0; sequence < 2; sequence++) {
		__atomic_store_n(&page->sequence, sequence, __ATOMIC_RELAXED);
		GET("/v1/hv");
		check_string(a.json, "guest_os_id", "0x8100");
		check_string(a.json, "hypercall", "0x7001");
		assert_true(json_is_true(at(a.json, "hypercall_enabled")));
		check_integer(a.json, "tsc_hz", 2500000000);
		check_integer(a.json, "ref_count_100ns", REF_COUNT);
		check_string(a.json, "crash_p1", "0xc1");
		check_null(a.json, "crash_ctl");
		assert_int_equal(json_is_true(at(a.json, "tsc_page_valid")), sequence);
		answer_free(&a);
	}
	set_msr(0, HV_MSR_REFERENCE_TSC, 0);
	GET("/v1/hv");
	check_null(a.json, "tsc_page_valid");
	answer_free(&a);
}

static void a_timer_message_has_no_age(void **state)
{
	struct synic *synic = &((struct machine *)*state)->vm->vcpu[0]->synic[0];
	const struct hv_message message = {.header.type = HV_MESSAGE_TYPE_TIMER_EXPIRED};

	assert_int_equal(overlay_set(&synic->vm->overlays, &synic->simp_page, true, 0x10000), 0);
	memcpy(guest_memory_at(&synic->vm->memory, 0x10200, sizeof(message)), &message,
		sizeof(message));
	GET("/v1/vps/0/sints/2");
	assert_true(json_is_true(at(a.json, "slot/busy")));
	check_null(a.json, "slot/age_ns");
	answer_free(&a);
}

/* ---- visits --------------------------------------------------------------------------------- */

static void a_request_visits_every_vp_at_most_once(void **state)
{
	static const struct {
		const char *target;
		unsigned visits[VPS];
	} requests[] = {
		{"/v1/sints", {1, 1, 1}},
		{"/v1/stimers", {1, 1, 1}},
		{"/v1/synics", {1, 1, 1}},
		{"/metrics", {1, 1, 1}},
		{"/v1/tree?glob=vps/*/sints/**", {1, 1, 1}},
		{"/v1/tree?glob=vps/2/sints/1/raw", {0, 0, 1}},
		{"/v1/tree?glob=vps/*/state", {0, 0, 0}},
		{"/v1/tree?depth=1", {1, 0, 0}}, /* hv */
		{"/v1/tree/vps/1/sints", {0, 1, 0}},
		{"/v1/tree/vps/1/sints/3/raw", {0, 1, 0}},
		{"/v1/tree/hv", {1, 0, 0}},
		{"/v1/vps/1/sints", {0, 1, 0}},
		{"/v1/vps/1/stimers/3", {0, 1, 0}},
		{"/v1/hv", {1, 0, 0}},
		{"/v1/vps", {0, 0, 0}},
		{"/v1/vps/1", {0, 0, 0}},
		{"/v1/vm", {0, 0, 0}},
		{"/v1/messages", {0, 0, 0}},
		{"/v1/routes", {0, 0, 0}},
		{"/v1/ports", {0, 0, 0}},
	};

	for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
		const unsigned *visits = requests[i].visits;
		GET(requests[i].target);

		if (memcmp(visits,
			    (unsigned[VPS]){backend.asked[0], backend.asked[1], backend.asked[2]},
			    sizeof(requests[i].visits)) != 0)
			fail_msg("%s: %u %u %u", requests[i].target, backend.asked[0],
				backend.asked[1], backend.asked[2]);
		forget_visits();
		answer_free(&a);
	}
}

/* The processor's registers and KVM's come with one visit, which is two calls: MSRs, VP assist. */
static void the_whole_tree_takes_one_visit(void **state)
{
	unsigned before = backend.entries[2];
	GET("/v1/tree");

	check_visits(2, 2, 2);
	assert_in_range(backend.entries[2], before, before + 1);
	check_string(a.json, "vps/2/sints/2/raw", "0x62");
	check_string(a.json, "vps/2/cpu/rip", "0x1234");
	answer_free(&a);
}

static void a_page_goes_on_where_the_last_one_ended(void **state)
{
	char target[64] = "/v1/sints?limit=10";
	unsigned seen = 0;

	for (;;) {
		GET(target);
		const json_t *items = at(a.json, "items");

		for (size_t i = 0; i < json_array_size(items); i++, seen++) {
			const json_t *item = json_array_get(items, i);

			check_integer(item, "vp", seen / HV_SINT_COUNT);
			check_integer(item, "sint", seen % HV_SINT_COUNT);
		}
		if (json_is_null(at(a.json, "next"))) {
			answer_free(&a);
			break;
		}
		snprintf(target, sizeof(target), "/v1/sints?limit=10&cursor=%s",
			json_string_value(at(a.json, "next")));
		answer_free(&a);
	}
	assert_int_equal(seen, VPS * HV_SINT_COUNT);
}

static void hundred_lists_leave_the_guest_running(void **state)
{
	for (unsigned i = 0; i < LISTS; i++) {
		GET("/v1/sints");
		assert_int_equal(json_array_size(at(a.json, "items")), VPS * HV_SINT_COUNT);
		answer_free(&a);
	}
	check_visits(LISTS, LISTS, LISTS);
	/* Each visit took the VP out of the guest once, no more, and it went in again. */
	for (unsigned vp = 0; vp < VPS; vp++) {
		while (vcpu_kicked(((struct machine *)*state)->vm->vcpu[vp]))
			usleep(100);
		assert_in_range(backend.entries[vp], 1, LISTS + 1);
	}
}

static void a_vm_that_does_not_run_is_shown_too(void **state)
{
	static const char *const actions[] = {"/v1/vm/pause", "/v1/vm/shutdown"};

	for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
		post(state, actions[i]);
		forget_visits();
		GET("/v1/sints");
		check_string(a.json, "items/34/raw", "0x62");
		check_visits(1, 1, 1);
		answer_free(&a);
	}
}

/* ---- VPs that do not answer ----------------------------------------------------------------- */

/* VP SILENT stays in the guest, which it enters at the latest when it has seen all mail. */
static void fall_silent(void)
{
	atomic_store(&backend.silent, true);
}

/*
 * What is asked with a deadline, which the silent VP must never meet and the others, on a busy machine,
 * may not: asked again until they do.
 */
static struct answer get_until(
	void **state, const char *target, bool (*is_whole)(const struct answer *a))
{
	for (unsigned i = 0; i < TRIES; i++) {
		struct answer a = call(state, "GET", target, 200);

		if (is_whole(&a))
			return a;
		print_message("not yet: %s\n", a.text);
		answer_free(&a);
		forget_visits();
	}
	fail_msg("%s: the other VPs never answer", target);
	return (struct answer){0};
}

/* Of the others' SINTS; never the silent one's. */
static bool has_the_others(const struct answer *a)
{
	size_t count = json_array_size(at(a->json, "items"));

	assert_in_range(count, 0, (VPS - 1) * HV_SINT_COUNT);
	return count == (VPS - 1) * HV_SINT_COUNT;
}

static void a_list_leaves_out_a_silent_vp_and_says_so(void **state)
{
	struct answer a;

	fall_silent();
	a = get_until(state, "/v1/sints?timeout_ms=200", has_the_others);
	check_integer(a.json, "items/16/vp", 2);
	assert_int_equal(json_array_size(at(a.json, "errors")), 1);
	check_integer(a.json, "errors/0/vp", SILENT);
	check_string(a.json, "errors/0/error", "timeout");
	check_visits(1, 0, 1);
	answer_free(&a);
}

static bool has_the_other_vps(const struct answer *a)
{
	/* 22 objects of the silent one cannot be read. It is asked every 100 ms, for all of them. */
	assert_in_range(atomic_exchange(&backend.kicks[SILENT], 0), 1, 4);
	return at(a->json, "vps/0/sints/2/raw") && at(a->json, "vps/2/sints/2/raw") &&
	       at(a->json, "hv/guest_os_id");
}

static void a_silent_vp_costs_the_deadline_once(void **state)
{
	struct answer a;

	fall_silent();
	atomic_store(&backend.kicks[SILENT], 0);
	a = get_until(state, "/v1/tree?timeout_ms=300", has_the_other_vps);
	check_string(a.json, "vps/1/sints/$error", "timeout");
	check_string(a.json, "vps/1/synic/$error", "timeout");
	check_string(a.json, "vps/1/cpu/$error", "timeout");
	check_string(a.json, "vps/1/state", "running");
	check_string(a.json, "vps/0/sints/2/raw", "0x60");
	check_string(a.json, "vps/2/sints/2/raw", "0x62");
	check_string(a.json, "hv/guest_os_id", "0x8100");
	answer_free(&a);
}

/* How many of three requests that wait for each other learn of all VPs but the silent one. */
static unsigned ask_at_once(struct rig *rig)
{
	static const char request[] =
		"GET /v1/sints?timeout_ms=200 HTTP/1.1\r\nHost: localhost\r\n\r\n";
	unsigned whole = 0;
	int fds[AT_ONCE];

	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		fds[i] = rig_connect(rig, RIG_API);
		rig_send(fds[i], request);
	}
	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		struct answer a;

		assert_true(rig_receive(fds[i], &a));
		assert_int_equal(a.status, 200);
		if (has_the_others(&a)) {
			assert_int_equal(json_array_size(at(a.json, "errors")), 1);
			check_integer(a.json, "errors/0/vp", SILENT);
			whole++;
		}
		answer_free(&a);
		close(fds[i]);
	}
	return whole;
}

/*
 * The worker does one request after the other. Whoever waited for it still learns of the others, which
 * have a moment for it: more than enough, but for a busy machine.
 */
static void waiting_behind_a_silent_vp_is_no_timeout(void **state)
{
	struct rig *rig = &((struct machine *)*state)->rig;
	unsigned whole = 0;

	fall_silent();
	for (unsigned i = 0; i < TRIES && whole < AT_ONCE; i++)
		whole = ask_at_once(rig);
	assert_int_equal(whole, AT_ONCE);
}

static void objects_of_a_silent_vp_are_timeouts(void **state)
{
	static const char *const targets[] = {"/v1/vps/1/sints/2?timeout_ms=100",
		"/v1/vps/1/synic?timeout_ms=100", "/v1/vps/1/stimers/0?timeout_ms=100",
		"/v1/tree/vps/1/sints/2/raw?timeout_ms=100"};

	fall_silent();
	for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
		struct answer a = call(state, "GET", targets[i], 504);

		rig_expect_problem(&a, 504, "timeout");
		answer_free(&a);
	}
	{
		/* Beside it everything answers, and the VP itself still shows what is ours. */
		GET("/v1/vps/2/sints/2?timeout_ms=5000");
		check_string(a.json, "raw", "0x62");
		answer_free(&a);
	}
	{
		GET("/v1/vps/1");
		check_string(a.json, "state", "running");
		answer_free(&a);
	}
}

static bool has_the_others_metrics(const struct answer *a)
{
	assert_null(strstr(a->text, "hvd_sint_vector{vp=\"1\""));
	return strstr(a->text, "hvd_sint_vector{vp=\"0\",sint=\"2\"} 96\n") &&
	       strstr(a->text, "hvd_sint_vector{vp=\"2\",sint=\"2\"} 98\n");
}

static void metrics_lack_a_silent_vp_only(void **state)
{
	struct answer a;

	fall_silent();
	a = get_until(state, "/metrics", has_the_others_metrics);
	assert_non_null(strstr(a.text, "hvd_vp_apic_id{vp=\"1\"} 1\n"));
	assert_null(strstr(a.text, "hvd_stimer_expirations{"));
	answer_free(&a);
}

static void late_mail_reads_nothing(void **state)
{
	fall_silent();
	{
		GET("/v1/sints?timeout_ms=50");
		answer_free(&a);
	}
	forget_visits();
	atomic_store(&backend.silent, false);
	{
		GET("/v1/vps/1/synic");
		check_visits(0, 1, 0);
		answer_free(&a);
	}
}

static void a_failed_call_is_told(void **state)
{
	atomic_store(&backend.error, -EIO);
	{
		GET("/v1/stimers");
		assert_int_equal(json_array_size(at(a.json, "items")), 0);
		assert_int_equal(json_array_size(at(a.json, "errors")), VPS);
		check_string(a.json, "errors/2/error", "unavailable");
		answer_free(&a);
	}
	{
		struct answer a = call(state, "GET", "/v1/hv", 503);

		rig_expect_problem(&a, 503, "unavailable");
		answer_free(&a);
	}
	{
		GET("/v1/tree/vps/0");
		check_string(a.json, "synic/$error", "unavailable");
		answer_free(&a);
	}
}

static void what_does_not_exist_is_not_found(void **state)
{
	static const char *const targets[] = {"/v1/vps/3/sints", "/v1/vps/3/synic",
		"/v1/vps/0/sints/16", "/v1/vps/99/stimers/0", "/v1/tree/vps/3/sints/0",
		"/v1/tree/vps/0/sints/16", "/v1/tree/vps/0/sints/16/raw", "/v1/vps/0/cpus"};

	for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
		struct answer a = call(state, "GET", targets[i], 404);

		rig_expect_problem(&a, 404, "not_found");
		answer_free(&a);
	}
}

int main(int argc, char **argv)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(registers_are_those_that_kvm_holds),
		TEST(values_change_when_the_guest_changes_them),
		TEST(the_other_vtls_are_ours_in_any_mode),
		TEST(what_kvm_does_not_tell_of_a_timer_is_null),
		TEST(a_timer_that_is_ages_away_is_not_overdue),
		TEST(partition_registers_are_what_vp_0_reads),
		TEST(a_timer_message_has_no_age),
		TEST(a_request_visits_every_vp_at_most_once),
		TEST(the_whole_tree_takes_one_visit),
		TEST(a_page_goes_on_where_the_last_one_ended),
		TEST(hundred_lists_leave_the_guest_running),
		TEST(a_vm_that_does_not_run_is_shown_too),
		TEST(a_list_leaves_out_a_silent_vp_and_says_so),
		TEST(a_silent_vp_costs_the_deadline_once),
		TEST(waiting_behind_a_silent_vp_is_no_timeout),
		TEST(objects_of_a_silent_vp_are_timeouts),
		cmocka_unit_test_setup_teardown(
			metrics_lack_a_silent_vp_only, set_up_impatient, tear_down),
		TEST(late_mail_reads_nothing),
		TEST(a_failed_call_is_told),
		TEST(what_does_not_exist_is_not_found),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
