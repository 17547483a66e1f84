/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/accelerator.h"

#include <string.h>
#include "common/log.h"

/* Only the demo has a software guest, and only when nobody asked for what KVM alone can do. */
static bool may_fall_back_to_sim(const struct options *options)
{
	return options->demo && options->accel == ACCEL_AUTO && options->synic == SYNIC_AUTO;
}

int accelerator_choose(const struct options *options, struct accelerator *ret_accelerator,
	struct problem *ret_problem)
{
	static const struct accelerator kvm = {&accel_kvm, SYNIC_MODE_USER};
	static const struct accelerator sim = {&accel_sim, SYNIC_MODE_SIM};
	int r;

	if (options->accel == ACCEL_SIM) {
		*ret_accelerator = sim;
		return 0;
	}
	if (options->synic == SYNIC_KERNEL)
		return problem_set(ret_problem, EX_UNAVAILABLE,
			"synic: this version does not use KVM's own SynIC; --synic user works on any KVM");
	r = accel_kvm_probe();
	if (r == 0) {
		*ret_accelerator = kvm;
		return 0;
	}
	if (!may_fall_back_to_sim(options))
		return problem_set(ret_problem, EX_UNAVAILABLE,
			"no usable accelerator: /dev/kvm: %s (%s)%s", strerror(-r),
			strerrorname_np(-r), options->demo ? "" : "; --demo runs without");
	log_info("/dev/kvm: %s (%s); the demo runs on sim", strerror(-r), strerrorname_np(-r));
	*ret_accelerator = sim;
	return 0;
}
