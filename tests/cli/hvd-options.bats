#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2154 # nobody_dir, as_nobody, stderr: helpers.bash and bats set them
# hvd's options, configuration and the exit statuses of what it refuses.

load helpers

@test "--help goes to stdout and names every option of the manual" {
	run --separate-stderr "$HVD" --help
	assert_success
	assert_equal "$stderr" ''
	for option in name accel synic enforce-cpuid cpus memory kernel initrd append demo serial testdev doctor vmbus config \
		check-config print-config runtime-dir recorder-file http token-file paused on-stop log-level \
		version help; do
		assert_output --partial "--$option"
		grep -q -- "^\*--$option\*\|\*--$option\*" "$SOURCE_ROOT/man/hvd.8.scd"
	done
}

@test "--version says who and which" {
	run "$HVD" --version
	assert_success
	assert_output --regexp '^hvd [0-9]+\.[0-9]+\.[0-9]+$'
}

@test "nothing to boot: 64" {
	run "$HVD"
	assert_failure 64
	assert_output --partial '--kernel IMAGE or --demo'
}

@test "an unknown option: 64, named" {
	run "$HVD" --demo --turbo
	assert_failure 64
	assert_output --partial "'--turbo'"
}

@test "an unknown --device: 64, with the list" {
	run "$HVD" --demo --device vmbus
	assert_failure 64
	assert_output --partial \
		"device: 'vmbus' is no device; there are echo, heartbeat, hvsock, kvp, null, shutdown, timesync, vss"
}

@test "an option that a device does not have: 64, named" {
	run "$HVD" --demo --device null,colour=red
	assert_failure 64
	assert_output --partial "device: null has no option 'colour'"
}

@test "a bad GUID, a device twice: 64, named, before the guest runs" {
	run "$HVD" --demo --accel sim --serial null --device null,class=1234
	assert_failure 64
	assert_output --partial "class: '1234' is not a GUID"
	run "$HVD" --demo --accel sim --serial null --device null --device null
	assert_failure 64
	assert_output --partial "there is a device 'null'"
}

@test "a device twice in the configuration: 78, named" {
	echo '{"demo": true, "accel": "sim", "device": ["null", "null"]}' >"$BATS_TEST_TMPDIR/c.json"
	run "$HVD" --config "$BATS_TEST_TMPDIR/c.json" --serial null
	assert_failure 78
	assert_output --partial "there is a device 'null'"
}

@test "hvsock twice, or where no socket can be: 64, named" {
	run "$HVD" --demo --accel sim --serial null --device hvsock --device hvsock,id=b
	assert_failure 64
	assert_output --partial "there is an hvsock device already"
	run "$HVD" --demo --accel sim --serial null --device hvsock,path=/nowhere/at/all
	assert_failure 64
	assert_output --partial "hvsock: path: /nowhere/at/all: "
}

@test "a bad value: 64, with the option and what it takes" {
	run "$HVD" --demo --cpus 65
	assert_failure 64
	assert_output --partial 'cpus: 65 is not between 1 and 64'
}

@test "--http takes loopback addresses only: 64" {
	run "$HVD" --demo --http 0.0.0.0:8080
	assert_failure 64
	assert_output --partial 'not a loopback address'
}

@test "a missing image: 66, with its name and why" {
	run "$HVD" --kernel "$BATS_TEST_TMPDIR/none.elf"
	assert_failure 66
	assert_output --partial 'none.elf'
	assert_output --partial 'ENOENT'
}

@test "a directory as image: 66" {
	run "$HVD" --kernel "$BATS_TEST_TMPDIR"
	assert_failure 66
	assert_output --partial "$BATS_TEST_TMPDIR"
}

@test "an image that is none: 66, with its name and why" {
	need_accel kvm
	head -c 20000 /dev/zero >"$BATS_TEST_TMPDIR/zeroes.elf"
	run "$HVD" --kernel "$BATS_TEST_TMPDIR/zeroes.elf"
	assert_failure 66
	assert_output --partial 'zeroes.elf'
}

@test "a missing initrd: 66, with its name" {
	head -c 20000 /dev/zero >"$BATS_TEST_TMPDIR/zeroes.elf"
	run "$HVD" --kernel "$BATS_TEST_TMPDIR/zeroes.elf" --initrd "$BATS_TEST_TMPDIR/none.img"
	assert_failure 66
	assert_output --partial 'none.img'
}

@test "an image that may not be read: 77" {
	become_nobody
	install -m 600 /dev/null "$nobody_dir/secret.elf"
	run "${as_nobody[@]}" "$nobody_dir/hvd" --kernel "$nobody_dir/secret.elf"
	assert_failure 77
	assert_output --partial 'secret.elf'
}

