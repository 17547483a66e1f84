/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The doctor over VPs with real threads: one spins with interrupts off, the other takes every
 * interrupt and halts, and neither reads its messages. Both are to be found, as long as they have a
 * processor; of a VP that gets none nothing is said but that.
 *
 * Times are the host's own, and other programs may take its processors: what must come about is
 * waited for, and what must not be said is looked for in every report. A host that is too busy for it
 * all the while is told by the reports, and the test is skipped.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <pthread.h>
#include <sched.h>
#include <cmocka.h>
#include "common/thread_time.h"
#include "hvdef/hv_msr.h"
#include "inspect/catalog.h"
#include "inspect/doctor_json.h"
#include "inspect_rig.h"
#include "vmm/sim.h"
#include "vmm/vm.h"

enum { VPS = 2, SPINNER = 0, SLEEPER = 1, SINT = 2, VECTOR = 0x60, MESSAGES = 2, PATIENCE_S = 90 };
/* So many of the same weight leave a VP a share far below what the doctor wants. */
enum { HOGS = 24 };

#define SPINNER_PATH "vps/0"

static struct {
	struct rig rig;
	struct vm *vm;
	struct sim_guest guest;
	struct synic_entry messages[VPS][MESSAGES];
	_Atomic unsigned ready; /* VPs whose SynIC is set up */
	_Atomic bool released;  /* ends what keeps a VP's thread from answering */
	struct vcpu_mail mail;  /* that keeps it */
	pthread_t hogs[HOGS];
	_Atomic bool hogging;
	const char
		*victim; /* the VP, as "vps/0", that the test itself lets do nothing; NULL: none */
} live;

/* ---- the guest ------------------------------------------------------------------------------- */

static void set_up_synic(struct sim_vp *vp, unsigned index)
{
	sim_wrmsr(vp, HV_MSR_SIMP, (0x10000 + index * HV_PAGE_SIZE) | HV_PAGE_ENABLE);
	sim_wrmsr(vp, HV_MSR_SCONTROL, HV_SCONTROL_ENABLE);
	sim_wrmsr(vp, HV_MSR_SINT0 + SINT, VECTOR);
	live.ready++;
}

static void take_interrupt(struct sim_vp *vp, unsigned vector UNUSED, void *arg UNUSED)
{
	sim_eoi(vp);
}

static void sleeper(struct sim_vp *vp, void *arg UNUSED)
{
	sim_on_interrupt(vp, take_interrupt, NULL);
	set_up_synic(vp, SLEEPER);
	for (;;)
		sim_halt(vp);
}

static void spinner(struct sim_vp *vp, void *arg UNUSED)
{
	sim_sipi(vp, SLEEPER, sleeper, NULL);
	sim_on_interrupt(vp, take_interrupt, NULL);
	set_up_synic(vp, SPINNER);
	for (;;)
		(void)sim_tsc(vp);
}

/* ---- starving -------------------------------------------------------------------------------- */

/* Works on its own for most of the time: an instrumented load may take a lock that others wait for. */
static void *hog(void *arg UNUSED)
{
	while (live.hogging) {
		for (unsigned i = 0; i < 1000000; i++)
			__asm__ volatile("");
	}
	return NULL;
}

static int processors(void)
{
	cpu_set_t allowed;

	assert_int_equal(sched_getaffinity(0, sizeof(allowed), &allowed), 0);
	return CPU_COUNT(&allowed);
}

/* The first processor that this process may use. */
static cpu_set_t one_cpu(void)
{
	cpu_set_t allowed, one;
	int cpu = 0;

	CPU_ZERO(&one);
	assert_int_equal(sched_getaffinity(0, sizeof(allowed), &allowed), 0);
	while (!CPU_ISSET(cpu, &allowed))
		cpu++;
	CPU_SET(cpu, &one);
	return one;
}

static void stop_hogs(void)
{
	if (!live.hogging)
		return;
	live.hogging = false;
	for (unsigned i = 0; i < HOGS; i++)
		pthread_join(live.hogs[i], NULL);
}

