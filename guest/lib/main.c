/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Boot of the common part, the command line, and the verdict.
 *
 * The command line is a list of words. run=NAME chooses the program; a program ends by returning,
 * and the verdict goes out through the debug exit port: 0 when every check held.
 */
#include "lib/machine.h"
#include "programs/programs.h"

enum { DEBUG_EXIT_PORT = 0xf4, EXIT_PASSED = 0, EXIT_FAILED = 1, EXIT_DIED = 2, EXIT_USAGE = 3 };

static size_t word_length(const char *word)
{
	size_t length = 0;

	while (word[length] && word[length] != ' ')
		length++;
	return length;
}

/* The text behind "name=", "" behind a bare "name", or NULL. */
static const char *option_text(struct gx_vp *vp, const char *name)
{
	const char *word = vp->machine->command_line;

	while (*word) {
		size_t i = 0;

		while (name[i] && word[i] == name[i])
			i++;
		if (!name[i] && word[i] == '=')
			return word + i + 1;
		if (!name[i] && (!word[i] || word[i] == ' '))
			return word + i;
		word += word_length(word);
		while (*word == ' ')
			word++;
	}
	return NULL;
}

bool gx_has_option(struct gx_vp *vp, const char *name)
{
	return option_text(vp, name) != NULL;
}

bool gx_option(struct gx_vp *vp, const char *name, uint64_t *ret_value)
{
	const char *text = option_text(vp, name);
	uint64_t value = 0;
	size_t i;

	if (!text || *text < '0' || *text > '9')
		return false;
	for (i = 0; text[i] >= '0' && text[i] <= '9'; i++)
		value = value * 10 + (uint64_t)(text[i] - '0');
	*ret_value = value;
	return true;
}

uint64_t gx_option_or(struct gx_vp *vp, const char *name, uint64_t otherwise)
{
	uint64_t value;

	return gx_option(vp, name, &value) ? value : otherwise;
}

static bool names_program(const char *text, const struct gx_program *program)
{
	size_t length = word_length(text), i = 0;

	while (i < length && program->name[i] == text[i])
		i++;
	return i == length && !program->name[i];
}

static const struct gx_program *find_program(struct gx_vp *vp)
{
	const char *text = option_text(vp, "run");

	if (!text || !word_length(text))
		text = "demo";
	for (size_t i = 0; i < gx_program_count; i++)
		if (names_program(text, gx_programs[i]))
			return gx_programs[i];
	return NULL;
}

static void list_programs(struct gx_vp *vp)
{
	gx_print(vp, "unknown program; run=NAME takes one of:");
	for (size_t i = 0; i < gx_program_count; i++)
		gx_print(vp, "  %s: %s", gx_programs[i]->name, gx_programs[i]->rule);
}

/* vtl=N: the program runs in a VTL of its own choice. */
void gx_enter_vtl(struct gx_vp *vp)
{
	uint64_t vtl;

	if (gx_option(vp, "vtl", &vtl) && (vtl >= HV_VTL_COUNT || !gx_set_vtl(vp, (uint8_t)vtl)))
		gx_die(vp, "VTL %lu cannot be had here", vtl);
}

void gx_main(struct gx_vp *vp)
{
	const struct gx_program *program = find_program(vp);
	struct gx_machine *machine = vp->machine;
	unsigned pages;

	if (!program) {
		list_programs(vp);
		gx_exit(vp, EXIT_USAGE);
	}
	pages = (unsigned)((program->state_bytes + HV_PAGE_SIZE - 1) / HV_PAGE_SIZE);
	machine->state = gx_at(vp, gx_pages(vp, pages ? pages : 1));
	vp->input = gx_pages(vp, 1);
	gx_arch_start_vps(vp);
	gx_enter_vtl(vp);
	gx_irq_enable(vp);
	gx_print(vp, "# %s: %s (%u VPs)", program->name, program->rule, machine->vp_count);
	program->run(vp);
	gx_print(vp, "1..%u", atomic_load(&machine->checks));
	gx_exit(vp, atomic_load(&machine->failures) ? EXIT_FAILED : EXIT_PASSED);
}

void gx_exit(struct gx_vp *vp, uint8_t code)
{
	gx_out(vp, DEBUG_EXIT_PORT, 4, code);
	for (;;)
		gx_halt(vp);
}

/* ---- checks -------------------------------------------------------------- */

static void print_check(
	struct gx_vp *vp, bool holds, const char *directive, const char *format, va_list args)
{
	unsigned number = atomic_fetch_add(&vp->machine->checks, 1) + 1;
	char text[200];

	gx_format(text, sizeof(text), format, args);
	gx_print(vp, "%s %u - %s%s", holds ? "ok" : "not ok", number, text, directive);
}

bool gx_ok(struct gx_vp *vp, bool holds, const char *format, ...)
{
	va_list args;

	if (!holds)
		atomic_fetch_add(&vp->machine->failures, 1);
	va_start(args, format);
	print_check(vp, holds, "", format, args);
	va_end(args);
	return holds;
}

void gx_skip(struct gx_vp *vp, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print_check(vp, true, " # SKIP", format, args);
	va_end(args);
}

void gx_die(struct gx_vp *vp, const char *format, ...)
{
	char text[200];
	va_list args;

	va_start(args, format);
	gx_format(text, sizeof(text), format, args);
	va_end(args);
	gx_print(vp, "Bail out! VP %u: %s", vp->index, text);
	gx_exit(vp, EXIT_DIED);
}
