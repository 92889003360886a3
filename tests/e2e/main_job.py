#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""run: what a container sees, and what its user gets back."""
import os
import subprocess

from berthtest import Engine, check, contains, equal, one_line, run, test

e = Engine(name="main")


@test
def an_image_from_a_tar_is_listed():
    e.busybox()
    contains(e.ok("images"), "busybox")
    equal(e.ok("images", "--format", "{{.Repository}}:{{.Tag}}").split(), ["busybox:latest"])


@test
def a_container_prints_and_is_gone():
    equal(e.ok("run", "--rm", "busybox", "echo", "hello"), "hello\n")
    equal(e.ok("ps", "-aq"), "")


@test
def stdout_and_stderr_stay_apart():
    r = e.berth("run", "--rm", "busybox", "sh", "-c", "echo out; echo err >&2")
    equal((r.out, r.err), ("out\n", "err\n"))


@test
def the_exit_code_is_the_programs():
    for code in (0, 1, 42, 255):
        equal(e.berth("run", "--rm", "busybox", "sh", "-c", f"exit {code}").code, code)


@test
def a_program_ended_by_a_signal_is_128_and_the_signal():
    equal(e.berth("run", "--rm", "--init", "busybox", "sh", "-c", "kill -KILL $$").code, 137)
    equal(e.berth("run", "--rm", "--init", "busybox", "sh", "-c", "kill -TERM $$").code, 143)


@test
def a_program_that_is_not_there_is_127():
    r = e.berth("run", "--rm", "busybox", "nosuch")
    one_line(r, 127)
    contains(r.err, "executable file not found in $PATH")
    equal(e.ok("ps", "-aq"), "")


@test
def a_program_that_cannot_be_executed_is_126():
    one_line(e.berth("run", "--rm", "busybox", "/etc"), 126)
    one_line(e.berth("run", "--rm", "busybox", "/etc/passwd"), 126)


@test
def an_engine_error_is_125():
    one_line(e.berth("run", "--rm", "nosuchimage", "true"), 125)
    one_line(e.berth("run", "--rm", "--no-such-flag", "busybox", "true"), 125)


@test
def stdin_reaches_the_program():
    equal(e.ok("run", "--rm", "-i", "busybox", "cat", input="some\ntext"), "some\ntext")


@test
def without_i_stdin_is_empty():
    equal(e.ok("run", "--rm", "busybox", "cat", input="not for it"), "")


