#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The life of containers: create, start, ps, logs, exec, attach, stop, kill, wait, rm."""
import json
import signal
import subprocess
import time

from berthtest import Engine, check, contains, equal, one_line, run, test

e = Engine(name="life")
e.busybox()


def detached(name, *command, flags=()):
    return e.ok("run", "-d", "--name", name, *flags, "busybox", *command).strip()


@test
def a_detached_container_runs_until_it_is_stopped():
    cid = detached("sleeper", "sleep", "1000")
    equal(len(cid), 64)
    state = e.inspect("sleeper")["State"]
    equal((state["Status"], state["Running"]), ("running", True))
    check(state["Pid"] > 0, state)
    begin = time.monotonic()
    equal(e.ok("stop", "-t", "1", "sleeper"), "sleeper\n")
    check(time.monotonic() - begin < 5, "stop took too long")
    state = e.inspect(cid[:12])["State"]
    equal((state["Status"], state["ExitCode"], state["Running"]), ("exited", 137, False))
    equal(e.ok("rm", "sleeper"), "sleeper\n")


@test
def stop_sends_the_stop_signal_first():
    detached("polite", "sh", "-c", "trap 'echo bye; exit 7' TERM; echo up; while :; do sleep 0.05; done")
    e.settle(lambda: "up" in e.ok("logs", "polite"))
    e.ok("stop", "polite")
    equal(e.inspect("polite")["State"]["ExitCode"], 7)
    contains(e.ok("logs", "polite"), "bye")
    e.ok("rm", "polite")
    detached("usr1", "sh", "-c", "trap 'exit 8' USR1; echo up; while :; do sleep 0.05; done",
             flags=("--stop-signal", "SIGUSR1"))
    e.settle(lambda: "up" in e.ok("logs", "usr1"))
    e.ok("stop", "usr1")
    equal(e.inspect("usr1")["State"]["ExitCode"], 8)
    e.ok("rm", "usr1")


@test
def a_container_starts_again_with_its_changes():
    e.ok("create", "--name", "again", "busybox", "sh", "-c", "echo x >>/count; wc -l </count")
    for want in ("1\n", "2\n", "3\n"):
        equal(e.ok("start", "-a", "again"), want)
    e.ok("rm", "again")


@test
def kill_sends_any_signal_and_refuses_what_does_not_run():
    detached("target", "sleep", "1000", flags=("--init",))
    e.ok("kill", "-s", "TERM", "target")
    equal(e.ok("wait", "target"), "143\n")
    one_line(e.berth("kill", "target"))
    one_line(e.berth("kill", "-s", "NOSUCH", "target"))
    e.ok("rm", "target")


@test
def wait_returns_the_exit_code():
    detached("waited", "sh", "-c", "sleep 0.3; exit 9")
    equal(e.ok("wait", "waited"), "9\n")
    equal(e.ok("wait", "waited"), "9\n")
    e.ok("rm", "waited")


@test
def rm_refuses_a_running_one_unless_forced():
    detached("busy", "sleep", "1000")
    r = e.berth("rm", "busy")
    one_line(r)
    contains(r.err, "running")
    equal(e.ok("rm", "-f", "busy"), "busy\n")
    equal(e.ok("ps", "-aq"), "")
    one_line(e.berth("rm", "busy"))


@test
def a_detached_container_with_rm_vanishes():
    cid = detached("brief", "true", flags=("--rm",))
    e.settle(lambda: e.ok("ps", "-aq") == "")
    one_line(e.berth("inspect", cid))


@test
def logs_come_back_as_written():
    detached("talker", "sh", "-c", "for i in 1 2 3 4 5; do echo line $i; done; printf 'no newline'; sleep 0.1; echo wrong >&2")
    e.ok("wait", "talker")
    r = e.berth("logs", "talker")
    equal((r.out, r.err), ("line 1\nline 2\nline 3\nline 4\nline 5\nno newline", "wrong\n"))
    r = e.berth("logs", "--tail", "2", "talker")
    equal((r.out, r.err), ("no newline", "wrong\n"))
    equal(e.ok("logs", "-n", "0", "talker"), "")
    lines = e.ok("logs", "-t", "talker").splitlines()
    check(all(l[:2] == "20" and "Z line" in l for l in lines[:5]), lines)
    equal(e.ok("logs", "--since", "2099-01-01", "talker"), "")
    contains(e.ok("logs", "--since", "1h", "talker"), "line 1")
    equal(e.ok("logs", "--until", "2001-01-01", "talker"), "")
    e.ok("rm", "talker")


@test
def logs_follow_until_the_end():
    detached("slow", "sh", "-c", "for i in 1 2 3; do echo $i; sleep 0.2; done")
    equal(e.ok("logs", "-f", "slow", timeout=20), "1\n2\n3\n")
    e.ok("rm", "slow")


