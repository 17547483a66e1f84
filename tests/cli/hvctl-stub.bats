#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# hvctl against stub-hvd: every output format and exit code, and answers no hvd would give.
# shellcheck disable=SC2154 # stderr is set by run, requests by start_stub

bats_require_minimum_version 1.5.0

load helpers
load stub

# fails_with STATUS CODE WORD...: -j gives that exit status, one problem with that code on stderr
# and nothing on stdout.
fails_with() {
	local wanted=$1 code=$2
	shift 2

	run --separate-stderr "$HVCTL" -j "$@"
	assert_equal "$status" "$wanted"
	assert_output ''
	one_json "$stderr"
	assert_equal "$(field "$stderr" code)" "$code"
}

@test "lists are tables with headers" {
	start_stub
	run "$HVCTL" ports list
	assert_success
	assert_line --index 0 --regexp '^CONNECTION +TYPE +MIN-VTL +OWNER'
	assert_line --index 1 --regexp '^ +65537 +message +0 +demo +no +17 .* 2\.5 ms$'
	assert_equal "${#lines[@]}" 4
	run "$HVCTL" ports list --no-headers
	assert_equal "${#lines[@]}" 3
	run "$HVCTL" ports list -o wide
	assert_line --index 0 --partial 'MONITOR'
}

@test "all pages of a list are fetched" {
	start_stub
	run "$HVCTL" -j ports list
	assert_success
	one_json "$output"
	assert_equal "$(field "$output" items.2.connection_id)" 65539
	assert_equal "$(field "$output" next)" null
	assert_equal "$(field "$output" seq)" 41
}

@test "an empty list is one document, too" {
	start_stub
	run "$HVCTL" -j messages list
	assert_success
	assert_equal "$(field "$output" items)" '[]'
	run "$HVCTL" messages list
	assert_success
	assert_output --regexp '^VP +SINT'
	run "$HVCTL" messages list -o jsonl
	assert_success
	assert_output ''
}

@test "formats: jsonl, name, columns, sort, filter" {
	start_stub
	run "$HVCTL" ports list -o jsonl
	assert_equal "${#lines[@]}" 3
	assert_equal "$(field "${lines[1]}" type)" event
	run "$HVCTL" ports list -o name
	assert_output $'65537\n65538\n65539'
	run "$HVCTL" sints list -o name --filter slot.busy=true
	assert_output '0 2'
	run "$HVCTL" ports list --columns owner,connection_id --sort -connection_id --no-headers
	assert_line --index 0 --regexp '^other +65539$'
	run "$HVCTL" ports list -o jsonl --columns connection_id,minimum_vtl --filter 'accepted<10'
	assert_output '{"connection_id":65538,"minimum_vtl":0}'
	run "$HVCTL" ports list -o name --filter 'type!=event,owner~de*'
	assert_output 65537
	run "$HVCTL" ports list -o name --filter 'connection_id>0x10001,minimum_vtl=1'
	assert_output 65539
	run "$HVCTL" ports list -o name --filter 'monitor_id=null'
	assert_output $'65537\n65538'
}

@test "unknown fields are refused with a hint" {
	start_stub
	run "$HVCTL" ports list --filter onwer=demo
	assert_failure 2
	assert_output --partial 'did you mean "owner"?'
	run "$HVCTL" ports list --sort connection
	assert_failure 2
	run "$HVCTL" ports list --columns bogus
	assert_failure 2
	run "$HVCTL" ports list --filter owner
	assert_failure 2
	assert_output --partial 'is not a comparison'
}

@test "show aligns keys, and indents objects" {
	start_stub
	run "$HVCTL" sints show 0 2
	assert_success
	assert_line 'vector:               96'
	assert_line 'slot:'
	assert_line '  pending:      yes'
	assert_line '  age_ns:       1.5 ms'
	assert_line 'event_flags:          4,7'
	run "$HVCTL" sints show 1 4
	assert_line 'slot:                 -'
}

