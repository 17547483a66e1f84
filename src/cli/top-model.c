/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Suspicion of a channel, from 0 to 100: what the doctor found about it counts most, then a channel
 * that failed, then bytes in a ring whose reader did not move between the two looks, then a ring
 * whose writer waits for room or that is nearly full.
 */
#include "cli/top-model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/select.h"
#include "cli/text.h"
#include "common/cleanup.h"

enum { SINTS = 16, SINT_WIDTH = 7 };

enum suspicion {
	SUSPECT_NOTHING = 0,
	SUSPECT_FULL = 10,
	SUSPECT_WAITS = 20,
	SUSPECT_STANDS = 40,
	SUSPECT_INFO = 30,
	SUSPECT_WARN = 70,
	SUSPECT_FAILED = 90,
	SUSPECT_ERROR = 100,
};

/* Two looks at the same thing. */
struct pair {
	const json_t *before, *now;
	uint64_t elapsed_ns;
};

/* ---- replies ------------------------------------------------------------- */

void top_sample_deinit(struct top_sample *sample)
{
	json_t *const replies[] = {sample->vm, sample->recorder, sample->hypercalls, sample->vps,
		sample->sints, sample->channels, sample->rings, sample->doctor};

	for (size_t i = 0; i < ARRAY_LEN(replies); i++)
		json_decref(replies[i]);
	*sample = (struct top_sample){0};
}

static const json_t *items_of(const json_t *reply)
{
	return json_object_get(reply, "items");
}

static const char *text_at(const json_t *item, const char *path)
{
	const char *text = json_string_value(select_path(item, path));

	return text ? text : "-";
}

static json_int_t number_at(const json_t *item, const char *path)
{
	return json_integer_value(select_path(item, path));
}

static bool is_set(const json_t *item, const char *path)
{
	return json_is_true(select_path(item, path));
}

/* The item with the same values of the keys; NULL: there is none. */
static const json_t *find_same(
	const json_t *items, const json_t *item, const char *key, const char *key2)
{
	json_t *other;
	size_t i;

	json_array_foreach(items, i, other)
	{
		if (json_equal(json_object_get(other, key), json_object_get(item, key)) &&
			(!key2 || json_equal(json_object_get(other, key2),
					  json_object_get(item, key2))))
			return other;
	}
	return NULL;
}

double top_rate(const json_t *before, const json_t *now, uint64_t elapsed_ns)
{
	if (!json_is_integer(before) || !json_is_integer(now) || elapsed_ns == 0 ||
		json_integer_value(now) < json_integer_value(before))
		return NAN;
	return (double)(json_integer_value(now) - json_integer_value(before)) * 1e9 /
	       (double)elapsed_ns;
}

static double rate_at(const struct pair *pair, const char *path)
{
	return top_rate(
		select_path(pair->before, path), select_path(pair->now, path), pair->elapsed_ns);
}

static uint64_t elapsed(const struct top_sample *before, const struct top_sample *now)
{
	return before->mono_ns && now->mono_ns > before->mono_ns ? now->mono_ns - before->mono_ns
								 : 0;
}

/* ---- cells --------------------------------------------------------------- */

static struct top_cell text_cell(const char *text)
{
	return (struct top_cell){.text = text_escape(text), .key = NAN};
}

static struct top_cell number_cell(double number)
{
	return (struct top_cell){.text = text_format("%.0f", number), .key = number};
}

/* What is not known sorts below all that is. */
static struct top_cell null_cell(void)
{
	return (struct top_cell){.text = strdup("-"), .key = -1};
}

/* 17, 1234, 12.3k, 1.2M: five characters */
static struct top_cell rate_cell(double rate)
{
	struct top_cell cell = {.key = rate};

	if (isnan(rate))
		return null_cell();
	if (rate < 9999.5)
		cell.text = text_format("%.*f", rate > 0 && rate < 9.95 ? 1 : 0, rate);
	else if (rate < 999950)
		cell.text = text_format("%.1fk", rate / 1e3);
	else
		cell.text = text_format("%.1fM", rate / 1e6);
	return cell;
}

static struct top_cell share_cell(double share)
{
	if (isnan(share))
		return null_cell();
	return (struct top_cell){.text = text_format("%.0f%%", share * 100), .key = share};
}

