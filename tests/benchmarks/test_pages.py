"""The pages hold what the recorded results say, and say so where nothing is recorded."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import pytest

from benchmarks import chart, pages
from benchmarks.__main__ import FILES, GROUPS
from benchmarks.pages import PERFORMANCE, PICTURE, README, REGION, filled, made, plain, recorded
from benchmarks.results import Results, Run, Standing, contest

RUN = Run("2026-01-01T00:00:00+00:00", {"cores": "2"}, {"duckdb": "2.0.0"}, [0.5, 0.4, 0.3])
ONE = contest(
    "JSON, 1 MB",
    [
        Standing("ours", [2.0, 2.0], role="ours", cpu_seconds=[1.5, 1.5], peak_bytes=[50_000_000], wrong=0),
        Standing("a peer", [4.0, 8.0], cpu_seconds=[3.0, 5.0], peak_bytes=[100_000_000], wrong=1_234),
        Standing("parsing", [0.5, 1.0], role="limit", note="computes nothing"),
    ],
    vectors=10_000,
)


@pytest.fixture
def results() -> Results:
    found = Results()
    found.merge("json", [ONE], RUN)
    return found


@pytest.mark.parametrize("page", [PERFORMANCE, README], ids=lambda page: page.name)
def test_the_page_is_what_the_recorded_results_make(page: pages.Path) -> None:
    text = page.read_text("utf-8")
    assert REGION.search(text)
    assert filled(text, recorded()) == text, "python -m benchmarks --pages"


def test_every_group_has_its_table_on_the_page() -> None:
    names = {region[2] for region in REGION.finditer(PERFORMANCE.read_text("utf-8"))}
    assert names == {*GROUPS, "chart", "machine"}
    assert {kind for kind, _, _ in GROUPS.values()} == set(FILES)


def test_the_picture_says_in_words_what_it_shows() -> None:
    drawn = ElementTree.fromstring(PICTURE.read_text("utf-8"))  # noqa: S314
    described = drawn.find("{http://www.w3.org/2000/svg}desc")
    assert described is not None
    assert described.text == chart.words(recorded())
    assert drawn.get("role") == "img"


def test_a_picture_of_results(results: Results) -> None:
    drawn = chart.svg(results)
    texts = re.findall(r">([^<>]+)</text>", drawn)
    assert {"JSON, 1 MB", "a peer", "0.38", "parsing", "3.00"} <= set(texts)
    assert "<desc>- JSON, 1 MB: 0.38 of a peer; 3.00 of parsing.</desc>" in drawn


def test_a_table_of_a_group(results: Results) -> None:
    assert made("json", results).splitlines() == [
        "| Contest | Contender | Time, ours / it | Middle half | Seconds | CPU seconds | Peak MB | Wrong vectors |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
        "| JSON, 1 MB | ours |  |  | 2.00 | 1.50 | 50 | 0 |",
        "|  | a peer | 0.38 | 0.25 to 0.50 | 6.00 | 4.00 | 100 | 1,234 of 10,000 |",
        "|  | parsing | 3.00 | 2.00 to 4.00 | 0.750 |  |  |  |",
    ]


def test_the_table_of_the_readme(results: Results) -> None:
    assert made("readme", results).splitlines()[2:] == [
        "| JSON, 1 MB | a peer | 0.38 | 0.50 | 1,234 of 10,000 |",
        "|  | parsing (computes nothing) | 3.00 |  |  |",
    ]


def test_what_is_not_recorded_is_said_to_be_missing(results: Results) -> None:
    assert made("bulk", results) == "Not measured yet: `python -m benchmarks --only bulk --record`."
    assert made("readme", Results()) == "Nothing is recorded yet: `make bench`."


def test_only_what_stands_between_the_marks_is_made(results: Results) -> None:
    text = "before\n\n<!-- made by make bench: json -->\nold\n<!-- end of json -->\n\nafter\n"
    once = filled(text, results)
    assert once.startswith("before\n\n<!-- made by make bench: json -->\n\n| Contest")
    assert once.endswith("|\n\n<!-- end of json -->\n\nafter\n")
    assert "old" not in once
    assert filled(once, results) == once


@pytest.mark.parametrize(
    ("value", "text"),
    [(1234.5, "1,234"), (123.4, "123"), (12.34, "12.3"), (1.234, "1.23"), (0.5, "0.500"), (0.0000721, "0.0000721")],
)
def test_three_digits_that_count(value: float, text: str) -> None:
    assert plain(value) == text
