/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/signal_fds.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>
#include "common/cleanup.h"
#include "vmm/vm.h"

static unsigned half_of_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 0;
	return (unsigned)MIN(limit.rlim_cur / 2, (rlim_t)INT32_MAX);
}

int signal_fds_init(struct signal_fds *fds, struct vm *vm, fdset_ready_fn ready)
{
	int r;

	if (vm->synic_mode != SYNIC_MODE_KERNEL || !vm->accel->signal_eventfd)
		return 0;
	r = fdset_init(&fds->set, vm->loop, ready);
	if (r < 0)
		return r;
	fds->limit = half_of_descriptors();
	fds->vm = vm;
	return 0;
}

void signal_fds_deinit(struct signal_fds *fds)
{
	fdset_deinit(&fds->set);
	fds->vm = NULL;
}

static int assign(struct signal_fds *fds, uint32_t connection_id, int fd)
{
	int r = fdset_add(&fds->set, fd, connection_id);

	if (r < 0)
		return r;
	r = fds->vm->accel->signal_eventfd(fds->vm, connection_id, fd, true);
	if (r < 0)
		fdset_remove(&fds->set, fd);
	return r;
}

static int open_counted(struct signal_fds *fds, uint32_t connection_id, int *ret_fd)
{
	CLEANUP(fd) int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	int r;

	if (fd < 0)
		return -errno;
	r = assign(fds, connection_id, fd);
	if (r < 0)
		return r;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int signal_fds_open(struct signal_fds *fds, uint32_t connection_id, int *ret_fd)
{
	int r = -EMFILE;

	if (atomic_fetch_add(&fds->count, 1) < fds->limit)
		r = open_counted(fds, connection_id, ret_fd);
	if (r < 0)
		atomic_fetch_sub(&fds->count, 1);
	return r;
}

void signal_fds_stop(struct signal_fds *fds, uint32_t connection_id, int fd)
{
	/* It cannot fail for an id that was assigned. */
	(void)!fds->vm->accel->signal_eventfd(fds->vm, connection_id, fd, false);
	fdset_remove(&fds->set, fd);
}

void signal_fds_close(struct signal_fds *fds, int fd)
{
	close(fd);
	atomic_fetch_sub(&fds->count, 1);
}

uint64_t signal_fds_take(int fd)
{
	eventfd_t count;

	return eventfd_read(fd, &count) < 0 ? 0 : count;
}

void signal_fds_settle(struct signal_fds *fds)
{
	if (signal_fds_offered(fds))
		fdset_drain(&fds->set);
}
