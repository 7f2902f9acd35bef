"""What a fleet recorded: of each round a row of every host and of every VM, the VMs that moved,
figures of the whole run; saved as Parquet and JSON as the results of one host are.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pageengine.lab import results
from pageengine.lab.results import ResultError
from pageengine.plumbing import writing

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pageengine.lab.fleet.rounds import Look

    Columns = Mapping[str, NDArray[Any]]
#: Columns of each table; those that are text first.
HOSTS = (
    "host",
    "time",
    "memory",
    "vms",
    "size",
    "active",
    "free",
    "free_least",
    "state",
    "swapped",
    "compressed",
    "ballooned",
    "saving",
    "stall",
    "worst_stall",
    "came",
    "left",
)
SEEN = ("size", "active", "consumed", "held", "stall", "written")  # of each VM in a look
VMS = ("vm", "host", "time", *SEEN)
MOVES = (
    "vm",
    "source",
    "target",
    "time",
    "bytes",
    "seconds",
    "downtime",
    "rounds",
    "waits",
)
_TEXTS = {"host", "vm", "source", "target"}
_FRACTIONS = {"time", "stall", "worst_stall", "written", "seconds", "downtime", "waits"}
_TABLES = ("hosts", "vms", "moves")
KIND = "fleet"  # what ``meta`` of a saved one says of it


@dataclass
class FleetResult:
    """hosts: name -> array, an entry per round and host. vms: the same, per round and VM that
    ran at its end. moves: an entry per VM that moved. Amounts in bytes, times in seconds (of a
    round: its end), stall as a part of the round. waiting: VMs that no host could take, by round.
    summary, events, meta: as of ``Result``. timelines: of each host, where they were kept.
    """

    hosts: Columns
    vms: Columns
    moves: Columns
    waiting: Columns
    summary: dict[str, Any] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    meta: dict[str, Any] = field(default_factory=dict)
    timelines: dict[str, results.Result] = field(default_factory=dict, repr=False)

    @property
    def names(self) -> list[str]:
        """The hosts, in order."""
        return list(dict.fromkeys(np.asarray(self.hosts["host"], dtype=str).tolist()))

    @property
    def partial(self) -> bool:
        """Whether the run ended before its time."""
        return bool(self.meta.get("partial"))

    @property
    def why(self) -> str:
        """Why it ended before its time; empty where it did not."""
        return str(self.meta.get("partial") or "")

    def grid(self, column: str) -> tuple[NDArray[Any], NDArray[Any]]:
        """(times [rounds], a column of the hosts [hosts, rounds])."""
        times = np.unique(self.hosts["time"])
        return times, np.asarray(self.hosts[column]).reshape(len(times), -1).T

    def stalls(self) -> dict[str, float]:
        """Mean part of its time that each VM waited for memory."""
        names, which = np.unique(np.asarray(self.vms["vm"], dtype=str), return_inverse=True)
        sums = np.bincount(which, self.vms["stall"]) / np.maximum(1, np.bincount(which))
        return dict(zip(names.tolist(), sums.tolist(), strict=True))

    def digest(self) -> str:
        """SHA-256 over all of it: equal results have equal digests."""
        total = hashlib.sha256()
        for table in (self.hosts, self.vms, self.moves, self.waiting):
            results.add_to_digest(total, table)
        total.update(results.dump(self._record()).encode())
        return total.hexdigest()

    def _record(self) -> dict[str, Any]:
        return {
            "version": results.VERSION,
            "summary": self.summary,
            "events": self.events,
            "meta": self.meta,
        }

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Writes hosts.parquet, vms.parquet, moves.parquet and summary.json into the folder, which
        is made where it is missing. All of them are new afterwards, or none.
        """
        pyarrow, parquet = results.arrow()
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        with writing.together() as files:
            for name in _TABLES:
                file = files.open(folder / f"{name}.parquet")
                table = results.to_arrow(pyarrow, getattr(self, name))
                parquet.write_table(table, file, compression="zstd")
            waiting = {key: np.asarray(column).tolist() for key, column in self.waiting.items()}
            record = self._record() | {"waiting": waiting, "digest": self.digest()}
            files.open(folder / "summary.json").write((results.dump(record) + "\n").encode())
        return folder

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> FleetResult:
        """Reads a folder that was saved. ResultError names the file that is no good."""
        folder = Path(folder)
        record = results.summary_in(folder / "summary.json")
        if record["meta"].get("kind") != KIND:
            raise ResultError(f"{folder} holds a result of one host, not of a fleet")
        tables = [results.table_in(folder / f"{name}.parquet") for name in _TABLES]
        waiting = {key: np.asarray(column) for key, column in record["waiting"].items()}
        hosts, vms, moves = tables
        told = record["summary"], record["events"], record["meta"]
        found = cls(hosts, vms, moves, waiting, *told)
        if found.digest() != record.get("digest"):
            raise ResultError(
                f"the tables in {folder} are not what was saved with summary.json: one was "
                "changed, or saving was cut short between two files"
            )
        return found

    def __repr__(self) -> str:
        times = np.unique(self.hosts["time"])
        end = f"{float(times[-1]):g} s" if len(times) else "no time"
        part = ", partial" if self.partial else ""
        return (
            f"<FleetResult of {len(self.names)} hosts over {end}, "
            f"policy {self.meta.get('policy', '?')}{part}>"
        )


