#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# --http: loopback, Host and Origin checks, the bearer token.

load helpers

setup() {
	common_setup
	token=0123456789abcdef0123456789abcdef
	install -m 600 /dev/null "$BATS_TEST_TMPDIR/token"
	echo "$token" >"$BATS_TEST_TMPDIR/token"
}

# start_http ARGS...: hvd with the API on a free port; sets url.
start_http() {
	start_hvd --demo --accel sim --http 127.0.0.1:0 "$@"
	url=http://127.0.0.1:$(sed -n 's/.*API on http:.* port \([0-9]*\),.*/\1/p' "$BATS_TEST_TMPDIR/hvd.log")
}

# code CURL-ARGS...: the status of a reply.
code() {
	curl -sS --max-time 10 -o /dev/null -w '%{http_code}' "$@"
}

@test "a browser-like client may read" {
	start_http
	run code "$url/v1/ports"
	assert_output 200
	stop_hvd
}

@test "changes want the token" {
	start_http --token-file "$BATS_TEST_TMPDIR/token"
	run code -X POST "$url/v1/vm/pause"
	assert_output --regexp '^40[13]$'
	run code -X POST -H 'Authorization: Bearer wrong-wrong-wrong-wrong' "$url/v1/vm/pause"
	assert_output --regexp '^40[13]$'
	run api /v1/vm
	assert_output --partial '"state":"running"'
	run code -X POST -H "Authorization: Bearer $token" "$url/v1/vm/pause"
	assert_output 200
	run api /v1/vm
	assert_output --partial '"state":"paused"'
	stop_hvd
}

@test "without --token-file changes are refused" {
	start_http
	run code -X POST -H "Authorization: Bearer $token" "$url/v1/vm/pause"
	assert_output --regexp '^40[13]$'
	run api /v1/vm
	assert_output --partial '"state":"running"'
	stop_hvd
}

@test "a foreign Host is refused: no DNS rebinding" {
	start_http
	run code -H 'Host: evil.example' "$url/v1/ports"
	assert_output 403
	stop_hvd
}

@test "a foreign Origin is refused" {
	start_http
	run code -H 'Origin: http://evil.example' "$url/v1/ports"
	assert_output 403
	stop_hvd
}

@test "a port that is taken: 78, named" {
	start_http
	run "$HVD" --demo --accel sim --serial null --name other --http "${url#http://}"
	assert_failure 78
	assert_output --partial "${url#http://}"
	stop_hvd
}

@test "what never becomes a request: a status, no JSON, and hvd goes on" {
	start_hvd --demo --accel sim
	large=$(printf 'a%.0s' $(seq 40000))
	run api /v1 -H "X: $large" -o /dev/null -w '%{http_code} %{content_type}'
	assert_output '431 '
	run api "/v1?x=$large" -o /dev/null -w '%{http_code} %{content_type}'
	assert_output '414 '
	run api /v1/openapi.json
	assert_success
	assert_output --partial 'a short page in HTML'
}
