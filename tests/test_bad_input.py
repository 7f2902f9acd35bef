"""Whoever hands in something wrong must be told what, by name and value, and must find everything
as it was. Every public call is given each kind of bad value; the message and the state afterwards
are checked."""

import sys

import numpy as np
import pytest

import pageengine as pe
from pageengine import errors

PAGE = 4096
LINUX = sys.platform.startswith("linux")


@pytest.fixture
def host():
    with pe.Host(64 * PAGE, swap=128 * PAGE) as host:
        yield host


@pytest.fixture
def vm(host):
    vm = host.add_vm("web", 32 * PAGE)
    vm.write(np.arange(8), random_pages(8))
    before = vm.places.tolist()
    yield vm
    if host.vms.get("web") is vm:
        host.check()
        assert vm.places.tolist() == before, "a refused call moved a page"


def random_pages(n, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, PAGE), np.uint8)


# Hosts


@pytest.mark.parametrize(
    "arguments, error, message",
    [
        ({"memory": 0}, ValueError, "memory.*0"),
        ({"memory": -4096}, ValueError, "memory.*-4096"),
        ({"memory": 4097}, ValueError, "4097.*multiple"),
        ({"memory": "12 parsecs"}, ValueError, "12 parsecs"),
        ({"memory": "5 KiB"}, ValueError, "5 KiB.*multiple"),
        ({"memory": "lots"}, ValueError, "lots"),
        ({"memory": 1.5}, TypeError, "1.5"),
        ({"memory": None}, TypeError, "None"),
        ({"memory": True}, TypeError, "True"),
        ({"memory": 2**60}, ValueError, str(2**60)),
        ({"contents": "words"}, ValueError, "tokens.*words"),
        ({"packing": "tight"}, ValueError, "dense.*tight"),
        ({"victims": "lru"}, ValueError, "random.*lru"),
        ({"compression": "zip99"}, ValueError, "zip99.*word"),
        ({"compression": 7}, TypeError, "compression must be a text, got 7"),
        ({"cache_limit": -1}, ValueError, "cache_limit.*-1"),
        ({"swap": -4096}, ValueError, "swap.*-4096"),
        ({"swap": 100}, ValueError, "100.*multiple"),
        ({"swap": "much"}, ValueError, "much"),
        ({"seed": "seven"}, TypeError, "seven"),
        ({"seed": 0.5}, TypeError, "0.5"),
        ({"policy": object()}, TypeError, "decide"),
    ],
)
def test_a_host_is_not_made_of_bad_arguments(arguments, error, message):
    with pytest.raises(error, match=message):
        pe.Host(**{"memory": 64 * PAGE} | arguments)


def test_a_swap_directory_must_exist(tmp_path):
    missing = tmp_path / "missing"
    with (
        pytest.raises((ValueError, OSError), match="missing"),
        pe.Host(64 * PAGE, swap_dir=missing) as host,
    ):
        host.add_vm("web", 64 * PAGE)


