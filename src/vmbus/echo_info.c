/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>
#include "vmbus/echo.h"
#include "vmbus/internal.h"

static const char *const state_names[] = {"closed", "idle", "running", NULL};
static const char *const outcome_names[] = {
	"none", "running", "complete", "stalled", "stopped", "broken", NULL};
_Static_assert(ARRAY_LEN(state_names) == ECHO_RUNNING + 2, "a name for every state");
_Static_assert(ARRAY_LEN(outcome_names) == ECHO_BROKEN + 2, "a name for every outcome");

static uint64_t per_second(uint64_t count, uint64_t elapsed_ns)
{
	return elapsed_ns ? (uint64_t)((double)count * (double)NSEC_PER_SEC / (double)elapsed_ns)
			  : UINT64_MAX;
}

static void fill_times(const struct echo *echo, uint64_t now_ns, struct echo_info *info)
{
	const struct histogram *trips = &echo->round_trips;
	uint64_t end_ns = echo->state == ECHO_RUNNING ? now_ns : echo->ended_ns;

	info->elapsed_ns = end_ns - echo->started_ns;
	info->packets_per_second = per_second(echo->received, info->elapsed_ns);
	info->bytes_per_second = per_second(echo->received * echo->run.size, info->elapsed_ns);
	if (trips->count == 0)
		return;
	info->round_trip_min_ns = trips->minimum;
	info->round_trip_median_ns = histogram_quantile(trips, 500);
	info->round_trip_p99_ns = histogram_quantile(trips, 990);
	info->round_trip_max_ns = trips->maximum;
}

void echo_fill_info(const struct echo *echo, struct echo_info *ret_info)
{
	uint64_t now_ns = clock_now_ns(echo->bus->vm->clock);

	*ret_info = (struct echo_info){
		.relid = vmbus_channel_relid(echo->channel),
		.state = echo->state,
		.outcome = echo->outcome,
		.time_in_state_ns = now_ns - echo->since_ns,
		.run = echo->number,
		.count = echo->run.count,
		.size_bytes = echo->run.size,
		.window = echo->run.window,
		.patience_ns = echo->run.patience_ns,
		.sent = echo->sent,
		.received = echo->received,
		.lost = echo->lost,
		.corrupted = echo->corrupted,
		.duplicated = echo->duplicated,
		.outstanding = echo->sent - echo->received - echo->corrupted - echo->lost,
		.elapsed_ns = UINT64_MAX,
		.round_trip_min_ns = UINT64_MAX,
		.round_trip_median_ns = UINT64_MAX,
		.round_trip_p99_ns = UINT64_MAX,
		.round_trip_max_ns = UINT64_MAX,
		.packets_per_second = UINT64_MAX,
		.bytes_per_second = UINT64_MAX,
		.echoed = echo->echoed,
		.echoed_bytes = echo->echoed_bytes,
		.dropped = echo->dropped,
		.stray = echo->stray,
		.malformed = echo->malformed,
	};
	memcpy(ret_info->device, echo->device.name, sizeof(ret_info->device));
	memcpy(ret_info->problem, echo->problem, sizeof(ret_info->problem));
	if (echo->number > 0)
		fill_times(echo, now_ns, ret_info);
}

/* The first one behind `relid`; false: there is none. */
static bool fill_after(struct vmbus *bus, uint32_t relid, struct echo_info *ret_info)
{
	const struct echo *echo;

	vmbus_lock(bus);
	echo = echo_after(bus, relid);
	if (echo)
		echo_fill_info(echo, ret_info);
	vmbus_unlock(bus);
	return echo != NULL;
}

static int get_echo(void *owner, const uint64_t *key, void *ret_info)
{
	struct echo_info info;

	if (!owner || key[0] == 0 || key[0] > VMBUS_RELID_MAX ||
		!fill_after(owner, (uint32_t)key[0] - 1, &info) || info.relid != key[0])
		return -ENOENT;
	*(struct echo_info *)ret_info = info;
	return 0;
}

