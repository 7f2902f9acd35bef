"""One VM of a ChromeOS host, told anew: an oracle for the policy. Facts from ChromiumOS platform2,
vm_tools/concierge/balloon_policy.cc (BalanceAvailableBalloonPolicy, 2024); bytes, and divisions as
C's, towards 0.

Two things are easy to get wrong. What is critical for a guest becomes what it had the time
*before*, and that counts the balloon of both times. And whether a change is little is asked of the
change before it was bounded.
"""

MIB = 2**20
BEYOND = 10 * MIB


def divided(amount, by):
    return amount // by if amount >= 0 else -(-amount // by)


class BalanceAvailable:
    def __init__(self, critical_host, bias, largest):
        self.critical_host, self.bias, self.largest = critical_host, bias, largest
        self.critical_guest, self.before = 400 * MIB, None

    def delta(self, balloon, guest_available, host_available):
        """By how much the balloon is to grow."""
        self.largest = max(self.largest, balloon)
        full = balloon * 100 // self.largest
        if guest_available < self.critical_guest and full < 95 and self.before:
            available, full_then = self.before
            if available < self.critical_guest and full_then < 95:
                self.critical_guest = available
        self.before = guest_available, full
        guest = guest_available - self.critical_guest - self.bias * full // 100
        host = host_available - self.critical_host
        delta = divided(guest - host, 2)
        least, most = -(host + BEYOND), guest_available - self.critical_guest + BEYOND
        bounded = min(max(delta, least), most)
        if least > most:  # undefined in C++; ours
            bounded = min(max(0, most), least)
        near = guest < MIB or host < MIB
        if near or abs(delta) * 100 // guest > 1 or abs(delta) * 100 // host > 1:
            return max(bounded, -balloon)
        return 0
