/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hv_sock: unix sockets of the host on one side, a scripted guest's rings on the other. */
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>
#include "common/unix_socket.h"
#include "vmbus/device.h"
#include "vmbus/hvsock.h"
#include "vmbus/internal.h"
#include "vmbus/remedy.h"
#include "vmbus_guest.h"

enum { PAGES = 14, PORT = 5000, DATA_MAX = 16384 };

static struct vmbus_guest guest;
static char text[DEVICE_ERROR_BYTES];
static char directory[] = "/tmp/hvsock.XXXXXX";
static char path[64], server_path[96], spec[96]; /* of the device; of a server; "hvsock,path=" */

/* The guest's end of one connection. */
static struct guest_socket {
	uint32_t relid, gpadl;
	uint8_t *pages[PAGES];
	struct vmbus_ring out, in;
} peer;

/* ---- life -------------------------------------------------------------------------------------
 */

static int make_directory(void **state)
{
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/vm.vsock", directory);
	snprintf(server_path, sizeof(server_path), "%s_%d", path, PORT);
	snprintf(spec, sizeof(spec), "hvsock,path=%s", path);
	return 0;
}

static int remove_directory(void **state)
{
	return rmdir(directory);
}

static int set_up(void **state)
{
	char prefix[64];
	uint32_t relids[4];

	vmbus_guest_start(&guest);
	snprintf(prefix, sizeof(prefix), "%s/vm", directory);
	vmbus_set_socket_prefix(guest.bus, prefix);
	assert_int_equal(vmbus_device_add(guest.bus, "hvsock", text), 0);
	vmbus_set_socket_prefix(guest.bus, NULL);
	assert_int_equal(vmbus_guest_connect(&guest, relids, 4), 0);
	return 0;
}

static int tear_down(void **state)
{
	vmbus_devices_remove_all(guest.bus);
	assert_int_equal(access(path, F_OK), -1);
	vmbus_guest_end(&guest);
	unlink(server_path);
	return 0;
}

static struct hvsock *device(void)
{
	return container_of(TAILQ_FIRST(&guest.bus->devices), struct hvsock, device);
}

/* Time goes by, in the steps of the device's own timer. */
static void wait_ns(uint64_t ns)
{
	for (uint64_t passed = 0; passed < ns; passed += 100 * NSEC_PER_MSEC) {
		fake_vm_advance_ns(guest.fake, 100 * NSEC_PER_MSEC);
		hvsock_tick(device());
		fake_vm_run_loop(guest.fake);
	}
}

static unsigned descriptors(void)
{
	DIR *all = opendir("/proc/self/fd");
	unsigned count = 0;

	assert_non_null(all);
	while (readdir(all))
		count++;
	closedir(all);
	return count;
}

/* ---- the client -------------------------------------------------------------------------------
 */

static int client_connect(void)
{
	int fd = unix_connect(path);

	assert_true(fd >= 0);
	fake_vm_run_loop(guest.fake);
	return fd;
}

static void client_send(int fd, const void *data, size_t size)
{
	assert_int_equal(send(fd, data, size, MSG_NOSIGNAL), size);
	fake_vm_run_loop(guest.fake);
}

static void client_says(int fd, const char *line)
{
	client_send(fd, line, strlen(line));
}

/* What is there; "" at the end of the stream. */
static const char *client_hears(int fd)
{
	static char line[128];
	ssize_t got = recv(fd, line, sizeof(line) - 1, 0);

	assert_true(got >= 0);
	line[got] = '\0';
	return line;
}

static void assert_hears(int fd, const char *expected)
{
	assert_memory_equal(client_hears(fd), expected, strlen(expected));
}

static void assert_ended(int fd)
{
	assert_string_equal(client_hears(fd), "");
}

static void assert_silent(int fd)
{
	char byte;

	assert_int_equal(recv(fd, &byte, 1, 0), -1);
	assert_int_equal(errno, EAGAIN);
}

/* ---- the guest --------------------------------------------------------------------------------
 */

static void guest_expects_offer(struct vmbus_offer_channel *ret_offer)
{
	vmbus_guest_expect(&guest, VMBUS_MSG_OFFER_CHANNEL, ret_offer, sizeof(*ret_offer));
}

/* The first message of a GPADL, with which there is more to come. */
static void guest_begins_to_open(uint32_t relid)
{
	const struct vmbus_gpadl_header message = {
		.header.type = VMBUS_MSG_GPADL_HEADER,
		.child_relid = relid,
		.gpadl = UINT32_MAX,
		.range_buf_len = sizeof(struct vmbus_gpa_range) + PAGES * sizeof(uint64_t),
		.range_count = 1,
	};

	vmbus_guest_post(&guest, &message, sizeof(message));
}

