"""At stake: the public face. Pages must come back as they were written from a host too small for
them, numbers must add up, and every technique must win what it says. Small hosts, known contents.
"""

import gc
import os

import numpy as np
import pytest

import pageengine as pe
from pageengine import Place

MIB = 2**20


def compressible(n, seed=0):
    """n different pages that compress to about a third."""
    pages = np.zeros((n, 4096), dtype=np.uint8)
    rng = np.random.default_rng(seed)
    pages[:, ::16] = rng.integers(0, 256, (n, 256), dtype=np.uint8)
    return pages


def incompressible(n, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, 4096), dtype=np.uint8)


@pytest.fixture
def host():
    with pe.Host("1 MiB", seed=1) as host:
        yield host
        host.check(deep=True)


def test_four_times_the_memory_lives_on_the_host_and_reads_back(host):
    contents = {}
    for i, make in enumerate((compressible, incompressible, compressible, incompressible)):
        vm = host.add_vm(f"vm{i}", "1 MiB")
        contents[vm] = make(256, seed=i)
        vm.write(np.arange(256), contents[vm])
        host.check(deep=True)
    assert host.stats.configured == 4 * host.stats.memory
    assert host.stats.swapped > 0
    for vm, pages in contents.items():
        assert np.array_equal(vm.read(np.arange(256)), pages)


def test_equal_pages_are_kept_once_and_written_apart_again(host):
    a, b = host.add_vm("a", "64 KiB"), host.add_vm("b", "64 KiB")
    pages = compressible(16)
    a.write(np.arange(16), pages)
    b.write(np.arange(16), pages)
    assert host.scan().merged == 16
    assert host.stats.saving == 16 * 4096
    assert set(a.places) == set(b.places) == {Place.SHARED}
    b.write([3], incompressible(1))
    assert b.stats.cow_breaks == 1
    assert np.array_equal(a.read([3])[0], pages[3])
    assert host.stats.saving == 15 * 4096


def test_zero_pages_cost_one_frame(host):
    vm = host.add_vm("a", "256 KiB")
    vm.touch(np.arange(64))
    assert host.stats.consumed == 4096
    assert vm.stats.zero == 64 * 4096
    vm.touch(np.arange(64), write=True)
    assert vm.stats.zero == 0
    assert host.scan().zero_merged == 64
    assert not vm.read(np.arange(64)).any()


def test_each_technique_puts_pages_where_it_says(host):
    vm = host.add_vm("a", "256 KiB", cache_limit="100%")
    vm.write(np.arange(64), compressible(64))
    won = host.reclaim("a", 10, "compression")
    assert won.frames >= 10
    assert vm.stats.compressed == won.compressed * 4096
    won = host.reclaim(vm, 5, "swap")
    assert (won.frames, won.swapped) == (5, 5)
    assert vm.stats.swapped == 5 * 4096
    assert host.stats.swap_writes == 1
    assert host.reclaim("a", 5, "sharing").frames == 0
    assert np.array_equal(vm.read(np.arange(64)), compressible(64))
    assert vm.stats.swap_in == 5


def test_the_oldest_compressed_pages_give_way_to_swap(host):
    vm = host.add_vm("a", "512 KiB", cache_limit="32 KiB")
    vm.write(np.arange(128), compressible(128))
    won = host.reclaim(vm, 60, "ladder")
    assert won.evicted > 0
    assert vm.stats.zipped <= 32 * 1024
    assert vm.stats.cache_evictions == won.evicted
    assert np.array_equal(vm.read(np.arange(128)), compressible(128))


def test_ballooned_pages_are_forgotten_and_come_back_as_zeros(host):
    vm = host.add_vm("a", "64 KiB")
    vm.write(np.arange(8), compressible(8))
    assert vm.balloon([0, 1]) == 2
    assert vm.balloon(pages=3) == 5
    assert vm.places[0] == Place.BALLOONED
    assert vm.places[8] == Place.BALLOONED
    assert not vm.read([0]).any()
    assert vm.stats.balloon_pops == 1
    assert vm.deflate() == 4
    assert vm.places[1] == Place.ABSENT


