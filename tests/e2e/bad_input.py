#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Bad input: one line, a code that is not 0, and nothing changed."""
import gzip
import hashlib
import io
import json
import os
import subprocess
import tarfile

from berthtest import Engine, Skip, check, contains, equal, need, one_line, run, test

e = Engine(name="bad")
e.busybox()


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def tar_of(entries):
    """A tar of (name, bytes) or TarInfo entries."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as t:
        for entry in entries:
            if isinstance(entry, tarfile.TarInfo):
                t.addfile(entry)
            else:
                info = tarfile.TarInfo(entry[0])
                info.size = len(entry[1])
                info.mode = 0o644
                t.addfile(info, io.BytesIO(entry[1]))
    return out.getvalue()


def link(name, to, kind=tarfile.SYMTYPE):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, to
    return info


def docker_archive(layer, diff_id=None, config=None, repo="x:1"):
    config = config or json.dumps({"architecture": "amd64", "os": "linux", "config": {"Cmd": ["/a"]},
                                   "rootfs": {"type": "layers", "diff_ids": [diff_id or digest(layer)]}}).encode()
    name = hashlib.sha256(config).hexdigest()
    manifest = json.dumps([{"Config": f"{name}.json", "RepoTags": [repo], "Layers": ["l/layer.tar"]}]).encode()
    return tar_of([(f"{name}.json", config), ("l/layer.tar", layer), ("manifest.json", manifest)])


def state():
    rows = e.ok("images", "-a", "--no-trunc", "--format", "{{.ID}} {{.Repository}}:{{.Tag}}")
    blobs = sorted(os.listdir(f"{e.root}/content/sha256"))
    layers = sorted(os.listdir(f"{e.root}/storage/overlay/layers")) if os.path.isdir(f"{e.root}/storage/overlay/layers") else []
    return rows, blobs, layers


def refused(data, *words):
    before = state()
    path = f"{e.dir}/bad.tar"
    with open(path, "wb") as f:
        f.write(data)
    for r in (e.berth("load", "-i", path), e.berth("load", input=data)):
        one_line(r, 1)
        for word in words:
            contains(r.err, word)
    equal(state(), before, "something changed")


GOOD_LAYER = tar_of([("a", b"hello")])


@test
def a_good_archive_is_taken():
    e.ok("load", input=docker_archive(GOOD_LAYER, repo="good:1"))
    contains(e.ok("images"), "good")
    e.ok("rmi", "good:1")


@test
def truncated_archives_are_refused():
    whole = docker_archive(GOOD_LAYER)
    for cut in (100, 700, 1600, 3000):
        refused(whole[:cut])
    refused(b"")
    refused(gzip.compress(whole)[:-200])


@test
def what_is_no_archive_is_refused():
    refused(b"this is not a tar\n" * 100)
    refused(tar_of([("a", b"b")]), "manifest.json")
    refused(tar_of([("manifest.json", b"[{]")]))
    refused(tar_of([("manifest.json", b"[]" + b" " * 10)]))


@test
def wrong_digests_are_refused():
    refused(docker_archive(GOOD_LAYER, diff_id=digest(b"something else")), "sha256:")
    layer = digest(GOOD_LAYER).split(":")[1]
    config = json.dumps({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": [digest(GOOD_LAYER)]}}).encode()
    manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest(config), "size": len(config)},
                "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": f"sha256:{layer}", "size": len(GOOD_LAYER)}]}
    raw = json.dumps(manifest).encode()
    index = json.dumps({"schemaVersion": 2, "manifests": [{"mediaType": manifest["mediaType"], "digest": digest(raw), "size": len(raw),
                        "annotations": {"org.opencontainers.image.ref.name": "oci:1"}}]}).encode()

    def oci(raw=raw, config=config, blob=GOOD_LAYER, index=index):
        return tar_of([("oci-layout", b'{"imageLayoutVersion":"1.0.0"}'), ("index.json", index),
                       ("blobs/sha256/" + digest(raw if raw else b"").split(":")[1], raw),
                       ("blobs/sha256/" + manifest["config"]["digest"].split(":")[1], config),
                       (f"blobs/sha256/{layer}", blob)])
    flipped = bytearray(GOOD_LAYER)
    flipped[513] ^= 1
    refused(oci(blob=bytes(flipped)), layer[:12])
    refused(oci(config=config.replace(b"linux", b"linuy")))
    refused(oci(blob=GOOD_LAYER + b"\0"))


@test
def names_that_leave_the_layer_are_refused_or_stay_inside():
    victim = f"{e.dir}/victim"
    os.mkdir(victim)
    deep = "../" * 30 + victim.lstrip("/")
    refused(docker_archive(tar_of([(f"{deep}/f", b"x")])))
    for n, entries in enumerate((
            [link("d", victim), ("d/f", b"x")],
            [link("d", deep), ("d/f", b"x")],
            [(f"/{victim}/f", b"x")],
            [link("h", f"{victim}/h", tarfile.LNKTYPE)],
            [link("h", deep + "/h", tarfile.LNKTYPE)],
            [link("a", "."), link("a/b", victim), ("a/b/f", b"x")])):
        r = e.berth("load", input=docker_archive(tar_of(entries), repo=f"trick:{n}"))
        check(r.code in (0, 1), str(r))
        equal(os.listdir(victim), [], f"entries {n}")
        if r.code == 0:
            e.ok("rmi", f"trick:{n}")


@test
def an_image_with_too_many_layers_or_a_giant_manifest_is_refused():
    refused(tar_of([("manifest.json", b"[" + b" " * (5 << 20) + b"]")]))
    config = json.dumps({"architecture": "amd64", "os": "linux",
                         "rootfs": {"type": "layers", "diff_ids": [digest(GOOD_LAYER)] * 5000}}).encode()
    name = hashlib.sha256(config).hexdigest()
    manifest = json.dumps([{"Config": f"{name}.json", "RepoTags": ["m:1"], "Layers": ["l/layer.tar"] * 5000}]).encode()
    refused(tar_of([(f"{name}.json", config), ("l/layer.tar", GOOD_LAYER), ("manifest.json", manifest)]))


@test
def a_file_that_is_not_there_is_one_line():
    one_line(e.berth("load", "-i", f"{e.dir}/nosuch"), 1)
    one_line(e.berth("import", f"{e.dir}/nosuch", "x"), 1)


@test
def unknown_images_and_containers_are_named():
    for args in (("rmi", "nosuch"), ("inspect", "nosuch"), ("start", "nosuch"), ("logs", "nosuch"), ("tag", "nosuch", "y"),
                 ("rm", "nosuch"), ("stop", "nosuch"), ("wait", "nosuch"), ("attach", "nosuch")):
        r = e.berth(*args)
        one_line(r, 1)
        contains(r.err, "nosuch")


@test
def names_that_are_none_are_refused():
    one_line(e.berth("tag", "busybox", "UPPER"), 1)
    one_line(e.berth("tag", "busybox", "x:" + "t" * 200), 1)
    one_line(e.berth("create", "--name", "../x", "busybox"), None)
    one_line(e.berth("run", "--rm", "../../etc", "true"), 125)


@test
def an_image_in_use_stays():
    e.ok("create", "--name", "user", "busybox")
    one_line(e.berth("rmi", "busybox"), 1)
    contains(e.ok("images"), "busybox")
    e.ok("rm", "user")


@test
def unknown_flags_and_commands_get_a_suggestion():
    r = e.berth("run", "--naem", "x", "busybox")
    one_line(r, 125)
    contains(r.err, "--name")
    r = e.berth("imagse")
    one_line(r)
    contains(r.err, "images")


@test
def an_unparsable_config_names_line_and_key():
    path = f"{e.dir}/broken.json"

    def config(text):
        with open(path, "w") as f:
            f.write(text)
        return subprocess.run([e.argv()[0], "--config", path, "ps"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    for text, words in (('{\n  "root": "/x",\n  "run" "/y"\n}\n', ("line 3",)),
                        ('{\n  "rooot": "/x"\n}\n', ("line 2", "rooot", "root")),
                        ('{\n  "storage": {\n    "driver": 7\n  }\n}\n', ("line 3", "driver")),
                        ('{ "storage": { "driver": "../evil" } }', ("driver",)),
                        ('[]', ())):
        p = config(text)
        check(p.returncode != 0, p)
        equal(len(p.stderr.strip().splitlines()), 1, p.stderr)
        for word in words + (path,):
            contains(p.stderr, word)


@test
def without_privileges_it_says_so():
    need("setpriv", "util-linux")
    p = subprocess.run(["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", *e.argv("ps")],
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    check(p.returncode != 0, p)
    equal(len(p.stderr.strip().splitlines()), 1, p.stderr)


@test
def a_full_disk_is_one_line_and_leaves_nothing():
    d = f"{e.dir}/small"
    os.mkdir(d)
    subprocess.check_call(["mount", "-t", "tmpfs", "-o", "size=6m,mode=711", "small", d])
    try:
        full = Engine(name="full")
        full.merge({"root": f"{d}/root"})
        full.root = f"{d}/root"
        layer = tar_of([("big", os.urandom(8 << 20))])
        r = full.berth("load", input=docker_archive(layer, repo="big:1"))
        one_line(r, 1)
        contains(r.err, "No space left")
        equal(full.ok("images", "-q"), "")
        small = docker_archive(tar_of([("a", b"x")]), repo="small:1")
        full.ok("load", input=small)
        contains(full.ok("images"), "small")
        left = full.close()
        equal(left, [])
    finally:
        subprocess.call(["umount", "-l", d])


run([e])
