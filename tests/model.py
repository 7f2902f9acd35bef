"""A host, its VMs and the places of their pages, in plain Python: what the engine must do.

A page is a place and a content. Everything else is counted from those two lists whenever it is
asked for: the pages that map a shared frame, the idle frames, what a VM consumes. So nothing
here can get out of step, and there is nothing to believe but the few lines that move a page.

The model predicts exactly: accesses (read, touch, write), the sharing scan, the balloon, removal,
blocking - the place of every page, every counter, and how far a batch comes. It does not predict
which victims a reclaim picks, nor how blobs are packed into the frames of the compression cache.
There the engine says what it did; `legal_reclaim` proves that every single move was allowed and
counted, and only then `adopt` takes it over.

Contents are any hashable values; `zero` is the content of a page of zeroes.
"""

from collections import Counter

ABSENT, PRIVATE, SHARED, COMPRESSED, SWAPPED, BALLOONED = range(6)
PLACES = ("absent", "private", "shared", "compressed", "swapped", "ballooned")
PAGE = 4096

# Counters that the model predicts, and those that it takes over from a reclaim after checking them.
PREDICTED = (
    *("accesses", "faults_absent", "cow_breaks", "decompressions", "swap_in", "discarded"),
    *("balloon_in", "balloon_out", "balloon_pops", "scanned", "hinted", "merged", "zero_merged"),
    *("block_stops",),
)
REPORTED = (
    *("compressions", "compressed_half", "compressed_quarter", "incompressible"),
    *("cache_evictions", "swap_out"),
)

# Moves out of a private frame that each technique may make; sharing always comes first.
MOVES = {
    "sharing": {SHARED},
    "compression": {SHARED, COMPRESSED},
    "swap": {SHARED, SWAPPED},
    "ladder": {SHARED, COMPRESSED, SWAPPED},
}
# All that a reclaim from another VM may count for this one.
LEFT_THE_CACHE = {"cache_evictions", "swap_out"}


class ModelVM:
    def __init__(self, id, pages, salt):
        self.id = id
        self.pages = pages
        self.salt = salt
        self.place = [ABSENT] * pages
        self.content = [None] * pages  # None where there is none: absent and ballooned pages
        self.pinned = set()
        self.ever = set()  # pages accessed at least once
        self.young = set()  # pages accessed since the idle ages were last advanced
        self.since_sample = None  # pages accessed since a sampling period began
        self.scan_hand = 0
        self.seen = {}  # ppn -> content when a scan by the two-scan rule last saw it
        self.blocked = False
        self.count = dict.fromkeys((*PREDICTED, *REPORTED), 0)

    def pages_in(self, place):
        return [ppn for ppn in range(self.pages) if self.place[ppn] == place]


