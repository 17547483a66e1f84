/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "inspect/glob.h"

#include <string.h>

bool glob_name_matches(const char *pattern, const char *text)
{
	const char *star = NULL, *resume = NULL;

	while (*text) {
		if (*pattern == '*') {
			star = ++pattern;
			resume = text;
		} else if (*pattern && (*pattern == '?' || *pattern == *text)) {
			pattern++;
			text++;
		} else if (star) {
			/* Only the last star ever needs to take one more byte. */
			pattern = star;
			text = ++resume;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}

bool glob_list_matches(const char *patterns, const char *text)
{
	char pattern[GLOB_MAX_BYTES];

	for (;;) {
		size_t length = strcspn(patterns, ",");

		if (length < sizeof(pattern)) {
			memcpy(pattern, patterns, length);
			pattern[length] = '\0';
			if (glob_name_matches(pattern, text))
				return true;
		}
		if (!patterns[length])
			return false;
		patterns += length + 1;
	}
}

static bool is_deep(const char *segment)
{
	return strcmp(segment, "**") == 0;
}

bool glob_parse(const char *pattern, struct glob *ret_glob)
{
	size_t length = strnlen(pattern, GLOB_MAX_BYTES);
	char *at, *next;

	if (length == GLOB_MAX_BYTES)
		return false;
	memcpy(ret_glob->text, pattern, length + 1);
	ret_glob->count = 0;
	for (at = ret_glob->text; at; at = next) {
		next = strchr(at, '/');
		if (next)
			*next++ = '\0';
		if (*at == '\0')
			continue;
		if (ret_glob->count == GLOB_MAX_SEGMENTS)
			return false;
		ret_glob->segment[ret_glob->count++] = at;
	}
	return ret_glob->count > 0;
}

/* A state in front of "**" is also behind it: the stars may stand for no segment at all. */
static glob_states close_over_deep(const struct glob *glob, glob_states states)
{
	for (unsigned i = 0; i < glob->count; i++) {
		if ((states & BIT64(i)) && is_deep(glob->segment[i]))
			states |= (glob_states)BIT64(i + 1);
	}
	return states;
}

glob_states glob_start(const struct glob *glob)
{
	return close_over_deep(glob, 1);
}

glob_states glob_step(const struct glob *glob, glob_states states, const char *segment)
{
	glob_states after = 0;

	for (unsigned i = 0; i < glob->count; i++) {
		if (!(states & BIT64(i)))
			continue;
		if (is_deep(glob->segment[i]))
			after |= (glob_states)BIT64(i);
		else if (glob_name_matches(glob->segment[i], segment))
			after |= (glob_states)BIT64(i + 1);
	}
	return close_over_deep(glob, after);
}

bool glob_done(const struct glob *glob, glob_states states)
{
	return (states & BIT64(glob->count)) != 0;
}
