# SPDX-License-Identifier: Apache-2.0
"""Networks: addresses, published ports, names, what may reach what; with real servers, in namespaces of the test's own."""
import json
import re
import socket
import subprocess

from berthtest import Engine, Skip, check, contains, equal, one_line, run, test
from nethost import HOST4, HOST6, NEIGHBOUR4, NEIGHBOUR6, Neighbour, Nft, OutsideNames, ask_udp, get, isolate, sh, udp_echo

SERVER = ["sh", "-c", "echo hello > /tmp/index.html; exec httpd -f -p 80 -h /tmp"]

try:
    isolate()
except Skip as why:
    print(f"1..0 # SKIP {why}")
    raise SystemExit(0)
e = Engine({"network": {"driver": "bridge"}}, name="net")
e.busybox()
neighbour = Neighbour()


def serve(name, *flags):
    e.berth("rm", "-f", name)  # of a test that failed
    e.ok("run", "-d", "--name", name, *flags, "busybox", *SERVER)
    check(e.settle(lambda: get(f"http://{address(name)}/") == "hello\n"), f"{name} does not answer")


def address(name, key="IPAddress", network=None):
    nets = e.inspect(name)["NetworkSettings"]["Networks"]
    return nets[network or next(iter(nets))][key]


def inside(name, *command):
    return e.berth("exec", name, *command)


def interfaces():
    """Those of containers, on the host."""
    return re.findall(r"^\d+: (\S+?)@", sh("ip", "-o", "link", "show", "type", "veth"), re.M)


def state():
    return re.findall(r"^\d+: ([^:@]+)", sh("ip", "-o", "link"), re.M), e.ok("network", "ls", "-q")


def gone(*names):
    e.ok("rm", "-f", *names)


@test
def a_container_has_an_address_of_the_default_network_and_a_way_out():
    out = e.ok("run", "--rm", "busybox", "sh", "-c", f"ip -o addr show eth0; ip route; ping -c1 -W2 {NEIGHBOUR4}; hostname -i")
    contains(out, "inet 172.17.0.")
    contains(out, "default via 172.17.0.1 dev eth0")
    contains(out, "1 packets received")


@test
def a_published_port_is_reached_from_everywhere():
    serve("web", "-p", "8080:80")
    for host in ("127.0.0.1", "localhost", HOST4, "172.17.0.1"):
        equal(get(f"http://{host}:8080/"), "hello\n", host)
    equal(get(f"http://{HOST4}:8080/", at=neighbour), "hello\n", "from another host")
    other = e.ok("run", "--rm", "busybox", "timeout", "3", "wget", "-qO-", f"http://{HOST4}:8080/")
    equal(other, "hello\n", "from another container")
    equal(inside("web", "timeout", "3", "wget", "-qO-", f"http://{HOST4}:8080/").out, "hello\n", "from itself")
    equal(e.ok("port", "web"), "80/tcp -> 0.0.0.0:8080\n80/tcp -> [::]:8080\n")
    contains(e.ok("ps"), "0.0.0.0:8080->80/tcp, [::]:8080->80/tcp")
    gone("web")
    equal(get("http://127.0.0.1:8080/", seconds=1), None, "after its end")


@test
def ipv6_is_published_too():
    e.ok("network", "create", "--ipv6", "-o", "name=br-six", "six")
    e.ok("run", "-d", "--name", "first", "--network", "six", "busybox", "sleep", "60")
    states = []
    check(e.settle(lambda: states.append(sh("ip", "-6", "-o", "addr", "show", "dev", "br-six", "scope", "link")) or states[-1]), "no address")
    check("tentative" not in states[-1], f"the first container of a network waits for the bridge's address: {states[-1]}")
    gone("first")
    serve("web", "--network", "six", "-p", "8081:80")
    contains(e.inspect("web")["NetworkSettings"]["Networks"]["six"]["GlobalIPv6Address"], "fd")
    check(e.settle(lambda: get(f"http://[{HOST6}]:8081/", at=neighbour) == "hello\n"), "IPv6 from another host")
    equal(get(f"http://[{HOST6}]:8081/"), "hello\n")
    equal(get(f"http://{HOST4}:8081/", at=neighbour), "hello\n")
    out = e.ok("run", "--rm", "--network", "six", "busybox", "ping", "-6", "-c1", "-W3", NEIGHBOUR6)
    contains(out, "1 packets received")
    gone("web")
    e.ok("network", "rm", "six")


