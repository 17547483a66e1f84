/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The rows. In the columns, "slot.busy:BUSY" is a path into an item and what stands above it.
 */
#include "cli/actions.h"
#include "cli/command.h"

#define VP_ARG                                                                            \
	{                                                                                 \
		"VP", "vp", "VP", "index of the virtual processor", ARG_UINT, PLACE_PATH, \
			COMPLETE_VP, ARG_REQUIRED                                         \
	}
#define SINT_ARG                                                                         \
	{                                                                                \
		"SINT", "sint", "SINT", "synthetic interrupt source, 0 to 15", ARG_UINT, \
			PLACE_PATH, COMPLETE_SINT, ARG_REQUIRED, 15                      \
	}
#define VP_OPTION(place, flags, text)                                              \
	{                                                                          \
		"--vp", "vp", "N", (text), ARG_UINT, (place), COMPLETE_VP, (flags) \
	}
#define SINT_OPTION(place, flags, text)                                                      \
	{                                                                                    \
		"--sint", "sint", "N", (text), ARG_UINT, (place), COMPLETE_SINT, (flags), 15 \
	}
#define VTL_OPTION(place)                                                                          \
	{                                                                                          \
		"--vtl", "vtl", "N", "virtual trust level, 0 to 2 (default 0)", ARG_UINT, (place), \
			COMPLETE_NOTHING, 0, 2                                                     \
	}
#define CONNECTION_OPTION(flags)                                                              \
	{                                                                                     \
		"--connection", "connection_id", "ID", "connection id of the port", ARG_UINT, \
			PLACE_BODY, COMPLETE_CONNECTION, (flags)                              \
	}
#define TYPE_OPTION                                                                     \
	{                                                                               \
		"--type", "type", "T", "message type (default 1)", ARG_UINT, PLACE_BODY \
	}
#define PAYLOAD_OPTION(text)                                                            \
	{                                                                               \
		"--payload", "payload", "HEX|@FILE|-", (text), ARG_PAYLOAD, PLACE_BODY, \
			COMPLETE_FILE                                                   \
	}
#define EVENT_OPTIONS                                                                         \
	{"--type", "type", "GLOB", "only these kinds of record: staged, message.*", ARG_TEXT, \
		PLACE_QUERY, COMPLETE_EVENT_TYPE},                                            \
		VP_OPTION(PLACE_QUERY, 0, "only records about this VP"),                      \
		SINT_OPTION(PLACE_QUERY, 0, "only records about this SINT"),                  \
		{"--count", "count", "N", "end after this many records", ARG_UINT},           \
	{                                                                                     \
		"--since", "since", "SEQ|DURATION",                                           \
			"begin after this record, or this far back: 30s, 5m, 1h", ARG_TEXT    \
	}

static const char *const shells[] = {"bash", "zsh", "fish", NULL};

