"""Options of policies, estimators, guests, devices, costs, contents, workloads and simulations are
looked at when the thing is made: what is wrong is named then, and not hours later.
"""

import inspect
from pathlib import Path

import numpy as np
import pytest
from catalogue import (
    HUGE,
    NO_AMOUNT,
    NO_CHOICE,
    NO_FLAG,
    NO_NAME,
    NO_PAGES,
    NO_SIZE,
    NO_WHOLE,
    name_of,
    refused,
    rows,
    without,
)

import pageengine as pe
from pageengine.core.device import Device
from pageengine.core.guest import Guest
from pageengine.images import open as open_image
from pageengine.lab import contents, costs, workloads
from pageengine.lab.bounds import VMS_MOST
from pageengine.lab.contents import ContentProfile
from pageengine.lab.events import Event
from pageengine.lab.simulated_vm import GuestSpec
from pageengine.lab.simulation import Simulation, VMSpec
from pageengine.policy import table
from pageengine.policy.workingset import AccessedBits, IdleAge, Sampling
from pageengine.traces import open as open_trace

PAGE = 4096
POLICIES = ("plain", "esx6", "kvm", "proxmox", "shares", "pressure", "zram")  # the others are alike
ABOVE = [(0, ValueError, "above|from|at least")]
PART = [*NO_AMOUNT, (1.5, ValueError, "1")]


def policy(name):
    """Rows of every option of a policy, by what its default is."""
    for key, default in table.POLICIES[name].options.items():
        if isinstance(default, bool):
            bad = NO_FLAG
        elif isinstance(default, str):
            bad = NO_CHOICE
        elif isinstance(default, int) and key != "scale":
            bad = NO_WHOLE
        else:
            bad = NO_AMOUNT
        yield key, bad, lambda value, key=key: table.find(name, **{key: value})


def workload(kind):
    """Rows of the options that are numbers, flags and sizes."""
    for key, parameter in inspect.signature(workloads.WORKLOADS[kind]).parameters.items():
        if key in ("then", "schedule", "batches", "trace", "vm"):
            continue
        if key in ("memory", "files"):
            bad = without(NO_SIZE, "")
        elif key == "speed" and kind == "boot":
            bad = NO_SIZE
        elif isinstance(parameter.default, int) and not isinstance(parameter.default, bool):
            bad = NO_WHOLE
        else:
            bad = without(NO_AMOUNT, None)
        yield key, bad, lambda value, key=key: workloads.WORKLOADS[kind](**{key: value})


def simulation(**options):
    made = {"memory": "8 MiB", "vms": [VMSpec("web", "4 MiB")]} | options
    Simulation(made.pop("memory"), made.pop("vms"), **made).host.close()


def spec(**options):
    return VMSpec(**{"name": "web", "size": "4 MiB"} | options)


def run(**options):
    made = Simulation("8 MiB", [VMSpec("web", "1 MiB")])
    try:
        made.run(**{"seconds": 1} | options)
    finally:
        made.host.close()


