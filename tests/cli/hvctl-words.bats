#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# hvctl's command line: words, options, help. Nothing here needs a daemon.
# shellcheck disable=SC2154 # stderr is set by run, requests by start_stub

load helpers
load stub

# usage_error PATTERN WORD...: refused with status 2, nothing on stdout, PATTERN on stderr.
usage_error() {
	local pattern=$1
	shift

	run --separate-stderr "$HVCTL" "$@"
	assert_equal "$status" 2
	assert_output ''
	[[ $stderr == *"$pattern"* ]] || fail "stderr is: $stderr"
}

bats_require_minimum_version 1.5.0

@test "help exists at every level" {
	run "$HVCTL" --help
	assert_success
	assert_line --partial 'Usage: hvctl'
	run "$HVCTL" ports --help
	assert_success
	assert_line --partial 'ports show'
	refute_line --partial 'routes list'
	run "$HVCTL" ports show -h
	assert_success
	assert_line 'Usage: hvctl ports show CONN [--from FILE]'
}

@test "each command of the program's help has help and an example of its own" {
	commands=$("$HVCTL" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]* \{0,1\}[a-z]*\)  .*/\1/p')
	[ "$(wc -l <<<"$commands")" -gt 25 ]
	while read -r command; do
		# shellcheck disable=SC2086 # noun and verb are two words
		run "$HVCTL" $command --help
		assert_success
		assert_line --partial "Usage: hvctl ${command% }"
		assert_line --partial '  hvctl '
	done <<<"$commands"
}

@test "version" {
	run "$HVCTL" --version
	assert_success
	assert_output --regexp '^hvctl [0-9]+\.[0-9]+\.[0-9]+$'
}

@test "a typo gets did-you-mean" {
	usage_error 'did you mean "ports"?' prots list
	usage_error 'did you mean "list"?' ports lst
	usage_error 'did you mean "--filter"?' ports list --fliter a=b
	usage_error 'did you mean "--payload"?' inject --vp 0 --sint 2 --paylaod 00
	usage_error 'did you mean "jsonl"?' ports list -o jsnol
	usage_error 'did you mean "fish"?' completion fihs
	# Also of the nouns at the end of the table, which is longer than it once was.
	usage_error 'did you mean "doctor"?' doktor
	usage_error 'did you mean "faults"?' fault list
	usage_error 'did you mean "snapshot"?' snapshto
}

@test "what is far from every word is not guessed at, and choices are listed" {
	usage_error '"hvctl log --help" lists them' log --tail 3
	usage_error '"hvctl vms list --help" lists them' vms list --from x
	usage_error 'hint: one of warn, error' doctor --fail-on none
	usage_error 'hint: one of channels, sints, vps, findings' top --view bogus
}

@test "help explains a command as --help does" {
	run "$HVCTL" help faults add
	assert_success
	assert_output "$("$HVCTL" faults add --help)"
	run "$HVCTL" help faults
	assert_output "$("$HVCTL" faults --help)"
	run "$HVCTL" help
	assert_output "$("$HVCTL" --help)"
	usage_error 'did you mean "doctor"?' help doktor
	usage_error 'one argument too many' help top faults
	run "$HVCTL" complete -- help fau
	assert_line --partial faults
	run "$HVCTL" complete -- help faults a
	assert_line --partial add
}

@test "prefixes are not accepted" {
	usage_error 'unknown command "port"' port list
	usage_error 'unknown ports command "li"' ports li
	usage_error 'unknown option "--sock"' ports list --sock x
}

@test "a noun alone wants a verb" {
	usage_error '"ports" wants a command' ports
}

@test "missing, surplus and doubled arguments are named" {
	usage_error 'ports show wants CONN' ports show
	usage_error 'inject wants --sint' inject --vp 0
	usage_error '"9" is one argument too many' ports show 1 9
	usage_error '--vp is given twice' inject --vp 0 --vp 1 --sint 2
	usage_error '--vp wants a value' inject --sint 2 --vp
	usage_error '--force takes no value' inject --vp 0 --sint 2 --force=1
}

@test "numbers are taken whole, and errors name the option" {
	usage_error '--vp: "1x" is not a number' inject --vp 1x --sint 2
	usage_error '--vp: "-1" is not a number' inject --vp -1 --sint 2
	usage_error '--sint: 16 is out of range, 0 to 15' inject --vp 0 --sint 16
	usage_error '--flag: 2048 is out of range' signal --vp 0 --sint 2 --flag 2048
	usage_error '--vtl: 3 is out of range' inject --vp 0 --sint 2 --vtl 3
	usage_error 'SINT: 0x10 is out of range' sints show 0 0x10
	usage_error 'RELID: "abc" is not a number' doctor 4 abc
	usage_error '--timeout: "5 s" is not a duration' ports list --timeout '5 s'
	usage_error '--since: "yesterday" is none of these' log --since yesterday
}

@test "a moment is typed as records print it, or as a date, in UTC" {
	while IFS='|' read -r typed sent; do
		run "$HVCTL" -s x log --since "$typed" --curl
		assert_output "curl -sS --unix-socket x 'http://hvd/v1/log?limit=1000&since=$sent'"
	done <<-'END'
		17|17
		5m|5m
		2026-11-21T15:53:15.25+01:00|2026-11-21T15%3A53%3A15.25%2B01%3A00
		2026-11-21 15:53:15.123456|2026-11-21T15%3A53%3A15.123456Z
		2026-11-21T15:53:15|2026-11-21T15%3A53%3A15Z
		2026-11-21 15:53|2026-11-21T15%3A53%3A00Z
		2026-11-21|2026-11-21T00%3A00%3A00Z
	END
	run "$HVCTL" -s x log --since 00:00:00.5 --curl
	assert_output --partial "since=$(date -u +%Y-%m-%d)T00%3A00%3A00.5Z"
	for typed in '' 25:00 '2026-11-21 ' 19:14x 19:14:00. 19:14:00.1234567890; do
		usage_error 'is none of these' log --since "$typed"
		usage_error 'is none of these' snapshot /dev/null --since "$typed"
	done
	usage_error '--since 1s is later than --until 5s' log --since 1s --until 5s
	usage_error 'is later than' log --since 2026-11-22 --until 2026-11-21
	usage_error 'is later than' log --since 9 --until 8
}

