#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Run the conformance suite on images that a web server hands out: serve.py PROGRAM DRIVER.so [--ranges] [ARG...]

The server is Python's own, which knows no ranges; --ranges teaches it. The image is made here."""
import hashlib
import http.server
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import threading

LAYER = "application/vnd.oci.image.layer.v1.tar"
CONFIG = "application/vnd.oci.image.config.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
REF = "org.opencontainers.image.ref.name"


class Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    ranges = False

    def do_GET(self):
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        path = self.translate_path(self.path)
        if not self.ranges or not asked or not os.path.isfile(path):
            super().do_GET()
            return
        begin, size = int(asked[1]), os.path.getsize(path)
        self.send_response(206 if begin < size else 416)
        self.send_header("Content-Range", f"bytes {begin}-{size - 1}/{size}" if begin < size else f"bytes */{size}")
        self.send_header("Content-Length", str(max(size - begin, 0)))
        self.end_headers()
        with open(path, "rb") as f:
            f.seek(begin)
            self.wfile.write(f.read())

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_):
        pass  # clients that have enough hang up


def put(place, media_type, data):
    digest = hashlib.sha256(data).hexdigest()
    with open(f"{place}/blobs/sha256/{digest}", "wb") as f:
        f.write(data)
    return {"mediaType": media_type, "digest": "sha256:" + digest, "size": len(data)}


def make_image(place, tag):
    """An OCI image layout with one image; its digest."""
    os.makedirs(f"{place}/blobs/sha256")
    layer = put(place, LAYER, random.Random(1).randbytes(700017))
    config = put(place, CONFIG, json.dumps({
        "architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]},
    }).encode())
    manifest = put(place, MANIFEST, json.dumps({
        "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer],
    }, indent=1).encode())
    with open(f"{place}/index.json", "w") as f:
        json.dump({"schemaVersion": 2, "manifests": [{**manifest, "annotations": {REF: tag}}]}, f)
    with open(f"{place}/oci-layout", "w") as f:
        json.dump({"imageLayoutVersion": "1.0.0"}, f)
    return manifest["digest"]


def main():
    program, driver, *rest = sys.argv[1:]
    Handler.ranges = "--ranges" in rest
    with tempfile.TemporaryDirectory() as top:
        digest = make_image(f"{top}/library/demo", "1")
        server = Server(("127.0.0.1", 0), lambda *a: Handler(*a, directory=top))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        base = f"http://127.0.0.1:{server.server_port}"
        suite = subprocess.run([program, driver, f"--trait=fixture={base}", "--trait=repo=library/demo",
                                "--trait=ref=1", f"--trait=digest={digest}",
                                *(a for a in rest if a != "--ranges")])
        server.shutdown()
    return suite.returncode


sys.exit(main())
