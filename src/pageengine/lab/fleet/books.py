"""Books: which VM is on which host, and what each host is reckoned to hold.

A host is looked at once a round. What is placed in between is entered here at once, and stays
entered until a look shows the VM itself: so ten VMs that come at once cannot all be given the room
that one old look showed. There is one entry per VM, so none is on two hosts.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace

from pageengine.lab.fleet.views import Admission, HostView, Newcomer


class Books:
    """memory: bytes of each host by name, in order. rule: which VMs a host may take; admits: the
    rule of the hosts' policy, as ``policy.base.Hooks`` has it, where that has one of its own.
    """

    def __init__(
        self,
        memory: Mapping[str, int],
        rule: Admission,
        admits: Callable[[int, Collection[int]], bool] | None = None,
    ):
        self._rule, self.policy_admits = rule, admits
        self._host_of: dict[str, str] = {}  # of each VM that is entered
        self._of: dict[str, dict[str, Newcomer]] = {name: {} for name in memory}
        self._memory = dict(memory)
        self._views: dict[str, HostView] = {}

    def host_of(self, vm: str) -> str | None:
        """Where the VM is, or is going; None: nowhere."""
        return self._host_of.get(vm)

    def on(self, host: str) -> tuple[str, ...]:
        """The VMs of a host."""
        return tuple(self._of[host])

    def known(self, vm: str) -> Newcomer:
        """The VM as it is entered."""
        return self._of[self._host_of[vm]][vm]

    def view(self, host: str) -> HostView:
        """What is reckoned of a host now."""
        if host not in self._views:
            self._views[host] = self._made(host, self._of[host].values())
        return self._views[host]

    def _made(self, host: str, vms: Collection[Newcomer]) -> HostView:
        contents: dict[str, int] = {}
        for vm in vms:
            contents[vm.contents] = contents.get(vm.contents, 0) + vm.size
        active, memory = sum(vm.active for vm in vms), self._memory[host]
        return HostView(
            host,
            memory,
            len(vms),
            sum(vm.size for vm in vms),
            sum(vm.promised for vm in vms),
            active,
            self._rule.room(memory, active),
            contents,
        )

    def may_take(self, vm: Newcomer, but: Collection[str] = ()) -> list[HostView]:
        """The hosts that may take the VM, without some of them."""
        return [
            view
            for view in (self.view(host) for host in self._of if host not in but)
            if self.admits(view, vm)
        ]

    def admits(self, host: HostView, vm: Newcomer) -> bool:
        """Whether this host may take the VM."""
        if not self._rule.admits(host, vm):
            return False
        if self.policy_admits is None:
            return True
        sizes = [each.size for each in self._of[host.name].values()]
        return self.policy_admits(host.memory, [*sizes, vm.size])

    def place(self, vm: Newcomer, host: str) -> None:
        """The VM goes to this host, from wherever it was."""
        self.forget(vm.name)
        self._host_of[vm.name] = host
        self._of[host][vm.name] = vm
        self._views.pop(host, None)

    def forget(self, vm: str) -> None:
        """The VM is nowhere."""
        host = self._host_of.pop(vm, None)
        if host is not None:
            del self._of[host][vm]
            self._views.pop(host, None)

    def state(self) -> dict[str, list[Newcomer]]:
        """What is entered, by host."""
        return {host: list(vms.values()) for host, vms in self._of.items()}

    def restore(self, state: Mapping[str, Iterable[Newcomer]]) -> None:
        """Enters what ``state`` said, in books in which nothing is."""
        for host, vms in state.items():
            for vm in vms:
                self.place(vm, host)

    def saw(self, host: str, active: Iterable[tuple[str, int]]) -> None:
        """A look at a host: working sets of VMs that run there. What is entered and was not seen
        stays as it was.
        """
        mine = self._of[host]
        for name, seen in active:
            mine[name] = replace(mine[name], active=seen)
        self._views.pop(host, None)
