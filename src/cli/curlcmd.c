/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/curlcmd.h"

#include <string.h>

void curlcmd_put_quoted(FILE *out, const char *text)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789_-./:=@%+,";

	if (*text && text[strspn(text, plain)] == '\0') {
		fputs(text, out);
		return;
	}
	fputc('\'', out);
	for (const char *p = text; *p; p++) {
		if (*p == '\'')
			fputs("'\\''", out);
		else
			fputc(*p, out);
	}
	fputc('\'', out);
}

void curlcmd_put(FILE *out, const char *socket, const char *method, const char *target,
	const char *body, bool stream)
{
	fputs(stream ? "curl -sSN --unix-socket " : "curl -sS --unix-socket ", out);
	curlcmd_put_quoted(out, socket);
	if (strcmp(method, body ? "POST" : "GET") != 0) {
		fputs(" -X ", out);
		curlcmd_put_quoted(out, method);
	}
	if (body) {
		fputs(" -H 'Content-Type: application/json' --data-raw ", out);
		curlcmd_put_quoted(out, body);
	}
	fputs(" 'http://hvd", out);
	/* A target is percent-encoded, or came from the user of `hvctl api`. */
	for (const char *p = target; *p; p++) {
		if (*p == '\'')
			fputs("'\\''", out);
		else
			fputc(*p, out);
	}
	fputs("'\n", out);
}
