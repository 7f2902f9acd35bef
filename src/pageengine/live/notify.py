"""What a service tells systemd: that it is ready, alive, reading its config again, or stopping
(sd_notify). Where nobody asked, nothing is said.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping


def notify(said: str, environment: Mapping[str, str] = os.environ) -> bool:
    """Sends "READY=1", "WATCHDOG=1", "STOPPING=1" or such; whether anybody listens."""
    address = environment.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return False
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
            out.settimeout(1.0)
            out.sendto(said.encode(), address.replace("@", "\0", 1))
    except OSError:
        return False
    return True
