#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2154 # nobody_dir, as_nobody, stderr: helpers.bash and bats set them
# hvd's life: readiness, one owner per name, signals, what remains after a kill, how a VM's end
# becomes an exit status.

load helpers

demo_on() {
	need_accel "$1"
	start_hvd --demo --accel "$1" --cpus 2
	run api /v1/vm
	assert_output --partial "\"accel\":\"$1\""
	assert_output --partial '"vp_count":2'
	wait_until grep -q . "$BATS_TEST_TMPDIR/console.log"
	stop_hvd
	run find "$HVD_RUNTIME_DIR" -type f -o -type s
	assert_output "$HVD_RUNTIME_DIR/vm.log"
}

@test "the demo runs on sim, prints, and ends with 0 on SIGTERM" {
	demo_on sim
}

@test "the demo runs on KVM, prints, and ends with 0 on SIGTERM" {
	demo_on kvm
}

@test "without /dev/kvm the demo runs on sim by itself" {
	become_nobody
	need_closed_kvm
	"${as_nobody[@]}" "$nobody_dir/hvd" --demo --serial null 2>"$BATS_TEST_TMPDIR/hvd.log" </dev/null 3>&- &
	hvd_pid=$!
	hvd_pids+=("$hvd_pid")
	wait_until is_ready
	run api /v1/vm
	assert_output --partial '"accel":"sim"'
	run cat "$BATS_TEST_TMPDIR/hvd.log"
	assert_output --partial '/dev/kvm'
	stop_hvd
}

@test "SIGINT ends hvd with 0, too" {
	start_hvd --demo --accel sim
	# A shell's background job ignores SIGINT from its birth; hvd must listen all the same.
	kill -INT "$hvd_pid"
	wait "$hvd_pid"
}

@test "too little memory for the built-in guest: 66 on both, no crash" {
	for accel in $(accels); do
		run "$HVD" --demo --accel "$accel" --memory 1M --serial null
		assert_failure 66
		assert_output --partial 'built-in'
	done
	for memory in 2M 2052K 3M; do
		run timeout 20 "$HVD" --demo --accel sim --cpus 64 --memory $memory --append seconds=1 \
			--serial null --on-stop exit
		[ "$status" != 139 ] && [ "$status" != 124 ] || fail "$memory: $status"
	done
}

@test "a command line that is too long is refused in the same words on both" {
	for accel in $(accels); do
		run "$HVD" --demo --accel "$accel" --append "$(printf 'x%.0s' {1..2100})" --serial null
		assert_failure 64
		assert_line "hvd: the guest's command line is longer than 2047 bytes"
	done
}

# Otherwise the guest's console or a log line would go to whatever took the number.
@test "closed standard descriptors stay out of the way" {
	"$HVD" --demo --accel sim <&- >&- 2>&- 3>&- &
	hvd_pid=$!
	hvd_pids+=("$hvd_pid")
	wait_until is_ready
	for fd in 0 1 2; do
		assert_equal "$fd $(readlink "/proc/$hvd_pid/fd/$fd")" "$fd /dev/null"
	done
	stop_hvd
}

@test "SIGHUP and SIGPIPE change nothing" {
	start_hvd --demo --accel sim
	kill -HUP "$hvd_pid"
	kill -PIPE "$hvd_pid"
	run api /v1/vm
	assert_output --partial '"state":"running"'
	stop_hvd
}

@test "a second hvd of the same name refuses: 78, saying who has it" {
	start_hvd --demo --accel sim
	run "$HVD" --demo --accel sim --serial null
	assert_failure 78
	assert_output --partial "process $hvd_pid"
	run api /v1/vm
	assert_output --partial '"state":"running"'
	stop_hvd
}

@test "two hvds of different names live side by side" {
	start_hvd --demo --accel sim
	local first=$hvd_pid
	vm_name=other start_hvd --demo --accel sim --name other
	stop_hvd
	hvd_pid=$first
	stop_hvd
}

@test "after kill -9 the next hvd takes name and sockets over" {
	start_hvd --demo --accel sim
	kill -KILL "$hvd_pid"
	wait "$hvd_pid" || true
	[ -S "$HVD_RUNTIME_DIR/vm.api.sock" ]
	start_hvd --demo --accel sim
	stop_hvd
	[ ! -e "$HVD_RUNTIME_DIR/vm.api.sock" ]
	[ ! -e "$HVD_RUNTIME_DIR/vm.ro.sock" ]
}