@test
def udp_is_published_too():
    e.ok("network", "create", "--ipv6", "six")
    e.ok("run", "-d", "--name", "echo", "--network", "six", "-p", "7000:7/udp", "busybox", "sleep", "600")
    server = udp_echo(e.inspect("echo")["State"]["Pid"], 7)
    try:
        check(e.settle(lambda: ask_udp("127.0.0.1", 7000, seconds=0.3) == b"ping\n"), "UDP over 127.0.0.1")
        equal(ask_udp(HOST4, 7000), b"ping\n")
        equal(ask_udp(HOST6, 7000), b"ping\n")
    finally:
        server.kill()
        server.wait()
    gone("echo")
    e.ok("network", "rm", "six")


@test
def a_port_of_loopback_only_is_not_reached_from_outside():
    serve("web", "-p", "127.0.0.1:8082:80")
    equal(get("http://127.0.0.1:8082/"), "hello\n")
    equal(get(f"http://{HOST4}:8082/", at=neighbour, seconds=1), None)
    gone("web")


@test
def a_port_in_use_is_said_before_anything_starts():
    with socket.socket() as s:
        s.bind(("0.0.0.0", 8083))
        s.listen()
        r = e.berth("run", "-d", "--name", "late", "-p", "8083:80", "busybox", "true")
        one_line(r, 125)
        contains(r.err, "port 8083/tcp is already in use")
    serve("web", "-p", "8083:80")
    one_line(e.berth("run", "--rm", "-p", "8083:80", "busybox", "true"), 125)
    with socket.socket() as s:
        try:
            s.bind(("0.0.0.0", 8083))
            check(False, "a server of the host got a published port")
        except OSError:
            pass
    gone("web", "late")


@test
def ports_and_addresses_survive_a_restart():
    serve("web", "-p", "8084:80", "-P", "--expose", "81")
    before = e.inspect("web")["NetworkSettings"]
    e.ok("stop", "-t", "0", "web")
    equal(e.inspect("web")["NetworkSettings"]["Ports"], {})
    e.ok("start", "web")
    after = e.inspect("web")["NetworkSettings"]
    equal(after["Ports"], before["Ports"])
    equal(after["IPAddress"], before["IPAddress"])
    check(e.settle(lambda: get("http://127.0.0.1:8084/") == "hello\n"), "no answer after the restart")
    gone("web")


@test
def containers_of_a_network_know_each_others_names():
    e.ok("network", "create", "front")
    serve("web", "--network", "front", "--network-alias", "www", "--hostname", "box")
    short = e.inspect("web")["Id"][:12]
    e.ok("run", "-d", "--name", "client", "--network", "front", "busybox", "sleep", "600")
    for name in ("web", "www", "box", short, "web.front", "WEB"):
        equal(inside("client", "wget", "-qO-", f"http://{name}/").out, "hello\n", name)
    contains(inside("client", "nslookup", address("web")).out, "web.front")
    e.ok("run", "-d", "--name", "more", "--network", "front", "--network-alias", "www", "busybox", "sleep", "600")
    out = inside("client", "nslookup", "www").out
    contains(out, address("web"))
    contains(out, address("more"))
    gone("more")
    check(address("web") in inside("client", "nslookup", "www").out, "an alias went with the wrong one")
    check(inside("client", "nslookup", "more").code != 0, "one that is gone is still known")
    equal(e.ok("run", "--rm", "--network", "front", "--link", "web:w", "busybox", "wget", "-qO-", "http://w/"), "hello\n")
    gone("web", "client")


@test
def names_outside_are_asked_of_the_hosts_servers():
    OutsideNames()
    contains(e.ok("run", "--rm", "--network", "front", "busybox", "nslookup", "x.outside"), "192.0.2.77")
    e.ok("network", "create", "--internal", "closed")
    check(e.berth("run", "--rm", "--network", "closed", "busybox", "nslookup", "x.outside").code != 0,
          "an internal network asks outside")
    e.ok("network", "rm", "closed")
    conf = e.ok("run", "--rm", "--network", "front", "--dns", "192.0.2.9", "--dns-search", "a.example", "--dns-option", "timeout:1",
                "busybox", "cat", "/etc/resolv.conf")
    equal(conf, "nameserver 127.0.0.11\nsearch a.example\noptions timeout:1\n")
    conf = e.ok("run", "--rm", "--dns", "192.0.2.9", "--add-host", "db:10.0.0.9", "--add-host", "me:host-gateway",
                "busybox", "cat", "/etc/resolv.conf", "/etc/hosts")
    contains(conf, "nameserver 192.0.2.9\n")
    contains(conf, "10.0.0.9\tdb\n")
    contains(conf, "172.17.0.1\tme\n")


