"""The guard: one pure function between a policy and whatever carries its plans out, the same on
simulated and on real hosts. docs/guard.md says what it is for.
"""

from pageengine.policy.guard.clip import RULES, Clip
from pageengine.policy.guard.compose import guard
from pageengine.policy.guard.history import remembered
from pageengine.policy.guard.limits import Limits

__all__ = ["RULES", "Clip", "Limits", "guard", "remembered"]