/* ---- building tables ----------------------------------------------------- */

static void set_columns(struct top_table *table, const struct top_column *columns, unsigned count)
{
	memcpy(table->column, columns, count * sizeof(*columns));
	table->columns = count;
}

static struct top_row *add_row(struct top_table *table)
{
	struct top_row *grown = realloc(table->row, (table->rows + 1) * sizeof(*grown));

	if (!grown)
		return NULL;
	table->row = grown;
	grown[table->rows] = (struct top_row){0};
	return &grown[table->rows++];
}

static bool is_complete(const struct top_table *table)
{
	for (size_t i = 0; i < table->rows; i++) {
		for (unsigned c = 0; c < table->columns; c++) {
			if (!table->row[i].cell[c].text)
				return false;
		}
	}
	return true;
}

static void row_deinit(struct top_row *row)
{
	for (size_t i = 0; i < ARRAY_LEN(row->cell); i++)
		free(row->cell[i].text);
	free(row->detail);
}

void top_table_deinit(struct top_table *table)
{
	for (size_t i = 0; i < table->rows; i++)
		row_deinit(&table->row[i]);
	free(table->row);
	*table = (struct top_table){0};
}

/* ---- channels ------------------------------------------------------------ */

/* What one ring says; `why` is a literal. */
struct ring_look {
	double fill; /* 0 to 1; NAN: there is no ring */
	int suspicion;
	const char *why;
};

static struct ring_look look_at_ring(const struct top_sample *before, const struct top_sample *now,
	json_int_t relid, const char *direction)
{
	struct ring_look look = {.fill = NAN, .why = ""};
	json_t *ring;
	size_t i;

	json_array_foreach(items_of(now->rings), i, ring)
	{
		const json_t *old = find_same(items_of(before->rings), ring, "relid", "direction");
		json_int_t used = number_at(ring, "read_avail"),
			   size = number_at(ring, "size_bytes");

		if (number_at(ring, "relid") != relid ||
			strcmp(text_at(ring, "direction"), direction) != 0)
			continue;
		look.fill = size > 0 ? (double)used / (double)size : NAN;
		if (old && used > 0 && number_at(old, "read_avail") > 0 &&
			number_at(old, "read_index") == number_at(ring, "read_index"))
			look = (struct ring_look){look.fill, SUSPECT_STANDS, "reader stands"};
		else if (number_at(ring, "pending_send_sz") > 0 && used > 0)
			look = (struct ring_look){look.fill, SUSPECT_WAITS, "writer waits"};
		else if (look.fill > 0.9)
			look = (struct ring_look){look.fill, SUSPECT_FULL, "nearly full"};
	}
	return look;
}

static int suspicion_of(const char *severity)
{
	if (strcmp(severity, "error") == 0)
		return SUSPECT_ERROR;
	return strcmp(severity, "warn") == 0 ? SUSPECT_WARN : SUSPECT_INFO;
}

/* The worst finding about a channel, causes before consequences. */
static const json_t *worst_finding(const struct top_sample *now, json_int_t relid)
{
	const json_t *worst = NULL;
	int rank = -1;
	json_t *finding;
	size_t i;

	json_array_foreach(items_of(now->doctor), i, finding)
	{
		int own = 2 * suspicion_of(text_at(finding, "severity")) +
			  (strcmp(text_at(finding, "role"), "cause") == 0);

		if (number_at(finding, "relid") != relid || own <= rank)
			continue;
		worst = finding;
		rank = own;
	}
	return worst;
}

static char *finding_detail(const json_t *finding)
{
	CLEANUP(free) char *diagnosis = text_escape(text_at(finding, "diagnosis"));
	CLEANUP(free) char *remedy = text_escape(text_at(finding, "remedy"));

	return text_format("%s: %s  Remedy: %s", text_at(finding, "rule"),
		diagnosis ? diagnosis : "", remedy ? remedy : "");
}

struct verdict {
	int suspicion;
	const char *why; /* borrows */
	const json_t *finding;
};

