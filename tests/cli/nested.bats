#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# scripts/nested itself: what it does with kernels, machines and results. QEMU, apt and busybox are
# stand-ins, so that a machine takes no time and does what a test wants of it.

load helpers

setup() {
	common_setup
	bin=$BATS_TEST_TMPDIR/bin
	logs=$BATS_TEST_TMPDIR/logs
	nested=("$SOURCE_ROOT/scripts/nested" --build "$BUILD_ROOT" --logs "$logs")
	export FAKE=$BATS_TEST_TMPDIR/fake XDG_CACHE_HOME=$BATS_TEST_TMPDIR/cache
	export TMPDIR=$BATS_TEST_TMPDIR/tmp PATH=$bin:$PATH MACHINE=good
	mkdir -p "$bin" "$FAKE" "$TMPDIR"
	fake_packages
	fake_machine
}

# fake NAME: a program of that name with stdin as its text.
fake() {
	{
		echo '#!/bin/bash'
		cat
	} >"$bin/$1"
	chmod +x "$bin/$1"
}

# Every package is installed; those of both kernels can be downloaded, which takes a moment.
fake_packages() {
	echo 'printf installed' | fake dpkg-query
	fake apt-cache <<'EOT'
[ ! -e "$FAKE/unknown-$2" ] || exit 0
case $2 in
linux-image-cloud-amd64) echo '  Depends: linux-image-6.1.0-99-cloud-amd64' ;;
*) echo '  Depends: linux-image-6.12.99-cloud-amd64' ;;
esac
EOT
	fake apt-get <<'EOT'
echo "$*" >>"$FAKE/apt-get.calls"
[ ! -e "$FAKE/offline" ] && [ ! -e "$FAKE/missing-${!#}" ] || { echo 'E: Failed to fetch it' && exit 100; }
sleep 0.2
touch package.deb
EOT
	fake dpkg-deb <<'EOT'
mkdir -p "$3/boot" "$3/lib/modules/9/kernel"
touch "$3/boot/vmlinuz-9"
printf '.section .modinfo, "a"\n.asciz "depends=kvm,irqbypass"\n' | as -o "$3/lib/modules/9/kernel/kvm-amd.ko"
printf '.section .modinfo, "a"\n.asciz "depends=irqbypass"\n' | as -o "$3/lib/modules/9/kernel/kvm.ko"
for module in irqbypass hv_utils hv_sock; do
	printf '.section .modinfo, "a"\n.asciz "depends="\n' | as -o "$3/lib/modules/9/kernel/$module.ko"
done
EOT
}

# $MACHINE says how the emulated machine behaves.
fake_machine() {
	fake busybox <<<'echo sh'
	# No cp: of two at once, one would find that the file exists.
	fake cpio <<<'sort >"$FAKE/initramfs"; cat rig/modules/order >"$FAKE/order"; cat rig/suites >"$FAKE/suites"'
	fake qemu-system-x86_64 <<'EOT'
say() {
	printf '%s\r\n' "$@"
}
echo "$BASHPID $*" >>"$FAKE/machines"
case $MACHINE in
good) say '# rig: Linux 9' 'ok 1 - one' 'ok 2 - two # SKIP no such thing' '1..2' '# rig: done' ;;
bad) say '# rig: Linux 9' 'ok 1 - one' 'not ok 2 - two' '1..2' '# rig: done' ;;
dies) say '# rig: Linux 9' 'ok 1 - one' && exit 7 ;;
stumbles)
	[ "$(grep -c . "$FAKE/machines")" -gt 1 ] || exit 0
	say '# rig: Linux 9' 'ok 1 - one' '1..1' '# rig: done'
	;;
resets)
	say '# rig: Linux 9'
	while read -r suite; do
		say "# suite $suite" "ok 1 - $suite"
		[ "$suite" != "$RESET_IN" ] || [ "$(grep -c . "$FAKE/machines")" -gt 1 ] || exit 0
		say '1..1' "# suite $suite took 1 s"
	done <"$FAKE/suites"
	[ -z "${RESET_LATE-}" ] || [ "$(grep -c . "$FAKE/machines")" -gt 1 ] || exit 0
	say '# rig: done'
	;;
