"""Frozen: values with names that do not change, for classes that every program imports.

A subclass names its fields with their types and defaults, and is used as if it were a
``dataclasses.dataclass(frozen=True)``: by position or by name, compared, hashed, shown, pickled,
and with ``dataclasses.fields``, ``asdict`` and ``replace`` and ``inspect.signature``. But no code
is written for each class when it is made, which for a dozen dataclasses takes as long as all the
rest of the import. What only those functions ask for is made when they do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Self, dataclass_transform

if TYPE_CHECKING:
    from inspect import Signature

_REQUIRED = object()


class _Fresh:
    """A default that is made anew for every object."""

    def __init__(self, factory: Callable[[], Any]):
        self.factory = factory


def fresh(*, factory: Callable[[], Any]) -> Any:
    """The default of a field that must not be one object for all, such as a dict."""
    return _Fresh(factory)


class _AtFirstAsking:
    """An attribute of a class that is made when it is first asked for."""

    def __init__(self, make: Callable[[type[Any]], Any]):
        self._make = make
        self._made: dict[type, Any] = {}

    def __get__(self, instance: object, cls: type) -> Any:
        if cls not in self._made:
            self._made[cls] = self._make(cls)
        return self._made[cls]


@dataclass_transform(frozen_default=True, field_specifiers=(fresh,))
class Frozen:
    """The base. Names that begin with an underscore are no fields, nor are those of ClassVars."""

    __match_args__: ClassVar[tuple[str, ...]] = ()
    _defaults: ClassVar[dict[str, Any]] = {}
    _required: ClassVar[frozenset[str]] = frozenset()
    _made_anew: ClassVar[tuple[str, ...]] = ()

    __dataclass_fields__ = _AtFirstAsking(lambda cls: _as_dataclass(cls).__dataclass_fields__)
    __dataclass_params__ = _AtFirstAsking(lambda cls: _as_dataclass(cls).__dataclass_params__)
    __signature__ = _AtFirstAsking(lambda cls: _signature(cls))

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        defaults = {name: getattr(base, name, _REQUIRED) for name, _, base in _fields(cls)}
        cls._defaults = defaults
        cls.__match_args__ = tuple(defaults)  # type: ignore[misc]  # as dataclasses do it
        cls._required = frozenset(n for n, value in defaults.items() if value is _REQUIRED)
        cls._made_anew = tuple(n for n, value in defaults.items() if isinstance(value, _Fresh))

    def __init__(self, *args: Any, **named: Any) -> None:
        names = self.__match_args__
        if len(args) == len(names) and not named:
            # in place: twice as fast as a dict of its own; hosts have thousands of these a step
            self.__dict__.update(zip(names, args, strict=True))
            return
        said = named
        if args:
            said = dict(zip(names, args, strict=False))
            if len(args) > len(names) or not said.keys().isdisjoint(named):
                raise TypeError(self._what_is_wrong(args, named))
            said.update(named)
        values = self._defaults | said
        if len(values) > len(names) or not self._required <= said.keys():
            raise TypeError(self._what_is_wrong(args, named))
        for name in self._made_anew:
            if isinstance(values[name], _Fresh):
                values[name] = values[name].factory()
        self.__dict__.update(values)

    def _what_is_wrong(self, args: tuple[Any, ...], named: dict[str, Any]) -> str:
        names, what = self.__match_args__, f"{type(self).__name__}.__init__()"
        for name in named:
            if name not in names:
                return f"{what} got an unexpected keyword argument {name!r}"
            if name in names[: len(args)]:
                return f"{what} got multiple values for argument {name!r}"
        if len(args) > len(names):
            return f"{what} takes {len(names)} values, and {len(args)} were given"
        given = {*names[: len(args)], *named}
        missing = [name for name in names if name in self._required and name not in given]
        return f"{what} missing {len(missing)} required arguments: {', '.join(missing)}"

    def __setattr__(self, name: str, value: Any) -> None:
        raise _frozen(f"cannot assign to field {name!r}")

    def __delattr__(self, name: str) -> None:
        raise _frozen(f"cannot delete field {name!r}")

    def __repr__(self) -> str:
        shown = (f"{name}={getattr(self, name)!r}" for name in self.__match_args__)
        return f"{type(self).__qualname__}({', '.join(shown)})"

    def __eq__(self, other: object) -> bool:
        return vars(self) == vars(other) if other.__class__ is self.__class__ else NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(vars(self).values()))

    def __replace__(self, **changes: Any) -> Self:
        cls = type(self)
        values = vars(self) | changes
        if cls.__init__ is not Frozen.__init__ or len(values) != len(cls.__match_args__):
            return cls(**values)
        made = cls.__new__(cls)  # what __init__ would look at holds for this one already
        made.__dict__.update(values)
        return made


def _fields(cls: type) -> Iterator[tuple[str, Any, type]]:
    """(name, type, class that has it) of each field, those of base classes first."""
    for base in reversed(cls.__mro__):
        if base is not Frozen:
            for name, kind in getattr(base, "__annotations__", {}).items():
                if not name.startswith("_") and not _is_class_variable(kind):
                    yield name, kind, base


def _is_class_variable(kind: Any) -> bool:
    if isinstance(kind, str):
        return kind.startswith(("ClassVar", "typing.ClassVar"))
    return getattr(kind, "__origin__", kind) is ClassVar


def _frozen(message: str) -> AttributeError:
    from dataclasses import FrozenInstanceError

    return FrozenInstanceError(message)


def _as_dataclass(cls: type[Any]) -> type[Any]:
    """A dataclass of the same fields."""
    import dataclasses

    def field(default: Any) -> Any:
        if isinstance(default, _Fresh):
            return dataclasses.field(default_factory=default.factory)
        return dataclasses.field() if default is _REQUIRED else dataclasses.field(default=default)

    kinds = {name: kind for name, kind, _ in _fields(cls)}
    fields = [(n, kinds[n], field(default)) for n, default in cls._defaults.items()]
    return dataclasses.make_dataclass(cls.__name__, fields, frozen=True)


def _signature(cls: type[Any]) -> Signature:
    import inspect

    return inspect.signature(_as_dataclass(cls))
