-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- Wireshark's view of what `hvctl capture` writes: SynIC messages and events, hypercalls, VMBus
-- channel messages, and the packets of channels with the protocols of integration components and
-- hv_sock in them. docs/capture.md has the format and the display filters.
--
--	tshark -X lua_script:hvvmbus.lua -r FILE.pcapng -Y 'hvvmbus.relid == 5'
--
-- Names are those of `hvctl watch` and of the API.

local vmbus = Proto("hvvmbus", "Hyper-V SynIC and VMBus")

-- ---- names ------------------------------------------------------------------------------------

local kinds = {[1] = "message", [2] = "event", [3] = "hypercall", [4] = "packet"}
local directions = {[0] = "in", [1] = "out"}

local message_types = {
	[0] = "invalid", "offer_channel", "rescind_channel_offer", "request_offers",
	"all_offers_delivered", "open_channel", "open_channel_result", "close_channel",
	"gpadl_header", "gpadl_body", "gpadl_created", "gpadl_teardown", "gpadl_torndown",
	"relid_released", "initiate_contact", "version_response", "unload", "unload_response",
	"open_reserved_channel", "close_reserved_channel", "close_reserved_response",
	"tl_connect_request", "modify_channel", "tl_connect_result", "modify_channel_response",
	"modify_connection", "modify_connection_response", "pause", "pause_response", "resume",
}

local packet_types = {
	[1] = "synch", [2] = "add_transfer_page_set", [3] = "remove_transfer_page_set",
	[4] = "establish_gpadl", [5] = "teardown_gpadl", [6] = "data_inband",
	[7] = "data_using_transfer_pages", [8] = "data_using_gpadl", [9] = "data_using_gpa_direct",
	[10] = "cancel_request", [11] = "completion", [12] = "additional_data",
	[13] = "additional_data_gpa",
}

local calls = {
	[0x0008] = "HvNotifyLongSpinWait", [0x005c] = "HvPostMessage", [0x005d] = "HvSignalEvent",
}

local statuses = {
	[0] = "success", [2] = "invalid_hypercall_code", [3] = "invalid_hypercall_input",
	[4] = "invalid_alignment", [5] = "invalid_parameter", [6] = "access_denied",
	[8] = "operation_denied", [11] = "insufficient_memory", [14] = "invalid_vp_index",
	[17] = "invalid_port_id", [18] = "invalid_connection_id", [19] = "insufficient_buffers",
	[24] = "invalid_synic_state",
}

local versions = {
	[0x0000000d] = "0.13", [0x00010001] = "1.1", [0x00020004] = "2.4", [0x00030000] = "3.0",
	[0x00040000] = "4.0", [0x00040001] = "4.1", [0x00050000] = "5.0", [0x00050001] = "5.1",
	[0x00050002] = "5.2", [0x00050003] = "5.3", [0x00060000] = "6.0",
}

local ic_types = {
	[0] = "negotiate", "heartbeat", "kvp", "shutdown", "timesync", "vss", "rdv", "fcopy",
	"vm_session",
}
local kvp_operations = {
	[0] = "get", "set", "delete", "enumerate", "get_ip_info", "set_ip_info",
}
local kvp_pools = {[0] = "external", "guest", "auto", "auto_external", "internal"}
local vss_operations = {
	[0] = "create", "delete", "hot_backup", "get_dm_info", "backup_complete", "freeze", "thaw",
	"auto_recover",
}

-- By class; hv_sock has a class per port, known by its end.
local classes = {
	["57164f39-9115-4e78-ab55-382f3bd5422d"] = "heartbeat",
	["9527e630-d0ae-497b-adce-e80ab0175caf"] = "timesync",
	["0e0b6031-5213-4934-818b-38d90ced39db"] = "shutdown",
	["a9a0f4e7-5a45-4d96-b827-8a841e8c03e6"] = "kvp",
	["35fa2e29-ea23-4236-96ae-3a6ebacba440"] = "vss",
	["34d14be3-dee4-41c8-9ae7-6b174977c192"] = "fcopy",
}
local hv_sock_end = "-facb-11e6-bd58-64006a7986d3"

-- ---- fields ------------------------------------------------------------------------------------

