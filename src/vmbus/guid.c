/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmbus/guid.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include "common/parse.h"

void guid_format(const struct vmbus_guid *guid, char text[GUID_TEXT_BYTES])
{
	const uint8_t *d = guid->d;

	snprintf(text, GUID_TEXT_BYTES, "%08x-%04x-%04x-%02x%02x-%02x%02x%02x%02x%02x%02x", guid->a,
		guid->b, guid->c, d[0], d[1], d[2], d[3], d[4], d[5], d[6], d[7]);
}

static bool is_dash_place(size_t i)
{
	return i == 8 || i == 13 || i == 18 || i == 23;
}

/* The sixteen bytes as printed. */
static int parse_bytes(const char *text, uint8_t byte[16])
{
	unsigned digits = 0;

	for (size_t i = 0; i < GUID_TEXT_BYTES - 1; i++) {
		unsigned digit = parse_digit(text[i]);

		if (is_dash_place(i)) {
			if (text[i] != '-')
				return -EINVAL;
			continue;
		}
		if (digit > 15)
			return -EINVAL;
		byte[digits / 2] = (uint8_t)(byte[digits / 2] << 4 | digit);
		digits++;
	}
	return text[GUID_TEXT_BYTES - 1] == '\0' ? 0 : -EINVAL;
}

int guid_parse(const char *text, struct vmbus_guid *ret_guid)
{
	uint8_t byte[16] = {0};
	int r = parse_bytes(text, byte);

	if (r < 0)
		return r;
	*ret_guid = (struct vmbus_guid){
		.a = (uint32_t)byte[0] << 24 | (uint32_t)byte[1] << 16 | (uint32_t)byte[2] << 8 |
		     byte[3],
		.b = (uint16_t)(byte[4] << 8 | byte[5]),
		.c = (uint16_t)(byte[6] << 8 | byte[7]),
	};
	memcpy(ret_guid->d, byte + 8, sizeof(ret_guid->d));
	return 0;
}

int guid_compare(const struct vmbus_guid *a, const struct vmbus_guid *b)
{
	if (a->a != b->a)
		return a->a < b->a ? -1 : 1;
	if (a->b != b->b)
		return a->b < b->b ? -1 : 1;
	if (a->c != b->c)
		return a->c < b->c ? -1 : 1;
	return memcmp(a->d, b->d, sizeof(a->d));
}

int guid_random(struct vmbus_guid *ret_guid)
{
	struct vmbus_guid guid;

	if (getrandom(&guid, sizeof(guid), 0) != sizeof(guid))
		return -errno;
	guid.c = (uint16_t)((guid.c & 0x0fff) | 0x4000);
	guid.d[0] = (uint8_t)((guid.d[0] & 0x3f) | 0x80);
	*ret_guid = guid;
	return 0;
}
