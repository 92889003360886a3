#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Containers with a terminal, used through a real pseudo terminal."""
import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time

from berthtest import Engine, check, contains, equal, run, test

e = Engine(name="tty")
e.busybox()


class Session:
    def __init__(self, *args, rows=33, cols=99):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            # the size must be there before the program looks
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))
            argv = e.argv(*args)
            os.execvpe(argv[0], argv, e.env())
        self.text = ""

    def expect(self, part, seconds=10):
        end = time.monotonic() + seconds
        while part not in self.text:
            left = end - time.monotonic()
            check(left > 0, f"{part!r} did not come; there was {self.text!r}")
            if select.select([self.fd], [], [], left)[0]:
                try:
                    data = os.read(self.fd, 65536)
                except OSError:
                    data = b""
                check(data or part in self.text, f"ended before {part!r}; there was {self.text!r}")
                self.text += data.decode(errors="replace")
        self.text = self.text[self.text.index(part) + len(part):]

    def send(self, text):
        os.write(self.fd, text.encode())

    def resize(self, rows, cols):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))
        os.kill(self.pid, signal.SIGWINCH)

    def wait(self, seconds=10):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            # read on, so that it never blocks on a full terminal
            if select.select([self.fd], [], [], 0.02)[0]:
                try:
                    self.text += os.read(self.fd, 65536).decode(errors="replace")
                except OSError:
                    pass
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                os.close(self.fd)
                return os.waitstatus_to_exitcode(status)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.fd)
        raise AssertionError(f"did not end; last words {self.text!r}")


@test
def a_shell_on_a_terminal_works():
    s = Session("run", "-it", "--rm", "busybox", "sh")
    s.expect("# ")
    s.send("tty; stty size; exit 3\n")
    s.expect("/dev/pts/0")
    s.expect("33 99")
    equal(s.wait(), 3)


@test
def a_new_size_reaches_the_program():
    s = Session("run", "-it", "--rm", "busybox", "sh", "-c", "echo up; while read x; do stty size; done")
    s.expect("up")
    s.resize(44, 111)
    time.sleep(0.3)
    s.send("\n")
    s.expect("44 111")
    s.send("\x04")
    equal(s.wait(), 0)


@test
def ctrl_c_interrupts_the_program_inside():
    s = Session("run", "-it", "--rm", "busybox", "sh", "-c", "trap 'echo interrupted; exit 4' INT; echo up; while :; do sleep 0.05; done")
    s.expect("up")
    s.send("\x03")
    s.expect("interrupted")
    equal(s.wait(), 4)


@test
def ctrl_p_ctrl_q_detaches_and_attach_comes_back():
    s = Session("run", "-it", "--name", "left", "busybox", "sh")
    s.expect("# ")
    s.send("MARK=still; echo here\n")
    s.expect("here\r\n")
    s.send("\x10\x11")
    equal(s.wait(), 0)
    equal(e.inspect("left")["State"]["Status"], "running")
    s = Session("attach", "left")
    time.sleep(0.2)
    s.send("echo $MARK-there\n")
    s.expect("still-there")
    s.send("exit 6\n")
    equal(s.wait(), 6)
    e.ok("rm", "left")


@test
def exec_with_a_terminal():
    e.ok("run", "-d", "--name", "box", "busybox", "sleep", "1000")
    s = Session("exec", "-it", "box", "sh", rows=20, cols=70)
    s.expect("# ")
    s.send("tty; stty size; exit 9\n")
    s.expect("/dev/pts/")
    s.expect("20 70")
    equal(s.wait(), 9)
    e.ok("rm", "-f", "box")


@test
def the_terminal_is_given_back_as_it_was():
    master, slave = pty.openpty()
    before = termios.tcgetattr(slave)
    import subprocess
    p = subprocess.Popen(e.argv("run", "-it", "--rm", "busybox", "true"), env=e.env(), stdin=slave, stdout=slave,
                         stderr=slave, start_new_session=True)
    end = time.monotonic() + 10
    while p.poll() is None and time.monotonic() < end:
        if select.select([master], [], [], 0.05)[0]:
            os.read(master, 4096)
    equal(p.wait(1), 0)
    equal(termios.tcgetattr(slave), before)
    os.close(master)
    os.close(slave)


@test
def t_without_a_terminal_is_refused_as_docker_does():
    r = e.berth("run", "-it", "--rm", "busybox", "true")
    check(r.code != 0, str(r))
    contains(r.err, "the input device is not a TTY")


run([e])
