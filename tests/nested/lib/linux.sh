# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# The rig's own kernel as a guest of hvd, for suites that need vmlinuz: `. /rig/lib/linux.sh` after
# tap.sh.
#
#	make_initrd APPLET...		once: busybox, the modules of guest-module=NAME in /modules, and
#					what the suite has put into $guest_tree
#	choose_guests LIST LIST		$guests: on the outer kernel 6.1, and on others
#	for_each_guest COMMAND		with $mode, $vps, $label and $console set for each of $guests
#	start_guest OPTION...		up to a shell on ttyS0, with more options for hvd
#	answers PATTERN TEXT		types TEXT there, and waits for a line that matches
#	in_guest COMMAND		prints what it printed there
#	loads_modules [NAME...]		loads them, in that order, or all there are
#	stop_guest			whatever state it is in; COMMAND ends with it
#
# $guests is a list as "user-1 kernel-4": the mode and the processors. With --match, choose_guests takes
# both modes with 1, 2 and 4 processors each, and for_each_guest those that match: '*-*' is all of them.
# $label is for the names of tests, $console is what the guest printed, $hvd the process.
#
# The emulated CPU does not tell KVM of XSETBV: a guest that uses XSAVE would lose its registers now
# and then, and Linux says "XSAVE consistency problem". Hence noxsave, here only.

# shellcheck source=breakdown.sh
. /rig/lib/breakdown.sh
guest_tree=/tmp/guest initrd=/tmp/guest-initrd
mkdir -p "$guest_tree/bin"
guest_options='console=ttyS0 quiet panic=-1 noxsave'
# Seconds, for machines that are much slower than any we know; a guest that died is not waited for.
boot_patience=300 patience=120

# ---- the guest's files ------------------------------------------------------------------------

# An initramfs whose first process does what /start says, if the suite has made that, says that it runs
# and becomes a shell.
make_initrd() {
	mkdir -p "$guest_tree/proc" "$guest_tree/sys" "$guest_tree/dev"
	cp /bin/busybox "$guest_tree/bin/"
	for name in sh mount cat grep cut dmesg insmod setsid cttyhack poweroff reboot "$@"; do
		ln -sf busybox "$guest_tree/bin/$name"
	done
	cp -r /rig/guest-modules "$guest_tree/modules"
	cat >"$guest_tree/init" <<'EOT'
#!/bin/sh
export PATH=/bin PS1='guest# '
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
[ ! -e /start ] || . /start
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

# ---- waiting ----------------------------------------------------------------------------------

# set_now: whole seconds since boot.
set_now() {
	read -r now rest </proc/uptime
	now=${now%.*}
}

without_first() {
	shift
	"$@"
}

# within SECONDS COMMAND... The command may wait, too: the end stands among the arguments.
within() {
	set_now
	end=$((now + $1))
	shift
	set -- "$end" "$@"
	while ! without_first "$@"; do
		set_now
		[ "$now" -lt "$1" ] || return 1
		sleep 0.2
	done
}

alive() {
	kill -0 "$hvd" 2>/dev/null
}

has_ended() {
	! alive
}

vm_stopped() {
	grep -q 'the VM stopped' "$hvd_log"
}

# it_or_end COMMAND...: it is true, or will never be.
it_or_end() {
	"$@" || has_ended || vm_stopped
}

# comes SECONDS COMMAND...: as within, but does not wait for a guest that is gone.
comes() {
	seconds=$1
	shift
	within "$seconds" it_or_end "$@" && "$@"
}

# boots COUNT: so often has the guest come up.
boots() {
	[ "$(grep -c '^guest up after' "$console")" -ge "$1" ]
}

# The console is a terminal: lines end with CR LF.
shown() {
	tr -d '\r' <"$console" | grep -qE "$1"
}

# ---- one guest --------------------------------------------------------------------------------

# hvd in the background, its standard input the guest's keyboard (descriptor 3).
start_guest() {
	rm -f /tmp/keys
	mkfifo /tmp/keys
	hvd --name "$SUITE" --accel kvm --synic "$mode" --cpus "$vps" --kernel /rig/vmlinuz \
		--initrd "$initrd" --append "$guest_options" "$@" \
		</tmp/keys >"$console" 2>"$hvd_log" 9>&- &
	hvd=$! silent=false ended_well=false
	exec 3>/tmp/keys
	comes "$boot_patience" boots 1
}

# type_in TEXT. In a subshell: without an hvd that reads, SIGPIPE ends it.
type_in() {
	(echo "$1" >&3)
}

# answers PATTERN TEXT: what the shell prints when TEXT is typed. A guest that was silent once is not
# waited for again.
answers() {
	$silent || type_in "$2"
	! $silent && comes "$patience" shown "$1" && return 0
	silent=true
	echo "no line '$1' in:"
	tail -n 15 "$console"
	return 1
}

# in_guest COMMAND: prints what it printed. Not in a subshell, which would lose the count.
turn=0
in_guest() {
	turn=$((turn + 1))
	answers "^end-$turn\$" "echo begin-$turn; $1; echo end-$turn" >&2 || return 1
	tr -d '\r' <"$console" | sed -n "/^begin-$turn\$/,/^end-$turn\$/p" | sed '1d;$d'
}

# loads_modules [NAME...]: those of /modules, in this order; all, if none is named. What is loaded
# already may be named again.
loads_modules() {
	# shellcheck disable=SC2016 # the guest expands
	names=${*:-'$(cut -d. -f1 /modules/order)'}
	in_guest "for m in $names; do [ -e /sys/module/\$m ] || insmod /modules/\$m.ko; done" \
		>/tmp/insmod || return 1
	cat /tmp/insmod
	[ ! -s /tmp/insmod ]
}

# ends_well: hvd does, with status 0.
ended_well=false
ends_well() {
	within "$patience" has_ended && wait "$hvd" && ended_well=true
}

# powers_off: the guest ends, and hvd with status 0.
powers_off() {
	type_in 'poweroff -f'
	ends_well
}

# comes_up_again COMMAND...: after the command the guest boots once more.
comes_up_again() {
	before=$(grep -c '^guest up after' "$console")
	"$@" && comes "$boot_patience" boots "$((before + 1))"
}

reboots() {
	comes_up_again type_in 'reboot -f'
}

tell_boot() {
	echo "# $label: $(tr -d '\r' <"$console" | grep -m1 '^guest up after')," \
		"$(hvctl vps list -j | tr ',' '\n' | sed -n 's/.*"total": *\([0-9]*\).*/\1/p' |
			awk '{ sum += $1 } END { print sum }') exits"
}

# ---- which guests ------------------------------------------------------------------------------

# choose_guests LIST-ON-6.1 LIST-ON-OTHERS
choose_guests() {
	case $(cat /rig/match),$(uname -r) in
	'*',6.1.*) guests=$1 ;;
	'*',*) guests=$2 ;;
	*) guests='user-1 user-2 user-4 kernel-1 kernel-2 kernel-4' ;;
	esac
}

# for_each_guest COMMAND
for_each_guest() {
	match=$(cat /rig/match)
	for guest in $guests; do
		# shellcheck disable=SC2254 # a pattern it is
		case $guest in
		$match) ;;
		*) continue ;;
		esac
		mode=${guest%-*} vps=${guest#*-}
		label="$mode, $vps VPs"
		echo "# $SUITE: $guest"
		run_guest "$1"
		cat "$told"
		told=
	done
}
