"""Checkpoints: files that hold a state as plain values, arrays and a host of the core's, checked
and written whole.

A state is made of None, booleans, numbers, text, lists, tuples, dicts and numpy arrays, and of
records: values of a few classes that a table names, each with its fields. A file can name nothing
else, so that reading one runs no code of anybody's; a class looks at the fields of its records
itself. Arrays are packed: whole numbers take the bytes that their differences need.

After the values may come one host of the core's, which is written and read by the core.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from pageengine.core import state as streams
from pageengine.errors import CheckpointError
from pageengine.plumbing import given, reading, writing
from pageengine.plumbing.frozen import Frozen

if TYPE_CHECKING:
    from pageengine.core.engine import Engine

    File = str | os.PathLike[str] | BinaryIO
    Load = Callable[[Engine | None], None]
DEEPEST = 64  # values within values
_KINDS = {"b": "bool", "i": "int", "u": "uint", "f": "float"}
_SIGN = np.uint64(1 << 63)
_PLAIN = (bool, int, float, str)
_WRONG = (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError)


class Records:
    """Classes whose values may stand in a file, by their names: dataclasses and the package's
    frozen records.
    """

    def __init__(self, *kinds: type[Any]):
        self._of = {kind.__name__: kind for kind in kinds}

    def name(self, value: object) -> str | None:
        """The name of its class, if that is one of them."""
        name = type(value).__name__
        return name if self._of.get(name) is type(value) else None

    def make(self, name: Any, values: dict[str, Any]) -> Any:
        """The record of these fields. CheckpointError: no such class, or it refuses them."""
        if not isinstance(name, str) or name not in self._of:
            raise CheckpointError(f"it names a record {given.shown(name)}, which is none")
        try:
            return self._of[name](**values)
        except (TypeError, ValueError) as error:
            raise CheckpointError(f"a {name} in it cannot be: {reading.brief(error)}") from None


def fields_of(value: Any) -> dict[str, Any]:
    """The fields of a record by name."""
    if isinstance(value, Frozen):
        return {name: getattr(value, name) for name in type(value).__match_args__}
    return {each.name: getattr(value, each.name) for each in dataclasses.fields(value)}


class _Writer:
    def __init__(self, records: Records):
        self.arrays: list[np.ndarray] = []
        self._records = records

    def plain(self, value: Any, where: str, depth: int = 0) -> Any:
        """The value as JSON has it. TypeError: it cannot stand in a file, ``where`` says which."""
        if depth > DEEPEST:
            raise TypeError(f"{where} is too deep to be saved")
        if value is None or type(value) in _PLAIN:
            return value
        if isinstance(value, np.generic):
            return self.plain(value.item(), where, depth)
        if isinstance(value, np.ndarray):
            return self._array(value, where)
        deeper = depth + 1
        if isinstance(value, (list, tuple)):
            what = "l" if isinstance(value, list) else "t"
            return [what, *(self.plain(v, f"{where}[{i}]", deeper) for i, v in enumerate(value))]
        if isinstance(value, Mapping):
            return [
                "d",
                *([k, self.plain(v, f"{where}.{k}", deeper)] for k, v in _keys(value, where)),
            ]
        name = self._records.name(value)
        if name is None:
            raise TypeError(f"{where} cannot be saved: {given.shown(value)}")
        found = {
            key: self.plain(v, f"{where}.{key}", deeper) for key, v in fields_of(value).items()
        }
        return ["r", name, found]

    def _array(self, array: np.ndarray, where: str) -> Any:
        if array.dtype.kind not in _KINDS or array.dtype.itemsize > 8:
            raise TypeError(f"{where} cannot be saved: an array of {array.dtype}")
        self.arrays.append(array)
        return ["a", len(self.arrays) - 1, *_head(array)]


def _keys(value: Mapping[Any, Any], where: str) -> Any:
    for key, item in value.items():
        if type(key) not in _PLAIN:
            raise TypeError(f"a key of {where} cannot be saved: {given.shown(key)}")
        yield key, item


def _packable(array: np.ndarray) -> np.ndarray:
    """Its values as unsigned numbers, in an order in which neighbours are near."""
    flat = np.ascontiguousarray(array).reshape(-1)
    if flat.dtype.kind == "i":
        return flat.astype(np.int64).view(np.uint64) ^ _SIGN
    return flat.view(f"u{flat.dtype.itemsize}")


def _unpacked(numbers: np.ndarray, dtype: np.dtype[Any], shape: tuple[int, ...]) -> np.ndarray:
    if dtype.kind == "i":
        signed = (numbers ^ _SIGN).view(np.int64)
        bounds = np.iinfo(dtype)
        if numbers.size and not bounds.min <= signed.min() <= signed.max() <= bounds.max:
            raise CheckpointError("an array in it has a number beyond its type")
        return signed.astype(dtype).reshape(shape)
    if dtype.kind == "b":
        if numbers.size and numbers.max() > 1:
            raise CheckpointError("an array in it has a number beyond its type")
    return numbers.view(dtype).reshape(shape)


class _Reader:
    def __init__(self, source: streams.StateIn, records: Records):
        self._source, self._records = source, records
        self._arrays: list[np.ndarray] = []

    def values(self) -> Any:
        """What the file holds."""
        told = self._source.bytes()
        heads = self._json(self._source.bytes())
        if not isinstance(heads, list):
            raise CheckpointError("its list of arrays is none")
        for head in heads:
            self._arrays.append(self._array(head))
        return self._value(self._json(told))

    @staticmethod
    def _json(text: bytes) -> Any:
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            raise CheckpointError(f"its values cannot be read: {reading.brief(error)}") from None

    def _array(self, head: Any) -> np.ndarray:
        try:
            kind, shape = head
            dtype = np.dtype(kind)
            sizes = tuple(given.whole(size, "the size of an array", 0, 2**40) for size in shape)
        except (TypeError, ValueError) as error:
            raise CheckpointError(f"an array in it cannot be: {reading.brief(error)}") from None
        if dtype.kind not in _KINDS or dtype.itemsize > 8 or len(sizes) > 4:
            raise CheckpointError(f"an array in it cannot be: of {dtype}, {len(sizes)} dimensions")
        n = 1
        for size in sizes:
            n *= size
        wide = "u8" if dtype.kind == "i" else f"u{dtype.itemsize}"
        return _unpacked(self._source.numbers(wide, n), dtype, sizes)

    def _value(self, told: Any, depth: int = 0) -> Any:
        if depth > DEEPEST:
            raise CheckpointError("its values are too deep")
        if not isinstance(told, list):
            if isinstance(told, dict):
                raise CheckpointError("its values are not as they are written")
            return told
        try:
            what, *rest = told
            make = {"l": list, "t": tuple}.get(what)
            if make is not None:
                return make(self._value(each, depth + 1) for each in rest)
            if what == "d":
                return {key: self._value(value, depth + 1) for key, value in rest}
            if what == "a":
                return self._arrays[given.whole(rest[0], "the number of an array")]
            if what == "r":
                name, fields = rest
                found = {key: self._value(value, depth + 1) for key, value in fields.items()}
                return self._records.make(name, found)
        except (TypeError, ValueError, IndexError, AttributeError, KeyError) as error:
            if isinstance(error, CheckpointError):
                raise
            raise CheckpointError(f"its values are not as they are written: {error}") from None
        raise CheckpointError(f"it has a value of a kind {given.shown(what)}, which is none")


def write(file: File, values: Any, records: Records, engine: Engine | None = None) -> None:
    """Writes a checkpoint: to a path, where it is there whole or not at all, or to a file object
    that takes bytes. TypeError: something in ``values`` cannot stand in one.
    """
    writer = _Writer(records)
    told = json.dumps(writer.plain(values, "it"), allow_nan=True).encode()
    heads = json.dumps([_head(array) for array in writer.arrays]).encode()

    def put(out: streams.StateOut) -> bytes | None:
        out.bytes(told)
        out.bytes(heads)
        for array in writer.arrays:
            out.numbers(_packable(array))
        if engine is not None:
            streams.save(engine, out)
        found: bytes | None = out.end()
        return found

    if hasattr(file, "write"):
        file.write(put(streams.StateOut()) or b"")
        return
    path = given.path(file, "the path of a checkpoint")
    with writing.whole(path) as target:
        try:
            put(streams.StateOut(target.fileno()))
        except OSError as error:
            if error.filename is None and type(error) is OSError:
                raise OSError(error.errno, error.strerror, path) from None
            raise


def _head(array: np.ndarray) -> list[Any]:
    return [array.dtype.str.lstrip("<>=|"), list(array.shape)]


def read(file: File, records: Records, made: Callable[[Any, Load], Any]) -> Any:
    """Reads a checkpoint and returns what ``made(values, load)`` makes of it, which is to call
    ``load(engine)`` where a host stands in it, and ``load(None)`` where nothing more is to be
    there. CheckpointError names the file and what is wrong.
    """
    if hasattr(file, "read"):
        opened: Any = file
        return _read(streams_of(opened), getattr(file, "name", "the checkpoint"), records, made)
    path = given.path(file, "the path of a checkpoint")
    reading.regular(path, CheckpointError)
    with open(path, "rb") as source:
        end = os.fstat(source.fileno()).st_size
        return _read(lambda: streams.StateIn(source.fileno(), 0, end), path, records, made)


def streams_of(file: BinaryIO) -> Callable[[], streams.StateIn]:
    """What makes a stream of the rest of a file object."""
    data = file.read()
    if not isinstance(data, (bytes, bytearray)):
        raise TypeError(f"a checkpoint is read from a binary file, got {given.shown(data)}")
    return lambda: streams.StateIn(bytes(data))


def _read(
    begin: Callable[[], streams.StateIn],
    name: object,
    records: Records,
    made: Callable[[Any, Load], Any],
) -> Any:
    try:
        source = begin()

        def load(engine: Engine | None) -> None:
            if engine is not None:
                streams.load(engine, source)
            source.end()

        return made(_Reader(source, records).values(), load)
    except CheckpointError as error:
        raise CheckpointError(f"{name}: {error}") from None


@contextmanager
def looked_at(what: str) -> Iterator[None]:
    """While values of a file are made into something: what goes wrong is a CheckpointError."""
    try:
        yield
    except CheckpointError:
        raise
    except _WRONG as error:
        raise CheckpointError(
            f"its values are not those of {what}: {reading.brief(error)}"
        ) from None


__all__ = ["CheckpointError", "Records", "fields_of", "looked_at", "read", "write"]