@test "sints list is a VP x SINT matrix" {
	start_stub
	run --separate-stderr "$HVCTL" sints list
	assert_success
	assert_line --index 0 --regexp '^VP +SINT 2 +SINT 4$'
	assert_line --index 1 --regexp '^ 0 +0x60 busy pending \+1 eom 1\.2 ms +-$'
	assert_line --index 2 --regexp '^ 1 +- +0x64 auto-eoi$'
	assert_equal "$stderr" 'masked and idle on every VP: SINT 0-1, 3, 5-15 (-o wide lists all)'
	run "$HVCTL" sints list -o wide
	assert_equal "${#lines[@]}" 33
	run "$HVCTL" sints list --vp 1 --filter masked=false -o name
	assert_output '1 4'
}

@test "synic show: one VP as an object, all as a list" {
	start_stub
	run "$HVCTL" synic show --vp 1
	assert_line --regexp '^simp: +0x7e001$'
	run "$HVCTL" synic show
	assert_line --index 2 --regexp '^ 1 +0 +user +0x1 +0x7e001'
	run "$HVCTL" -j synic show
	assert_equal "$(field "$output" items.1.vp)" 1
}

@test "a VP that does not answer is left out and reported" {
	start_stub
	run --separate-stderr "$HVCTL" synic show --vtl 1
	assert_failure 7
	assert_equal "${#lines[@]}" 2
	assert_equal "$stderr" 'hvctl: VP 1 is left out: it did not answer (timeout)'
	run --separate-stderr "$HVCTL" -j synic show --vtl 1
	assert_failure 7
	assert_equal "$(field "$output" errors.0.vp)" 1
	assert_equal "$(field "$stderr" code)" timeout
	run --separate-stderr "$HVCTL" sints list --vtl 1
	assert_failure 7
	assert_line --index 1 --regexp '^ 0 +0x60 busy'
	assert_equal "${#lines[@]}" 2
}

@test "inject tells its result" {
	start_stub
	run "$HVCTL" inject --vp 0 --sint 2
	assert_success
	assert_output 'delivered to VP 0 SINT 2 in 84 us'
	run "$HVCTL" inject --vp 0 --sint 3
	assert_failure 4
	assert_output 'busy: slot of VP 0 SINT 3 is occupied, pending flag set; the message waits for EOM (2 are queued)'
	run "$HVCTL" inject --vp 0 --sint 2 --assert-only
	assert_output 'asserted VP 0 SINT 2'
	run "$HVCTL" inject --vp 0 --sint 2 --dry-run
	assert_output 'would be delivered to VP 0 SINT 2 at once'
	run "$HVCTL" inject --vp 0 --sint 2 --no-wait
	assert_output 'accepted for VP 0 SINT 2: nobody waits for it'
	run "$HVCTL" inject --vp 0 --sint 2 --quiet
	assert_success
	assert_output ''
}

@test "inject refused: the reason, and exit status 4" {
	start_stub
	run "$HVCTL" inject --vp 0 --sint 5
	assert_failure 4
	assert_line 'hvctl: The SINT is masked: SINT 5 of VP 0 (sint_masked)'
	assert_line --partial 'hint: --force posts anyway'
	refute_line --partial '"force"'
	run "$HVCTL" inject --vp 0 --sint 5 --force
	assert_success
	run "$HVCTL" inject --vp 9 --sint 2
	assert_failure 2
	assert_line 'at: --vp'
}

@test "inject --count posts so many and makes one document" {
	start_stub
	run "$HVCTL" inject --vp 0 --sint 2 --count 3 --interval 1ms
	assert_success
	assert_equal "${#lines[@]}" 3
	assert_equal "$(grep -c 'POST /v1/messages' "$requests")" 3
	run "$HVCTL" -j inject --vp 0 --sint 2 --count 2
	assert_success
	one_json "$output"
	assert_equal "$(field "$output" items.1.result)" delivered
	run "$HVCTL" inject --vp 0 --sint 3 --count 2
	assert_failure 4
	assert_equal "${#lines[@]}" 2
	run "$HVCTL" inject --vp 0 --sint 5 --count 2
	assert_failure 4
	assert_equal "$(grep -c 'SINT 5 of VP 0' <<<"$output")" 1
}

