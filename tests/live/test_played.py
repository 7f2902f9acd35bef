"""Whoever looks at last night's trouble steps to its minute: the moment shown must be that of the
time it names, of a simulation as of a recording, and keys do what the last line says.
"""

import made_seen
import made_up
import numpy as np
import pytest

from pageengine.cli.keys import named
from pageengine.live.board import board_of
from pageengine.live.played import KEYS, Played, Player
from pageengine.live.recording import Recording

NAMES = ("web", "db")


def recorded(times, part=60.0, **options):
    """The parts of a recording with a look at each of these times."""
    written = []
    made = Recording(made_seen.settings(*NAMES).values(), lambda *each: written.append(each), part)
    for time in times:
        made.hear(made_seen.seen(NAMES, time, **options))
    return made, written


def test_a_moment_of_a_simulation_is_its_row():
    result = made_up.result(200)
    played = Played(result.host, result.vms)
    assert len(played) == len(result.host["time"])
    for number in (0, 7, len(played) - 1):
        moment = played.at(number)
        assert moment.time == result.host["time"][number]
        assert moment.host["free"] == result.host["free"][number]
        assert [guest["vm"] for guest in moment.guests] == result.names
        own = result.of("db")
        assert moment.guests[2]["consumed"] == own["consumed"][number]
        assert board_of(moment).rows[2][0] == "db"
    assert played.at(7).step == pytest.approx(result.host["time"][7] - result.host["time"][6])


def test_a_moment_of_a_recording_is_what_was_seen():
    made, written = recorded((100.0, 105.0, 110.0), unknown={"db": "no answer"})
    made.flush()
    ((host, vms),) = written
    moment = Played(host, vms).at(2)
    assert (moment.time, moment.step) == (10.0, 5.0)
    assert moment.guests == made.last.guests and dict(moment.host) == dict(made.last.host)


def test_a_time_leads_to_the_last_moment_that_is_not_after_it():
    made, written = recorded((100.0, 105.0, 110.0))
    made.flush()
    played = Played(*written[0])
    assert [played.number_at(time) for time in (-1, 0, 4.9, 5, 9, 99)] == [0, 0, 0, 1, 1, 2]


def test_parts_are_written_when_they_are_long_enough_and_lose_nothing():
    made, written = recorded(range(100, 171, 5), part=20.0)
    assert [len(host["time"]) for host, _ in written] == [5, 5, 5]
    assert made.parts == 3 and made.looks == 15
    made.flush()
    assert len(written) == 3
    np.testing.assert_array_equal(
        np.concatenate([host["time"] for host, _ in written]), np.arange(0, 71, 5)
    )
    for host, vms in written:
        np.testing.assert_array_equal(np.repeat(host["time"], 2), vms["time"])


def test_what_a_part_could_not_write_is_written_with_the_next():
    written, fails = [], [True]

    def write(host, vms):
        if fails.pop() if fails else False:
            raise OSError(28, "No space left on device")
        written.append(host)

    made = Recording(made_seen.settings(*NAMES).values(), write, 4.0)
    made.hear(made_seen.seen(NAMES, 100.0))
    with pytest.raises(OSError):
        made.hear(made_seen.seen(NAMES, 105.0))
    made.flush()
    assert list(written[0]["time"]) == [0.0, 5.0]


@pytest.mark.parametrize(
    ("keys", "number", "first"),
    [
        (["right"], 51, 0),
        (["left", "left"], 48, 0),
        (["]"], 60, 0),
        (["[", "["], 30, 0),
        (["home", "left"], 0, 0),
        (["end", "right"], 99, 0),
        (["down", "down", "up"], 50, 1),
        (["up"], 50, 0),
        (["x"], 50, 0),
    ],
)
def test_keys_move(keys, number, first):
    player = Player(100, 50)
    for key in keys:
        player.press(key)
    assert (player.number, player.first, player.ended) == (number, first, False)


def test_space_plays_to_the_end_and_then_from_the_beginning():
    player = Player(3)
    player.tick()
    assert player.number == 0
    player.press(" ")
    player.tick()
    assert (player.number, player.playing) == (1, True)
    player.tick()
    assert (player.number, player.playing) == (2, False)
    player.press(" ")
    assert (player.number, player.playing) == (0, True)
    player.press("left")
    player.tick()
    assert (player.number, player.playing) == (0, False)
    player.press("q")
    assert player.ended


def test_the_line_of_keys_names_those_there_are():
    for key in ("left/right", "space", "[ and ]", "home/end", "up/down", "q"):
        assert key in KEYS


@pytest.mark.parametrize(
    ("data", "keys"),
    [
        (b"", []),
        (b"q ", ["q", " "]),
        (b"\x1b[C\x1b[D", ["right", "left"]),
        (b"\x1bOA\x1bOB", ["up", "down"]),
        (b"\x1b[H\x1b[4~", ["home", "end"]),
        (b"\x1b[1;5Cq", ["q"]),
        (b"\x1b", []),
        (b"\x1b[", []),
        (b"\x1b[5~]", ["]"]),
        (b"\xff\x01q", ["q"]),
        (b"\x1bq", ["q"]),
    ],
)
def test_what_a_terminal_sends_is_keys(data, keys):
    assert named(data) == keys
