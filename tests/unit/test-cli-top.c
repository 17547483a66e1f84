/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hvctl top without daemon and terminal: rates, suspicion, order, keys, the picture. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "cli/top-model.h"
#include "cli/top-screen.h"
#include "cli/top-state.h"

static json_t *parse(const char *text)
{
	json_error_t error;
	json_t *json = json_loads(text, 0, &error);

	if (!json)
		fail_msg("%s: %s", text, error.text);
	return json;
}

/* Two looks, two seconds apart. */
static struct top_sample before, now;

static int set_up(void **state)
{
	before = (struct top_sample){.mono_ns = 1 * NSEC_PER_SEC};
	now = (struct top_sample){.mono_ns = 3 * NSEC_PER_SEC};
	now.vm = parse("{\"name\":\"box\",\"state\":\"running\",\"accel\":\"sim\","
		       "\"synic_mode\":\"sim\",\"vp_count\":2,\"uptime_ns\":61000000000}");
	return 0;
}

static int tear_down(void **state)
{
	top_sample_deinit(&before);
	top_sample_deinit(&now);
	return 0;
}

#define CHANNEL(relid, state, in)                                                                 \
	"{\"relid\":" #relid ",\"device\":\"dev" #relid "\",\"state\":\"" state "\",\"failure\":" \
	"null,\"target_vp\":1,\"signals_in\":" #in ",\"signals_out\":0}"
#define RING(relid, direction, used, index, pending)                                 \
	"{\"relid\":" #relid ",\"direction\":\"" direction "\",\"size_bytes\":1000," \
	"\"read_avail\":" #used ",\"read_index\":" #index ",\"pending_send_sz\":" #pending "}"
#define LIST(...) "{\"items\":[" __VA_ARGS__ "]}"

static struct top_table build(enum top_view view)
{
	struct top_table table;
	bool descending;
	unsigned column = top_default_sort(view, &descending);

	assert_true(top_table_build(view, &before, &now, &table));
	top_table_sort(&table, column, descending);
	return table;
}

static void expect_cell(
	const struct top_table *table, size_t row, unsigned column, const char *text)
{
	assert_true(row < table->rows && column < table->columns);
	assert_string_equal(table->row[row].cell[column].text, text);
}

/* ---- computing --------------------------------------------------------------------------------
 */

static void rates_are_per_second_and_unknown_without_two_readings(void **state)
{
	json_t *five = json_integer(5), *nine = json_integer(9);

	assert_true(top_rate(five, nine, 2 * NSEC_PER_SEC) == 2.0);
	assert_true(top_rate(five, five, 2 * NSEC_PER_SEC) == 0.0);
	assert_true(isnan(top_rate(NULL, nine, NSEC_PER_SEC)));
	assert_true(isnan(top_rate(nine, five, NSEC_PER_SEC))); /* reset meanwhile */
	assert_true(isnan(top_rate(five, nine, 0)));
	json_decref(five);
	json_decref(nine);
}

static void rates_fit_their_column(void **state)
{
	static const struct {
		const char *signals, *text;
	} rows[] = {
		{"0", "0"},
		{"1", "0.5"},
		{"40", "20"},
		{"19998", "9999"},
		{"20000", "10.0k"},
		{"3000000", "1.5M"},
	};

	before.channels = parse(LIST(CHANNEL(1, "open", 0)));
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct top_table table;

		json_decref(now.channels);
		now.channels = parse(LIST(CHANNEL(1, "open", 0)));
		json_object_set_new(json_array_get(json_object_get(now.channels, "items"), 0),
			"signals_in", json_integer(atoll(rows[i].signals)));
		table = build(TOP_CHANNELS);
		expect_cell(&table, 0, 5, rows[i].text);
		top_table_deinit(&table);
	}
}

