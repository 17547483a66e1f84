#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Prints the guest tests of a build that run on KVM, one a line: NAME ARGUMENTS-OF-run-guest...

    guest-tests.py BUILD-DIR

tests/guest/meson.build stays the only list of them.
"""
import json
import os
import subprocess
import sys

tests = json.loads(subprocess.run(["meson", "introspect", sys.argv[1], "--tests"],
                                  check=True, capture_output=True, text=True).stdout)
for test in tests:
    name, (program, *arguments) = test["name"], test["cmd"]
    # The program that nobody has must fail; meson knows that, its introspection does not say it.
    if (os.path.basename(program) == "run-guest" and name.startswith("kvm-")
            and name != "kvm-unknown-program"):
        print(name.removeprefix("kvm-"), *arguments)
