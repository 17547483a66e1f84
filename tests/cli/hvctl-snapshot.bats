#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# hvctl snapshot, and the commands that read one.
# shellcheck disable=SC2154 # stderr is set by run

bats_require_minimum_version 1.5.0

load helpers
load stub

setup() {
	common_setup
	file=$BATS_TEST_TMPDIR/snapshot.json
}

demo() {
	start_hvd --demo --accel sim --cpus 2 --device null --device heartbeat "$@"
}

has_record() {
	[ -n "$("$HVCTL" log --type "$1" --count 1)" ]
}

# The shape of a document: its keys, one a line, without values.
shape() {
	/usr/bin/python3 -c 'import json, sys
def walk(value, path):
    if isinstance(value, dict):
        for key in value:
            walk(value[key], path + "/" + key)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            walk(item, f"{path}/{number}" if isinstance(item, dict) else path)
    else:
        print(path)
walk(json.load(sys.stdin), "")'
}

@test "a snapshot is whole, for its owner only, and what its schema says" {
	demo
	run "$HVCTL" snapshot "$file"
	assert_success
	assert_output ''
	assert_equal "$(stat -c %a "$file")" 600
	one_json "$(cat "$file")"
	assert_equal "$(field "$(cat "$file")" complete)" true
	assert_equal "$(field "$(cat "$file")" errors)" '[]'
	run /usr/bin/python3 -c 'import json, jsonschema, sys
document = json.load(open(sys.argv[1]))
jsonschema.validate(document, json.load(open(sys.argv[2])))
print(len(document["doctor"]["samples"]), len(document["log"]["items"]) > 10)' \
		"$file" "$SOURCE_ROOT/schema/snapshot.json"
	assert_success
	assert_output '2 True'
	assert_equal "$(find "$BATS_TEST_TMPDIR" -name 'snapshot.json*' | wc -l)" 1
}

@test "a machine without a bus lacks nothing" {
	start_hvd --demo --accel sim
	run "$HVCTL" snapshot "$file"
	assert_success
	assert_output ''
	assert_equal "$(field "$(cat "$file")" complete)" true
}

@test "a snapshot goes to stdout, too, and has no doctor to say where there is none" {
	start_stub
	run --separate-stderr "$HVCTL" snapshot
	assert_failure 7 # a VP of the stub's did not answer; the rest is worth having
	one_json "$output"
	assert_equal "$(field "$output" complete)" false
	assert_equal "$(field "$output" doctor)" null
	assert_equal "$(field "$output" tree.vm.name)" stub
	[[ $stderr == *'/v1/doctor/samples is left out: not_found'* ]]
	[[ $stderr == *'/v1/tree/vps/1 is left out: timeout'* ]]
	assert_equal "$(field "$output" errors.0.part)" /v1/tree/vps/1
}

@test "nothing is written when there is no VM, and what cannot be written leaves the old file" {
	run "$HVCTL" snapshot "$file"
	assert_failure 6
	[ ! -e "$file" ]
	demo
	run "$HVCTL" snapshot "$BATS_TEST_TMPDIR/absent/file.json"
	assert_failure 1
	assert_output --partial 'No such file'
	mkdir "$BATS_TEST_TMPDIR/folder"
	run "$HVCTL" snapshot "$BATS_TEST_TMPDIR/folder"
	assert_failure 1
	assert_equal "$(find "$BATS_TEST_TMPDIR" -name 'folder*' | wc -l)" 1
}

