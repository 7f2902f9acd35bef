"""pageengine record: the timeline of real guests, as the lab has those of simulated ones."""

import argparse
import datetime
from contextlib import ExitStack
from typing import Any

from pageengine.cli import guests, looking, outcome, places
from pageengine.cli.console import Console, Usage
from pageengine.cli.stopping import Stop
from pageengine.lab import parts
from pageengine.lab.results import can_save
from pageengine.live.metrics import Metrics, address_of
from pageengine.live.moment import FRACTIONS
from pageengine.live.recording import Recording
from pageengine.live.settings import GuestSettings
from pageengine.live.watch import Seen

HELP = "the timeline of real guests, as the lab has those of simulated ones"
DESCRIPTION = """\
Looks at this host and its guests again and again, and keeps what it sees in the folder of -o as
Parquet, with the columns that simulations have: pageengine top, pictures and pages of results, and
pandas read it. Nothing of the guests is changed. What is not known is null. The folder is whole at
any moment: parts are added to it, each of them all or nothing. Ctrl-C or SIGTERM ends it; without
--for, that is its end, and the exit status is 0.

--metrics serves the same to Prometheus, on this host only unless an address is named."""
EPILOG = """\
examples:
  pageengine record --qemu web=/run/vms/web.qmp -o recorded
  pageengine record --libvirt web --libvirt db --every 10s --for 24h -o day
  pageengine record --process me=$$ --every 1s --for 10s -o ten
  pageengine record --qemu web=/run/vms/web.qmp --metrics 9177
  pageengine top recorded
"""

_EVERY, _PART = 5.0, 300.0  # seconds


def add_arguments(parser: argparse.ArgumentParser) -> None:
    guests.add_arguments(parser)
    parser.add_argument("-o", "--output", metavar="DIR", help="where the recording goes")
    looking.add_every(parser, _EVERY)
    parser.add_argument(
        "--for",
        type=looking.duration,
        dest="seconds",
        metavar="TIME",
        help="end after so long (default: never)",
    )
    parser.add_argument(
        "--part",
        type=looking.duration,
        default=_PART,
        metavar="TIME",
        help="write after so long each; what a SIGKILL can lose (default: 5min)",
    )
    parser.add_argument(
        "--metrics",
        metavar="[ADDRESS:]PORT",
        help="serve numbers to Prometheus there (address: 127.0.0.1)",
    )


def run(arguments: argparse.Namespace, console: Console) -> int:
    settings = guests.settings_of(arguments)
    if arguments.output is None and arguments.metrics is None:
        raise Usage("name -o DIR for the recording, or --metrics PORT, or both")
    if arguments.metrics is not None:
        address_of(arguments.metrics)
    if arguments.output is not None:
        if not can_save():
            raise Usage('-o needs the package pyarrow: pip install "pageengine[live]"')
        parts.refuse_result(places.folder(arguments.output))
    with ExitStack() as stack:
        metrics, served = None, None
        if arguments.metrics is not None:
            metrics = Metrics()
            host, port = stack.enter_context(metrics.served(arguments.metrics))
            served = f"http://{f'[{host}]' if ':' in host else host}:{port}/metrics"
            console.say(f"Metrics: {served}")
        stop = stack.enter_context(Stop())
        kept = _Kept(arguments, console, settings)
        show = stack.enter_context(console.progress())
        most = arguments.seconds

        def hear(seen: Seen) -> bool:
            if metrics is not None:
                metrics.update(seen)
            time = kept.hear(seen)
            said = f"{kept.recording.looks} looks at {_count(len(settings), 'guest')}"
            show("record", said, int(time), int(most or 0))
            return most is None or time < most - arguments.every / 2

        try:
            looking.follow(settings, arguments.every, hear, lambda: not stop())
        finally:
            why = stop.why if most is not None else ""
            kept.end(why)
    data = {
        "folder": arguments.output,
        "guests": [each.name for each in settings],
        "looks": kept.recording.looks,
        "parts": kept.recording.parts,
        "seconds": kept.seconds,
        "metrics": served,
        "partial": why or None,
    }
    console.result(data)
    _tell(console, data)
    return stop.status if why else 0


class _Kept:
    """The recording, and where it is kept, if anywhere."""

    def __init__(
        self, arguments: argparse.Namespace, console: Console, settings: list[GuestSettings]
    ):
        self._arguments, self._settings = arguments, settings
        self._parts: parts.Parts | None = None
        self.seconds = 0.0
        self.recording = Recording(settings, self._write, arguments.part)

    def hear(self, seen: Seen) -> float:
        """Keeps what was seen; seconds since the first look."""
        if self._arguments.output is not None and self._parts is None:
            meta = self._meta(seen.host.memory)
            self._parts = parts.Parts(self._arguments.output, meta, FRACTIONS)
        self.seconds = self.recording.hear(seen).time
        return self.seconds

    def end(self, why: str) -> None:
        """Writes what is left. why: it ended before its time; empty where it did not."""
        self.recording.flush()
        if self._parts is not None:
            self._parts.end(why)

    def _write(self, host: Any, vms: Any) -> None:
        if self._parts is not None:
            self._parts.add(host, vms)

    def _meta(self, memory: int | None) -> dict[str, Any]:
        meta: dict[str, Any] = {
            "kind": "recording",
            "name": "recording",
            "policy": "none",
            "began": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "every": self._arguments.every,
            "guests": {each.name: {"kind": each.kind, "at": each.at} for each in self._settings},
        }
        return meta if memory is None else {**meta, "memory": memory}


def _tell(console: Console, data: dict[str, Any]) -> None:
    if data["partial"]:
        console.say(f"Partial: {data['partial']}.", style="bold red")
    said = f"{_count(data['looks'], 'look')} at {_count(len(data['guests']), 'guest')}"
    over = f" over {outcome.span(data['seconds'])}"
    where = f" in {data['folder']}, {_count(data['parts'], 'part')}" if data["folder"] else ""
    console.say(f"{said}{over}{where}.")


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
