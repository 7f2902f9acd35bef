"""Small real guests: QEMU under TCG, with Debian's kernel, busybox, and a program that touches
memory (toucher.c).

``missing()`` says why there can be none here, ``fetch()`` makes what they boot from, ``boot()``
starts them; they end with the process that started them, whatever becomes of it.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from pageengine.errors import LiveError

SOURCE = Path(__file__).with_name("toucher.c")
KERNEL = "linux-image-cloud-amd64"  # Debian's package that stands for the newest
QEMU = "qemu-system-x86_64"
BUSYBOX = Path("/bin/busybox")
MODULES = (  # in an order that loads: each needs those before it
    "virtio_ring",
    "virtio",
    "virtio_pci_modern_dev",
    "virtio_pci_legacy_dev",
    "virtio_pci",
    "virtio_balloon",
)
INIT = """#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sys /sys
/bin/busybox mount -t devtmpfs dev /dev
for module in {modules}; do /bin/busybox insmod /$module.ko; done
while :; do /toucher /dev/ttyS0; done
"""
PR_SET_PDEATHSIG, PR_SET_THP_DISABLE = 1, 41
BOOT_SECONDS, ANSWER_SECONDS = 120.0, 120.0  # under TCG, on a busy processor


def cache() -> Path:
    """Where what guests boot from is kept: pageengine/guests in the user's cache."""
    kept = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(kept) if kept else Path.home() / ".cache") / "pageengine" / "guests"


def no_programs() -> str:
    """Which program is missing that guests need; "" where none is."""
    for program in (QEMU, "cpio", "gcc", "apt-get", "dpkg-deb"):
        if not shutil.which(program):
            return f"no {program}: apt-get install qemu-system-x86 busybox-static cpio gcc"
    if not BUSYBOX.exists():
        return f"no {BUSYBOX}: apt-get install busybox-static"
    return ""


def is_prepared(folder: Path) -> bool:
    """Whether a kernel and an initrd of this toucher are there."""
    kernel, initrd = folder / "vmlinuz", folder / "initrd"
    made = kernel.exists() and initrd.exists()
    return made and initrd.stat().st_mtime > SOURCE.stat().st_mtime


def missing(folder: Path) -> str:
    """Why no guests can be had here as it is; "" if they can. Fetches nothing."""
    if why := no_programs():
        return why
    if not is_prepared(folder):
        return (
            f"no kernel in {folder}: with --fetch, `apt-get download` of what {KERNEL} stands for "
            "(27 MB) puts it there"
        )
    return ""


def fetch(folder: Path) -> None:
    """Makes the kernel and the initrd where they are not there yet. LiveError: it cannot."""
    if is_prepared(folder):
        return
    folder.mkdir(parents=True, exist_ok=True)
    made = folder / f"made-{os.getpid()}"
    shutil.rmtree(made, ignore_errors=True)
    (made / "root/bin").mkdir(parents=True)
    try:
        _unpack_kernel(made)
        _fill_root(made)
        names = "\0".join(str(p.relative_to(made / "root")) for p in (made / "root").rglob("*"))
        with open(made / "initrd", "wb") as out:
            cpio = ["cpio", "--null", "-o", "-H", "newc", "--quiet"]
            subprocess.run(cpio, cwd=made / "root", input=names.encode(), stdout=out, check=True)
        os.replace(next((made / "kernel/boot").glob("vmlinuz-*")), folder / "vmlinuz")
        os.replace(made / "initrd", folder / "initrd")
    except (OSError, subprocess.SubprocessError, LookupError, StopIteration) as error:
        raise LiveError(f"no kernel or initrd for guests: {error}") from error
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _unpack_kernel(made: Path) -> None:
    """Of the package that KERNEL stands for: it moves with updates."""
    asked = ["apt-cache", "depends", KERNEL]
    said = subprocess.run(asked, capture_output=True, text=True, check=True, timeout=60).stdout
    found = [line.split()[-1] for line in said.splitlines() if "Depends:" in line]
    if not found:
        raise LookupError(f"apt-cache knows no {KERNEL} (apt-get update)")
    subprocess.run(
        ["apt-get", "download", "-q", found[0]],
        cwd=made,
        check=True,
        capture_output=True,
        timeout=300,
    )
    (made / "kernel").mkdir()
    wanted = ["./boot/vmlinuz-*", "./lib/modules/*/kernel/drivers/virtio/virtio*.ko"]
    with subprocess.Popen(
        ["dpkg-deb", "--fsys-tarfile", *made.glob("*.deb")], stdout=subprocess.PIPE
    ) as tarfile:
        tar = ["tar", "x", "-C", str(made / "kernel"), "--wildcards", *wanted]
        subprocess.run(tar, stdin=tarfile.stdout, check=True, timeout=120)


def _fill_root(made: Path) -> None:
    root = made / "root"
    shutil.copy(BUSYBOX, root / "bin/busybox")
    for module in MODULES:
        shutil.copy(next((made / "kernel/lib").rglob(f"{module}.ko")), root)
    (root / "init").write_text(INIT.format(modules=" ".join(MODULES)))
    (root / "init").chmod(0o755)
    gcc = ["gcc", "-O2", "-static", "-Wall", "-Werror", "-o", str(root / "toucher"), str(SOURCE)]
    subprocess.run(gcc, check=True, capture_output=True, timeout=120)


