"""Numbers for Prometheus: what was seen of the host and its guests, what a policy wanted of them,
what was done. Asked for by whoever scrapes them; nothing is sent anywhere by itself.

What is not known has no sample, and a guest that is gone has none either. Needs prometheus-client.
"""

from __future__ import annotations

import importlib
import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from pageengine.errors import LiveError
from pageengine.live.readings import GuestReading
from pageengine.live.watch import Seen
from pageengine.plumbing import given
from pageengine.plumbing.visible import visible
from pageengine.policy.base import Snapshot

#: Name -> (labels, what it is). Gauges but for those in COUNTED.
METRICS = {
    "pageengine_vm_size_bytes": (("vm",), "configured memory"),
    "pageengine_vm_target_bytes": (("vm",), "what its balloon was last told to leave it"),
    "pageengine_vm_actual_bytes": (("vm",), "what its balloon leaves it now"),
    "pageengine_vm_available_bytes": (("vm",), "what its programs could still use, as it says"),
    "pageengine_vm_used_bytes": (("vm",), "its memory, less what is available, as it says"),
    "pageengine_vm_balloon_bytes": (("vm",), "what its balloon holds"),
    "pageengine_vm_stats_age_seconds": (("vm",), "since the guest made what it says"),
    "pageengine_vm_stall_ratio": (("vm",), "share of time that it waited for memory"),
    "pageengine_vm_state": (("vm", "state", "reason"), "1 for the state that the guest is in"),
    "pageengine_host_free_bytes": ((), "memory that nobody uses"),
    "pageengine_host_available_bytes": ((), "memory that could be used without paging out"),
    "pageengine_host_compressed_bytes": ((), "paged out into zram and zswap, as large as before"),
    "pageengine_host_cache_bytes": ((), "memory that zram and zswap hold for that"),
    "pageengine_host_pressure_ratio": (("kind",), "share of time that some or all waited"),
    "pageengine_excluded": (("reason",), "guests that are left as they are"),
    "pageengine_dry_run": ((), "1 while nothing is done about what is planned"),
    "pageengine_actions_total": (("kind", "result"), "what guests were told, and how that went"),
    "pageengine_action_seconds": (("kind",), "how long guests took to answer that"),
    "pageengine_plan_seconds": ((), "how long a plan took to make"),
}
COUNTED = {
    "pageengine_actions_total": "Counter",
    "pageengine_action_seconds": "Histogram",
    "pageengine_plan_seconds": "Histogram",
}
_REASON_MOST = 120  # characters


class Metrics:
    """All numbers, as of the last ``update``. LiveError: prometheus-client is not installed."""

    def __init__(self) -> None:
        self._client = _client()
        self.registry = self._client.CollectorRegistry()
        self._samples: dict[str, dict[tuple[str, ...], float]] = {}
        self._counted = {
            name: getattr(self._client, kind)(
                name, _sentence(METRICS[name][1]), METRICS[name][0], registry=self.registry
            )
            for name, kind in COUNTED.items()
        }
        self.registry.register(self)

    def update(
        self,
        seen: Seen,
        snapshot: Snapshot | None = None,
        *,
        excluded: Mapping[str, str] | None = None,
        dry_run: bool | None = None,
    ) -> None:
        """What was seen, and, where a policy was asked, what it was shown. excluded: guest -> why
        it is left as it is; unless given, those that did not answer, by their state.
        """
        found: dict[str, dict[tuple[str, ...], float]] = {name: {} for name in METRICS}

        def put(name: str, value: float | None, *labels: str) -> None:
            if value is not None:
                found[f"pageengine_{name}"][tuple(map(visible, labels))] = value

        for name, reading in seen.guests.items():
            for metric, value in _of_guest(reading):
                put(f"vm_{metric}", value, name)
        for view in snapshot.vms if snapshot is not None else ():
            put("vm_target_bytes", view.size - view.balloon_target, view.name)
        for name, state in seen.states.items():
            put("vm_state", 1, name, state, seen.why.get(name, "")[:_REASON_MOST])
        host = seen.host
        put("host_free_bytes", host.free)
        put("host_available_bytes", host.available)
        put("host_compressed_bytes", host.compressed)
        put("host_cache_bytes", host.cache)
        put("host_pressure_ratio", host.pressure_some, "some")
        put("host_pressure_ratio", host.pressure_full, "full")
        if excluded is None:
            excluded = {name: state for name, state in seen.states.items() if state != "known"}
        for reason in {*excluded.values()}:
            put("excluded", sum(each == reason for each in excluded.values()), reason)
        put("dry_run", None if dry_run is None else float(dry_run))
        self._samples = found

    def planned(self, seconds: float) -> None:
        """A plan took so long to make."""
        self._counted["pageengine_plan_seconds"].observe(seconds)

    def acted(self, kind: str, result: str, seconds: float) -> None:
        """A guest was told something. kind: such as "balloon"; result: such as "done"."""
        self._counted["pageengine_actions_total"].labels(kind, result).inc()
        self._counted["pageengine_action_seconds"].labels(kind).observe(seconds)

    def collect(self) -> Iterator[Any]:
        """The gauges, as prometheus-client asks for them."""
        family = self._client.core.GaugeMetricFamily
        for name, (labels, says) in METRICS.items():
            if name not in COUNTED:
                made = family(name, _sentence(says), labels=labels)
                for values, number in self._samples.get(name, {}).items():
                    made.add_metric(values, number)
                yield made

    def text(self) -> str:
        """What a scrape gets."""
        said: bytes = self._client.generate_latest(self.registry)
        return said.decode()

    @contextmanager
    def served(self, address: str) -> Iterator[tuple[str, int]]:
        """Answers scrapes at this address (``address_of``) until the block ends; yields host and
        port. Raises LiveError: the address cannot be had.
        """
        host, port = address_of(address)
        try:
            server, thread = self._client.start_http_server(port, host, self.registry)
        except OSError as error:
            raise LiveError(
                f"metrics cannot be served at {address}: {error.strerror or error}; name another "
                "address, HOST:PORT"
            ) from None
        try:
            yield host, server.server_port
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


def address_of(text: str) -> tuple[str, int]:
    """Host and port of "PORT", ":PORT" (loopback), "ADDRESS:PORT", "[IPv6]:PORT". ValueError."""
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]") or "127.0.0.1"
    wrong = f"the address of metrics must be PORT or ADDRESS:PORT, got {given.shown(text)}"
    if not (port.isascii() and port.isdigit() and int(port) <= 65535):
        raise ValueError(wrong)
    try:
        return str(ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)), int(port)
    except ValueError:
        raise ValueError(f"{wrong}: {given.shown(host)} is no address such as 127.0.0.1") from None


def _of_guest(reading: GuestReading) -> Iterable[tuple[str, float | None]]:
    guest, used, available = reading.guest, None, None
    if guest is not None:
        available = guest.available
        used = max(guest.total - guest.unused, 0)
    return (
        ("size_bytes", reading.size),
        ("actual_bytes", reading.actual),
        ("balloon_bytes", reading.ballooned),
        ("available_bytes", available),
        ("used_bytes", used),
        ("stats_age_seconds", reading.stats_age),
        ("stall_ratio", reading.stall),
    )


def _sentence(says: str) -> str:
    return f"{says[0].upper()}{says[1:]}."


def _client() -> Any:
    try:
        client = importlib.import_module("prometheus_client")
        importlib.import_module("prometheus_client.core")
    except ImportError:
        raise LiveError(
            'metrics need the package prometheus-client: pip install "pageengine[live]"'
        ) from None
    return client