@test
def binary_output_is_exact():
    detached("bytes", "sh", "-c", "head -c 300000 /dev/urandom >/f; cat /f; sleep 0.1; sha256sum /f >&2")
    e.ok("wait", "bytes")
    p = subprocess.run(e.argv("logs", "bytes"), env=e.env(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    import hashlib
    equal(hashlib.sha256(p.stdout).hexdigest(), p.stderr.split()[0].decode())
    e.ok("rm", "bytes")


@test
def exec_runs_one_more_process():
    detached("host", "sleep", "1000", flags=("-e", "IMAGE_VAR=yes"))
    equal(e.ok("exec", "host", "echo", "inside"), "inside\n")
    equal(e.berth("exec", "host", "sh", "-c", "exit 33").code, 33)
    equal(e.ok("exec", "-i", "host", "cat", input="piped"), "piped")
    equal(e.ok("exec", "-e", "X=1", "-w", "/tmp", "-u", "user", "host", "sh", "-c", "echo $X $IMAGE_VAR; pwd; id -u"),
          "1 yes\n/tmp\n1000\n")
    equal(e.berth("exec", "host", "nosuch").code, 127)
    equal(e.berth("exec", "host", "/etc").code, 126)
    contains(e.ok("exec", "host", "ps"), "sleep 1000")
    e.ok("exec", "-d", "host", "touch", "/made")
    check(e.settle(lambda: e.berth("exec", "host", "test", "-e", "/made").code == 0), "exec -d did nothing")
    e.ok("rm", "-f", "host")
    one_line(e.berth("exec", "host", "true"))


@test
def an_exec_has_no_more_rights_than_the_container():
    detached("limited", "sleep", "1000", flags=("--cap-drop", "ALL", "--security-opt", "no-new-privileges"))
    status = e.ok("exec", "limited", "cat", "/proc/self/status")
    contains(status, "CapEff:\t0000000000000000")
    contains(status, "CapBnd:\t0000000000000000")
    contains(status, "NoNewPrivs:\t1")
    contains(status, "Seccomp:\t2")
    e.ok("rm", "-f", "limited")


@test
def attach_sees_output_and_gives_input():
    detached("echoing", "cat", flags=("-i",))
    p = e.start("attach", "echoing", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    p.stdin.write(b"to and fro\n")
    p.stdin.flush()
    equal(p.stdout.readline(), b"to and fro\n")
    e.ok("stop", "-t", "1", "echoing")
    p.stdin.close()
    equal(p.wait(10), 137)
    p.stdout.close()
    e.ok("rm", "echoing")


@test
def signals_are_passed_on():
    p = e.start("run", "--rm", "busybox", "sh", "-c", "trap 'echo got it; exit 5' INT; echo up; while :; do sleep 0.05; done",
                stdout=subprocess.PIPE)
    equal(p.stdout.readline(), b"up\n")
    p.send_signal(signal.SIGINT)
    equal(p.stdout.read(), b"got it\n")
    equal(p.wait(10), 5)


@test
def a_killed_client_leaves_its_container_running():
    p = e.start("run", "--name", "orphan", "busybox", "sh", "-c", "echo up; sleep 1; echo late; sleep 1000", stdout=subprocess.PIPE)
    equal(p.stdout.readline(), b"up\n")
    p.kill()
    p.wait()
    p.stdout.close()
    time.sleep(1.3)
    equal(e.inspect("orphan")["State"]["Status"], "running")
    contains(e.ok("logs", "orphan"), "late")
    e.ok("rm", "-f", "orphan")


@test
def ps_shows_what_docker_shows():
    detached("shown", "sleep", "1000")
    head, line = e.ok("ps").splitlines()
    equal(head.split(), ["CONTAINER", "ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAMES"])
    check('"sleep 1000"' in line and "Up " in line and line.endswith("shown"), line)
    equal(e.ok("ps", "-q", "--no-trunc").strip(), e.inspect("shown")["Id"])
    row = json.loads(e.ok("ps", "--format", "{{json .}}"))
    equal((row["Names"], row["State"], row["Image"]), ("shown", "running", "busybox"))
    equal(e.ok("ps", "--filter", "name=show", "--format", "{{.Names}}|{{.Status}}").split("|")[0], "shown")
    equal(e.ok("ps", "-q", "--filter", "status=exited"), "")
    e.ok("rm", "-f", "shown")


@test
def inspect_takes_templates():
    detached("tpl", "sleep", "1000", flags=("-e", "A=1"))
    equal(e.ok("inspect", "-f", "{{.State.Running}} {{.Name}}", "tpl"), "true /tpl\n")
    equal(e.ok("inspect", "-f", "{{range .Config.Env}}{{if eq . \"A=1\"}}found{{end}}{{end}}", "tpl"), "found\n")
    equal(e.ok("inspect", "-f", "{{json .Config.Cmd}}", "tpl"), '["sleep","1000"]\n')
    equal(e.ok("inspect", "-f", "{{index .Config.Cmd 1}} {{join .Config.Cmd \",\"}}", "tpl"), "1000 sleep,1000\n")
    one_line(e.berth("inspect", "-f", "{{.Nope", "tpl"))
    e.ok("rm", "-f", "tpl")


@test
def the_same_name_at_once_is_given_once():
    ps = [e.start("create", "--name", "contended", "busybox", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
          for _ in range(8)]
    codes = [p.wait(30) for p in ps]
    for p in ps:
        p.stdout.close()
        p.stderr.close()
    equal(codes.count(0), 1, codes)
    e.ok("rm", "contended")


run([e])
