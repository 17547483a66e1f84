#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# hypercalls against a bare port-I/O exit, as ratios
# by name only
set -u
. /rig/lib/tap.sh

check 'hypercalls are measured' run-guest --accel kvm --timeout 120 bench vps=1
sed 's/^/# /' "$LOGS/1.log"
plan
