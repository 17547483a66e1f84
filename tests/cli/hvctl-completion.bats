#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# What Tab does: what hvctl offers, and the files that are installed, in the real shells on a terminal.

load helpers
load stub

# offers WORD...: what could stand at the end of "hvctl WORD...".
offers() {
	run "$HVCTL" complete -- "$@"
}

@test "nouns, verbs, options and choices" {
	offers po
	assert_output --regexp $'^ports\tlist, show\n'
	assert_line --regexp $'^post\tact as a guest'
	offers ports ''
	assert_line --regexp $'^list\tlist the ports'
	assert_line --regexp $'^show\t'
	offers inject --pay
	assert_output --regexp $'^--payload\t'
	offers ports list -o j
	assert_line $'json\t'
	assert_line $'jsonl\t'
	offers completion ''
	assert_line $'fish\t'
	refute_line --partial complete
}

@test "a value in the option's own word" {
	offers ports list --output=js
	assert_output $'--output=json\t\n--output=jsonl\t'
	offers ports list -ona
	assert_output $'-oname\t'
	offers watch --type=vm.state,message.bu
	assert_output --regexp $'^--type=vm\.state,message\.busy\t'
	# The word before is whole.
	offers --output=json vm sh
	assert_line --regexp $'^show\t'
}

@test "file names, and what stands before them" {
	offers doctor --from ''
	assert_output ':files'
	offers doctor --from=/tmp/x
	assert_output ':files--from='
	offers inject --payload @/tmp/x
	assert_output ':files@'
	offers inject --payload=@/tmp/x
	assert_output ':files--payload=@'
	offers inject --payload ''
	assert_output --regexp $'^@\t.*\n-\t[a-z ]*$'
	# Hex digits are no file.
	offers inject --payload 00
	assert_output ''
}

@test "a line as it is typed, of which the shell replaces the end" {
	run "$HVCTL" complete --line 'hvctl log --since "2026-11-21 19:14" --type message.bu'
	assert_output --regexp $'^message\.busy\t'
	run "$HVCTL" complete --line 'hvctl ports list --output=na' --replace na
	assert_output $'name\t'
	run "$HVCTL" complete --line "hvctl inject --payload='@/tm" --replace @/tm
	assert_output ':files@'
	# What it has not typed is nothing it could replace.
	run "$HVCTL" complete --line 'hvctl ports list --output=na' --replace xx
	assert_output $'--output=name\t'
	for line in '' hvctl 'hvctl ports show # '; do
		run "$HVCTL" complete --line "$line"
		assert_success
		assert_output ''
	done
}

@test "ids of the live VM" {
	start_stub
	offers ports show 6553
	assert_line $'65537\tdemo'
	offers -n stub inject --vp 0 --sint ''
	assert_line $'2\tvector 96'
	offers vps show ''
	assert_line $'1\trunning'
	offers vm show -n ''
	assert_output --regexp $'^stub\t'
	start_stub other
	offers --vm=stub vps show ''
	assert_line $'1\trunning'
	offers -nstub vps show ''
	assert_line $'1\trunning'
}

@test "the tree: what has children ends with a slash, as inspect takes it" {
	start_stub
	offers inspect vp
	assert_output $'vps/\t'
	offers inspect vps/
	assert_line --regexp '^vps/0/'
	offers inspect vps/0/sta
	assert_output $'vps/0/state\t'
	run "$HVCTL" inspect vps/0/
	assert_success
	assert_line 'state:            running'
}

@test "silent without a daemon" {
	run --separate-stderr "$HVCTL" complete -- ports show ''
	assert_success
	assert_output ''
	assert_equal "${stderr-}" ''
}

# ---- the installed files in the shells -------------------------------------------------------

# need_shell NAME: skips the test, loudly, where there is none.
need_shell() {
	command -v "$1" >/dev/null || skip "$1 is not installed (Debian: $1)"
}