static void guest_opens(uint32_t relid)
{
	guest.next_pfn = GUEST_GPADL_PFN; /* the pages of the last one are free again */
	peer.relid = relid;
	peer.gpadl = vmbus_guest_open(&guest, relid, PAGES);
	vmbus_guest_rings(&guest, PAGES, peer.pages, &peer.out, &peer.in);
	/* As Linux does it: always set. */
	peer.out.control->pending_send_sz = 4096;
}

/* What Linux does when a connection is over, however it came to that. */
static void guest_forgets(bool close_first)
{
	if (close_first)
		vmbus_guest_close(&guest, peer.relid);
	vmbus_guest_expect(&guest, VMBUS_MSG_RESCIND_CHANNEL_OFFER, NULL, 0);
	if (!close_first)
		vmbus_guest_close(&guest, peer.relid);
	vmbus_guest_tear_down(&guest, peer.relid, peer.gpadl);
	vmbus_guest_expect(&guest, VMBUS_MSG_GPADL_TORNDOWN, NULL, 0);
	vmbus_guest_release(&guest, peer.relid);
	vmbus_guest_expect_nothing(&guest);
}

static void raw_packet(uint32_t type, uint32_t claimed, const void *data, size_t size)
{
	const struct hvsock_header header = {.type = type, .size = claimed};
	const struct iovec iov[] = {
		{(void *)&header, sizeof(header)},
		{(void *)data, size},
	};
	bool signal;

	assert_int_equal(
		ring_write(&peer.out, VMBUS_PACKET_DATA_INBAND, 0, 0, iov, 2, 0, &signal), 0);
	vmbus_guest_signal(&guest, peer.relid);
}

static void guest_sends(const void *data, size_t size)
{
	raw_packet(HVSOCK_DATA, (uint32_t)size, data, size);
}

static void guest_ends(void)
{
	guest_sends(NULL, 0);
}

/*
 * The next packet: its size, or -1 when there is none. Signals as Linux does, when the host waits
 * for the room that this made.
 */
static int guest_reads(uint8_t *data)
{
	_Alignas(8) uint8_t buffer[sizeof(struct hvsock_header) + DATA_MAX];
	const struct hvsock_header *header = (const void *)buffer;
	struct ring_packet packet;
	bool signal;
	int size;

	if (ring_peek(&peer.in, buffer, sizeof(buffer), &packet) == -EAGAIN)
		return -1;
	assert_int_equal(header->type, HVSOCK_DATA);
	assert_true(header->size <= DATA_MAX);
	size = (int)header->size;
	memcpy(data, buffer + sizeof(*header), header->size);
	assert_int_equal(ring_consume(&peer.in, &signal), 0);
	if (signal)
		vmbus_guest_signal(&guest, peer.relid);
	return size;
}

static void assert_guest_reads(const char *expected)
{
	uint8_t data[DATA_MAX];

	assert_int_equal(guest_reads(data), strlen(expected));
	assert_memory_equal(data, expected, strlen(expected));
}

static void assert_guest_reads_end(void)
{
	uint8_t data[DATA_MAX];

	assert_int_equal(guest_reads(data), 0);
}

/* A client connected to the guest. */
static int connected(void)
{
	struct vmbus_offer_channel offer;
	char expected[32];
	int fd = client_connect();

	client_says(fd, "CONNECT 5000\n");
	guest_expects_offer(&offer);
	guest_opens(offer.child_relid);
	snprintf(expected, sizeof(expected), "OK %u\n", offer.interface_instance.a);
	assert_string_equal(client_hears(fd), expected);
	return fd;
}

/* ---- host to guest ----------------------------------------------------------------------------
 */

static void an_offer_is_what_hv_sock_expects(void **state)
{
	const struct vmbus_guid service = hvsock_service(PORT);
	struct vmbus_offer_channel offer;
	int fd = client_connect();

	client_says(fd, "CONNECT 5000\n");
	guest_expects_offer(&offer);
	assert_memory_equal(&offer.interface_type, &service, sizeof(service));
	assert_int_equal(offer.chn_flags, 0x2011);
	assert_int_equal(offer.pipe_mode, 0);
	assert_int_equal(offer.pipe_user_defined[0], 1);
	assert_int_equal(offer.monitor_allocated, 0);
	assert_silent(fd);
	close(fd);
}

static void bytes_go_both_ways(void **state)
{
	int fd = connected();

	client_says(fd, "to the guest");
	assert_true(vmbus_guest_signalled(&guest, 0, peer.relid));
	assert_guest_reads("to the guest");
	guest_sends("to the host", 11);
	assert_hears(fd, "to the host");
	assert_silent(fd);
	close(fd);
}

