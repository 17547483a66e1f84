/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ports: one namespace, refusals in the order of spec 6.3 and 6.4, release against callers. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "common/rcu.h"
#include "fake_vm.h"
#include "vmm/event.h"
#include "vmm/vm.h"

static int setup(void **state)
{
	*state = &fake_vm_new(2, FAKE_WITH_TSC)->vm;
	return 0;
}

static int teardown(void **state)
{
	fake_vm_free(fake_vm_of(*state));
	return 0;
}

/* What a handler saw, and what it is to answer. */
struct receiver {
	enum hv_status answer;
	unsigned calls;
	struct vcpu *caller;
	struct hv_post_message_input input;
	uint16_t flag;
};

static enum hv_status on_message(
	void *arg, struct vcpu *caller, const struct hv_post_message_input *input)
{
	struct receiver *receiver = arg;

	receiver->calls++;
	receiver->caller = caller;
	receiver->input = *input;
	return receiver->answer;
}

static enum hv_status on_event(void *arg, struct vcpu *caller, uint16_t flag)
{
	struct receiver *receiver = arg;

	receiver->calls++;
	receiver->caller = caller;
	receiver->flag = flag;
	return receiver->answer;
}

static struct port_spec message_spec(uint32_t id, struct receiver *receiver)
{
	return (struct port_spec){
		.connection_id = id,
		.type = PORT_MESSAGE,
		.owner = "test",
		.on_message = on_message,
		.arg = receiver,
	};
}

static struct port_spec event_spec(uint32_t id, struct receiver *receiver)
{
	return (struct port_spec){
		.connection_id = id,
		.type = PORT_EVENT,
		.owner = "test",
		.on_event = on_event,
		.arg = receiver,
	};
}

static struct port_spec monitor_spec(uint32_t id, uint8_t monitor_id, struct receiver *receiver)
{
	struct port_spec spec = event_spec(id, receiver);

	spec.type = PORT_MONITOR;
	spec.monitor_id = monitor_id;
	return spec;
}

static struct port *add(struct vm *vm, struct port_spec spec)
{
	struct port *port = NULL;

	assert_int_equal(ports_add(&vm->ports, &spec, &port), 0);
	return port;
}

static enum hv_status post(struct vm *vm, uint8_t vtl, uint32_t id, uint32_t type, uint32_t size)
{
	struct hv_post_message_input input = {
		.connection_id = id,
		.message_type = type,
		.payload_size = size,
		.payload = {1, 2, 3},
	};

	return ports_post_message(&vm->ports, vm->vcpu[0], vtl, &input);
}

static enum hv_status signal_port(struct vm *vm, uint8_t vtl, uint32_t id, uint16_t flag)
{
	return ports_signal_event(&vm->ports, vm->vcpu[0], vtl, id, flag);
}

static struct port_info info_of(struct vm *vm, uint64_t id)
{
	struct port_info info = {0};

	assert_int_equal(port_node_class.get(vm, &id, &info), 0);
	return info;
}

/* ---- registration --------------------------------------------------------- */

static void a_message_reaches_its_port(void **state)
{
	struct vm *vm = *state;
	struct receiver receiver = {0};
	struct port *port = add(vm, message_spec(7, &receiver));

	assert_int_equal(post(vm, 0, 7, 42, 3), HV_STATUS_SUCCESS);
	assert_int_equal(receiver.calls, 1);
	assert_ptr_equal(receiver.caller, vm->vcpu[0]);
	assert_int_equal(receiver.input.message_type, 42);
	assert_int_equal(receiver.input.payload_size, 3);
	assert_int_equal(receiver.input.payload[2], 3);
	port_release(port);
}

static void a_signal_reaches_its_port(void **state)
{
	struct vm *vm = *state;
	struct receiver receiver = {0};
	struct port *port = add(vm, event_spec(8, &receiver));

	assert_int_equal(signal_port(vm, 0, 8, 77), HV_STATUS_SUCCESS);
	assert_int_equal(receiver.flag, 77);
	port_release(port);
}

static void one_namespace_for_all_kinds(void **state)
{
	struct vm *vm = *state;
	struct receiver receiver = {0};
	struct port_spec event = event_spec(9, &receiver);
	struct port *port = add(vm, message_spec(9, &receiver)), *second = NULL;

	assert_int_equal(ports_add(&vm->ports, &event, &second), -EEXIST);
	assert_null(second);
	port_release(port);
	port_release(add(vm, event));
}

