"""How an overcommit experiment is told: progress while it runs, tables when it is done."""

from pageengine.analysis.outcome import Overcommit
from pageengine.analysis.overcommit import Progress
from pageengine.cli import holdings
from pageengine.cli.console import Console, Show, percent, size

_DOING = {
    "load": "loading",
    "scan": "looking for equal pages",
    "balance": "letting the policy act",
    "verify": "reading back",
}
_AFTER = {"load": "loaded", "scan": "scanned", "balance": "balanced", "verify": "read back"}
_STATE = (
    ("machine memory in use", "consumed"),
    ("machine memory free", "free"),
    ("pages in frames of their own", "private"),
    ("pages on shared frames", "shared"),
    ("  of them zero pages", "zero"),
    ("  frames behind them", "shared_common"),
    ("pages compressed", "compressed"),
    ("  frames of the cache", "cache"),
    ("pages in swap", "swapped"),
)
_COSTS = (
    ("scanned", "pages hashed and looked up"),
    ("merged", "merged with an equal page (compared byte by byte)"),
    ("zero_merged", "merged with the zero page"),
    ("compressions", "compressed"),
    ("incompressible", "tried, did not fit half a page"),
    ("decompressions", "decompressed on access"),
    ("cache_evictions", "moved from the cache to swap"),
    ("swap_out", "written to swap"),
    ("swap_in", "read from swap on access"),
    ("cow_breaks", "copied on a write to a shared page"),
)
_PLACES = (
    ("private", "private"),
    ("shared", "shared"),
    ("zero", "zero"),
    ("compressed 2:1", "2:1"),
    ("compressed 4:1", "4:1"),
    ("compressed dense", "dense"),
    ("swapped", "swapped"),
    ("ballooned", "balloon"),
    ("absent", "absent"),
)


class Story:
    """Progress and tables of one experiment."""

    def __init__(self, console: Console):
        self._console = console

    def follow(self, show: Show) -> Progress:
        """The experiment's progress callback, shown as bars."""

        def progress(phase: str, vm: str, done: int, total: int) -> None:
            if total:
                show(f"{phase} {vm}", f"{_DOING[phase]} {vm}", done, total)
            elif phase in ("scan", "balance"):
                show(phase, _DOING[phase], 0, 0)

        return progress

    def tell(self, result: Overcommit) -> None:
        """Prints everything."""
        self._console.result(result.to_dict())
        holdings.show(
            self._console, [(m.name, m.data, m.hole, m.unknown, m.gap) for m in result.vms]
        )
        self.places(result)
        self.given_back(result)
        self.host(result)
        self.costs(result)
        self._console.say()
        self.verdict(result)

    def places(self, result: Overcommit) -> None:
        """Where each VM's pages are."""
        sums = {key: sum(m.places[key] for m in result.vms) for key, _ in _PLACES}
        shown = [
            (key, title)
            for key, title in _PLACES
            if sums[key] or key not in ("compressed dense", "ballooned")
        ]
        rows = [
            (m.name, size(m.size), *(_mib(m.places[key]) for key, _ in shown)) for m in result.vms
        ]
        if len(rows) > 1:
            rows.append(("all", size(result.configured), *(_mib(sums[key]) for key, _ in shown)))
        self._console.table(
            "Where the pages are, in MiB of guest memory",
            ("VM", "size", *(title for _, title in shown)),
            rows,
            total=len(rows) > 1,
            caption="2:1, 4:1: compressed into half and quarter pages; "
            "absent: never touched, reads as zeros",
        )

    def given_back(self, result: Overcommit) -> None:
        """What each technique gave back."""
        rows = [
            (name, size(value), percent(value, result.configured))
            for name, value in result.given_back.items()
            if value or name not in ("balloon",)
        ]
        saved = sum(result.given_back.values())
        rows.append(("in all", size(saved), percent(saved, result.configured)))
        consumed = result.configured - saved
        self._console.table(
            f"What each technique gave back, of {size(result.configured)} configured",
            ("technique", "memory", "share"),
            rows,
            total=True,
            caption=f"{size(result.configured)} - {size(saved)} = {size(consumed)} "
            "of machine memory in use",
        )

    def host(self, result: Overcommit) -> None:
        """The host after each phase."""
        stats = [
            {**p.stats, "private": p.stats["granted"] - p.stats["shared"]} for p in result.phases
        ]
        rows = [(title, *(size(each[key]) for each in stats)) for title, key in _STATE]
        rows.append(("resident, this process", *(size(p.resident) for p in result.phases)))
        rows.append(("seconds, files not counted", *(f"{p.seconds:.2f}" for p in result.phases)))
        self._console.table(
            f"The host of {size(result.memory)}",
            ("", *(_AFTER[p.name] for p in result.phases)),
            rows,
        )

    def costs(self, result: Overcommit) -> None:
        """What was counted, per phase."""
        shown = [p for p in result.phases if p.name != "balance"]
        rows = []
        for key, what in _COSTS:
            counts = [p.events.get(key, 0) for p in shown]
            if any(counts):
                rows.append((what, *counts))
        self._console.table("What it cost, in pages", ("", *(_AFTER[p.name] for p in shown)), rows)

    def verdict(self, result: Overcommit) -> None:
        """Memory kept to, time, and whether every byte was read back."""
        console = self._console
        if result.resident_peak is not None:
            console.say(
                f"Resident memory of this process grew by {size(result.resident_peak)} at most, "
                f"for a host of {size(result.memory)}; its bookkeeping and the reading buffers "
                "are in that."
            )
        console.say(
            f"The engine worked for {result.engine_seconds:.2f} s, besides reading the files."
        )
        pages = sum(m.compared for m in result.vms)
        if result.same:
            console.say(
                f"Every byte is the same: {pages:,} pages ({size(pages * 4096)}) of "
                f"{len(result.vms)} image(s) were read back and compared.",
                style="bold green",
            )
            return
        for m in result.vms:
            if m.differing:
                console.say(
                    f"{m.name}: {m.differing:,} of {m.compared:,} pages DIFFER from {m.path}, "
                    f"the first is page {m.first_differing}.",
                    style="bold red",
                )


def _mib(value: int) -> str:
    return f"{value / 2**20:,.1f}" if value else "-"
