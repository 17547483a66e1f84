/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/record_names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool record_field_next(const char **spec, struct record_field *ret_field)
{
	const char *text = *spec, *colon = text ? strchr(text, ':') : NULL;
	size_t length;

	if (!colon)
		return false;
	length = strcspn(colon, ",");
	*ret_field = (struct record_field){.kind = colon + 1, .bits = 64};
	snprintf(ret_field->name, sizeof(ret_field->name), "%.*s", (int)(colon - text), text);
	if (colon[1] != '=' && colon[1] != '\0' && colon[2] == '@') {
		char *plus;

		ret_field->shift = (unsigned)strtoul(colon + 3, &plus, 10);
		ret_field->bits = (unsigned)strtoul(plus + 1, NULL, 10);
	}
	*spec = colon[length] == ',' ? colon + length + 1 : NULL;
	return true;
}

uint64_t record_field_value(const struct record_field *field, uint64_t arg)
{
	uint64_t value = arg >> field->shift;

	return field->bits < 64 ? value & (BIT64(field->bits) - 1) : value;
}
