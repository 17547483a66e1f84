#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2154 # hvd_pid: helpers.bash sets it
# hvctl top: one picture into a pipe, and keys and sizes on a terminal.

load helpers

setup() {
	common_setup
	export PTY_TERM=vt100
}

demo() {
	start_hvd --demo --accel sim --cpus 2 --device null --device echo
}

# on_terminal ARGS...: top on a terminal of 24 lines and 80 columns, led by the lines on stdin.
on_terminal() {
	{
		echo 'size 24 80'
		cat
	} | "$SOURCE_ROOT/tests/cli/pty-session" "$HVCTL" top -d 200ms "$@"
}

@test "into a pipe: one picture, without being asked for it" {
	demo
	run "$HVCTL" top
	assert_success
	assert_line --index 0 --regexp '^vm: running, sim, SynIC sim, 2 VPs, up '
	assert_line --index 1 --regexp '^hypercalls [0-9.]+/s  messages [0-9.]+/s  events [0-9.]+/s '
	assert_line --index 3 --regexp '^findings: 0 errors, 0 warnings|^findings: not judged'
	assert_line --regexp '^RELID DEVICE +STATE +SUSP '
	assert_line --regexp '^ +2 echo +client_released +0 '
	refute_output --partial $'\033'
}

@test "-n N: so many pictures; every view" {
	demo
	wait_until guest_takes_messages
	run "$HVCTL" top -n 2 -d 100ms --view sints
	assert_success
	assert_equal "$(grep -c '^vm: running' <<<"$output")" 2
	assert_line --regexp '^ +1 60 +64$'
	run "$HVCTL" top -n 1 --view vps
	assert_line --regexp '^ +1 running +[0-9]+% +[0-9.]+ '
	run "$HVCTL" top -n 1 --view findings
	assert_line '(nothing)'
	run "$HVCTL" top --view rings
	assert_failure 2
	run "$HVCTL" -j top
	assert_failure 2
}

@test "a terminal that cannot place its cursor is refused" {
	demo
	PTY_TERM=dumb run on_terminal <<<'expect nothing can be drawn on a terminal called .dumb'
	assert_failure 4
}

@test "the help fits 80 columns" {
	demo
	run on_terminal <<-'END'
		see RELID
		send h
		see what the doctor found *$
		see Enter keeps it, Esc drops it *$
		see draw anew *$
		send q
		see RELID
		send q
	END
	assert_success
}

@test "^Z stops it, and fg draws all of it again" {
	demo
	run "$SOURCE_ROOT/tests/cli/pty-session" sh -i <<-END
		size 24 80
		send '$HVCTL' top -d 200ms\n
		see RELID
		send \x1a
		see [Ss]topped
		send fg\n
		see ^vm: running(.|\n)*^hypercalls [0-9.]+/s  messages [0-9.]+/s  events (.|\n)*F10Quit\Z
		send \x1a
		see [Ss]topped
		send fg\n
		see ^vm: running(.|\n)*F10Quit\Z
		send \x0c
		see F10Quit\Z
		send q
		send exit\n
	END
	assert_success
}

@test "no hvd: 6, and the terminal is left alone" {
	run "$HVCTL" top -n 1
	assert_failure 6
	run on_terminal <<<'expect no VM runs'
	assert_failure 6
}

@test "keys: views, help, order, filter, pause, quit" {
	demo
	run on_terminal <<-'END'
		see ^RELID DEVICE .* WHY
		see ^ +1 null +client_released
		see ^findings: 0 errors, 0 warnings
		see F10Quit
		send 3
		see ^ VP STATE .* WRMSR/s
		see ^ +1 running
		send \t
		see ^RULE +SEV .* DIAGNOSIS
		see ^.nothing.$
		send h
		see F10, q +quit
		send x
		see .4 Findings. by RANK, down
		send 1
		see by SUSP, down
		send >>
		see by IN/s, down
		send I
		see by IN/s$
		send p
		see paused
		send /ECH\r
		see filter: ECH  paused
		see WHY *\n +2 echo.*\n\n
		send \x1b
		see ^ +1 null
		send q
	END
	assert_success
}

@test "function keys and arrows as a terminal sends them; F10 quits" {
	demo
	PTY_TERM=xterm run on_terminal <<-'END'
		expect RELID
		send \x1bOP
		expect Any key goes back
		send \x1bOB
		expect DEVICE
		send \x1bOB
		send \x1b[15~
		expect SINT2
		send \x1b[21~
	END
	assert_success
}

@test "the size changes: the picture fits, also in 20 columns and 8 lines" {
	demo
	run on_terminal <<-'END'
		see F10Quit
		size 50 140
		see ^RELID
		see ^F1Help
		size 8 20
		see ^RELID
		see ^F1Help
		size 2 5
		send h
		send h
		size 24 80
		see ^ +2 echo
		see F10Quit
		send q
	END
	assert_success
}

@test "Ctrl-C ends it with 130; a daemon that goes away is told, 6" {
	demo
	run on_terminal <<-'END'
		see RELID
		send \x03
	END
	assert_failure 130
	run on_terminal <<-END
		see RELID
		run kill -KILL $hvd_pid
		expect hvctl: 
	END
	assert_failure 6
}

@test "NO_COLOR: no colours; a terminal nobody knows is refused" {
	demo
	PTY_TERM=xterm NO_COLOR=1 run on_terminal <<-'END'
		expect RELID
		refuse \x1b\[3[0-7]m
		send q
	END
	assert_success
	# ncurses leaks what a terminal nobody knows has needed.
	ASAN_OPTIONS=detect_leaks=0 PTY_TERM=nonesuch run on_terminal <<<'expect nothing can be drawn on a terminal'
	assert_failure 4
}
