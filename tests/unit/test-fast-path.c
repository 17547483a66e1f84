/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Event ports whose signals KVM answers without an exit, on a backend that behaves like KVM. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/resource.h>
#include <cmocka.h>
#include "common/rcu.h"
#include "fake_vm.h"
#include "vmm/dev/demo.h"
#include "vmm/dev/testdev.h"
#include "vmm/event.h"
#include "vmm/vm.h"

enum { ID = 0x10005 };

/* What the handler saw, and what it is to answer. */
struct receiver {
	enum hv_status answer;
	_Atomic unsigned calls;
	_Atomic(struct vcpu *) caller;
	_Atomic uint16_t flag;
};

static struct receiver receiver;

static int setup(void **state)
{
	receiver = (struct receiver){.caller = (struct vcpu *)&receiver, .flag = UINT16_MAX};
	*state = fake_vm_new(1, FAKE_KERNEL | FAKE_WITH_SIGNALS);
	return 0;
}

static int teardown(void **state)
{
	fake_vm_free(*state);
	return 0;
}

static enum hv_status on_event(void *arg, struct vcpu *caller, uint16_t flag)
{
	receiver.calls++;
	receiver.caller = caller;
	receiver.flag = flag;
	return receiver.answer;
}

static enum hv_status on_message(
	void *arg, struct vcpu *caller, const struct hv_post_message_input *input)
{
	return HV_STATUS_SUCCESS;
}

static const struct port_spec fast_spec = {
	.connection_id = ID,
	.type = PORT_EVENT,
	.owner = "test",
	.coalesce = true,
	.on_event = on_event,
};

static struct port *add(struct fake_vm *fake, struct port_spec spec)
{
	struct port *port = NULL;

	assert_int_equal(ports_add(&fake->vm.ports, &spec, &port), 0);
	return port;
}

static struct port_info info_of(struct fake_vm *fake, uint64_t id)
{
	struct port_info info = {0};

	assert_int_equal(port_node_class.get(&fake->vm, &id, &info), 0);
	return info;
}

/* HvSignalEvent, as the VM sees it: what KVM does not answer is dispatched. */
static enum hv_status guest_signals(struct fake_vm *fake, uint32_t id, uint16_t flag)
{
	if (flag == 0 && fake_vm_signal(fake, id))
		return HV_STATUS_SUCCESS;
	return ports_signal_event(&fake->vm.ports, fake->vm.vcpu[0], 0, id, flag);
}

/* HvSignalEvent calls that the VM counts as successes without having dispatched them. */
static uint64_t counted_successes(struct fake_vm *fake)
{
	struct hypercall_info info;

	assert_int_equal(
		hypercall_node_class.get(&fake->vm, &(uint64_t){HV_CALL_SIGNAL_EVENT}, &info), 0);
	assert_true(info.status_count <= 1);
	return info.count;
}

/* ---- signals --------------------------------------------------------------- */

static void signals_add_up_to_one_run_of_the_handler(void **state)
{
	struct fake_vm *fake = *state;
	struct port *port = add(fake, fast_spec);

	for (unsigned i = 0; i < 5; i++)
		assert_true(fake_vm_signal(fake, ID));
	fake_vm_run_loop(fake);
	assert_int_equal(receiver.calls, 1);
	assert_null(receiver.caller);
	assert_int_equal(receiver.flag, 0);
	assert_true(fake_vm_signal(fake, ID));
	fake_vm_run_loop(fake);
	assert_int_equal(receiver.calls, 2);
	fake_vm_run_loop(fake);
	assert_int_equal(receiver.calls, 2);
	port_release(port);
	assert_int_equal(receiver.calls, 2);
}