static void a_bad_specification_is_refused(void **state)
{
	struct vm *vm = *state;
	struct receiver receiver = {0};
	struct port_spec bad[] = {
		message_spec(0x1000000, &receiver),
		message_spec(1, &receiver),
		message_spec(1, &receiver),
		event_spec(1, &receiver),
		event_spec(1, &receiver),
		monitor_spec(1, HV_MONITOR_COUNT, &receiver),
	};
	struct port *port = NULL;

	bad[1].minimum_vtl = HV_VTL_COUNT;
	bad[2].on_message = NULL;
	bad[3].on_event = NULL;
	bad[4].flag_count = HV_EVENT_FLAGS_COUNT + 1;
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(ports_add(&vm->ports, &bad[i], &port), -EINVAL);
	assert_int_equal(vm->ports.count, 0);
}

static void the_first_and_last_id_are_legal(void **state)
{
	struct vm *vm = *state;
	struct receiver receiver = {0};
	struct port *first = add(vm, message_spec(0, &receiver));
	struct port *last = add(vm, message_spec(HV_CONNECTION_ID_MASK, &receiver));

	assert_int_equal(post(vm, 0, 0, 1, 0), HV_STATUS_SUCCESS);
	assert_int_equal(post(vm, 0, HV_CONNECTION_ID_MASK, 1, 0), HV_STATUS_SUCCESS);
	assert_int_equal(receiver.calls, 2);
	port_release(first);
	port_release(last);
}

static void release_removes_the_port(void **state)
{
	struct vm *vm = *state;
	struct receiver receiver = {0};
	struct port *port = add(vm, message_spec(5, &receiver));
	uint64_t id = 5;
	struct port_info info;

	assert_null(port_release(port));
	assert_null(port_release(NULL));
	assert_int_equal(post(vm, 0, 5, 1, 0), HV_STATUS_INVALID_CONNECTION_ID);
	assert_int_equal(port_node_class.get(vm, &id, &info), -ENOENT);
	assert_int_equal(receiver.calls, 0);
}

/* ---- refusals, in order --------------------------------------------------- */

static void an_unknown_id_is_an_invalid_connection(void **state)
{
	struct vm *vm = *state;
	struct receiver receiver = {0};
	struct port *port = add(vm, message_spec(3, &receiver));

	assert_int_equal(post(vm, 0, 4, 1, 0), HV_STATUS_INVALID_CONNECTION_ID);
	assert_int_equal(signal_port(vm, 0, 4, 0), HV_STATUS_INVALID_CONNECTION_ID);
	/* Bits 31:24 are not masked off. */
	assert_int_equal(post(vm, 0, 0x1000003, 1, 0), HV_STATUS_INVALID_CONNECTION_ID);
	assert_int_equal(signal_port(vm, 0, 0x80000003, 0), HV_STATUS_INVALID_CONNECTION_ID);
	port_release(port);
}

static void the_wrong_kind_is_an_invalid_port(void **state)
{
	struct vm *vm = *state;
	struct receiver receiver = {0};
	struct port *message = add(vm, message_spec(1, &receiver));
	struct port *event = add(vm, event_spec(2, &receiver));
	struct port *monitor = add(vm, monitor_spec(3, 0, &receiver));

	assert_int_equal(signal_port(vm, 0, 1, 0), HV_STATUS_INVALID_PORT_ID);
	assert_int_equal(post(vm, 0, 2, 1, 0), HV_STATUS_INVALID_PORT_ID);
	assert_int_equal(post(vm, 0, 3, 1, 0), HV_STATUS_INVALID_PORT_ID);
	assert_int_equal(receiver.calls, 0);
	assert_int_equal(info_of(vm, 1).wrong_kind, 1);
	assert_int_equal(info_of(vm, 2).wrong_kind, 1);
	port_release(message);
	port_release(event);
	port_release(monitor);
}

