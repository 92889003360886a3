#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Real images: a Debian made with debootstrap, and archives that other tools wrote."""
import json
import os
import shutil
import subprocess

from berthtest import Engine, Skip, busybox_tree, check, contains, equal, need, run, test

e = Engine(name="images")
e.busybox()

LAYERS, FILES = 10, 20000
MIRROR = os.environ.get("BERTH_TEST_MIRROR", "http://deb.debian.org/debian")


def sh(*args, **kw):
    p = subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **kw)
    check(p.returncode == 0, f"{' '.join(args)} -> {p.returncode}\n{p.stdout[-2000:]}")
    return p.stdout


def debian():
    """The image debian:12, with python3; made once."""
    if "debian" in e.ok("images"):
        return "debian:12"
    tree = os.environ.get("BERTH_TEST_DEBIAN")
    if not tree:
        need("debootstrap")
        tree = f"{e.dir}/debian"
        p = subprocess.run(["debootstrap", "--variant=minbase", "--include=python3", "bookworm", tree, MIRROR],
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if p.returncode:
            raise Skip(f"debootstrap from {MIRROR} failed: {p.stdout.strip().splitlines()[-1]}")
    tar = subprocess.Popen(["tar", "-C", tree, "-c", "."], stdout=subprocess.PIPE)
    e.ok("import", "--change", 'CMD ["bash"]', "-", "debian:12", stdin=tar.stdout, timeout=300)
    tar.stdout.close()
    equal(tar.wait(), 0)
    if not os.environ.get("BERTH_TEST_DEBIAN"):
        shutil.rmtree(tree)
    return "debian:12"


_layout = None


def layout():
    """An OCI layout with an image of ten layers, made by umoci on a busybox base."""
    global _layout
    if _layout:
        return _layout
    need("umoci")
    where = f"{e.dir}/layout"
    sh("umoci", "init", "--layout", where)
    sh("umoci", "new", "--image", f"{where}:ten")
    for n in range(LAYERS):
        tree = f"{e.dir}/layer{n}"
        if n == 0:
            busybox_tree(tree)
        os.makedirs(f"{tree}/l", exist_ok=True)
        with open(f"{tree}/l/{n}", "w") as f:
            f.write(f"layer {n}\n")
        with open(f"{tree}/l/same", "w") as f:
            f.write(f"from {n}\n")
        sh("umoci", "insert", "--image", f"{where}:ten", tree + "/l", "/l") if n else \
            sh("umoci", "insert", "--image", f"{where}:ten", tree, "/")
        shutil.rmtree(tree)
    sh("umoci", "insert", "--image", f"{where}:ten", "--whiteout", "/l/3")
    sh("umoci", "config", "--image", f"{where}:ten", "--config.cmd", "/bin/cat", "--config.cmd", "/l/same",
       "--config.env", "MADE_BY=umoci", "--config.workingdir", "/l")
    _layout = where
    return where


def runs_as_made(name):
    equal(e.ok("run", "--rm", name), f"from {LAYERS - 1}\n", name)
    equal(e.ok("run", "--rm", name, "ls", "/l").split(), sorted(["0", "1", "2", "4", "5", "6", "7", "8", "9", "same"]))
    equal(e.ok("run", "--rm", name, "sh", "-c", "echo $MADE_BY; pwd; cat 7"), "umoci\n/l\nlayer 7\n")


@test
def debian_works():
    name = debian()
    contains(e.ok("run", "--rm", name, "apt-get", "--version"), "apt ")
    equal(e.ok("run", "--rm", name, "python3", "-c", "print(6*7)"), "42\n")
    contains(e.ok("run", "--rm", name, "dpkg", "-l"), "ii  bash")
    contains(e.ok("run", "--rm", name, "bash", "-c", "echo $BASH_VERSION; cat /etc/os-release"), "Debian GNU/Linux 12")
    equal(e.ok("run", "--rm", "-u", "www-data", name, "id", "-un"), "www-data\n")


@test
def debian_keeps_what_its_files_are():
    name = debian()
    contains(e.ok("run", "--rm", name, "stat", "-c", "%a %U", "/usr/bin/passwd"), "4755 root")
    contains(e.ok("run", "--rm", name, "stat", "-c", "%a", "/tmp"), "1777")


@test
def an_oci_archive_of_skopeo_is_loaded():
    need("skopeo")
    tar = f"{e.dir}/oci.tar"
    sh("skopeo", "copy", "--insecure-policy", f"oci:{layout()}:ten", f"oci-archive:{tar}:fromskopeo:oci")
    contains(e.ok("load", "-i", tar), "fromskopeo:oci")
    runs_as_made("fromskopeo:oci")


@test
def a_docker_archive_of_skopeo_is_loaded():
    need("skopeo")
    tar = f"{e.dir}/docker.tar"
    sh("skopeo", "copy", "--insecure-policy", f"oci:{layout()}:ten", f"docker-archive:{tar}:fromskopeo:docker")
    with open(tar, "rb") as f:
        contains(e.ok("load", stdin=f), "fromskopeo:docker")
    runs_as_made("fromskopeo:docker")
    equal(e.inspect("fromskopeo:docker")["Id"], e.inspect("fromskopeo:docker")["Id"])


@test
def a_layout_of_umoci_in_a_tar_is_loaded():
    tar = f"{e.dir}/umoci.tar"
    sh("tar", "-C", layout(), "-cf", tar, ".")
    e.ok("load", "-i", tar)
    sh("gzip", "-kf", tar)
    e.ok("load", "-i", tar + ".gz")
    contains(e.ok("images"), "ten")
    runs_as_made("ten")


@test
def archives_of_podman_save_are_loaded():
    need("podman")
    need("skopeo")
    base = f"{e.dir}/podman"
    podman = ["podman", "--root", f"{base}/root", "--runroot", f"{base}/run", "--tmpdir", f"{base}/tmp", "--storage-driver", "vfs"]
    tar = f"{e.dir}/forpodman.tar"
    sh("skopeo", "copy", "--insecure-policy", f"oci:{layout()}:ten", f"docker-archive:{tar}:localhost/viapodman:1")
    policy = f"{e.dir}/policy.json"
    with open(policy, "w") as f:
        json.dump({"default": [{"type": "insecureAcceptAnything"}]}, f)
    try:
        sh(*podman, "load", "--signature-policy", policy, "-i", tar)
        for form in ("docker-archive", "oci-archive"):
            saved = f"{e.dir}/saved-{form}.tar"
            sh(*podman, "save", "--format", form, "-o", saved, "localhost/viapodman:1")
            e.ok("load", "-i", saved)
            runs_as_made("localhost/viapodman:1")
            e.ok("rmi", "localhost/viapodman:1")
    finally:
        shutil.rmtree(base, ignore_errors=True)


@test
def twenty_thousand_files_come_out_as_they_went_in():
    tree = f"{e.dir}/many"
    busybox_tree(tree)
    for d in range(FILES // 100):
        os.makedirs(f"{tree}/d{d}")
        for f in range(100):
            with open(f"{tree}/d{d}/f{f}", "w") as out:
                out.write(f"{d} {f}\n")
    tar = f"{e.dir}/many.tar"
    sh("tar", "-C", tree, "-cf", tar, ".")
    want = sh("sh", "-c", f"cd {tree} && find . -path ./proc -prune -o -path './d*' -type f -print | sort | xargs cat | sha256sum").split()[0]
    shutil.rmtree(tree)
    e.ok("import", tar, "many", timeout=120)
    os.unlink(tar)
    equal(e.ok("run", "--rm", "many", "/bin/sh", "-c", "find . -path './d*' -type f | grep -v ^./dev | sort | xargs cat | sha256sum").split()[0], want)
    equal(e.ok("run", "--rm", "many", "/bin/sh", "-c", "find /d* -type f | grep -v ^/dev | wc -l").strip(), str(FILES))


@test
def special_files_survive():
    tree = f"{e.dir}/special"
    busybox_tree(tree)
    os.mknod(f"{tree}/chr", 0o20600, os.makedev(1, 3))
    os.mkfifo(f"{tree}/fifo")
    os.link(f"{tree}/etc/passwd", f"{tree}/hard")
    with open(f"{tree}/sparse", "wb") as f:
        f.truncate(64 << 20)
        f.seek(32 << 20)
        f.write(b"x")
    os.chmod(f"{tree}/bin/busybox", 0o4755)
    os.setxattr(f"{tree}/etc/group", "user.note", b"value")
    os.setxattr(f"{tree}/etc/group", "security.capability", bytes.fromhex("0100000200040000000000000000000000000000"))
    long_name = "n" * 200
    deep = f"{tree}/" + "/".join([long_name] * 8)
    os.makedirs(deep)
    with open(deep + "/end", "w") as f:
        f.write("deep\n")
    os.utime(f"{tree}/etc/passwd", ns=(10**18, 1234567890123456789))
    tar = f"{e.dir}/special.tar"
    sh("tar", "--format=pax", "--xattrs", "--xattrs-include=*", "--sparse", "-C", tree, "-cf", tar, ".")
    shutil.rmtree(tree)
    e.ok("import", tar, "special")
    out = e.ok("run", "--rm", "special", "/bin/sh", "-c",
               "stat -c '%F %t %T' /chr; stat -c %F /fifo; stat -c %h /hard; stat -c %s /sparse; stat -c %b /sparse;"
               f"stat -c %a /bin/busybox; stat -c %Y /etc/passwd; cat /{'/'.join([long_name] * 8)}/end")
    lines = out.splitlines()
    equal(lines[0], "character special file 1 3")
    equal(lines[1:4], ["fifo", "2", str(64 << 20)])
    check(int(lines[4]) < 20000, f"not sparse: {lines[4]} blocks")
    equal(lines[5:], ["4755", "1234567890", "deep"])
    name = e.ok("create", "special", "true").strip()
    e.ok("rm", name)


@test
def the_same_image_loaded_twice_is_stored_once():
    tar = f"{e.dir}/umoci.tar"
    before = sorted(os.listdir(f"{e.root}/content/sha256"))
    e.ok("load", "-i", tar)
    equal(sorted(os.listdir(f"{e.root}/content/sha256")), before)
    e.ok("tag", "ten", "other:name")
    ids = set(e.ok("images", "-q", "--no-trunc", "ten").split() + e.ok("images", "-q", "--no-trunc", "other").split())
    equal(len(ids), 1)


@test
def history_and_size_are_shown():
    check(len(e.ok("history", "-q", "ten").split()) >= LAYERS, "too little history")
    check(e.inspect("ten")["Size"] > 100000, "no size")
    equal(len(e.inspect("ten")["RootFS"]["Layers"]), LAYERS + 1)


@test
def a_check_of_a_good_store_finds_nothing_and_a_damaged_blob_is_named():
    contains(e.ok("system", "check", "--deep"), "nothing is wrong")
    where = f"{e.root}/content/sha256"
    name = min(os.listdir(where), key=lambda n: os.path.getsize(f"{where}/{n}"))
    with open(f"{where}/{name}", "r+b") as f:
        byte = f.read(1)
        f.seek(0)
        f.write(bytes([byte[0] ^ 1]))
    r = e.berth("system", "check", "--deep")
    equal(r.code, 1)
    contains(r.out, name)
    with open(f"{where}/{name}", "r+b") as f:
        f.write(byte)
    contains(e.ok("system", "check", "--deep"), "nothing is wrong")


@test
def rmi_frees_everything():
    for line in e.ok("images", "-a", "--format", "{{.Repository}}:{{.Tag}}").split():
        e.ok("rmi", line)
    equal(e.ok("images", "-aq"), "")
    equal(os.listdir(f"{e.root}/content/sha256"), [])
    r = e.berth("system", "check")
    equal(r.code, 0, str(r))


run([e])
