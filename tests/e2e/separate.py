#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Drivers in processes of their own: everything works as with drivers in the engine's, and what dies or hangs is told of."""
import os
import signal
import subprocess
import time

from berthtest import Engine, Skip, check, contains, equal, one_line, run, test
from nethost import get, isolate

SERVER = ["sh", "-c", "echo hello > /tmp/index.html; exec httpd -f -p 80 -h /tmp"]
DRIVERS = {"storage": "overlay", "network": "bridge", "isolation": "native", "registry": "oci-layout"}


def separate(kind, name):
    return {"driver": name, "drivers": {name: {"process": "separate"}}}


try:
    isolate()
except Skip as why:
    print(f"1..0 # SKIP {why}")
    raise SystemExit(0)
conf = {kind: separate(kind, name) for kind, name in DRIVERS.items() if kind != "registry"}
conf["registry"] = {"drivers": {name: {"process": "separate"} for name in ("oci-layout", "docker-archive")}}
e = Engine(conf, name="separate")
e.busybox()


def hosts(kind=None):
    """The processes of ours (in our network namespace) that serve a driver of this kind, or any."""
    number = {"storage": "1", "network": "2", "isolation": "3", "registry": "4", None: None}[kind]
    ours = os.readlink("/proc/self/ns/net")
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline") as f:
                words = f.read().split("\0")
            if words[0] == "berth-driver-host" and os.readlink(f"/proc/{pid}/ns/net") == ours and number in (None, words[2]):
                found.append(int(pid))
        except (OSError, IndexError):
            continue
    return found


@test
def a_container_runs_with_all_its_drivers_elsewhere():
    equal(e.ok("run", "--rm", "busybox", "echo", "hi"), "hi\n")
    equal(e.berth("run", "--rm", "busybox", "sh", "-c", "exit 7").code, 7)
    e.ok("run", "-d", "--name", "web", "-p", "8080:80", "busybox", *SERVER)
    check(hosts("isolation"), "the monitor's driver is not in a process of its own")
    check(e.settle(lambda: get("http://127.0.0.1:8080/") == "hello\n"), "the port is not published")
    r = e.berth("exec", "web", "sh", "-c", "echo in; echo err >&2; exit 9")
    equal((r.out, r.err, r.code), ("in\n", "err\n", 9))
    equal(e.berth("exec", "web", "sh", "-c", "kill -TERM $$").code, 143)
    equal(e.ok("exec", "-i", "web", "cat", input="through\n"), "through\n")
    contains(e.ok("diff", "web"), "A /tmp/index.html")
    e.ok("pause", "web")
    e.ok("unpause", "web")
    e.ok("commit", "web", "changed")
    equal(e.ok("run", "--rm", "changed", "cat", "/tmp/index.html"), "hello\n")
    e.ok("rm", "-f", "web")
    e.ok("rmi", "changed")


@test
def images_go_out_and_in():
    e.ok("save", "-o", f"{e.dir}/out.tar", "busybox")
    e.ok("rmi", "busybox")
    contains(e.ok("load", "-i", f"{e.dir}/out.tar"), "busybox")
    equal(e.ok("run", "--rm", "busybox", "echo", "back"), "back\n")


@test
def an_exec_that_is_given_up_ends():
    e.ok("run", "-d", "--name", "box", "busybox", "sleep", "600")
    p = e.start("exec", "box", "sleep", "300", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    check(e.settle(lambda: "sleep 300" in e.ok("exec", "box", "ps")), "it does not run")
    p.send_signal(signal.SIGTERM)
    p.wait()
    e.ok("exec", "box", "sh", "-c", "kill -KILL $(pidof sleep | tr ' ' '\\n' | grep -v '^1$') || true")
    e.ok("rm", "-f", "box")


@test
def a_container_survives_the_death_of_its_driver():
    e.ok("run", "-d", "--name", "box", "busybox", "sleep", "600")
    check(e.settle(lambda: len(hosts("isolation")) == 1), f"{hosts()}")
    [pid] = hosts("isolation")
    os.kill(pid, signal.SIGKILL)
    check(e.settle(lambda: pid not in hosts("isolation")), "it is not dead")
    equal(e.inspect("box")["State"]["Status"], "running")
    equal(e.ok("exec", "box", "echo", "found again"), "found again\n")
    e.ok("pause", "box")
    e.ok("unpause", "box")
    e.ok("stop", "-t", "1", "box")
    equal(e.inspect("box")["State"]["Status"], "exited")
    e.ok("start", "box")
    e.ok("rm", "-f", "box")


@test
def a_driver_that_dies_in_a_call_fails_that_call_alone():
    before = e.ok("ps", "-aq")
    # its process is killed as soon as it is there: while it loads the file, or in a call
    died = 0
    for _ in range(20):
        p = e.start("run", "--rm", "busybox", "true", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        end = time.monotonic() + 5
        while p.poll() is None and time.monotonic() < end:
            for pid in hosts("storage"):
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        err = p.communicate()[1]
        if p.returncode:
            equal(p.returncode, 125, err)
            equal(err.count("\n"), 1, err)
            died += "died" in err
    check(died, "it was never in a call")
    equal(e.ok("run", "--rm", "busybox", "echo", "well"), "well\n")
    check(e.settle(lambda: e.ok("ps", "-aq") == before), "a container is left over")
    contains(e.ok("system", "check", "--repair"), "")
    contains(e.ok("system", "check"), "nothing is wrong")


@test
def no_process_of_a_driver_is_left():
    check(e.settle(lambda: not hosts()), f"{hosts()}")


run([e])