@test
def twenty_megabytes_pass_through_unchanged():
    data = os.urandom(1 << 20) * 20
    p = e.start("run", "--rm", "-i", "busybox", "cat", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    out, _ = p.communicate(data, timeout=60)
    equal(p.returncode, 0)
    check(out == data, f"{len(out)} bytes came back of {len(data)}, or other ones")


@test
def a_reader_that_goes_away_does_not_hang_it():
    p = subprocess.run(["sh", "-c", " ".join(e.argv("run", "--rm", "busybox", "yes")) + " | head -n 1"],
                       stdout=subprocess.PIPE, timeout=30, env=e.env())
    equal(p.stdout, b"y\n")


@test
def environment_comes_from_image_flags_and_file():
    with open(f"{e.dir}/env", "w") as f:
        f.write("# comment\nFROM_FILE=file\nHOSTVAR\n")
    os.environ["HOSTVAR"] = "from-host"
    out = e.ok("run", "--rm", "-e", "A=1", "--env", "B=two words", "--env-file", f"{e.dir}/env", "busybox", "env")
    for part in ("A=1\n", "B=two words\n", "FROM_FILE=file\n", "HOSTVAR=from-host\n", "PATH=", "HOSTNAME=", "HOME=/root\n"):
        contains(out, part)


@test
def working_directory_user_and_entrypoint():
    equal(e.ok("run", "--rm", "-w", "/tmp", "busybox", "pwd"), "/tmp\n")
    equal(e.ok("run", "--rm", "-w", "/made/here", "busybox", "pwd"), "/made/here\n")
    equal(e.ok("run", "--rm", "-u", "user", "busybox", "id"), "uid=1000(user) gid=1000(user) groups=29(audio),1000(user)\n")
    equal(e.ok("run", "--rm", "-u", "1234:5678", "busybox", "id"), "uid=1234 gid=5678 groups=5678\n")
    equal(e.ok("run", "--rm", "--entrypoint", "/bin/echo", "busybox", "a", "b"), "a b\n")
    one_line(e.berth("run", "--rm", "-u", "nobodyhere", "busybox", "true"), 125)


@test
def names_hosts_and_resolvers():
    equal(e.ok("run", "--rm", "--hostname", "moby", "busybox", "hostname"), "moby\n")
    cid = e.ok("create", "busybox", "hostname").strip()
    equal(e.ok("start", "-a", cid), cid[:12] + "\n")
    e.ok("rm", cid)
    out = e.ok("run", "--rm", "--add-host", "db:10.1.2.3", "busybox", "cat", "/etc/hosts")
    contains(out, "127.0.0.1\tlocalhost")
    contains(out, "10.1.2.3\tdb")
    contains(e.ok("run", "--rm", "--dns", "9.9.9.9", "busybox", "cat", "/etc/resolv.conf"), "nameserver 9.9.9.9")


@test
def a_host_directory_is_shared_or_read_only():
    d = f"{e.dir}/shared"
    os.mkdir(d)
    with open(f"{d}/in", "w") as f:
        f.write("from host")
    equal(e.ok("run", "--rm", "-v", f"{d}:/mnt", "busybox", "sh", "-c", "cat /mnt/in; echo back >/mnt/out"), "from host")
    with open(f"{d}/out") as f:
        equal(f.read(), "back\n")
    r = e.berth("run", "--rm", "-v", f"{d}:/mnt:ro", "busybox", "touch", "/mnt/x")
    equal(r.code, 1)
    contains(r.err, "Read-only")
    equal(e.ok("run", "--rm", "--mount", f"type=bind,src={d},dst=/m,readonly", "busybox", "cat", "/m/in"), "from host")
    one_line(e.berth("run", "--rm", "--mount", f"type=bind,src={d}/nosuch,dst=/m", "busybox", "true"), 125)


@test
def a_named_volume_outlives_its_containers():
    e.ok("run", "--rm", "-v", "data:/data", "busybox", "sh", "-c", "echo kept >/data/f")
    equal(e.ok("run", "--rm", "-v", "data:/data", "busybox", "cat", "/data/f"), "kept\n")


@test
def a_fresh_volume_is_filled_from_the_image():
    equal(e.ok("run", "--rm", "-v", "conf:/etc", "busybox", "head", "-n1", "/etc/passwd"),
          "root:x:0:0:root:/root:/bin/sh\n")


@test
def tmpfs_read_only_root_and_shm_size():
    out = e.ok("run", "--rm", "--read-only", "--tmpfs", "/t:size=1m", "busybox", "sh", "-c",
               "touch /x 2>&1; touch /t/y && echo wrote; df -k /t | tail -n1")
    contains(out, "Read-only file system")
    contains(out, "wrote")
    contains(out, "1024")
    contains(e.ok("run", "--rm", "--shm-size", "8m", "busybox", "df", "-k", "/dev/shm"), "8192")


@test
def sysctls_and_ulimits():
    equal(e.ok("run", "--rm", "--sysctl", "kernel.msgmax=12345", "busybox", "cat", "/proc/sys/kernel/msgmax"), "12345\n")
    equal(e.ok("run", "--rm", "--ulimit", "nofile=123:456", "busybox", "sh", "-c", "ulimit -n; ulimit -Hn"), "123\n456\n")


@test
def network_none_has_loopback_only():
    equal(e.ok("run", "--rm", "--network", "none", "busybox", "ls", "/sys/class/net"), "lo\n")
    contains(e.ok("run", "--rm", "--network", "none", "busybox", "ip", "addr"), "inet 127.0.0.1/8")


@test
def network_host_is_the_hosts():
    inside = e.ok("run", "--rm", "--network", "host", "busybox", "readlink", "/proc/self/ns/net").strip()
    equal(inside, os.readlink("/proc/self/ns/net"))
    one_line(e.berth("run", "--rm", "--network", "nosuch", "busybox", "true"), 125)


@test
def init_collects_zombies():
    out = e.ok("run", "--rm", "--init", "busybox", "sh", "-c", "(sleep 0.05 &) ; sleep 0.3; ps -o pid,stat,args")
    contains(out, "berth-init" if "berth-init" in out else "docker-init")
    check(" Z" not in out, out)


@test
def labels_and_names_are_kept():
    e.ok("create", "--name", "labelled", "--label", "a=b", "-l", "c", "busybox", "true")
    equal(e.inspect("labelled")["Config"]["Labels"], {"a": "b", "c": ""})
    r = e.berth("create", "--name", "labelled", "busybox")
    one_line(r)
    contains(r.err, "already in use by container")
    equal(e.ok("ps", "-a", "--filter", "label=a=b", "--format", "{{.Names}}"), "labelled\n")
    e.ok("rm", "labelled")


run([e])
