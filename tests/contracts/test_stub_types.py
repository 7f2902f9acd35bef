"""What a stub says of a compiled module is believed by every type checker, and mypy's stubtest sees
names and parameters of functions only: neither the type of what is returned, nor the parameters of
a class, nor that an attribute cannot be set. Here calls are made and what they give is held against
the stub: the type of its elements and how many dimensions it has, where it is an array.
"""

import ast
import re
import types
import typing
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import tree

import pageengine as pe
from pageengine.control.clocks import Clocks
from pageengine.control.vm_table import _COLUMNS as COLUMNS
from pageengine.core.access_order import COUNT, AccessOrder
from pageengine.core.draws import Draws, Popularity, Ranks
from pageengine.core.guest import Guest
from pageengine.core.guests import numbers_of
from pageengine.core.state import StateIn, StateOut
from pageengine.faults import FaultPlan
from pageengine.lab import counting, life
from pageengine.lab.contents import PROFILES
from pageengine.lab.memory import VMMemory
from pageengine.lab.workloads.pace import Pace
from pageengine.stores.codec import Codec
from pageengine.stores.frames import FrameBitmap
from pageengine.stores.sharing import SharingTable
from pageengine.stores.swap import SwapSpace
from pageengine.stores.zcache import CompressionCache

STUBS = sorted(tree.PACKAGE.rglob("*.pyi"))
PAGES = np.resize(np.arange(7, dtype=np.uint8), (4, 4096))
PPNS, KINDS = np.arange(4), np.zeros(4, np.uint8)


def with_pages():
    cache = CompressionCache(8)
    return cache, cache.store(PAGES)


def with_slots(call):
    with SwapSpace(8) as space:
        return call(space, space.write(PAGES))


def in_engine(call):
    with pe.Host("4 MiB", seed=1) as host:
        vm = host.add_vm("a", "1 MiB")
        vm.touch(PPNS, True)
        return call(host._engine, vm._id, np.array([vm._id], np.uint64))


def damaged(plan):
    with pe.Host("4 MiB", faults=plan) as host:
        host.add_vm("a", "1 MiB")
        return plan.damaged_pages(host)


def full_guest():
    guest = Guest(64, swap_pages=64)
    guest.access("memory", np.arange(64), True)
    return guest


def of_profile():
    return PROFILES["linux"].of(1)


def order():
    return AccessOrder(np.zeros((256, 6), np.uint8), np.zeros(256, np.bool_), COUNT - 1, 0)


def draws():
    return Draws(np.random.Generator(np.random.Philox(1)))


def pace(write):
    made = Pace(1.0, write)
    made.in_order(draws(), 4)
    return made


def clocks():
    return Clocks(COLUMNS)


def made_in_memory():
    with pe.Host("4 MiB", contents="tokens") as host:
        memory = VMMemory(host.add_vm("a", "1 MiB"), 1, PROFILES["own"], False)
        return memory.make(PPNS, KINDS)


def columns(name, *more):
    from pageengine.core import vm_columns

    return lambda: in_engine(lambda e, _, ids: getattr(vm_columns, name)(e, ids, *more))


def hashing(name, *more):
    from pageengine.stores import hashing

    return lambda: getattr(hashing, name)(*more)


# every call whose stub says that an array comes back
def numbers_in_a_state():
    out = StateOut()
    out.numbers(np.arange(5, dtype=np.uint64))
    return StateIn(out.end()).numbers("u8", 5)


