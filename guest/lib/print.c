/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The console: COM1, a line at a time, so that lines of different VPs do not mix.
 */
#include "lib/machine.h"

enum { UART_DATA_PORT = 0x3f8, LINE_MAX_BYTES = 256 };

struct line {
	char *text;
	size_t size, length;
};

static void put(struct line *line, char c)
{
	if (line->length + 1 < line->size)
		line->text[line->length++] = c;
}

static void put_text(struct line *line, const char *text)
{
	while (*text)
		put(line, *text++);
}

static void put_number(struct line *line, uint64_t value, unsigned base)
{
	char digits[20];
	size_t count = 0;

	do {
		digits[count++] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	while (count)
		put(line, digits[--count]);
}

static void put_signed(struct line *line, int64_t value)
{
	if (value < 0)
		put(line, '-');
	put_number(line, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, 10);
}

/* One conversion; `wide` is l or ll. Returns false for one we do not know. */
static bool put_conversion(struct line *line, char conversion, bool wide, va_list *args)
{
	switch (conversion) {
	case 's':
		put_text(line, va_arg(*args, const char *));
		return true;
	case 'c':
		put(line, (char)va_arg(*args, int));
		return true;
	case 'd':
		put_signed(line, wide ? va_arg(*args, long) : va_arg(*args, int));
		return true;
	case 'u':
		put_number(line, wide ? va_arg(*args, unsigned long) : va_arg(*args, unsigned), 10);
		return true;
	case 'x':
		put_text(line, "0x");
		put_number(line, wide ? va_arg(*args, unsigned long) : va_arg(*args, unsigned), 16);
		return true;
	case '%':
		put(line, '%');
		return true;
	}
	return false;
}

/* Returns the length; the text is cut to fit and always terminated. %x prints its 0x. */
size_t gx_format(char *buffer, size_t size, const char *format, va_list args)
{
	struct line line = {.text = buffer, .size = size};
	va_list rest;

	va_copy(rest, args);
	while (*format) {
		bool wide = false;

		if (*format != '%') {
			put(&line, *format++);
			continue;
		}
		for (format++; *format == 'l'; format++)
			wide = true;
		if (!*format || !put_conversion(&line, *format++, wide, &rest))
			break;
	}
	va_end(rest);
	buffer[line.length] = '\0';
	return line.length;
}

/* True when this VP now owns the console; false when it did already: a handler that complains. */
static bool console_lock(struct gx_vp *vp)
{
	unsigned owner = 0, self = vp->index + 1;

	while (!atomic_compare_exchange_weak(&vp->machine->console_owner, &owner, self)) {
		if (owner == self)
			return false;
		owner = 0;
		gx_pause(vp);
	}
	return true;
}

static void write_line(struct gx_vp *vp, const char *text, size_t length)
{
	bool locked = console_lock(vp);

	for (size_t i = 0; i < length; i++)
		gx_out(vp, UART_DATA_PORT, 1, (uint8_t)text[i]);
	gx_out(vp, UART_DATA_PORT, 1, '\n');
	if (locked)
		atomic_store(&vp->machine->console_owner, 0);
}

void gx_print(struct gx_vp *vp, const char *format, ...)
{
	char text[LINE_MAX_BYTES];
	va_list args;
	size_t length;

	va_start(args, format);
	length = gx_format(text, sizeof(text), format, args);
	va_end(args);
	write_line(vp, text, length);
}