static void what_follows_the_line_belongs_to_the_stream(void **state)
{
	struct vmbus_offer_channel offer;
	int fd = client_connect();

	client_says(fd, "CON");
	client_says(fd, "NECT 5000\nfirst bytes");
	guest_expects_offer(&offer);
	guest_opens(offer.child_relid);
	fake_vm_run_loop(guest.fake);
	assert_guest_reads("first bytes");
	close(fd);
}

static void nobody_listens(void **state)
{
	struct vmbus_offer_channel offer;
	int fd = client_connect();

	client_says(fd, "CONNECT 5000\n");
	guest_expects_offer(&offer);
	wait_ns(19 * NSEC_PER_SEC / 10);
	assert_silent(fd);
	vmbus_guest_expect_nothing(&guest);
	wait_ns(NSEC_PER_SEC / 5);
	assert_hears(fd, "ERROR no_listener ");
	assert_ended(fd);
	vmbus_guest_expect(&guest, VMBUS_MSG_RESCIND_CHANNEL_OFFER, NULL, 0);
	vmbus_guest_release(&guest, offer.child_relid);
	assert_int_equal(device()->count, 0);
	close(fd);
}

static void a_guest_that_opens_slowly_is_waited_for(void **state)
{
	struct vmbus_offer_channel offer;
	int fd = client_connect();

	client_says(fd, "CONNECT 5000\n");
	guest_expects_offer(&offer);
	wait_ns(19 * NSEC_PER_SEC / 10);
	guest_begins_to_open(offer.child_relid);
	wait_ns(79 * NSEC_PER_SEC / 10);
	assert_silent(fd);
	vmbus_guest_expect_nothing(&guest);
	guest_opens(offer.child_relid);
	assert_hears(fd, "OK ");
	wait_ns(NSEC_PER_SEC);
	guest_sends("late", 4);
	assert_hears(fd, "late");
	close(fd);
}

static void a_guest_that_does_not_finish_opening_is_given_up(void **state)
{
	struct vmbus_offer_channel offer;
	int fd = client_connect();

	client_says(fd, "CONNECT 5000\n");
	guest_expects_offer(&offer);
	guest_begins_to_open(offer.child_relid);
	wait_ns(99 * NSEC_PER_SEC / 10);
	assert_silent(fd);
	wait_ns(NSEC_PER_SEC / 5);
	assert_hears(fd, "ERROR timeout ");
	assert_ended(fd);
	vmbus_guest_expect(&guest, VMBUS_MSG_RESCIND_CHANNEL_OFFER, NULL, 0);
	vmbus_guest_release(&guest, offer.child_relid);
	assert_int_equal(device()->count, 0);
	close(fd);
}

/* Linux, when it cannot open after all. */
static void a_guest_that_stops_opening_is_not_waited_for(void **state)
{
	struct vmbus_offer_channel offer;
	int fd = client_connect();
	uint32_t gpadl;

	client_says(fd, "CONNECT 5000\n");
	guest_expects_offer(&offer);
	gpadl = vmbus_guest_make_gpadl(&guest, offer.child_relid, PAGES);
	wait_ns(4 * NSEC_PER_SEC);
	assert_silent(fd);
	vmbus_guest_tear_down(&guest, offer.child_relid, gpadl);
	vmbus_guest_expect(&guest, VMBUS_MSG_GPADL_TORNDOWN, NULL, 0);
	wait_ns(NSEC_PER_SEC / 5);
	assert_hears(fd, "ERROR no_listener ");
	close(fd);
}

static void a_guest_may_let_go_of_the_offer(void **state)
{
	struct vmbus_offer_channel offer;
	int fd = client_connect();

	client_says(fd, "CONNECT 5000\n");
	guest_expects_offer(&offer);
	vmbus_guest_release(&guest, offer.child_relid);
	assert_hears(fd, "ERROR refused ");
	assert_ended(fd);
	assert_int_equal(device()->count, 0);
	close(fd);
}

static void a_client_may_go_before_the_guest_answers(void **state)
{
	struct vmbus_offer_channel offer;
	int fd = client_connect();

	client_says(fd, "CONNECT 5000\n");
	guest_expects_offer(&offer);
	close(fd);
	fake_vm_run_loop(guest.fake);
	vmbus_guest_expect(&guest, VMBUS_MSG_RESCIND_CHANNEL_OFFER, NULL, 0);
	vmbus_guest_release(&guest, offer.child_relid);
	assert_int_equal(device()->count, 0);
}

