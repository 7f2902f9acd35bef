"""Made-up looks at made-up guests, for what shows them: none is real, nothing waits."""

from pageengine.live.readings import GuestReading, HostReading
from pageengine.live.settings import GuestSettings
from pageengine.live.watch import Seen
from pageengine.policy.base import GuestView

MIB = 2**20


def settings(*names, kind="qemu"):
    """Guests by name."""
    return {name: GuestSettings(name=name, kind=kind, at=f"/run/{name}") for name in names}


def host(time=100.0, **changes):
    """A host of which everything is known."""
    return HostReading(
        time=time,
        **{
            "memory": 8192 * MIB,
            "free": 512 * MIB,
            "available": 3000 * MIB,
            "swap_total": 2048 * MIB,
            "swap_free": 1536 * MIB,
            "pressure_some": 0.02,
            "pressure_full": 0.001,
            "swap_in_rate": 4.0 * MIB,
            "swap_out_rate": 1.0 * MIB,
            "merged": 214 * MIB,
            "scan_rate": 2000.0,
            "compressed": 96 * MIB,
            "cache": 32 * MIB,
            **changes,
        },
    )


def guest(time=100.0, number=0, **changes):
    """A guest of which everything is known."""
    return GuestReading(
        time=time,
        life=f"{1000 + number}@77",
        **{
            "size": 1024 * MIB,
            "actual": (1024 - number) * MIB,
            "resident": 700 * MIB,
            "granted": 800 * MIB,
            "shared": 200 * MIB,
            "swapped": 10 * MIB,
            "overhead": 40 * MIB,
            "active": 256 * MIB,
            "guest": GuestView(
                total=1000 * MIB, free=90 * MIB, cache=50 * MIB, swapped=0, available=130 * MIB
            ),
            "stats_age": 2.0,
            "driver": "reporting",
            "stall": 0.005,
            "swap_in_rate": 0.5 * MIB,
            **changes,
        },
    )


def seen(names, time=100.0, unknown=(), **changes):
    """A look at guests, of which those in ``unknown`` (name -> why) are mute."""
    guests = {
        name: guest(time, number, **changes)
        for number, name in enumerate(names)
        if name not in unknown
    }
    states = {name: "mute" if name in unknown else "known" for name in names}
    return Seen(host=host(time), guests=guests, states=states, why=dict(unknown))
