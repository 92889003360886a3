#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Files into and out of containers, and images out of them: cp, diff, export, commit, save."""
import io
import json
import os
import subprocess
import tarfile
import time

from berthtest import Engine, Skip, check, contains, equal, one_line, run, test

DRIVER = os.environ.get("BERTH_TEST_STORAGE", "overlay")
e = Engine({"storage": {"driver": DRIVER}}, name="files")
e.busybox()
here = f"{e.dir}/here"
os.mkdir(here)


def put(name, text, mode=0o644):
    path = f"{here}/{name}"
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as f:
        f.write(text)
    os.chmod(path, mode)
    return path


def read(path):
    with open(path) as f:
        return f.read()


def raw(*args, input=None):
    """Standard output as bytes."""
    p = subprocess.run(e.argv(*args), input=input, capture_output=True, env=e.env())
    check(p.returncode == 0, f"{args}: {p.stderr!r}")
    return p.stdout


def names(tar):
    return sorted(m.name for m in tarfile.open(fileobj=io.BytesIO(tar)))


def container(name, *command, args=()):
    e.ok("run", "-d", "--name", name, *args, "busybox", *(command or ("sleep", "1000")))


def each_state(name, fn, args=()):
    """Of a running and of a stopped container the same is expected."""
    container(name, args=args)
    fn(name)
    e.ok("stop", "-t", "0", name)
    fn(name)
    e.ok("rm", "-f", name)


@test
def files_go_in_and_come_out_with_mode_and_content():
    src = put("a.txt", "hello\n", 0o640)

    def both(c):
        e.ok("cp", src, f"{c}:/b.txt")
        e.ok("cp", f"{c}:/b.txt", f"{here}/back")
        equal(read(f"{here}/back"), "hello\n")
        equal(os.stat(f"{here}/back").st_mode & 0o7777, 0o640)

    each_state("c1", both)


@test
def directories_are_copied_into_or_as_docker_does_it():
    put("d/one", "1")
    put("d/sub/two", "2")

    def both(c):
        e.ok("cp", f"{here}/d", f"{c}:/new")  # does not exist: becomes it
        e.ok("cp", f"{here}/d", f"{c}:/new")  # exists: goes into it
        e.ok("cp", f"{here}/d/.", f"{c}:/new/d")  # its content
        out = raw("cp", f"{c}:/new", "-")
        equal(names(out), ["new", "new/d", "new/d/one", "new/d/sub", "new/d/sub/two", "new/one", "new/sub",
                           "new/sub/two"])
        e.ok("cp", f"{c}:/new/sub", f"{here}/out-{c}")
        equal(read(f"{here}/out-{c}/two"), "2")
        subprocess.run(["rm", "-rf", f"{here}/out-{c}"], check=True)

    each_state("c2", both)


@test
def a_tar_goes_in_from_stdin():
    buf = io.BytesIO()
    with tarfile.open(fileobj=buf, mode="w") as t:
        info = tarfile.TarInfo("in/deep/file")
        info.size, info.uid, info.gid = 3, 1234, 4321
        t.addfile(info, io.BytesIO(b"abc"))

    def both(c):
        raw("cp", "-", f"{c}:/tmp", input=buf.getvalue())
        m = tarfile.open(fileobj=io.BytesIO(raw("cp", f"{c}:/tmp/in/deep/file", "-"))).getmembers()[0]
        equal((m.name, m.uid, m.gid, m.size), ("file", 1234, 4321, 3))

    each_state("c3", both)


@test
def what_is_missing_or_wrong_is_one_line():
    container("c4")
    src = put("x", "x")
    one_line(e.berth("cp", "c4:/nothing", here), 1)
    one_line(e.berth("cp", f"{here}/nothing", "c4:/"), 1)
    one_line(e.berth("cp", src, "c4:/etc/passwd/"), 1)
    one_line(e.berth("cp", src, "c4:/none/dir/x"), 1)
    one_line(e.berth("cp", src, "nobody:/x"), 1)
    one_line(e.berth("cp", src, here), 1)
    one_line(e.berth("cp", "c4:/etc", "c4:/tmp"), 1)
    e.ok("rm", "-f", "c4")