@test "with -j whatever fails is one problem on stderr" {
	start_stub
	fails_with 4 busy inject --vp 0 --sint 3
	assert_equal "$(field "$stderr" queue_depth)" 2
	fails_with 4 busy inject --vp 0 --sint 3 --count 3
	fails_with 4 sint_masked inject --vp 0 --sint 5
	fails_with 4 invalid_connection_id post --connection 9
	assert_equal "$(field "$stderr" status)" 200
	fails_with 3 not_found ports show 9
	fails_with 4 wrong_state vm resume
}

@test "post and signal act as the guest does" {
	start_stub
	run "$HVCTL" post --connection 0x10001 --type 5 --payload 0102
	assert_success
	assert_output 'HvPostMessage on connection 65537: success (0x0)'
	run tail -n 1 "$requests"
	assert_output 'POST /v1/hypercalls/post-message {"connection_id":65537,"type":5,"payload":"0102"}'
	run "$HVCTL" signal --connection 9 --flag 1
	assert_failure 4
	assert_output 'HvSignalEvent on connection 9: invalid_connection_id (0x12)'
	run "$HVCTL" signal --vp 0 --sint 2 --flag 5
	assert_output 'event flag 5 of VP 0 SINT 2 set'
	run "$HVCTL" signal --vp 0 --sint 2 --flag 7
	assert_output 'event flag 7 of VP 0 SINT 2 was set already'
}

@test "ic list and show: who answers, in which version" {
	start_stub
	run "$HVCTL" ic list
	assert_success
	assert_line --index 0 --partial 'CONTACT'
	assert_line --index 1 --regexp '^heartbeat +ready +ok +3.0 +3 +3 +0 '
	assert_line --index 2 --regexp '^shutdown +failed +no_handshake '
	refute_output --partial $'\x1b'
	run "$HVCTL" -j ic show heartbeat
	assert_equal "$(field "$output" contact)" ok
	run "$HVCTL" ic show floppy
	assert_failure 2
}

@test "ic ping, timesync and shutdown ask the guest" {
	start_stub
	run "$HVCTL" ic ping
	assert_success
	assert_output 'heartbeat: answered in 84 us: the guest lives'
	run tail -n 1 "$requests"
	assert_output 'POST /v1/ic/heartbeat/ping {}'
	fails_with 4 ic_not_ready ic timesync
	run "$HVCTL" -j ic shutdown
	assert_equal "$(field "$output" request)" power-off
	run "$HVCTL" -q ic shutdown --reboot --force
	assert_success
	assert_output ''
	run tail -n 1 "$requests"
	assert_output 'POST /v1/ic/shutdown/reboot {"force":true}'
}

@test "echo run waits for the result and tells it in two lines" {
	start_stub
	run "$HVCTL" echo run --window 16
	assert_success
	assert_line --index 0 'complete: 1000 of 1000 packets came back in 20 ms; 0 lost, 0 corrupted, 0 duplicated'
	assert_line --index 1 --partial 'median 90 us, p99 120 us; 50000 packets/s'
	run "$HVCTL" -j echo run 3
	assert_equal "$(field "$output" received)" 1000
	run grep -c 'POST /v1/echo/run {"relid":3}' "$requests"
	assert_output 1
}

@test "echo run that loses packets fails, and one that is not waited for is only begun" {
	start_stub
	run "$HVCTL" echo run --count 13
	assert_failure 7
	assert_output --partial 'stalled: 0 of 13 packets came back'
	run "$HVCTL" -j echo run --no-wait
	assert_success
	assert_equal "$(field "$output" state)" running
}

@test "echo run that is interrupted ends the run" {
	start_stub
	is_begun() { grep -q 'POST /v1/echo/run' "$requests"; }
	run --separate-stderr interrupted is_begun "$HVCTL" echo run --count 7
	assert_failure 130
	# The stub may still be writing down what was asked for before.
	wait_until grep -qx 'POST /v1/echo/stop {"relid":3}' "$requests"
}

