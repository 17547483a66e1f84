/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Overlay pages: contents that move, RAM that reappears, several overlays on one page. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>
#include "vmm/memory.h"
#include "vmm/overlay.h"

enum { RAM_BYTES = 1 << 20, PAGE_A = 0x3000, PAGE_B = 0x7000, LAST_PAGE = RAM_BYTES - 0x1000 };
enum { OVERLAYS = 3 };

struct world {
	struct guest_memory memory;
	struct overlays overlays;
	pthread_mutex_t lock[OVERLAYS];
	struct overlay overlay[OVERLAYS];
};

static int setup(void **state)
{
	struct world *world = calloc(1, sizeof(*world));

	assert_non_null(world);
	assert_int_equal(guest_memory_init(&world->memory, RAM_BYTES), 0);
	overlays_init(&world->overlays, &world->memory);
	for (unsigned i = 0; i < OVERLAYS; i++) {
		pthread_mutex_init(&world->lock[i], NULL);
		overlay_init(&world->overlay[i], &world->lock[i]);
	}
	*state = world;
	return 0;
}

static int teardown(void **state)
{
	struct world *world = *state;

	overlays_deinit(&world->overlays);
	guest_memory_deinit(&world->memory);
	free(world);
	return 0;
}

static uint8_t *ram(struct world *world, uint64_t gpa)
{
	return guest_memory_at(&world->memory, gpa, HV_PAGE_SIZE);
}

static void enable(struct world *world, unsigned i, uint64_t gpa)
{
	assert_int_equal(overlay_set(&world->overlays, &world->overlay[i], true, gpa), 0);
}

static void disable(struct world *world, unsigned i)
{
	assert_int_equal(overlay_set(&world->overlays, &world->overlay[i], false, 0), 0);
}

/* The whole page is `value`: torn or half-copied pages are found too. */
static bool all(const uint8_t *page, uint8_t value)
{
	for (unsigned i = 0; i < HV_PAGE_SIZE; i++) {
		if (page[i] != value)
			return false;
	}
	return true;
}

static void fill(uint8_t *page, uint8_t value)
{
	memset(page, value, HV_PAGE_SIZE);
}

static void an_overlay_hides_ram_and_is_zero_at_first(void **state)
{
	struct world *world = *state;

	fill(ram(world, PAGE_A), 0xaa);
	enable(world, 0, PAGE_A);
	assert_true(all(ram(world, PAGE_A), 0));
	assert_ptr_equal(world->overlay[0].page, ram(world, PAGE_A));
}

static void disabling_brings_the_ram_below_back(void **state)
{
	struct world *world = *state;

	fill(ram(world, PAGE_A), 0xaa);
	enable(world, 0, PAGE_A);
	fill(world->overlay[0].page, 0x11);
	disable(world, 0);
	assert_true(all(ram(world, PAGE_A), 0xaa));
	assert_true(all(world->overlay[0].page, 0x11));
	assert_ptr_equal(world->overlay[0].page, world->overlay[0].contents);
}

static void contents_survive_disable_and_enable(void **state)
{
	struct world *world = *state;

	enable(world, 0, PAGE_A);
	fill(ram(world, PAGE_A), 0x22);
	disable(world, 0);
	enable(world, 0, PAGE_B);
	assert_true(all(ram(world, PAGE_B), 0x22));
}

static void contents_follow_a_move(void **state)
{
	struct world *world = *state;

	fill(ram(world, PAGE_A), 0xaa);
	fill(ram(world, PAGE_B), 0xbb);
	enable(world, 0, PAGE_A);
	fill(ram(world, PAGE_A), 0x33);
	enable(world, 0, PAGE_B);
	assert_true(all(ram(world, PAGE_A), 0xaa));
	assert_true(all(ram(world, PAGE_B), 0x33));
	disable(world, 0);
	assert_true(all(ram(world, PAGE_B), 0xbb));
}

static void enabling_where_it_is_changes_nothing(void **state)
{
	struct world *world = *state;

	enable(world, 0, PAGE_A);
	enable(world, 1, PAGE_A);
	fill(ram(world, PAGE_A), 0x44);
	enable(world, 0, PAGE_A); /* not back to the top */
	assert_ptr_equal(world->overlay[1].page, ram(world, PAGE_A));
	assert_true(all(ram(world, PAGE_A), 0x44));
}

static void gpa_zero_and_the_last_page_are_legal(void **state)
{
	struct world *world = *state;

	enable(world, 0, 0);
	enable(world, 1, LAST_PAGE);
	assert_ptr_equal(world->overlay[0].page, ram(world, 0));
	assert_ptr_equal(world->overlay[1].page, ram(world, LAST_PAGE));
}

static void a_gpa_outside_ram_is_refused_and_nothing_changes(void **state)
{
	static const uint64_t bad[] = {RAM_BYTES, UINT64_C(0xc0000000), UINT64_C(0x000fffffffff000),
		UINT64_C(0xfffffffffffff000)};
	struct world *world = *state;

	enable(world, 0, PAGE_A);
	fill(ram(world, PAGE_A), 0x55);
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(
			overlay_set(&world->overlays, &world->overlay[0], true, bad[i]), -EFAULT);
		assert_true(world->overlay[0].enabled);
		assert_int_equal(world->overlay[0].gpa, PAGE_A);
		assert_true(all(ram(world, PAGE_A), 0x55));
	}
}

static void reset_disables_and_zeroes(void **state)
{
	struct world *world = *state;

	fill(ram(world, PAGE_A), 0xaa);
	enable(world, 0, PAGE_A);
	fill(ram(world, PAGE_A), 0x66);
	overlay_reset(&world->overlays, &world->overlay[0]);
	assert_false(world->overlay[0].enabled);
	assert_true(all(world->overlay[0].page, 0));
	assert_true(all(ram(world, PAGE_A), 0xaa));
}

