/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The tables of spec/vmbus.md 6.1 to 6.3, cell by cell: every input in every state, with what
 * becomes of the state, how the input is judged, and what the guest is answered.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "vmbus/internal.h"
#include "vmbus_guest.h"

enum { PAGES = 8, NO_RELID = 99, NEW_GPADL = 50, HALF_GPADL = 60, NO_GPADL = 70 };

static struct vmbus_guest guest;
static struct vmbus_channel *channel;
static uint32_t relid;       /* what inputs name */
static uint32_t ring, spare; /* accepted GPADLs: of the open channel, of nobody */
static int open_answer, close_answer;
static unsigned releases;

/* ---- a device that does as it is told ---------------------------------------------------------
 */

static int device_open(struct vmbus_channel *unused, void *arg)
{
	return open_answer;
}

static int device_close(struct vmbus_channel *unused, void *arg)
{
	return close_answer;
}

static void device_signalled(struct vmbus_channel *unused, void *arg)
{
}

static void device_released(struct vmbus_channel *unused, void *arg)
{
	if (unused == channel)
		channel = NULL;
	releases++;
}

static const struct vmbus_device_ops ops = {
	.name = "test",
	.open = device_open,
	.close = device_close,
	.signalled = device_signalled,
	.released = device_released,
};

static int add_channel(struct vmbus_channel **ret_channel)
{
	const struct vmbus_offer offer = {.monitor_id = VMBUS_MONITOR_NONE};
	int r;

	vmbus_lock(guest.bus);
	r = vmbus_channel_add(guest.bus, &offer, &ops, NULL, ret_channel);
	vmbus_unlock(guest.bus);
	return r;
}

static void remove_channel(void)
{
	vmbus_lock(guest.bus);
	vmbus_channel_remove(channel);
	vmbus_unlock(guest.bus);
}

static void opened(int status)
{
	vmbus_lock(guest.bus);
	vmbus_channel_opened(channel, status);
	vmbus_unlock(guest.bus);
}

static void closed(void)
{
	vmbus_lock(guest.bus);
	vmbus_channel_closed(channel);
	vmbus_unlock(guest.bus);
}

static int set_up(void **state)
{
	open_answer = close_answer = 0;
	releases = 0;
	vmbus_guest_start(&guest);
	assert_int_equal(add_channel(&channel), 0);
	relid = vmbus_channel_relid(channel);
	return 0;
}

/* Whatever the state was, nothing is left of it. */
static int tear_down(void **state)
{
	struct vmbus_channel *other;

	open_answer = close_answer = 0;
	vmbus_lock(guest.bus);
	connection_reset(guest.bus);
	other = TAILQ_FIRST(&guest.bus->channels);
	if (other && other->device == DEVICE_OPENING)
		vmbus_channel_opened(other, 0);
	else if (other && other->device == DEVICE_CLOSING)
		vmbus_channel_closed(other);
	assert_int_equal(guest.bus->releasing, 0);
	assert_int_equal(guest.bus->connection.state, VMBUS_DISCONNECTED);
	assert_int_equal(guest.bus->gpadl_count, 0);
	assert_int_equal(guest.bus->gpadl_pages, 0);
	assert_int_equal(guest.bus->gpadls_assembling, 0);
	while (!TAILQ_EMPTY(&guest.bus->channels))
		vmbus_channel_remove(TAILQ_FIRST(&guest.bus->channels));
	vmbus_unlock(guest.bus);
	vmbus_guest_end(&guest);
	return 0;
}

/* ---- messages ---------------------------------------------------------------------------------
 */

static void post_plain(uint32_t type)
{
	const struct vmbus_message_header message = {.type = type};

	vmbus_guest_post(&guest, &message, sizeof(message));
}

static void post_contact(uint32_t version, uint64_t monitor_page)
{
	const struct vmbus_initiate_contact message = {
		.header.type = VMBUS_MSG_INITIATE_CONTACT,
		.version = version,
		.sint = VMBUS_SINT,
		.monitor_page_p2c = monitor_page,
	};

	vmbus_guest_post(&guest, &message, sizeof(message));
}

static void post_open(void)
{
	const struct vmbus_open_channel message = {
		.header.type = VMBUS_MSG_OPEN_CHANNEL,
		.child_relid = relid,
		.ring_gpadl = spare,
		.downstream_offset = PAGES / 2,
	};

	vmbus_guest_post(&guest, &message, sizeof(message));
}

static void post_close(void)
{
	vmbus_guest_close(&guest, relid);
}

static void post_released(void)
{
	vmbus_guest_release(&guest, relid);
}

/* Two pages, of which `sent` are in the header. */
static void post_header(uint32_t id, unsigned sent)
{
	const uint64_t words[] = {2 * VMBUS_PAGE_SIZE, GUEST_GPADL_PFN, GUEST_GPADL_PFN + 1};
	_Alignas(8) uint8_t message[sizeof(struct vmbus_gpadl_header) + sizeof(words)];
	const struct vmbus_gpadl_header header = {
		.header.type = VMBUS_MSG_GPADL_HEADER,
		.child_relid = relid,
		.gpadl = id,
		.range_buf_len = sizeof(words),
		.range_count = 1,
	};

	memcpy(message, &header, sizeof(header));
	memcpy(message + sizeof(header), words, sizeof(words));
	vmbus_guest_post(&guest, message, sizeof(header) + (1 + sent) * sizeof(*words));
}

static void post_new_gpadl(void)
{
	post_header(NEW_GPADL, 2);
}