@test "monitors list: which bit of the guest's page signals whom" {
	start_stub
	run "$HVCTL" monitors list
	assert_success
	assert_line --index 1 --regexp '^ *0 +8193 +100 us +12 +0x28c1000'
}

@test "echo list and show: the last run" {
	start_stub
	run "$HVCTL" echo list
	assert_line --index 0 --partial 'OUTCOME'
	assert_line --index 1 --regexp '^ +3 +running +running +1000 '
	refute_output --partial $'\x1b'
	run "$HVCTL" echo show 3
	assert_success
	assert_line --regexp '^round_trip_median_ns: +90 us'
}

@test "kvp list and get, ic ips: what the guest has to say cannot act on a terminal" {
	start_stub
	run "$HVCTL" kvp list
	assert_success
	assert_line --index 0 --regexp '^KEY +VALUE'
	assert_equal "${#lines[@]}" 5
	refute_output --partial $'\x1b'
	run tail -n 1 "$requests"
	assert_output 'POST /v1/ic/kvp/list {"start":2}'
	run "$HVCTL" kvp list -o name --sort -key
	assert_output $'k3\nk2\nk1\nk0'
	run "$HVCTL" kvp get site
	assert_success
	assert_output --partial 'va\x1b'
	refute_output --partial $'\x1b'
	run "$HVCTL" -j kvp get site --pool auto
	assert_success
	run tail -n 1 "$requests"
	assert_output 'POST /v1/ic/kvp/get {"key":"site","pool":"auto"}'
	run "$HVCTL" ic ips --adapter 00:15:5d:01:02:03 -o name
	assert_output 10.0.0.2
	run tail -n 1 "$requests"
	assert_output 'POST /v1/ic/kvp/ips {"adapter":"00:15:5d:01:02:03"}'
	run "$HVCTL" ic osinfo
	assert_success
}

@test "kvp list of a pool without end stops, and says so" {
	start_stub
	run --separate-stderr "$HVCTL" kvp list --pool guest -o name
	assert_success
	assert_equal "${#lines[@]}" 4096
	[[ $stderr == *'there are more'* ]]
}

@test "kvp set, delete, ic freeze, thaw and backup answer in a sentence" {
	start_stub
	run "$HVCTL" kvp set site berlin
	assert_output 'kvp: answered in 84 us: the guest lives'
	run tail -n 1 "$requests"
	assert_output 'POST /v1/ic/kvp/set {"key":"site","value":"berlin"}'
	run "$HVCTL" kvp delete site --pool guest
	assert_success
	run "$HVCTL" ic freeze --for 1500ms
	assert_success
	run tail -n 1 "$requests"
	assert_output 'POST /v1/ic/vss/freeze {"for_ns":1500000000}'
	run "$HVCTL" ic thaw
	assert_success
	run "$HVCTL" ic backup
	assert_success
}

@test "vm pause answers in a sentence, or with the object" {
	start_stub
	run "$HVCTL" vm pause
	assert_output 'VM stub is paused'
	run "$HVCTL" -j vm pause
	assert_equal "$(field "$output" state)" paused
	run "$HVCTL" -q vm pause
	assert_output ''
}

@test "vm wait on an hvd that is there and says nothing is a timeout" {
	start_stub
	kill -STOP "${hvd_pids[0]}"
	fails_with 7 timeout vm wait --for state=running --timeout 300ms
}

asked_twice() {
	[ "$(grep -c /v1/vm "$requests")" -ge 2 ]
}

@test "vm wait: true at once, not in time, nobody there, gone" {
	start_stub
	run "$HVCTL" vm wait --for state=running
	assert_success
	assert_output 'VM stub is running'
	run "$HVCTL" vm wait --for state=paused --timeout 4s
	assert_failure 7
	assert_output --partial 'the VM is running; state=paused did not come true'
	run "$HVCTL" -n other vm wait --for state=running --timeout 150ms
	assert_failure 6
	# Gone once it was seen, however long that takes here: who asks again has had an answer.
	: >"$requests"
	(wait_until asked_twice && kill "${hvd_pids[0]}") 3>&- &
	run "$HVCTL" vm wait --for state=stopped --timeout 20s
	assert_success
	assert_output 'VM stub is stopped'
}

