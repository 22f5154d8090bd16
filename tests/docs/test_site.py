"""The site: whole on its own, every link in it leads somewhere, and nothing is loaded from elsewhere."""

from __future__ import annotations

import base64
import html
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml

from tests.making import make
from tools import site_hook as hook

ROOT = Path(__file__).parents[2]
LOADED = {("script", "src"), ("img", "src"), ("link", "href"), ("iframe", "src")}
"""What a browser fetches without being asked."""


class Document(HTMLParser):
    """The links, what is loaded, and the anchors of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.anchors: set[str] = set()
        self.tables = 0
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tables += tag == "table"
        given = dict(attrs)
        self.anchors |= {value for name in ("id", "name") if (value := given.get(name))}
        for name in ("href", "src"):
            value = given.get(name)
            if value and (tag, name) in LOADED and given.get("rel") not in ("canonical", "next", "prev"):
                self.loaded.append(value)
            elif value:
                self.links.append(value)


def test_every_page_is_in_the_navigation_once() -> None:
    def pages(entry: object) -> list[str]:
        if isinstance(entry, str):
            return [entry]
        parts = entry.values() if isinstance(entry, dict) else entry
        return [page for part in parts for page in pages(part)]  # type: ignore[attr-defined]

    listed = pages(yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf-8"))["nav"])
    docs = ROOT / "docs"
    assert sorted(listed) == sorted([*hook.IN_NAV, *(str(path.relative_to(docs)) for path in docs.rglob("*.md"))])


def test_links_are_read_from_where_the_page_is_in_the_repository() -> None:
    page = "[a](../examples/nightly.sh) [b](csv.md#top) [c](https://x.org) [d](../README.md)\n```\n[e](csv.md)\n```\n"
    assert hook.targets(page, "docs/sql.md") == {"examples/nightly.sh", "docs/csv.md", "README.md"}
    assert hook.relinked(page, "docs/sql.md", "sql.md") == (
        "[a](repository/examples/nightly.sh.md) [b](csv.md#top) [c](https://x.org) [d](index.md)\n"
        "```\n[e](csv.md)\n```\n"
    )


@pytest.mark.parametrize("link", ["gone.md", "../../../etc/passwd", "mailto:a@b.org", "../../passwd"])
def test_a_link_that_is_no_file_of_the_repository_stays(link: str) -> None:
    assert hook.relinked(f"[a]({link})", "docs/sql.md", "sql.md") == f"[a]({link})"


@pytest.fixture(scope="module")
def site() -> Path:
    """The site of `make docs`, built anew only where a source is newer."""
    done = make("docs")
    assert done.returncode == 0, done.stderr
    said = (ROOT / "build" / "docs.log").read_text("utf-8")
    assert "Documentation built" in said
    assert re.findall(r"^(?:WARNING|ERROR).*", said, re.MULTILINE) == []
    return ROOT / "build" / "site"


@pytest.mark.slow
def test_the_site_is_whole_and_loads_nothing_from_elsewhere(site: Path) -> None:
    pages = {path.resolve(): Document(path) for path in site.rglob("*.html")}
    assert len(pages) > 40
    broken = []
    for path, page in pages.items():
        if path.name == "404.html":
            continue  # its addresses are those of a server's root
        for link in page.links + page.loaded:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                assert link not in page.loaded, (path, link)
                continue
            to = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            to = to / "index.html" if to.is_dir() else to
            if not to.is_file() or (parts.fragment and to in pages and parts.fragment not in pages[to].anchors):
                broken.append((str(path.relative_to(site)), link))
    assert broken == []
    for style in site.rglob("*.css"):
        assert not re.search(r"url\(['\"]?https?:", style.read_text("utf-8")), style


@pytest.mark.slow
def test_tables_are_tables_and_examples_come_along(site: Path) -> None:
    for source in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        written = len(re.findall(r"^\|[\s:|-]+\|$", hook.FENCED.sub("", source.read_text("utf-8")), re.MULTILINE))
        uri = hook.place(str(source.relative_to(ROOT)))
        assert Document(site / uri.replace(".md", ".html")).tables == written, source
    for name in ("segmentation.ipynb", "nightly.sh", "deploy/kubernetes.yaml"):
        assert (site / "files" / "examples" / name).read_bytes() == (ROOT / "examples" / name).read_bytes()


def words(markup: str) -> str:
    """What a person reads of a page, each blank one blank."""
    return " ".join(html.unescape(re.sub(r"<style.*?</style>|<[^>]*>", "", markup, flags=re.DOTALL)).split())


@pytest.mark.slow
def test_the_notebook_is_a_page_with_its_code_and_its_outputs(site: Path) -> None:
    path = site / "repository" / "examples" / "segmentation.ipynb.html"
    article = path.read_text("utf-8").split("<article")[1].split("</article")[0]
    page, loaded = words(article), Document(path).loaded
    at, pictures, tables = 0, [], 0
    for cell in json.loads((ROOT / "examples" / "segmentation.ipynb").read_text("utf-8"))["cells"]:
        if cell["cell_type"] != "code":
            continue
        shown = ["".join(cell["source"])]
        for output in cell["outputs"]:
            data = output.get("data", {"text/plain": output.get("text")})
            if "image/png" in data:
                pictures.append(base64.b64decode(data["image/png"]))
            elif "text/html" in data:
                tables += 1
                shown.append(words("".join(data["text/html"])))
            else:
                shown.append("".join(data["text/plain"]))
        for text in shown:  # in this order
            found = page.find(" ".join(text.split()), at)
            assert found >= 0, text
            at = found + 1
    drawn = [name for name in loaded if name.startswith("segmentation_")]
    assert [(path.parent / name).read_bytes() for name in drawn] == pictures
    assert len(pictures) == 2
    assert article.count("<table>") == tables > 5
    # Nothing of it runs, and nothing comes from elsewhere.
    assert "<script" not in article
    assert "<style" not in article
    assert not [name for name in loaded if urlsplit(name).netloc]


@pytest.mark.slow
def test_a_broken_link_fails_the_build(tmp_path: Path) -> None:
    """Of a site of two pages, by the real settings and what `make docs` runs: a switch too many makes it blind."""
    for name in ("Makefile", "tools/site_hook.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    settings = yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf-8"))
    settings["nav"] = ["index.md", "csv.md"]
    (tmp_path / "mkdocs.yml").write_text(yaml.safe_dump(settings))
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "csv.md").write_text("# CSV\n\n[home](../README.md)\n")
    (tmp_path / "README.md").write_text("# Home\n\n[nothing](docs/nothing.md) [no part](docs/csv.md#nothing)\n")
    done = make("docs", tmp_path)
    assert done.returncode != 0
    assert "'docs/nothing.md'" in done.stderr
    assert "'csv.md#nothing'" in done.stderr
    assert done.stderr.count("WARNING") == 2
    assert not (tmp_path / "build" / "site" / "index.html").exists()  # nor is it taken for a site the next time
