# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154 # set by scripts/nested
# The initramfs of the nested rig: busybox, KVM, hvd, hvctl, run-guest, the chosen suites, and what
# these say they need. Sourced by scripts/nested; make_initramfs is what it is for.
#
#	guest-tests	/rig/guest-tests: the guest programs that run on KVM, as run-guest takes them
#	guest-image	/rig/hvd-guest.elf: the multiboot image of all guest programs
#	qemu		qemu-system-x86_64 with its libraries, and the firmware that -kernel needs
#	tracefs		/sys/kernel/tracing is mounted
#	vmlinuz		/rig/vmlinuz: the outer kernel itself, for a guest
#	module=NAME	a module of the outer kernel is loaded, after those it depends on
#	guest-module=NAME	the same for a guest with that kernel: in /rig/guest-modules, with `order`
#	guest-package=NAME	the programs of that Debian package with their libraries, for a guest: in
#			/rig/guest-root
#	program=PATH	a program of the build directory is on the PATH
#	file=PATH	a file of the source tree is at /rig/files/NAME

# add_program FILE [FOLDER [TREE]]: copies it, stripped, with the libraries it is linked with, if any.
add_program() {
	local tree=${3:-$work/tree} library

	[ -x "$1" ] || die "$1 is not built"
	install -s -D -t "$tree/${2:-rig/bin}" "$1"
	{ ldd "$1" 2>/dev/null || true; } | sed -n 's,^[^/]*\(/[^ ]*\).*,\1,p' | while read -r library; do
		cp -L --parents "$library" "$tree"
	done
}

# module_depends FILE: the names a module gives, a word each.
module_depends() {
	objcopy -O binary --only-section=.modinfo "$1" /dev/stdout | tr '\0' '\n' |
		sed -n 's/^depends=//p' | tr ',' ' '
}

# add_module NAME FOLDER: of the kernel, with those it depends on, which come first in FOLDER/order.
add_module() {
	local modules=$work/tree/rig/$2 pattern=${1//[-_]/[-_]} file target name

	target=$modules/${1//-/_}.ko
	[ ! -e "$target" ] || return 0
	file=$(find "$kernel_folder/lib/modules" \( -name "$pattern.ko" -o -name "$pattern.ko.xz" \) -print -quit)
	case $file in
	*.xz) xz -dc "$file" >"$target" ;;
	*.ko) cp "$file" "$target" ;;
	*) die "${kernel_folder##*/} has no module $1" ;;
	esac
	for name in $(module_depends "$target"); do
		add_module "$name" "$2"
	done
	basename "$target" >>"$modules/order"
}

# add_guest_package NAME
add_guest_package() {
	local guest_root=$work/tree/rig/guest-root program

	get_package "$1" || die "$why" # drop_suites has seen it
	mkdir -p "$guest_root"
	for program in "$package_folder"/usr/sbin/*; do
		add_program "$program" usr/sbin "$guest_root"
	done
}

add_busybox() {
	local tree=$work/tree name

	cp "$(command -v busybox)" "$tree/bin/"
	busybox --list | while read -r name; do
		[ "$name" = busybox ] || ln -s busybox "$tree/bin/$name"
	done
	echo 'root:x:0:0:root:/:/bin/sh' >"$tree/etc/passwd"
}

# QEMU looks for its firmware relative to where it is itself.
add_qemu() {
	add_program /usr/bin/qemu-system-x86_64 usr/bin
	cp -L --parents /usr/share/seabios/bios-256k.bin \
		/usr/share/qemu/{kvmvapic,linuxboot_dma,multiboot_dma}.bin "$work/tree"
}

# add_need WORD
add_need() {
	local rig=$work/tree/rig

	case $1 in
	guest-tests) /usr/bin/python3 "$root/scripts/lib/guest-tests.py" "$build" >"$rig/guest-tests" ;;
	guest-image) install -m 644 "$build/guest/hvd-guest.elf" "$rig/" ;;
	qemu) add_qemu ;;
	vmlinuz) cp "$(echo "$kernel_folder"/boot/vmlinuz-*)" "$rig/vmlinuz" ;;
	module=*) add_module "${1#*=}" modules ;;
	guest-module=*) add_module "${1#*=}" guest-modules ;;
	guest-package=*) add_guest_package "${1#*=}" ;;
	program=*) add_program "$build/${1#*=}" ;;
	file=*) install "$root/${1#*=}" "$rig/files/" ;;
	esac
}

# make_initramfs KIND-OF-MACHINE: into $work/initrd. Not compressed: the emulated CPU would be slow to
# undo that.
make_initramfs() {
	local tree=$work/tree name

	rm -rf "$tree"
	mkdir -p "$tree"/{bin,etc,rig/bin,rig/files,rig/lib,rig/modules,rig/guest-modules}
	add_busybox
	add_module kvm-amd modules
	for name in src/daemon/hvd src/cli/hvctl tests/guest/run-guest; do
		add_program "$build/$name"
	done
	install "$suites_dir/init" "$tree/init"
	install -m 644 "$suites_dir"/*.sh "$tree/rig/"
	install -m 644 "$suites_dir"/lib/*.sh "$tree/rig/lib/"
	printf '%s\n' "$match" >"$tree/rig/match"
	printf '%s\n' "$1" >"$tree/rig/machine"
	needs >"$tree/rig/needs"
	for name in $(needs); do
		add_need "$name"
	done
	$interactive || printf '%s\n' "${suites[@]}" >"$tree/rig/suites"
	(cd "$tree" && find . | cpio -o -H newc -R 0:0 --quiet) >"$work/initrd"
}