static void channels_stand_by_suspicion(void **state)
{
	struct top_table table;

	before.rings = parse(
		LIST(RING(2, "guest_to_host", 10, 64, 0) "," RING(4, "guest_to_host", 10, 64, 0)));
	now.rings = parse(LIST(RING(2, "guest_to_host", 20, 64, 0) "," RING(
		3, "host_to_guest", 10, 0, 512) "," RING(4, "guest_to_host", 20, 80, 0) "," RING(5,
		"host_to_guest", 950, 0, 0)));
	now.channels = parse(LIST(CHANNEL(1, "open", 0) "," CHANNEL(2, "open", 0) "," CHANNEL(
		3, "open", 0) "," CHANNEL(4, "open", 0) "," CHANNEL(5, "open", 0) "," CHANNEL(6,
		"failed", 0) "," CHANNEL(7, "open", 0)));
	now.doctor = parse(LIST("{\"rule\":\"D17\",\"severity\":\"error\",\"role\":\"cause\","
				"\"relid\":7,\"subject\":\"channels/7\",\"diagnosis\":\"stuck\","
				"\"remedy\":\"hvctl channels unstick 7\"}"));
	table = build(TOP_CHANNELS);
	assert_int_equal(table.rows, 7);
	expect_cell(&table, 0, 0, "7");
	expect_cell(&table, 0, 3, "100");
	expect_cell(&table, 0, 9, "stuck");
	assert_int_equal(table.row[0].level, TOP_BAD);
	assert_string_equal(table.row[0].detail, "D17: stuck  Remedy: hvctl channels unstick 7");
	expect_cell(&table, 1, 0, "6");
	expect_cell(&table, 2, 0, "2");
	expect_cell(&table, 2, 9, "reader stands");
	expect_cell(&table, 3, 0, "3");
	expect_cell(&table, 3, 9, "writer waits");
	expect_cell(&table, 4, 0, "5");
	expect_cell(&table, 4, 8, "95%");
	expect_cell(&table, 5, 0, "1"); /* equals stay as they were */
	expect_cell(&table, 6, 0, "4"); /* its reader moved */
	expect_cell(&table, 6, 3, "0");
	top_table_deinit(&table);
}

static void tables_are_sorted_by_number_or_text_and_filtered(void **state)
{
	struct top_table table;

	now.channels = parse(
		LIST(CHANNEL(10, "open", 0) "," CHANNEL(9, "closed", 0) "," CHANNEL(2, "open", 0)));
	table = build(TOP_CHANNELS);
	top_table_sort(&table, 0, false);
	expect_cell(&table, 0, 0, "2");
	expect_cell(&table, 2, 0, "10");
	top_table_sort(&table, 2, false);
	expect_cell(&table, 0, 2, "closed");
	expect_cell(&table, 1, 0, "2");
	top_table_sort(&table, 99, true); /* no such column: as it was */
	top_table_filter(&table, "OPEN");
	assert_int_equal(table.rows, 2);
	top_table_filter(&table, "dev10");
	assert_int_equal(table.rows, 1);
	top_table_filter(&table, "nothing");
	assert_int_equal(table.rows, 0);
	top_table_deinit(&table);
}

#define SINT(vp, sint, vector, masked, busy, pending, depth, owed)                        \
	"{\"vp\":" #vp ",\"sint\":" #sint ",\"vector\":" #vector ",\"masked\":" #masked   \
	",\"slot\":{\"busy\":" #busy ",\"pending\":" #pending "},\"queue_depth\":" #depth \
	",\"irq_owed\":" #owed "}"

static void the_matrix_has_a_column_for_each_sint_that_is_used(void **state)
{
	struct top_table table;

	now.sints = parse(LIST(SINT(0, 2, 96, false, false, false, 0, false) "," SINT(0, 3, 0, true,
		false, false, 0, false) "," SINT(0, 4, 0, true, false, false, 0, false) "," SINT(1,
		2, 96, true, true, true, 3,
		true) "," SINT(1, 4, 100, false, false, false, 0, false)));
	table = build(TOP_SINTS);
	assert_int_equal(table.columns, 3);
	assert_string_equal(table.column[1].title, "SINT2");
	assert_string_equal(table.column[2].title, "SINT4");
	expect_cell(&table, 0, 1, "60");
	expect_cell(&table, 0, 2, ".");
	expect_cell(&table, 1, 1, "60mBP+3!");
	expect_cell(&table, 1, 2, "64");
	assert_int_equal(table.row[1].level, TOP_ATTENTION);
	top_table_deinit(&table);
}

static void a_guests_text_cannot_reach_the_terminal(void **state)
{
	struct top_screen screen;
	struct top_summary summary;
	struct top_state top;
	struct top_table table;

	now.channels = parse(LIST("{\"relid\":1,\"device\":\"\\u001b[2J\\u202e\\u00e9x\",\"state\":"
				  "\"failed\",\"failure\":\"bad\\u0007\"}"));
	table = build(TOP_CHANNELS);
	assert_null(strchr(table.row[0].cell[1].text, 27));
	top_state_init(&top);
	top_summarize(&before, &now, &summary);
	assert_true(top_screen_init(&screen, 24, 80));
	top_screen_draw(&screen, &summary, &table, &top);
	for (size_t i = 0; i < 24 * 80; i++)
		assert_true(screen.text[i] >= ' ' && screen.text[i] <= '~');
	top_screen_deinit(&screen);
	top_table_deinit(&table);
}

/* ---- keys -------------------------------------------------------------------------------------
 */

static const struct top_extent forty = {.rows = 40, .page = 10, .columns = 5};

static void press(struct top_state *state, int key)
{
	top_state_key(state, key, &forty);
}

