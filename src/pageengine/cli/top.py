"""pageengine top: the host and its guests, as esxtop shows them."""

import argparse
import functools
import sys
import time

from pageengine.cli import guests, keys, looking
from pageengine.cli.console import Console, Screen, Usage
from pageengine.cli.looking import follow, look_twice
from pageengine.cli.stopping import Stop
from pageengine.lab.results import Result
from pageengine.live.board import board_of, lines_of, plain
from pageengine.live.moment import Moment, moment_of
from pageengine.live.played import KEYS, Played, Player
from pageengine.live.settings import GuestSettings
from pageengine.live.watch import Seen

HELP = "real guests and their host, as esxtop shows them; or a recorded run"
DESCRIPTION = """\
Shows the memory of this host and of each guest that is named, refreshed in place; where output is
no terminal, one board after the other. Nothing is changed. With RESULT, a folder that pageengine
record or run wrote, it shows that: step through time with the arrow keys, play it with the space
bar. What is not known is shown as "-". docs/live.md says what the columns are."""
EPILOG = """\
examples:
  pageengine top --qemu web=/run/vms/web.qmp --qemu db=/run/vms/db.qmp
  pageengine top --libvirt web --every 5s
  pageengine top --process me=$$ --once --json
  pageengine top recorded            what pageengine record -o recorded wrote
  pageengine top out --once --at 90s  a moment of a simulation
"""

_EVERY = 2.0  # seconds
_APART = 1.0  # seconds between the two looks of --once
_FRAME = 0.2  # seconds that a moment is shown while a recording plays


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("result", nargs="?", metavar="RESULT", help="folder of a recorded run")
    guests.add_arguments(parser)
    parser.add_argument("--once", action="store_true", help="one board, and no more")
    looking.add_every(parser, _EVERY)
    parser.add_argument(
        "--at", type=looking.duration, metavar="TIME", help="of RESULT: the moment to begin with"
    )


def run(arguments: argparse.Namespace, console: Console) -> int:
    settings = guests.settings_of(arguments)
    if arguments.result:
        if settings:
            raise Usage("name a RESULT or guests, not both")
        return _play(arguments, console)
    if arguments.at is not None:
        raise Usage("--at is for a RESULT: real guests are shown as they are now")
    if arguments.once or arguments.json:
        first, seen = look_twice(settings, _APART)
        named = {each.name: each for each in settings}
        before = moment_of(first, named, first.host.time)
        _say(console, moment_of(seen, named, first.host.time, before))
        return 0
    with Stop() as stop, console.screen() as screen, keys.pressed() as pressed:
        shown = _Live(settings, screen)
        follow(settings, arguments.every, shown.hear, lambda: shown.idle(pressed()) and not stop())
    return stop.status


class _Live:
    """What is shown of real guests."""

    def __init__(self, settings: list[GuestSettings], screen: Screen):
        self._settings = {each.name: each for each in settings}
        self._screen = screen
        self._began: float | None = None
        self._moment: Moment | None = None
        self._player = Player(1)

    def hear(self, seen: Seen) -> bool:
        """Shows what was seen."""
        if self._began is None:
            self._began = seen.host.time
        self._moment = moment_of(seen, self._settings, self._began, self._moment)
        self._draw()
        return True

    def idle(self, pressed: list[str]) -> bool:
        """Does what keys say; False when it is to end."""
        for key in pressed:
            self._player.press(key)
        if pressed:
            self._draw()
        return not self._player.ended

    def _draw(self) -> None:
        if self._moment is not None:
            _draw(self._screen, self._moment, self._player, "up/down: guests, q: quit")


def _play(arguments: argparse.Namespace, console: Console) -> int:
    result = Result.load(arguments.result)
    played = Played(result.host, result.vms)
    if not len(played):
        raise Usage(f"{arguments.result}: nothing was recorded")
    last = len(played) - 1
    number = last if arguments.at is None else played.number_at(arguments.at)
    if arguments.once or arguments.json or not (console.is_terminal and sys.stdin.isatty()):
        _say(console, played.at(number))
        return 0
    player = Player(len(played), 0 if arguments.at is None else number)
    with Stop() as stop, console.screen() as screen, keys.pressed() as pressed:
        drawn, following = None, time.monotonic()
        while not stop() and not player.ended:
            for key in pressed():
                player.press(key)
            if time.monotonic() >= following:
                following = time.monotonic() + _FRAME
                player.tick()
            now = (player.number, player.first, player.playing)
            if drawn != now:
                drawn = now
                _draw(screen, played.at(player.number), player, KEYS)
            time.sleep(_FRAME / 5)
    return stop.status


def _say(console: Console, moment: Moment) -> None:
    if console.json:
        console.result(plain(moment))
    else:
        console.write("\n".join(lines_of(board_of(moment))) + "\n")


def _draw(screen: Screen, moment: Moment, player: Player, says: str) -> None:
    place = f"moment {player.number + 1} of {player.count}; " if player.count > 1 else ""
    lay = functools.partial(lines_of, board_of(moment), first=player.first)
    screen.show(lay, place + says)
