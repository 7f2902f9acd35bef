"""Dask, where a grid of runs or a fleet is spread over the workers of a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pageengine.errors import PageEngineError
from pageengine.plumbing import given, reading

LOCAL = "local"


@contextmanager
def client(address: str, jobs: int = 1) -> Iterator[tuple[Any, tuple[type[BaseException], ...]]]:
    """A client of the cluster at this address, and the exceptions by which it says that a task
    was lost with its workers. "local": a cluster of ``jobs`` processes on this computer, which ends
    with the client. PageEngineError: Dask is not installed, or nobody answers there.
    """
    given.text(address, "the address of a Dask cluster", least=1)
    try:
        from distributed import Client, LocalCluster
        from distributed.scheduler import KilledWorker
    except ImportError:
        raise PageEngineError('--dask needs distributed: pip install "pageengine[dask]"') from None
    if address != LOCAL:
        try:
            opened = Client(address)
        except (OSError, ValueError, TypeError) as error:
            raise PageEngineError(
                f"there is no Dask scheduler at {given.shown(address)}: {reading.brief(error)}"
            ) from None
        with opened:
            yield opened, (KilledWorker,)
        return
    with (
        LocalCluster(n_workers=jobs, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as opened,
    ):
        yield opened, (KilledWorker,)