@test "watch prints records, gaps and the end" {
	start_stub
	run "$HVCTL" watch
	assert_success
	assert_line --index 0 --regexp '^10:31:01\.123456 +1 VP 0 +SINT 2 +message\.delivered +message_type=0x1 latency_ns=84 us$'
	assert_line --index 1 --regexp '^- +5 +gap +lost=4$'
	assert_line --index 3 --regexp '^- +6 +end +reason=shutdown$'
	assert_equal "${#lines[@]}" 4
	run "$HVCTL" watch -o wide
	assert_line --index 0 --regexp '^20[0-9-]+T10:31:01\.123456789Z +1 VP 0 +SINT 2 +message'
	assert_line --index 1 --regexp '^- {29} +5 +gap +lost=4$'
	run "$HVCTL" watch --count 1
	assert_success
	assert_equal "${#lines[@]}" 1
}

@test "watch -j is one object a line" {
	start_stub
	run "$HVCTL" -j watch
	assert_success
	assert_equal "$(field "${lines[1]}" lost)" 4
	assert_equal "$(field "${lines[3]}" reason)" shutdown
	refute_output --partial heartbeat
}

@test "watch without an end record: the daemon is gone, 6" {
	start_stub
	fails_watch() {
		run --separate-stderr "$HVCTL" watch --relid "$1"
		assert_equal "$status" "$2"
		[[ $stderr == *"$3"* ]]
	}
	fails_watch 102 6 'without an end record'
	fails_watch 103 6 'closed the connection'
	fails_watch 104 1 'not JSON'
}

@test "watch ends with 130 at SIGINT" {
	start_stub
	"$HVCTL" watch --relid 101 >"$BATS_TEST_TMPDIR/out" 3>&- &
	pid=$!
	wait_until grep -q vm.state "$BATS_TEST_TMPDIR/out"
	kill -INT "$pid"
	ended=0
	wait "$pid" || ended=$?
	assert_equal "$ended" 130
}

@test "a stream that falls silent is left when its reader closes" {
	start_stub
	run timeout 60 bash -c '"$HVCTL" watch --relid 101 | (read -r line; sleep 0.3; echo "$line")'
	assert_success
	assert_equal "${#lines[@]}" 1
}

@test "log prints the past, with the filters in the query" {
	start_stub
	run "$HVCTL" log --type 'staged*' --vp 0 --since 5m
	assert_success
	assert_equal "${#lines[@]}" 3
	run tail -n 1 "$requests"
	assert_output 'GET /v1/log?limit=1000&since=5m&type=staged%2A&vp=0 '
}

@test "inspect: nodes, patterns, depth, a leaf set" {
	start_stub
	run "$HVCTL" inspect vps/0/exits
	assert_line 'total:       21'
	run "$HVCTL" inspect vps/1 recorder
	assert_line 'vps/1:'
	assert_line '  $error: timeout'
	assert_line '  enabled: yes'
	run "$HVCTL" inspect vps/2 --depth 0
	assert_line 'cpu:   ...'
	run "$HVCTL" -j inspect 'vps/*/state' --depth 2
	assert_success
	run tail -n 1 "$requests"
	assert_output 'GET /v1/tree?glob=vps%2F%2A%2Fstate&depth=2 '
	run "$HVCTL" -j inspect recorder/enabled --set false
	assert_equal "$(field "$output" value)" false
	run "$HVCTL" -j inspect daemon/log_level --set debug
	assert_equal "$(field "$output" value)" debug
	run "$HVCTL" inspect 'a/*' --set 1
	assert_failure 2
	run "$HVCTL" inspect vm/bogus
	assert_failure 3
}

