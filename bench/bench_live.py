"""What looking at real guests costs besides the kernel's own work: a board of a hundred guests,
from readings to lines; a minute of their recording; a scrape. 100 ms is what refreshing top may
take.
"""

import made_seen
import pytest

from pageengine.live.board import board_of, lines_of
from pageengine.live.metrics import Metrics
from pageengine.live.moment import moment_of
from pageengine.live.recording import Recording

NAMES = [f"guest-{number}" for number in range(100)]


def said(benchmark):
    benchmark.extra_info.update(per_item=len(NAMES), unit="guest")


@pytest.mark.benchmark(group="live")
def bench_top(benchmark):
    settings = made_seen.settings(*NAMES)
    seen = made_seen.seen(NAMES, 102.0, unknown={"guest-7": "no answer within 1 s"})
    before = moment_of(made_seen.seen(NAMES), settings, 100.0)

    def refresh():
        return lines_of(board_of(moment_of(seen, settings, 100.0, before)), 140, 50)

    assert len(benchmark(refresh)) == 50
    said(benchmark)


@pytest.mark.benchmark(group="live")
def bench_record_a_minute(benchmark):
    looks = [made_seen.seen(NAMES, 100.0 + 5 * number) for number in range(13)]
    parts = []

    def record():
        made = Recording(made_seen.settings(*NAMES).values(), lambda *each: parts.append(each), 60)
        for seen in looks:
            made.hear(seen)

    benchmark(record)
    assert len(parts[-1][1]["time"]) == 13 * len(NAMES)
    said(benchmark)


@pytest.mark.benchmark(group="live")
def bench_scrape(benchmark):
    made, seen = Metrics(), made_seen.seen(NAMES)

    def scrape():
        made.update(seen)
        return made.text()

    assert "guest-99" in benchmark(scrape)
    said(benchmark)
