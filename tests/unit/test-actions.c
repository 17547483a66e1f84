/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The API over a machine: a VM on the sim backend whose registers the test sets by hand, so that
 * every answer of every action can be provoked.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "hvdef/hv_msr.h"
#include "inspect/catalog.h"
#include "inspect_rig.h"
#include "sim/software.h"
#include "vmm/dev/console.h"
#include "vmm/dev/testdev.h"
#include "vmm/inject.h"
#include "vmm/vm.h"

enum { VPS = 2, MEMORY_BYTES = 16 << 20, SIMP_GPA = 0x10000, SIEFP_GPA = 0x20000 };

/* An object that can only be read on its VP, which may be kept busy. */
struct slow_info {
	uint32_t vp;
};
static const struct field slow_rows[] = {
	{FIELD_U(struct slow_info, vp, 0, "VP")},
};
static const struct field_table slow_table = FIELD_TABLE(
	struct slow_info, "part", "A slow object", slow_rows);

struct machine {
	struct rig rig;
	struct vm *vm;
	struct injector *injector;
	struct console *console;
	struct testdev *testdev;
	struct port *message_port, *event_port, *monitor_port;
	_Atomic bool stuck;   /* VP 1's thread is to do something else */
	_Atomic bool blocked; /* and does */
	struct vcpu_mail mail;
	unsigned messages, events;
};

static int slow_get(void *owner, const uint64_t *key, void *ret_info)
{
	((struct slow_info *)ret_info)->vp = (uint32_t)key[0];
	return 0;
}

static int read_slow(void *owner, uint64_t vp)
{
	return 0;
}

static node_on_vcpu_fn slow_on_vcpu(const void *owner)
{
	return read_slow;
}

static const struct node_class slow_class = {
	.path = "vps/{vp}/slow",
	.fields = &slow_table,
	.key_count = 1,
	.on_vcpu = slow_on_vcpu,
	.get = slow_get,
};

static enum hv_status take_message(
	void *arg, struct vcpu *caller, const struct hv_post_message_input *input)
{
	struct machine *machine = arg;

	assert_null(caller);
	machine->messages++;
	return input->payload_size == 3 ? HV_STATUS_SUCCESS : HV_STATUS_INSUFFICIENT_BUFFERS;
}

static enum hv_status take_event(void *arg, struct vcpu *caller, uint16_t flag)
{
	struct machine *machine = arg;

	machine->events += flag;
	return HV_STATUS_SUCCESS;
}

static void add_ports(struct machine *machine)
{
	const struct port_spec message = {.connection_id = 1,
		.type = PORT_MESSAGE,
		.minimum_vtl = 1,
		.owner = "test",
		.on_message = take_message,
		.arg = machine};
	const struct port_spec event = {.connection_id = 2,
		.type = PORT_EVENT,
		.owner = "test",
		.flag_count = 8,
		.on_event = take_event,
		.arg = machine};

	const struct port_spec monitor = {.connection_id = 3,
		.type = PORT_MONITOR,
		.owner = "test",
		.monitor_id = 5,
		.on_event = take_event,
		.arg = machine};

	assert_int_equal(ports_add(&machine->vm->ports, &monitor, &machine->monitor_port), 0);
	assert_int_equal(ports_add(&machine->vm->ports, &message, &machine->message_port), 0);
	assert_int_equal(ports_add(&machine->vm->ports, &event, &machine->event_port), 0);
}

static void serve(struct machine *machine)
{
	const struct catalog_owners owners = {
		.vm = machine->vm,
		.console = machine->console,
		.testdev = machine->testdev,
	};
	struct node_provider providers[CATALOG_MAX + 2] = {0};
	size_t count = catalog_providers(&owners, providers);

	providers[count] = (struct node_provider){&slow_class, machine};
	rig_serve(&machine->rig, machine->vm, machine->injector, providers);
}

