#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# The scripts that people and CI start: what they count, and what they do without being root.

load helpers

setup() {
	common_setup
	tally=$SOURCE_ROOT/scripts/lib/tally.py
	testlog=$BATS_TEST_TMPDIR/testlog.json
}

# program NAME RESULT STDOUT: adds one program to a meson test log.
program() {
	/usr/bin/python3 -c '
import json, sys
name, result, stdout = sys.argv[1:]
print(json.dumps({"name": "hvd:unit / " + name, "result": result, "stdout": stdout}))' \
		"$1" "$2" "$(printf '%b' "$3")" >>"$testlog"
}

@test "tally counts every TAP line, also names with a hash" {
	program rules OK '1..4\nok 1 one # of many\nok 2 - two\nok 3 three # skip no KVM\nok 4 - four # SKIP\n# done'
	run "$tally" "$testlog" gcc
	assert_line --index 0 '2 0 2'
	assert_line 'skip gcc: rules / three: no KVM'
	assert_line 'skip gcc: rules / four'
}

@test "tally counts every cmocka test, whose summary is not counted twice" {
	program synic FAIL '[==========] Running 3 test(s).\n[ RUN      ] a\n[       OK ] a\n[ RUN      ] b\n[  FAILED  ] b\n[ RUN      ] c\n[  SKIPPED ] c\n[==========] 3 test(s) run.'
	run "$tally" "$testlog" gcc
	assert_line --index 0 '1 1 1'
	assert_line 'fail gcc: synic / b'
}

@test "tally counts cmocka tests whose group has a name" {
	program synic OK '[==========] tests: Running 1 test(s).\n[ RUN      ] a\n[       OK ] a\n[==========] tests: 1 test(s) run.'
	run "$tally" "$testlog" gcc
	assert_line --index 0 '1 0 0'
}

@test "tally turns a crash and a timeout into a failure, whatever passed before" {
	program crash ERROR '1..2\nok 1 one'
	program slow TIMEOUT ''
	run "$tally" "$testlog" gcc
	assert_line --index 0 '1 2 0'
	assert_line 'fail gcc: crash / (program: error)'
	assert_line 'fail gcc: slow'
}

@test "tally keeps the reason of a program that skips itself" {
	program rig SKIP 'no qemu here'
	run "$tally" "$testlog" gcc
	assert_line --index 0 '0 0 1'
	assert_line 'skip gcc: rig: no qemu here'
}

@test "tally fails on a log it cannot read" {
	echo 'not JSON' >"$testlog"
	run "$tally" "$testlog" gcc
	assert_failure
}

