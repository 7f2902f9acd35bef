"""pageengine codecs: which codecs there are."""

import argparse
from typing import Any

from pageengine.analysis import speed
from pageengine.cli.console import Console, size
from pageengine.stores import codec as codec_room

HELP = "which codecs there are, and how fast"
DESCRIPTION = """\
Lists the codecs for compressed pages: our own, and those of liblz4 and libzstd where this computer
has them. They are looked for when the program runs; ours need no library."""
EPILOG = """\
examples:
  pageengine codecs
  pageengine codecs --bench     MB/s on this computer, on pages of this very program
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--bench", action="store_true", help="measure each, about a second per codec"
    )


def run(arguments: argparse.Namespace, console: Console) -> int:
    found = codec_room.codecs()
    rows = [
        {"name": name, "available": name in found, **_about(found.get(name), name)}
        for name in dict.fromkeys([*found, "lz4", "zstd"])
    ]
    data: dict[str, Any] = {"codecs": rows}
    if arguments.bench:
        with console.progress() as show:
            data["bench"] = [
                speed.measure(one, pages).to_dict()
                for pages in [speed.own_pages()]
                for number, one in enumerate(found.values())
                if show("", one.name, number, len(found)) is None
            ]
    console.result(data)
    console.table(
        "Codecs",
        ("codec", "there", "where from", "what it is"),
        [(r["name"], "yes" if r["available"] else "no", r["source"], r["summary"]) for r in rows],
        texts=4,
    )
    if arguments.bench:
        console.table(
            f"On {size(data['bench'][0]['bytes'])} of this program's own pages",
            ("codec", "in MB/s", "out MB/s", "<= 1 KiB", "<= 2 KiB", "ratio"),
            [
                (
                    b["codec"],
                    f"{b['compress_mb_s']:,.0f}",
                    f"{b['decompress_mb_s']:,.0f}",
                    f"{b['quarter']:.0%}",
                    f"{b['quarter'] + b['half']:.0%}",
                    f"{b['ratio']:.2f}",
                )
                for b in data["bench"]
            ],
            caption="bytes of pages compressed (in) and restored (out); 1 MB = 10^6 bytes; one "
            "core; zero pages left out",
        )
    return 0


_MISSING = {
    "lz4": ("liblz4 was not found", "LZ4 by its own library"),
    "zstd": ("libzstd was not found", "Zstandard by its own library"),
}


def _about(one: codec_room.Codec | None, name: str) -> dict[str, str]:
    source, summary = (one.source, one.summary) if one else _MISSING[name]
    return {"source": source, "summary": summary}
