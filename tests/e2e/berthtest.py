# SPDX-License-Identifier: Apache-2.0
"""End-to-end tests: the installed programs, real images, real containers, in directories of their own.

A test file is a program: it makes an Engine, has functions decorated with @test, whose docstring-free names are
sentences, and ends with run(). Output is TAP. Each Engine has its own root, run directory and cgroup
parent below a temporary directory; at its end it checks that nothing of it is left: mounts, processes,
cgroups, files.
"""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

STAGE = os.environ.get("BERTH_STAGE", "/usr/local")
TMP = os.environ.get("BERTH_TEST_TMP", "/var/tmp")
BUSYBOX = "/bin/busybox"

_tests = []


class Skip(Exception):
    """The machine lacks something; the text says what."""


class Failure(AssertionError):
    pass


def test(fn):
    _tests.append(fn)
    return fn


def need(program, package=None):
    path = shutil.which(program)
    if not path:
        raise Skip(f"no {program} here (Debian package {package or program})")
    return path


def check(condition, text):
    if not condition:
        raise Failure(text)


def equal(got, want, what=""):
    if got != want:
        raise Failure(f"{what}: got {got!r}, wanted {want!r}")


def contains(text, part, what=""):
    if part not in text:
        raise Failure(f"{what}: {part!r} is not in {text!r}")


def one_line(result, code=None):
    """An error as users shall see it: one line on stderr, nothing else."""
    check(result.code != 0, f"succeeded: {result}")
    if code is not None:
        equal(result.code, code, f"exit code of {result}")
    equal(len(result.err.strip().splitlines()), 1, f"lines of the error of {result}")
    check(result.err.startswith("berth: "), f"error does not begin with 'berth: ': {result}")
    check("Sanitizer" not in result.err, result.err)


class Result:
    def __init__(self, args, code, out, err, seconds):
        self.args, self.code, self.out, self.err, self.seconds = args, code, out, err, seconds

    def __str__(self):
        return f"{' '.join(self.args)} -> {self.code}\n  out: {self.out[-2000:]!r}\n  err: {self.err[-2000:]!r}"


def find_dirs():
    """driver_dirs of the stage: <prefix>/lib*/[<triplet>/]berth."""
    for base, dirs, _ in os.walk(STAGE):
        if os.path.basename(base) == "berth" and "storage" in dirs:
            return [base]
    raise SystemExit(f"no drivers below {STAGE}")


