#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# hvctl doctor, live and from files, and hvctl explain for its rules.
# shellcheck disable=SC2154 # stderr is set by run

bats_require_minimum_version 1.5.0

load helpers
load stub

setup() {
	common_setup
	samples=$BATS_TEST_TMPDIR/snapshot.json
}

demo() {
	start_hvd --demo --accel sim --cpus 2 --device heartbeat "$@"
}

# Of a host that had time, whatever this one does: else what is found may be withheld.
take_samples() {
	demo
	wait_until "$HVCTL" snapshot "$samples"
	change 'sample["machine"]["late_ns"] = 0
for owner in [sample["machine"]] + sample["vps"]:
    thread = owner.get("loop") or owner.get("thread")
    if thread:
        thread.update(run_ns=0, wait_ns=0, state="asleep", lost_seconds="0x0")'
}

# change STATEMENTS: in Python, of both samples; each is called sample.
change() {
	/usr/bin/python3 - "$samples" "$1" <<'EOT'
import json, sys
document = json.load(open(sys.argv[1]))
for sample in document["doctor"]["samples"]:
    exec(sys.argv[2])
json.dump(document, open(sys.argv[1], "w"))
EOT
}

# examine WORD...: hvctl with these words, until hvd had its time to look: on a busy host it may be late.
examine() {
	run --separate-stderr "$HVCTL" "$@"
	[[ $output != *'hvd itself did not run'* ]]
}

@test "a machine that is well: status 0, and says so" {
	demo
	wait_until examine doctor --stuck-after 100ms
	assert_success
	assert_output --partial '0 errors, 0 warnings, 0 notes; looked twice'
}

found_cause() {
	"$HVCTL" doctor --stuck-after 200ms | grep "$1"
}

@test "a guest that takes no messages is found, without any bus, and that it takes them again" {
	start_hvd --demo --accel sim --append 'stop-consuming=2 for=10'
	wait_until found_cause '^error D1 vps/0/sints/2: the guest has not taken the message'
	wait_until found_cause '^0 errors, 0 warnings, 0 notes'
}

@test "faults are named beside the findings" {
	demo
	"$HVCTL" -q faults add drop_message --count 1
	run "$HVCTL" doctor --stuck-after 100ms
	assert_success
	assert_line '1 fault is active, on purpose: hvctl faults list'
}

@test "with -j there is one document, also when nothing was found" {
	demo
	wait_until examine -j doctor --stuck-after 100ms
	assert_success
	assert_equal "$stderr" ''
	echo "$output" | /usr/bin/python3 -c 'import json, sys
report = json.load(sys.stdin)
assert report["items"] == [] and report["judged"] and report["errors"] == 0'
}

@test "a value that is none: 2" {
	demo
	run "$HVCTL" doctor --stuck-after 1ms
	assert_failure 2
	run "$HVCTL" doctor --fail-on info
	assert_failure 2
}

@test "--watch looks again and again" {
	demo
	looked_again() { [ "$(grep -c '0 errors' "$BATS_TEST_TMPDIR/out")" -ge 2 ]; }
	interrupted looked_again "$HVCTL" doctor --watch --stuck-after 50ms >"$BATS_TEST_TMPDIR/out" || ended=$?
	assert_equal "${ended-0}" 130
}

@test "samples in a file are judged as in the daemon, with status 8 for an error" {
	take_samples
	run "$HVCTL" doctor --from "$samples"
	assert_success
	change 'sample["machine"]["crash_age_ns"] = 5000000000'
	run "$HVCTL" doctor --from "$samples"
	assert_failure 8
	assert_line --partial 'error D39 hv: the guest panicked 5.0 s ago'
	assert_line '  type   hvctl vm reset'
	change 'sample["machine"]["crash_age_ns"] = 252000000000'
	run "$HVCTL" doctor --from "$samples"
	assert_line --partial 'error D39 hv: the guest panicked 4m12s ago'
	run "$HVCTL" doctor --from "$samples" -o name
	assert_failure 8
	assert_output hv
}

@test "--fail-on warn: 8 for a warning, which is 0 without" {
	take_samples
	change 'sample["connection"].update(state="negotiated", time_in_state_ns=9000000000)'
	run "$HVCTL" doctor --from "$samples"
	assert_success
	assert_line --partial 'warn D36 vmbus:'
	run "$HVCTL" doctor --from "$samples" --fail-on warn
	assert_failure 8
}

@test "what stood still for less than --stuck-after is not judged" {
	take_samples
	change 'sample["connection"].update(state="negotiated", time_in_state_ns=9000000000)'
	run "$HVCTL" doctor --from "$samples" --fail-on warn --stuck-after 2s
	assert_success
	refute_line --partial D36
}

