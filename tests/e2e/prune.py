#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What is unused goes, what is used stays: prune, system df, volumes."""
import json
import os

from berthtest import Engine, contains, equal, one_line, run, test

e = Engine(name="prune")
e.busybox()


def ids():
    return set(e.ok("ps", "-aq", "--no-trunc").split())


@test
def container_prune_takes_those_that_do_not_run():
    e.ok("create", "--name", "aa", "--label", "keep=yes", "busybox", "true")
    e.ok("run", "--name", "bb", "busybox", "true")
    e.ok("run", "-d", "--name", "cc", "busybox", "sleep", "100")
    contains(e.ok("container", "prune", input="n\n"), "WARNING! This will remove all stopped containers.")
    equal(len(ids()), 3)
    out = e.ok("container", "prune", "-f", "--filter", "label!=keep")
    contains(out, "Deleted Containers:")
    contains(out, "Total reclaimed space:")
    equal(sorted(e.ok("ps", "-a", "--format", "{{.Names}}").split()), ["aa", "cc"])
    e.ok("container", "prune", "-f", "--filter", "until=1h")
    equal(len(ids()), 2)
    e.ok("container", "prune", "-f")
    equal(e.ok("ps", "-a", "--format", "{{.Names}}"), "cc\n")
    e.ok("rm", "-f", "cc")
    one_line(e.berth("container", "prune", "-f", "--filter", "what=x"), 1)


@test
def image_prune_takes_the_nameless_and_with_all_the_unused():
    e.ok("create", "--name", "user", "busybox", "true")
    e.ok("run", "--name", "base", "busybox", "sh", "-c", "echo 1 >/1")
    e.ok("commit", "base", "named:1")
    e.ok("commit", "-m", "other", "base", "named:1")  # the first one has no name any more
    e.ok("rm", "base")
    equal(len(e.ok("images", "-q").split()), 3)
    out = e.ok("image", "prune", "-f")
    contains(out, "deleted: sha256:")
    equal(len(e.ok("images", "-q").split()), 2)
    e.ok("tag", "named:1", "named:2")
    contains(e.ok("image", "prune", "-af"), "untagged: named:2")
    equal(e.ok("images", "--format", "{{.Repository}}"), "busybox\n")
    e.ok("rm", "user")


@test
def volumes_are_made_listed_used_and_removed():
    equal(e.ok("volume", "create", "--label", "a=b", "v1"), "v1\n")
    equal(e.ok("volume", "create", "v1"), "v1\n")
    name = e.ok("volume", "create").strip()
    equal(len(name), 64)
    e.ok("run", "--name", "ww", "-v", "v1:/v", "-v", "/anonymous", "busybox", "sh", "-c", "echo 12345 >/v/f")
    equal(e.ok("volume", "ls", "-q", "--filter", "label=a=b"), "v1\n")
    equal(e.ok("volume", "ls", "-q", "--filter", "dangling=true"), name + "\n")
    v = json.loads(e.ok("volume", "inspect", "v1"))[0]
    equal((v["Name"], v["Driver"], v["Labels"], v["Scope"]), ("v1", "local", {"a": "b"}, "local"))
    equal(os.listdir(v["Mountpoint"]), ["f"])
    one_line(e.berth("volume", "rm", "v1"), 1)
    one_line(e.berth("volume", "rm", "nobody"), 1)
    one_line(e.berth("volume", "create", "../x"), 1)
    e.ok("volume", "rm", "-f", "nobody")
    e.ok("rm", "ww")
    out = e.ok("volume", "prune", "-f")  # only the anonymous ones
    contains(out, name)
    equal(e.ok("volume", "ls", "-q"), "v1\n")
    contains(e.ok("volume", "prune", "-af"), "Total reclaimed space: 6B")
    equal(e.ok("volume", "ls", "-q"), "")
    equal(os.listdir(f"{e.root}/volumes"), [])


@test
def df_adds_up():
    e.ok("run", "-d", "--name", "dd", "-v", "dv:/v", "busybox", "sh", "-c", "echo 12345 >/v/f; sleep 100")
    e.settle(lambda: "6B" in e.ok("system", "df"))
    rows = [json.loads(line) for line in e.ok("system", "df", "--format", "json").splitlines()]
    equal([(r["Type"], r["TotalCount"], r["Active"]) for r in rows],
          [("Images", "1", "1"), ("Containers", "1", "1"), ("Local Volumes", "1", "1"), ("Build Cache", "0", "0")])
    equal(rows[2]["Size"], "6B")
    equal(rows[0]["Reclaimable"], "0B (0%)")
    v = e.ok("system", "df", "-v")
    for part in ("Images space usage:", "busybox", "Containers space usage:", "Local Volumes space usage:", "dv"):
        contains(v, part)
    e.ok("rm", "-f", "dd")
    contains(e.ok("system", "df"), "(100%)")


@test
def system_prune_takes_all_that_is_unused():
    e.ok("run", "--name", "ss", "-v", "/anon", "busybox", "true")
    e.ok("volume", "create", "named")
    out = e.ok("system", "prune", "-af", "--volumes")
    for part in ("Deleted Containers:", "Deleted Volumes:", "Deleted Images:", "untagged: busybox:latest"):
        contains(out, part)
    equal(e.ok("volume", "ls", "-q").split(), ["dv", "named"])
    equal(e.ok("images", "-q"), "")
    e.ok("volume", "rm", "dv", "named")
    equal(os.listdir(f"{e.root}/content/sha256"), [])


run([e])
