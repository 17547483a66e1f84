/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/value.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/interrupt.h"
#include "cli/moment.h"
#include "cli/problem.h"
#include "cli/text.h"
#include "common/cleanup.h"
#include "common/parse.h"
#include "inspect/log_filter.h"

enum { PAYLOAD_MAX = 240 };

static enum cli_exit parse_uint(const struct cli_options *options, const struct arg *arg,
	const char *text, uint64_t *ret_number)
{
	uint64_t maximum = arg->maximum ? arg->maximum : UINT32_MAX;
	int r = parse_u64(text, 0, maximum, ret_number);

	if (r == -ERANGE)
		return problem_usage(options, NULL, "%s: %s is out of range, 0 to %lu", arg->name,
			text, (unsigned long)maximum);
	if (r < 0)
		return problem_usage(options, NULL, "%s: \"%s\" is not a number", arg->name, text);
	return CLI_OK;
}

static enum cli_exit check_uints(
	const struct cli_options *options, const struct arg *arg, const char *text)
{
	struct log_numbers unused;
	const char *wrong = *text ? log_numbers_parse(
					    text, arg->maximum ? arg->maximum : UINT32_MAX, &unused)
				  : "empty";

	if (!wrong)
		return CLI_OK;
	return problem_usage(options, NULL, "%s: \"%s\" is %s", arg->name, text, wrong);
}

/* "did you mean "full"?", or all that it may be: `--help` of the program does not list them. */
static char *choice_hint(const char *text, const char *const *choices, size_t count)
{
	const char *near = text_did_you_mean(text, choices, count);
	char *hint = NULL;
	size_t size;
	FILE *out;

	if (near)
		return text_format("did you mean \"%s\"?", near);
	out = open_memstream(&hint, &size);
	if (!out)
		return NULL;
	for (size_t i = 0; i < count; i++)
		fprintf(out, "%s %s", i == 0 ? "one of" : ",", choices[i]);
	return text_finish(out, &hint);
}

static enum cli_exit check_choice(
	const struct cli_options *options, const struct arg *arg, const char *text)
{
	CLEANUP(free) char *hint = NULL;
	size_t count = 0;

	for (; arg->choices[count]; count++)
		if (strcmp(arg->choices[count], text) == 0)
			return CLI_OK;
	hint = choice_hint(text, arg->choices, count);
	return problem_usage(options, hint, "unknown value of %s \"%s\"", arg->name, text);
}

/* Something to read, or its end. False: SIGINT came first; a read that begins after it forgets it. */
static bool stdin_comes(void)
{
	struct pollfd wait[] = {
		{.fd = STDIN_FILENO, .events = POLLIN},
		{.fd = interrupt_fd(), .events = POLLIN},
	};

	while (poll(wait, ARRAY_LEN(wait), -1) < 0) {
		if (errno != EINTR)
			return true; /* the read will say */
	}
	return wait[1].revents == 0;
}

int value_read_source(const char *source, void *bytes, size_t capacity, size_t *ret_count)
{
	bool from_stdin = strcmp(source, "-") == 0;
	FILE *file = from_stdin ? stdin : fopen(source + 1, "rbe");
	size_t count;
	int r;

	if (!file)
		return -errno;
	if (from_stdin && !stdin_comes())
		return -EINTR;
	count = fread(bytes, 1, capacity, file);
	r = ferror(file) ? -errno : 0;
	if (!from_stdin)
		fclose(file);
	if (r == 0)
		*ret_count = count;
	return r;
}

/* Raw bytes of a file or stdin, one more than allowed at most. */
static enum cli_exit read_payload(const struct cli_options *options, const struct arg *arg,
	const char *text, uint8_t *bytes, size_t capacity, size_t *ret_count)
{
	int r = value_read_source(text, bytes, capacity, ret_count);

	if (r < 0 && interrupt_pending())
		return CLI_INTERRUPTED;
	return r < 0 ? problem_usage(options, NULL, "%s: %s: %s", arg->name,
			       text[0] == '@' ? text + 1 : "stdin", strerror(-r))
		     : CLI_OK;
}

static enum cli_exit parse_payload(
	const struct cli_options *options, const struct arg *arg, const char *text, char **ret_hex)
{
	uint8_t bytes[PAYLOAD_MAX + 1];
	size_t count = 0;
	enum cli_exit result = CLI_OK;
	char *hex;
	int r = 0;

	if (text[0] == '@' || strcmp(text, "-") == 0)
		result = read_payload(options, arg, text, bytes, sizeof(bytes), &count);
	else
		r = parse_hex_bytes(text, bytes, sizeof(bytes), &count);
	if (result != CLI_OK)
		return result;
	if (r == -EINVAL)
		return problem_usage(options, "write hex digits, @FILE, or - for stdin",
			"%s: \"%s\" is not hex bytes", arg->name, text);
	if (r == -ENOSPC || count > PAYLOAD_MAX)
		return problem_usage(options, NULL, "%s: a message holds at most %d bytes",
			arg->name, PAYLOAD_MAX);
	hex = malloc(2 * count + 1);
	if (!hex)
		return problem_errno(options, ENOMEM, arg->name);
	hex[0] = '\0';
	for (size_t i = 0; i < count; i++)
		snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
	*ret_hex = hex;
	return CLI_OK;
}

static enum cli_exit parse_moment(const struct cli_options *options, const struct arg *arg,
	const char *text, struct value *ret_value)
{
	char moment[MOMENT_BYTES];

	if (!moment_normalize(text, time(NULL), moment))
		return problem_usage(options,
			"write a sequence number, how far back (30s, 5m, 1h), or a time in UTC: "
			"19:14:47.5, \"2026-11-21 15:53\", 2026-11-21T15:53:15Z",
			"%s: \"%s\" is none of these", arg->name, text);
	ret_value->payload = strdup(moment);
	ret_value->text = ret_value->payload;
	return ret_value->payload ? CLI_OK : problem_errno(options, ENOMEM, arg->name);
}

enum cli_exit value_parse(const struct cli_options *options, const struct arg *arg,
	const char *text, struct value *ret_value)
{
	struct value value = {.text = text};
	enum cli_exit r = CLI_OK;

	switch (arg->type) {
	case ARG_UINT:
		r = parse_uint(options, arg, text, &value.number);
		break;
	case ARG_UINTS:
		r = check_uints(options, arg, text);
		break;
	case ARG_DURATION:
		if (parse_duration(text, &value.number) < 0)
			r = problem_usage(options, "write 500ms, 5s or 2m",
				"%s: \"%s\" is not a duration", arg->name, text);
		break;
	case ARG_CHOICE:
		r = check_choice(options, arg, text);
		break;
	case ARG_MOMENT:
		r = parse_moment(options, arg, text, &value);
		break;
	case ARG_PAYLOAD:
		r = parse_payload(options, arg, text, &value.payload);
		break;
	case ARG_TEXT:
	case ARG_SET:
	case ARG_CLEAR:
		break;
	}
	if (r == CLI_OK)
		*ret_value = value;
	return r;
}
