#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2154 # stderr and hvd_pid are set by bats and helpers
# hvctl with a real hvd and its demo guest, on each accelerator there is.

bats_require_minimum_version 1.5.0

load helpers
load stub

# demo_on ACCEL HVD-OPTION...: told its VPs, the guest waits for all of them; $append is for it, too.
demo_on() {
	need_accel "$1"
	start_hvd --demo --accel "$1" --cpus 2 --append "vps=2 ${append-}" "${@:2}"
	# The guest has set up its SINTs, on both VPs.
	wait_until synics_are_set
}

synics_are_set() {
	[ "$("$HVCTL" sints list --filter vector=0x60,masked=false -o name | wc -l)" = 2 ]
}

# The commands of a first session, each with what it must show.
first_session() {
	run "$HVCTL" vms list
	assert_success
	assert_line --index 1 --regexp "^vm +running +$1 "
	run "$HVCTL" ports list
	assert_success
	assert_line --regexp '^ +65537 +message +0 +demo '
	assert_line --regexp '^ +65538 +event +0 +demo '
	run "$HVCTL" sints list
	assert_success
	assert_line --index 0 --regexp '^VP +SINT 2 +SINT 4'
	assert_line --regexp '^ 1 +0x60 .*0x64'
	run "$HVCTL" inject --vp 0 --sint 2
	assert_success
	assert_output --regexp '^delivered to VP 0 SINT 2 in [0-9.]+ (ns|us|ms)$'
	run "$HVCTL" routes list
	assert_success
	assert_line --regexp '^ 0 +0 +2 +[0-9]+ +[1-9]'
	run "$HVCTL" routes show 0 2
	assert_success
	assert_line --regexp '^  state: +free$'
	run "$HVCTL" signal --vp 0 --sint 2 --flag 5
	assert_success
	assert_output 'event flag 5 of VP 0 SINT 2 set'
	run "$HVCTL" watch --for 300ms
	assert_success
	run "$HVCTL" watch --type vm.state --for 100ms # and nothing comes
	assert_success
	assert_output ''
	run "$HVCTL" watch --count 5
	assert_success
	assert_equal "${#lines[@]}" 5
	run "$HVCTL" log --type message.delivered --vp 0 --sint 2 --since 10s --count 1
	assert_success
	assert_output --regexp 'VP 0 +SINT 2 +message\.delivered +message_type=0x1'
}

@test "a first session on sim" {
	demo_on sim
	first_session sim
}

@test "what is not there: the hint says which list has the names" {
	start_hvd --demo --accel sim --device null
	hints() {
		run "$HVCTL" "${@:2}"
		assert_failure 3
		assert_line "hint: \"hvctl $1"
	}
	hints 'ports list" shows what there is' ports show 9
	hints 'channels list" shows what there is' channels unstick 9
	hints 'devices kinds" shows what there is' devices kinds fridge
	hints 'sints list" shows what there is' sints list --vp 9
	hints 'inspect --depth 1" shows what there is' inspect 'fridge*'
	hints 'devices list" shows what there is, "hvctl devices add" adds what is not' kvp list
	hints 'devices list" shows what there is, "hvctl devices add" adds what is not' echo run
	run --separate-stderr "$HVCTL" rings show 1
	assert_success
	assert_equal "$stderr" 'channel 1 has no rings: the guest has not opened it'
}

@test "a first session on KVM" {
	demo_on kvm
	first_session kvm
}