static void list_echoes(void *owner, const uint64_t *key, unsigned fixed, const uint64_t *after,
	node_visit_fn visit, void *arg)
{
	uint64_t relid = after ? after[0] : 0;
	struct echo_info info;

	while (owner && fill_after(owner, (uint32_t)relid, &info)) {
		relid = info.relid;
		if ((fixed == 0 || relid == key[0]) && visit(arg, &relid, &info) != 0)
			return;
	}
}

static const struct field echo_fields[] = {
	{FIELD_U(struct echo_info, relid, 0, "Its channel.")},
	{FIELD_S(struct echo_info, device, 0, "The name of its --device.")},
	{FIELD_E(struct echo_info, state, 0, state_names,
		"closed: no program in the guest has the channel. idle: one has. running: packets are "
		"being exchanged.")},
	{FIELD_E(struct echo_info, outcome, 0, outcome_names,
		"Of the last run. complete: every packet is accounted for. stalled: nothing came back "
		"any more. stopped: by a client. broken: the channel was closed, or failed.")},
	{FIELD_U(struct echo_info, time_in_state_ns, 0, "Time in that state.")},
	{FIELD_U(struct echo_info, run, 0,
		"Number of the run under way, or the last; 0: none yet.")},
	{FIELD_U(struct echo_info, count, 0, "Packets to be sent in it.")},
	{FIELD_U(struct echo_info, size_bytes, 0, "Payload of each.")},
	{FIELD_U(struct echo_info, window, 0, "How many may be unanswered at a time.")},
	{FIELD_U(struct echo_info, patience_ns, 0,
		"After that a packet is lost; when nothing came back in that time, the run ends.")},
	{FIELD_U(struct echo_info, sent, 0, "Packets sent.")},
	{FIELD_U(struct echo_info, received, 0, "Those that came back as they went.")},
	{FIELD_U(struct echo_info, lost, 0, "Those that did not come back in time.")},
	{FIELD_U(struct echo_info, corrupted, 0, "Those that came back with other bytes.")},
	{FIELD_U(struct echo_info, duplicated, 0, "Answers to packets accounted for already.")},
	{FIELD_U(struct echo_info, outstanding, 0,
		"Packets that are out, or were when the run ended early.")},
	{FIELD_U(struct echo_info, elapsed_ns, FIELD_NULLABLE, "How long the run takes, or took.")},
	{FIELD_U(struct echo_info, round_trip_min_ns, FIELD_NULLABLE, "The shortest round trip.")},
	{FIELD_U(struct echo_info, round_trip_median_ns, FIELD_NULLABLE,
		"Half the round trips took no longer; at most 1/32 too much.")},
	{FIELD_U(struct echo_info, round_trip_p99_ns, FIELD_NULLABLE,
		"99 in 100 took no longer; at most 1/32 too much.")},
	{FIELD_U(struct echo_info, round_trip_max_ns, FIELD_NULLABLE, "The longest round trip.")},
	{FIELD_U(struct echo_info, packets_per_second, FIELD_NULLABLE, "Packets that came back.")},
	{FIELD_U(struct echo_info, bytes_per_second, FIELD_NULLABLE,
		"Bytes of their payloads, counted one way.")},
	{FIELD_U(struct echo_info, echoed, 0,
		"Packets sent back because the guest asked for it, since the device is there.")},
	{FIELD_U(struct echo_info, echoed_bytes, 0, "Bytes of their payloads.")},
	{FIELD_U(struct echo_info, dropped, 0,
		"Those of the guest for which its ring had no room to go back.")},
	{FIELD_U(struct echo_info, stray, 0, "Answers to nothing that was sent in this run.")},
	{FIELD_U(struct echo_info, malformed, 0, "Packets that are neither request nor answer.")},
	{FIELD_S(struct echo_info, problem, FIELD_NULLABLE, "What was wrong last, in words.")},
};
static const struct field_table echo_table = FIELD_TABLE(struct echo_info, "echo",
	"A device whose packets a program in the guest sends back.", echo_fields);

const struct node_class echo_node_class = {
	.path = "echo/{relid}",
	.fields = &echo_table,
	.key_count = 1,
	.get = get_echo,
	.list = list_echoes,
};
