"""Small CSV files as they are found, broken and sound, and what becomes of each: a table to be read by a test."""

from __future__ import annotations

import gzip
from dataclasses import dataclass, field

HEADER = "customer_id,order_id,date,amount,sku,note"


@dataclass(frozen=True)
class Sound:
    """A file that is read: total spent by customer, and the row number and fault of each row set aside."""

    name: str
    body: bytes
    totals: dict[str, float]
    faulty: dict[int, str] = field(default_factory=dict)
    options: tuple[str, ...] = ()
    suffix: str = ".csv"


@dataclass(frozen=True)
class Broken:
    """A file that is refused, and what is said of it."""

    name: str
    body: bytes
    says: tuple[str, ...]
    suffix: str = ".csv"
    options: tuple[str, ...] = ()


def text(*lines: str, header: str = HEADER, end: str = "\n", encoding: str = "utf-8") -> bytes:
    """Lines below a header, as the bytes of a file."""
    return "".join(line + end for line in (header, *lines)).encode(encoding)


def plain(count: int, start: int = 1) -> list[str]:
    """Sound rows, each of another customer who spent as much as the row's number says."""
    return [f"c{number},{number},2025-04-01,{number}.00,p,ok" for number in range(start, start + count)]


def noted(number: int, note: str) -> str:
    """A sound row but for what its note is."""
    return f"c{number},{number},2025-04-01,{number}.00,p,{note}"


def spent(*numbers: int) -> dict[str, float]:
    """What the customers of such rows spent."""
    return {f"c{number}": float(number) for number in numbers}


TEN = spent(*range(1, 11))


def between(opens: int, closes: int, opening: str, closing: str) -> list[str]:
    """Ten rows, of which one opens a quote and a later one closes it."""
    rows = plain(10)
    rows[opens - 1], rows[closes - 1] = noted(opens, opening), noted(closes, closing)
    return rows


def quoted_in(column: int, opens: int, closes: int) -> list[str]:
    """Ten rows with a quote before a column of one and behind that column of another."""
    rows = [row.split(",") for row in plain(10)]
    rows[opens - 1][column] = f'"{rows[opens - 1][column]}'
    rows[closes - 1][column] = f'{rows[closes - 1][column]}"'
    return [",".join(row) for row in rows]


