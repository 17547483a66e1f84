/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Metrics: every number of every node class in Prometheus' text format.
 *
 * "hvd_" + schema name + "_" + member, labelled with the keys:
 * hvd_port_accepted{connection_id="1"}. Members of an embedded object are joined by "_". Unknown
 * values are left out.
 *
 * Purpose: GET /metrics.
 * Threads: the HTTP thread. Classes that need a VP's thread are left out: a scrape never waits.
 * Errors:  those of the writer.
 */
struct request;

void metrics_handle(struct request *request);
