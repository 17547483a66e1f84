# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# The rig's own kernel as a guest of hvd, for suites that need vmlinuz: `. /rig/lib/linux.sh` after
# tap.sh.
#
#	make_initrd APPLET...		once: busybox, and the modules of guest-module=NAME in /modules
#	for_each_guest COMMAND		with $mode, $vps, $label and $console set for each of $guests
#	start_guest OPTION...		up to a shell on ttyS0, with more options for hvd
#	answers PATTERN TEXT		types TEXT there, and waits for a line that matches
#	in_guest COMMAND		prints what it printed there
#	stop_guest			whatever state it is in
#
# $guests is a list as "user-1 kernel-4": the mode and the processors. $label is for the names of tests,
# $console is what the guest printed.
#
# The emulated CPU does not tell KVM of XSETBV: a guest that uses XSAVE would lose its registers now
# and then, and Linux says "XSAVE consistency problem". Hence noxsave, here only.

guest_tree=/tmp/guest initrd=/tmp/guest-initrd boot_seconds=120
guest_options='console=ttyS0 quiet panic=-1 noxsave'

# An initramfs whose first process says that it runs and becomes a shell.
make_initrd() {
	mkdir -p "$guest_tree/bin" "$guest_tree/proc" "$guest_tree/sys" "$guest_tree/dev"
	cp /bin/busybox "$guest_tree/bin/"
	for name in sh mount cat grep cut dmesg setsid cttyhack poweroff reboot "$@"; do
		ln -s busybox "$guest_tree/bin/$name"
	done
	cp -r /rig/guest-modules "$guest_tree/modules"
	cat >"$guest_tree/init" <<'EOT'
#!/bin/sh
export PATH=/bin PS1='guest# '
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
echo "guest up after $(cut -d' ' -f1 /proc/uptime) s"
exec setsid cttyhack sh
EOT
	chmod +x "$guest_tree/init"
	pack_initrd
}

# Again, with what was put into the tree meanwhile.
pack_initrd() {
	(cd "$guest_tree" && find . | cpio -o -H newc) >"$initrd" 2>/dev/null
}

# within SECONDS COMMAND...
within() {
	left=$(($1 * 5))
	shift
	while ! "$@"; do
		left=$((left - 1))
		[ "$left" -gt 0 ] || return 1
		sleep 0.2
	done
}

# boots COUNT: so often has the guest come up.
boots() {
	[ "$(grep -c '^guest up after' "$console")" -ge "$1" ]
}

alive() {
	kill -0 "$hvd" 2>/dev/null
}

up_or_dead() {
	boots 1 || ! alive
}

# try_guest OPTION...: hvd in the background, its standard input the guest's keyboard (descriptor 3).
try_guest() {
	rm -f /tmp/keys
	mkfifo /tmp/keys
	hvd --name "$SUITE" --accel kvm --synic "$mode" --cpus "$vps" --kernel /rig/vmlinuz \
		--initrd "$initrd" --append "$guest_options" "$@" \
		</tmp/keys >"$console" 2>"$LOGS/hvd-$mode-$vps" &
	hvd=$!
	exec 3>/tmp/keys
	within "$boot_seconds" up_or_dead
	boots 1
}

# start_guest OPTION... Under emulation one boot in 16 ends before its first process, whoever the VMM
# is.
start_guest() {
	try_guest "$@" && return 0
	stop_guest
	echo "# REPEATED: $SUITE: $label: did not come up"
	try_guest "$@"
}

stop_guest() {
	exec 3>&-
	kill -KILL "$hvd" 2>/dev/null
	wait "$hvd" 2>/dev/null
}

# type_in TEXT
type_in() {
	echo "$1" >&3
}

# The console is a terminal: lines end with CR LF.
shown() {
	tr -d '\r' <"$console" | grep -qE "$1"
}

# answers PATTERN TEXT: what the shell prints when TEXT is typed.
answers() {
	type_in "$2"
	within 20 shown "$1" && return 0
	echo "no line '$1' in:"
	tail -n 15 "$console"
	return 1
}

has_ended() {
	! alive
}

# in_guest COMMAND: prints what it printed. Not in a subshell, which would lose the count.
turn=0
in_guest() {
	turn=$((turn + 1))
	answers "^end-$turn\$" "echo begin-$turn; $1; echo end-$turn" >&2 || return 1
	tr -d '\r' <"$console" | sed -n "/^begin-$turn\$/,/^end-$turn\$/p" | sed '1d;$d'
}

# powers_off: the guest ends, and hvd with status 0.
powers_off() {
	type_in 'poweroff -f'
	within 20 has_ended && wait "$hvd"
}

# comes_up_again COMMAND...: after the command the guest boots once more.
comes_up_again() {
	before=$(grep -c '^guest up after' "$console")
	"$@" && within "$boot_seconds" boots "$((before + 1))"
}

reboots() {
	comes_up_again type_in 'reboot -f'
}

tell_boot() {
	echo "# $label: $(tr -d '\r' <"$console" | grep -m1 '^guest up after')," \
		"$(hvctl vps list -j | tr ',' '\n' | sed -n 's/.*"total": *\([0-9]*\).*/\1/p' |
			awk '{ sum += $1 } END { print sum }') exits"
}

# for_each_guest COMMAND: for those of $guests that --match chooses.
for_each_guest() {
	match=$(cat /rig/match)
	# shellcheck disable=SC2154 # the suite sets guests
	for guest in $guests; do
		mode=${guest%-*} vps=${guest#*-}
		label="$mode, $vps VPs" console=$LOGS/console-$guest
		# shellcheck disable=SC2254 # a pattern it is
		case $guest in
		$match) "$1" ;;
		esac
	done
}
