/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The VP thread looks around (mailbox, slots to write, may the VM run, should it end), then either
 * parks on mail_cond or enters the guest until something kicks it.
 *
 * No kick is lost: whoever wants the VP first publishes what it wants, then sets `kicked`, then
 * calls the backend's kick. The VP clears `kicked` before it looks around, and the backend tests it
 * again after it has opened the way into the guest and before it goes in.
 *
 * A piece of mail lives on the stack of its sender and goes QUEUED -> RUNNING -> DONE under
 * mail_lock. A sender whose deadline passes takes QUEUED mail back; RUNNING mail it must wait for.
 */
#include "vmm/vcpu.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "common/rcu.h"
#include "common/thread_time.h"
#include "vmm/event.h"
#include "vmm/vm.h"

static _Thread_local struct vcpu *current;

struct vcpu *vcpu_current(void)
{
	return current;
}

void vcpu_set_current(struct vcpu *vcpu)
{
	current = vcpu;
}

/* mailbox */

static void mail_push_locked(struct vcpu *vcpu, struct vcpu_mail *mail)
{
	if (vcpu->mail_tail)
		vcpu->mail_tail->next = mail;
	else
		vcpu->mail_head = mail;
	vcpu->mail_tail = mail;
}

static struct vcpu_mail *mail_pop_locked(struct vcpu *vcpu)
{
	struct vcpu_mail *mail = vcpu->mail_head;

	if (mail) {
		vcpu->mail_head = mail->next;
		if (!vcpu->mail_head)
			vcpu->mail_tail = NULL;
	}
	return mail;
}

static void mail_withdraw_locked(struct vcpu *vcpu, const struct vcpu_mail *mail)
{
	struct vcpu_mail *previous = NULL;

	for (struct vcpu_mail *m = vcpu->mail_head; m != mail; m = m->next)
		previous = m;
	if (previous)
		previous->next = mail->next;
	else
		vcpu->mail_head = mail->next;
	if (vcpu->mail_tail == mail)
		vcpu->mail_tail = previous;
}

/* Runs one piece of mail with the lock dropped. */
static void mail_run_locked(struct vcpu *vcpu, struct vcpu_mail *mail)
{
	mail->state = MAIL_RUNNING;
	pthread_mutex_unlock(&vcpu->mail_lock);
	mail->fn(vcpu, mail->arg);
	pthread_mutex_lock(&vcpu->mail_lock);
	mail->state = MAIL_DONE;
	pthread_cond_broadcast(&vcpu->mail_cond);
}

static void mail_refuse_all_locked(struct vcpu *vcpu)
{
	struct vcpu_mail *mail;

	while ((mail = mail_pop_locked(vcpu)))
		mail->state = MAIL_REFUSED;
	pthread_cond_broadcast(&vcpu->mail_cond);
}

/* Waits for mail_cond until the deadline: 0 or -ETIMEDOUT. */
static int wait_locked(struct vcpu *vcpu, uint64_t deadline_ns)
{
	struct timespec ts = {
		.tv_sec = (time_t)(deadline_ns / NSEC_PER_SEC),
		.tv_nsec = (long)(deadline_ns % NSEC_PER_SEC),
	};

	return -pthread_cond_timedwait(&vcpu->mail_cond, &vcpu->mail_lock, &ts);
}

/* Waits until the mail is done with; an overdue one is withdrawn unless it already runs. */
static int mail_wait_locked(struct vcpu *vcpu, struct vcpu_mail *mail, uint64_t deadline_ns)
{
	while (mail->state == MAIL_QUEUED) {
		if (wait_locked(vcpu, deadline_ns) == -ETIMEDOUT && mail->state == MAIL_QUEUED) {
			mail_withdraw_locked(vcpu, mail);
			return -ETIMEDOUT;
		}
	}
	while (mail->state == MAIL_RUNNING)
		pthread_cond_wait(&vcpu->mail_cond, &vcpu->mail_lock);
	return mail->state == MAIL_DONE ? 0 : -ESHUTDOWN;
}

void vcpu_send(struct vcpu *vcpu, struct vcpu_mail *mail)
{
	pthread_mutex_lock(&vcpu->mail_lock);
	mail->next = NULL;
	mail->state = MAIL_REFUSED;
	if (vcpu->started && !vcpu->stopping) {
		mail->state = MAIL_QUEUED;
		mail_push_locked(vcpu, mail);
		pthread_cond_broadcast(&vcpu->mail_cond);
		vcpu_kick(vcpu);
	}
	pthread_mutex_unlock(&vcpu->mail_lock);
}

