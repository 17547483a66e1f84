/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * top: on a terminal until somebody quits, into a pipe once, or as often as was asked for.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/actions.h"
#include "cli/client.h"
#include "cli/interrupt.h"
#include "cli/problem.h"
#include "cli/render.h"
#include "cli/top-doctor.h"
#include "cli/top-model.h"
#include "cli/top-screen.h"
#include "cli/top-state.h"
#include "cli/top-terminal.h"
#include "common/clock.h"

#define DELAY_NS     (1500 * NSEC_PER_MSEC)
#define DELAY_MIN_NS (100 * NSEC_PER_MSEC)

enum { KEY_WAIT_MS = 100, PLAIN_COLUMNS = 132 };

struct top {
	struct cli *cli; /* borrows */
	struct top_state state;
	struct top_sample before, now;
	struct top_doctor doctor;
	struct top_table table;
	struct top_summary summary;
	uint64_t delay_ns, next_ns;
	uint64_t looks_left; /* of a plain top */
};

/* ---- looking ------------------------------------------------------------- */

/* What a VM may do without, as one without a VMBus. */
static void look_for(struct cli *cli, const char *target, json_t **to)
{
	bool silent = cli->options.silent;

	cli->options.silent = true;
	if (client_get_list(cli, target, to) != CLI_OK)
		*to = NULL;
	cli->options.silent = silent;
}

static enum cli_exit look(struct cli *cli, struct top_sample *sample)
{
	enum cli_exit r = client_request(cli, "GET", "/v1/vm", NULL, NULL, &sample->vm);

	if (r == CLI_OK)
		r = client_request(cli, "GET", "/v1/recorder", NULL, NULL, &sample->recorder);
	if (r != CLI_OK)
		return r;
	look_for(cli, "/v1/hypercalls", &sample->hypercalls);
	look_for(cli, "/v1/vps", &sample->vps);
	look_for(cli, "/v1/sints", &sample->sints);
	look_for(cli, "/v1/channels", &sample->channels);
	look_for(cli, "/v1/rings", &sample->rings);
	sample->mono_ns = clock_now_ns(&clock_monotonic);
	return CLI_OK;
}

/* A new look takes the place of the last one, which is kept to compare with. */
static enum cli_exit look_again(struct top *top)
{
	struct top_sample sample = {0};
	enum cli_exit r = look(top->cli, &sample);

	if (r != CLI_OK) {
		top_sample_deinit(&sample);
		return r;
	}
	sample.doctor = json_incref(top->now.doctor);
	top_sample_deinit(&top->before);
	top->before = top->now;
	top->now = sample;
	top->next_ns = sample.mono_ns + top->delay_ns;
	return CLI_OK;
}

static void take_findings(struct top *top, json_t *findings)
{
	if (!findings)
		return;
	json_decref(top->now.doctor);
	top->now.doctor = findings;
}

/* ---- drawing ------------------------------------------------------------- */

static bool build(struct top *top)
{
	struct top_table table;

	if (!top_table_build(top->state.view, &top->before, &top->now, &table))
		return false;
	top_state_arrange(&top->state, &table);
	top_table_deinit(&top->table);
	top->table = table;
	top_summarize(&top->before, &top->now, &top->summary);
	return true;
}

static struct top_extent extent_of(const struct top *top, unsigned rows, unsigned columns)
{
	unsigned frame = top_screen_frame(&top->summary, columns);

	return (struct top_extent){
		.rows = top->table.rows,
		.page = rows > frame ? rows - frame : 1,
		.columns = top->table.columns,
	};
}

static bool show(struct top *top, struct top_terminal *terminal, struct top_extent *ret_extent)
{
	struct top_screen screen;
	unsigned rows, columns;

	top_terminal_size(terminal, &rows, &columns);
	if (!build(top) || !top_screen_init(&screen, rows, columns))
		return false;
	*ret_extent = extent_of(top, rows, columns);
	top_state_clamp(&top->state, ret_extent);
	top_screen_draw(&screen, &top->summary, &top->table, &top->state);
	top_terminal_show(terminal, &screen);
	top_screen_deinit(&screen);
	return true;
}

/* ---- on a terminal ------------------------------------------------------- */

static enum cli_exit turn(struct top *top, struct top_terminal *terminal)
{
	bool due = clock_now_ns(&clock_monotonic) >= top->next_ns && !top->state.paused;
	struct top_extent extent;
	int key;

	take_findings(top, top_doctor_take(&top->doctor));
	if (due || top->state.refresh) {
		enum cli_exit r = look_again(top);

		if (r != CLI_OK)
			return r;
		top->state.refresh = false;
		top_doctor_ask(&top->doctor, top->cli);
	}
	if (!show(top, terminal, &extent))
		return CLI_INTERNAL;
	key = top_terminal_key(terminal, KEY_WAIT_MS);
	if (key)
		top_state_key(&top->state, key, &extent);
	return interrupt_pending() ? CLI_INTERRUPTED : CLI_OK;
}

