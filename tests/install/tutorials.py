#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A tutorial and the example that it builds are the same: tutorials.py TUTORIAL.md EXAMPLE-DIRECTORY SKELETON.c NAME. TAP.

The code of the tutorial is in the example as it stands, and what the example has besides the text that `berth driver
new` begins with is in the tutorial: who follows it has the example in the end."""
import os
import re
import sys

tutorial, example, skeleton, name = sys.argv[1:]


def text_of(path):
    with open(path) as f:
        return f.read()


document = text_of(tutorial)
source = text_of(f"{example}/{name}.c")
begin = text_of(skeleton).replace("skeleton_", name.replace("-", "_") + "_").replace("skeleton", name)
files = {"c": source, "meson": text_of(f"{example}/meson.build")}
blocks = re.findall(r"^```(\w+)\n(.*?)^```$", document, re.M | re.S)


def its_code_is_in_the_example():
    for language, block in blocks:
        if language in files and block not in files[language]:
            whole = files[language].splitlines()
            first = next((line for line in block.splitlines() if line not in whole), "(its lines are, but not in this order)")
            yield f"a {language} block that begins with {block.splitlines()[0]!r}: {first!r}"


def the_code_of_the_example_is_in_it():
    # without white space: where lines end depends on how long names are
    known = "".join([begin] + [block for language, block in blocks])
    known = "".join(known.split())
    for number, line in enumerate(source.splitlines(), 1):
        if "".join(line.split()) not in known:
            yield f"{name}.c:{number}: {line!r}"


def the_files_it_names_are_there():
    for path in re.findall(r"`(test/[\w./-]+)`", document):
        if not os.path.exists(f"{example}/{path}"):
            yield path
    if not blocks:
        yield "there is no code"


def the_cases_it_names_are_in_the_suite():
    suite = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../conformance")
    cases = set()
    for base, _, names in os.walk(suite):
        for file in names:
            if file.endswith(".c"):
                cases |= set(re.findall(r"START_TEST\((\w+)\)", text_of(f"{base}/{file}")))
    for case in re.findall(r"`([a-z]+(?:_[a-z0-9]+){4,})`", document):
        if case not in cases:
            yield case


CASES = [its_code_is_in_the_example, the_code_of_the_example_is_in_it, the_files_it_names_are_there, the_cases_it_names_are_in_the_suite]
print(f"1..{len(CASES)}")
failed = False
for number, case in enumerate(CASES, 1):
    found = list(case())
    print(f"{'not ' if found else ''}ok {number} - {case.__name__.replace('_', ' ')}")
    for line in found[:40]:
        print(f"# {line}")
    failed = failed or bool(found)
sys.exit(1 if failed else 0)
