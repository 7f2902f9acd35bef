"""The hot paths of the package, each as a small program whose instructions are counted
(``instructions.py``): what it works on is the same on every computer, and a turn does the same work
as the turn before it.

    python bench/hot_paths.py hash=3 hash=13     runs those turns, each in a process of its own

A path imports what it needs by itself, so that a package that has no such part yet is without that
path and has the others.
"""

import functools
import gc
import importlib
import json
import os
import sys
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

PAGE = 4096
WORDS = [b"page ", b"frame ", b"of ", b"the ", b"memory", b", ", b"host.\n", b"balloon "]


class Path(NamedTuple):
    """A hot path. items: how many of ``unit`` a turn does. turns: by how many the longer of two
    runs is longer. make: what prepares it and gives what a turn calls.
    """

    unit: str
    items: int
    turns: int
    make: Callable[[], Callable[[], object]]


PATHS: dict[str, Path] = {}


def path(name, unit, items, turns):
    def keep(make):
        PATHS[name] = Path(unit, items, turns, make)
        return make

    return keep


@functools.cache
def made_pages():
    """uint8 [256, 4096]: zero, noise, text, small integers, addresses, a few bytes, in turn."""
    draw, out = np.random.Generator(np.random.Philox(5)), np.zeros((256, PAGE), np.uint8)
    for number, page in enumerate(out):
        kind, words = number % 6, page.view(np.uint64)
        if kind == 1:
            page[:] = draw.integers(0, 256, PAGE, np.uint8)
        elif kind == 2:
            text = b"".join(WORDS[i] for i in draw.integers(0, len(WORDS), PAGE))
            page[:] = np.frombuffer(text[:PAGE], np.uint8)
        elif kind == 3:
            page.view(np.int32)[:] = draw.integers(-300, 300, PAGE // 4)
        elif kind == 4:
            words[:] = 0x7F0000000000 + draw.integers(0, 1 << 20, PAGE // 8) * 16
            words[draw.random(PAGE // 8) < 0.4] = 0
        elif kind == 5:
            page[draw.integers(0, PAGE, 100)] = draw.integers(1, 256, 100)
    return out


def contents(n):
    """The first that are not zero, as codecs and stores see them."""
    return np.ascontiguousarray(made_pages()[made_pages().any(axis=1)][:n])


def token_host(size, vm_size, **options):
    """A host with one VM, all of whose pages are private."""
    import pageengine as pe

    host = pe.Host(size, contents="tokens", seed=1, **options)
    vm = host.add_vm("a", vm_size)
    vm.write(np.arange(vm.pages), np.arange(1, vm.pages + 1).astype(np.uint64) << np.uint64(6))
    return host, vm


@path("hash", "page", 256, 100)
def hash_of_pages():
    from pageengine.stores.hashing import hash_pages

    pages = made_pages()
    return lambda: hash_pages(pages)


@path("zero test and compare", "page", 256, 20)
def zero_and_equal():
    from pageengine.stores.hashing import pages_equal, zero_pages

    pages = made_pages()
    others = pages.copy()
    return lambda: (zero_pages(pages), pages_equal(pages, others))


def codec_in(name, turns):
    @path(f"{name} codec in", "page", 64, turns)
    def make():
        from pageengine.stores.codec import Codec

        pages, codec = contents(64), Codec(name)
        return lambda: codec.sizes(pages, 2048)


def codec_out(name, turns):
    @path(f"{name} codec out", "page", 64, turns)
    def make():
        from pageengine.stores.codec import Codec

        codec = Codec(name)
        fit = [blob for blob in codec.compress(contents(200), 2048) if blob is not None][:64]
        out = np.empty((64, PAGE), np.uint8)
        return lambda: codec.decompress(fit, out)


for each, into, back in (("word", 20, 60), ("dense", 5, 20), ("lz", 10, 60)):
    codec_in(each, into)
    codec_out(each, back)


@path("frames", "frame taken and given back", 4096, 200)
def frames():
    from pageengine.stores.frames import FrameBitmap

    bitmap = FrameBitmap(1 << 16)
    bitmap.take((1 << 16) - 8192)
    return lambda: bitmap.give_back(bitmap.take(4096))


@path("sharing table", "hash looked up and hinted", 4096, 10)
def sharing_table():
    from pageengine.stores.hashing import hash_tokens
    from pageengine.stores.sharing import SharingTable

    table, owners = SharingTable(1 << 14), np.arange(4096, dtype=np.uint64)
    hashes = hash_tokens(owners)

    def turn():
        table.lookup(hashes)
        table.hints(hashes, owners)
        table.new_generation()
        table.new_generation()

    return turn


@path("swap round trip", "page out and in", 64, 20)
def swap():
    from pageengine.stores.swap import SwapSpace

    space, pages = SwapSpace(256), contents(64)

    def turn():
        slots = space.write(pages)
        space.read(slots)
        space.give_back(slots)

    return turn


@path("compression cache", "page stored, loaded, erased", 64, 15)
def compression_cache():
    from pageengine.stores.zcache import NONE, CompressionCache

    cache, pages = CompressionCache(64), contents(64)

    def turn():
        blobs = cache.store(pages)
        blobs = blobs[blobs != NONE]
        cache.load(blobs)
        cache.erase(blobs)

    return turn


@path("hits", "access", 4096, 50)
def hits():
    _, vm = token_host("64 MiB", "32 MiB", compression=None, swap=0)
    ppns = np.random.Generator(np.random.Philox(1)).integers(0, vm.pages, 4096)
    return lambda: vm.try_touch(ppns, True)


@path("one call", "call", 1, 500)
def one_call():
    _, vm = token_host("64 MiB", "32 MiB", compression=None, swap=0)
    one = np.array([5])
    return lambda: vm.try_touch(one)


@path("write, scan, merge", "page", 512, 8)
def scan():
    import pageengine as pe

    host = pe.Host("16 MiB", compression=None, swap=0, seed=1)
    vm, pages = host.add_vm("a", "2 MiB"), made_pages()[:128]

    def turn():
        vm.write(np.arange(512), np.concatenate([pages] * 4))  # a write makes a page private
        host.scan()

    return turn


def reclaim(technique, turns):
    @path(f"reclaim by {technique} and back", "page", 512, turns)
    def make():
        import pageengine as pe

        host = pe.Host("16 MiB", sharing=False, swap="8 MiB", seed=1)
        vm = host.add_vm("a", "2 MiB")
        vm.write(np.arange(512), np.concatenate([contents(128)] * 4))

        def turn():
            host.reclaim(vm, 256, technique)
            vm.touch(np.arange(512), True)

        return turn


reclaim("swap", 10)
reclaim("compression", 6)


@path("balloon", "page given up and taken back", 1024, 30)
def balloon():
    _, vm = token_host("64 MiB", "32 MiB", compression=None, swap=0)
    ppns = np.arange(1024)

    def turn():
        vm.balloon(ppns)
        vm.deflate()

    return turn


def guest(replacement):
    @path(f"guest, {replacement}", "access", 8192, 10)
    def make():
        from pageengine import Guest

        model = Guest(2048, replacement=replacement)
        ids = np.random.Generator(np.random.Philox(2)).zipf(1.2, 8192) % 4096
        return lambda: model.replay("file", ids)


for each in ("clock", "lru", "fifo"):
    guest(each)


def view(name, size, held, **more):
    """Of a VM without a limit of which so much is in memory, a third of that active. more: what
    there is to say of it beside.
    """
    from pageengine.policy import VMView

    nothing = dict.fromkeys(("shared", "swapped", "compressed", "ballooned"), 0)
    plain = {"limit": size, "blocked": False, "active": held // 3 // PAGE * PAGE, "stall": 0.0}
    return VMView(
        name=name, size=size, consumed=held, granted=held, mapped=held, **nothing, **plain, **more
    )


def snapshot():
    """Of a host with a hundred VMs that is a little short of memory."""
    from pageengine.policy import Snapshot

    draw, mib = np.random.Generator(np.random.Philox(3)), 2**20
    vms = []
    for number in range(100):
        size = int(draw.choice([256, 512, 1024, 4096])) * mib
        held = int(draw.random() * size) // PAGE * PAGE
        shares = int(draw.choice([1000, 5000, 10240]))
        vms.append(
            view(f"vm{number}", size, held, shares=shares, reservation=0, balloon_max=size // 2)
        )
    held = sum(vm.consumed for vm in vms)
    return Snapshot(held + held // 4000, held // 4000, 2**50, tuple(vms))


def decide(name):
    @path(f"decide, {name}", "decision for 100 VMs", 1, 20)
    def make():
        from pageengine.policy import find

        policy, seen = find(name), snapshot()
        return lambda: policy.decide(seen)


for each in ("esx6", "kvm", "proxmox"):
    decide(each)


@path("advance", "step of 100 VMs", 1, 100)
def advance():
    import pageengine as pe

    host = pe.Host("64 MiB", contents="tokens", policy="esx6", seed=1)
    for number in range(100):
        host.add_vm(f"vm{number}", "256 KiB")
    ran = dict.fromkeys(host.vms, 0.1)
    return lambda: host.advance(0.1, ran)


@path("lab", "epoch of four VMs", 1, 8)
def lab():
    from pageengine.lab import Simulation, VMSpec

    kinds = ("zipf", "moving", "idle", "heap")
    vms = [VMSpec(kind, "8 MiB", kind, contents="mixed") for kind in kinds]
    simulation = Simulation("24 MiB", vms, policy="esx6", costs="nvme", seed=1, epoch=1.0)
    return simulation.step


def run(name, turns):
    """The path's turns, with nothing else in them; three come before, so that code is as Python
    makes it in a loop and memory is there.
    """
    turn = PATHS[name].make()
    gc.collect()
    gc.disable()
    for _ in range(3 + turns):
        turn()


def begin():
    """What all paths begin with is done once: pages are made, and most of the package is there."""
    made_pages()
    for module in ("pageengine", "pageengine.lab", "pageengine.policy.table"):
        try:
            importlib.import_module(module)
        except ImportError:
            continue  # the paths that want it say so


def main(wanted):
    """Runs what is asked for as NAME=TURNS, each in a child; prints, as JSON, the process of each,
    in order, and what went wrong with it, if anything did.
    """
    begin()
    told = []
    for each in wanted:
        name, _, turns = each.rpartition("=")
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            status = 0
            try:
                run(name, int(turns))
            except BaseException as error:
                os.write(writing, f"{type(error).__name__}: {error}"[:1000].encode())
                status = 1
            os._exit(status)
        os.close(writing)
        with open(reading, "rb") as pipe:
            why = pipe.read().decode()
        _, status = os.waitpid(child, 0)
        told.append((child, why or (f"ended with status {status}" if status else "")))
    print(json.dumps(told))


if __name__ == "__main__":
    main(sys.argv[1:])
