"""Static analysis of the core: gcc -fanalyzer and clang --analyze over every file of csrc/. What
they report and is no fault stands in ACCEPTED with its reason; more than that, or less, fails.
"""

import os
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FLAGS = ["-std=c11", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-Icsrc", "-Icsrc/codec"]
REPORT = re.compile(r"^(csrc/\S+?):(\d+):\d+: (?:warning|error): (.*) \[([\w.+,=-]+)\]$", re.M)
UNINITIALISED = "-Wanalyzer-use-of-uninitialized-value"
# (analyser, file, rule) -> (how many, why it is no fault). Of gcc 12 and clang 14.
ACCEPTED = {
    ("gcc", "csrc/codec/pe_codec_dense_codes.c", UNINITIALISED): (
        1,
        "lengths_of: when no leaf is left, an inner node is: root < next",
    ),
    ("clang", "csrc/codec/pe_codec_dense_codes.c", "core.uninitialized.Assign"): (1, "the same"),
    ("clang", "csrc/codec/pe_codec_dense_codes.c", "core.uninitialized.ArraySubscript"): (
        1,
        "lengths_of: its caller has two symbols at least, so n - 1 >= 1 and node[0] is set",
    ),
    ("gcc", "csrc/codec/pe_codec_word_wide.c", UNINITIALISED): (
        1,
        "look_up: the loop before sets all eight of `at`, and the analyser gives up unrolling",
    ),
    ("gcc", "csrc/pe_frames.c", "-Wanalyzer-malloc-leak"): (
        1,
        "pe_frames_init_in: level[0] is the block, and pe_frames_fini frees it",
    ),
}


def gcc():
    """Reports of gcc -fanalyzer."""
    return judged("gcc", [os.environ.get("GCC", "gcc"), "-fanalyzer", *FLAGS, "-c"])


def clang():
    """Reports of clang --analyze."""
    return judged(
        "clang",
        [os.environ.get("CLANG", "clang"), "--analyze", "-Xclang", "-analyzer-output=text", *FLAGS],
    )


def missing(command):
    """Why an analyser cannot run, or nothing."""
    return "" if shutil.which(command) else f"there is no {command}"


def judged(analyser, command):
    """Texts of what is not accepted, and of what is accepted and gone."""
    sources = sorted(path.relative_to(ROOT) for path in ROOT.glob("csrc/**/*.c"))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        texts = list(pool.map(lambda source: analysed(command, source), sources))
    found = {}
    for text in texts:
        for file, line, message, rule in REPORT.findall(text):
            found.setdefault((analyser, file, rule), []).append(f"{file}:{line}: {message}")
    problems = []
    for key, reports in found.items():
        if len(reports) > ACCEPTED.get(key, (0, ""))[0]:
            problems += [f"{report} [{key[2]}]" for report in reports]
    for key, (count, _) in ACCEPTED.items():
        if key[0] == analyser and len(found.get(key, ())) < count:
            problems.append(f"{key[1]} [{key[2]}]: reported less often than accepted: {count}")
    return problems


def analysed(command, source):
    """What the analyser says of a file."""
    done = subprocess.run(
        [*command, str(source), "-o", os.devnull], cwd=ROOT, capture_output=True, text=True
    )
    if done.returncode:
        return f"{source}:1:1: error: {done.stderr.strip()[-500:]} [does-not-compile]"
    return done.stderr
