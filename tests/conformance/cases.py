#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The documents name each case of a suite, in brackets, and no other. TAP. Arguments: the kind's document, the document of
what is common to all kinds, the common sources (up to '--'), the kind's sources."""
import re
import sys


def named(path):
    with open(path) as f:
        return set(re.findall(r"\[([a-z0-9_]+)\]", f.read()))


def cases(paths):
    found, listed = set(), set()
    for path in paths:
        with open(path) as f:
            text = f.read()
        found |= set(re.findall(r"START_TEST\((\w+)\)", text))
        for words in re.findall(r"SUITE_CASES\(\w+,([^;]*)\);", text):
            listed |= set(re.findall(r"\w+", words))
    return found, listed


document, common_document = sys.argv[1:3]
split = sys.argv.index("--")
common, common_listed = cases(sys.argv[3:split])
own, own_listed = cases(sys.argv[split + 1:])
checks = (
    ("the document names each case", own - named(document)),
    ("each case that the document names is there", named(document) - own - common),
    ("each case is in a list", (own - own_listed) | (common - common_listed)),
    ("the common document names each common case", common - named(common_document)),
    ("each case that the common document names is there", named(common_document) - common),
    ("no name is one of a common case as well", own & common),
)

print("1..%d" % len(checks))
for number, (what, missing) in enumerate(checks, 1):
    print("%s %d - %s" % ("not ok" if missing else "ok", number, what))
    for name in sorted(missing):
        print("# " + name)
