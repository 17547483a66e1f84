/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What a guest access may end in besides success.
 *
 * Purpose: the guest-visible exceptions of MSR accesses and hypercalls (positive conditions of the
 *          direct caller, who injects them).
 * Threads: none. Errors: none.
 */
enum hv_fault {
	HV_FAULT_NONE = 0,
	HV_FAULT_GP = 1, /* #GP(0) */
	HV_FAULT_UD = 2, /* #UD */
};