GUEST, DEVICE = Guest(32), Device(0.001)
CLIENT = DEVICE.join()
OPTIONS = rows(
    *(row for name in POLICIES for row in policy(name)),
    ("n", NO_WHOLE, lambda value: Sampling(n=value)),
    ("period", NO_AMOUNT + ABOVE, lambda value: Sampling(period=value)),
    ("slow", PART, lambda value: Sampling(slow=value)),
    ("period", NO_AMOUNT, lambda value: AccessedBits(value)),
    ("seconds", NO_AMOUNT, lambda value: IdleAge(value)),
    ("pages of a guest", NO_WHOLE + ABOVE, lambda value: Guest(value)),
    ("swap_pages", NO_WHOLE, lambda value: Guest(32, swap_pages=value)),
    (
        "kernel_pages",
        [*NO_WHOLE, (32, ValueError, "to 31")],
        lambda value: Guest(32, kernel_pages=value),
    ),
    ("replacement", NO_CHOICE, lambda value: Guest(32, replacement=value)),
    ("kind", NO_CHOICE, lambda value: GUEST.access(value, [0])),
    ("pages", NO_WHOLE, GUEST.drop_cache),
    ("pages", NO_WHOLE, GUEST.inflate),
    ("sleeping", NO_FLAG, lambda value: GUEST.inflate(0, value)),
    ("pages", NO_WHOLE, GUEST.deflate),
    ("service", NO_AMOUNT, Device),
    ("client", NO_WHOLE, DEVICE.end),
    ("run", NO_AMOUNT, lambda value: DEVICE.add(CLIENT, value)),
    ("requests", NO_WHOLE, lambda value: DEVICE.add(CLIENT, 0.0, 0.0, value)),
    ("until", NO_AMOUNT, DEVICE.serve),
    ("seed", NO_WHOLE, lambda value: DEVICE.join(seed=value)),
    *(
        (key, NO_AMOUNT, lambda value, key=key: costs.make({key: value}))
        for key in (*costs.EVENTS, *costs.RATES)
    ),
    *(
        (key, PART, lambda value, key=key: ContentProfile(**{key: value}))
        for key in ("zero", "same", "common", "within")
    ),
    (
        "copies",
        [*NO_WHOLE[:12], (1, ValueError, "from 2 to")],
        lambda value: ContentProfile(copies=value),
    ),
    (
        "sizes",
        [(v, TypeError, "by bytes") for v in (7, None, [1024])],
        lambda value: ContentProfile(sizes=value),
    ),
    ("contents", [(v, TypeError, "path or a table") for v in (7, True, [1])], contents.find),
    *(
        row
        for kind in workloads.WORKLOADS
        if kind not in ("replay", "program", "demand")
        for row in workload(kind)
    ),
    (
        "schedule",
        [(v, TypeError, "list") for v in (7, None, "0")],
        lambda value: workloads.WORKLOADS["toucher"](schedule=value),
    ),
    (
        "schedule",
        [(v, ValueError, "seconds, amount") for v in (7, "0", [1], [1, 2, 3])],
        lambda value: workloads.WORKLOADS["toucher"](schedule=[value]),
    ),
    *(
        (
            key,
            rows,
            lambda value, key=key: workloads.WORKLOADS["demand"](series=[[0, 9]], **{key: value}),
        )
        for key, rows in (
            ("begin", NO_AMOUNT),
            ("interval", NO_AMOUNT),
            ("held", without(NO_SIZE, None)),
            ("write", PART),
        )
    ),
    ("name of a VM", NO_NAME, lambda value: spec(name=value)),
    ("size", NO_PAGES, lambda value: spec(size=value)),
    ("overhead", NO_PAGES, lambda value: spec(overhead=value)),
    ("start", NO_AMOUNT, lambda value: spec(start=value)),
    ("stop", without(NO_AMOUNT, None), lambda value: spec(stop=value)),
    ("driver", NO_FLAG, lambda value: spec(driver=value)),
    (
        "guest",
        [(v, TypeError, "GuestSpec") for v in (7, True, {})],
        lambda value: spec(guest=value),
    ),
    ("boot", NO_AMOUNT, lambda value: GuestSpec(boot=value)),
    ("kernel", NO_PAGES, lambda value: GuestSpec(kernel=value)),
    ("swap", without(NO_PAGES, 2**60, "1000000 TiB"), lambda value: GuestSpec(swap=value)),
    ("at", NO_AMOUNT, lambda value: Event(value, "stop", "web")),
    ("kind", NO_CHOICE, lambda value: Event(1.0, value, "web")),
    ("epoch", [*NO_AMOUNT, (1e-300, ValueError, "0.001")], lambda value: simulation(epoch=value)),
    ("seed", NO_WHOLE, lambda value: simulation(seed=value)),
    ("check_every", NO_WHOLE, lambda value: simulation(check_every=value)),
    ("record", NO_FLAG, lambda value: simulation(record=value)),
    (
        "vms",
        [(v, TypeError, "list|VMSpec") for v in (7, None, "web")],
        lambda value: simulation(vms=value),
    ),
    (
        "events",
        [(v, TypeError, "list") for v in (7, None, "web")],
        lambda value: simulation(events=value),
    ),
    ("seconds", NO_AMOUNT, lambda value: run(seconds=value)),
    ("max_time", without(NO_AMOUNT, None), lambda value: run(max_time=value)),
)


