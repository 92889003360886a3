#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Another storage driver in the config: what was made with the old one stays usable, and back again."""
import copy
import os

from berthtest import Engine, contains, equal, one_line, run, test

OTHER = os.environ.get("BERTH_TEST_TO", "vfs")
e = Engine({"storage": {"driver": "overlay"}}, name="switch")
e.busybox()


def use(driver):
    e.merge({"storage": {"driver": driver}})


def made_with(name):
    return e.inspect(name)["Driver"]


@test
def containers_keep_their_driver_through_changes_of_the_config():
    e.ok("create", "--name", "first", "busybox", "sh", "-c", "echo x >>/n; wc -l </n")
    equal(e.ok("start", "-a", "first"), "1\n")
    equal(made_with("first"), "overlay")
    use(OTHER)
    equal(e.ok("images", "--format", "{{.Repository}}"), "busybox\n")
    equal(e.ok("run", "--rm", "busybox", "echo", "on it"), "on it\n")
    e.ok("create", "--name", "second", "busybox", "sh", "-c", "echo x >>/n; wc -l </n")
    equal(made_with("second"), OTHER)
    equal(e.ok("start", "-a", "first"), "2\n")
    equal(e.ok("start", "-a", "second"), "1\n")
    use("overlay")
    equal(e.ok("start", "-a", "first"), "3\n")
    equal(e.ok("start", "-a", "second"), "2\n")
    e.ok("rm", "first", "second")


@test
def an_image_loaded_under_another_driver_runs_under_overlay():
    use(OTHER)
    e.ok("import", f"{e.dir}/busybox.tar", "other")
    equal(e.ok("run", "--rm", "other", "/bin/echo", "a"), "a\n")
    use("overlay")
    equal(e.ok("run", "--rm", "other", "/bin/echo", "b"), "b\n")


@test
def one_container_can_choose_its_driver():
    e.ok("create", "--name", "chosen", "--storage-driver", OTHER, "busybox", "cat", "/etc/passwd")
    equal(made_with("chosen"), OTHER)
    contains(e.ok("start", "-a", "chosen"), "root:")
    e.ok("rm", "chosen")
    one_line(e.berth("run", "--rm", "--storage-driver", "nosuch", "busybox", "true"), 125)


@test
def an_unknown_driver_in_the_config_is_one_clear_line():
    right = copy.deepcopy(e.config)
    for kind in ("storage", "isolation", "network"):
        e.merge({kind: {"driver": "nosuch"}})
        r = e.berth("run", "--rm", "busybox", "true")
        one_line(r, 125)
        contains(r.err, f"no {kind} driver 'nosuch'")
        e.config = copy.deepcopy(right)
    e.merge({})
    use("overlay")
    equal(e.ok("run", "--rm", "busybox", "echo", "again"), "again\n")


@test
def removing_the_image_frees_both_drivers():
    e.ok("rmi", "busybox", "other")
    equal(e.ok("images", "-q"), "")
    r = e.ok("system", "check")
    contains(r, "")


run([e])
