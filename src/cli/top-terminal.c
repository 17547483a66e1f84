/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/top-terminal.h"

#include <curses.h>
#include <signal.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

enum { ESCAPE_MS = 50, KEY_REDRAW = 'L' & 0x1f };

/* A signal handler has no context argument. */
static volatile sig_atomic_t stop_wanted;

struct top_terminal {
	SCREEN *screen; /* owns */
	bool color;
	int suspend_key; /* of getch(), ERR if there is none */
};

static void set_colors(struct top_terminal *terminal)
{
	static const struct {
		enum top_paint paint;
		short color;
	} pairs[] = {
		{PAINT_GOOD, COLOR_GREEN},
		{PAINT_ATTENTION, COLOR_YELLOW},
		{PAINT_BAD, COLOR_RED},
		{PAINT_KEY, COLOR_CYAN},
	};

	terminal->color = terminal->color && has_colors() && start_color() == OK;
	if (!terminal->color)
		return;
	use_default_colors();
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
		init_pair((short)pairs[i].paint, pairs[i].color, -1);
}

/* ---- ^Z ------------------------------------------------------------------ */

static void on_stop(int signal_number UNUSED)
{
	stop_wanted = 1;
}

/* Who ignores it, as a shell without job control makes its children do, goes on doing so. */
static void catch_stop(void)
{
	struct sigaction action = {.sa_handler = on_stop}, old;

	if (sigaction(SIGTSTP, NULL, &old) == 0 && old.sa_handler != SIG_IGN)
		sigaction(SIGTSTP, &action, NULL);
}

static void release_stop(void)
{
	struct sigaction action = {.sa_handler = SIG_DFL}, old;

	if (sigaction(SIGTSTP, NULL, &old) == 0 && old.sa_handler == on_stop)
		sigaction(SIGTSTP, &action, NULL);
}

/*
 * ncurses would do this in a signal handler, in the middle of whatever is being drawn, and then take
 * the screen to be what it was not.
 */
static void stop(void)
{
	stop_wanted = 0;
	endwin();
	release_stop();
	raise(SIGTSTP);
	catch_stop();
	clearok(curscr, TRUE);
	refresh();
}

/*
 * ncurses ignores SIGTSTP while it draws, so what the terminal sends then is lost. The key is read
 * as any other.
 */
static int suspend_key(void)
{
	struct termios modes;
	cc_t key;

	if (tcgetattr(STDOUT_FILENO, &modes) < 0 || modes.c_cc[VSUSP] == _POSIX_VDISABLE)
		return ERR;
	key = modes.c_cc[VSUSP];
	modes.c_cc[VSUSP] = _POSIX_VDISABLE;
	if (tcsetattr(STDOUT_FILENO, TCSADRAIN, &modes) < 0)
		return ERR;
	def_prog_mode();
	return key;
}

/* ---- opening and closing ------------------------------------------------- */

/* A typewriter, such as "dumb", has nothing to draw a picture with. */
static bool can_place_cursor(void)
{
	const char *place = tigetstr("cup");

	return place && place != (const char *)-1;
}

bool top_terminal_open(bool color, struct top_terminal **ret_terminal)
{
	struct top_terminal *terminal = calloc(1, sizeof(*terminal));

	if (terminal)
		terminal->screen = newterm(NULL, stdout, stdin);
	if (!terminal || !terminal->screen) {
		free(terminal);
		return false;
	}
	if (!can_place_cursor()) {
		top_terminal_close(terminal);
		return false;
	}
	catch_stop();
	terminal->color = color;
	set_colors(terminal);
	cbreak();
	noecho();
	nonl();
	keypad(stdscr, TRUE);
	set_escdelay(ESCAPE_MS);
	curs_set(0);
	terminal->suspend_key = suspend_key();
	*ret_terminal = terminal;
	return true;
}

struct top_terminal *top_terminal_close(struct top_terminal *terminal)
{
	if (!terminal)
		return NULL;
	endwin();
	release_stop();
	delscreen(terminal->screen);
	free(terminal);
	return NULL;
}

void top_terminal_size(struct top_terminal *terminal, unsigned *ret_rows, unsigned *ret_columns)
{
	*ret_rows = (unsigned)getmaxy(stdscr);
	*ret_columns = (unsigned)getmaxx(stdscr);
}

/* Without colours what matters is bold. */
static attr_t attributes(const struct top_terminal *terminal, enum top_paint paint)
{
	switch (paint) {
	case PAINT_PLAIN:
		return A_NORMAL;
	case PAINT_DIM:
		return A_DIM;
	case PAINT_HEAD:
	case PAINT_SELECTED:
		return A_REVERSE;
	case PAINT_GOOD:
	case PAINT_KEY:
		return terminal->color ? (attr_t)COLOR_PAIR(paint) : A_NORMAL;
	case PAINT_ATTENTION:
	case PAINT_BAD:
		return A_BOLD | (terminal->color ? (attr_t)COLOR_PAIR(paint) : A_NORMAL);
	}
	return A_NORMAL;
}

void top_terminal_show(struct top_terminal *terminal, const struct top_screen *screen)
{
	erase();
	for (unsigned row = 0; row < screen->rows; row++) {
		for (unsigned column = 0; column < screen->columns; column++) {
			size_t at = (size_t)row * screen->columns + column;

			attrset(attributes(terminal, (enum top_paint)screen->paint[at]));
			mvaddch((int)row, (int)column, (chtype)screen->text[at]);
		}
	}
	attrset(A_NORMAL);
	refresh();
}

int top_terminal_key(struct top_terminal *terminal, int timeout_ms)
{
	static const struct {
		int curses, key;
	} keys[] = {
		{KEY_UP, TOP_KEY_UP},
		{KEY_DOWN, TOP_KEY_DOWN},
		{KEY_LEFT, TOP_KEY_LEFT},
		{KEY_RIGHT, TOP_KEY_RIGHT},
		{KEY_PPAGE, TOP_KEY_PAGE_UP},
		{KEY_NPAGE, TOP_KEY_PAGE_DOWN},
		{KEY_HOME, TOP_KEY_HOME},
		{KEY_END, TOP_KEY_END},
		{KEY_ENTER, TOP_KEY_ENTER},
		{'\r', TOP_KEY_ENTER},
		{'\n', TOP_KEY_ENTER},
		{27, TOP_KEY_ESCAPE},
		{KEY_BACKSPACE, TOP_KEY_BACKSPACE},
		{127, TOP_KEY_BACKSPACE},
		{'\b', TOP_KEY_BACKSPACE},
	};
	int key;

	timeout(timeout_ms);
	key = getch();
	if (key != ERR && key == terminal->suspend_key) {
		stop_wanted = 1;
		key = ERR;
	}
	if (stop_wanted)
		stop();
	if (key == KEY_REDRAW)
		clearok(curscr, TRUE);
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		if (key == keys[i].curses)
			return keys[i].key;
	}
	if (key >= KEY_F(1) && key <= KEY_F(10))
		return TOP_KEY_F1 + key - KEY_F(1);
	return key > 0 && key < 0x100 ? key : 0;
}
