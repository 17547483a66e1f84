/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The rules of spec/vmbus.md 10.2, a row each. docs/doctor.md is made of these texts.
 */
#include "doctor/rules.h"

const struct rule doctor_rules[DOCTOR_RULES] = {
	/* D1 */
	{
		.layer = LAYER_SLOT,
		.severity = DOCTOR_ERROR,
		.scopes = SCOPE_VP,
		.breaks = SERVICE_MESSAGES,
		.needs = SERVICE_EVENTS | SERVICE_CONNECTION,
		.blames = PARTY_VP,
		.check = check_not_consumed,
		.title = "the guest does not consume messages",
		.condition =
			"A message of the bus stands in the slot of the VP that the guest named, "
			"unchanged for 1 s. When others wait behind it, it says so (pending) and no EOM "
			"came. Of any other SINT: a message stands there, and others wait behind it.",
		.meaning =
			"The guest is not interrupted on that VP, or takes the interrupt and never gets "
			"to its message tasklet. All channel messages of a VM go through this one slot: "
			"no offer, no answer and no rescind arrives any more. Another SINT is its "
			"user's own matter, and the bus goes on.",
		.guest_shows =
			"/proc/interrupts: HYP of that CPU stands still; dmesg: soft lockup, or tasks "
			"blocked in vmbus_*",
		.remedy =
			"Look whether D4 to D7 name a reason on that VP. Then raise the interrupt once "
			"more: hvctl synic kick. If that does not help, the guest's CPU is in a loop "
			"with interrupts off: send it an NMI for a backtrace.",
		.provoke =
			"Stop the VP's thread, or let the guest run a loop with interrupts off on CPU "
			"0. Without VMBus: hvd --demo --append 'stop-consuming=3 for=60'.",
	},
	/* D2 */
	{
		.layer = LAYER_SLOT,
		.severity = DOCTOR_ERROR,
		.scopes = SCOPE_VP,
		.breaks = SERVICE_MESSAGES,
		.blames = PARTY_VP | PARTY_LOOP,
		.check = check_lost_pending,
		.title = "messages wait for an EOM that will not come",
		.condition =
			"Messages are queued behind the slot for 1 s, and its occupant does not carry "
			"the pending flag; or the slot is free and they still wait.",
		.meaning =
			"A guest writes EOM only if it sees the flag. Without it nobody tells the host "
			"that the slot is free. This is the host's fault: it must set the flag and look "
			"at the slot once more (TLFS 11.8.3).",
		.guest_shows = "nothing: the guest has seen every message it was given",
		.remedy =
			"hvctl synic kick makes hvd look at the slot again. Please report it: hvd looks "
			"at an occupied slot every millisecond, and this should not be possible.",
		.provoke = "hvctl faults add lose_pending",
	},
	/* D3 */
	{
		.layer = LAYER_CONNECTION,
		.severity = DOCTOR_ERROR,
		.scopes = SCOPE_MACHINE,
		.breaks = SERVICE_CONNECTION,
		.needs = SERVICE_MESSAGES | SERVICE_EVENTS | SERVICE_POSTS,
		.blames = PARTY_MESSAGES | PARTY_LOOP,
		.check = check_version_answer,
		.title = "the guest waits for VERSION_RESPONSE",
		.condition =
			"INITIATE_CONTACT came and for 1 s the answer has not been made, or has not "
			"reached the guest's slot.",
		.meaning =
			"The guest waits without a timeout: at boot this is a hang before any device of "
			"the bus exists, after a kexec likewise.",
		.guest_shows = "the console ends before 'Vmbus version:'; the init task is in "
			       "vmbus_negotiate_version",
		.remedy =
			"If devices are still being stopped, the vmbus state says disconnecting: see "
			"which channel keeps its device (hvctl channels list). If the message waits "
			"behind the slot, D1 to D7 say why. hvctl vm reset starts anew.",
		.provoke = "hvctl faults add drop_message --message version_response",
	},
	/* D4 */
	{
		.layer = LAYER_SYNIC,
		.severity = DOCTOR_ERROR,
		.scopes = SCOPE_VP,
		.breaks = SERVICE_EVENTS | SERVICE_MESSAGES,
		.needs = SERVICE_CONNECTION,
		.blames = PARTY_VP,
		.check = check_masked,
		.title = "the SINT is masked or has an impossible vector",
		.condition =
			"SINT 2 of a VP that gets messages or events is masked, or has a vector below "
			"16, while a message or an event flag waits there.",
		.meaning =
			"The guest took the CPU offline, or never started its SynIC there; or it was "
			"overwritten. What waits is kept, and its interrupt is owed.",
		.guest_shows =
			"/sys/devices/system/cpu/online; lsvmbus -vv: the CPU that a channel targets",
		.remedy =
			"If the CPU was taken offline, the guest has to bring it back or send the "
			"channel elsewhere: echo 0 > /sys/bus/vmbus/devices/.../channels/RELID/cpu. "
			"Otherwise the guest's driver is not loaded.",
		.provoke = "Set an event flag and mask the SINT.",
	},
	/* D5 */
	{
		.layer = LAYER_SYNIC,
		.severity = DOCTOR_ERROR,
		.scopes = SCOPE_VP,
		.breaks = SERVICE_EVENTS | SERVICE_MESSAGES,
		.needs = SERVICE_CONNECTION,
		.blames = PARTY_VP,
		.check = check_synic_off,
		.title = "the guest is connected and its SynIC is off",
		.condition =
			"The connection is up, and SCONTROL or SIMP of the VP that gets messages, or "
			"SCONTROL or SIEFP of a VP that gets events, is off in both samples.",
		.meaning =
			"A kexec or a reset without UNLOAD, MSRs lost by a save and restore, or a VP "
			"index that leads to another processor than the guest meant.",
		.guest_shows = "nothing, where the guest has gone; else dmesg after suspend",
		.remedy =
			"If GUEST_OS_ID is 0 too, the guest has gone: hvctl vm reset. Otherwise the "
			"guest has to enable it again: take the CPU offline and online.",
		.provoke = "Clear SCONTROL in a connected guest.",
	},
	/* D6 */
	{
		.layer = LAYER_SYNIC,
		.severity = DOCTOR_ERROR,
		.scopes = SCOPE_VP,
		.breaks = SERVICE_MESSAGES,
		.blames = PARTY_VP,
		.check = check_stale_slot,
		.title = "a foreign message sits in the slot",
		.condition =
			"The slot holds a message type that is neither of the bus nor of a timer, or "
			"hvd never wrote one there, for 1 s.",
		.meaning =
			"What the page held before the guest enabled it was taken for a message: nobody "
			"will ever take it out. Or somebody posted a message of a type that the guest "
			"does not know.",
		.guest_shows = "dmesg may have 'unknown msgtype'",
		.remedy =
			"Let the guest disable and enable SIMP (CPU offline and online), or hvctl vm "
			"reset. hvd empties the page when the guest enables it.",
		.provoke =
			"hvctl inject --type 0x99 to a guest that does not look; or write a type into "
			"the page before it is enabled.",
	},
	/* D7 */
	{
		.layer = LAYER_SYNIC,
		.severity = DOCTOR_ERROR,
		.scopes = SCOPE_VP,
		.breaks = SERVICE_EVENTS | SERVICE_MESSAGES,
		.needs = SERVICE_CONNECTION,
		.blames = PARTY_VP,
		.check = check_interrupt,
		.title = "an interrupt is not taken",
		.condition =
			"For 100 ms an event flag, or a message, stands before a VP whose SINT is in "
			"order, and either no interrupt was raised for it, or its vector is requested "
			"or in service all the time, or an event flag stands there although it was "
			"raised.",
		.meaning =
			"Requested and not taken: the guest runs with interrupts off or a high task "
			"priority. In service for long: the EOI is missing, as when the guest was told "
			"to send one (CPUID 0x40000004 EAX bit 9) and the SINT is auto-EOI, or the "
			"other way round. Neither: the host dropped the interrupt.",
		.guest_shows = "/proc/interrupts: HYP of that CPU stands still",
		.remedy =
			"hvctl synic kick raises the interrupt again. If it is in service for ever, "
			"compare hvctl sints show VP 2 (auto_eoi) with the CPUID hint.",
		.provoke = "hvctl faults add skip_assert",
	},
	/* D8 */
	{
		.layer = LAYER_SLOT,
		.severity = DOCTOR_WARN,
		.scopes = SCOPE_VP,
		.breaks = SERVICE_MESSAGES,
		.blames = PARTY_VP,
		.check = check_timer_slot,
		.title = "timer messages hold the slot of the bus",
		.condition =
			"The slot of the bus's SINT holds a timer's message in both samples, and "
			"messages of the bus wait, none of which was delivered in between.",
		.meaning =
			"Synthetic timers that send messages share the slot with the bus on CPU 0. One "
			"that expires all the time leaves no room.",
		.guest_shows = "/proc/interrupts: HVS counts fast",
		.remedy =
			"Offer direct timers (hvd does unless told otherwise), and see which timer it "
			"is: hvctl stimers list.",
		.provoke =
			"A guest with a short periodic timer in message mode that does not free the "
			"slot.",
	},
	/* D9 */
	{
		.layer = LAYER_RING,
		.severity = DOCTOR_ERROR,
		.scopes = SCOPE_CHANNEL,
		.breaks = SERVICE_DATA,
		.needs = SERVICE_EVENTS | SERVICE_CHANNEL,
		.blames = PARTY_GUEST,
		.check = check_swallowed_event,
		.title = "the guest took an event and did not read the ring",
		.condition =
			"The host-to-guest ring has had data for 1 s, its interrupt is not masked, the "
			"read index does not move, and the event flag is clear: the guest has taken it.",
		.meaning =
			"The event came before the guest had its callback in place (before "
			"OPEN_RESULT), or was lost on the way into the driver. The guest believes the "
			"ring to be empty.",
		.guest_shows =
			"/sys/bus/vmbus/devices/.../channels/RELID: in_... read_avail > 0 and events "
			"stands still",
		.remedy =
			"hvctl channels unstick sets the event flag again. hvd does so itself 100 ms "
			"after each open.",
		.provoke = "hvctl faults add early_event",
	},
	/* D10 */
	{
		.layer = LAYER_RING,
		.severity = DOCTOR_ERROR,
		.scopes = SCOPE_CHANNEL,
		.breaks = SERVICE_DATA,
		.needs = SERVICE_EVENTS | SERVICE_CHANNEL,
		.blames = PARTY_GUEST,
		.check = check_dead_reader,
		.title = "nobody in the guest reads the ring",
		.condition =
			"As D9, but the guest was woken since the last packet and still does not read; "
			"or its reader has the interrupt masked.",
		.meaning =
			"The guest's reader is dead or waits itself: a driver that hangs, a daemon or "
			"uio program that was stopped, a tasklet that starves. For hv_sock it only "
			"means that a program does not read its socket.",
		.guest_shows = "tasks in state D; ps: is the program running; "
			       "/sys/bus/vmbus/devices/.../in_intr_mask",
		.remedy =
			"Look at the guest's tasks. From the host, the channel can be taken back: hvctl "
			"channels rescind; the driver then starts anew when it is offered again.",
		.provoke = "Stop the echo program of the guest.",
	},
	/* D11 */
	{
		.layer = LAYER_RING,
		.severity = DOCTOR_ERROR,
		.scopes = SCOPE_CHANNEL,
		.breaks = SERVICE_DATA,
		.needs = SERVICE_EVENTS | SERVICE_CHANNEL,
		.blames = PARTY_GUEST | PARTY_LOOP,
		.check = check_lost_space,
		.title = "a writer waits for room that is there",
		.condition =
			"pending_send_sz names an amount of room that has been free for 1 s, no index "
			"moves, and no signal is sent.",
		.meaning =
			"The signal that tells a writer of room was lost or not sent: the rule is that "
			"a read which makes the free space cross pending_send_sz signals. Old guests "
			"(Linux before 3.11) get it wrong.",
		.guest_shows = "writers in state D or EAGAIN; out_full_first of the channel counts",
		.remedy =
			"hvctl channels unstick signals whoever waits. If it happens again, look at "
			"feature_bits of the ring: bit 0 must be set.",
		.provoke = "hvctl faults add skip_room_signal",
	},
	/* D12 */
	{
		.layer = LAYER_RING,
		.severity = DOCTOR_ERROR,
		.scopes = SCOPE_CHANNEL,
		.breaks = SERVICE_DATA,
		.needs = SERVICE_CHANNEL,
		.blames = PARTY_GUEST | PARTY_LOOP | PARTY_MONITOR,
		.check = check_host_reader,
		.title = "the host does not read what the guest sent",
		.condition =
			"The guest-to-host ring has had data for 1 s, hvd's read index does not move, "
			"and no client is to blame. With the mask set hvd asked for silence and forgot; "
			"without, the signal was lost or never sent.",
		.meaning =
			"Mask set: the host's reader leaked its wake-up. Mask clear and no signal: the "
			"guest wrote and did not signal, which guests must when the ring was empty.",
		.guest_shows = "out_... read_avail > 0; the guest waits for an answer",
		.remedy =
			"hvctl channels unstick makes hvd look at the ring. If the mask was set, please "
			"report it.",
		.provoke = "hvctl faults add leave_masked; a uio program that does not signal.",
	},
	/* D13 */
	{
		.layer = LAYER_CHANNEL,
		.severity = DOCTOR_WARN,
		.scopes = SCOPE_CHANNEL,
		.needs = SERVICE_OFFERS | SERVICE_MESSAGES | SERVICE_EVENTS | SERVICE_CONNECTION,
		.blames = PARTY_GUEST,
		.check = check_no_driver,
		.title = "the guest does not take up an offer",
		.condition =
			"A channel has been on offer for 10 s on a connection that is up, and the guest "
			"has made no GPADL and has not opened it.",
		.meaning =
			"No driver for the class is loaded, or its probe failed, for instance because "
			"there were no contiguous pages for the rings. For a class that Linux has no "
			"driver for this is normal, and only told.",
		.guest_shows = "lsvmbus; dmesg | grep -i -e hv_ -e 'page allocation failure'",
		.remedy = "Load the driver in the guest: modprobe hv_utils. For private classes: "
			  "uio_hv_generic and new_id.",
		.provoke =
			"Offer a private class: hvd --device null; or a heartbeat to a guest without "
			"hv_utils.",
	},
	/* D14 */
	{
		.layer = LAYER_CHANNEL,
		.severity = DOCTOR_ERROR,
		.scopes = SCOPE_CHANNEL,
		.breaks = SERVICE_CHANNEL | SERVICE_OFFERS,
		.needs = SERVICE_MESSAGES | SERVICE_EVENTS | SERVICE_CHANNEL,
		.blames = PARTY_MESSAGES | PARTY_LOOP,
		.check = check_opening,
		.title = "the guest waits for OPEN_RESULT",
		.condition =
			"A channel has been opening for 2 s: the host's device has not started; or "
			"OPEN_RESULT was made and has not reached the slot for 1 s.",
		.meaning =
			"The guest's opener waits without a timeout. For hv_sock and uio it is the "
			"worker that takes up every offer: nothing is offered to anybody until it ends.",
		.guest_shows =
			"a task in D state in vmbus_open or __vmbus_open; later devices do not appear",
		.remedy =
			"hvctl channels rescind frees the waiting task (its open fails). Then look at "
			"why the device did not start.",
		.provoke = "hvctl faults add hold_open",
	},
	/* D15 */
	{
		.layer = LAYER_CHANNEL,
		.severity = DOCTOR_INFO,
		.scopes = SCOPE_CHANNEL,
		.needs = SERVICE_MESSAGES | SERVICE_EVENTS,
		.check = check_rescind_race,
		.title = "the guest opens what has just been taken back",
		.condition =
			"A channel was revoked, an OPEN_CHANNEL or GPADL_HEADER for it came afterwards, "
			"and the RESCIND has not reached the guest's slot yet.",
		.meaning =
			"Both sides acted at once. The guest gets no answer to its open; the RESCIND is "
			"the answer. All is well as long as messages move.",
		.guest_shows = "the open fails with ENODEV a moment later",
		.remedy = "Nothing, if the queue moves; if it does not, D1 is the cause.",
		.provoke =
			"Remove a device while the guest opens it, with a message held in the slot.",
	},
	/* D16 */
	{
		.layer = LAYER_GPADL,
		.severity = DOCTOR_ERROR,
		.scopes = SCOPE_GPADL,
		.breaks = SERVICE_CHANNEL,
		.needs = SERVICE_POSTS,
		.blames = PARTY_GUEST | PARTY_LOOP,
		.check = check_gpadl_body,
		.title = "parts of a GPADL are missing",
		.condition = "GPADL_HEADER came, bodies are missing, and none has come for 1 s.",
		.meaning =
			"A body was lost, because the guest was refused too often or named another id; "
			"or the guest died in between. The guest waits for GPADL_CREATED without a "
			"timeout.",
		.guest_shows = "a task in D state in vmbus_establish_gpadl",
		.remedy =
			"hvctl channels rescind frees the task. Look whether posts are refused (D25).",
		.provoke = "hvctl faults add drop_message --direction in --message gpadl_body",
	},
	/* D17 */
	{
		.layer = LAYER_GPADL,
		.severity = DOCTOR_ERROR,
		.scopes = SCOPE_GPADL | SCOPE_OWED,
		.breaks = SERVICE_CHANNEL | SERVICE_OFFERS,
		.needs = SERVICE_MESSAGES | SERVICE_EVENTS,
		.blames = PARTY_MESSAGES | PARTY_LOOP,
		.check = check_gpadl_torndown,
		.title = "the guest waits for GPADL_TORNDOWN",
		.condition =
			"GPADL_TEARDOWN came and for 2 s the memory has not been given back, or the "
			"answer has not reached the slot.",
		.meaning =
			"For the rings of a channel Linux waits with its global channel mutex held: "
			"every offer, every rescind and every retargeting of the VM stands still. "
			"RESCIND does not help, because it wants the same mutex.",
		.guest_shows =
			"a task in D state in vmbus_teardown_gpadl; kworkers hv_pri_chan and "
			"hv_vmbus_rescind blocked",
		.remedy =
			"Only the answer helps: the host's device has to let go of the memory. See "
			"device_state of the channel, and hvctl faults list.",
		.provoke = "hvctl faults add hold_close",
	},
	/* D18 */
	{
		.layer = LAYER_SERVICE,
		.severity = DOCTOR_INFO,
		.scopes = SCOPE_IC,
		.needs = SERVICE_EVENTS | SERVICE_CHANNEL,
		.blames = PARTY_GUEST,
		.check = check_no_daemon,
		.title = "a daemon does not run in the guest",
		.condition =
			"The channel of a component that needs a daemon is open, and its first packet "
			"has not been read.",
		.meaning =
			"The driver of KVP does not read before its daemon has registered with it. "
			"This is normal; the packet waits. (That of VSS reads and agrees on versions "
			"without its daemon, and refuses what it is asked: only hvctl ic backup "
			"tells.)",
		.guest_shows = "systemctl status hv-kvp-daemon: not running",
		.remedy =
			"Install and start it in the guest: apt install hyperv-daemons. Nothing needs "
			"to be done on the host.",
		.provoke = "A guest with hv_utils and without hyperv-daemons.",
	},
	/* D19 */
	{
		.layer = LAYER_GPADL,
		.severity = DOCTOR_ERROR,
		.scopes = SCOPE_OWED,
		.breaks = SERVICE_CHANNEL,
		.needs = SERVICE_MESSAGES | SERVICE_EVENTS,
		.blames = PARTY_MESSAGES | PARTY_LOOP,
		.check = check_gpadl_created,
		.title = "the guest waits for GPADL_CREATED",
		.condition =
			"A GPADL is complete and was accepted, and for 1 s GPADL_CREATED has not "
			"reached the guest's slot.",
		.meaning =
			"The answer was lost or waits behind others. The guest's opener waits without a "
			"timeout.",
		.guest_shows = "a task in D state in vmbus_establish_gpadl",
		.remedy =
			"If messages do not move, see D1 to D7. Otherwise hvctl channels rescind frees "
			"the task.",
		.provoke = "hvctl faults add drop_message --message gpadl_created",
	},
	/* D20 */
	{
		.layer = LAYER_CHANNEL,
		.severity = DOCTOR_WARN,
		.scopes = SCOPE_CHANNEL,
		.breaks = SERVICE_CHANNEL,
		.needs = SERVICE_OFFERS | SERVICE_MESSAGES | SERVICE_EVENTS | SERVICE_CONNECTION,
		.blames = PARTY_GUEST,
		.check = check_not_released,
		.title = "the guest does not let go of a channel",
		.condition =
			"A channel was taken back, RESCIND reached the guest's slot, and for 10 s there "
			"has been no RELID_RELEASED.",
		.meaning =
			"Something in the guest keeps the device: a program that has /dev/uioN or a "
			"socket open, a driver whose removal waits for requests, or a probe that has "
			"not ended. Its relid cannot be used again until then.",
		.guest_shows = "dmesg; fuser /dev/uio*; the kworker hv_vmbus_rescind",
		.remedy =
			"Find who keeps it in the guest: its state before tells where to look. If D17 "
			"or D14 stand above, they block it.",
		.provoke = "Open /dev/uio0 in the guest, then remove the device.",
	},
	/* D21 */
	{
		.layer = LAYER_RING,
		.severity = DOCTOR_ERROR,
		.scopes = SCOPE_CHANNEL,
		.breaks = SERVICE_DATA | SERVICE_CHANNEL,
		.check = check_broken_ring,
		.title = "a ring makes no sense",
		.condition =
			"An invariant of spec 4.6 is broken: an index out of bounds (R1) or unaligned "
			"(R2), a packet whose lengths lead nowhere (R3, R4), or a writer that waits for "
			"more room than the ring has (R7). Or the channel failed for that reason.",
		.meaning =
			"The guest wrote garbage, or both sides disagree about the size of the rings or "
			"where the second begins. hvd stops the channel's device and goes on.",
		.guest_shows =
			"the driver or program of the channel waits; out_/in_ indices in sysfs",
		.remedy =
			"hvctl rings show RELID shows both control pages. The channel has to be closed "
			"by the guest, or taken back: hvctl channels rescind.",
		.provoke = "Let the echo program write a bad index.",
	},
	/* D22 */
	{
		.layer = LAYER_GPADL,
		.severity = DOCTOR_ERROR,
		.scopes = SCOPE_CHANNEL,
		.breaks = SERVICE_CHANNEL,
		.check = check_early_teardown,
		.title = "the guest took the rings away from an open channel",
		.condition =
			"GPADL_TEARDOWN came for the rings of a channel that is open; hvd refused it.",
		.meaning =
			"A faulty guest driver, or a CLOSE_CHANNEL that was lost. The guest waits for "
			"GPADL_TORNDOWN, which it will not get before it closes the channel.",
		.guest_shows = "a task in D state in vmbus_teardown_gpadl",
		.remedy =
			"hvctl channels rescind; if the guest holds the channel mutex, only a reset "
			"helps.",
		.provoke = "GPADL_TEARDOWN without CLOSE_CHANNEL from a test guest.",
	},
	/* D23 */
	{
		.layer = LAYER_CHANNEL,
		.severity = DOCTOR_ERROR,
		.scopes = SCOPE_CHANNEL,
		.breaks = SERVICE_CHANNEL,
		.needs = SERVICE_MESSAGES,
		.blames = PARTY_GUEST | PARTY_LOOP,
		.check = check_modify,
		.title = "a channel hangs between two VPs",
		.condition =
			"MODIFY_CHANNEL came and for 1 s its response has not reached the slot (5.3); "
			"or an event flag of the channel stands on the VP that it has left.",
		.meaning =
			"The guest holds its channel mutex and the CPU hotplug lock while it waits. An "
			"event on the old VP is found by nobody, and taking that CPU offline fails with "
			"EBUSY.",
		.guest_shows = "echo N > .../channels/RELID/cpu does not return",
		.remedy =
			"hvctl channels unstick signals on the new VP. If the response is missing, "
			"messages do not move: see D1.",
		.provoke = "hvctl faults add drop_message --message modify_channel_response",
	},
	/* D24 */
	{
		.layer = LAYER_CHANNEL,
		.severity = DOCTOR_ERROR,
		.scopes = SCOPE_CHANNEL,
		.breaks = SERVICE_EVENTS,
		.blames = PARTY_VP,
		.check = check_target_vp,
		.title = "events go to a VP that cannot take them",
		.condition =
			"The guest named a VP that there is not, or that never set up its SynIC, or "
			"that has no event flags page, so that a signal was lost.",
		.meaning =
			"The guest's idea of VP numbers differs from hvd's (VP_INDEX), or the CPU is "
			"not up. Signals of the channel get lost silently.",
		.guest_shows = "lsvmbus -vv: target CPU; /sys/devices/system/cpu/online",
		.remedy =
			"Send the channel elsewhere in the guest: echo 0 > .../channels/RELID/cpu. hvd "
			"looks at the rings anyway when it is signalled.",
		.provoke = "OPEN_CHANNEL with a VP that does not exist.",
	},
	/* D25 */
	{
		.layer = LAYER_MESSAGES,
		.severity = DOCTOR_ERROR,
		.scopes = SCOPE_MACHINE,
		.breaks = SERVICE_POSTS,
		.needs = SERVICE_MESSAGES | SERVICE_EVENTS | SERVICE_CONNECTION,
		.blames = PARTY_MESSAGES | PARTY_LOOP,
		.check = check_posts_refused,
		.title = "messages of the guest are refused or not taken",
		.condition =
			"HvPostMessage calls were refused between the samples, or messages wait and "
			"none has been taken for 1 s.",
		.meaning =
			"64 messages may wait; then the guest is told to come back and tries for about "
			"165 s. hvd takes none while an answer waits for the guest's slot, so that a "
			"guest which does not consume messages stops itself.",
		.guest_shows = "dmesg: hv_post_msg() failed",
		.remedy = "See D1 to D7 for why answers do not get out, and hvctl faults list.",
		.provoke = "hvctl faults add pause_pump; hvctl faults add refuse_post",
	},
	/* D26 */
	{
		.layer = LAYER_MESSAGES,
		.severity = DOCTOR_WARN,
		.scopes = SCOPE_MACHINE,
		.check = check_unknown_signals,
		.title = "signals lead to no channel",
		.condition =
			"HvSignalEvent named connection ids that there are not, between the samples.",
		.meaning =
			"A few are a race with a channel that was just closed and do no harm. Many mean "
			"that the guest uses a channel that the host has closed.",
		.guest_shows = "a driver that waits for an answer",
		.remedy =
			"hvctl watch --type port.signal shows which id; channel ids are 0x2000 + relid.",
		.provoke = "Signal a connection id that nobody has.",
	},
	/* D27 */
	{
		.layer = LAYER_RING,
		.severity = DOCTOR_ERROR,
		.scopes = SCOPE_CHANNEL,
		.breaks = SERVICE_DATA | SERVICE_CHANNEL,
		.blames = PARTY_MONITOR,
		.check = check_monitor,
		.title = "the monitor page is not polled",
		.condition =
			"The guest set the monitor bit of an open channel, and for 10 ms nobody has "
			"taken it.",
		.meaning =
			"Channels with monitored notification (uio_hv_generic) do not call the host: "
			"hvd has to look at the page. The guest's first request then hangs.",
		.guest_shows = "the uio program waits in read()",
		.remedy =
			"hvctl inspect monitor; hvctl channels unstick makes hvd look at the ring once.",
		.provoke = "hvctl faults add skip_monitor",
	},
	/* D28 */
	{
		.layer = LAYER_CHANNEL,
		.severity = DOCTOR_ERROR,
		.scopes = SCOPE_CHANNEL,
		.breaks = SERVICE_CHANNEL,
		.blames = PARTY_LOOP,
		.check = check_no_rescind,
		.title = "a closed hv_sock connection was not taken back",
		.condition =
			"The guest closed a channel of hv_sock, and for 1 s RESCIND was not sent.",
		.meaning =
			"Linux's device thread waits for RESCIND in a loop after closing: it keeps a "
			"CPU busy, and the relid is lost until then.",
		.guest_shows = "a kworker at 100 %; lsvmbus lists connections that are over",
		.remedy = "hvctl channels rescind sends it. Please report it.",
		.provoke = "hvctl faults add skip_rescind",
	},
	/* D29 */
	{
		.layer = LAYER_SERVICE,
		.severity = DOCTOR_WARN,
		.scopes = SCOPE_SOCK,
		.needs = SERVICE_OFFERS | SERVICE_MESSAGES | SERVICE_EVENTS | SERVICE_CONNECTION |
			 SERVICE_CHANNEL,
		.blames = PARTY_GUEST,
		.check = check_no_listener,
		.title = "nobody listens on the port in the guest",
		.condition =
			"A connection of the host was offered to the guest, which for 1.5 s has made no "
			"GPADL to open it.",
		.meaning =
			"No program listens on that port, its backlog is full, or hv_sock is not "
			"loaded. hvd takes the offer back after 2 s, and tells the client.",
		.guest_shows = "ss --vsock -l",
		.remedy = "Start the listener in the guest, or modprobe hv_sock.",
		.provoke = "hvctl sock 9 without a listener.",
	},
	/* D30 */
	{
		.layer = LAYER_SERVICE,
		.severity = DOCTOR_ERROR,
		.scopes = SCOPE_IC,
		.needs = SERVICE_EVENTS | SERVICE_MESSAGES | SERVICE_CHANNEL | SERVICE_DATA |
			 SERVICE_CONNECTION,
		.blames = PARTY_GUEST | PARTY_LOOP,
		.check = check_heartbeat,
		.title = "the heartbeat stopped",
		.condition =
			"A component that speaks on its own has negotiated, and the last request was "
			"not answered in two periods; or an answer did not fit.",
		.meaning =
			"The guest's kernel hangs, its VP gets no time, or the channel is stuck: then "
			"D7, D9 or D10 stand above.",
		.guest_shows = "dmesg: hung tasks, soft lockup, RCU stalls",
		.remedy =
			"hvctl ic ping asks once more. Look at the channel's rings first, then at the "
			"VP; an NMI gives a backtrace.",
		.provoke = "Stop the thread of the VP that answers.",
	},
	/* D31 */
	{
		.layer = LAYER_SERVICE,
		.severity = DOCTOR_WARN,
		.scopes = SCOPE_IC,
		.needs = SERVICE_EVENTS | SERVICE_CHANNEL,
		.blames = PARTY_GUEST,
		.check = check_pipelined,
		.title = "a component was sent two requests at once",
		.condition =
			"A request was put behind one that the guest had not read, and one of them is "
			"still in the ring. The driver reads one packet per interrupt.",
		.meaning =
			"The host has to keep lock-step with shutdown, KVP and VSS. The second request "
			"waits for an interrupt that nobody sends.",
		.guest_shows = "nothing",
		.remedy =
			"hvctl channels unstick once for each packet that is left. hvd waits for the "
			"answer before it asks again.",
		.provoke = "hvctl faults add pipeline_ic",
	},
	/* D32 */
	{
		.layer = LAYER_SERVICE,
		.severity = DOCTOR_WARN,
		.scopes = SCOPE_IC,
		.blames = PARTY_GUEST,
		.check = check_still_up,
		.title = "the guest agreed to go down and did not",
		.condition =
			"The guest answered a request to power off or reboot with success, and the VM "
			"still runs after a minute.",
		.meaning =
			"The kernel agrees before user space has done anything. A guest without the "
			"power-off helper, or with a service that does not stop, stays up.",
		.guest_shows = "systemctl list-jobs",
		.remedy = "hvctl ic shutdown --force; then hvctl vm shutdown.",
		.provoke = "A guest whose init knows no power-off.",
	},
	/* D33 */
	{
		.layer = LAYER_CONNECTION,
		.severity = DOCTOR_ERROR,
		.scopes = SCOPE_MACHINE,
		.breaks = SERVICE_CONNECTION,
		.needs = SERVICE_MESSAGES | SERVICE_EVENTS | SERVICE_POSTS,
		.blames = PARTY_MESSAGES | PARTY_LOOP,
		.check = check_unload_answer,
		.title = "the guest waits for UNLOAD_RESPONSE",
		.condition =
			"UNLOAD came, and for 1 s the answer has not been made or has not reached the "
			"guest's slot.",
		.meaning =
			"A kexec waits for it without a timeout; a crash kernel for 100 s. Devices that "
			"do not stop hold it up.",
		.guest_shows = "console: 'VMBus UNLOAD did not complete'",
		.remedy = "See which channel keeps its device (hvctl channels list: "
			  "closing_client_release), and whether messages move (D1).",
		.provoke = "hvctl faults add drop_message --message unload_response",
	},
	/* D34 */
	{
		.layer = LAYER_CHANNEL,
		.severity = DOCTOR_ERROR,
		.scopes = SCOPE_CHANNEL,
		.breaks = SERVICE_CHANNEL,
		.check = check_offered_twice,
		.title = "a device was offered twice",
		.condition =
			"A device is offered while the guest still has an earlier offer of it.",
		.meaning =
			"Linux warns once, drops the second offer without a word and never releases its "
			"relid.",
		.guest_shows = "dmesg: WARNING in vmbus_add_channel_work or vmbus_process_offer",
		.remedy =
			"Reboot the guest to get the relid back. hvd refuses duplicates: please report "
			"it.",
		.provoke = "hvctl faults add duplicate_offer",
	},
	/* D35 */
	{
		.layer = LAYER_RING,
		.severity = DOCTOR_ERROR,
		.scopes = SCOPE_CHANNEL,
		.breaks = SERVICE_DATA | SERVICE_CHANNEL,
		.check = check_oversize,
		.title = "a packet was too long for the guest",
		.condition =
			"hvd sent a packet longer than the guest's driver of that class copies.",
		.meaning =
			"Linux 6.1 cuts it off and goes on reading in the middle of it: the channel is "
			"of no use from then on.",
		.guest_shows = "the driver's messages make no sense",
		.remedy =
			"Close and open the channel in the guest (unbind, bind), or hvctl channels "
			"rescind.",
		.provoke = "hvctl faults add oversize_packet",
	},
	/* D36 */
	{
		.layer = LAYER_CONNECTION,
		.severity = DOCTOR_WARN,
		.scopes = SCOPE_MACHINE,
		.breaks = SERVICE_CONNECTION,
		.needs = SERVICE_EVENTS | SERVICE_MESSAGES,
		.blames = PARTY_GUEST | PARTY_LOOP,
		.check = check_no_request_offers,
		.title = "the guest negotiated and did not ask for offers",
		.condition =
			"The version has been agreed on for 5 s, and REQUEST_OFFERS has not come.",
		.meaning = "The guest died between the two, or the rest of its VMBus start failed.",
		.guest_shows = "the console, after 'Vmbus version:'",
		.remedy = "Look at the guest's console. hvctl vm reset starts anew.",
		.provoke = "INITIATE_CONTACT and nothing more.",
	},
	/* D37 */
	{
		.layer = LAYER_CONNECTION,
		.severity = DOCTOR_WARN,
		.scopes = SCOPE_MACHINE,
		.check = check_version,
		.title = "an old version, or none",
		.condition =
			"The guest chose a version below the highest that hvd knows (told only); or its "
			"last attempt was refused and it is not connected.",
		.meaning =
			"An old guest, the module parameter max_version, or an INITIATE_CONTACT that "
			"hvd did not like: a VP or SINT that cannot be, or one monitor page without the "
			"other.",
		.guest_shows = "dmesg: 'Vmbus version:' or 'Unable to connect to host'",
		.remedy =
			"hvctl inspect vmbus/history shows the attempts. Nothing needs to be done about "
			"an old version that works.",
		.provoke = "hv_vmbus.max_version=0x40000 on the guest's command line.",
	},
	/* D38 */
	{
		.layer = LAYER_VP,
		.severity = DOCTOR_ERROR,
		.scopes = SCOPE_MACHINE,
		.breaks = SERVICE_CONNECTION | SERVICE_EVENTS | SERVICE_MESSAGES,
		.blames = PARTY_GUEST,
		.check = check_gone_guest,
		.title = "the guest has gone and the connection has not",
		.condition =
			"GUEST_OS_ID is 0 or the hypercall page disabled, in both samples, while the "
			"connection is up.",
		.meaning = "The guest was restarted inside the VM (kexec, triple fault handled by "
			   "firmware) without UNLOAD. What it had is still held for it.",
		.guest_shows = "it boots, and finds its channels only after INITIATE_CONTACT",
		.remedy =
			"A new INITIATE_CONTACT resets everything. If none comes: hvctl vm reset.",
		.provoke = "kexec -f without UNLOAD.",
	},
	/* D39 */
	{
		.layer = LAYER_VP,
		.severity = DOCTOR_ERROR,
		.scopes = SCOPE_MACHINE,
		.breaks = SERVICE_CONNECTION | SERVICE_EVENTS | SERVICE_MESSAGES,
		.check = check_crash,
		.title = "the guest panicked",
		.condition =
			"The guest reported a crash through CRASH_CTL since it was switched on.",
		.meaning =
			"P0 to P4 say why: Linux puts the error, RIP, RAX and RSP there, or the address "
			"and size of its log. An UNLOAD follows.",
		.guest_shows = "console: Kernel panic",
		.remedy = "Collect the console and hvctl inspect hv. hvctl vm reset starts anew.",
		.provoke = "echo c > /proc/sysrq-trigger",
	},
	/* D40 */
	{
		.layer = LAYER_RING,
		.severity = DOCTOR_WARN,
		.scopes = SCOPE_CHANNEL,
		.check = check_needless_signals,
		.title = "the guest signals far more often than it writes",
		.condition =
			"More than 1000 signals a second came for a channel, and more than 8 for each "
			"packet.",
		.meaning =
			"The guest signals a ring that is not empty, or the host left its mask off "
			"while it polls. It costs exits, nothing else.",
		.guest_shows = "a CPU busy with hypercalls",
		.remedy =
			"Look at the guest's driver. hv_sock masks its ring while it reads; other "
			"devices of hvd read at once.",
		.provoke = "Let the echo program flood signals.",
	},
};
