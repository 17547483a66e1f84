#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# hvctl watch --kernel against stub-hvd: what it needs of a host, what it says where something is
# missing, and that it leaves nothing behind. KVM's events themselves: tests/nested/watch-kernel.sh.
# shellcheck disable=SC2154 # stderr is set by run

bats_require_minimum_version 1.5.0

tracing=/sys/kernel/tracing

load helpers
load stub

teardown() {
	common_teardown
	[ -z "${open_dir-}" ] || rm -rf "$open_dir"
}

# refused STATUS CODE COMMAND...: that exit status, one problem with that code, nothing on stdout.
refused() {
	local wanted=$1 code=$2
	shift 2

	run --separate-stderr "$@"
	assert_equal "$status" "$wanted"
	assert_output ''
	one_json "$stderr"
	assert_equal "$(field "$stderr" code)" "$code"
}

need_root() {
	[ "$(id -u)" = 0 ] || skip 'needs root'
}

# need_host: skips the test in a container: processes have other numbers there.
need_host() {
	[ "$(readlink /proc/self/ns/pid)" = 'pid:[4026531836]' ] || skip 'not in the host PID namespace'
}

# need_tracing: skips the test where KVM's trace events cannot be had. Instances are the host's: of
# several runs of these tests at once, one has them, until its test ends.
need_tracing() {
	need_root
	need_host
	[ -w $tracing/instances ] || skip "no tracefs at $tracing"
	[ -d $tracing/events/kvm/kvm_hv_synic_set_irq ] || skip 'no trace events kvm:kvm_hv_*'
	exec 8<$tracing/instances
	flock 8
}

# without MOUNT-POINT COMMAND...: where something empty is mounted there.
without() {
	local place=$1
	shift

	# shellcheck disable=SC2016 # the inner shell expands them
	unshare --mount sh -c 'mount -t tmpfs none "$0" && exec "$@"' "$place" "$@"
}

has_instance() {
	[ -d "$tracing/instances/hvd-hvctl-$1" ]
}

# start_watch: one that goes on. Sets watcher. SIGHUP is ignored below nohup, and hvctl leaves it so.
start_watch() {
	rm -f "$BATS_TEST_TMPDIR/out"
	env --default-signal=HUP "$HVCTL" watch --kernel --type 'kvm.*' \
		>"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
	watcher=$!
	hvd_pids+=("$watcher")
	wait_until grep -q vm.state "$BATS_TEST_TMPDIR/out"
	has_instance "$watcher"
}

# ends_with STATUS: the watch; its instance is gone.
ends_with() {
	local ended=0

	wait "$watcher" || ended=$?
	assert_equal "$ended" "$1"
	! has_instance "$watcher"
}

@test "a VM on sim is refused: no kernel knows of it" {
	start_stub
	refused 4 not_kvm "$HVCTL" -j watch --kernel
	run "$HVCTL" watch --kernel
	assert_output --partial 'hint: hvd --accel kvm'
}

@test "--curl cannot print what does not come over HTTP" {
	start_stub stub --synic kernel
	refused 2 usage "$HVCTL" -j --curl watch --kernel
}

@test "--kernel belongs to watch" {
	refused 2 usage "$HVCTL" -j log --kernel
	run "$HVCTL" complete -- watch --k
	assert_output --regexp '^--kernel'
}

@test "another process than it says is not on this host" {
	need_host
	start_stub stub --synic kernel --pid 1
	refused 4 daemon_not_local "$HVCTL" -j watch --kernel
	run "$HVCTL" watch --kernel
	assert_output --partial 'on the host where hvd runs'
}

@test "hvctl in a container is told to leave it" {
	need_root
	start_stub stub --synic kernel
	refused 4 other_pid_namespace unshare --pid --fork --mount-proc "$HVCTL" -j watch --kernel
}

@test "tracefs not mounted: how to mount it" {
	need_root
	need_host
	start_stub stub --synic kernel
	# Where the kernel has no debugfs there is no second place to hide.
	refused 4 tracefs_not_mounted without /sys/kernel sh -c 'mkdir /sys/kernel/tracing && exec "$@"' \
		- "$HVCTL" -j watch --kernel
	assert_equal "$(field "$stderr" hint)" \
		'mount it as root: mount -t tracefs nodev /sys/kernel/tracing'
}

@test "a kernel without tracefs" {
	need_root
	need_host
	start_stub stub --synic kernel
	refused 3 tracefs_missing without /sys/kernel "$HVCTL" -j watch --kernel
}

