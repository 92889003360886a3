#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""docs/testing-with-mocks.md, done as it is written, by an ordinary user."""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

import berthtest
from berthtest import check, contains, equal, run, test

NOBODY = 65534
DOC = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "testing-with-mocks.md")


def become_nobody():
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)


class Shell:
    """One shell for the whole document: what it exports stays."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="berth-mocks-", dir=berthtest.TMP)
        os.chown(self.dir, NOBODY, NOBODY)
        env = {"PATH": f"{berthtest.STAGE}/bin:/usr/bin:/bin", "PREFIX": berthtest.STAGE, "HOME": self.dir, "LC_ALL": "C"}
        self.p = subprocess.Popen(["/bin/sh"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  cwd=self.dir, env=env, text=True, preexec_fn=become_nobody)

    def run(self, command):
        self.p.stdin.write(f"{command}\necho ===end\n")
        self.p.stdin.flush()
        lines = []
        for line in self.p.stdout:
            if line == "===end\n":
                return "".join(lines)
            lines.append(line)
        raise berthtest.Failure(f"the shell ended at: {command}\n{''.join(lines)}")

    def close(self):
        self.p.stdin.close()
        self.p.wait()
        for _ in range(100):  # tidying up goes on in the background
            shutil.rmtree(self.dir, ignore_errors=True)
            if not os.path.exists(self.dir):
                return
            time.sleep(0.05)
        raise berthtest.Failure(f"{self.dir} cannot be removed")


def blocks():
    with open(DOC) as f:
        text = f.read()
    return re.findall(r"^```(\S+) ?(\S*)\n(.*?)^```$", text, re.M | re.S)


def commands(block):
    """(command, what it prints)"""
    found = []
    for line in block.splitlines(keepends=True):
        if line.startswith("$ "):
            found.append([line[2:].rstrip("\n"), ""])
        else:
            found[-1][1] += line
    return found


def installed_paths(shell):
    """The installed config names the directories of the prefix; a stage is somewhere else."""
    path = f"{shell.dir}/mock.json"
    if not os.path.exists(path):
        return
    with open(path) as f:
        text = f.read()
    dirs = berthtest.find_dirs()[0]
    text = re.sub(r'"driver_dirs": \[[^]]*\]', f'"driver_dirs": ["{dirs}/mock", "{dirs}"]', text)
    with open(path, "w") as f:
        f.write(text)


@test
def the_worked_example_works_as_it_stands_there():
    shell = Shell()
    ran = 0
    try:
        for kind, name, text in blocks():
            if kind == "json":
                with open(f"{shell.dir}/{name}", "w") as f:
                    f.write(text)
                os.chmod(f"{shell.dir}/{name}", 0o644)
            for command, wanted in commands(text) if kind == "console" else []:
                equal(shell.run(command), wanted, command)
                ran += 1
                installed_paths(shell)
    finally:
        shell.close()
    check(ran > 15, f"only {ran} commands in the document")


@test
def it_is_the_same_each_time():
    transcripts = []
    for _ in range(2):
        shell = Shell()
        try:
            for kind, name, text in blocks():
                if kind == "json":
                    with open(f"{shell.dir}/{name}", "w") as f:
                        f.write(text)
            for command, _ in commands(blocks()[0][2]):
                shell.run(command)
                installed_paths(shell)
            shell.run("export BERTH_MOCK_TRANSCRIPT=$PWD/calls")
            shell.run("berth load -i images.json; berth run --name aa shop:1; berth rm aa; berth rmi shop:1")
            with open(f"{shell.dir}/calls") as f:
                # ids are random, and the driver does not write them down; kinds work in parallel, and what is
                # tidied up comes when it comes
                lines = [line for line in f if ".open" not in line and ".reclaim" not in line]
                transcripts.append({kind: [line for line in lines if line.startswith(kind + ".")]
                                    for kind in ("storage", "network", "isolation", "registry")})
        finally:
            shell.close()
    contains("".join(transcripts[0]["storage"]), "storage.view_create")
    equal(transcripts[0], transcripts[1])


if os.geteuid() != 0:
    sys.exit("needs root, to become another user")
run()
