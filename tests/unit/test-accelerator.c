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

/* Of three kinds of host, each can do what those above it can. */
enum host { NO_SUCH_DEVICE, NOT_ALLOWED, TOO_OLD, WITHOUT_HYPERV, WITHOUT_ENFORCE, COMPLETE };

static enum host host;

int accel_kvm_probe(enum synic_mode mode, bool enforce_cpuid, const char **ret_missing)
{
	const char *missing = NULL;

	if (host == NO_SUCH_DEVICE || host == NOT_ALLOWED)
		return host == NO_SUCH_DEVICE ? -ENOENT : -EACCES;
	if (host == TOO_OLD)
		missing = "X2APIC_API";
	else if (host == WITHOUT_HYPERV && mode == SYNIC_MODE_KERNEL)
		missing = "HYPERV_SYNIC2";
	else if (host == WITHOUT_ENFORCE && mode == SYNIC_MODE_KERNEL && enforce_cpuid)
		missing = "HYPERV_ENFORCE_CPUID";
	if (!missing)
		return 0;
	*ret_missing = missing;
	return ACCEL_E_MISSING;
}

/* ---- what is chosen -------------------------------------------------------------------------- */

struct choice {
	enum host host;
	struct options options;
	enum synic_mode mode;
	bool enforce_cpuid;
};

static const struct choice choices[] = {
	{COMPLETE, {.demo = false}, SYNIC_MODE_KERNEL, true},
	{COMPLETE, {.demo = true}, SYNIC_MODE_KERNEL, true},
	{COMPLETE, {.accel = ACCEL_KVM}, SYNIC_MODE_KERNEL, true},
	{COMPLETE, {.enforce_cpuid = ENFORCE_CPUID_ON}, SYNIC_MODE_KERNEL, true},
	{COMPLETE, {.enforce_cpuid = ENFORCE_CPUID_OFF}, SYNIC_MODE_KERNEL, false},
	{COMPLETE, {.synic = SYNIC_KERNEL}, SYNIC_MODE_KERNEL, true},
	{COMPLETE, {.synic = SYNIC_USER}, SYNIC_MODE_USER, true},
	{COMPLETE, {.demo = true, .accel = ACCEL_SIM}, SYNIC_MODE_SIM, true},
	{WITHOUT_ENFORCE, {.demo = false}, SYNIC_MODE_KERNEL, false},
	{WITHOUT_ENFORCE, {.synic = SYNIC_KERNEL}, SYNIC_MODE_KERNEL, false},
	{WITHOUT_ENFORCE, {.enforce_cpuid = ENFORCE_CPUID_ON}, SYNIC_MODE_USER, true},
	{WITHOUT_HYPERV, {.demo = false}, SYNIC_MODE_USER, true},
	{WITHOUT_HYPERV, {.demo = true}, SYNIC_MODE_USER, true},
	{WITHOUT_HYPERV, {.enforce_cpuid = ENFORCE_CPUID_OFF}, SYNIC_MODE_USER, true},
	{TOO_OLD, {.demo = true}, SYNIC_MODE_SIM, true},
	{NO_SUCH_DEVICE, {.demo = true}, SYNIC_MODE_SIM, true},
	{NOT_ALLOWED, {.demo = true}, SYNIC_MODE_SIM, true},
};

static void test_choices(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(choices); i++) {
		const struct choice *row = &choices[i];
		struct accelerator chosen = {0};
		struct problem problem = {0};

		host = row->host;
		if (accelerator_choose(&row->options, &chosen, &problem) != 0)
			fail_msg("row %zu: %s", i, problem.text);
		if (chosen.synic_mode != row->mode || chosen.enforce_cpuid != row->enforce_cpuid)
			fail_msg("row %zu: mode %d, enforce %d", i, chosen.synic_mode,
				chosen.enforce_cpuid);
		assert_ptr_equal(
			chosen.accel, row->mode == SYNIC_MODE_SIM ? &accel_sim : &accel_kvm);
	}
}

/* ---- what is refused ------------------------------------------------------------------------- */

struct refusal {
	enum host host;
	struct options options;
	const char *text[2]; /* in the message */
};

static const struct refusal refusals[] = {
	{NO_SUCH_DEVICE, {.demo = false}, {"/dev/kvm: No such file or directory (ENOENT)"}},
	{NOT_ALLOWED, {.demo = false}, {"/dev/kvm: ", "(EACCES); --demo runs without"}},
	{NOT_ALLOWED, {.demo = true, .accel = ACCEL_KVM}, {"(EACCES)"}},
	{NOT_ALLOWED, {.demo = true, .synic = SYNIC_USER}, {"(EACCES)"}},
	{NOT_ALLOWED, {.demo = true, .synic = SYNIC_KERNEL}, {"(EACCES)"}},
	{TOO_OLD, {.demo = false}, {"no KVM_CAP_X2APIC_API", "--demo runs without"}},
	{TOO_OLD, {.demo = true, .accel = ACCEL_KVM}, {"no KVM_CAP_X2APIC_API"}},
	{WITHOUT_HYPERV, {.synic = SYNIC_KERNEL}, {"no KVM_CAP_HYPERV_SYNIC2", "--synic user"}},
	{WITHOUT_HYPERV, {.demo = true, .synic = SYNIC_KERNEL},
		{"no KVM_CAP_HYPERV_SYNIC2", "--synic user"}},
	{WITHOUT_ENFORCE, {.synic = SYNIC_KERNEL, .enforce_cpuid = ENFORCE_CPUID_ON},
		{"no KVM_CAP_HYPERV_ENFORCE_CPUID", "--synic user"}},
};

static void test_refusals(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
		const struct refusal *row = &refusals[i];
		struct accelerator chosen = {0};
		struct problem problem = {0};

		host = row->host;
		assert_int_equal(accelerator_choose(&row->options, &chosen, &problem), 1);
		assert_null(chosen.accel);
		assert_int_equal(problem.exit_status, EX_UNAVAILABLE);
		for (size_t j = 0; j < ARRAY_LEN(row->text) && row->text[j]; j++) {
			if (!strstr(problem.text, row->text[j]))
				fail_msg("row %zu said '%s'", i, problem.text);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		{"the best that this host has and no option rules out is taken", test_choices},
		{"what cannot be had is refused by its name", test_refusals},
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
