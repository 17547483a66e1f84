/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "inspect/guard.h"

#include <string.h>
#include <strings.h>
#include "inspect/request.h"
#include "inspect/rest.h"

bool guard_is_loopback_authority(const char *authority)
{
	static const char *const names[] = {"localhost", "127.0.0.1", "[::1]"};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		size_t length = strlen(names[i]);
		const char *port = authority + length;

		if (strncasecmp(authority, names[i], length) != 0)
			continue;
		if (*port == '\0')
			return true;
		if (*port == ':' && port[1] != '\0' &&
			strspn(port + 1, "0123456789") == strlen(port + 1))
			return true;
	}
	return false;
}

static bool is_loopback_origin(const char *origin)
{
	static const char scheme[] = "http://";

	return strncasecmp(origin, scheme, strlen(scheme)) == 0 &&
	       guard_is_loopback_authority(origin + strlen(scheme));
}

bool guard_origin(struct request *request)
{
	const struct request_headers *headers = &request->headers;

	if (!request->door->tcp)
		return true;
	if (!headers->host || !guard_is_loopback_authority(headers->host)) {
		problem(&request->reply, PROBLEM_FOREIGN_HOST, "Host is %.80s",
			headers->host ? headers->host : "missing");
		return false;
	}
	if (headers->origin && !is_loopback_origin(headers->origin)) {
		problem(&request->reply, PROBLEM_FOREIGN_HOST, "Origin is %.80s", headers->origin);
		return false;
	}
	return true;
}

/* Takes as long for a wrong token as for the right one of the same length as what was sent. */
static bool equal_constant_time(const char *sent, const char *secret)
{
	size_t sent_length = strlen(sent), secret_length = strlen(secret);
	unsigned char different = sent_length != secret_length;

	for (size_t i = 0; i < sent_length; i++)
		different |= (unsigned char)(sent[i] ^
					     secret[secret_length > 0 ? i % secret_length : 0]);
	return different == 0;
}

static bool has_token(const struct request *request)
{
	static const char scheme[] = "Bearer ";
	const char *sent = request->headers.authorization;

	if (!request->door->token || !sent || strncasecmp(sent, scheme, strlen(scheme)) != 0)
		return false;
	return equal_constant_time(sent + strlen(scheme), request->door->token);
}

bool guard_change(struct request *request)
{
	if (!rest_is_change(request->method))
		return true;
	if (request->door->role == INSPECT_READ_ONLY) {
		problem(&request->reply, PROBLEM_READ_ONLY, "%s is a change", request->method);
		return false;
	}
	if (request->door->tcp && !has_token(request)) {
		problem(&request->reply, PROBLEM_TOKEN_REQUIRED, "%s is a change", request->method);
		return false;
	}
	return true;
}