def test_a_blocked_vm_makes_no_access(host):
    vm = host.add_vm("a", "64 KiB")
    vm.block()
    assert vm.try_touch([0])[:2] == (0, "PE_BLOCKED")
    with pytest.raises(pe.errors.Blocked, match="'a'"):
        vm.touch([0])
    vm.block(False)
    vm.touch([0])


def test_sampling_estimates_the_active_fraction(host):
    vm = host.add_vm("a", "1 MiB")
    vm.touch(np.arange(256))
    vm.start_sample(100)
    vm.touch(np.arange(128))
    touched, n = vm.end_sample()
    assert n == 100
    assert 30 < touched < 70
    assert vm.end_sample() == (0, 0)


def test_idle_ages_tell_the_accessed_pages_exactly(host):
    vm = host.add_vm("a", "64 KiB")
    vm.touch(np.arange(10))
    assert vm.age() == 10
    vm.touch([1, 2])
    assert vm.age() == 2
    ages = vm.idle_ages()
    assert (ages[0], ages[1], ages.sum()) == (2, 8, 10)


def test_pinned_pages_are_left_alone(host):
    vm = host.add_vm("a", "64 KiB")
    vm.write(np.arange(16), incompressible(16))
    vm.pin([0, 5])
    host.reclaim(vm, 16, "swap")
    assert list(np.flatnonzero(vm.places == Place.PRIVATE)) == [0, 5]


def test_a_limit_holds_after_every_batch(host):
    vm = host.add_vm("a", "512 KiB", limit="128 KiB")
    for start in range(0, 128, 16):
        vm.write(np.arange(start, start + 16), incompressible(16, start))
        assert vm.stats.consumed <= 128 * 1024


def test_peek_reads_without_an_access(host):
    vm = host.add_vm("a", "64 KiB")
    pages = incompressible(16)
    vm.write(np.arange(16), pages)
    host.reclaim(vm, 8, "swap")
    before = vm.stats
    assert np.array_equal(vm.peek(np.arange(16)), pages)
    assert vm.stats == before


def test_without_swap_or_compression_memory_can_run_out():
    with pe.Host("64 KiB", swap=0, compression=None, sharing=False) as host:
        vm = host.add_vm("a", "128 KiB")
        with pytest.raises(pe.errors.OutOfFrames) as caught:
            vm.write(np.arange(32), incompressible(32))
        assert caught.value.done == 16
        assert np.array_equal(vm.read(np.arange(16)), incompressible(32)[:16])
        host.check(deep=True)


def test_full_swap_leaves_pages_where_they_are():
    with pe.Host("256 KiB", swap="32 KiB", compression=None) as host:
        vm = host.add_vm("a", "256 KiB")
        vm.write(np.arange(60), incompressible(60))
        with pytest.raises(pe.errors.SwapFull, match="8 pages") as caught:
            host.reclaim(vm, 20, "swap")
        assert caught.value.done == 8
        assert np.array_equal(vm.read(np.arange(60)), incompressible(60))
        host.check(deep=True)


def test_a_corrupted_swap_slot_names_the_page_and_spares_the_others():
    with pe.Host("256 KiB") as host:
        vm = host.add_vm("web", "256 KiB")
        vm.write(np.arange(32), incompressible(32))
        host.reclaim(vm, 32, "swap")
        os.pwrite(host._engine.swap_file, b"garbage", 3 * 4096)
        bad = next(ppn for ppn in range(32) if _fails(vm, ppn))
        with pytest.raises(
            pe.errors.SwapCorruption, match=f"page {bad} of virtual machine 'web'"
        ) as caught:
            vm.read([bad])
        assert (caught.value.vm, caught.value.ppn) == ("web", bad)
        others = np.delete(np.arange(32), bad)
        assert np.array_equal(vm.read(others), incompressible(32)[others])
        assert vm.write([bad], incompressible(1)).discarded == 1
        host.check(deep=True)


def _fails(vm, ppn):
    try:
        vm.peek([ppn])
    except pe.errors.SwapCorruption:
        return True
    return False


