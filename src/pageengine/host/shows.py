"""What a notebook shows of a host and of a VM, as they stand between two calls; nothing of them is
changed by that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pageengine.policy.base import hooks

if TYPE_CHECKING:
    from pageengine.host.host import Host
    from pageengine.host.vm import VM


def host_html(host: Host) -> str:
    """Where the host's memory is, and a row for each VM; of one that is closed, that it is."""
    from pageengine.inline import markup  # where there is a notebook only

    return markup.shown(lambda: _host(host), host)


def vm_html(vm: VM) -> str:
    """Where its pages are, and what it is promised; of one that was removed, that it was."""
    from pageengine.inline import markup  # as above

    return markup.shown(lambda: _vm(vm), vm)


def _host(host: Host) -> str:
    from pageengine.inline import hosts  # as above

    with host._lock:
        said = (
            f"policy {hooks(host.policy).name}, state {host.state or 'unknown'}, "
            f"{host.time:g} s, contents {host.contents}"
        )
        names, columns, numbers = list(host.vms), host.columns(), host.numbers()
    of = {key: column.tolist() for key, column in columns.items()}
    return hosts.host(repr(host), said, numbers, names, of)


def _vm(vm: VM) -> str:
    from pageengine.inline import hosts  # as above

    with vm._lock:
        columns = vm.host.columns([vm])
        promised = {"shares": vm.shares, "reservation": vm.reservation, "limit": vm.limit}
    of = {key: column.tolist() for key, column in columns.items()}
    return hosts.vm(repr(vm), vm.name, of, promised)
