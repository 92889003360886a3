#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What drivers of an earlier release were compiled with is still true: no member of a struct has moved or changed its
type, no value of an enum or a macro is another one, no struct shrank, no frozen struct grew. TAP. Arguments: source
directory, C compiler.

The frozen headers of tests/abi/RELEASE/ are read and measured by the compiler; the numbers become _Static_asserts
that are compiled with the headers of today. Declarations are compared as text. That the check sees what it should
see is tested with copies of today's headers that were changed on purpose."""
import os
import re
import shutil
import subprocess
import sys
import tempfile

SOURCE, CC = sys.argv[1], sys.argv[2].split()
HERE = os.path.join(SOURCE, "tests/abi")
NOW = os.path.join(SOURCE, "include")
HEADERS = ("driver.h", "storage.h", "network.h", "isolation.h", "registry.h")
# by themselves part of arrays or of files: see "Frozen." in their comments
FROZEN = ("berth_error", "berth_str", "berth_addr", "berth_route", "berth_subnet", "berth_driver_info")
INCLUDES = "".join(f"#include <berth/{name}>\n" for name in HEADERS)
# what a driver's code was made of, not of what it says
NO_VALUE = {"BERTH_PRINTF", "BERTH_UNUSED", "BERTH_EXTERN_C", "BERTH_RETAIN"}


class Headers:
    """What the headers of a directory declare, without comments and with single blanks."""

    def __init__(self, top):
        self.top = top
        self.structs, self.enums, self.macros, self.types = {}, {}, [], {}
        for name in HEADERS:
            with open(os.path.join(top, "berth", name)) as f:
                self.read(f.read())

    def read(self, text):
        text = re.sub(r"/\*.*?\*/", " ", text, flags=re.S).replace("\\\n", " ")
        for name, value in re.findall(r"^#define\s+(BERTH_\w+)[ \t]+(\S.*)$", text, re.M):
            if name not in NO_VALUE and not name.endswith("_H"):
                self.macros.append(name)
        text = re.sub(r"^#.*$", "", text, flags=re.M)
        for name, body in re.findall(r"^struct\s+(\w+)\s*\{(.*?)^\};", text, re.M | re.S):
            self.structs[name] = [m for d in body.split(";") for m in self.members(d)]
        for name, body in re.findall(r"^enum\s+(\w+)\s*\{(.*?)^\};", text, re.M | re.S):
            self.enums[name] = re.findall(r"\b(BERTH_\w+)\s*(?==|,|$)", re.sub(r"=[^,]*", "", body))
        for declaration, name in re.findall(r"^(typedef\s+[^;]*?\(\*(\w+)\)[^;]*);", text, re.M | re.S):
            self.types[name] = " ".join(declaration.split())

    @staticmethod
    def members(declaration):
        """(name, declaration) of each name of one declaration."""
        declaration = re.sub(r"\s*([(),*])\s*", r"\1", " ".join(declaration.split()))
        if not declaration:
            return
        call = re.search(r"\(\*(\w+)\)", declaration)
        if call:
            yield call.group(1), declaration
            return
        first, *more = declaration.split(",")
        kind = re.match(r"(.*?)(\w+(?:\[[^\]]*\])?)$", first)
        for name in [kind.group(2), *more]:
            yield re.match(r"\**(\w+)", name).group(1), f"{kind.group(1)}{name}"


def compile_c(text, include, output=None):
    """The compiler's complaints, [] if it has none."""
    with tempfile.NamedTemporaryFile("w", suffix=".c") as f:
        f.write(text)
        f.flush()
        how = ["-o", output] if output else ["-fsyntax-only"]
        p = subprocess.run([*CC, "-std=gnu11", "-I", include, f.name, *how], stderr=subprocess.PIPE, text=True)
    return re.findall(r"error: (.*)", p.stderr) or (["does not compile"] if p.returncode else [])


def is_number(name):
    return name not in ("BERTH_INFO_SECTION", "BERTH_INFO_MAGIC", "BERTH_DRIVER_INFO", "BERTH_DRIVER_EXPORT")


