#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Beside others who have rules on the same machine: dockerd, ufw, firewalld, br_netfilter. Each in namespaces of the test's own."""
import ctypes
import os
import shutil
import subprocess
import sys

from berthtest import Engine, Failure, Skip, check, contains, equal, run, test
from nethost import HOST4, HOST6, NEIGHBOUR4, Neighbour, Nft, OutsideNames, get, isolate, sh

CLONE_NEWNS = 0x00020000
SERVER = ["sh", "-c", "echo hello > /tmp/index.html; exec httpd -f -p 80 -h /tmp"]
CALLS = ["/proc/sys/net/bridge/bridge-nf-call-iptables", "/proc/sys/net/bridge/bridge-nf-call-ip6tables"]
HAS_CALLS = os.path.exists(CALLS[0])

try:
    isolate()
except Skip as why:
    print(f"1..0 # SKIP {why}")
    raise SystemExit(0)
e = Engine({"network": {"driver": "bridge"}}, name="netbeside")
e.busybox()
neighbour = Neighbour()
server = subprocess.Popen(neighbour.argv(sys.executable, "-m", "http.server", "8000", "--directory", "/proc/self/fdinfo"),
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
nft = Nft()


def need(program, package):
    if not shutil.which(program):
        raise Skip(f"no {program} here (Debian package {package})")


def own_run_directory():
    """Sockets, locks and pid files of the others do not meet the machine's."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS) or libc.mount(b"none", b"/", None, 0x44000, None):  # MS_REC | MS_PRIVATE
        raise Skip("no mount namespace of our own: " + os.strerror(ctypes.get_errno()))
    if libc.mount(b"tmpfs", b"/run", b"tmpfs", 0, b"mode=755"):
        raise Skip("no /run of our own: " + os.strerror(ctypes.get_errno()))
    os.mkdir("/run/lock")


class Copies:
    """Of directories of the machine, which others may change meanwhile."""

    def __init__(self, *directories):
        self.directories = []
        for directory in directories:
            copy = f"{e.dir}/copy{directory}"
            shutil.copytree(directory, copy, symlinks=True)
            if ctypes.CDLL(None).mount(copy.encode(), directory.encode(), None, 0x1000, None):  # MS_BIND
                raise Failure(f"bind {directory}")
            self.directories.append(directory)

    def close(self):
        for directory in self.directories:
            ctypes.CDLL(None).umount2(directory.encode(), 2)  # MNT_DETACH


def rules_of_others():
    """All rules but ours, without their counters."""
    out, ours = [], False
    for line in nft("list ruleset").splitlines():
        if line.startswith("table "):
            ours = line.startswith("table inet berth ")
        if not ours:
            words = line.split()
            for i, word in enumerate(words):
                if word == "packets" and words[i - 1] == "counter":
                    words[i + 1] = words[i + 3] = "N"
            out.append(" ".join(words))
    return "\n".join(out)


def filter_frames(on):
    """br_netfilter shows others' chains what goes from port to port of a bridge. Whether it does now."""
    for path in CALLS if HAS_CALLS else []:
        with open(path, "w") as f:
            f.write(str(int(on)))
    return on and HAS_CALLS


def ours():
    return nft("list table inet berth")


def serve(*flags):
    e.ok("run", "-d", "--name", "web", *flags, "busybox", *SERVER)
    check(e.settle(lambda: get(f"http://{address()}/", seconds=1) == "hello\n"), "the server does not answer")


def address():
    return next(iter(e.inspect("web")["NetworkSettings"]["Networks"].values()))["IPAddress"]


def by(url, *who):
    """The text at @url as a container has it; None without an answer."""
    r = e.berth(*(who or ["run", "--rm", "busybox"]), "sh", "-c", f"timeout 1 wget -qO- {url}; exit $?")
    return r.out if r.code == 0 else None


def from_outside(port=8080, seconds=1):
    return get(f"http://{HOST4}:{port}/", at=neighbour, seconds=seconds)


def hairpin():
    serve("-p", "8080:80")
    for who in (["exec", "web"], ["run", "--rm", "busybox"]):
        equal(e.ok(*who, "wget", "-qO-", f"http://{HOST4}:8080/"), "hello\n", f"{who} by a published port")
    e.ok("rm", "-f", "web")


@test
def published_ports_are_reached_by_containers_with_and_without_br_netfilter():
    for on in (True, False):
        filter_frames(on)
        hairpin()
    filter_frames(True)
    if not HAS_CALLS:
        raise Skip("br_netfilter is not loaded: shown without it only")


@test
def who_took_the_subnet_of_a_network_meanwhile_is_named_and_left_alone():
    serve()
    subnet = address().rsplit(".", 1)[0]
    e.ok("rm", "-f", "web")
    sh("ip", "link", "delete", "berth0")
    sh("ip", "link", "add", "other0", "type", "bridge")
    sh("ip", "link", "set", "other0", "up")
    sh("ip", "addr", "add", f"{subnet}.1/24", "dev", "other0")
    r = e.berth("run", "--rm", "busybox", "true")
    check(r.code == 125 and "is on interface 'other0' of this machine by now" in r.err, r)
    check("berth0" not in sh("ip", "-o", "link"), "a bridge is left behind")
    sh("ip", "addr", "delete", f"{subnet}.1/24", "dev", "other0")
    sh("ip", "addr", "add", f"{subnet}.9/8", "dev", "other0")  # more than ours, which goes on to be ours
    e.ok("run", "--rm", "busybox", "true")
    sh("ip", "link", "delete", "other0")


@test
def a_server_of_names_that_only_the_host_reaches_is_asked_from_there():
    with open(f"{e.dir}/resolv.conf", "w") as f:
        f.write("nameserver 127.0.0.53\n")
    with open("/etc/resolv.conf") as f:
        before = f.read()
    libc = ctypes.CDLL(None)
    # a link leads into /run, which is empty here
    if os.path.realpath("/etc/resolv.conf") != "/etc/resolv.conf" or libc.mount(f"{e.dir}/resolv.conf".encode(), b"/etc/resolv.conf", None, 0x1000, None):
        raise Skip("/etc/resolv.conf cannot be another one here")
    try:
        names = OutsideNames()
        e.ok("network", "create", "front")
        for network in ("front", "bridge"):
            out = e.ok("run", "--rm", "--network", network, "busybox", "sh", "-c", "cat /etc/resolv.conf; nslookup x.outside")
            contains(out, "nameserver 127.0.0.11")
            contains(out, "192.0.2.77")
        e.ok("network", "rm", "front")
        names.close()
    finally:
        libc.umount2(b"/etc/resolv.conf", 2)
    with open("/etc/resolv.conf") as f:
        equal(f.read(), before)


class Dockerd:
    def __init__(self, root):
        self.socket = f"unix://{root}/docker.sock"
        os.makedirs(root, exist_ok=True)
        with open(f"{root}/daemon.json", "w") as f:
            f.write("{}")
        self.log = open(f"{root}/log", "w+")
        self.process = subprocess.Popen(
            ["dockerd", "--config-file", f"{root}/daemon.json", "--data-root", f"{root}/data", "--exec-root", f"{root}/exec",
             "--pidfile", f"{root}/pid", "-H", self.socket, "--exec-opt", "native.cgroupdriver=cgroupfs", "--storage-driver", "vfs"],
            stdout=self.log, stderr=subprocess.STDOUT, start_new_session=True)

    def __call__(self, *args, ok=True):
        p = subprocess.run(["docker", "-H", self.socket, *args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if ok and p.returncode:
            raise Failure(f"docker {' '.join(args)}: {p.stdout}")
        return p.stdout if p.returncode == 0 else None

    def close(self):
        self("rm", "-f", "other", ok=False)
        self.process.terminate()
        self.process.wait()
        self.log.close()


@test
def beside_dockerd_both_work_and_nobody_touches_the_others_rules():
    need("dockerd", "docker.io")
    need("docker", "docker.io or docker-cli")
    serve("-p", "8080:80")
    check(e.settle(lambda: from_outside() == "hello\n"), "before dockerd is there")
    before = ours()
    with open("/proc/sys/net/ipv4/ip_forward", "w") as f:
        f.write("0\n")  # as on a machine that has just started; dockerd drops all that is forwarded if it was so
    docker = Dockerd(f"{e.dir}/docker")
    try:
        check(e.settle(lambda: docker("version", ok=False), 20), "dockerd does not start: " + open(docker.log.name).read()[-500:])
        docker("import", f"{e.dir}/busybox.tar", "busybox")
        equal(ours(), before, "our rules when dockerd has started")
        equal(get("http://127.0.0.1:8080/"), "hello\n", "from the host")
        e.ok("rm", "-f", "web")
        docker("run", "-d", "--name", "other", "-p", "8081:80", "busybox", *SERVER)
        check(e.settle(lambda: from_outside(8081) == "hello\n"), "docker's container does not answer")
        before = rules_of_others()
        contains(before, "DOCKER-USER")
        out = e.berth("doctor").out
        contains(out, "chain 'filter FORWARD' of another program drops what is forwarded")
        contains(out, "iptables -I DOCKER-USER -i berth0 -j ACCEPT, and the same with -o")
        serve("-p", "8080:80")
        equal(docker("exec", "other", "wget", "-qO-", f"http://{HOST4}:8080/"), "hello\n", "docker's container by our port")
        equal(by(f"http://{HOST4}:8081/"), "hello\n", "our container by docker's port")
        equal(get("http://127.0.0.1:8080/"), "hello\n", "from the host")
        equal(from_outside(), None, "docker's drop is undone by nobody")
        for way in ("-i", "-o"):
            sh("iptables", "-I", "DOCKER-USER", way, "berth0", "-j", "ACCEPT")
        check(e.settle(lambda: from_outside() == "hello\n"), "not with the rules that the manual names")
        equal(from_outside(8081), "hello\n", "docker's own")
        for way in ("-i", "-o"):
            sh("iptables", "-D", "DOCKER-USER", way, "berth0", "-j", "ACCEPT")
        e.ok("network", "reconcile")
        e.ok("rm", "-f", "web")
        equal(rules_of_others(), before, "rules of others")
        docker("restart", "-t", "0", "other")
        check(e.settle(lambda: from_outside(8081) == "hello\n"), "docker's container does not answer any more")
        equal(rules_of_others(), before, "rules of others when docker has put its own there again")
    finally:
        docker.close()
        without_others()


def without_others():
    e.berth("rm", "-f", "web")
    nft("flush ruleset")
    filter_frames(True)
    e.merge({"network": {"drivers": {"bridge": {"options": {}}}}})


def goes_out():
    return e.berth("run", "--rm", "busybox", "nc", "-w", "1", NEIGHBOUR4, "8000", "-e", "true").code == 0


def another_bridge(name, remedy, published):
    """What was said of one bridge is not said of others; IPv6 is as IPv4."""
    e.ok("network", "create", "--ipv6", "-o", "name=br-front", "front")
    serve("--network", "front", "-p", "8080:80")
    urls = [f"http://[{HOST6}]:8080/", f"http://{HOST4}:8080/"]
    for url in urls:
        check(e.settle(lambda: get(url, at=neighbour, seconds=1) == published), f"{url} beside {name}")
    for command in remedy:
        sh(*command)
    for url in urls:
        check(e.settle(lambda: get(url, at=neighbour, seconds=1) == "hello\n"), f"not by {url} with what the manual says of {name}")
    e.ok("rm", "-f", "web")
    e.ok("network", "rm", "front")


def closed_firewall(name, chain, remedy, published=None):
    """Of whoever lets nothing in, and forwards nothing; @published: what a port that is published says all the same."""
    check(e.settle(lambda: get(f"http://{NEIGHBOUR4}:8000/", seconds=1) is not None), "the server of the other host does not answer")
    before = rules_of_others()
    check(not goes_out(), f"{name} forwards what containers send")
    serve("-p", "8080:80")
    for on in (False, True):
        filtered = filter_frames(on)
        out = e.berth("doctor").out
        contains(out, f"chain '{chain}' of another program drops what is forwarded: containers reach the world"
                 + (", and each other," if filtered else " only"))
        for command in remedy("berth0"):
            contains(out, " ".join(command))
        equal(by(f"http://{address()}/"), None if filtered else "hello\n", f"within a network, frames filtered: {filtered}")
    equal(get("http://127.0.0.1:8080/"), "hello\n", "from the host")
    equal(from_outside(), published, f"a published port beside {name}")
    e.ok("rm", "-f", "web")
    equal(rules_of_others(), before, f"rules of {name}")
    for command in remedy("berth0"):
        sh(*command)
    check(goes_out(), f"containers do not get out with what the manual says of {name}")
    serve("-p", "8080:80")
    equal(by(f"http://{address()}/"), "hello\n", "within a network, with what the manual says")
    equal(by(f"http://{HOST4}:8080/"), "hello\n", "by a published port, with what the manual says")
    check(e.settle(lambda: from_outside() == "hello\n"), f"no port is published with what the manual says of {name}")
    e.ok("rm", "-f", "web")
    another_bridge(name, remedy("br-front"), published)
    e.merge({"network": {"drivers": {"bridge": {"options": {"obey_host_firewall": True}}}}})
    serve("-p", "8080:80")
    equal(get("http://127.0.0.1:8080/"), "hello\n", "from the host")
    equal(from_outside(), None, f"{name} is obeyed")
    e.ok("rm", "-f", "web")


@test
def beside_ufw_its_rules_stay_and_are_obeyed_if_the_config_says_so():
    need("ufw", "ufw")
    copies = Copies("/etc/ufw", "/lib/ufw", "/etc/default")
    try:
        sh("ufw", "--force", "enable")
        closed_firewall("ufw", "filter FORWARD", lambda bridge: [["ufw", "route", "allow", way, "on", bridge] for way in ("in", "out")])
        sh("ufw", "--force", "disable")
    finally:
        copies.close()
        without_others()


class Firewalld:
    def __init__(self, directory):
        os.makedirs("/run/dbus", exist_ok=True)
        self.bus = subprocess.Popen(["dbus-daemon", "--system", "--nofork", "--nopidfile"], stdout=subprocess.DEVNULL,
                                    stderr=subprocess.DEVNULL)
        check(e.settle(lambda: os.path.exists("/run/dbus/system_bus_socket")), "dbus-daemon does not start")
        self.log = open(f"{directory}/firewalld.log", "w")
        self.process = subprocess.Popen(["firewalld", "--nofork", "--nopid", "--log-file", f"{directory}/firewalld.out"],
                                        stdout=self.log, stderr=subprocess.STDOUT)

    def ready(self):
        return subprocess.run(["firewall-cmd", "--state"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0

    def close(self):
        for p in (self.process, self.bus):
            p.terminate()
            p.wait()
        self.log.close()


@test
def beside_firewalld_its_rules_stay_and_are_obeyed_if_the_config_says_so():
    need("firewalld", "firewalld")
    need("dbus-daemon", "dbus")
    copies = Copies("/etc/firewalld")
    firewalld = Firewalld(e.dir)
    try:
        check(e.settle(firewalld.ready, 20), "firewalld does not start: " + open(firewalld.log.name).read()[-500:])
        # it lets through what somebody has translated to a container's address
        closed_firewall("firewalld", "firewalld filter_FORWARD", lambda bridge: [["firewall-cmd", "--zone=trusted", f"--add-interface={bridge}"]],
                        published="hello\n")
    finally:
        firewalld.close()
        copies.close()
        without_others()


try:
    own_run_directory()
    run([e])
except Skip as why:
    print(f"1..0 # SKIP {why}")
finally:
    server.kill()
    server.wait()
    neighbour.close()
    sys.stdout.flush()
