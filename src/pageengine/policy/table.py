"""Every policy by name, one line each; policies of other packages by "module:Class" or by the entry
point group "pageengine.policies".
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from pageengine.plumbing import given, reading
from pageengine.policy.base import Policy, hooks
from pageengine.policy.damon_reclaim import DamonReclaim
from pageengine.policy.esx import ESX
from pageengine.policy.headroom import Headroom
from pageengine.policy.hypeman import Hypeman
from pageengine.policy.hysteresis import Hysteresis
from pageengine.policy.kvm import KVM
from pageengine.policy.pi import PI
from pageengine.policy.plain import Plain
from pageengine.policy.pressure import Pressure
from pageengine.policy.proxmox import Proxmox
from pageengine.policy.qmemman import Qmemman
from pageengine.policy.simple import FreeFirst, NoOvercommit, Proportional, Shares
from pageengine.policy.squeezed import Squeezed
from pageengine.policy.zram import Zram

GROUP = "pageengine.policies"


@dataclass(frozen=True)
class Entry:
    """A policy that can be made: calling it with options does. ``fixed`` are options that the name
    stands for, ``says`` is what it is in one line.
    """

    make: Callable[..., Policy]
    fixed: Mapping[str, Any] = field(default_factory=dict)
    says: str = ""

    def __call__(self, **options: Any) -> Policy:
        return self.make(**self.fixed, **options)

    @property
    def options(self) -> dict[str, Any]:
        """Options that may be given, with their defaults."""
        found = inspect.signature(self.make).parameters.values()
        return {
            p.name: None if p.default is p.empty else p.default
            for p in found
            if p.name not in self.fixed and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)
        }

    @property
    def open_ended(self) -> bool:
        """Whether it takes any option (``**options``)."""
        found = inspect.signature(self.make).parameters.values()
        return any(p.kind is p.VAR_KEYWORD for p in found)

    @property
    def promises(self) -> frozenset[str]:
        """What it keeps to: "reservation", "limit", "entitlement"."""
        return frozenset(hooks(self.make).promises)

    @property
    def doc(self) -> str:
        return inspect.getdoc(self.make) or ""


POLICIES: dict[str, Entry] = {
    "plain": Entry(Plain, says="takes from all in proportion when memory is nearly out"),
    "esx2002": Entry(ESX, {"states": "esx2002"}, "ESX of OSDI 2002: 6, 4, 2 and 1 % of memory"),
    "esx5": Entry(ESX, {"states": "esx5"}, "ESXi 5: minfree slides with memory; compression"),
    "esx6": Entry(ESX, {"states": "esx6"}, "ESXi 6 and later: a state clear before soft"),
    "kvm": Entry(KVM, says="KVM with ksmtuned, oVirt's MOM balloon rules and the kernel's swap"),
    "proxmox": Entry(Proxmox, says="Proxmox VE: balloons hold the host at 80 %, by shares; KSM"),
    "shares": Entry(Shares, says="entitlement by shares alone, idle memory not taxed"),
    "proportional": Entry(Proportional, says="swap in proportion to what VMs hold"),
    "free-first": Entry(FreeFirst, says="first come, first served; back from who has most a share"),
    "pressure": Entry(Pressure, says="TMO's Senpai: a little of everybody until it begins to wait"),
    "no-overcommit": Entry(NoOvercommit, says="nothing is taken; VMs must fit into memory"),
    "qmemman": Entry(Qmemman, says="QubesOS: 1.3 times what guests use, and the rest by that"),
    "squeezed": Entry(Squeezed, says="XenServer: all VMs at one place between their bounds"),
    "headroom": Entry(Headroom, says="ChromeOS: host and guests at one headroom above critical"),
    "hypeman": Entry(Hypeman, says="hypeman: below 10 % available all give in proportion"),
    "pi": Entry(PI, says="qemus: a PI controller holds a fifth of the host available by balloons"),
    "hysteresis": Entry(
        Hysteresis, says="vm0: a guest is kept between two marks of its own memory"
    ),
    "damon-reclaim": Entry(
        DamonReclaim, says="DAMON_RECLAIM: idle memory is paged out within a quota"
    ),
    "zram": Entry(Zram, says="swap into compressed memory only"),
}

#: Found, but not listed: the class of which several entries are presets.
UNLISTED = {"esx": Entry(ESX, says="ESX with states of one's choice")}


def others() -> dict[str, str]:
    """Policies that installed packages offer: name -> "module:Class"."""
    from importlib import metadata  # takes as long to import as half of the package

    return {point.name: point.value for point in metadata.entry_points(group=GROUP)}


def find(spec: str | Policy, **options: Any) -> Policy:
    """The policy that ``spec`` names, made with the options: a name of POLICIES, "module:Class", or
    a name of the entry point group; an object with ``decide`` is returned as it is.

    Raises ValueError that names close ones, and what there is; TypeError for other objects.
    """
    if not isinstance(spec, str):
        return _as_it_is(spec, options)
    entry = entry_of(spec)
    if not entry.open_ended:
        for key in options:
            if key not in entry.options:
                raise ValueError(f"{spec} has no option {key!r}: {_instead(key, entry.options)}")
    policy = entry(**options)
    if not callable(getattr(policy, "decide", None)):
        raise ValueError(f"{spec} is no policy: it has no decide(snapshot)")  # noqa: TRY004
    return policy


def entry_of(name: str) -> Entry:
    """The entry of a name, of "module:Class" and "file.py:Class" too."""
    listed = UNLISTED | POLICIES
    if name.lower() in listed:
        return listed[name.lower()]
    offered = others()
    path = offered.get(name, name if ":" in name else None)
    if path is None:
        raise ValueError(f"no policy {given.shown(name)}: {_instead(name, [*POLICIES, *offered])}")
    module, _, attribute = path.rpartition(":")
    # the file that is to be mended is named in full, however deep it lies
    asked = repr(name) if reading.is_file(module) else given.shown(name)
    try:
        made = getattr(_module(module), attribute)
    except Exception as error:  # whatever a module of somebody's does when it is loaded
        raise ValueError(f"no policy {asked}: {_why(error, module)}") from None
    if not callable(made):
        raise ValueError(f"no policy {asked}: {made!r} is not a class")  # noqa: TRY004
    return Entry(made, {}, (inspect.getdoc(made) or "").partition("\n")[0])


def _module(name: str) -> ModuleType:
    """A module by its name, or by the path of its file."""
    if not name.endswith(".py"):
        return importlib.import_module(name)
    stem = name.replace("\\", "/").rpartition("/")[2].removesuffix(".py")
    reading.regular(name, ValueError)
    spec = importlib.util.spec_from_file_location(stem, name)
    if spec is None or spec.loader is None:
        raise ImportError(f"{name} cannot be loaded as a module")
    module = sys.modules.get(stem)
    if module is not None and getattr(module, "__file__", None) == spec.origin:
        return module
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(stem, module)  # dataclasses look their module up
    try:
        spec.loader.exec_module(module)
    except BaseException:
        if sys.modules.get(stem) is module:
            del sys.modules[stem]
        raise
    return module


def _why(error: Exception, module: str) -> str:
    if isinstance(error, OSError) and error.filename == module:
        return f"{module}: {error.strerror}"
    if isinstance(error, ModuleNotFoundError | AttributeError | FileNotFoundError):
        return str(error)
    return reading.clipped(
        f"{module} fails when it is loaded: {type(error).__name__}: {error}".replace("\n", " ")
    )


def _as_it_is(policy: Policy, options: Mapping[str, Any]) -> Policy:
    if isinstance(policy, type) or not callable(getattr(policy, "decide", None)):
        raise TypeError(
            f"a policy is a name or an object with decide(snapshot) -> Plan, "
            f"got {given.shown(policy)}"
        )
    if options:
        raise ValueError(f"{policy!r} is made already and takes no options: {', '.join(options)}")
    return policy


def _instead(name: str, names: Iterable[str]) -> str:
    hint = given.near(name, names)
    return f"{hint and hint + ' '}There are: {given.listed(names, 40)}"