@test
def networks_do_not_reach_each_other():
    e.ok("network", "create", "back")
    serve("web", "--network", "back")
    ip = address("web")
    ask = f"timeout 1 wget -qO- http://{ip}/ || exit 1"
    check(e.berth("run", "--rm", "--network", "front", "busybox", "sh", "-c", ask).code != 0, "one network reaches another")
    equal(e.ok("run", "--rm", "--network", "back", "busybox", "wget", "-qO-", f"http://{ip}/"), "hello\n")
    e.ok("network", "create", "--internal", "inner")
    check(e.berth("run", "--rm", "--network", "inner", "busybox", "ping", "-c1", "-W1", NEIGHBOUR4).code != 0,
          "an internal network has a way out")
    gone("web")
    e.ok("network", "rm", "back", "inner")


@test
def what_runs_is_connected_and_disconnected():
    e.ok("network", "create", "side")
    serve("web", "--network", "front")
    e.ok("run", "-d", "--name", "far", "--network", "side", "busybox", "sleep", "600")
    check(inside("far", "nslookup", "web").code != 0, "known before")
    e.ok("network", "connect", "--alias", "www", "side", "web")
    equal(inside("far", "wget", "-qO-", "http://www/").out, "hello\n")
    equal(sorted(e.inspect("web")["NetworkSettings"]["Networks"]), ["front", "side"])
    one_line(e.berth("network", "connect", "side", "web"), 1)
    one_line(e.berth("network", "rm", "side"), 1)
    equal(e.ok("ps", "--filter", "network=side", "--format", "{{.Names}}: {{.Networks}}").split("\n")[0], "far: side")
    contains(e.ok("ps", "--filter", "network=side", "--format", "{{.Names}}: {{.Networks}}"), "web: front,side")
    ids = json.loads(e.ok("network", "inspect", "side"))[0]["Containers"]
    equal(sorted(c["Name"] for c in ids.values()), ["far", "web"])
    e.ok("stop", "-t", "0", "web")
    e.ok("start", "web")
    check(e.settle(lambda: inside("far", "wget", "-qO-", "http://www/").out == "hello\n"), "not connected after a restart")
    e.ok("network", "disconnect", "side", "web")
    check(inside("far", "nslookup", "www").code != 0, "known after it was disconnected")
    equal(sorted(e.inspect("web")["NetworkSettings"]["Networks"]), ["front"])
    one_line(e.berth("network", "disconnect", "side", "web"), 1)
    gone("web", "far")
    e.ok("network", "rm", "side")


@test
def a_container_may_be_on_several_networks_or_on_anothers():
    e.ok("network", "create", "--subnet", "10.91.0.0/24", "one")
    e.ok("network", "create", "--subnet", "10.92.0.0/24", "two")
    e.ok("run", "-d", "--name", "both", "--network", "name=one,ip=10.91.0.77,mac-address=02:00:00:00:00:77", "--network", "two",
         "busybox", "sleep", "600")
    out = inside("both", "sh", "-c", "ip -o addr; ip route; ip link").out
    contains(out, "10.91.0.77/24")
    contains(out, "10.92.0.2/24")
    contains(out, "default via 10.91.0.1")
    contains(out, "02:00:00:00:00:77")
    contains(e.ok("run", "--rm", "--network", "container:both", "busybox", "ip", "-o", "addr"), "10.92.0.2/24")
    gone("both")
    e.ok("network", "rm", "one", "two")


