#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""From one storage driver to another, with everything, whatever happens on the way."""
import os
import random
import signal
import subprocess
import time

from berthtest import Engine, check, contains, equal, one_line, run, test

FROM, TO = os.environ.get("BERTH_TEST_FROM", "overlay"), os.environ.get("BERTH_TEST_TO", "vfs")
e = Engine({"storage": {"driver": FROM}}, name="migrate")
e.busybox()

CHANGES = ("mkdir -p /a/b; echo 1 >/a/b/f; ln /a/b/f /a/g; ln -s f /a/b/l; rm /etc/group; mkfifo /a/p; "
           "touch -d '2020-01-02 03:04:05' /a/b/f; chmod 1711 /a/b; chown 1000:29 /a/g; echo x >>/etc/passwd; "
           "rm -r /var; echo file >/var; touch -d '2001-01-02 03:04:05' /a/b")


def driver_of(name):
    return e.inspect(name)["Driver"]


def held():
    rows = [line.split("\t") for line in e.ok("storage", "ls", "--format",
                                             "{{.Name}}\t{{.Images}}\t{{.Layers}}\t{{.Containers}}").splitlines()]
    found = {FROM: (0, 0, 0), TO: (0, 0, 0)}  # who holds nothing and is not in the config is not listed
    found.update({r[0]: tuple(map(int, r[1:])) for r in rows})
    return found


def clean():
    contains(e.ok("system", "check"), "nothing is wrong")


def looks(name):
    """All of a container's tree, seen from outside: so nothing of it changes."""
    tar = subprocess.run(e.argv("export", name), capture_output=True, env=e.env(), check=True).stdout
    return tar


@test
def everything_goes_over_and_back_bit_by_bit():
    e.ok("run", "--name", "one", "-v", "vol:/vol", "busybox", "sh", "-c", CHANGES + "; echo v >/vol/f")
    e.ok("commit", "one", "child:1")
    e.ok("create", "--name", "two", "child:1", "cat", "/a/g")
    before, diff = looks("one"), e.ok("diff", "one")
    ids = e.ok("images", "-q", "--no-trunc")
    layers = {n: e.inspect(n)["RootFS"] for n in ("busybox", "child:1")}
    out = e.ok("storage", "migrate", "--to", TO, "--dry-run")
    contains(out, "container one: would move")
    equal((driver_of("one"), driver_of("two")), (FROM, FROM))
    out = e.ok("storage", "migrate", "--to", TO)
    for part in ("image busybox:latest: moved", "image child:1: moved", "container one: moved", "container two: moved"):
        contains(out, part)
    equal((driver_of("one"), driver_of("two")), (TO, TO))
    equal(looks("one"), before)
    equal(e.ok("diff", "one"), diff)
    equal(e.ok("images", "-q", "--no-trunc"), ids)
    equal({n: e.inspect(n)["RootFS"] for n in layers}, layers)
    equal(e.ok("start", "-a", "two"), "1\n")
    equal(held()[FROM], (0, 0, 0))
    clean()
    e.merge({"storage": {"driver": TO}})
    equal(e.ok("run", "--rm", "-v", "vol:/vol", "child:1", "cat", "/vol/f"), "v\n")
    e.merge({"storage": {"driver": FROM}})
    e.ok("storage", "migrate")  # to the config's driver
    equal(looks("one"), before)
    equal(held()[TO], (0, 0, 0))
    clean()
    e.ok("rm", "one", "two")


@test
def running_containers_are_left_or_follow_when_they_stop():
    e.ok("run", "-d", "--name", "live", "busybox", "sh", "-c", "echo here >/f; sleep 1000")
    contains(e.ok("storage", "migrate", "--to", TO), "container live: runs: left where it is")
    equal(driver_of("live"), FROM)
    contains(e.ok("storage", "migrate", "--to", TO, "--when-stopped"), "container live: runs: follows")
    e.ok("stop", "-t", "0", "live")
    check(e.settle(lambda: driver_of("live") == TO), "it did not follow")
    equal(subprocess.run(e.argv("cp", "live:/f", "-"), capture_output=True).stdout[:1], b"f")
    e.ok("start", "live")
    equal(e.ok("exec", "live", "cat", "/f"), "here\n")
    e.ok("rm", "-f", "live")
    e.ok("storage", "migrate", "--to", FROM)
    clean()