@test "api sends anything and prints the answer" {
	start_stub
	run "$HVCTL" api GET /v1/vm
	assert_equal "$(field "$output" name)" stub
	echo '{"vp":0,"sint":2}' >"$BATS_TEST_TMPDIR/body"
	run "$HVCTL" api POST /v1/messages -d "@$BATS_TEST_TMPDIR/body"
	assert_equal "$(field "$output" result)" delivered
	run "$HVCTL" api POST /v1/messages -d @/tmp
	assert_failure 2
	assert_output 'hvctl: -d @/tmp: Is a directory'
	head -c 65537 /dev/zero >"$BATS_TEST_TMPDIR/large"
	run "$HVCTL" api POST /v1/messages -d "@$BATS_TEST_TMPDIR/large"
	assert_failure 2
	assert_output --partial 'larger than 64 KiB'
	run "$HVCTL" api POST /v1/messages -d '{"vp":0,"sint":5}'
	assert_failure 4
	run "$HVCTL" api get /v1/vm
	assert_failure 2
	run "$HVCTL" api GET v1/vm
	assert_failure 2
}

@test "HTTP statuses come to the exit codes of the manual" {
	start_stub
	for pair in 400:2 403:5 404:3 405:2 409:4 410:3 413:2 415:2 422:2 429:1 500:1 503:1 504:7; do
		run "$HVCTL" api GET "/bad/status/${pair%:*}"
		assert_equal "$pair:$status" "$pair:${pair#*:}"
	done
}

@test "answers no hvd would give are told apart" {
	start_stub
	fails_with 2 http_error api GET /bad/html
	fails_with 1 http_error api GET /bad/redirect
	fails_with 6 connection_closed api GET /bad/half
	fails_with 1 malformed_reply api GET /bad/garbage
	fails_with 1 malformed_reply api GET /bad/twice
	fails_with 1 not_http api GET /bad/notHTTP
	fails_with 7 timeout --timeout 200ms api GET /bad/slow
}

@test "a guest's text cannot act on the terminal" {
	start_stub
	run "$HVCTL" hv show
	assert_line --regexp '^guest_os_id: +\\x1b\[31mred\\x1b\[0m\\xc2\\x9b2J\\xe2\\x80\\xaegnp$'
	run script -qec "$HVCTL -j hv show" /dev/null
	refute_output --partial $'\x1b[31mred'
	refute_output --partial $'\xc2\x9b'
}

@test "color only where it is wanted" {
	start_stub
	run "$HVCTL" vms list --color always
	assert_output --partial $'\x1b[32m'
	run env NO_COLOR=1 script -qec "$HVCTL vms list" /dev/null
	refute_output --partial $'\x1b['
	run env -u NO_COLOR TERM= script -qec "$HVCTL vms list" /dev/null
	refute_output --partial $'\x1b['
	run env -u NO_COLOR TERM=xterm script -qec "$HVCTL vms list" /dev/null
	assert_output --partial $'\x1b[32m'
}

@test "-v tells requests on stderr" {
	start_stub
	run --separate-stderr "$HVCTL" -v vm show
	assert_success
	[[ $stderr == *'GET /v1/vm at '*': 200, '* ]]
}

@test "vm show lists what KVM can do, in columns" {
	start_stub
	run "$HVCTL" vm show
	assert_success
	assert_line 'enforce_cpuid:  yes'
	assert_line 'capabilities:'
	assert_line --regexp '^  NAME +NUMBER  VALUE  NEEDED$'
	assert_line --regexp '^  IRQCHIP +0 +1  yes$'
	assert_line --regexp '^  HYPERV\\x1b\[31mred.* 44 +0  no$'
	run "$HVCTL" -j vm show
	assert_equal "$(field "$output" capabilities.0.name)" IRQCHIP
	assert_equal "$(field "$output" capabilities.0.needed)" true
}

