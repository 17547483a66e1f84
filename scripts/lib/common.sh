# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# What every script here needs. Sourced, not run.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

say() {
	printf '== %s\n' "$*" >&2
}

die() {
	printf '%s: %s\n' "$(basename "$0")" "$*" >&2
	exit 1
}

# toolchain: changes whenever one of our packages comes, goes or changes; what meson did not find once
# it does not look for again.
toolchain() {
	local packages

	mapfile -t packages < <(awk '/^[a-z]/ { print $2 }' "$root/scripts/packages")
	dpkg-query -W -f '${Package} ${Version} ${db:Status-Status}\n' "${packages[@]}" 2>/dev/null |
		cksum
}

# configure DIR ARGS...: sets a build directory up, again only when the arguments or the packages have
# changed. One that somebody set up by hand is used as it is.
configure() {
	local dir=$1 stamp=$1/.configured wanted
	local -x CC=${CC:-gcc}
	shift

	wanted="$CC $* $(toolchain)"
	if [ -f "$dir/build.ninja" ]; then
		[ -f "$stamp" ] || return 0
		[ "$(cat "$stamp")" != "$wanted" ] || return 0
	fi
	rm -rf "$dir"
	meson setup "$dir" "$root" "$@" || return
	printf '%s\n' "$wanted" >"$stamp"
}

# compile DIR ARGS...: sets DIR up and builds it. One at a time in this tree: ninja does not expect
# another one beside it.
compile() {
	(
		flock 7
		configure "$@" && ninja -C "$1"
	) 7<"$root"
}

# why_no_kvm: prints why /dev/kvm cannot be used, or nothing when it can be opened.
why_no_kvm() {
	if [ ! -c /dev/kvm ]; then # opening would make it
		echo '/dev/kvm does not exist'
	elif ! { : <>/dev/kvm; } 2>/dev/null; then
		echo "/dev/kvm cannot be opened by $(id -un)"
	fi
}