@test "a kernel without KVM's Hyper-V events" {
	need_tracing
	start_stub stub --synic kernel
	refused 3 kvm_events_missing without $tracing/events/kvm "$HVCTL" -j watch --kernel
}

@test "no permission: run it as root" {
	need_root
	need_host
	[ -d $tracing/instances ] || skip "no tracefs at $tracing"
	open_dir=$(mktemp -d /tmp/hvd-open.XXXXXX)
	chmod 755 "$open_dir"
	install -m 755 "$HVCTL" "$open_dir/hvctl"
	export HVD_RUNTIME_DIR=$open_dir
	start_stub stub --synic kernel
	chmod 666 "$open_dir/stub.api.sock"
	refused 5 tracefs_not_permitted "${as_nobody[@]}" "$open_dir/hvctl" -j watch --kernel
	assert_equal "$(field "$stderr" hint)" 'run hvctl watch --kernel as root'
}

@test "hvd's records come through, in their order, and its end is the last" {
	need_tracing
	start_stub stub --synic kernel
	run --separate-stderr "$HVCTL" watch --kernel
	assert_success
	assert_equal "$stderr" ''
	assert_line --index 0 --partial 'message.delivered'
	assert_line --index 1 --regexp '^- +5 +gap +lost=4$'
	assert_line --index 2 --partial 'vm.state'
	assert_line --index 3 --regexp '^- +6 +end +reason=shutdown$'
	run "$HVCTL" -j watch --kernel --count 1
	assert_success
	assert_equal "$(field "$output" seq)" 1
	run ls $tracing/instances
	refute_output --partial hvd-hvctl
}

@test "mode user: said, not refused; --since: from when" {
	need_tracing
	start_stub stub --synic user
	run --separate-stderr "$HVCTL" watch --kernel --since 5m --count 1
	assert_success
	[[ $stderr == *'mode user'*"the kernel's begin now"* ]]
	run --separate-stderr "$HVCTL" -q watch --kernel --since 5m --count 1
	assert_equal "$stderr" ''
}

@test "a type that this kernel has not: the ones it has" {
	need_tracing
	start_stub stub --synic kernel
	refused 3 no_such_event "$HVCTL" -j watch --kernel --type 'kvm.nothing'
	[[ $(field "$stderr" hint) == *synic_set_irq* ]]
}

@test "hvd in a container is found by what the kernel says" {
	need_tracing
	mkdir -p "$HVD_RUNTIME_DIR"
	unshare --pid --fork --kill-child "$BATS_TEST_DIRNAME/stub-hvd" "$HVD_RUNTIME_DIR/in.api.sock" \
		--synic kernel >"$BATS_TEST_TMPDIR/stub.log" 2>&1 3>&- &
	hvd_pids+=("$!")
	wait_until grep -q ready "$BATS_TEST_TMPDIR/stub.log"
	run "$HVCTL" watch --kernel --count 1
	assert_success
	assert_line --partial message.delivered
}

@test "signals end it, and its instance" {
	need_tracing
	start_stub stub --synic kernel
	local signal statuses=([1]=129 [2]=130 [15]=143)

	for signal in "${!statuses[@]}"; do
		start_watch
		kill "-$signal" "$watcher"
		ends_with "${statuses[$signal]}"
	done
}

@test "hvd that dies ends it: 6, and no instance" {
	need_tracing
	start_stub stub --synic kernel
	start_watch
	kill -KILL "${hvd_pids[0]}"
	ends_with 6
}

@test "a reader that leaves ends it, and its instance" {
	need_tracing
	start_stub stub --synic kernel
	run timeout 60 bash -c '"$HVCTL" watch --kernel --type "kvm.*" | (read -r line; sleep 0.3; echo "$line")'
	assert_success
	run ls $tracing/instances
	refute_output --partial hvd-hvctl
}

@test "killed outright it leaves an instance, which the next one removes" {
	need_tracing
	start_stub stub --synic kernel
	start_watch
	kill -KILL "$watcher"
	wait "$watcher" || true
	has_instance "$watcher"
	# One that still runs keeps its own.
	local dead=$watcher
	start_watch
	run has_instance "$dead"
	assert_failure
	run "$HVCTL" watch --kernel --count 1
	assert_success
	has_instance "$watcher"
	kill "$watcher"
	ends_with 143
}
