"""A small file of every kind of monitoring data: a VM ``web`` of 4 MiB, read at 1000 and 1300
seconds, that used 2 and 3 MiB of which 1 and 2 MiB were active.
"""

import json

import numpy as np

KIB, MIB = 1024, 2**20
BITBRAINS = (
    "Timestamp [ms];\tCPU cores;\tCPU capacity provisioned [MHZ];\tCPU usage [MHZ];\tCPU usage [%];"
    "\tMemory capacity provisioned [KB];\tMemory usage [KB];\tDisk read throughput [KB/s];\t"
    "Disk write throughput [KB/s];\tNetwork received throughput [KB/s];\t"
    "Network transmitted throughput [KB/s]\n"
)
GROUP = r"\\esx1\Group Memory(77:web)"
ESXTOP = (
    f'"(PDH-CSV 4.0) (UTC)(0)",{"{}"}\n"01/01/1970 00:16:40",{{}}\n"01/01/1970 00:21:40",{{}}\n'
)
DOMSTATS = """\
1000
Domain: 'web'
  state.state=1
  balloon.current=4096
  balloon.maximum=4096
  balloon.available=4000
  balloon.unused=1952
  balloon.usable=2976
  balloon.last-update=990
  balloon.rss=9999

1300
Domain: 'web'
  balloon.maximum=4096
  balloon.available=4000
  balloon.unused=928
  balloon.usable=1952
  balloon.last-update=1290
"""


def esxtop(**counters):
    """Counter -> its two values."""
    names = ",".join(f'"{GROUP}\\{name}"' for name in counters)
    rows = [",".join(f'"{values[n]}"' for values in counters.values()) for n in range(2)]
    return ESXTOP.format(names, *rows)


def matrix(*series):
    """An answer of Prometheus; series: (labels, [(time, value)])."""
    result = [
        {"metric": labels, "values": [[t, str(v)] for t, v in told]} for labels, told in series
    ]
    return json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}})


def write_parquet(path, **columns):
    import pyarrow
    import pyarrow.parquet

    pyarrow.parquet.write_table(pyarrow.table(columns), path)
    return path


def sample(kind, folder):
    """A good file of that kind in the folder; returns its path."""
    if kind == "parquet":
        told = {"time": np.array([1000, 1300]), "vm": ["web", "web"], "size_mib": [4, 4]}
        return write_parquet(folder / "web.parquet", **told, used_mib=[2.0, 3], active_mib=[1.0, 2])
    ours = "pageengine_vm_{}_bytes"
    texts = {
        "bitbrains": BITBRAINS + "1000;\t1;\t1;\t1;\t1;\t4096;\t1024;\t0;\t0;\t0;\t0\n"
        "1300;\t1;\t1;\t1;\t1;\t4096;\t2048;\t0;\t0;\t0;\t0\n",
        "csv": "time,vm,size_mib,used_mib,active_mib\n1000,web,4,2,1\n1300,web,4,3,2\n",
        "esxtop": esxtop(
            **{
                "Memory Size MBytes": (4, 4),
                "Memory Granted Size MBytes": (2, 3),
                "Touched MBytes": (1, 2),
            }
        ),
        "prometheus": matrix(
            ({"__name__": ours.format("size"), "vm": "web"}, [(1000, 4 * MIB), (1300, 4 * MIB)]),
            ({"__name__": ours.format("used"), "vm": "web"}, [(1000, 2 * MIB), (1300, 3 * MIB)]),
            (
                {"__name__": "container_memory_working_set_bytes", "vm": "web"},
                [(1000, MIB), (1300, 2 * MIB)],
            ),
        ),
        "domstats": DOMSTATS,
    }
    path = folder / f"web.{'csv' if kind in ('bitbrains', 'csv', 'esxtop') else 'txt'}"
    path.write_text(texts[kind])
    return path
