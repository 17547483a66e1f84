/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What commands do beyond one request with its reply rendered.
 *
 * Purpose: the run functions that rows of the command table name.
 * Threads: one.
 * Errors:  enum cli_exit, reported.
 */
#include "cli/command.h"

/* action-vm.c */
enum cli_exit run_vms_list(struct cli *cli, const struct invocation *invocation);
enum cli_exit run_vm_action(struct cli *cli, const struct invocation *invocation);
enum cli_exit run_vm_wait(struct cli *cli, const struct invocation *invocation);
enum cli_exit run_one_or_all(struct cli *cli, const struct invocation *invocation);
enum cli_exit run_sints_list(struct cli *cli, const struct invocation *invocation);

/* action-post.c */
enum cli_exit run_inject(struct cli *cli, const struct invocation *invocation);
enum cli_exit run_post(struct cli *cli, const struct invocation *invocation);
enum cli_exit run_signal(struct cli *cli, const struct invocation *invocation);

/* action-snapshot.c */
enum cli_exit run_snapshot(struct cli *cli, const struct invocation *invocation);

/* action-rings.c */
enum cli_exit run_rings_show(struct cli *cli, const struct invocation *invocation);

/* action-fault.c */
enum cli_exit run_faults_add(struct cli *cli, const struct invocation *invocation);
enum cli_exit run_faults_clear(struct cli *cli, const struct invocation *invocation);

/* action-remedy.c */
enum cli_exit run_channel_remedy(struct cli *cli, const struct invocation *invocation);
enum cli_exit run_synic_kick(struct cli *cli, const struct invocation *invocation);

/* action-ic.c */
enum cli_exit run_ic_request(struct cli *cli, const struct invocation *invocation);
enum cli_exit run_ic_items(struct cli *cli, const struct invocation *invocation);
enum cli_exit run_kvp_get(struct cli *cli, const struct invocation *invocation);

/* action-device.c */
enum cli_exit run_devices_add(struct cli *cli, const struct invocation *invocation);
enum cli_exit run_devices_remove(struct cli *cli, const struct invocation *invocation);

/* action-doctor.c */
enum cli_exit run_doctor(struct cli *cli, const struct invocation *invocation);

/* action-echo.c */
enum cli_exit run_echo_run(struct cli *cli, const struct invocation *invocation);

/* action-events.c */
enum cli_exit run_watch(struct cli *cli, const struct invocation *invocation);
enum cli_exit run_log(struct cli *cli, const struct invocation *invocation);

/* action-top.c */
enum cli_exit run_top(struct cli *cli, const struct invocation *invocation);

/* action-sock.c */
enum cli_exit run_capture(struct cli *cli, const struct invocation *invocation);
enum cli_exit run_sock(struct cli *cli, const struct invocation *invocation);

/* action-api.c */
enum cli_exit run_inspect(struct cli *cli, const struct invocation *invocation);
enum cli_exit run_api(struct cli *cli, const struct invocation *invocation);
enum cli_exit run_metrics(struct cli *cli, const struct invocation *invocation);

/* cli.c */
enum cli_exit run_help(struct cli *cli, const struct invocation *invocation);

/* explain.c, shell.c, completion.c */
enum cli_exit run_explain(struct cli *cli, const struct invocation *invocation);
enum cli_exit run_shell(struct cli *cli, const struct invocation *invocation);
enum cli_exit run_completion(struct cli *cli, const struct invocation *invocation);
enum cli_exit run_complete(struct cli *cli, const struct invocation *invocation);
