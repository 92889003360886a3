#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Each case that a document names in brackets is in the tests. Arguments: the document, a directory of tests. TAP."""
import os
import re
import sys

with open(sys.argv[1]) as f:
    named = set(re.findall(r"\[([a-z0-9_]+)\](?!\()", f.read()))
cases = set()
for name in os.listdir(sys.argv[2]):
    if name.endswith(".c"):
        with open(os.path.join(sys.argv[2], name)) as f:
            cases |= set(re.findall(r"START_TEST\((\w+)\)", f.read()))

print("1..2")
print("%s 1 - the document names cases" % ("ok" if named else "not ok"))
print("%s 2 - each case that the document names is there" % ("not ok" if named - cases else "ok"))
for name in sorted(named - cases):
    print("# " + name)
