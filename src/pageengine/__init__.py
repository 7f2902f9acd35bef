"""pageengine: a memory manager for overcommitted hosts, on real pages."""

from pageengine.plumbing import startup as _startup  # noqa: F401  it hears signals

# isort: split

from typing import TYPE_CHECKING

from pageengine import errors, policy
from pageengine.core.engine import TECHNIQUES as _TECHNIQUES
from pageengine.core.events import Events
from pageengine.core.records import (
    Faults,
    GuestStats,
    HostStats,
    Place,
    Reclaimed,
    ScanResult,
    VMStats,
)
from pageengine.host.host import Host
from pageengine.host.vm import VM
from pageengine.plumbing.firstuse import at_first_use
from pageengine.stores.codec import codecs
from pageengine.units import PAGE_BYTES, format_size, parse_size

if TYPE_CHECKING:
    from pageengine import demand, images, tokens, traces
    from pageengine.core.guest import Guest
    from pageengine.plumbing.embedding import get_include, get_library_dir, get_pkgconfig_dir

__version__ = "0.1.0"
__getattr__, __dir__ = at_first_use(
    globals(),
    {
        "Guest": "core.guest",
        "get_include": "plumbing.embedding",
        "get_library_dir": "plumbing.embedding",
        "get_pkgconfig_dir": "plumbing.embedding",
        "load_ipython_extension": "inline.tracebacks",
        "unload_ipython_extension": "inline.tracebacks",
    },
)


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
    "demand",
    "errors",
    "format_size",
    "get_include",
    "get_library_dir",
    "get_pkgconfig_dir",
    "images",
    "parse_size",
    "policy",
    "techniques",
    "tokens",
    "traces",
]
