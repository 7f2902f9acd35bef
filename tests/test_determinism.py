"""A simulation must give the same answer tomorrow, on another computer, and with tokens in place of
bytes; otherwise no result can be checked. The same operations are run twice and compared number by
number."""

import numpy as np
import pytest

import pageengine as pe

PAGE = 4096
PAGES = 48
KINDS = 8  # different contents; 0 is the zero page


def as_bytes(numbers):
    """Content k as bytes: k even compresses to a quarter page, k odd not at all."""
    out = np.zeros((len(numbers), PAGE), np.uint8)
    for row, k in zip(out, numbers, strict=True):
        length = 0 if k == 0 else PAGE if k % 2 else 560
        row[:length] = np.random.default_rng(k).integers(0, 256, length, np.uint8)
    return out


def as_tokens(numbers):
    return np.array([k << 6 | (0 if k == 0 else 63 if k % 2 else 8) for k in numbers], np.uint64)


def story(contents="bytes", seed=1, victims="clock", packing="esx"):
    """Operations on two VMs that do not fit their host, and all that can be seen of them."""
    render = as_bytes if contents == "bytes" else as_tokens
    rng = np.random.default_rng(99)
    seen = []
    with pe.Host(40 * PAGE, seed=seed, contents=contents, victims=victims, packing=packing) as host:
        vms = [host.add_vm(name, PAGES * PAGE, cache_limit=6 * PAGE) for name in ("web", "db")]
        for _ in range(60):
            vm = vms[rng.integers(2)]
            ppns = rng.integers(0, PAGES, 8)
            vm.write(ppns, render(rng.integers(0, KINDS, 8).tolist()))
            vm.touch(rng.integers(0, PAGES, 16), rng.random(16) < 0.3)
            if rng.random() < 0.3:
                host.scan(pages=int(rng.integers(1, PAGES)), vm=vm.name)
            if rng.random() < 0.1:
                host.scan()
            vm.start_sample(10)
            vm.touch(rng.integers(0, PAGES, 16))
            seen.append(vm.end_sample())
            seen.append(host.reclaim(vm.name, int(rng.integers(1, 6)), "ladder"))
            if rng.random() < 0.2:
                vm.balloon(rng.integers(0, PAGES, 2))
            seen.append([vm.places.tolist() for vm in vms])
        seen.append([vm.stats for vm in vms])
        seen.append(host.stats)
        host.check()
    return seen


# Of the process and its swap file, not of the simulation.
MEASURED = {"metadata", "sharing_table", "swap_writes", "swap_reads"}


def numbers(record):
    """Fields of a record, but for those that measure the process."""
    return {
        name: getattr(record, name) for name in record.__dataclass_fields__ if name not in MEASURED
    }


def assert_same(one, other):
    *steps, vm_stats, host_stats = one
    *other_steps, other_vm_stats, other_host_stats = other
    for i, (a, b) in enumerate(zip(steps, other_steps, strict=True)):
        assert a == b, f"observation {i}"
    for a, b in zip(vm_stats, other_vm_stats, strict=True):
        assert numbers(a) == numbers(b)
    assert numbers(host_stats) == numbers(other_host_stats)


@pytest.mark.parametrize("victims", ["clock", "random"])
@pytest.mark.parametrize("contents", ["bytes", "tokens"])
@pytest.mark.parametrize("packing", ["esx", "dense"])
def test_the_same_operations_give_the_same_places_and_numbers(contents, victims, packing):
    first = story(contents, victims=victims, packing=packing)
    assert_same(first, story(contents, victims=victims, packing=packing))


@pytest.mark.parametrize("victims", ["clock", "random"])
def test_tokens_and_bytes_of_the_same_story_lead_to_the_same_decisions(victims):
    assert_same(story("bytes", victims=victims), story("tokens", victims=victims))


def test_another_seed_draws_other_samples_and_other_victims():
    assert story("tokens", seed=1, victims="random") != story("tokens", seed=2, victims="random")


def test_one_more_vm_does_not_change_the_draws_of_the_others():
    def samples(names):
        with pe.Host(64 * PAGE, seed=5, contents="tokens") as host:
            for name in names:
                host.add_vm(name, 32 * PAGE)
            host["web"].touch(np.arange(16))
            found = []
            for _ in range(8):
                host["web"].start_sample(8)
                host["web"].touch(np.arange(0, 16, 3))
                found.append(host["web"].end_sample())
            return found

    assert samples(["web"]) == samples(["web", "db", "mail"])
