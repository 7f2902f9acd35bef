"""What MOM does to balloons, told anew guest by guest in its own unit, KiB: an oracle for `kvm`.
Facts from oVirt/mom 3de1c8e (2025): doc/balloon.rules, mom/Entity.py, mom/Controllers/Balloon.py,
and the intervals of its configuration.

What a guest has now is what the newest sample says. A monitor that has never seen a guest's
statistics, or sees them no more, leaves the guest alone.
"""


class Mom:
    def __init__(self):
        self.host, self.guests = [], {}  # the last ten samples; name -> (current, unused)
        self.sampled = self.evaluated = None

    def targets(self, time, total, free, guests):
        """Name -> KiB that the guest is told to have. guests: name -> (current, unused, least,
        most), of those that tell; all in KiB.
        """
        if self.sampled is None or time - self.sampled >= 5:
            self.sampled = time
            self.host = [*self.host, free][-10:]
            self.guests = {
                name: [*self.guests.get(name, ()), guest][-10:] for name, guest in guests.items()
            }
        if self.evaluated is not None and time - self.evaluated < 10:
            return {}
        self.evaluated = time
        level = mean(self.host) / total
        told = {}
        for name in guests:
            if name in self.guests:
                samples = self.guests[name]
                used = mean([s[0] for s in samples]) - mean([s[1] for s in samples])
                current, _, least, most = samples[-1]
                target = (shrunk if level < 0.2 else grown)(level, used, current, least, most)
                if target is not None:
                    told[name] = int(target)
        return told


def mean(samples):
    return sum(samples) / len(samples)


def shrunk(level, used, current, least, most):
    spare = level - 0.05 if level <= 0.05 else 0.2 * (level / 0.2)
    target = max(0.95 * current, least, used + spare * current)
    return target if target <= current and matters(target, current) else None


def grown(level, used, current, least, most):
    if current >= most:
        return None
    target = min(most, max(1.05 * current, least, used + 0.2 * current))
    return target if matters(target, current) else None


def matters(target, current):
    return abs(target - current) > 0.0025 * current