/* The VP's thread has to share one processor with many, of its own process and weight. */
static void starve(void)
{
	cpu_set_t one = one_cpu();
	pthread_attr_t attr;

	live.hogging = true;
	live.victim = SPINNER_PATH;
	pthread_attr_init(&attr);
	assert_int_equal(pthread_attr_setaffinity_np(&attr, sizeof(one), &one), 0);
	for (unsigned i = 0; i < HOGS; i++)
		assert_int_equal(pthread_create(&live.hogs[i], &attr, hog, NULL), 0);
	pthread_attr_destroy(&attr);
	assert_int_equal(
		pthread_setaffinity_np(live.vm->vcpu[SPINNER]->thread, sizeof(one), &one), 0);
}

/* ---- the machine ----------------------------------------------------------------------------- */

static void ignore_done(struct synic_entry *entry UNUSED, int status UNUSED)
{
}

static void post_messages(unsigned vp)
{
	for (unsigned i = 0; i < MESSAGES; i++) {
		struct synic_entry *entry = &live.messages[vp][i];

		*entry = (struct synic_entry){
			.message.header.type = HV_MESSAGE_TYPE_VMBUS,
			.done = ignore_done,
		};
		assert_int_equal(synic_post(&live.vm->vcpu[vp]->synic[0], SINT, entry), 0);
	}
}

static void run(void)
{
	struct answer a = rig_call(&live.rig, RIG_API, "POST", "/v1/vm/resume", NULL);

	assert_int_equal(a.status, 200);
	answer_free(&a);
	for (unsigned ms = 0; live.ready < VPS && ms < PATIENCE_S * 1000; ms++)
		usleep(1000);
	assert_int_equal(live.ready, VPS);
}

static int set_up(void **state UNUSED)
{
	struct node_provider providers[CATALOG_MAX + 1] = {0};
	struct vm_config config = {
		.name = "test",
		.vp_count = VPS,
		.memory_bytes = 1 << 20,
		.accel = &accel_sim,
		.synic_mode = SYNIC_MODE_SIM,
		.clock = &clock_monotonic,
	};

	memset(&live, 0, sizeof(live));
	rig_init(&live.rig);
	config.loop = live.rig.loop;
	config.recorder = live.rig.recorder;
	assert_int_equal(vm_new(&config, &live.vm), 0);
	live.guest.entry = spinner;
	live.vm->boot.loaded = true;
	live.vm->boot.data = &live.guest;
	catalog_providers(&(struct catalog_owners){.vm = live.vm}, providers);
	rig_serve(&live.rig, live.vm, NULL, providers);
	run();
	post_messages(SPINNER);
	post_messages(SLEEPER);
	return 0;
}

/* Also after a test that ended in the middle. */
static int tear_down(void **state UNUSED)
{
	live.released = true;
	stop_hogs();
	rig_stop(&live.rig);
	vm_free(live.vm);
	rig_free(&live.rig);
	return 0;
}

/* ---- reports --------------------------------------------------------------------------------- */

static struct answer examine(void)
{
	struct answer a = rig_call(&live.rig, RIG_API, "GET", "/v1/doctor?stuck_after=250ms", NULL);

	assert_int_equal(a.status, 200);
	return a;
}

static const json_t *with_text(
	const json_t *items, const char *key, const char *value, const char *subject)
{
	const json_t *item;
	size_t i;

	json_array_foreach(items, i, item)
	{
		if (strcmp(rig_text(item, "subject"), subject) == 0 &&
			(!key || strcmp(rig_text(item, key), value) == 0))
			return item;
	}
	return NULL;
}

static bool finds(const struct answer *a, const char *rule, unsigned vp)
{
	char subject[32];

	snprintf(subject, sizeof(subject), "vps/%u/sints/%u", vp, SINT);
	return with_text(json_object_get(a->json, "items"), "rule", rule, subject);
}

/* Also what it was not made to do. */
static bool finds_anything(const struct answer *a, unsigned vp)
{
	const json_t *item;
	size_t i;

	json_array_foreach(json_object_get(a->json, "items"), i, item)
	{
		if (json_integer_value(json_object_get(item, "vp")) == vp)
			return true;
	}
	return false;
}

