"""An operator reads the board in a hurry: each number under its own name, nothing made up, names
that do nothing to the terminal, and a screen that does not break however many guests there are.
"""

import made_seen
import pytest
from made_seen import MIB

from pageengine.live import board as boards
from pageengine.live.board import COLUMNS, board_of, lines_of, plain
from pageengine.live.moment import Moment, moment_of


def moment(count=2, **options):
    names = [f"g{i}" for i in range(count)]
    settings = made_seen.settings(*names)
    first = moment_of(made_seen.seen(names), settings, 100.0)
    return moment_of(made_seen.seen(names, 102.0, **options), settings, 100.0, first)


def cells(made, row=0):
    return dict(zip(COLUMNS, board_of(made).rows[row], strict=True))


def test_what_lies_compressed_in_memory_is_on_the_board_if_it_can_be_told():
    assert "ZIP    /MB: 96 zipped, 32 in cache" in board_of(moment()).head
    names = ["g0"]
    nothing = made_seen.seen(names).__replace__(host=made_seen.host(compressed=None, cache=None))
    made = moment_of(nothing, made_seen.settings(*names), 100.0)
    assert "ZIP    /MB: - zipped, - in cache" in board_of(made).head


def test_every_number_stands_under_its_name():
    assert cells(moment(), 1) == {
        "NAME": "g1",
        "MEMSZ": "1,024",
        "GRANT": "800",
        "CNSM": "700",
        "%ACTV": "25.0",
        "SHRD": "200",
        "MCTLSZ": "1",
        "MCTLTGT": "-",
        "SWCUR": "10",
        "SWR/s": "0.50",
        "GAVAIL": "130",
        "%STALL": "0.5",
        "AGE": "2 s",
        "STATUS": "",
    }


def test_the_host_is_told_in_lines():
    head = "\n".join(board_of(moment()).head)
    for said in (
        "00:00:02  2 guests, MEM overcommit 0.25",
        "PMEM   /MB: 8,192 total, 512 free, 3,000 available",
        "PSHARE /MB: 400 shared, - common, 214 saving, KSM looks at 2,000 pages/s",
        "SWAP   /MB: 20 curr, 1,536 free of 2,048, 4.00 r/s, 1.00 w/s",
        "MEMCTL /MB: 1 curr, - target",
        "some 2.0, full 0.1, guests 0.5",
    ):
        assert said in head
    assert "state" not in head


def test_what_is_not_known_is_a_dash_and_zero_is_zero():
    made = moment(unknown={"g0": "no answer within 1 s"}, swapped=0)
    mute = cells(made, 0)
    assert mute.pop("NAME") == "g0" and mute.pop("STATUS") == "mute: no answer within 1 s"
    assert set(mute.values()) == {"-"}
    assert cells(made, 1)["SWCUR"] == "0" and cells(made, 1)["SWR/s"] == "0.50"
    assert "MEM overcommit -" in board_of(made).head[0]
    nothing = "".join(board_of(Moment(0.0, None, {}, ())).head[1:])
    assert nothing.count("-") == 18 and not any(each.isdigit() for each in nothing)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"busy": "migrate"}, "migrate"),
        ({"driver": "none"}, "none"),
        ({"driver": "stale"}, "stale"),
        ({}, ""),
    ],
)
def test_status_says_what_is_out_of_the_ordinary(changes, says):
    assert cells(moment(**changes))["STATUS"] == says


def test_a_simulated_state_is_named_and_a_blocked_guest_too():
    made = Moment(5.0, 1.0, {"state": 3.0, "memory": 4.0 * MIB}, ({"vm": "a", "blocked": 1.0},))
    assert board_of(made).head[0].endswith("state hard") and cells(made)["STATUS"] == "blocked"
    assert plain(made)["state"] == "hard"


def test_a_name_is_no_instruction_to_the_terminal():
    made = Moment(0.0, None, {}, ({"vm": "\x1b[31mx" * 9, "status": "mute", "why": "\x07"},))
    text = "\n".join(lines_of(board_of(made)))
    assert "\x1b" not in text and "\x07" not in text and "\\x1b[31m" in text


def test_lines_fit_the_screen_and_scroll():
    board = board_of(moment(100))
    for height, width in ((24, 80), (12, 40), (300, 200)):
        lines = lines_of(board, width, height)
        assert len(lines) <= height and max(map(len, lines)) <= width
    assert len(lines_of(board)) == len(board.head) + 2 + 100
    lines = lines_of(board, 80, 24, first=30)
    assert lines[-1].startswith("guests 31 to") and any(line.startswith("g30 ") for line in lines)
    assert lines_of(board, 80, 24, first=10**6)[-1].endswith("to 100 of 100")


def test_json_has_every_key_and_null_for_what_is_not_known():
    made = plain(moment(unknown={"g0": "why"}))
    assert tuple(made["host"]) == tuple(boards.HOST_KEYS)
    assert all(tuple(guest) == tuple(boards.GUEST_KEYS) for guest in made["guests"])
    assert made["guests"][0]["size"] is None and made["guests"][1]["size"] == 1024 * MIB


def test_a_board_of_more_guests_takes_work_in_proportion(monkeypatch):
    """So that a hundred are refreshed in a moment (bench/bench_live.py has the time)."""
    calls = {"rows": 0}
    before = boards._row

    def counted(*arguments):
        calls["rows"] += 1
        return before(*arguments)

    monkeypatch.setattr(boards, "_row", counted)
    lines_of(board_of(moment(100)), 120, 40)
    assert calls["rows"] == 100
