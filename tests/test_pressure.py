"""A guest must never notice that its host is too small, but for the time it takes. Several VMs
that need more memory than there is are read and written with the policy making room, and every byte
is compared with what a plain dict remembers."""

import itertools

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

import pageengine as pe
from pageengine import errors

PAGE = 4096
PAGES = 40  # of each VM
FRAMES = 48  # of the host: three VMs of 40 pages do not fit

batch = st.tuples(
    st.sampled_from(["write", "read", "touch", "scan"]),
    st.integers(0, 2),
    st.lists(st.tuples(st.integers(0, PAGES - 1), st.integers(0, 40)), min_size=1, max_size=40),
)
SETTINGS = settings(
    max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
QUICK = {("word", "esx", "clock"), (None, "dense", "random")}


def page(number):
    """Zero, half and quarter pages, and pages that do not compress."""
    length = (0, 500, 1300, PAGE)[number % 4]
    return np.random.default_rng(number).bytes(length).ljust(PAGE, b"\0")


class Guests:
    """Three VMs on a host, and what each of them remembers to have written."""

    def __init__(self, host):
        self.host = host
        self.vms = [host.add_vm(name, PAGES * PAGE) for name in ("web", "db", "mail")]
        self.memory = [{} for _ in self.vms]

    def step(self, what, i, accesses):
        ppns = [ppn for ppn, _ in accesses]
        if what == "write":
            self.write(i, ppns, [page(number) for _, number in accesses])
        elif what == "read":
            self.compare(i, ppns, self.vms[i].read(ppns))
        elif what == "touch":
            self.vms[i].touch(ppns, np.array([number % 2 == 0 for _, number in accesses]))
        else:
            self.host.scan()

    def write(self, i, ppns, pages):
        done = len(ppns)
        try:
            self.vms[i].write(ppns, np.frombuffer(b"".join(pages), np.uint8).reshape(-1, PAGE))
        except errors.OutOfFrames as error:
            done = error.done
            raise
        finally:
            self.memory[i].update(zip(ppns[:done], pages[:done], strict=True))

    def compare(self, i, ppns, pages):
        remembered = [self.memory[i].get(ppn, bytes(PAGE)) for ppn in ppns]
        assert [row.tobytes() for row in pages] == remembered

    def compare_all(self):
        everything = np.arange(PAGES)
        for i, vm in enumerate(self.vms):
            self.compare(i, everything, vm.peek(everything))


@pytest.mark.parametrize(
    ("compression", "packing", "victims"),
    [
        pytest.param(*case, marks=[] if case in QUICK else [pytest.mark.slow])
        for case in itertools.product(["word", None], ["esx", "dense"], ["clock", "random"])
    ],
)
@SETTINGS
@given(batches=st.lists(batch, max_size=12))
def test_guests_read_what_they_wrote_however_small_the_host(batches, victims, packing, compression):
    with pe.Host(FRAMES * PAGE, victims=victims, packing=packing, compression=compression) as host:
        guests = Guests(host)
        for i in range(3):
            guests.write(i, range(PAGES), [page(i * PAGES + ppn) for ppn in range(PAGES)])
        for what, i, accesses in batches:
            guests.step(what, i, accesses)
            host.check()
        guests.compare_all()
        everything = np.arange(PAGES)
        for i, vm in enumerate(guests.vms):
            guests.compare(i, everything, vm.read(everything))
        host.check(deep=True)


@SETTINGS
@given(
    batches=st.lists(batch, max_size=12),
    swap=st.integers(0, 80),
    limit=st.sampled_from([0, 8 * PAGE, None]),
)
def test_when_no_room_can_be_made_the_batch_stops_and_nothing_is_lost(batches, swap, limit):
    with pe.Host(FRAMES * PAGE, swap=swap * PAGE, cache_limit=limit) as host:
        guests = Guests(host)
        for what, i, accesses in [
            ("write", i, [(p, p * 4 + 3) for p in range(PAGES)]) for i in range(3)
        ] + batches:
            try:
                guests.step(what, i, accesses)
            except errors.OutOfFrames as error:
                assert 0 <= error.done < len(accesses)
            host.check()
            guests.compare_all()


@SETTINGS
@given(batches=st.lists(batch, min_size=1, max_size=12), limit=st.integers(8, PAGES))
def test_a_vm_is_within_its_limit_after_every_batch(batches, limit):
    with pe.Host(8 * FRAMES * PAGE) as host:
        guests = Guests(host)
        small = guests.vms[1] = host.add_vm("small", PAGES * PAGE, limit=limit * PAGE)
        for what, i, accesses in batches:
            guests.step(what, i, accesses)
            assert small.stats.consumed <= limit * PAGE
        guests.compare_all()
