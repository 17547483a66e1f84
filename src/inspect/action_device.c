/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Devices that come and go while the VM runs: POST /v1/devices, DELETE /v1/devices/{name}.
 *
 * A request is turned into what --device takes, so that there is one place that reads it; what is
 * wrong with it is found here first, or taken from that place's words, to name the member.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "common/clock.h"
#include "inspect/actions.h"
#include "inspect/operation.h"
#include "inspect/resource.h"
#include "inspect/rest.h"
#include "inspect/server.h"
#include "vmbus/device.h"

#define PATIENCE_NS (5 * NSEC_PER_SEC)

struct device_values {
	char kind[32], id[DEVICE_NAME_BYTES];
	struct param_pairs options;
};

static const struct param device_rows[] = {
	{PARAM_S(struct device_values, kind, "What it is: one of /v1/device_kinds"),
		.required = true},
	{PARAM_S(struct device_values, id, "Its name, default that of its kind")},
	{PARAM_P(struct device_values, options, "The kind's options, such as path of hvsock")},
};
const struct param_table action_device_body = PARAM_TABLE(
	"device-request", "A device to add", device_rows);

struct device_operation {
	struct operation base;
	const struct vmbus_device_kind *kind;
	char name[DEVICE_NAME_BYTES];
	char spec[DEVICE_SPEC_BYTES];
};

static struct vmbus *bus_of(const struct operation *operation)
{
	return operation->inspect->config.bus;
}

static bool has_bus(struct request *request)
{
	if (request->inspect->config.bus)
		return true;
	problem(&request->reply, PROBLEM_NO_BUS, "no device can be added to it");
	return false;
}

static void submit(struct device_operation *op, void (*run)(struct operation *operation))
{
	op->base.run = run;
	operation_submit(
		&op->base, OPERATION_ON_MAIN, clock_now_ns(&clock_monotonic) + PATIENCE_NS);
}

/* ---- adding ---------------------------------------------------------------------------------- */

static void refuse_value(struct device_operation *op, int error, const char *why)
{
	struct reply *reply = &op->base.reply;
	const char *option = vmbus_device_blamed_option(op->kind, why);
	enum problem_code code = error == -EINVAL ? PROBLEM_BAD_VALUE : PROBLEM_DEVICE_FAILED;
	char pointer[64];

	if (error == -EEXIST)
		code = PROBLEM_DEVICE_EXISTS;
	if (!option) {
		problem(reply, code, "%s", why);
		return;
	}
	snprintf(pointer, sizeof(pointer), "/options/%s", option);
	problem_value(reply, code, pointer, "%s", why);
}

static void run_add(struct operation *operation)
{
	struct device_operation *op = container_of(operation, struct device_operation, base);
	struct vmbus *bus = bus_of(operation);
	char why[DEVICE_ERROR_BYTES];
	int r;

	/* Also of a VM that has stopped: a reset starts it again, and its guest will find the
	 * device. */
	if (vmbus_device_exists(bus, op->name)) {
		problem_value(&operation->reply, PROBLEM_DEVICE_EXISTS, "/id",
			"there is a device %s", op->name);
	} else {
		r = vmbus_device_add(bus, op->spec, why);
		if (r < 0)
			refuse_value(op, r, why);
		else
			resource_reply_named(operation->inspect, &device_node_class, op->name, 201,
				&operation->reply);
	}
	operation_finish(operation);
}

/* Appends, as long as there is room for the whole of it. */
PRINTF(2, 3) static bool append(char spec[DEVICE_SPEC_BYTES], const char *format, ...)
{
	size_t used = strlen(spec);
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(spec + used, DEVICE_SPEC_BYTES - used, format, args);
	va_end(args);
	return length >= 0 && (size_t)length < DEVICE_SPEC_BYTES - used;
}

