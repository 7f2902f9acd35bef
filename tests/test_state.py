"""What a stream of a saved state gives back that was not put in, and a host that comes back as
another, would be gone on from without anybody knowing. Files that are damaged, foreign or in the
way change nothing.
"""

import io

import numpy as np
import pytest

from pageengine import Host, errors
from pageengine.core.state import StateIn, StateOut

PAGES = 512


def test_bytes_and_numbers_come_back():
    rng = np.random.default_rng(3)
    wide = rng.integers(0, 2**64, 1500, dtype=np.uint64)
    narrow = rng.integers(0, 200, 700).astype(np.uint8)
    out = StateOut()
    for put, value in (("bytes", b"abc"), ("numbers", wide), ("bytes", b""), ("numbers", narrow)):
        getattr(out, put)(value)
    source = StateIn(out.end())
    assert source.bytes() == b"abc"
    assert (source.numbers("u8", 1500) == wide).all()
    assert source.bytes() == b""
    assert (source.numbers("u1", 700) == narrow).all()
    source.end()


def test_numbers_that_are_alike_cost_next_to_nothing():
    out = StateOut()
    out.numbers(np.full(100_000, 2**40, np.uint64))
    assert len(out.end()) < 2000


def test_a_file_and_memory_hold_the_same(tmp_path):
    with open(tmp_path / "state", "w+b") as file:
        outs = StateOut(file.fileno()), StateOut()
        for out in outs:
            out.numbers(np.arange(300_000, dtype=np.uint64) ** 2)
        assert outs[0].end() is None
        assert (tmp_path / "state").read_bytes() == outs[1].end()
        end = file.seek(0, 2)
        assert StateIn(file.fileno(), 0, end).numbers("u8", 300_000)[-1] == 299_999**2


@pytest.mark.parametrize(
    "data", [b"", b"pageengine", b"\0" * 200, b"pageengine state" + b"\2" * 99]
)
def test_what_is_no_state_is_said_to_be_none(data):
    with pytest.raises(errors.CheckpointError, match=r"it is (no saved|of another version)"):
        StateIn(data)


def filled(contents="bytes", **options):
    """A host with pages in every place."""
    host = Host("2 MiB", contents=contents, seed=4, policy="esx6", **options)
    rng = np.random.default_rng(8)
    for i, salt in enumerate(("", "", "own")):
        vm = host.add_vm(f"vm{i}", PAGES * 4096, salt=salt, balloon_max="40%")
        for _ in range(3):
            accesses(host, vm, rng)
            host.scan(200)
            host.advance(1.0)
    host.check(deep=True)
    return host, rng


def accesses(host, vm, rng):
    ppns, what = rng.integers(0, PAGES, 300), rng.integers(0, 60, 300).astype(np.uint64)
    if host.contents == "tokens":
        what[::2] = rng.integers(1000, 10**6, 150)
        vm.write_some(ppns, what * np.uint64(64) + what % np.uint64(60))
        return
    pages = np.zeros((300, 4096), np.uint8)
    pages[:, : 64 * 40 : 64] = what[:, None]
    pages[::5] = rng.integers(0, 256, (60, 4096), dtype=np.uint8)
    vm.write_some(ppns, pages)


def shown(host):
    """All that one may see of a host, but for what its bookkeeping takes here."""
    stats = {key: getattr(host.stats, key) for key in host.stats.__match_args__}
    del stats["metadata"]
    vms = [
        (vm.stats, vm.places.tolist(), vm.peek(range(PAGES)).tolist()) for vm in host.vms.values()
    ]
    return stats, vms, host.last_plan, host.time, host.due, host.headroom


@pytest.mark.parametrize("contents", ["bytes", "tokens"])
@pytest.mark.parametrize("packing", ["esx", "dense"])
def test_a_host_goes_on_as_it_would_have(contents, packing, tmp_path):
    host, rng = filled(contents, packing=packing)
    host.save(tmp_path / "host")
    other = Host.load(tmp_path / "host")
    other.check(deep=True)
    assert shown(other) == shown(host)
    assert host.stats.swapped and host.stats.compressed and host.stats.shared
    generators = rng, np.random.Generator(np.random.PCG64())
    generators[1].bit_generator.state = rng.bit_generator.state
    for each, own in zip((host, other), generators, strict=True):
        each.remove_vm("vm1")
        each.add_vm("vm3", PAGES * 4096)
        for vm in each.vms.values():
            accesses(each, vm, own)
        each.scan()
        each.advance(20.0)
    assert shown(other) == shown(host)


def test_a_file_object_will_do():
    host, _ = filled("tokens")
    file = io.BytesIO()
    host.save(file)
    file.seek(0)
    assert shown(Host.load(file)) == shown(host)


def test_a_host_that_is_closed_is_not_saved_and_nothing_is_left(tmp_path):
    host, _ = filled("tokens")
    host.close()
    with pytest.raises(errors.Closed):
        host.save(tmp_path / "host")
    assert not list(tmp_path.iterdir())


def test_what_was_there_stays_where_saving_fails(tmp_path):
    host, _ = filled()
    host.save(tmp_path / "host")
    before = (tmp_path / "host").read_bytes()
    with open(host._engine.swap_file, "r+b", closefd=False) as swap:
        swap.truncate(0)
    with pytest.raises(errors.SwapError, match="cannot be saved.*the file ends"):
        host.save(tmp_path / "host")
    assert (tmp_path / "host").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["host"]


def test_a_file_that_is_cut_or_foreign_names_itself(tmp_path):
    host, _ = filled("tokens")
    host.save(tmp_path / "host")
    data = (tmp_path / "host").read_bytes()
    for said, bad in (
        ("cut short", data[: len(data) // 2]),
        ("no saved state", b"PK" + data[2:]),
        ("another version", data[:16] + b"\7" + data[17:]),
        ("more in it|cut short", data[:-1]),
    ):
        (tmp_path / "bad").write_bytes(bad)
        with pytest.raises(errors.CheckpointError, match=f"bad: .*({said})"):
            Host.load(tmp_path / "bad")
    with pytest.raises(FileNotFoundError):
        Host.load(tmp_path / "none")
    with pytest.raises(errors.CheckpointError, match="none of a host|not those of a host"):
        lying(tmp_path, host)


def lying(tmp_path, host):
    """A file whose checksums are right, and whose values are not."""
    from pageengine.core import checkpoint
    from pageengine.host import saved_state

    state = saved_state.state_of(host)
    state["vms"][0] = {**state["vms"][0], "allocation": 7}
    checkpoint.write(tmp_path / "lie", {"host": state}, saved_state.TABLE, host._engine)
    try:
        Host.load(tmp_path / "lie")
    except errors.CheckpointError as error:
        raise errors.CheckpointError(f"none of a host: {error}") from None


@pytest.mark.parametrize("contents", ["bytes", "tokens"])
def test_a_page_takes_what_it_should(contents):
    host, _ = filled(contents)
    file = io.BytesIO()
    host.save(file)
    most = 12 if contents == "tokens" else 4096 + 12
    assert len(file.getvalue()) <= most * PAGES * len(host) + 12_000  # of values and numbers