def test_a_swap_file_that_cannot_be_written_loses_nothing():
    with pe.Host("64 KiB", compression=None) as host:
        vm = host.add_vm("a", "128 KiB")
        vm.write(np.arange(8), incompressible(8))
        full = os.open("/dev/full", os.O_RDWR)
        os.dup2(full, host._engine.swap_file)
        os.close(full)
        with pytest.raises(pe.errors.SwapError, match="No space left"):
            host.reclaim(vm, 4, "swap")
        assert np.array_equal(vm.read(np.arange(8)), incompressible(8))
        with pytest.raises(pe.errors.OutOfFrames) as caught:
            vm.write(np.arange(32), incompressible(32))
        assert isinstance(caught.value.__cause__, pe.errors.SwapError)
        host.check(deep=True)


def test_removing_a_vm_gives_everything_back(host):
    vm = host.add_vm("a", "512 KiB")
    vm.write(np.arange(128), compressible(128))
    host.reclaim(vm, 50)
    host.remove_vm("a")
    assert host.stats.free == host.stats.memory
    with pytest.raises(pe.errors.Closed, match="'a'"):
        vm.read([0])
    host.add_vm("a", "512 KiB")


def test_nothing_is_left_in_the_swap_directory(tmp_path):
    host = pe.Host("64 KiB", swap_dir=tmp_path)
    host.add_vm("a", "128 KiB").write(np.arange(32), incompressible(32))
    assert os.listdir(tmp_path) == []
    descriptor = host._engine.swap_file
    del host
    gc.collect()
    with pytest.raises(OSError, match="Bad file"):
        os.fstat(descriptor)


def test_a_closed_host_says_so():
    host = pe.Host("64 KiB")
    vm = host.add_vm("a", "64 KiB")
    host.close()
    host.close()
    for use in (
        lambda: host.stats,
        lambda: host.scan(),
        lambda: vm.read([0]),
        lambda: host.add_vm("b", 4096),
    ):
        with pytest.raises(pe.errors.Closed):
            use()


def test_the_memory_of_idle_frames_goes_back_to_the_system():
    with pe.Host("64 MiB") as host:
        vm = host.add_vm("a", "48 MiB")
        vm.write(np.arange(12288), np.ones((12288, 4096), dtype=np.uint8))
        full = _resident()
        vm.balloon(np.arange(12288))
        assert host.trim() >= 40 * MIB
        assert full - _resident() > 40 * MIB


def _resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


def test_tokens_share_compress_and_swap_like_bytes():
    with pe.Host("256 KiB", contents="tokens") as host:
        vm = host.add_vm("a", "1 MiB")
        tokens = pe.tokens.make_tokens(
            np.arange(256) // 2, np.where(np.arange(256) % 3 == 0, 900, 3000)
        )
        vm.write(np.arange(256), tokens)
        host.scan()
        host.check(deep=True)
        assert host.stats.swapped > 0
        assert np.array_equal(vm.read(np.arange(256)), tokens)


def test_unknown_names_are_answered_with_what_there_is(host):
    host.add_vm("web", "64 KiB")
    with pytest.raises(pe.errors.NoSuchVM, match="there are: web"):
        host["wbe"]
    with pytest.raises(ValueError, match="must be one of sharing, .*magic"):
        host.reclaim("web", 1, "magic")
    with pytest.raises(ValueError, match="already"):
        host.add_vm("web", "64 KiB")


def test_a_host_is_a_mapping_of_its_virtual_machines_by_name():
    with pe.Host("1 MiB") as host, pe.Host("1 MiB") as other:
        assert host and not list(host) and len(host) == 0 and "a" not in host
        a, b = host.add_vm("a", "1 MiB"), host.add_vm("b", "1 MiB")
        theirs = other.add_vm("a", "1 MiB")
        assert list(host) == ["a", "b"] == list(host.vms) and len(host) == 2
        assert "a" in host and b in host and theirs not in host and 7 not in host
        assert [host[name] for name in host] == [a, b]
        for name in host:  # what is iterated over may change
            host.remove_vm(name)
        assert "a" not in host and a not in host and len(host) == 0
    assert len(host) == 0 and "a" not in host
