/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/rcu.h"

#ifdef HVD_RCU_LOCKED

#include <pthread.h>

static pthread_rwlock_t rcu_lock = PTHREAD_RWLOCK_INITIALIZER;

void rcu_thread_init(void)
{
}

void rcu_thread_exit(void)
{
}

void rcu_read_begin(void)
{
	pthread_rwlock_rdlock(&rcu_lock);
}

void rcu_read_end(void)
{
	pthread_rwlock_unlock(&rcu_lock);
}

void rcu_wait(void)
{
	pthread_rwlock_wrlock(&rcu_lock);
	pthread_rwlock_unlock(&rcu_lock);
}

#else

#include <stdbool.h>
#include <urcu/urcu-memb.h>

/* liburcu wants each thread registered exactly once. */
static __thread bool registered;

void rcu_thread_init(void)
{
	if (registered)
		return;
	urcu_memb_register_thread();
	registered = true;
}

void rcu_thread_exit(void)
{
	if (!registered)
		return;
	urcu_memb_unregister_thread();
	registered = false;
}

void rcu_read_begin(void)
{
	urcu_memb_read_lock();
}

void rcu_read_end(void)
{
	urcu_memb_read_unlock();
}

void rcu_wait(void)
{
	urcu_memb_synchronize_rcu();
}

#endif