class Rows:
    """The tables while they grow."""

    def __init__(self) -> None:
        self._tables: dict[str, dict[str, list[Any]]] = {
            "hosts": {key: [] for key in HOSTS},
            "vms": {key: [] for key in VMS},
            "moves": {key: [] for key in MOVES},
            "waiting": {"time": [], "vms": []},
        }
        self.events: list[dict[str, Any]] = []

    def _add(self, table: str, values: tuple[Any, ...]) -> None:
        for column, value in zip(self._tables[table].values(), values, strict=True):
            column.append(value)

    def saw(self, host: str, look: Look, came: int, left: int) -> None:
        """A round of a host is over."""
        stall = look.stall
        mean, worst = (float(stall.mean()), float(stall.max())) if len(stall) else (0.0, 0.0)
        self._add(
            "hosts",
            (
                host,
                look.time,
                look.memory,
                len(look.vms),
                int(look.size.sum()),
                int(look.active.sum()),
                look.free,
                look.free_least,
                look.state,
                look.swapped,
                look.compressed,
                look.ballooned,
                look.saving,
                mean,
                worst,
                came,
                left,
            ),
        )
        rows = self._tables["vms"]
        for key in SEEN:
            rows[key].extend(getattr(look, key).tolist())
        rows["vm"].extend(look.vms)
        rows["host"].extend([host] * len(look.vms))
        rows["time"].extend([look.time] * len(look.vms))
        self.events += [{**event, "host": host} for event in look.events]

    def moved(self, *values: Any) -> None:
        """A VM moved: MOVES."""
        self._add("moves", values)

    @property
    def moves(self) -> int:
        """How many VMs have moved."""
        return len(self._tables["moves"]["vm"])

    def waited(self, time: float, vms: int) -> None:
        """So many VMs had no host in the round that ended then."""
        self._add("waiting", (time, vms))

    def state(self) -> dict[str, Any]:
        """The tables as arrays, texts as a list of those that there are and whole numbers into it;
        and the events.
        """
        told: dict[str, Any] = {"events": self.events}
        for name, table in self.tables().items():
            told[name] = {key: _indexed(column) for key, column in table.items()}
        return told

    def restore(self, state: Mapping[str, Any]) -> None:
        """Goes on with what ``state`` said. ValueError: columns that are of different lengths."""
        tables = {}
        for name, table in self._tables.items():
            told = state[name]
            tables[name] = {key: _spelt(told[key]) for key in table}
            if len({len(values) for values in tables[name].values()}) > 1:
                raise ValueError(f"columns of {name} are of different lengths")
        self._tables, self.events = tables, list(state["events"])

    def tables(self) -> dict[str, dict[str, NDArray[Any]]]:
        """hosts, vms, moves and waiting as columns."""
        return {
            name: {key: np.array(values, _kind(key)) for key, values in table.items()}
            for name, table in self._tables.items()
        }


def _indexed(column: NDArray[Any]) -> Any:
    if column.dtype.kind != "U":
        return column
    texts, which = np.unique(column, return_inverse=True)
    return texts.tolist(), which.astype(np.int64)


def _spelt(told: Any) -> list[Any]:
    if isinstance(told, np.ndarray):
        return list(told.tolist())
    texts, which = told
    return [texts[i] for i in which.tolist()]


def _kind(column: str) -> Any:
    return str if column in _TEXTS else np.float64 if column in _FRACTIONS else np.int64


def summary_of(tables: Mapping[str, Columns]) -> dict[str, Any]:
    """Figures of a whole run; nothing where no round was run. stall: mean of all VMs and rounds;
    hosts_used: the most that had VMs at one time; full: part of their time that working sets were
    more than a host's memory.
    """
    hosts, vms, moves = tables["hosts"], tables["vms"], tables["moves"]
    if not len(hosts["time"]):
        return {}
    there = hosts["vms"] > 0
    full = hosts["active"][there] > hosts["memory"][there]
    return {
        "stall": float(np.mean(vms["stall"])) if len(vms["stall"]) else 0.0,
        "worst_stall": float(np.max(vms["stall"])) if len(vms["stall"]) else 0.0,
        "hosts_used": int(max(np.bincount(_round(hosts), there))),
        "full": float(np.mean(full)) if len(full) else 0.0,
        "free_least": int(np.min(hosts["free_least"])),
        "swapped_most": int(max(np.bincount(_round(hosts), hosts["swapped"]))),
        "moved": len(moves["vm"]),
        "bytes_moved": int(np.sum(moves["bytes"])),
        "waiting_most": int(np.max(tables["waiting"]["vms"])),
    }


def _round(hosts: Columns) -> NDArray[np.intp]:
    return np.unique(hosts["time"], return_inverse=True)[1]
