/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The long text of a rule of the doctor, out of the table that hvd judges by. */
#include "cli/explain-rule.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/problem.h"
#include "cli/render.h"
#include "doctor/doctor.h"

enum { LINE = 78 };

bool explain_is_rule(const char *word)
{
	return (*word == 'D' || *word == 'd') && doctor_rule_find(word) >= 0;
}

bool explain_looks_like_rule(const char *word)
{
	return (*word == 'D' || *word == 'd') && word[1] &&
	       word[1 + strspn(word + 1, "0123456789")] == '\0';
}

/* Words of `text`, broken at spaces, each line indented. */
static void put_paragraph(const char *title, const char *text)
{
	size_t column = 0;

	printf("\n%s\n", title);
	while (*text) {
		size_t length = strcspn(text, " ");

		if (column > 0 && column + 1 + length > LINE) {
			fputc('\n', stdout);
			column = 0;
		}
		fputs(column == 0 ? "    " : " ", stdout);
		fwrite(text, 1, length, stdout);
		column += (column == 0 ? 4 : 1) + length;
		text += length;
		text += *text == ' ';
	}
	fputc('\n', stdout);
}

static void put_rule(const struct doctor_rule_text *rule)
{
	printf("%s: %s (%s, layer %s)\n", rule->id, rule->title,
		doctor_severity_names[rule->severity], doctor_layer_names[rule->layer]);
	put_paragraph("What is seen", rule->condition);
	put_paragraph("What it means", rule->meaning);
	put_paragraph("Where the guest shows it", rule->guest_shows);
	put_paragraph("What to do", rule->remedy);
	put_paragraph("How to bring it about", rule->provoke);
}

static json_t *rule_json(const struct doctor_rule_text *rule)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "rule", rule->id, "layer",
		doctor_layer_names[rule->layer], "severity", doctor_severity_names[rule->severity],
		"title", rule->title, "condition", rule->condition, "meaning", rule->meaning,
		"guest_shows", rule->guest_shows, "remedy", rule->remedy, "provoke", rule->provoke);
}

/* The rules `first` to `last` as a list that -j prints. */
static enum cli_exit render_rules(
	struct cli *cli, const struct invocation *invocation, unsigned first, unsigned last)
{
	json_auto_t *reply = json_pack("{s:[], s:n, s:n}", "items", "seq", "next");
	json_t *items = json_object_get(reply, "items");

	for (unsigned i = first; i <= last; i++) {
		struct doctor_rule_text rule = doctor_rule_text(i);

		if (json_array_append_new(items, rule_json(&rule)) < 0)
			return problem_errno(&cli->options, ENOMEM, "explain");
	}
	return render_reply(cli, invocation->command, reply);
}

enum cli_exit explain_rule(struct cli *cli, const struct invocation *invocation, const char *word)
{
	unsigned index = (unsigned)doctor_rule_find(word);
	struct doctor_rule_text rule = doctor_rule_text(index);

	if (cli_wants_json(&cli->options))
		return render_rules(cli, invocation, index, index);
	put_rule(&rule);
	return CLI_OK;
}

enum cli_exit explain_rules(struct cli *cli, const struct invocation *invocation)
{
	if (cli_wants_json(&cli->options))
		return render_rules(cli, invocation, 0, DOCTOR_RULES - 1);
	for (unsigned i = 0; i < DOCTOR_RULES; i++) {
		struct doctor_rule_text rule = doctor_rule_text(i);

		printf("%-4s %-5s  %s\n", rule.id, doctor_severity_names[rule.severity],
			rule.title);
	}
	return CLI_OK;
}
