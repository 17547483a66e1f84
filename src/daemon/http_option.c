/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/http_option.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "common/cleanup.h"
#include "common/parse.h"

static bool is_loopback(const char *address, bool bracketed)
{
	struct in_addr v4;
	struct in6_addr v6;

	if (bracketed)
		return inet_pton(AF_INET6, address, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
	return inet_pton(AF_INET, address, &v4) == 1 && (ntohl(v4.s_addr) >> 24) == 127;
}

int http_endpoint_parse(const char *text, struct http_endpoint *ret_endpoint)
{
	struct http_endpoint endpoint;
	bool bracketed = text[0] == '[';
	const char *start = text + bracketed, *end, *colon = strrchr(text, ':');
	uint64_t port;

	if (!colon || colon < start + bracketed)
		return -EINVAL;
	end = colon - bracketed;
	if ((bracketed && *end != ']') || (size_t)(end - start) >= sizeof(endpoint.address))
		return -EINVAL;
	memcpy(endpoint.address, start, (size_t)(end - start));
	endpoint.address[end - start] = '\0';
	if (!is_loopback(endpoint.address, bracketed) ||
		parse_u64(colon + 1, 0, UINT16_MAX, &port) < 0)
		return -EINVAL;
	endpoint.port = (uint16_t)port;
	*ret_endpoint = endpoint;
	return 0;
}

static int check_token_file(FILE *file, const char *path, struct problem *ret_problem)
{
	struct stat st;

	if (fstat(fileno(file), &st) < 0)
		return problem_errno(ret_problem, EX_CONFIG, -errno, path);
	if (!S_ISREG(st.st_mode))
		return problem_set(ret_problem, EX_CONFIG, "%s: not a regular file", path);
	if (st.st_mode & (S_IRWXG | S_IRWXO))
		return problem_set(ret_problem, EX_NOPERM,
			"%s: a token that others can read is no secret; chmod 600 it", path);
	return 0;
}

int http_token_read(const char *path, char token[HTTP_TOKEN_MAX + 1], struct problem *ret_problem)
{
	CLEANUP(file) FILE *file = fopen(path, "re");
	char line[HTTP_TOKEN_MAX + 2] = "";
	size_t length;

	if (!file)
		return problem_errno(ret_problem, EX_CONFIG, -errno, path);
	if (check_token_file(file, path, ret_problem))
		return 1;
	length = fread(line, 1, sizeof(line) - 1, file);
	if (length > 0 && line[length - 1] == '\n')
		line[--length] = '\0';
	/* The characters RFC 6750 allows; also keeps out a second line and NUL bytes. */
	if (strspn(line, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~+/=") !=
			length ||
		length < HTTP_TOKEN_MIN || length > HTTP_TOKEN_MAX)
		return problem_set(ret_problem, EX_CONFIG,
			"%s: must hold one line of %d to %d letters, digits or -._~+/=", path,
			HTTP_TOKEN_MIN, HTTP_TOKEN_MAX);
	memcpy(token, line, length + 1);
	return 0;
}