hangs) say '# rig: Linux 9' && exec sleep 1000 ;;
freezes)
	[ "$(grep -c . "$FAKE/machines")" -gt 1 ] || exec sleep 1000
	say '# rig: Linux 9' 'ok 1 - one' '1..1' '# rig: done'
	;;
esac
EOT
}

machine_runs() {
	[ -s "$FAKE/machines" ] && grep -q 'rig: Linux' "$logs/6.1/console"
}

machine_is_gone() {
	local pid

	pid=$(awk '{ print $1; exit }' "$FAKE/machines")
	! kill -0 "$pid" 2>/dev/null
}

# start_hanging: a run whose machine never ends, in the background. Sets nested_pid.
start_hanging() {
	MACHINE=hangs "${nested[@]}" demo >"$BATS_TEST_TMPDIR/nested.log" 2>&1 </dev/null 3>&- &
	nested_pid=$!
	wait_until machine_runs
}

work_folders() {
	find "$TMPDIR" -mindepth 1 -maxdepth 1 -name 'hvd-nested.*'
}

# ---- arguments -------------------------------------------------------------------------------

@test "nested lists its suites and refuses what it does not know" {
	run "$SOURCE_ROOT/scripts/nested" list
	assert_success
	assert_line --regexp '^guest-user +every guest program'
	assert_line --regexp '^bench .*\[by name only\]$'
	local wrong
	for wrong in no-such-suite ../nested/demo --no-such-option '--timeout soon' '--timeout 0' \
		--timeout '--silence 0' '--kernel six' '--build /nonexistent' 'demo shell' \
		'--kernel both shell' '--machine fast'; do
		# shellcheck disable=SC2086 # words they are
		run "$SOURCE_ROOT/scripts/nested" $wrong
		assert_failure 1
		assert_output --regexp '^nested: .+'
	done
}

@test "nested --help tells every option" {
	run "$SOURCE_ROOT/scripts/nested" --help
	assert_success
	local option
	for option in --kernel --machine --match --append --build --logs --timeout --silence shell list; do
		assert_output --partial "  $option "
	done
}

# ---- verdicts --------------------------------------------------------------------------------

@test "a run without --kernel boots both kernels and adds their results up" {
	run "${nested[@]}" demo
	assert_success
	assert_line 'ok 1 - one'
	assert_line --partial '== Linux 6.1 took'
	assert_line --partial '== Linux 6.12 took'
	assert_line '== SKIPPED: Linux 6.12: 2 - two # SKIP no such thing'
	assert_line --regexp '^== took [0-9]+ s; logs are in'
	assert_line '== 2 passed, 0 failed, 2 skipped'
	assert [ -s "$logs/6.1/console" ]
	assert [ -s "$logs/6.12/console" ]
	assert [ -z "$(work_folders)" ]
}

@test "a failed test makes the run fail and is named with its kernel" {
	MACHINE=bad run "${nested[@]}" --kernel 6.12 demo
	assert_failure 1
	assert_line '== FAILED: Linux 6.12: 2 - two'
	assert_line '== 1 passed, 1 failed, 0 skipped'
}

@test "a machine that dies fails the run, whatever passed before" {
	MACHINE=dies run "${nested[@]}" --kernel 6.1 demo
	assert_failure 1
	assert_line '== FAILED: Linux 6.1: the machine died (QEMU ended with status 7)'
	assert_line '== 1 passed, 1 failed, 0 skipped'
}

@test "a machine that ends before its first process is started once more" {
	MACHINE=stumbles run "${nested[@]}" --kernel 6.1 demo
	assert_success
	assert_line --partial 'REPEATED: the emulated machine itself broke down'
	assert_line '== 1 passed, 0 failed, 0 skipped'
}

