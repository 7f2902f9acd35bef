"""The batch calls of hosts and guests under hostile arrays: page numbers, kinds and flags of any
value, type, shape and stride. Each call does what it says or raises a documented error; the host is
whole after each, and every page still holds what its own VM wrote.
"""

import numpy as np
from fuzz import scratch
from ordered_accesses import OrderedAccesses

from pageengine import Guest, Host, errors
from pageengine.core.access_order import AccessOrder
from pageengine.stores.codec import Codec, codecs

DICTIONARY = (b"\xff" * 8, b"\0\0\0\0\0\0\0\x80", b"\x40\0\0\0\0\0\0\0", b"\x3f\0\0\0\0\0\0\0")
PAGES, CALLS = 64, 60
DTYPES = ("<i8", "<i8", "<i8", "<u8", "<i4", "<u2", "<i1", "<f8", "?", ">i8", "<U2", "<c8")
DOCUMENTED = (
    ValueError,
    TypeError,
    IndexError,
    errors.OutOfFrames,
    errors.Blocked,
    errors.SwapFull,
)
CODEC_NAMES = tuple(codecs())


class Bytes:
    """Bytes taken one after the other; zeros after the end."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n=1):
        part = self.data[self.at : self.at + n]
        self.at += n
        return int.from_bytes(part, "little")

    def array(self, low):
        """Any array; where ``low``, mostly pages that there are."""
        how, n = self.take(), self.take() % 40
        part = self.data[self.at : self.at + 8 * n]
        self.at += n if how & 3 else 8 * n
        if how & 3 or low and how & 7:
            values = np.frombuffer(part[:n].ljust(n, b"\0"), np.uint8).astype(np.int64)
            values = values % PAGES if low else values
        else:
            values = np.frombuffer(part.ljust(8 * n, b"\0"), np.int64)
        if how & 3 == 1:
            with np.errstate(all="ignore"):
                values = values.astype(DTYPES[how // 16 % len(DTYPES)])
        shapes = (values, values, values, values[::2], values[::-1], values[:, None], values[None])
        return shapes[how // 4 % len(shapes)]


class Run:
    """A host with two VMs, a guest, and what every page holds."""

    def __init__(self, data):
        self.bytes = Bytes(data)
        how = self.bytes.take()
        self.tokens = bool(how & 1)
        self.host = Host(
            "256 KiB",
            contents="tokens" if self.tokens else "bytes",
            sharing=not how & 2,
            swap="128 KiB" if how & 4 else None,
            seed=how,
        )
        self.vms = [self.host.add_vm(name, PAGES * 4096) for name in "ab"]
        self.holds = np.zeros((2, PAGES), np.uint64)
        self.guest = Guest(PAGES, swap_pages=8)
        table = np.arange(256 * 6).reshape(256, 6) % 4
        self.order = AccessOrder(table, np.arange(256) % 2 == 1, 1, 2)

    def contents(self, keys):
        """Pages or tokens by their keys."""
        keys = np.asarray(keys, np.uint64)
        return keys if self.tokens else np.repeat(keys.astype(np.uint8)[:, None], 4096, axis=1)

    def written(self, which, ppns, keys, done):
        for ppn, key in zip(np.asarray(ppns).reshape(-1)[:done], keys, strict=False):
            self.holds[which, int(ppn)] = key

    def call(self):
        which = self.bytes.take()
        CALLS_OF[which % len(CALLS_OF)](self, which // 128)

    def write(self, which):
        ppns = self.bytes.array(low=True)
        keys = np.frombuffer(self.bytes.data[: np.size(ppns)].ljust(np.size(ppns), b"k"), np.uint8)
        done = np.size(ppns)
        try:
            done = self.vms[which].write_some(ppns, self.contents(keys))
        except (ValueError, TypeError, IndexError):
            done = 0
        self.written(which, ppns, keys, done)

    def read(self, which):
        ppns = self.bytes.array(low=True)
        got = self.vms[which].read(ppns)
        wanted = self.holds[which, np.asarray(ppns).reshape(-1).astype(np.int64)]
        assert (got == self.contents(wanted)).all()

    def touch(self, which):
        ppns = self.bytes.array(low=True)
        self.vms[which].touch(ppns, self.bytes.array(low=False))

    def touch_one(self, which):
        self.vms[which].touch_some(self.bytes.array(low=True), bool(self.bytes.take() & 1))

    def gone(self, which):
        """Pages that the guest gives up, for good or for now."""
        ppns, how = self.bytes.array(low=True), self.bytes.take()
        if how & 1:
            self.vms[which].balloon(ppns)
        else:
            self.vms[which].report_free(ppns)
        self.holds[which, np.asarray(ppns).reshape(-1).astype(np.int64)] = 0

    def pin(self, which):
        vm = self.vms[which]
        (vm.pin if self.bytes.take() & 1 else vm.unpin)(self.bytes.array(low=True))

    def places(self, which):
        ppns = self.bytes.array(low=True)
        assert self.vms[which].places_at(ppns).shape == (np.size(ppns),)

    def in_order(self, which):
        OrderedAccesses(self.vms[which], self.order).make(
            self.bytes.array(low=True), self.bytes.array(low=False)
        )

    def kinds(self, which):
        OrderedAccesses(self.vms[which], self.order).touch(
            self.bytes.array(low=True), self.bytes.array(low=False)
        )

    def techniques(self, which):
        n = self.bytes.take()
        self.host.scan(n % 128)
        if n & 1:
            self.host.reclaim(self.vms[which], n % 32)
        self.vms[which].deflate(n % 8)

    def guests(self, which):
        kind = ("memory", "file")[which]
        how, ids = self.bytes.take(), self.bytes.array(low=False)
        if how & 1:
            self.guest.access(kind, ids, bool(how & 2))
        elif how & 2:
            self.guest.replay(kind, ids, self.bytes.array(low=False))
        else:
            self.guest.release(kind, ids)
        self.guest.check()

    def blobs(self, which):
        n = self.bytes.take(2) % 600
        blob = self.bytes.data[self.bytes.at : self.bytes.at + n]
        try:
            page = Codec(CODEC_NAMES[self.bytes.take() % len(CODEC_NAMES)]).decompress_page(blob)
            assert page.shape == (4096,)
        except errors.CodecError:
            pass

    def is_whole(self):
        self.host.check()
        self.guest.check()

    def all_is_there(self):
        self.host.check(deep=True)
        for which, vm in enumerate(self.vms):
            assert (vm.peek(np.arange(PAGES)) == self.contents(self.holds[which])).all()


CALLS_OF = (
    Run.write,
    Run.write,
    Run.read,
    Run.touch,
    Run.touch_one,
    Run.gone,
    Run.pin,
    Run.places,
    Run.in_order,
    Run.kinds,
    Run.techniques,
    Run.guests,
    Run.blobs,
)


def one(data):
    """One input: True. Raises what no call may raise."""
    with scratch.in_time():
        run = Run(data)
        with run.host:
            for _ in range(CALLS):
                if run.bytes.at >= len(data):
                    break
                try:
                    run.call()
                except DOCUMENTED as error:
                    assert str(error), repr(error)
                run.is_whole()
            run.all_is_there()
    return True


def seeds():
    """Bytes by chance: calls of all kinds follow from them."""
    draw = np.random.default_rng(7)
    made = {}
    for how in range(8):
        data = draw.integers(0, 256, 400, dtype=np.uint8)
        data[0] = how
        made[f"calls-{how}"] = data.tobytes()
    return made