# fake_path: a PATH on which no package is installed and nobody is root.
fake_path() {
	local bin=$BATS_TEST_TMPDIR/bin

	mkdir -p "$bin"
	printf '#!/bin/sh\nexit 1\n' >"$bin/dpkg-query"
	printf '#!/bin/sh\necho 1000\n' >"$bin/id"
	printf '#!/bin/sh\nexit 1\n' >"$bin/sudo"
	# shellcheck disable=SC2016 # for the fake
	printf '#!/bin/sh\necho "apt-get was started" >&2\nexit 1\n' >"$bin/apt-get"
	chmod +x "$bin"/*
	echo "$bin:$PATH"
}

@test "deps prints the one apt-get line when it may not install, and touches nothing" {
	PATH=$(fake_path) run "$SOURCE_ROOT/scripts/deps" build </dev/null
	assert_failure 1
	assert_line --regexp '^apt-get install --no-install-recommends .*meson.* liburcu-dev$'
	refute_output --partial 'apt-get was started'
}

@test "deps says so when apt-get fails" {
	PATH=$(fake_path) && export PATH
	printf '#!/bin/sh\necho 0\n' >"$BATS_TEST_TMPDIR/bin/id"
	run "$SOURCE_ROOT/scripts/deps" build </dev/null
	assert_failure 1
	assert_output --partial 'apt-get could not install them'
}

@test "deps is silent when nothing is missing" {
	mkdir "$BATS_TEST_TMPDIR/bin"
	printf '#!/bin/sh\nprintf installed\n' >"$BATS_TEST_TMPDIR/bin/dpkg-query"
	chmod +x "$BATS_TEST_TMPDIR/bin/dpkg-query"
	PATH=$BATS_TEST_TMPDIR/bin:$PATH run "$SOURCE_ROOT/scripts/deps" check
	assert_success
	assert_output ''
}

@test "scripts refuse arguments they do not know" {
	run "$SOURCE_ROOT/scripts/deps" everything
	assert_failure 1
	run "$SOURCE_ROOT/scripts/check" --slow
	assert_failure 1
	assert_output --partial 'usage:'
}

# ---- soak ------------------------------------------------------------------------------------

# fake_soak: scripts/soak beside a scripts/nested that ends with $NESTED_STATUS in mode kernel.
fake_soak() {
	local tree=$BATS_TEST_TMPDIR/tree

	mkdir -p "$tree/scripts/lib" "$tree/build"
	cp "$SOURCE_ROOT/scripts/soak" "$tree/scripts/"
	cp "$SOURCE_ROOT/scripts/lib/common.sh" "$tree/scripts/lib/"
	cat >"$tree/scripts/nested" <<'EOT'
#!/bin/bash
echo "$*" >>"$BATS_TEST_TMPDIR/machines"
echo 'ok 1 - soak: 3 minutes'
if [ -n "${BREAKS-}" ]; then
	printf '#   %s, 2 VPs: minute %s findings, 9 streams\n' user '1: 0' user "2: $BREAKS"
	echo '== FAILED: Linux 6.1: the machine died (QEMU ended with status 0)'
	exit 1
fi
case $* in
*kernel-2*) echo '# kernel, 2 VPs: 3 minutes, 1 findings' && exit "$NESTED_STATUS" ;;
*) echo '# user, 2 VPs: 3 minutes, 0 findings' ;;
esac
EOT
	chmod +x "$tree/scripts/nested"
	soak=("$tree/scripts/soak" --build "$tree/build" --logs "$BATS_TEST_TMPDIR/logs")
}

@test "soak works in both modes, as long as it is told, and says what came of it" {
	fake_soak
	NESTED_STATUS=0 run "${soak[@]}" --kernel 6.1 3
	assert_success
	assert_line '# user, 2 VPs: 3 minutes, 0 findings'
	assert_line '== mode kernel: well'
	assert_line '== 3 minutes in each mode, and the doctor found nothing'
	assert [ "$(grep -c -e '--kernel 6.1 .*--match [a-z]*-2 --append soak=3 ' "$BATS_TEST_TMPDIR/machines")" = 2 ]
}

@test "soak fails when one mode does, and tells an impossible rig from a failure" {
	fake_soak
	NESTED_STATUS=1 run "${soak[@]}" 3
	assert_failure 1
	assert_line '== mode user: well'
	assert_line '== mode kernel: not well'
	NESTED_STATUS=77 run "${soak[@]}"
	assert_failure 77
	assert_line '== mode kernel: it cannot run here'
	assert grep -q -e '--append soak=60 ' "$BATS_TEST_TMPDIR/machines"
	refute_output --partial 'found nothing'
}

@test "soak tells a machine that broke down from a failure, unless something was found in it" {
	fake_soak
	BREAKS=0 run "${soak[@]}" 3
	assert_failure 77
	assert_line '== mode user: the emulated machine broke down; nothing was found in its 2 minutes'
	refute_output --partial 'the doctor found nothing'
	BREAKS=1 run "${soak[@]}" 3
	assert_failure 1
	assert_line '== mode user: not well'
}

@test "soak refuses what is no time" {
	local wrong
	for wrong in 0 soon -5 '--kernel'; do
		run "$SOURCE_ROOT/scripts/soak" "$wrong"
		assert_failure 1
		assert_output --regexp '^soak: .+'
	done
}
