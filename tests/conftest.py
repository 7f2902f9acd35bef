"""Hypothesis without a clock: a busy machine is no reason for a test to fail."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "pageengine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("pageengine")