static bool refuse_option(struct request *request, const char *key, const char *why)
{
	char pointer[64];

	snprintf(pointer, sizeof(pointer), "/options/%.40s", key);
	problem_value(&request->reply, PROBLEM_BAD_VALUE, pointer, "%.40s %s", key, why);
	return false;
}

static bool add_option(struct request *request, const struct vmbus_device_kind *kind,
	const char *key, const char *value, char spec[DEVICE_SPEC_BYTES])
{
	if (strcmp(key, "id") == 0)
		return refuse_option(request, key, "is said beside the options");
	if (!vmbus_device_has_option(kind, key))
		return refuse_option(request, key, "is no option of this kind");
	if (strchr(value, ','))
		return refuse_option(request, key, "cannot hold a comma");
	if (!append(spec, ",%s=%s", key, value))
		return refuse_option(request, key, "makes the options too long");
	return true;
}

/* What --device would take. */
static bool make_spec(struct request *request, const struct vmbus_device_kind *kind,
	const struct device_values *values, char spec[DEVICE_SPEC_BYTES])
{
	const struct param_pairs *options = &values->options;

	if (!append(spec, "%s", kind->name) ||
		(values->id[0] && !append(spec, ",id=%s", values->id)))
		return false;
	for (unsigned i = 0; i < options->count; i++) {
		if (!add_option(request, kind, options->pair[i].key, options->pair[i].value, spec))
			return false;
	}
	return true;
}

static bool check_id(struct request *request, const struct device_values *values)
{
	if (values->id[0] == '\0' || vmbus_device_name_is_valid(values->id))
		return true;
	problem_value(&request->reply, PROBLEM_BAD_VALUE, "/id",
		"id is not 1 to %d letters, digits, '.', '_' or '-', the first a letter or a digit",
		DEVICE_NAME_BYTES - 1);
	return false;
}

static const struct vmbus_device_kind *find_kind(struct request *request, const char *name)
{
	const struct vmbus_device_kind *kind = vmbus_device_find_kind(name);
	char why[DEVICE_ERROR_BYTES];

	if (!kind) {
		vmbus_device_list_kinds(why, name);
		problem_value(&request->reply, PROBLEM_BAD_VALUE, "/kind", "%s", why);
	}
	return kind;
}

void action_device_add(struct request *request)
{
	const struct vmbus_device_kind *kind;
	struct device_values values = {0};
	char spec[DEVICE_SPEC_BYTES] = "";
	struct device_operation *op;

	if (!rest_body(request, &values))
		return;
	kind = find_kind(request, values.kind);
	if (!kind || !check_id(request, &values) || !make_spec(request, kind, &values, spec) ||
		!has_bus(request))
		return;
	op = operation_new(request, sizeof(*op));
	if (!op)
		return;
	op->kind = kind;
	snprintf(op->name, sizeof(op->name), "%s", values.id[0] ? values.id : kind->name);
	memcpy(op->spec, spec, sizeof(spec));
	submit(op, run_add);
}

/* ---- removing -------------------------------------------------------------------------------- */

static void run_remove(struct operation *operation)
{
	struct device_operation *op = container_of(operation, struct device_operation, base);

	/* The answer first: it shows what there was. */
	resource_reply_named(
		operation->inspect, &device_node_class, op->name, 200, &operation->reply);
	if (vmbus_device_remove(bus_of(operation), op->name) < 0)
		problem(&operation->reply, PROBLEM_NOT_FOUND, "there is no device %s", op->name);
	operation_finish(operation);
}

void action_device_remove(struct request *request)
{
	const char *name = request->match.key[0];
	struct device_operation *op;

	if (!rest_body(request, NULL))
		return;
	if (!request->inspect->config.bus || !vmbus_device_name_is_valid(name)) {
		problem(&request->reply, PROBLEM_NOT_FOUND, "there is no device %.80s", name);
		return;
	}
	op = operation_new(request, sizeof(*op));
	if (!op)
		return;
	snprintf(op->name, sizeof(op->name), "%s", name);
	submit(op, run_remove);
}