static void each_signal_is_counted_as_a_call_that_succeeded(void **state)
{
	struct fake_vm *fake = *state;
	struct port *port = add(fake, fast_spec);

	assert_true(info_of(fake, ID).last_age_ns == UINT64_MAX);
	for (unsigned i = 0; i < 7; i++)
		assert_true(fake_vm_signal(fake, ID));
	/* Until the loop has its turn nobody knows. */
	assert_int_equal(info_of(fake, ID).accepted, 0);
	fake_vm_run_loop(fake);
	fake_vm_advance_ns(fake, 3000);
	assert_int_equal(info_of(fake, ID).accepted, 7);
	assert_int_equal(info_of(fake, ID).last_age_ns, 3000);
	assert_int_equal(counted_successes(fake), 7);
	assert_int_equal(fake_vm_recorded(fake, HV_EVENT_PORT_SIGNAL_FAST), 1);
	assert_int_equal(fake_vm_recorded(fake, HV_EVENT_PORT_SIGNAL), 0);
	port_release(port);
}

static void another_flag_number_still_exits(void **state)
{
	struct fake_vm *fake = *state;
	struct port *port = add(fake, fast_spec);

	assert_int_equal(guest_signals(fake, ID, 1), HV_STATUS_SUCCESS);
	assert_int_equal(receiver.calls, 1);
	assert_ptr_equal(receiver.caller, fake->vm.vcpu[0]);
	assert_int_equal(receiver.flag, 1);
	assert_int_equal(guest_signals(fake, ID, 0), HV_STATUS_SUCCESS);
	assert_int_equal(receiver.calls, 1);
	fake_vm_run_loop(fake);
	assert_int_equal(receiver.calls, 2);
	assert_int_equal(info_of(fake, ID).accepted, 2);
	port_release(port);
}

/* What the handler answered, as the last record of a fast signal has it. */
static enum hv_status last_status(struct fake_vm *fake)
{
	struct record_cursor cursor = {.next = 1};
	struct record records[64];
	uint64_t gap;
	size_t count = recorder_read(fake->vm.recorder, &cursor, records, ARRAY_LEN(records), &gap);

	while (count > 0 && records[count - 1].type != HV_EVENT_PORT_SIGNAL_FAST)
		count--;
	assert_true(count > 0);
	return (enum hv_status)records[count - 1].arg[2];
}

/* The guest has had its answer: it succeeded. */
static void what_the_handler_answers_is_recorded_only(void **state)
{
	struct fake_vm *fake = *state;
	struct port *port = add(fake, fast_spec);

	receiver.answer = HV_STATUS_INVALID_SYNIC_STATE;
	assert_true(fake_vm_signal(fake, ID));
	assert_true(fake_vm_signal(fake, ID));
	fake_vm_run_loop(fake);
	assert_int_equal(info_of(fake, ID).accepted, 2);
	assert_int_equal(info_of(fake, ID).failed, 0);
	assert_int_equal(counted_successes(fake), 2);
	assert_int_equal(last_status(fake), HV_STATUS_INVALID_SYNIC_STATE);
	port_release(port);
}

static void settling_takes_what_the_loop_has_not_got_to(void **state)
{
	struct fake_vm *fake = *state;
	struct port_spec other = fast_spec;
	struct port *first = add(fake, fast_spec), *second;

	other.connection_id = ID + 1;
	second = add(fake, other);
	assert_true(fake_vm_signal(fake, ID));
	assert_true(fake_vm_signal(fake, ID + 1));
	ports_settle(&fake->vm.ports);
	assert_int_equal(receiver.calls, 2);
	assert_int_equal(counted_successes(fake), 2);
	port_release(first);
	port_release(second);
}

/* ---- who has a fast path --------------------------------------------------- */

