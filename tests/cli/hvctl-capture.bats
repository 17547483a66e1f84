#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# hvctl capture against a running hvd: a file at any time a good one, whoever ends it.
# shellcheck disable=SC2154 # stderr is set by run

bats_require_minimum_version 1.5.0

load helpers

setup() {
	common_setup
	file=$BATS_TEST_TMPDIR/file.pcapng
}

# blocks FILE: "TYPE LENGTH" of each block; fails when the file does not end where a block does.
blocks() {
	/usr/bin/python3 - "$1" <<'EOT'
import struct, sys

data = open(sys.argv[1], "rb").read()
at = 0
while at < len(data):
    kind, length = struct.unpack_from("<II", data, at)
    assert length >= 12 and length % 4 == 0 and at + length <= len(data), f"block at {at}"
    assert struct.unpack_from("<I", data, at + length - 4)[0] == length, f"end of the block at {at}"
    print(kind, length)
    at += length
EOT
}

has_packets() {
	[ "$(blocks "$file" | grep -c '^6 ')" -ge 5 ]
}

@test "capture ends after --count packets with a whole file" {
	start_hvd --demo --accel sim
	run --separate-stderr "$HVCTL" capture -w "$file" --count 12
	assert_success
	assert_output ''
	assert_equal "$stderr" '12 packets captured, 0 lost'
	run blocks "$file"
	assert_success
	assert_line --index 0 --regexp '^168627466 ' # the section header
	assert_line --index 1 --regexp '^1 '
	assert_equal "$(grep -c '^6 ' <<<"$output")" 12
	assert_equal "$(stat -c %a "$file")" 600
}

@test "SIGTERM ends a capture as SIGINT does, and is what it ends by" {
	start_hvd --demo --accel sim
	"$HVCTL" capture -w "$file" 2>"$BATS_TEST_TMPDIR/said" 3>&- &
	local pid=$! ended=0
	wait_until has_packets
	kill -TERM "$pid"
	wait "$pid" || ended=$?
	assert_equal "$ended" 143
	assert_equal "$(sed 's/^[0-9]* //' "$BATS_TEST_TMPDIR/said")" 'packets captured, 0 lost'
	run blocks "$file"
	assert_success
}

@test "a file that may not grow ends where a block does, and says how far it came" {
	start_hvd --demo --accel sim
	run bash -c 'ulimit -f 1; trap "" XFSZ; "$HVCTL" capture -w "$1"' _ "$file" 3>&-
	assert_failure 1
	assert_line --partial 'File too large'
	assert_line --regexp '^[1-9][0-9]* packets captured, 0 lost$'
	packets=$(sed -n 's/ packets captured.*//p' <<<"$output")
	run blocks "$file"
	assert_success
	assert_equal "$(grep -c '^6 ' <<<"$output")" "$packets"
}

@test "an interrupted capture leaves a whole file" {
	start_hvd --demo --accel sim
	"$HVCTL" capture -w "$file" 2>"$BATS_TEST_TMPDIR/said" 3>&- &
	local pid=$! ended=0
	wait_until has_packets
	kill -INT "$pid"
	wait "$pid" || ended=$?
	assert_equal "$ended" 130
	run blocks "$file"
	assert_success
	assert_equal "$(cat "$BATS_TEST_TMPDIR/said")" "$(grep -c '^6 ' <<<"$output") packets captured, 0 lost"
}

@test "a capture of an hvd that stops ends with its statistics" {
	start_hvd --demo --accel sim
	"$HVCTL" -q capture -w "$file" 3>&- &
	local pid=$!
	wait_until has_packets
	stop_hvd
	wait "$pid"
	run blocks "$file"
	assert_success
	assert_line --index -1 --regexp '^5 '
}

# captures_some: for a moment, through a pipe; every file is a whole one.
captures_some() {
	"$HVCTL" capture -w - --for 300ms 2>/dev/null | cat >"$file"
	run blocks "$file"
	assert_success
	grep -q '^6 ' <<<"$output"
}

@test "capture --for ends by time, and - is a pipe" {
	start_hvd --demo --accel sim
	wait_until captures_some
}

@test "capture says what is wrong before it writes anything" {
	run "$HVCTL" capture
	assert_failure 2
	assert_output --partial 'capture wants -w'
	run "$HVCTL" capture -w "$file" --payload most
	assert_failure 2
	run "$HVCTL" capture -w "$file" --relid 2048
	assert_failure 2
	assert [ ! -e "$file" ]
	start_hvd --demo --accel sim
	run "$HVCTL" capture -w /nonexistent/file
	assert_failure 1
	assert_output --partial '/nonexistent/file: No such file or directory'
	run "$HVCTL" --curl capture -w "$file" --relid 3 --payload full
	assert_success
	assert_output --regexp "^curl .*'http://hvd/v1/capture\?(payload=full&relid=3|relid=3&payload=full)'"
	assert_equal "$(api '/v1/capture?payload=most' -o /dev/null -w '%{http_code}')" 422
}