static void lines_that_are_no_connect_are_refused(void **state)
{
	static const char *const lines[] = {
		"\n",
		"CONNECT\n",
		"CONNECT \n",
		"CONNECT 0x1388\n",
		"CONNECT -1\n",
		"CONNECT 5000 \n",
		"CONNECT 5000\r\n",
		"connect 5000\n",
		"CONNECT 2147483648\n",
		"CONNECT 99999999999999999999\n",
		"CONNECT 000000000000000000000000000000000",
		"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
	};

	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		int fd = client_connect();

		client_says(fd, lines[i]);
		assert_hears(fd, "ERROR bad_request ");
		vmbus_guest_expect_nothing(&guest);
		assert_int_equal(device()->count, 0);
		close(fd);
	}
}

static void a_slow_greeting_ends(void **state)
{
	int fd = client_connect();

	client_says(fd, "CONNECT 50");
	wait_ns(49 * NSEC_PER_SEC / 10);
	assert_silent(fd);
	wait_ns(NSEC_PER_SEC / 5);
	assert_hears(fd, "ERROR timeout ");
	assert_int_equal(device()->count, 0);
	close(fd);
}

static void a_guest_without_vmbus_is_not_asked(void **state)
{
	const struct vmbus_message_header unload = {.type = VMBUS_MSG_UNLOAD};
	int fd;

	vmbus_guest_post(&guest, &unload, sizeof(unload));
	vmbus_guest_expect(&guest, VMBUS_MSG_UNLOAD_RESPONSE, NULL, 0);
	fd = client_connect();
	client_says(fd, "CONNECT 5000\n");
	assert_hears(fd, "ERROR not_connected ");
	close(fd);
}

static void there_is_a_limit_of_clients(void **state)
{
	int fd[HVSOCK_CLIENTS_MAX], one_more;

	for (unsigned i = 0; i < HVSOCK_CLIENTS_MAX; i++)
		fd[i] = client_connect();
	one_more = client_connect();
	assert_hears(one_more, "ERROR busy ");
	close(one_more);
	close(fd[0]);
	fake_vm_run_loop(guest.fake);
	fd[0] = client_connect();
	assert_silent(fd[0]);
	for (unsigned i = 0; i < HVSOCK_CLIENTS_MAX; i++)
		close(fd[i]);
	fake_vm_run_loop(guest.fake);
	assert_int_equal(device()->count, 0);
}

/* A guest that never forgets a channel hurts itself alone. */
static void there_is_a_limit_of_channels_that_the_guest_keeps(void **state)
{
	for (unsigned i = 0; i < HVSOCK_CONNECTIONS_MAX; i++) {
		int fd = client_connect();

		client_says(fd, "CONNECT 5000\n");
		vmbus_guest_expect(&guest, VMBUS_MSG_OFFER_CHANNEL, NULL, 0);
		close(fd);
		vmbus_guest_expect(&guest, VMBUS_MSG_RESCIND_CHANNEL_OFFER, NULL, 0);
	}
	int fd = client_connect();

	assert_hears(fd, "ERROR busy ");
	close(fd);
}

/* ---- guest to host ----------------------------------------------------------------------------
 */

static const struct vmbus_guid endpoint = {0x80000001, 1, 2, {3}};

static void guest_connects(const struct vmbus_guid *service)
{
	const struct vmbus_tl_connect_request request = {
		.header.type = VMBUS_MSG_TL_CONNECT_REQUEST,
		.endpoint = endpoint,
		.service = *service,
	};

	vmbus_guest_post(&guest, &request, sizeof(request));
}

static void a_guest_reaches_a_server_of_the_host(void **state)
{
	const struct vmbus_guid service = hvsock_service(PORT);
	int listener = unix_listen(server_path);
	struct vmbus_offer_channel offer;
	int fd;

	assert_true(listener >= 0);
	guest_connects(&service);
	guest_expects_offer(&offer);
	assert_memory_equal(&offer.interface_type, &service, sizeof(service));
	assert_memory_equal(&offer.interface_instance, &endpoint, sizeof(endpoint));
	assert_int_equal(offer.pipe_user_defined[0], 0);
	fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
	assert_true(fd >= 0);
	guest_opens(offer.child_relid);
	assert_silent(fd); /* no OK: it did not ask */
	guest_sends("hello", 5);
	assert_hears(fd, "hello");
	client_says(fd, "hello yourself");
	assert_guest_reads("hello yourself");
	/* The same again is refused while it lasts. */
	guest_connects(&service);
	vmbus_guest_expect(&guest, VMBUS_MSG_TL_CONNECT_RESULT, NULL, 0);
	close(fd);
	close(listener);
}