static int set_up(void **state)
{
	struct machine *machine = calloc(1, sizeof(*machine));

	assert_non_null(machine);
	rig_init(&machine->rig);
	{
		const struct vm_config config = {
			.name = "test",
			.vp_count = VPS,
			.memory_bytes = MEMORY_BYTES,
			.accel = &accel_sim,
			.synic_mode = SYNIC_MODE_SIM,
			.clock = &clock_monotonic,
			.loop = machine->rig.loop,
			.recorder = machine->rig.recorder,
		};
		assert_int_equal(vm_new(&config, &machine->vm), 0);
	}
	assert_int_equal(guest_software_load(machine->vm, "run=demo"), 0);
	assert_int_equal(injector_new(machine->vm, &machine->injector), 0);
	assert_int_equal(console_new(machine->rig.loop, CONSOLE_NULL, NULL, &machine->console), 0);
	assert_int_equal(testdev_new(machine->vm, &machine->testdev), 0);
	add_ports(machine);
	serve(machine);
	*state = machine;
	return 0;
}

/* Keeps VP 1's thread busy until told otherwise. */
static void block(struct vcpu *vcpu, void *arg)
{
	struct machine *machine = arg;

	atomic_store(&machine->blocked, true);
	while (atomic_load(&machine->stuck))
		usleep(1000);
}

static void block_vp(struct machine *machine)
{
	machine->mail = (struct vcpu_mail){.fn = block, .arg = machine};
	atomic_store(&machine->stuck, true);
	vcpu_send(machine->vm->vcpu[1], &machine->mail);
	for (unsigned ms = 0; !atomic_load(&machine->blocked); ms++) {
		assert_true(ms < RIG_PATIENCE_MS);
		usleep(1000);
	}
}

/* Also after a test that ended in the middle. */
static void unblock_vp(struct machine *machine)
{
	if (!atomic_exchange(&machine->stuck, false))
		return;
	assert_int_equal(vcpu_wait(machine->vm->vcpu[1], &machine->mail,
				 clock_now_ns(&clock_monotonic) + RIG_PATIENCE_MS * NSEC_PER_MSEC),
		0);
}

static int tear_down(void **state)
{
	struct machine *machine = *state;

	unblock_vp(machine);
	rig_stop(&machine->rig);
	injector_free(machine->injector);
	port_release(machine->message_port);
	port_release(machine->event_port);
	port_release(machine->monitor_port);
	testdev_free(machine->testdev);
	vm_free(machine->vm);
	console_free(machine->console);
	rig_free(&machine->rig);
	free(machine);
	return 0;
}

#define CALL(...) struct answer a = rig_call(&((struct machine *)*state)->rig, RIG_API, __VA_ARGS__)

static void set_msr(struct machine *machine, uint32_t index, uint64_t value)
{
	assert_int_equal(
		synic_msr_write(&machine->vm->vcpu[0]->synic[0], index, value), HV_FAULT_NONE);
}

/* SINT 2 of VP 0, vector 0x60. */
static void enable(struct machine *machine)
{
	set_msr(machine, HV_MSR_SIMP, SIMP_GPA | 1);
	set_msr(machine, HV_MSR_SIEFP, SIEFP_GPA | 1);
	set_msr(machine, HV_MSR_SCONTROL, 1);
	set_msr(machine, HV_MSR_SINT0 + 2, 0x60);
}

static const char *string(const json_t *json, const char *key)
{
	const char *value = json_string_value(json_object_get(json, key));

	assert_non_null(value);
	return value;
}

static json_int_t integer(const json_t *json, const char *key)
{
	assert_true(json_is_integer(json_object_get(json, key)));
	return json_integer_value(json_object_get(json, key));
}

static void expect_message(void **state, const char *body, unsigned status, const char *result)
{
	CALL("POST", "/v1/messages", body);

	assert_int_equal(a.status, status);
	assert_string_equal(string(a.json, "result"), result);
	answer_free(&a);
}

/* Delivered, and in words: without its interrupt. */
static void expect_owed(void **state, const char *body)
{
	CALL("POST", "/v1/messages", body);

	assert_int_equal(a.status, 200);
	assert_string_equal(string(a.json, "result"), "delivered");
	assert_non_null(strstr(string(a.json, "detail"), "owed"));
	answer_free(&a);
}

