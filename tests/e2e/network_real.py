#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Debian's Apache and dnsmasq in containers, reached from the host, from other containers and from another host."""
import json
import os
import re
import socket
import struct
import subprocess
import sys
import tarfile

from berthtest import Engine, Skip, check, contains, equal, run, test
from nethost import HOST4, HOST6, NEIGHBOUR4, NEIGHBOUR6, Neighbour, get, isolate, sh

APACHE = ["/usr/sbin/apache2", "-D", "FOREGROUND", "-f", "/etc/apache2.conf"]
MODULES = "/usr/lib/apache2/modules"
CONF = f"""ServerName real
User nobody
Group nobody
StartServers 1
ThreadsPerChild 5
MaxRequestWorkers 10
ServerLimit 2
MinSpareThreads 1
MaxSpareThreads 10
Listen 80
PidFile /dev/shm/pid
LoadModule mpm_event_module {MODULES}/mod_mpm_event.so
LoadModule authz_core_module {MODULES}/mod_authz_core.so
LoadModule mime_module {MODULES}/mod_mime.so
TypesConfig /dev/null
DocumentRoot /srv
ErrorLog /dev/stderr
CustomLog /dev/stdout "%a %U"
"""
USERS = {"etc/passwd": "root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
         "etc/group": "root:x:0:\nnobody:x:65534:\n"}
DNSMASQ = ["/usr/sbin/dnsmasq", "-k", "-C", "/dev/null", "-R", "-h", "-u", "root", "-A", "/real.test/192.0.2.99"]

def ask_here(server, port, how):
    question = b"\x12\x34\1\0\0\1\0\0\0\0\0\0\4real\4test\0\0\1\0\1"
    family = socket.AF_INET6 if ":" in server else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM if how == "tcp" else socket.SOCK_DGRAM) as s:
        s.settimeout(2)
        try:
            s.connect((server, int(port)))
            s.send(struct.pack(">H", len(question)) + question if how == "tcp" else question)
            answer = s.recv(1000)
        except OSError:
            return
    print(socket.inet_ntoa(answer[-4:]))


if sys.argv[1:2] == ["ask"]:
    ask_here(*sys.argv[2:])
    raise SystemExit(0)
for needed, package in (("/usr/sbin/apache2", "apache2-bin"), ("/usr/sbin/dnsmasq", "dnsmasq-base")):
    if not os.path.exists(needed):
        print(f"1..0 # SKIP no {needed} (Debian package {package})")
        raise SystemExit(0)
try:
    isolate()
except Skip as why:
    print(f"1..0 # SKIP {why}")
    raise SystemExit(0)
e = Engine({"network": {"driver": "bridge"}}, name="netreal")
e.busybox()
neighbour = Neighbour()


def libraries(*files):
    found = set()
    loaded_late = [f for f in ("/lib/x86_64-linux-gnu/libgcc_s.so.1", "/lib/aarch64-linux-gnu/libgcc_s.so.1") if os.path.exists(f)]
    for file in [*files, *loaded_late]:
        found |= set(re.findall(r"(/\S+) \(0x", sh("ldd", file)))
    return found | set(loaded_late)


def image(name, programs, texts):
    """The programs with all that they load, and nothing more."""
    path = f"{e.dir}/{name}.tar"
    with tarfile.open(path, "w", dereference=True) as tar:
        for file in sorted(set(programs) | libraries(*programs)):
            tar.add(file)
        for file, text in texts.items():
            local = f"{e.dir}/text"
            with open(local, "w") as f:
                f.write(text)
            tar.add(local, file)
        for directory in ("tmp", "run", "var/run"):
            member = tarfile.TarInfo(directory)
            member.type, member.mode = tarfile.DIRTYPE, 0o1777
            tar.addfile(member)
    e.ok("import", path, name)


def ask(server, port, *, tcp=False, at=None):
    """The address that the name server says of real.test; None without an answer."""
    argv = [sys.executable, __file__, "ask", server, str(port), "tcp" if tcp else "udp"]
    p = subprocess.run(at.argv(*argv) if at else argv, stdout=subprocess.PIPE, text=True)
    return p.stdout.strip() or None


def start_apache(name="web", *flags):
    e.ok("run", "-d", "--name", name, *flags, "apache", *APACHE)


def answers(url, *, at=None):
    return e.settle(lambda: get(url, at=at, seconds=1) == "it works\n")


