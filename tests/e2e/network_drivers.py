#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""macvlan, ipvlan, cni; and what the bridge driver's options do. In namespaces of the test's own."""
import json
import os

from berthtest import Engine, Skip, check, contains, equal, one_line, run, test
from nethost import HOST4, NEIGHBOUR4, Neighbour, Nft, get, isolate, sh

SERVER = ["sh", "-c", "echo hello > /tmp/index.html; exec httpd -f -p 80 -h /tmp"]
CNI = "/usr/lib/cni"

try:
    isolate()
except Skip as why:
    print(f"1..0 # SKIP {why}")
    raise SystemExit(0)
e = Engine({"network": {"driver": "bridge"}}, name="netdrv")
e.busybox()
neighbour = Neighbour()
subnet, last = HOST4.rsplit(".", 1)[0], HOST4.rsplit(".", 1)[1]


def has_kind(kind):
    r = e.berth("network", "create", "-d", kind, "-o", "parent=lan0", "--subnet", f"{subnet}.0/24", "probe")
    if r.code == 0:
        out = e.berth("run", "--rm", "--network", "probe", "--ip", f"{subnet}.200", "busybox", "true")
        e.ok("network", "rm", "probe")
        if "Operation not supported" in out.err or "kind" in out.err:
            raise Skip(f"the kernel has no {kind}")
    else:
        check(False, str(r))


def vlan(kind):
    has_kind(kind)
    e.ok("network", "create", "-d", kind, "-o", "parent=lan0", "--subnet", f"{subnet}.0/24", "--gateway", NEIGHBOUR4, "lan")
    e.ok("run", "-d", "--name", "web", "--network", "lan", "--ip", f"{subnet}.200", "busybox", *SERVER)
    check(e.settle(lambda: get(f"http://{subnet}.200/", at=neighbour) == "hello\n"), "not reached from the network")
    out = e.ok("run", "--rm", "--network", "lan", "--ip", f"{subnet}.201", "busybox", "sh", "-c",
               f"ip -o -4 addr show eth0; ip route; wget -qO- http://{subnet}.200/; wget -qO- http://web/")
    contains(out, f"inet {subnet}.201/24")
    contains(out, f"default via {NEIGHBOUR4} dev eth0")
    equal(out.count("hello"), 2, "neighbours, by address and by name")
    one_line(e.berth("run", "--rm", "--network", "lan", "-p", "8080:80", "busybox", "true"), 125)
    e.ok("rm", "-f", "web")
    e.ok("network", "rm", "lan")


@test
def containers_are_neighbours_by_macvlan():
    vlan("macvlan")
    one_line(e.berth("network", "create", "-d", "macvlan", "-o", "parent=nobody0", "--subnet", "10.9.0.0/24", "bad"), 1)
    one_line(e.berth("network", "create", "-d", "macvlan", "bad"), 1)
    one_line(e.berth("network", "create", "-d", "macvlan", "-o", "parent=lan0", "-o", "mode=what", "bad"), 1)


@test
def containers_are_neighbours_by_ipvlan():
    vlan("ipvlan")


def takes_over(network, ip, at):
    for mac in ("02:00:00:00:00:0a", "02:00:00:00:00:0b"):
        e.ok("run", "-d", "--name", "web", "--network", network, "--ip", ip, "--mac-address", mac, "busybox", *SERVER)
        check(e.settle(lambda: get(f"http://{ip}/", at=at, seconds=0.3) == "hello\n", 1.5), f"{mac} is not reached in {network}")
        e.ok("rm", "-f", "web")


@test
def who_takes_over_an_address_is_reached_at_once():
    e.ok("network", "create", "--subnet", "10.98.0.0/24", "home")
    takes_over("home", "10.98.0.9", None)
    e.ok("network", "rm", "home")
    e.ok("network", "create", "-d", "macvlan", "-o", "parent=lan0", "--subnet", f"{subnet}.0/24", "--gateway", NEIGHBOUR4, "lan")
    takes_over("lan", f"{subnet}.202", neighbour)
    e.ok("network", "rm", "lan")


