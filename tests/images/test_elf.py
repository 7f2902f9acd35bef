"""An ELF file holds memory at any offset, in two sizes and two byte orders; a page in the wrong
place would go unnoticed. Files written here, byte by byte as the format has it, are read back and
compared with a plain model."""

import struct

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from pageengine import images
from pageengine.errors import ImageError

PAGE = 4096


def elf(loads, bits=64, order="<", notes=b"", kind=4, extended=False, gap=0, flip=False):
    """An ELF file with PT_LOADs (vaddr, paddr, data, memsz); ``gap`` bytes stand before each
    segment's data."""
    program, header = ("IIQQQQQQ", "HHIQQQIHHHHHH") if bits == 64 else ("IIIIIIII", "HHIIIIIHHHHHH")
    section = "IIQQQQIIQQ" if bits == 64 else "IIIIIIIIII"
    head, entry = (64, 56) if bits == 64 else (52, 32)
    count = len(loads) + bool(notes)
    sections_at = head + count * entry
    offset = sections_at + (struct.calcsize("=" + section) if extended else 0)
    out = b"\x7fELF" + bytes([bits // 32, 1 if order == "<" else 2, 1]) + bytes(9)
    out += struct.pack(
        order + header,
        kind,
        62,
        1,
        0,
        head,
        sections_at if extended else 0,
        0,
        head,
        entry,
        0xFFFF if extended else count,
        64 if bits == 64 else 40,
        int(extended),
        0,
    )
    table, body = b"", b""

    def row(type_, at, vaddr, paddr, filesz, memsz):
        if bits == 64:
            return struct.pack(order + program, type_, 6, at, vaddr, paddr, filesz, memsz, 1)
        return struct.pack(order + program, type_, at, vaddr, paddr, filesz, memsz, 6, 1)

    if notes:
        table += row(4, offset, 0, 0, len(notes), 0)
        body += notes
    places = []
    for vaddr, paddr, data, memsz in reversed(loads) if flip else loads:
        body += b"\xee" * gap
        places.append(row(1, offset + len(body), vaddr, paddr, len(data), memsz))
        body += data
    table += b"".join(reversed(places) if flip else places)
    if extended:
        table += struct.pack(order + section, 0, 0, 0, 0, 0, 0, 0, count, 0, 0)
    return out + table + body


def note(name, kind, content=b"", order="<"):
    name += b"\0"
    head = struct.pack(order + "III", len(name), len(content), kind)
    return head + name + bytes(-len(name) % 4) + content + bytes(-len(content) % 4)


def gather(path, batch=7, **options):
    with images.open(path, batch=batch, **options) as image:
        found = {}
        for ppns, pages in image:
            assert 0 < len(ppns) == len(pages) <= batch and (np.diff(ppns) > 0).all()
            found.update((int(ppn), page.tobytes()) for ppn, page in zip(ppns, pages, strict=True))
        assert sorted(found) == list(found) and len(found) == image.data_pages
        return image, found


def random_bytes(n, seed=0):
    return np.random.default_rng(seed).bytes(n)


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("order", ["<", ">"])
def test_a_qemu_dump_has_its_pages_at_their_physical_addresses(tmp_path, bits, order):
    low, high = random_bytes(3 * PAGE, 1), random_bytes(2 * PAGE, 2)
    path = tmp_path / "guest.elf"
    loads = [(0, 0, low, len(low)), (0, 0x40000, high, len(high))]
    path.write_bytes(
        elf(loads, bits, order, note(b"CORE", 1, b"x" * 5, order) + note(b"QEMU", 0, b"abc", order))
    )
    image, found = gather(path)
    assert image.kind == "elf" and image.physical and image.pages == 0x42
    assert [tuple(s) for s in image.segments] == [(0, 0, 3), (0x40, 0x40000, 2)]
    assert (
        b"".join(found[i] for i in (0, 1, 2)) == low
        and b"".join(found[i] for i in (0x40, 0x41)) == high
    )
    assert path.stat().st_size % PAGE, "the data of this test should lie unaligned in the file"


def test_packed_leaves_the_gaps_between_physical_ranges_out(tmp_path):
    path = tmp_path / "guest.elf"
    a, b = random_bytes(PAGE, 1), random_bytes(PAGE, 2)
    path.write_bytes(elf([(0, 0x1000, a, PAGE), (0, 0xFFFFF000, b, PAGE)]))
    assert gather(path)[0].pages == 1 << 20
    image, found = gather(path, packed=True)
    assert image.pages == 2 and found == {0: a, 1: b}
    assert [tuple(s) for s in image.segments] == [(0, 0x1000, 1), (1, 0xFFFFF000, 1)]


def test_a_dump_with_paging_names_a_page_twice_and_it_is_read_once(tmp_path):
    path, data = tmp_path / "paging.elf", random_bytes(2 * PAGE)
    path.write_bytes(
        elf([(0xC0000000, 0x1000, data, 2 * PAGE), (0x1000, 0x2000, data[PAGE:], PAGE)])
    )
    assert gather(path)[1] == {1: data[:PAGE], 2: data[PAGE:]}


@pytest.mark.parametrize("marker", [(b"CORE", 3), (b"CORE", 6), (b"CORE", 0x46494C45), None])
def test_the_pages_of_a_process_follow_in_order_of_address(tmp_path, marker):
    path = tmp_path / "core"
    a, b, top = random_bytes(PAGE, 1), random_bytes(2 * PAGE, 2), 0xFFFFFFFFFF600000
    paddr = 0x5000 if marker else 0  # some writers copy the virtual address
    loads = [(top, paddr, a, PAGE), (0x400000, paddr, b, 2 * PAGE)]
    path.write_bytes(elf(loads, notes=note(*marker) if marker else b""))
    image, found = gather(path)
    assert not image.physical and found == {0: b[:PAGE], 1: b[PAGE:], 2: a}
    assert [tuple(s) for s in image.segments] == [(0, 0x400000, 2), (2, top, 1)]


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("physical", [False, True])
def test_what_the_file_does_not_store_is_not_known(tmp_path, bits, order, physical):
    path, data = tmp_path / "core", random_bytes(PAGE + 100)
    loads = [(0x1000, data, 4 * PAGE), (0x9000, b"", 3 * PAGE)]
    path.write_bytes(
        elf(
            [(at, at if physical else 0, content, size) for at, content, size in loads],
            bits,
            order,
            note(b"QEMU" if physical else b"CORE", 3, b"", order),
        )
    )
    image, found = gather(path, packed=True)
    assert image.pages == 2 and found == {0: data[:PAGE], 1: data[PAGE:].ljust(PAGE, b"\0")}
    assert image.kinds == (2, 0, 5, 5 if physical else 0)
    assert image.unknown == [(0x3000, 2), (0x9000, 3)] and image.known == [(0, 2)]
    assert image.gaps == ([(0, 1), (0x5000, 4)] if physical else [])
    image, found = gather(path)
    assert image.kinds == (2, 0, 5, 5 if physical else 0)
    assert image.pages == (12 if physical else 2) and image.known[0][0] == (1 if physical else 0)


def test_a_core_that_stores_nothing_and_one_of_xen_are_named(tmp_path):
    path = tmp_path / "core"
    path.write_bytes(elf([(0x1000, 0, b"", 4 * PAGE)]))
    with pytest.raises(ImageError, match="stores none of its 4 pages"):
        images.open(path)
    content = bytearray(elf([]))
    content[60:62] = b"\7\0"
    path.write_bytes(content)
    with pytest.raises(ImageError, match="in sections, as Xen"):
        images.open(path)


def test_what_has_no_physical_address_is_left_out(tmp_path):
    path, data = tmp_path / "kcore", random_bytes(PAGE)
    loads = [(1 << 46, 2**64 - 1, data, PAGE), (1 << 47, 3 << 40, data, PAGE)]
    path.write_bytes(elf(loads, notes=note(b"VMCOREINFO", 0)))
    image, found = gather(path)
    assert found == {3 << 28: data} and image.kinds == (1, 0, 0, 3 << 28)


@pytest.mark.slow
def test_more_segments_than_the_header_can_count(tmp_path):
    path, n = tmp_path / "core", 66000
    loads = [(i * 0x2000, 0, i.to_bytes(4, "little"), 8) for i in range(1, n + 1)]
    path.write_bytes(elf(loads, extended=True))
    image, found = gather(path, batch=1024)
    assert image.pages == n and found[65999] == (66000).to_bytes(4, "little").ljust(PAGE, b"\0")


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_random_segments_read_as_a_plain_model_says(tmp_path_factory, data):
    bits, order = data.draw(st.sampled_from([32, 64])), data.draw(st.sampled_from("<>"))
    physical, flip = data.draw(st.booleans()), data.draw(st.booleans())
    at, loads, memory, spans = 0, [], bytearray(40 * PAGE), set()
    known = set()
    for index in range(data.draw(st.integers(1, 6))):
        at += data.draw(st.integers(0, 5000))
        stored = data.draw(st.integers(0 if index else 1, 9000))
        more = data.draw(st.integers(1, 15000))
        if at + stored + more > len(memory):
            break
        content = random_bytes(stored, index)
        memory[at : at + stored] = content
        loads.append((at, at if physical else 0, content, stored + more))
        spans.update(range(at // PAGE, -(-(at + stored + more) // PAGE)))
        known.update(range(at // PAGE, -(-(at + stored) // PAGE)) if stored else ())
        at += stored + more
    marker = note(b"QEMU", 0, b"", order) if physical else note(b"CORE", 3, b"", order)
    path = tmp_path_factory.mktemp("elf") / "image"
    path.write_bytes(elf(loads, bits, order, marker, gap=data.draw(st.integers(0, 99)), flip=flip))
    image, found = gather(path, batch=data.draw(st.integers(1, 9)))
    numbers = {page: page if physical else i for i, page in enumerate(sorted(known))}
    assert image.pages == (max(spans) + 1 if physical else len(known))
    for page, ppn in numbers.items():
        assert found.get(ppn, bytes(PAGE)) == bytes(memory[page * PAGE : (page + 1) * PAGE])
    assert found.keys() <= set(numbers.values())
    gap = max(spans) + 1 - len(spans) if physical else 0
    assert image.kinds == (len(found), len(known) - len(found), len(spans) - len(known), gap)
    assert {p for first, end in image.known for p in range(first, end)} == set(numbers.values())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda e: e[:10], "truncated: an ELF header expected at byte 0"),
        (lambda e: e[:40], "truncated: an ELF header"),
        (lambda e: e[:80], "table of 1 program headers expected at byte 64"),
        (lambda e: e[:-1], "segment at address 0x1000 .* instead of"),
        (lambda e: e[:4] + b"\x07" + e[5:], "class 7 at byte 4"),
        (lambda e: e[:16] + b"\x02" + e[17:], "a program, not a core file"),
        (lambda e: e[:16] + b"\x09" + e[17:], "of type 9, not a core file"),
        (lambda e: e[:54] + b"\x07" + e[55:], "program headers of 7 bytes, expected 56"),
        (lambda e: e[:56] + b"\0\0" + e[58:], "without memory"),
        (lambda e: e[:56] + b"\xff\xff" + e[58:], "but no section header"),
        (lambda e: e[:80] + b"\xff" * 8 + e[88:], "ends beyond"),
    ],
)
def test_damage_is_named(tmp_path, change, words):
    path = tmp_path / "bad.elf"
    path.write_bytes(change(elf([(0x1000, 0, random_bytes(PAGE), PAGE)])))
    with pytest.raises(ImageError, match=words) as caught:
        images.open(path)
    assert "bad.elf" in str(caught.value)
