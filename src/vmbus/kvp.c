/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Key-value exchange. Linux's driver hands each question to its hv_kvp_daemon; without that it does
 * not even read the first packet.
 *
 * A key is looked up by enumerating its pool: Linux answers GET with a value whose first four bytes
 * are lost. The guest's answers come in the packet that was sent, changed, so that a question is
 * always as long as the longest answer.
 *
 * SET_IP_INFO is left out: Linux takes it for the adapters of Hyper-V's network device alone, by
 * the GUID of that device, and there is none on this bus.
 */
#include "vmbus/kvp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "common/parse.h"
#include "common/utf16.h"
#include "vmbus/ic.h"

enum {
	/* What Linux gives back of a text: it keeps two units free. */
	KEY_UNITS_MAX = IC_KVP_KEY_BYTES / 2 - 2,
	VALUE_UNITS_MAX = IC_KVP_VALUE_BYTES / 2 - 2,
};

static const struct ic_version versions[] = {{3, 0}, {4, 0}};
static const struct ic_question questions[] = {
	[KVP_OSINFO] = {.name = "osinfo",
		.takes = IC_START,
		.answered = "what the guest says of itself"},
	[KVP_IPS] = {.name = "ips",
		.takes = IC_START | IC_ADAPTER,
		.answered = "the guest's addresses",
		.refused = "no network adapter of the guest may have that address"},
	[KVP_LIST] = {.name = "list", .takes = IC_POOL | IC_START, .answered = "the pool's items"},
	[KVP_LOOK_UP] = {.name = "get",
		.takes = IC_POOL | IC_KEY,
		.needs = IC_KEY,
		.answered = "the key's value"},
	[KVP_STORE] = {.name = "set",
		.takes = IC_POOL | IC_KEY | IC_VALUE,
		.needs = IC_KEY | IC_VALUE,
		.answered = "the guest has stored it"},
	[KVP_REMOVE] = {.name = "delete",
		.takes = IC_POOL | IC_KEY,
		.needs = IC_KEY,
		.answered = "the guest has removed it",
		.refused = "the pool may have no such key"},
	{0},
};

/* ---- what a guest can take -------------------- */

static bool fits(const char *text, size_t units_max)
{
	uint8_t units[IC_KVP_VALUE_BYTES];

	return utf16_from_utf8(text, units, 2 * (units_max + 1), NULL) == 0;
}

/* "00-15-5d-01-02-03" becomes "00:15:5D:01:02:03". False: it is no address. */
static bool prepare_mac(char text[KVP_MAC_TEXT])
{
	for (size_t i = 0; i < KVP_MAC_TEXT - 1; i++) {
		bool between = i % 3 == 2;

		if (between ? text[i] != ':' && text[i] != '-' : parse_digit(text[i]) > 15)
			return false;
		if (between)
			text[i] = ':';
		else if (text[i] >= 'a')
			text[i] = (char)(text[i] - 'a' + 'A');
	}
	return text[KVP_MAC_TEXT - 1] == '\0';
}

const char *kvp_prepare(struct kvp_call *call, const char **ret_why)
{
	static const char too_long[] = "longer than a guest takes, or no UTF-8";

	*ret_why = too_long;
	if (!fits(call->key, KEY_UNITS_MAX))
		return "key";
	if (!fits(call->value, VALUE_UNITS_MAX))
		return "value";
	*ret_why = "no MAC address as 00:15:5D:01:02:03";
	if (call->adapter[0] && !prepare_mac(call->adapter))
		return "adapter";
	*ret_why = NULL;
	return NULL;
}

/* ---- questions -------------------- */

static size_t finish(void *body, const void *message, size_t size)
{
	memcpy(body, message, size);
	return size;
}

