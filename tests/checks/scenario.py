"""A short scenario that takes pages to every place and back, for tools that watch a process from
below: every entry of the core that releases the GIL is called, from as many threads as are asked.

    python tests/checks/scenario.py THREADS ROUNDS
"""

import sys
import threading

import numpy as np

import pageengine as pe
from pageengine import errors
from pageengine.core.access_order import AccessOrder
from pageengine.stores.codec import Codec, codecs
from pageengine.stores.frames import FrameBitmap

PAGES = 64


def contents(number, round_):
    """Pages that are zero, same-filled, compress well, or not at all."""
    draw = np.random.default_rng([number, round_])
    pages = np.zeros((PAGES, 4096), np.uint8)
    pages[16:32] = 7
    pages[32:48, ::64] = draw.integers(0, 256, (16, 64))
    pages[48:] = draw.integers(0, 256, (16, 4096))
    return pages


def work(host, number, rounds):
    """The life of one VM."""
    vm, ppns = host[f"vm{number}"], np.arange(PAGES)
    order = AccessOrder(np.arange(256 * 6).reshape(256, 6) % 4, np.arange(256) % 2 == 1, 1, 2)
    for round_ in range(rounds):
        pages = contents(number, round_)
        done = vm.try_write(ppns, pages)[0]
        host.scan(PAGES, vm=vm)
        host.reclaim(vm, 24, "compression")
        vm.start_sample(8)
        vm.try_touch(ppns[::-1], ppns % 2 == 0)
        vm.end_sample()
        got = vm.try_read(ppns[:done])[3]
        assert (got == pages[: len(got)]).all(), "a page holds what nobody wrote to it"
        assert vm.peek(ppns[:8]).shape == (8, 4096)
        kinds = (ppns % 256).astype(np.uint8)
        order.touch(host._engine, vm._id, ppns.astype(np.int64), kinds)
        vm.balloon(ppns[:4])
        vm.report_free(ppns[4:8])
        vm.deflate()
        vm.age()
        vm.idle_ages()
        host.numbers()
        host.trim()


def alone(number, rounds):
    """What needs no host."""
    guest = pe.Guest(PAGES, swap_pages=8, replacement="lru")
    for round_ in range(rounds):
        pages = contents(number, round_)
        for name in codecs():
            codec = Codec(name)
            blobs = [blob for blob in codec.compress(pages[::4]) if blob]
            assert codec.decompress(blobs).shape == (len(blobs), 4096)
        guest.access("memory", np.arange(3 * PAGES) % 90, True)
        guest.check()
        frames = FrameBitmap(256)
        frames.give_back(frames.take(100))
    guest.release("memory", np.arange(90))


def main():
    threads, rounds = int(sys.argv[1]), int(sys.argv[2])
    failed = []

    def run(host, number):
        try:
            work(host, number, rounds)
            alone(number, rounds)
        except BaseException as error:
            failed.append(error)
            raise

    with pe.Host("2 MiB", swap="4 MiB", seed=3) as host:
        for number in range(threads):
            host.add_vm(f"vm{number}", PAGES * 4096)
        started = [threading.Thread(target=run, args=(host, number)) for number in range(threads)]
        for thread in started:
            thread.start()
        for thread in started:
            thread.join()
        for number in range(threads):
            try:
                host.reclaim(f"vm{number}", PAGES, "swap")
            except errors.SwapFull:
                pass
        host.check(deep=True)
    print(f"scenario: {threads} threads, {rounds} rounds, {len(failed)} failed")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