static void post_rest_of_gpadl(void)
{
	const uint64_t word = GUEST_GPADL_PFN;
	_Alignas(8) uint8_t message[sizeof(struct vmbus_gpadl_body) + sizeof(word)];
	const struct vmbus_gpadl_body body = {
		.header.type = VMBUS_MSG_GPADL_BODY,
		.gpadl = HALF_GPADL,
	};

	memcpy(message, &body, sizeof(body));
	memcpy(message + sizeof(body), &word, sizeof(word));
	vmbus_guest_post(&guest, message, sizeof(message));
}

static void post_teardown_of_spare(void)
{
	vmbus_guest_tear_down(&guest, relid, spare);
}

static void post_teardown_of_half(void)
{
	vmbus_guest_tear_down(&guest, relid, HALF_GPADL);
}

static void post_teardown_of_ring(void)
{
	vmbus_guest_tear_down(&guest, relid, ring);
}

static void post_modify(void)
{
	const struct vmbus_modify_channel message = {
		.header.type = VMBUS_MSG_MODIFY_CHANNEL,
		.child_relid = relid,
		.target_vp = 1,
	};

	vmbus_guest_post(&guest, &message, sizeof(message));
}

static void post_unload(void)
{
	post_plain(VMBUS_MSG_UNLOAD);
}

static void post_known_contact(void)
{
	post_contact(VMBUS_VERSION_5_3, 0);
}

static void reset_vm(void)
{
	guest.bus->device.reset(&guest.bus->device);
	fake_vm_run_loop(guest.fake);
}

/* ---- what the guest is answered ----------------------------------------------------------------
 */

enum answer {
	NOTHING,
	RESULT_OK,
	CREATED_OK,
	CREATED_BAD,
	TORNDOWN,
	MODIFY_OK,
	MODIFY_BAD,
	RESCIND,
	UNLOADED,
	ACCEPTED, /* VERSION_RESPONSE */
	REFUSED,
	ALL_OFFERS, /* the one offer, and that there are no more */
};

static void expect_contact_answer(bool supported)
{
	struct vmbus_version_response message;

	vmbus_guest_expect(&guest, VMBUS_MSG_VERSION_RESPONSE, &message, sizeof(message));
	assert_int_equal(message.supported, supported);
}

static void expect_created(bool success)
{
	struct vmbus_gpadl_created message;

	vmbus_guest_expect(&guest, VMBUS_MSG_GPADL_CREATED, &message, sizeof(message));
	assert_int_equal(message.child_relid, relid);
	assert_int_equal(message.status == 0, success);
}

static void expect_modified(bool success)
{
	struct vmbus_modify_channel_response message;

	vmbus_guest_expect(&guest, VMBUS_MSG_MODIFY_CHANNEL_RESPONSE, &message, sizeof(message));
	assert_int_equal(message.child_relid, relid);
	assert_int_equal(message.status == 0, success);
}

static void expect_result_ok(void)
{
	struct vmbus_open_channel_result message;

	vmbus_guest_expect(&guest, VMBUS_MSG_OPEN_CHANNEL_RESULT, &message, sizeof(message));
	assert_int_equal(message.status, 0);
}

static void expect(enum answer answer)
{
	switch (answer) {
	case NOTHING:
		break;
	case RESULT_OK:
		expect_result_ok();
		break;
	case CREATED_OK:
	case CREATED_BAD:
		expect_created(answer == CREATED_OK);
		break;
	case TORNDOWN:
		vmbus_guest_expect(&guest, VMBUS_MSG_GPADL_TORNDOWN, NULL, 0);
		break;
	case MODIFY_OK:
	case MODIFY_BAD:
		expect_modified(answer == MODIFY_OK);
		break;
	case RESCIND:
		vmbus_guest_expect(&guest, VMBUS_MSG_RESCIND_CHANNEL_OFFER, NULL, 0);
		break;
	case UNLOADED:
		vmbus_guest_expect(&guest, VMBUS_MSG_UNLOAD_RESPONSE, NULL, 0);
		break;
	case ACCEPTED:
	case REFUSED:
		expect_contact_answer(answer == ACCEPTED);
		break;
	case ALL_OFFERS:
		vmbus_guest_expect(&guest, VMBUS_MSG_OFFER_CHANNEL, NULL, 0);
		vmbus_guest_expect(&guest, VMBUS_MSG_ALL_OFFERS_DELIVERED, NULL, 0);
		break;
	}
	vmbus_guest_expect_nothing(&guest);
}

/* The judgement of the one message since `before`; only refusals are counted. */
static enum vmbus_verdict verdict_since(const uint64_t before[4])
{
	for (unsigned i = 0; i < ARRAY_LEN(guest.bus->verdicts); i++) {
		if (guest.bus->verdicts[i] != before[i])
			return (enum vmbus_verdict)i;
	}
	return VMBUS_OK;
}

/* ---- 6.2: channels -----------------------------------------------------------------------------
 */

enum column {
	AT_CLOSED,
	AT_OPENING,
	AT_OPEN,
	AT_FAILED,
	AT_CLOSING,
	AT_REOPEN,
	AT_REVOKED,   /* and the device has stopped */
	AT_REVOKING,  /* and it has not */
	AT_RELEASING, /* RELID_RELEASED came while the device stops */
	AT_RELEASED,
	AT_UNKNOWN, /* a relid of nobody */
	COLUMNS,
};

static const char *const column_names[COLUMNS] = {"closed", "opening", "open", "failed", "closing",
	"closing_reopen", "revoked", "revoked, stopping", "closing_client_release",
	"client_released", "unknown"};