@test "a machine that is reset runs again those suites that had not ended" {
	MACHINE=resets RESET_IN=guest-user run "${nested[@]}" --kernel 6.1 demo guest-user failures
	assert_success
	assert_line --partial 'broke down; on another one: guest-user failures'
	assert_line '== 3 passed, 0 failed, 0 skipped'
	assert_equal "$(grep -c '^ok' "$logs/6.1/console")" 3
	assert grep -q '^# suite guest-user$' "$logs/6.1/console.first"
}

@test "what is judged afterwards runs again with the last suite" {
	MACHINE=resets RESET_IN=none RESET_LATE=yes run "${nested[@]}" --kernel 6.1 demo capture failures
	assert_line --partial 'broke down; on another one: capture failures'
	assert_equal "$(grep -c '^ok' "$logs/6.1/console")" 3
	assert_equal "$(cat "$FAKE/suites")" $'capture\nfailures'
}

@test "a machine that is reset four times has died" {
	sed -i 's/-gt 1/-gt 3/' "$bin/qemu-system-x86_64"
	MACHINE=resets RESET_IN=guest-user run "${nested[@]}" --kernel 6.1 demo guest-user failures
	assert_success
	assert_line '== 3 passed, 0 failed, 0 skipped'
	assert_equal "$(grep -c . "$FAKE/machines")" 4
	sed -i 's/-gt 3/-gt 4/' "$bin/qemu-system-x86_64"
	rm "$FAKE/machines"
	MACHINE=resets RESET_IN=guest-user run "${nested[@]}" --kernel 6.1 demo guest-user failures
	assert_failure 1
	assert_line '== FAILED: Linux 6.1: the machine died (QEMU ended with status 0)'
	assert_line '== 2 passed, 1 failed, 0 skipped'
}

@test "a machine that does not end is ended by the time limit" {
	MACHINE=hangs run "${nested[@]}" --kernel 6.1 --timeout 1 demo
	assert_failure 1
	assert_line '== FAILED: Linux 6.1: no end after 1 s'
	assert machine_is_gone
}

@test "a machine that stands still is started once more" {
	MACHINE=freezes run "${nested[@]}" --kernel 6.1 --silence 1 demo
	assert_success
	assert_line --partial 'REPEATED: the emulated machine itself broke down'
	assert_line '== 1 passed, 0 failed, 0 skipped'
}

@test "figures are taken on a machine of their own, whose clock counts instructions" {
	[ -x /usr/bin/qemu-system-x86_64 ] || skip 'compare packs QEMU itself, and there is none'
	run "${nested[@]}" --kernel 6.1 demo bench compare
	assert_success
	assert_line '== booting linux-image-6.1.0-99-cloud-amd64 (plain): demo bench'
	assert_line '== booting linux-image-6.1.0-99-cloud-amd64 (counted): compare'
	assert_line '== SKIPPED: Linux 6.1, counted: 2 - two # SKIP no such thing'
	assert grep -q 'thread=multi -smp 2' "$FAKE/machines"
	assert grep -q -e '-icount' "$FAKE/machines"
	assert [ -s "$logs/6.1-counted/console" ]
}

@test "--machine has every suite on one machine" {
	run "${nested[@]}" --kernel 6.1 --machine counted demo
	assert_success
	assert_line '== booting linux-image-6.1.0-99-cloud-amd64 (counted): demo'
	refute_line --partial '(plain)'
}

# ---- kernels ---------------------------------------------------------------------------------

@test "a kernel that apt does not know is skipped, and the other one tested" {
	touch "$FAKE/unknown-linux-image-6.12-cloud-amd64"
	run "${nested[@]}" demo
	assert_success
	assert_line --regexp '^== SKIPPED: Linux 6.12: apt knows no package linux-image-6.12-cloud-amd64'
	assert_line '== 1 passed, 0 failed, 2 skipped'
}

@test "no kernel at all is status 77 with the reason" {
	touch "$FAKE/offline"
	run "${nested[@]}" --kernel 6.1 demo
	assert_failure 77
	assert_line '== SKIPPED: Linux 6.1: linux-image-6.1.0-99-cloud-amd64 cannot be downloaded: E: Failed to fetch it'
	assert_line --partial 'the nested rig cannot run here'
	assert [ -z "$(find "$XDG_CACHE_HOME/hvd-nested" -name 'partial*')" ]
}

