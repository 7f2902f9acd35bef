"""What pvestatd does to balloons in one round, told anew guest by guest: an oracle for the policy,
which does the same in columns. Facts from pve-manager 14a22df (2026), PVE/AutoBalloon.pm and
PVE/Service/pvestatd.pm; amounts in bytes.

Two things are as in the original and easy to get wrong. The second split goes on from what the
first one wished, and takes place whenever the first came no nearer to the goal, even if it moved
memory between guests. And every bound is measured from what a guest has, not from what an earlier
split wished for it.
"""

from dataclasses import dataclass

MIB = 2**20
STEP = 100 * MIB


@dataclass
class Guest:
    has: int
    least: int
    most: int
    shares: int
    free: int  # 0 where it tells nothing
    driver: bool = True

    @property
    def takes_part(self):
        return self.driver and self.has > 0 and self.least > 0 and self.shares > 0

    @property
    def comfortable(self):
        return self.free > 0.25 * self.least and self.has >= self.least


def targets(guests, memory, used, percent=80):
    """Name -> memory that the guest is told to have, for those who are told something. guests:
    name -> Guest.
    """
    goal = int(memory * percent / 100 - used)
    if -10 * MIB <= goal <= 10 * MIB:
        return {}
    members = {name: guest for name, guest in guests.items() if guest.takes_part}
    shrinks = goal < 0
    first = {name: g for name, g in members.items() if g.comfortable == shrinks}
    wishes = {}
    left = split(first, goal, wishes)
    if (left <= goal) if shrinks else (left >= goal):
        split(members, left, wishes)
    return {name: wish for name, wish in wishes.items() if wish != guests[name].has}


def split(members, goal, wishes):
    """Changes the wishes; what is left of the goal."""
    left, settled = goal, set()
    while left:
        open_ = {name: guest for name, guest in members.items() if name not in settled}
        if not open_:
            break
        pot = left + sum(wishes.get(name, g.has) - g.least for name, g in open_.items())
        weight = sum(guest.shares for guest in open_.values())
        moved, moves = 0, False
        for name, guest in open_.items():
            wish = one_wish(guest, int(pot / weight * guest.shares), goal > 0)
            if wish is None:
                settled.add(name)
                continue
            change = wish - wishes.get(name, guest.has)
            wishes[name] = wish
            moved += change
            moves = moves or change != 0
        left -= moved
        if not moves:
            break
    return left


def one_wish(guest, above, may_grow):
    """What the guest should have with so much above its minimum; None: it stays as it is."""
    wish = max(guest.least, min(guest.most, guest.least + above))
    if wish < guest.has:
        return max(wish, guest.has - STEP)
    if wish > guest.has and may_grow:
        return min(wish, guest.has + STEP)
    return None
