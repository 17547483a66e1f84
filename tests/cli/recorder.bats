#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2154 # hvd_pid: helpers.bash sets it
# The flight recorder outlives hvd: log --previous, log --file, and what is no log.

load helpers

kill_hvd() {
	kill -KILL "$hvd_pid"
	wait "$hvd_pid" || true
}

# field JSON NAME: of one object.
field() {
	/usr/bin/python3 -c 'import json, sys
print(json.loads(sys.argv[1])[sys.argv[2]])' "$1" "$2"
}

run_line() {
	"$HVCTL" -j log "$@" | tail -n 1
}

has_records() {
	[ -n "$("$HVCTL" log --type "$1" "${@:2}")" ]
}

@test "hvd killed with SIGKILL: its last records are there, without hvd and with the next" {
	start_hvd --demo --accel sim
	wait_until guest_takes_messages
	"$HVCTL" signal --vp 0 --sint 2 --flag 77
	wait_until has_records event.flag
	# The time of day is told from the offset at the start: the host's clock may be set meanwhile.
	last=$("$HVCTL" -j log --type event.flag | grep -o '"mono_ns":[0-9]*.*"flag":77')
	kill_hvd

	run "$HVCTL" -j log --previous --type event.flag
	assert_success
	assert_output --partial "$last"
	line=$(run_line --previous)
	assert_equal "$(field "$line" type)" run
	assert_equal "$(field "$line" ended)" killed
	assert_equal "$(field "$line" pid)" "$hvd_pid"
	assert_equal "$(field "$line" exit_status)" None

	killed_pid=$hvd_pid
	start_hvd --demo --accel sim
	run "$HVCTL" -j log --previous --type event.flag
	assert_success
	assert_output --partial "$last"
	line=$(run_line --previous)
	assert_equal "$(field "$line" pid)" "$killed_pid"
	assert_equal "$(field "$line" ended)" killed
}

@test "log --previous: ages count from the end of that run, filters and numbers hold" {
	start_hvd --demo --accel sim
	wait_until has_records message.delivered
	kill_hvd
	run "$HVCTL" log --previous --since 1h --type message.delivered --count 1
	assert_success
	assert_output --partial message.delivered
	run "$HVCTL" log --previous --since 3 --until 5
	assert_success
	assert_equal "${#lines[@]}" 3
	run "$HVCTL" log --previous --since 999999
	assert_failure 2
	assert_output --partial 'beyond the newest record'
}

@test "an orderly end is told, with its exit status" {
	start_hvd --demo --accel sim
	stop_hvd
	line=$(run_line --previous)
	assert_equal "$(field "$line" ended)" orderly
	assert_equal "$(field "$line" why)" Terminated
	assert_equal "$(field "$line" exit_status)" 0
	run timeout 60 "$HVD" --demo --accel sim --serial null --append run=nonesuch
	assert_failure 7
	line=$(run_line --previous)
	assert_equal "$(field "$line" ended)" orderly
	assert_equal "$(field "$line" exit_status)" 7
}

@test "hvd before there was any other: no previous log, 3" {
	run "$HVCTL" log --previous
	assert_failure 3
	assert_output --partial no_previous_log
	start_hvd --demo --accel sim
	run "$HVCTL" log --previous
	assert_failure 3
	assert_output --partial no_previous_log
}

@test "a log that is damaged, cut or of another version is refused with the reason" {
	start_hvd --demo --accel sim
	kill_hvd
	log=$HVD_RUNTIME_DIR/vm.log
	copy=$BATS_TEST_TMPDIR/copy
	head -c 100000 "$log" >"$copy"
	run "$HVCTL" log --file "$copy"
	assert_failure 4
	assert_output --partial 'cut short: 100000 of '
	cp --sparse=always "$log" "$copy"
	printf '\x63' | dd of="$copy" bs=1 seek=8 conv=notrunc status=none
	run "$HVCTL" log --file "$copy"
	assert_failure 4
	assert_output --partial 'a log of version 99; this program reads version 1'
	head -c 200000 /dev/urandom >"$copy"
	run "$HVCTL" log --file "$copy"
	assert_failure 4
	assert_output --partial 'not a log of hvd'
	run "$HVCTL" log --file "$BATS_TEST_TMPDIR/none"
	assert_failure 3
	run "$HVCTL" log --file "$log" --previous
	assert_failure 2
}

