"""The page: it holds the figures and no customer, runs nothing, loads nothing, and is the same every time."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from html.parser import HTMLParser
from pathlib import Path

import duckdb
import msgspec
import pytest

from customer_features.definition import features
from customer_features.report import numbers, theme
from customer_features.report.figures import figures
from customer_features.report.making import made
from customer_features.report.page import html as page_of
from customer_features.report.run import run_of
from customer_features.report.shapes import Report
from tests.conftest import manifest_of

from . import oracle
from .conftest import SENTINEL, Files, table


class Page(HTMLParser):
    """What a page loads and runs, its words, and what its pictures and tables are called."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.styles: list[str] = []
        self._open: list[str] = []
        self.feed(content.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._open.append(tag)

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] == "style" and data.strip():
            self.styles.append(data)
        elif data.strip():
            self.words.append(" ".join(data.split()))

    @property
    def text(self) -> str:
        return " ".join(self.words)


def report_of(files: Files, *, show_ids: bool = False, compare: bool = True) -> Report:
    with duckdb.connect() as connection:
        older = str(files.older) if compare else None
        return made(connection, str(files.newer), older=older, show_ids=show_ids)


@pytest.fixture(scope="module")
def content(files: Files) -> bytes:
    return page_of(report_of(files))


@pytest.fixture(scope="module")
def page(content: bytes) -> Page:
    return Page(content)


def test_it_holds_the_figures(files: Files, page: Page) -> None:
    columns = {name: files.column(files.newer, name) for name in features.names()}
    units = {feature.name: feature.unit for feature in features.FEATURES}
    for name, values in columns.items():
        for value in (oracle.mean(values), *(oracle.quantile(values, share) for share in (0.01, 0.25, 0.5, 0.95))):
            assert numbers.amount(value, units[name]) in page.words
        assert numbers.percent(values.count(0) / len(values)) in page.words
        assert f"{oracle.psi(files.column(files.older, name), values):.4f}" in page.words
        assert f"{oracle.ks(files.column(files.older, name), values):.4f}" in page.words
    spent = columns["purchase_total"]
    assert f"{sum(spent):,.2f}" in page.words
    assert f"Gini coefficient {oracle.gini(spent):.3f}" in page.text
    assert f"{100 * oracle.top_share(spent, 10)[1]:.1f}%" in page.words
    spearman = oracle.pearson(oracle.ranks(spent), oracle.ranks(columns["visit_frequency"]))
    assert numbers.plain(spearman) in page.words
    assert "as of 2025-04-24" in page.text


@pytest.mark.slow
def test_it_holds_the_run(page: Page) -> None:
    assert re.search(r"([\d,]+) rows in = ([\d,]+) used \+ 0 excluded \+ 2 quarantined", page.text)
    assert "unreadable_date" in page.words
    assert "missing_transaction_id" in page.words
    assert "purchases-1.csv" in page.words


def test_it_holds_what_changed(files: Files, page: Page) -> None:
    older, newer = files.vectors(files.older), files.vectors(files.newer)
    moved = {who: newer[who]["purchase_total"] - older[who]["purchase_total"] for who in older.keys() & newer.keys()}
    most = max(moved, key=lambda who: abs(moved[who]))
    was, now = older[most]["purchase_total"], newer[most]["purchase_total"]
    row = f"customer 1 {was:,.2f} {now:,.2f} {numbers.change(now - was, 'currency')}"
    assert row in page.text
    assert f"{len(older):,} customers then, {len(newer):,} now: {len(moved):,} are in both" in page.text


def test_rows_that_do_not_add_up_are_told(files: Files) -> None:
    manifest = manifest_of(files.newer)
    manifest["rows"]["used"] -= 1
    report = msgspec.structs.replace(report_of(files, compare=False), run=run_of(manifest, "newer.parquet"))
    assert "do not trust this file" in Page(page_of(report)).text


def test_no_id_unless_it_is_asked_for(files: Files, content: bytes) -> None:
    assert SENTINEL.encode() not in content
    assert b"no customer\xe2\x80\x99s id is in this file" in content
    shown = page_of(report_of(files, show_ids=True))
    assert shown.count(SENTINEL.encode()) > 20
    assert b"id is in this file" not in shown


def test_it_runs_nothing_and_loads_nothing(page: Page) -> None:
    tags = {tag for tag, _ in page.tags}
    assert not tags & {"script", "iframe", "object", "embed", "img", "image", "form", "input", "base", "a:script"}
    for tag, attributes in page.tags:
        assert not any(name.startswith("on") or name == "style" for name in attributes), tag
        for name in ("src", "href", "xlink:href", "action", "srcset"):
            value = attributes.get(name)
            assert value is None or value.startswith("#") or (tag, value) == ("link", "data:,")
    (style,) = page.styles
    assert "url(" not in style
    assert "@import" not in style


def test_the_policy_allows_its_own_style_alone(page: Page) -> None:
    (policy,) = [a["content"] or "" for tag, a in page.tags if a.get("http-equiv") == "Content-Security-Policy"]
    parts = dict(part.strip().partition(" ")[::2] for part in policy.split(";"))
    digest = base64.b64encode(hashlib.sha256(page.styles[0].encode()).digest()).decode()
    assert parts["default-src"] == parts["base-uri"] == parts["form-action"] == "'none'"
    assert parts["style-src"] == f"'sha256-{digest}'"
    assert "script-src" not in parts
    assert "unsafe" not in policy


