"""Texts in other encodings and with mixed line ends: what changes is the bytes, never the fields."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from customer_features import SourceError
from customer_features.sources.transcoding import ends_differ, marked, odd_line, to_line_feeds, to_utf8
from tests.conftest import examples


def line_feeds(body: bytes, folder: Path, delimiter: str = ",") -> bytes:
    target = folder / "copy.csv"
    target.unlink(missing_ok=True)
    to_line_feeds(io.BytesIO(body), target, delimiter)
    return target.read_bytes()


@pytest.mark.parametrize(
    ("head", "encoding"),
    [
        (b"\xef\xbb\xbfa", "utf-8"),
        (b"\xff\xfea\0", "utf-16"),
        (b"\xfe\xff\0a", "utf-16"),
        (b"a,b", None),
        (b"", None),
        (b"\xef\xbb", None),
    ],
)
def test_byte_order_marks(head: bytes, encoding: str | None) -> None:
    assert marked(head) == encoding


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "latin-1", "cp1252", "utf-8"])
def test_a_long_text_is_the_same_in_utf8(encoding: str, tmp_path: Path) -> None:
    """Longer than what is read at once, so that characters are cut in two."""
    text = "é,ñ\r\nx" * 300_001
    to_utf8(io.BytesIO(text.encode(encoding)), tmp_path / "t", encoding, "t.csv")
    assert (tmp_path / "t").read_bytes() == text.encode()


@pytest.mark.parametrize(
    ("body", "encoding", "line"),
    [
        (b"a\nb\n\x81", "cp1252", 3),
        (b"a\n" * 1_000_000 + b"\x81", "cp1252", 1_000_001),
        ("a\nb\n".encode("utf-16") + b"\x00", "utf-16", 3),
        ("a\n".encode("utf-16") + b"\x00\xdc\x00\xdc", "utf-16", 2),
        (b"\xe9", "ascii", 1),
    ],
)
def test_what_is_not_in_the_encoding(body: bytes, encoding: str, line: int, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=rf"^t\.csv: cannot be read as {encoding}: line {line} is not in that"):
        to_utf8(io.BytesIO(body), tmp_path / "t", encoding, "t.csv")


@pytest.mark.parametrize(
    ("body", "same"),
    [
        (b"a,b\r\n1,2\n3,4\r\n", b"a,b\n1,2\n3,4\n"),
        (b'a\r\n"x\r\ny"\n', b'a\n"x\r\ny"\n'),
        (b'a\r\n"x""\r\n"",\r\ny",1\r\n', b'a\n"x""\r\n"",\r\ny",1\n'),
        (b'a\r\n5" pipe\r\nb\r\n', b'a\n5" pipe\nb\n'),  # a quote within a field opens nothing
        (b'a\r\n"y"z,1\r\nb\r\n', b'a\n"y"z,1\nb\n'),  # a broken line is left to the reader, and the next is read
        (b'a\r\n1,"open\r\nb\r\n', b'a\n1,"open\r\nb\r\n'),  # what stands in an open quote is within quotes
        (b"a\r\nb", b"a\nb"),
        (b"", b""),
        (b"a\r\nx\ry\r\n", b"a\nx\ry\n"),
        (b'"a\r\nb"\r\n"x\r\ny"\r\n', b'"a  b"\n"x\r\ny"\n'),  # names are read before
    ],
)
def test_line_ends_outside_quotes(body: bytes, same: bytes, tmp_path: Path) -> None:
    assert line_feeds(body, tmp_path) == same


def test_quotes_go_by_the_delimiter(tmp_path: Path) -> None:
    body = b'a;b\r\n1;"x\r\ny"\n2,"z\r\n'
    assert line_feeds(body, tmp_path, ";") == b'a;b\n1;"x\r\ny"\n2,"z\n'
    assert line_feeds(body, tmp_path, ",") == b'a;b\n1;"x\ny"\n2,"z\r\n'


FIELD = st.lists(st.sampled_from(["a", ",", '"', "\n", "\r\n", " "]), max_size=6).map("".join)


@given(st.lists(st.tuples(st.lists(FIELD, min_size=1, max_size=3), st.sampled_from(["\n", "\r\n"])), max_size=8))
@settings(max_examples=examples(200), deadline=None)
def test_no_field_changes(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[list[str], str]]) -> None:
    text = io.StringIO(newline="")
    alike = io.StringIO(newline="")
    for fields, end in rows:
        csv.writer(text, lineterminator=end, quoting=csv.QUOTE_ALL).writerow(fields)
        csv.writer(alike, lineterminator="\n", quoting=csv.QUOTE_ALL).writerow(fields)
    folder = tmp_path_factory.mktemp("copy")
    assert line_feeds(b"a\r\n" + text.getvalue().encode(), folder) == b"a\n" + alike.getvalue().encode()


def test_a_field_of_many_lines_takes_time_in_its_length_alone(tmp_path: Path) -> None:
    body = b'a\r\n"' + b"line of a text\r\n" * 500_000 + b'"\n'
    assert line_feeds(body, tmp_path) == body.replace(b"a\r\n", b"a\n", 1)


@pytest.mark.parametrize(
    ("head", "tail", "differ"),
    [
        (b"a\n1\n", b"1\n", False),
        (b"a\r\n1\r\n", b"1\r\n2\r\n", False),
        (b"a\r\n1\n", b"", True),
        (b"a\r\n1\r\n", b"x\n1\n2\n", True),
        (b'a\r\n"x\ny"\r\n', b"", False),
        (b"a\r1\r", b"a\r1\r", False),
        (b"a\r\n1\r\n2", b"1\r\n2", False),
        (b"a\r\n1\r", b"", False),
        (b"a", b"a", False),
    ],
)
def test_mixed_line_ends(head: bytes, tail: bytes, differ: bool) -> None:
    assert ends_differ(head, tail, ",") is differ


@pytest.mark.parametrize(
    ("body", "line"),
    [
        (b"a\n1\n2\n", None),
        (b"a\n1\r\n2\n", 2),
        (b"a\r\n1\r\n2\n", 3),
        (b'a\r\n"x\ny\nz"\r\n2\n', 5),
        (b"a\n1\r2\n3\n", 2),
        (b"a\n1\n2", None),
    ],
)
def test_the_line_that_ends_otherwise(body: bytes, line: int | None) -> None:
    assert odd_line(io.BytesIO(body), ",") == line