@test "a socket that somebody else serves is refused, and stays" {
	mkdir -p "$HVD_RUNTIME_DIR"
	/usr/bin/python3 -c '
import socket, sys, time
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
s.listen()
print("ready", flush=True)
time.sleep(60)' "$HVD_RUNTIME_DIR/vm.api.sock" >"$BATS_TEST_TMPDIR/somebody.log" 3>&- &
	hvd_pids+=("$!")
	wait_until grep -q ready "$BATS_TEST_TMPDIR/somebody.log"
	run "$HVD" --demo --accel sim --serial null
	assert_failure 78
	assert_output --partial 'vm.api.sock'
	[ -S "$HVD_RUNTIME_DIR/vm.api.sock" ]
}

@test "the runtime directory is closed to others" {
	start_hvd --demo --accel sim
	run stat -c %a "$HVD_RUNTIME_DIR"
	assert_output 750
	run stat -c %A "$HVD_RUNTIME_DIR/vm.api.sock" "$HVD_RUNTIME_DIR/vm.ro.sock"
	refute_output --regexp 'r..$'
	stop_hvd
}

@test "the read-only socket reads and refuses to change" {
	start_hvd --demo --accel sim
	run curl -sS --unix-socket "$HVD_RUNTIME_DIR/vm.ro.sock" http://hvd/v1/vm
	assert_output --partial '"state":"running"'
	run curl -sS -o /dev/null -w '%{http_code}' -X POST \
		--unix-socket "$HVD_RUNTIME_DIR/vm.ro.sock" http://hvd/v1/vm/pause
	assert_output 403
	run api /v1/vm
	assert_output --partial '"state":"running"'
	stop_hvd
}

@test "READY=1 comes when the API answers, STOPPING=1 at the end" {
	/usr/bin/python3 -c '
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
s.settimeout(30)
seen = ""
while "STOPPING=1" not in seen:
    text = s.recv(4096).decode()
    seen += text + "\n"
    if "READY=1" in text:
        client = socket.socket(socket.AF_UNIX)
        client.connect(sys.argv[2])
        print("connected", flush=True)
print(seen, flush=True)' "$BATS_TEST_TMPDIR/notify" "$HVD_RUNTIME_DIR/vm.api.sock" \
		>"$BATS_TEST_TMPDIR/notify.log" 3>&- &
	local listener=$!
	hvd_pids+=("$listener")
	wait_until test -S "$BATS_TEST_TMPDIR/notify"
	NOTIFY_SOCKET=$BATS_TEST_TMPDIR/notify start_hvd --demo --accel sim
	wait_until grep -q connected "$BATS_TEST_TMPDIR/notify.log"
	stop_hvd
	wait "$listener"
	grep -q READY=1 "$BATS_TEST_TMPDIR/notify.log"
}

@test "--paused waits for resume" {
	start_hvd --demo --accel sim --paused
	run api /v1/vm
	assert_output --partial '"state":"created"'
	assert_output --partial '"first_entry_ns":null'
	run api /v1/vm/resume -X POST
	assert_output --partial '"state":"running"'
	stop_hvd
}

@test "a shutdown through the API ends hvd with 0 after its answer" {
	start_hvd --demo --accel sim
	run api /v1/vm/shutdown -X POST
	assert_success
	assert_output --partial '"state":"stopped"'
	wait "$hvd_pid"
}

@test "--on-stop stay: a stopped VM can still be looked at" {
	start_hvd --demo --accel sim --on-stop stay
	api /v1/vm/shutdown -X POST
	run api /v1/vm
	assert_output --partial '"reason":"requested"'
	stop_hvd
}

@test "a guest that ends through debug exit gives hvd its status" {
	for accel in $(accels); do
		run timeout 60 "$HVD" --demo --accel "$accel" --serial null --append run=cpuid
		assert_failure 1
	done
}

