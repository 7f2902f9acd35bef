"""The keys of docs/govern.md, made from what reads them: ``python tests/govern_page.py`` writes
them.
"""

import inspect
import re
from pathlib import Path

from pageengine.live.config import BY_GUEST, GUEST, HOST
from pageengine.policy.guard import Limits
from pageengine.units import format_size

PAGE = Path(__file__).parents[1] / "docs" / "govern.md"
BEGIN, END = "<!-- keys: python tests/govern_page.py -->\n", "<!-- end of keys -->"
BYTES = {"audit_most", "shrink", "reserve", "kept", "swap_in"}


def keys() -> str:
    """The tables of all sections."""
    head = "| key | default | meaning |\n|---|---|---|\n"
    parts = []
    for title, table in (("[host]", HOST), ("[[guest]], one for each", GUEST)):
        rows = [
            f"| `{key}` | {'required' if field.required else _shown(key, field.default)} | "
            f"{field.says} |"
            for key, field in table.items()
        ]
        parts.append(f"### {title}\n\n{head}" + "\n".join(rows) + "\n")
    listed = inspect.getdoc(Limits).partition("\nAttributes:\n")[2]
    says = dict(re.findall(r"(\w+): \[.+?\] (.+)", re.sub(r"\n {8}", " ", listed)))
    rows = [
        f"| `{key}` | {_shown(key, value)} | {says[key]} |"
        for key, value in vars(Limits()).items()
        if key not in BY_GUEST
    ]
    parts.append("### [guard]\n\n" + head + "\n".join(rows) + "\n")
    return "\n".join(parts)


def page() -> str:
    """The page as it should be."""
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n{keys()}\n{END}{rest.split(END)[1]}"


def _shown(key: str, value: object) -> str:
    if value in (None, ""):
        return ""
    if key in BYTES and isinstance(value, (int, float)):
        return format_size(int(value))
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