CALLS = {
    "core.access_order.AccessOrder.make": lambda: in_engine(
        lambda e, id, _: order().make(e, id, PPNS, KINDS)
    ),
    "core.state.StateIn.numbers": lambda: numbers_in_a_state(),
    "core.draws.Draws.below": lambda: draws().below(9, 4),
    "core.draws.Draws.window": lambda: draws().window(1, 2, 9, 4),
    "core.draws.Draws.part": lambda: draws().part(0.5, 4),
    "core.draws.Draws.ranks": lambda: draws().ranks(Ranks([3, 4], Popularity([0.5, 1.0])), 4),
    "core.engine.Engine.ages": lambda: in_engine(lambda e, id, _: e.ages(id)),
    "core.engine.Engine.places": lambda: in_engine(lambda e, id, _: e.places(id, PPNS)),
    "core.guest.Guest.access": lambda: Guest(64).access("memory", PPNS, True),
    "core.guest.Guest.inflate": lambda: full_guest().inflate(8, True),
    "core.guest.Guest.deflate": lambda: Guest(64).deflate(8),
    "core.guest.Guest.report_free": lambda: Guest(2048).report_free(),
    "core.guests.numbers_of": lambda: numbers_of([Guest(64), None]),
    "core.vm_columns.numbers": columns("numbers"),
    "core.vm_columns.ballooned": columns("ballooned"),
    "core.vm_columns.end_samples": columns("end_samples"),
    "core.vm_columns.slots": lambda: in_engine(
        lambda e, id, _: __import__("pageengine.core.vm_columns", fromlist="slots").slots(e, id)
    ),
    "control.clocks.Clocks.pass_time": lambda: clocks().pass_time(
        np.ones((len(COLUMNS), 3)), 1, np.ones(2), 1.0, True
    ),
    "control.clocks.Clocks.targets": lambda: clocks().targets(np.ones((len(COLUMNS), 3)), 2),
    "lab.access_maker.AccessMaker.make": made_in_memory,
    "lab.counting.stacked": lambda: counting.stacked([PPNS], 4),
    "lab.counting.since": lambda: counting.since(PPNS[None, :], PPNS[None, :]),
    "lab.counting.weighed": lambda: counting.weighed([PPNS], np.ones(1)),
    "lab.life.pass_time": lambda: life.pass_time([], 1.0),
    "lab.workloads.pace.Pace.step": lambda: pace(0.5).step(9.0) + pace(1.0).step(9.0),
    "lab.workloads.pace.Pace.writes": lambda: pace(0.5).writes(draws(), 4),
    "faults.FaultPlan.damaged_pages": lambda: damaged(FaultPlan(1)),
    "stores.codec.Codec.sizes": lambda: Codec("word").sizes(PAGES),
    "stores.codec.Codec.decompress": lambda: Codec("lz").decompress(Codec("lz").compress(PAGES)),
    "stores.codec.Codec.decompress_page": lambda: Codec("lz").decompress_page(
        Codec("lz").compress_page(PAGES[0])
    ),
    "stores.frames.FrameBitmap.take": lambda: FrameBitmap(9).take(2),
    "stores.hashing.hash_pages": hashing("hash_pages", PAGES),
    "stores.hashing.hash_tokens": hashing("hash_tokens", [1, 2]),
    "stores.hashing.zero_pages": hashing("zero_pages", PAGES),
    "stores.hashing.same_filled": hashing("same_filled", PAGES),
    "stores.hashing.pages_equal": hashing("pages_equal", PAGES, PAGES),
    "stores.profile.VMContents.tokens": lambda: of_profile().tokens(PPNS, np.zeros(4, np.int32)),
    "stores.profile.VMContents.written": lambda: of_profile().written(
        PPNS, KINDS, 1, np.zeros(4, np.int32)
    ),
    "stores.sharing.SharingTable.lookup": lambda: SharingTable(9).lookup([1, 2]),
    "stores.swap.SwapSpace.write": lambda: with_slots(lambda space, slots: slots),
    "stores.swap.SwapSpace.read": lambda: with_slots(lambda space, slots: space.read(slots)),
    "stores.zcache.CompressionCache.store": lambda: with_pages()[1],
    "stores.zcache.CompressionCache.load": lambda: with_pages()[0].load(with_pages()[1]),
}


@cache
def stub(name):
    """The stub as a module: all that it says, and nothing that works."""
    path = (tree.PACKAGE / name.replace(".", "/")).with_suffix(".pyi")
    made = types.ModuleType(f"stub.{name}")
    # evaluated late: a class may be named above its own lines
    code = "from __future__ import annotations\n" + path.read_text()
    exec(compile(code, str(path), "exec"), vars(made))
    return made


def functions(path):
    """(name from the package on, name of its class or "", node) of every function of a stub."""
    name = ".".join(path.relative_to(tree.PACKAGE).with_suffix("").parts)
    for node in ast.parse(path.read_text()).body:
        for each in node.body if isinstance(node, ast.ClassDef) else [node]:
            if isinstance(each, ast.FunctionDef):
                inside = f".{node.name}" if isinstance(node, ast.ClassDef) else ""
                yield f"{name}{inside}.{each.name}", inside[1:], each


def said_of(call):
    """What the stub says that the call returns."""
    for cut in range(call.count("."), 0, -1):
        name = ".".join(call.split(".")[:cut])
        if (tree.PACKAGE / name.replace(".", "/")).with_suffix(".pyi").exists():
            found = stub(name)
            for part in call.split(".")[cut:]:
                found = getattr(found, part)
            return typing.get_type_hints(found, vars(stub(name)))["return"], stub(name)
    raise LookupError(call)