const struct command commands[] = {
	/* ---- the VM ------------------------------------------------------- */
	{"vms", "list", "list every VM that runs under the runtime directory", "hvctl vms list",
		"GET", "/v1/vm", NULL,
		"name,state,accel,synic_mode:SYNIC,vp_count:VPS,memory_bytes,uptime_ns,error",
		"socket", "name", COMMAND_LIST, run_vms_list},
	{"vm", "show", "show the VM: state, memory, boot image, why it stopped", "hvctl vm show",
		"GET", "/v1/vm", NULL, NULL, NULL, "name"},
	{"vm", "pause", "stop all VPs until vm resume", "hvctl vm pause", "POST", "/v1/vm/pause",
		NULL, NULL, NULL, "name", 0, run_vm_action},
	{"vm", "resume", "let a paused VM run on", "hvctl vm resume", "POST", "/v1/vm/resume", NULL,
		NULL, NULL, "name", 0, run_vm_action},
	{"vm", "reset", "restart the guest; every SynIC goes back to its reset values",
		"hvctl vm reset", "POST", "/v1/vm/reset", NULL, NULL, NULL, "name", 0,
		run_vm_action},
	{"vm", "shutdown", "stop the VM", "hvctl vm shutdown", "POST", "/v1/vm/shutdown", NULL,
		NULL, NULL, "name", 0, run_vm_action},
	{"vm", "wait", "wait until the VM is in a state; for a daemon that starts, too",
		"hvctl vm wait --for state=running --timeout 30s", "GET", "/v1/vm", NULL, NULL,
		NULL, "name", 0, run_vm_wait,
		{{"--for", "for", "EXPR", "a condition as in --filter, such as state=running",
			ARG_TEXT, PLACE_LOCAL, COMPLETE_NOTHING, ARG_REQUIRED}}},

	/* ---- virtual processors and their SynICs -------------------------- */
	{"vps", "list", "list the VPs with their exits", "hvctl vps list", "GET", "/v1/vps", NULL,
		"vp,apic_id:APIC,state,exits.total:EXITS,exits.hypercall:HYPERCALLS,"
		"exits.msr_write:WRMSR,exits.hlt:HLT,runtime_100ns",
		"exits.io:IO,exits.mmio:MMIO,exits.msr_read:RDMSR,exits.interrupted:INTERRUPTED,"
		"exits.other:OTHER,msr_faults,hypercall_faults,long_spin_waits,vp_assist_page",
		"vp", COMMAND_LIST},
	{"vps", "show", "show one VP: state, exits by reason, faults", "hvctl vps show 0", "GET",
		"/v1/vps/{vp}", NULL, NULL, NULL, "vp", 0, NULL, {VP_ARG}},
	{"synic", "show", "show a VP's SynIC registers, or those of all VPs",
		"hvctl synic show --vp 0", "GET", "/v1/vps", "/v1/vps/{vp}/synic",
		"vp,vtl,mode,scontrol,simp,siefp,enabled,simp_enabled:SIMP-ON,siefp_enabled:SIEFP-ON,"
		"eoms:EOMS,retry_armed:RETRY",
		"sversion,simp_gpa,siefp_gpa", "vp", COMMAND_LIST, run_synic_show,
		{VP_OPTION(PLACE_PATH, 0, "only this VP"), VTL_OPTION(PLACE_QUERY)}},
	{"sints", "list", "show the SINTs of all VPs: vector, masked, slot, queue, last EOM",
		"hvctl sints list", "GET", "/v1/sints", "/v1/vps/{vp}/sints",
		"vp,vtl,sint,vector,masked,auto_eoi:AUTO-EOI,slot.busy:BUSY,slot.pending:PENDING,"
		"queue_depth:QUEUE,event_flag_count:FLAGS,last_eom_age_ns:LAST-EOM",
		"polling,raw,slot.type:TYPE,slot.payload_size:SIZE,slot.sender:SENDER,slot.age_ns:SLOT-AGE,"
		"irq_owed,posted,delivered,busy:BUSY-POSTS,dropped,retries,events,interrupts,"
		"last_delivery_age_ns:LAST-DELIVERY",
		"vp,sint", COMMAND_LIST, run_sints_list,
		{VP_OPTION(PLACE_PATH, 0, "only this VP"), VTL_OPTION(PLACE_QUERY)}},
	{"sints", "show", "show one SINT: slot, pending flag, event flags, counters",
		"hvctl sints show 0 2", "GET", "/v1/vps/{vp}/sints/{sint}", NULL, NULL, NULL,
		"vp,sint", 0, NULL, {VP_ARG, SINT_ARG, VTL_OPTION(PLACE_QUERY)}},
	{"stimers", "list", "list the synthetic timers", "hvctl stimers list --filter enabled=true",
		"GET", "/v1/stimers", "/v1/vps/{vp}/stimers",
		"vp,timer,enabled,periodic,direct,vector,sint,count,due_in_ns:DUE-IN,expirations,delivered,"
		"dropped",
		"vtl,config,lazy,auto_enable,armed,due_100ns:DUE,waiting", "vp,timer", COMMAND_LIST,
		NULL, {VP_OPTION(PLACE_PATH, 0, "only this VP"), VTL_OPTION(PLACE_QUERY)}},

	/* ---- ports, routes, messages --------------------------------------- */
	{"ports", "list", "list the ports by connection id, with counters by result",
		"hvctl ports list", "GET", "/v1/ports", NULL,
		"connection_id:CONNECTION,type,minimum_vtl:MIN-VTL,owner,fast_path:FAST,accepted,denied,"
		"busy,last_age_ns:LAST",
		"flag_count:FLAGS,monitor_id:MONITOR,wrong_kind,failed", "connection_id",
		COMMAND_LIST},
	{"ports", "show", "show one port", "hvctl ports show 0x10001", "GET",
		"/v1/ports/{connection_id}", NULL, NULL, NULL, "connection_id", 0, NULL,
		{{"CONN", "connection_id", "CONN", "connection id of the port", ARG_UINT,
			PLACE_PATH, COMPLETE_CONNECTION, ARG_REQUIRED}}},
	{"routes", "list", "list the SINT routes: GSI, references, staged message",
		"hvctl routes list", "GET", "/v1/routes", NULL,
		"vp,vtl,sint,gsi,refcount,ack,staged.state:STAGED,staged.status:STATUS,"
		"staged.age_ns:STAGED-AGE,sets,acks",
		"staged.type:TYPE,staged.payload_size:SIZE,staged.slot_busy:SLOT-BUSY,posts,completions,"
		"refused",
		"vp,sint", COMMAND_LIST},
	{"routes", "show", "show one SINT route and its staged message", "hvctl routes show 0 2",
		"GET", "/v1/routes/{vp}/{sint}", NULL, NULL, NULL, "vp,sint", 0, NULL,
		{VP_ARG, SINT_ARG, VTL_OPTION(PLACE_QUERY)}},
	{"messages", "list", "list the messages in slots, queues and staging",
		"hvctl messages list", "GET", "/v1/messages", NULL,
		"vp,sint,position,where,type,payload_size:SIZE,age_ns,payload", "vtl,sender",
		"vp,sint,position", COMMAND_LIST},
	{"inject", NULL, "post a message to a SINT and wait for what becomes of it",
		"hvctl inject --vp 0 --sint 2 --payload 0102030405060708", "POST", "/v1/messages",
		NULL, NULL, NULL, NULL, 0, run_inject,
		{VP_OPTION(PLACE_BODY, ARG_REQUIRED, "the VP to post to"),
			SINT_OPTION(PLACE_BODY, ARG_REQUIRED, "the SINT to post to"),
			VTL_OPTION(PLACE_BODY), TYPE_OPTION,
			PAYLOAD_OPTION("at most 240 bytes (default: eight zero bytes)"),
			{"--count", "count", "N", "post this many (default 1)", ARG_UINT},
			{"--interval", "interval", "DURATION",
				"wait between two of them (default 0)", ARG_DURATION},
			{"--assert-only", "assert_only", NULL,
				"raise the interrupt, write no message", ARG_SET, PLACE_BODY},
			{"--no-wait", "wait", NULL, "do not wait for the delivery", ARG_CLEAR,
				PLACE_BODY},
			{"--force", "force", NULL, "post to a masked SINT as well", ARG_SET,
				PLACE_BODY},
			{"--dry-run", "dry_run", NULL, "tell what would happen, and do nothing",
				ARG_SET, PLACE_BODY}}},
	{"post", NULL, "act as a guest's HvPostMessage: send a message to a port",
		"hvctl post --connection 0x10001 --payload 68656c6c6f", "POST",
		"/v1/hypercalls/post-message", NULL, NULL, NULL, NULL, 0, run_post,
		{CONNECTION_OPTION(ARG_REQUIRED), VTL_OPTION(PLACE_BODY), TYPE_OPTION,
			PAYLOAD_OPTION("at most 240 bytes (default: none)")}},
	{"signal", NULL, "set an event flag towards the guest, or act as a guest's HvSignalEvent",
		"hvctl signal --vp 0 --sint 2 --flag 5", "POST", "/v1/events", NULL, NULL, NULL,
		NULL, 0, run_signal,
		{VP_OPTION(PLACE_BODY, 0, "the VP whose flag is set; with --sint"),
			SINT_OPTION(PLACE_BODY, 0, "the SINT whose flag is set; with --vp"),
			CONNECTION_OPTION(0),
			{"--flag", "flag", "N", "event flag, 0 to 2047", ARG_UINT, PLACE_BODY,
				COMPLETE_NOTHING, 0, 2047},
			VTL_OPTION(PLACE_BODY)}},
	{"hypercalls", "list", "list the hypercalls made, counted by status",
		"hvctl hypercalls list", "GET", "/v1/hypercalls", NULL, "code,name,count",
		"statuses", "code", COMMAND_LIST},
	{"hv", "show",
		"show the partition-wide registers: guest OS id, hypercall and TSC page, crash",
		"hvctl hv show", "GET", "/v1/hv", NULL, NULL, NULL, "vtl", 0, NULL,
		{VTL_OPTION(PLACE_QUERY)}},

	/* ---- what happens -------------------------------------------------- */
	{"watch", NULL, "print traffic and state changes as they happen",
		"hvctl watch --type 'message.*' --vp 0", "GET", "/v1/log", NULL, NULL, NULL, NULL,
		0, run_watch, {EVENT_OPTIONS}},
	{"log", NULL, "print the recorded past", "hvctl log --since 5m --type staged", "GET",
		"/v1/log", NULL, NULL, NULL, NULL, 0, run_log, {EVENT_OPTIONS}},

	/* ---- the tree and the API itself ------------------------------------ */
	{"inspect", NULL, "print nodes of the inspection tree, or set a writable one",
		"hvctl inspect 'vps/*/synic' --depth 2", "GET", "/v1/tree", NULL, NULL, NULL, NULL,
		0, run_inspect,
		{{"PATH", "path", "PATH|GLOB",
			 "node, such as vps/0, or pattern (default: the root)", ARG_TEXT,
			 PLACE_LOCAL, COMPLETE_TREE_PATH, ARG_REPEAT},
			{"--depth", "depth", "N", "levels below each node", ARG_UINT, PLACE_QUERY,
				COMPLETE_NOTHING, 0, 32},
			VTL_OPTION(PLACE_QUERY),
			{"--set", "set", "VALUE", "write a leaf: JSON, or else text", ARG_TEXT}}},
	{"explain", NULL, "say what a field means: sints.slot.pending, minimum_vtl",
		"hvctl explain port.minimum_vtl", NULL, NULL, NULL, NULL, NULL, NULL, 0,
		run_explain,
		{{"FIELD", "field", "FIELD", "object and path, or a field's name alone", ARG_TEXT,
			PLACE_LOCAL, COMPLETE_FIELD, ARG_REQUIRED}}},
	{"api", NULL, "send any request and print the answer", "hvctl api GET /v1/ports", NULL,
		NULL, NULL, NULL, NULL, NULL, 0, run_api,
		{{"METHOD", "method", "METHOD", "GET, POST, PATCH, DELETE", ARG_TEXT, PLACE_LOCAL,
			 COMPLETE_NOTHING, ARG_REQUIRED},
			{"PATH", "path", "PATH", "path and query, as in /v1/ports?limit=5",
				ARG_TEXT, PLACE_LOCAL, COMPLETE_NOTHING, ARG_REQUIRED},
			{"-d", "data", "DATA|@FILE|-", "request body", ARG_TEXT, PLACE_LOCAL,
				COMPLETE_FILE}}},
	{"metrics", NULL, "print the metrics in the Prometheus text format", "hvctl metrics", "GET",
		"/metrics", NULL, NULL, NULL, NULL, 0, run_metrics},
	{"shell", NULL, "work interactively: history, completion, watch on", "hvctl shell", NULL,
		NULL, NULL, NULL, NULL, NULL, 0, run_shell},
	{"completion", NULL, "print the completion script of a shell",
		"hvctl completion bash > /etc/bash_completion.d/hvctl", NULL, NULL, NULL, NULL,
		NULL, NULL, 0, run_completion,
		{{"SHELL", "shell", "SHELL", "bash, zsh or fish", ARG_CHOICE, PLACE_LOCAL,
			COMPLETE_CHOICES, ARG_REQUIRED, 0, shells}}},
	{"complete", NULL, "print what could stand at the end of the words after --",
		"hvctl complete -- ports show ''", NULL, NULL, NULL, NULL, NULL, NULL,
		COMMAND_HIDDEN, run_complete,
		{{"WORD", "words", "WORD", "a command line, its last word unfinished", ARG_TEXT,
			PLACE_LOCAL, COMPLETE_NOTHING, ARG_REQUIRED | ARG_REPEAT}}},
};

const size_t command_count = ARRAY_LEN(commands);
