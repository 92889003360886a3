#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""--storage-opt size=: what a container writes is limited, by the quotas of btrfs. Runs on_btrfs.py."""
import json

from berthtest import Engine, contains, equal, one_line, run, test

e = Engine({"storage": {"driver": "btrfs"}}, name="size")
e.busybox()

WRITE = "dd if=/dev/zero of=/big bs=1M count=%d 2>&1 && sync"


@test
def without_quotas_a_size_is_one_clear_line():
    r = e.berth("run", "--rm", "--storage-opt", "size=8m", "busybox", "true")
    one_line(r, 125)
    contains(r.err, "quotas of this btrfs are off")
    contains(e.berth("doctor").out, "btrfs.quota")
    equal(e.ok("ps", "-aq"), "")


@test
def a_container_writes_as_much_as_its_size_and_no_more():
    e.merge({"storage": {"drivers": {"btrfs": {"options": {"quota": "enable"}}}}})
    e.ok("run", "--name", "small", "--storage-opt", "size=8m", "busybox", "sh", "-c", WRITE % 4)
    r = e.berth("run", "--rm", "--storage-opt", "size=8m", "busybox", "sh", "-c", WRITE % 20)
    contains(r.out, "uota exceeded")
    e.ok("run", "--rm", "busybox", "sh", "-c", WRITE % 20)


@test
def the_size_of_a_container_is_what_it_wrote():
    size = json.loads(e.ok("inspect", "--size", "small"))[0]["SizeRw"]
    assert 4 << 20 <= size < 5 << 20, size
    contains(e.ok("ps", "-as"), "4.")
    e.ok("rm", "small")


@test
def other_drivers_options_are_refused_with_what_there_is():
    r = e.berth("run", "--rm", "--storage-opt", "sise=8m", "busybox", "true")
    one_line(r, 125)
    contains(r.err, "size")


run([e])