static void a_caller_below_the_minimum_vtl_is_denied(void **state)
{
	struct vm *vm = *state;
	struct receiver receiver = {0};
	struct port_spec message = message_spec(1, &receiver), event = event_spec(2, &receiver);
	struct port *message_port, *event_port;

	message.minimum_vtl = 2;
	event.minimum_vtl = 1;
	message_port = add(vm, message);
	event_port = add(vm, event);
	assert_int_equal(post(vm, 0, 1, 1, 0), HV_STATUS_OPERATION_DENIED);
	assert_int_equal(post(vm, 1, 1, 1, 0), HV_STATUS_OPERATION_DENIED);
	assert_int_equal(signal_port(vm, 0, 2, 0), HV_STATUS_OPERATION_DENIED);
	assert_int_equal(receiver.calls, 0);
	assert_int_equal(post(vm, 2, 1, 1, 0), HV_STATUS_SUCCESS);
	assert_int_equal(signal_port(vm, 1, 2, 0), HV_STATUS_SUCCESS);
	assert_int_equal(info_of(vm, 1).denied, 2);
	/* The kind is looked at before the VTL. */
	assert_int_equal(signal_port(vm, 0, 1, 0), HV_STATUS_INVALID_PORT_ID);
	port_release(message_port);
	port_release(event_port);
}

static void payload_and_type_are_checked_before_the_id(void **state)
{
	struct vm *vm = *state;
	struct receiver receiver = {0};
	struct port *port = add(vm, message_spec(1, &receiver));

	assert_int_equal(post(vm, 0, 1, 1, 240), HV_STATUS_SUCCESS);
	assert_int_equal(post(vm, 0, 1, 1, 241), HV_STATUS_INVALID_PARAMETER);
	assert_int_equal(post(vm, 0, 1, 1, UINT32_MAX), HV_STATUS_INVALID_PARAMETER);
	assert_int_equal(post(vm, 0, 1, 0, 8), HV_STATUS_INVALID_PARAMETER);
	assert_int_equal(post(vm, 0, 1, 0x80000010, 8), HV_STATUS_INVALID_PARAMETER);
	assert_int_equal(post(vm, 0, 99, 1, 241), HV_STATUS_INVALID_PARAMETER);
	assert_int_equal(post(vm, 0, 1, 0x7fffffff, 8), HV_STATUS_SUCCESS);
	assert_int_equal(receiver.calls, 2);
	port_release(port);
}

static void a_flag_at_the_count_is_invalid(void **state)
{
	struct vm *vm = *state;
	struct receiver receiver = {0};
	struct port_spec four = event_spec(2, &receiver);
	struct port *all = add(vm, event_spec(1, &receiver)), *some;

	four.flag_count = 4;
	some = add(vm, four);
	assert_int_equal(signal_port(vm, 0, 1, 2047), HV_STATUS_SUCCESS);
	assert_int_equal(signal_port(vm, 0, 1, 2048), HV_STATUS_INVALID_PARAMETER);
	assert_int_equal(signal_port(vm, 0, 1, UINT16_MAX), HV_STATUS_INVALID_PARAMETER);
	assert_int_equal(signal_port(vm, 0, 2, 3), HV_STATUS_SUCCESS);
	assert_int_equal(signal_port(vm, 0, 2, 4), HV_STATUS_INVALID_PARAMETER);
	assert_int_equal(receiver.calls, 2);
	assert_int_equal(info_of(vm, 2).flag_count, 4);
	port_release(all);
	port_release(some);
}

/* ---- counters ------------------------------------------------------------- */

static void results_are_counted_by_kind(void **state)
{
	struct vm *vm = *state;
	struct receiver receiver = {0};
	struct port *port = add(vm, message_spec(1, &receiver));
	static const enum hv_status answers[] = {HV_STATUS_SUCCESS, HV_STATUS_INSUFFICIENT_BUFFERS,
		HV_STATUS_INSUFFICIENT_BUFFERS, HV_STATUS_INVALID_SYNIC_STATE};

	for (unsigned i = 0; i < ARRAY_LEN(answers); i++) {
		receiver.answer = answers[i];
		assert_int_equal(post(vm, 0, 1, 1, 0), answers[i]);
	}
	assert_int_equal(info_of(vm, 1).accepted, 1);
	assert_int_equal(info_of(vm, 1).busy, 2);
	assert_int_equal(info_of(vm, 1).failed, 1);
	assert_int_equal(info_of(vm, 1).denied, 0);
	port_release(port);
}

