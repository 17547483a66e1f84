#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# hvd --demo on real KVM, and hvctl looking in, injecting and signalling
set -u
. /rig/lib/tap.sh

hvd --demo --name demo --accel kvm --synic user --cpus 2 --serial "file:$LOGS/console.log" \
	>"$LOGS/hvd.log" 2>&1 </dev/null &
hvd=$!
check 'the VM runs' comes_true hvctl vm wait --for state=running --timeout 1s
check 'it runs on KVM with the SynIC in user space' \
	prints '"synic_mode": *"user"' hvctl vm show -j
check 'the guest posts messages' comes_true prints 'accepted: *[1-9]' hvctl ports show 65537
check 'ports list shows the message port' prints '65537|0x10001' hvctl ports list
check 'sints list shows SINT 2 of VP 1' prints '^ *1 +0x60' hvctl sints list
check 'a message is delivered to VP 0' prints '^delivered' hvctl inject --vp 0 --sint 2
check 'a message is delivered to VP 1' prints '^delivered' hvctl inject --vp 1 --sint 2
check 'an event flag is set' hvctl signal --vp 0 --sint 2 --flag 5
check 'watch sees deliveries' \
	prints 'message.delivered' timeout 20 hvctl watch --sint 2 --count 12
check 'hvd ends with status 0' ends_with_zero "$hvd"
plan
