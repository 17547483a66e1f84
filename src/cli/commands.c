/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The rows. In the columns, "slot.busy:BUSY" is a path into an item and what stands above it.
 */
#include "cli/actions.h"
#include "cli/command.h"

/* clang-format off */

/* ---- arguments that several commands have ----------------------------------- */

#define RELID_ARG                                                            \
	{ .name = "RELID", .key = "relid", .metavar = "RELID",                   \
		.help = "id of the channel", .type = ARG_UINT, .place = PLACE_PATH,  \
		.completer = COMPLETE_RELID, .flags = ARG_REQUIRED }
#define FROM_OPTION                                                          \
	{ .name = "--from", .key = "from", .metavar = "FILE",                    \
		.help = "show what a snapshot has, instead of a VM", .type = ARG_TEXT, \
		.completer = COMPLETE_FILE }
#define RELIDS_ARG                                                           \
	{ .name = "RELID", .key = "relid", .metavar = "RELID",                   \
		.help = "id of the channel, or of several", .type = ARG_TEXT,        \
		.place = PLACE_PATH,                                                 \
		.completer = COMPLETE_RELID, .flags = ARG_REQUIRED | ARG_REPEAT }
#define DRY_RUN_OPTION                                                       \
	{ .name = "--dry-run", .key = "dry_run",                                 \
		.help = "tell what would be done and why, and do nothing",           \
		.type = ARG_SET, .place = PLACE_BODY }
#define HISTORY_COLUMNS                                                      \
	"position:#,message.age_ns:AGE,message.direction:WAY,message.message:MESSAGE,"  \
	"message.relid:RELID,message.value:VALUE,message.verdict:VERDICT"
#define RING_COLUMNS                                                         \
	"relid,direction,read_avail:USED,write_avail:FREE,intr_mask:MASK,"       \
	"pending_send_sz:PENDING,unread_packets:UNREAD,packets,signals,full,broken"
#define RING_WIDE                                                            \
	"size_bytes:SIZE,read_index,write_index,host_index,feature_bits:FEATURES,bytes"
#define DEVICE_ARG                                                           \
	{ .name = "NAME", .key = "name", .metavar = "NAME",                      \
		.help = "the device", .type = ARG_TEXT, .place = PLACE_PATH,         \
		.completer = COMPLETE_DEVICE, .flags = ARG_REQUIRED }
#define POOL_OPTION                                                          \
	{ .name = "--pool", .key = "pool", .metavar = "POOL",                    \
		.help = "external (default; what the host set), guest, auto, ...",   \
		.type = ARG_CHOICE, .place = PLACE_BODY,                             \
		.completer = COMPLETE_CHOICES, .choices = pools }
#define KEY_ARG                                                              \
	{ .name = "KEY", .key = "key", .metavar = "KEY", .help = "the key",      \
		.type = ARG_TEXT, .place = PLACE_BODY, .flags = ARG_REQUIRED }
#define VP_ARG \
	{ .name = "VP", .key = "vp", .metavar = "VP", .help = "index of the virtual processor", \
	  .type = ARG_UINT, .place = PLACE_PATH, .completer = COMPLETE_VP, .flags = ARG_REQUIRED }
#define SINT_ARG \
	{ .name = "SINT", .key = "sint", .metavar = "SINT", \
	  .help = "synthetic interrupt source, 0 to 15", .type = ARG_UINT, .place = PLACE_PATH, \
	  .completer = COMPLETE_SINT, .flags = ARG_REQUIRED, .maximum = 15 }
#define VP_OPTION(where, how, text) \
	{ .name = "--vp", .key = "vp", .metavar = "N", .help = (text), .type = ARG_UINT, \
	  .place = (where), .completer = COMPLETE_VP, .flags = (how) }
#define SINT_OPTION(where, how, text) \
	{ .name = "--sint", .key = "sint", .metavar = "N", .help = (text), .type = ARG_UINT, \
	  .place = (where), .completer = COMPLETE_SINT, .flags = (how), .maximum = 15 }
#define VTL_OPTION(where) \
	{ .name = "--vtl", .key = "vtl", .metavar = "N", \
	  .help = "virtual trust level, 0 to 2 (default 0)", .type = ARG_UINT, .place = (where), \
	  .maximum = 2 }
#define CONNECTION_OPTION(how) \
	{ .name = "--connection", .key = "connection_id", .metavar = "ID", \
	  .help = "connection id of the port", .type = ARG_UINT, .place = PLACE_BODY, \
	  .completer = COMPLETE_CONNECTION, .flags = (how) }
#define TYPE_OPTION \
	{ .name = "--type", .key = "type", .metavar = "T", .help = "message type (default 1)", \
	  .type = ARG_UINT, .place = PLACE_BODY }
#define PAYLOAD_OPTION(text) \
	{ .name = "--payload", .key = "payload", .metavar = "HEX|@FILE|-", .help = (text), \
	  .type = ARG_PAYLOAD, .place = PLACE_BODY, .completer = COMPLETE_DATA }
#define EVENT_OPTIONS \
	{ .name = "--type", .key = "type", .metavar = "GLOB[,GLOB]", \
	  .help = "only these kinds of record: staged,message.*", .type = ARG_TEXT, \
	  .place = PLACE_QUERY, .completer = COMPLETE_EVENT_TYPE, .flags = ARG_LIST }, \
	{ .name = "--vp", .key = "vp", .metavar = "N[,N]", \
	  .help = "only records about these VPs", .type = ARG_UINTS, .place = PLACE_QUERY, \
	  .completer = COMPLETE_VP, .flags = ARG_LIST }, \
	{ .name = "--sint", .key = "sint", .metavar = "N[,N]", \
	  .help = "only records about these SINTs", .type = ARG_UINTS, .place = PLACE_QUERY, \
	  .completer = COMPLETE_SINT, .flags = ARG_LIST, .maximum = 15 }, \
	{ .name = "--relid", .key = "relid", .metavar = "N[,N]", \
	  .help = "only records about these channels", .type = ARG_UINTS, .place = PLACE_QUERY, \
	  .completer = COMPLETE_RELID, .flags = ARG_LIST }, \
	{ .name = "--count", .key = "count", .metavar = "N", \
	  .help = "end after this many records", .type = ARG_UINT }, \
	{ .name = "--since", .key = "since", .metavar = "SEQ|DURATION|TIME", \
	  .help = "begin after this record, this far back (30s, 5m), or at 15:53:15 (UTC)", \
	  .type = ARG_MOMENT }

/* The defaults grow and shrink with --stuck-after. */
#define LIMIT_OPTION(option, member, text)                                   \
	{ .name = (option), .key = (member), .metavar = "DURATION",              \
		.help = (text), .type = ARG_DURATION, .place = PLACE_QUERY }
#define ECHO_RELID_ARG                                                                     \
	{ .name = "RELID", .key = "relid", .metavar = "RELID",                             \
		.help = "id of the device's channel; may be left away where there is one", \
		.type = ARG_UINT, .place = PLACE_BODY, .completer = COMPLETE_RELID }

