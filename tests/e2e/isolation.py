#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a container cannot do, and what its limits are."""
import os
import subprocess

from berthtest import Engine, Skip, check, contains, equal, one_line, run, test

e = Engine({"containers": {"userns_range": "1000000:655360"}}, name="iso")
e.busybox()

# CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT KILL AUDIT_WRITE
DEFAULT_CAPS = "00000000a80425fb"


def sh(script, *flags):
    return e.ok("run", "--rm", *flags, "busybox", "sh", "-c", script)


def v1():
    return os.path.isdir("/sys/fs/cgroup/memory")


def cgroup_value(cid, controller, v1_file, v2_file):
    if v1():
        path = f"/sys/fs/cgroup/{controller}{e.cgroup}/{cid}/{v1_file}"
    else:
        path = f"/sys/fs/cgroup{e.cgroup}/{cid}/{v2_file}"
    with open(path) as f:
        return f.read().strip()


@test
def the_default_capabilities_are_dockers_fourteen():
    status = sh("cat /proc/self/status")
    contains(status, f"CapEff:\t{DEFAULT_CAPS}")
    contains(status, f"CapBnd:\t{DEFAULT_CAPS}")
    contains(status, "CapInh:\t0000000000000000")
    contains(status, "CapAmb:\t0000000000000000")


@test
def capabilities_are_added_and_dropped():
    contains(sh("grep CapEff /proc/self/status", "--cap-drop", "ALL"), "0000000000000000")
    contains(sh("grep CapEff /proc/self/status", "--cap-drop", "ALL", "--cap-add", "NET_ADMIN"), "0000000000001000")
    contains(sh("grep CapEff /proc/self/status", "--cap-add", "CAP_SYS_TIME"), "00000000aa0425fb")
    one_line(e.berth("run", "--rm", "--cap-add", "NO_SUCH", "busybox", "true"), 125)


@test
def another_user_has_no_capabilities():
    contains(sh("grep CapEff /proc/self/status", "-u", "1000"), "0000000000000000")


@test
def seccomp_filters_by_default_and_can_be_switched_off():
    contains(sh("grep Seccomp: /proc/self/status"), "Seccomp:\t2")
    contains(sh("unshare -U true 2>&1; echo $?"), "Operation not permitted")
    contains(sh("grep Seccomp: /proc/self/status", "--security-opt", "seccomp=unconfined"), "Seccomp:\t0")


@test
def a_seccomp_profile_from_a_file_is_obeyed():
    path = f"{e.dir}/profile.json"
    with open(path, "w") as f:
        f.write('{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO","errnoRet":1}]}')
    contains(sh("mkdir /x 2>&1; echo $?", "--security-opt", f"seccomp={path}"), "Operation not permitted")
    with open(path, "w") as f:
        f.write('{"defaultAction": oops')
    one_line(e.berth("run", "--rm", "--security-opt", f"seccomp={path}", "busybox", "true"), 125)


@test
def new_privileges_can_be_forbidden():
    contains(sh("grep NoNewPrivs /proc/self/status"), "NoNewPrivs:\t0")
    contains(sh("grep NoNewPrivs /proc/self/status", "--security-opt", "no-new-privileges"), "NoNewPrivs:\t1")


@test
def namespaces_are_the_containers_own():
    out = sh("for n in mnt pid net uts ipc cgroup; do readlink /proc/self/ns/$n; done").split()
    for name, inside in zip(("mnt", "pid", "net", "uts", "ipc", "cgroup"), out):
        if name == "cgroup" and v1():
            continue  # as docker: its own by default on v2 only
        check(inside != os.readlink(f"/proc/self/ns/{name}"), f"{name} is the host's")
    private = sh("readlink /proc/self/ns/cgroup", "--cgroupns", "private").strip()
    check(private != os.readlink("/proc/self/ns/cgroup"), "--cgroupns private is the host's")
    equal(sh("echo $$"), "1\n")


@test
def parts_of_proc_and_sys_are_masked_or_read_only():
    equal(sh("cat /proc/kcore | wc -c; ls /proc/acpi /sys/firmware 2>/dev/null | grep -v : | wc -w"), "0\n0\n")
    contains(sh("(echo 1 >/proc/sys/kernel/core_pattern) 2>&1; true"), "Read-only")
    contains(sh("mkdir /sys/x 2>&1; true"), "Read-only")


@test
def devices_are_the_usual_ones_and_no_others():
    names = sh("ls /dev").split()
    for name in ("null", "zero", "full", "random", "urandom", "tty", "ptmx", "pts", "shm", "mqueue", "fd", "stdin"):
        check(name in names, f"no /dev/{name} in {names}")
    contains(sh("mknod /d b 8 0 && cat /d 2>&1 | head -c 100; true"), "not permitted")
    contains(sh("ls /dev", "--device", "/dev/loop-control:/dev/mine"), "mine")


@test
def no_descriptor_of_the_engine_is_open():
    equal(sh("ls /proc/self/fd").split(), ["0", "1", "2", "3"])


@test
def memory_is_limited_and_the_oom_killer_is_seen():
    e.ok("create", "--name", "fat", "-m", "16m", "busybox", "sh", "-c", "head -c 100m /dev/zero | tail >/dev/null; exit 99")
    r = e.berth("start", "-a", "fat")
    state = e.inspect("fat")["State"]
    check(r.code in (137, 99) and state["OOMKilled"], f"{r}\n{state}")
    e.ok("rm", "fat")