def test_every_picture_has_a_name_and_a_table_beside_it(page: Page) -> None:
    pictures = [attributes for _, attributes in page.tags if attributes.get("role") == "img"]
    drawings = [attributes for tag, attributes in page.tags if tag == "svg"]
    assert len(pictures) == len(drawings) == 17
    assert all(attributes["aria-label"] for attributes in pictures)
    assert all(attributes["aria-hidden"] == "true" for attributes in drawings)
    regions = [attributes["aria-label"] for _, attributes in page.tags if attributes.get("role") == "region"]
    assert len(regions) == len(set(regions)) > 20
    ids = [attributes["id"] for _, attributes in page.tags if attributes.get("id")]
    assert len(ids) == len(set(ids))
    for tag, attributes in page.tags:
        if tag == "figure":
            assert attributes["aria-labelledby"] in ids
    assert [tag for tag, _ in page.tags].count("h1") == 1
    wanted = [a["href"] or "" for tag, a in page.tags if tag == "a"]
    assert {anchor.removeprefix("#") for anchor in wanted} <= set(ids)


def test_every_colour_of_a_picture_has_one_for_the_dark(content: bytes) -> None:
    drawn = "".join(re.findall(r"<svg.*?</svg>", content.decode(), re.DOTALL))
    colours = set(re.findall(r'(?:fill|stroke)="([^"]+)"', drawn))
    assert colours <= {*theme.COLOURS.values(), "none", "transparent"}
    assert theme.ACCENT in colours


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """WCAG 2's ratio; AA wants 4.5 for text."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def mixed(colour: str, ground: str, strength: float) -> str:
    parts = [
        round(int(colour[place : place + 2], 16) * strength + int(ground[place : place + 2], 16) * (1 - strength))
        for place in (1, 3, 5)
    ]
    return "#" + "".join(f"{part:02x}" for part in parts)


@pytest.mark.parametrize("dark", [False, True])
def test_letters_can_be_read_on_every_ground(dark: bool, page: Page) -> None:
    roots = re.findall(r":root \{(.*?)\}", page.styles[0], re.DOTALL)
    colours = dict(re.findall(r"--([\w-]+): (#\w+)", roots[1 if dark else 0]))
    colours = {
        name: colour if len(colour) == 7 else "#" + "".join(c * 2 for c in colour[1:])
        for name, colour in colours.items()
    }
    for text in ("ink", "muted", "accent", "second", "good", "bad"):
        for ground in ("ground", "paper"):
            assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
    for strength in theme.SHADES:
        letters = "on-accent" if theme.letters(strength) == theme.ON_ACCENT else "ink"
        for cell in ("accent", "second"):
            assert contrast(colours[letters], mixed(colours[cell], colours["paper"], strength)) >= 4.5, (cell, strength)


@pytest.mark.slow
def test_the_same_twice(files: Files, content: bytes) -> None:
    assert page_of(report_of(files)) == content


HOSTILE = "<script>alert(1)</script>\"'&{{7*7}}\u202e"


def test_hostile_names_and_ids_stay_text(tmp_path: Path) -> None:
    with duckdb.connect() as connection:
        rows = table(purchase_total=[1.0, 2.0, 3.0], **{"customer_id": [HOSTILE, "=cmd|' /C calc'!A0", "c" * 5000]})
        names = []
        for number, spent in ((1, 1), (2, 5)):
            names.append(tmp_path / f"{number}<img src=x onerror=alert(1)>.csv")
            connection.register("given", rows)
            shown = connection.sql(
                f'SELECT * REPLACE (purchase_total * {spent} AS purchase_total), 1 AS "<b>x" FROM given'
            )
            shown.write_csv(str(names[-1]))
        report = made(connection, str(names[1]), older=str(names[0]), show_ids=True)
    content = page_of(report)
    tags = {tag for tag, _ in Page(content).tags}
    assert not tags & {"script", "img", "b"}
    assert html.escape(HOSTILE, quote=True).replace("&#x27;", "&#39;").replace("&quot;", "&#34;") in content.decode()
    assert "49" not in re.findall(r"alert.{0,60}", content.decode())[0]
    assert "c" * 5000 in content.decode()


@pytest.mark.parametrize(
    "columns",
    [
        {"purchase_total": []},
        {"purchase_total": [3.0]},
        {"purchase_total": [0.0] * 5, "avg_ticket": [0.0] * 5},
        {"purchase_total": [None, None]},
        {"purchase_total": [9e13, 0.01, -5.0], "avg_ticket": [9e13, 0.01, 7.0]},
    ],
    ids=["nobody", "one", "zeros", "missing", "huge"],
)
def test_odd_files_have_a_page(columns: dict[str, list[float | None]]) -> None:
    with duckdb.connect() as connection:
        connection.register("given", table(**columns))
        connection.execute("CREATE TABLE t AS SELECT * FROM given")
        report = Report("odd", None, False, figures(connection, "t"), [], None, None)
    page = Page(page_of(report))
    assert "a date that is not stated" in page.text
    assert "None" not in page.words
    assert "nan" not in page.text