def test_a_swap_directory_must_be_a_directory(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with (
        pytest.raises((ValueError, OSError), match="file"),
        pe.Host(64 * PAGE, swap_dir=tmp_path / "file") as host,
    ):
        host.add_vm("web", 64 * PAGE)


@pytest.mark.skipif(not LINUX, reason="/proc is a directory in which nobody can make files")
def test_a_swap_directory_must_be_writable():
    with (
        pytest.raises((ValueError, OSError), match="/proc"),
        pe.Host(64 * PAGE, swap_dir="/proc") as host,
    ):
        host.add_vm("web", 64 * PAGE)


# VMs


@pytest.mark.parametrize(
    "arguments, error, message",
    [
        ({"name": "web"}, ValueError, "web"),
        ({"name": 7}, TypeError, "7"),
        ({"name": ""}, ValueError, "name"),
        ({"size": 0}, ValueError, "size.*0"),
        ({"size": -4096}, ValueError, "-4096"),
        ({"size": 4095}, ValueError, "4095.*multiple"),
        ({"size": "huge"}, ValueError, "huge"),
        ({"size": 1.5}, TypeError, "1.5"),
        ({"shares": 1.5}, TypeError, "shares.*1.5"),
        ({"shares": -5}, ValueError, "shares.*-5"),
        ({"reservation": 17 * PAGE}, ValueError, "reservation"),
        ({"reservation": -4096}, ValueError, "reservation.*-4096"),
        ({"reservation": 8 * PAGE, "limit": 4 * PAGE}, ValueError, "limit"),
        ({"limit": -4096}, ValueError, "limit.*-4096"),
        ({"cache_limit": -1}, ValueError, "cache_limit.*-1"),
        ({"cache_limit": "big"}, ValueError, "big"),
    ],
)
def test_a_vm_is_not_made_of_bad_arguments(host, vm, arguments, error, message):
    with pytest.raises(error, match=message):
        host.add_vm(**{"name": "db", "size": 16 * PAGE} | arguments)
    assert list(host.vms) == ["web"]


def test_admission_refuses_to_promise_what_is_promised_already(host):
    host.add_vm("web", 48 * PAGE, reservation=40 * PAGE)
    with pytest.raises(errors.AdmissionError, match="reservation"):
        host.add_vm("db", 48 * PAGE, reservation=30 * PAGE)
    assert list(host.vms) == ["web"]
    host.remove_vm("web")
    host.add_vm("db", 48 * PAGE, reservation=30 * PAGE)


@pytest.mark.parametrize("call", ["getitem", "remove", "reclaim", "scan"])
def test_an_unknown_vm_is_named(host, vm, call):
    with pytest.raises(errors.NoSuchVM, match="mail"):
        {
            "getitem": lambda: host["mail"],
            "remove": lambda: host.remove_vm("mail"),
            "reclaim": lambda: host.reclaim("mail", 1, "swap"),
            "scan": lambda: host.scan(vm="mail"),
        }[call]()


# Batches

BAD_PPNS = [
    (32, IndexError, "32"),
    ([0, 1, 32], IndexError, "32"),
    ([0, -1], IndexError, "-1"),
    ([2**63], IndexError, str(2**63)),
    ([2**40], IndexError, str(2**40)),
    ([0.5], TypeError, "float"),
    (["0"], TypeError, "U1|str"),
    ([True], TypeError, "bool"),
    (None, TypeError, "object|None"),
    ([[0, 1]], ValueError, r"\(1, 2\)"),
]
PPN_CALLS = {
    "write": lambda vm, ppns: vm.write(ppns, np.zeros((np.size(ppns), PAGE), np.uint8)),
    "read": lambda vm, ppns: vm.read(ppns),
    "touch": lambda vm, ppns: vm.touch(ppns),
    "peek": lambda vm, ppns: vm.peek(ppns),
    "try_write": lambda vm, ppns: vm.try_write(ppns, np.zeros((np.size(ppns), PAGE), np.uint8)),
    "try_read": lambda vm, ppns: vm.try_read(ppns),
    "try_touch": lambda vm, ppns: vm.try_touch(ppns),
    "balloon": lambda vm, ppns: vm.balloon(ppns) if ppns is not None else vm.pin(ppns),
    "pin": lambda vm, ppns: vm.pin(ppns),
    "unpin": lambda vm, ppns: vm.unpin(ppns),
}


@pytest.mark.parametrize("call", PPN_CALLS)
@pytest.mark.parametrize("ppns, error, message", BAD_PPNS)
def test_bad_page_numbers_are_named_and_no_access_is_made(vm, call, ppns, error, message):
    accesses = vm.stats.accesses
    with pytest.raises(error, match=message):
        PPN_CALLS[call](vm, ppns)
    assert vm.stats.accesses == accesses


@pytest.mark.parametrize(
    "pages, error, message",
    [
        (np.zeros((2, 100), np.uint8), ValueError, r"\(2, 100\)"),
        (np.zeros((3, PAGE), np.uint8), ValueError, r"\(3, 4096\)"),
        (np.zeros((2, PAGE, 1), np.uint8), ValueError, r"\(2, 4096, 1\)"),
        (np.zeros((2, PAGE), np.int8), TypeError, "int8"),
        (np.zeros((2, 512), np.uint64), TypeError, "uint64"),
        (np.zeros((2, PAGE)), TypeError, "float64"),
        (b"short", ValueError, r"\(5,\)"),
        ("text", TypeError, "U4|str"),
        (None, TypeError, "object|None"),
    ],
)
def test_pages_of_a_wrong_shape_or_type_are_not_written(vm, pages, error, message):
    with pytest.raises(error, match=message):
        vm.write([0, 1], pages)
    assert (vm.peek([0, 1]) == random_pages(8)[:2]).all()


@pytest.mark.parametrize(
    "tokens, error, message",
    [
        (np.zeros(3, np.uint64), ValueError, r"\(3,\)"),
        (np.array([1, -1]), ValueError, "-1"),
        (np.array([1.0, 2.0]), TypeError, "float64"),
        (np.zeros((2, PAGE), np.uint8), ValueError, "shape"),
    ],
)
def test_bad_tokens_are_named(tokens, error, message):
    with pe.Host(64 * PAGE, contents="tokens") as host:
        vm = host.add_vm("web", 32 * PAGE)
        with pytest.raises(error, match=message):
            vm.write([0, 1], tokens)
        assert not vm.places.any()


@pytest.mark.parametrize(
    "write, error, message",
    [
        (np.zeros(3, bool), ValueError, r"\(3,\)"),
        (np.zeros(2, np.uint8), TypeError, "uint8"),
        ("yes", TypeError, "U3|str"),
        (1, TypeError, "int"),
    ],
)
def test_bad_write_flags_are_named(vm, write, error, message):
    with pytest.raises(error, match=message):
        vm.touch([0, 1], write)


# Techniques


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda host: host.reclaim("web", 1, "magic"), ValueError, "swap.*magic"),
        (lambda host: host.reclaim("web", -1, "swap"), ValueError, "-1"),
        (lambda host: host.reclaim("web", 1.5, "swap"), TypeError, "1.5"),
        (lambda host: host.reclaim("web", "all", "swap"), TypeError, "all"),
        (lambda host: host.scan(pages=-1), ValueError, "-1"),
        (lambda host: host.scan(order="upwards"), ValueError, "random.*upwards"),
        (lambda host: host["web"].balloon(), TypeError, "pages"),
        (lambda host: host["web"].balloon([0], pages=1), TypeError, "pages"),
        (lambda host: host["web"].balloon(pages=-1), ValueError, "-1"),
        (lambda host: host["web"].deflate(-1), ValueError, "-1"),
        (lambda host: host["web"].start_sample(-1), ValueError, "-1"),
    ],
)
def test_bad_arguments_of_techniques_are_named(host, vm, call, error, message):
    with pytest.raises(error, match=message):
        call(host)