def measure(old):
    """[(expression, comparison, value, what to say)], by running a program made with the frozen headers."""
    asked = []
    for name, members in old.structs.items():
        asked.append((f"sizeof(struct {name})", "==" if name in FROZEN else ">=", f"size of struct {name}"))
        for member, _ in members:
            at = f"((struct {name} *)0)->{member}"
            asked.append((f"offsetof(struct {name}, {member})", "==", f"place of {name}.{member}"))
            asked.append((f"sizeof({at})", "==", f"size of {name}.{member}"))
    for constants in old.enums.values():
        asked += [(name, "==", f"value of {name}") for name in constants]
    asked += [(name, "==", f"value of {name}") for name in old.macros if is_number(name)]
    code = INCLUDES + "int main(void) {\n"
    code += "".join(f'printf("%llu\\n", (unsigned long long)({e}));\n' for e, _, _ in asked) + "return 0;\n}\n"
    with tempfile.TemporaryDirectory() as d:
        complaints = compile_c(code, old.top, f"{d}/measure")
        if complaints:
            raise SystemExit(f"Bail out! the frozen headers: {complaints[0]}")
        values = subprocess.check_output([f"{d}/measure"], text=True).split()
    return [(e, how, value, what) for (e, how, what), value in zip(asked, values)]


def compare(old, numbers, new_top):
    """All that a driver made with @old would stumble over."""
    new = Headers(new_top)
    found = []
    for name, members in old.structs.items():
        now = dict(new.structs.get(name, []))
        for member, declaration in members:
            if now.get(member) != declaration:
                found.append(f"{name}.{member} was '{declaration}', is '{now.get(member, 'gone')}'")
    for name, declaration in old.types.items():
        if new.types.get(name) != declaration:
            found.append(f"{name} was '{declaration}', is '{new.types.get(name, 'gone')}'")
    asserts = "".join(f'_Static_assert(({e}) {how} {value}ull, "{what} was {value}");\n'
                      for e, how, value, what in numbers)
    strings = "".join(f'_Static_assert(__builtin_strcmp({name}, {value}) == 0, "text of {name} was another one");\n'
                      for name, value in (("BERTH_INFO_SECTION", '".berth.info"'), ("BERTH_INFO_MAGIC", '"berthdrv"')))
    return found + compile_c(INCLUDES + asserts + strings, new_top)


# --- tests ------------------------------------------------------------------------------------------------------

def releases():
    return sorted(d for d in os.listdir(HERE) if re.fullmatch(r"\d+\.\d+", d))


def everything_is_where_it_was():
    for release in releases():
        old = Headers(os.path.join(HERE, release))
        yield from (f"{release}: {line}" for line in compare(old, measure(old), NOW))


def all_that_the_headers_declare_is_looked_at():
    old = Headers(os.path.join(HERE, releases()[0]))
    for name, want in (("berth_error", 4), ("berth_host", 17), ("berth_driver", 18), ("berth_storage_ops", 22),
                       ("berth_network_ops", 9), ("berth_isolation_ops", 18), ("berth_registry_ops", 16),
                       ("berth_subnet", 4)):
        if len(old.structs.get(name, ())) != want:
            yield f"struct {name} has {len(old.structs.get(name, ()))} members here, {want} in truth"
    for name, where in (("BERTH_E_INTERNAL", old.enums["berth_code"]), ("BERTH_EACH_VIEWS", old.enums["berth_each_flags"]),
                        ("BERTH_ST_TAR_EXACT", old.macros), ("BERTH_HOST_SIZE_1_0", old.macros)):
        if name not in where:
            yield f"{name} is not seen"
    if set(old.types) != {"berth_id_fn", "berth_driver_v1_fn", "berth_change_fn", "berth_desc_fn"}:
        yield f"types of functions: {sorted(old.types)}"


