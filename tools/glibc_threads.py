"""What gcc links a wheel against in place of this computer's own library of threads.

Since glibc 2.34 threads are in the C library itself, under a new version, and what is linked there
asks for that version. Every glibc still answers to the older one: a library with the old names,
which holds nothing and is there for the linker alone, makes a module ask for that. Its objects, and
the static library for programs in C, know nothing of it.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from targets import Target

#: What is called of threads that a later glibc has moved.
MOVED = ("pthread_create", "pthread_join", "pthread_sigmask")
#: The first version of glibc for a processor, of which its oldest names are.
FIRST = {"x86_64": "2.2.5", "aarch64": "2.17"}


def threads(gcc: str, to: Target, folder: Path) -> Path:
    """Makes the library for a platform in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    code, names = folder / "threads.c", folder / "threads.map"
    code.write_text("".join(f"void {name}(void) {{}}\n" for name in MOVED))
    names.write_text(f"GLIBC_{FIRST[to.processor]} {{ {'; '.join(MOVED)}; }};\n")
    made = (folder / "libpthread.so.0").resolve()
    flags = ["-fno-builtin", "-shared", "-nostdlib", f"-Wl,-soname,{made.name}"]
    subprocess.run([gcc, *flags, f"-Wl,--version-script={names}", "-o", made, code], check=True)
    return made
