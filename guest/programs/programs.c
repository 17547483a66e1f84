/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "programs/programs.h"

#define GX_PROGRAM_ROW(name) &gx_program_##name,
const struct gx_program *const gx_programs[] = {GX_PROGRAMS(GX_PROGRAM_ROW)};
#undef GX_PROGRAM_ROW

const size_t gx_program_count = GX_ARRAY_LEN(gx_programs);
