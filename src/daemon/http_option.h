/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What --http and --token-file name.
 *
 * Purpose: a loopback address with a port, and the bearer token that changes want there.
 * Threads: main thread.
 * Errors:  http_endpoint_parse() -EINVAL; http_token_read() 0, or 1 with a problem.
 */
#include <netinet/in.h>
#include <stdint.h>
#include "daemon/problem.h"

struct http_endpoint {
	char address[INET6_ADDRSTRLEN]; /* numeric, loopback */
	uint16_t port;                  /* 0: any free one */
};

/* "127.0.0.1:8080", "[::1]:8080"; nothing that could be reached from another machine. */
int http_endpoint_parse(const char *text, struct http_endpoint *ret_endpoint) MUST_CHECK;

enum { HTTP_TOKEN_MIN = 16, HTTP_TOKEN_MAX = 256 };
/* The file's only line. It must be closed to everybody but its owner. */
int http_token_read(
	const char *path, char token[HTTP_TOKEN_MAX + 1], struct problem *ret_problem) MUST_CHECK;
