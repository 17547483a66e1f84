#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# hvctl's interactive shell, on a terminal made for the purpose.

load helpers
load stub

setup() {
	common_setup
	export HOME=$BATS_TEST_TMPDIR XDG_STATE_HOME=$BATS_TEST_TMPDIR
	export INPUTRC=$BATS_TEST_TMPDIR/inputrc
	echo 'set bell-style none' >"$INPUTRC"
	start_stub
}

session() {
	run "$BATS_TEST_DIRNAME/pty-session" "$HVCTL" "$@"
}

@test "without arguments on a terminal it is a shell; exit leaves it" {
	session <<-'END'
		expect hvctl> 
		send ports list -o name\n
		expect 65539
		expect hvctl> 
		send bogus\n
		expect unknown command "bogus"
		expect hvctl> 
		send help\n
		expect watch on
		expect hvctl> 
		send exit\n
	END
	assert_success
}

@test "the end of input leaves the shell" {
	session shell <<-'END'
		expect hvctl> 
		send \x04
	END
	assert_success
}

@test "Tab completes nouns, verbs, options and live ids" {
	session <<-'END'
		expect hvctl> 
		send por\t
		expect ports 
		send sh\t
		expect show 
		send 65537\n
		expect connection_id: +65537
		expect hvctl> 
		send inject --payl\t
		expect --payload 
		send \x03
		expect hvctl> 
		send ports show 6\t
		expect 6553
		send 9\n
		expect owner: +other
		expect hvctl> 
		send wat\t
		expect watch 
		send of\t
		expect off 
		send \nexit\n
	END
	assert_success
}

@test "Tab completes inside of quotes, behind = and @, and leaves no blank where more belongs" {
	mkdir "$BATS_TEST_TMPDIR/payloads"
	session <<-END
		expect hvctl> 
		send inspect vp\\tX
		expect inspect vps/X
		send \\x15ports list --output=wi\\tX
		expect --output=wide X
		send \\x15ports show "6553\\t7\\tX
		expect "65537" X
		send \\x15inject --payload=@$BATS_TEST_TMPDIR/payl\\tX
		expect /payloads/X
		send \\x15doctor --from $BATS_TEST_TMPDIR/payl\\tX
		expect /payloads/X
		send \\x15exit\\n
	END
	assert_success
}

@test "^C drops the line, not the shell" {
	session <<-'END'
		expect hvctl> 
		send vm pau
		expect pau
		send \x03
		expect hvctl> 
		send vm show\n
		expect name: +stub
		refuse pause
		expect hvctl> 
		send exit\n
	END
	assert_success
}

@test "^C ends the command, not the shell" {
	session <<-'END'
		expect hvctl> 
		send watch --relid 101\n
		expect vm.state
		send \x03
		expect hvctl> 
		send exit\n
	END
	assert_success
}

@test "watch on prints event lines above the line being typed" {
	session <<-'END'
		expect hvctl> 
		send watch on --relid 101\n
		expect hvctl> 
		send vm sh
		expect message\.delivered .*\n
		expect vm\.state .*\n
		expect hvctl> vm sh
		send ow\n
		expect name: +stub
		expect hvctl> 
		send watch off\n
		expect hvctl> 
		send exit\n
	END
	assert_success
}

@test "a watch that ends says so" {
	session <<-'END'
		expect hvctl> 
		send watch on\n
		expect reason=shutdown
		expect the watch has ended
		expect hvctl> 
		send exit\n
	END
	assert_success
}

@test "history is kept from one session to the next" {
	session <<-'END'
		expect hvctl> 
		send vm show\n
		expect name: +stub
		expect hvctl> 
		send exit\n
	END
	assert_success
	run grep -x 'vm show' "$BATS_TEST_TMPDIR/hvctl_history"
	assert_success
	run stat -c %a "$BATS_TEST_TMPDIR/hvctl_history"
	assert_output 600
}

@test "the shell keeps the options it was started with" {
	session -n stub -o name <<-'END'
		expect hvctl> 
		send ports list\n
		expect 65537
		refuse CONNECTION
		expect hvctl> 
		send exit\n
	END
	assert_success
}