static struct verdict judge(const struct top_sample *now, const json_t *channel,
	const struct ring_look *to_host, const struct ring_look *to_guest)
{
	const struct ring_look *worse = to_guest->suspicion > to_host->suspicion ? to_guest
										 : to_host;
	const json_t *finding = worst_finding(now, number_at(channel, "relid"));
	struct verdict verdict = {worse->suspicion, worse->why, finding};

	if (strcmp(text_at(channel, "state"), "failed") == 0)
		verdict = (struct verdict){SUSPECT_FAILED, text_at(channel, "failure"), finding};
	if (finding && suspicion_of(text_at(finding, "severity")) > verdict.suspicion) {
		verdict.suspicion = suspicion_of(text_at(finding, "severity"));
		verdict.why = text_at(finding, "diagnosis");
	}
	return verdict;
}

static enum top_level level_of(int suspicion)
{
	if (suspicion >= SUSPECT_FAILED)
		return TOP_BAD;
	return suspicion >= SUSPECT_STANDS ? TOP_ATTENTION : TOP_PLAIN;
}

static const struct top_column channel_columns[] = {
	{"RELID", 5, true},
	{"DEVICE", 11, false},
	{"STATE", 15, false},
	{"SUSP", 4, true},
	{"VP", 3, true},
	{"IN/s", 6, true},
	{"OUT/s", 6, true},
	{"G>H", 4, true},
	{"H>G", 4, true},
	{"WHY", 0, false},
};

static bool add_channel(struct top_table *table, const struct top_sample *before,
	const struct top_sample *now, const json_t *channel)
{
	const struct pair pair = {find_same(items_of(before->channels), channel, "relid", NULL),
		channel, elapsed(before, now)};
	json_int_t relid = number_at(channel, "relid");
	struct ring_look to_host = look_at_ring(before, now, relid, "guest_to_host");
	struct ring_look to_guest = look_at_ring(before, now, relid, "host_to_guest");
	struct verdict verdict = judge(now, channel, &to_host, &to_guest);
	const json_t *vp = json_object_get(channel, "target_vp");
	struct top_row *row = add_row(table);

	if (!row)
		return false;
	row->level = level_of(verdict.suspicion);
	row->detail = verdict.finding ? finding_detail(verdict.finding) : NULL;
	row->cell[0] = number_cell((double)relid);
	row->cell[1] = text_cell(text_at(channel, "device"));
	row->cell[2] = text_cell(text_at(channel, "state"));
	row->cell[3] = number_cell(verdict.suspicion);
	row->cell[4] = json_is_integer(vp) ? number_cell((double)json_integer_value(vp))
					   : null_cell();
	row->cell[5] = rate_cell(rate_at(&pair, "signals_in"));
	row->cell[6] = rate_cell(rate_at(&pair, "signals_out"));
	row->cell[7] = share_cell(to_host.fill);
	row->cell[8] = share_cell(to_guest.fill);
	row->cell[9] = text_cell(verdict.why);
	return true;
}

static bool build_channels(
	struct top_table *table, const struct top_sample *before, const struct top_sample *now)
{
	json_t *channel;
	size_t i;

	set_columns(table, channel_columns, ARRAY_LEN(channel_columns));
	json_array_foreach(items_of(now->channels), i, channel)
	{
		if (!add_channel(table, before, now, channel))
			return false;
	}
	return true;
}

/* ---- the SINT matrix ----------------------------------------------------- */

static bool is_idle(const json_t *sint)
{
	return is_set(sint, "masked") && !is_set(sint, "slot.busy") &&
	       number_at(sint, "queue_depth") == 0 && !is_set(sint, "irq_owed");
}

/* "60", "60m", "60BP+3!": vector, masked, busy, pending, queued, interrupt owed */
static char *sint_text(const json_t *sint)
{
	CLEANUP(free) char *queued = NULL;
	json_int_t depth = number_at(sint, "queue_depth");

	if (is_idle(sint))
		return strdup(".");
	queued = depth > 0 ? text_format("+%lld", (long long)depth) : strdup("");
	return text_format("%02x%s%s%s%s%s", (unsigned)(number_at(sint, "vector") & 0xff),
		is_set(sint, "masked") ? "m" : "", is_set(sint, "slot.busy") ? "B" : "",
		is_set(sint, "slot.pending") ? "P" : "", queued ? queued : "",
		is_set(sint, "irq_owed") ? "!" : "");
}