static void expect_problem(
	void **state, const char *target, const char *body, unsigned status, const char *code)
{
	CALL("POST", target, body);

	rig_expect_problem(&a, status, code);
	answer_free(&a);
}

/* ---- messages ------------------------------------------------------------------------------- */

static void a_message_is_delivered_with_its_latency(void **state)
{
	enable(*state);
	{
		CALL("POST", "/v1/messages",
			"{\"vp\":0,\"sint\":2,\"type\":\"0x80000001\",\"payload\":\"0a0b\"}");
		assert_int_equal(a.status, 200);
		assert_string_equal(string(a.json, "result"), "delivered");
		assert_string_equal(string(a.json, "type"), "0x80000001");
		assert_int_equal(integer(a.json, "payload_size"), 2);
		assert_true(integer(a.json, "latency_ns") > 0);
		answer_free(&a);
	}
	{
		CALL("GET", "/v1/messages/0/2/0", NULL);
		assert_string_equal(string(a.json, "payload"), "0a0b");
		answer_free(&a);
	}
}

static struct hv_message *slot(struct machine *machine)
{
	return guest_memory_at(&machine->vm->memory, SIMP_GPA + 2 * sizeof(struct hv_message),
		sizeof(struct hv_message));
}

/* What a guest does: takes the message's first byte, frees the slot, writes EOM. */
static unsigned consume(struct machine *machine)
{
	uint32_t *type = &slot(machine)->header.type;
	unsigned first;

	for (unsigned ms = 0; !__atomic_load_n(type, __ATOMIC_ACQUIRE); ms++) {
		assert_true(ms < RIG_PATIENCE_MS);
		usleep(1000);
	}
	first = *(volatile unsigned char *)slot(machine)->payload;
	__atomic_store_n(type, 0, __ATOMIC_SEQ_CST);
	set_msr(machine, HV_MSR_EOM, 0);
	return first;
}

static void a_busy_slot_answers_busy_and_delivers_once_in_order(void **state)
{
	struct machine *machine = *state;

	enable(machine);
	expect_message(state, "{\"vp\":0,\"sint\":2,\"payload\":\"01\"}", 200, "delivered");
	expect_message(state, "{\"vp\":0,\"sint\":2,\"dry_run\":true}", 200, "would_queue");
	expect_message(state, "{\"vp\":0,\"sint\":2,\"payload\":\"02\",\"wait_ns\":20000000}", 202,
		"busy");
	expect_message(
		state, "{\"vp\":0,\"sint\":2,\"payload\":\"03\",\"wait\":false}", 202, "accepted");
	{
		CALL("GET", "/v1/vps/0/sints/2", NULL);
		assert_true(
			json_is_true(json_object_get(json_object_get(a.json, "slot"), "pending")));
		answer_free(&a);
	}
	for (unsigned i = 1; i <= 3; i++)
		assert_int_equal(consume(machine), i);
	usleep(20000);
	assert_int_equal(slot(machine)->header.type, 0);
}

static void messages_are_refused_with_the_reason(void **state)
{
	struct machine *machine = *state;
	static const char body[] = "{\"vp\":0,\"sint\":2}";

	expect_problem(state, "/v1/messages", "{\"vp\":5,\"sint\":2}", 422, "bad_value");
	expect_problem(state, "/v1/messages", body, 409, "synic_disabled");
	set_msr(machine, HV_MSR_SCONTROL, 1);
	set_msr(machine, HV_MSR_SINT0 + 2, 0x60);
	expect_problem(state, "/v1/messages", body, 409, "simp_disabled");
	expect_problem(state, "/v1/messages", "{\"vp\":0,\"sint\":2,\"dry_run\":true}", 409,
		"simp_disabled");
	set_msr(machine, HV_MSR_SIMP, SIMP_GPA | 1);
	expect_message(state, "{\"vp\":0,\"sint\":2,\"dry_run\":true}", 200, "would_deliver");
	set_msr(machine, HV_MSR_SINT0 + 2, 0x10060);
	expect_problem(state, "/v1/messages", body, 409, "sint_masked");
	expect_problem(state, "/v1/messages", "{\"vp\":0,\"sint\":2,\"assert_only\":true}", 409,
		"sint_masked");
	expect_owed(state, "{\"vp\":0,\"sint\":2,\"force\":true}");
}