@test "a device is written to, and not replaced; a link stays a link" {
	demo
	wait_until "$HVCTL" snapshot "$BATS_TEST_TMPDIR/real.json"
	ln -s real.json "$BATS_TEST_TMPDIR/link.json"
	inode=$(stat -c %i "$BATS_TEST_TMPDIR/real.json")
	run "$HVCTL" snapshot "$BATS_TEST_TMPDIR/link.json"
	assert_success
	assert_equal "$(readlink "$BATS_TEST_TMPDIR/link.json")" real.json
	refute [ "$(stat -c %i "$BATS_TEST_TMPDIR/real.json")" = "$inode" ]
	mkfifo "$BATS_TEST_TMPDIR/pipe"
	timeout 20 "$HVCTL" snapshot "$BATS_TEST_TMPDIR/pipe" 3>&- &
	timeout 20 cat "$BATS_TEST_TMPDIR/pipe" >"$file"
	/usr/bin/python3 -m json.tool "$file" >/dev/null
	wait $!
	[ -p "$BATS_TEST_TMPDIR/pipe" ]
	run "$HVCTL" snapshot /dev/fd/3 3>/dev/full
	assert_failure 1
	assert_output --partial 'No space left on device'
}

@test "a gap in a snapshot's log is told where the record behind it is" {
	demo
	wait_until has_record message.delivered
	wait_until "$HVCTL" snapshot "$file"
	/usr/bin/python3 - "$file" <<-'END'
		import json, sys
		snapshot = json.load(open(sys.argv[1]))
		items = snapshot["log"]["items"]
		for place, lost in ((len(items), 3), (len(items) - 1, 2), (len(items) - 1, 2), (0, 1)):
		    items.insert(place, {"seq": 1, "type": "gap", "lost": lost})
		json.dump(snapshot, open(sys.argv[1], "w"))
	END
	run "$HVCTL" log --from "$file"
	assert_line --regexp 'gap +lost=1$'
	run "$HVCTL" log --from "$file" --since 0s --type vm.state
	assert_success
	assert_equal "$(grep -o 'lost=.*' <<<"$output" | tr '\n' ' ')" 'lost=2 lost=2 lost=3 '
}

@test "the log in a snapshot is filtered as a log is" {
	demo
	wait_until has_record message.delivered

	wait_until "$HVCTL" snapshot "$file"
	stop_hvd
	run "$HVCTL" log --from "$file" --type vm.state
	assert_success
	assert_equal "${#lines[@]}" 1
	assert_line --regexp ' vm\.state +from=created to=running'
	seq=$(field "$("$HVCTL" log --from "$file" --type vm.state -j)" seq)
	run "$HVCTL" log --from "$file" --since "$seq" --count 1 -j
	assert_equal "$(field "$output" seq)" $((seq + 1))
	run "$HVCTL" log --from "$file" --until "$seq" -j
	assert_equal "$(field "${lines[-1]}" seq)" "$seq"
	run "$HVCTL" log --from "$file" --vp 1 --sint 2
	assert_line --partial message.delivered
	refute_line --partial 'VP 0'
	refute_line --partial 'SINT 4'
	time=$("$HVCTL" log --from "$file" --type vm.state | cut -c1-15)
	run "$HVCTL" log --from "$file" --since "$time" --count 1
	assert_output --partial vm.state
	run "$HVCTL" log --from "$file" --since 0s
	assert_equal "${#lines[@]}" 1
	run "$HVCTL" log --from "$file" --relid 9
	assert_output ''
	run "$HVCTL" log --from "$file" --previous
	assert_failure 2
	/usr/bin/python3 -c 'import json, sys
print(json.dumps(json.load(open(sys.argv[1])) | {"log": None}))' "$file" >"$file.without"
	run "$HVCTL" log --from "$file.without"
	assert_failure 3
	assert_line --partial 'the snapshot has no log'
	assert_line 'hint: "hvctl snapshot FILE --timeout 30s" waits longer for each part'
}

