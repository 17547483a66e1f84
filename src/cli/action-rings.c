/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The rings of a channel: what they hold, which invariants hold, and the packets in them.
 *
 * With --packets each ring's object gets the members `unread` and, with --consumed, `consumed`. As
 * text there is a table of the rings, one of the invariants, and one of packets for each ring.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/actions.h"
#include "cli/client.h"
#include "cli/problem.h"
#include "cli/render.h"
#include "cli/request.h"
#include "cli/table.h"
#include "cli/text.h"
#include "common/cleanup.h"

#define PACKET_COLUMNS                                          \
	"position:#,offset,type,header_size:HEADER,size,flags," \
	"transaction_id:TRANSACTION,trailer_ok:TRAILER,inner,fault"

enum { INVARIANTS_MAX = 32, INNER_BYTES = 160 };

static json_int_t number_of(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

/* ---- fetching ------------------------------------------------------------- */

/* Lists below a ring have one page: hvd keeps no more. */
static enum cli_exit add_packets(
	struct cli *cli, const char *rings, json_t *ring, const char *member, uint64_t limit)
{
	CLEANUP(free)
	char *target = text_format("%s/%" JSON_INTEGER_FORMAT "/%s?limit=%" PRIu64, rings,
		number_of(ring, "ring"), member, limit);
	json_auto_t *reply = NULL;
	enum cli_exit r;

	if (!target)
		return problem_errno(&cli->options, ENOMEM, "rings show");
	r = client_request(cli, "GET", target, NULL, NULL, &reply);
	if (r != CLI_OK)
		return r;
	if (json_object_set(ring, member, json_object_get(reply, "items")) < 0)
		return problem_errno(&cli->options, ENOMEM, "rings show");
	return CLI_OK;
}

static enum cli_exit fetch_packets(struct cli *cli, const struct invocation *invocation,
	const char *rings, const json_t *items)
{
	const struct value *packets = invocation_value(invocation, "packets");
	const struct value *consumed = invocation_value(invocation, "consumed");
	enum cli_exit r = CLI_OK;

	for (size_t i = 0; i < json_array_size(items) && r == CLI_OK; i++) {
		json_t *ring = json_array_get(items, i);

		if (packets->text)
			r = add_packets(cli, rings, ring, "unread", packets->number);
		if (consumed->text && r == CLI_OK)
			r = add_packets(cli, rings, ring, "consumed", consumed->number);
	}
	return r;
}

/* ---- invariants ------------------------------------------------------------ */

/* "ok", "BROKEN" or "-", for nobody knows. */
static const char *verdict_word(const json_t *invariant)
{
	const char *verdict = text_member(invariant, "verdict");

	if (strcmp(verdict, "holds") == 0)
		return "ok";
	return strcmp(verdict, "broken") == 0 ? "BROKEN" : "-";
}

static int add_columns(struct table *table, const json_t *invariants)
{
	int r = table_add_column(table, "DIRECTION", false, false);

	for (size_t i = 0; i < json_array_size(invariants) && r == 0; i++)
		r = table_add_column(table, text_member(json_array_get(invariants, i), "invariant"),
			false, false);
	return r;
}

static int add_ring(struct cli *cli, struct table *table, const json_t *ring)
{
	const json_t *invariants = json_object_get(ring, "invariants");
	int r = table_add_row(table);

	if (r == 0)
		r = table_set_cell(table, 0, text_member(ring, "direction"), NULL);
	for (size_t i = 0; i < MIN(json_array_size(invariants), (size_t)INVARIANTS_MAX) && r == 0;
		i++) {
		const char *word = verdict_word(json_array_get(invariants, i));

		r = table_set_cell(table, i + 1, word,
			cli->color && strcmp(word, "BROKEN") == 0 ? "red" : NULL);
	}
	return r;
}

/* Rings down, R1 to R13 across. */
static enum cli_exit render_invariants(struct cli *cli, const json_t *items)
{
	CLEANUP(table) struct table *table = NULL;
	const json_t *first = json_object_get(json_array_get(items, 0), "invariants");
	int r = table_new(!cli->options.no_headers, 0, cli->color, &table);

	if (r == 0)
		r = add_columns(table, first);
	for (size_t i = 0; i < json_array_size(items) && r == 0; i++)
		r = add_ring(cli, table, json_array_get(items, i));
	if (r == 0)
		r = table_print(table);
	return r < 0 ? problem_errno(&cli->options, -r, "table") : CLI_OK;
}

/* What each broken one means, with what it was judged by. */
static void put_broken(const json_t *ring)
{
	const json_t *invariants = json_object_get(ring, "invariants");

	for (size_t i = 0; i < json_array_size(invariants); i++) {
		const json_t *row = json_array_get(invariants, i);

		if (strcmp(text_member(row, "verdict"), "broken") != 0)
			continue;
		text_put(stdout, text_member(ring, "direction"));
		fputs(": ", stdout);
		text_put(stdout, text_member(row, "invariant"));
		fputs(": ", stdout);
		text_put(stdout, text_member(row, "meaning"));
		printf(" (%" JSON_INTEGER_FORMAT ")\n", number_of(row, "value"));
	}
}

/* ---- packets ---------------------------------------------------------------- */

/* "shutdown 3.0/3.2 status 0x0 transaction 7 flags 0x5", "hv_sock 5 bytes" */
static json_t *inner_text(const json_t *packet)
{
	const json_t *ic = json_object_get(packet, "ic");
	const json_t *hvsock = json_object_get(packet, "hvsock");
	char text[INNER_BYTES];

	if (json_is_object(ic))
		snprintf(text, sizeof(text),
			"%s %s/%s status %s transaction %" JSON_INTEGER_FORMAT " flags %s",
			text_member(ic, "message"), text_member(ic, "framework_version"),
			text_member(ic, "message_version"), text_member(ic, "status"),
			number_of(ic, "transaction"), text_member(ic, "flags"));
	else if (json_is_object(hvsock) && number_of(hvsock, "payload_size") == 0)
		snprintf(text, sizeof(text), "hv_sock end of stream");
	else if (json_is_object(hvsock))
		snprintf(text, sizeof(text), "hv_sock %" JSON_INTEGER_FORMAT " bytes",
			number_of(hvsock, "payload_size"));
	else
		return json_null();
	return json_string(text);
}

static enum cli_exit render_packets(
	struct cli *cli, const json_t *ring, const char *member, const char *title)
{
	const json_t *packets = json_object_get(ring, member);

	if (!packets)
		return CLI_OK;
	printf("\n%s, %s:%s\n", text_member(ring, "direction"), title,
		json_array_size(packets) == 0 ? " none" : "");
	for (size_t i = 0; i < json_array_size(packets); i++) {
		json_t *packet = json_array_get(packets, i);

		if (json_object_set_new(packet, "inner", inner_text(packet)) < 0)
			return problem_errno(&cli->options, ENOMEM, "rings show");
	}
	if (json_array_size(packets) == 0)
		return CLI_OK;
	return render_table(cli, PACKET_COLUMNS, packets);
}

static enum cli_exit render_text(
	struct cli *cli, const struct invocation *invocation, json_t *reply)
{
	const json_t *items = json_object_get(reply, "items");
	enum cli_exit r = render_reply(cli, invocation->command, reply);

	if (r != CLI_OK || json_array_size(items) == 0)
		return r;
	fputc('\n', stdout);
	r = render_invariants(cli, items);
	for (size_t i = 0; i < json_array_size(items) && r == CLI_OK; i++)
		put_broken(json_array_get(items, i));
	for (size_t i = 0; i < json_array_size(items) && r == CLI_OK; i++) {
		const json_t *ring = json_array_get(items, i);

		r = render_packets(cli, ring, "unread", "to be read, the next one first");
		if (r == CLI_OK)
			r = render_packets(cli, ring, "consumed", "read, the last one first");
	}
	return r;
}

enum cli_exit run_rings_show(struct cli *cli, const struct invocation *invocation)
{
	bool text = cli->options.format == CLI_FORMAT_TABLE ||
		    cli->options.format == CLI_FORMAT_WIDE;
	CLEANUP(free) char *target = request_target(invocation);
	json_auto_t *reply = NULL;
	enum cli_exit r;

	if (!target)
		return problem_errno(&cli->options, ENOMEM, "rings show");
	r = client_get_list(cli, target, &reply);
	if (r == CLI_OK)
		r = fetch_packets(cli, invocation, target, json_object_get(reply, "items"));
	if (r != CLI_OK)
		return r;
	if (json_array_size(json_object_get(reply, "items")) == 0)
		render_note(cli, "channel %" PRIu64 " has no rings: the guest has not opened it\n",
			invocation_value(invocation, "relid")->number);
	return text && !cli->options.columns ? render_text(cli, invocation, reply)
					     : render_reply(cli, invocation->command, reply);
}
