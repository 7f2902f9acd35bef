"""What qmemman does with its answers, told anew VM by VM: an oracle for the policy. Facts from
QubesOS qubes-core-admin 1ad5f9b (2026), qubes/qmemman/algo.py and systemstate.py; bytes.

Three things are easy to get wrong. A VM is assigned the larger of what it has and what it was told,
so that nothing is free before a donor's balloon has moved. In the branch without enough memory the
receivers share what is free *less* what donors are about to give. And a donor is left out only when
somebody waited for it and it holds to the byte what it held before.
"""

from dataclasses import dataclass

MIB = 2**20
RESERVE = 50 * MIB


@dataclass
class Domain:
    used: int | None
    has: int
    told: int
    least: int
    most: int
    stuck: bool = False

    @property
    def assigned(self):
        return max(self.has, self.told)

    @property
    def wish(self):
        return int(max(min(self.used * 1.3, self.most), 200 * MIB, self.least))


def asked(domains, free):
    """[(name, target)] in order, for ``free`` bytes above the reserve."""
    part = {n: d for n, d in domains.items() if d.used is not None and not d.stuck}
    wishes = sum(d.wish for d in part.values())
    beyond = free - sum(d.wish - d.assigned for d in part.values())
    if beyond > 0:
        return _enough(part, wishes, beyond)
    donors = {n: d for n, d in part.items() if d.wish < d.assigned or d.assigned >= d.most}
    told = [(n, d.wish) for n, d in donors.items() if d.assigned - d.wish >= 10 * MIB]
    rest = free - sum(donors[name].assigned - target for name, target in told)
    takers = {n: d for n, d in part.items() if n not in donors}
    if rest < 0 or not takers:
        return told
    wishes = sum(d.wish for d in takers.values())
    for name, d in takers.items():
        told.append((name, min(int(0.999 * (d.assigned + d.wish / wishes * rest)), d.most)))
    return told


def _enough(part, wishes, beyond):
    targets = {n: int(0.999 * (d.wish + d.wish / wishes * beyond)) for n, d in part.items()}
    left = sum(max(0, targets[n] - d.most) for n, d in part.items())
    takers = sum(targets[n] <= d.most for n, d in part.items())
    targets = {n: min(target, part[n].most) for n, target in targets.items()}
    while left > 0 and takers > 0:
        bonus, left, now = int(0.999 * (left / takers)), 0, takers
        for name, target in targets.items():
            most = part[name].most
            if target < most:
                if target + bonus >= most:
                    left += target + bonus - most
                    now -= 1
                targets[name] = min(target + bonus, most)
        takers = now
    gives = [(n, t) for n, t in targets.items() if t < part[n].assigned]
    return gives + [(n, t) for n, t in targets.items() if t >= part[n].assigned]


def matters(domains, requests, free):
    if RESERVE - free > 15 * MIB:
        return True
    for name, target in requests:
        d = domains[name]
        if 0 < d.told < d.wish and target - d.told > 15 * MIB:
            return True
    moved = sum(abs(target - domains[name].told) for name, target in requests)
    return moved + abs(free - RESERVE) > 150 * MIB


class Qmemman:
    """One look after the other. ``stuck`` are the names of those that are left out."""

    def __init__(self):
        self.stuck, self.since, self.then = set(), None, {}

    def look(self, time, free, domains):
        """name -> what it is told, of those that are told anything. free: what is assigned to
        nobody.
        """
        for name, d in domains.items():
            tells = d.used is not None
            if d.assigned <= d.told + RESERVE / 2 or (tells and d.assigned < d.wish):
                self.stuck.discard(name)
            d.stuck = name in self.stuck
        requests = asked(domains, free - RESERVE)
        if self.since is None and not matters(domains, requests, free):
            return {}
        told = {}
        for name, target in requests:
            more = max(0, target - domains[name].assigned)
            if more and free - more < 0.9 * RESERVE:
                self._somebody_waits(time, domains, told, name, free)
                return told
            told[name], free = target, free - more
        self.since, self.then = None, {}
        return told

    def _somebody_waits(self, time, domains, told, name, free):
        if self.since is None:
            self.since = time
            self.then = {donor: domains[donor].assigned for donor in told}
        elif time - self.since >= 0.5:
            for donor, had in self.then.items():
                d = domains.get(donor)
                if d and d.assigned == had and d.assigned > d.told + RESERVE / 4:
                    self.stuck.add(donor)
            if free > RESERVE:
                told[name] = domains[name].assigned + free - RESERVE
            self.since, self.then = None, {}