@test "-w shows again until SIGINT" {
	start_stub
	"$HVCTL" -w ports list >"$BATS_TEST_TMPDIR/out" 3>&- &
	pid=$!
	twice() { [ "$(grep -c CONNECTION "$BATS_TEST_TMPDIR/out")" -ge 2 ]; }
	wait_until twice
	kill -INT "$pid"
	ended=0
	wait "$pid" || ended=$?
	assert_equal "$ended" 130
}

@test "which VM: none, one, several, by name, by environment" {
	run "$HVCTL" vm show
	assert_failure 6
	assert_output --partial "no VM runs under $HVD_RUNTIME_DIR"
	run "$HVCTL" -j vms list
	assert_success
	assert_equal "$(field "$output" items)" '[]'
	start_stub
	run "$HVCTL" vm show
	assert_success
	start_stub two
	run "$HVCTL" vm show
	assert_failure 2
	assert_output --partial '2 VMs run: stub, two'
	run "$HVCTL" -n two vm show
	assert_success
	HVD_VM=two run "$HVCTL" vm show
	assert_success
	HVD_SOCKET=$HVD_RUNTIME_DIR/stub.api.sock run "$HVCTL" vm show
	assert_success
	HVD_SOCKET=/nonexistent run "$HVCTL" -n two vm show
	assert_success
	run "$HVCTL" -n three vm show
	assert_failure 6
	assert_output --partial 'no VM called "three"'
}

@test "connection errors say which socket, and what to type" {
	run "$HVCTL" -s "$BATS_TEST_TMPDIR/none.sock" vm show
	assert_failure 6
	assert_line --partial "cannot connect to $BATS_TEST_TMPDIR/none.sock: No such file"
	run "$HVCTL" -s "$BATS_TEST_TMPDIR" vm show
	assert_failure 6
	assert_line --partial "cannot connect to $BATS_TEST_TMPDIR: not a socket"
	refute_output --partial "left over"
	assert_line --partial 'hvctl vms list'
	start_stub
	kill "${hvd_pids[0]}"
	wait "${hvd_pids[0]}" || true
	run "$HVCTL" vm show
	assert_failure 6
	assert_line --partial 'Connection refused'
	run "$HVCTL" vms list -o json
	assert_success
	assert_equal "$(field "$output" items.0.error)" gone
	run "$HVCTL" -s "/tmp/$(printf '%0120d' 0)" vm show
	assert_failure 2
}

@test "without permission for the rw socket the ro socket is taken" {
	[ "$(id -u)" = 0 ] || skip 'needs root to become somebody else'
	start_stub
	chmod 755 "$BATS_RUN_TMPDIR" "$BATS_TEST_TMPDIR/.." "$BATS_TEST_TMPDIR" "$HVD_RUNTIME_DIR"
	chmod 600 "$HVD_RUNTIME_DIR/stub.api.sock"
	run setpriv --reuid 65534 --clear-groups "$HVCTL" vm show
	assert_failure 5
	assert_line --partial 'no permission to use the socket'
	"$BATS_TEST_DIRNAME/stub-hvd" "$HVD_RUNTIME_DIR/stub.ro.sock" >"$BATS_TEST_TMPDIR/ro.log" 2>&1 3>&- &
	hvd_pids+=("$!")
	wait_until grep -q ready "$BATS_TEST_TMPDIR/ro.log"
	chmod 666 "$HVD_RUNTIME_DIR/stub.ro.sock"
	run setpriv --reuid 65534 --clear-groups "$HVCTL" -v vm show
	assert_success
	assert_line --partial 'stub.ro.sock: 200'
}

@test "a full disk is not success" {
	start_stub
	run bash -c '"$HVCTL" ports list >/dev/full'
	assert_failure 1
	assert_output --partial 'No space left'
	# Told once, also where output is flushed as it comes.
	for words in 'ports list' 'log --count 1' 'watch --count 1' '--curl vm show' 'api GET /v1/vm'; do
		run bash -c '"$HVCTL" -j '"$words"' >/dev/full'
		assert_failure 1
		one_json "$output"
	done
}