@test "an unknown program of the guest is a failure of the guest, not of hvd" {
	for accel in $(accels); do
		run timeout 60 "$HVD" --demo --accel "$accel" --serial null --append run=nonesuch
		assert_failure 7
	done
}

@test "the console goes to stdout and diagnostics to stderr" {
	"$HVD" --demo --accel sim >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/hvd.log" \
		</dev/null 3>&- &
	hvd_pid=$!
	hvd_pids+=("$hvd_pid")
	wait_until grep -q . "$BATS_TEST_TMPDIR/out"
	run grep -c '^hvd: ' "$BATS_TEST_TMPDIR/out"
	assert_output 0
	stop_hvd
}

# start_failing REQUEST: hvd on KVM, in which these calls fail while the file $fails exists.
start_failing() {
	fails=$BATS_TEST_TMPDIR/fails
	LD_PRELOAD=$FAIL_IOCTL FAIL_IOCTL_REQUEST=$1 FAIL_IOCTL_WHEN=$fails \
		ASAN_OPTIONS=${ASAN_OPTIONS-}:verify_asan_link_order=0 \
		start_hvd --demo --accel kvm --cpus 2
}

@test "a KVM_RUN that fails: stopped with call, errno and arguments; the API stays up" {
	need_accel kvm
	start_failing 0xae80
	touch "$fails"
	run "$HVCTL" vm wait --for state=stopped --timeout 20s
	assert_success
	run "$HVCTL" vm show
	assert_line --regexp '^  reason: +ioctl_failed$'
	assert_line --regexp '^  ioctl: +KVM_RUN$'
	assert_line --regexp '^  error: +-5$'
	assert_line --regexp '^  arguments: +immediate_exit 0, '
	assert_line --regexp '^  rip: +0x[1-9a-f]'
	assert_line --regexp '^  what: +KVM_RUN of VP [01] \(immediate_exit 0, .*\): Input/output error$'
	run cat "$BATS_TEST_TMPDIR/hvd.log"
	assert_line --partial 'the VM stopped: KVM_RUN of VP '
	for path in vps sints ports routes log tree; do
		run api "/v1/$path" -o /dev/null -w '%{http_code}'
		assert_output 200
	done
	rm "$fails"
	run "$HVCTL" vm reset
	assert_success
	run "$HVCTL" vm wait --for state=running --timeout 20s
	assert_success
	run "$HVCTL" -j vm show
	assert_output --partial '"stop": null'
	stop_hvd
}

@test "a KVM_SET_REGS that fails at a reset: stopped, and the reset says so" {
	need_accel kvm
	start_failing 0x4090ae82
	touch "$fails"
	run "$HVCTL" vm reset
	assert_failure
	run "$HVCTL" vm show
	assert_line --regexp '^state: +stopped$'
	assert_line --regexp '^  ioctl: +KVM_SET_REGS$'
	assert_line --regexp '^  arguments: +power-on state$'
	ended=0
	stop_hvd || ended=$?
	assert_equal "$ended" 70
}

@test "a KVM_SET_CPUID2 that fails at the first start: 70, and hvd says so" {
	need_accel kvm
	touch "$BATS_TEST_TMPDIR/fails"
	LD_PRELOAD=$FAIL_IOCTL FAIL_IOCTL_REQUEST=0x4008ae90 \
		FAIL_IOCTL_WHEN=$BATS_TEST_TMPDIR/fails \
		ASAN_OPTIONS=${ASAN_OPTIONS-}:verify_asan_link_order=0 \
		run "$HVD" --demo --accel kvm --serial null
	assert_failure 70
	assert_line --partial 'starting the VM: KVM_SET_CPUID2 of VP 0 (all leaves): Input/output error'
}

@test "hvsock's socket comes and goes with hvd, and says what it cannot do" {
	start_hvd --demo --accel sim --device hvsock
	run stat -c '%F %A' "$HVD_RUNTIME_DIR/vm.vsock"
	assert_output 'socket srw-rw----'
	run python3 -c 'import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.sendall(b"CONNECT 5000\n")
print(s.makefile().read())' "$HVD_RUNTIME_DIR/vm.vsock"
	assert_output --partial 'ERROR not_connected '
	stop_hvd
	[ ! -e "$HVD_RUNTIME_DIR/vm.vsock" ]
}