# in_shell COMMAND...: types into it what stdin and every_shell say, "TYPED => SEEN" a line: \t is the
# Tab key, SEEN a pattern that a line on the terminal then fits.
in_shell() {
	local line

	export PATH=${HVCTL%/*}:$PATH HOME=$BATS_TEST_TMPDIR/home
	mkdir -p "$HOME/payloads" "$HOME/pay loads"
	ln -s "$HVCTL" "$HOME/hvctl"
	: >"$HOME/payload 1"
	cd "$HOME" || return 1
	start_hvd --demo --accel sim --device null --device hvsock,id=door
	"$HVCTL" -q faults add drop_message --message version_response
	{
		printf 'size 50 100\nsee ^\\$$\n'
		while IFS= read -r line; do
			# ^U and ^L: an empty line on an empty screen.
			printf 'send %s\nsee %s\nsend \\x15\\x0c\nsee ^\\$$\n' \
				"${line%% => *}" "${line##* => }"
		done < <(every_shell && cat)
		printf 'send exit\\n\n'
	} >"$BATS_TEST_TMPDIR/keys"
	PTY_TERM=vt100 run "$BATS_TEST_DIRNAME/pty-session" "$@" <"$BATS_TEST_TMPDIR/keys"
	assert_success
}

# Behind what Tab completed an X is typed, which shows whether there is a blank.
every_shell() {
	cat <<-'END'
		hvctl chann\tX => ^\$ hvctl channels X
		hvctl channels unst\tX => ^\$ hvctl channels unstick X
		hvctl channels list --no-h\tX => ^\$ hvctl channels list --no-headers X
		hvctl channels list -o wi\tX => ^\$ hvctl channels list -o wide X
		hvctl channels list --output=wi\tX => ^\$ hvctl channels list --output=wide X
		hvctl channels show \tX => ^\$ hvctl channels show 1 X
		hvctl devices show do\tX => ^\$ hvctl devices show door X
		hvctl devices add hvsock,pa\tX => ^\$ hvctl devices add hvsock,path=X
		hvctl faults clear \tX => ^\$ hvctl faults clear 1 X
		hvctl inspect chan\t1/sta\tX => ^\$ hvctl inspect channels/1/state X
		hvctl log --type vm.state,message.bu\tX => ^\$ hvctl log --type vm.state,message.busy X
		hvctl log --since "11-21 19:14" --type message.bu\tX => --type message.busy X
		hvctl --vm "vm" devices show "do\tX => ^\$ hvctl --vm "vm" devices show "door" X
		hvctl doctor --from payloads\tX => ^\$ hvctl doctor --from payloads/X
		hvctl inject --payload @pay\\ lo\tX => ^\$ hvctl inject --payload @pay\\ loads/X
		hvctl inject --payload=@payload\\ \tX => ^\$ hvctl inject --payload=@payload\\ 1 X
		~/hvctl devices show do\tX => ^\$ ~/hvctl devices show door X
		true; hvctl devices show do\tX => ^\$ true; hvctl devices show door X
	END
}

@test "bash completes" {
	cat >"$BATS_TEST_TMPDIR/bashrc" <<-'END'
		PS1='$ '
		. "$BUILD_ROOT/completions/hvctl"
	END
	export INPUTRC=$BATS_TEST_TMPDIR/inputrc
	printf 'set show-all-if-ambiguous on\nset enable-bracketed-paste off\n' >"$INPUTRC"
	in_shell bash --rcfile "$BATS_TEST_TMPDIR/bashrc" -i <<-'END'
		hvctl ports show 6553\t => ^65537 +65538 +65539$
		hvctl \t => ^vms .*
	END
}

@test "zsh completes" {
	need_shell zsh
	export ZDOTDIR=$BATS_TEST_TMPDIR
	cat >"$ZDOTDIR/.zshrc" <<-'END'
		unsetopt prompt_sp
		PS1='$ '
		fpath=($BUILD_ROOT/completions $fpath)
		autoload -Uz compinit
		compinit -D -u
	END
	in_shell zsh -i <<-'END'
		hvctl ports show \t => ^65541  -- demo$
		hvctl \t => ^channels +-- list, show, history, unstick, rescind$
	END
}

@test "fish completes" {
	need_shell fish
	in_shell fish -i -C 'function fish_prompt; echo -n "\$ "; end; set fish_greeting
		set -p fish_complete_path $BUILD_ROOT/completions' <<-'END'
		hvctl ports show \t => 65541  \(demo\)
		hvctl \t => ^channels +\(list, show, history, unstick, rescind\)$
	END
}