static void make_gpadls(void)
{
	spare = vmbus_guest_make_gpadl(&guest, relid, PAGES);
	post_header(HALF_GPADL, 1);
}

static void open_channel(void)
{
	ring = vmbus_guest_open(&guest, relid, PAGES);
}

static void fail_channel(void)
{
	vmbus_lock(guest.bus);
	vmbus_channel_fail(channel, "it is a test");
	vmbus_unlock(guest.bus);
	fake_vm_run_loop(guest.fake);
}

static void start_opening(void)
{
	open_answer = VMBUS_PENDING;
	ring = vmbus_guest_post_open(&guest, relid, PAGES);
}

static void start_closing(void)
{
	open_channel();
	close_answer = VMBUS_PENDING;
	post_close();
}

static void revoke_open(int answer)
{
	open_channel();
	close_answer = answer;
	remove_channel();
	vmbus_guest_expect(&guest, VMBUS_MSG_RESCIND_CHANNEL_OFFER, NULL, 0);
}

/* Connected; `spare` and half of another GPADL are there as long as the channel is. */
static void bring_to(enum column column)
{
	uint32_t offered;

	ring = spare = NO_GPADL;
	assert_int_equal(vmbus_guest_connect(&guest, &offered, 1), 1);
	if (column != AT_UNKNOWN)
		make_gpadls();
	switch (column) {
	case AT_CLOSED:
		break;
	case AT_OPENING:
		start_opening();
		break;
	case AT_OPEN:
		open_channel();
		break;
	case AT_FAILED:
		open_channel();
		fail_channel();
		break;
	case AT_CLOSING:
		start_closing();
		break;
	case AT_REOPEN:
		start_closing();
		vmbus_guest_post_open(&guest, relid, PAGES);
		break;
	case AT_REVOKED:
		revoke_open(0);
		break;
	case AT_REVOKING:
		revoke_open(VMBUS_PENDING);
		break;
	case AT_RELEASING:
		start_closing();
		post_released();
		break;
	case AT_RELEASED:
		post_released();
		break;
	case AT_UNKNOWN:
		relid = NO_RELID;
		break;
	case COLUMNS:
		fail();
	}
	open_answer = 0;
	vmbus_guest_expect_nothing(&guest);
}

enum { KEEP = -1, GONE = -2 }; /* states: as before; the channel was freed */

struct cell {
	enum vmbus_verdict verdict;
	int next;
	enum answer answer;
};

struct row {
	const char *name;
	void (*act)(void);
	struct cell cell[COLUMNS];
};

/* clang-format off */
#define SAME(v, a)    {VMBUS_##v, KEEP, a}
#define TO(v, s, a)   {VMBUS_##v, CHANNEL_##s, a}
#define FREED(v, a)   {VMBUS_##v, GONE, a}
#define HOST(n, a)    {VMBUS_OK, n, a}

