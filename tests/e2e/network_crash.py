# SPDX-License-Identifier: Apache-2.0
"""Networks after sudden deaths: commands and monitors are killed at random moments, and what they had is let go of."""
import os
import random
import re
import signal
import sqlite3
import subprocess
import time

from berthtest import Engine, Skip, check, contains, equal, one_line, run, test
from nethost import Nft, isolate, sh

ROUNDS = 100
SEED = int(os.environ.get("BERTH_TEST_SEED", "0")) or random.randrange(1 << 30)

try:
    isolate()
except Skip as why:
    print(f"1..0 # SKIP {why}")
    raise SystemExit(0)
e = Engine({"network": {"driver": "bridge"}}, name="netcrash")
e.busybox()
e.ok("network", "create", "--ipv6", "front")


def ports_of_containers():
    return re.findall(r"^\d+: (\S+?)@", sh("ip", "-o", "link", "show", "type", "veth"), re.M)


def rows(table, where="1"):
    with sqlite3.connect(f"file:{e.root}/berth.db?mode=ro", uri=True) as db:
        return db.execute(f"SELECT * FROM {table} WHERE {where}").fetchall()


def settled():
    """No container is left over; then nothing of one may be."""
    ids = e.ok("ps", "-aq", "--no-trunc").split()
    if ids:
        e.berth("rm", "-f", *ids)
    e.ok("network", "reconcile")


def nothing_is_left(what):
    left = ports_of_containers()
    check(e.settle(lambda: not ports_of_containers()), f"{what}: interfaces {left}")
    equal(rows("endpoint"), [], what)
    equal(rows("network_address", "endpoint<>''"), [], what)


def monitors():
    found = []
    for pid in e.processes():
        try:
            with open(f"/proc/{pid}/comm") as f:
                if f.read().startswith("berth-monitor"):
                    found.append(pid)
        except OSError:
            continue
    return found


@test
def whoever_is_killed_at_any_moment_leaves_nothing_behind():
    rng = random.Random(SEED)
    print(f"# BERTH_TEST_SEED={SEED}")
    for n in range(ROUNDS):
        flags = ["--rm"] if rng.random() < 0.5 else []
        p = e.start("run", "-d", *flags, "--network", "front", "-p", "8090:80", "-p", "8090:80/udp", "busybox", "sleep", "600",
                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(rng.uniform(0, 0.12))
        if rng.random() < 0.5:
            p.send_signal(signal.SIGKILL)
        else:
            for pid in monitors():
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        p.wait()
        if n % 10 == 9:
            settled()
            nothing_is_left(f"round {n}, seed {SEED}")
        else:
            ids = e.ok("ps", "-aq", "--no-trunc").split()
            if ids:
                e.berth("rm", "-f", *ids)


@test
def its_port_and_address_are_to_be_had_again():
    check(e.settle(lambda: not monitors()), "a monitor of those before lives")
    e.ok("run", "-d", "--name", "web", "--network", "front", "-p", "8090:80", "busybox", "sleep", "600")
    [pid] = monitors()
    os.kill(pid, signal.SIGKILL)
    try:
        check(e.settle(lambda: not monitors()), "the monitor lives")
        e.ok("run", "-d", "--name", "next", "--network", "front", "-p", "8090:80", "busybox", "sleep", "600")
    finally:
        settled()
    nothing_is_left("after two")


@test
def no_rule_of_a_dead_container_is_left():
    rules = Nft()("list ruleset")
    check("8090" not in rules, rules)


@test
def a_network_that_is_half_made_goes():
    with sqlite3.connect(f"{e.root}/berth.db") as db:
        db.execute("INSERT INTO network(id,name,driver,builtin,phase,created_ns,spec) "
                   "VALUES(?,'half','bridge',0,'making',1,'{\"IPAM\":{\"Config\":[]}}')", ("ab" * 32,))
    e.ok("network", "reconcile")
    one_line(e.berth("network", "rm", "half"), 1)
    contains(e.ok("network", "ls"), "front")


@test
def after_a_reboot_networks_are_made_again():
    sh("ip", "link", "del", "br-" + e.ok("network", "ls", "-q", "--filter", "name=front").strip())
    e.ok("run", "--rm", "--network", "front", "busybox", "true")
    e.ok("network", "rm", "front")


run([e])
