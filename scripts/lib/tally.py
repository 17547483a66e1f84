#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Counts what a meson test run really ran.

    tally.py TESTLOG.json LABEL

Meson counts programs; people want to know about tests. A program that speaks TAP (bats, the lint
scripts) is counted by its result lines, a cmocka program by its own, any other as one test. A
program that failed without saying where (crash, timeout, bad plan) counts as one failure on top.

Prints "PASSED FAILED SKIPPED" on the first line, then one line for each failure ("fail NAME") and
each skip ("skip NAME: REASON").
"""

import json
import re
import sys

TAP_LINE = re.compile(r"^(not )?ok\b\s*\d*\s*(?:- )?(.*?)(?:\s*#\s*(skip|todo)\b\S*[ \t]*(.*))?$", re.I | re.M)
TAP_PLAN = re.compile(r"^1\.\.\d+(?:\s*#\s*skip\S*\s*(.*))?$", re.I | re.M)
CMOCKA_LINE = re.compile(r"^\[\s*(OK|FAILED|SKIPPED)\s*\] (.*)$", re.M)
CMOCKA_RUN = re.compile(r"^\[=+\] .*Running \d+ test", re.M)
SKIPPED_PROGRAM = "SKIP"
GOOD_PROGRAM = ("OK", "EXPECTEDFAIL", SKIPPED_PROGRAM)


def tap_results(text):
    for failed, name, directive, reason in TAP_LINE.findall(text):
        if directive.lower() == "skip":
            yield "skip", name.strip(), reason.strip()
        else:
            yield ("fail" if failed and directive.lower() != "todo" else "pass"), name.strip(), ""


def cmocka_results(text):
    words = {"OK": "pass", "FAILED": "fail", "SKIPPED": "skip"}
    for word, name in CMOCKA_LINE.findall(text):
        yield words[word], name.strip(), ""


def last_line(text):
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].strip() if lines else "no reason given"


def program_results(entry):
    """Yields (verdict, name, reason) for every test of one program."""
    stdout = entry.get("stdout", "")
    plan = TAP_PLAN.search(stdout)
    if plan:
        results = list(tap_results(stdout))
        if not results and plan.group(1):
            results = [("skip", "all", plan.group(1))]
    elif CMOCKA_RUN.search(stdout):
        results = list(cmocka_results(stdout))
    elif entry["result"] == SKIPPED_PROGRAM:
        results = [("skip", "", last_line(stdout + entry.get("stderr", "")))]
    else:
        results = [("pass" if entry["result"] in GOOD_PROGRAM else "fail", "", "")]
    if entry["result"] not in GOOD_PROGRAM and not any(r[0] == "fail" for r in results):
        results.append(("fail", "(program: %s)" % entry["result"].lower(), ""))
    return results


def main(path, label):
    counts = {"pass": 0, "fail": 0, "skip": 0}
    notes = []
    with open(path, encoding="utf-8") as log:
        for line in log:
            entry = json.loads(line)
            program = entry["name"].split(" / ")[-1]
            for verdict, name, reason in program_results(entry):
                counts[verdict] += 1
                if verdict != "pass":
                    full = "%s: %s" % (label, " / ".join(filter(None, (program, name))))
                    notes.append("%s %s%s" % (verdict, full, ": " + reason if reason else ""))
    print(counts["pass"], counts["fail"], counts["skip"])
    print("\n".join(notes))


if __name__ == "__main__":
    main(*sys.argv[1:])