local f = {
	kind = ProtoField.uint8("hvvmbus.kind", "Kind", base.DEC, kinds),
	direction = ProtoField.uint8("hvvmbus.direction", "Direction", base.DEC, directions,
		nil, "in: from the guest; out: to the guest"),
	vp = ProtoField.uint32("hvvmbus.vp", "VP", base.DEC),
	vtl = ProtoField.uint8("hvvmbus.vtl", "VTL", base.DEC),
	sint = ProtoField.uint8("hvvmbus.sint", "SINT", base.DEC),
	cut = ProtoField.bool("hvvmbus.cut", "Cut by the capture"),
	connection_id = ProtoField.uint32("hvvmbus.connection_id", "Connection id", base.HEX),
	relid = ProtoField.uint32("hvvmbus.relid", "Relid", base.DEC),
	class = ProtoField.string("hvvmbus.class", "Class"),
	instance = ProtoField.string("hvvmbus.instance", "Instance"),
	device = ProtoField.string("hvvmbus.device", "Device"),
	-- SynIC
	message_type = ProtoField.uint32("hvvmbus.message_type", "SynIC message type", base.HEX),
	flag = ProtoField.uint16("hvvmbus.flag", "Flag", base.DEC),
	count = ProtoField.uint32("hvvmbus.count", "Count", base.DEC),
	control = ProtoField.uint64("hvvmbus.control", "Control", base.HEX),
	call = ProtoField.uint16("hvvmbus.call", "Hypercall", base.HEX, calls),
	hv_status = ProtoField.uint16("hvvmbus.hv_status", "HV_STATUS", base.DEC, statuses),
	input = ProtoField.bytes("hvvmbus.input", "Input registers"),
	timer = ProtoField.uint32("hvvmbus.timer", "Timer", base.DEC),
	expiration = ProtoField.uint64("hvvmbus.expiration", "Expiration (100 ns)", base.DEC),
	delivery = ProtoField.uint64("hvvmbus.delivery", "Delivery (100 ns)", base.DEC),
	-- channel messages
	msgtype = ProtoField.uint32("hvvmbus.msgtype", "Message", base.DEC, message_types),
	gpadl = ProtoField.uint32("hvvmbus.gpadl", "GPADL", base.HEX),
	open_id = ProtoField.uint32("hvvmbus.open_id", "Open id", base.DEC),
	target_vp = ProtoField.uint32("hvvmbus.target_vp", "Target VP", base.DEC),
	target_sint = ProtoField.uint32("hvvmbus.target_sint", "Target SINT", base.DEC),
	downstream = ProtoField.uint32("hvvmbus.downstream_offset", "Downstream offset (pages)",
		base.DEC),
	user_data = ProtoField.bytes("hvvmbus.user_data", "User data"),
	status = ProtoField.uint32("hvvmbus.status", "Status", base.HEX),
	version = ProtoField.uint32("hvvmbus.version", "Version", base.HEX, versions),
	supported = ProtoField.bool("hvvmbus.supported", "Supported"),
	connection_state = ProtoField.uint8("hvvmbus.connection_state", "Connection state", base.DEC,
		{[0] = "successful", "low_resources", "unknown_failure"}),
	interrupt_page = ProtoField.uint64("hvvmbus.interrupt_page", "Interrupt page", base.HEX),
	monitor_p2c = ProtoField.uint64("hvvmbus.monitor_page_p2c", "Monitor page, parent to child",
		base.HEX),
	monitor_c2p = ProtoField.uint64("hvvmbus.monitor_page_c2p", "Monitor page, child to parent",
		base.HEX),
	chn_flags = ProtoField.uint16("hvvmbus.chn_flags", "Channel flags", base.HEX),
	pipe_mode = ProtoField.uint32("hvvmbus.pipe_mode", "Pipe mode", base.DEC,
		{[0] = "byte", [4] = "message"}),
	sub_channel = ProtoField.uint16("hvvmbus.sub_channel_index", "Sub-channel", base.DEC),
	monitor_id = ProtoField.uint8("hvvmbus.monitor_id", "Monitor id", base.DEC),
	monitor_allocated = ProtoField.uint8("hvvmbus.monitor_allocated", "Monitor allocated",
		base.DEC),
	range_count = ProtoField.uint16("hvvmbus.range_count", "Ranges", base.DEC),
	range_buf_len = ProtoField.uint16("hvvmbus.range_buf_len", "Bytes of ranges", base.DEC),
	byte_count = ProtoField.uint32("hvvmbus.byte_count", "Bytes", base.DEC),
	byte_offset = ProtoField.uint32("hvvmbus.byte_offset", "Offset", base.DEC),
	pfn = ProtoField.uint64("hvvmbus.pfn", "PFN", base.HEX),
	endpoint = ProtoField.string("hvvmbus.endpoint", "Endpoint"),
	service = ProtoField.string("hvvmbus.service", "Service"),
	-- packets of rings
	packet_type = ProtoField.uint16("hvvmbus.packet.type", "Packet", base.DEC, packet_types),
	header_bytes = ProtoField.uint16("hvvmbus.packet.header_bytes", "Header bytes", base.DEC),
	packet_bytes = ProtoField.uint32("hvvmbus.packet.bytes", "Bytes, with header", base.DEC),
	completion = ProtoField.bool("hvvmbus.packet.completion", "Completion requested", 16, nil,
		0x1),
	transaction_id = ProtoField.uint64("hvvmbus.packet.transaction_id", "Transaction id",
		base.HEX),
	payload = ProtoField.bytes("hvvmbus.payload", "Payload"),
	-- integration components
	ic_type = ProtoField.uint16("hvvmbus.ic.type", "IC message", base.DEC, ic_types),
	ic_framework = ProtoField.string("hvvmbus.ic.framework", "Framework version"),
	ic_message = ProtoField.string("hvvmbus.ic.message", "Message version"),
	ic_offered = ProtoField.string("hvvmbus.ic.offered", "Version on offer"),
	ic_status = ProtoField.uint32("hvvmbus.ic.status", "IC status", base.HEX),
	ic_transaction = ProtoField.uint8("hvvmbus.ic.transaction", "IC transaction", base.DEC),
	ic_response = ProtoField.bool("hvvmbus.ic.response", "Response", 8, nil, 0x4),
	ic_sequence = ProtoField.uint64("hvvmbus.ic.sequence", "Sequence", base.DEC),
	ic_time = ProtoField.uint64("hvvmbus.ic.parent_time", "Host time (100 ns since 1601)",
		base.DEC),
	ic_flags = ProtoField.uint32("hvvmbus.ic.flags", "Flags", base.HEX),
	ic_reason = ProtoField.uint32("hvvmbus.ic.reason", "Reason", base.HEX),
	ic_timeout = ProtoField.uint32("hvvmbus.ic.timeout_s", "Timeout (s)", base.DEC),
	kvp_operation = ProtoField.uint8("hvvmbus.kvp.operation", "KVP operation", base.DEC,
		kvp_operations),
	kvp_pool = ProtoField.uint8("hvvmbus.kvp.pool", "KVP pool", base.DEC, kvp_pools),
	kvp_index = ProtoField.uint32("hvvmbus.kvp.index", "KVP index", base.DEC),
	vss_operation = ProtoField.uint8("hvvmbus.vss.operation", "VSS operation", base.DEC,
		vss_operations),
	-- hv_sock
	sock_type = ProtoField.uint32("hvvmbus.sock.type", "hv_sock packet", base.DEC,
		{[1] = "data"}),
	sock_bytes = ProtoField.uint32("hvvmbus.sock.bytes", "Bytes of data", base.DEC),
	sock_end = ProtoField.bool("hvvmbus.sock.end", "End of stream"),
}
for _, field in pairs(f) do
	table.insert(vmbus.fields, field)
