# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# What every bats file here loads first. $HVD and $HVCTL are the programs under test (meson sets them).
#
# Each test has a runtime directory of its own, and whatever hvd it starts is gone when it ends.

bats_load_library bats-support
bats_load_library bats-assert

# In front of a command. No function, so that $! is the command itself.
as_nobody=(setpriv --reuid nobody --clear-groups --inh-caps=-all --bounding-set=-all --)

common_setup() {
	export HVD_RUNTIME_DIR=$BATS_TEST_TMPDIR/run
	unset HVD_VM HVD_SOCKET XDG_RUNTIME_DIR NOTIFY_SOCKET
	hvd_pids=()
}

common_teardown() {
	local pid

	for pid in "${hvd_pids[@]}"; do
		kill -KILL "$pid" 2>/dev/null || continue
		wait "$pid" 2>/dev/null || true
	done
	[ -z "${nobody_dir-}" ] || rm -rf "$nobody_dir"
	# What hvd said, should the test have failed.
	cat "$BATS_TEST_TMPDIR"/*.log 2>/dev/null || true
}

# Those of a file that has none of its own.
setup() {
	common_setup
}

teardown() {
	common_teardown
}

# wait_until COMMAND...: at most 20 seconds, because machines differ; returns as soon as it holds.
wait_until() {
	local tries

	for ((tries = 0; tries < 400; tries++)); do
		"$@" >/dev/null 2>&1 && return 0
		sleep 0.05
	done
	echo "gave up waiting for: $*" >&2
	return 1
}

# takes_interrupts PID: it has a handler for SIGINT, which a background job of a shell ignores at first.
takes_interrupts() {
	(($((0x$(awk '$1 == "SigCgt:" { print $2 }' "/proc/$1/status"))) & 2))
}

# interrupted WHEN COMMAND...: its status, after a SIGINT as soon as it takes one and the command WHEN
# holds. timeout(1) sends a SIGCONT behind it, over which the leak checker of ASan hangs when it has
# just begun.
interrupted() {
	local when=$1 pid
	shift

	"$@" <&0 3>&- &
	pid=$!
	wait_until takes_interrupts "$pid" && wait_until "$when"
	kill -INT "$pid"
	wait "$pid"
}

# guest_takes_messages: the demo has set up SINT 2 of its first VP. hvd is ready before that.
guest_takes_messages() {
	"$HVCTL" sints list --filter vp=0,sint=2,masked=false -o name | grep -q .
}

# api PATH [CURL-ARGS...]: a request to the VM's read-write socket.
api() {
	local path=$1
	shift

	curl -sS --max-time 10 --unix-socket "$HVD_RUNTIME_DIR/${vm_name:-vm}.api.sock" "$@" \
		"http://hvd$path"
}

is_ready() {
	[ "$(api /readyz -o /dev/null -w '%{http_code}')" = 200 ]
}

# A program that has died will not become ready any more.
is_ready_or_gone() {
	is_ready || ! kill -0 "$hvd_pid"
}

# start_hvd ARGS...: in the background, until its API is ready. Sets hvd_pid.
start_hvd() {
	"$HVD" --serial "file:$BATS_TEST_TMPDIR/console.log" "$@" \
		2>"$BATS_TEST_TMPDIR/hvd.log" </dev/null 3>&- &
	hvd_pid=$!
	hvd_pids+=("$hvd_pid")
	wait_until is_ready_or_gone && is_ready
}

# stop_hvd: SIGTERM, and its exit status.
stop_hvd() {
	kill -TERM "$hvd_pid"
	wait "$hvd_pid"
}

# become_nobody: prepares $nobody_dir, which belongs to nobody and holds a copy of hvd (the build may
# lie where nobody else can look). Skips the test where it cannot work.
become_nobody() {
	[ "$(id -u)" = 0 ] || skip 'needs root to become somebody else'
	nobody_dir=$(mktemp -d /tmp/hvd-nobody.XXXXXX)
	install -m 755 "$HVD" "$nobody_dir/hvd"
	chown nobody "$nobody_dir"
	export HVD_RUNTIME_DIR=$nobody_dir/run
}

# need_closed_kvm: skips the test where nobody may open /dev/kvm.
need_closed_kvm() {
	[ -c /dev/kvm ] || return 0
	! "${as_nobody[@]}" sh -c ': <>/dev/kvm' 2>/dev/null || skip 'everybody may open /dev/kvm here'
}

# accels: what guests can run on here.
accels() {
	echo sim
	[ -n "$(why_no_kvm)" ] || echo kvm
}

why_no_kvm() {
	if [ ! -c /dev/kvm ]; then # opening would make it
		echo '/dev/kvm does not exist'
	elif ! { : <>/dev/kvm; } 2>/dev/null; then
		echo "/dev/kvm cannot be opened by $(id -un)"
	fi
}

# need_accel NAME: skips the test, saying why, where that accelerator is not to be had.
need_accel() {
	local why

	[ "$1" = kvm ] || return 0
	why=$(why_no_kvm)
	[ -z "$why" ] || skip "$why"
}

# kvm_cap NUMBER: what KVM says to KVM_CHECK_EXTENSION, without asking hvd.
kvm_cap() {
	/usr/bin/python3 -c 'import fcntl, sys
print(fcntl.ioctl(open("/dev/kvm", "rb"), 0xAE03, int(sys.argv[1])))' "$1"
}

# need_no_kernel_synic: skips the test where KVM has a SynIC of its own (KVM_CAP_HYPERV_SYNIC2).
need_no_kernel_synic() {
	[ "$(kvm_cap 148)" = 0 ] || skip 'KVM has a SynIC of its own here'
}