static void a_guest_is_refused(void **state)
{
	const struct vmbus_guid service = hvsock_service(PORT);
	struct vmbus_guid other = service;
	struct vmbus_tl_connect_result result;

	other.d[7] ^= 1;
	guest_connects(&service);
	vmbus_guest_expect(&guest, VMBUS_MSG_TL_CONNECT_RESULT, &result, sizeof(result));
	assert_memory_equal(&result.endpoint, &endpoint, sizeof(endpoint));
	assert_memory_equal(&result.service, &service, sizeof(service));
	assert_int_equal(result.status, VMBUS_STATUS_CONNECTION_REFUSED);
	guest_connects(&other);
	vmbus_guest_expect(&guest, VMBUS_MSG_TL_CONNECT_RESULT, NULL, 0);
	assert_int_equal(device()->count, 0);
}

static void a_guest_that_does_not_open_loses_its_server(void **state)
{
	const struct vmbus_guid service = hvsock_service(PORT);
	int listener = unix_listen(server_path);
	int fd;

	guest_connects(&service);
	vmbus_guest_expect(&guest, VMBUS_MSG_OFFER_CHANNEL, NULL, 0);
	fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
	wait_ns(51 * NSEC_PER_SEC / 10);
	assert_ended(fd);
	vmbus_guest_expect(&guest, VMBUS_MSG_RESCIND_CHANNEL_OFFER, NULL, 0);
	close(fd);
	close(listener);
}

/* ---- much data --------------------------------------------------------------------------------
 */

enum { BULK = 1024 * 1024 + 12345 };

static uint8_t bulk_byte(size_t i)
{
	return (uint8_t)(i * 2654435761u >> 13);
}

static void megabytes_reach_a_guest_that_reads_slowly(void **state)
{
	static uint8_t chunk[50000];
	uint8_t data[DATA_MAX];
	size_t sent = 0, received = 0;
	int fd = connected(), size;

	while (received < BULK) {
		size_t n = MIN(sizeof(chunk), BULK - sent);

		for (size_t i = 0; i < n; i++)
			chunk[i] = bulk_byte(sent + i);
		if (n > 0) {
			ssize_t took = send(fd, chunk, n, MSG_NOSIGNAL);

			assert_true(took > 0 || errno == EAGAIN);
			sent += took > 0 ? (size_t)took : 0;
		}
		fake_vm_run_loop(guest.fake);
		size = guest_reads(data);
		assert_true(size > 0);
		for (int i = 0; i < size; i++)
			assert_int_equal(data[i], bulk_byte(received + (size_t)i));
		received += (size_t)size;
	}
	assert_int_equal(sent, BULK);
	assert_true(vmbus_channel_out(guest.bus->by_relid[peer.relid])->size < BULK);
	close(fd);
}

static void megabytes_reach_a_client_that_reads_slowly(void **state)
{
	static uint8_t data[4000];
	size_t sent = 0, received = 0;
	int fd = connected(), full = 0;

	while (received < BULK) {
		struct hvsock_header header = {
			HVSOCK_DATA, (uint32_t)MIN(sizeof(data), BULK - sent)};
		const struct iovec iov[] = {{&header, sizeof(header)}, {data, header.size}};
		bool signal;
		ssize_t got;
		int r = 0;

		for (uint32_t i = 0; i < header.size; i++)
			data[i] = bulk_byte(sent + i);
		if (header.size > 0)
			r = ring_write(
				&peer.out, VMBUS_PACKET_DATA_INBAND, 0, 0, iov, 2, 0, &signal);
		if (r == 0)
			sent += header.size;
		full += r == -EAGAIN;
		vmbus_guest_signal(&guest, peer.relid);
		got = full > 0 ? recv(fd, data, sizeof(data), 0) : 0;
		for (ssize_t i = 0; i < got; i++)
			assert_int_equal(data[i], bulk_byte(received + (size_t)i));
		received += got > 0 ? (size_t)got : 0;
	}
	assert_true(full > 0);
	assert_int_equal(sent, BULK);
	/* It was masked while it waited for the socket, and is not any more. */
	assert_int_equal(peer.out.control->interrupt_mask, 0);
	close(fd);
}

/* A socket whose reader sleeps is not looked at again and again. */
static void a_full_socket_costs_no_time(void **state)
{
	static const uint8_t data[4000];
	int fd = connected();

	for (;;) {
		struct hvsock_header header = {HVSOCK_DATA, sizeof(data)};
		const struct iovec iov[] = {
			{&header, sizeof(header)}, {(void *)data, sizeof(data)}};
		bool signal;

		if (ring_write(&peer.out, VMBUS_PACKET_DATA_INBAND, 0, 0, iov, 2, 0, &signal) < 0)
			break;
		vmbus_guest_signal(&guest, peer.relid);
	}
	/* Would not return: it runs until nothing is ready. */
	fake_vm_run_loop(guest.fake);
	assert_int_equal(peer.out.control->interrupt_mask, 1);
	close(fd);
	fake_vm_run_loop(guest.fake);
}

