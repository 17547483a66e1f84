#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# unit tests of the KVM backend with hvd's own SynIC
# needs: program=tests/unit/test-kvm
set -u
. /rig/lib/tap.sh

check 'VPs run, are kicked, reset and read; hypercalls, auto-EOI and faults' runs_whole test-kvm
plan
