"""Writes the seeds of every fuzz target: small valid inputs, from which a fuzzer starts.

    python tests/fuzz/seeds.py

Files whose names begin with "found-" are inputs that once broke a rule; they are left alone.
"""

import random
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1])]

from fuzz import targets  # noqa: E402


def codecs():
    """A blob of every codec, and a page for each."""
    import numpy as np

    from pageengine.stores.codec import Codec

    draw = np.random.default_rng(3)
    words = np.repeat(draw.integers(0, 2**40, 64, dtype=np.uint64), 8).view(np.uint8)
    text = np.frombuffer((b"the quick brown fox jumps over the lazy dog, " * 92)[:4096], np.uint8)
    same = np.full(512, 0x0101010101010101, np.uint64).view(np.uint8)
    for number, name in enumerate(("same", "word", "lz", "dense")):
        for kind, page in (("words", words), ("text", text), ("same", same)):
            blob = Codec(name).compress_page(page)
            if blob is not None and len(blob) < 2500:
                yield f"{name}-{kind}", bytes([number]) + blob
        yield f"{name}-page", bytes([192 + number]) + bytes(words[:700])


def guest():
    """Guests of several sizes under operations by chance."""
    draw = random.Random(5)
    for how in range(3):
        for pages in (40, 700, 2048):
            head = pages.to_bytes(2, "little") + bytes([20, 8, how])
            yield f"guest-{how}-{pages}", head + draw.randbytes(500)


def host():
    """Hosts of every kind under operations by chance."""
    draw = random.Random(6)
    for how in range(0, 64, 5):
        yield f"host-{how}", bytes([how, 40, 1 + how % 5, 60]) + draw.randbytes(600)


def main():
    made = {"codecs": codecs(), "guest": guest(), "host": host()}
    made.update((name, targets.module(name).seeds().items()) for name in targets.PYTHON)
    for target, seeds in made.items():
        folder = targets.HERE / "corpus" / target
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in seeds:
            (folder / f"{name}.bin").write_bytes(data)
        print(f"{target}: {sum(path.stat().st_size for path in folder.iterdir())} bytes")


if __name__ == "__main__":
    main()
