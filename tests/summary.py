#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What was skipped and why, what failed, and the count of all cases: the last lines of ./run-tests."""
import collections
import sys
import xml.etree.ElementTree as tree


def main():
    path, status = sys.argv[1], int(sys.argv[2])
    passed = failed = skipped = 0
    reasons, failures = collections.defaultdict(list), []
    for case in tree.parse(path).getroot().iter("testcase"):
        where, name = (case.get("classname") or "").replace("berth.berth:", ""), case.get("name")
        skip = case.find("skipped")
        if skip is not None:
            skipped += 1
            reasons[where, skip.get("message") or skip.text or ""].append(name)
        elif case.find("failure") is not None or case.find("error") is not None:
            failed += 1
            failures.append(f"failed: {where} {name}")
        else:
            passed += 1
    for (where, why), names in reasons.items():
        print(f"skipped: {where} {names[0]}{f' and {len(names) - 1} more' if names[1:] else ''}: {why}")
    print("\n".join(failures), end="\n" if failures else "")
    if status and not failed:
        failed = 1  # a program that died, or timed out, without telling of a case
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    sys.exit(1 if failed or status or not passed else 0)


main()
