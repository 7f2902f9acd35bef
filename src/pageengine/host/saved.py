"""What a Host has for checkpoints. How one is written and read is loaded when it is asked for
(``saved_state``): most programs never do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Self

from pageengine.errors import CheckpointError
from pageengine.plumbing.lock import serialised

if TYPE_CHECKING:
    import os

    from pageengine.core.checkpoint import File
    from pageengine.core.engine import Engine
    from pageengine.faults import FaultPlan
    from pageengine.host.options import Estimator
    from pageengine.policy.base import Policy


@serialised
class SavedHost:
    """The part of a Host that is written to files and read from them."""

    def save(self, file: File) -> None:
        """Writes all that the host is to a file, which is there whole or not at all (a path, or a
        file object that takes bytes): contents, compression cache, swap space, sharing table,
        generators, plan and clocks. ``Host.load`` goes on from it, bit for bit, on any computer.

        Not saved are functions: those of ``on_plan``, ``on_decision`` and ``on_guest_accesses``,
        and the plan of faults. TypeError: an estimator of one's own that cannot say what it has
        learned; OSError, SwapError, SwapCorruption: the file cannot be written, or the swap file
        read.
        """
        from pageengine.core import checkpoint
        from pageengine.host.saved_state import TABLE, state_of

        host: Any = self
        checkpoint.write(file, {"host": state_of(host)}, TABLE, host._engine)

    @classmethod
    def load(
        cls,
        file: File,
        *,
        policy: Policy | None = None,
        estimator: Estimator | None = None,
        swap_dir: str | os.PathLike[str] | None = None,
        faults: FaultPlan | None = None,
    ) -> Self:
        """The host that ``save`` wrote, from a path or a binary file object. policy, estimator:
        objects of one's own class, where it had such; the others are in the file. swap_dir, faults:
        as for a new host.

        CheckpointError: it is no checkpoint, is damaged, cut short, of another version, or of
        something else; everything in it was looked at before the host is handed out.
        """
        from pageengine.core import checkpoint
        from pageengine.host.saved_state import TABLE, restored

        def made(values: Any, load: Callable[[Engine], None]) -> Any:
            if not isinstance(values, Mapping) or values.keys() != {"host"}:
                raise CheckpointError("it is no checkpoint of a host (Simulation.load?)")
            options: dict[str, Any] = {
                "policy": policy,
                "estimator": estimator,
                "swap_dir": swap_dir,
            }
            return restored(values["host"], load, **options, faults=faults)

        found: Self = checkpoint.read(file, TABLE, made)
        return found