end

local malformed = ProtoExpert.new("hvvmbus.malformed.expert", "Shorter than it has to be",
	expert.group.MALFORMED, expert.severity.ERROR)
local refused = ProtoExpert.new("hvvmbus.refused.expert", "The call failed",
	expert.group.RESPONSE_CODE, expert.severity.WARN)
vmbus.experts = {malformed, refused}

-- ---- helpers -----------------------------------------------------------------------------------

-- Mixed-endian: the first three fields are little-endian, the last eight bytes as printed.
local function guid(range)
	local tail = range(8, 8):bytes():tohex(true)
	return string.format("%08x-%04x-%04x-%s-%s", range(0, 4):le_uint(), range(4, 2):le_uint(),
		range(6, 2):le_uint(), tail:sub(1, 4), tail:sub(5))
end

-- The name of a device by its class, nil when it is nobody's we know.
local function device_of(class)
	if class:sub(-#hv_sock_end) == hv_sock_end then
		return "hv_sock"
	end
	return classes[class]
end

-- Which channel a GPADL belongs to: two messages do not say. Filled while packets are dissected in
-- their order, which is so at the first pass.
local gpadl_channel = {}
local relid_of_frame = {}

function vmbus.init()
	gpadl_channel = {}
	relid_of_frame = {}
end

-- ---- channel messages --------------------------------------------------------------------------

local function add_relid(context, at)
	local relid = context.tvb(at, 4):le_uint()
	context.tree:add_le(f.relid, context.tvb(at, 4))
	context:say("relid", relid)
	return relid
end

local function add_word(context, field, name, at, size, format)
	local value = context.tvb(at, size):le_uint()
	context.tree:add_le(field, context.tvb(at, size))
	context:say(name, format and string.format(format, value) or value)
	return value
end

local function add_guid(context, field, name, at)
	local text = guid(context.tvb(at, 16))
	context.tree:add(field, context.tvb(at, 16), text)
	if name then
		context:say(name, text)
	end
	return text
end

local function add_gpadl(context, at)
	return add_word(context, f.gpadl, "gpadl", at, 4, "0x%x")
end

local function add_status(context, at)
	return add_word(context, f.status, "status", at, 4, "0x%x")
end

-- Said by the GPADL_HEADER: the message itself has no relid.
local function add_relid_of_gpadl(context, gpadl)
	local frame = context.pinfo.number
	local relid = relid_of_frame[frame] or gpadl_channel[gpadl]
	if relid then
		relid_of_frame[frame] = relid
		context.tree:add(f.relid, relid):set_generated()
		context:say("relid", relid)
	end
end

local function pfns(context, at)
	while at + 8 <= context.tvb:len() do
		context.tree:add_le(f.pfn, context.tvb(at, 8))
		at = at + 8
	end
end

local function just_relid(context)
	add_relid(context, 8)
end

-- By message type: the least size, and what is in it.
local messages = {
	[1] = {196, function(context)
		local tvb, tree = context.tvb, context.tree
		add_relid(context, 184)
		local class = add_guid(context, f.class, "class", 8)
		local device = device_of(class)
		if device then
			tree:add(f.device, tvb(8, 16), device):set_generated()
		end
		add_guid(context, f.instance, nil, 24)
		tree:add_le(f.chn_flags, tvb(56, 2))
		tree:add_le(f.pipe_mode, tvb(60, 4))
		tree:add_le(f.sub_channel, tvb(180, 2))
		tree:add_le(f.monitor_id, tvb(188, 1))
		tree:add_le(f.monitor_allocated, tvb(189, 1))
		tree:add_le(f.connection_id, tvb(192, 4))
	end},
	[2] = {12, just_relid},
	[5] = {148, function(context)
		add_relid(context, 8)
		add_word(context, f.open_id, "open_id", 12, 4)
		add_gpadl(context, 16)
		add_word(context, f.target_vp, "target_vp", 20, 4)
		context.tree:add_le(f.downstream, context.tvb(24, 4))
		context.tree:add(f.user_data, context.tvb(28, 120))
	end},
	[6] = {20, function(context)
		add_relid(context, 8)
		add_word(context, f.open_id, "open_id", 12, 4)
		add_status(context, 16)
	end},
	[7] = {12, just_relid},
	[8] = {20, function(context)
		local relid = add_relid(context, 8)
		local gpadl = add_gpadl(context, 12)
		context.tree:add_le(f.range_buf_len, context.tvb(16, 2))
		context.tree:add_le(f.range_count, context.tvb(18, 2))
		if not context.pinfo.visited then
			gpadl_channel[gpadl] = relid
		end
		if context.tvb:len() >= 28 then
			context.tree:add_le(f.byte_count, context.tvb(20, 4))
			context.tree:add_le(f.byte_offset, context.tvb(24, 4))
			pfns(context, 28)
		end
	end},
	[9] = {16, function(context)
		add_relid_of_gpadl(context, add_gpadl(context, 12))
		pfns(context, 16)
	end},
	[10] = {20, function(context)
		add_relid(context, 8)
		add_gpadl(context, 12)
		add_status(context, 16)
	end},
	[11] = {16, function(context)
		add_relid(context, 8)
		add_gpadl(context, 12)
	end},
	[12] = {12, function(context)
		add_relid_of_gpadl(context, add_gpadl(context, 8))
	end},
	[13] = {12, just_relid},
	[14] = {40, function(context)
		local tvb, tree = context.tvb, context.tree
		local version = add_word(context, f.version, "version", 8, 4, "0x%x")
		add_word(context, f.target_vp, "target_vp", 12, 4)
		if version < 0x00050000 then
			tree:add_le(f.interrupt_page, tvb(16, 8))
		else
			tree:add_le(f.target_sint, tvb(16, 1))
			tree:add_le(f.vtl, tvb(17, 1))
		end
		tree:add_le(f.monitor_p2c, tvb(24, 8))
		tree:add_le(f.monitor_c2p, tvb(32, 8))
	end},
	[15] = {10, function(context)
		add_word(context, f.supported, "supported", 8, 1)
		context.tree:add_le(f.connection_state, context.tvb(9, 1))
		if context.tvb:len() >= 16 then
			context.tree:add_le(f.connection_id, context.tvb(12, 4))
		end
	end},
	[18] = {28, function(context)
		add_relid(context, 8)
		add_word(context, f.target_vp, "target_vp", 12, 4)
		add_word(context, f.target_sint, "target_sint", 16, 4)
		add_gpadl(context, 20)
		context.tree:add_le(f.downstream, context.tvb(24, 4))
	end},
	[19] = {20, function(context)
		add_relid(context, 8)
		add_word(context, f.target_vp, "target_vp", 12, 4)
		add_word(context, f.target_sint, "target_sint", 16, 4)
	end},
	[20] = {12, just_relid},
	[21] = {40, function(context)
		add_guid(context, f.endpoint, "endpoint", 8)
		add_guid(context, f.service, "service", 24)
	end},
	[22] = {16, function(context)
		add_relid(context, 8)
		add_word(context, f.target_vp, "target_vp", 12, 4)
	end},
	[23] = {44, function(context)
		add_guid(context, f.endpoint, "endpoint", 8)
		add_guid(context, f.service, "service", 24)
		add_status(context, 40)
	end},
	[24] = {16, function(context)
		add_relid(context, 8)
		add_status(context, 12)
	end},
}

local function too_short(context)
	context.tree:add_proto_expert_info(malformed)
	context:say("malformed")
end

local function channel_message(context)
	local tvb = context.tvb
	local number = tvb(0, 4):le_uint()
	local row = messages[number]
	context.tree:add_le(f.msgtype, tvb(0, 4))
	context.what = message_types[number] or string.format("message %u", number)
	if row and tvb:len() < row[1] then
		too_short(context)
	elseif row then
		row[2](context)
	end
end

-- ---- SynIC -------------------------------------------------------------------------------------

-- VMBus has SINT 2 to itself, and the connections 1 and 4; the least it says is a type and a padding.
local function is_vmbus(context)
	if context.message_type ~= 1 or context.tvb:len() < 8 then
		return false
	end
	if context.outbound then
		return context.sint == 2
	end
	return context.connection_id == 1 or context.connection_id == 4
end

local function synic_message(context)
	local tvb, tree = context.tvb, context.tree
	if is_vmbus(context) then
		channel_message(context)
	elseif context.message_type == 0x80000010 and tvb:len() >= 24 then
		context.what = "timer_expired"
		context:say("timer", tvb(0, 4):le_uint())
		tree:add_le(f.timer, tvb(0, 4))
		tree:add_le(f.expiration, tvb(8, 8))
		tree:add_le(f.delivery, tvb(16, 8))
	else
		context.what = "message"
		context:say("type", string.format("0x%x", context.message_type))
		if tvb:len() > 0 then
			tree:add(f.payload, tvb())
		end
	end
end

local function event(context)
	local relid
	if context.outbound then
		context.what = "event_flag"
		context:say("flag", context.flag)
		relid = context.sint == 2 and context.flag
	else
		context.what = "signal_event"
		context:say("connection_id", string.format("0x%x", context.connection_id))
		relid = context.connection_id > 0x2000 and context.connection_id <= 0x27ff and
			context.connection_id - 0x2000
	end
	if relid and relid > 0 then
		context.tree:add(f.relid, relid):set_generated()
		context:say("relid", relid)
	end
end

local function hypercall(context)
	local call = context.control:lower() % 0x10000
	context.what = calls[call] or string.format("hypercall 0x%04x", call)
	context:say("status", statuses[context.status] or context.status)
	if context.status ~= 0 then
		context.tree:add_proto_expert_info(refused)
	end
	if context.tvb:len() > 0 then
		context.tree:add(f.input, context.tvb())
	end
end

-- ---- packets of integration components and hv_sock ---------------------------------------------

local function version_text(range)
	return string.format("%u.%u", range(0, 2):le_uint(), range(2, 2):le_uint())
end

local function negotiation(context, body)
	if body:len() < 8 then
		return
	end
	local frameworks, count = body(0, 2):le_uint(), body(2, 2):le_uint()
	for i = 0, frameworks + count - 1 do
		if 8 + 4 * (i + 1) > body:len() then
			return
		end
		local range = body(8 + 4 * i, 4)
		context.tree:add(f.ic_offered, range, version_text(range)):append_text(
			i < frameworks and " (framework)" or " (message)")
	end
end

local ic_bodies = {
	[0] = negotiation,
	[1] = function(context, body)
		if body:len() >= 8 then
			context.tree:add_le(f.ic_sequence, body(0, 8))
			context:say("sequence", tostring(body(0, 8):le_uint64()))
		end
	end,
	[2] = function(context, body)
		if body:len() < 2 then
			return
		end
		local operation = body(0, 1):uint()
		context.tree:add(f.kvp_operation, body(0, 1))
		context.tree:add(f.kvp_pool, body(1, 1))
		context:say("operation", kvp_operations[operation] or operation)
		if operation == 3 and body:len() >= 8 then
			context.tree:add_le(f.kvp_index, body(4, 4))
			context:say("index", body(4, 4):le_uint())
		end
	end,
	[3] = function(context, body)
		if body:len() >= 12 then
			context.tree:add_le(f.ic_reason, body(0, 4))
			context.tree:add_le(f.ic_timeout, body(4, 4))
			context.tree:add_le(f.ic_flags, body(8, 4))
			context:say("flags", string.format("0x%x", body(8, 4):le_uint()))
		end
	end,
	[4] = function(context, body)
		if body:len() >= 17 then
			context.tree:add_le(f.ic_time, body(0, 8))
			context.tree:add_le(f.ic_flags, body(16, 1))
		end
	end,
	[5] = function(context, body)
		if body:len() >= 1 then
			local operation = body(0, 1):uint()
			context.tree:add(f.vss_operation, body(0, 1))
			context:say("operation", vss_operations[operation] or operation)
		end
	end,
}

local function integration_component(context, payload)
	if payload:len() < 28 then
		return
	end
	local tree, number = context.tree, payload(12, 2):le_uint()
	local response = payload(25, 1):bitfield(5, 1) == 1
	tree:add(f.ic_framework, payload(8, 4), version_text(payload(8, 4)))
	tree:add_le(f.ic_type, payload(12, 2))
	tree:add(f.ic_message, payload(14, 4), version_text(payload(14, 4)))
	tree:add_le(f.ic_status, payload(20, 4))
	tree:add_le(f.ic_transaction, payload(24, 1))
	tree:add(f.ic_response, payload(25, 1))
	context.what = string.format("%s %s", ic_types[number] or number,
		response and "response" or "request")
	if payload:len() > 28 and ic_bodies[number] then
		ic_bodies[number](context, payload(28))
	end
	if response then
		context:say("status", string.format("0x%x", payload(20, 4):le_uint()))
	end
end

local function hv_sock(context, payload)
	if payload:len() < 8 then
		return
	end
	local bytes = payload(4, 4):le_uint()
	context.tree:add_le(f.sock_type, payload(0, 4))
	context.tree:add_le(f.sock_bytes, payload(4, 4))
	context.what = bytes > 0 and "hv_sock data" or "hv_sock end"
	if bytes > 0 then
		context:say("bytes", bytes)
	else
		context.tree:add(f.sock_end, payload(4, 4), true)
	end
	if payload:len() > 8 then
		context.tree:add(f.payload, payload(8))
	end
end

local function packet(context)
	local tvb, tree = context.tvb, context.tree
	if tvb:len() < 16 then
		too_short(context)
		return
	end
	local number, header = tvb(0, 2):le_uint(), tvb(2, 2):le_uint() * 8
	tree:add_le(f.packet_type, tvb(0, 2))
	tree:add(f.header_bytes, tvb(2, 2), header)
	tree:add(f.packet_bytes, tvb(4, 2), tvb(4, 2):le_uint() * 8)
	tree:add_le(f.completion, tvb(6, 2))
	tree:add_le(f.transaction_id, tvb(8, 8))
	context.what = packet_types[number] or string.format("packet %u", number)
	if tvb:len() <= header then
		return
	end
	local payload, device = tvb(header), context.device
	if device == "hv_sock" then
		hv_sock(context, payload)
	elseif device then
		integration_component(context, payload)
	else
		tree:add(f.payload, payload)
	end
end

-- ---- one item of a capture ---------------------------------------------------------------------

local by_kind = {synic_message, event, hypercall, packet}
local none = 0xffffffff

local Context = {}
Context.__index = Context

-- "name value" for the column Info, in the order of the message.
function Context:say(name, value)
	self.said[#self.said + 1] = value and string.format("%s=%s", name, tostring(value)) or name
end

local function add_pseudo_header(context, tvb)
	local tree = context.tree
	tree:add_le(f.kind, tvb(2, 1))
	tree:add_le(f.direction, tvb(3, 1))
	tree:add_le(f.vtl, tvb(4, 1))
	if context.sint ~= 0xff then
		tree:add_le(f.sint, tvb(5, 1))
	end
	if tvb(6, 2):le_uint() % 2 == 1 then
		tree:add(f.cut, tvb(6, 2), true)
	end
	if tvb(8, 4):le_uint() ~= none then
		tree:add_le(f.vp, tvb(8, 4))
	end
	if context.connection_id ~= none then
		tree:add_le(f.connection_id, tvb(12, 4))
	end
	if context.relid ~= 0 then
		tree:add_le(f.relid, tvb(16, 4))
		context:say("relid", context.relid)
	end
end

-- What `value` is depends on the kind.
local function add_value(context, tvb, kind)
	local tree = context.tree
	if kind == 1 then
		context.message_type = tvb(24, 4):le_uint()
		tree:add_le(f.message_type, tvb(24, 4))
	elseif kind == 2 then
		context.flag = tvb(24, 2):le_uint()
		tree:add_le(f.flag, tvb(24, 2))
		tree:add_le(f.count, tvb(32, 4))
	elseif kind == 3 then
		context.control = tvb(24, 8):le_uint64()
		context.status = tvb(20, 4):le_uint()
		tree:add_le(f.control, tvb(24, 8))
		tree:add_le(f.call, tvb(24, 2))
		tree:add_le(f.hv_status, tvb(20, 2))
	elseif kind == 4 then
		local class = guid(tvb(40, 16))
		context.device = device_of(class)
		tree:add(f.class, tvb(40, 16), class)
		if context.device then
			tree:add(f.device, tvb(40, 16), context.device):set_generated()
		end
	end
end

function vmbus.dissector(tvb, pinfo, root)
	if tvb:len() < 56 or tvb(0, 1):uint() ~= 1 or tvb(1, 1):uint() < 56 or
		tvb(1, 1):uint() > tvb:len() then
		return 0
	end
	local kind, length = tvb(2, 1):uint(), tvb(1, 1):uint()
	local context = setmetatable({
		pinfo = pinfo,
		tree = root:add(vmbus, tvb()),
		outbound = tvb(3, 1):uint() == 1,
		sint = tvb(5, 1):uint(),
		connection_id = tvb(12, 4):le_uint(),
		relid = tvb(16, 4):le_uint(),
		said = {},
	}, Context)

	pinfo.cols.protocol = kind == 1 and "SynIC" or "VMBus"
	pinfo.cols.src = context.outbound and "host" or "guest"
	pinfo.cols.dst = context.outbound and "guest" or "host"
	add_pseudo_header(context, tvb)
	add_value(context, tvb, kind)
	context.tvb = tvb(length):tvb()
	if by_kind[kind] then
		by_kind[kind](context)
	end
	local info = string.format("%s %s", directions[tvb(3, 1):uint()] or "?", context.what or "?")
	if #context.said > 0 then
		info = info .. " " .. table.concat(context.said, " ")
	end
	pinfo.cols.info = info
	context.tree:append_text(", " .. info)
	return tvb:len()
end