@test
def limits_are_written_to_the_cgroup():
    cid = e.ok("run", "-d", "-m", "64m", "--memory-swap", "64m", "--cpus", "0.5", "--cpu-shares", "512",
               "--pids-limit", "50", "--cpuset-cpus", "0", "busybox", "sleep", "1000").strip()
    equal(cgroup_value(cid, "memory", "memory.limit_in_bytes", "memory.max"), "67108864")
    equal(cgroup_value(cid, "pids", "pids.max", "pids.max"), "50")
    equal(cgroup_value(cid, "cpuset", "cpuset.cpus", "cpuset.cpus"), "0")
    if v1():
        equal(cgroup_value(cid, "cpu", "cpu.cfs_quota_us", ""), "50000")
        equal(cgroup_value(cid, "cpu", "cpu.shares", ""), "512")
    else:
        equal(cgroup_value(cid, "", "", "cpu.max"), "50000 100000")
    e.ok("rm", "-f", cid)


@test
def a_fork_bomb_stops_at_the_pids_limit():
    r = e.berth("run", "--rm", "--pids-limit", "10", "busybox", "sh", "-c", "for i in $(seq 30); do sleep 1 & done; wait")
    contains(r.out + r.err, "can't fork")


@test
def bad_limits_are_refused():
    for flags in (("-m", "1k"), ("-m", "abc"), ("--cpus", "9999"), ("--cpuset-cpus", "99"), ("--ulimit", "nofile"),
                  ("-m", "64m", "--memory-swap", "32m")):
        one_line(e.berth("run", "--rm", *flags, "busybox", "true"), 125)


@test
def privileged_has_what_the_machine_has():
    with open("/proc/self/status") as f:
        mine = [l for l in f if l.startswith("CapBnd")][0].split()[1]
    out = sh("cat /proc/self/status; ls /dev; mount -t tmpfs x /mnt 2>&1 || mkdir /mnt; mount -t tmpfs x /mnt && echo mounted", "--privileged")
    contains(out, f"CapEff:\t{mine}")
    contains(out, "Seccomp:\t0")
    contains(out, "mounted")
    contains(out, "loop-control")


@test
def root_is_somebody_else_with_userns():
    cid = e.ok("run", "-d", "--userns", "auto", "-v", "nsvol:/vol", "busybox", "sh", "-c",
               "id -u; touch /made; ls -ln /made | awk '{print $3}'; ls -ln /etc/passwd | awk '{print $3}'; sleep 1000").strip()
    e.settle(lambda: len(e.ok("logs", cid).split()) >= 3)
    equal(e.ok("logs", cid).split(), ["0", "0", "0"])
    pid = e.inspect(cid)["State"]["Pid"]
    with open(f"/proc/{pid}/uid_map") as f:
        inside, outside, count = f.read().split()
    equal((inside, count), ("0", "65536"))
    check(int(outside) >= 1000000, outside)
    equal(os.stat(f"/proc/{pid}").st_uid, int(outside))
    equal(e.ok("exec", cid, "id", "-u"), "0\n")
    other = e.ok("run", "--rm", "--userns", "auto", "busybox", "cat", "/proc/self/uid_map").split()
    check(other[1] != outside, "two containers share a range of ids")
    e.ok("rm", "-f", cid)


@test
def a_symlink_in_the_image_cannot_redirect_a_mount():
    tree = f"{e.dir}/evil"
    os.makedirs(f"{tree}/bin")
    subprocess.check_call(["cp", "/bin/busybox", f"{tree}/bin/busybox"])
    os.symlink("busybox", f"{tree}/bin/sh")
    victim = f"{e.dir}/victim"
    os.mkdir(victim)
    os.symlink(victim, f"{tree}/data")
    os.symlink("/" + "../" * 20 + victim.lstrip("/") + "/deep", f"{tree}/up")
    tar = f"{e.dir}/evil.tar"
    subprocess.check_call(["tar", "-C", tree, "-cf", tar, "."])
    e.ok("import", tar, "evil")
    source = f"{e.dir}/source"
    os.mkdir(source)
    e.ok("run", "--rm", "-v", f"{source}:/data", "-v", f"{e.dir}/other:/up/x", "evil", "/bin/sh", "-c", "echo >/data/f")
    equal(os.listdir(victim), [])
    check("f" in os.listdir(source), "the mount is not where the link leads inside")


@test
def proc_as_a_symlink_is_refused():
    tree = f"{e.dir}/proclink"
    os.makedirs(f"{tree}/bin")
    subprocess.check_call(["cp", "/bin/busybox", f"{tree}/bin/sh"])
    os.mkdir(f"{tree}/else")
    os.symlink("else", f"{tree}/proc")
    tar = f"{e.dir}/proclink.tar"
    subprocess.check_call(["tar", "-C", tree, "-cf", tar, "."])
    e.ok("import", tar, "proclink")
    r = e.berth("run", "--rm", "proclink", "/bin/sh", "-c", "true")
    one_line(r, 125)


@test
def two_containers_do_not_see_each_other():
    e.ok("run", "-d", "--name", "one", "busybox", "sh", "-c", "echo secret >/f; sleep 1000")
    out = sh("ls /f 2>&1; ps | grep -c sleep; hostname")
    contains(out, "No such file")
    e.ok("rm", "-f", "one")


@test
def namespaces_can_be_shared_on_purpose():
    cid = e.ok("run", "-d", "busybox", "sleep", "1000").strip()
    contains(sh("ps", "--pid", f"container:{cid}"), "sleep 1000")
    equal(sh("readlink /proc/self/ns/net", "--network", f"container:{cid}"), e.ok("exec", cid, "readlink", "/proc/self/ns/net"))
    equal(sh("readlink /proc/self/ns/pid", "--pid", "host").strip(), os.readlink("/proc/self/ns/pid"))
    e.ok("rm", "-f", cid)


run([e])
