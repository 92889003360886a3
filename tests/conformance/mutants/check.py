#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Drivers that are wrong on purpose fail the suite in exactly the cases that their fault is about. TAP.

    check.py PROGRAM DRIVER TABLE [ARGUMENT...]

A line of the table is "MUTANT: CASE...": with `-o mutant=MUTANT` these cases fail, and no other, but that "?CASE" may fail or not
(it depends on the moment). '#' begins a comment; a line that begins with a blank continues the one before. The mutant 'none' is
right, and fails nowhere."""
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

PROGRAM, DRIVER, TABLE, ARGUMENTS = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]


def read_table():
    rows = {}
    name = None
    with open(TABLE) as f:
        for line in f:
            line = line.split("#")[0].rstrip()
            if line and not line[0].isspace():
                name, line = line.split(":", 1)
                rows[name] = set()
            if name is not None:
                rows[name] |= set(line.split())
    return rows


def run(mutant):
    done = subprocess.run([PROGRAM, DRIVER, "-o", "mutant=" + mutant] + ARGUMENTS, capture_output=True, text=True)
    plan = re.search(r"^1\.\.(\d+)(?: # SKIP (.*))?$", done.stdout, re.M)
    cases = re.findall(r"^(?:not )?ok \d+ - (\w+)", done.stdout, re.M)
    failed = {m[0]: m[1] for m in re.findall(r"^not ok \d+ - (\w+)\n(?:# (.*))?", done.stdout, re.M)}
    return plan, cases, failed, done


rows = read_table()
first = run("none")
if first[0] and first[0].group(2):
    print("1..0 # SKIP " + first[0].group(2))
    sys.exit(0)
print("1..%d" % len(rows))
with ThreadPoolExecutor(2) as pool:
    for number, (mutant, result) in enumerate(zip(rows, pool.map(run, rows)), 1):
        plan, cases, failed, done = result
        whole = plan is not None and len(cases) == int(plan.group(1))
        must = {case for case in rows[mutant] if case[0] != "?"}
        may = {case.lstrip("?") for case in rows[mutant]}
        right = whole and must <= set(failed) <= may
        print("%s %d - %s" % ("ok" if right else "not ok", number, mutant), flush=True)
        if not whole:
            print("# the run ended early with %d: %s" % (done.returncode, done.stderr.strip()[-300:]))
        for case in sorted(must - set(failed)):
            print("# does not fail: " + case)
        for case in sorted(set(failed) - may):
            print("# fails as well: %s: %s" % (case, failed[case]))