/* What the report says of a VP that it cannot judge; NULL: it can. */
static const json_t *unjudged(const struct answer *a, unsigned vp)
{
	char subject[16];

	snprintf(subject, sizeof(subject), "vps/%u", vp);
	return with_text(json_object_get(a->json, "unjudged"), NULL, NULL, subject);
}

static json_int_t withheld(const struct answer *a)
{
	return json_integer_value(json_object_get(a->json, "withheld"));
}

/* Other programs leave hvd itself, or a VP, no time: what is wanted cannot come about. */
static bool host_is_too_busy(const struct answer *a)
{
	const json_t *item;
	size_t i;

	if (json_is_false(json_object_get(a->json, "judged")))
		return true;
	json_array_foreach(json_object_get(a->json, "unjudged"), i, item)
	{
		if (!live.victim || strcmp(rig_text(item, "subject"), live.victim) != 0)
			return true;
	}
	return false;
}

/* Looks again and again, until the report is as it must become. */
static void until(bool (*as_wanted)(const struct answer *a), const char *what)
{
	uint64_t deadline_ns = clock_now_ns(&clock_monotonic) + PATIENCE_S * NSEC_PER_SEC;
	bool came = false, busy = false;

	while (!came && clock_now_ns(&clock_monotonic) < deadline_ns) {
		struct answer a = examine();

		came = as_wanted(&a);
		busy = busy || host_is_too_busy(&a);
		if (!came)
			print_message("not yet: %s\n", a.text);
		answer_free(&a);
	}
	if (came)
		return;
	if (!busy)
		fail_msg("never: %s", what);
	print_message("never: %s; the host has no time for it\n", what);
	skip();
}

static bool both_are_found(const struct answer *a)
{
	if (unjudged(a, SPINNER))
		assert_false(finds_anything(a, SPINNER));
	if (unjudged(a, SLEEPER))
		assert_false(finds_anything(a, SLEEPER));
	return finds(a, "D7", SPINNER) && finds(a, "D1", SLEEPER) && withheld(a) == 0;
}

static void feed(void)
{
	cpu_set_t allowed;

	stop_hogs();
	live.victim = NULL;
	assert_int_equal(sched_getaffinity(0, sizeof(allowed), &allowed), 0);
	assert_int_equal(
		pthread_setaffinity_np(live.vm->vcpu[SPINNER]->thread, sizeof(allowed), &allowed),
		0);
}

/* ---- tests ----------------------------------------------------------------------------------- */

static void vps_that_have_their_time_are_judged(void **state UNUSED)
{
	until(both_are_found, "D7 of the VP that spins, D1 of the one that sleeps");
}

static bool only_the_sleeper_is_found(const struct answer *a)
{
	const json_t *starved = unjudged(a, SPINNER);

	assert_false(finds_anything(a, SPINNER));
	return starved && json_is_true(json_object_get(starved, "starved")) &&
	       strstr(rig_text(starved, "why"), "for a processor of the host") && withheld(a) > 0 &&
	       finds(a, "D1", SLEEPER);
}

static void a_vp_that_gets_no_processor_is_not_blamed(void **state UNUSED)
{
	struct thread_time time;

	assert_true(vcpu_thread_time(live.vm->vcpu[SPINNER], &time));
	if (time.wait_ns == THREAD_TIME_UNKNOWN || processors() < 2)
		skip(); /* this kernel does not tell; or the hogs would starve hvd, too */
	starve();
	until(only_the_sleeper_is_found, "the VP that spins is starved, the other is found");
	feed();
	until(both_are_found, "fed again, it is found as well");
}

/* As if hvd itself kept the VP's thread. */
static void sleep_on(struct vcpu *vcpu UNUSED, void *arg UNUSED)
{
	while (!live.released)
		usleep(1000);
}

static void spin_on(struct vcpu *vcpu UNUSED, void *arg UNUSED)
{
	while (!live.released)
		;
}