/* Which item of which pool this step of the call is about. */
static struct ic_kvp enumeration(const struct ic_call *call)
{
	const struct kvp_call *kvp = call->kvp;
	struct ic_kvp message = {
		.operation = IC_KVP_ENUMERATE,
		.pool = (uint8_t)kvp->pool,
		.enumerate.index = call->step,
	};

	if (call->request == KVP_OSINFO || call->request == KVP_IPS)
		message.pool = IC_KVP_POOL_AUTO;
	if (call->request == KVP_OSINFO || call->request == KVP_LIST)
		message.enumerate.index += (uint32_t)kvp->start;
	else if (call->request == KVP_IPS)
		message.enumerate.index += IC_KVP_AUTO_IPV4;
	return message;
}

static size_t fill_enumerate(const struct ic_call *call, void *body)
{
	const struct ic_kvp message = enumeration(call);

	return finish(body, &message, sizeof(message));
}

static size_t fill_store(const struct kvp_call *kvp, void *body)
{
	struct ic_kvp message = {
		.operation = IC_KVP_SET,
		.pool = (uint8_t)kvp->pool,
		.item.type = IC_KVP_STRING,
	};
	size_t key_size, value_size;

	if (utf16_from_utf8(kvp->key, message.item.key, sizeof(message.item.key), &key_size) < 0 ||
		utf16_from_utf8(kvp->value, message.item.value, sizeof(message.item.value),
			&value_size) < 0)
		return 0;
	message.item.key_size = (uint32_t)key_size;
	message.item.value_size = (uint32_t)value_size;
	return finish(body, &message, sizeof(message));
}

static size_t fill_remove(const struct kvp_call *kvp, void *body)
{
	struct ic_kvp message = {.operation = IC_KVP_DELETE, .pool = (uint8_t)kvp->pool};
	size_t size;

	if (utf16_from_utf8(kvp->key, message.remove.key, sizeof(message.remove.key), &size) < 0)
		return 0;
	message.remove.key_size = (uint32_t)size;
	return finish(body, &message, sizeof(message));
}

static size_t fill_adapter(const struct kvp_call *kvp, void *body)
{
	struct ic_kvp_ip_info message = {.operation = IC_KVP_GET_IP_INFO};

	if (utf16_from_utf8(kvp->adapter, message.adapter, sizeof(message.adapter), NULL) < 0)
		return 0;
	return finish(body, &message, sizeof(message));
}

static size_t kvp_fill(struct ic *ic, const struct ic_call *call, void *body)
{
	const struct kvp_call *kvp = call->kvp;

	switch ((enum kvp_question)call->request) {
	case KVP_IPS:
		if (kvp->adapter[0])
			return fill_adapter(kvp, body);
		return fill_enumerate(call, body);
	case KVP_OSINFO:
	case KVP_LIST:
	case KVP_LOOK_UP:
		return fill_enumerate(call, body);
	case KVP_STORE:
		return fill_store(kvp, body);
	case KVP_REMOVE:
		return fill_remove(kvp, body);
	}
	return 0;
}

/* ---- answers -------------------- */

/* The text of `size` bytes with its final 0, of which `room` can be there. */
static bool read_text(const uint8_t *from, uint32_t size, size_t room, char *to, size_t capacity)
{
	return size <= room && utf16_to_utf8(from, size, to, capacity) == 0;
}

static bool read_value(const struct ic_kvp_value *item, char *to, size_t capacity)
{
	uint32_t u32;
	uint64_t u64;

	switch ((enum ic_kvp_type)item->type) {
	case IC_KVP_STRING:
		return read_text(item->value, item->value_size, sizeof(item->value), to, capacity);
	case IC_KVP_U32:
		memcpy(&u32, item->value, sizeof(u32));
		snprintf(to, capacity, "%" PRIu32, u32);
		return true;
	case IC_KVP_U64_LINUX:
	case IC_KVP_U64:
		memcpy(&u64, item->value, sizeof(u64));
		snprintf(to, capacity, "%" PRIu64, u64);
		return true;
	}
	return false;
}