int vcpu_wait(struct vcpu *vcpu, struct vcpu_mail *mail, uint64_t deadline_ns)
{
	int r;

	pthread_mutex_lock(&vcpu->mail_lock);
	r = mail_wait_locked(vcpu, mail, deadline_ns);
	pthread_mutex_unlock(&vcpu->mail_lock);
	return r;
}

int vcpu_run_on(struct vcpu *vcpu, vcpu_fn fn, void *arg, uint64_t deadline_ns)
{
	struct vcpu_mail mail = {.fn = fn, .arg = arg};

	vcpu_send(vcpu, &mail);
	return vcpu_wait(vcpu, &mail, deadline_ns);
}

/* the VP's thread */

static void set_state_locked(struct vcpu *vcpu, enum vcpu_state state)
{
	int old = atomic_load(&vcpu->state);

	if (old == (int)state)
		return;
	atomic_store(&vcpu->state, state);
	hv_record(vcpu->vm->recorder, HV_EVENT_VP_STATE, vcpu->index, 0, RECORD_NO_SINT,
		(uint64_t)old, (uint64_t)state);
	pthread_cond_broadcast(&vcpu->mail_cond);
}

/* The backend could not even say what went wrong in its own words. */
static void stop_for_error(struct vcpu *vcpu, int error)
{
	struct vm_stop stop = VM_STOP(VM_STOP_IOCTL_FAILED);

	stop.vp = vcpu->index;
	stop.error = error;
	snprintf(stop.what, sizeof(stop.what), "running VP %u: %s", vcpu->index, strerror(-error));
	vm_request_stop(vcpu->vm, &stop);
}

static void run_guest_locked(struct vcpu *vcpu)
{
	int r;

	set_state_locked(vcpu, VCPU_RUNNING);
	pthread_mutex_unlock(&vcpu->mail_lock);
	r = vcpu->vm->accel->vcpu_run(vcpu);
	if (r < 0)
		stop_for_error(vcpu, r);
	pthread_mutex_lock(&vcpu->mail_lock);
}

static void work_locked(struct vcpu *vcpu)
{
	pthread_mutex_unlock(&vcpu->mail_lock);
	synic_work(&vcpu->synic[0]);
	pthread_mutex_lock(&vcpu->mail_lock);
}

static void vcpu_loop(struct vcpu *vcpu)
{
	pthread_mutex_lock(&vcpu->mail_lock);
	while (!vcpu->stopping) {
		struct vcpu_mail *mail;

		atomic_store(&vcpu->kicked, false);
		mail = mail_pop_locked(vcpu);
		if (mail) {
			mail_run_locked(vcpu, mail);
		} else if (atomic_exchange(&vcpu->work, false)) {
			work_locked(vcpu);
		} else if (atomic_load(&vcpu->vm->run_allowed)) {
			run_guest_locked(vcpu);
		} else {
			set_state_locked(vcpu, VCPU_PARKED);
			pthread_cond_wait(&vcpu->mail_cond, &vcpu->mail_lock);
		}
	}
	mail_refuse_all_locked(vcpu);
	pthread_mutex_unlock(&vcpu->mail_lock);
}

static void *vcpu_thread(void *arg)
{
	struct vcpu *vcpu = arg;
	struct recorder *recorder = vcpu->vm->recorder;
	char name[16];
	int attached;

	vcpu_set_current(vcpu);
	atomic_store(&vcpu->tid, gettid());
	snprintf(name, sizeof(name), "vp%u", vcpu->index);
	pthread_setname_np(pthread_self(), name);
	attached = recorder_attach(recorder, name); /* without: the shared ring */
	rcu_thread_init();
	vcpu_loop(vcpu);
	rcu_thread_exit();
	if (attached == 0)
		recorder_detach(recorder);
	return NULL;
}

/* A VP thread takes no signal but those its backend unblocks for its kicks. */
static int start_thread(struct vcpu *vcpu)
{
	sigset_t all, old;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = -pthread_create(&vcpu->thread, NULL, vcpu_thread, vcpu);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return r;
}

int vcpu_start(struct vcpu *vcpu)
{
	int r = start_thread(vcpu);

	if (r < 0)
		return r;
	pthread_mutex_lock(&vcpu->mail_lock);
	vcpu->started = true;
	pthread_mutex_unlock(&vcpu->mail_lock);
	return 0;
}

void vcpu_stop(struct vcpu *vcpu)
{
	if (!vcpu->started)
		return;
	pthread_mutex_lock(&vcpu->mail_lock);
	vcpu->stopping = true;
	pthread_cond_broadcast(&vcpu->mail_cond);
	pthread_mutex_unlock(&vcpu->mail_lock);
	vcpu_kick(vcpu);
	vcpu_update_runtime(vcpu);
	pthread_join(vcpu->thread, NULL);

	pthread_mutex_lock(&vcpu->mail_lock);
	vcpu->started = false;
	atomic_store(&vcpu->tid, 0);
	set_state_locked(vcpu, VCPU_STOPPED);
	pthread_mutex_unlock(&vcpu->mail_lock);
}

