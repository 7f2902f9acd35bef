"""ksmtuned told anew, with the shell's whole numbers in KiB: an oracle for ksm.Scanner. Facts from
ksmtuned 018d0ed, src/ksmtuned.sh.in.
"""


class Ksmtuned:
    def __init__(self):
        self.pages, self.runs = 0, False

    def minute(self, total, free, resident):
        """Pages per second after one more look at memory; KiB."""
        threshold = total * 20 // 100
        if threshold < 2048:
            threshold = 2048
        self.runs = not (resident + threshold < total and free > threshold)
        if not self.runs:
            return 0
        self.pages += 300 if free < threshold else -50
        self.pages = min(1250, max(64, self.pages))
        pause = 10 * 16 * 1024 * 1024 // total
        return self.pages * 1000 / (pause if pause > 10 else 10)