static void a_lane_holds_so_many_and_refuses_the_next(void **state)
{
	unsigned status = 0;

	enable(*state);
	for (unsigned i = 0; i < 2 * INJECT_LANE_MAX && status != 409; i++) {
		CALL("POST", "/v1/messages", "{\"vp\":0,\"sint\":2,\"wait\":false}");
		status = a.status;
		if (status == 409)
			rig_expect_problem(&a, 409, "queue_full");
		answer_free(&a);
	}
	assert_int_equal(status, 409);
}

static void assert_only_raises_the_vector(void **state)
{
	enable(*state);
	expect_message(state, "{\"vp\":0,\"sint\":2,\"assert_only\":true}", 200, "asserted");
}

/* Requests are carried out some time after they were sent. */
static void wait_for_waiting_messages(void **state, json_int_t wanted)
{
	json_int_t waiting = 0;

	for (unsigned ms = 0; waiting != wanted; ms++) {
		CALL("GET", "/v1/vps/0/sints/2", NULL);
		waiting = integer(a.json, "queue_depth");
		answer_free(&a);
		assert_true(ms < RIG_PATIENCE_MS);
		usleep(1000);
	}
}

/* Waiters outlive their request; stop and free must still find every one of them. */
static void a_message_still_waits_when_the_server_stops(void **state)
{
	struct machine *machine = *state;
	int fd;

	enable(machine);
	expect_message(state, "{\"vp\":0,\"sint\":2}", 200, "delivered");
	fd = rig_connect(&machine->rig, RIG_API);
	rig_send(fd, "POST /v1/messages HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
		     "Content-Length: 39\r\n\r\n{\"vp\":0,\"sint\":2,\"wait_ns\":60000000000}");
	wait_for_waiting_messages(state, 1);
	rig_stop(&machine->rig);
	{
		struct answer a;

		assert_true(rig_receive(fd, &a));
		rig_expect_problem(&a, 503, "stopping");
		answer_free(&a);
	}
	close(fd);
}

/* ---- events and hypercalls ------------------------------------------------------------------ */

static void an_event_flag_is_set_once(void **state)
{
	static const char body[] = "{\"vp\":0,\"sint\":2,\"flag\":5}";
	struct machine *machine = *state;

	expect_problem(state, "/v1/events", body, 409, "synic_disabled");
	set_msr(machine, HV_MSR_SCONTROL, 1);
	expect_problem(state, "/v1/events", body, 409, "siefp_disabled");
	expect_problem(state, "/v1/events", "{\"vp\":9,\"sint\":2,\"flag\":5}", 422, "bad_value");
	enable(machine);
	{
		CALL("POST", "/v1/events", body);
		assert_string_equal(string(a.json, "result"), "set");
		assert_true(json_is_null(json_object_get(a.json, "detail")));
		answer_free(&a);
	}
	set_msr(machine, HV_MSR_SINT0 + 2, 0x10060);
	{
		CALL("POST", "/v1/events", body);
		assert_string_equal(string(a.json, "result"), "already_set");
		answer_free(&a);
	}
	{
		CALL("POST", "/v1/events", "{\"vp\":0,\"sint\":2,\"flag\":6}");
		assert_string_equal(string(a.json, "result"), "set");
		assert_non_null(strstr(string(a.json, "detail"), "owed"));
		answer_free(&a);
	}
}

