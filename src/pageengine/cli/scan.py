"""pageengine scan: what sharing and compression would give back."""

import argparse
import os
from pathlib import Path

from pageengine import images
from pageengine.analysis import subpage
from pageengine.analysis.report import SharingReport
from pageengine.analysis.sharing import SAMPLE_PAGES, survey
from pageengine.cli import holdings, places
from pageengine.cli.console import Console, Usage, percent, size
from pageengine.lab.contents import ContentProfile
from pageengine.plumbing import given, writing
from pageengine.stores.codec import Codec
from pageengine.units import PAGE_BYTES

HELP = "what sharing and compression would give back"
DESCRIPTION = """\
Reads memory images once and counts what could be given back: zero pages, equal pages within an
image and across images, at 4 KiB, 64 KiB and 2 MiB (what large pages cost in sharing), and how well
the distinct pages compress. Nothing is changed.

Counted is memory whose content is known. Addresses without memory (the hole below 4 GiB of a PC)
and what the file of a process does not store are named, and are no part of any share.

Images: raw (.raw, .vmem), ELF cores and QEMU dumps, LiME, gzip or zstd of raw, and /proc/PID."""
EPILOG = """\
examples:
  pageengine scan web.raw db.raw
  pageengine scan --group blue=web.raw,db.raw --group red=ci.raw
                            pages are shared within blue and within red only
  pageengine scan --sample all --codec word --codec lz *.raw
  pageengine scan --json *.raw | jq .techniques
  pageengine scan --subpage *.raw  and what patches against similar pages would add
  pageengine scan --profile web.json web*.raw
                            what the images hold, for simulations

Equal pages are found by a 64-bit hash and not compared byte by byte; the chance that this miscounts
any page is printed (2e-10 for 256 MiB of distinct pages). `pageengine overcommit` compares.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("image", nargs="*", metavar="IMAGE", help="memory image, or /proc/PID")
    parser.add_argument(
        "--group",
        action="append",
        default=[],
        metavar="NAME=IMAGE,...",
        help="salt group: only images of one group share pages; repeat for more groups",
    )
    parser.add_argument(
        "--codec", action="append", metavar="NAME", help="codec to try; repeat (default: all)"
    )
    parser.add_argument(
        "--sample",
        default=str(SAMPLE_PAGES),
        metavar="N",
        help=f"distinct pages to compress, or 'all' (default: {SAMPLE_PAGES})",
    )
    parser.add_argument(
        "--profile",
        metavar="FILE",
        help="write what was found as a content profile, which simulations read "
        "(contents = 'FILE')",
    )
    holdings.add_raw(parser)
    parser.add_argument(
        "--subpage",
        action="store_true",
        help="also what patches against similar pages would give back (first 256 MiB)",
    )


def run(arguments: argparse.Namespace, console: Console) -> int:
    groups = parse_groups(arguments.group)
    paths = list(dict.fromkeys([*arguments.image, *groups]))
    if not paths:
        raise Usage("scan needs at least one image (see pageengine scan --help)")
    sample, kind = _sample(arguments.sample), holdings.kind_of(arguments, paths)
    for name in arguments.codec or ():
        Codec(name)
    if arguments.profile:
        places.file(arguments.profile, "--profile")
    opened = []
    try:
        for path in paths:  # not packed: large pages begin where they do in the guest
            opened.append(images.open(path, kind=kind))
        with console.progress() as show:
            report = survey(
                opened,
                groups,
                codec_names=arguments.codec,
                sample=sample,
                progress=lambda path, done, total: show(path, Path(path).name, done, total),
            )
        similar = subpage.of_images(opened) if arguments.subpage else None
    finally:
        for image in opened:
            image.close()
    found = {"subpage": vars(similar)} if similar else {}
    console.result(report.to_dict() | found)
    _print(report, console)
    if similar:
        _subpage(similar, console)
    if arguments.profile:
        _write_profile(report, arguments, console)
    return 0


def _write_profile(report: SharingReport, arguments: argparse.Namespace, console: Console) -> None:
    tried = [one.codec for one in report.compressibility]
    codec = "word" if "word" in tried else tried[0]
    path = Path(arguments.profile)
    profile = ContentProfile.from_report(report, given.name_of_file(path.stem), codec)
    writing.text(path, profile.to_json() + "\n")
    console.say(f"Content profile written to {path} (compressed sizes by {codec}).")


def parse_groups(texts: list[str]) -> dict[str, str]:
    """path -> group from NAME=IMAGE,IMAGE texts."""
    groups: dict[str, str] = {}
    for text in texts:
        name, equals, members = text.partition("=")
        paths = [path for path in members.split(",") if path]
        if not equals or not name or not paths:
            raise Usage(f"--group {text!r} is not NAME=IMAGE,IMAGE")
        for path in paths:
            if groups.setdefault(path, name) != name:
                raise Usage(f"{path} is in two groups, {groups[path]!r} and {name!r}")
    return groups


def _sample(text: str) -> int | None:
    if text == "all":
        return None
    if not text.isdecimal() or int(text) < 1:
        raise Usage(f"--sample must be a number of pages from 1 on, or 'all', not {text!r}")
    return int(text)


def _print(report: SharingReport, console: Console) -> None:
    names = short_names([image.path for image in report.images])
    holdings.show(
        console,
        [
            (
                name,
                (i.pages - i.holes) * PAGE_BYTES,
                i.holes * PAGE_BYTES,
                i.unknown * PAGE_BYTES,
                i.gap * PAGE_BYTES,
            )
            for name, i in zip(names, report.images, strict=True)
        ],
    )
    _images(report, console)
    _groups(report, console)
    _grains(report, console)
    _compressibility(report, console)
    _techniques(report, console)
    console.say(
        f"Counted by 64-bit hash; chance of any miscount {report.collision_chance:.0e}.",
        style="dim",
    )


def _images(report: SharingReport, console: Console) -> None:
    pages = [(image, image.grains[0]) for image in report.images]
    names = short_names([image.path for image in report.images])
    rows = [
        (
            name,
            image.kind,
            size(image.bytes),
            percent(g.zero, g.chunks),
            percent(image.same_filled, g.chunks),
            percent(g.within, g.chunks),
            percent(g.across, g.chunks),
            percent(g.kept, g.chunks),
        )
        for name, (image, g) in zip(names, pages, strict=True)
    ]
    if len(rows) > 1:
        all_ = report.grains[0]
        same = sum(image.same_filled for image in report.images)
        rows.append(
            (
                "all",
                "",
                size(report.bytes),
                percent(all_.zero, all_.chunks),
                percent(same, all_.chunks),
                percent(all_.within, all_.chunks),
                percent(all_.across, all_.chunks),
                percent(all_.kept, all_.chunks),
            )
        )
    console.table(
        "Pages of 4 KiB",
        ("image", "kind", "size", "zero", "one word", "within", "across", "distinct"),
        rows,
        texts=2,
        total=len(rows) > 1,
        caption="within: further copies of a page of the same image; across: of an earlier image. "
        "one word: one 64-bit word repeated, counted in the columns to its right as well.",
    )


def _groups(report: SharingReport, console: Console) -> None:
    if len(report.groups) < 2:
        return
    data = report.to_dict()["groups"]
    rows = [
        (
            name or "(no group)",
            len(report.groups[name]),
            size(sum(i.bytes for i in report.groups[name])),
            size(grains[0]["saved"]),
            size(grains[0]["across"] * grains[0]["bytes"]),
        )
        for name, grains in data.items()
    ]
    console.table(
        "Salt groups", ("group", "images", "size", "sharing saves", "of that across images"), rows
    )


def _grains(report: SharingReport, console: Console) -> None:
    base = report.grains[0].saved
    rows = [
        (size(g.bytes), g.chunks, g.zero, g.within, g.across, size(g.saved), percent(g.saved, base))
        for g in report.grains
    ]
    console.table(
        "Sharing by page size",
        ("page size", "pages", "zero", "within", "across", "saves", "of 4 KiB"),
        rows,
        caption="a large page is shared only when all of it is equal",
    )


def _compressibility(report: SharingReport, console: Console) -> None:
    if not report.compressibility:
        return
    tried = report.compressibility[0].pages
    saved = report.techniques()
    console.table(
        f"Compression, judged by {tried:,} of {report.distinct_pages:,} distinct non-zero pages",
        ("codec", "<= 1 KiB", "<= 2 KiB", "ratio", "alone saves", "after sharing", "both"),
        [
            (
                one.codec,
                percent(one.quarter, 1),
                percent(one.quarter + one.half, 1),
                f"{one.ratio:.2f}",
                size(saved[f"compression ({one.codec})"]),
                size(saved[f"sharing, then compression ({one.codec})"] - saved["sharing"]),
                size(saved[f"sharing, then compression ({one.codec})"]),
            )
            for one in report.compressibility
        ],
        caption="saves: in ESX slots, a quarter page up to 1024 bytes, half a page up to 2048.",
    )


def _techniques(report: SharingReport, console: Console) -> None:
    saved = report.techniques()
    rows = [
        ("zero pages alone", saved["zero pages"]),
        ("sharing alone, zero pages too", saved["sharing"]),
    ]
    if report.compressibility:
        best = max(report.compressibility, key=lambda one: one.saved).codec
        rows += [
            (f"compression alone ({best})", saved[f"compression ({best})"]),
            ("sharing, then compression", saved[f"sharing, then compression ({best})"]),
        ]
    console.table(
        f"What could be given back, of {size(report.bytes)}",
        ("technique", "memory", "share"),
        [(name, size(value), percent(value, report.bytes)) for name, value in rows],
    )


def _subpage(found: subpage.SubPage, console: Console) -> None:
    whole = found.pages * PAGE_BYTES
    rows = [
        ("sharing", found.sharing),
        ("sharing, then compression", found.compressed),
        ("sharing, then patches", found.patched),
        ("sharing, then the smaller of both", found.both),
    ]
    console.table(
        f"Sub-page sharing, of {size(whole)} looked at",
        ("technique", "memory", "share"),
        [(name, size(saved), percent(saved, whole)) for name, saved in rows],
        caption=f"{found.similar:,} pages nearly equal another; each could be a patch of half "
        "a page or less (Difference Engine, OSDI 2008); sizes to the byte. A potential: the engine "
        "keeps no patches.",
    )


def short_names(paths: list[str]) -> list[str]:
    """File names where they tell the images apart, else the paths."""
    names = [os.path.basename(path.rstrip("/")) or path for path in paths]
    return names if len(set(names)) == len(names) else paths