def test_an_image_must_be_there_and_must_fit(vm, tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing.raw"):
        vm.load(tmp_path / "nothing.raw")
    (tmp_path / "large.raw").write_bytes(b"\1" * 33 * PAGE)
    with pytest.raises(ValueError, match="33.*32"):
        vm.load(tmp_path / "large.raw")
    (tmp_path / "fits.raw").write_bytes(b"\1" * PAGE)
    for at in (32, -1):
        with pytest.raises(ValueError, match=str(at)):
            vm.load(tmp_path / "fits.raw", at=at)


# What is gone

VM_CALLS = {
    "write": lambda vm: vm.write([0], np.zeros((1, PAGE), np.uint8)),
    "read": lambda vm: vm.read([0]),
    "touch": lambda vm: vm.touch([0]),
    "peek": lambda vm: vm.peek([0]),
    "try_write": lambda vm: vm.try_write([0], np.zeros((1, PAGE), np.uint8)),
    "try_read": lambda vm: vm.try_read([0]),
    "try_touch": lambda vm: vm.try_touch([0]),
    "load": lambda vm: vm.load("x"),
    "places": lambda vm: vm.places,
    "stats": lambda vm: vm.stats,
    "balloon": lambda vm: vm.balloon([0]),
    "deflate": lambda vm: vm.deflate(),
    "block": lambda vm: vm.block(True),
    "blocked": lambda vm: vm.blocked,
    "pin": lambda vm: vm.pin([0]),
    "unpin": lambda vm: vm.unpin([0]),
    "start_sample": lambda vm: vm.start_sample(),
    "end_sample": lambda vm: vm.end_sample(),
    "idle_ages": lambda vm: vm.idle_ages(),
    "age": lambda vm: vm.age(),
}
HOST_CALLS = {
    "add_vm": lambda host: host.add_vm("db", 16 * PAGE),
    "remove_vm": lambda host: host.remove_vm("web"),
    "scan": lambda host: host.scan(),
    "reclaim": lambda host: host.reclaim("web", 1, "swap"),
    "balance": lambda host: host.balance(),
    "trim": lambda host: host.trim(),
    "stats": lambda host: host.stats,
    "check": lambda host: host.check(),
}


@pytest.mark.parametrize("call", VM_CALLS)
def test_a_removed_vm_says_so(host, vm, call):
    host.remove_vm("web")
    with pytest.raises(errors.Closed, match="web"):
        VM_CALLS[call](vm)
    assert "web" in repr(vm)


@pytest.mark.parametrize("call", VM_CALLS)
def test_a_vm_of_a_closed_host_says_so(host, vm, call):
    host.close()
    with pytest.raises(errors.Closed, match="closed|removed"):
        VM_CALLS[call](vm)


@pytest.mark.parametrize("call", HOST_CALLS)
def test_a_closed_host_says_so(host, vm, call):
    host.close()
    host.close()
    with pytest.raises(errors.Closed, match="closed"):
        HOST_CALLS[call](host)


def test_a_new_vm_of_an_old_name_is_another_one(host, vm):
    host.remove_vm("web")
    host.add_vm("web", 8 * PAGE)
    with pytest.raises(errors.Closed, match="web"):
        vm.touch([0])
    host.remove_vm("web")