/* ---- ends -------------------------------------------------------------------------------------
 */

static void a_client_that_writes_no_more_still_reads(void **state)
{
	int fd = connected();

	client_says(fd, "request");
	shutdown(fd, SHUT_WR);
	fake_vm_run_loop(guest.fake);
	assert_guest_reads("request");
	assert_guest_reads_end();
	guest_sends("answer", 6);
	assert_hears(fd, "answer");
	vmbus_guest_expect_nothing(&guest);
	guest_ends();
	assert_ended(fd);
	guest_forgets(false);
	assert_int_equal(device()->count, 0);
	close(fd);
}

static void a_guest_that_writes_no_more_still_reads(void **state)
{
	int fd = connected();

	guest_sends("all I had", 9);
	guest_ends();
	assert_hears(fd, "all I had");
	assert_ended(fd);
	client_says(fd, "thanks");
	assert_guest_reads("thanks");
	client_says(fd, "unread");
	close(fd);
	fake_vm_run_loop(guest.fake);
	/* RESCIND would take from the guest what it has not read. */
	vmbus_guest_expect_nothing(&guest);
	assert_guest_reads("unread");
	guest_forgets(false);
	assert_int_equal(device()->count, 0);
}

static void an_end_comes_without_a_signal_too(void **state)
{
	int fd = connected();
	uint8_t data[DATA_MAX];
	struct ring_packet packet;
	bool signal;

	client_says(fd, "request");
	shutdown(fd, SHUT_WR);
	fake_vm_run_loop(guest.fake);
	assert_int_equal(ring_peek(&peer.in, data, sizeof(data), &packet), 0);
	assert_int_equal(ring_consume(&peer.in, &signal), 0);
	assert_true(signal); /* and it is not sent */
	assert_int_equal(guest_reads(data), -1);
	wait_ns(100 * NSEC_PER_MSEC);
	assert_guest_reads_end();
	close(fd);
}

static void a_guest_that_closes_is_rescinded(void **state)
{
	int fd = connected();

	guest_sends("last words", 10);
	guest_forgets(true);
	assert_hears(fd, "last words");
	assert_ended(fd);
	assert_int_equal(device()->count, 0);
	close(fd);
}

/* A fault: the guest waits for RESCIND, and the client is gone all the same. */
static void a_guest_that_closes_is_not_rescinded_when_a_fault_says_so(void **state)
{
	const struct fault_spec wanted = {.kind = FAULT_SKIP_RESCIND, .place = {FAULT_ANYWHERE}};
	struct fault_refusal refusal;
	struct fault fault;
	int fd = connected();

	assert_int_equal(faults_add(&guest.fake->vm.faults, &wanted, &fault, &refusal), 0);
	vmbus_guest_close(&guest, peer.relid);
	assert_ended(fd);
	vmbus_guest_tear_down(&guest, peer.relid, peer.gpadl);
	vmbus_guest_expect(&guest, VMBUS_MSG_GPADL_TORNDOWN, NULL, 0);
	wait_ns(60 * NSEC_PER_SEC);
	vmbus_guest_expect_nothing(&guest);
	assert_int_equal(device()->count, 1);
	{
		/* Nobody is there to be talked to. */
		struct vmbus_open_channel_result result;

		guest.next_pfn = GUEST_GPADL_PFN;
		vmbus_guest_post_open(&guest, peer.relid, PAGES);
		vmbus_guest_expect(&guest, VMBUS_MSG_OPEN_CHANNEL_RESULT, &result, sizeof(result));
		assert_int_not_equal(result.status, 0);
	}
	{
		struct rescind_result result;

		assert_int_equal(vmbus_rescind(guest.bus, peer.relid, false, &result), 0);
		vmbus_guest_expect(&guest, VMBUS_MSG_RESCIND_CHANNEL_OFFER, NULL, 0);
		vmbus_guest_release(&guest, peer.relid);
	}
	assert_int_equal(device()->count, 0);
	close(fd);
}

/* What lies in the ring when the guest closes goes to the client, however slow it is. */
static void what_a_guest_left_behind_is_delivered(void **state)
{
	static uint8_t data[4000];
	size_t sent = 0, received = 0;
	int fd = connected();
	ssize_t got;

	for (;;) {
		struct hvsock_header header = {HVSOCK_DATA, sizeof(data)};
		const struct iovec iov[] = {{&header, sizeof(header)}, {data, sizeof(data)}};
		bool signal;

		for (size_t i = 0; i < sizeof(data); i++)
			data[i] = bulk_byte(sent + i);
		if (ring_write(&peer.out, VMBUS_PACKET_DATA_INBAND, 0, 0, iov, 2, 0, &signal) < 0)
			break;
		sent += sizeof(data);
		vmbus_guest_signal(&guest, peer.relid);
	}
	guest_forgets(true);
	while ((got = recv(fd, data, sizeof(data), 0)) > 0) {
		for (ssize_t i = 0; i < got; i++)
			assert_int_equal(data[i], bulk_byte(received + (size_t)i));
		received += (size_t)got;
	}
	assert_int_equal(got, 0);
	assert_int_equal(received, sent);
	close(fd);
}