@test
def addresses_and_sizes_are_what_was_asked_for():
    e.ok("network", "create", "--subnet", "10.96.0.0/24", "--subnet", "fd00:96::/64", "--ipv6", "--label", "site=east", "-o",
         "com.docker.network.driver.mtu=1400", "sized")
    out = e.ok("run", "--rm", "--network", "sized", "--ip", "10.96.0.70", "--ip6", "fd00:96::70", "--mac-address", "02:00:00:00:00:70",
               "busybox", "sh", "-c", "ip -o addr show eth0; ip link show eth0; ip -6 route; nslookup 10.96.0.71; nslookup fd00:96::71; true")
    for text in ("10.96.0.70/24", "fd00:96::70/64", "02:00:00:00:00:70", "mtu 1400", "default via fd00:96::1"):
        contains(out, text)
    e.ok("run", "-d", "--name", "server", "--network", "sized", "--ip", "10.96.0.71", "--ip6", "fd00:96::71", "busybox", "sleep", "600")
    out = e.ok("run", "--rm", "--network", "sized", "busybox", "sh", "-c", "nslookup 10.96.0.71; nslookup fd00:96::71; ping -6 -c1 -W2 server")
    equal(out.count("name = server"), 2, out)
    equal(e.ok("network", "ls", "--format", "{{.Name}}", "--filter", "label=site=east"), "sized\n")
    equal(json.loads(e.ok("network", "inspect", "sized"))[0]["Labels"], {"site": "east"})
    for wrong in (["--ip", "10.97.0.1"], ["--ip", "10.96.0.71"], ["--ip6", "fd00:97::1"], ["--mac-address", "x"], ["--ip", "10.96.0.1"]):
        one_line(e.berth("run", "--rm", "--network", "sized", *wrong, "busybox", "true"), 125)
    gone("server")
    e.ok("network", "rm", "sized")


@test
def a_hundred_containers_share_one_bridge():
    e.ok("network", "create", "many")
    serve("web", "--network", "many")
    for i in range(99):
        e.ok("run", "-d", "--name", f"many-{i}", "--network", "many", "busybox", "sleep", "600")
    net = json.loads(e.ok("network", "inspect", "many"))[0]
    equal(len(net["Containers"]), 100)
    equal(len({c["IPv4Address"] for c in net["Containers"].values()}), 100)
    for i in (0, 50, 98):
        equal(inside(f"many-{i}", "wget", "-qO-", "http://web/").out, "hello\n")
        equal(inside("web", "ping", "-c1", "-W2", f"many-{(i + 7) % 99}").code, 0)
    gone("web", *[f"many-{i}" for i in range(99)])
    e.ok("network", "rm", "many")


@test
def fifty_that_start_together_all_find_the_server():
    serve("web", "--network", "front")
    all = [e.start("run", "--rm", "--network", "front", "busybox", "timeout", "5", "wget", "-qO-", "http://web/", stdout=subprocess.PIPE,
                   stderr=subprocess.PIPE, text=True) for _ in range(50)]
    for p in all:
        out, err = p.communicate(timeout=120)
        equal((p.returncode, out, err), (0, "hello\n", ""))
    gone("web")


@test
def what_somebody_took_away_is_put_back():
    nft = Nft()
    serve("web", "-p", "8085:80")
    nft("flush ruleset")
    equal(get(f"http://{HOST4}:8085/", at=neighbour, seconds=1), None)
    e.ok("network", "reconcile")
    equal(get(f"http://{HOST4}:8085/", at=neighbour), "hello\n")
    nft("flush ruleset")
    e.ok("run", "--rm", "busybox", "true")
    check(e.settle(lambda: get(f"http://{HOST4}:8085/", at=neighbour, seconds=1) == "hello\n"), "the next start put nothing back")
    gone("web")


@test
def a_dry_run_makes_nothing():
    before = sh("ip", "-o", "link")
    plan = json.loads(e.ok("network", "create", "--dry-run", "--subnet", "10.93.0.0/24", "planned"))
    contains(json.dumps(plan), "10.93.0.1/24")
    equal(sh("ip", "-o", "link"), before)
    one_line(e.berth("network", "inspect", "-f", "x", "planned"), 1)