@test "commands answer out of a snapshot as they did of the VM" {
	demo --on-stop stay
	"$HVCTL" vm shutdown # so that nothing moves between two looks
	wait_until "$HVCTL" snapshot "$file"
	while read -r command; do
		read -ra words <<<"$command"
		"$HVCTL" -j "${words[@]}" | shape >"$BATS_TEST_TMPDIR/live"
		run --separate-stderr "$HVCTL" -j "${words[@]}" --from "$file"
		assert_equal "$command: $status $stderr" "$command: 0 "
		diff "$BATS_TEST_TMPDIR/live" <(shape <<<"$output")
		"$HVCTL" "${words[@]}" --from "$file" >/dev/null
	done <<-'END'
		vm show
		vps show 1
		sints show 0 2
		vmbus show
		ports list
		ports show 65537
		routes list
		channels list
		channels show 1
		offers list
		hypercalls list
		hv show
		ic list
		ic show heartbeat
		inspect
		inspect --depth 1
		inspect --depth 2
		inspect vps/0/synic
		inspect vps/0/exits/io
		inspect vps/*/synic
		inspect ic/heartbeat vmbus/state
	END
}

@test "a snapshot answers where no VM runs" {
	demo
	wait_until "$HVCTL" snapshot "$file"
	stop_hvd
	run "$HVCTL" synic show --vp 1 --from "$file"
	assert_success
	assert_line --regexp '^mode: +sim'
	run "$HVCTL" sints list --from - <"$file"
	assert_success
	run "$HVCTL" doctor --from "$file"
	assert_success
	run "$HVCTL" ports list --from "$file" --filter type=message -o name
	assert_line 65537
}

@test "what a snapshot lacks, and what is none" {
	demo
	wait_until "$HVCTL" snapshot "$file"
	run "$HVCTL" vps show 7 --from "$file"
	assert_failure 3
	run "$HVCTL" inspect nothing --from "$file"
	assert_failure 3
	run "$HVCTL" synic show --vtl 1 --from "$file"
	assert_failure 2
	run "$HVCTL" inspect recorder/enabled --set false --from "$file"
	assert_failure 2
	run "$HVCTL" vps list --from "$BATS_TEST_TMPDIR/absent"
	assert_failure 3
	echo '{"snapshot": 2, "tree": {}}' >"$file"
	run "$HVCTL" vps list --from "$file"
	assert_failure 2
	echo 'no JSON' >"$file"
	run "$HVCTL" vps list --from "$file"
	assert_failure 2
	assert_output --partial 'line 1'
	: >"$file"
	run "$HVCTL" doctor --from "$file"
	assert_failure 2
	assert_output --partial 'is no snapshot: it is empty'
	run "$HVCTL" doctor --from "$BATS_TEST_TMPDIR"
	assert_output --partial 'is no snapshot: it is a directory'
}

@test "the packets of a ring are where rings show looks for them" {
	start_stub
	/usr/bin/python3 - "$BATS_TEST_DIRNAME/stub-hvd" >"$file" <<'END'
import importlib.machinery, importlib.util, json, sys
loader = importlib.machinery.SourceFileLoader("stub", sys.argv[1])
stub = importlib.util.module_from_spec(importlib.util.spec_from_loader("stub", loader))
loader.exec_module(stub)
rings = {str(n): stub.ring(n) | {"unread": {}, "consumed": {}} for n in range(2)}
rings["1"]["unread"] = {str(n): stub.packet(n) for n in range(3)}
print(json.dumps({"snapshot": 1, "tree": {"channels": {"1": {"relid": 1, "rings": rings}}}}))
END
	run "$HVCTL" rings show 1 --packets 2 --from "$file"
	assert_success
	assert_line 'guest_to_host, to be read, the next one first: none'
	assert_line --regexp '^ *1 +56 +data_inband'
	refute_line --regexp '^ *2 +112 +data_inband'
	run --separate-stderr "$HVCTL" -j rings list --from "$file"
	assert_equal "$(field "$output" items.1.direction)" host_to_guest
	assert_equal "$(field "$output" items.1.unread)" ''
}

@test "--redact leaves the bytes out" {
	start_stub
	run --separate-stderr "$HVCTL" snapshot --redact
	assert_equal "$(field "$output" redacted)" true
	assert_equal "$(field "$output" tree.messages.0.payload)" null
}
