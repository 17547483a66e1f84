/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "common/cleanup.h"
#include "common/log.h"
#include "daemon/options.h"
#include "inspect/reply_log.h"

/* A sanitizer needs files and system calls of its own, above all to report what it found. */
bool sandbox_is_built(void)
{
	return HVD_SANDBOX;
}

/* ---- files ----------------------------------------------------------------------------------- */

#define MAY_READ  (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define MAY_WRITE (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE)
#define MAY_SERVE                                                                            \
	(MAY_READ | MAY_WRITE | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK | \
		LANDLOCK_ACCESS_FS_REMOVE_FILE)

/* Everything the first version of Landlock knows: what no rule allows is denied. */
#define ALL_ACCESS (LANDLOCK_ACCESS_FS_MAKE_SYM * 2 - 1)
/* What can be said of something that is no directory. */
#define FILE_ACCESS \
	(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE)

/* A path that does not exist needs no rule: it stays closed. */
static int allow_path(int ruleset, const char *path, uint64_t access)
{
	CLEANUP(fd) int fd = open(path, O_PATH | O_CLOEXEC);
	struct landlock_path_beneath_attr rule = {.allowed_access = access, .parent_fd = fd};
	struct stat st;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISDIR(st.st_mode))
		rule.allowed_access &= FILE_ACCESS;
	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
		return -errno;
	return 0;
}

/* A file to write must exist to have a rule of its own. */
static int allow_log(int ruleset, const char *path)
{
	CLEANUP(fd) int fd = open(path, O_WRONLY | O_CREAT | O_NOCTTY | O_CLOEXEC, 0640);

	/* Whoever opens it for good will say what is wrong with it. */
	return fd < 0 ? 0 : allow_path(ruleset, path, MAY_WRITE);
}

static int allow_serial(int ruleset, const char *serial)
{
	if (strncmp(serial, "file:", strlen("file:")) != 0)
		return 0;
	return allow_log(ruleset, serial + strlen("file:"));
}

static int allow_reply_log(int ruleset)
{
	const char *path = getenv(REPLY_LOG_ENVIRONMENT);

	return path ? allow_log(ruleset, path) : 0;
}

static int allow_all(int ruleset, const struct options *options, const char *runtime_dir)
{
	const struct {
		const char *path;
		uint64_t access;
	} rules[] = {
		{runtime_dir, MAY_SERVE},
		{"/dev/kvm", MAY_WRITE},
		{"/dev/ptmx", MAY_WRITE},
		{"/dev/pts", MAY_WRITE},
		{"/dev/null", MAY_WRITE},
		{"/dev/urandom", MAY_READ},
		{"/proc", MAY_READ},
		{"/sys/devices/system", MAY_READ},
		{options->kernel, MAY_READ},
		{options->initrd, MAY_READ},
	};
	int r = allow_serial(ruleset, options->serial);

	if (r == 0)
		r = allow_reply_log(ruleset);
	for (size_t i = 0; i < ARRAY_LEN(rules) && r == 0; i++) {
		if (rules[i].path)
			r = allow_path(ruleset, rules[i].path, rules[i].access);
	}
	return r;
}

static int restrict_self(int ruleset)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	return syscall(SYS_landlock_restrict_self, ruleset, 0) < 0 ? -errno : 0;
}

int sandbox_files(const struct options *options, const char *runtime_dir)
{
	const struct landlock_ruleset_attr attr = {.handled_access_fs = ALL_ACCESS};
	CLEANUP(fd)
	int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
	int r;

	if (!sandbox_is_built())
		return 0;
	if (ruleset < 0 && (errno == ENOSYS || errno == EOPNOTSUPP)) {
		log_debug("this kernel has no Landlock: files are not fenced off");
		return 0;
	}
	if (ruleset < 0)
		return -errno;
	r = allow_all(ruleset, options, runtime_dir);
	return r < 0 ? r : restrict_self(ruleset);
}

/* ---- system calls ---------------------------------------------------------------------------- */

