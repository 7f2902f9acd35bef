"""What the core does in one place and nowhere else, and what it has that nobody uses. Each of these
was spread over several files once; a copy that comes back is found here.
"""

import re

import pytest
import tree

TEXT = {path: tree.without_comments(path.read_text()) for path in [*tree.C_FILES, *tree.HEADERS]}
# what begins at the margin declares a function or defines it
MARGIN = re.compile(r"^(?!typedef)\w[^(\n]*?\b(pe_\w+)\(", re.MULTILINE)
CALLED = set(re.findall(r"\w+", MARGIN.sub("", "\n".join(TEXT.values())) + tree.used_by_wrappers()))
# what is done -> (how it looks, the files that do it)
OWNED = {
    "a host's frames are taken and released by pe_page": (
        r"(?<!\w)pe_frames_(?:take|give_back)\w*\(",
        {"pe_page.h", "pe_page.c", "pe_frames.h", "pe_frames.c", "pe_frames_many.h"}
        | {"pe_frames_many.c", "pe_swap.c"},  # slots
    ),
    "a page is compressed and decoded by pe_content": (
        r"->(?:de)?compress\(",
        {"pe_content.h", "pe_content.c"},
    ),
    "what a slot or a blob holds is asked by pe_content": (
        r"(?<!\w)(?:pe_swap_(?:write|read)(?:_run|_token)?|pe_zcache_payload)\(",
        {"pe_content.h", "pe_content.c", "pe_swap.h", "pe_swap.c", "pe_swap_many.c"}
        | {"pe_swap_state.c"}
        | {"pe_zcache.h", "pe_zcache.c"},
    ),
    "only pe_content knows bytes from tokens": (
        r"config\.tokens\b|\b(?:host|self)->tokens\b|(?<!\w)pe_(?:pool_\w+|hash_token)\(",
        {"pe_content.h", "pe_content.c", "pe_pool.h", "pe_pool.c", "pe_hash.h", "pe_hash.c"}
        | {"pe_content_state.c"},
    ),
}
STATUSES = re.findall(r"\bPE_\w+(?= = -)", (tree.CSRC / "pe_status.h").read_text())


@pytest.mark.parametrize("rule", OWNED)
def test_what_has_one_owner_is_done_by_no_other(rule):
    pattern, owners = OWNED[rule]
    does = {path.name for path, text in TEXT.items() if re.search(pattern, text)}
    assert does - owners == set(), f"{rule}: not by {sorted(does - owners)}"
    assert does, f"{rule}: by nobody, the pattern is out of date"


def test_a_host_s_frames_become_idle_in_one_place():
    rooms = [path for path in TEXT if not path.name.startswith(("pe_frames", "pe_swap"))]
    calls = [path.name for path in rooms for _ in re.findall(r"pe_frames_give_\w+\(", TEXT[path])]
    assert calls == ["pe_page.h"]


def test_a_blob_is_decoded_in_one_place():
    calls = [path.name for path, text in TEXT.items() for _ in re.findall(r"->decompress\(", text)]
    assert calls == ["pe_content.c"]


@pytest.mark.parametrize("header", tree.HEADERS, ids=tree.name)
def test_a_function_of_the_core_is_called_by_the_core_or_a_wrapper(header):
    """Tests do not count: what only they call is code that nobody has."""
    for name in MARGIN.findall(TEXT[header]):
        assert name in CALLED, f"{name} of {header.name} is called by nobody"


@pytest.mark.parametrize("status", STATUSES)
def test_a_status_is_one_that_something_says(status):
    said = [
        path.name
        for path, text in TEXT.items()
        if path.stem != "pe_status" and re.search(rf"(?:return|[=?:]) {status}\b", text)
    ]
    assert said, f"no function says {status}"
