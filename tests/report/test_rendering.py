"""The charts on one sheet: whole files of their format, without a customer, a script or anything from elsewhere."""

from __future__ import annotations

import struct
import zlib
from xml.etree import ElementTree

import duckdb
import pytest

from customer_features.report import rendering
from customer_features.report.figures import figures
from customer_features.report.making import made
from customer_features.report.shapes import Report

from .conftest import SENTINEL, Files, table

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def report(files: Files) -> Report:
    with duckdb.connect() as connection:
        return made(connection, str(files.newer), older=str(files.older), show_ids=True)


def test_svg(report: Report) -> None:
    content = rendering.svg_sheet(report)
    tree = ElementTree.fromstring(content)  # noqa: S314 - our own
    assert tree.tag == f"{SVG}svg"
    for element in tree.iter():
        assert element.tag.removeprefix(SVG) in {"svg", "g", "path", "rect", "line", "text", "title", "tspan"}
        assert not any(name.startswith("on") or name.endswith("href") for name in element.attrib)
    texts = [element.text for element in tree.iter(f"{SVG}text")]
    for feature in report.figures.features:
        assert {feature.name, f"Drift: {feature.name}"} <= set(texts)
    assert {"Recency by frequency", "Concentration", "Correlation", "Loyalty"} <= set(texts)
    # Even where ids are shown, they are no part of a chart.
    assert SENTINEL.encode() not in content


@pytest.mark.slow
def test_png(report: Report) -> None:
    content = rendering.png_sheet(report)
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", content[16:24])
    assert width > 1500
    assert height > 3000
    place, kinds = 8, []
    while place < len(content):
        (size,) = struct.unpack(">I", content[place : place + 4])
        kind, data = content[place + 4 : place + 8], content[place + 8 : place + 8 + size]
        assert struct.unpack(">I", content[place + 8 + size : place + 12 + size]) == (zlib.crc32(kind + data),)
        kinds.append(kind)
        place += 12 + size
    assert kinds[-1] == b"IEND"


@pytest.mark.slow
def test_pdf(report: Report) -> None:
    content = rendering.pdf_sheet(report)
    assert content.startswith(b"%PDF-1.")
    assert content.rstrip().endswith(b"%%EOF")
    assert not any(word in content for word in (b"/JavaScript", b"/JS", b"/URI", SENTINEL.encode()))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["svg_sheet", "png_sheet", "pdf_sheet"])
def test_the_same_twice(name: str, report: Report) -> None:
    draw = getattr(rendering, name)
    assert draw(report) == draw(report)


def test_no_customers() -> None:
    with duckdb.connect() as connection:
        connection.register("given", table(purchase_total=[]))
        report = Report("none", None, False, figures(connection, "given"), [], None, None)
    assert b"No customers" in rendering.svg_sheet(report)
