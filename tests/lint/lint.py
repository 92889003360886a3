#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Rules of the house that a compiler does not check. TAP. Arguments: source directory, C compiler, C++ compiler."""
import os
import re
import subprocess
import sys
import tempfile

SOURCE, CC, CXX = sys.argv[1], sys.argv[2].split(), sys.argv[3].split()
ROOMS = ("include", "base", "core", "plugins", "programs", "tests")

# who may include what: docs/architecture.md
ALLOWED = {
    "include/berth": ["include/berth"],
    "base": ["base", "include/berth"],
    "core/config": ["core/config", "base", "include/berth"],
    "core/driver": ["core/driver", "core/config", "base", "include/berth"],
    "core/store": ["core/store", "core/config", "base", "include/berth"],
    "core/image": ["core/image", "core/store", "core/driver", "core/config", "base", "include/berth"],
    "core/container": ["core/container", "core/network", "core/volume", "core/image", "core/store", "core/driver",
                       "core/config", "base", "include/berth"],
    "core/network": ["core/network", "core/container/spec.h", "core/store", "core/driver", "core/config", "base", "include/berth"],
    "core/volume": ["core/volume", "core/container/spec.h", "core/store", "core/driver", "core/config", "base", "include/berth"],
    "core/engine": ["core", "base", "include/berth"],
    "programs": ["programs", "core", "base", "include/berth"],
}


def sources(*tops):
    for top in tops or ROOMS:
        for base, _, names in os.walk(os.path.join(SOURCE, top)):
            for name in sorted(names):
                if name.endswith((".c", ".h")):
                    path = os.path.join(base, name)
                    with open(path, errors="replace") as f:
                        yield os.path.relpath(path, SOURCE), f.read()


def allowed_for(path):
    if path.startswith("plugins/"):
        # a driver, and what drivers of one kind share
        kind = "/".join(path.split("/")[:2])
        return [kind, "base", "include/berth"]
    for room in sorted(ALLOWED, key=len, reverse=True):
        if path.startswith(room + "/"):
            return ALLOWED[room]
    return None


def resolve(path, name):
    for base in ("", "include", os.path.dirname(path)):
        candidate = os.path.normpath(os.path.join(base, name))
        if os.path.exists(os.path.join(SOURCE, candidate)):
            return candidate
    return None


def includes_follow_the_arrows():
    for path, text in sources("include", "base", "core", "plugins", "programs"):
        allowed = allowed_for(path)
        for name in re.findall(r'^\s*#\s*include\s+["<]([^">]+)[">]', text, re.M):
            target = resolve(path, name)
            if target and not any(target == a or target.startswith(a + "/") for a in allowed):
                yield f"{path} includes {target}"


def one_room_knows_each_library():
    only = {
        r"json-c/|json\.h>": r"base/record|plugins/example/",
        r"sqlite3\.h": r"core/store/db",
        r"^archive\.h>|archive_entry\.h>|igzip_lib|zstd\.h": r"core/image/work/|tests/",
        r"seccomp\.h>": r"plugins/isolation/|linux/",
        r"<sys/capability\.h>": r"plugins/isolation/|tests/",
        r"curl/": r"plugins/registry/|plugins/example/",
        r"dlfcn\.h": r"core/driver/|core/image/|plugins/isolation/|tests/",
    }
    for path, text in sources():
        for name in re.findall(r'^\s*#\s*include\s+["<]([^">]+[">])', text, re.M):
            for pattern, where in only.items():
                if re.search(pattern, name) and "linux/seccomp.h" not in name and not re.search(where, path):
                    yield f"{path} includes {name}"


def no_shell_and_no_unsafe_string_calls():
    banned = re.compile(r"(?<![\w.>])(system|popen|strcpy|strcat|sprintf|vsprintf|strtok|atoi|atol|gets|tmpnam|mktemp|realpath|alloca)\s*\(")
    for path, text in sources("base", "core", "plugins", "programs"):
        code = re.sub(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\])*\"", " ", text, flags=re.S)
        for call in banned.findall(code):
            yield f"{path} calls {call}()"


def no_goto_but_to_repeat():
    for path, text in sources("base", "core", "plugins", "programs"):
        code = re.sub(r"/\*.*?\*/|\"(?:\\.|[^\"\\])*\"", " ", text, flags=re.S)
        if re.search(r"\bgoto\s+\w+;", code):
            yield path


def the_core_names_no_driver():
    names = ("overlay", "vfs", "btrfs", "oci-layout", "docker-archive", "native", "bridge")
    for path, text in sources("core"):
        code = re.sub(r"/\*.*?\*/", " ", text, flags=re.S)
        for word in re.findall(r'"([a-z-]+)"', code):
            if word in names and not ALLOWED_NAMES.get(path, ()) .__contains__(word):
                yield f"{path} names '{word}'"


# doctor asks the kernel whether it has a filesystem of that name; a bind's propagation and docker's API have words of their own
ALLOWED_NAMES = {"core/driver/doctor.c": ("btrfs", "overlay"), "core/driver/machine.c": ("overlay",)}


def every_file_says_its_licence():
    for path, text in sources():
        if "SPDX-License-Identifier: Apache-2.0" not in text[:200]:
            yield path


def public_headers_compile_alone():
    for name in sorted(os.listdir(os.path.join(SOURCE, "include/berth"))):
        if not name.endswith(".h"):
            continue
        with tempfile.TemporaryDirectory() as d:
            for compiler, ext, flags in ((CC, "c", ["-std=c11"]), (CXX, "cc", ["-std=c++17"])):
                path = f"{d}/t.{ext}"
                with open(path, "w") as f:
                    f.write(f"#include <berth/{name}>\nint t(void);\nint t(void) {{ return 0; }}\n")
                p = subprocess.run([*compiler, *flags, "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-Wpadded", "-c", path, "-o", f"{d}/t.o",
                                    "-I", os.path.join(SOURCE, "include")], stderr=subprocess.PIPE, text=True)
                if p.returncode:
                    yield f"{name} ({compiler[0]}): {p.stderr.strip().splitlines()[0]}"


def links_in_the_documents_lead_somewhere():
    for base, dirs, names in os.walk(SOURCE):
        dirs[:] = [d for d in dirs if not d.startswith((".", "build", "b-"))]
        for name in names:
            if not name.endswith(".md"):
                continue
            path = os.path.join(base, name)
            with open(path) as f:
                text = f.read()
            for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
                if not target.startswith(("http:", "https:", "mailto:")) and not os.path.exists(os.path.join(base, target)):
                    yield f"{os.path.relpath(path, SOURCE)}: {target}"


RULES = [includes_follow_the_arrows, one_room_knows_each_library, no_shell_and_no_unsafe_string_calls, no_goto_but_to_repeat,
         the_core_names_no_driver, every_file_says_its_licence, public_headers_compile_alone, links_in_the_documents_lead_somewhere]

print(f"1..{len(RULES)}")
failed = False
for number, rule in enumerate(RULES, 1):
    found = sorted(set(rule()))
    print(f"{'not ' if found else ''}ok {number} - {rule.__name__.replace('_', ' ')}")
    for line in found:
        print(f"# {line}")
    failed = failed or bool(found)
sys.exit(1 if failed else 0)