# (what, file, pattern, replacement, is it compatible?)
CHANGES = [
    ("a member is inserted", "driver.h", r"(\tuint32_t abi;)", r"\tuint32_t more;\n\1", False),
    ("two members change places", "driver.h", r"(\tint \(\*cancel_fd\)[^;]*;)(.*?)(\tvoid \(\*progress\)[^;]*;)", r"\3\2\1", False),
    ("two calls of one type change places", "storage.h",
     r"(int \(\*)layer_remove(\).*?int \(\*)view_remove(\))", r"\1view_remove\2layer_remove\3", False),
    ("a member is removed", "registry.h", r"\tint \(\*tags\)[^;]*;", "", False),
    ("a member becomes wider", "isolation.h", r"int32_t code;", "int64_t code;", False),
    ("a member's sign changes", "isolation.h", r"int32_t signal;", "uint32_t signal;", False),
    ("a call gets one more argument", "network.h", r"(int \(\*remove\)\(struct berth_network \*net,)", r"\1 int force,", False),
    ("a call returns something else", "driver.h", r"void \(\*close\)", "int (*close)", False),
    ("the type of a callback changes", "storage.h", r"uint32_t change, const char \*path\)", "uint64_t change, const char *path)", False),
    ("an array grows", "driver.h", r"char hint\[256\]", "char hint[512]", False),
    ("a frozen struct grows", "driver.h", r"(\tsize_t n;\n)", r"\1\tsize_t more;\n", False),
    ("a value of an enum changes", "driver.h", r"BERTH_E_BUSY = 4", "BERTH_E_BUSY = 40", False),
    ("a flag changes", "storage.h", r"BERTH_EACH_VIEWS = 1u << 1", "BERTH_EACH_VIEWS = 1u << 2", False),
    ("a value of an enum goes", "driver.h", r"(\tBERTH_STORAGE = 1,)", r"\tBERTH_NONE = 1,", False),
    ("a cap changes", "registry.h", r"(BERTH_REG_TAGS\s+\(UINT64_C\(1\) << )2", r"\g<1>3", False),
    ("the ABI's number changes", "driver.h", r"BERTH_ABI 1u", "BERTH_ABI 2u", False),
    ("the name of the section changes", "driver.h", r'"\.berth\.info"', '".berth.note"', False),
    ("a member comes at the end", "driver.h", r"(\tint \(\*credential\)[^;]*;)", r"\1\n\tint (*more)(void);", True),
    ("a call comes at the end", "isolation.h", r"(\tvoid \(\*forget\)[^;]*;)", r"\1\n\tint (*more)(void);", True),
    ("a value of an enum comes", "driver.h", r"(BERTH_E_INTERNAL = 18,)", r"\1 BERTH_E_MORE = 19,", True),
    ("a cap comes", "network.h", r"(#define BERTH_NET_INTERNAL)", r"#define BERTH_NET_MORE (UINT64_C(1) << 40)\n\1", True),
    ("a comment changes", "driver.h", r"/\*\* Filled by", "/** Written by", True),
]


def changed_headers(change, d):
    _, name, pattern, replacement, _ = change
    shutil.copytree(os.path.join(NOW, "berth"), f"{d}/berth")
    with open(f"{d}/berth/{name}") as f:
        text = f.read()
    changed, n = re.subn(pattern, replacement, text, count=1, flags=re.S)
    if n != 1:
        return False
    with open(f"{d}/berth/{name}", "w") as f:
        f.write(changed)
    return True


def judge_changes(compatible):
    old = Headers(os.path.join(HERE, releases()[0]))
    numbers = measure(old)
    for change in CHANGES:
        if change[4] != compatible:
            continue
        with tempfile.TemporaryDirectory() as d:
            if not changed_headers(change, d):
                yield f"{change[0]}: there is nothing like that to change"
                continue
            found = compare(old, numbers, d)
        if compatible and found:
            yield f"{change[0]}: refused: {found[0]}"
        elif not compatible and not found:
            yield f"{change[0]}: not seen"


def what_breaks_old_drivers_is_seen():
    yield from judge_changes(False)


def what_is_compatible_is_let_through():
    yield from judge_changes(True)


TESTS = [everything_is_where_it_was, all_that_the_headers_declare_is_looked_at, what_breaks_old_drivers_is_seen,
         what_is_compatible_is_let_through]

print(f"1..{len(TESTS)}")
failed = False
for number, fn in enumerate(TESTS, 1):
    lines = list(fn())
    print(f"{'not ' if lines else ''}ok {number} - {fn.__name__.replace('_', ' ')}")
    for line in lines:
        print(f"# {line}")
    failed = failed or bool(lines)
sys.exit(1 if failed else 0)