@test
def old_copies_are_kept_if_asked_and_go_with_the_container():
    e.ok("run", "--name", "kept", "busybox", "sh", "-c", "echo x >/x")
    e.ok("storage", "migrate", "--to", TO, "--keep-old")
    equal(held()[FROM], (1 + 1, held()[FROM][1], 1))
    clean()
    e.ok("rm", "kept")
    equal(held()[FROM][2], 0)
    clean()
    e.ok("storage", "migrate", "--to", FROM)


@test
def single_images_and_containers_go():
    e.ok("create", "--name", "aa", "busybox", "true")
    e.ok("create", "--name", "bb", "busybox", "true")
    e.ok("storage", "migrate", "--to", TO, "--containers", "aa")
    equal((driver_of("aa"), driver_of("bb")), (TO, FROM))
    e.ok("storage", "migrate", "--to", TO, "--images", "busybox")
    equal((driver_of("aa"), driver_of("bb")), (TO, FROM))
    e.ok("storage", "migrate", "--to", FROM)
    equal(driver_of("aa"), FROM)
    one_line(e.berth("storage", "migrate", "--to", "nosuch"), 1)
    one_line(e.berth("storage", "migrate", "--to", TO, "--containers", "nobody"), 1)
    one_line(e.berth("storage", "migrate", "--to", TO, "--images", "nobody"), 1)
    one_line(e.berth("storage", "migrate", "--to", TO, "--images", "--containers"), 1)
    one_line(e.berth("storage", "migrate", "--to", TO, "aa"), 1)
    equal(driver_of("aa"), FROM)
    e.ok("rm", "aa", "bb")


@test
def killed_at_any_moment_it_goes_on_and_nothing_is_lost():
    rnd = random.Random(7)
    names = [f"kk{i}" for i in range(6)]
    for name in names:
        e.ok("run", "--name", name, "busybox", "sh", "-c", CHANGES + f"; echo {name} >/name")
    before = {n: looks(n) for n in names}
    begin = time.monotonic()
    e.ok("storage", "migrate", "--to", TO)
    took = time.monotonic() - begin
    target, other = FROM, TO
    for _ in range(12):
        p = e.start("storage", "migrate", "--to", target, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(rnd.uniform(0, took))
        p.send_signal(signal.SIGKILL)
        p.wait()
        for n in rnd.sample(names, 2):
            equal(looks(n), before[n], n)
        if rnd.random() < 0.4:
            target, other = other, target  # or back
    e.ok("storage", "migrate", "--to", target)
    for n in names:
        equal((driver_of(n), looks(n) == before[n]), (target, True), n)
    clean()
    equal(held()[other], (0, 0, 0))
    e.ok("rm", *names)
    e.ok("storage", "migrate", "--to", FROM)
    clean()


@test
def ctrl_c_ends_it_with_an_error_and_nothing_half_made():
    e.ok("run", "--name", "cc", "busybox", "sh", "-c", "dd if=/dev/urandom of=/big bs=1M count=64 2>/dev/null")
    before = looks("cc")
    for _ in range(3):
        p = e.start("storage", "migrate", "--to", TO, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        time.sleep(0.15)
        p.send_signal(signal.SIGINT)
        _, err = p.communicate(timeout=20)
        if p.returncode != 0:
            contains(err.decode(), "cancelled")
        equal(looks("cc"), before)
        e.ok("storage", "migrate", "--to", FROM)
    clean()
    e.ok("rm", "cc")


run([e])
