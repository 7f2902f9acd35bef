"""A VM between two hosts, as bytes.

Any process, and a file, may take them along: nothing in them is code.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np

from pageengine.core import checkpoint
from pageengine.lab.carried import TakenAlong
from pageengine.lab.saved import RECORDS, revived_event, told_event
from pageengine.lab.workloads import kept as workloads
from pageengine.plumbing import given

if TYPE_CHECKING:
    from pageengine.core.checkpoint import Load
    from pageengine.lab.specs import VMSpec
_PLAIN = ("vm", "ppns", "contents", "put_out")


def packed(carried: TakenAlong) -> bytes:
    """All but its spec, which whoever unpacks it has."""
    guest = None
    if carried.guest is not None:
        options, state = carried.guest
        guest = (options, np.frombuffer(state, np.uint8))
    told = {name: getattr(carried, name) for name in _PLAIN} | {
        "overrides": workloads.told_of(carried.overrides),
        "events": [told_event(event) for event in carried.events],
        "guest": guest,
    }
    file = io.BytesIO()
    checkpoint.write(file, {"vm": told}, RECORDS)
    return file.getvalue()


def unpacked(data: bytes, spec: VMSpec, own: Any) -> TakenAlong:
    """The VM of this spec again. own: its workload, where that is of somebody's own class.
    CheckpointError: it is none.
    """

    def made(values: Any, load: Load) -> TakenAlong:
        load(None)
        with checkpoint.looked_at("a VM between two hosts"):
            told = values["vm"]
            guest = None
            if told["guest"] is not None:
                options, state = told["guest"]
                guest = (options, state.tobytes())
            given.whole(told["put_out"], "put_out", 0, len(told["ppns"]))
            return TakenAlong(
                spec=spec,
                overrides=workloads.revived(told["overrides"], lambda _: own),
                events=tuple(revived_event(each, {spec.name: own}) for each in told["events"]),
                guest=guest,
                own=own,
                **{name: told[name] for name in _PLAIN},
            )

    found: TakenAlong = checkpoint.read(io.BytesIO(data), RECORDS, made)
    return found