@test "hvd-extcap lists the VMs that run, and captures into Wireshark's pipe" {
	local extcap=$SOURCE_ROOT/packaging/wireshark/hvd-extcap
	vm_name=one start_hvd --name one --demo --accel sim
	run "$extcap" --extcap-interfaces
	assert_success
	assert_line 'interface {value=hvd-one}{display=VM one: SynIC and VMBus}'
	run "$extcap" --extcap-dlts --extcap-interface hvd-one
	assert_line --partial 'dlt {number=252}'
	run "$extcap" --extcap-config --extcap-interface hvd-one
	assert_line --partial '{call=--relid}'
	mkfifo "$BATS_TEST_TMPDIR/fifo"
	# Whoever reads the pipe may leave at any time; that ends the capture.
	"$extcap" --capture --extcap-interface hvd-one --fifo "$BATS_TEST_TMPDIR/fifo" \
		--payload none 2>/dev/null 3>&- &
	local pid=$!
	head -c 2000 "$BATS_TEST_TMPDIR/fifo" >"$file"
	wait "$pid" || true
	assert_equal "$(stat -c %s "$file")" 2000
	run "$extcap" --capture
	assert_failure 1
	run "$extcap" --extcap-interface hvd-one --extcap-capture-filter tcp
	assert_success
	assert_output 'there are no capture filters; use a display filter'
	run "$extcap" --no-such-option
	assert_failure 1
}

@test "tshark -i captures by hvd-extcap, with its options, and says why it ends" {
	command -v tshark >/dev/null || skip 'no tshark here (Debian: tshark)'
	local -a by_tshark=()
	# To root, or to its group, Wireshark grants no extcap folder of one's own.
	if [ "$(id -u)" = 0 ]; then
		become_nobody
		by_tshark=(setpriv --regid nogroup --clear-groups -- "${as_nobody[@]}")
		install -m 755 "$HVCTL" "$nobody_dir/hvctl"
		export HVCTL=$nobody_dir/hvctl HOME=$nobody_dir
	fi
	export WIRESHARK_EXTCAP_DIR=${nobody_dir-$BATS_TEST_TMPDIR}/extcap
	install -D -m 755 "$SOURCE_ROOT/packaging/wireshark/hvd-extcap" "$WIRESHARK_EXTCAP_DIR/hvd-extcap"
	install -m 644 "$SOURCE_ROOT/packaging/wireshark/hvvmbus.lua" "$WIRESHARK_EXTCAP_DIR/../hvvmbus.lua"
	by_tshark+=(tshark -X "lua_script:$WIRESHARK_EXTCAP_DIR/../hvvmbus.lua" -i hvd-one)
	vm_name=one start_hvd --name one --demo --accel sim --device null
	chmod a+rx "$HVD_RUNTIME_DIR"
	chmod a+rw "$HVD_RUNTIME_DIR/one.api.sock"
	cd "${nobody_dir-$BATS_TEST_TMPDIR}" || return 1

	run "${by_tshark[@]}" -D
	assert_line --partial 'hvd-one (VM one: SynIC and VMBus)'
	run "${by_tshark[@]}" -L
	assert_line --partial 'WIRESHARK_UPPER_PDU (hvvmbus)'
	run "${by_tshark[@]}" -c 20
	assert_success
	assert_line --partial 'out timer_expired timer='
	assert_line --partial '20 packets captured'
	run "${by_tshark[@]}" -c 3 -o extcap.hvd_one.payload:full -o extcap.hvd_one.relid:1
	assert_success
	assert_line --partial 'relid=1'
	refute_output --partial 'timer_expired'
	run "${by_tshark[@]}" -c 3 -f tcp
	assert_failure
	assert_line --partial 'hvd-extcap: there are no capture filters; use a display filter'
	"${by_tshark[@]}" -l >captured 2>&1 3>&- &
	local pid=$!
	wait_until grep -q 'timer_expired' captured
	kill -KILL "$hvd_pid"
	wait "$pid" || true
	run cat captured
	assert_line --partial 'closed the connection in the middle of its answer'
}

@test "tshark reads a capture, and our dissector names what is in it" {
	command -v tshark >/dev/null || skip 'no tshark here (Debian: tshark)'
	start_hvd --demo --accel sim
	"$HVCTL" -q capture -w "$file" --count 30
	run --separate-stderr tshark -X "lua_script:$SOURCE_ROOT/packaging/wireshark/hvvmbus.lua" -r "$file"
	assert_success
	assert_equal "$(wc -l <<<"$output")" 30
	assert_line --partial 'out timer_expired timer='
	assert_line --partial 'in signal_event connection_id='
	refute_output --partial 'Exported PDU'
	refute_output --partial 'malformed'
}