static const struct row channel_rows[] = {
	{"OPEN_CHANNEL", post_open, {
		[AT_CLOSED] = TO(OK, OPEN, RESULT_OK),
		[AT_OPENING] = SAME(ILLEGAL, NOTHING),
		[AT_OPEN] = SAME(ILLEGAL, NOTHING),
		[AT_FAILED] = SAME(ILLEGAL, NOTHING),
		[AT_CLOSING] = TO(OK, CLOSING_REOPEN, NOTHING),
		[AT_REOPEN] = SAME(ILLEGAL, NOTHING),
		[AT_REVOKED] = SAME(IGNORED, NOTHING),
		[AT_REVOKING] = SAME(IGNORED, NOTHING),
		[AT_RELEASING] = SAME(ILLEGAL, NOTHING),
		[AT_RELEASED] = SAME(ILLEGAL, NOTHING),
		[AT_UNKNOWN] = SAME(ILLEGAL, NOTHING),
	}},
	{"CLOSE_CHANNEL", post_close, {
		[AT_CLOSED] = SAME(ILLEGAL, NOTHING),
		[AT_OPENING] = SAME(ILLEGAL, NOTHING),
		[AT_OPEN] = TO(OK, CLOSED, NOTHING),
		[AT_FAILED] = TO(OK, CLOSED, NOTHING),
		[AT_CLOSING] = SAME(ILLEGAL, NOTHING),
		[AT_REOPEN] = SAME(ILLEGAL, NOTHING),
		[AT_REVOKED] = SAME(IGNORED, NOTHING),
		[AT_REVOKING] = SAME(IGNORED, NOTHING),
		[AT_RELEASING] = SAME(ILLEGAL, NOTHING),
		[AT_RELEASED] = SAME(ILLEGAL, NOTHING),
		[AT_UNKNOWN] = SAME(ILLEGAL, NOTHING),
	}},
	{"GPADL_HEADER, whole", post_new_gpadl, {
		[AT_CLOSED] = SAME(OK, CREATED_OK),
		[AT_OPENING] = SAME(OK, CREATED_OK),
		[AT_OPEN] = SAME(OK, CREATED_OK),
		[AT_FAILED] = SAME(OK, CREATED_OK),
		[AT_CLOSING] = SAME(OK, CREATED_OK),
		[AT_REOPEN] = SAME(OK, CREATED_OK),
		[AT_REVOKED] = SAME(OK, CREATED_OK),
		[AT_REVOKING] = SAME(OK, CREATED_OK),
		[AT_RELEASING] = SAME(ILLEGAL, CREATED_BAD),
		[AT_RELEASED] = SAME(ILLEGAL, CREATED_BAD),
		[AT_UNKNOWN] = SAME(ILLEGAL, CREATED_BAD),
	}},
	{"GPADL_BODY, the last", post_rest_of_gpadl, {
		[AT_CLOSED] = SAME(OK, CREATED_OK),
		[AT_OPENING] = SAME(OK, CREATED_OK),
		[AT_OPEN] = SAME(OK, CREATED_OK),
		[AT_FAILED] = SAME(OK, CREATED_OK),
		[AT_CLOSING] = SAME(OK, CREATED_OK),
		[AT_REOPEN] = SAME(OK, CREATED_OK),
		[AT_REVOKED] = SAME(OK, CREATED_OK),
		[AT_REVOKING] = SAME(OK, CREATED_OK),
		[AT_RELEASING] = SAME(ILLEGAL, NOTHING),
		[AT_RELEASED] = SAME(ILLEGAL, NOTHING),
		[AT_UNKNOWN] = SAME(ILLEGAL, NOTHING), /* of a GPADL of nobody: a body names no relid */
	}},
	{"GPADL_TEARDOWN", post_teardown_of_spare, {
		[AT_CLOSED] = SAME(OK, TORNDOWN),
		[AT_OPENING] = SAME(OK, TORNDOWN),
		[AT_OPEN] = SAME(OK, TORNDOWN),
		[AT_FAILED] = SAME(OK, TORNDOWN),
		[AT_CLOSING] = SAME(OK, TORNDOWN),
		[AT_REOPEN] = SAME(OK, TORNDOWN),
		[AT_REVOKED] = SAME(OK, TORNDOWN),
		[AT_REVOKING] = SAME(OK, TORNDOWN),
		[AT_RELEASING] = SAME(ILLEGAL, NOTHING),
		[AT_RELEASED] = SAME(ILLEGAL, NOTHING),
		[AT_UNKNOWN] = SAME(ILLEGAL, NOTHING),
	}},
	{"GPADL_TEARDOWN of one unfinished", post_teardown_of_half, {
		[AT_CLOSED] = SAME(ILLEGAL, NOTHING),
		[AT_OPENING] = SAME(ILLEGAL, NOTHING),
		[AT_OPEN] = SAME(ILLEGAL, NOTHING),
		[AT_FAILED] = SAME(ILLEGAL, NOTHING),
		[AT_CLOSING] = SAME(ILLEGAL, NOTHING),
		[AT_REOPEN] = SAME(ILLEGAL, NOTHING),
		[AT_REVOKED] = SAME(ILLEGAL, NOTHING),
		[AT_REVOKING] = SAME(ILLEGAL, NOTHING),
		[AT_RELEASING] = SAME(ILLEGAL, NOTHING),
		[AT_RELEASED] = SAME(ILLEGAL, NOTHING),
		[AT_UNKNOWN] = SAME(ILLEGAL, NOTHING),
	}},
	{"GPADL_TEARDOWN of the rings", post_teardown_of_ring, {
		[AT_CLOSED] = SAME(ILLEGAL, NOTHING), /* it has none */
		[AT_OPENING] = SAME(ILLEGAL, NOTHING),
		[AT_OPEN] = SAME(ILLEGAL, NOTHING),
		[AT_FAILED] = SAME(OK, TORNDOWN), /* the device lets go of them on its own */
		[AT_CLOSING] = SAME(OK, NOTHING), /* when the device has stopped */
		[AT_REOPEN] = SAME(OK, NOTHING),
		[AT_REVOKED] = SAME(OK, TORNDOWN),
		[AT_REVOKING] = SAME(OK, NOTHING),
		[AT_RELEASING] = SAME(ILLEGAL, NOTHING),
		[AT_RELEASED] = SAME(ILLEGAL, NOTHING),
		[AT_UNKNOWN] = SAME(ILLEGAL, NOTHING),
	}},
	{"MODIFY_CHANNEL", post_modify, {
		[AT_CLOSED] = SAME(ILLEGAL, MODIFY_BAD),
		[AT_OPENING] = SAME(ILLEGAL, MODIFY_BAD),
		[AT_OPEN] = SAME(OK, MODIFY_OK),
		[AT_FAILED] = SAME(ILLEGAL, MODIFY_BAD),
		[AT_CLOSING] = SAME(ILLEGAL, MODIFY_BAD),
		[AT_REOPEN] = SAME(ILLEGAL, MODIFY_BAD),
		[AT_REVOKED] = SAME(ILLEGAL, MODIFY_BAD),
		[AT_REVOKING] = SAME(ILLEGAL, MODIFY_BAD),
		[AT_RELEASING] = SAME(ILLEGAL, MODIFY_BAD),
		[AT_RELEASED] = SAME(ILLEGAL, MODIFY_BAD),
		[AT_UNKNOWN] = SAME(ILLEGAL, MODIFY_BAD),
	}},
	{"RELID_RELEASED", post_released, {
		[AT_CLOSED] = TO(OK, CLIENT_RELEASED, NOTHING),
		[AT_OPENING] = SAME(ILLEGAL, NOTHING),
		[AT_OPEN] = SAME(ILLEGAL, NOTHING),
		[AT_FAILED] = SAME(ILLEGAL, NOTHING),
		[AT_CLOSING] = TO(OK, CLOSING_CLIENT_RELEASE, NOTHING),
		[AT_REOPEN] = SAME(ILLEGAL, NOTHING),
		[AT_REVOKED] = FREED(OK, NOTHING),
		[AT_REVOKING] = TO(OK, CLOSING_CLIENT_RELEASE, NOTHING),
		[AT_RELEASING] = SAME(ILLEGAL, NOTHING),
		[AT_RELEASED] = SAME(ILLEGAL, NOTHING),
		[AT_UNKNOWN] = SAME(ILLEGAL, NOTHING),
	}},
	{"the host revokes", remove_channel, {
		[AT_CLOSED] = HOST(CHANNEL_REVOKED, RESCIND),
		[AT_OPENING] = HOST(CHANNEL_REVOKED, RESCIND),
		[AT_OPEN] = HOST(CHANNEL_REVOKED, RESCIND),
		[AT_FAILED] = HOST(CHANNEL_REVOKED, RESCIND),
		[AT_CLOSING] = HOST(CHANNEL_REVOKED, RESCIND),
		[AT_REOPEN] = HOST(CHANNEL_REVOKED, RESCIND),
		[AT_REVOKED] = HOST(KEEP, NOTHING),
		[AT_REVOKING] = HOST(KEEP, NOTHING),
		[AT_RELEASING] = HOST(KEEP, NOTHING),
		[AT_RELEASED] = HOST(GONE, NOTHING),
		[AT_UNKNOWN] = HOST(CHANNEL_REVOKED, RESCIND), /* the other one */
	}},
	{"UNLOAD", post_unload, {
		[AT_CLOSED] = TO(OK, CLIENT_RELEASED, UNLOADED),
		[AT_OPENING] = TO(OK, OPENING_CLIENT_RELEASE, NOTHING),
		[AT_OPEN] = TO(OK, CLIENT_RELEASED, UNLOADED),
		[AT_FAILED] = TO(OK, CLIENT_RELEASED, UNLOADED),
		[AT_CLOSING] = TO(OK, CLOSING_CLIENT_RELEASE, NOTHING),
		[AT_REOPEN] = TO(OK, CLOSING_CLIENT_RELEASE, NOTHING),
		[AT_REVOKED] = FREED(OK, UNLOADED),
		[AT_REVOKING] = TO(OK, CLOSING_CLIENT_RELEASE, NOTHING),
		[AT_RELEASING] = SAME(OK, NOTHING),
		[AT_RELEASED] = SAME(OK, UNLOADED),
		[AT_UNKNOWN] = TO(OK, CLIENT_RELEASED, UNLOADED),
	}},
	{"INITIATE_CONTACT", post_known_contact, {
		[AT_CLOSED] = TO(OK, CLIENT_RELEASED, ACCEPTED),
		[AT_OPENING] = TO(OK, OPENING_CLIENT_RELEASE, NOTHING),
		[AT_OPEN] = TO(OK, CLIENT_RELEASED, ACCEPTED),
		[AT_FAILED] = TO(OK, CLIENT_RELEASED, ACCEPTED),
		[AT_CLOSING] = TO(OK, CLOSING_CLIENT_RELEASE, NOTHING),
		[AT_REOPEN] = TO(OK, CLOSING_CLIENT_RELEASE, NOTHING),
		[AT_REVOKED] = FREED(OK, ACCEPTED),
		[AT_REVOKING] = TO(OK, CLOSING_CLIENT_RELEASE, NOTHING),
		[AT_RELEASING] = SAME(OK, NOTHING),
		[AT_RELEASED] = SAME(OK, ACCEPTED),
		[AT_UNKNOWN] = TO(OK, CLIENT_RELEASED, ACCEPTED),
	}},
	{"VM reset", reset_vm, {
		[AT_CLOSED] = HOST(CHANNEL_CLIENT_RELEASED, NOTHING),
		[AT_OPENING] = HOST(CHANNEL_OPENING_CLIENT_RELEASE, NOTHING),
		[AT_OPEN] = HOST(CHANNEL_CLIENT_RELEASED, NOTHING),
		[AT_FAILED] = HOST(CHANNEL_CLIENT_RELEASED, NOTHING),
		[AT_CLOSING] = HOST(CHANNEL_CLOSING_CLIENT_RELEASE, NOTHING),
		[AT_REOPEN] = HOST(CHANNEL_CLOSING_CLIENT_RELEASE, NOTHING),
		[AT_REVOKED] = HOST(GONE, NOTHING),
		[AT_REVOKING] = HOST(CHANNEL_CLOSING_CLIENT_RELEASE, NOTHING),
		[AT_RELEASING] = HOST(KEEP, NOTHING),
		[AT_RELEASED] = HOST(KEEP, NOTHING),
		[AT_UNKNOWN] = HOST(CHANNEL_CLIENT_RELEASED, NOTHING),
	}},
};
/* clang-format on */