@test "a kind of record that there is none of is refused, not waited for" {
	usage_error 'no kind of record is called "bogus"' log --type bogus
	usage_error 'did you mean "sint.assert"?' watch --type 'message.*,sint.asert'
	usage_error 'no kind of record is called "*.nothing"' watch --type '*.nothing'
	run "$HVCTL" -s x log --type 'vm.*,st?ged' --curl
	assert_success
	run "$HVCTL" explain records
	assert_success
	assert_line --regexp '^message.delivered +a message was'
	refute_line --regexp '^gap '
	run "$HVCTL" explain sint.assert
	assert_equal "${#lines[@]}" 1
	run "$HVCTL" explain sint.assert -j
	assert_equal "$(field "$output" items.0.record)" sint.assert
}

@test "vm wait does not wait for what can never be" {
	usage_error 'hint: did you mean "running"?' vm wait --for state=runing
	usage_error '--for: state is never "bogus"' vm wait --for state=bogus
	usage_error 'hint: one of created' vm wait --for state!=bogus
	usage_error 'hint: did you mean "state"?' vm wait --for stat=running
	usage_error '--for: "running" is not a comparison' vm wait --for running
	usage_error '--for: synic_mode is never "qemu"' vm wait --for state=running,synic_mode=qemu
	run "$HVCTL" -s x vm wait --for 'state~run*,faults_active=0,stop=null' --curl
	assert_success
}

@test "payloads are hex, a file or stdin, and at most 240 bytes" {
	usage_error '--payload: "0g" is not hex' inject --vp 0 --sint 2 --payload 0g
	usage_error '--payload: a message holds at most 240 bytes' \
		inject --vp 0 --sint 2 --payload "$(printf '%0482d' 0)"
	usage_error 'No such file' inject --vp 0 --sint 2 --payload @/nonexistent
	usage_error '--payload: /tmp: Is a directory' inject --vp 0 --sint 2 --payload @/tmp
	head -c 300 /dev/zero >"$BATS_TEST_TMPDIR/large"
	usage_error 'at most 240' inject --vp 0 --sint 2 --payload "@$BATS_TEST_TMPDIR/large"
	run bash -c 'printf "hello" | "$HVCTL" -s x inject --vp 0 --sint 2 --payload - --curl'
	assert_success
	assert_output --partial '"payload":"68656c6c6f"'
}

@test "options that mean nothing for a command are refused" {
	usage_error '--watch makes no sense' inject --vp 0 --sint 2 --watch
	usage_error '--filter works on lists only' vm show --filter a=b
	usage_error 'has no names' inject --vp 0 --sint 2 -o name
	usage_error 'records have no columns' log --columns seq
	usage_error 'a snapshot does not change' channels list --watch --from x
	usage_error 'a snapshot does not change' doctor --watch --from x
	usage_error 'do not go with it' signal --connection 1 --vp 0
	usage_error 'signal wants' signal --vp 0 --flag 1
}

@test "with -j a usage error is one problem object, wherever -j stands" {
	for words in '-j ports lst' 'ports lst -j' 'ports lst -o json' 'ports lst --output=jsonl'; do
		# shellcheck disable=SC2086
		run --separate-stderr "$HVCTL" $words
		assert_equal "$status" 2
		assert_output ''
		one_json "$stderr"
		assert_equal "$(field "$stderr" code)" usage
	done
}

@test "arguments that are no UTF-8 make no malformed problem" {
	run --separate-stderr "$HVCTL" -j $'po\xffrts'
	assert_equal "$status" 2
	one_json "$stderr"
	assert_equal "$(field "$stderr" detail)" 'unknown command "po\xffrts"'
}

@test "--curl prints the request, quoted for a shell, and sends nothing" {
	run "$HVCTL" -s "/tmp/it's here.sock" ports list --curl
	assert_success
	assert_output "curl -sS --unix-socket '/tmp/it'\\''s here.sock' 'http://hvd/v1/ports'"
	run "$HVCTL" -s x inject --vp 0x1 --sint 2 --type 0x10 --payload '01 02' --no-wait --curl
	assert_success
	assert_output "curl -sS --unix-socket x -H 'Content-Type: application/json' --data-raw '{\"vp\":1,\"sint\":2,\"type\":16,\"payload\":\"0102\",\"wait\":false}' 'http://hvd/v1/messages'"
	run "$HVCTL" -s x sints list --vp 3 --vtl 1 --curl
	assert_output "curl -sS --unix-socket x 'http://hvd/v1/vps/3/sints?vtl=1'"
	run "$HVCTL" -s x watch --type 'vm.*' --curl
	assert_output "curl -sSN --unix-socket x 'http://hvd/v1/log?follow=1&type=vm.%2A'"
}

@test "--curl's line runs in a shell" {
	start_stub "it's"
	command=$("$HVCTL" signal --vp 0 --sint 2 --flag 5 --curl)
	run bash -c "$command"
	assert_success
	assert_equal "$(field "$output" result)" set
}