OPENS_3 = "a quote that opens in row 3 takes in "
SWALLOWED = [
    Broken("opened and closed by notes", text(*between(3, 7, '"Premium tea', 'TV 24"')), (OPENS_3 + "the 4 lines",)),
    Broken("the next row closes it", text(*between(3, 4, '"Premium tea', 'TV 24"')), (OPENS_3 + "the line after it",)),
    Broken(
        "never closed", text(*between(3, 4, '"Premium tea', "ok")), ("row 3 and is never closed takes in the 7 lines",)
    ),
    Broken("closed by an opening quote", text(*between(3, 6, '"Premium tea', '"black, green"')), (OPENS_3 + "the 3",)),
    Broken("closed by text in quotes", text(*between(3, 4, '"Premium tea', '"black" tea')), (OPENS_3 + "the line",)),
    Broken(
        "in the first row", text(*between(1, 5, '"Premium tea', 'TV 24"')), ("opens in row 1 takes in the 4 lines",)
    ),
    Broken("to the last row", text(*between(3, 10, '"Premium tea', 'TV 24"')), (OPENS_3 + "the 7 lines",)),
    Broken("no line end at the end", text(*between(3, 10, '"tea', 'TV"')).rstrip(), (OPENS_3 + "the 7 lines",)),
    Broken("the whole file", text(*between(1, 2, '"tea', "ok")), ("row 1 and is never closed takes in the 9 lines",)),
    *(
        Broken(f"in column {column}, closed in row {closes}", text(*quoted_in(column, 3, closes)), (OPENS_3,))
        for column in range(5)
        for closes in (4, 8)
    ),
    Broken(
        "closed in an earlier column",
        text(*between(3, 3, '"Premium tea', '"Premium tea')[:5], 'c6,6,2025-04-01,6.00,TV 24",ok', *plain(4, 7)),
        (OPENS_3 + "the 3 lines",),
    ),
    Broken(
        "closed in a later column",
        text(*plain(2), 'c3,"3,2025-04-01,3.00,p,ok', *plain(2, 4), noted(6, 'TV 24"'), *plain(4, 7)),
        (OPENS_3 + "the 3 lines",),
    ),
    Broken("after a blank", text(*between(3, 7, ' "Premium tea', 'TV 24"')), (OPENS_3 + "the 4 lines",)),
    Broken("CR LF", text(*between(3, 7, '"Premium tea', 'TV 24"'), end="\r\n"), (OPENS_3 + "the 4 lines",)),
    Broken("CR alone", text(*between(3, 7, '"Premium tea', 'TV 24"'), end="\r"), (OPENS_3 + "the 4 lines",)),
    Broken(
        "semicolons",
        text(*between(3, 7, '"Premium tea', 'TV 24"')).replace(b",", b";"),
        (OPENS_3 + "the 4 lines",),
    ),
    Broken("tabs", text(*between(3, 7, '"tea', 'TV"')).replace(b",", b"\t"), (OPENS_3,), suffix=".tsv"),
    Broken("bars", text(*between(3, 7, '"tea', 'TV"')).replace(b",", b"|"), (OPENS_3,)),
    Broken("gzip", gzip.compress(text(*between(3, 7, '"tea', 'TV"'))), (OPENS_3,), suffix=".csv.gz"),
    Broken("UTF-16", text(*between(3, 7, '"Thé', 'TV"'), encoding="utf-16"), (OPENS_3,)),
    Broken(
        "Latin-1",
        text(*between(3, 7, '"Thé', 'TV"'), encoding="latin-1"),
        (OPENS_3,),
        options=("--encoding", "latin-1"),
    ),
    Broken("without a telling name", text(*between(3, 7, '"tea', 'TV"')), (OPENS_3,), suffix=""),
    Broken("a note with commas opens it", text(*between(3, 5, '"tea, green, hot', 'TV"')), (OPENS_3,)),
    Broken("a note with commas closes it", text(*between(3, 4, '"tea', 'TV, 24, black"')), (OPENS_3,)),
    Broken("doubled quotes within", text(*between(3, 7, '"say ""tea""', 'TV 24"')), (OPENS_3,)),
    Broken("a stray quote before", text(noted(1, '5" pipe'), *between(3, 7, '"tea', 'TV"')[1:]), (OPENS_3,)),
    Broken(
        "a stray quote in the same row", text(*plain(2), 'c3,3,2025-04-01,3.00,5" pipe,"tea', *plain(3, 4)), ("row 3 ",)
    ),
    Broken(
        "after a note of several lines",
        text(noted(1, '"one\n\ntwo\nthree"'), "", *between(3, 7, '"tea', 'TV"')[1:]),
        (OPENS_3 + "the 4 lines",),
    ),
    Broken(
        "a swallowed row with a fault of its own",
        text(*between(3, 4, '"tea', 'TV"')).replace(b"c4,4,2025-04-01", b"c4,4,never"),
        (OPENS_3 + "the line",),
    ),
    Broken(
        "amounts with currency signs and days in words",
        text(*(row.replace("2025-04-01,", "1 Apr 2025,$") for row in between(3, 7, '"tea', 'TV"'))),
        (OPENS_3 + "the 4 lines",),
    ),
    Broken(
        "an open quote in the header",
        text(*between(3, 7, 'TV"', "ok"), header=HEADER.replace("note", '"note')),
        ("a quote that opens in its header, before 'note', takes in the lines after it",),
    ),
]