def conflist(plugins, name="pods"):
    path = f"{e.dir}/{name}.conflist"
    with open(path, "w") as f:
        json.dump({"cniVersion": "1.0.0", "name": name, "plugins": plugins}, f)
    return path


@test
def plugins_of_others_connect_containers():
    if not os.path.exists(f"{CNI}/bridge"):
        raise Skip("no CNI plugins here (Debian package containernetworking-plugins)")
    ipam = {"type": "host-local", "dataDir": f"{e.dir}/ipam", "ranges": [[{"subnet": "10.88.0.0/24"}]],
            "routes": [{"dst": "0.0.0.0/0"}]}
    path = conflist([{"type": "bridge", "bridge": "cni0", "isGateway": True, "ipam": ipam},
                     {"type": "tuning", "sysctl": {"net.ipv4.ip_default_ttl": "77"}}])
    e.ok("network", "create", "-d", "cni", "-o", f"conflist={path}", "pods")
    os.unlink(path)  # it was read
    e.ok("run", "-d", "--name", "web", "--network", "pods", "busybox", *SERVER)
    address = e.inspect("web")["NetworkSettings"]["Networks"]["pods"]["IPAddress"]
    contains(address, "10.88.0.")
    check(e.settle(lambda: get(f"http://{address}/") == "hello\n"), "not reached from the host")
    out = e.ok("run", "--rm", "--network", "pods", "busybox", "sh", "-c",
               f"cat /proc/sys/net/ipv4/ip_default_ttl; wget -qO- http://{address}/; wget -qO- http://web/")
    equal(out, "77\nhello\nhello\n")
    one_line(e.berth("run", "--rm", "--network", "pods", "-p", "80:80", "busybox", "true"), 125)
    e.ok("rm", "-f", "web")
    check(e.settle(lambda: not [n for n in os.listdir(f"{e.dir}/ipam/pods") if n[0].isdigit()]),
          "addresses are not given back")
    e.ok("network", "rm", "pods")
    sh("ip", "link", "del", "cni0")


@test
def a_plugin_that_fails_leaves_nothing_and_says_why():
    if not os.path.exists(f"{CNI}/bridge"):
        raise Skip("no CNI plugins here (Debian package containernetworking-plugins)")
    ipam = {"type": "host-local", "dataDir": f"{e.dir}/ipam2", "ranges": [[{"subnet": "10.89.0.0/24"}]]}
    path = conflist([{"type": "bridge", "bridge": "cni1", "isGateway": True, "ipam": ipam},
                     {"type": "tuning", "sysctl": {"net.ipv4.nonsense": "1"}}], "bad")
    e.ok("network", "create", "-d", "cni", "-o", f"conflist={path}", "bad")
    r = e.berth("run", "--rm", "--network", "bad", "busybox", "true")
    one_line(r, 125)
    contains(r.err, "CNI plugin 'tuning', ADD")
    equal([n for n in os.listdir(f"{e.dir}/ipam2/bad") if n[0].isdigit()], [])
    e.ok("network", "rm", "bad")
    sh("ip", "link", "del", "cni1")
    for text in ("", "{}", '{"cniVersion":"9.0","name":"x","plugins":[{"type":"a"}]}',
                 '{"cniVersion":"1.0.0","name":"x","plugins":[{"type":"../sh"}]}'):
        with open(path, "w") as f:
            f.write(text)
        one_line(e.berth("network", "create", "-d", "cni", "-o", f"conflist={path}", "x"), 1)
    one_line(e.berth("network", "create", "-d", "cni", "-o", "conflist=/nobody", "x"), 1)
    one_line(e.berth("network", "create", "-d", "cni", "x"), 1)
    with open(path, "w") as f:
        f.write('{"cniVersion":"1.0.0","name":"x","plugins":[{"type":"nobody"}]}')
    e.ok("network", "create", "-d", "cni", "-o", f"conflist={path}", "x")
    contains(e.berth("run", "--rm", "--network", "x", "busybox", "true").err, "there is no CNI plugin 'nobody'")
    e.ok("network", "rm", "x")