class Guest:
    """One guest. name, mib, pid; qmp: path of its QMP socket, for whoever looks at it."""

    def __init__(
        self,
        folder: Path,
        number: int,
        mib: int,
        balloon: str,
        more: tuple[str, ...],
        files: Path,
    ):
        self.name, self.mib = f"guest{number}", mib
        self.qmp = str(folder / f"{self.name}.qmp")
        self._console, theirs = socket.socketpair()
        self._said = b""
        kernel, initrd = files / "vmlinuz", files / "initrd"
        command = [
            QEMU,
            *("-accel", "tcg,tb-size=32", "-M", "q35", "-m", str(mib), "-display", "none"),
            *("-nodefaults", "-no-reboot", "-kernel", str(kernel), "-initrd", str(initrd)),
            *("-append", "console=ttyS0 quiet panic=-1 nokaslr"),
            *("-chardev", f"socket,id=console,fd={theirs.fileno()}", "-serial", "chardev:console"),
            *("-qmp", f"unix:{self.qmp},server=on,wait=off"),
            *(("-device", f"virtio-balloon-pci,id=balloon0{balloon}") if balloon != "no" else ()),
            *more,
        ]
        self.process = subprocess.Popen(
            command,
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            preexec_fn=_tie,
        )
        theirs.close()
        self.pid = self.process.pid

    def tell(self, command: str, seconds: float = ANSWER_SECONDS) -> str:
        """What the toucher answers: "ok 4096"."""
        self._console.sendall(f"{command}\n".encode())
        return self._line(time.monotonic() + seconds)

    def fill(self, mib: int, seed: int) -> None:
        """So much more memory is written."""
        if (said := self.tell(f"fill {mib} {seed}")) != f"ok {mib * 256}":
            raise LiveError(f"{self.name}: its toucher was to fill {mib} MiB, and says {said!r}")

    def check(self) -> int:
        """MiB that are as they were written. LiveError: a word is not."""
        word, number = self.tell("check").split()
        if word != "ok":
            raise LiveError(f"{self.name}: page {number} is not what was written")
        return int(number) // 256

    def wait_for_boot(self) -> None:
        ends = time.monotonic() + BOOT_SECONDS
        while not self._line(ends).startswith("hello"):
            pass

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def close(self) -> None:
        self.kill()
        self._console.close()
        if self.process.stderr is not None:
            self.process.stderr.close()

    def _line(self, ends: float) -> str:
        while b"\n" not in self._said:
            self._console.settimeout(max(0.01, ends - time.monotonic()))
            try:
                got = self._console.recv(4096)
            except TimeoutError:
                raise LiveError(f"{self.name}: its toucher says nothing") from None
            if not got:
                said = self.process.stderr.read() if self.process.stderr else b""
                raise LiveError(f"{self.name} ended: {said!r}")
            self._said += got
        line, _, self._said = self._said.partition(b"\n")
        return line.decode(errors="replace").strip()


def _tie() -> None:
    """In the child: it ends with its parent, and has no huge pages, whose accessed bits would count
    2 MiB for each byte.
    """
    libc = ctypes.CDLL(None)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    libc.prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0)


@contextlib.contextmanager
def boot(
    folder: Path,
    n: int,
    mib: int = 128,
    balloon: str = ",guest-stats-polling-interval=1,deflate-on-oom=on",
    more: tuple[str, ...] = (),
    files: Path | None = None,
) -> Iterator[list[Guest]]:
    """n guests of so many MiB that are up, ended when the block ends. folder: for their sockets.
    balloon: options of its device, "no" for none. more: arguments for QEMU. files: where what they
    boot from is; ``cache()`` by itself.
    """
    files = files or cache()
    with contextlib.ExitStack() as ends:
        guests: list[Guest] = []
        for number in range(n):
            guests.append(Guest(folder, number, mib, balloon, more, files))
            ends.callback(guests[-1].close)
        for guest in guests:
            guest.wait_for_boot()
        yield guests


@contextlib.contextmanager
def swap_in_memory(mib: int) -> Iterator[str]:
    """Swap space on a zram device of its own, gone when the block ends. LookupError: there can be
    none here.
    """
    control = Path("/sys/class/zram-control")
    try:
        number = (control / "hot_add").read_text().strip()
    except OSError as error:
        raise LookupError(f"no zram device can be had: {error}") from error
    device, folder = f"/dev/zram{number}", Path(f"/sys/block/zram{number}")
    try:
        (folder / "disksize").write_text(f"{mib}M")
        subprocess.run(["mkswap", "-q", device], check=True, capture_output=True)
        subprocess.run(["swapon", "-p", "100", device], check=True, capture_output=True)
        try:
            yield device
        finally:
            subprocess.run(["swapoff", device], check=True)
    except subprocess.CalledProcessError as error:
        raise LookupError(f"no swap space on {device}: {error.stderr!r}") from error
    finally:
        (folder / "reset").write_text("1")
        (control / "hot_remove").write_text(number)