@test "hvd starts over a damaged log of its own, and never over another file" {
	mkdir -p "$HVD_RUNTIME_DIR"
	printf 'hvdlog\r\n\1\0\0\0garbage' >"$HVD_RUNTIME_DIR/vm.log"
	start_hvd --demo --accel sim
	run "$HVCTL" log --previous
	assert_failure 3
	assert_output --partial 'cut short: 19 bytes'
	stop_hvd
	echo precious >"$BATS_TEST_TMPDIR/precious"
	run "$HVD" --demo --accel sim --recorder-file "$BATS_TEST_TMPDIR/precious"
	assert_failure 78
	assert_output --partial 'is no log of hvd, and is left as it is'
	assert_equal "$(cat "$BATS_TEST_TMPDIR/precious")" precious
	run "$HVD" --demo --accel sim --recorder-file "$BATS_TEST_TMPDIR"
	assert_failure 78
}

@test "an hvd that does not start leaves the former run's log where it was" {
	start_hvd --demo --accel sim
	kill_hvd
	rm "$HVD_RUNTIME_DIR/vm.ro.sock"
	mkdir "$HVD_RUNTIME_DIR/vm.ro.sock"
	run "$HVD" --demo --accel sim
	assert_failure 78
	[ ! -e "$HVD_RUNTIME_DIR/vm.log.1" ]
	line=$(run_line --previous)
	assert_equal "$(field "$line" ended)" killed
	assert_equal "$(field "$line" pid)" "$hvd_pid"
}

@test "--recorder-file: another path, or none" {
	start_hvd --demo --accel sim --recorder-file "$BATS_TEST_TMPDIR/elsewhere"
	kill_hvd
	run "$HVCTL" log --file "$BATS_TEST_TMPDIR/elsewhere" --type vm.state
	assert_success
	assert_output --partial 'to=running'
	[ ! -e "$HVD_RUNTIME_DIR/vm.log" ]
	start_hvd --demo --accel sim --recorder-file none
	wait_until has_records vm.state
	kill_hvd
	[ ! -e "$HVD_RUNTIME_DIR/vm.log" ]
}

@test "the log of a VM that hangs can be read from its file" {
	start_hvd --demo --accel sim
	wait_until has_records message.delivered
	kill -STOP "$hvd_pid"
	run "$HVCTL" log --file "$HVD_RUNTIME_DIR/vm.log"
	kill -CONT "$hvd_pid"
	assert_success
	assert_output --partial 'ended=running'
}

# accounts_for FILE HEAD: the records and gaps of a watch from 1 to HEAD leave no number out.
accounts_for() {
	/usr/bin/python3 - "$1" "$2" <<-'END'
		import json, sys
		read = lost = 0
		for line in open(sys.argv[1]):
		    record = json.loads(line)
		    if record["type"] == "gap":
		        lost += record["lost"]
		    elif record["type"] != "end":
		        read += 1
		    if record["seq"] != read + lost:
		        sys.exit(f"after {read} read and {lost} lost: {line}")
		print(f"{read} read, {lost} lost")
		sys.exit(read + lost != int(sys.argv[2]))
	END
}

has_seen() {
	tail -n 1 "$1" | grep -q "\"seq\":$2,"
}

@test "a flooding guest: every record is read or counted as lost, by a watcher that hangs, too" {
	start_hvd --demo --accel sim --paused --on-stop stay \
		--append 'run=spin-work rounds=40000 spins=0'
	"$HVCTL" -j watch --since 0 >"$BATS_TEST_TMPDIR/quick" 3>&- &
	quick=$!
	"$HVCTL" -j watch --since 0 >"$BATS_TEST_TMPDIR/hanging" 3>&- &
	hanging=$!
	hvd_pids+=("$quick" "$hanging")
	wait_until test -s "$BATS_TEST_TMPDIR/hanging"
	kill -STOP "$hanging"
	"$HVCTL" vm resume
	"$HVCTL" vm wait --for state=stopped --timeout 60s
	kill -CONT "$hanging"
	head=$(field "$("$HVCTL" -j inspect recorder)" head_seq)
	[ "$head" -gt 80000 ]
	wait_until has_seen "$BATS_TEST_TMPDIR/quick" "$head"
	wait_until has_seen "$BATS_TEST_TMPDIR/hanging" "$head"
	accounts_for "$BATS_TEST_TMPDIR/quick" "$head"
	accounts_for "$BATS_TEST_TMPDIR/hanging" "$head"
	grep -q '"type":"gap"' "$BATS_TEST_TMPDIR/hanging"
}

@test "a memfd: systemd keeps it when hvd is killed, and the next hvd shows it" {
	run /usr/bin/python3 "$SOURCE_ROOT/tests/cli/fd-store" "$HVD" "$HVCTL" "$HVD_RUNTIME_DIR"
	assert_success
	assert_line 'stored: hvd-recorder'
	assert_line 'previous: killed'
	assert_line 'stored again: hvd-recorder'
}
