"""Readers of monitoring data. The first byte says which reader and how long a slot is, the second
how the file is named, the rest is the file. A reader gives demand, of which VMs can be placed or a
ValueError says why not; or a DemandError that names the file.
"""

import warnings

import made_demand
import numpy as np
from fuzz import scratch

from pageengine import demand
from pageengine.analysis import backtest, packing, placing
from pageengine.demand import grid, summarise
from pageengine.errors import DemandError

grid.CELLS_MOST = 1 << 18  # demand is built here, again and again
KINDS = (None, *(reader.kind for reader in demand.READERS if reader.kind != "parquet"))
NAMES = ("t.csv", "t.json", "t.log", "1.csv", "t")
STEPS = (None, 300.0, 0.001, 86400.0)
HOST = 64 << 20
DICTIONARY = (
    b"time",
    b"vm",
    b"size",
    b"used",
    b"active",
    b"size_mib",
    b"active [GiB]",
    b"time,vm,size,used,active\n",
    b"Timestamp [ms];",
    b";\t",
    b'"(PDH-CSV 4.0) (UTC)(0)"',
    b"\\\\h\\Group Memory(1:web)\\Memory Size MBytes",
    b"Touched MBytes",
    b"% Active Estimate",
    b"Domain: 'web'\n",
    b"  balloon.maximum=1048576\n",
    b"  balloon.last-update=",
    b"balloon.rss",
    b'{"status":"success","data":{"resultType":"matrix","result":[',
    b'{"metric":{"__name__":"pageengine_vm_used_bytes","vm":"a"},"values":[[0,"1"]]}',
    b'"NaN"',
    b"2026-01-01T00:00:00Z",
    b"01/31/2026 23:59:59",
    b"nan",
    b"inf",
    b"-1",
    b"1e300",
    b"1700000000000",
    b"9" * 400,
    b"\xef\xbb\xbf",
    b"\r\n",
    b'"',
    b"\0",
)


def one(data):
    """One input: whether VMs could be placed or at least read. Raises what no reader may raise."""
    if len(data) < 2:
        return False
    kind, step = KINDS[data[0] % 16 % len(KINDS)], STEPS[data[0] // 16 % len(STEPS)]
    path = scratch.file(data[2:], NAMES[data[1] % len(NAMES)])
    with scratch.in_time(), warnings.catch_warnings():
        warnings.simplefilter("error")  # numpy's, of numbers that should not have come so far
        try:
            found = demand.load(path, kind=kind, step=step)
        except DemandError as error:
            assert str(path) in str(error) and "\n" not in str(error), error
            return False
        summarise(found)
        for name in demand.COLUMNS:
            values = getattr(found, name)
            assert values.shape == (len(found.names), found.slots) and values.dtype == np.float64
            assert not (values < 0).any() and not np.isinf(values).any()
        place(found)
    return True


def place(found):
    """What advise does with it."""
    try:
        loads = placing.loads(found)
        said = packing.pack(loads, HOST, draws=3)
        assert 0 <= said.count <= said.vms == len(loads.names) and said.peak >= 0
        backtest.backtest(loads, HOST, draws=3)
    except DemandError:
        raise
    except ValueError as error:
        assert "VM" in str(error) or "split" in str(error), error


def seeds():
    """Small valid files, by name."""
    folder = scratch.folder()
    made = {}
    for kind in KINDS[1:]:
        path = made_demand.sample(kind, folder)
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        suffix = {"prometheus": "t.json", "domstats": "t.log"}.get(kind, "t.csv")
        head = bytes([KINDS.index(kind), NAMES.index(suffix)])
        made[kind] = head + files[0].read_bytes()
    made["guessed"] = bytes([0]) + made["csv"][1:]
    made["day"] = bytes([KINDS.index("csv") + 16 * STEPS.index(86400.0)]) + made["csv"][1:]
    return made