static void the_age_of_the_last_call_follows_the_clock(void **state)
{
	struct vm *vm = *state;
	struct receiver receiver = {0};
	struct port *port = add(vm, event_spec(1, &receiver));

	assert_true(info_of(vm, 1).last_age_ns == UINT64_MAX);
	assert_int_equal(signal_port(vm, 0, 1, 0), HV_STATUS_SUCCESS);
	fake_vm_advance_ns(fake_vm_of(vm), 5000);
	assert_int_equal(info_of(vm, 1).last_age_ns, 5000);
	port_release(port);
}

static void a_node_tells_what_the_port_is(void **state)
{
	struct vm *vm = *state;
	struct receiver receiver = {0};
	struct port *message = add(vm, message_spec(1, &receiver));
	struct port *monitor = add(vm, monitor_spec(2, 9, &receiver));
	struct port_info info = info_of(vm, 1);

	assert_int_equal(info.type, PORT_MESSAGE);
	assert_string_equal(info.owner, "test");
	assert_true(info.flag_count == UINT32_MAX);
	assert_true(info.monitor_id == UINT32_MAX);
	info = info_of(vm, 2);
	assert_int_equal(info.type, PORT_MONITOR);
	assert_int_equal(info.monitor_id, 9);
	assert_int_equal(info.flag_count, HV_EVENT_FLAGS_COUNT);
	port_release(message);
	port_release(monitor);
}

static void registration_and_release_are_recorded(void **state)
{
	struct vm *vm = *state;
	struct receiver receiver = {0};

	port_release(add(vm, message_spec(1, &receiver)));
	assert_int_equal(fake_vm_recorded(fake_vm_of(vm), HV_EVENT_PORT_ADD), 1);
	assert_int_equal(fake_vm_recorded(fake_vm_of(vm), HV_EVENT_PORT_RELEASE), 1);
}

/* ---- listing -------------------------------------------------------------- */

struct seen {
	uint64_t id[8];
	unsigned count, stop_after;
};

static int see(void *arg, const uint64_t *key, const void *info)
{
	struct seen *seen = arg;

	assert_int_equal(((const struct port_info *)info)->connection_id, *key);
	assert_true(seen->count < ARRAY_LEN(seen->id));
	seen->id[seen->count++] = *key;
	return seen->stop_after && seen->count == seen->stop_after;
}

static void assert_listed(struct vm *vm, const uint64_t *after, const uint64_t *ids, unsigned count)
{
	struct seen seen = {0};

	port_node_class.list(vm, NULL, 0, after, see, &seen);
	assert_int_equal(seen.count, count);
	assert_memory_equal(seen.id, ids, count * sizeof(*ids));
}

static void a_listing_ascends_and_resumes(void **state)
{
	struct vm *vm = *state;
	struct receiver receiver = {0};
	static const uint64_t ids[] = {0, 1, 4095, 4096, 0x20000, 0xffffff};
	static const uint64_t absent = 4000, beyond = UINT64_MAX, fixed_absent = 2;
	struct port *port[ARRAY_LEN(ids)];
	struct seen seen = {.stop_after = 2};

	for (unsigned i = ARRAY_LEN(ids); i-- > 0;)
		port[i] = add(vm, message_spec(ids[i], &receiver));
	assert_listed(vm, NULL, ids, 6);
	for (unsigned i = 0; i < ARRAY_LEN(ids); i++)
		assert_listed(vm, &ids[i], ids + i + 1, 5 - i);
	assert_listed(vm, &absent, ids + 2, 4);
	assert_listed(vm, &beyond, ids, 0);

	port_node_class.list(vm, NULL, 0, NULL, see, &seen);
	assert_int_equal(seen.count, 2);
	seen = (struct seen){0};
	port_node_class.list(vm, &ids[2], 1, NULL, see, &seen);
	assert_int_equal(seen.count, 1);
	port_node_class.list(vm, &fixed_absent, 1, NULL, see, &seen);
	assert_int_equal(seen.count, 1);
	for (unsigned i = 0; i < ARRAY_LEN(ids); i++)
		port_release(port[i]);
}

/* ---- monitor ports -------------------------------------------------------- */

