/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "inspect/target.h"

#include <string.h>
#include "common/parse.h"

bool target_decode(char *text)
{
	char *to = text;

	for (const char *from = text; *from; from++) {
		unsigned high, low;

		if (*from != '%') {
			*to++ = *from;
			continue;
		}
		high = parse_digit(from[1]);
		low = high > 15 ? 16 : parse_digit(from[2]);
		if (low > 15 || (high == 0 && low == 0))
			return false;
		*to++ = (char)(high << 4 | low);
		from += 2;
	}
	*to = '\0';
	return true;
}

static bool add_segment(struct target *target, char *segment)
{
	if (target->count == TARGET_MAX_SEGMENTS || !target_decode(segment))
		return false;
	if (segment[0] == '\0' || strcmp(segment, ".") == 0 || strcmp(segment, "..") == 0)
		return false;
	target->segment[target->count++] = segment;
	return true;
}

/*
 * The pointers of `ret_target` point into it: it is filled in place and means nothing on failure.
 */
bool target_parse(const char *raw, struct target *ret_target)
{
	size_t length = strnlen(raw, TARGET_MAX_BYTES + 1);
	char *at, *next;

	if (length > TARGET_MAX_BYTES || raw[0] != '/' || strchr(raw, '#'))
		return false;
	memcpy(ret_target->path, raw, length + 1);
	ret_target->count = 0;
	ret_target->query = ret_target->path + strcspn(ret_target->path, "?");
	if (*ret_target->query == '?')
		*ret_target->query++ = '\0';

	at = ret_target->path + 1;
	if (*at == '\0')
		return true;
	for (; at; at = next) {
		next = strchr(at, '/');
		if (next)
			*next++ = '\0';
		if (!add_segment(ret_target, at))
			return false;
	}
	return true;
}