# Every command that reads, in each format: exit 0, and with -j exactly one document.
every_list_and_object() {
	local words command

	while read -r command; do
		read -ra words <<<"$command"
		run --separate-stderr "$HVCTL" "${words[@]}"
		assert_equal "$command: $status" "$command: 0"
		run --separate-stderr "$HVCTL" "${words[@]}" -o wide
		assert_equal "$command -o wide: $status" "$command -o wide: 0"
		run --separate-stderr "$HVCTL" "${words[@]}" -j
		assert_equal "$command -j: $status" "$command -j: 0"
		one_json "$output"
		assert_equal "$stderr" ''
	done <<-'END'
		vms list
		vm show
		vps list
		vps show 1
		synic show
		synic show --vp 1
		synic show --vp 0 --vtl 0
		sints list
		sints list --vp 1
		sints show 0 2
		stimers list
		stimers list --vp 0
		ports list
		ports show 65537
		routes list
		messages list
		hypercalls list
		hv show
		devices list
		devices kinds
		devices kinds null
		inspect
		inspect vps/0/cpu
		inspect vps/*/synic --depth 3
		api GET /v1
	END
}

@test "every list and object on sim" {
	demo_on sim
	every_list_and_object
}

@test "every list and object on KVM" {
	demo_on kvm
	every_list_and_object
}

@test "vm show lists KVM's capabilities as KVM itself has them" {
	demo_on kvm
	reply=$("$HVCTL" -j vm show)
	mapfile -t rows < <(/usr/bin/python3 -c 'import json, sys
for cap in json.load(sys.stdin)["capabilities"]:
    print(cap["number"], cap["value"], cap["name"])' <<<"$reply")
	[ "${#rows[@]}" -gt 30 ]
	for row in "${rows[@]}"; do
		read -r number value name <<<"$row"
		assert_equal "$name $value" "$name $(kvm_cap "$number")"
	done
	run "$HVCTL" vm show
	assert_line --regexp '^  HYPERV_SYNIC2 +148 +[0-9]+  (yes|no)$'
	assert_line --regexp '^  IRQ_ROUTING +25 +[1-9][0-9]*  yes$'
	assert_line 'enforce_cpuid:  yes'
}

@test "on sim vm show has no capabilities" {
	demo_on sim
	assert_equal "$(field "$("$HVCTL" -j vm show)" capabilities)" '[]'
}

@test "no table asks for a field the API does not have" {
	demo_on sim
	# Something in every list.
	"$HVCTL" inject --vp 0 --sint 3 --force
	run "$HVCTL" inject --vp 0 --sint 3 --force
	for words in 'vps list' 'synic show' 'sints list' 'stimers list' 'ports list' 'routes list' \
		'messages list' 'hypercalls list' 'vms list' 'devices kinds'; do
		# shellcheck disable=SC2086 # noun and verb are two words
		columns=$("$HVCTL" $words --help | sed -n 's/^Columns: //p')
		[ -n "$columns" ]
		# shellcheck disable=SC2086
		run "$HVCTL" $words --columns "$columns" --no-headers
		assert_success
		assert_output
	done
}

stuck_slot() {
	run "$HVCTL" vm wait --for state=running
	assert_success
	wait_until is_busy
	"$HVCTL" -q vm pause # so that it does not end before it has been looked at
	run "$HVCTL" inject --vp 0 --sint 2 --payload 1122334455
	assert_failure 4
	assert_output --partial 'busy: slot of VP 0 SINT 2 is occupied'
	run "$HVCTL" sints show 0 2
	assert_success
	assert_line --regexp '^  busy: +yes$'
	assert_line --regexp '^  pending: +yes$'
	assert_line --regexp '^  age_ns: +[0-9]'
	run "$HVCTL" sints list
	assert_line --regexp '^ 0 +0x60 busy pending'
	run "$HVCTL" messages list --filter vp=0,sint=2
	assert_line --regexp '^ 0 +2 +0 +slot '
	assert_line --regexp '1122334455$'
	run "$HVCTL" -j inject --vp 0 --sint 2 --dry-run
	assert_equal "$(field "$output" result)" would_queue
	"$HVCTL" -q vm resume
	# Once the guest takes messages again it arrives, once.
	wait_until arrived
	sleep 0.2
	run "$HVCTL" log -j --type message.delivered --vp 0 --sint 2
	assert_success
	assert_equal "$(grep -c '"payload_size": \?5' <<<"$output")" 1
}

is_busy() {
	[ "$("$HVCTL" sints list --filter vp=0,sint=2,slot.busy=true -o name)" = '0 2' ]
}

arrived() {
	"$HVCTL" log -j --type message.delivered --vp 0 --sint 2 | grep -q '"payload_size": \?5\b'
}

@test "a stuck slot is seen, and what waits arrives once after EOM, on sim" {
	append='stop-consuming=3 for=8' demo_on sim
	stuck_slot
}

@test "a stuck slot is seen, and what waits arrives once after EOM, on KVM" {
	append='stop-consuming=3 for=8' demo_on kvm
	stuck_slot
}

@test "refusals carry the reason and exit status 4" {
	demo_on sim
	run "$HVCTL" inject --vp 0 --sint 9
	assert_failure 4
	assert_line --partial 'sint_masked'
	run "$HVCTL" signal --connection 4711
	assert_failure 4
	assert_output --partial 'invalid_connection_id'
	run "$HVCTL" vm resume
	assert_failure 4
	run "$HVCTL" inject --vp 40 --sint 2
	assert_failure 2
	run "$HVCTL" vps show 40
	assert_failure 3
	run "$HVCTL" log --since 999999999
	assert_failure 2
}

@test "the life of a VM through hvctl" {
	demo_on sim
	run "$HVCTL" vm pause
	assert_output 'VM vm is paused'
	run "$HVCTL" vps list --filter state=parked -o name
	assert_output $'0\n1'
	run "$HVCTL" vm resume
	assert_output 'VM vm is running'
	run "$HVCTL" vm reset
	assert_success
	"$HVCTL" vm wait --for state=stopped --timeout 20s >"$BATS_TEST_TMPDIR/wait" 3>&- &
	waiter=$!
	# It has looked at least once.
	wait_until polled
	run "$HVCTL" vm shutdown
	assert_success
	wait "$waiter"
	run cat "$BATS_TEST_TMPDIR/wait"
	assert_output 'VM vm is stopped'
}

polled() {
	local before

	before=$("$HVCTL" inspect daemon/requests -j | tr -dc 0-9)
	sleep 0.2
	[ "$("$HVCTL" inspect daemon/requests -j | tr -dc 0-9)" -gt $((before + 1)) ]
}

@test "with --on-stop stay the reason can be read" {
	demo_on sim --on-stop stay
	run "$HVCTL" vm shutdown
	assert_success
	run "$HVCTL" vm wait --for state=stopped,stop.reason=requested
	assert_success
	run "$HVCTL" -j vm show
	assert_equal "$(field "$output" stop.reason)" requested
	run "$HVCTL" vm resume
	assert_failure 4
	for words in 'inject --vp 0 --sint 2' 'signal --vp 0 --sint 2 --flag 5' \
		'post --connection 65540'; do
		# shellcheck disable=SC2086 # several words
		run "$HVCTL" $words
		assert_failure 4
		assert_output --partial 'the VM has stopped'
	done
}

@test "the read-only socket reads, and refuses changes with 5" {
	demo_on sim
	run "$HVCTL" -s "$HVD_RUNTIME_DIR/vm.ro.sock" ports list -o name
	assert_success
	assert_line 65537
	run "$HVCTL" -s "$HVD_RUNTIME_DIR/vm.ro.sock" vm pause
	assert_failure 5
	assert_line --partial read_only
}

@test "a watch ends with hvd: the reason, and 0" {
	demo_on sim
	"$HVCTL" watch --type port.add >"$BATS_TEST_TMPDIR/watch" 3>&- &
	watcher=$!
	wait_until one_stream
	stop_hvd
	wait "$watcher"
	run cat "$BATS_TEST_TMPDIR/watch"
	assert_output --regexp 'end +reason='
}

one_stream() {
	[ "$("$HVCTL" inspect daemon/streams -j | tr -dc 0-9)" = 1 ]
}

@test "hvd killed under a watch: 6" {
	demo_on sim
	"$HVCTL" watch --type port.add 2>"$BATS_TEST_TMPDIR/error" 3>&- &
	watcher=$!
	wait_until one_stream
	kill -KILL "$hvd_pid"
	ended=0
	wait "$watcher" || ended=$?
	assert_equal "$ended" 6
}

@test "list, then watch --since: no hole" {
	demo_on sim
	seq=$(field "$("$HVCTL" -j ports list)" seq)
	"$HVCTL" signal --vp 0 --sint 2 --flag 9
	run "$HVCTL" -j watch --since "$seq" --count 1
	assert_success
	assert_equal "$(field "$output" seq)" $((seq + 1))
}

@test "log: several kinds, SINTs and channels; from when until when" {
	demo_on sim --device null
	"$HVCTL" signal --vp 0 --sint 2 --flag 9
	# RELID_RELEASED for channel 77, in the guest's stead.
	"$HVCTL" post --connection 1 --payload 0d000000000000004d000000
	wait_until recorded vmbus.message
	run "$HVCTL" -j log --type event.flag,vmbus.message --relid 1,77
	assert_success
	assert_output --partial '"relid":77'
	refute_output --partial event.flag
	run "$HVCTL" -j log --type 'event.*' --sint 2,5 --since 2026-01-01T00:00:00Z --until 0s
	assert_success
	assert_output --partial '"flag":9'
	run "$HVCTL" log --until 2026-01-01T00:00:00Z
	assert_success
	assert_output ''
	run "$HVCTL" log --sint 2,16
	assert_failure 2
	assert_output --partial '--sint: "2,16" is out of range'
	run "$HVCTL" log --until soon
	assert_failure 2
	run "$HVCTL" complete -- log --type event.flag,vmbus.ch
	assert_output --partial event.flag,vmbus.channel
}

# recorded TYPE: hvd has a record of that kind.
recorded() {
	[ -n "$("$HVCTL" log --type "$1")" ]
}

@test "inspect sets the recorder and the log level" {
	demo_on sim
	run "$HVCTL" inspect recorder/enabled --set false
	assert_success
	run "$HVCTL" inspect recorder/enabled
	assert_output --partial no
	run "$HVCTL" inspect daemon/log_level --set debug
	assert_success
	run "$HVCTL" inspect daemon/log_level --set loud
	assert_failure 2
}

@test "an hvd that was killed is not one of those to choose from" {
	vm_name=dead start_hvd --name dead --demo --accel sim
	kill -KILL "$hvd_pid"
	wait "$hvd_pid" || true
	vm_name=alive start_hvd --name alive --demo --accel sim
	run "$HVCTL" -o name vm show
	assert_success
	assert_output alive
	run "$HVCTL" vms list
	assert_line --regexp '^dead .* gone'
}

@test "explain knows the fields the API shows" {
	run "$HVCTL" explain sints.slot.pending
	assert_success
	assert_line 'sint.slot.pending: boolean'
	run "$HVCTL" explain port.minimum_vtl
	assert_line --regexp '^port\.minimum_vtl: integer up to '
	run "$HVCTL" explain minimum_vtl
	assert_line --partial 'port.minimum_vtl'
	run "$HVCTL" explain minimum_vlt
	assert_failure 3
	assert_line 'hint: did you mean "minimum_vtl"?'
	run "$HVCTL" -j explain port
	one_json "$output"
	assert_equal "$(field "$output" items.0.field)" port.connection_id
	run "$HVCTL" complete -- watch --type message.d
	assert_line --regexp '^message\.delivered	'
	run "$HVCTL" complete -- explain port.min
	assert_line --regexp '^port\.minimum_vtl'
}

@test "the shell prints events of the real thing above the prompt" {
	demo_on sim
	export HOME=$BATS_TEST_TMPDIR
	run "$BATS_TEST_DIRNAME/pty-session" "$HVCTL" <<-'END'
		expect hvctl> 
		send watch on --type message.*\n
		expect message\.delivered
		send ports show 6553\t
		expect message\.delivered
		expect hvctl> ports show 6553
		send 7\n
		expect connection_id: +65537
		send watch off\n
		expect hvctl> 
		send exit\n
	END
	assert_success
}

@test "a pattern that matches nothing is not found: 3" {
	demo_on sim
	run "$HVCTL" inspect 'nope*'
	assert_failure 3
	assert_output --partial 'nothing matches nope*'
	run "$HVCTL" inspect 'record*'
	assert_success
}

@test "devices come and go while the VM runs, on an empty bus too" {
	demo_on sim --vmbus
	run "$HVCTL" devices list --no-headers
	assert_success
	assert_output ''
	run "$HVCTL" devices kinds --no-headers -o name
	assert_line hvsock
	run "$HVCTL" devices kinds hvsock
	assert_line --regexp '^  path +the unix socket'
	run "$HVCTL" devices add null,id=nobody,instance=00000000-0000-0000-0000-000000000007
	assert_success
	assert_output 'added nobody (null)'
	run "$HVCTL" devices add hvsock
	assert_success
	[ -S "$HVD_RUNTIME_DIR/vm.vsock" ]
	run "$HVCTL" devices list
	assert_line --index 1 --regexp '^nobody +null +unused +1 +0 +1 '
	assert_line --index 2 --regexp '^hvsock +hvsock +unused +0 +0 +- '
	run "$HVCTL" devices show nobody
	assert_line --regexp '^  instance +00000000-0000-0000-0000-000000000007$'
	run "$HVCTL" complete -- devices remove no
	assert_line --regexp '^nobody	null'
	run "$HVCTL" complete -- devices add hv
	assert_line --regexp '^hvsock	stream sockets'
	run "$HVCTL" complete -- devices add null,id=x,
	assert_line --regexp '^null,id=x,class=	GUID'
	run "$HVCTL" devices remove hvsock
	assert_output 'removed hvsock (hvsock)'
	[ ! -e "$HVD_RUNTIME_DIR/vm.vsock" ]
	run "$HVCTL" -j devices remove nobody
	one_json "$output"
	assert_equal "$(field "$output" kind)" null
	run "$HVCTL" log --type api --no-headers
	assert_line --regexp 'uid=[0-9]+ pid=[0-9]+ action=device_add status=201$'
	assert_line --regexp 'uid=[0-9]+ pid=[0-9]+ action=device_remove status=200$'
}

@test "devices come and go while the VM is stopped, too" {
	demo_on sim --device heartbeat --on-stop stay
	"$HVCTL" vm shutdown
	run "$HVCTL" devices add null
	assert_success
	run "$HVCTL" devices remove heartbeat
	assert_success
	"$HVCTL" vm reset
	run "$HVCTL" devices list -o name
	assert_output null
}

@test "a device that cannot be added says which part is to blame" {
	demo_on sim --device null
	run "$HVCTL" devices add null
	assert_failure 4
	assert_line 'at: /id'
	run "$HVCTL" devices add null,class=red,id=x
	assert_failure 2
	assert_line 'at: /options/class'
	run "$HVCTL" devices add floppy
	assert_failure 2
	assert_line --partial "'floppy' is no device; there are"
	run "$HVCTL" devices add null,red
	assert_failure 2
	assert_line --partial "'red' is not key=value"
	run "$HVCTL" devices add hvsock,path=/nowhere/at/all
	assert_failure 4
	assert_line 'at: /options/path'
	run "$HVCTL" devices remove nothing
	assert_failure 3
	run "$HVCTL" devices show nothing
	assert_failure 3
	stop_hvd
	demo_on sim
	run "$HVCTL" devices add null
	assert_failure 4
	assert_line --partial '--vmbus'
}

@test "echo devices: listed, and no run without a program in the guest" {
	start_hvd --demo --accel sim --vmbus
	run "$HVCTL" echo run
	assert_failure 3
	"$HVCTL" devices add echo
	"$HVCTL" devices add echo,id=second,latency=250
	run "$HVCTL" echo list -o jsonl --columns device,state,outcome
	assert_line --index 0 '{"device":"echo","state":"closed","outcome":"none"}'
	assert_line --index 1 '{"device":"second","state":"closed","outcome":"none"}'
	run "$HVCTL" echo run
	assert_failure 2
	assert_line --partial 'there are several'
	run "$HVCTL" echo run 2
	assert_failure 4
	assert_line --partial '(echo_closed)'
	run "$HVCTL" devices add echo,id=third,monitor=1,instance=6563686f-6876-4d64-9c2e-00000000ffff
	assert_failure 4
	assert_line --partial 'monitor: 1 is taken'
}
