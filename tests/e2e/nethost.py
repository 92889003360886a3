# SPDX-License-Identifier: Apache-2.0
"""Networks of a test's own: the test and all that it starts live in a network namespace, beside which there may be
other hosts. Nothing of the machine's own network is touched, and all is gone with the processes."""
import ctypes
import os
import socket
import subprocess
import sys
import threading

from berthtest import Failure, Skip, need

CLONE_NEWNET = 0x40000000
HOST4, HOST6 = "192.0.2.1", "2001:db8:1::1"
NEIGHBOUR4, NEIGHBOUR6 = "192.0.2.2", "2001:db8:1::2"


def sh(*args):
    p = subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if p.returncode:
        raise Failure(f"{' '.join(args)}: {p.stdout}")
    return p.stdout


def isolate():
    """A network namespace for this process and its children."""
    need("ip", "iproute2")
    libc = ctypes.CDLL(None, use_errno=True)
    if os.geteuid() or libc.unshare(CLONE_NEWNET):
        raise Skip("no network namespace of our own: " + os.strerror(ctypes.get_errno()))
    sh("ip", "link", "set", "lo", "up")


class Neighbour:
    """Another host on a network that ours is on, too."""

    def __init__(self):
        need("nsenter", "util-linux")
        ours = os.readlink("/proc/self/ns/net")
        self.process = subprocess.Popen(["unshare", "-n", "sleep", "3600"])
        while os.readlink(f"/proc/{self.process.pid}/ns/net") == ours:
            pass
        pid = str(self.process.pid)
        sh("ip", "link", "add", "lan0", "type", "veth", "peer", "name", "eth0", "netns", pid)
        sh("ip", "addr", "add", f"{HOST4}/24", "dev", "lan0")
        sh("ip", "addr", "add", f"{HOST6}/64", "dev", "lan0", "nodad")
        sh("ip", "link", "set", "lan0", "up")
        self.do("ip", "link", "set", "lo", "up")
        self.do("ip", "addr", "add", f"{NEIGHBOUR4}/24", "dev", "eth0")
        self.do("ip", "addr", "add", f"{NEIGHBOUR6}/64", "dev", "eth0", "nodad")
        self.do("ip", "link", "set", "eth0", "up")

    def argv(self, *args):
        return ["nsenter", "-t", str(self.process.pid), "-n", *args]

    def do(self, *args):
        return sh(*self.argv(*args))

    def close(self):
        self.process.kill()
        self.process.wait()


GET = """import sys, urllib.request
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
try:
    print(opener.open(sys.argv[1], timeout=float(sys.argv[2])).read().decode(), end="")
except OSError:
    sys.exit(1)
"""


def get(url, *, at=None, seconds=3):
    """The text at @url, seen from @at (a Neighbour) or from here; None if there is no answer."""
    argv = [sys.executable, "-c", GET, url, str(seconds)]
    p = subprocess.run(at.argv(*argv) if at else argv, stdout=subprocess.PIPE, text=True)
    return p.stdout if p.returncode == 0 else None


ECHO = """import socket, sys
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.bind(("::", int(sys.argv[1])))
while True:
    text, who = s.recvfrom(2000)
    s.sendto(text, who)
"""


def udp_echo(pid, port):
    """A server of UDP in the network namespace of process @pid."""
    return subprocess.Popen(["nsenter", "-t", str(pid), "-n", sys.executable, "-c", ECHO, str(port)])


def ask_udp(address, port, text=b"ping\n", seconds=3):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as s:
        s.settimeout(seconds)
        s.connect((address, port))
        s.send(text)
        try:
            return s.recv(100)
        except OSError:
            return None


class Nft:
    """nftables by its library; there need not be a program."""

    def __init__(self):
        try:
            self.lib = ctypes.CDLL("libnftables.so.1")
        except OSError:
            raise Skip("no libnftables here (Debian package libnftables1)")
        self.lib.nft_ctx_new.restype = ctypes.c_void_p
        self.lib.nft_ctx_get_output_buffer.restype = ctypes.c_char_p
        for name in ("nft_ctx_buffer_output", "nft_ctx_buffer_error", "nft_ctx_get_output_buffer", "nft_ctx_free"):
            getattr(self.lib, name).argtypes = [ctypes.c_void_p]
        self.lib.nft_run_cmd_from_buffer.argtypes = [ctypes.c_void_p, ctypes.c_char_p]

    def __call__(self, command):
        ctx = self.lib.nft_ctx_new(0)
        self.lib.nft_ctx_buffer_output(ctx)
        self.lib.nft_ctx_buffer_error(ctx)
        failed = self.lib.nft_run_cmd_from_buffer(ctx, command.encode())
        out = self.lib.nft_ctx_get_output_buffer(ctx).decode()
        self.lib.nft_ctx_free(ctx)
        if failed:
            raise Failure(f"nft {command}: {failed}")
        return out


class OutsideNames:
    """A name server where the host's /etc/resolv.conf says: 192.0.2.77 for every name that ends with ".outside"."""

    def __init__(self):
        with open("/etc/resolv.conf") as f:
            servers = [line.split()[1] for line in f if line.startswith("nameserver") and len(line.split()) > 1]
        servers = [s for s in servers if ":" not in s]
        if not servers:
            raise Skip("the machine's /etc/resolv.conf names no IPv4 server")
        if not servers[0].startswith("127."):
            sh("ip", "addr", "add", f"{servers[0]}/32", "dev", "lo")
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((servers[0], 53))
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def close(self):
        self.socket.sendto(b"", self.socket.getsockname())
        self.thread.join()
        self.socket.close()

    def serve(self):
        while True:
            question, who = self.socket.recvfrom(2000)
            if not question:
                return
            end = question.index(b"\0", 12) + 5
            known = b"\7outside\0" in question[12:end]
            is_a = question[end - 4:end - 2] == b"\0\1"
            answer = known and is_a
            head = question[:2] + (b"\x81\x80" if known else b"\x81\x83") + b"\0\1" + (b"\0\1" if answer else b"\0\0") + b"\0\0\0\0"
            body = b"\xc0\x0c\0\1\0\1\0\0\0\5\0\4" + bytes([192, 0, 2, 77]) if answer else b""
            self.socket.sendto(head + question[12:end] + body, who)
