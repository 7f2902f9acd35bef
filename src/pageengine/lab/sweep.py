"""A grid of scenario values and seeds, run on any executor, into one table.

Every run is a cell: values, seed, and what came of it. Finished cells are kept beside the table in
a journal, one line each, so that a sweep that was stopped goes on where it ended; the journal
belongs to the scenario that it names, and goes when the table is whole.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, wait
from pathlib import Path
from typing import Any

import numpy as np

from pageengine.errors import PageEngineError
from pageengine.inline import bars
from pageengine.lab import build
from pageengine.lab.compare import verdict
from pageengine.lab.scenario import Scenario
from pageengine.plumbing import given, reading, writing
from pageengine.policy.states import STATES

_JOURNAL_MOST = 1 << 28  # bytes
CELLS_MOST = 1_000_000
_GLANCE = 0.2  # seconds between two questions whether to stop

POLICY = "policy"  # the key that chooses one, instead of a value of the file


class JournalError(PageEngineError, ValueError):
    """What a sweep left to go on from is damaged, or of another scenario; the message names file
    and line."""


def grid(vary: Mapping[str, Sequence[Any]], seeds: Iterable[int]) -> list[dict[str, Any]]:
    """All combinations, the last key fastest, each with every seed."""
    for key, values in vary.items():
        if isinstance(values, str) or not len(values):
            raise ValueError(f"{key} must be varied over a list of values, got {values!r}")
    keys, seeds = list(vary), given.several(seeds, "seeds")
    cells = math.prod(map(len, vary.values())) * len(seeds)
    if cells > CELLS_MOST:
        raise ValueError(f"the grid has {cells} runs, and there can be {CELLS_MOST}: vary less")
    return [
        {**dict(zip(keys, values, strict=True)), "seed": seed}
        for values in itertools.product(*vary.values())
        for seed in seeds
    ]


def run_cell(data: Mapping[str, Any], source: str, cell: Mapping[str, Any]) -> dict[str, Any]:
    """Runs one cell of the scenario of these tables; its values and what came of it, a flat row."""
    scenario, policy = Scenario(data, source=source), None
    for key, value in cell.items():
        if key == POLICY:
            policy = value
        elif key != "seed":
            scenario = scenario.changed(key, value)
    result = build.run(scenario, policy=policy, seed=cell["seed"])
    if result.partial:  # what was cut short is no row; it is run again
        raise KeyboardInterrupt(result.why)
    said = verdict(result)
    state = result.host["state"]
    row = {
        **cell,
        "vms": said.vms,
        "carried": said.carried,
        "refused": len(said.refused),
        "stall": said.stall,
        "worst_stall": said.worst_stall,
        "worst_minute": said.worst_minute,
        "progress": float(np.mean(result.vms["progress"])) if len(result.vms["time"]) else 0.0,
        "swap_in": said.swap_in,
        "double_paging": said.double_paging,
        "free_least": int(result.summary.get("free_least", 0)),
    }
    row |= {f"given_back_{name}": value for name, value in said.given_back.items()}
    row["untouched"] = said.untouched
    row |= {f"time_{name}": float(np.mean(state == i)) for i, name in enumerate(STATES)}
    return row | {"digest": result.digest()}


def sweep(
    scenario: Scenario,
    vary: Mapping[str, Sequence[Any]],
    *,
    seeds: Iterable[int] = (1,),
    executor: Executor | None = None,
    output: str | os.PathLike[str] | None = None,
    progress: Callable[[int, int], Any] | bool | None = None,
    stop: Callable[[], bool] | None = None,
) -> list[dict[str, Any]]:
    """Runs the scenario with every combination of values; a row for each, in the grid's order.

    vary: key -> values, keys as for ``Scenario.changed``, or "policy". executor: where to run, any
    ``concurrent.futures.Executor`` (a process pool, Dask's ``client.get_executor()``); None runs
    here, one after the other. output: a Parquet file for the table; where its journal is found,
    cells that were finished are not run again. progress(done, in all), or True for a bar in a
    notebook. stop: asked now and then; when it says True the rows that are finished are returned,
    and the journal stays. A run that Ctrl-C cut short raises KeyboardInterrupt and is no row.

    The same scenario, values and seed give the same row wherever they run. Every value is tried on
    the scenario before the first run: a wrong one is named at once.
    """
    cells = grid(vary, seeds)
    for values in {_key({**cell, "seed": 0}): cell for cell in cells}.values():
        _try_out(scenario, values)
    journal = _Journal(output, scenario) if output is not None else None
    rows = dict(journal.read()) if journal else {}
    left = [cell for cell in cells if _key(cell) not in rows]
    done = len(cells) - len(left)
    told = bars.callback(progress, lambda bar: bar.show)
    if told:
        told(done, len(cells))
    for cell, row in _run_all(scenario, left, executor, stop or (lambda: False)):
        rows[_key(cell)] = row
        done += 1
        if journal:
            journal.add(cell, row)
        if told:
            told(done, len(cells))
    table = [rows[_key(cell)] for cell in cells if _key(cell) in rows]
    if journal and len(table) == len(cells):
        journal.finish(table)
    return table


def _try_out(scenario: Scenario, cell: Mapping[str, Any]) -> None:
    changed = scenario
    for key, value in cell.items():
        if key not in (POLICY, "seed"):
            changed = changed.changed(key, value)
    build.check(changed, cell.get(POLICY))


def _run_all(
    scenario: Scenario,
    cells: list[dict[str, Any]],
    executor: Executor | None,
    stop: Callable[[], bool],
) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Yields cells and their rows as they come, until there are none or it is to stop."""
    if executor is None:
        for cell in cells:
            if stop():
                return
            yield cell, run_cell(scenario.data, scenario.source, cell)
        return
    futures = {
        executor.submit(run_cell, scenario.data, scenario.source, cell): cell for cell in cells
    }
    left = set(futures)
    try:
        while left and not stop():
            done, left = wait(left, timeout=_GLANCE, return_when=FIRST_COMPLETED)
            for future in done:
                yield futures[future], future.result()
    finally:
        for future in futures:
            future.cancel()


def _key(cell: Mapping[str, Any]) -> str:
    return json.dumps(cell, sort_keys=True, default=str)


def _check(entry: Mapping[str, Any]) -> int:
    """A sum by which a line that was damaged shows."""
    return zlib.crc32(json.dumps(entry, sort_keys=True).encode())


class _Journal:
    """Rows that are finished, in ``OUTPUT.journal``: the scenario's digest, then a row per line."""

    def __init__(self, output: str | os.PathLike[str], scenario: Scenario):
        self.output = Path(output)
        self.path = self.output.with_name(self.output.name + ".journal")
        text = json.dumps(scenario.data, sort_keys=True, default=str)
        self._digest = hashlib.sha256(text.encode()).hexdigest()

    def read(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """(key, row) of every whole line of a sweep of the same scenario."""
        if not os.path.lexists(self.path):
            self.output.parent.mkdir(parents=True, exist_ok=True)
            writing.text(self.path, self._digest + "\n")
            return
        first, *lines = reading.text(self.path, JournalError, _JOURNAL_MOST).split("\n")
        if first != self._digest:
            raise JournalError(
                f"{self.path} is of another scenario: remove it, or write to another file"
            )
        whole = lines[:-1]  # what follows the last line end was not written to its end
        entries = [self._entry(number, line) for number, line in enumerate(whole, 2)]
        writing.text(self.path, "\n".join([first, *whole, ""]))
        yield from entries

    def _entry(self, number: int, line: str) -> tuple[str, dict[str, Any]]:
        what = f"{self.path}, line {number}: no finished run; remove the line"
        entry = reading.parsed(line, json.loads, what, JournalError)
        check = entry.pop("check", None) if isinstance(entry, dict) else None
        if check is None or check != _check(entry):
            raise JournalError(what)
        return entry["cell"], entry["row"]

    def add(self, cell: Mapping[str, Any], row: Mapping[str, Any]) -> None:
        entry = {"cell": _key(cell), "row": row}
        line = json.dumps(entry | {"check": _check(entry)}) + "\n"
        writing.append(self.path, line.encode())

    def finish(self, table: list[dict[str, Any]]) -> None:
        """Writes the table and removes the journal."""
        import pyarrow
        from pyarrow import parquet

        with writing.whole(self.output) as file:
            parquet.write_table(pyarrow.Table.from_pylist(_of_one_kind(table)), file)
        self.path.unlink()


def _of_one_kind(table: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows with values of a column as texts where they are of several kinds: "4 GiB" and 4096,
    a preset and a table."""
    mixed = set()
    for key in table[0] if table else ():
        kinds = {float if type(row[key]) is int else type(row[key]) for row in table}
        if len(kinds) > 1 or kinds & {list, dict}:
            mixed.add(key)
    return [
        {key: str(value) if key in mixed else value for key, value in row.items()} for row in table
    ]