/* Which SINTs have something to show, as a bit mask. */
static unsigned active_sints(const json_t *items)
{
	unsigned active = 0;
	json_t *sint;
	size_t i;

	json_array_foreach(items, i, sint)
	{
		if (!is_idle(sint))
			active |= 1u << (number_at(sint, "sint") & (SINTS - 1));
	}
	return active;
}

static void set_sint_columns(struct top_table *table, unsigned active)
{
	table->column[table->columns++] = (struct top_column){"VP", 3, true};
	for (unsigned sint = 0; sint < SINTS; sint++) {
		struct top_column *column = &table->column[table->columns];

		if (!(active & 1u << sint))
			continue;
		*column = (struct top_column){.width = SINT_WIDTH};
		snprintf(column->title, sizeof(column->title), "SINT%u", sint);
		table->columns++;
	}
}

/* The row of a VP; made when it is met first. */
static struct top_row *row_of_vp(struct top_table *table, double vp)
{
	struct top_row *row;

	for (size_t i = 0; i < table->rows; i++) {
		if (table->row[i].cell[0].key == vp)
			return &table->row[i];
	}
	row = add_row(table);
	if (!row)
		return NULL;
	row->cell[0] = number_cell(vp);
	for (unsigned c = 1; c < table->columns; c++)
		row->cell[c] = (struct top_cell){.text = strdup("."), .key = NAN};
	return row;
}

static bool build_sints(struct top_table *table, const struct top_sample *now)
{
	const json_t *items = items_of(now->sints);
	unsigned active = active_sints(items);
	json_t *sint;
	size_t i;

	set_sint_columns(table, active);
	json_array_foreach(items, i, sint)
	{
		unsigned bit = 1u << (number_at(sint, "sint") & (SINTS - 1));
		unsigned column = 1 + (unsigned)__builtin_popcount(active & (bit - 1));
		struct top_row *row = row_of_vp(table, (double)number_at(sint, "vp"));

		if (!row)
			return false;
		if (!(active & bit))
			continue;
		free(row->cell[column].text);
		row->cell[column].text = sint_text(sint);
		if (is_set(sint, "slot.pending") || is_set(sint, "irq_owed"))
			row->level = TOP_ATTENTION;
	}
	return true;
}

/* ---- VPs ----------------------------------------------------------------- */

static const struct top_column vp_columns[] = {
	{"VP", 3, true},
	{"STATE", 8, false},
	{"BUSY", 5, true},
	{"EXITS/s", 8, true},
	{"HCALL/s", 8, true},
	{"IO/s", 7, true},
	{"MMIO/s", 7, true},
	{"RDMSR/s", 8, true},
	{"WRMSR/s", 8, true},
	{"HLT/s", 7, true},
};

/* Units of 100 ns in a second. */
static double busy_share(const struct pair *pair)
{
	return rate_at(pair, "runtime_100ns") / 1e7;
}

static bool add_vp(struct top_table *table, const struct pair *pair)
{
	static const char *const rates[] = {"exits.total", "exits.hypercall", "exits.io",
		"exits.mmio", "exits.msr_read", "exits.msr_write", "exits.hlt"};
	struct top_row *row = add_row(table);

	if (!row)
		return false;
	row->cell[0] = number_cell((double)number_at(pair->now, "vp"));
	row->cell[1] = text_cell(text_at(pair->now, "state"));
	row->cell[2] = share_cell(busy_share(pair));
	for (unsigned i = 0; i < ARRAY_LEN(rates); i++)
		row->cell[3 + i] = rate_cell(rate_at(pair, rates[i]));
	return true;
}

static bool build_vps(
	struct top_table *table, const struct top_sample *before, const struct top_sample *now)
{
	json_t *vp;
	size_t i;

	set_columns(table, vp_columns, ARRAY_LEN(vp_columns));
	json_array_foreach(items_of(now->vps), i, vp)
	{
		const struct pair pair = {
			find_same(items_of(before->vps), vp, "vp", NULL), vp, elapsed(before, now)};

		if (!add_vp(table, &pair))
			return false;
	}
	return true;
}

/* ---- findings ------------------------------------------------------------ */

