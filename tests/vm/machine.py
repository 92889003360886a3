# SPDX-License-Identifier: Apache-2.0
"""A virtual machine with Debian's cloud kernel (cgroups v2), whose disk holds the installed berth and a script: for what
cannot be done to the machine that the tests run on, as to cut its power. Emulated, so it needs no privileges and no KVM."""
import glob
import gzip
import os
import re
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
from berthtest import Failure, Skip, STAGE

KERNEL = "linux-image-cloud-amd64"
FIRST = ["virtio_ring", "virtio", "virtio_pci_legacy_dev", "virtio_pci_modern_dev", "virtio_pci", "virtio_blk"]
LATER = ["overlay", "veth", "bridge", "nf_tables", "nft_nat", "nft_chain_nat", "nft_masq", "nft_fib_inet", "nft_reject_inet", "nft_ct"]

LOADED_LATE = ["libseccomp.so.2", "libnftables.so.1"]

INITRAMFS = """#!/bin/busybox sh
/bin/busybox mount -t devtmpfs dev /dev
for m in %s; do /bin/busybox insmod /m/$m.ko || echo "VM: no module $m"; done
while ! [ -e /dev/vda ]; do /bin/busybox usleep 20000; done
/bin/busybox mount -t ext4 /dev/vda /root || exec /bin/busybox reboot -f
exec /bin/busybox switch_root /root /init
"""
INIT = """#!/bin/busybox sh
export PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
/bin/busybox --install -s /bin
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t tmpfs run /run; mount -t cgroup2 cgroup /sys/fs/cgroup
mount -t devtmpfs dev /dev 2>/dev/null; mkdir -p /dev/pts /dev/shm; mount -t devpts pts /dev/pts; mount -t tmpfs shm /dev/shm
for m in %s; do modprobe $m 2>/dev/null; done
ip link set lo up
echo VM: up
. /work.sh
echo VM: done
sync
poweroff -f
"""


def run(*args, **kw):
    p = subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **kw)
    if p.returncode:
        raise Failure(f"{' '.join(args)}: {p.stdout[-500:]}")
    return p.stdout


def kernel(cache):
    """Debian's kernel, unpacked below @cache, which may be there already: (image, directory of its modules)."""
    if not glob.glob(f"{cache}/boot/vmlinuz-*"):
        names = re.findall(r"Depends: (linux-image-\S+)", subprocess.run(["apt-cache", "depends", KERNEL], stdout=subprocess.PIPE, text=True).stdout)
        if not names:
            raise Skip(f"no package {KERNEL} to be had")
        scratch = f"{cache}.new.{os.getpid()}"
        os.makedirs(scratch)
        p = subprocess.run(["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", names[0]], cwd=scratch, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, text=True)
        debs = glob.glob(f"{scratch}/*.deb")
        if p.returncode or not debs:
            shutil.rmtree(scratch)
            raise Skip(f"package {names[0]} cannot be downloaded: {p.stdout.strip()[-200:]}")
        run("dpkg-deb", "-x", debs[0], scratch)
        os.unlink(debs[0])
        try:
            os.rename(scratch, cache)
        except OSError:
            shutil.rmtree(scratch)  # somebody else was faster
    [image] = glob.glob(f"{cache}/boot/vmlinuz-*")
    [modules] = glob.glob(f"{cache}/lib/modules/*")
    return image, modules


