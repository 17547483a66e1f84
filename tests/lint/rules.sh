#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Rules of the tree that a compiler does not check. Speaks TAP.
#
#   rules.sh SOURCE-ROOT
set -u
. "$(dirname "$0")/tap.bash"
cd "$1" || exit 1


sources() {
	find src guest tests schema scripts man completions .ci packaging \
		-type f \( -name '*.[chS]' -o -name '*.sh' -o -name '*.bats' -o -name '*.bash' \
		-o -name '*.py' -o -name '*.scd' -o -name 'meson.build' -o -path 'scripts/*' \) \
		-not -name '*.pyc' 2>/dev/null
}

# includers REGEX: the files under src that include a matching header.
includers() {
	grep -rlE "^#include [<\"]($1)[>\"]" src
}

# includers_but REGEX ALLOWED: the same without the files whose path matches ALLOWED.
includers_but() {
	includers "$1" | grep -vE "$2"
}

at_most_one() {
	[ "$(printf '%s' "$1" | grep -c .)" -le 1 ] || echo "$1"
}

echo 1..14
rule 'every file names its licence' "$(sources | xargs grep -L 'SPDX-License-Identifier: GPL-2.0-or-later')"
rule 'only src/vmm/kvm* knows KVM' "$(includers_but 'linux/kvm\.h' '^src/vmm/kvm[^/]*$')"
rule 'microhttpd is used by one file' "$(at_most_one "$(includers 'microhttpd\.h')")"
rule 'libcurl is used by one file' "$(at_most_one "$(includers 'curl/.*')")"
rule 'readline is used by one file' "$(at_most_one "$(includers 'readline/readline\.h')")"
rule 'ncurses is used by one file' "$(at_most_one "$(includers 'n?curses[a-z]*\.h')")"
rule 'libtracefs is used by one file' "$(at_most_one "$(includers 'tracefs/tracefs\.h')")"
rule 'libtraceevent is used by one file' "$(at_most_one "$(includers 'traceevent/.*')")"
rule 'jansson stays in inspect, daemon and cli' "$(includers_but 'jansson\.h' '^src/(inspect|daemon|cli)/')"
rule 'common uses nothing above it' "$(grep -lrE '^#include "(vmm|inspect|daemon|cli)/' src/common src/hvdef)"
rule 'vmm uses hvdef and common only' "$(grep -lrE '^#include "(inspect|daemon|cli)/' src/vmm)"
rule 'a line of a comment begins with a blank' \
	"$(grep -rnE '^ \*[^[:space:]/*]' src guest tests schema --include='*.[ch]')"
rule 'every header has its three lines: Purpose, Threads, Errors' \
	"$(find src -name '*.h' -not -path 'src/hvdef/*' | while read -r header; do
		for word in Purpose Threads Errors; do
			grep -q "\b$word:" "$header" || echo "$header: no $word"
		done
	done)"
# Otherwise the suite parity of the nested rig is the first to notice.
rule 'of every kind of record somebody said what can be compared' \
	"$(grep -v '^ [*]' src/vmm/event.h | grep -oE '"[a-z._]+", "[^"]+", *("|NULL)' |
		cut -d'"' -f2 | sort -u | while read -r kind; do
			grep -qF "{\"$kind\", COUNT_" tests/guest/parity/observe.c || echo "$kind"
		done)"