@test
def symlinks_lead_out_in_neither_direction():
    outside = f"{e.dir}/outside"
    os.mkdir(outside)
    secret = f"{outside}/secret"
    with open(secret, "w") as f:
        f.write("secret")
    src = put("evil", "evil")

    def both(c):
        e.ok("exec", c, "true") if e.inspect(c)["State"]["Running"] else None
        # a link in the container that would lead to the host's file: its root is the container's
        r = e.berth("cp", f"{c}:/leak", f"{here}/got")
        check(r.code != 0 or os.path.islink(f"{here}/got"), str(r))
        r = e.berth("cp", "-L", f"{c}:/leak", f"{here}/got2")
        check(r.code != 0 and not os.path.exists(f"{here}/got2"), str(r))
        e.berth("cp", src, f"{c}:/leak")
        e.berth("cp", src, f"{c}:/dirlink/planted")
        equal(read(secret), "secret")
        equal(os.listdir(outside), ["secret"])
        # a tar whose link goes out and whose next entry goes through it
        buf = io.BytesIO()
        with tarfile.open(fileobj=buf, mode="w") as t:
            link = tarfile.TarInfo("hole")
            link.type, link.linkname = tarfile.SYMTYPE, outside
            t.addfile(link)
            info = tarfile.TarInfo("hole/planted")
            info.size = 1
            t.addfile(info, io.BytesIO(b"x"))
        subprocess.run(e.argv("cp", "-", f"{c}:/tmp"), input=buf.getvalue(), env=e.env(), capture_output=True)
        equal(os.listdir(outside), ["secret"])
        if os.path.lexists(f"{here}/got"):
            os.unlink(f"{here}/got")

    container("c5", "sh", "-c", f"ln -s {secret} /leak; ln -s {outside} /dirlink; sleep 1000")
    e.settle(lambda: e.berth("exec", "c5", "ls", "/dirlink").code == 0 or True)
    time.sleep(0.2)
    both("c5")
    e.ok("stop", "-t", "0", "c5")
    both("c5")
    e.ok("rm", "-f", "c5")


@test
def volumes_are_seen_running_or_not_and_read_only_ones_stay_so():
    src = put("v", "volume")

    def both(c):
        e.ok("cp", src, f"{c}:/vol/{e.inspect(c)['State']['Status']}")
        one_line(e.berth("cp", src, f"{c}:/ro/x"), 1)

    each_state("c6", both, args=("-v", "vol6:/vol", "-v", "ro6:/ro:ro"))
    path = json.loads(e.ok("volume", "inspect", "vol6"))[0]["Mountpoint"]
    equal(sorted(os.listdir(path)), ["exited", "running"])
    e.ok("volume", "rm", "vol6", "ro6")


@test
def owners_are_the_containers_unless_they_are_to_be_kept():
    src = put("o", "o")
    os.chown(src, 4000, 4001)
    container("c7")
    e.ok("cp", src, "c7:/plain")
    e.ok("cp", "-a", src, "c7:/kept")
    equal(e.ok("exec", "c7", "stat", "-c", "%u %g", "/plain", "/kept").split("\n")[:2], ["0 0", "4000 4001"])
    e.ok("rm", "-f", "c7")


@test
def diff_says_what_changed_and_nothing_of_what_the_engine_mounts():
    e.ok("run", "--name", "d1", "busybox", "true")
    equal(e.ok("diff", "d1"), "")
    e.ok("rm", "d1")
    e.ok("run", "--name", "d2", "busybox", "sh", "-c", "mkdir /n; echo x >/n/f; rm /etc/passwd; chmod 700 /tmp")
    equal(e.ok("diff", "d2"), "C /etc\nD /etc/passwd\nA /n\nA /n/f\nC /tmp\n")
    e.ok("rm", "d2")
    one_line(e.berth("diff", "nobody"), 1)


@test
def export_is_the_whole_tree_and_imports_again():
    e.ok("run", "--name", "x1", "busybox", "sh", "-c", "echo data >/data")
    tar = raw("export", "x1")
    check("data" in names(tar) and "bin/busybox" in names(tar), str(names(tar))[:500])
    equal(raw("export", "x1"), tar, "twice")
    e.ok("export", "-o", f"{here}/x.tar", "x1")
    equal(open(f"{here}/x.tar", "rb").read(), tar)
    raw("import", "-c", 'ENTRYPOINT ["cat"]', "-m", "again", "-", "again:1", input=tar)
    equal(e.ok("run", "--rm", "again:1", "/data"), "data\n")
    contains(e.ok("history", "again:1"), "again")
    e.ok("rm", "x1")
    e.ok("rmi", "again:1")


@test
def commit_makes_an_image_of_what_changed():
    e.ok("run", "--name", "m1", "-e", "A=b", "busybox", "sh", "-c", "echo one >/one; rm /etc/group; ln /one /two")
    image = e.ok("commit", "-a", "me <me@example.org>", "-m", "why", "-c", 'CMD ["cat","/one"]', "-c", "LABEL k=v",
                 "m1", "made:1").strip()
    equal(e.ok("run", "--rm", "made:1"), "one\n")
    equal(e.berth("run", "--rm", "made:1", "ls", "/etc/group").code, 1)
    equal(e.ok("run", "--rm", "made:1", "stat", "-c", "%h", "/two"), "2\n")
    i = e.inspect("made:1")
    equal((i["Id"], i["Author"], i["Comment"], i["Config"]["Labels"]), (image, "me <me@example.org>", "why", {"k": "v"}))
    contains(i["Config"]["Env"], "A=b")
    equal(len(i["RootFS"]["Layers"]), len(e.inspect("busybox")["RootFS"]["Layers"]) + 1)
    # nothing changed: no layer
    e.ok("run", "--name", "m2", "made:1", "true")
    e.ok("commit", "m2", "same:1")
    equal(e.inspect("same:1")["RootFS"], i["RootFS"])
    # bad words are told before anything is done
    one_line(e.berth("commit", "-c", "RUN x", "m1", "bad:1"), 1)
    one_line(e.berth("commit", "m1", "BAD NAME"), 1)
    one_line(e.berth("commit", "nobody", "bad:1"), 1)
    equal(e.berth("inspect", "bad:1").code, 1)
    e.ok("rm", "m1", "m2")
    e.ok("rmi", "same:1", "made:1")


