"""pageengine: a memory manager for overcommitted hosts, on real pages."""

import importlib

from pageengine import errors, policy, tokens
from pageengine.codec import codecs
from pageengine.engine import TECHNIQUES as _TECHNIQUES
from pageengine.guest import Guest
from pageengine.host import Host
from pageengine.records import (
    Events,
    Faults,
    GuestStats,
    HostStats,
    Place,
    Reclaimed,
    ScanResult,
    VMStats,
)
from pageengine.units import PAGE_BYTES, format_size, parse_size
from pageengine.vm import VM

__version__ = "0.1.0"

_AT_FIRST_USE = ("images", "traces")  # what many programs never need, and takes long to import


def __getattr__(name):
    if name in _AT_FIRST_USE:
        return importlib.import_module(f"pageengine.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def techniques() -> dict[str, str]:
    """The techniques of ``Host.reclaim`` by name, each with one line of what it does."""
    return {name: summary for name, (_, summary) in _TECHNIQUES.items()}


__all__ = [
    "PAGE_BYTES",
    "VM",
    "Events",
    "Faults",
    "Guest",
    "GuestStats",
    "Host",
    "HostStats",
    "Place",
    "Reclaimed",
    "ScanResult",
    "VMStats",
    "codecs",
    "errors",
    "format_size",
    "images",
    "parse_size",
    "policy",
    "techniques",
    "tokens",
    "traces",
]