static void check_cell(const struct row *row, enum column column)
{
	const struct cell *cell = &row->cell[column];
	uint64_t before[4];
	int state;

	print_message("%s: %s\n", row->name, column_names[column]);
	set_up(NULL);
	bring_to(column);
	memcpy(before, guest.bus->verdicts, sizeof(before));
	state = channel->state;
	row->act();
	assert_int_equal(verdict_since(before), cell->verdict);
	if (cell->next == GONE)
		assert_int_equal(releases, 1);
	else
		assert_int_equal(channel->state, cell->next == KEEP ? state : cell->next);
	expect(cell->answer);
	tear_down(NULL);
}

static void every_input_in_every_state_of_a_channel(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(channel_rows); i++) {
		for (enum column column = 0; column < COLUMNS; column++)
			check_cell(&channel_rows[i], column);
	}
}

/* ---- what a device answers, late ----------------------------------------------------------------
 */

static void a_device_that_starts_or_not_after_the_guest_was_reset(void **state)
{
	static const int statuses[] = {0, -EIO};

	for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
		set_up(NULL);
		bring_to(AT_OPENING);
		post_unload();
		vmbus_guest_expect_nothing(&guest);
		opened(statuses[i]);
		assert_int_equal(channel->state, CHANNEL_CLIENT_RELEASED);
		expect(UNLOADED); /* and no OPEN_RESULT */
		tear_down(NULL);
	}
}