def options(**values):
    e.merge({"network": {"drivers": {"bridge": {"options": values}}}})


@test
def ports_are_published_on_loopback_by_default_if_the_config_says_so():
    options(publish_default="loopback")
    e.ok("run", "-d", "--name", "web", "-p", "8080:80", "-p", f"{HOST4}:8081:80", "busybox", *SERVER)
    check(e.settle(lambda: get("http://127.0.0.1:8080/") == "hello\n"), "not by 127.0.0.1")
    equal(get(f"http://{HOST4}:8080/", at=neighbour, seconds=1), None)
    equal(get(f"http://{HOST4}:8081/", at=neighbour), "hello\n")
    e.ok("rm", "-f", "web")
    options()


@test
def a_closed_firewall_is_obeyed_if_the_config_says_so():
    nft = Nft()
    options(obey_host_firewall=True)
    e.ok("run", "-d", "--name", "open", "-p", "8080:80", "busybox", *SERVER)
    check(e.settle(lambda: get(f"http://{HOST4}:8080/", at=neighbour) == "hello\n"), "nothing speaks against it")
    e.ok("rm", "-f", "open")
    nft("table inet wall { chain in { type filter hook input priority 0; policy drop; iif lo accept; "
        "ct state established,related accept; ip protocol icmp accept; }; }")
    e.ok("run", "-d", "--name", "closed", "-p", "8080:80", "-p", f"{HOST4}:8081:80", "busybox", *SERVER)
    check(e.settle(lambda: get("http://127.0.0.1:8080/") == "hello\n"), "not by 127.0.0.1")
    equal(get(f"http://{HOST4}:8080/", at=neighbour, seconds=1), None)
    equal(get(f"http://{HOST4}:8081/", at=neighbour), "hello\n")
    contains(e.berth("doctor").out, "lets nothing in by itself, and is obeyed")
    e.ok("rm", "-f", "closed")
    nft("delete table inet wall")
    options()


@test
def who_else_drops_what_is_forwarded_is_named():
    nft = Nft()
    nft("table inet wall { chain fw { type filter hook forward priority 0; policy drop; }; }")
    contains(e.berth("doctor").out, "chain 'wall fw' of another program drops what is forwarded")
    e.ok("run", "-d", "--name", "web", "-p", "8080:80", "busybox", *SERVER)
    equal(get(f"http://{HOST4}:8080/", at=neighbour, seconds=1), None)
    name = [line.split(":")[1].strip() for line in sh("ip", "-o", "link", "show", "type", "bridge").splitlines()][0]
    nft(f"add rule inet wall fw oifname \"{name}\" accept; add rule inet wall fw iifname \"{name}\" accept")
    check(e.settle(lambda: get(f"http://{HOST4}:8080/", at=neighbour) == "hello\n"), "with the rule that was advised")
    e.ok("rm", "-f", "web")
    nft("delete table inet wall")


@test
def ports_say_from_where_they_are_reached():
    e.ok("run", "-d", "--name", "web", "-p", "8080:80", "-p", "127.0.0.1:81:81", "busybox", "sleep", "100")
    out = e.ok("port", "--reach", "web")
    contains(out, "80/tcp -> 0.0.0.0:8080\teverywhere")
    contains(out, "81/tcp -> 127.0.0.1:81\tthis machine only")
    contains(e.berth("doctor").out, "127.0.0.1:81/tcp of container 'web' is reached from this machine only")
    e.ok("rm", "-f", "web")


try:
    run([e])
finally:
    neighbour.close()
