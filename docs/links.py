"""The links of all pages, and of the site that is made of them. Those that stay within are followed
(tests/test_links.py does so too); those that lead elsewhere are listed, and asked for with --try.

    python docs/links.py                     what is broken in the pages and notebooks, and exit 1
    python docs/links.py --site build/site   the same of a site: mkdocs build -d build/site
    python docs/links.py --outside           who links to where, beyond the tree
    python docs/links.py --try               asks for each of those (needs the network)
"""

import argparse
import json
import re
import sys
import unicodedata
import urllib.error
import urllib.request
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

ROOT = Path(__file__).parents[1]
FOLDERS = ("", "docs", "docs/api", "bench", "csrc", "examples")
ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
CODE = re.compile(r"(?ms)^( *)(```|~~~).*?^\1\2 *$|(?<!`)(`+)(?!`).*?(?<!`)\3(?!`)")
LINK = re.compile(r"\]\(\s*<?([^)\s>]+)>?(?:\s+[\"'][^)]*)?\)")
DEFINED = re.compile(r"^ {0,3}\[([^\]]+)\]:\s+<?([^\s>]+)", re.MULTILINE)
REFERRED = re.compile(r"\[[^\]]*\]\[([^\]]+)\]")
HTML = re.compile(r"\b(?:href|src)=\"([^\"]+)\"")
BARE = re.compile(r"https?://[^\s<>()\"'`|]+[^\s<>()\"'`|.,;:!?*]")
HEAD = re.compile(r"^#{1,6} +(.*?)#*$", re.MULTILINE)


def pages() -> list[Path]:
    """All pages and notebooks, in the order of their names."""
    found = [path for name in FOLDERS for path in (ROOT / name).glob("*.md")]
    return sorted([*found, *(ROOT / "examples").glob("*.ipynb")])


def text(page: Path) -> str:
    """What it says; of a notebook, in its cells of Markdown."""
    read = page.read_text(encoding="utf-8")
    if page.suffix != ".ipynb":
        return read
    cells = json.loads(read)["cells"]
    return "\n\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")


def links(page: Path) -> list[str]:
    """Where it links to, in the order of the text; code is not looked at."""
    said = CODE.sub(" ", text(page))
    found = [match[1] for pattern in (LINK, HTML) for match in pattern.finditer(said)]
    defined = {name.lower(): target for name, target in DEFINED.findall(said)}
    for name in REFERRED.findall(said):
        found.append(defined.pop(name.lower(), f"[{name}] that is defined nowhere"))
    return [*found, *defined.values(), *BARE.findall(re.sub(LINK, "", said))]


def plain(head: str) -> str:
    """A heading as it is read."""
    return re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", head).replace("`", "").replace("*", "").strip()


def as_forge(head: str) -> str:
    """The anchor that GitHub and its kin give a heading: each space is a hyphen."""
    return re.sub(r"[^\w\- ]", "", plain(head).lower()).replace(" ", "-")


def as_site(head: str) -> str:
    """The anchor that the site gives it: ASCII, and a hyphen for all spaces in a row."""
    ascii_only = unicodedata.normalize("NFKD", plain(head)).encode("ascii", "ignore").decode()
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", ascii_only).strip().lower())


def anchors(page: Path) -> set[str]:
    """Those by which a heading is found wherever the page is read: of a page of the site, by both
    rules.
    """
    heads = HEAD.findall(re.sub(CODE, lambda m: m[0] if m[3] else "", text(page)))
    forge, site = ({rule(head) for head in heads} for rule in (as_forge, as_site))
    return forge & site if ROOT / "docs" in page.parents else forge


def wrong(page: Path, target: str) -> str:
    """What is wrong with a link that stays within the tree; empty: nothing."""
    path, _, anchor = unquote(target).partition("#")
    file = (page.parent / path).resolve() if path else page
    if not file.exists():
        return "there is no such file"
    if ROOT.resolve() not in (file, *file.parents):
        return "it leaves the tree"
    if ROOT / "docs" in page.parents and (ROOT / "docs").resolve() not in file.parents:
        return "the site has no page of it"
    if anchor and file.suffix == ".md" and anchor not in anchors(file):
        return "there is no such heading, by the rules of the forge and of the site"
    return ""


def broken(page: Path) -> list[str]:
    """The links of a page that lead nowhere, each with the reason."""
    within = [target for target in links(page) if not ELSEWHERE.match(target)]
    return [f"{target}: {why}" for target in within if (why := wrong(page, target))]


def outside() -> dict[str, list[str]]:
    """Where links lead beyond the tree, and the pages that have them."""
    found: dict[str, list[str]] = {}
    for page in pages():
        for target in links(page):
            if target.startswith(("http://", "https://")) and "//127.0.0.1" not in target:
                found.setdefault(target.partition("#")[0], []).append(str(page.relative_to(ROOT)))
    return dict(sorted(found.items()))


class Tags(HTMLParser):
    """Of a page of the site: where it links to, and what can be linked to in it."""

    def __init__(self, html: str):
        super().__init__()
        self.targets: list[str] = []
        self.names: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Called for each tag as it opens."""
        for key, value in attrs:
            if key in ("id", "name") and value:
                self.names.add(value)
            elif key in ("href", "src") and value and tag != "base":
                self.targets.append(value)


def broken_in_site(folder: Path) -> Iterator[str]:
    """Links of a built site that lead nowhere. 404.html is left out: its links are from the root of
    wherever the site will be.
    """
    seen = {path: Tags(path.read_text(encoding="utf-8")) for path in folder.rglob("*.html")}
    for page, tags in sorted(seen.items()):
        for target in dict.fromkeys(tags.targets):
            if page.name == "404.html" or ELSEWHERE.match(target) or target.startswith("//"):
                continue
            path, _, anchor = unquote(target).partition("#")
            file = (page.parent / path.partition("?")[0]) if path else page
            file = (file / "index.html" if file.is_dir() else file).resolve()
            if not file.exists():
                yield f"{page.relative_to(folder)}: {target}: there is no such file"
            elif anchor and file in seen and anchor not in seen[file].names:
                yield f"{page.relative_to(folder)}: {target}: there is no such anchor"


def answer(url: str) -> str:
    """What is wrong with a link that leads elsewhere; empty: it is there, or asks who we are."""
    request = urllib.request.Request(url, headers={"User-Agent": "Mozilla/5.0 (docs/links.py)"})
    try:
        urllib.request.urlopen(request, timeout=20).close()
    except urllib.error.HTTPError as error:
        return "" if error.code in (401, 403, 429) else f"{error.code} {error.reason}"
    except OSError as error:
        return str(getattr(error, "reason", error))
    return ""


def main() -> int:
    """The program; returns its exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--site", type=Path, metavar="DIR", help="look at a built site instead")
    parser.add_argument("--outside", action="store_true", help="list links that lead elsewhere")
    parser.add_argument("--try", dest="tried", action="store_true", help="and ask for each")
    options = parser.parse_args()
    if options.outside or options.tried:
        found = outside()
        bad = [f"{url}: {why}" for url in found if options.tried and (why := answer(url))]
        for url, where in found.items():
            print(f"{url}\n    {', '.join(dict.fromkeys(where))}")
    elif options.site:
        bad = list(broken_in_site(options.site.resolve()))
    else:
        bad = [f"{page.relative_to(ROOT)}: {each}" for page in pages() for each in broken(page)]
    for line in bad:
        print(f"broken: {line}", file=sys.stderr)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