@test
def a_running_container_is_frozen_while_it_is_committed_and_goes_on():
    container("r1", "sh", "-c", "i=0; while :; do i=$((i+1)); echo $i >/t; mv /t /a; echo $i >/t; mv /t /b; done")
    time.sleep(0.2)
    for _ in range(5):
        e.ok("commit", "r1", "frozen:1")
        a, b = map(int, e.ok("run", "--rm", "frozen:1", "cat", "/a", "/b").split())
        check(a - b in (0, 1), f"not of one moment: {a} {b}")
    before = e.ok("exec", "r1", "cat", "/a")
    check(e.settle(lambda: e.ok("exec", "r1", "cat", "/a") != before), "it does not go on")
    e.ok("rm", "-f", "r1")
    e.ok("rmi", "frozen:1")


@test
def pause_freezes_and_stop_works_on_what_is_paused():
    container("p1")
    e.ok("pause", "p1")
    equal(e.inspect("p1")["State"]["Status"], "paused")
    contains(e.ok("ps"), "(Paused)")
    one_line(e.berth("pause", "p1"), 1)
    one_line(e.berth("exec", "p1", "true"))
    e.ok("unpause", "p1")
    one_line(e.berth("unpause", "p1"), 1)
    e.ok("exec", "p1", "true")
    e.ok("pause", "p1")
    e.ok("stop", "-t", "0", "p1")
    equal(e.inspect("p1")["State"]["Status"], "exited")
    e.ok("start", "p1")
    e.ok("pause", "p1")
    e.ok("rm", "-f", "p1")


def digests(tar):
    return [json.loads(tar.extractfile(n).read()) for n in ("manifest.json", "index.json")]


@test
def save_writes_what_load_reads_and_is_the_same_each_time():
    e.ok("run", "--name", "s1", "busybox", "sh", "-c", "echo x >/x")
    e.ok("commit", "s1", "example.org/made:1")
    e.ok("tag", "busybox", "second:a")
    e.ok("tag", "busybox", "second:b")
    first = raw("save", "example.org/made:1", "second")
    equal(raw("save", "example.org/made:1", "second"), first)
    old, new = digests(tarfile.open(fileobj=io.BytesIO(first)))
    equal(sorted(n for i in old for n in i["RepoTags"]),
          ["docker.io/library/second:a", "docker.io/library/second:b", "example.org/made:1"])
    equal(len(new["manifests"]), 3)
    other = Engine({"storage": {"driver": DRIVER}}, name="files2")
    with open(f"{here}/s.tar", "wb") as f:
        f.write(first)
    other.ok("load", "-i", f"{here}/s.tar")
    equal(other.inspect("example.org/made:1")["Id"], e.inspect("example.org/made:1")["Id"])
    equal(other.ok("run", "--rm", "example.org/made:1", "cat", "/x"), "x\n")
    again = subprocess.run(other.argv("save", "example.org/made:1", "second"), capture_output=True).stdout
    check(again == first, "saved again it differs")
    equal(other.close(), [])
    # as an OCI layout in a directory
    e.ok("save", "--format", "oci", "-o", f"{here}/layout/", "second:a")
    equal(sorted(os.listdir(f"{here}/layout")), ["blobs", "index.json", "oci-layout"])
    one_line(e.berth("save", "nobody"), 1)
    one_line(e.berth("save", "--format", "nosuch", "busybox"), 1)
    one_line(e.berth("save", "-o", f"{here}/none/x.tar", "busybox"), 1)
    e.ok("rm", "s1")
    e.ok("rmi", "example.org/made:1", "second:a", "second:b")


@test
def a_save_that_fails_leaves_no_file():
    if not os.path.exists("/dev/full"):
        raise Skip("no /dev/full")
    one_line(e.berth("save", "-o", "/dev/full", "busybox"), 1)
    one_line(e.berth("save", "-o", f"{here}/part.tar", "busybox", "nobody"), 1)
    check(not [n for n in os.listdir(here) if "part" in n], os.listdir(here))


run([e])