def wrong(value, hint, module, where):
    """What of the value is not as the hint says: lines."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is np.ndarray:
        shape, dtype = typing.get_args(inner[0]), typing.get_args(inner[1])[0]
        if type(value) is not np.ndarray:
            return [f"{where}: {type(value).__name__}, the stub says {hint}"]
        got = f"{value.dtype} of {value.ndim} dimensions"
        fits = value.dtype == dtype and value.ndim == len(shape)
        return [] if fits else [f"{where}: {got}, the stub says {hint}"]
    if origin is tuple and inner[-1] is not Ellipsis:
        if len(value) != len(inner):
            return [f"{where}: {len(value)} values, the stub says {hint}"]
        parts = zip(value, inner, strict=True)
    elif origin in (tuple, list):
        parts = ((each, inner[0]) for each in value)
    elif origin is dict:
        parts = [(each, inner[0]) for each in value] + [(x, inner[1]) for x in value.values()]
    elif origin in (typing.Union, types.UnionType):
        fits = any(wrong(value, each, module, where) == [] for each in inner)
        return [] if fits else [f"{where}: {type(value).__name__}, the stub says {hint}"]
    elif hasattr(hint, "_fields"):  # a NamedTuple of the stub, the value of the module
        hints = typing.get_type_hints(hint, vars(module))
        if type(value)._fields != hint._fields:
            return [f"{where}: fields {type(value)._fields}, the stub says {hint._fields}"]
        parts = ((getattr(value, name), hints[name]) for name in hint._fields)
    else:
        fits = hint is typing.Any or isinstance(value, hint)
        return [] if fits else [f"{where}: {type(value).__name__}, the stub says {hint}"]
    return [line for each, of in parts for line in wrong(each, of, module, where)]


def test_every_call_that_gives_an_array_is_looked_at():
    arrays = {
        name
        for path in STUBS
        for name, _, node in functions(path)
        if node.returns and re.search(r"\b(Row|Table|Pages|Ops)\b", ast.unparse(node.returns))
    }
    assert arrays - set(CALLS) == set() and set(CALLS) - arrays == set()


@pytest.mark.parametrize("call", CALLS)
def test_an_array_has_the_type_and_dimensions_that_the_stub_says(call):
    hint, module = said_of(call)
    assert wrong(CALLS[call](), hint, module, call) == []


def test_a_wrong_type_and_a_wrong_dimension_are_seen():
    hint, module = said_of("stores.frames.FrameBitmap.take")
    assert wrong(np.zeros(2, np.uint32), hint, module, "") == []
    assert wrong(np.zeros(2, np.int64), hint, module, "")
    assert wrong(np.zeros((2, 2), np.uint32), hint, module, "")
    assert wrong([1, 2], hint, module, "")


@pytest.mark.parametrize("path", STUBS, ids=tree.name)
def test_an_array_in_a_stub_says_its_type_and_dimensions(path):
    """In its results and in what it takes as it is."""
    text = re.sub(r"^(from|import) .*$", "", path.read_text(), flags=re.M)
    assert re.findall(r"NDArray|np\.ndarray|\bAny\b(?=.*->)", text) == []


def parameters(text):
    """(name, whether it has a default, kind) of each, of what stands in the brackets of a def."""
    plain = []
    for each in re.split(r",\s*(?![^(\[]*[)\]])", text):
        name, equals, _ = each.partition("=")
        name = re.sub(r":.*", "", name.replace("not None", "")).split()[-1] if name.strip() else ""
        plain.append(name + ("=0" if equals else ""))
    node = ast.parse(f"def f({', '.join(plain)}): pass").body[0].args
    place = [(a.arg, i >= len(node.args) - len(node.defaults)) for i, a in enumerate(node.args)]
    named = [(a.arg, d is not None) for a, d in zip(node.kwonlyargs, node.kw_defaults, strict=True)]
    return place[1:], named


@pytest.mark.parametrize("path", STUBS, ids=tree.name)
def test_a_class_is_made_with_the_parameters_that_its_stub_says(path):
    """Of compiled classes nobody can ask that, so both files are read."""
    source = path.with_suffix(".pyx").read_text()
    for name, owner, node in functions(path):
        if node.name not in ("__init__", "__new__"):
            continue
        body = re.search(rf"^cdef class {owner}\b.*?(?=^\S|\Z)", source, re.M | re.S)[0]
        made = {
            how: parameters(found[1])
            for how in ("cinit", "init")
            if (found := re.search(rf"def __{how}__\((.*?)\):", body, re.S))
        }
        theirs = made.get("init") or made["cinit"]
        assert parameters(ast.unparse(node.args)) == theirs, name


def test_what_a_stub_says_can_be_set_can_be_set():
    """Attributes of compiled classes are read only, which a stub says by a property."""
    lines = []
    for path in STUBS:
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef) and not any(
                isinstance(base, ast.Name) and base.id == "NamedTuple" for base in node.bases
            ):
                named = [each.target.id for each in node.body if isinstance(each, ast.AnnAssign)]
                lines += [f"{tree.name(path)}: {node.name}.{name}" for name in named]
    assert lines == []


def test_where_a_compiled_module_lies_its_stub_does():
    compiled = [Path(each) for each in tree.PACKAGE.rglob("*.pyx")]
    assert {path.with_suffix(".pyi") for path in compiled} == set(STUBS)