@test "offline, a package in the cache is good enough" {
	"${nested[@]}" --kernel 6.1 demo
	touch "$FAKE/offline" "$FAKE/unknown-linux-image-cloud-amd64"
	run "${nested[@]}" --kernel 6.1 demo
	assert_success
	assert_line '== using linux-image-6.1.0-99-cloud-amd64 from the cache'
}

@test "a cache that cannot be made is said to be" {
	touch "$BATS_TEST_TMPDIR/file"
	XDG_CACHE_HOME=$BATS_TEST_TMPDIR/file run "${nested[@]}" --kernel 6.1 demo
	assert_failure 77
	assert_line --partial "$BATS_TEST_TMPDIR/file/hvd-nested cannot be written"
}

@test "without its packages and without root it ends with 77 and installs nothing" {
	fake dpkg-query <<<'exit 1'
	fake id <<<'echo 1000'
	fake sudo <<<'exit 1'
	run "${nested[@]}" </dev/null
	assert_failure 77
	assert_output --partial 'the nested rig cannot run here'
	assert [ ! -e "$FAKE/apt-get.calls" ]
}

# ---- the initramfs ---------------------------------------------------------------------------

@test "the initramfs holds what the chosen suites need, and no more" {
	"${nested[@]}" --kernel 6.1 demo
	assert grep -qx ./rig/bin/hvd "$FAKE/initramfs"
	assert grep -qx ./rig/lib/tap.sh "$FAKE/initramfs"
	refute grep -q -e guest-tests -e qemu -e hvd-guest.elf "$FAKE/initramfs"
	"${nested[@]}" --kernel 6.1 guest-user
	assert grep -qx ./rig/guest-tests "$FAKE/initramfs"
}

@test "a module comes after those it depends on" {
	"${nested[@]}" --kernel 6.1 demo
	run cat "$FAKE/order"
	assert_output $'irqbypass.ko\nkvm.ko\nkvm_amd.ko'
}

@test "a suite whose package cannot be had is skipped and named; the others run" {
	touch "$FAKE/missing-hyperv-daemons"
	run "${nested[@]}" --kernel 6.1 kvp demo
	assert_success
	assert_output --partial 'SKIPPED: kvp: hyperv-daemons cannot be downloaded'
	refute_output --regexp 'booting .*kvp'
	assert grep -qx ./rig/bin/hvd "$FAKE/initramfs"
	refute grep -q guest-root "$FAKE/initramfs"
}

# ---- several at once, and none left ----------------------------------------------------------

@test "two runs at once fetch a kernel once and keep their results apart" {
	local first=("$SOURCE_ROOT/scripts/nested" --build "$BUILD_ROOT" --logs "$logs-1" --kernel 6.1)

	"${first[@]}" demo >"$BATS_TEST_TMPDIR/first.log" 2>&1 3>&- &
	local first_pid=$!
	MACHINE=bad run "${nested[@]}" --kernel 6.1 demo
	assert_failure 1
	assert_output --partial 'FAILED: Linux 6.1'
	wait "$first_pid"
	assert grep -q '^not ok' "$logs/6.1/console"
	refute grep -q '^not ok' "$logs-1/6.1/console"
	assert [ "$(grep -c . "$FAKE/apt-get.calls")" = 1 ]
	assert [ "$(grep -c . "$FAKE/machines")" = 2 ]
}

@test "killed half-way it leaves no machine and no work folder" {
	start_hanging
	kill -TERM "$nested_pid"
	local ended=0
	wait "$nested_pid" || ended=$?
	assert [ "$ended" = 143 ]
	wait_until machine_is_gone
	assert [ -z "$(work_folders)" ]
}

@test "killed outright the machine ends with it, and the next run removes the rest" {
	start_hanging
	kill -KILL "$nested_pid"
	wait_until machine_is_gone
	assert [ -n "$(work_folders)" ]
	"${nested[@]}" --kernel 6.1 demo
	assert [ -z "$(work_folders)" ]
}
