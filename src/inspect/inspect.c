/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "inspect/inspect.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "common/clock.h"
#include "inspect/doctor.h"
#include "inspect/http.h"
#include "common/unix_socket.h"
#include "inspect/listen.h"
#include "inspect/nodes.h"
#include "inspect/rest.h"
#include "inspect/server.h"

#define HEARTBEAT_DEFAULT_NS (5 * NSEC_PER_SEC)
#define PATIENCE_DEFAULT_NS  NSEC_PER_SEC

static int add_own_nodes(struct inspect *inspect)
{
	const struct node_provider recorder = {&recorder_node_class, inspect->config.recorder};
	const struct node_provider daemon = {&daemon_node_class, inspect};
	const struct node_provider doctor = {&doctor_watch_node_class, inspect->doctor};
	int r = inspect_add_provider(inspect, &recorder);

	if (r == 0)
		r = inspect_add_provider(inspect, &daemon);
	return r < 0 ? r : inspect_add_provider(inspect, &doctor);
}

static int init(struct inspect *inspect, const struct inspect_config *config)
{
	struct http_limits limits = HTTP_LIMITS_DEFAULT;
	int r;

	inspect->config = *config;
	if (config->idle_ns)
		limits.idle_ns = config->idle_ns;
	if (config->unread_bytes)
		limits.unread_bytes = config->unread_bytes;
	if (!config->heartbeat_ns)
		inspect->config.heartbeat_ns = HEARTBEAT_DEFAULT_NS;
	if (!config->patience_ns)
		inspect->config.patience_ns = PATIENCE_DEFAULT_NS;
	inspect->version = strdup(config->version);
	inspect->runtime_dir = config->runtime_dir ? strdup(config->runtime_dir) : NULL;
	if (!inspect->version || (config->runtime_dir && !inspect->runtime_dir))
		return -ENOMEM;
	inspect->started_realtime_ns = clock_realtime_ns();
	r = loop_new(&inspect->http_loop);
	if (r == 0)
		r = operations_init(&inspect->operations, config->loop, inspect->http_loop);
	if (r == 0)
		r = http_new(inspect, &limits, &inspect->http);
	if (r == 0)
		r = doctor_rounds_new(inspect, &inspect->doctor);
	if (r == 0)
		r = rest_init(inspect);
	return r < 0 ? r : add_own_nodes(inspect);
}

int inspect_new(const struct inspect_config *config, struct inspect **ret_inspect)
{
	struct inspect *inspect = calloc(1, sizeof(*inspect));
	int r;

	if (!inspect)
		return -ENOMEM;
	reply_log_init(&inspect->reply_log);
	previous_init(&inspect->previous, config->previous_log_fd);
	r = init(inspect, config);
	if (r < 0) {
		inspect_free(inspect);
		return r;
	}
	*ret_inspect = inspect;
	return 0;
}

struct inspect *inspect_free(struct inspect *inspect)
{
	if (!inspect)
		return NULL;
	inspect_stop(inspect);
	http_free(inspect->http);
	doctor_rounds_free(inspect->doctor);
	operations_deinit(&inspect->operations);
	rest_deinit(inspect);
	registry_deinit(&inspect->registry);
	loop_free(inspect->http_loop);
	reply_log_deinit(&inspect->reply_log);
	previous_deinit(&inspect->previous);
	free(inspect->version);
	free(inspect->runtime_dir);
	free(inspect);
	return NULL;
}

int inspect_add_provider(struct inspect *inspect, const struct node_provider *provider)
{
	const struct resource *resource;
	int r = registry_add(&inspect->registry, provider, &resource);

	return r < 0 ? r : rest_add_resource(inspect, resource);
}

int inspect_listen_unix(struct inspect *inspect, const char *path, enum inspect_role role)
{
	int fd = unix_listen(path);

	return fd < 0 ? fd : http_add_listener(inspect->http, fd, role, false, NULL, path);
}

int inspect_listen_tcp(struct inspect *inspect, const char *address, uint16_t port,
	const char *token, uint16_t *ret_port)
{
	uint16_t bound;
	int r, fd = listen_loopback(address, port, &bound);

	if (fd < 0)
		return fd;
	r = http_add_listener(inspect->http, fd, INSPECT_READ_WRITE, true, token, NULL);
	if (r == 0 && ret_port)
		*ret_port = bound;
	return r;
}

int inspect_start(struct inspect *inspect)
{
	int r = operations_start(&inspect->operations);

	if (r == 0)
		r = http_start(inspect->http);
	inspect->started = r == 0;
	if (inspect->started && inspect->config.doctor)
		doctor_rounds_watch(inspect->doctor, true);
	return r;
}

void inspect_set_ready(struct inspect *inspect, bool ready)
{
	atomic_store(&inspect->ready, ready);
}

/*
 * The order matters: first nothing starts any more on the main loop or the worker, then the HTTP
 * thread answers everybody and ends. Operations that outlive it wait in the done queue for free().
 */
void inspect_stop(struct inspect *inspect)
{
	if (inspect->stopped)
		return;
	inspect->stopped = true;
	atomic_store(&inspect->ready, false);
	atomic_store(&inspect->stopping, true);
	operations_close_main(&inspect->operations);
	doctor_rounds_stop(inspect->doctor);
	if (inspect->http)
		http_stop(inspect->http);
	operations_stop_worker(&inspect->operations);
}