/* The first is by far the most frequent: KVM_RUN. */
static const int allowed_calls[] = {
	/* guests, descriptors */
	SCMP_SYS(ioctl),
	SCMP_SYS(read),
	SCMP_SYS(write),
	SCMP_SYS(readv),
	SCMP_SYS(writev),
	SCMP_SYS(pread64),
	SCMP_SYS(pwrite64),
	SCMP_SYS(lseek),
	SCMP_SYS(close),
	SCMP_SYS(dup),
	SCMP_SYS(dup3),
	SCMP_SYS(fcntl),
	SCMP_SYS(flock),
	SCMP_SYS(pipe2),
	SCMP_SYS(eventfd2),
	SCMP_SYS(timerfd_create),
	SCMP_SYS(timerfd_settime),
	SCMP_SYS(timerfd_gettime),
	SCMP_SYS(signalfd4),
	SCMP_SYS(sendfile),
	/* waiting */
	SCMP_SYS(epoll_create1),
	SCMP_SYS(epoll_ctl),
	SCMP_SYS(epoll_wait),
	SCMP_SYS(epoll_pwait),
	SCMP_SYS(epoll_pwait2),
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(select),
	SCMP_SYS(pselect6),
	SCMP_SYS(futex),
	SCMP_SYS(nanosleep),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(sched_yield),
	SCMP_SYS(restart_syscall),
	/* files: Landlock says which */
	SCMP_SYS(openat),
	SCMP_SYS(fstat),
	SCMP_SYS(stat),
	SCMP_SYS(lstat),
	SCMP_SYS(newfstatat),
	SCMP_SYS(statx),
	SCMP_SYS(access),
	SCMP_SYS(faccessat),
	SCMP_SYS(faccessat2),
	SCMP_SYS(getdents64),
	SCMP_SYS(readlink),
	SCMP_SYS(readlinkat),
	SCMP_SYS(unlink),
	SCMP_SYS(unlinkat),
	SCMP_SYS(ftruncate),
	SCMP_SYS(fallocate), /* a thread takes a ring of the recorder */
	SCMP_SYS(getcwd),
	/* sockets; for socket() see add_socket() */
	SCMP_SYS(bind),
	SCMP_SYS(listen),
	SCMP_SYS(umask),
	SCMP_SYS(connect),
	SCMP_SYS(accept),
	SCMP_SYS(accept4),
	SCMP_SYS(shutdown),
	SCMP_SYS(sendto),
	SCMP_SYS(sendmsg),
	SCMP_SYS(recvfrom),
	SCMP_SYS(recvmsg),
	SCMP_SYS(getsockopt),
	SCMP_SYS(setsockopt),
	SCMP_SYS(getsockname),
	SCMP_SYS(getpeername),
	/* memory */
	SCMP_SYS(mmap),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(mprotect),
	SCMP_SYS(madvise),
	SCMP_SYS(brk),
	SCMP_SYS(membarrier),
	/* threads and signals */
	SCMP_SYS(clone),
	SCMP_SYS(clone3),
	SCMP_SYS(set_robust_list),
	SCMP_SYS(rseq),
	SCMP_SYS(set_tid_address),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	SCMP_SYS(tgkill),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(rt_sigtimedwait),
	SCMP_SYS(sigaltstack),
	SCMP_SYS(timer_create), /* auto-EOI retries */
	SCMP_SYS(timer_settime),
	SCMP_SYS(timer_delete),
	SCMP_SYS(prctl),
	SCMP_SYS(sched_getaffinity),
	/* who and when */
	SCMP_SYS(getpid),
	SCMP_SYS(gettid),
	SCMP_SYS(getuid),
	SCMP_SYS(geteuid),
	SCMP_SYS(getgid),
	SCMP_SYS(getegid),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_getres),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(getrandom),
	SCMP_SYS(getrusage),
	SCMP_SYS(prlimit64),
	SCMP_SYS(sysinfo),
	SCMP_SYS(uname),
	SCMP_SYS(getcpu),
};

/*
 * A device that is added while the VM runs may listen, as hvsock does, and its clients' servers are
 * connected to: on unix sockets only. So bind() and listen() open no way in from a network; where a
 * socket's file may be made, Landlock says.
 */
static int add_socket(scmp_filter_ctx filter)
{
	return seccomp_rule_add(
		filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_EQ, AF_UNIX));
}

static int add_calls(scmp_filter_ctx filter)
{
	int r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);

	for (size_t i = 0; i < ARRAY_LEN(allowed_calls) && r == 0; i++)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed_calls[i], 0);
	if (r == 0)
		r = add_socket(filter);
	return r < 0 ? r : seccomp_load(filter);
}

/* ENOSYS, not death: a C library that tries something newer finds its way back. */
int sandbox_calls(void)
{
	scmp_filter_ctx filter;
	int r;

	if (!sandbox_is_built())
		return 0;
	filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	if (!filter)
		return -ENOMEM;
	r = add_calls(filter);
	seccomp_release(filter);
	return r;
}
