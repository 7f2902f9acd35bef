"""Every key of a scenario file: the sections and what each key means. docs/scenarios.md shows these
tables; a test holds the two together."""

from pageengine.lab import fields
from pageengine.lab.fields import Field
from pageengine.lab.fleet.leaving import LEAVING
from pageengine.lab.fleet.placements import PLACEMENTS
from pageengine.policy.guard.limits import KINDS

TOP = {
    "name": Field(fields.text, "what the scenario is called; the file's name by default"),
    "description": Field(fields.text, "one or two sentences for the reader of the report", ""),
}

HOST = {
    "memory": Field(fields.positive_size, "machine memory", required=True),
    "policy": Field(
        fields.text, "who decides; `pageengine policies` lists them; or 'module:Class'", "esx6"
    ),
    "seed": Field(fields.whole, "of every random choice", 0),
    "contents": Field(
        fields.either("tokens", "bytes"),
        "8 bytes stand for a page, or every byte is held",
        "tokens",
    ),
    "costs": Field(fields.anything, "what faults cost: a preset, or a table of seconds", "nvme"),
    "compression": Field(fields.text, "codec of the compression cache, or 'none'", "word"),
    "packing": Field(fields.either("esx", "dense"), "of the compression cache", "esx"),
    "cache_limit": Field(fields.size, "most that the compression cache may take"),
    "swap": Field(fields.size, "swap space; grows with the VMs where it is not given"),
    "sharing": Field(fields.truth, "whether equal pages are kept once", True),
    "victims": Field(
        fields.either("clock", "random"), "which pages are compressed or swapped", "clock"
    ),
    "estimator": Field(
        fields.anything,
        "how active memory is estimated, by kind or as a table of it and its options; sampling, but"
        " accessed-bits where a VM follows `demand`, with its `interval` as period",
    ),
    "reserve_swap": Field(
        fields.truth, "whether a VM needs swap space of its size less its reservation", False
    ),
}

RUN = {
    "duration": Field(fields.positive_duration, "simulated time", 1800.0),
    "epoch": Field(fields.positive_duration, "length of a step; one row of the timelines", 1.0),
    "check_every": Field(fields.whole, "epochs between checks of every invariant; 0: none", 0),
}

VM = {
    "name": Field(fields.name, "its name; of several: name-1, name-2, ...", required=True),
    "count": Field(fields.count, "how many of them", 1),
    "size": Field(fields.positive_size, "memory that the guest sees", required=True),
    "shares": Field(
        fields.shares,
        "its weight: 'low', 'normal', 'high' (5, 10, 20 per MiB) or a number",
        "normal",
    ),
    "reservation": Field(fields.size, "machine memory that it is sure to get", 0),
    "limit": Field(fields.positive_size, "most machine memory that it may hold; its size"),
    "overhead": Field(fields.size, "machine memory that running it takes besides", 0),
    "driver": Field(
        fields.truth_or_table,
        "whether a balloon driver runs in the guest, or a table of what is wrong with it",
        True,
    ),
    "balloon_max": Field(fields.size_or_part, "most that its balloon may take", "65%"),
    "balloon_min": Field(
        fields.size, "least memory that its balloon leaves; another way to say balloon_max"
    ),
    "guest": Field(
        fields.anything, "true, or a table: a guest operating system with cache and swap", False
    ),
    "contents": Field(fields.anything, "what its pages hold: a profile by name or file"),
    "salt": Field(fields.text, "VMs share pages only with VMs of the same salt", ""),
    "start": Field(fields.duration, "when it starts", 0.0),
    "stop": Field(fields.positive_duration, "when it stops; never where it is not given"),
    "warm": Field(
        fields.truth, "whether it starts with what its workload would hold after a long run", False
    ),
    "workload": Field(fields.table, "what runs in it: { kind = '...', ... }", required=True),
}

EVENT = {
    "at": Field(fields.duration, "when it happens", required=True),
    "set": Field(fields.text, "the key to change: 'vm.NAME.shares', 'policy.idle_tax', ..."),
    "to": Field(fields.anything, "its new value"),
    "start": Field(fields.name, "the VM that starts (again)"),
    "stop": Field(fields.name, "the VM that stops"),
    "reboot": Field(fields.name, "the VM that boots anew, without its driver meanwhile"),
}

FLEET = {
    "hosts": Field(fields.hosts, "how many hosts as [host] says there are", required=True),
    "placement": Field(
        fields.either(*PLACEMENTS), "which of the hosts that may take a VM gets it", "best-fit"
    ),
    "round": Field(fields.positive_duration, "time between two decisions of the fleet", 600.0),
    "migrate": Field(fields.truth, "whether VMs move from host to host", True),
    "leaving": Field(
        fields.either(*LEAVING),
        "who moves: whom a host's policy advises, or who evens hosts out",
        "advice",
    ),
    "full": Field(
        fields.factor, "most of a host's memory that working sets may take where a VM comes", 0.9
    ),
    "overcommit": Field(fields.factor, "most that sizes of VMs may be, of a host's memory"),
    "unseen": Field(
        fields.part, "part of its size that a VM counts until its working set was seen", 0.5
    ),
    "bandwidth": Field(fields.bandwidth, "bytes per second over which a VM moves", 1_250_000_000),
    "downtime": Field(fields.duration, "how long a VM may stand still when it moves", 0.3),
    "slowdown": Field(fields.part, "part of its speed that a VM loses while it is copied", 0.12),
    "per_round": Field(fields.count, "VMs that leave a host in one round at the most"),
}

_LIMITS = {
    "size": fields.size,
    "part": fields.part,
    "seconds": fields.duration,
    "window": fields.positive_duration,
    "flag": fields.truth,
}
GUARD = {  # a key for each of policy.Limits, which has the defaults and reads the other kinds
    name: Field(_LIMITS.get(kind, fields.anything), f"the guard's limit {name}")
    for name, kind in KINDS.items()
}

#: Sections of a file; in the policy's any key may stand that the policy has as an option.
SECTIONS = {"host": HOST, "run": RUN, "vm": VM, "event": EVENT, "guard": GUARD, "fleet": FLEET}

#: Keys of a virtual machine that events may change while it runs.
CHANGEABLE = ("shares", "reservation", "limit", "balloon_max", "workload")
