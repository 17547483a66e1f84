#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# every guest program on real KVM, SynIC in the kernel
# needs: guest-tests
set -u
. /rig/lib/guests.sh
run_guests kernel --synic kernel
