#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What a file of src/ exports another one needs, or guest/. What only tests call stands, with its reason,
# in tests/lint/exports. Speaks TAP.
#
#   exports.sh SOURCE-ROOT BUILD-ROOT
set -u
. "$(dirname "$0")/tap.bash"
cd "$1" || exit 1

reasons=tests/lint/exports

# unused BUILD-ROOT: exported by an object of src/, wanted by none of src/ and guest/.
unused() {
	find "$1/src" "$1/guest" -name '*.o' -print0 | xargs -0 nm -A -P |
		awk -v source="$1/src/" '
			$3 ~ /^[BCDRTVW]$/ && index($1, source) == 1 { exported[$2] }
			$3 == "U" { wanted[$2] }
			END {
				for (name in exported)
					if (!(name in wanted) && name != "main" && name !~ /^__/)
						print name
			}' | LC_ALL=C sort
}

unused=$(unused "$2")
if [ -z "$unused" ]; then
	echo '1..0 # SKIP nm cannot read the objects of this build'
	exit
fi
excused=$(sed -n 's/^\([a-z0-9_]\{1,\}\)[[:space:]].*/\1/p' "$reasons" | LC_ALL=C sort)

echo 1..3
rule 'what a file exports another one needs' \
	"$(LC_ALL=C comm -23 <(echo "$unused") <(echo "$excused"))"
rule "what $reasons excuses needs it" \
	"$(LC_ALL=C comm -13 <(echo "$unused") <(echo "$excused"))"
rule "what $reasons excuses a test calls" \
	"$(while read -r name; do
		grep -rqw --include='*.[ch]' "$name" tests || echo "$name"
	done <<<"$excused")"