/* The answer to an enumeration. False: it is none. */
static bool read_item(
	const struct ic_call *call, const struct ic_reply *reply, struct kvp_item *ret_item)
{
	const struct ic_kvp asked = enumeration(call);
	struct ic_kvp message;
	struct kvp_item item;

	if (reply->size < sizeof(message))
		return false;
	memcpy(&message, reply->body, sizeof(message));
	if (message.operation != IC_KVP_ENUMERATE || message.pool != asked.pool ||
		message.enumerate.index != asked.enumerate.index ||
		!read_text(message.enumerate.item.key, message.enumerate.item.key_size,
			sizeof(message.enumerate.item.key), item.key, sizeof(item.key)) ||
		!read_value(&message.enumerate.item, item.value, sizeof(item.value)))
		return false;
	*ret_item = item;
	return true;
}

/* An item of the answer, unless it is among those to be left out. False: there is no room. */
static bool add_item(struct kvp_call *kvp, const char *key, const char *value)
{
	struct kvp_item *item = &kvp->items[kvp->item_count];

	if (kvp->seen++ < kvp->start)
		return true;
	if (kvp->item_count == KVP_ITEMS_MAX) {
		kvp->next = kvp->start + KVP_ITEMS_MAX;
		return false;
	}
	snprintf(item->key, sizeof(item->key), "%s", key);
	snprintf(item->value, sizeof(item->value), "%s", value);
	kvp->item_count++;
	return true;
}

static enum ic_outcome take_item(
	const struct ic_call *call, const struct ic_reply *reply, bool *ret_more)
{
	struct kvp_call *kvp = call->kvp;

	if (reply->status == IC_STATUS_NO_MORE_ITEMS)
		return IC_ANSWERED;
	if (reply->status != IC_STATUS_OK)
		return IC_REFUSED;
	if (!read_item(call, reply, &kvp->items[kvp->item_count]))
		return IC_BAD_ANSWER;
	*ret_more = ++kvp->item_count < KVP_ITEMS_MAX;
	if (!*ret_more)
		kvp->next = kvp->start + KVP_ITEMS_MAX;
	return IC_ANSWERED;
}

static enum ic_outcome take_candidate(
	const struct ic_call *call, const struct ic_reply *reply, bool *ret_more)
{
	struct kvp_call *kvp = call->kvp;

	if (reply->status == IC_STATUS_NO_MORE_ITEMS)
		return IC_ANSWERED;
	if (reply->status != IC_STATUS_OK)
		return IC_REFUSED;
	if (!read_item(call, reply, &kvp->items[0]))
		return IC_BAD_ANSWER;
	kvp->item_count = strcmp(kvp->items[0].key, kvp->key) == 0;
	*ret_more = kvp->item_count == 0 && call->step + 1 < KVP_SEARCHED_MAX;
	return IC_ANSWERED;
}

/* What kind of address that is; NULL: none. */
static const char *family_of(const char *address)
{
	struct in6_addr in6;
	struct in_addr in;

	if (inet_pton(AF_INET, address, &in) == 1)
		return "ipv4";
	return inet_pton(AF_INET6, address, &in6) == 1 ? "ipv6" : NULL;
}

/*
 * An item for each member of a list with ';' between them. `key` NULL: the list is of addresses,
 * whose family is the key. False: one of them is no address.
 */
static bool add_list(struct kvp_call *kvp, const char *key, const char *list)
{
	char text[KVP_VALUE_TEXT], *rest = text, *member;

	snprintf(text, sizeof(text), "%s", list);
	while ((member = strsep(&rest, ";"))) {
		const char *what = key;

		member += strspn(member, " ");
		if (!*member)
			continue;
		if (!key)
			what = family_of(member);
		if (!what)
			return false;
		if (!add_item(kvp, what, member))
			break;
	}
	return true;
}

