#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Run another of these tests with its directories on a btrfs made for it, which nobody else sees: on_btrfs.py SCRIPT."""
import ctypes
import os
import subprocess
import sys
import tempfile

CLONE_NEWNS = 0x20000


def skip(why):
    print(f"1..0 # SKIP {why}")
    sys.exit(0)


def must(*argv):
    done = subprocess.run(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        skip(f"{argv[0]}: {done.stderr.strip().splitlines()[-1:]}")


def inside(top, script):
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNS) != 0:
        skip("no mount namespace of our own")
    must("mount", "--make-rprivate", "/")
    must("mount", "-t", "tmpfs", "-o", "size=2g", "tmpfs", top)
    with open(f"{top}/image", "wb") as f:
        f.truncate(2 << 30)
    must("mkfs.btrfs", "-q", f"{top}/image")
    os.mkdir(f"{top}/fs")
    must("mount", "-o", "loop", f"{top}/image", f"{top}/fs")
    env = dict(os.environ, BERTH_TEST_TMP=f"{top}/fs")
    return subprocess.run([sys.executable, script], env=env, check=False).returncode


if os.geteuid() != 0:
    skip("needs root")
directory = tempfile.mkdtemp(prefix="berth-btrfs-", dir="/var/tmp")
child = os.fork()
if child == 0:
    status = 1
    try:
        status = inside(directory, sys.argv[1])
    except SystemExit as gone:
        status = gone.code or 0
    finally:
        sys.stdout.flush()
        os._exit(status)
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
os.rmdir(directory)
sys.exit(status)