def libraries(*files):
    found = set()
    for file in files:
        p = subprocess.run(["ldd", file], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        found |= set(re.findall(r"(/\S+) \(0x", p.stdout))
    known = subprocess.run(["/sbin/ldconfig", "-p"], stdout=subprocess.PIPE, text=True).stdout
    return found | {m for name in LOADED_LATE for m in re.findall(rf"{re.escape(name)} .*=> (\S+)", known)}


def cpio(files):
    """An archive in the kernel's own format: [(name, mode, bytes)]."""
    out = bytearray()
    for number, (name, mode, data) in enumerate([*files, ("TRAILER!!!", 0, b"")], 1):
        fields = [number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0]
        out += b"070701" + b"".join(b"%08X" % f for f in fields) + name.encode() + b"\0"
        out += b"\0" * (-len(out) % 4) + data
        out += b"\0" * (-len(out) % 4)
    return bytes(out)


class Machine:
    def __init__(self, directory, cache, work, files=(), size="2G"):
        """@work: the script that runs in it. @files: {path inside: path here}."""
        if not shutil.which("qemu-system-x86_64"):
            raise Skip("no qemu-system-x86_64 here (Debian package qemu-system-x86)")
        if os.uname().machine != "x86_64":
            raise Skip("made for x86_64")
        self.directory = directory
        self.image, modules = kernel(cache)
        self.disk, self.initrd = f"{directory}/disk.img", f"{directory}/initrd.gz"
        self.make_disk(modules, work, dict(files), size)
        self.make_initrd(modules)
        self.process = None

    def make_disk(self, modules, work, files, size):
        tree = f"{self.directory}/tree"
        for d in ("bin", "sbin", "proc", "sys", "run", "dev", "tmp", "root", "etc", "var/lib", "usr/local", "lib/modules", "usr/lib"):
            os.makedirs(f"{tree}/{d}", exist_ok=True)
        shutil.copy2("/bin/busybox", f"{tree}/bin/busybox")
        shutil.copytree(STAGE, f"{tree}{STAGE}", symlinks=True, dirs_exist_ok=True)
        os.symlink(f"{STAGE}/bin/berth", f"{tree}/bin/berth")
        shutil.copytree(modules, f"{tree}/lib/modules/{os.path.basename(modules)}")
        run("busybox", "depmod", "-b", tree, os.path.basename(modules))
        programs = [os.path.join(d, f) for d, _, names in os.walk(STAGE) for f in names]
        for library in libraries(*programs):
            os.makedirs(os.path.dirname(tree + library), exist_ok=True)
            shutil.copy2(library, tree + library)
        for inside, here in files.items():
            os.makedirs(os.path.dirname(tree + inside), exist_ok=True)
            shutil.copy2(here, tree + inside)
        for name, text in (("init", INIT % " ".join(LATER)), ("work.sh", work)):
            with open(f"{tree}/{name}", "w") as f:
                f.write(text)
            os.chmod(f"{tree}/{name}", 0o755)
        with open(f"{tree}/etc/passwd", "w") as f:
            f.write("root:x:0:0:root:/root:/bin/sh\n")
        run("truncate", "-s", size, self.disk)
        run("mke2fs", "-q", "-t", "ext4", "-d", tree, self.disk)
        shutil.rmtree(tree)

    def make_initrd(self, modules):
        with open("/bin/busybox", "rb") as f:
            busybox = f.read()
        files = [(d, 0o040755, b"") for d in ("bin", "dev", "m", "root")]
        files += [("bin/busybox", 0o100755, busybox), ("init", 0o100755, (INITRAMFS % " ".join(FIRST)).encode())]
        for m in FIRST:
            [path] = glob.glob(f"{modules}/kernel/**/{m}.ko", recursive=True)
            with open(path, "rb") as f:
                files.append((f"m/{m}.ko", 0o100644, f.read()))
        with gzip.open(self.initrd, "wb", compresslevel=1) as f:
            f.write(cpio(files))

    def start(self, words=""):
        self.process = subprocess.Popen(
            ["qemu-system-x86_64", "-accel", "tcg", "-cpu", "max", "-m", "1024", "-smp", "1", "-nographic", "-no-reboot", "-nic", "none",
             "-kernel", self.image, "-initrd", self.initrd, "-append", f"console=ttyS0 quiet panic=-1 {words}",
             "-drive", f"file={self.disk},format=raw,if=virtio,cache=writeback"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        os.set_blocking(self.process.stdout.fileno(), False)
        self.seen = b""

    def read(self, until, seconds):
        """All lines up to the one that begins with @until; then False. True: the machine has ended, or it took too long."""
        end = time.monotonic() + seconds
        lines = []
        while time.monotonic() < end:
            more = self.process.stdout.read()
            if more:
                self.seen += more
            elif self.process.poll() is not None:
                return lines, True
            else:
                time.sleep(0.01)
            while b"\n" in self.seen:
                line, self.seen = self.seen.split(b"\n", 1)
                line = line.decode(errors="replace").strip()
                lines.append(line)
                if until and line.startswith(until):
                    return lines, False
        return lines, True

    def cut_power(self):
        self.process.kill()
        lines, _ = self.read(None, 5)
        self.process.wait()
        return lines

    def close(self):
        if self.process and self.process.poll() is None:
            self.cut_power()
