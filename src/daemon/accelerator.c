/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * KVM with its own SynIC, KVM with ours, the software guest of the demo: the first that was not
 * ruled out by an option and that this host has.
 */
#include "daemon/accelerator.h"

#include <stdio.h>
#include <string.h>
#include "common/log.h"

/* Why KVM cannot be used in some mode. */
struct obstacle {
	int error;           /* of /dev/kvm, or */
	const char *missing; /* the capability */
};

static bool try_mode(enum synic_mode mode, bool enforce_cpuid, struct accelerator *ret_accelerator,
	struct obstacle *ret_obstacle)
{
	struct obstacle obstacle = {0};
	int r = accel_kvm_probe(mode, enforce_cpuid, &obstacle.missing);

	if (r == 0) {
		*ret_accelerator = (struct accelerator){&accel_kvm, mode, enforce_cpuid};
		return true;
	}
	if (r < 0)
		obstacle.error = r;
	*ret_obstacle = obstacle;
	return false;
}

/* Enforcement where KVM has it, unless that was asked for or ruled out. */
static bool try_kernel(const struct options *options, struct accelerator *ret_accelerator,
	struct obstacle *ret_obstacle)
{
	if (options->enforce_cpuid != ENFORCE_CPUID_OFF &&
		try_mode(SYNIC_MODE_KERNEL, true, ret_accelerator, ret_obstacle))
		return true;
	return options->enforce_cpuid != ENFORCE_CPUID_ON &&
	       try_mode(SYNIC_MODE_KERNEL, false, ret_accelerator, ret_obstacle);
}

/* In at most 80 characters, for a sentence. */
static void describe(const struct obstacle *obstacle, char text[static 80])
{
	if (obstacle->missing)
		snprintf(text, 80, "/dev/kvm: no KVM_CAP_%s", obstacle->missing);
	else
		snprintf(text, 80, "/dev/kvm: %s (%s)", strerror(-obstacle->error),
			strerrorname_np(-obstacle->error));
}

static bool try_kvm(const struct options *options, struct accelerator *ret_accelerator,
	struct obstacle *ret_obstacle)
{
	if (options->synic != SYNIC_USER && try_kernel(options, ret_accelerator, ret_obstacle))
		return true;
	if (options->synic == SYNIC_KERNEL)
		return false;
	return try_mode(SYNIC_MODE_USER, true, ret_accelerator, ret_obstacle);
}

/* Only the demo has a software guest, and only when nobody asked for what KVM alone can do. */
static bool may_fall_back_to_sim(const struct options *options)
{
	return options->demo && options->accel == ACCEL_AUTO && options->synic == SYNIC_AUTO;
}

static int refuse(
	const struct options *options, const struct obstacle *obstacle, struct problem *ret_problem)
{
	const char *hint = options->demo ? "" : "; --demo runs without";
	char text[80];

	describe(obstacle, text);
	if (obstacle->missing && options->synic == SYNIC_KERNEL)
		hint = "; --synic user does without";
	return problem_set(ret_problem, EX_UNAVAILABLE, "no usable accelerator: %s%s", text, hint);
}

int accelerator_choose(const struct options *options, struct accelerator *ret_accelerator,
	struct problem *ret_problem)
{
	static const struct accelerator sim = {&accel_sim, SYNIC_MODE_SIM, true};
	struct obstacle obstacle;
	char text[80];

	if (options->accel == ACCEL_SIM) {
		*ret_accelerator = sim;
		return 0;
	}
	if (try_kvm(options, ret_accelerator, &obstacle))
		return 0;
	if (!may_fall_back_to_sim(options))
		return refuse(options, &obstacle, ret_problem);
	describe(&obstacle, text);
	log_info("%s; the demo runs on sim", text);
	*ret_accelerator = sim;
	return 0;
}
