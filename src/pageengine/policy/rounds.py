"""When a policy that works in rounds has its next one. What it remembers of the last stands in its
memo.
"""

from __future__ import annotations

from typing import Any

from pageengine.policy.base import Snapshot

SLACK = 1e-6  # seconds: times are sums of steps, which are late or early by less


def due_in(snapshot: Snapshot, key: str, period: float) -> float:
    """Seconds until ``period`` has passed since the time that the memo has under ``key``; 0 from
    then on, and where it has none.
    """
    since: Any = snapshot.memo.get(key)
    rest = 0.0 if since is None else float(period - (snapshot.time - since))
    return rest if rest > SLACK else 0.0


def due(snapshot: Snapshot, key: str, period: float) -> bool:
    """Whether a round is due, ``period`` seconds after the one whose time is in the memo under
    ``key``; the first is due at once.
    """
    return due_in(snapshot, key, period) == 0