static void arrows_move_and_the_page_follows(void **unused)
{
	struct top_state state;

	top_state_init(&state);
	press(&state, TOP_KEY_UP);
	assert_int_equal(state.selected, 0);
	for (unsigned i = 0; i < 12; i++)
		press(&state, TOP_KEY_DOWN);
	assert_int_equal(state.selected, 12);
	assert_int_equal(state.first, 3);
	press(&state, TOP_KEY_END);
	assert_int_equal(state.selected, 39);
	assert_int_equal(state.first, 30);
	press(&state, TOP_KEY_PAGE_UP);
	assert_int_equal(state.selected, 29);
	press(&state, TOP_KEY_PAGE_DOWN);
	press(&state, TOP_KEY_PAGE_DOWN);
	assert_int_equal(state.selected, 39);
	press(&state, TOP_KEY_HOME);
	assert_int_equal(state.first, 0);
	press(&state, TOP_KEY_LEFT);
	for (unsigned i = 0; i < 9; i++)
		press(&state, TOP_KEY_RIGHT);
	assert_int_equal(state.skipped, 4); /* one column always stays */
}

static void a_table_that_shrinks_takes_the_selection_with_it(void **unused)
{
	const struct top_extent three = {.rows = 3, .page = 10, .columns = 5}, none = {.page = 10};
	struct top_state state;

	top_state_init(&state);
	press(&state, TOP_KEY_END);
	top_state_clamp(&state, &three);
	assert_int_equal(state.selected, 2);
	assert_int_equal(state.first, 0);
	top_state_clamp(&state, &none);
	assert_int_equal(state.selected, 0);
	top_state_key(&state, TOP_KEY_DOWN, &none);
	top_state_key(&state, TOP_KEY_PAGE_UP, &none);
	assert_int_equal(state.selected, 0);
}

static void views_orders_and_modes(void **unused)
{
	struct top_state state;

	top_state_init(&state);
	press(&state, '\t');
	assert_int_equal(state.view, TOP_SINTS);
	press(&state, '4');
	assert_int_equal(state.view, TOP_FINDINGS);
	press(&state, TOP_KEY_F1 + 4);
	assert_int_equal(state.view, TOP_CHANNELS);
	press(&state, '5'); /* there are four */
	assert_int_equal(state.view, TOP_CHANNELS);
	assert_int_equal(state.sort[TOP_CHANNELS].column, 3);
	press(&state, '>');
	press(&state, TOP_KEY_F1 + 5);
	assert_int_equal(state.sort[TOP_CHANNELS].column, 0); /* round the end */
	press(&state, '<');
	assert_int_equal(state.sort[TOP_CHANNELS].column, 4);
	press(&state, 'I');
	assert_false(state.sort[TOP_CHANNELS].descending);
	press(&state, 'p');
	assert_true(state.paused);
	press(&state, TOP_KEY_F1);
	assert_int_equal(state.mode, TOP_MODE_HELP);
	press(&state, 'q'); /* leaves the help only */
	assert_false(state.quit);
	press(&state, 'q');
	assert_true(state.quit);
}

static void a_filter_is_typed_kept_and_dropped(void **unused)
{
	struct top_state state;

	top_state_init(&state);
	press(&state, '/');
	for (const char *c = "quick"; *c; c++)
		press(&state, *c);
	assert_false(state.quit);
	press(&state, TOP_KEY_BACKSPACE);
	press(&state, TOP_KEY_F10); /* no character */
	assert_string_equal(state.filter, "quic");
	for (unsigned i = 0; i < 2 * TOP_FILTER_BYTES; i++)
		press(&state, 'x');
	assert_int_equal(strlen(state.filter), TOP_FILTER_BYTES - 1);
	press(&state, TOP_KEY_ENTER);
	assert_int_equal(state.mode, TOP_MODE_TABLE);
	press(&state, TOP_KEY_ESCAPE);
	assert_string_equal(state.filter, "");
	press(&state, '/');
	press(&state, 'a');
	press(&state, TOP_KEY_ESCAPE);
	assert_string_equal(state.filter, "");
}

/* ---- the picture ------------------------------------------------------------------------------
 */

/* The line as text, without blanks at its end. */
static const char *line_of(const struct top_screen *screen, unsigned row)
{
	static char text[512];
	size_t length = MIN(screen->columns, (unsigned)sizeof(text) - 1);

	memcpy(text, screen->text + (size_t)row * screen->columns, length);
	while (length > 0 && text[length - 1] == ' ')
		length--;
	text[length] = '\0';
	return text;
}

