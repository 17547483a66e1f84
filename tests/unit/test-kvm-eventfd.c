/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What KVM_HYPERV_EVENTFD takes and refuses, and what becomes of a port then. Without a KVM that
 * has the SynIC it says so and exits with 77; the nested rig's suite `signals` runs it.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <cmocka.h>
#include "common/rcu.h"
#include "vmm/kvm_backend.h"
#include "vmm/vm.h"

enum { ID = 7, MEMORY_BYTES = 16 << 20, EXIT_SKIPPED = 77 };

struct rig {
	struct loop *loop;
	struct recorder *recorder;
	struct vm *vm;
	int fd, other_fd;
};

static struct rig rig;

static int set_up(void **state)
{
	struct vm_config config = {
		.name = "test",
		.vp_count = 1,
		.memory_bytes = MEMORY_BYTES,
		.accel = &accel_kvm,
		.synic_mode = SYNIC_MODE_KERNEL,
		.clock = &clock_monotonic,
	};

	rig = (struct rig){.fd = eventfd(0, EFD_CLOEXEC), .other_fd = eventfd(0, EFD_CLOEXEC)};
	assert_int_equal(loop_new(&rig.loop), 0);
	assert_int_equal(recorder_new(&clock_monotonic, 256, &rig.recorder), 0);
	config.loop = rig.loop;
	config.recorder = rig.recorder;
	assert_int_equal(vm_new(&config, &rig.vm), 0);
	return 0;
}

static int tear_down(void **state)
{
	vm_free(rig.vm);
	recorder_free(rig.recorder);
	loop_free(rig.loop);
	close(rig.fd);
	close(rig.other_fd);
	return 0;
}

static int assign(uint32_t connection_id, int fd)
{
	return kvm_signal_eventfd(rig.vm, connection_id, fd, true);
}

static int deassign(uint32_t connection_id)
{
	return kvm_signal_eventfd(rig.vm, connection_id, -1, false);
}

static void an_id_is_given_once(void **state)
{
	assert_int_equal(assign(ID, rig.fd), 0);
	assert_int_equal(assign(ID, rig.fd), -EEXIST);
	assert_int_equal(assign(ID, rig.other_fd), -EEXIST);
	assert_int_equal(assign(ID + 1, rig.fd), 0);
	assert_int_equal(deassign(ID), 0);
	assert_int_equal(assign(ID, rig.other_fd), 0);
	assert_int_equal(deassign(ID), 0);
	assert_int_equal(deassign(ID + 1), 0);
}

static void an_id_that_nobody_has_cannot_be_given_back(void **state)
{
	assert_int_equal(assign(ID, rig.fd), 0);
	assert_int_equal(deassign(ID), 0);
	assert_int_equal(deassign(ID), -ENOENT);
	assert_int_equal(deassign(ID + 1), -ENOENT);
}

static void an_id_has_24_bits(void **state)
{
	assert_int_equal(assign(0, rig.fd), 0);
	assert_int_equal(assign(HV_CONNECTION_ID_MASK, rig.fd), 0);
	assert_int_equal(assign(HV_CONNECTION_ID_MASK + 1, rig.fd), -EINVAL);
	assert_int_equal(assign(UINT32_MAX, rig.fd), -EINVAL);
	assert_int_equal(deassign(0), 0);
	assert_int_equal(deassign(HV_CONNECTION_ID_MASK), 0);
}

static void only_an_eventfd_will_do(void **state)
{
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	int r = assign(ID, null_fd);

	close(null_fd);
	assert_int_equal(r, -EINVAL);
	assert_int_equal(assign(ID, null_fd), -EBADF);
	assert_int_equal(assign(ID, -1), -EBADF);
	assert_int_equal(deassign(ID), -ENOENT);
}

/* ---- ports ------------------------------------------------------------------ */

static enum hv_status on_event(void *arg, struct vcpu *caller, uint16_t flag)
{
	++*(unsigned *)arg;
	return HV_STATUS_SUCCESS;
}

static struct port *add_port(unsigned *calls, struct port_info *ret_info)
{
	const struct port_spec spec = {
		.connection_id = ID,
		.type = PORT_EVENT,
		.coalesce = true,
		.on_event = on_event,
		.arg = calls,
	};
	struct port *port;

	assert_int_equal(ports_add(&rig.vm->ports, &spec, &port), 0);
	assert_int_equal(port_node_class.get(rig.vm, &(uint64_t){ID}, ret_info), 0);
	return port;
}

static void a_port_takes_its_id_and_gives_it_back(void **state)
{
	struct port_info info;
	unsigned calls = 0;
	struct port *port;

	port = add_port(&calls, &info);
	assert_true(info.fast_path);
	assert_string_equal(info.fast_path_error, "");
	assert_int_equal(assign(ID, rig.fd), -EEXIST);
	port_release(port);
	assert_int_equal(deassign(ID), -ENOENT);
}

static void a_port_without_its_id_is_called_as_ever(void **state)
{
	struct port_info info;
	unsigned calls = 0;
	struct port *port;

	assert_int_equal(assign(ID, rig.fd), 0);
	port = add_port(&calls, &info);
	assert_false(info.fast_path);
	assert_string_equal(info.fast_path_error, "EEXIST");
	assert_int_equal(ports_signal_event(&rig.vm->ports, NULL, 0, ID, 0), HV_STATUS_SUCCESS);
	assert_int_equal(calls, 1);
	port_release(port);
	/* What was not the port's it has left alone. */
	assert_int_equal(deassign(ID), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_id_is_given_once),
		TEST(an_id_that_nobody_has_cannot_be_given_back),
		TEST(an_id_has_24_bits),
		TEST(only_an_eventfd_will_do),
		TEST(a_port_takes_its_id_and_gives_it_back),
		TEST(a_port_without_its_id_is_called_as_ever),
	};
	const char *missing = NULL;
	int failed, r = accel_kvm_probe(SYNIC_MODE_KERNEL, false, &missing);

	if (r != 0) {
		printf("1..0 # SKIP KVM's SynIC: %s\n", missing ? missing : strerror(-r));
		return EXIT_SKIPPED;
	}
	rcu_thread_init();
	failed = cmocka_run_group_tests_name("kvm-eventfd", tests, NULL, NULL);
	rcu_thread_exit();
	return failed;
}