@test
def images_of_real_servers():
    modules = [f"{MODULES}/mod_{m}.so" for m in ("mpm_event", "authz_core", "mime")]
    image("apache", ["/usr/sbin/apache2", *modules], {"etc/apache2.conf": CONF, "srv/index.html": "it works\n",
                                                     **USERS})
    image("dnsmasq", ["/usr/sbin/dnsmasq"], USERS)
    e.ok("network", "create", "--ipv6", "front")
    e.ok("network", "create", "back")


@test
def apache_is_reached_from_everywhere_and_sees_who_asks():
    start_apache("web", "--network", "front", "-p", "8080:80")
    check(answers("http://127.0.0.1:8080/index.html"), "not from the host: " + e.berth("logs", "web").err)
    for url in (f"http://{HOST4}:8080", f"http://[{HOST6}]:8080", "http://localhost:8080"):
        check(answers(f"{url}/index.html"), f"not from the host by {url}")
    check(answers(f"http://{HOST4}:8080/index.html", at=neighbour), "not from another host")
    check(answers(f"http://[{HOST6}]:8080/index.html", at=neighbour), "not from another host by IPv6")
    for who in (NEIGHBOUR4, NEIGHBOUR6):
        check(e.settle(lambda: f"{who} /index.html" in e.ok("logs", "web").split("\n")), f"{who} is not who asked")
    out = e.ok("run", "--rm", "--network", "front", "busybox", "wget", "-qO-", "http://web/index.html")
    equal(out, "it works\n", "from another container by its name")
    own = next(iter(e.inspect("web")["NetworkSettings"]["Networks"].values()))["GlobalIPv6Address"]
    out = e.ok("run", "--rm", "--network", "front", "busybox", "wget", "-qO-", f"http://[{own}]/index.html")
    equal(out, "it works\n", "from another container by IPv6")


@test
def networks_do_not_reach_each_others_servers():
    ip = next(iter(e.inspect("web")["NetworkSettings"]["Networks"].values()))["IPAddress"]
    for target in (ip, "web"):
        r = e.berth("run", "--rm", "--network", "back", "busybox", "sh", "-c", f"timeout 2 wget -qO- http://{target}/index.html; exit $?")
        check(r.code != 0 and not r.out, f"{target} is reached from another network: {r}")


@test
def a_published_port_survives_a_restart():
    e.ok("stop", "web")
    equal(get(f"http://{HOST4}:8080/index.html", at=neighbour, seconds=1), None)
    e.ok("start", "web")
    check(answers(f"http://{HOST4}:8080/index.html", at=neighbour), "not after the restart")
    equal(e.ok("port", "web", "80/tcp").split("\n")[0], "0.0.0.0:8080")
    e.ok("rm", "-f", "web")


@test
def dnsmasq_answers_by_udp_and_tcp_ipv4_and_ipv6():
    e.ok("run", "-d", "--name", "names", "--network", "front", "-p", "5353:53/udp", "-p", "5353:53/tcp", "dnsmasq", *DNSMASQ)
    check(e.settle(lambda: ask("127.0.0.1", 5353) == "192.0.2.99"), "not from the host: " + e.berth("logs", "names").err)
    for at in (None, neighbour):
        for server in (HOST4, HOST6):
            for tcp in (False, True):
                equal(ask(server, 5353, tcp=tcp, at=at), "192.0.2.99", f"{server} tcp={tcp} {'neighbour' if at else 'host'}")
    ip = next(iter(e.inspect("names")["NetworkSettings"]["Networks"].values()))["IPAddress"]
    contains(e.berth("run", "--rm", "--network", "front", "busybox", "nslookup", "real.test", ip).out, "192.0.2.99")
    e.ok("rm", "-f", "names")


@test
def a_hundred_apaches_on_one_bridge_all_answer():
    for i in range(100):
        start_apache(f"a{i:02}", "--network", "front")
    net = json.loads(e.ok("network", "inspect", "front"))[0]
    addresses = sorted(c["IPv4Address"].split("/")[0] for c in net["Containers"].values())
    equal(len(set(addresses)), 100)
    silent = [ip for ip in addresses if not answers(f"http://{ip}/index.html")]
    equal(silent, [])
    loop = "for i in $(seq 0 99); do wget -qO- http://a$(printf %02d $i)/index.html; done"
    equal(e.ok("run", "--rm", "--network", "front", "busybox", "sh", "-c", loop), "it works\n" * 100)
    e.ok("rm", "-f", *[f"a{i:02}" for i in range(100)])
    e.ok("network", "rm", "front", "back")


try:
    run([e])
finally:
    neighbour.close()
