/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Connections to look at, by their channels: one that has none yet is nobody's business. */
#include <errno.h>
#include "vmbus/hvsock.h"
#include "vmbus/internal.h"

static const char *const direction_names[] = {"host", "guest", NULL};
static const char *const state_names[] = {"greeting", "offered", "open", "closed", NULL};
_Static_assert(ARRAY_LEN(direction_names) == HVSOCK_DIRECTIONS + 1, "a name for every direction");

static void fill(const struct hvsock_connection *connection, struct sock_info *ret_info)
{
	uint64_t now = clock_now_ns(vmbus_vm(connection->sock->bus)->clock);

	*ret_info = (struct sock_info){
		.relid = vmbus_channel_relid(connection->channel),
		.port = connection->port,
		.opened_by = connection->direction,
		.state = connection->state,
		.time_in_state_ns = now - connection->since_ns,
		.age_ns = now - connection->made_ns,
		.to_guest_bytes = connection->to_guest_bytes,
		.to_host_bytes = connection->to_client_bytes,
		.host_ended = connection->input_ended,
		.guest_told = connection->fin_sent,
		.guest_ended = connection->fin_received,
		.host_gone = connection->deaf,
	};
}

static int get_sock(void *owner, const uint64_t *key, void *ret_info)
{
	struct vmbus *bus = owner;
	const struct hvsock_connection *connection = NULL;

	if (!bus || key[0] > VMBUS_RELID_MAX)
		return -ENOENT;
	vmbus_lock(bus);
	if (bus->by_relid[key[0]])
		connection = hvsock_connection_of(bus->by_relid[key[0]]);
	if (connection)
		fill(connection, ret_info);
	vmbus_unlock(bus);
	return connection ? 0 : -ENOENT;
}

static void list_socks(void *owner, const uint64_t *key, unsigned fixed, const uint64_t *after,
	node_visit_fn visit, void *arg)
{
	struct sock_info info;

	for (uint64_t relid = after ? after[0] + 1 : 0; relid <= VMBUS_RELID_MAX; relid++) {
		if ((fixed > 0 && relid != key[0]) || get_sock(owner, &relid, &info) < 0)
			continue;
		if (visit(arg, &relid, &info) != 0)
			return;
	}
}

static const struct field sock_fields[] = {
	{FIELD_U(struct sock_info, relid, 0, "Its channel.")},
	{FIELD_U(struct sock_info, port, 0,
		"The port: the guest's where the host connects, the host's where the guest does.")},
	{FIELD_E(struct sock_info, opened_by, 0, direction_names, "Who connects.")},
	{FIELD_E(struct sock_info, state, 0, state_names,
		"offered: the guest has not opened the channel yet. open. closed: the guest has still "
		"to let go of the channel.")},
	{FIELD_U(struct sock_info, time_in_state_ns, 0, "Time in that state.")},
	{FIELD_U(struct sock_info, age_ns, 0, "Time since the client or the guest asked for it.")},
	{FIELD_U(struct sock_info, to_guest_bytes, 0, "Bytes put into the ring to the guest.")},
	{FIELD_U(struct sock_info, to_host_bytes, 0,
		"Bytes of the guest that the client's socket took.")},
	{FIELD_B(struct sock_info, host_ended, 0, "The client has ended its stream.")},
	{FIELD_B(struct sock_info, guest_told, 0,
		"And the guest was told so, once it had read everything before it.")},
	{FIELD_B(struct sock_info, guest_ended, 0, "The guest has ended its stream.")},
	{FIELD_B(struct sock_info, host_gone, 0,
		"The client reads no more: what the guest sends is dropped.")},
};
static const struct field_table sock_table = FIELD_TABLE(
	struct sock_info, "sock", "An hv_sock connection between host and guest.", sock_fields);

const struct node_class sock_node_class = {
	.path = "socks/{relid}",
	.fields = &sock_table,
	.key_count = 1,
	.get = get_sock,
	.list = list_socks,
};
