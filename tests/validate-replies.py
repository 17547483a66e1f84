#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Validates every reply the server gave while HVD_REPLY_LOG was set.

validate-replies.py [--all-routes] [--ignore SCHEMA]... SCHEMA-DIRECTORY REPLY-LOG

Each line of the log is a reply: method, pattern, status, schema, body. A body that does not fit its
schema fails the run, and so does a schema that is not in the directory, unless it is ignored (tests
register collections of their own). With --all-routes a route of schema/openapi.json that was never
answered with success fails the run too.
"""
import argparse
import collections
import json
import pathlib
import sys

import jsonschema


def load_schemas(directory):
    schemas = {}
    for path in sorted(pathlib.Path(directory).glob("*.json")):
        schema = json.loads(path.read_text())
        if path.stem != "openapi":
            jsonschema.Draft202012Validator.check_schema(schema)
            schemas[path.stem] = jsonschema.Draft202012Validator(schema)
    return schemas


def documented_routes(directory):
    document = json.loads((pathlib.Path(directory) / "openapi.json").read_text())
    return {
        (method.upper(), pattern)
        for pattern, methods in document["paths"].items()
        for method in methods
    }


def check_line(line, schemas, ignored):
    """What is wrong with one reply, or None."""
    name = line["schema"]
    if name is None or name in ignored:
        return None
    if name not in schemas:
        return "has no schema called %s" % name
    error = next(schemas[name].iter_errors(line["body"]), None)
    if error is None:
        return None
    return "is no %s: %s: %s" % (name, "/".join(map(str, error.absolute_path)), error.message[:400])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--all-routes", action="store_true")
    parser.add_argument("--ignore", action="append", default=[])
    parser.add_argument("schemas")
    parser.add_argument("log")
    options = parser.parse_args()

    schemas = load_schemas(options.schemas)
    hits, wrong, count = collections.Counter(), 0, 0
    with open(options.log, encoding="utf-8") as log:
        for text in log:
            line = json.loads(text)
            count += 1
            if line["status"] < 400:
                hits["GET" if line["method"] == "HEAD" else line["method"], line["pattern"]] += 1
            problem = check_line(line, schemas, set(options.ignore))
            if problem:
                wrong += 1
                print("%s %s: %d: the reply %s" % (line["method"], line["pattern"], line["status"], problem))

    never = sorted(documented_routes(options.schemas) - set(hits)) if options.all_routes else []
    for method, pattern in never:
        print("%s %s: never hit" % (method, pattern))
    print("%d replies, %d wrong; %d routes never hit" % (count, wrong, len(never)))
    return 1 if wrong or never or count == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
