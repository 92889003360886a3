#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The power goes at random moments while images and containers are made, changed, moved and removed: after each time the store
opens, is whole, and has all that was reported as done."""
import json
import os
import random
import re
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
from berthtest import STAGE, Engine, Failure, Skip, check, run, test
from machine import Machine

ROUNDS = int(os.environ.get("BERTH_VM_ROUNDS", "30"))
SEED = int(os.environ.get("BERTH_TEST_SEED", "0")) or random.randrange(1 << 30)
CACHE = os.environ.get("BERTH_VM_CACHE", os.path.join(os.path.dirname(STAGE.rstrip("/")), "..", "..", "vm-kernel"))

CONFIG = {"root": "/store/root", "run": "/run/berth", "driver_dirs": [f"{STAGE}/lib/x86_64-linux-gnu/berth"],
          "storage": {"driver": "overlay"}, "network": {"driver": "none"}}

# What is there, and then work until the power goes. A name is never used twice: N counts over all rounds.
WORK = """
b() { berth --config /berth.json "$@"; }
say() { echo "VM: $*"; }
do_it() { what="$1"; shift; say "begin $what"; if b "$@" >/tmp/out 2>&1; then say "end $what"; else say "failed $what: $(tail -1 /tmp/out)"; fi; }
say state
b images --format 'image {{.Repository}}:{{.Tag}}' 2>&1 | sed 's/^/VM: /'
b ps -a --format 'container {{.Names}}' 2>&1 | sed 's/^/VM: /'
b system check --repair >/tmp/repaired 2>&1 || sed 's/^/VM: check /' /tmp/repaired
b system check 2>&1 | sed 's/^/VM: check /'
for i in $(b images --format '{{.Repository}}:{{.Tag}}' | head -2); do
  word=$(b run --rm $i cat /etc/word 2>&1)
  [ "$word" = word ] || say "broken $i: $word"
done
say work
N=$(sed 's/.*berth.n=\\([0-9]*\\).*/\\1/' /proc/cmdline)
while :; do
  N=$((N+1))
  do_it "+image base:$N" import /word.tar base:$N
  do_it "+image loaded:$((N%2))" load -i /load-$((N%2)).tar
  do_it "+container box$N" create --name box$N base:$N sh -c 'echo changed >/file'
  do_it "+image new:$N" commit box$N new:$N
  do_it "=migrate vfs" storage migrate --to vfs --all
  do_it "-container box$N" rm box$N
  do_it "-image base:$N" rmi base:$N
  do_it "=migrate overlay" storage migrate --to overlay --all
  [ $((N%3)) = 0 ] && do_it "-image new:$N" rmi new:$N
  do_it "-image loaded:$((N%2))" rmi loaded:$((N%2))
done
"""


class Expected:
    """What must be there, and what may be: it was begun, and nobody was told of its end."""

    def __init__(self):
        self.there, self.open = set(), set()

    def begin(self, what):
        sign, thing = what[0], what[1:]
        if sign in "+-":
            self.open.add(thing)

    def end(self, what):
        sign, thing = what[0], what[1:]
        self.open.discard(thing)
        if sign == "+":
            self.there.add(thing)
        elif sign == "-":
            self.there.discard(thing)

    def judge(self, found):
        lost = self.there - self.open - found
        undead = found - self.there - self.open
        check(not lost, f"lost: {sorted(lost)}")
        check(not undead, f"there again: {sorted(undead)}")
        self.there, self.open = set(found), set()


@test
def all_that_was_done_is_there_after_power_cuts():
    rng = random.Random(SEED)
    print(f"# BERTH_TEST_SEED={SEED}")
    expected, n, cuts = Expected(), 0, {}
    for number in range(ROUNDS):
        vm.start(f"berth.n={n}")
        lines, ended = vm.read("VM: work", 120)
        check(not ended, f"round {number}: it does not come up: {lines[-5:]}")
        found = {line[4:] for line in lines if re.match(r"VM: (image|container) ", line)}
        complaints = [line for line in lines if line.startswith(("VM: check", "VM: broken")) and not re.search("nothing is wrong", line)]
        check(not complaints, f"round {number}, seed {SEED}: {complaints}")
        expected.judge(found)
        doing = "nothing"
        if number:
            lines, _ = vm.read(None, rng.uniform(0.1, 6))
        else:
            lines, _ = vm.read("VM: end =migrate overlay", 120)  # each once, whole
        lines += vm.cut_power()
        for line in lines:
            m = re.match(r"VM: (begin|end|failed) (.*)$", line)
            if m and m[1] == "failed":
                raise Failure(f"round {number}: {line}")
            if m and m[1] == "begin":
                n = max([n] + [int(x) for x in re.findall(r"(\d+)$", m[2])])
                expected.begin(m[2])
                doing = m[2].split(":")[0].rstrip("0123456789")
            elif m:
                expected.end(m[2])
                doing = "between two"
        cuts[doing] = cuts.get(doing, 0) + 1
    print(f"# the power went {ROUNDS} times: {', '.join(f'{k} {v}' for k, v in sorted(cuts.items()))}")


directory = tempfile.mkdtemp(prefix="berth-power-", dir="/var/tmp")
vm = None
try:
    host = Engine({"storage": {"driver": "overlay"}, "network": {"driver": "none"}}, name="powerhost")
    host.busybox()
    with open(f"{directory}/berth.json", "w") as f:
        json.dump(CONFIG, f)
    host.ok("run", "--name", "word", "busybox", "sh", "-c", "echo word >/etc/word; i=0; while [ $i -lt 300 ]; do echo $i >/etc/f$i; i=$((i+1)); done")
    host.ok("export", "-o", f"{directory}/word.tar", "word")
    for i in (0, 1):
        host.ok("import", f"{directory}/word.tar", f"loaded:{i}")
        host.ok("save", "-o", f"{directory}/load-{i}.tar", f"loaded:{i}")
    host.ok("rm", "word")
    host.ok("rmi", "loaded:0", "loaded:1", "busybox")
    files = {"/berth.json": f"{directory}/berth.json", "/word.tar": f"{directory}/word.tar"}
    files |= {f"/load-{i}.tar": f"{directory}/load-{i}.tar" for i in (0, 1)}
    vm = Machine(directory, os.path.abspath(CACHE), WORK, files)
    run([host])
except Skip as why:
    print(f"1..0 # SKIP {why}")
finally:
    if vm:
        vm.close()
    shutil.rmtree(directory, ignore_errors=True)
