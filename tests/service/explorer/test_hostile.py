"""Files that mean harm: what they hold is shown as text, and never as anything else."""

from __future__ import annotations

import csv
import io
import re

import pytest

from tests.conftest import TODAY
from tests.service.explorer.page import Page, text_of

EVIL = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "=cmd|' /C calc'!A0",
    "+1",
    "@x",
    "{{ 7*7 }}",
    "a\u202egpj",
    "\u200b\u200bz",
    "שלום",
    "'; DROP TABLE lines; --",
    "x" * 5000,
]
MARKS = re.compile(r"<script(?! src=)|<img|onerror=(?![^<]*&gt;)", re.IGNORECASE)


def hostile() -> bytes:
    sink = io.StringIO()
    writer = csv.writer(sink)
    writer.writerow(["customer_id", "transaction_id", "date", "amount", "product_id", EVIL[0], "=1+1"])
    for number, text in enumerate(EVIL):
        writer.writerow([text, f"t{number}{text}", "2025-04-01", "1.5", text, text, text])
    writer.writerow(["c", "t", EVIL[0], EVIL[1], "p", "", ""])
    return sink.getvalue().encode()


def test_nothing_of_a_file_becomes_markup(page: Page) -> None:
    name = "<b>'\"&.csv"
    dataset = page.give(hostile(), name)
    pages = [page.settled(dataset), page.run(dataset, "check", today=TODAY), page.run(dataset, "build")]
    pages += [page.ask("GET", f"/explorer/d/{dataset}/customer", params={"id": one}).text for one in EVIL]
    for shown in pages:
        assert not MARKS.search(shown)
        assert "<b>" not in shown
        assert "\u202e" not in text_of(shown)  # it would turn the rest of the line round
    assert all(one[:200].replace("\u202e", "") in text_of(pages[2]) for one in EVIL if one.strip())
    exported = page.download(dataset, "csv").content.decode()
    assert [row["customer_id"] for row in csv.DictReader(io.StringIO(exported))] == sorted(EVIL, key=str.encode)


@pytest.mark.parametrize(
    "count", [pytest.param(2_000, marks=pytest.mark.slow), pytest.param(10_000, marks=pytest.mark.thorough)]
)
def test_thousands_of_columns(count: int, page: Page) -> None:
    extra = [f"extra {number}" for number in range(count - 5)]
    names = ["customer_id", "transaction_id", "date", "amount", "product_id", *extra]
    row = ["c", "t", "2025-04-01", "10", "p", *map(str, range(count - 5))]
    content = ",".join(names) + "\n" + ",".join(row) + "\n"
    dataset, result = page.built(content.encode(), "wide.csv", today=TODAY)
    columns = page.ask("GET", f"/explorer/d/{dataset}/columns").text
    assert f"{count:,} columns" in columns
    assert len(columns) < 20 * count
    assert "1 customer" in text_of(result)
    # A column beyond those that are listed can be named all the same.
    assert "No faulty row among 1" in text_of(page.run(dataset, "check", today=TODAY, product_id=extra[-1]))
    page.run(dataset, "build")
    said = page.ask("GET", f"/explorer/d/{dataset}/customer", params={"id": "c"}).text
    assert f"COUNT({count - 6}) = 1" in text_of(said)


def test_downloads_are_nothing_that_a_browser_runs(page: Page) -> None:
    dataset, _ = page.built(hostile().rpartition(b"c,t,")[0], "h.csv", today=TODAY)
    for kind in ("csv", "json", "manifest", "parquet"):
        reply = page.download(dataset, kind)
        assert reply.headers["content-disposition"].startswith("attachment")
        assert "sandbox" in reply.headers["content-security-policy"]
        assert reply.headers["x-content-type-options"] == "nosniff"
    shell = page.server.get("/")
    assert "'unsafe" not in shell.headers["content-security-policy"]