static void hypercalls_return_what_a_guest_would_get(void **state)
{
	static const struct {
		const char *call, *body, *status;
	} rows[] = {
		{"post-message", "{\"connection_id\":1,\"vtl\":1,\"payload\":\"010203\"}",
			"success"},
		{"post-message", "{\"connection_id\":\"0x1\",\"vtl\":1}", "insufficient_buffers"},
		{"post-message", "{\"connection_id\":1}", "operation_denied"},
		{"post-message", "{\"connection_id\":9}", "invalid_connection_id"},
		{"signal-event", "{\"connection_id\":2,\"flag\":7}", "success"},
		{"signal-event", "{\"connection_id\":1}", "invalid_port_id"},
	};
	struct machine *machine = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char target[64];

		snprintf(target, sizeof(target), "/v1/hypercalls/%s", rows[i].call);
		CALL("POST", target, rows[i].body);
		assert_int_equal(a.status, 200);
		print_message("%s\n", rows[i].body);
		assert_string_equal(string(a.json, "status_name"), rows[i].status);
		answer_free(&a);
	}
	assert_int_equal(machine->messages, 2);
	assert_int_equal(machine->events, 7);
}

/* ---- captures ------------------------------------------------------------------------------- */

static int open_capture(struct machine *machine, const char *query)
{
	int fd = rig_connect(&machine->rig, RIG_API);
	struct answer a;
	char request[128];

	snprintf(request, sizeof(request), "GET /v1/capture%s HTTP/1.1\r\nHost: a\r\n\r\n", query);
	rig_send(fd, request);
	assert_true(rig_receive(fd, &a));
	assert_int_equal(a.status, 200);
	answer_free(&a);
	return fd;
}

static void a_capture_is_pcapng_and_ends_at_its_limit(void **state)
{
	static char chunk[1 << 16];
	int fd = open_capture(*state, "?limit=1&payload=none");

	assert_true(rig_chunk(fd, chunk, sizeof(chunk)));
	assert_memory_equal(chunk, "\x0a\x0d\x0d\x0a", 4);
	for (unsigned i = 0; i < 2; i++) {
		CALL("POST", "/v1/hypercalls/signal-event", "{\"connection_id\":2,\"flag\":7}");

		assert_int_equal(a.status, 200);
		answer_free(&a);
	}
	assert_true(rig_chunk(fd, chunk, sizeof(chunk)));
	assert_memory_equal(chunk, "\6\0\0\0", 4);
	while (rig_chunk(fd, chunk, sizeof(chunk)))
		;
	close(fd);
}

static void captures_are_refused_with_the_reason(void **state)
{
	int fds[CAPTURE_READERS_MAX];

	{
		CALL("GET", "/v1/capture?payload=most", NULL);
		rig_expect_problem(&a, 422, "bad_value");
		assert_string_equal(rig_pointer(&a), "?payload");
		answer_free(&a);
	}
	for (unsigned i = 0; i < CAPTURE_READERS_MAX; i++)
		fds[i] = open_capture(*state, "?relid=3");
	{
		CALL("GET", "/v1/capture", NULL);
		rig_expect_problem(&a, 503, "too_many_streams");
		answer_free(&a);
	}
	for (unsigned i = 0; i < CAPTURE_READERS_MAX; i++)
		close(fds[i]);
}

/* ---- lifecycle and VPs ---------------------------------------------------------------------- */

static void the_vm_goes_through_its_states(void **state)
{
	static const struct {
		const char *action;
		unsigned status;
		const char *now; /* NULL: refused */
	} steps[] = {
		{"pause", 409, NULL},
		{"resume", 200, "running"},
		{"resume", 409, NULL},
		{"pause", 200, "paused"},
		{"reset", 200, "paused"},
		{"resume", 200, "running"},
		{"reset", 200, "running"},
		{"shutdown", 200, "stopped"},
		{"pause", 409, NULL},
	};

	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		char target[64];

		snprintf(target, sizeof(target), "/v1/vm/%s", steps[i].action);
		CALL("POST", target, i % 2 ? "{}" : NULL);
		print_message("%zu %s\n", i, steps[i].action);
		if (steps[i].now) {
			assert_int_equal(a.status, steps[i].status);
			assert_string_equal(string(a.json, "state"), steps[i].now);
		} else {
			rig_expect_problem(&a, steps[i].status, "wrong_state");
		}
		answer_free(&a);
	}
}

