#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# unit tests of the KVM backend that need KVM's own SynIC
# needs: program=tests/unit/test-kvm-kernel
set -u
. /rig/lib/tap.sh

check 'registers that KVM holds are read and reset' runs_whole test-kvm-kernel
plan