static void only_event_ports_that_allow_it_have_one(void **state)
{
	struct fake_vm *fake = *state;
	struct port_spec spec[4];
	struct port *port[ARRAY_LEN(spec)], *fast = add(fake, fast_spec);

	assert_true(info_of(fake, ID).fast_path);
	for (unsigned i = 0; i < ARRAY_LEN(spec); i++) {
		spec[i] = fast_spec;
		spec[i].connection_id = i;
	}
	spec[0].coalesce = false;
	spec[1].minimum_vtl = 1;
	spec[2].type = PORT_MONITOR;
	spec[3].type = PORT_MESSAGE;
	spec[3].on_message = on_message;
	for (unsigned i = 0; i < ARRAY_LEN(spec); i++) {
		port[i] = add(fake, spec[i]);
		assert_false(info_of(fake, i).fast_path);
		assert_string_equal(info_of(fake, i).fast_path_error, "");
		assert_false(fake_vm_signal(fake, i));
	}
	for (unsigned i = 0; i < ARRAY_LEN(port); i++)
		port_release(port[i]);
	port_release(fast);
}

static void outside_mode_kernel_there_is_none(void **state)
{
	struct fake_vm *fake = fake_vm_new(1, FAKE_WITH_IRQFD);
	struct port *port = add(fake, fast_spec);

	assert_false(info_of(fake, ID).fast_path);
	assert_string_equal(info_of(fake, ID).fast_path_error, "");
	assert_int_equal(guest_signals(fake, ID, 0), HV_STATUS_SUCCESS);
	assert_ptr_equal(receiver.caller, fake->vm.vcpu[0]);
	ports_settle(&fake->vm.ports);
	port_release(port);
	fake_vm_free(fake);
}

static void the_first_and_last_id_have_one(void **state)
{
	struct fake_vm *fake = *state;
	const uint32_t ids[] = {0, HV_CONNECTION_ID_MASK};

	for (unsigned i = 0; i < ARRAY_LEN(ids); i++) {
		struct port_spec spec = fast_spec;
		struct port *port;

		spec.connection_id = ids[i];
		port = add(fake, spec);
		assert_true(fake_vm_signal(fake, ids[i]));
		fake_vm_run_loop(fake);
		assert_int_equal(info_of(fake, ids[i]).accepted, 1);
		port_release(port);
	}
}

/* ---- when KVM refuses -------------------------------------------------------- */

static void whatever_kvm_refuses_exits_and_is_told(void **state)
{
	struct fake_vm *fake = *state;
	static const struct {
		int error;
		const char *name;
	} rows[] = {{-EINVAL, "EINVAL"}, {-ENOENT, "ENOENT"}, {-EEXIST, "EEXIST"},
		{-ENOMEM, "ENOMEM"}, {-ENOTTY, "ENOTTY"}, {-EPERM, "EPERM"}};

	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		struct port *port;

		receiver.calls = 0;
		fake_vm_fail(fake, FAKE_SIGNAL, 1, rows[i].error);
		port = add(fake, fast_spec);
		assert_false(info_of(fake, ID).fast_path);
		assert_string_equal(info_of(fake, ID).fast_path_error, rows[i].name);
		assert_int_equal(fake_vm_recorded(fake, HV_EVENT_PORT_FAST_PATH_ERROR), i + 1);
		assert_int_equal(guest_signals(fake, ID, 0), HV_STATUS_SUCCESS);
		assert_int_equal(receiver.calls, 1);
		port_release(port);
	}
	/* None of that left a descriptor counted. */
	assert_int_equal(fake->vm.ports.signals.count, 0);
}

static void a_taken_id_keeps_the_fast_path_of_its_port(void **state)
{
	struct fake_vm *fake = *state;
	struct port *port = add(fake, fast_spec), *second = NULL;

	assert_int_equal(ports_add(&fake->vm.ports, &fast_spec, &second), -EEXIST);
	assert_true(fake_vm_signal(fake, ID));
	fake_vm_run_loop(fake);
	assert_int_equal(info_of(fake, ID).accepted, 1);
	assert_int_equal(fake->vm.ports.signals.count, 1);
	port_release(port);
}

enum { DESCRIPTORS = 100, MANY = DESCRIPTORS };

