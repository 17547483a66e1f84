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

/*
 * Also cuts a line whose last quote is open, and then returns WORDS_E_OPEN_QUOTE. `ret_rest` is what
 * stands behind the last word and its blank: "" or a comment; NULL when the line ends with the word.
 */
static int cut(char *line, char **words, size_t capacity, size_t *ret_count, char **ret_rest)
{
	char *read = line, *write = line;
	size_t count = 0;
	bool more = true;
	int r = 0;

	while (more) {
		read += strspn(read, BLANKS);
		if (*read == '\0' || *read == '#')
			break;
		if (count + 1 >= capacity)
			return WORDS_E_TOO_MANY;
		words[count++] = write;
		r = take_word(&read, &write);
		/* The terminator may fall on the blank behind the word, so step over it first. */
		more = *read != '\0';
		read += more;
		*write++ = '\0';
	}
	words[count] = NULL;
	*ret_count = count;
	*ret_rest = more ? read : NULL;
	return r;
}

int words_split(char *line, char **words, size_t capacity, size_t *ret_count)
{
	char *rest;
	size_t count = 0;
	int r = cut(line, words, capacity, &count, &rest);

	if (r == 0)
		*ret_count = count;
	return r;
}

int words_split_unfinished(char *line, char **words, size_t capacity, size_t *ret_count)
{
	char *rest = NULL;
	size_t count = 0;

	if (cut(line, words, capacity, &count, &rest) == WORDS_E_TOO_MANY ||
		(rest && count + 1 >= capacity))
		return WORDS_E_TOO_MANY;
	if (rest)
		words[count++] = rest;
	words[count] = NULL;
	*ret_count = count;
	return 0;
}
