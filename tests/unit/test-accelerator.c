/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The backends are fakes of this file: what is tested is the choice between them. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include "daemon/accelerator.h"

const struct accel accel_kvm = {.name = "kvm"};
const struct accel accel_sim = {.name = "sim"};

static int probe_result;

int accel_kvm_probe(void)
{
	return probe_result;
}

struct row {
	struct options options;
	int probe;
	const char *accel; /* NULL: refused with EX_UNAVAILABLE */
	const char *text;  /* in the refusal */
};

static const struct row rows[] = {
	{{.demo = true}, 0, "kvm", NULL},
	{{.demo = false}, 0, "kvm", NULL},
	{{.demo = true}, -ENOENT, "sim", NULL},
	{{.demo = true}, -EACCES, "sim", NULL},
	{{.demo = false}, -ENOENT, NULL, "/dev/kvm: No such file or directory (ENOENT)"},
	{{.demo = false}, -EACCES, NULL, "(EACCES); --demo runs without"},
	{{.demo = true, .accel = ACCEL_SIM}, 0, "sim", NULL},
	{{.demo = true, .accel = ACCEL_KVM}, 0, "kvm", NULL},
	{{.demo = true, .accel = ACCEL_KVM}, -ENODEV, NULL, "/dev/kvm: No such device (ENODEV)"},
	{{.demo = true, .synic = SYNIC_USER}, 0, "kvm", NULL},
	{{.demo = true, .synic = SYNIC_USER}, -ENOENT, NULL, "ENOENT"},
	{{.demo = true, .synic = SYNIC_KERNEL}, 0, NULL, "--synic user"},
	{{.demo = true, .synic = SYNIC_KERNEL}, -ENOENT, NULL, "--synic user"},
};

static void test_choices(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct row *row = &rows[i];
		struct accelerator chosen = {0};
		struct problem problem = {0};
		int r;

		probe_result = row->probe;
		r = accelerator_choose(&row->options, &chosen, &problem);
		assert_int_equal(r, row->accel == NULL);
		if (row->accel) {
			assert_string_equal(chosen.accel->name, row->accel);
			assert_int_equal(chosen.synic_mode == SYNIC_MODE_SIM,
				strcmp(row->accel, "sim") == 0);
			continue;
		}
		assert_null(chosen.accel);
		assert_int_equal(problem.exit_status, EX_UNAVAILABLE);
		if (!strstr(problem.text, row->text))
			fail_msg("row %zu said '%s'", i, problem.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		{"sim only for the demo, and only when nobody asked for KVM", test_choices, NULL,
			NULL, NULL},
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
