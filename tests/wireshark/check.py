#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""check.py LOG CAPTURE: does tshark, with our dissector, read the same out of a capture as hvd's log?

LOG has the channel messages as `hvctl watch --type vmbus.message -o jsonl` writes them. Each must be
in the capture, in this order within a direction, with the same value of each field that both know.
Prints TAP; another status than 0 says that it could not look.
"""
import json
import pathlib
import subprocess
import sys

DISSECTOR = pathlib.Path(__file__).resolve().parents[2] / "packaging/wireshark/hvvmbus.lua"
GUIDS = {"class", "endpoint", "service"}
tests = 0


def test(passed, what, *details):
    global tests
    tests += 1
    print(f"{'' if passed else 'not '}ok {tests} - {what}")
    for detail in details if not passed else ():
        print(f"#   {detail}")


def tshark(capture, *arguments):
    command = ["tshark", "-X", f"lua_script:{DISSECTOR}", "-r", capture, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"Bail out! tshark: {done.stderr}")
    complaints = [line for line in done.stderr.splitlines() if "Running as user" not in line]
    test(not complaints, f"tshark has nothing to complain about ({' '.join(arguments)[:60]})", *complaints)
    return done.stdout


def packets(capture, *filters):
    """Each packet's fields of ours, by name: a list of values as text."""
    found = []
    for packet in json.loads(tshark(capture, "-T", "json", *filters) or "[]"):
        fields = {}
        collect(packet["_source"]["layers"].get("hvvmbus", {}), fields)
        fields["info"] = [packet["_source"]["layers"].get("_ws.col.info", "")]
        found.append(fields)
    return found


def collect(layer, fields):
    for key, value in layer.items():
        if isinstance(value, dict):
            collect(value, fields)
        elif key.startswith("hvvmbus."):
            fields.setdefault(key[8:], []).extend(value if isinstance(value, list) else [value])


def number(text):
    if isinstance(text, bool):
        return int(text)
    if isinstance(text, int):
        return text
    try:
        return int(text, 0)
    except ValueError:
        return None


def names():
    """Message names by number, out of the dissector."""
    text = DISSECTOR.read_text(encoding="utf-8")
    words = text.split("local message_types = {", 1)[1].split("}", 1)[0]
    return [word.strip(' "\n\t[0]=') for word in words.split(",") if word.strip()]


def agrees(record, packet):
    """What differs, as text; nothing when they say the same."""
    differences = []
    for key, value in record.items():
        # Of what a GPADL alone names, the dissector knows the relid and the log may not.
        if key in ("direction", "message") or key == "relid" and value == 0:
            continue
        if key not in packet and key != "relid":
            continue
        seen = packet.get(key, ["nothing"])[0]
        if key in GUIDS:  # of which the log has the first word
            seen = "0x" + seen.split("-")[0]
        if seen != str(value) and number(seen) != number(value):
            differences.append(f"{key}: {value} in the log, {seen} in tshark")
    return differences


def compare(records, seen, direction, words):
    wanted = [record for record in records if record["direction"] == direction]
    test(len(wanted) == len(seen), f"as many messages {direction}: {len(wanted)}",
         f"the log has {len(wanted)}, tshark {len(seen)}")
    for record, packet in zip(wanted, seen):
        kind = number(packet["msgtype"][0])
        name = words[kind] if kind < len(words) else "invalid"
        differences = agrees(record, packet)
        if name != record["message"]:
            differences.append(f"{record['message']} in the log, {name} in tshark")
        test(not differences, f"{direction} {record['message']}", *differences)


def main():
    log, capture = sys.argv[1:]
    with open(log, encoding="utf-8") as lines:
        records = [json.loads(line)["args"] for line in lines]
    words = names()
    messages = packets(capture, "-Y", "hvvmbus.msgtype")
    for number_, direction in enumerate(("in", "out")):
        compare(records, [p for p in messages if p["direction"][0] == str(number_)], direction, words)
    test(not tshark(capture, "-Y", "hvvmbus.malformed.expert || _ws.malformed || _ws.lua.error"),
         "nothing is malformed")
    relids = sorted({record["relid"] for record in records if record.get("relid")})
    for relid in relids:
        wanted = sum(record.get("relid") == relid for record in records)
        seen = packets(capture, "-Y", f"hvvmbus.relid == {relid} && hvvmbus.msgtype")
        test(len(seen) >= wanted, f"the filter on relid {relid} finds its {wanted} messages", f"{len(seen)}")
    opened = packets(capture, "-Y", "hvvmbus.msgtype == 5")
    wanted = sum(record["message"] == "open_channel" for record in records)
    test(wanted > 0 and len(opened) == wanted, "the filter on a message type finds those alone")
    negotiated = packets(capture, "-Y", "hvvmbus.ic.type == 0 && hvvmbus.ic.response == 1")
    test(negotiated and all(p["ic.message"] for p in negotiated), "an integration component's answer is decoded")
    print(f"1..{tests}")


main()