# Waits grow by as much as there is between the samples: by all of it.
@test "a VP that got no processor is not blamed, and the report says so" {
	take_samples
	change 'vp = sample["vps"][0]
vp.update(masked=True, event_flag_count=1, registers_known=True)
sample["connection"].update(state="connected", target_vp=0)
sample["machine"].update(guest_os_id="0x1", hypercall="0x1")'
	run "$HVCTL" doctor --from "$samples"
	assert_failure 8
	assert_line --partial 'error D4 vps/0/sints/2:'
	change 'sample["vps"][0]["thread"]["wait_ns"] = sample["machine"]["mono_ns"]'
	run "$HVCTL" doctor --from "$samples"
	assert_success
	refute_line --partial 'D4'
	assert_line --regexp '^unseen vps/0: VP 0 waited [0-9]+ of [0-9]+ ms for a processor of the host, and ran 0 ms'
	assert_line --partial 'withheld, because whoever is to blame had no time to move'
	run "$HVCTL" doctor --from "$samples" -j
	echo "$output" | /usr/bin/python3 -c 'import json, sys
report = json.load(sys.stdin)
starved = [u["subject"] for u in report["unjudged"] if u["starved"]]
assert starved == ["vps/0"] and report["withheld"] > 0'
}

@test "a file that is none, or has no samples" {
	run "$HVCTL" doctor --from "$BATS_TEST_TMPDIR/nowhere"
	assert_failure
	take_samples
	change 'sample.clear()'
	run "$HVCTL" doctor --from "$samples"
	assert_failure 2
	assert_output --partial 'another version of hvd took them'
	change 'document["doctor"] = {"samples": []}'
	run "$HVCTL" doctor --from "$samples"
	assert_failure 2
	assert_output --partial 'holds no samples'
}

@test "samples that lack a field are refused" {
	take_samples
	change 'del sample["machine"]["running"]'
	run "$HVCTL" doctor --from "$samples"
	assert_failure 2
}

@test "explain has the long text of every rule" {
	for rule in $(seq 1 40); do
		run "$HVCTL" explain "D$rule"
		assert_success
		assert_line --partial "D$rule: "
		assert_line 'What to do'
	done
	run "$HVCTL" explain d17 -j
	assert_success
	assert_line --partial '"rule": "D17"'
	run "$HVCTL" explain D41
	assert_failure 3
	assert_line 'hvctl: no rule is called "D41" (no_such_rule)'
	assert_line 'hint: "hvctl explain rules" lists them'
	run "$HVCTL" explain rules
	assert_success
	assert_equal "${#lines[@]}" 40
	assert_line --regexp '^D17  [a-z]+ +[a-z]'
	run "$HVCTL" explain rules -j
	assert_equal "$(field "$output" items.39.rule)" D40
}

@test "the commands that rules advise exist" {
	"$HVCTL" explain D1 >/dev/null
	for words in 'synic kick' 'channels unstick' 'channels rescind' 'ic ping' 'ic shutdown' 'vm reset' 'faults add'; do
		# shellcheck disable=SC2086 # two words
		run "$HVCTL" $words --help
		assert_success
	done
}

@test "each limit can be set, live and on a snapshot" {
	take_samples
	change 'sample["connection"].update(state="negotiated", time_in_state_ns=9000000000)'
	run "$HVCTL" doctor --from "$samples" --offers-after 8s
	assert_line --partial 'warn D36 vmbus:'
	run "$HVCTL" doctor --from "$samples" --offers-after 10s
	refute_line --partial D36
	run "$HVCTL" doctor 4 7 --event-after 1s --curl
	assert_output --partial '/v1/doctor?event_after=1s&relid=4,7'
	run "$HVCTL" doctor --event-after 1s --offers-after 1m --stuck-after 50ms
	assert_success
	run "$HVCTL" doctor --stuck-after 0
	assert_failure 2
	assert_line 'at: --stuck-after'
}

@test "a channel that there is none of is not found, live and in a snapshot" {
	take_samples
	run "$HVCTL" doctor 99
	assert_failure 3
	run "$HVCTL" doctor 1 99 --from "$samples"
	assert_failure 3
	run "$HVCTL" doctor 1 --from "$samples"
	assert_success
}

@test "a watching doctor is switched on with hvd, and off" {
	demo --doctor
	run "$HVCTL" inspect doctor/watch/watching
	assert_output --partial 'yes'
	"$HVCTL" inspect doctor/watch/watching --set false
	run "$HVCTL" inspect doctor/watch/watching
	assert_output --partial 'no'
}