static void a_guest_that_writes_to_nobody_is_rescinded(void **state)
{
	int fd = connected();

	client_says(fd, "bye");
	close(fd);
	fake_vm_run_loop(guest.fake);
	assert_guest_reads("bye");
	assert_guest_reads_end();
	vmbus_guest_expect_nothing(&guest);
	guest_sends("too late", 8);
	guest_forgets(false);
	assert_int_equal(device()->count, 0);
}

static void a_guest_that_does_not_read_is_given_up(void **state)
{
	int fd = connected();

	client_says(fd, "bye");
	close(fd);
	fake_vm_run_loop(guest.fake);
	wait_ns(99 * NSEC_PER_SEC / 10);
	vmbus_guest_expect_nothing(&guest);
	wait_ns(NSEC_PER_SEC / 5);
	guest_forgets(false);
	assert_int_equal(device()->count, 0);
}

static void rubbish_fails_its_own_connection(void **state)
{
	static const struct {
		uint32_t type, claimed, size;
	} rows[] = {
		{0, 0, 0},
		{2, 4, 4},
		{HVSOCK_DATA, 9, 4},
		{HVSOCK_DATA, UINT32_MAX, 16},
		{HVSOCK_DATA, 20000, 20000},
	};
	static uint8_t data[20000];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		int fd = connected();

		raw_packet(rows[i].type, rows[i].claimed, data, rows[i].size);
		assert_ended(fd);
		guest_forgets(false);
		assert_int_equal(device()->count, 0);
		close(fd);
	}
}

static void nothing_comes_after_the_end(void **state)
{
	int fd = connected();

	guest_ends();
	guest_sends("more", 4);
	assert_ended(fd);
	guest_forgets(false);
	close(fd);
}

static void a_broken_ring_fails_its_own_connection(void **state)
{
	int fd = connected();

	peer.out.control->write_index = 3;
	vmbus_guest_signal(&guest, peer.relid);
	assert_ended(fd);
	guest_forgets(false);
	close(fd);
	fd = connected();
	peer.in.control->read_index = 0xfffffff8;
	client_says(fd, "into nowhere");
	/* What it sent and nobody took: not an end, a reset. */
	assert_true(recv(fd, text, sizeof(text), 0) <= 0);
	guest_forgets(false);
	assert_int_equal(device()->count, 0);
	close(fd);
}

/* ---- the device's end -------------------------------------------------------------------------
 */

static void a_reset_ends_everything(void **state)
{
	int open = connected();
	int offered = client_connect();
	int greeting = client_connect();
	uint32_t relids[4];

	client_says(offered, "CONNECT 7\n");
	vmbus_guest_expect(&guest, VMBUS_MSG_OFFER_CHANNEL, NULL, 0);
	assert_true(vmbus_guest_contact(&guest, VMBUS_VERSION_5_3));
	assert_ended(open);
	assert_hears(offered, "ERROR refused ");
	/* What has not asked for the guest yet goes on. */
	assert_silent(greeting);
	assert_int_equal(device()->count, 1);
	assert_int_equal(vmbus_guest_request_offers(&guest, relids, 4), 0);
	client_says(greeting, "CONNECT 7\n");
	vmbus_guest_expect(&guest, VMBUS_MSG_OFFER_CHANNEL, NULL, 0);
	close(open);
	close(offered);
	close(greeting);
}

static void a_device_goes_with_its_connections(void **state)
{
	int fd = connected(), greeting = client_connect();

	assert_int_equal(vmbus_device_remove(guest.bus, "hvsock"), 0);
	assert_ended(fd);
	assert_hears(greeting, "ERROR removed ");
	assert_int_equal(unix_connect(path), -ENOENT);
	/* The memory stays as long as the guest has the channel; another may come meanwhile. */
	assert_int_equal(vmbus_device_add(guest.bus, spec, text), 0);
	guest_forgets(false);
	close(fd);
	close(greeting);
}

