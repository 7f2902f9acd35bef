"""The fuzz targets there are: a file fuzz_<name>.py or fuzz_<name>.c each, with a folder of seeds
in corpus/. What they are made of, and how each is run without any fuzzer: its seeds, then seeded
changes of them.
"""

import importlib
import os
import random
import re
import subprocess
from pathlib import Path

import c_objects

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PYTHON = sorted(path.stem.removeprefix("fuzz_") for path in HERE.glob("fuzz_*.py"))
C = sorted(path.stem.removeprefix("fuzz_") for path in HERE.glob("fuzz_*.c"))
LONGEST = 1 << 16


def module(name):
    """The module of a target in Python."""
    return importlib.import_module(f"fuzz.fuzz_{name}")


def corpus(name):
    """The files of its seeds."""
    return sorted((HERE / "corpus" / name).glob("*.bin"))


def program(name, cc, flags, main=True):
    """The program of a target in C, instrumented by these flags; main: without a fuzzer."""
    source = HERE / f"fuzz_{name}.c"
    listed = re.match(r"/\* sources: (.*?) \*/", source.read_text(), re.DOTALL)[1].split()
    sources = [path for pattern in listed for path in sorted(ROOT.glob(pattern))]
    own = [source, HERE / "replay.c"] if main else [source]
    return c_objects.program(f"fuzz-{name}", cc, [*own, *sources], flags)


def replay_c(name, cc, changes, seed, keep=None):
    """Runs a target in C on its seeds and on changes of them. What was printed, or AssertionError
    with it."""
    built = program(name, cc, c_objects.SANITIZERS)
    command = [built, str(changes), str(seed), *map(str, corpus(name))]
    environment = dict(os.environ)
    if keep:
        environment["PAGEENGINE_FUZZ_KEEP"] = str(keep)
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-6000:]
    return done.stdout


def replay_python(name, changes, seed):
    """The same for a target in Python. AssertionError names the input that broke a rule."""
    one, words = module(name).one, module(name).DICTIONARY
    inputs = [path.read_bytes() for path in corpus(name)]
    draw = random.Random(seed)
    for data in inputs:
        tried(one, data)
    for _ in range(changes):
        tried(one, changed(draw, draw.choice(inputs), draw.choice(inputs), words))


def tried(one, data):
    try:
        one(data)
    except Exception as error:
        raise AssertionError(f"{error!r} for the input {data!r}"[:4000]) from error


def changed(draw, data, other, words):
    """A few small changes of some bytes: of one, of a run, or by a word that means something."""
    data = bytearray(data)
    for _ in range(draw.choice((1, 1, 2, 4, 8))):
        at = draw.randrange(len(data) + 1)
        size = draw.choice((1, 2, 4, 8, 40))
        match draw.randrange(7):
            case 0:
                data[at : at + 1] = bytes([draw.randrange(256)])
            case 1:
                data[at : at + size] = bytes([draw.choice((0, 1, 127, 128, 255))]) * size
            case 2:
                del data[at : at + size]
            case 3:
                data[at:at] = data[at : at + size]
            case 4:
                data[at : at + size] = other[at : at + size]
            case 5:
                word = draw.choice(words)
                data[at : at + draw.choice((0, len(word)))] = word
            case _:
                del data[at if draw.random() < 0.2 else len(data) :]
    return bytes(data[:LONGEST])
