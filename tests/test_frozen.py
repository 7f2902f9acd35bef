"""At stake: a record that changes under its reader, or one that is no dataclass to a program that
takes it for one. Records are held against real dataclasses of the same fields.
"""

import copy
import dataclasses
import inspect
import pickle
from typing import ClassVar

import pytest
from hypothesis import given, strategies as st

import pageengine as pe
from pageengine.plumbing.frozen import Frozen, fresh
from pageengine.policy import GuestView, Migration, Plan, Snapshot, VMPlan, VMView


class Base(Frozen):
    x: int
    y: float = 2.5


class Point(Base):
    """With a field more, a constant and a method."""

    z: tuple = ()
    memo: dict = fresh(factory=dict)
    UNITS: ClassVar = "none"
    _UNITS: ClassVar[str] = "mm"

    @property
    def sum(self):
        return self.x + self.y


@dataclasses.dataclass(frozen=True)
class Real:
    x: int
    y: float = 2.5
    z: tuple = ()
    memo: dict = dataclasses.field(default_factory=dict)


values = st.tuples(st.integers(), st.floats(), st.tuples(st.integers()), st.just({"a": 1}))
calls = st.tuples(
    st.lists(st.integers(0, 3), max_size=5),
    st.dictionaries(st.sampled_from("xyzw") | st.just("memo"), st.integers(0, 3)),
)


@given(calls)
def test_it_is_made_as_a_dataclass_is_or_refused_as_one(call):
    args, named = call
    try:
        real = Real(*args, **named)
    except TypeError:
        with pytest.raises(TypeError, match=r"Point.__init__\(\) "):
            Point(*args, **named)
        return
    assert vars(Point(*args, **named)) == vars(real)
    assert list(vars(Point(*args, **named))) == list(vars(real))  # in order, too


@given(values, values)
def test_equal_are_records_of_one_class_with_equal_values(one, other):
    assert (Point(*one) == Point(*other)) == (Real(*one) == Real(*other))
    assert Point(*one) != Real(*one) and Point(*one) != one
    assert Point(1, 2) != Base(1, 2) and Base(1, 2) == Base(1, 2)
    assert hash(Base(one[0], one[1])) == hash(Base(one[0], one[1]))
    with pytest.raises(TypeError, match="unhashable"):
        hash(Point(*one))


def test_it_does_not_change():
    point = Point(1)
    for change in (
        lambda: setattr(point, "x", 2),
        lambda: setattr(point, "new", 2),
        lambda: delattr(point, "x"),
    ):
        with pytest.raises(dataclasses.FrozenInstanceError):
            change()
    assert point == Point(1, 2.5, (), {})
    assert Point(1).memo is not Point(1).memo


def test_it_is_shown_copied_and_pickled_as_a_dataclass():
    point = Point(1, z=(2,), memo={"a": 1})
    assert repr(point) == repr(Real(1, z=(2,), memo={"a": 1})).replace("Real", "Point")
    for same in (copy.copy(point), copy.deepcopy(point), pickle.loads(pickle.dumps(point))):
        assert same == point and same is not point and same.sum == 3.5
    match point:
        case Point(x, y, memo={"a": one}):
            assert (x, y, one) == (1, 2.5, 1)
        case _:
            pytest.fail("a record matches its class")


def test_what_dataclasses_and_inspect_ask_for_is_there():
    point = Point(1, memo={"a": 1})
    assert dataclasses.is_dataclass(Point) and dataclasses.is_dataclass(point)
    assert [f.name for f in dataclasses.fields(point)] == ["x", "y", "z", "memo"]
    assert dataclasses.asdict(point) == {"x": 1, "y": 2.5, "z": (), "memo": {"a": 1}}
    assert dataclasses.replace(point, x=5) == Point(5, memo={"a": 1}) == point.__replace__(x=5)
    assert [f.name for f in dataclasses.fields(Base)] == ["x", "y"]
    assert inspect.signature(Point) == inspect.signature(Real)
    assert Point.UNITS == "none" and Point._UNITS == "mm"
    assert Point.__match_args__ == ("x", "y", "z", "memo")


def test_a_dataclass_may_be_made_of_one():
    @dataclasses.dataclass(frozen=True)
    class More(Point):
        w: int = 7

    more = More(1, memo={})
    assert more == More(1, 2.5, (), {}, 7) and more != More(1, w=8)
    assert [f.name for f in dataclasses.fields(more)] == ["x", "y", "z", "memo", "w"]
    with pytest.raises(TypeError, match="cannot inherit non-frozen"):
        dataclasses.dataclass(type("Loose", (Point,), {}))


@pytest.mark.parametrize(
    "record",
    [
        pe.Events,
        pe.VMStats,
        pe.HostStats,
        pe.GuestStats,
        pe.Faults,
        pe.ScanResult,
        pe.Reclaimed,
        GuestView,
        VMView,
        Snapshot,
        VMPlan,
        Plan,
        Migration,
    ],
)
def test_records_of_the_package_are_dataclasses_to_whoever_asks(record):
    names = [f.name for f in dataclasses.fields(record)]
    assert names == list(record.__match_args__) == list(inspect.signature(record).parameters)
    made = record(*range(len(names)))
    assert dataclasses.asdict(made) == dict(zip(names, range(len(names)), strict=True))
    assert pickle.loads(pickle.dumps(made)) == made == dataclasses.replace(made)
