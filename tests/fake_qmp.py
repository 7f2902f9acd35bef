"""A QMP server on a Unix socket that answers as QEMU does, or under-delivers, lags, hangs,
disconnects, sends garbage or lies, as a test has it.

    with FakeQmp(folder) as fake:
        fake.balloon_floor = 100 << 20    # the guest never gives more
        fake.lie["query-balloon"] = {"actual": 2**64 - 1}

It has a thread of its own, so that a client that blocks the event loop is found out. Each command
is in ``commands``; those that write are in ``writes`` too, and are refused if ``read_only`` is set.
"""

import contextlib
import json
import os
import socket
import threading
import time
from collections import deque

GREETING = {"QMP": {"version": {"qemu": {"major": 7, "minor": 2, "micro": 22}}, "capabilities": []}}
WRITES = {"balloon", "qom-set", "stop", "cont"}
MIB = 1 << 20


class FakeQmp:
    """The server. What it does may be changed at any time.

    size, actual: bytes of the guest. balloon_floor: bytes that its driver never goes below; frozen:
    it does not move. stats: of the guest, None: it tells none. updated: seconds since 1970, None:
    now. period: of statistics. status, migration: as QEMU says them. hang, drop, garbage: commands
    that are not answered, end the connection, or are answered by what is no JSON; "greeting" is
    one too. lie: command -> answer.
    """

    def __init__(self, folder, size=512 * MIB, name="fake"):
        self.path = os.path.join(folder, f"{name}.qmp")
        self.size = self.actual = self.wanted = size
        self.balloon_floor, self.frozen = 0, False
        self.stats = {"stat-total-memory": size - 16 * MIB, "stat-free-memory": size // 2}
        self.stats |= {"stat-available-memory": size // 2 + MIB, "stat-disk-caches": MIB}
        self.updated, self.period, self.device = None, 1, "virtio-balloon-pci"
        self.status, self.migration, self.driver_runs = "running", "", True
        self.memory_at = None
        self.hang, self.drop, self.garbage, self.lie = set(), set(), set(), {}
        self.read_only = False
        self.commands, self.writes = deque(maxlen=10_000), []
        self.connections = 0
        self._clients = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(self.path)
        self._listener.listen(1)
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *exc):
        self.stop()

    def stop(self):
        """As if QEMU had ended: its socket's file stays."""
        self._ends.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.disconnect()
        self._thread.join(5)

    def disconnect(self):
        for client in list(self._clients):
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)

    def event(self, name, **data):
        stamp = {"seconds": int(time.time()), "microseconds": 0}
        for client in list(self._clients):
            self._send(client, {"event": name, "data": data, "timestamp": stamp})

    def _serve(self):
        while not self._ends.is_set():  # one client at a time, as QEMU's chardev
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._clients.append(client)
            with contextlib.suppress(OSError, ValueError):
                self._talk(client)
            self._clients.remove(client)
            client.close()

    def _talk(self, client):
        if "greeting" in self.hang:
            while not self._ends.wait(0.01) and "greeting" in self.hang:
                pass
        if "greeting" in self.garbage:
            client.sendall(b"SSH-2.0-OpenSSH\r\n")
            return
        self._send(client, GREETING)
        for asked in messages(client):
            command, given = asked["execute"], asked.get("arguments", {})
            self.commands.append(command)
            if command in self.drop:
                return
            if command in self.garbage:
                client.sendall(b'{"return": {\r\n')
                return
            while command in self.hang:
                if self._ends.wait(0.01):
                    return
            answer = self._answer(command, given)
            self._send(client, answer | ({"id": asked["id"]} if "id" in asked else {}))

    def _send(self, client, message):
        with contextlib.suppress(OSError):
            client.sendall(json.dumps(message).encode() + b"\r\n")

    def _answer(self, command, given):
        if command in WRITES:
            self.writes.append((command, given))
            if self.read_only:
                return refusal("GenericError", "this guest is only looked at")
        if command in self.lie:
            return {"return": self.lie[command]}
        method = getattr(self, "_" + command.replace("-", "_"), None)
        return method(given) if method else refusal("CommandNotFound", f"no {command}")

    def _qmp_capabilities(self, given):
        return {"return": {}}

    def _query_status(self, given):
        return {"return": {"status": self.status, "running": self.status == "running"}}

    def _query_migrate(self, given):
        return {"return": {"status": self.migration} if self.migration else {}}

    def _query_memory_size_summary(self, given):
        return {"return": {"base-memory": self.size, "plugged-memory": 0}}

    def _query_balloon(self, given):
        if not self.device:
            return refusal("DeviceNotActive", "No balloon device has been activated")
        return {"return": {"actual": self.actual}}

    def _balloon(self, given):
        self.wanted = given["value"]
        if not self.frozen:
            self.actual = max(self.wanted, self.balloon_floor)
        return {"return": {}}

    def _qom_list(self, given):
        here = self.device and given["path"] == "/machine/peripheral"
        found = [{"name": "net0", "type": "child<virtio-net-pci>"}]
        if here:
            found.append({"name": "balloon0", "type": f"child<{self.device}>"})
        return {"return": found}

    def _qom_get(self, given):
        known = {"guest-stats-polling-interval": self.period, "deflate-on-oom": True}
        if given["property"] == "guest-stats":
            # QEMU has 2^64 - 1, signed or not by version, for what the guest does not tell
            told = {"stat-htlb-pgfail": 2**64 - 1, "stat-minor-faults": -1, **(self.stats or {})}
            updated = int(time.time()) if self.updated is None else self.updated
            return {"return": {"stats": told, "last-update": updated if self.stats else 0}}
        if given["property"] in known:
            return {"return": known[given["property"]]}
        return refusal("GenericError", f"Property '{given['property']}' not found")

    def _qom_set(self, given):
        self.period = given["value"]
        return {"return": {}}

    def _x_query_virtio_status(self, given):
        if self.driver_runs is None:
            return refusal("CommandNotFound", "no x-query-virtio-status")
        status = "VIRTIO_CONFIG_S_DRIVER_OK: Driver setup and ready" if self.driver_runs else ""
        return {"return": {"status": {"statuses": [status]}}}

    def _human_monitor_command(self, given):
        if self.memory_at is None:
            return {"return": "no memory there\r\n"}
        return {"return": f"Host virtual address for 0x0 (pc.ram) is {self.memory_at:#x}\r\n"}

    def _stop(self, given):
        self.status = "paused"
        return {"return": {}}

    def _cont(self, given):
        self.status = "running"
        return {"return": {}}


def messages(client):
    """One JSON value after the other; nothing stands between them."""
    said, decoder = "", json.JSONDecoder()
    while got := client.recv(65536):
        said += got.decode()
        while said := said.lstrip():
            try:
                message, end = decoder.raw_decode(said)
            except ValueError:
                break
            said = said[end:]
            yield message


def refusal(kind, said):
    return {"error": {"class": kind, "desc": said}}
