/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/words.h"

#include <string.h>

#define BLANKS " \t\r\n"

/* Moves one word to `write`, without its quotes; both pointers end behind it. */
static int take_word(char **read, char **write)
{
	char quote = '\0';
	char *from = *read, *to = *write;

	for (; *from && (quote || !strchr(BLANKS, *from)); from++) {
		if (quote ? *from == quote : *from == '\'' || *from == '"')
			quote = quote ? '\0' : *from;
		else if (*from == '\\' && quote != '\'' && from[1])
			*to++ = *++from;
		else
			*to++ = *from;
	}
	*read = from;
	*write = to;
	return quote ? WORDS_E_OPEN_QUOTE : 0;
}

int words_split(char *line, char **words, size_t capacity, size_t *ret_count)
{
	char *read = line, *write = line;
	size_t count = 0;

	for (;;) {
		bool more;
		int r;

		read += strspn(read, BLANKS);
		if (*read == '\0' || *read == '#')
			break;
		if (count + 1 >= capacity)
			return WORDS_E_TOO_MANY;
		words[count++] = write;
		r = take_word(&read, &write);
		if (r != 0)
			return r;
		/* The terminator may fall on the blank behind the word, so step over it first. */
		more = *read != '\0';
		read += more;
		*write++ = '\0';
		if (!more)
			break;
	}
	words[count] = NULL;
	*ret_count = count;
	return 0;
}