@test "no accelerator: 69, naming /dev/kvm and the errno" {
	become_nobody
	need_closed_kvm
	head -c 20000 /dev/zero >"$nobody_dir/zeroes.elf"
	run "${as_nobody[@]}" "$nobody_dir/hvd" --kernel "$nobody_dir/zeroes.elf"
	assert_failure 69
	assert_output --regexp '/dev/kvm: .*\((EACCES|ENOENT)\)'
	run "${as_nobody[@]}" "$nobody_dir/hvd" --demo --accel kvm
	assert_failure 69
	run "${as_nobody[@]}" "$nobody_dir/hvd" --demo --synic user
	assert_failure 69
}

# refused_for_lack ARGS...: 69, with the name of the capability and what does without it.
refused_for_lack() {
	run "$HVD" --demo "$@"
	assert_failure 69
	assert_output --regexp 'KVM_CAP_HYPERV[A-Z0-9_]*; --synic user'
	run find "$HVD_RUNTIME_DIR" -type f -o -type s
	assert_output ''
}

@test "KVM's own SynIC where KVM has none: 69, naming the capability" {
	need_accel kvm
	need_no_kernel_synic
	refused_for_lack --synic kernel
	refused_for_lack --synic kernel --enforce-cpuid on
	refused_for_lack --synic kernel --enforce-cpuid off
	echo '{"demo": true, "synic": "kernel"}' >"$BATS_TEST_TMPDIR/c.json"
	run "$HVD" --config "$BATS_TEST_TMPDIR/c.json"
	assert_failure 69
	assert_output --partial 'KVM_CAP_HYPERV'
}

@test "sim has no KVM's SynIC, and hvd's own always enforces: 64" {
	run "$HVD" --demo --accel sim --synic kernel
	assert_failure 64
	assert_output --partial 'synic: sim has a SynIC of its own'
	run "$HVD" --demo --synic user --enforce-cpuid off
	assert_failure 64
	assert_output --partial 'enforce-cpuid'
	echo '{"demo": true, "accel": "sim", "enforce-cpuid": "off"}' >"$BATS_TEST_TMPDIR/c.json"
	run "$HVD" --config "$BATS_TEST_TMPDIR/c.json"
	assert_failure 78
	assert_output --partial 'enforce-cpuid'
}

@test "an unknown key of the configuration: 78, named" {
	echo '{"demo": true, "turbo": 1}' >"$BATS_TEST_TMPDIR/c.json"
	run "$HVD" --config "$BATS_TEST_TMPDIR/c.json"
	assert_failure 78
	assert_output --partial "unknown key 'turbo'"
}

@test "a configuration that is no JSON: 78, with line and column" {
	printf '{"demo": true,\n "cpus": }' >"$BATS_TEST_TMPDIR/c.json"
	run "$HVD" --config "$BATS_TEST_TMPDIR/c.json" --check-config
	assert_failure 78
	assert_output --partial 'c.json:2:'
}

@test "a missing configuration: 78, named" {
	run "$HVD" --config "$BATS_TEST_TMPDIR/none.json"
	assert_failure 78
	assert_output --partial 'none.json'
}

@test "--check-config says nothing and starts nothing when all is well" {
	echo '{"demo": true, "cpus": 2, "memory": "64M"}' >"$BATS_TEST_TMPDIR/c.json"
	run "$HVD" --config "$BATS_TEST_TMPDIR/c.json" --check-config
	assert_success
	assert_output ''
	[ ! -e "$HVD_RUNTIME_DIR" ]
}

@test "--check-config looks at the files, too: 66" {
	run "$HVD" --kernel "$BATS_TEST_TMPDIR/none.elf" --check-config
	assert_failure 66
}

@test "what cannot be printed is said" {
	for option in --help --version "--demo --print-config"; do
		# shellcheck disable=SC2016,SC2086 # the shell's own
		run bash -c '"$HVD" $1 >/dev/full' - "$option"
		assert_failure 70
		assert_output 'hvd: writing to stdout: No space left on device (ENOSPC)'
	done
}

@test "--print-config prints what --config reads" {
	"$HVD" --demo --cpus 3 --memory 1G --name x --print-config >"$BATS_TEST_TMPDIR/c.json"
	run "$HVD" --config "$BATS_TEST_TMPDIR/c.json" --print-config
	assert_success
	assert_output "$(cat "$BATS_TEST_TMPDIR/c.json")"
	assert_output --partial '"cpus": 3'
}

@test "a token that others can read: 77" {
	echo 0123456789abcdef >"$BATS_TEST_TMPDIR/token"
	chmod 644 "$BATS_TEST_TMPDIR/token"
	run "$HVD" --demo --http 127.0.0.1:0 --token-file "$BATS_TEST_TMPDIR/token"
	assert_failure 77
}

@test "a runtime directory everybody may write: 77" {
	install -d -m 777 "$HVD_RUNTIME_DIR"
	run "$HVD" --demo
	assert_failure 77
	assert_output --partial 'everybody may write'
}

@test "what is refused leaves nothing behind" {
	become_nobody
	need_closed_kvm
	run "${as_nobody[@]}" "$nobody_dir/hvd" --demo --accel kvm
	assert_failure 69
	run find "$HVD_RUNTIME_DIR" -type f -o -type s
	assert_output ''
}
