#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Count the cases of a meson test run: the last line of ./run-tests."""
import sys
import xml.etree.ElementTree as tree


def main():
    path, status = sys.argv[1], int(sys.argv[2])
    passed = failed = skipped = 0
    reasons = []
    for case in tree.parse(path).getroot().iter("testcase"):
        skip = case.find("skipped")
        if skip is not None:
            skipped += 1
            reasons.append((case.get("classname") or "", case.get("name"), skip.get("message") or skip.text or ""))
        elif case.find("failure") is not None or case.find("error") is not None:
            failed += 1
        else:
            passed += 1
    for where, name, why in reasons:
        print(f"skipped: {where} {name}: {why}")
    if status and not failed:
        failed = 1  # a program that died, or timed out, without telling of a case
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    sys.exit(1 if failed or status or not passed else 0)


main()