ADDRESS = '"12, High Street\nFlat 3, London\nUK"'
SOUND = [
    Sound("plain", text(*plain(10)), TEN),
    Sound("a note of two lines", text(*between(3, 4, '"one\ntwo"', "ok")), TEN),
    Sound("an address in every row", text(*(noted(n, ADDRESS) for n in range(1, 11))), TEN),
    Sound(
        "an address in the first column of every row",
        text(
            *(f"{ADDRESS},c{n},{n},2025-04-01,{n}.00,p" for n in range(1, 11)),
            header="note,customer_id,order_id,date,amount,sku",
        ),
        TEN,
    ),
    Sound(
        "an address in the middle of every row",
        text(
            *(f"c{n},{n},2025-04-01,{ADDRESS},{n}.00,p" for n in range(1, 11)),
            header="customer_id,order_id,date,note,amount,sku",
        ),
        TEN,
    ),
    Sound(
        "lines with as many commas as a row",
        text(*plain(9), noted(10, '"well,\na, b, c, d, e, f\nso, it, is, 5, o, k"')),
        TEN,
    ),
    Sound("a note with numbers", text(*plain(9), noted(10, '"bought\n2 x tea, 3 x milk, 5, 12, thanks, bye\n"')), TEN),
    Sound("empty lines in a note", text(*plain(9), noted(10, '"one\n\n\ntwo"')), TEN),
    Sound("a line end at the end of a note", text(*plain(9), noted(10, '"one\n"')), TEN),
    Sound("CR LF in a note", text(*plain(9), noted(10, '"one\r\ntwo"'), end="\r\n"), TEN),
    Sound("all fields quoted", text(*('"' + row.replace(",", '","') + '"' for row in plain(10))), TEN),
    Sound("commas in quotes", text(*plain(9), noted(10, '"a, b, c, d, e, f, g"')), TEN),
    Sound("doubled quotes", text(*plain(9), noted(10, '"say ""tea"", and ""milk"""')), TEN),
    Sound("a doubled quote at a line's end", text(*plain(9), noted(10, '"say ""tea""\nand ""milk"""')), TEN),
    Sound("nothing in quotes", text(*plain(9), noted(10, '""')), TEN),
    Sound("inches", text(*plain(8), noted(9, '5" pipe'), noted(10, 'TV 24"')), TEN),
    Sound("two inches in a row", text(*plain(9), 'c10,10,2025-04-01,10.00,TV 24",5" pipe'), TEN),
    Sound("a doubled quote without quotes", text(*plain(9), noted(10, 'say ""tea""')), TEN),
    Sound("blanks around a quoted field", text(*plain(9), noted(10, ' "tea" ')), TEN),
    Sound("no line end at the end", text(*plain(10)).rstrip(), TEN),
    Sound("empty lines at the end", text(*plain(10), "", ""), TEN),
    Sound("empty lines between", text(*plain(5), "", "", *plain(5, 6)), TEN),
    Sound("CR alone", text(*plain(10), end="\r"), TEN),
    Sound("line ends of two kinds", text(*plain(5), end="\r\n") + text(*plain(4, 7), header=plain(1, 6)[0]), TEN),
    Sound("bytes that are not UTF-8 in a note", text(*plain(9), noted(10, "Thé"), encoding="latin-1"), TEN),
    Sound(
        "bytes that are not UTF-8 in an id",
        text(*plain(9), "Zoé,10,2025-04-01,10.00,p,ok", encoding="latin-1"),
        spent(*range(1, 10)),
        {10: "unreadable_row"},
    ),
    Sound("a field too few", text(*plain(9), "c10,10,2025-04-01"), spent(*range(1, 10)), {10: "unreadable_row"}),
    Sound("a field too many", text(*plain(9), noted(10, "a,b")), spent(*range(1, 10)), {10: "unreadable_row"}),
    Sound(
        "text after a quoted field",
        text(*plain(4), noted(5, '"tea" hot'), *plain(5, 6)),
        spent(1, 2, 3, 4, *range(6, 11)),
        {5: "unreadable_row"},
    ),
    Sound(
        "a quote that opens in the last row",
        text(*plain(9), noted(10, '"tea')),
        spent(*range(1, 10)),
        {10: "unreadable_row"},
    ),
    Sound(
        "a note of two lines that is never closed",
        text(*plain(9), noted(10, '"tea\nand milk')),
        spent(*range(1, 10)),
        {10: "unreadable_row"},
    ),
    Sound(
        "a broken note of two lines",
        text(*plain(4), noted(5, '"say "tea"\nand milk"'), *plain(5, 6)),
        spent(1, 2, 3, 4, *range(6, 11)),
        {5: "unreadable_row", 6: "unreadable_row"},
    ),
    Sound("a totals row", text(*plain(10), ",,,55.00,,"), TEN, {11: "missing_customer_id"}),
]
