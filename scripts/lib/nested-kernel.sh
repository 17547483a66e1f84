# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034 # for scripts/nested
# The kernels of the nested rig, and programs for its guests: Debian packages, unpacked in a cache and
# never installed. Sourced by scripts/nested; get_kernel and get_package are what it is for.

both_kernels=(6.1 6.12)
cache=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/hvd-nested
kernel_folder='' package_folder='' why=''

kernel_metapackage() {
	case $1 in
	6.1) echo linux-image-cloud-amd64 ;;
	*) echo "linux-image-$1-cloud-amd64" ;;
	esac
}

# The package of that version that the metapackage names now, as linux-image-6.1.0-44-cloud-amd64.
newest_package() {
	apt-cache depends "$(kernel_metapackage "$1")" 2>/dev/null |
		awk -v start="linux-image-$1" \
			'$1 == "Depends:" && index($2, start) == 1 { print $2; exit }'
}

cached_package() {
	find "$cache" -mindepth 1 -maxdepth 1 -name "linux-image-${1}[.+]*" -printf '%f\n' 2>/dev/null |
		sort -V | tail -n 1
}

# fetch_package PACKAGE: unpacks it into the cache; appears there whole or not at all.
fetch_package() {
	local partial=$cache/partial.$1 log=$cache/fetch.log

	rm -rf "$partial"
	mkdir -p "$partial/root"
	say "fetching $1"
	if ! (cd "$partial" && apt-get -q download "$1" && dpkg-deb -x ./*.deb root) >"$log" 2>&1; then
		why="$1 cannot be downloaded: $(grep -E '^(E|Err|dpkg-deb)' "$log" | tail -n 1)"
		rm -rf "$partial"
		return 1
	fi
	mv "$partial/root" "$cache/$1"
	rm -rf "$partial"
}

# find_package VERSION: sets kernel_folder. With the cache locked.
find_package() {
	local package

	package=$(newest_package "$1")
	if [ -z "$package" ]; then
		why="apt knows no package $(kernel_metapackage "$1"); does it need an apt-get update?"
	elif [ -d "$cache/$package" ] || fetch_package "$package"; then
		kernel_folder=$cache/$package
		return
	fi
	package=$(cached_package "$1")
	[ -n "$package" ] || return 1
	say "$why"
	say "using $package from the cache"
	kernel_folder=$cache/$package
}

# lock_cache: until unlock_cache; or says why not. Two rigs at once fetch a package once.
lock_cache() {
	local tool

	for tool in apt-cache apt-get dpkg-deb; do
		if ! command -v "$tool" >/dev/null; then
			why="$tool is needed to fetch its package"
			return 1
		fi
	done
	if ! mkdir -p "$cache" 2>/dev/null || ! [ -w "$cache" ]; then
		why="the cache $cache cannot be written"
		return 1
	fi
	exec 9>"$cache/lock"
	flock 9
}

unlock_cache() {
	exec 9>&-
}

# get_kernel VERSION: sets kernel_folder to the unpacked package, or why.
get_kernel() {
	local status=0

	lock_cache || return 1
	find_package "$1" || status=1
	unlock_cache
	return "$status"
}

# get_package NAME: sets package_folder to the unpacked package, whichever version was there first, or
# why.
get_package() {
	local status=0

	lock_cache || return 1
	package_folder=$cache/$1
	[ -d "$package_folder" ] || fetch_package "$1" || status=1
	unlock_cache
	return "$status"
}