/* Said once the terminal is a terminal again. */
static enum cli_exit say_why(struct cli *cli, enum cli_exit r)
{
	struct top_sample sample = {0};

	if (r == CLI_OK || r == CLI_INTERRUPTED)
		return r;
	if (r == CLI_INTERNAL)
		return problem_errno(&cli->options, ENOMEM, "top");
	r = look(cli, &sample);
	top_sample_deinit(&sample);
	return r == CLI_OK ? problem_report(&cli->options, CLI_INTERNAL, "daemon_lost", NULL,
				     "hvd did not answer for a while")
			   : r;
}

static enum cli_exit run_on_terminal(struct top *top)
{
	struct cli *cli = top->cli;
	struct top_terminal *terminal;
	enum cli_exit r = look_again(top);

	if (r != CLI_OK)
		return r;
	if (!top_terminal_open(cli->color, &terminal))
		return problem_report(&cli->options, CLI_REFUSED, "no_terminal",
			"set TERM, or use \"hvctl top -n 1\"",
			"nothing can be drawn on a terminal called \"%s\"",
			getenv("TERM") ? getenv("TERM") : "");
	cli->options.silent = true;
	while (r == CLI_OK && !top->state.quit)
		r = turn(top, terminal);
	cli->options.silent = false;
	top_terminal_close(terminal);
	return say_why(cli, r);
}

/* ---- into a pipe --------------------------------------------------------- */

static unsigned plain_columns(void)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		return size.ws_col;
	return PLAIN_COLUMNS;
}

static enum cli_exit print_picture(struct top *top)
{
	struct cli *cli = top->cli;
	unsigned columns = plain_columns();
	struct top_screen screen;
	bool good = build(top);

	if (good)
		good = top_screen_init(&screen,
			top_screen_frame(&top->summary, columns) + (unsigned)top->table.rows,
			columns);
	if (!good)
		return problem_errno(&cli->options, ENOMEM, "top");
	top_screen_draw_plain(&screen, &top->summary, &top->table, &top->state);
	top_screen_print(&screen, stdout);
	top_screen_deinit(&screen);
	return render_finish(&cli->options);
}

/* The doctor's two looks lie between ours, so that no time is lost. */
static enum cli_exit ask_doctor(struct top *top)
{
	uint64_t start_ns = clock_now_ns(&clock_monotonic), passed_ns;
	json_t *findings = NULL;

	top->cli->options.silent = true;
	if (client_request(top->cli, "GET", "/v1/doctor", NULL, NULL, &findings) != CLI_OK)
		findings = NULL;
	top->cli->options.silent = false;
	take_findings(top, findings);
	passed_ns = clock_now_ns(&clock_monotonic) - start_ns;
	if (passed_ns < top->delay_ns && !interrupt_sleep(top->delay_ns - passed_ns))
		return CLI_INTERRUPTED;
	return interrupt_pending() ? CLI_INTERRUPTED : CLI_OK;
}

static enum cli_exit run_plain(struct top *top)
{
	enum cli_exit r = look_again(top);

	while (r == CLI_OK && top->looks_left-- > 0) {
		r = ask_doctor(top);
		if (r == CLI_OK)
			r = look_again(top);
		if (r == CLI_OK)
			r = print_picture(top);
		if (r == CLI_OK && top->looks_left > 0)
			putchar('\n');
	}
	return r;
}

/* ---- the command --------------------------------------------------------- */

static enum top_view view_of(const struct invocation *invocation)
{
	static const char *const names[] = {"channels", "sints", "vps", "findings"};
	const char *text = invocation_value(invocation, "view")->text;

	for (size_t i = 0; text && i < ARRAY_LEN(names); i++) {
		if (strcmp(text, names[i]) == 0)
			return (enum top_view)i;
	}
	return TOP_CHANNELS;
}

enum cli_exit run_top(struct cli *cli, const struct invocation *invocation)
{
	const struct value *count = invocation_value(invocation, "count");
	const struct value *delay = invocation_value(invocation, "delay");
	bool plain = count->text || !isatty(STDOUT_FILENO) || !isatty(STDIN_FILENO);
	struct top top = {
		.cli = cli,
		.delay_ns = delay->text ? MAX(delay->number, DELAY_MIN_NS) : DELAY_NS,
		.looks_left = count->text ? count->number : 1,
	};
	enum cli_exit r;

	if (cli_wants_json(&cli->options) || cli->options.curl)
		return problem_usage(&cli->options,
			"the list commands and doctor give JSON: channels list, doctor",
			"top is for people");
	top_state_init(&top.state);
	top.state.view = view_of(invocation);
	r = plain ? run_plain(&top) : run_on_terminal(&top);
	top_doctor_deinit(&top.doctor);
	top_table_deinit(&top.table);
	top_sample_deinit(&top.before);
	top_sample_deinit(&top.now);
	return r;
}
