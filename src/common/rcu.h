/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Read-copy-update, behind one small door.
 *
 * Normal builds use liburcu (memb flavour). The TSan build (-DHVD_RCU_LOCKED) uses one reader-writer
 * lock instead, because liburcu 0.13 makes TSan report races that are not there.
 *
 * Purpose: lock-free lookups whose removal waits for running readers.
 * Threads: every thread that reads calls rcu_thread_init() once. A read-side section must not
 *          block and must not call rcu_wait().
 * Errors:  none.
 */

void rcu_thread_init(void);
void rcu_thread_exit(void);
void rcu_read_begin(void);
void rcu_read_end(void);
/* Returns when every read-side section that ran at the time of the call has ended. */
void rcu_wait(void);
