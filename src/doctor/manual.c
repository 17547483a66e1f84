/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * doctor-manual: the rules as they stand in docs/doctor.md, from the first rule on. Is not installed;
 * scripts/update-doctor-docs calls it.
 */
#include <stdio.h>
#include "doctor/doctor.h"

static void put_index(void)
{
	puts("| rule | layer | severity | title |");
	puts("|---|---|---|---|");
	for (unsigned i = 0; i < DOCTOR_RULES; i++) {
		struct doctor_rule_text rule = doctor_rule_text(i);

		printf("| %s | %s | %s | %s |\n", rule.id, doctor_layer_names[rule.layer],
			doctor_severity_names[rule.severity], rule.title);
	}
}

static void put_rule(const struct doctor_rule_text *rule)
{
	printf("\n### %s: %s\n\n", rule->id, rule->title);
	printf("- **Seen:** %s\n", rule->condition);
	printf("- **Means:** %s\n", rule->meaning);
	printf("- **The guest shows:** %s\n", rule->guest_shows);
	printf("- **Do:** %s\n", rule->remedy);
	printf("- **Provoke:** %s\n", rule->provoke);
}

int main(void)
{
	put_index();
	for (unsigned i = 0; i < DOCTOR_RULES; i++) {
		struct doctor_rule_text rule = doctor_rule_text(i);

		put_rule(&rule);
	}
	return fflush(stdout) == 0 ? 0 : 1;
}