static void hold(vcpu_fn how, bool (*as_wanted)(const struct answer *a), const char *what)
{
	live.victim = SPINNER_PATH;
	live.mail = (struct vcpu_mail){.fn = how};
	vcpu_send(live.vm->vcpu[SPINNER], &live.mail);
	until(as_wanted, what);
	live.released = true;
	live.victim = NULL;
	assert_int_equal(vcpu_wait(live.vm->vcpu[SPINNER], &live.mail,
				 clock_now_ns(&clock_monotonic) + PATIENCE_S * NSEC_PER_SEC),
		0);
	until(both_are_found, "it answers again");
}

/* Registers are not known: D7 says nothing, and D1, which needs none, is not silenced. */
static bool unseen_but_judged(const struct answer *a)
{
	const json_t *unseen = unjudged(a, SPINNER);

	assert_false(finds(a, "D7", SPINNER));
	return unseen && json_is_false(json_object_get(unseen, "starved")) &&
	       strstr(rig_text(unseen, "why"), "did not tell its registers") &&
	       strstr(rig_text(unseen, "why"), "sleeps") && finds(a, "D1", SPINNER);
}

static void of_a_vp_that_does_not_answer_the_report_says_so(void **state UNUSED)
{
	hold(sleep_on, unseen_but_judged, "it is not seen, and D1 found");
}

static bool unseen_and_not_judged(const struct answer *a)
{
	const json_t *unseen = unjudged(a, SPINNER);

	assert_false(finds_anything(a, SPINNER));
	return unseen && json_is_true(json_object_get(unseen, "starved")) &&
	       strstr(rig_text(unseen, "why"), "did not tell its registers") && withheld(a) > 0;
}

/* To the host its thread wants to run, and the guest did not: it is not to blame. */
static void a_vp_that_cannot_even_answer_is_not_blamed(void **state UNUSED)
{
	hold(spin_on, unseen_and_not_judged, "it is not seen, and not blamed");
}

static void threads_are_read_back_from_a_snapshot(void **state UNUSED)
{
	struct answer a = rig_call(
		&live.rig, RIG_API, "GET", "/v1/doctor/samples?stuck_after=50ms", NULL);
	const json_t *written = json_array_get(json_object_get(a.json, "samples"), 1);
	struct doctor_sample *read = doctor_read_sample(written);
	const json_t *thread = json_object_get(
		json_array_get(json_object_get(written, "vps"), 0), "thread");

	assert_non_null(read);
	assert_true(read->machine.loop.present);
	assert_false(read->machine.monitor.present);
	assert_true(read->vps[0].thread.present);
	if (read->vps[0].thread.run_ns == DOCTOR_NONE)
		assert_true(json_is_null(json_object_get(thread, "run_ns")));
	else
		assert_int_equal(read->vps[0].thread.run_ns,
			json_integer_value(json_object_get(thread, "run_ns")));
	doctor_sample_free(read);
	answer_free(&a);
}

/* As the last of two samples has it. */
static uint64_t lost_seconds(unsigned vp)
{
	struct answer a = rig_call(
		&live.rig, RIG_API, "GET", "/v1/doctor/samples?stuck_after=50ms", NULL);
	struct doctor_sample *sample = doctor_read_sample(
		json_array_get(json_object_get(a.json, "samples"), 1));
	uint64_t lost;

	assert_non_null(sample);
	lost = sample->vps[vp].thread.lost_seconds;
	doctor_sample_free(sample);
	answer_free(&a);
	return lost;
}

/* Nobody looks meanwhile. */
static void a_vm_that_was_paused_had_no_time(void **state UNUSED)
{
	struct answer a = rig_call(&live.rig, RIG_API, "POST", "/v1/vm/pause", NULL);

	assert_int_equal(a.status, 200);
	answer_free(&a);
	usleep(3500000);
	run();
	assert_true(__builtin_popcountll(lost_seconds(SLEEPER)) >= 3);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(vps_that_have_their_time_are_judged),
		TEST(a_vp_that_gets_no_processor_is_not_blamed),
		TEST(of_a_vp_that_does_not_answer_the_report_says_so),
		TEST(a_vp_that_cannot_even_answer_is_not_blamed),
		TEST(threads_are_read_back_from_a_snapshot),
		TEST(a_vm_that_was_paused_had_no_time),
	};

	return cmocka_run_group_tests_name("doctor-live", tests, NULL, NULL);
}
