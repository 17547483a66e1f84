# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# For hvctl's tests that need no hvd: stub-hvd answers as the API does, or as it never may.

# start_stub [NAME [STUB-OPTION...]]: serves NAME.api.sock (default stub) in the runtime directory.
# Requests are logged to $requests. Killed by common_teardown.
start_stub() {
	local name=${1-stub}
	shift $(($# > 0))

	requests=$BATS_TEST_TMPDIR/requests
	mkdir -p "$HVD_RUNTIME_DIR"
	"$BATS_TEST_DIRNAME/stub-hvd" "$HVD_RUNTIME_DIR/$name.api.sock" --requests "$requests" "$@" \
		>"$BATS_TEST_TMPDIR/stub-$name.log" 2>&1 3>&- &
	hvd_pids+=("$!")
	wait_until grep -q ready "$BATS_TEST_TMPDIR/stub-$name.log"
}

# one_json TEXT: holds when TEXT is exactly one JSON document.
one_json() {
	/usr/bin/python3 -c 'import json, sys; json.loads(sys.argv[1])' "$1"
}

# field TEXT PATH: the value at a path such as items.0.name.
field() {
	/usr/bin/python3 - "$1" "$2" <<'PYTHON'
import json, sys
value = json.loads(sys.argv[1])
for key in sys.argv[2].split("."):
    value = value[int(key)] if isinstance(value, list) else value[key]
print(json.dumps(value) if not isinstance(value, str) else value)
PYTHON
}

# start_vsock [NAME]: what hvd serves as NAME.vsock (default stub). Killed by common_teardown.
start_vsock() {
	local name=${1-stub}

	"$BATS_TEST_DIRNAME/stub-vsock" "$HVD_RUNTIME_DIR/$name.vsock" \
		>"$BATS_TEST_TMPDIR/vsock-$name.log" 2>&1 3>&- &
	hvd_pids+=("$!")
	wait_until grep -q ready "$BATS_TEST_TMPDIR/vsock-$name.log"
}
