"""What is recorded of every epoch: the columns of the timelines, under esxtop's and vSphere's names."""

from __future__ import annotations

import numpy as np

from pageengine.lab.timeline import HOST_EVENTS, HOST_LEVELS, VM_EVENTS, VM_LEVELS, Table
from pageengine.policy.states import rank
from pageengine.units import PAGE_BYTES

_HOST = ("time", "state", *HOST_LEVELS, "private", "overhead", "stall", *HOST_EVENTS,
         "double_paging")  # fmt: skip
_VM = ("time", "vm", *VM_LEVELS, "active", "touched", "target", "balloon", "balloon_target",
       "stall", "progress", "blocked", "guest_free", "guest_cache", "guest_swapped", *VM_EVENTS,
       "double_paging")  # fmt: skip
_FRACTIONS = frozenset({"time", "stall", "progress"})


class Recorder:
    """names: of all machines that may run, in order."""

    def __init__(self, names):
        self._names = list(names)
        self._number = {name: i for i, name in enumerate(self._names)}
        self._host, self._vms = Table(_HOST), Table(_VM)

    def know(self, name: str) -> None:
        """One more machine that may run."""
        if name not in self._number:
            self._number[name] = len(self._names)
            self._names.append(name)

    def record(self, host, machines, epoch: float) -> None:
        """A row of the host and one of every machine."""
        stats = host.stats
        state = rank(host.lowest_state())
        private = sum(self._machine(host, machine) for machine in machines)
        overhead = sum(machine.vm.overhead for machine in machines)
        events = [sum(m.events.get(key, 0) for m in machines) for key in HOST_EVENTS]
        double = sum(m.events["double_paging"] for m in machines)
        stall = float(np.mean([m.stall for m in machines])) if machines else 0.0
        levels = [getattr(stats, name) for name in HOST_LEVELS]
        levels[0] -= overhead  # free, as the policy sees it
        self._host.add([host.time, state, *levels, private, overhead, stall, *events, double])

    def _machine(self, host, machine) -> int:
        vm, numbers = machine.vm, machine.vm.numbers()
        wish = host.last_plan.vms.get(vm.name)
        target = vm.size if wish is None or wish.target is None else wish.target
        guest = vm.guest.stats if vm.guest is not None else None
        seen = (guest.free, guest.cache_clean + guest.cache_dirty, guest.swapped) if guest else (
            0, 0, 0)  # fmt: skip
        self._vms.add([
            host.time, self._number[vm.name], *(numbers[name] for name in VM_LEVELS),
            vm.active, machine.workload.in_use * PAGE_BYTES, target, numbers["ballooned"],
            vm.balloon_target, machine.stall, machine.progress, numbers["blocked"], *seen,
            *(machine.events[key] for key in VM_EVENTS), machine.events["double_paging"],
        ])  # fmt: skip
        return numbers["private"]

    def tables(self):
        """(host, vms) as columns; the machines by name."""
        host = self._host.arrays(frozenset(_HOST) - _FRACTIONS)
        vms = self._vms.arrays(frozenset(_VM) - _FRACTIONS)
        vms["vm"] = np.array(self._names, dtype=str)[vms["vm"]]
        return host, vms