static void the_picture_at_80_by_24(void **unused)
{
	struct top_summary summary;
	struct top_screen screen;
	struct top_state state;
	struct top_table table;

	before.vps = parse(LIST("{\"vp\":0,\"runtime_100ns\":0}"
				","
				"{\"vp\":1,\"runtime_100ns\":0}"));
	now.vps = parse(LIST("{\"vp\":0,\"runtime_100ns\":10000000}"
			     ","
			     "{\"vp\":1,\"runtime_100ns\":20000000}"));
	now.channels = parse(LIST(CHANNEL(1, "open", 0) "," CHANNEL(2, "failed", 0)));
	top_state_init(&state);
	top_summarize(&before, &now, &summary);
	table = build(TOP_CHANNELS);
	assert_int_equal(top_screen_frame(&summary, 80), 9);
	assert_true(top_screen_init(&screen, 24, 80));
	top_screen_draw(&screen, &summary, &table, &state);
	assert_string_equal(line_of(&screen, 0), "box: running, sim, SynIC sim, 2 VPs, up 1m01s");
	assert_string_equal(
		line_of(&screen, 2), "VP0 [||||||||||     50.0%] VP1 [||||||||||||||100.0%]");
	assert_string_equal(line_of(&screen, 3), "findings: not known yet");
	assert_non_null(strstr(line_of(&screen, 4), "[1 Channels] 2 SINTs"));
	assert_non_null(strstr(line_of(&screen, 4), "by SUSP, down"));
	assert_string_equal(line_of(&screen, 5),
		"RELID DEVICE      STATE           SUSP  VP   IN/s  OUT/s  G>H  H>G WHY");
	assert_string_equal(line_of(&screen, 6),
		"    2 dev2        failed            90   1      -      -    -    - -");
	assert_int_equal(screen.paint[6 * 80], PAINT_SELECTED);
	assert_int_equal(screen.paint[7 * 80], PAINT_PLAIN);
	assert_non_null(strstr(line_of(&screen, 23), "F10Quit"));
	top_screen_deinit(&screen);
	top_table_deinit(&table);
}

/* Finding nothing because nothing could be seen is not health, and is not shown as such. */
static void the_doctors_line_says_what_it_could_not_see(void **unused)
{
	static const struct {
		const char *report, *line;
	} rows[] = {
		{"{\"judged\":true,\"errors\":0,\"warnings\":1,\"unjudged\":[]}",
			"findings: 0 errors, 1 warnings"},
		{"{\"judged\":true,\"errors\":0,\"warnings\":0,\"unjudged\":[{},{}]}",
			"findings: 0 errors, 0 warnings, 2 unseen"},
		{"{\"judged\":false,\"why_not\":\"the VM does not run\"}",
			"findings: not judged: the VM does not run"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct top_summary summary;

		json_decref(now.doctor);
		now.doctor = parse(rows[i].report);
		top_summarize(&before, &now, &summary);
		assert_string_equal(summary.findings, rows[i].line);
	}
}

static void any_size_can_be_drawn(void **unused)
{
	static const unsigned sizes[][2] = {
		{0, 0}, {1, 1}, {8, 20}, {9, 300}, {24, 80}, {200, 21}, {100, 400}};
	struct top_summary summary;
	struct top_state state;

	now.vps = parse(LIST("{\"vp\":0}"
			     ","
			     "{\"vp\":1}"
			     ","
			     "{\"vp\":2}"));
	now.channels = parse(LIST(CHANNEL(1, "open", 0) "," CHANNEL(2, "failed", 0)));
	top_summarize(&before, &now, &summary);
	top_state_init(&state);
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		for (state.view = 0; state.view < TOP_VIEWS; state.view++) {
			struct top_table table = build(state.view);
			struct top_screen screen;

			assert_true(top_screen_init(&screen, sizes[i][0], sizes[i][1]));
			top_screen_draw(&screen, &summary, &table, &state);
			state.mode = TOP_MODE_HELP;
			top_screen_draw(&screen, &summary, &table, &state);
			state.mode = TOP_MODE_TABLE;
			top_screen_deinit(&screen);
			top_table_deinit(&table);
		}
	}
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(rates_are_per_second_and_unknown_without_two_readings),
		TEST(rates_fit_their_column),
		TEST(channels_stand_by_suspicion),
		TEST(tables_are_sorted_by_number_or_text_and_filtered),
		TEST(the_matrix_has_a_column_for_each_sint_that_is_used),
		TEST(a_guests_text_cannot_reach_the_terminal),
		TEST(arrows_move_and_the_page_follows),
		TEST(a_table_that_shrinks_takes_the_selection_with_it),
		TEST(views_orders_and_modes),
		TEST(a_filter_is_typed_kept_and_dropped),
		TEST(the_picture_at_80_by_24),
		TEST(the_doctors_line_says_what_it_could_not_see),
		TEST(any_size_can_be_drawn),
	};

	return cmocka_run_group_tests_name("cli-top", tests, NULL, NULL);
}