static void a_taken_monitor_id_leaves_no_port_behind(void **state)
{
	struct vm *vm = *state;
	struct receiver receiver = {0};
	struct port *first = add(vm, monitor_spec(1, 5, &receiver)), *second = NULL;
	struct port_spec spec = monitor_spec(2, 5, &receiver);
	uint64_t id = 2;
	struct port_info info;

	assert_int_equal(ports_add(&vm->ports, &spec, &second), -EEXIST);
	assert_int_equal(port_node_class.get(vm, &id, &info), -ENOENT);
	assert_int_equal(vm->ports.count, 1);
	port_release(first);
	port_release(add(vm, spec));
	assert_int_equal(vm->monitor.used, 0);
}

/* ---- threads -------------------------------------------------------------- */

struct running_handler {
	struct vm *vm;
	_Atomic bool entered, left;
};

/* Stays in the handler until the release has taken the port out of the table. */
static enum hv_status linger(void *arg, struct vcpu *caller, uint16_t flag)
{
	struct running_handler *running = arg;

	running->entered = true;
	while (running->vm->ports.count)
		sched_yield();
	for (unsigned i = 0; i < 1000; i++)
		sched_yield();
	running->left = true;
	return HV_STATUS_SUCCESS;
}

static void *call_lingering_port(void *arg)
{
	struct running_handler *running = arg;

	rcu_thread_init();
	ports_signal_event(&running->vm->ports, NULL, 0, 1, 0);
	rcu_thread_exit();
	return NULL;
}

static void release_waits_for_a_running_handler(void **state)
{
	struct running_handler running = {.vm = *state};
	struct port_spec spec = event_spec(1, NULL);
	struct port *port;
	pthread_t thread;

	spec.on_event = linger;
	spec.arg = &running;
	port = add(running.vm, spec);
	assert_int_equal(pthread_create(&thread, NULL, call_lingering_port, &running), 0);
	while (!running.entered)
		sched_yield();
	port_release(port);
	assert_true(running.left);
	pthread_join(thread, NULL);
}

enum { CHURN_CALLS = 20000 };

struct churn {
	struct vm *vm;
	_Atomic unsigned accepted, unknown;
	_Atomic bool done;
};

static enum hv_status count_call(void *arg, struct vcpu *caller, uint16_t flag)
{
	struct churn *churn = *(struct churn **)arg;

	churn->accepted++;
	return HV_STATUS_SUCCESS;
}

static void *call_repeatedly(void *arg)
{
	struct churn *churn = arg;

	rcu_thread_init();
	for (unsigned i = 0; i < CHURN_CALLS; i++)
		if (ports_signal_event(&churn->vm->ports, NULL, 0, 1, 0) != HV_STATUS_SUCCESS)
			churn->unknown++;
	churn->done = true;
	rcu_thread_exit();
	return NULL;
}

/* The handler's argument is freed right after each release: ASan and TSan watch. */
static void calls_never_reach_a_released_port(void **state)
{
	struct churn churn = {.vm = *state};
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, call_repeatedly, &churn), 0);
	while (!churn.done) {
		struct churn **arg = malloc(sizeof(*arg));
		struct port_spec spec = event_spec(1, NULL);
		struct port *port;

		*arg = &churn;
		spec.on_event = count_call;
		spec.arg = arg;
		port = add(churn.vm, spec);
		sched_yield();
		port_release(port);
		free(arg);
	}
	pthread_join(thread, NULL);
	assert_int_equal(churn.accepted + churn.unknown, CHURN_CALLS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_message_reaches_its_port),
		TEST(a_signal_reaches_its_port),
		TEST(one_namespace_for_all_kinds),
		TEST(a_bad_specification_is_refused),
		TEST(the_first_and_last_id_are_legal),
		TEST(release_removes_the_port),
		TEST(an_unknown_id_is_an_invalid_connection),
		TEST(the_wrong_kind_is_an_invalid_port),
		TEST(a_caller_below_the_minimum_vtl_is_denied),
		TEST(payload_and_type_are_checked_before_the_id),
		TEST(a_flag_at_the_count_is_invalid),
		TEST(results_are_counted_by_kind),
		TEST(the_age_of_the_last_call_follows_the_clock),
		TEST(a_node_tells_what_the_port_is),
		TEST(registration_and_release_are_recorded),
		TEST(a_listing_ascends_and_resumes),
		TEST(a_taken_monitor_id_leaves_no_port_behind),
		TEST(release_waits_for_a_running_handler),
		TEST(calls_never_reach_a_released_port),
	};

	return cmocka_run_group_tests_name("ports", tests, NULL, NULL);
}
