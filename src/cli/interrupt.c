/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/interrupt.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

/* A signal handler has no context argument: this is what it can reach. */
static int interrupt_event = -1;
static volatile sig_atomic_t held_signal; /* 0: none has come */

static const int held_signals[] = {SIGHUP, SIGTERM, SIGPIPE};

static void on_interrupt(int signal_number)
{
	int saved = errno;

	if (signal_number != SIGINT)
		held_signal = signal_number;
	/* The counter cannot overflow in a session, and a lost count would change nothing. */
	if (eventfd_write(interrupt_event, 1) < 0)
		errno = saved;
	errno = saved;
}

int interrupt_init(void)
{
	struct sigaction action = {.sa_handler = on_interrupt};

	if (interrupt_event < 0) {
		interrupt_event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (interrupt_event < 0)
			return -errno;
	}
	return sigaction(SIGINT, &action, NULL) < 0 ? -errno : 0;
}

/* Replaces the action `from`; one that is ignored, as under nohup, stays so. */
static void change_held(void (*from)(int), void (*to)(int))
{
	struct sigaction action = {.sa_handler = to}, old;

	for (size_t i = 0; i < ARRAY_LEN(held_signals); i++)
		if (sigaction(held_signals[i], NULL, &old) == 0 && old.sa_handler == from)
			sigaction(held_signals[i], &action, NULL);
}

void interrupt_hold(void)
{
	held_signal = 0;
	change_held(SIG_DFL, on_interrupt);
}

void interrupt_release(void)
{
	change_held(on_interrupt, SIG_DFL);
	if (held_signal != 0)
		raise(held_signal);
}

int interrupt_fd(void)
{
	return interrupt_event;
}

bool interrupt_pending(void)
{
	struct pollfd descriptor = {.fd = interrupt_event, .events = POLLIN};

	return poll(&descriptor, 1, 0) > 0;
}

void interrupt_clear(void)
{
	eventfd_t count;

	while (eventfd_read(interrupt_event, &count) == 0)
		continue;
}

bool interrupt_sleep(uint64_t ns)
{
	struct pollfd descriptor = {.fd = interrupt_event, .events = POLLIN};
	struct timespec duration = {
		.tv_sec = (time_t)(ns / NSEC_PER_SEC),
		.tv_nsec = (long)(ns % NSEC_PER_SEC),
	};

	/*
	 * EINTR can only be the SIGINT that makes the descriptor readable, or a job-control stop.
	 */
	while (ppoll(&descriptor, 1, &duration, NULL) < 0)
		if (errno != EINTR || interrupt_pending())
			return false;
	return !interrupt_pending();
}
