/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "cli/actions.h"
#include "cli/client.h"
#include "cli/problem.h"
#include "cli/render.h"
#include "cli/request.h"
#include "cli/text.h"
#include "common/cleanup.h"

/* ---- "hvsock,id=door,path=/run/door" ------------------------------------- */

/* One key=value; false when it is none. The last of several with one key counts, as for hvd. */
static bool put_option(json_t *body, json_t *options, char *option)
{
	char *equals = strchr(option, '=');

	if (!equals || equals == option)
		return false;
	*equals = '\0';
	return json_object_set_new(strcmp(option, "id") == 0 ? body : options, option,
		       json_string(equals + 1)) == 0;
}

static enum cli_exit make_body(struct cli *cli, const char *spec, json_t **ret_body)
{
	CLEANUP(free) char *text = strdup(spec);
	json_auto_t *body = NULL;
	char *rest = text, *option;
	json_t *options;

	if (!text)
		return problem_errno(&cli->options, ENOMEM, "devices add");
	body = json_pack("{s:s, s:{}}", "kind", strsep(&rest, ","), "options");
	options = json_object_get(body, "options");
	while ((option = strsep(&rest, ","))) {
		if (!put_option(body, options, option))
			return problem_usage(&cli->options,
				"a device is KIND[,KEY=VALUE...]; see \"hvctl devices kinds\"",
				"'%s' is not key=value", option);
	}
	*ret_body = json_incref(body);
	return CLI_OK;
}

/* ---- the answer ---------------------------------------------------------- */

static void put_sentence(const char *deed, const json_t *device)
{
	fputs(deed, stdout);
	text_put_value(stdout, "", json_object_get(device, "name"));
	fputs(" (", stdout);
	text_put_value(stdout, "", json_object_get(device, "kind"));
	fputs(")\n", stdout);
}

/* A sentence; the whole object when a format was chosen. */
static enum cli_exit render_device(struct cli *cli, const struct invocation *invocation,
	const char *deed, const json_t *device)
{
	if (cli->options.format != CLI_FORMAT_TABLE || cli->options.columns)
		return render_object(cli, invocation->command, device);
	if (!cli->options.quiet)
		put_sentence(deed, device);
	return CLI_OK;
}

enum cli_exit run_devices_add(struct cli *cli, const struct invocation *invocation)
{
	json_auto_t *body = NULL, *device = NULL;
	enum cli_exit r = make_body(cli, invocation_value(invocation, "spec")->text, &body);

	if (r == CLI_OK)
		r = client_request(cli, "POST", invocation->command->path, body, NULL, &device);
	return r == CLI_OK ? render_device(cli, invocation, "added ", device) : r;
}

enum cli_exit run_devices_remove(struct cli *cli, const struct invocation *invocation)
{
	CLEANUP(free) char *target = request_target(invocation);
	json_auto_t *device = NULL;
	enum cli_exit r;

	if (!target)
		return problem_errno(&cli->options, ENOMEM, "devices remove");
	r = client_request(cli, "DELETE", target, NULL, NULL, &device);
	return r == CLI_OK ? render_device(cli, invocation, "removed ", device) : r;
}