/* One family of all adapters, then the other. */
static enum ic_outcome take_family(
	const struct ic_call *call, const struct ic_reply *reply, bool *ret_more)
{
	struct kvp_item item;

	if (reply->status != IC_STATUS_OK)
		return IC_REFUSED;
	if (!read_item(call, reply, &item) || !add_list(call->kvp, NULL, item.value))
		return IC_BAD_ANSWER;
	*ret_more = call->step == 0 && call->kvp->next == KVP_COMPLETE;
	return IC_ANSWERED;
}

#define READ(member, text) (utf16_to_utf8((member), sizeof(member), (text), sizeof(text)) == 0)

static enum ic_outcome take_adapter(const struct ic_call *call, const struct ic_reply *reply)
{
	struct kvp_call *kvp = call->kvp;
	char address[KVP_VALUE_TEXT], subnet[KVP_VALUE_TEXT], gateway[KVP_VALUE_TEXT],
		dns[KVP_VALUE_TEXT];
	struct ic_kvp_ip_info message;

	if (reply->status != IC_STATUS_OK)
		return IC_REFUSED;
	if (reply->size < sizeof(message))
		return IC_BAD_ANSWER;
	memcpy(&message, reply->body, sizeof(message));
	if (message.operation != IC_KVP_GET_IP_INFO || !READ(message.address, address) ||
		!READ(message.subnet, subnet) || !READ(message.gateway, gateway) ||
		!READ(message.dns, dns) || !add_list(kvp, NULL, address))
		return IC_BAD_ANSWER;
	add_list(kvp, "subnet", subnet);
	add_list(kvp, "gateway", gateway);
	add_list(kvp, "dns", dns);
	add_item(kvp, "dhcp", message.dhcp ? "true" : "false");
	return IC_ANSWERED;
}

static enum ic_outcome kvp_take(
	struct ic *ic, const struct ic_call *call, const struct ic_reply *reply, bool *ret_more)
{
	if (!call)
		return ic_outcome_of(reply->status);
	switch ((enum kvp_question)call->request) {
	case KVP_OSINFO:
	case KVP_LIST:
		return take_item(call, reply, ret_more);
	case KVP_LOOK_UP:
		return take_candidate(call, reply, ret_more);
	case KVP_IPS:
		return call->kvp->adapter[0] ? take_adapter(call, reply)
					     : take_family(call, reply, ret_more);
	case KVP_STORE:
	case KVP_REMOVE:
		break;
	}
	return ic_outcome_of(reply->status);
}

/* ---- the device -------------------- */

static int kvp_create(struct vmbus *bus, const struct device_options *options,
	struct vmbus_device **ret_device, char reterr_text[DEVICE_ERROR_BYTES])
{
	return ic_create(bus, IC_COMPONENT_KVP, ret_device);
}

const struct vmbus_device_kind vmbus_kvp_kind = {
	.name = "kvp",
	.help = "exchanges keys and values with the guest, among them its addresses",
	.create = kvp_create,
	.remove = ic_remove,
};

const struct ic_ops kvp_ops = {
	.kind = &vmbus_kvp_kind,
	.interface_type = {0xa9a0f4e7, 0x5a45, 0x4d96,
		{0xb8, 0x27, 0x8a, 0x84, 0x1e, 0x8c, 0x03, 0xe6}},
	.interface_instance = {0x242ff919, 0x07db, 0x4180,
		{0x9c, 0x2e, 0xb8, 0x6c, 0xb6, 0x8c, 0x8c, 0x55}},
	.type = IC_KVP,
	.versions = versions,
	.version_count = ARRAY_LEN(versions),
	.size = sizeof(struct ic),
	.packet_limit = IC_PACKET_MAX,
	.lock_step = true,
	.patience_ns = 4 * NSEC_PER_SEC,
	.daemon = "hv_kvp_daemon",
	.questions = questions,
	.fill = kvp_fill,
	.take = kvp_take,
};