static void the_overlay_enabled_last_is_visible(void **state)
{
	struct world *world = *state;

	for (unsigned i = 0; i < OVERLAYS; i++) {
		enable(world, i, PAGE_A);
		fill(world->overlay[i].page, (uint8_t)(i + 1));
	}
	assert_true(all(ram(world, PAGE_A), 3));
	assert_true(all(world->overlay[0].page, 1));
	assert_true(all(world->overlay[1].page, 2));
}

static void a_hidden_overlay_can_be_written_and_shows_later(void **state)
{
	struct world *world = *state;

	enable(world, 0, PAGE_A);
	enable(world, 1, PAGE_A);
	fill(world->overlay[0].page, 0x77);
	assert_true(all(ram(world, PAGE_A), 0));
	disable(world, 1);
	assert_true(all(ram(world, PAGE_A), 0x77));
}

/* Every order of taking three stacked overlays away ends with the RAM that was there. */
static void ram_comes_back_in_whatever_order_a_stack_is_taken_down(void **state)
{
	static const unsigned orders[][OVERLAYS] = {
		{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
	struct world *world = *state;

	for (unsigned row = 0; row < ARRAY_LEN(orders); row++) {
		fill(ram(world, PAGE_A), 0xc0);
		for (unsigned i = 0; i < OVERLAYS; i++) {
			enable(world, i, PAGE_A);
			fill(world->overlay[i].page, (uint8_t)(0x10 + i));
		}
		for (unsigned step = 0; step < OVERLAYS; step++) {
			unsigned gone = orders[row][step];

			disable(world, gone);
			assert_true(all(world->overlay[gone].contents, (uint8_t)(0x10 + gone)));
		}
		assert_true(all(ram(world, PAGE_A), 0xc0));
	}
}

/*
 * Random moves against a model that keeps, per page, a list of who lies on it. The seed is printed
 * when the model and the overlays disagree.
 */
enum { PAGES = 3, STEPS = 4000 };

struct model {
	unsigned stack[PAGES][OVERLAYS], depth[PAGES];
	uint8_t contents[OVERLAYS], below[PAGES];
};

static void model_lift(struct model *model, unsigned overlay)
{
	for (unsigned page = 0; page < PAGES; page++) {
		unsigned kept = 0;

		for (unsigned i = 0; i < model->depth[page]; i++) {
			if (model->stack[page][i] != overlay)
				model->stack[page][kept++] = model->stack[page][i];
		}
		model->depth[page] = kept;
	}
}

static bool model_is_on(const struct model *model, unsigned overlay, unsigned page)
{
	for (unsigned i = 0; i < model->depth[page]; i++) {
		if (model->stack[page][i] == overlay)
			return true;
	}
	return false;
}

static void check_model(struct world *world, const struct model *model, unsigned seed)
{
	for (unsigned page = 0; page < PAGES; page++) {
		unsigned depth = model->depth[page];
		uint8_t want = depth ? model->contents[model->stack[page][depth - 1]]
				     : model->below[page];

		if (!all(ram(world, page * HV_PAGE_SIZE), want))
			fail_msg("page %u differs, seed %u", page, seed);
	}
	for (unsigned i = 0; i < OVERLAYS; i++) {
		if (!all(world->overlay[i].page, model->contents[i]))
			fail_msg("overlay %u differs, seed %u", i, seed);
	}
}

static void random_step(struct world *world, struct model *model, unsigned *seed)
{
	unsigned overlay = (unsigned)rand_r(seed) % OVERLAYS;
	unsigned page = (unsigned)rand_r(seed) % PAGES;
	uint8_t value = (uint8_t)rand_r(seed);

	switch (rand_r(seed) % 4) {
	case 0:
		disable(world, overlay);
		model_lift(model, overlay);
		break;
	case 1:
		fill(world->overlay[overlay].page, value);
		model->contents[overlay] = value;
		break;
	case 2: /* the guest writes to what it sees */
		fill(ram(world, page * HV_PAGE_SIZE), value);
		if (model->depth[page])
			model->contents[model->stack[page][model->depth[page] - 1]] = value;
		else
			model->below[page] = value;
		break;
	default:
		enable(world, overlay, page * HV_PAGE_SIZE);
		if (model_is_on(model, overlay, page))
			break;
		model_lift(model, overlay);
		model->stack[page][model->depth[page]++] = overlay;
	}
}

static void overlays_agree_with_a_model_under_random_moves(void **state)
{
	struct world *world = *state;
	struct model model = {0};
	unsigned seed = (unsigned)time(NULL), start = seed;

	for (unsigned i = 0; i < STEPS; i++) {
		random_step(world, &model, &seed);
		check_model(world, &model, start);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_overlay_hides_ram_and_is_zero_at_first),
		TEST(disabling_brings_the_ram_below_back),
		TEST(contents_survive_disable_and_enable),
		TEST(contents_follow_a_move),
		TEST(enabling_where_it_is_changes_nothing),
		TEST(gpa_zero_and_the_last_page_are_legal),
		TEST(a_gpa_outside_ram_is_refused_and_nothing_changes),
		TEST(reset_disables_and_zeroes),
		TEST(the_overlay_enabled_last_is_visible),
		TEST(a_hidden_overlay_can_be_written_and_shows_later),
		TEST(ram_comes_back_in_whatever_order_a_stack_is_taken_down),
		TEST(overlays_agree_with_a_model_under_random_moves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