static void a_device_that_starts_or_not_after_its_offer_was_taken_back(void **state)
{
	static const int statuses[] = {0, -EIO};

	for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
		set_up(NULL);
		bring_to(AT_OPENING);
		remove_channel();
		expect(RESCIND);
		opened(statuses[i]);
		assert_int_equal(channel->state, CHANNEL_REVOKED);
		assert_int_equal(channel->device, DEVICE_CLOSED);
		expect(NOTHING);
		tear_down(NULL);
	}
}

static void a_device_that_stops_after_the_guest_has_let_go_of_it(void **state)
{
	static const struct {
		enum column column;
		bool frees;
	} rows[] = {{AT_RELEASING, false}, {AT_REVOKING, true}};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		set_up(NULL);
		bring_to(rows[i].column);
		if (rows[i].frees)
			post_released();
		closed();
		assert_int_equal(releases, rows[i].frees);
		assert_int_equal(guest.bus->gpadl_count, 0);
		assert_true(rows[i].frees || channel->state == CHANNEL_CLIENT_RELEASED);
		expect(NOTHING);
		tear_down(NULL);
	}
}

/* The rings' GPADL is given back when nobody writes there any more, also behind a RESCIND. */
static void a_teardown_that_waits_is_answered_when_the_device_has_stopped(void **state)
{
	static const enum column columns[] = {AT_CLOSING, AT_REOPEN, AT_REVOKING};

	for (size_t i = 0; i < ARRAY_LEN(columns); i++) {
		set_up(NULL);
		bring_to(columns[i]);
		post_teardown_of_ring();
		post_teardown_of_ring(); /* once is enough */
		assert_int_equal(guest.bus->verdicts[VMBUS_ILLEGAL], 1);
		expect(NOTHING);
		closed();
		vmbus_guest_expect(&guest, VMBUS_MSG_GPADL_TORNDOWN, NULL, 0);
		expect(columns[i] == AT_REOPEN ? RESULT_OK : NOTHING);
		tear_down(NULL);
	}
}

/* Not even to the next guest, after a reset. */
static void a_teardown_that_waits_has_no_answer_when_the_guest_was_reset(void **state)
{
	static const struct {
		void (*leave)(void);
		enum answer answer;
	} rows[] = {
		{post_unload, UNLOADED},
		{post_known_contact, ACCEPTED},
		{post_released, NOTHING},
		{reset_vm, NOTHING},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		set_up(NULL);
		bring_to(AT_CLOSING);
		post_teardown_of_ring();
		rows[i].leave();
		expect(NOTHING);
		closed();
		expect(rows[i].answer);
		tear_down(NULL);
	}
}

/* It is kept, finished or not, until the guest lets go of the relid; then it goes unsaid. */
static void gpadls_of_a_revoked_channel_are_kept_until_it_is_released(void **state)
{
	set_up(NULL);
	bring_to(AT_REVOKED);
	assert_int_equal(guest.bus->gpadl_count, 3); /* rings, spare, half */
	post_released();
	expect(NOTHING);
	assert_int_equal(guest.bus->gpadl_count, 0);
	assert_int_equal(guest.bus->gpadls_assembling, 0);
	tear_down(NULL);
}

/* A device is added again: it has a relid of its own, and is offered when the old one was released.
 */
static void the_same_offer_again(void **state)
{
	static const struct {
		enum column column;
		int error;
		bool waits;
	} rows[] = {
		{AT_CLOSED, -EEXIST, false},
		{AT_OPENING, -EEXIST, false},
		{AT_OPEN, -EEXIST, false},
		{AT_CLOSING, -EEXIST, false},
		{AT_REOPEN, -EEXIST, false},
		{AT_RELEASING, -EEXIST, false},
		{AT_RELEASED, -EEXIST, false},
		{AT_REVOKED, 0, true},
		{AT_REVOKING, 0, true},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct vmbus_channel *again;

		print_message("again: %s\n", column_names[rows[i].column]);
		set_up(NULL);
		bring_to(rows[i].column);
		assert_int_equal(add_channel(&again), rows[i].error);
		expect(NOTHING);
		if (rows[i].waits) {
			post_released();
			if (rows[i].column == AT_REVOKING)
				closed();
			vmbus_guest_expect(&guest, VMBUS_MSG_OFFER_CHANNEL, NULL, 0);
			assert_int_equal(again->state, CHANNEL_CLOSED);
			vmbus_guest_expect_nothing(&guest);
		}
		tear_down(NULL);
	}
}

/* ---- 6.1: the connection ------------------------------------------------------------------------
 */

enum stage { BUS_DISCONNECTED, BUS_CONNECTING, BUS_NEGOTIATED, BUS_CONNECTED, BUS_LEAVING, STAGES };

static const char *const stage_names[STAGES] = {
	"disconnected", "connecting", "negotiated", "connected", "disconnecting"};

