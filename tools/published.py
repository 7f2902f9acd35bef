"""What goes with a release: that everything which says its version says the same, and a list of
what an installed wheel is made of (SBOM, in CycloneDX).
"""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
import venv
from pathlib import Path

import built
from targets import ROOT


def version() -> str:
    """The version, from its one place."""
    text = (ROOT / "src" / "pageengine" / "__init__.py").read_text()
    return re.search(r'^__version__ = "([^"]+)"$', text, re.MULTILINE)[1]


def repeated() -> dict[str, str]:
    """Every other file that must say the version -> what it says."""
    changes = (ROOT / "CHANGELOG.md").read_text()
    cited = (ROOT / "CITATION.cff").read_text()
    return {
        "CHANGELOG.md": re.search(r"^## (?:Unreleased: )?(\S+)", changes, re.MULTILINE)[1],
        "CITATION.cff": re.search(r"^version: (\S+)$", cited, re.MULTILINE)[1],
    }


def check_version(tagged: str) -> None:
    """SystemExit: a file says another version than the tag of a release, or the changes of that
    version are not yet closed.
    """
    said = {"src/pageengine/__init__.py": version(), **repeated()}
    wrong = [f"{file} says {each}" for file, each in said.items() if each != tagged]
    if "## Unreleased" in (ROOT / "CHANGELOG.md").read_text():
        wrong.append('CHANGELOG.md still has changes under "Unreleased"')
    if wrong:
        raise SystemExit(f"the tag says {tagged}, but " + "; ".join(wrong))
    print(f"{tagged}: said everywhere")


def named(listed: str) -> str:
    """A list with the version of what it is about, which pyproject.toml does not say."""
    found = json.loads(listed)
    component = found["metadata"]["component"]
    component |= {"version": version(), "purl": f"pkg:pypi/pageengine@{version()}"}
    return json.dumps(found, indent=2) + "\n"


def sbom(wheel: Path, output: Path) -> None:
    """Writes what an environment is made of that has the wheel alone, as CycloneDX JSON."""
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch) / "venv"
        venv.create(home, with_pip=False)
        python = home / "bin" / "python"
        built.run([sys.executable, "-m", "pip", "--python", python, "install", "-q", wheel])
        command = [sys.executable, "-m", "cyclonedx_py", "environment", python]
        command += ["--pyproject", ROOT / "pyproject.toml", "--mc-type", "library"]
        command += ["--output-reproducible", "-o", output]
        built.run(command, env={**os.environ, "SOURCE_DATE_EPOCH": built.moment()})
    output.write_text(named(output.read_text()))
    print(f"{output}: {output.stat().st_size:,} bytes")