static const char *const components[] = {"heartbeat", "timesync", "shutdown", "kvp", "vss", NULL};
static const char *const pools[] = {
	"external", "guest", "auto", "auto_external", "internal", NULL};
static const char *const payloads[] = {"none", "head", "full", NULL};
static const char *const top_views[] = {"channels", "sints", "vps", "findings", NULL};
static const char *const shells[] = {"bash", "zsh", "fish", NULL};

static const char *const fail_on[] = {"warn", "error", NULL};

const struct command commands[] = {
	/* ---- the VM ------------------------------------------------------- */
	{
		.noun = "vms", .verb = "list",
		.help = "list every VM that runs under the runtime directory",
		.example = "hvctl vms list",
		.method = "GET", .path = "/v1/vm",
		.columns =
			"name,state,accel,synic_mode:SYNIC,vp_count:VPS,memory_bytes,uptime_ns,"
			"error",
		.wide = "socket",
		.names = "name",
		.flags = COMMAND_LIST,
		.run = run_vms_list,
	},
	{
		.noun = "vm", .verb = "show",
		.help = "show the VM: state, memory, boot image, why it stopped",
		.example = "hvctl vm show",
		.method = "GET", .path = "/v1/vm",
		.names = "name",
		.flags = COMMAND_OFFLINE,
		.args = {
			FROM_OPTION,
		},
	},
	{
		.noun = "vm", .verb = "pause",
		.help = "stop all VPs until vm resume",
		.example = "hvctl vm pause",
		.method = "POST", .path = "/v1/vm/pause",
		.names = "name",
		.run = run_vm_action,
	},
	{
		.noun = "vm", .verb = "resume",
		.help = "let a paused VM run on",
		.example = "hvctl vm resume",
		.method = "POST", .path = "/v1/vm/resume",
		.names = "name",
		.run = run_vm_action,
	},
	{
		.noun = "vm", .verb = "reset",
		.help = "restart the guest; every SynIC goes back to its reset values",
		.example = "hvctl vm reset",
		.method = "POST", .path = "/v1/vm/reset",
		.names = "name",
		.run = run_vm_action,
	},
	{
		.noun = "vm", .verb = "shutdown",
		.help = "stop the VM",
		.example = "hvctl vm shutdown",
		.method = "POST", .path = "/v1/vm/shutdown",
		.names = "name",
		.run = run_vm_action,
	},
	{
		.noun = "vm", .verb = "wait",
		.help = "wait until the VM is in a state; for a daemon that starts, too",
		.example = "hvctl vm wait --for state=running --timeout 30s",
		.method = "GET", .path = "/v1/vm",
		.names = "name",
		.run = run_vm_wait,
		.args = {
			{ .name = "--for", .key = "for", .metavar = "EXPR",
				.help = "a condition as in --filter, such as state=running",
				.type = ARG_TEXT, .flags = ARG_REQUIRED },
		},
	},

	/* ---- virtual processors and their SynICs -------------------------- */
	{
		.noun = "vps", .verb = "list",
		.help = "list the VPs with their exits",
		.example = "hvctl vps list",
		.method = "GET", .path = "/v1/vps",
		.columns =
			"vp,apic_id:APIC,state,exits.total:EXITS,exits.hypercall:HYPERCALLS,"
			"exits.msr_write:WRMSR,exits.hlt:HLT,runtime_100ns",
		.wide =
			"exits.io:IO,exits.mmio:MMIO,exits.msr_read:RDMSR,"
			"exits.interrupted:INTERRUPTED,exits.other:OTHER,msr_faults,"
			"hypercall_faults,long_spin_waits",
		.names = "vp",
		.flags = COMMAND_LIST | COMMAND_OFFLINE,
		.args = {
			FROM_OPTION,
		},
	},
	{
		.noun = "vps", .verb = "show",
		.help = "show one VP: state, exits by reason, faults",
		.example = "hvctl vps show 0",
		.method = "GET", .path = "/v1/vps/{vp}",
		.names = "vp",
		.flags = COMMAND_OFFLINE,
		.args = {
			VP_ARG,
			FROM_OPTION,
		},
	},
	{
		.noun = "synic", .verb = "show",
		.help = "show a VP's SynIC registers, or those of all VPs",
		.example = "hvctl synic show --vp 0",
		.method = "GET", .path = "/v1/synics",
		.narrow_path = "/v1/vps/{vp}/synic",
		.columns =
			"vp,vtl,mode,scontrol,simp,siefp,enabled,simp_enabled:SIMP-ON,"
			"siefp_enabled:SIEFP-ON,eoms:EOMS,retry_armed:RETRY",
		.wide = "sversion,simp_gpa,siefp_gpa",
		.names = "vp",
		.flags = COMMAND_LIST | COMMAND_OFFLINE,
		.run = run_one_or_all,
		.args = {
			VP_OPTION(PLACE_PATH, 0, "only this VP"),
			VTL_OPTION(PLACE_QUERY),
			FROM_OPTION,
		},
	},
	{
		.noun = "synic", .verb = "kick",
		.help = "raise a SINT's interrupt once more, should it have been lost",
		.example = "hvctl synic kick --vp 0 --sint 2 --force",
		.method = "POST", .path = "/v1/vps/{vp}/sints/{sint}/kick",
		.names = "vp,sint",
		.run = run_synic_kick,
		.args = {
			VP_OPTION(PLACE_PATH, ARG_REQUIRED, "the VP"),
			SINT_OPTION(PLACE_PATH, ARG_REQUIRED, "the SINT"),
			VTL_OPTION(PLACE_BODY),
			{ .name = "--force", .key = "force",
				.help = "do it: the guest gets an interrupt",
				.type = ARG_SET, .place = PLACE_BODY },
			DRY_RUN_OPTION,
		},
	},
	{
		.noun = "sints", .verb = "list",
		.help = "show the SINTs of all VPs: vector, masked, slot, queue, last EOM",
		.example = "hvctl sints list",
		.method = "GET", .path = "/v1/sints",
		.narrow_path = "/v1/vps/{vp}/sints",
		.columns =
			"vp,vtl,sint,vector,masked,auto_eoi:AUTO-EOI,slot.busy:BUSY,"
			"slot.pending:PENDING,queue_depth:QUEUE,event_flag_count:FLAGS,"
			"last_eom_age_ns:LAST-EOM",
		.wide =
			"polling,raw,slot.type:TYPE,slot.payload_size:SIZE,slot.sender:SENDER,"
			"slot.age_ns:SLOT-AGE,irq_owed,posted,delivered,busy:BUSY-POSTS,dropped,"
			"retries,events,interrupts,last_delivery_age_ns:LAST-DELIVERY",
		.names = "vp,sint",
		.flags = COMMAND_LIST | COMMAND_OFFLINE,
		.run = run_sints_list,
		.args = {
			VP_OPTION(PLACE_PATH, 0, "only this VP"),
			VTL_OPTION(PLACE_QUERY),
			FROM_OPTION,
		},
	},
	{
		.noun = "sints", .verb = "show",
		.help = "show one SINT: slot, pending flag, event flags, counters",
		.example = "hvctl sints show 0 2",
		.method = "GET", .path = "/v1/vps/{vp}/sints/{sint}",
		.names = "vp,sint",
		.flags = COMMAND_OFFLINE,
		.args = {
			VP_ARG,
			SINT_ARG,
			VTL_OPTION(PLACE_QUERY),
			FROM_OPTION,
		},
	},
	{
		.noun = "stimers", .verb = "list",
		.help = "list the synthetic timers",
		.example = "hvctl stimers list --filter enabled=true",
		.method = "GET", .path = "/v1/stimers",
		.narrow_path = "/v1/vps/{vp}/stimers",
		.columns =
			"vp,timer,enabled,periodic,direct,vector,sint,count,due_in_ns:DUE-IN,"
			"expirations,delivered,dropped",
		.wide = "vtl,config,lazy,auto_enable,armed,due_100ns:DUE,waiting",
		.names = "vp,timer",
		.flags = COMMAND_LIST | COMMAND_OFFLINE,
		.args = {
			VP_OPTION(PLACE_PATH, 0, "only this VP"),
			VTL_OPTION(PLACE_QUERY),
			FROM_OPTION,
		},
	},

	/* ---- VMBus ----------------------------------------------------------- */
	{
		.noun = "vmbus", .verb = "show",
		.help = "show the VMBus connection: state, version, queues, last messages",
		.example = "hvctl vmbus show",
		.method = "GET", .path = "/v1/vmbus",
		.names = "state",
		.flags = COMMAND_OFFLINE,
		.args = {
			FROM_OPTION,
		},
	},
	{
		.noun = "vmbus", .verb = "history",
		.help = "list the last messages of the connection, the newest first",
		.example = "hvctl vmbus history",
		.method = "GET", .path = "/v1/vmbus/history",
		.columns = HISTORY_COLUMNS,
		.names = "position",
		.flags = COMMAND_LIST | COMMAND_OFFLINE,
		.args = {
			FROM_OPTION,
		},
	},
	{
		.noun = "offers", .verb = "list",
		.help = "list what is offered to the guest",
		.example = "hvctl offers list",
		.method = "GET", .path = "/v1/offers",
		.columns =
			"relid,device,class_id:CLASS,offered,chn_flags:FLAGS,pipe_mode:PIPE,"
			"monitor_id:MONITOR",
		.wide = "device_id:INSTANCE,order,connection_id:CONNECTION,packet_limit_bytes:LIMIT",
		.names = "relid",
		.flags = COMMAND_LIST | COMMAND_OFFLINE,
		.args = {
			FROM_OPTION,
		},
	},
	{
		.noun = "channels", .verb = "list",
		.help = "list the channels: state, signals, last message each way",
		.example = "hvctl channels list",
		.method = "GET", .path = "/v1/channels",
		.columns =
			"relid,device,state,time_in_state_ns:SINCE,target_vp:VP,signals_in:IN,"
			"signals_out:OUT,last_in.message:LAST-IN,last_out.message:LAST-OUT,failure",
		.wide =
			"device_state:DEVICE-STATE,connection_id:CONNECTION,monitor_id:MONITOR,opens,"
			"refused,gpadls,ring_gpadl:RING-GPADL,class_id:CLASS,device_id:INSTANCE",
		.names = "relid",
		.flags = COMMAND_LIST | COMMAND_OFFLINE,
		.args = {
			FROM_OPTION,
		},
	},
	{
		.noun = "channels", .verb = "show",
		.help = "show one channel",
		.example = "hvctl channels show 1",
		.method = "GET", .path = "/v1/channels/{relid}",
		.names = "relid",
		.flags = COMMAND_OFFLINE,
		.args = {
			RELID_ARG,
			FROM_OPTION,
		},
	},
	{
		.noun = "channels", .verb = "history",
		.help = "list the last messages about a channel, the newest first",
		.example = "hvctl channels history 1",
		.method = "GET", .path = "/v1/channels/{relid}/history",
		.columns = HISTORY_COLUMNS,
		.names = "position",
		.flags = COMMAND_LIST | COMMAND_OFFLINE,
		.args = {
			RELID_ARG,
			FROM_OPTION,
		},
	},
	{
		.noun = "channels", .verb = "unstick",
		.help = "wake whoever missed a signal: guest or host, where packets or room wait",
		.example = "hvctl channels unstick 3 --dry-run",
		.method = "POST", .path = "/v1/channels/{relid}/unstick",
		.names = "relid",
		.run = run_channel_remedy,
		.args = {
			RELIDS_ARG,
			{ .name = "--force", .key = "force",
				.help = "signal the guest although nothing says that it waits",
				.type = ARG_SET, .place = PLACE_BODY },
			DRY_RUN_OPTION,
		},
	},
	{
		.noun = "channels", .verb = "rescind",
		.help = "take an offer back and make it again: frees whoever waits in the guest",
		.example = "hvctl channels rescind 3 --force",
		.method = "POST", .path = "/v1/channels/{relid}/rescind",
		.names = "relid",
		.run = run_channel_remedy,
		.args = {
			RELIDS_ARG,
			{ .name = "--force", .key = "force",
				.help = "do it: the guest loses the device, if only for a while",
				.type = ARG_SET, .place = PLACE_BODY },
			DRY_RUN_OPTION,
		},
	},
	{
		.noun = "rings", .verb = "list",
		.help = "list the rings of all open channels",
		.example = "hvctl rings list",
		.method = "GET", .path = "/v1/rings",
		.columns = RING_COLUMNS,
		.wide = RING_WIDE,
		.names = "relid,ring",
		.flags = COMMAND_LIST | COMMAND_OFFLINE,
		.args = {
			FROM_OPTION,
		},
	},
	{
		.noun = "rings", .verb = "show",
		.help = "show the two rings of a channel: indices, invariants, packets",
		.example = "hvctl rings show 1 --packets 8",
		.method = "GET", .path = "/v1/channels/{relid}/rings",
		.columns = RING_COLUMNS,
		.wide = RING_WIDE,
		.names = "relid,ring",
		.flags = COMMAND_LIST | COMMAND_OFFLINE,
		.run = run_rings_show,
		.args = {
			RELID_ARG,
			{ .name = "--packets", .key = "packets", .metavar = "N",
				.help = "also the next N packets to be read, at most 64",
				.type = ARG_UINT, .maximum = 64 },
			{ .name = "--consumed", .key = "consumed", .metavar = "N",
				.help = "also the last N packets that were read",
				.type = ARG_UINT, .maximum = 64 },
			FROM_OPTION,
		},
	},
	{
		.noun = "gpadls", .verb = "list",
		.help = "list the guest memory that channels may use",
		.example = "hvctl gpadls list",
		.method = "GET", .path = "/v1/gpadls",
		.columns =
			"relid,gpadl,state,time_in_state_ns:SINCE,pages,ranges,in_use,"
			"bytes_received:RECEIVED,bytes_expected:EXPECTED",
		.wide = "is_ring",
		.names = "relid,gpadl",
		.flags = COMMAND_LIST | COMMAND_OFFLINE,
		.args = {
			FROM_OPTION,
		},
	},

	/* ---- what runs over it: components, keys and values ------------------- */
	{
		.noun = "ic", .verb = "list",
		.help = "list the integration components: versions, whether the guest answers",
		.example = "hvctl ic list",
		.method = "GET", .path = "/v1/ic",
		.columns =
			"name,state,contact,message_version:VERSION,requests,responses,lost,"
			"last_latency_ns:LATENCY,last_response_age_ns:LAST,problem",
		.wide =
			"device,relid,framework_version:FRAMEWORK,refused,late,stray,malformed,"
			"last_status:STATUS,waiting_ns:WAITING,time_in_state_ns:SINCE",
		.names = "name",
		.flags = COMMAND_LIST | COMMAND_OFFLINE,
		.args = {
			FROM_OPTION,
		},
	},
	{
		.noun = "ic", .verb = "show",
		.help = "show one integration component",
		.example = "hvctl ic show heartbeat",
		.method = "GET", .path = "/v1/ic/{name}",
		.names = "name",
		.flags = COMMAND_OFFLINE,
		.args = {
			{ .name = "NAME", .key = "name", .metavar = "NAME",
				.help = "the component", .type = ARG_CHOICE, .place = PLACE_PATH,
				.completer = COMPLETE_CHOICES, .flags = ARG_REQUIRED,
				.choices = components },
			FROM_OPTION,
		},
	},
	{
		.noun = "ic", .verb = "ping",
		.help = "ask the guest for a heartbeat now, and wait for its answer",
		.example = "hvctl ic ping",
		.method = "POST", .path = "/v1/ic/heartbeat/ping",
		.names = "name",
		.run = run_ic_request,
	},
	{
		.noun = "ic", .verb = "timesync",
		.help = "make the guest set its clock now",
		.example = "hvctl ic timesync",
		.method = "POST", .path = "/v1/ic/timesync/sync",
		.names = "name",
		.run = run_ic_request,
	},
	{
		.noun = "ic", .verb = "shutdown",
		.help = "ask the guest to power off, or to reboot, and wait until it agrees",
		.example = "hvctl ic shutdown --reboot",
		.method = "POST", .path = "/v1/ic/shutdown/power-off",
		.names = "name",
		.run = run_ic_request,
		.args = {
			{ .name = "--reboot", .key = "reboot", .help = "reboot instead",
				.type = ARG_SET },
			{ .name = "--force", .key = "force",
				.help = "without letting the guest's programs object",
				.type = ARG_SET, .place = PLACE_BODY },
		},
	},
	{
		.noun = "ic", .verb = "osinfo",
		.help = "ask the guest what it is: system, version, host name",
		.example = "hvctl ic osinfo",
		.method = "POST", .path = "/v1/ic/kvp/osinfo",
		.columns = "key,value",
		.names = "key",
		.flags = COMMAND_LIST,
		.run = run_ic_items,
	},
	{
		.noun = "ic", .verb = "ips",
		.help = "ask the guest for its IP addresses, or for all that one adapter has",
		.example = "hvctl ic ips --adapter 00:15:5d:01:02:03",
		.method = "POST", .path = "/v1/ic/kvp/ips",
		.columns = "key:KIND,value:ADDRESS",
		.names = "value",
		.flags = COMMAND_LIST,
		.run = run_ic_items,
		.args = {
			{ .name = "--adapter", .key = "adapter", .metavar = "MAC",
				.help = "also masks, gateways, name servers, DHCP of this adapter",
				.type = ARG_TEXT, .place = PLACE_BODY },
		},
	},
	{
		.noun = "ic", .verb = "backup",
		.help = "ask the guest whether it can be backed up",
		.example = "hvctl ic backup",
		.method = "POST", .path = "/v1/ic/vss/backup",
		.names = "name",
		.run = run_ic_request,
	},
	{
		.noun = "ic", .verb = "freeze",
		.help = "make the guest freeze its file systems; hvd thaws them by itself in time",
		.example = "hvctl ic freeze --for 10s",
		.method = "POST", .path = "/v1/ic/vss/freeze",
		.names = "name",
		.run = run_ic_request,
		.args = {
			{ .name = "--for", .key = "for_ns", .metavar = "DURATION",
				.help = "at most this long: 100ms to 60s (default 10s)",
				.type = ARG_DURATION, .place = PLACE_BODY },
		},
	},
	{
		.noun = "ic", .verb = "thaw",
		.help = "make the guest thaw its file systems",
		.example = "hvctl ic thaw",
		.method = "POST", .path = "/v1/ic/vss/thaw",
		.names = "name",
		.run = run_ic_request,
	},
	{
		.noun = "kvp", .verb = "list",
		.help = "list the keys and values of a pool of the guest",
		.example = "hvctl kvp list --pool guest",
		.method = "POST", .path = "/v1/ic/kvp/list",
		.columns = "key,value",
		.names = "key",
		.flags = COMMAND_LIST,
		.run = run_ic_items,
		.args = {
			POOL_OPTION,
		},
	},
	{
		.noun = "kvp", .verb = "get",
		.help = "print the value of a key",
		.example = "hvctl kvp get site",
		.method = "POST", .path = "/v1/ic/kvp/get",
		.columns = "key,value",
		.names = "value",
		.run = run_kvp_get,
		.args = {
			KEY_ARG,
			POOL_OPTION,
		},
	},
	{
		.noun = "kvp", .verb = "set",
		.help = "set the value of a key in the guest",
		.example = "hvctl kvp set site berlin",
		.method = "POST", .path = "/v1/ic/kvp/set",
		.names = "name",
		.run = run_ic_request,
		.args = {
			KEY_ARG,
			{ .name = "VALUE", .key = "value", .metavar = "VALUE",
				.help = "the value, not empty", .type = ARG_TEXT,
				.place = PLACE_BODY, .flags = ARG_REQUIRED },
			POOL_OPTION,
		},
	},
	{
		.noun = "kvp", .verb = "delete",
		.help = "remove a key",
		.example = "hvctl kvp delete site",
		.method = "POST", .path = "/v1/ic/kvp/delete",
		.names = "name",
		.run = run_ic_request,
		.args = {
			KEY_ARG,
			POOL_OPTION,
		},
	},

	/* ---- devices of the bus --------------------------------------------- */
	{
		.noun = "devices", .verb = "list",
		.help = "list the devices of the VMBus: kind, state, channels",
		.example = "hvctl devices list",
		.method = "GET", .path = "/v1/devices",
		.columns = "name,kind,state,channels,open_channels:OPEN,relids,age_ns:AGE",
		.wide = "options",
		.names = "name",
		.flags = COMMAND_LIST | COMMAND_OFFLINE,
		.args = {
			FROM_OPTION,
		},
	},
	{
		.noun = "devices", .verb = "show",
		.help = "show one device, with the options it was made with",
		.example = "hvctl devices show heartbeat",
		.method = "GET", .path = "/v1/devices/{name}",
		.names = "name",
		.flags = COMMAND_OFFLINE,
		.args = {
			DEVICE_ARG,
			FROM_OPTION,
		},
	},
	{
		.noun = "devices", .verb = "kinds",
		.help = "list what can be added, or show one kind with its options",
		.example = "hvctl devices kinds hvsock",
		.method = "GET", .path = "/v1/device_kinds",
		.narrow_path = "/v1/device_kinds/{kind}",
		.columns = "kind,devices,help",
		.names = "kind",
		.flags = COMMAND_LIST,
		.run = run_one_or_all,
		.args = {
			{ .name = "KIND", .key = "kind", .metavar = "KIND",
				.help = "only this one, with its options", .type = ARG_TEXT,
				.place = PLACE_PATH, .completer = COMPLETE_DEVICE_KIND },
		},
	},
	{
		.noun = "devices", .verb = "add",
		.help = "add a device; the guest sees it at once",
		.example = "hvctl devices add hvsock,id=door",
		.method = "POST", .path = "/v1/devices",
		.names = "name",
		.run = run_devices_add,
		.args = {
			{ .name = "SPEC", .key = "spec", .metavar = "KIND[,KEY=VALUE...]",
				.help = "as hvd's --device takes it; see devices kinds",
				.type = ARG_TEXT, .completer = COMPLETE_DEVICE_SPEC,
				.flags = ARG_REQUIRED },
		},
	},
	{
		.noun = "devices", .verb = "remove",
		.help = "take a device away, whether or not the guest uses it",
		.example = "hvctl devices remove heartbeat",
		.method = "DELETE", .path = "/v1/devices/{name}",
		.names = "name",
		.run = run_devices_remove,
		.args = {
			DEVICE_ARG,
		},
	},
	{
		.noun = "echo", .verb = "list",
		.help = "list the echo devices, each with its last run",
		.example = "hvctl echo list",
		.method = "GET", .path = "/v1/echo",
		.columns =
			"relid,state,outcome,count,received,lost,corrupted,duplicated,"
			"round_trip_median_ns:MEDIAN,round_trip_p99_ns:P99,"
			"packets_per_second:PACKETS/S,problem",
		.wide =
			"device,run,size_bytes:SIZE,window,sent,outstanding,elapsed_ns:ELAPSED,"
			"round_trip_min_ns:MIN,round_trip_max_ns:MAX,bytes_per_second:B/S,echoed,"
			"dropped,stray,malformed",
		.names = "relid",
		.flags = COMMAND_LIST | COMMAND_OFFLINE,
		.args = {
			FROM_OPTION,
		},
	},
	{
		.noun = "echo", .verb = "show",
		.help = "show one echo device and its last run",
		.example = "hvctl echo show 1",
		.method = "GET", .path = "/v1/echo/{relid}",
		.names = "relid",
		.flags = COMMAND_OFFLINE,
		.args = {
			RELID_ARG,
			FROM_OPTION,
		},
	},
	{
		.noun = "echo", .verb = "run",
		.help = "exchange packets with the guest, and wait for the result",
		.example = "hvctl echo run --count 100000 --size 512 --window 64",
		.method = "POST", .path = "/v1/echo/run",
		.names = "relid",
		.run = run_echo_run,
		.args = {
			ECHO_RELID_ARG,
			{ .name = "--count", .key = "count", .metavar = "N",
				.help = "packets to send (default 1000)", .type = ARG_UINT,
				.place = PLACE_BODY },
			{ .name = "--size", .key = "size", .metavar = "BYTES",
				.help = "payload of each, 24 to 32768 (default 64)",
				.type = ARG_UINT, .place = PLACE_BODY, .maximum = 32768 },
			{ .name = "--window", .key = "window", .metavar = "N",
				.help = "packets that may be unanswered at a time, 1 to 4096 "
					"(default 16)",
				.type = ARG_UINT, .place = PLACE_BODY, .maximum = 4096 },
			{ .name = "--patience", .key = "patience_ns", .metavar = "DURATION",
				.help = "after that a packet is lost, and a run without any "
					"answer over (default 5s)",
				.type = ARG_DURATION, .place = PLACE_BODY },
			{ .name = "--no-wait", .key = "no_wait",
				.help = "only begin; \"echo list\" tells how it goes",
				.type = ARG_SET },
		},
	},
	{
		.noun = "echo", .verb = "stop",
		.help = "end a run that is under way",
		.example = "hvctl echo stop",
		.method = "POST", .path = "/v1/echo/stop",
		.names = "relid",
		.args = {
			ECHO_RELID_ARG,
		},
	},

	/* ---- ports, routes, messages --------------------------------------- */
	{
		.noun = "ports", .verb = "list",
		.help = "list the ports by connection id, with counters by result",
		.example = "hvctl ports list",
		.method = "GET", .path = "/v1/ports",
		.columns =
			"connection_id:CONNECTION,type,minimum_vtl:MIN-VTL,owner,fast_path:FAST,"
			"accepted,denied,busy,last_age_ns:LAST",
		.wide = "fast_path_error:FAST-ERROR,flag_count:FLAGS,monitor_id:MONITOR,wrong_kind,failed",
		.names = "connection_id",
		.flags = COMMAND_LIST | COMMAND_OFFLINE,
		.args = {
			FROM_OPTION,
		},
	},
	{
		.noun = "ports", .verb = "show",
		.help = "show one port",
		.example = "hvctl ports show 0x10001",
		.method = "GET", .path = "/v1/ports/{connection_id}",
		.names = "connection_id",
		.flags = COMMAND_OFFLINE,
		.args = {
			{ .name = "CONN", .key = "connection_id", .metavar = "CONN",
				.help = "connection id of the port",
				.type = ARG_UINT, .place = PLACE_PATH, .completer = COMPLETE_CONNECTION,
				.flags = ARG_REQUIRED },
			FROM_OPTION,
		},
	},
	{
		.noun = "monitors", .verb = "list",
		.help = "list what guests signal through their monitor page, without a call",
		.example = "hvctl monitors list",
		.method = "GET", .path = "/v1/monitor",
		.columns =
			"monitor_id:MONITOR,connection_id:CONNECTION,latency_100ns:LATENCY,hits,"
			"page_gpa:PAGE",
		.names = "monitor_id",
		.flags = COMMAND_LIST,
	},
	{
		.noun = "routes", .verb = "list",
		.help = "list the SINT routes: GSI, references, staged message",
		.example = "hvctl routes list",
		.method = "GET", .path = "/v1/routes",
		.columns =
			"vp,vtl,sint,gsi,refcount,ack,staged.state:STAGED,staged.status:STATUS,"
			"staged.age_ns:STAGED-AGE,sets,acks",
		.wide =
			"staged.type:TYPE,staged.payload_size:SIZE,staged.slot_busy:SLOT-BUSY,"
			"posts,completions,refused",
		.names = "vp,sint",
		.flags = COMMAND_LIST | COMMAND_OFFLINE,
		.args = {
			FROM_OPTION,
		},
	},
	{
		.noun = "routes", .verb = "show",
		.help = "show one SINT route and its staged message",
		.example = "hvctl routes show 0 2",
		.method = "GET", .path = "/v1/routes/{vp}/{sint}",
		.names = "vp,sint",
		.flags = COMMAND_OFFLINE,
		.args = {
			VP_ARG,
			SINT_ARG,
			VTL_OPTION(PLACE_QUERY),
			FROM_OPTION,
		},
	},
	{
		.noun = "messages", .verb = "list",
		.help = "list the messages in slots, queues and staging",
		.example = "hvctl messages list",
		.method = "GET", .path = "/v1/messages",
		.columns = "vp,sint,position,where,type,payload_size:SIZE,age_ns,payload",
		.wide = "vtl,sender",
		.names = "vp,sint,position",
		.flags = COMMAND_LIST | COMMAND_OFFLINE,
		.args = {
			FROM_OPTION,
		},
	},
	{
		.noun = "inject",
		.help = "post a message to a SINT and wait for what becomes of it",
		.example = "hvctl inject --vp 0 --sint 2 --payload 0102030405060708",
		.method = "POST", .path = "/v1/messages",
		.run = run_inject,
		.args = {
			VP_OPTION(PLACE_BODY, ARG_REQUIRED, "the VP to post to"),
			SINT_OPTION(PLACE_BODY, ARG_REQUIRED, "the SINT to post to"),
			VTL_OPTION(PLACE_BODY),
			TYPE_OPTION,
			PAYLOAD_OPTION("at most 240 bytes (default: eight zero bytes)"),
			{ .name = "--count", .key = "count", .metavar = "N",
				.help = "post this many (default 1)",
				.type = ARG_UINT },
			{ .name = "--interval", .key = "interval", .metavar = "DURATION",
				.help = "wait between two of them (default 0)",
				.type = ARG_DURATION },
			{ .name = "--assert-only", .key = "assert_only",
				.help = "raise the interrupt, write no message",
				.type = ARG_SET, .place = PLACE_BODY },
			{ .name = "--no-wait", .key = "wait",
				.help = "do not wait for the delivery",
				.type = ARG_CLEAR, .place = PLACE_BODY },
			{ .name = "--force", .key = "force",
				.help = "post to a masked SINT as well",
				.type = ARG_SET, .place = PLACE_BODY },
			{ .name = "--dry-run", .key = "dry_run",
				.help = "tell what would happen, and do nothing",
				.type = ARG_SET, .place = PLACE_BODY },
		},
	},
	{
		.noun = "post",
		.help = "act as a guest's HvPostMessage: send a message to a port",
		.example = "hvctl post --connection 0x10001 --payload 68656c6c6f",
		.method = "POST", .path = "/v1/hypercalls/post-message",
		.run = run_post,
		.args = {
			CONNECTION_OPTION(ARG_REQUIRED),
			VTL_OPTION(PLACE_BODY),
			TYPE_OPTION,
			PAYLOAD_OPTION("at most 240 bytes (default: none)"),
		},
	},
	{
		.noun = "signal",
		.help = "set an event flag towards the guest, or act as a guest's HvSignalEvent",
		.example = "hvctl signal --vp 0 --sint 2 --flag 5",
		.method = "POST", .path = "/v1/events",
		.run = run_signal,
		.args = {
			VP_OPTION(PLACE_BODY, 0, "the VP whose flag is set; with --sint"),
			SINT_OPTION(PLACE_BODY, 0, "the SINT whose flag is set; with --vp"),
			CONNECTION_OPTION(0),
			{ .name = "--flag", .key = "flag", .metavar = "N",
				.help = "event flag, 0 to 2047",
				.type = ARG_UINT, .place = PLACE_BODY, .maximum = 2047 },
			VTL_OPTION(PLACE_BODY),
		},
	},
	{
		.noun = "hypercalls", .verb = "list",
		.help = "list the hypercalls made, counted by status",
		.example = "hvctl hypercalls list",
		.method = "GET", .path = "/v1/hypercalls",
		.columns = "code,name,count",
		.wide = "statuses",
		.names = "code",
		.flags = COMMAND_LIST | COMMAND_OFFLINE,
		.args = {
			FROM_OPTION,
		},
	},
	{
		.noun = "hv", .verb = "show",
		.help =
			"show the partition-wide registers: guest OS id, hypercall and TSC page, "
			"crash",
		.example = "hvctl hv show",
		.method = "GET", .path = "/v1/hv",
		.names = "vtl",
		.flags = COMMAND_OFFLINE,
		.args = {
			VTL_OPTION(PLACE_QUERY),
			FROM_OPTION,
		},
	},

	/* ---- streams to the guest ------------------------------------------- */
	{
		.noun = "socks", .verb = "list",
		.help = "list the hv_sock connections between host and guest",
		.example = "hvctl socks list",
		.method = "GET", .path = "/v1/socks",
		.columns =
			"relid,port,opened_by:BY,state,age_ns:AGE,to_guest_bytes:TO-GUEST,"
			"to_host_bytes:TO-HOST",
		.wide = "time_in_state_ns:SINCE,host_ended,guest_told,guest_ended,host_gone",
		.names = "relid",
		.flags = COMMAND_LIST | COMMAND_OFFLINE,
		.args = {
			FROM_OPTION,
		},
	},
	{
		.noun = "socks", .verb = "show",
		.help = "show one hv_sock connection",
		.example = "hvctl socks show 3",
		.method = "GET", .path = "/v1/socks/{relid}",
		.names = "relid",
		.flags = COMMAND_OFFLINE,
		.args = {
			RELID_ARG,
			FROM_OPTION,
		},
	},
	{
		.noun = "sock",
		.help = "connect stdin and stdout to a listener in the guest (hv_sock)",
		.example = "hvctl sock 5000 < request",
		.run = run_sock,
		.args = {
			{ .name = "PORT", .key = "port", .metavar = "PORT",
				.help = "the guest's port (AF_VSOCK in Linux)",
				.type = ARG_UINT, .flags = ARG_REQUIRED, .maximum = 0x7fffffff },
			{ .name = "--path", .key = "path", .metavar = "PATH",
				.help = "hvd's socket (default: NAME.vsock beside NAME.api.sock)",
				.type = ARG_TEXT, .completer = COMPLETE_FILE },
		},
	},

	/* ---- what happens -------------------------------------------------- */
	{
		.noun = "watch",
		.help = "print traffic and state changes as they happen",
		.example = "hvctl watch --type 'message.*' --vp 0",
		.method = "GET", .path = "/v1/log",
		.flags = COMMAND_RECORDS,
		.run = run_watch,
		.args = {
			EVENT_OPTIONS,
			{ .name = "--for", .key = "for", .metavar = "DURATION",
				.help = "end after this time: 30s, 5m",
				.type = ARG_DURATION },
			{ .name = "--kernel", .key = "kernel",
				.help = "also KVM's own Hyper-V trace events; needs root",
				.type = ARG_SET },
		},
	},
	{
		.noun = "log",
		.help = "print the recorded past",
		.example = "hvctl log --since 5m --type staged",
		.method = "GET", .path = "/v1/log",
		.flags = COMMAND_RECORDS | COMMAND_OFFLINE,
		.run = run_log,
		.args = {
			EVENT_OPTIONS,
			{ .name = "--until", .key = "until", .metavar = "SEQ|DURATION|TIME",
				.help = "end with this record, or this long ago, or at this time",
				.type = ARG_MOMENT, .place = PLACE_QUERY },
			{ .name = "--previous", .key = "previous",
				.help = "what the hvd before this one recorded, and how it ended",
				.type = ARG_SET, .place = PLACE_QUERY },
			{ .name = "--file", .key = "file", .metavar = "PATH",
				.help = "read this log instead of asking hvd",
				.type = ARG_TEXT, .completer = COMPLETE_FILE },
			{ .name = "--from", .key = "from", .metavar = "FILE",
				.help = "the log in a snapshot, instead of hvd's",
				.type = ARG_TEXT, .completer = COMPLETE_FILE },
		},
	},

	{
		.noun = "capture",
		.help = "write what passes between guest and host as pcapng, for Wireshark",
		.example = "hvctl capture -w - --payload full | wireshark -k -i -",
		.method = "GET", .path = "/v1/capture",
		.run = run_capture,
		.args = {
			{ .name = "-w", .key = "file", .metavar = "FILE|-",
				.help = "where to; - is stdout",
				.type = ARG_TEXT, .completer = COMPLETE_FILE,
				.flags = ARG_REQUIRED },
			{ .name = "--payload", .key = "payload", .metavar = "none|head|full",
				.help = "how much of each packet's payload (default head: 64 bytes)",
				.type = ARG_CHOICE, .place = PLACE_QUERY,
				.completer = COMPLETE_CHOICES, .choices = payloads },
			{ .name = "--relid", .key = "relid", .metavar = "RELID",
				.help = "only what concerns this channel",
				.type = ARG_UINT, .place = PLACE_QUERY,
				.maximum = 2047, .completer = COMPLETE_RELID },
			{ .name = "--count", .key = "limit", .metavar = "N",
				.help = "end after this many packets",
				.type = ARG_UINT, .place = PLACE_QUERY },
			{ .name = "--for", .key = "for", .metavar = "DURATION",
				.help = "end after this time: 30s, 5m",
				.type = ARG_DURATION },
		},
	},

	/* ---- misbehaving on purpose ------------------------------------------- */
	{
		.noun = "faults", .verb = "add",
		.help = "make hvd misbehave on purpose, for a count or a time",
		.example = "hvctl faults add drop_message --message gpadl_body --count 1",
		.method = "POST", .path = "/v1/faults",
		.names = "id",
		.run = run_faults_add,
		.args = {
			{ .name = "KIND", .key = "kind", .metavar = "KIND",
				.help = "what goes wrong: see faults kinds",
				.type = ARG_TEXT, .place = PLACE_BODY,
				.completer = COMPLETE_FAULT_WORD, .flags = ARG_REQUIRED },
			{ .name = "--relid", .key = "relid", .metavar = "N",
				.help = "only this channel", .type = ARG_UINT, .place = PLACE_BODY,
				.completer = COMPLETE_RELID },
			VP_OPTION(PLACE_BODY, 0, "only this VP"),
			SINT_OPTION(PLACE_BODY, 0, "only this SINT"),
			{ .name = "--message", .key = "message", .metavar = "TYPE",
				.help = "only this channel message: open_channel_result",
				.type = ARG_TEXT, .place = PLACE_BODY,
				.completer = COMPLETE_FAULT_WORD },
			{ .name = "--direction", .key = "direction", .metavar = "in|out",
				.help = "only messages from the guest, or to it",
				.type = ARG_TEXT, .place = PLACE_BODY,
				.completer = COMPLETE_FAULT_WORD },
			{ .name = "--count", .key = "count", .metavar = "N",
				.help = "how often at most", .type = ARG_UINT, .place = PLACE_BODY },
			{ .name = "--for", .key = "for_ns", .metavar = "DURATION",
				.help = "how long: 10s, 5m", .type = ARG_DURATION,
				.place = PLACE_BODY },
			{ .name = "--delay", .key = "delay_ns", .metavar = "DURATION",
				.help = "how long each message is kept", .type = ARG_DURATION,
				.place = PLACE_BODY },
			{ .name = "--status", .key = "status", .metavar = "S",
				.help = "the HV_STATUS to answer with", .type = ARG_UINT,
				.place = PLACE_BODY },
		},
	},
	{
		.noun = "faults", .verb = "list",
		.help = "list the faults, those that ended lately too",
		.example = "hvctl faults list",
		.method = "GET", .path = "/v1/faults",
		.columns =
			"id,kind,state,relid,message,direction,hits,count,kept,left_ns:LEFT,"
			"last_hit_age_ns:LAST-HIT,ended_by:ENDED-BY",
		.wide =
			"vp,sint,for_ns:FOR,delay_ns:DELAY,status,uid,pid,age_ns:AGE,"
			"ended_age_ns:ENDED",
		.names = "id",
		.flags = COMMAND_LIST | COMMAND_OFFLINE,
		.args = {
			FROM_OPTION,
		},
	},
	{
		.noun = "faults", .verb = "show",
		.help = "show one fault",
		.example = "hvctl faults show 1",
		.method = "GET", .path = "/v1/faults/{id}",
		.names = "id",
		.flags = COMMAND_OFFLINE,
		.args = {
			{ .name = "ID", .key = "id", .metavar = "ID",
				.help = "number of the fault", .type = ARG_UINT, .place = PLACE_PATH,
				.completer = COMPLETE_FAULT, .flags = ARG_REQUIRED },
			FROM_OPTION,
		},
	},
	{
		.noun = "faults", .verb = "clear",
		.help = "end faults and forget them; without an ID all of them",
		.example = "hvctl faults clear",
		.method = "DELETE", .path = "/v1/faults",
		.names = "id",
		.run = run_faults_clear,
		.args = {
			{ .name = "ID", .key = "id", .metavar = "ID",
				.help = "number of the fault", .type = ARG_TEXT,
				.completer = COMPLETE_FAULT, .flags = ARG_REPEAT },
		},
	},
	{
		.noun = "faults", .verb = "kinds",
		.help = "list the kinds of fault there are",
		.example = "hvctl faults kinds",
		.method = "GET", .path = "/v1/fault-kinds",
		.columns = "kind,help",
		.wide =
			"selectors,ends_by:ENDS-BY,count,for_ns:FOR,delay_ns:DELAY,status,keeps",
		.names = "kind",
		.flags = COMMAND_LIST,
	},

	/* ---- the doctor ------------------------------------------------------ */
	{
		.noun = "doctor",
		.help = "say what is stuck and why, with evidence and what to do about it",
		.example = "hvctl doctor 4 --fail-on warn",
		.method = "GET", .path = "/v1/doctor",
		.columns =
			"severity,rule,role,subject,diagnosis,because_rule:BECAUSE",
		.wide = "remedy,advice,guest_shows:GUEST",
		.names = "subject",
		.flags = COMMAND_LIST | COMMAND_STATE | COMMAND_OFFLINE,
		.run = run_doctor,
		.args = {
			{ .name = "RELID", .key = "relid", .metavar = "RELID",
				.help = "channels to report on, and what lies below them "
					"(default: all)",
				.type = ARG_UINT, .completer = COMPLETE_RELID,
				.flags = ARG_REPEAT },
			{ .name = "--stuck-after", .key = "stuck_after", .metavar = "DURATION",
				.help = "time between the two looks, and how long something "
					"may stand still: 50ms to 60s (default 1s)",
				.type = ARG_DURATION, .place = PLACE_QUERY },
			LIMIT_OPTION("--event-after", "event_after",
				"how long an interrupt may stay untaken (100ms)"),
			LIMIT_OPTION("--answer-after", "answer_after",
				"how long a device may take to start or stop (2s)"),
			LIMIT_OPTION("--offers-after", "offers_after",
				"how long a guest may take to ask for the offers (5s)"),
			LIMIT_OPTION("--driver-after", "driver_after",
				"how long a driver may take to open or release a channel (10s)"),
			LIMIT_OPTION("--shutdown-after", "shutdown_after",
				"how long a guest that agreed to it may take to go down (60s)"),
			{ .name = "--fail-on", .key = "fail_on", .metavar = "warn|error",
				.help = "exit with 8 when there is such a finding or a worse "
					"one (default error)",
				.type = ARG_CHOICE, .completer = COMPLETE_CHOICES,
				.choices = fail_on },
			{ .name = "--from", .key = "from", .metavar = "FILE",
				.help = "examine a snapshot instead of a VM",
				.type = ARG_TEXT, .completer = COMPLETE_FILE },
		},
	},

	/* ---- the tree and the API itself ------------------------------------ */
	{
		.noun = "inspect",
		.help = "print nodes of the inspection tree, or set a writable one",
		.example = "hvctl inspect 'vps/*/synic' --depth 2",
		.method = "GET", .path = "/v1/tree",
		.run = run_inspect,
		.flags = COMMAND_STATE | COMMAND_OFFLINE,
		.args = {
			{ .name = "PATH", .key = "path", .metavar = "PATH|GLOB",
				.help = "node, such as vps/0, or pattern (default: the root)",
				.type = ARG_TEXT, .completer = COMPLETE_TREE_PATH,
				.flags = ARG_REPEAT },
			{ .name = "--depth", .key = "depth", .metavar = "N",
				.help = "levels below each node",
				.type = ARG_UINT, .place = PLACE_QUERY, .maximum = 32 },
			VTL_OPTION(PLACE_QUERY),
			{ .name = "--set", .key = "set", .metavar = "VALUE",
				.help = "write a leaf: JSON, or else text",
				.type = ARG_TEXT },
			FROM_OPTION,
		},
	},
	{
		.noun = "snapshot",
		.help = "write everything that can be seen of the VM into one JSON document",
		.example = "hvctl snapshot stuck.json --redact",
		.method = "GET", .path = "/v1/tree",
		.run = run_snapshot,
		.args = {
			{ .name = "FILE", .key = "file", .metavar = "FILE|-",
				.help = "where to (default: stdout); replaced when all is there, for its owner only",
				.type = ARG_TEXT, .completer = COMPLETE_FILE },
			{ .name = "--redact", .key = "redact",
				.help = "leave out the bytes of messages and packets",
				.type = ARG_SET },
			{ .name = "--since", .key = "since", .metavar = "SEQ|DURATION|TIME",
				.help = "how far back the log goes (default 5m, at most 20000 records)",
				.type = ARG_MOMENT },
		},
	},
	{
		.noun = "explain",
		.help = "say what a field means, a rule of the doctor, or a kind of record",
		.example = "hvctl explain D17",
		.run = run_explain,
		.args = {
			{ .name = "FIELD", .key = "field", .metavar = "FIELD",
				.help = "sints.slot.pending or pending, D17, message.delivered; rules and records list all",
				.type = ARG_TEXT, .completer = COMPLETE_FIELD,
				.flags = ARG_REQUIRED },
		},
	},
	{
		.noun = "api",
		.help = "send any request and print the answer",
		.example = "hvctl api GET /v1/ports",
		.run = run_api,
		.args = {
			{ .name = "METHOD", .key = "method", .metavar = "METHOD",
				.help = "GET, POST, PATCH, DELETE",
				.type = ARG_TEXT, .flags = ARG_REQUIRED },
			{ .name = "PATH", .key = "path", .metavar = "PATH",
				.help = "path and query, as in /v1/ports?limit=5",
				.type = ARG_TEXT, .flags = ARG_REQUIRED },
			{ .name = "-d", .key = "data", .metavar = "DATA|@FILE|-",
				.help = "request body",
				.type = ARG_TEXT, .completer = COMPLETE_DATA },
		},
	},
	{
		.noun = "metrics",
		.help = "print the metrics in the Prometheus text format",
		.example = "hvctl metrics",
		.method = "GET", .path = "/metrics",
		.run = run_metrics,
	},
	{
		.noun = "top",
		.help = "watch VPs, SINTs, channels by suspicion and findings, as htop does processes",
		.example = "hvctl top",
		.run = run_top,
		.args = {
			{ .name = "-n", .key = "count", .metavar = "N",
				.help = "print N pictures and end, as into a pipe (default there: 1)",
				.type = ARG_UINT },
			{ .name = "-d", .key = "delay", .metavar = "DURATION",
				.help = "between two looks, 100ms or longer (default 1500ms)",
				.type = ARG_DURATION },
			{ .name = "--view", .key = "view", .metavar = "VIEW",
				.help = "channels, sints, vps or findings (default: channels)",
				.type = ARG_CHOICE, .completer = COMPLETE_CHOICES,
				.choices = top_views },
		},
	},
	{
		.noun = "shell",
		.help = "work interactively: history, completion, watch on",
		.example = "hvctl shell",
		.run = run_shell,
	},
	{
		.noun = "help",
		.help = "explain the program, a noun or a command, as --help does",
		.example = "hvctl help faults add",
		.run = run_help,
		.args = {
			{ .name = "COMMAND", .key = "words", .metavar = "COMMAND",
				.help = "a noun, or a noun and its verb (default: the program)",
				.type = ARG_TEXT, .completer = COMPLETE_COMMAND,
				.flags = ARG_REPEAT },
		},
	},
	{
		.noun = "completion",
		.help = "print the completion script of a shell",
		.example = "hvctl completion bash > /etc/bash_completion.d/hvctl",
		.run = run_completion,
		.args = {
			{ .name = "SHELL", .key = "shell", .metavar = "SHELL",
				.help = "bash, zsh or fish",
				.type = ARG_CHOICE, .completer = COMPLETE_CHOICES,
				.flags = ARG_REQUIRED, .choices = shells },
		},
	},
	{
		.noun = "complete",
		.help = "print what could stand at the end of the words after --",
		.example = "hvctl complete -- ports show ''",
		.flags = COMMAND_HIDDEN,
		.run = run_complete,
		.args = {
			{ .name = "WORD", .key = "words", .metavar = "WORD",
				.help = "a command line, its last word unfinished",
				.type = ARG_TEXT, .flags = ARG_REPEAT },
			{ .name = "--line", .key = "line", .metavar = "LINE",
				.help = "the same as it is typed, with its quotes and hvctl",
				.type = ARG_TEXT },
			{ .name = "--replace", .key = "replace", .metavar = "TEXT",
				.help = "the end of the last word, which alone is replaced",
				.type = ARG_TEXT },
		},
	},
};

/* clang-format on */

const size_t command_count = ARRAY_LEN(commands);
