#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kill -9 of the command or of the monitor, at any moment: the next command puts things right."""
import os
import random
import signal
import subprocess
import time

from berthtest import Engine, check, equal, run, test

e = Engine(name="crash")
e.busybox()
random.seed(int(os.environ.get("BERTH_TEST_SEED", "1")))


def monitors():
    found = []
    for pid in e.processes():
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                if b"berth-monitor" in f.read():
                    found.append(pid)
        except OSError:
            pass
    return found


def no_trace(what):
    """After one more command: no process, cgroup, mount, half-made container."""
    states = e.ok("ps", "-a", "--format", "{{.State}}").split()
    for state in states:
        check(state in ("created", "exited", "running"), f"{what}: a container is {state}")
    if "running" not in states:
        check(e.settle(lambda: not e.cgroups()), f"{what}: cgroups {e.cgroups()}")
        check(e.settle(lambda: not e.processes()), f"{what}: processes {e.processes()}")
    equal(e.mounts(), e.mounts_before, what)


def clean_up():
    ids = e.ok("ps", "-aq").split()
    if ids:
        e.ok("rm", "-f", *ids)


@test
def a_command_killed_at_any_moment_leaves_nothing_stuck():
    for i in range(40):
        p = e.start("run", "--rm", "--name", "victim", "busybox", "true", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(random.uniform(0, 0.12))
        p.kill()
        p.wait()
        # the name is free, or its container can be removed
        r = e.berth("run", "--rm", "--name", "victim", "busybox", "true")
        if r.code:
            e.settle(lambda: e.berth("rm", "-f", "victim").code == 0 or not e.ok("ps", "-aq"))
            r = e.berth("run", "--rm", "--name", "victim", "busybox", "true")
        equal(r.code, 0, f"round {i}: {r}")
    clean_up()
    no_trace("killed commands")


@test
def a_monitor_killed_at_any_moment_leaves_nothing_stuck():
    for i in range(25):
        p = e.start("run", "--name", f"m{i}", "busybox", "sleep", "0.2", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(random.uniform(0, 0.15))
        for pid in monitors():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        p.wait(20)
        e.ok("ps")
        no_trace(f"monitor {i}")
    clean_up()
    no_trace("killed monitors")


@test
def a_container_whose_monitor_died_is_marked_as_exited():
    e.ok("run", "-d", "--name", "lost", "busybox", "sleep", "1000")
    pid = e.inspect("lost")["State"]["Pid"]
    for m in monitors():
        os.kill(m, signal.SIGKILL)
    time.sleep(0.05)
    state = e.inspect("lost")["State"]
    equal((state["Status"], state["ExitCode"]), ("exited", 137))
    check(not os.path.exists(f"/proc/{pid}") or open(f"/proc/{pid}/stat").read().split()[2] == "Z", "it runs on")
    e.ok("start", "lost")
    equal(e.inspect("lost")["State"]["Status"], "running")
    e.ok("rm", "-f", "lost")
    no_trace("lost")


@test
def an_import_killed_at_any_moment_leaves_no_half_image():
    tar = f"{e.dir}/busybox.tar"
    for i in range(25):
        p = e.start("import", tar, f"half:{i}", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(random.uniform(0, 0.15))
        p.kill()
        p.wait()
        for line in e.ok("images", "--format", "{{.Repository}}:{{.Tag}}").split():
            equal(e.ok("run", "--rm", line, "/bin/busybox", "echo", "whole"), "whole\n", line)
    e.ok("system", "check", "--repair")
    r = e.berth("system", "check")
    equal(r.code, 0, str(r))


@test
def create_and_rm_killed_at_any_moment_can_be_repeated():
    for i in range(25):
        p = e.start("create", "--name", "c", "busybox", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(random.uniform(0, 0.05))
        p.kill()
        p.wait()
        p = e.start("rm", "c", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(random.uniform(0, 0.05))
        p.kill()
        p.wait()
        e.berth("rm", "-f", "c")
        equal(e.ok("ps", "-aq"), "", f"round {i}")


run([e])