static void bring_bus_to(enum stage stage)
{
	uint32_t offered;

	switch (stage) {
	case BUS_DISCONNECTED:
		break;
	case BUS_CONNECTING:
		/* Somebody else's message holds the slot: the answer is on its way. */
		fake_vm_slot(guest.fake, 0, VMBUS_SINT)->header.type = 1;
		post_known_contact();
		assert_int_equal(guest.bus->connection.state, VMBUS_CONNECTING);
		break;
	case BUS_NEGOTIATED:
		assert_true(vmbus_guest_contact(&guest, VMBUS_VERSION_5_3));
		break;
	case BUS_CONNECTED:
		assert_int_equal(vmbus_guest_connect(&guest, &offered, 1), 1);
		break;
	case BUS_LEAVING:
		bring_to(AT_CLOSING);
		post_unload();
		assert_int_equal(guest.bus->connection.state, VMBUS_DISCONNECTING);
		break;
	case STAGES:
		fail();
	}
}

static void post_unknown_contact(void)
{
	post_contact(VMBUS_VERSION_6_0, 0);
}

static void post_half_monitored_contact(void)
{
	post_contact(VMBUS_VERSION_5_3, 0x1000);
}

static void post_request(void)
{
	post_plain(VMBUS_MSG_REQUEST_OFFERS);
}

/*
 * `answer` is what comes when the last device has stopped, if one had to be waited for. While the
 * answer to a contact is on its way nothing else is looked at: the column `connecting` tells what
 * is made of it afterwards, behind that answer.
 */
struct bus_row {
	const char *name;
	void (*act)(void);
	struct cell cell[STAGES];
};

/* clang-format off */
#define BUS(v, s, a) {VMBUS_##v, VMBUS_##s, a}

static const struct bus_row bus_rows[] = {
	{"INITIATE_CONTACT, known version", post_known_contact, {
		[BUS_DISCONNECTED] = BUS(OK, NEGOTIATED, ACCEPTED),
		[BUS_CONNECTING] = BUS(OK, NEGOTIATED, ACCEPTED),
		[BUS_NEGOTIATED] = BUS(OK, NEGOTIATED, ACCEPTED),
		[BUS_CONNECTED] = BUS(OK, NEGOTIATED, ACCEPTED),
		[BUS_LEAVING] = BUS(OK, NEGOTIATED, ACCEPTED),
	}},
	{"INITIATE_CONTACT, unknown version", post_unknown_contact, {
		[BUS_DISCONNECTED] = BUS(OK, DISCONNECTED, REFUSED),
		[BUS_CONNECTING] = BUS(OK, DISCONNECTED, REFUSED),
		[BUS_NEGOTIATED] = BUS(OK, DISCONNECTED, REFUSED),
		[BUS_CONNECTED] = BUS(OK, DISCONNECTED, REFUSED),
		[BUS_LEAVING] = BUS(OK, DISCONNECTED, REFUSED),
	}},
	{"INITIATE_CONTACT, one monitor page of two", post_half_monitored_contact, {
		[BUS_DISCONNECTED] = BUS(OK, DISCONNECTED, REFUSED),
		[BUS_CONNECTING] = BUS(OK, DISCONNECTED, REFUSED),
		[BUS_NEGOTIATED] = BUS(OK, DISCONNECTED, REFUSED),
		[BUS_CONNECTED] = BUS(OK, DISCONNECTED, REFUSED),
		[BUS_LEAVING] = BUS(OK, DISCONNECTED, REFUSED),
	}},
	{"REQUEST_OFFERS", post_request, {
		[BUS_DISCONNECTED] = BUS(ILLEGAL, DISCONNECTED, NOTHING),
		[BUS_CONNECTING] = BUS(OK, CONNECTED, ALL_OFFERS),
		[BUS_NEGOTIATED] = BUS(OK, CONNECTED, ALL_OFFERS),
		[BUS_CONNECTED] = BUS(ILLEGAL, CONNECTED, NOTHING),
		[BUS_LEAVING] = BUS(ILLEGAL, DISCONNECTED, UNLOADED),
	}},
	{"UNLOAD", post_unload, {
		[BUS_DISCONNECTED] = BUS(OK, DISCONNECTED, UNLOADED),
		[BUS_CONNECTING] = BUS(OK, DISCONNECTED, UNLOADED),
		[BUS_NEGOTIATED] = BUS(OK, DISCONNECTED, UNLOADED),
		[BUS_CONNECTED] = BUS(OK, DISCONNECTED, UNLOADED),
		[BUS_LEAVING] = BUS(OK, DISCONNECTED, UNLOADED),
	}},
	{"CLOSE_CHANNEL", post_close, {
		[BUS_DISCONNECTED] = BUS(ILLEGAL, DISCONNECTED, NOTHING),
		[BUS_CONNECTING] = BUS(ILLEGAL, NEGOTIATED, NOTHING),
		[BUS_NEGOTIATED] = BUS(ILLEGAL, NEGOTIATED, NOTHING),
		[BUS_CONNECTED] = BUS(ILLEGAL, CONNECTED, NOTHING),
		[BUS_LEAVING] = BUS(ILLEGAL, DISCONNECTED, UNLOADED),
	}},
	{"GPADL_HEADER", post_new_gpadl, {
		[BUS_DISCONNECTED] = BUS(ILLEGAL, DISCONNECTED, NOTHING),
		[BUS_CONNECTING] = BUS(ILLEGAL, NEGOTIATED, NOTHING),
		[BUS_NEGOTIATED] = BUS(ILLEGAL, NEGOTIATED, NOTHING),
		[BUS_CONNECTED] = BUS(OK, CONNECTED, CREATED_OK),
		[BUS_LEAVING] = BUS(ILLEGAL, DISCONNECTED, UNLOADED),
	}},
	{"RELID_RELEASED", post_released, {
		[BUS_DISCONNECTED] = BUS(IGNORED, DISCONNECTED, NOTHING), /* Linux, after UNLOAD */
		[BUS_CONNECTING] = BUS(ILLEGAL, NEGOTIATED, NOTHING),
		[BUS_NEGOTIATED] = BUS(ILLEGAL, NEGOTIATED, NOTHING),
		[BUS_CONNECTED] = BUS(OK, CONNECTED, NOTHING),
		[BUS_LEAVING] = BUS(IGNORED, DISCONNECTED, UNLOADED),
	}},
	{"VM reset", reset_vm, {
		[BUS_DISCONNECTED] = BUS(OK, DISCONNECTED, NOTHING),
		[BUS_CONNECTING] = BUS(OK, DISCONNECTED, NOTHING),
		[BUS_NEGOTIATED] = BUS(OK, DISCONNECTED, NOTHING),
		[BUS_CONNECTED] = BUS(OK, DISCONNECTED, NOTHING),
		[BUS_LEAVING] = BUS(OK, DISCONNECTED, NOTHING),
	}},
};
/* clang-format on */