static void fast_paths_take_at_most_half_of_the_descriptors(void **state)
{
	struct rlimit before, limit;
	struct port *port[MANY];
	struct fake_vm *fake;
	unsigned fast = 0;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	limit = (struct rlimit){.rlim_cur = DESCRIPTORS, .rlim_max = before.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	fake = fake_vm_new(1, FAKE_KERNEL | FAKE_WITH_SIGNALS);
	for (unsigned i = 0; i < MANY; i++) {
		struct port_spec spec = fast_spec;

		spec.connection_id = i;
		port[i] = add(fake, spec);
		fast += info_of(fake, i).fast_path;
		assert_int_equal(guest_signals(fake, i, 0), HV_STATUS_SUCCESS);
	}
	assert_int_equal(fast, DESCRIPTORS / 2);
	assert_string_equal(info_of(fake, MANY - 1).fast_path_error, "EMFILE");
	fake_vm_run_loop(fake);
	assert_int_equal(receiver.calls, MANY);
	/* What one port gives back another one gets. */
	port_release(port[0]);
	port_release(port[MANY - 1]);
	port[0] = add(fake, (struct port_spec){.connection_id = MANY - 1,
				    .type = PORT_EVENT,
				    .coalesce = true,
				    .on_event = on_event});
	assert_true(info_of(fake, MANY - 1).fast_path);
	for (unsigned i = 0; i < MANY - 1; i++)
		port_release(port[i]);
	fake_vm_free(fake);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

/* ---- release ------------------------------------------------------------------ */

static void release_handles_what_was_accepted_before(void **state)
{
	struct fake_vm *fake = *state;
	struct port *port = add(fake, fast_spec);

	for (unsigned i = 0; i < 3; i++)
		assert_true(fake_vm_signal(fake, ID));
	port_release(port);
	assert_int_equal(receiver.calls, 1);
	assert_int_equal(counted_successes(fake), 3);
	assert_int_equal(fake_vm_recorded(fake, HV_EVENT_PORT_SIGNAL_FAST), 1);
	assert_int_equal(guest_signals(fake, ID, 0), HV_STATUS_INVALID_CONNECTION_ID);
	fake_vm_run_loop(fake);
	assert_int_equal(receiver.calls, 1);
}

static void a_successor_inherits_no_signal(void **state)
{
	struct fake_vm *fake = *state;
	struct port *port = add(fake, fast_spec);

	assert_true(fake_vm_signal(fake, ID));
	port_release(port);
	port = add(fake, fast_spec);
	fake_vm_run_loop(fake);
	assert_int_equal(receiver.calls, 1);
	assert_int_equal(info_of(fake, ID).accepted, 0);
	assert_true(fake_vm_signal(fake, ID));
	fake_vm_run_loop(fake);
	assert_int_equal(info_of(fake, ID).accepted, 1);
	port_release(port);
}

/* ---- the demo and the test device ---------------------------------------------- */

enum { SINT = 5, CONNECTION = 0x42 };

static uint64_t flag_word(struct fake_vm *fake, unsigned sint, unsigned flag)
{
	return fake_vm_flags(fake, 0, sint)->word[flag / 64];
}

static void demo_ports_that_need_no_caller_have_one(void **state)
{
	struct fake_vm *fake = *state;
	struct demo *demo;

	assert_int_equal(demo_new(&fake->vm, &demo), 0);
	assert_true(info_of(fake, DEMO_EVENT_SINK).fast_path);
	assert_true(info_of(fake, DEMO_VP0_PORT).fast_path);
	/* This one answers whoever calls. */
	assert_false(info_of(fake, DEMO_EVENT_PORT).fast_path);
	demo_free(demo);
}

static void the_demo_is_signalled_as_by_the_host(void **state)
{
	struct fake_vm *fake = *state;
	struct demo *demo;

	assert_int_equal(demo_new(&fake->vm, &demo), 0);
	fake_vm_enable(fake, 0);
	fake->masked[0] = BIT64(DEMO_SINT);
	assert_int_equal(guest_signals(fake, DEMO_VP0_PORT, 0), HV_STATUS_SUCCESS);
	fake_vm_run_loop(fake);
	assert_true(flag_word(fake, DEMO_SINT, DEMO_VP0_FLAG) == BIT64(DEMO_VP0_FLAG));
	assert_int_equal(fake->sints[0][DEMO_SINT], 0);
	/* The interrupt is owed. */
	fake->masked[0] = 0;
	fake_vm_advance_ns(fake, NSEC_PER_MSEC);
	assert_int_equal(fake->sints[0][DEMO_SINT], 1);
	demo_free(demo);
}

static void command(struct fake_vm *fake, enum testdev_command code)
{
	uint32_t value = SINT | (uint32_t)code << 16 | (uint32_t)CONNECTION << 24;

	iobus_access(&fake->vm.iobus, fake->vm.vcpu[0], TESTDEV_PORT, 4, true, &value);
}

static void an_event_connection_has_one(void **state)
{
	struct fake_vm *fake = *state;
	struct testdev *dev;

	assert_int_equal(testdev_new(&fake->vm, &dev), 0);
	fake_vm_enable(fake, 0);
	command(fake, TESTDEV_EVT_CONN_CREATE);
	assert_true(info_of(fake, CONNECTION).fast_path);
	for (unsigned i = 0; i < 3; i++)
		assert_true(fake_vm_signal(fake, CONNECTION));
	assert_true(flag_word(fake, SINT, CONNECTION) == 0);
	fake_vm_run_loop(fake);
	assert_true(flag_word(fake, SINT, CONNECTION) == BIT64(CONNECTION % 64));
	assert_int_equal(fake->sints[0][SINT], 1);
	assert_int_equal(info_of(fake, CONNECTION).accepted, 3);
	testdev_free(dev);
}

/* On the VP's thread, with the device's lock held. */
static void an_event_connection_that_goes_sets_its_flag_first(void **state)
{
	struct fake_vm *fake = *state;
	struct testdev_info info;
	struct testdev *dev;

	assert_int_equal(testdev_new(&fake->vm, &dev), 0);
	fake_vm_enable(fake, 0);
	command(fake, TESTDEV_EVT_CONN_CREATE);
	assert_true(fake_vm_signal(fake, CONNECTION));
	fake_vm_enter_vcpu(fake, 0);
	command(fake, TESTDEV_EVT_CONN_DESTROY);
	fake_vm_leave_vcpu();
	assert_true(flag_word(fake, SINT, CONNECTION) == BIT64(CONNECTION % 64));
	assert_int_equal(fake->sints[0][SINT], 1);
	assert_false(fake_vm_signal(fake, CONNECTION));
	assert_int_equal(testdev_node_class.get(dev, NULL, &info), 0);
	assert_int_equal(info.refused, 0);
	testdev_free(dev);
}

static void a_signal_that_finds_the_synic_off_is_lost_and_told(void **state)
{
	struct fake_vm *fake = *state;
	struct testdev *dev;

	assert_int_equal(testdev_new(&fake->vm, &dev), 0);
	command(fake, TESTDEV_EVT_CONN_CREATE);
	assert_int_equal(guest_signals(fake, CONNECTION, 0), HV_STATUS_SUCCESS);
	fake_vm_run_loop(fake);
	assert_int_equal(last_status(fake), HV_STATUS_INVALID_SYNIC_STATE);
	fake_vm_enable(fake, 0);
	fake_vm_run_loop(fake);
	assert_true(flag_word(fake, SINT, CONNECTION) == 0);
	assert_int_equal(fake->sints[0][SINT], 0);
	testdev_free(dev);
}

/* ---- hostile guests ------------------------------------------------------------ */

enum { SIGNALS = 1000000, LIVES = 200 };

struct hostile {
	struct fake_vm *fake;
	_Atomic uint64_t accepted; /* what the guest was told succeeded */
	_Atomic bool done;
};

static void *signal_a_million_times(void *arg)
{
	struct hostile *hostile = arg;

	for (unsigned i = 0; i < SIGNALS; i++)
		hostile->accepted += fake_vm_signal(hostile->fake, ID);
	hostile->done = true;
	return NULL;
}

static void a_million_signals_are_counted_exactly(void **state)
{
	struct hostile hostile = {.fake = *state};
	struct port *port = add(hostile.fake, fast_spec);
	pthread_t guest;

	assert_int_equal(pthread_create(&guest, NULL, signal_a_million_times, &hostile), 0);
	while (!hostile.done)
		fake_vm_run_loop(hostile.fake);
	pthread_join(guest, NULL);
	fake_vm_run_loop(hostile.fake);
	assert_int_equal(hostile.accepted, SIGNALS);
	assert_int_equal(info_of(hostile.fake, ID).accepted, SIGNALS);
	assert_int_equal(counted_successes(hostile.fake), SIGNALS);
	port_release(port);
}

static void *signal_all_the_time(void *arg)
{
	struct hostile *hostile = arg;

	while (!hostile->done)
		hostile->accepted += fake_vm_signal(hostile->fake, ID);
	return NULL;
}

/* In each of its lives the port is signalled at least once. */
static void *come_and_go(void *arg)
{
	struct hostile *hostile = arg;

	rcu_thread_init();
	for (unsigned i = 0; i < LIVES; i++) {
		uint64_t before = hostile->accepted;
		struct port *port = add(hostile->fake, fast_spec);

		while (hostile->accepted == before)
			sched_yield();
		port_release(port);
	}
	hostile->done = true;
	rcu_thread_exit();
	return NULL;
}

/* The port goes and comes back under the hands of the guest and the loop. */
static void a_port_that_comes_and_goes_loses_nothing(void **state)
{
	struct hostile hostile = {.fake = *state};
	pthread_t guest, owner;

	assert_int_equal(pthread_create(&owner, NULL, come_and_go, &hostile), 0);
	assert_int_equal(pthread_create(&guest, NULL, signal_all_the_time, &hostile), 0);
	while (!hostile.done)
		fake_vm_run_loop(hostile.fake);
	pthread_join(guest, NULL);
	pthread_join(owner, NULL);
	assert_true(hostile.accepted >= LIVES);
	assert_int_equal(counted_successes(hostile.fake), hostile.accepted);
	assert_int_equal(hostile.fake->vm.ports.signals.count, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(signals_add_up_to_one_run_of_the_handler),
		TEST(each_signal_is_counted_as_a_call_that_succeeded),
		TEST(another_flag_number_still_exits),
		TEST(what_the_handler_answers_is_recorded_only),
		TEST(settling_takes_what_the_loop_has_not_got_to),
		TEST(only_event_ports_that_allow_it_have_one),
		TEST(outside_mode_kernel_there_is_none),
		TEST(the_first_and_last_id_have_one),
		TEST(whatever_kvm_refuses_exits_and_is_told),
		TEST(a_taken_id_keeps_the_fast_path_of_its_port),
		TEST(fast_paths_take_at_most_half_of_the_descriptors),
		TEST(release_handles_what_was_accepted_before),
		TEST(a_successor_inherits_no_signal),
		TEST(demo_ports_that_need_no_caller_have_one),
		TEST(the_demo_is_signalled_as_by_the_host),
		TEST(an_event_connection_has_one),
		TEST(an_event_connection_that_goes_sets_its_flag_first),
		TEST(a_signal_that_finds_the_synic_off_is_lost_and_told),
		TEST(a_million_signals_are_counted_exactly),
		TEST(a_port_that_comes_and_goes_loses_nothing),
	};

	return cmocka_run_group_tests_name("fast-path", tests, NULL, NULL);
}