/* from other threads */

void vcpu_kick(struct vcpu *vcpu)
{
	atomic_store(&vcpu->kicked, true);
	vcpu->vm->accel->vcpu_kick(vcpu);
}

void vcpu_wake(struct vcpu *vcpu)
{
	pthread_mutex_lock(&vcpu->mail_lock);
	pthread_cond_broadcast(&vcpu->mail_cond);
	pthread_mutex_unlock(&vcpu->mail_lock);
}

/* Once until the VP has seen it: whoever comes after that finds `work` false again. */
void vcpu_request_work(struct vcpu *vcpu)
{
	if (atomic_exchange(&vcpu->work, true))
		return;
	vcpu_kick(vcpu);
	vcpu_wake(vcpu);
}

int vcpu_wait_parked(struct vcpu *vcpu, uint64_t deadline_ns)
{
	int r = 0;

	pthread_mutex_lock(&vcpu->mail_lock);
	while (r == 0 && vcpu->started && atomic_load(&vcpu->state) != VCPU_PARKED)
		r = wait_locked(vcpu, deadline_ns);
	if (!vcpu->started || atomic_load(&vcpu->state) == VCPU_PARKED)
		r = 0;
	pthread_mutex_unlock(&vcpu->mail_lock);
	return r;
}

bool vcpu_thread_time(struct vcpu *vcpu, struct thread_time *ret_time)
{
	bool started;

	pthread_mutex_lock(&vcpu->mail_lock);
	started = vcpu->started;
	pthread_mutex_unlock(&vcpu->mail_lock);
	if (started)
		thread_time_read(atomic_load(&vcpu->tid), ret_time);
	return started;
}

static uint64_t thread_cpu_ns(pthread_t thread)
{
	struct timespec ts = {0};
	clockid_t clock;

	if (pthread_getcpuclockid(thread, &clock) != 0 || clock_gettime(clock, &ts) < 0)
		return 0;
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

void vcpu_update_runtime(struct vcpu *vcpu)
{
	int state = atomic_load(&vcpu->state);
	uint64_t now_100ns, seen_100ns;

	if (state != VCPU_RUNNING && state != VCPU_PARKED)
		return; /* no thread */
	now_100ns = thread_cpu_ns(vcpu->thread) / 100;
	seen_100ns = atomic_load(&vcpu->runtime_100ns);
	/* Several readers may race: the value must not go back. */
	while (now_100ns > seen_100ns &&
		!atomic_compare_exchange_weak(&vcpu->runtime_100ns, &seen_100ns, now_100ns))
		;
}

/* life */

static int init_sync(struct vcpu *vcpu)
{
	pthread_condattr_t attr;
	int r;

	pthread_mutex_init(&vcpu->mail_lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	r = -pthread_cond_init(&vcpu->mail_cond, &attr);
	pthread_condattr_destroy(&attr);
	return r;
}

static int init_parts(struct vcpu *vcpu)
{
	int r = init_sync(vcpu);

	vcpu_sample_init(&vcpu->sample);
	for (uint8_t vtl = 0; r == 0 && vtl < HV_VTL_COUNT; vtl++)
		r = synic_init(&vcpu->synic[vtl], vcpu, vtl);
	if (r == 0) {
		hv_vp_init(vcpu);
		r = vcpu->vm->accel->vcpu_init(vcpu);
	}
	return r;
}

int vcpu_new(struct vm *vm, uint32_t index, struct vcpu **ret_vcpu)
{
	struct vcpu *vcpu = calloc(1, sizeof(*vcpu));
	int r;

	if (!vcpu)
		return -ENOMEM;
	vcpu->vm = vm;
	vcpu->index = index;
	vcpu->apic_id = index;
	r = init_parts(vcpu);
	if (r < 0) {
		vcpu_free(vcpu);
		return r;
	}
	*ret_vcpu = vcpu;
	return 0;
}

struct vcpu *vcpu_free(struct vcpu *vcpu)
{
	if (!vcpu)
		return NULL;
	vcpu_stop(vcpu);
	for (unsigned vtl = 0; vtl < HV_VTL_COUNT; vtl++)
		synic_deinit(&vcpu->synic[vtl]);
	vcpu->vm->accel->vcpu_deinit(vcpu);
	vcpu_sample_deinit(&vcpu->sample);
	pthread_cond_destroy(&vcpu->mail_cond);
	pthread_mutex_destroy(&vcpu->mail_lock);
	free(vcpu);
	return NULL;
}
