"""The documentation page: from our own files, under a policy that allows nothing else."""

from __future__ import annotations

import hashlib
import re
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from customer_features.service.documents import docs_page
from tests.installed import installed
from tests.service.harness import Running

FOLDER = Path(docs_page.__file__).parent / "pages"


@pytest.mark.parametrize("path", docs_page.FILES)
def test_req_25_every_file_has_the_headers(server: Running, path: str) -> None:
    reply = server.get(path)
    name, media_type = docs_page.FILES[path]
    assert (reply.status_code, reply.headers["content-type"]) == (200, media_type)
    assert reply.content == (FOLDER / name).read_bytes()
    assert reply.headers.get_list("x-content-type-options") == ["nosniff"]
    assert reply.headers.get_list("referrer-policy") == ["no-referrer"]
    assert reply.headers.get_list("cache-control") == ["no-store"]
    (policy,) = reply.headers.get_list("content-security-policy")
    parts = dict(part.strip().partition(" ")[::2] for part in policy.split(";"))
    assert parts["default-src"] == parts["frame-ancestors"] == "'none'"
    assert parts["script-src"] == parts["style-src"] == parts["connect-src"] == "'self'"
    assert "unsafe" not in policy
    assert "//" not in policy
    assert server.request("HEAD", path).content == b""
    assert server.request("POST", path).status_code == 405


class Page(HTMLParser):
    """What a page loads, and what it holds that the policy would not run."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.inline: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.loads += [value for name in ("src", "href") if (value := given.get(name)) and value != "data:,"]
        self.inline += [f"{tag} {name}" for name in given if name == "style" or name.startswith("on")]
        if tag == "style" or (tag == "script" and "src" not in given):
            self.inline.append(tag)


def test_req_25_the_page_has_no_inline_script_and_nothing_from_elsewhere() -> None:
    page = Page()
    page.feed((FOLDER / "docs.html").read_text())
    assert page.inline == []
    assert {f"/{place}" for place in page.loads} == {*docs_page.FILES, "/openapi.json"} - {docs_page.DOCS}


def test_the_viewer_is_the_one_that_was_published() -> None:
    # The digests are of swagger-ui-dist 5.35.0, without the comments that point to source maps.
    found = {name: hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() for name in DIGESTS}
    assert found == DIGESTS
    assert "Apache License" in (FOLDER / "LICENSE.swagger-ui.txt").read_text()
    assert "5.35.0" in (docs_page.__doc__ or "")
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 2_000_000


@pytest.mark.slow
def test_req_25_a_browser_shows_the_page_without_a_complaint(server: Running, tmp_path: Path) -> None:
    done = subprocess.run(
        [
            installed("chromium"),
            *("--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--v=0"),
            *("--virtual-time-budget=20000", f"--user-data-dir={tmp_path}", "--dump-dom", f"{server.url}/docs"),
        ],
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert "/api/v1/ai/customer_features" in done.stdout
    assert re.search(r"One feature vector per customer", done.stdout)
    assert "X-Customer-Api-Id" in done.stdout or "Authorize" in done.stdout
    assert "openapi.json" in done.stdout
    assert [line for line in done.stderr.splitlines() if "CONSOLE" in line or "Content Security" in line] == []


DIGESTS = {
    "swagger-ui-bundle.js": "e6a898692f2d768e807c3ba4626068a69a2c5dd960dd6c76f3e4d3a3de180af2",
    "swagger-ui.css": "a6a4cf68f069eb89984d5d43644e6a812e749df08d2b1320c6e06e6973847d10",
}
