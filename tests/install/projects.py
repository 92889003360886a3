#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A third party's way: from `berth driver new` to a driver that passes its suite, with an installed berth and none of
its sources. TAP; needs what `meson install` needs, a built tree."""
import argparse
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile

parser = argparse.ArgumentParser()
for option in ("build", "source", "prefix", "libdir"):
    parser.add_argument("--" + option, required=True)
args = parser.parse_args()

KINDS = ("storage", "network", "registry", "isolation")
EXAMPLES = ("tmpfs-storage", "static-web")
TOP = tempfile.mkdtemp(prefix="berth-install-", dir="/var/tmp")
STAGE = TOP + "/stage"
PREFIX = STAGE + args.prefix
BERTH = PREFIX + "/bin/berth"

# nothing of the surroundings leads back to the sources
ENV = {
    "PATH": PREFIX + "/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
    "HOME": TOP,
    "LANG": "C.UTF-8",
    "PKG_CONFIG_PATH": os.path.join(PREFIX, args.libdir, "pkgconfig"),
    "PKG_CONFIG_SYSROOT_DIR": STAGE,
}
for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "CCACHE_DIR"):
    if name in os.environ:
        ENV[name] = os.environ[name]


class Failure(AssertionError):
    pass


class Skip(Exception):
    pass


def run(*argv, cwd=TOP, code=0, **more):
    p = subprocess.run(argv, cwd=cwd, env=ENV, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, **more)
    if code is not None and p.returncode != code:
        raise Failure(f"{' '.join(argv)}: {p.returncode}, wanted {code}:\n{p.stdout[-6000:]}")
    return p.stdout


def check(condition, text):
    if not condition:
        raise Failure(text)


def only_installed_things_are_used(project):
    with open(project + "/build/compile_commands.json") as f:
        commands = json.load(f)
    for entry in commands:
        check(args.source not in entry["command"], f"the sources are in: {entry['command']}")
        check(f"-I{PREFIX}/include" in entry["command"], f"not the installed headers: {entry['command']}")


def build(project):
    run("meson", "setup", "build", "--werror", cwd=project)
    run("meson", "compile", "-C", "build", cwd=project)
    only_installed_things_are_used(project)


def passes_its_suite(project):
    out = run("meson", "test", "-C", "build", "--no-rebuild", "--print-errorlogs", cwd=project, code=None)
    with open(project + "/build/meson-logs/testlog.json") as f:
        results = [json.loads(line) for line in f]
    check(results and all(r["result"] == "OK" for r in results), out[-6000:])


def kind_case(kind):
    def case():
        name = f"my-{kind}"
        run(BERTH, "driver", "new", kind, name)
        project = f"{TOP}/{name}"
        check(sorted(os.listdir(project)) == [".gitignore", "README.md", "meson.build", name + ".c"], os.listdir(project))
        for base, _, files in os.walk(project):
            for file in files:
                with open(f"{base}/{file}") as f:
                    text = f.read()
                check("skeleton" not in text, f"{file} speaks of a skeleton")
                check("@KIND@" not in text and "@NAME@" not in text, f"{file} has words that nobody replaced")
        build(project)
        passes_its_suite(project)
        described = json.loads(run(BERTH, "driver", "inspect", f"{project}/build/{name}.so"))
        check(described[0]["Name"] == name and described[0]["Kind"] == kind, described)
    case.__name__ = f"a new {kind} driver builds with what is installed and passes its suite"
    return case


def example_case(example):
    def case():
        project = f"{TOP}/{example}"
        if example == "static-web" and subprocess.run(["pkg-config", "--exists", "libcurl >= 7.85"]).returncode:
            raise Skip("no libcurl here (Debian package libcurl4-openssl-dev)")
        shutil.copytree(f"{args.source}/plugins/example/{example}", project)
        build(project)
        passes_its_suite(project)
    case.__name__ = f"the example {example} is a project of its own"
    return case


def refused(code, *argv):
    out = run(BERTH, "driver", "new", *argv, code=code)
    check(len(out.strip().splitlines()) == 1 and out.startswith("berth: driver new: "), out)
    return out


def bad_names_are_refused():
    for name in ("My", "1a", "-a", "a_b", "a/b", "../a", "", "a" * 32, "a b", "é"):
        refused(1, "network", *(["--", name] if name.startswith("-") else [name]))
    refused(1, "volume", "a")
    check(not [n for n in os.listdir(TOP) if n not in BEFORE], "something was made")


def what_is_there_stays_as_it_is():
    os.mkdir(f"{TOP}/full")
    with open(f"{TOP}/full/mine", "w") as f:
        f.write("mine")
    check("'mine'" in refused(1, "network", "a", "full"), "it does not say what is there")
    check(os.listdir(f"{TOP}/full") == ["mine"], "something was added")
    os.mkdir(f"{TOP}/empty")
    run(BERTH, "driver", "new", "network", "a", "empty")
    check(len(os.listdir(f"{TOP}/empty")) == 4, "an empty directory is fine")
    refused(1, "network", "a", "no/such/place")


def what_cannot_be_finished_is_removed():
    def small_files():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1500, 1500))

    os.mkdir(f"{TOP}/there")
    for where in ("absent", "there"):
        run(BERTH, "driver", "new", "storage", "half", where, code=1, preexec_fn=small_files)
    check(not os.path.exists(f"{TOP}/absent"), "a directory stays")
    check(os.listdir(f"{TOP}/there") == [], os.listdir(f"{TOP}/there"))


def a_name_with_dashes_is_one_of_c_as_well():
    run(BERTH, "driver", "new", "network", "a-b-c3")
    with open(f"{TOP}/a-b-c3/a-b-c3.c") as f:
        text = f.read()
    check("static int a_b_c3_attach(" in text and '.name = "a-b-c3"' in text, text)


def containers_run_on_drivers_made_this_way():
    if os.geteuid() != 0:
        raise Skip("needs root")
    os.environ["BERTH_STAGE"], os.environ["BERTH_TEST_TMP"] = PREFIX, TOP
    sys.path.insert(0, args.source + "/tests/e2e")
    sys.dont_write_bytecode = True
    import berthtest
    made = {kind: {f"my-{kind}": {"file": f"{TOP}/my-{kind}/build/my-{kind}.so"}} for kind in KINDS}
    made["isolation"]["my-isolation"]["options"] = {"ignore": True}
    made["storage"]["tmpfs"] = {"file": f"{TOP}/tmpfs-storage/build/tmpfs.so", "options": {"size": "64m"}}
    engine = berthtest.Engine({"storage": {"driver": "my-storage", "drivers": made["storage"]},
                               "network": {"driver": "my-network", "drivers": made["network"]},
                               "isolation": {"allow_insecure": True, "drivers": made["isolation"]}})
    try:
        engine.busybox()
        for more in ([], ["--storage-driver", "tmpfs"]):
            name = more[1] if more else "my-storage"
            out = engine.ok("run", *more, "--name", f"on-{name}", "busybox", "sh", "-c",
                            "cat /etc/passwd | head -n1; echo changed > /etc/passwd; ip link show lo")
            check("root:x:0:0" in out and "LOOPBACK,UP" in out, f"on {name}: {out}")
            out = engine.ok("diff", f"on-{name}")
            check("C /etc/passwd" in out, f"on {name} what changed is {out}")
            again = engine.ok("run", "--rm", *more, "busybox", "head", "-n1", "/etc/passwd")
            check("root:x:0:0" in again, f"on {name} containers share what they write: {again}")
        out = engine.ok("run", "--rm", "--isolation", "my-isolation", "busybox", "sh", "-c", "echo pid $$; ls /; ip link show lo")
        check("pid 1\n" in out and "etc\n" in out and "LOOPBACK,UP" in out, f"in the isolation of one's own: {out}")
        code = engine.berth("run", "--rm", "--isolation", "my-isolation", "busybox", "sh", "-c", "exit 7").code
        check(code == 7, f"exit code {code}")
        engine.ok("rm", *engine.ok("ps", "-aq").split())
    except berthtest.Skip as e:
        raise Skip(str(e))
    except berthtest.Failure as e:
        raise Failure(str(e))
    finally:
        memory = f"{engine.root}/storage/tmpfs/memory"
        # whoever tidies up in the background opens the driver once more, which mounts it
        engine.settle(lambda: not engine.processes() and not os.path.ismount(memory)
                      or subprocess.run(["umount", memory], stderr=subprocess.DEVNULL).returncode < 0)
        left = engine.close()
    check(not left, f"left behind: {left}")


CASES = [bad_names_are_refused, what_is_there_stays_as_it_is, what_cannot_be_finished_is_removed,
         a_name_with_dashes_is_one_of_c_as_well]
CASES += [kind_case(kind) for kind in KINDS] + [example_case(example) for example in EXAMPLES]
CASES += [containers_run_on_drivers_made_this_way]

failed = False
try:
    os.umask(0o022)
    print(f"1..{len(CASES)}", flush=True)
    ENV["DESTDIR"] = STAGE
    run("meson", "install", "-C", args.build, "--no-rebuild", "--quiet")
    del ENV["DESTDIR"]
    for number, case in enumerate(CASES, 1):
        BEFORE = os.listdir(TOP)
        try:
            case()
            problem = None
        except Skip as e:
            print(f"ok {number} - {case.__name__.replace('_', ' ')} # SKIP {e}", flush=True)
            continue
        except Failure as e:
            problem = str(e)
            failed = True
        print(f"{'not ' if problem else ''}ok {number} - {case.__name__.replace('_', ' ')}", flush=True)
        for line in (problem or "").splitlines():
            print(f"# {line}")
finally:
    shutil.rmtree(TOP, ignore_errors=True)
sys.exit(1 if failed else 0)