@test "a closed stdout is not success, and nothing else takes its place" {
	start_stub
	run bash -c '"$HVCTL" -j ports list >&-'
	assert_failure 1
	one_json "$output"
	assert_output --partial 'Bad file descriptor'
	run bash -c '"$HVCTL" inject --vp 0 --sint 2 --payload - <&-'
	assert_success
}

@test "SIGINT while stdin is awaited ends with 130" {
	start_stub
	mkfifo "$BATS_TEST_TMPDIR/open"
	exec 4<>"$BATS_TEST_TMPDIR/open"
	run interrupted true "$HVCTL" inject --vp 0 --sint 2 --payload - <&4
	assert_failure 130
	assert_output ''
	# In read(0, ...), by its number; $pid is that of interrupted.
	reads_stdin() { [[ $(<"/proc/$pid/syscall") == '0 0x0 '* ]]; }
	run interrupted reads_stdin "$HVCTL" <&4
	assert_failure 130
	exec 4>&-
}

@test "the shell runs lines from a pipe and stops at the first error" {
	start_stub
	run bash -c 'printf "%s\n" "# a comment" "" "ports list -o name" "inject --vp 0 --sint 5" "vm show" | "$HVCTL"'
	assert_failure 4
	assert_line 65539
	refute_line --partial 'uptime'
	run bash -c 'printf "ports show \"65537\"\nexit\nbogus\n" | "$HVCTL" shell'
	assert_success
	run bash -c 'echo "ports list \"x" | "$HVCTL"'
	assert_failure 2
	assert_output --partial 'a quote is not closed'
	run bash -c 'echo shell | "$HVCTL"'
	assert_failure 2
}

@test "metrics pass through, and are one document with -j" {
	start_stub
	run "$HVCTL" metrics
	assert_line 'hvd_ports 3'
	run "$HVCTL" -j metrics
	one_json "$output"
}

@test "sock: megabytes there and back, and the end of stdin is the end" {
	start_stub
	start_vsock
	head -c 5000000 /dev/urandom >"$BATS_TEST_TMPDIR/data"
	run bash -c '"$1" sock 5000 <"$2" | cmp - "$2"' - "$HVCTL" "$BATS_TEST_TMPDIR/data"
	assert_success
	run "$HVCTL" sock 5000 </dev/null
	assert_success
	assert_output ''
	run "$HVCTL" sock 5000 --path "$HVD_RUNTIME_DIR/stub.vsock" <<<'by path'
	assert_success
	assert_output 'by path'
}

@test "sock: a guest that ends first is still sent everything" {
	start_stub
	start_vsock
	run bash -c 'head -c 3000000 /dev/zero | "$1" sock 6' - "$HVCTL"
	assert_success
	wait_until grep -qx 3000000 "$HVD_RUNTIME_DIR/stub.vsock.length"
}

@test "sock: a slow reader of stdout, a guest that closes while stdin is open" {
	start_stub
	start_vsock
	run bash -c 'head -c 3000000 /dev/zero | "$1" sock 5000 | { sleep 1; wc -c; }' - "$HVCTL"
	assert_output 3000000
	mkfifo "$BATS_TEST_TMPDIR/open"
	run bash -c 'exec 4<>"$2"; "$1" sock 4 <&4' - "$HVCTL" "$BATS_TEST_TMPDIR/open"
	assert_success
	assert_output bye
}

@test "sock: who refuses, is not there or does not answer" {
	start_stub
	fails_with 6 no_hvsock sock 5000
	start_vsock
	fails_with 4 no_listener sock 1
	fails_with 7 timeout --timeout 200ms sock 2
	fails_with 1 bad_reply sock 3
	fails_with 1 bad_reply sock 5
	fails_with 2 usage sock 0x80000000
	fails_with 2 usage --socket /somewhere/else sock 5000
	fails_with 6 connect_failed sock 5000 --path "$BATS_TEST_DIRNAME/stub-vsock"
	run bash -c 'echo sock 5000 | "$1"' - "$HVCTL"
	assert_equal "$status" 2
	assert_output --partial 'needs stdin'
}