/* What was held up goes on. */
static void let_bus_go_on(enum stage stage, bool reset)
{
	if (stage == BUS_CONNECTING) {
		fake_vm_consume(guest.fake, 0, VMBUS_SINT);
		fake_vm_run_loop(guest.fake);
		if (!reset)
			expect_contact_answer(true);
	} else if (stage == BUS_LEAVING) {
		vmbus_guest_expect_nothing(&guest);
		closed();
	}
	fake_vm_run_loop(guest.fake);
}

static void check_bus_cell(const struct bus_row *row, enum stage stage)
{
	const struct cell *cell = &row->cell[stage];
	uint64_t before[4];

	print_message("%s: %s\n", row->name, stage_names[stage]);
	set_up(NULL);
	bring_bus_to(stage);
	memcpy(before, guest.bus->verdicts, sizeof(before));
	row->act();
	let_bus_go_on(stage, row->act == reset_vm);
	assert_int_equal(verdict_since(before), cell->verdict);
	expect(cell->answer);
	assert_int_equal(guest.bus->connection.state, cell->next);
	tear_down(NULL);
}

static void every_input_in_every_state_of_the_connection(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(bus_rows); i++) {
		for (enum stage stage = 0; stage < STAGES; stage++)
			check_bus_cell(&bus_rows[i], stage);
	}
}

/* ---- 2.4: versions ------------------------------------------------------------------------------
 */

static enum answer modify_answer(uint32_t version)
{
	return version >= VMBUS_VERSION_5_3 ? MODIFY_OK : NOTHING;
}

/* What there is in every version: a guest comes, opens, retargets, closes, and goes. */
static void the_whole_way_in_every_version(void **state)
{
	static const uint32_t versions[] = {VMBUS_VERSION_2_4, VMBUS_VERSION_3_0, VMBUS_VERSION_4_0,
		VMBUS_VERSION_4_1, VMBUS_VERSION_5_0, VMBUS_VERSION_5_1, VMBUS_VERSION_5_2,
		VMBUS_VERSION_5_3};

	for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
		bool modifies = versions[i] >= VMBUS_VERSION_4_1;
		uint32_t offered;

		print_message("version %u.%u\n", versions[i] >> 16, versions[i] & 0xffff);
		set_up(NULL);
		post_unknown_contact();
		expect(REFUSED);
		assert_true(vmbus_guest_contact(&guest, versions[i]));
		assert_int_equal(vmbus_guest_request_offers(&guest, &offered, 1), 1);
		open_channel();
		post_modify();
		expect(modify_answer(versions[i]));
		assert_int_equal(channel->request.target_vp, modifies ? 1 : 0);
		assert_int_equal(guest.bus->verdicts[VMBUS_ILLEGAL], modifies ? 0 : 1);
		vmbus_lock(guest.bus);
		vmbus_channel_signal(channel);
		vmbus_unlock(guest.bus);
		assert_true(vmbus_guest_signalled(&guest, modifies ? 1 : 0, relid));
		post_close();
		post_teardown_of_ring();
		expect(TORNDOWN);
		post_released();
		post_unload();
		expect(UNLOADED);
		tear_down(NULL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_input_in_every_state_of_a_channel),
		cmocka_unit_test(a_device_that_starts_or_not_after_the_guest_was_reset),
		cmocka_unit_test(a_device_that_starts_or_not_after_its_offer_was_taken_back),
		cmocka_unit_test(a_device_that_stops_after_the_guest_has_let_go_of_it),
		cmocka_unit_test(a_teardown_that_waits_is_answered_when_the_device_has_stopped),
		cmocka_unit_test(a_teardown_that_waits_has_no_answer_when_the_guest_was_reset),
		cmocka_unit_test(gpadls_of_a_revoked_channel_are_kept_until_it_is_released),
		cmocka_unit_test(the_same_offer_again),
		cmocka_unit_test(every_input_in_every_state_of_the_connection),
		cmocka_unit_test(the_whole_way_in_every_version),
	};

	return cmocka_run_group_tests_name("vmbus-states", tests, NULL, NULL);
}
