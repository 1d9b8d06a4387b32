#!/usr/bin/env python3
"""Holds every dependency to deny.toml: its licence is on the list, its source is crates.io.

cargo-deny reads the same file and checks more; this needs nothing but cargo and Python 3.11.
"""

import json
import pathlib
import re
import subprocess
import sys
import tomllib

ROOT = pathlib.Path(__file__).resolve().parent.parent


def is_allowed(expression, allowed):
    """An SPDX expression: `/` is an old spelling of OR; AND binds before OR."""
    tokens = re.findall(r"\(|\)|[^\s()]+", expression.replace("/", " OR "))

    def either(at):
        value, at = both(at)
        while at < len(tokens) and tokens[at] == "OR":
            right, at = both(at + 1)
            value = value or right
        return value, at

    def both(at):
        value, at = one(at)
        while at < len(tokens) and tokens[at] == "AND":
            right, at = one(at + 1)
            value = value and right
        return value, at

    def one(at):
        if tokens[at] == "(":
            value, at = either(at + 1)
            return value, at + 1
        name, at = tokens[at], at + 1
        if at < len(tokens) and tokens[at] == "WITH":
            name, at = f"{name} WITH {tokens[at + 1]}", at + 2
        return name in allowed, at

    return either(0)[0]


def main():
    with open(ROOT / "deny.toml", "rb") as file:
        licenses = tomllib.load(file)["licenses"]
    allowed = set(licenses["allow"])
    exceptions = {exception["crate"]: allowed | set(exception["allow"]) for exception in licenses["exceptions"]}
    failures = []
    for manifest in ("Cargo.toml", "fuzz/Cargo.toml", "benches/peers/Cargo.toml", "tests/differential/peers/mail-parser/Cargo.toml"):
        command = ["cargo", "metadata", "--format-version=1", "--locked", f"--manifest-path={ROOT / manifest}"]
        for package in json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["packages"]:
            name = f"{package['name']} {package['version']}"
            licence, source = package["license"], package["source"]
            if source is not None and not source.startswith("registry+"):
                failures.append(f"{name}: comes from {source}")
            here = exceptions.get(package["name"], allowed)
            if licence is None or not is_allowed(licence, here):
                failures.append(f"{name}: licence {licence}")
    for failure in sorted(set(failures)):
        print(f"licences: {failure}", file=sys.stderr)
    print("licences: fine" if not failures else f"licences: {len(failures)} not allowed by deny.toml")
    return bool(failures)


sys.exit(main())