@test
def a_dry_run_of_a_container_shows_what_it_would_get():
    e.settle(lambda: interfaces() == ["lan0"])
    nft = Nft()
    before, rules = sh("ip", "-o", "link"), nft("list ruleset")
    wanted = ["--name", "web", "-p", "8087:80", "-p", "127.0.0.1:8088:81/udp", "busybox", "sleep", "100"]
    plan = json.loads(e.ok("run", "--dry-run", *wanted))
    [net] = plan["Networks"]
    contains(net["Plan"]["rules"], f"add element inet berth ports4 {{ tcp . 8087 : {net['Addresses'][0].split('/')[0]} . 80 }}")
    equal((sh("ip", "-o", "link"), nft("list ruleset"), e.ok("ps", "-aq")), (before, rules, ""))
    e.ok("run", "-d", *wanted)
    got = e.inspect("web")["NetworkSettings"]["Networks"]["bridge"]
    equal((net["Addresses"], net["MacAddress"]), ([f"{got['IPAddress']}/{got['IPPrefixLen']}"], got["MacAddress"]))
    for line in net["Plan"]["rules"]:
        element = line.split("{ ")[1].rstrip(" }")
        contains(nft("list ruleset"), element)
    one_line(e.berth("run", "--dry-run", "-p", "8087:80", "busybox", "true"), 125)
    one_line(e.berth("run", "--dry-run", "--network", "nosuch", "busybox", "true"), 125)
    equal(json.loads(e.ok("run", "--dry-run", "--network", "none", "busybox", "true"))["Networks"], [{"Network": "none", "Driver": "none"}])
    gone("web")


@test
def bad_input_is_refused_in_one_line_and_leaves_nothing():
    e.ok("network", "create", "--subnet", "10.94.0.0/29", "--gateway", "10.94.0.1", "tiny")
    e.settle(lambda: interfaces() == ["lan0"])
    before = state()
    for flags, words in [
        (["--subnet", "10.94.0.0/24", "x1"], "overlaps"),
        (["--subnet", "10.94.0", "x2"], "invalid subnet"),
        (["--subnet", "10.95.0.0/40", "x3"], "invalid subnet"),
        (["--subnet", "10.95.0.0/24", "--gateway", "10.96.0.1", "x4"], "10.96.0.1"),
        (["--subnet", "10.95.0.0/24", "--ip-range", "10.96.0.0/25", "x5"], "ip-range"),
        (["--gateway", "10.95.0.1", "x6"], "subnet"),
        (["--driver", "nosuch", "x7"], "nosuch"),
        (["--driver", "host", "x8"], "host"),
        (["-o", "nosuch=1", "x9"], "nosuch"),
        (["tiny"], "already exists"),
        (["bridge"], "already exists"),
        (["a/b"], "invalid network name"),
    ]:
        r = e.berth("network", "create", *flags)
        one_line(r, 1)
        contains(r.err, words, str(flags))
    for flags, words in [
        (["--network", "tiny", "--ip", "10.94.0.1"], "in use"),
        (["--network", "tiny", "--ip", "10.99.0.1"], "no subnet"),
        (["--network", "tiny", "--ip", "10.94.0.300"], "10.94.0.300"),
        (["--network", "nosuch"], "not found"),
        (["-p", "70000:80"], "70000"),
        (["-p", "192.0.2.200:8086:80"], "192.0.2.200"),
        (["--network", "none", "-p", "8086:80"], "publish"),
        (["--mac-address", "zz"], "zz"),
        (["--network", "none", "--ip", "10.94.0.3"], "no addresses"),
        (["--network", "bridge", "--network", "none"], "conflicting"),
    ]:
        r = e.berth("run", "--rm", *flags, "busybox", "true")
        one_line(r, 125)
        contains(r.err, words, str(flags))
    for i in range(5):
        e.ok("run", "-d", "--name", f"t{i}x", "--network", "tiny", "busybox", "sleep", "600")
    r = e.berth("run", "--rm", "--network", "tiny", "busybox", "true")
    one_line(r, 125)
    contains(r.err, "no address is free in 10.94.0.0/29")
    one_line(e.berth("network", "rm", "tiny"), 1)
    one_line(e.berth("network", "rm", "bridge"), 1)
    one_line(e.berth("network", "rm", "nosuch"), 1)
    gone(*[f"t{i}x" for i in range(5)])
    check(e.settle(lambda: state() == before), f"{state()} is left, there was {before}")
    e.ok("network", "rm", "tiny")


@test
def nothing_of_containers_is_left_on_the_host():
    e.ok("network", "prune", "-f")
    check(e.settle(lambda: interfaces() == ["lan0"]), f"interfaces {interfaces()}")
    equal(e.ok("network", "ls", "-q", "--filter", "type=custom"), "")


try:
    run([e])
finally:
    neighbour.close()
