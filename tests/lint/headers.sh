#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Every header compiles alone: it includes what it uses. Speaks TAP.
#
#   headers.sh SOURCE-ROOT BUILD-ROOT
set -u
cd "$1" || exit 1

mapfile -t headers < <(find src -name '*.h' | sort)
flags=$(pkg-config --cflags libmicrohttpd jansson libsystemd liburcu-memb)

echo "1..${#headers[@]}"
number=0
for header in "${headers[@]}"; do
	number=$((number + 1))
	# shellcheck disable=SC2086 # flags are words
	if errors=$(printf '#include "%s"\n' "${header#src/}" | "${CC:-cc}" -x c -std=gnu17 \
		-D_GNU_SOURCE -Wall -Wextra -Werror -Wno-unused-parameter \
		-Isrc -I"$2/src" $flags -fsyntax-only - 2>&1); then
		echo "ok $number $header compiles alone"
	else
		echo "not ok $number $header compiles alone"
		echo "$errors" | sed 's/^/# /'
	fi
done
