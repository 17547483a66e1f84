#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# hypercalls against a bare port-I/O exit, as ratios
set -u

echo 1..1
if run-guest --accel kvm --timeout 120 bench vps=1 >"$LOGS/bench.log" 2>&1 </dev/null; then
	sed 's/^/# /' "$LOGS/bench.log"
	echo 'ok 1 - bench'
else
	sed 's/^/# /' "$LOGS/bench.log"
	echo 'not ok 1 - bench'
fi