static void a_vp_is_asked_on_its_own_thread(void **state)
{
	{
		CALL("GET", "/v1/vps/1/cpu", NULL);
		assert_int_equal(a.status, 200);
		assert_int_equal(integer(a.json, "vp"), 1);
		answer_free(&a);
	}
	{
		CALL("GET", "/v1/tree/vps/1/cpu/vp", NULL);
		assert_string_equal(a.text, "{\"value\":1}");
		answer_free(&a);
	}
	{
		CALL("GET", "/v1/vps/7/cpu", NULL);
		rig_expect_problem(&a, 404, "not_found");
		answer_free(&a);
	}
}

static void a_stuck_vp_is_a_timeout_and_the_rest_is_served(void **state)
{
	bool zero_is_there = false;

	block_vp(*state);
	{
		CALL("GET", "/v1/vps/1/slow?timeout_ms=100", NULL);
		rig_expect_problem(&a, 504, "timeout");
		answer_free(&a);
	}
	/* VP 0 may be late, on a busy machine. */
	for (unsigned i = 0; i < 20 && !zero_is_there; i++) {
		CALL("GET", "/v1/tree/vps?timeout_ms=300", NULL);
		json_t *one = json_object_get(a.json, "1"), *zero = json_object_get(a.json, "0");

		assert_int_equal(a.status, 200);
		assert_string_equal(string(json_object_get(one, "slow"), "$error"), "timeout");
		assert_int_equal(json_object_size(json_object_get(one, "sints")), 16);
		zero = json_object_get(json_object_get(zero, "slow"), "vp");
		zero_is_there = json_is_integer(zero) && json_integer_value(zero) == 0;
		answer_free(&a);
	}
	assert_true(zero_is_there);
	{
		/* Nobody else waits for the VP. */
		CALL("GET", "/v1/vps/1", NULL);
		assert_int_equal(a.status, 200);
		answer_free(&a);
	}
}

/* For the reply log: every route that only reads. */
static void every_get_route_answers(void **state)
{
	static const char *const targets[] = {"/healthz", "/readyz", "/v1", "/v1/openapi.json",
		"/v1/schemas", "/v1/schemas/port", "/v1/log", "/v1/tree", "/v1/recorder",
		"/v1/daemon", "/v1/vm", "/v1/vps", "/v1/vps/0", "/v1/vps/0/cpu", "/v1/vps/0/synic",
		"/v1/vps/0/synic?vtl=2", "/v1/synics", "/v1/vps/0/sints", "/v1/vps/0/sints/2",
		"/v1/sints", "/v1/vps/0/stimers", "/v1/vps/0/stimers/0", "/v1/stimers", "/v1/ports",
		"/v1/ports/1", "/v1/routes", "/v1/routes/0/2", "/v1/messages", "/v1/messages/0/2/0",
		"/v1/hypercalls", "/v1/hypercalls/0x5c", "/v1/hv", "/v1/hv?vtl=1", "/v1/monitor",
		"/v1/monitor/5", "/v1/serial", "/v1/testdev", "/metrics"};
	struct machine *machine = *state;

	enable(machine);
	expect_message(state, "{\"vp\":0,\"sint\":2}", 200, "delivered");
	for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
		CALL("GET", targets[i], NULL);

		if (a.status != 200)
			fail_msg("%s: %u %s", targets[i], a.status, a.text);
		answer_free(&a);
	}
}

int main(int argc, char **argv)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_message_is_delivered_with_its_latency),
		TEST(a_busy_slot_answers_busy_and_delivers_once_in_order),
		TEST(messages_are_refused_with_the_reason),
		TEST(a_lane_holds_so_many_and_refuses_the_next),
		TEST(assert_only_raises_the_vector),
		TEST(a_message_still_waits_when_the_server_stops),
		TEST(an_event_flag_is_set_once),
		TEST(hypercalls_return_what_a_guest_would_get),
		TEST(a_capture_is_pcapng_and_ends_at_its_limit),
		TEST(captures_are_refused_with_the_reason),
		TEST(the_vm_goes_through_its_states),
		TEST(a_vp_is_asked_on_its_own_thread),
		TEST(a_stuck_vp_is_a_timeout_and_the_rest_is_served),
		TEST(every_get_route_answers),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
