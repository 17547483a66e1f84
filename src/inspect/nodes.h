/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Nodes of the server itself: the recorder and the daemon.
 *
 * Purpose: /v1/recorder and /v1/daemon, with the leaves that can be changed at run time.
 * Threads: as node.h says.
 * Errors:  as node.h says.
 */
#include "common/node.h"

extern const struct node_class recorder_node_class; /* recorder; owner: struct recorder */
extern const struct node_class daemon_node_class;   /* daemon; owner: struct inspect */
