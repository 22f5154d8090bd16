"""Records over several lines, wherever a text is cut into pieces, and what a row of a file looks like."""

from __future__ import annotations

import io

import pytest

from customer_features.sources.open_quotes import (
    LONGEST_RECORD,
    Model,
    Spread,
    chunks_of,
    row_at,
    spread_records,
    swallowed_by,
)
from tests.cases.csv_corpus import noted, plain, text

BODY = text(*plain(3), noted(4, '"one ""two""\nthree"'), "", noted(5, 'x"y'), noted(6, ' "a\n\nb"'), *plain(3, 7))


def pieces(body: bytes, size: int) -> io.BytesIO:
    """A text that is read in pieces of a size."""

    class Cut(io.BytesIO):
        def read(self, _: int | None = -1) -> bytes:
            return super().read(size)

    return Cut(body)


@pytest.mark.parametrize("size", [*range(1, 60, 7), len(BODY)])
def test_pieces_cut_anywhere_change_nothing(size: int) -> None:
    found = list(spread_records(chunks_of(pieces(BODY, size), carriage=False), ","))
    assert [(one.text.split(b",")[0], one.closed, one.hidden) for one in found] == [(b"c4", True, 0), (b"c6", True, 1)]
    assert [row_at(chunks_of(pieces(BODY, size), carriage=False), one) for one in found] == [4, 6]


def test_lines_that_end_in_cr_alone() -> None:
    assert b"".join(chunks_of(io.BytesIO(b"a\rb\r"), carriage=True)) == b"a\nb\n"


def test_a_quote_that_stays_open() -> None:
    body = text(*plain(2), noted(3, '"tea'), "and so on")
    [found] = spread_records(chunks_of(io.BytesIO(body), carriage=False), ",")
    assert (found.closed, found.text) == (False, b'c3,3,2025-04-01,3.00,p,"tea\nand so on\n')


def test_no_more_is_kept_of_a_record_than_is_read() -> None:
    body = text(*plain(2), noted(3, '"tea')) + b"and so on\n" * (LONGEST_RECORD // 5)
    [found] = spread_records(chunks_of(io.BytesIO(body), carriage=False), ",")
    assert not found.closed
    assert LONGEST_RECORD < len(found.text) < LONGEST_RECORD + (2 << 20)


HEAD = text(*plain(20)).decode()


@pytest.mark.parametrize(
    ("row", "fits"),
    [
        ("c99,99,2024-12-31,0.5,q,thanks", True),
        ("c99,99,31.12.2024,0.5,q,", True),
        ("c99,99,never,0.5,q,thanks", True),
        ("c99,many,never,0.5,q,thanks", False),
        ("c99,99,2024-12-31,0.5,q", False),
        ("tea, milk, sugar, bread, eggs, thanks", False),
        ("", False),
    ],
)
def test_what_looks_like_a_row(row: str, fits: bool) -> None:
    record = f'c1,1,2025-04-01,1.00,p,"one\n{row}\nend, of, it, all, so, it, seems"'.encode()
    found = swallowed_by(Spread(0, record, True, 0), ",", Model(HEAD, ",", 6))
    assert found == (row if fits else None)


def test_a_row_between_two_quotes_that_belong_to_others() -> None:
    """The rest of the row that opens the quote and the beginning of the one that closes it make one row."""
    for last, swallowed in (('c2,2,2025-04-01,2.00,p,"', True), ('tea, milk, sugar, bread, eggs,"', False)):
        record = f'c1,1,2025-04-01,1.00,p,"tea\n{last}\n'.encode()
        found = swallowed_by(Spread(0, record, True, 0), ",", Model(HEAD, ",", 6))
        assert found == (last if swallowed else None)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (("2025-04-01", "1/4/25"), "day"),
        (("2025-04-01T10:00:00Z", "2025-04-01 10:00:00.123+02:00"), "day"),
        (("1 April 2025", "Apr 1, 2025"), "day"),
        (("1", "-1.50", "(12.50)", "12.50-", "$4.50", "4,50 €", "USD 1,250.00", "1\u00a0250"), "number"),
        (("no5@example.com", "SKU100-BLUE"), "code"),
    ],
)
def test_kinds_of_values_that_tell_rows(values: tuple[str, ...], kind: str) -> None:
    model = Model("a,b\n" + "".join(f'"{value}",x\n' for value in values), ",", 2)
    assert model._kinds == {0: {kind}}