static const struct top_column finding_columns[] = {
	{"RULE", 5, false},
	{"SEV", 5, false},
	{"RANK", 4, true},
	{"ROLE", 11, false},
	{"SUBJECT", 18, false},
	{"DIAGNOSIS", 0, false},
};

static bool build_findings(struct top_table *table, const struct top_sample *now)
{
	json_t *finding;
	size_t i;

	set_columns(table, finding_columns, ARRAY_LEN(finding_columns));
	json_array_foreach(items_of(now->doctor), i, finding)
	{
		int rank = suspicion_of(text_at(finding, "severity"));
		struct top_row *row = add_row(table);

		if (!row)
			return false;
		row->level = level_of(rank);
		row->detail = finding_detail(finding);
		row->cell[0] = text_cell(text_at(finding, "rule"));
		row->cell[1] = text_cell(text_at(finding, "severity"));
		row->cell[2] = number_cell(rank);
		row->cell[3] = text_cell(text_at(finding, "role"));
		row->cell[4] = text_cell(text_at(finding, "subject"));
		row->cell[5] = text_cell(text_at(finding, "diagnosis"));
	}
	return true;
}

/* ---- any table ----------------------------------------------------------- */

bool top_table_build(enum top_view view, const struct top_sample *before,
	const struct top_sample *now, struct top_table *ret_table)
{
	struct top_table table = {0};
	bool good = true;

	switch (view) {
	case TOP_CHANNELS:
		good = build_channels(&table, before, now);
		break;
	case TOP_SINTS:
		good = build_sints(&table, now);
		break;
	case TOP_VPS:
		good = build_vps(&table, before, now);
		break;
	case TOP_FINDINGS:
		good = build_findings(&table, now);
		break;
	case TOP_VIEWS:
		break;
	}
	if (good && is_complete(&table)) {
		*ret_table = table;
		return true;
	}
	top_table_deinit(&table);
	return false;
}

unsigned top_default_sort(enum top_view view, bool *ret_descending)
{
	*ret_descending = view == TOP_CHANNELS || view == TOP_FINDINGS;
	if (view == TOP_CHANNELS)
		return 3;
	return view == TOP_FINDINGS ? 2 : 0;
}

static bool row_holds(const struct top_table *table, const struct top_row *row, const char *text)
{
	for (unsigned c = 0; c < table->columns; c++) {
		if (strcasestr(row->cell[c].text, text))
			return true;
	}
	return false;
}

void top_table_filter(struct top_table *table, const char *text)
{
	size_t kept = 0;

	for (size_t i = 0; i < table->rows; i++) {
		if (row_holds(table, &table->row[i], text))
			table->row[kept++] = table->row[i];
		else
			row_deinit(&table->row[i]);
	}
	table->rows = kept;
}

static int compare_cells(const struct top_cell *a, const struct top_cell *b)
{
	if (isnan(a->key) || isnan(b->key))
		return strcmp(a->text, b->text);
	return (a->key > b->key) - (a->key < b->key);
}

/* By insertion: tables are short, nearly sorted from the look before, and equals keep their order.
 */
void top_table_sort(struct top_table *table, unsigned column, bool descending)
{
	for (size_t i = 1; column < table->columns && i < table->rows; i++) {
		struct top_row row = table->row[i];
		size_t at = i;

		for (; at > 0; at--) {
			int order = compare_cells(
				&table->row[at - 1].cell[column], &row.cell[column]);

			if (descending ? order >= 0 : order <= 0)
				break;
			table->row[at] = table->row[at - 1];
		}
		table->row[at] = row;
	}
}

/* ---- the lines above ----------------------------------------------------- */

/* The sum over the items; NAN until there are two looks. */
static double sum_rates(const json_t *before, const json_t *now, const char *key, const char *key2,
	const char *path, uint64_t elapsed_ns)
{
	double sum = items_of(before) ? 0 : NAN;
	json_t *item;
	size_t i;

	json_array_foreach(items_of(now), i, item)
	{
		const struct pair pair = {
			find_same(items_of(before), item, key, key2), item, elapsed_ns};
		double rate = rate_at(&pair, path);

		sum += isnan(rate) ? 0 : rate;
	}
	return sum;
}

