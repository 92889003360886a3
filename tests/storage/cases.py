#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""docs/drivers/storage.md names each case of the contract suite, and no other. Arguments: the document, the sources. TAP."""
import re
import sys

with open(sys.argv[1]) as f:
    named = set(re.findall(r"\[([a-z0-9_]+)\]", f.read()))
cases = set()
listed = set()
for path in sys.argv[2:]:
    with open(path) as f:
        text = f.read()
    cases |= set(re.findall(r"START_TEST\((\w+)\)", text))
    for words in re.findall(r"RIG_CASES\(\w+,([^;]*)\);", text):
        listed |= set(re.findall(r"\w+", words))

print("1..3")
for number, what, missing in (
    (1, "the document names each case", cases - named),
    (2, "each case that the document names is there", named - cases),
    (3, "each case is in a list", cases - listed),
):
    print("%s %d - %s" % ("not ok" if missing else "ok", number, what))
    for name in sorted(missing):
        print("# " + name)
