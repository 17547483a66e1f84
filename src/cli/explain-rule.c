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

enum cli_exit explain_rule(
	struct cli *cli, const struct invocation *invocation, const char *word)
{
	struct doctor_rule_text rule = doctor_rule_text((unsigned)doctor_rule_find(word));
	json_auto_t *reply = NULL;

	if (!cli_wants_json(&cli->options)) {
		put_rule(&rule);
		return CLI_OK;
	}
	reply = json_pack("{s:[{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}], s:n, s:n}", "items",
		"rule", rule.id, "layer", doctor_layer_names[rule.layer], "severity",
		doctor_severity_names[rule.severity], "title", rule.title, "condition",
		rule.condition, "meaning", rule.meaning, "guest_shows", rule.guest_shows, "remedy",
		rule.remedy, "provoke", rule.provoke, "seq", "next");
	return reply ? render_reply(cli, invocation->command, reply)
		     : problem_errno(&cli->options, ENOMEM, "explain");
}