static void put_rate(FILE *out, const char *name, double rate)
{
	struct top_cell cell = rate_cell(rate);

	fprintf(out, "%s%s %s/s", ftell(out) > 0 ? "  " : "", name, cell.text ? cell.text : "-");
	free(cell.text);
}

static void summarize_traffic(
	const struct top_sample *before, const struct top_sample *now, char *text, size_t size)
{
	uint64_t ns = elapsed(before, now);
	FILE *out = fmemopen(text, size, "w");

	text[0] = '\0';
	if (!out)
		return;
	put_rate(out, "hypercalls",
		sum_rates(before->hypercalls, now->hypercalls, "code", NULL, "count", ns));
	put_rate(out, "messages",
		sum_rates(before->sints, now->sints, "vp", "sint", "delivered", ns));
	put_rate(out, "events", sum_rates(before->sints, now->sints, "vp", "sint", "events", ns));
	put_rate(out, "interrupts",
		sum_rates(before->sints, now->sints, "vp", "sint", "interrupts", ns));
	put_rate(out, "records",
		top_rate(json_object_get(before->recorder, "records"),
			json_object_get(now->recorder, "records"), ns));
	fclose(out);
	text[size - 1] = '\0';
}

static void summarize_vm(const struct top_sample *now, char *text, size_t size)
{
	FILE *out = fmemopen(text, size, "w");

	text[0] = '\0';
	if (!out)
		return;
	text_put(out, text_at(now->vm, "name"));
	fprintf(out, ": %s, %s, SynIC %s, %lld VPs, up ", text_at(now->vm, "state"),
		text_at(now->vm, "accel"), text_at(now->vm, "synic_mode"),
		(long long)number_at(now->vm, "vp_count"));
	text_put_duration(out, (uint64_t)number_at(now->vm, "uptime_ns"));
	fclose(out);
	text[size - 1] = '\0';
}

/* ", 2 unseen": VPs, and threads of hvd, of which nothing could be said. */
static void put_unjudged(const struct top_sample *now, char text[32])
{
	size_t count = json_array_size(json_object_get(now->doctor, "unjudged"));

	text[0] = '\0';
	if (count > 0)
		snprintf(text, 32, ", %zu unseen", count);
}

/* The first cause of the worst severity, after the counts. */
static void summarize_findings(const struct top_sample *now, struct top_summary *summary)
{
	json_int_t errors = number_at(now->doctor, "errors");
	json_int_t warnings = number_at(now->doctor, "warnings");
	const json_t *first = json_array_get(items_of(now->doctor), 0);
	CLEANUP(free) char *diagnosis = text_escape(first ? text_at(first, "diagnosis") : "");
	char unseen[32];

	if (!now->doctor) {
		snprintf(summary->findings, sizeof(summary->findings), "findings: not known yet");
		return;
	}
	if (json_is_false(json_object_get(now->doctor, "judged"))) {
		snprintf(summary->findings, sizeof(summary->findings), "findings: not judged: %s",
			text_at(now->doctor, "why_not"));
		return;
	}
	put_unjudged(now, unseen);
	summary->findings_level = errors > 0 ? TOP_BAD : warnings > 0 ? TOP_ATTENTION : TOP_PLAIN;
	snprintf(summary->findings, sizeof(summary->findings),
		"findings: %lld errors, %lld warnings%s%s%s%s%s", (long long)errors,
		(long long)warnings, unseen, first ? "; " : "", first ? text_at(first, "rule") : "",
		first ? " " : "", diagnosis ? diagnosis : "");
}

void top_summarize(const struct top_sample *before, const struct top_sample *now,
	struct top_summary *ret_summary)
{
	struct top_summary summary = {0};
	json_t *vp;
	size_t i;

	summarize_vm(now, summary.vm, sizeof(summary.vm));
	summarize_traffic(before, now, summary.traffic, sizeof(summary.traffic));
	summarize_findings(now, &summary);
	json_array_foreach(items_of(now->vps), i, vp)
	{
		const struct pair pair = {
			find_same(items_of(before->vps), vp, "vp", NULL), vp, elapsed(before, now)};
		double share = busy_share(&pair);

		if (summary.vps < TOP_METERS_MAX)
			summary.busy[summary.vps++] = isnan(share) ? -1 : MIN(share, 1.0);
	}
	*ret_summary = summary;
}