class Engine:
    def __init__(self, config=None, name="e2e"):
        dirs = find_dirs()
        self.dir = tempfile.mkdtemp(prefix=f"berth-{name}-", dir=TMP)
        os.chmod(self.dir, 0o711)
        self.root, self.run_dir = f"{self.dir}/root", f"{self.dir}/run"
        self.cgroup = f"/berth-test-{os.path.basename(self.dir)}"
        self.config_file = f"{self.dir}/berth.json"
        self.config = {
            "root": self.root,
            "run": self.run_dir,
            "driver_dirs": dirs,
            # nothing of the machine's own network is touched unless a test asks for it
            "network": {"driver": "none"},
            "containers": {"cgroup_parent": self.cgroup, "stop_timeout": "3s"},
        }
        self.merge(config or {})
        self.mounts_before = self.mounts()

    def merge(self, more):
        for key, value in more.items():
            if isinstance(value, dict) and isinstance(self.config.get(key), dict):
                self.config[key].update(value)
            else:
                self.config[key] = value
        with open(self.config_file, "w") as f:
            json.dump(self.config, f, indent=2)

    def argv(self, *args):
        return [f"{STAGE}/bin/berth", "--config", self.config_file, *args]

    def env(self):
        env = dict(os.environ)
        env.pop("BERTH_CONFIG", None)
        return env

    def berth(self, *args, input=None, timeout=60, stdin=None, ok=False):
        begin = time.monotonic()
        data = input.encode() if isinstance(input, str) else input
        p = subprocess.Popen(self.argv(*args), env=self.env(),
                             stdin=subprocess.PIPE if data is not None else (stdin or subprocess.DEVNULL),
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            out, err = p.communicate(data, timeout=timeout)
        except subprocess.TimeoutExpired:
            p.kill()
            out, err = p.communicate()
            raise Failure(f"berth {' '.join(args)}: no end after {timeout} s\n{out[-500:]!r}\n{err[-500:]!r}")
        r = Result(args, p.returncode, out.decode(errors="replace"), err.decode(errors="replace"),
                   time.monotonic() - begin)
        if ok:
            check(r.code == 0, str(r))
        return r

    def ok(self, *args, **kw):
        return self.berth(*args, ok=True, **kw).out

    def start(self, *args, **kw):
        """berth in the background: a Popen."""
        return subprocess.Popen(self.argv(*args), env=self.env(), **kw)

    def inspect(self, ref):
        return json.loads(self.ok("inspect", ref))[0]

    def busybox(self, name="busybox"):
        """An image of Debian's busybox, the smallest real one."""
        tar = busybox_tar(self.dir)
        self.ok("import", "--change", 'CMD ["sh"]', tar, name)
        return name

    # --- what may be left behind -------------------------------------------------------------

    def mounts(self):
        """Mounts that the host sees and that have to do with us; others come and go as they like."""
        with open("/proc/self/mountinfo") as f:
            return sorted(line.strip() for line in f if self.dir in line)

    def cgroups(self):
        found = []
        for top in os.listdir("/sys/fs/cgroup"):
            path = f"/sys/fs/cgroup/{top}{self.cgroup}"
            if os.path.isdir(path):
                found += [os.path.join(path, d) for d in os.listdir(path)
                          if os.path.isdir(os.path.join(path, d))]
        path = f"/sys/fs/cgroup{self.cgroup}"
        if os.path.isdir(path):
            found += [os.path.join(path, d) for d in os.listdir(path) if os.path.isdir(os.path.join(path, d))]
        return found

    def processes(self):
        """Ours: their command line or environment names this engine's directory, or a cgroup of ours has them."""
        found = set()
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as f:
                    if self.dir.encode() in f.read():
                        found.add(int(pid))
                with open(f"/proc/{pid}/cgroup") as f:
                    if self.cgroup + "/" in f.read():
                        found.add(int(pid))
            except OSError:
                continue
        return found

    def settle(self, condition, seconds=5):
        """Tidying up goes on in the background after the answer; wait for it."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if condition():
                return True
            time.sleep(0.01)
        return condition()

    def leftovers(self):
        left = []
        if not self.settle(lambda: not self.processes()):
            left.append(f"processes {sorted(self.processes())}")
        if not self.settle(lambda: not self.cgroups()):
            left.append(f"cgroups {self.cgroups()}")
        if self.mounts() != self.mounts_before:
            left.append(f"mounts {set(self.mounts()) ^ set(self.mounts_before)}")
        for kind in ("containers",):
            for base in (self.root, self.run_dir):
                d = f"{base}/{kind}"
                if os.path.isdir(d) and not self.settle(lambda: not os.listdir(d)):
                    left.append(f"{d}: {os.listdir(d)}")
        return left

    def close(self):
        """Remove all containers, see that nothing is left, remove the directories."""
        left = []
        if os.path.isdir(self.root):
            ids = self.ok("ps", "-aq", "--no-trunc").split()
            if ids:
                self.ok("rm", "-f", "-v", *ids)
            left = self.leftovers()
        for pid in self.processes():
            os.kill(pid, signal.SIGKILL)
        for top in [""] + ["/" + t for t in os.listdir("/sys/fs/cgroup")]:
            path = f"/sys/fs/cgroup{top}{self.cgroup}"
            if os.path.isdir(path):
                for base, dirs, _ in os.walk(path, topdown=False):
                    for d in dirs:
                        try:
                            os.rmdir(os.path.join(base, d))
                        except OSError:
                            pass
                try:
                    os.rmdir(path)
                except OSError:
                    left.append(path)
        subprocess.run(["chattr", "-R", "-i", self.dir], stderr=subprocess.DEVNULL)
        shutil.rmtree(self.dir, ignore_errors=True)
        return left


def busybox_tree(tree):
    if not os.access(BUSYBOX, os.X_OK):
        raise Skip("no /bin/busybox (Debian package busybox-static)")
    for d in ("bin", "etc", "root", "tmp", "var"):
        os.makedirs(f"{tree}/{d}")
    os.chmod(f"{tree}/tmp", 0o1777)
    shutil.copy(BUSYBOX, f"{tree}/bin/busybox")
    for name in subprocess.check_output([BUSYBOX, "--list"], text=True).split():
        if name != "busybox":
            os.symlink("busybox", f"{tree}/bin/{name}")
    with open(f"{tree}/etc/passwd", "w") as f:
        f.write("root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:User:/home:/bin/sh\n")
    with open(f"{tree}/etc/group", "w") as f:
        f.write("root:x:0:\nuser:x:1000:\naudio:x:29:user\n")


def busybox_tar(where):
    tar = f"{where}/busybox.tar"
    if not os.path.exists(tar):
        tree = f"{where}/busybox-tree"
        busybox_tree(tree)
        subprocess.check_call(["tar", "-C", tree, "-cf", tar, "."])
        shutil.rmtree(tree)
    return tar


def run(engines=()):
    """Run the tests of this file as TAP; @engines are closed at the end, as a last test."""
    print(f"1..{len(_tests) + len(engines)}", flush=True)
    only = sys.argv[1:]
    failed = False
    number = 0
    for fn in _tests:
        number += 1
        name = fn.__name__.replace("_", " ")
        if only and fn.__name__ not in only:
            print(f"ok {number} - {name} # SKIP not asked for", flush=True)
            continue
        try:
            fn()
            print(f"ok {number} - {name}", flush=True)
        except Skip as why:
            print(f"ok {number} - {name} # SKIP {why}", flush=True)
        except Exception as e:
            failed = True
            print(f"not ok {number} - {name}", flush=True)
            text = str(e) if isinstance(e, Failure) else traceback.format_exc()
            for line in text.splitlines():
                print(f"# {line}", flush=True)
    for engine in engines:
        number += 1
        try:
            left = engine.close()
        except Exception as e:
            left = [str(e)]
        print(f"{'not ' if left else ''}ok {number} - nothing is left behind", flush=True)
        for line in left:
            print(f"# {line}", flush=True)
        failed = failed or bool(left)
    sys.exit(1 if failed else 0)
