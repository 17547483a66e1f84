/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/fdset.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>
#include "common/loop.h"

/* One round of the loop: the rest stays readable, and others get their turn in between. */
enum { BATCH = 64 };

/* True: there may be more. */
static bool tell(struct fdset *set)
{
	struct epoll_event event[BATCH];
	int count = epoll_wait(set->epoll_fd, event, BATCH, 0);

	for (int i = 0; i < count; i++)
		set->ready(set, event[i].data.u64);
	return count == BATCH;
}

static int on_readable(sd_event_source *source, int fd, uint32_t revents, void *arg)
{
	tell(arg);
	return 0;
}

void fdset_drain(struct fdset *set)
{
	while (tell(set))
		;
}

int fdset_init(struct fdset *set, struct loop *loop, fdset_ready_fn ready)
{
	int r;

	*set = (struct fdset){.ready = ready, .epoll_fd = epoll_create1(EPOLL_CLOEXEC)};
	if (set->epoll_fd < 0)
		return -errno;
	r = sd_event_add_io(
		loop_event(loop), &set->source, set->epoll_fd, EPOLLIN, on_readable, set);
	if (r < 0)
		fdset_deinit(set);
	return MIN(r, 0);
}

void fdset_deinit(struct fdset *set)
{
	if (!set->ready)
		return;
	set->source = sd_event_source_disable_unref(set->source);
	if (set->epoll_fd >= 0)
		close(set->epoll_fd);
	*set = (struct fdset){.epoll_fd = -1};
}

static int control(struct fdset *set, int operation, int fd, uint32_t events, uint64_t key)
{
	struct epoll_event event = {.events = events, .data.u64 = key};

	return epoll_ctl(set->epoll_fd, operation, fd, &event) < 0 ? -errno : 0;
}

int fdset_add(struct fdset *set, int fd, uint64_t key)
{
	return control(set, EPOLL_CTL_ADD, fd, EPOLLIN, key);
}

int fdset_add_silent(struct fdset *set, int fd, uint64_t key)
{
	return control(set, EPOLL_CTL_ADD, fd, EPOLLONESHOT, key);
}

void fdset_arm(struct fdset *set, int fd, uint64_t key)
{
	/* It cannot fail for a descriptor that was added. */
	(void)!control(set, EPOLL_CTL_MOD, fd, EPOLLIN | EPOLLONESHOT, key);
}

void fdset_remove(struct fdset *set, int fd)
{
	/* It cannot fail for a descriptor that was added. */
	(void)!epoll_ctl(set->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
}