class Model:
    def __init__(self, frames, sharing=True, zero=0, mark=0):
        self.frames = frames
        self.sharing = sharing
        self.zero = zero
        self.mark = mark  # accesses leave so many frames idle
        self.vms = {}  # by id, in the order in which they were added
        self.hints = {}  # (salt, content when scanned) -> [vm id, ppn, generation]
        self.generation = 0
        self.cache_frames = 0  # as the engine reports; bounds are checked in legal_cache

    # Counting

    def all_pages(self):
        return [(vm, ppn) for vm in self.vms.values() for ppn in range(vm.pages)]

    def mappers(self):
        """Shared frames and how many pages map each: no two of one salt hold equal content."""
        return Counter(
            (vm.salt, vm.content[ppn]) for vm, ppn in self.all_pages() if vm.place[ppn] == SHARED
        )

    def in_place(self, place):
        return sum(vm.place.count(place) for vm in self.vms.values())

    def idle(self):
        return self.frames - self.in_place(PRIVATE) - len(self.mappers()) - self.cache_frames

    # VMs

    def add_vm(self, pages, salt=""):
        """Takes the lowest id that no VM has."""
        id = next(i for i in range(len(self.vms) + 1) if i not in self.vms)
        self.vms[id] = ModelVM(id, pages, salt)
        return self.vms[id]

    def remove_vm(self, vm):
        del self.vms[vm.id]

    # Accesses

    def needs_frame(self, vm, ppn, write):
        place = vm.place[ppn]
        if place == PRIVATE:
            return False
        if place == SHARED:
            return write and self.mappers()[vm.salt, vm.content[ppn]] > 1
        if place in (ABSENT, BALLOONED):
            return self.to_private(vm, ppn, write) or (vm.salt, self.zero) not in self.mappers()
        return True  # compressed and swapped pages come back to a frame of their own

    def to_private(self, vm, ppn, write):
        """Does a first access take a frame of its own? Else it maps the zero page."""
        return write or not self.sharing or ppn in vm.pinned

    def access(self, vm, ppn, write=False, data=None):
        """One access; data: a whole-page write. False and no change when it lacks a frame."""
        if self.needs_frame(vm, ppn, write) and self.idle() <= self.mark:
            return False
        place, count = vm.place[ppn], vm.count
        count["accesses"] += 1
        if place in (ABSENT, BALLOONED):
            count["balloon_pops"] += place == BALLOONED
            count["faults_absent"] += 1
            vm.place[ppn] = PRIVATE if self.to_private(vm, ppn, write) else SHARED
            vm.content[ppn] = self.zero
        elif place == SHARED and write:
            count["cow_breaks"] += 1
            vm.place[ppn] = PRIVATE
        elif place in (COMPRESSED, SWAPPED):
            fetched = "decompressions" if place == COMPRESSED else "swap_in"
            count[fetched if data is None else "discarded"] += 1
            vm.place[ppn] = PRIVATE
        if data is not None:
            vm.content[ppn] = data
        vm.ever.add(ppn)
        vm.young.add(ppn)
        if vm.since_sample is not None:
            vm.since_sample.add(ppn)
        return True

    def batch(self, vm, accesses):
        """Accesses (ppn, write, data) in order: how many were made, and why no more."""
        if vm.blocked:
            vm.count["block_stops"] += 1
            return 0, "PE_BLOCKED"
        for done, (ppn, write, data) in enumerate(accesses):
            if not self.access(vm, ppn, write, data):
                return done, "PE_NO_FRAME"
        return len(accesses), "PE_OK"

    # Sharing

    def scan(self, pages=None, only=None, two_scans=False):
        """Pages of each VM, or of one, from its scan hand on; a full pass is a generation."""
        before, self.unstable = self.sums(), 0
        for vm in [only] if only else list(self.vms.values()):
            for _ in range(vm.pages if pages is None else pages):
                self.scan_page(vm, vm.scan_hand, two_scans)
                vm.scan_hand = (vm.scan_hand + 1) % vm.pages
        if pages is None and only is None:
            self.generation += 1
        gained = {name: total - before[name] for name, total in self.sums().items()}
        return {**gained, "unstable": self.unstable}

    def scan_page(self, vm, ppn, two_scans):
        if not self.sharing or vm.place[ppn] != PRIVATE or ppn in vm.pinned:
            if self.sharing and two_scans and vm.place[ppn] not in (PRIVATE, SHARED):
                vm.seen.pop(ppn, None)
            return
        vm.count["scanned"] += 1
        key = (vm.salt, vm.content[ppn])
        shared, zero = key in self.mappers(), vm.content[ppn] == self.zero
        if two_scans and not shared and vm.seen.get(ppn) != vm.content[ppn]:
            vm.seen[ppn] = vm.content[ppn]
            self.unstable += 1
        elif zero or shared:
            vm.count["zero_merged" if zero else "merged"] += 1
            vm.place[ppn] = SHARED
        elif self.partner(vm, ppn, two_scans):
            other, other_ppn = self.partner(vm, ppn)
            vm.count["merged"] += 1
            vm.place[ppn] = other.place[other_ppn] = SHARED
            del self.hints[key]
        else:
            vm.count["hinted"] += not self.live(key) or self.hints[key][:2] != [vm.id, ppn]
            self.hints[key] = [vm.id, ppn, self.generation]

    def live(self, key):
        return key in self.hints and self.hints[key][2] >= self.generation - 1

    def partner(self, vm, ppn, of_this_pass=False):
        """The page that a live hint names, if it still has this content in a frame of its own."""
        key = (vm.salt, vm.content[ppn])
        if not self.live(key):
            return None
        id, other_ppn, generation = self.hints[key]
        if of_this_pass and generation != self.generation:
            return None
        other = self.vms.get(id)
        if (id, other_ppn) == (vm.id, ppn):
            return None
        if other is None or other_ppn >= other.pages or other_ppn in other.pinned:
            return None
        same = (other.salt, other.content[other_ppn]) == key and other.place[other_ppn] == PRIVATE
        return (other, other_ppn) if same else None

    # Balloon

    def balloon(self, vm, ppns=None, pages=None):
        """Gives up these pages, or the first `pages` absent ones; how many new ones."""
        chosen = vm.pages_in(ABSENT)[:pages] if ppns is None else ppns
        before = vm.count["balloon_in"]
        for ppn in chosen:
            if vm.place[ppn] != BALLOONED:
                vm.place[ppn], vm.content[ppn] = BALLOONED, None
                vm.young.discard(ppn)
                vm.count["balloon_in"] += 1
        return vm.count["balloon_in"] - before

    def deflate(self, vm, pages=None):
        chosen = vm.pages_in(BALLOONED)[:pages]
        for ppn in chosen:
            vm.place[ppn] = ABSENT
        vm.count["balloon_out"] += len(chosen)
        return len(chosen)

    # What the engine decides, and the model proves

    def legal_cache(self, frames, slot_bytes):
        """Can the compression cache occupy so many frames with the blobs that it holds?"""
        blobs = self.in_place(COMPRESSED)
        assert -(-slot_bytes // PAGE) <= frames <= blobs, (frames, slot_bytes, blobs)
        assert slot_bytes <= blobs * PAGE // 2, "a blob takes more than half a page"
        assert blobs == 0 or slot_bytes > 0, "blobs take no room"

    def legal_reclaim(self, after, counts, victims, technique, compressible, limit=True):
        """Proves that places and counts, both by VM id, can be what reclaims from `victims` left.
        limit: have the blobs of all VMs a common limit, so that those of others may go."""
        mappers = self.mappers()
        shared_now = Counter(
            (vm.salt, vm.content[ppn])
            for vm, ppn in self.all_pages()
            if after[vm.id][ppn] == SHARED
        )
        for vm, ppn in self.all_pages():
            old, new = vm.place[ppn], after[vm.id][ppn]
            if old == new:
                continue
            key = (vm.salt, vm.content[ppn])
            what = f"VM {vm.id} page {ppn}, {PLACES[old]} to {PLACES[new]} by {technique}"
            if old == COMPRESSED:
                assert new == SWAPPED and technique in ("swap", "ladder"), what
                assert vm.id in victims or limit, f"{what}: its blob was in nobody's way"
                continue
            assert old == PRIVATE and ppn not in vm.pinned, f"{what}: not for reclaim"
            if new == SHARED:
                known = key in mappers or key[1] == self.zero or key in self.hints
                assert known and (shared_now[key] > 1 or key[1] == self.zero), f"{what}: no partner"
                assert vm.id in victims or self.hints[key][:2] == [vm.id, ppn], f"{what}: not asked"
                continue
            assert vm.id in victims and new in MOVES[technique], what
            if self.sharing:
                assert key not in mappers and key[1] != self.zero, f"{what}: it could be shared"
                other, other_ppn = self.partner(vm, ppn) or (None, None)
                assert not other or after[other.id][other_ppn] != PRIVATE, f"{what}: had a partner"
            if new == COMPRESSED:
                assert compressible(key[1]), f"{what}: it does not compress"
        self.legal_counts(after, counts, victims, shared_now - mappers, mappers)

    def legal_counts(self, after, counts, victims, joined, mappers):
        """Every move is counted once and where it belongs. joined: new mappers of shared frames."""
        gained = Counter()
        for vm in self.vms.values():
            delta = {name: counts[vm.id][name] - vm.count[name] for name in vm.count}
            grown = {p: after[vm.id].count(p) - vm.place.count(p) for p in (COMPRESSED, SWAPPED)}
            assert grown[COMPRESSED] == delta["compressions"] - delta["cache_evictions"], delta
            assert grown[SWAPPED] == delta["swap_out"] >= delta["cache_evictions"] >= 0, delta
            kept = delta["compressed_half"] + delta["compressed_quarter"]
            assert kept == delta["compressions"] >= 0, delta
            changed = {name for name in delta if delta[name]}
            allowed = {"merged", "zero_merged", *REPORTED} if vm.id in victims else LEFT_THE_CACHE
            assert changed <= allowed, f"VM {vm.id} counts {changed - allowed} in a reclaim"
            gained.update(delta)
        zero = sum(n for (_, content), n in joined.items() if content == self.zero)
        hinted = sum(1 for key in joined if key not in mappers and key[1] != self.zero)
        assert gained["zero_merged"] == zero, (gained, joined)
        assert gained["merged"] == joined.total() - zero - hinted, (gained, joined)

    def adopt(self, after, counts, cache_frames):
        """Takes over the places and counters that a reclaim left, once they are proved."""
        for vm in self.vms.values():
            vm.place = list(after[vm.id])
            vm.count = dict(counts[vm.id])
        self.cache_frames = cache_frames
        for key in self.mappers():
            self.hints.pop(key, None)  # it found its partner

    # The numbers that the engine's stats must show

    def sums(self):
        return {
            name: sum(vm.count[name] for vm in self.vms.values()) for name in PREDICTED + REPORTED
        }

    def zero_mappers(self):
        return Counter({key: n for key, n in self.mappers().items() if key[1] == self.zero})

    def vm_numbers(self, vm, zipped):
        """Bytes by place and counters; consumed charges each shared page that is not zero alike."""
        numbers = {PLACES[place]: vm.place.count(place) * PAGE for place in range(6)}
        zero = sum(vm.place[p] == SHARED and vm.content[p] == self.zero for p in range(vm.pages))
        costly = self.mappers() - self.zero_mappers()
        own = numbers["shared"] - zero * PAGE
        charged = own * len(costly) // costly.total() if own else 0
        return {
            **numbers,
            **vm.count,
            "size": vm.pages * PAGE,
            "granted": numbers["private"] + numbers["shared"],
            "zero": zero * PAGE,
            "consumed": numbers["private"] + charged + zipped,
            "mapped": len(vm.ever) * PAGE,
            "blocked": vm.blocked,
        }

    def host_numbers(self):
        mappers = self.mappers()
        shared, common = sum(mappers.values()) * PAGE, len(mappers) * PAGE
        return {
            **self.sums(),
            "memory": self.frames * PAGE,
            "free": self.idle() * PAGE,
            "consumed": (self.frames - self.idle()) * PAGE,
            "shared": shared,
            "shared_common": common,
            "saving": shared - common,
            "zero": self.zero_mappers().total() * PAGE,
            "compressed": self.in_place(COMPRESSED) * PAGE,
            "swapped": self.in_place(SWAPPED) * PAGE,
            "ballooned": self.in_place(BALLOONED) * PAGE,
            "cache": self.cache_frames * PAGE,
            "granted": (self.in_place(PRIVATE) + self.in_place(SHARED)) * PAGE,
        }
