"""Checkpoints of simulations. The first byte says what the rest is: a file as it is, or what the
values of a file say (JSON), which is put into a file with right checksums, before the arrays and
the host of a small simulation. So the values are changed where checksums would keep every change
out. What is read passes its host's check, or is refused with a CheckpointError.
"""

import functools
import io
import json

from fuzz import scratch

from pageengine.core import checkpoint, state
from pageengine.errors import CheckpointError
from pageengine.lab import Simulation, VMSpec

MARK = "told"
DICTIONARY = (
    b'["a",0,"f8",[2]]',
    b'["t",',
    b'["l"]',
    b'["d"]',
    b'["r","CostModel",{}]',
    b'["r","VMSpec",{}]',
    b'["r","Plan",{}]',
    b"null",
    b"true",
    b"-1",
    b"0",
    b"1e308",
    b"NaN",
    b"Infinity",
    b"9223372036854775807",
    b"18446744073709551616",
    b'"zipf"',
    b'"esx6"',
    b'"rate"',
    b'"memory"',
    b'"specs"',
    b'"workload"',
    b'"recorder"',
    b'"\\ud800"',
    b"[[[[[[[[",
)


@functools.cache
def parts():
    """(values as JSON, heads of the arrays, arrays, a function that writes the host)."""
    vms = [VMSpec("a", "256 KiB", {"kind": "zipf", "rate": 40}), VMSpec("b", "128 KiB", "idle")]
    simulation = Simulation("320 KiB", vms, policy="esx6", host={"swap": "256 KiB"})
    for _ in range(2):
        simulation.step()
    kept = []
    wrote, checkpoint.write = checkpoint.write, lambda *given: kept.append(given)
    try:
        simulation.save(io.BytesIO())
    finally:
        checkpoint.write = wrote
    _, values, records, engine = kept[0]
    writer = checkpoint._Writer(records)
    told = json.dumps(writer.plain(values, "it")).encode()
    return told, [checkpoint._head(a) for a in writer.arrays], writer.arrays, engine


def file_of(told):
    """A file with these values, and else as it should be."""
    _, heads, arrays, engine = parts()
    out = state.StateOut()
    out.bytes(told)
    out.bytes(json.dumps(heads).encode())
    for array in arrays:
        out.numbers(checkpoint._packable(array))
    state.save(engine, out)
    return out.end()


def one(data):
    """One input: whether it was read. Raises what no checkpoint may lead to."""
    if not data:
        return False
    content = file_of(data[1:]) if data[0] % 2 else data[1:]
    path = scratch.file(content, "checkpoint.pe")
    with scratch.in_time():
        try:
            made = Simulation.load(path)
        except CheckpointError as error:
            assert str(path) in str(error), error
            return False
        try:
            made.host.check()
        finally:
            made.host.close()
    return True


def seeds():
    """Small valid files, by name."""
    told = parts()[0]
    plain = json.dumps(json.loads(told), separators=(",", ":")).encode()
    return {"whole": b"\0" + file_of(told), "values": b"\1" + plain}