@pytest.mark.parametrize(("what", "value", "error", "says", "make"), OPTIONS, ids=name_of)
def test_a_wrong_option_is_named_when_it_is_given(what, value, error, says, make):
    refused(make, what, value, error, says)


@pytest.fixture
def files(tmp_path):
    (tmp_path / "one.raw").write_bytes(b"\1" * PAGE)
    (tmp_path / "one.csv").write_text("page,write\n1,0\n2,1\n")
    return tmp_path


READERS = rows(
    (
        "batch",
        [*NO_WHOLE, (0, ValueError, "from 1"), (2**30, ValueError, "to 1048576")],
        lambda files, value: open_image(files / "one.raw", batch=value).close(),
    ),
    ("offset", NO_WHOLE, lambda files, value: open_image(files / "one.raw", offset=value).close()),
    (
        "packed",
        without(NO_FLAG, None),
        lambda files, value: open_image(files / "one.raw", packed=value).close(),
    ),
    (
        "image reader",
        [(v, ValueError, "there are") for v in (7, "rwa", ["raw"], "x" * 10**6)],
        lambda files, value: open_image(files / "one.raw", kind=value).close(),
    ),
    (
        "image",
        [(v, TypeError, "path") for v in (7, None, ["a"])],
        lambda files, value: open_image(value),
    ),
    (
        "image",
        [(v, ValueError, "path that files can have") for v in ("", "a\0b", "a" * 10**6)],
        lambda files, value: open_image(value),
    ),
    (
        "trace",
        [(v, TypeError, "path") for v in (7, None, ["a"])],
        lambda files, value: open_trace(value),
    ),
    (
        "trace reader",
        [(v, ValueError, "there are") for v in (7, "cvs", ["csv"])],
        lambda files, value: open_trace(files / "one.csv", kind=value),
    ),
    (
        "base",
        [*NO_WHOLE[:12], (2, ValueError, "10 to 16")],
        lambda files, value: open_trace(files / "one.csv", base=value),
    ),
    ("vm", NO_WHOLE[:12], lambda files, value: list(open_trace(files / "one.csv").of(value))),
    ("at", NO_WHOLE, lambda files, value: load(files / "one.raw", value)),
)


def load(path: Path, at):
    with pe.Host(64 * PAGE, swap=0) as host:
        host.add_vm("web", 4 * PAGE).load(path, at)


@pytest.mark.parametrize(("what", "value", "error", "says", "call"), READERS, ids=name_of)
def test_a_reader_is_asked_for_what_it_can_do(files, what, value, error, says, call):
    refused(lambda given: call(files, given), what, value, error, says)


def test_what_a_program_touches_are_pages(files):
    for batch in ([0.5], ["a"], [True], [2**70], [1024], [-1], ([0], "yes"), ([0], [1])):
        program = workloads.make({"kind": "program", "batches": lambda *_, b=batch: iter([b])})
        program.start(1024, np.random.default_rng(0))
        with pytest.raises((TypeError, ValueError), match="page|write"):
            program.step(1.0, 0.0)


def test_a_simulation_is_no_larger_than_can_be(files):
    with pytest.raises(ValueError, match="two VMs are named 'web'"):
        simulation(vms=[spec(), spec()])
    with pytest.raises(ValueError, match="names a VM 'mail'; there are: web"):
        simulation(events=[Event(1.0, "start", "mail")])
    made = Simulation("8 MiB", [spec()], epoch=0.001)
    with pytest.raises(ValueError, match="1000000000 epochs, and there can be 10000000"):
        made.run(1e6)
    with pytest.raises(ValueError, match=f"rows of timelines.*|{VMS_MOST}"):
        from pageengine.lab import bounds

        bounds.epochs(1e6, 1.0, 10_000)
    nested = {"kind": "idle"}
    for _ in range(2000):
        nested = {"kind": "boot", "then": nested}
    with pytest.raises(ValueError, match="in another too many times"):
        workloads.make(nested)
    with pytest.raises(ValueError, match="a number of 16610 bits"):
        pe.parse_size(HUGE)