static void there_is_one_device_and_one_path(void **state)
{
	char longest[] = "hvsock,path="
			 "/tmp/456789012345678901234567890123456789012345678901234567890"
			 "123456789012345678901234567890123456789012345678";

	assert_int_equal(vmbus_device_add(guest.bus, "hvsock,id=b,path=/tmp/b", text), -EEXIST);
	assert_non_null(strstr(text, "already"));
	assert_int_equal(vmbus_device_remove(guest.bus, "hvsock"), 0);
	assert_int_equal(vmbus_device_add(guest.bus, "hvsock", text), -EINVAL);
	assert_non_null(strstr(text, "none was given"));
	assert_int_equal(vmbus_device_add(guest.bus, longest, text), -EINVAL);
	assert_non_null(strstr(text, "not 1 to 107 bytes"));
	assert_int_equal(vmbus_device_add(guest.bus, "hvsock,path=/nowhere/at/all", text), -ENOENT);
	assert_int_equal(vmbus_device_add(guest.bus, spec, text), 0);
}

/* ---- many -------------------------------------------------------------------------------------
 */

static void a_thousand_connections_leave_nothing_behind(void **state)
{
	unsigned before = descriptors();

	for (unsigned i = 0; i < 1000; i++) {
		int fd = connected();

		client_says(fd, "ping");
		assert_guest_reads("ping");
		guest_sends("pong", 4);
		assert_hears(fd, "pong");
		if (i % 3 == 0) {
			guest_forgets(true);
			close(fd);
			continue;
		}
		close(fd);
		fake_vm_run_loop(guest.fake);
		assert_guest_reads_end();
		guest_ends();
		guest_forgets(false);
	}
	assert_int_equal(device()->count, 0);
	assert_int_equal(device()->clients[HVSOCK_FROM_HOST], 0);
	assert_true(TAILQ_EMPTY(&guest.bus->channels));
	assert_int_equal(guest.bus->gpadl_count, 0);
	for (uint32_t relid = 0; relid < VMBUS_RELIDS; relid++)
		assert_null(guest.bus->by_relid[relid]);
	assert_int_equal(descriptors(), before);
}

#define HVSOCK_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		HVSOCK_TEST(an_offer_is_what_hv_sock_expects),
		HVSOCK_TEST(bytes_go_both_ways),
		HVSOCK_TEST(what_follows_the_line_belongs_to_the_stream),
		HVSOCK_TEST(nobody_listens),
		HVSOCK_TEST(a_guest_that_opens_slowly_is_waited_for),
		HVSOCK_TEST(a_guest_that_does_not_finish_opening_is_given_up),
		HVSOCK_TEST(a_guest_that_stops_opening_is_not_waited_for),
		HVSOCK_TEST(a_guest_may_let_go_of_the_offer),
		HVSOCK_TEST(a_client_may_go_before_the_guest_answers),
		HVSOCK_TEST(lines_that_are_no_connect_are_refused),
		HVSOCK_TEST(a_slow_greeting_ends),
		HVSOCK_TEST(a_guest_without_vmbus_is_not_asked),
		HVSOCK_TEST(there_is_a_limit_of_clients),
		HVSOCK_TEST(there_is_a_limit_of_channels_that_the_guest_keeps),
		HVSOCK_TEST(a_guest_reaches_a_server_of_the_host),
		HVSOCK_TEST(a_guest_is_refused),
		HVSOCK_TEST(a_guest_that_does_not_open_loses_its_server),
		HVSOCK_TEST(megabytes_reach_a_guest_that_reads_slowly),
		HVSOCK_TEST(megabytes_reach_a_client_that_reads_slowly),
		HVSOCK_TEST(a_full_socket_costs_no_time),
		HVSOCK_TEST(a_client_that_writes_no_more_still_reads),
		HVSOCK_TEST(a_guest_that_writes_no_more_still_reads),
		HVSOCK_TEST(an_end_comes_without_a_signal_too),
		HVSOCK_TEST(a_guest_that_closes_is_rescinded),
		HVSOCK_TEST(a_guest_that_closes_is_not_rescinded_when_a_fault_says_so),
		HVSOCK_TEST(what_a_guest_left_behind_is_delivered),
		HVSOCK_TEST(a_guest_that_writes_to_nobody_is_rescinded),
		HVSOCK_TEST(a_guest_that_does_not_read_is_given_up),
		HVSOCK_TEST(rubbish_fails_its_own_connection),
		HVSOCK_TEST(nothing_comes_after_the_end),
		HVSOCK_TEST(a_broken_ring_fails_its_own_connection),
		HVSOCK_TEST(a_reset_ends_everything),
		HVSOCK_TEST(a_device_goes_with_its_connections),
		HVSOCK_TEST(there_is_one_device_and_one_path),
		HVSOCK_TEST(a_thousand_connections_leave_nothing_behind),
	};

	return cmocka_run_group_tests_name("vmbus-hvsock", tests, make_directory, remove_directory);
}
