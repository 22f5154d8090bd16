"""Lines that break a text file's own syntax: counted, and kept as the text they are.

The CSV reader records the lines it cannot read (an open quote, too many or too few fields, bytes that are
not UTF-8). The NDJSON reader gives a row of nulls for each; what stands in such a line is looked up.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from customer_features.errors import SourceError
from customer_features.query.columns import literal, quoted
from customer_features.sources.parts import File, Part, bytes_of, lines
from customer_features.sources.transcoding import empty_lines, holds_empty_lines

if TYPE_CHECKING:
    import duckdb

SHOWN = 200
"""So many characters of a broken line are shown in a message; the quarantine keeps all of it."""

_OPEN = "a quote is not closed"
_REASONS = {
    "UNQUOTED VALUE": _OPEN,
    "INVALID ENCODING": "bytes that are not UTF-8 (--encoding names another encoding)",
    "LINE SIZE OVER MAXIMUM": "the line is longer than 16 MiB",
}


def recorded(relation: str) -> str:
    """Options of the CSV reader that record broken lines in a table of the staged relation's own."""
    return f"store_rejects=true, rejects_limit=0, rejects_table='rejects_{relation}', rejects_scan='scans_{relation}'"


def collect(connection: duckdb.DuckDBPyConnection, relation: str, part: Part) -> None:
    """Make ``broken_RELATION``: file, place (row number), raw text, reason, and how many good rows stand before.

    ``begins`` is the byte at which the text was cut out of the file, ``size`` its length in bytes.
    """
    reason = " ".join(f"WHEN {literal(kind)} THEN {literal(text)}" for kind, text in _REASONS.items())
    connection.execute(
        f"""CREATE TEMP TABLE lines_{relation} AS
SELECT file_path AS source_file, line,
  COALESCE(arg_min(csv_line,
  COALESCE(column_idx, 0)), '') AS raw, MIN(line_byte_position) - 1 AS begins,
  arg_min(CASE error_type {reason} ELSE lower(error_message) END, COALESCE(column_idx, 0)) AS reason
FROM rejects_{relation} JOIN (SELECT DISTINCT scan_id, file_id, file_path FROM scans_{relation})
  USING (scan_id, file_id)
GROUP BY file_path, line"""
    )
    # The reader numbers lines, and counts those that are empty, which are no rows.
    connection.execute(f"CREATE TEMP TABLE empty_{relation} (source_file VARCHAR, line BIGINT)")
    with_broken = {
        str(row[0]) for row in connection.sql(f"SELECT DISTINCT source_file FROM lines_{relation}").fetchall()
    }
    for file in part.files:
        if str(file.read_from) in with_broken and (numbers := _empty_lines(file, part)):
            connection.execute(
                f"INSERT INTO empty_{relation} SELECT ?, unnest(?::BIGINT[])", [str(file.read_from), numbers]
            )
    connection.execute(
        f"""CREATE TEMP TABLE broken_{relation} AS
SELECT source_file, place, ltrim(raw, chr(13) || chr(10)) AS raw, reason, begins, strlen(raw) AS size,
  place - row_number() OVER (PARTITION BY source_file ORDER BY place) AS good_before
FROM (SELECT *, line - 1 - COUNT_IF(raw IS NULL) OVER (PARTITION BY source_file ORDER BY line) AS place
  FROM (SELECT * FROM lines_{relation} UNION ALL BY NAME SELECT * FROM empty_{relation})) WHERE raw IS NOT NULL"""
    )
    for file in part.files:
        if str(file.read_from) in with_broken:
            _refuse_lost(connection, relation, part, file)


def _refuse_lost(connection: duckdb.DuckDBPyConnection, relation: str, part: Part, file: File) -> None:
    """Raise SourceError where the reader lost its place after a quote, and with it lines that it tells nothing of.

    Whatever stands in the file is a row, a line of a broken one, or empty: all its lines are counted.
    """
    broken = of_csv(connection, relation, part, file)
    first = min((place for place, _, reason in broken if reason == _OPEN), default=None)
    if first is None:
        return
    kept = sum(1 + raw.rstrip("\r\n").count("\n") for _, raw, _ in broken)
    with bytes_of(file, part.compression) as stream:
        lines_there, end = 0, b"\n"
        while chunk := stream.read(1 << 20):
            lines_there, end = lines_there + chunk.count(b"\n"), chunk[-1:]
    lines_there += end != b"\n"
    breaks = " + ".join(
        f"COALESCE(strlen({name}) - strlen(replace({name}, chr(10), '')), 0)" for name in map(quoted, part.columns)
    )
    source = part.over([file], recorded(f"counted_{relation}_{part.files.index(file)}"))
    [(told,)] = connection.execute(f"SELECT COUNT(*) + COALESCE(SUM({breaks}), 0) FROM {source}").fetchall()
    [(empty,)] = connection.execute(
        f"SELECT COUNT(*) FROM empty_{relation} WHERE source_file = ?", [str(file.read_from)]
    ).fetchall()
    lost = lines_there - 1 - int(told) - kept - int(empty)
    if lost > 0:
        raise SourceError(
            f"{file.name}: {_OPEN} in row {first} or just after it, and {lost:,} of the {lines_there:,} lines cannot be"
            " told apart from there on; close the quote, or write it twice if it is part of the text"
        )


def _empty_lines(file: File, part: Part) -> list[int]:
    with bytes_of(file, part.compression) as stream:
        if not holds_empty_lines(stream):
            return []
    with bytes_of(file, part.compression) as stream, io.BufferedReader(stream) as source:
        return list(empty_lines(source, part.delimiter))


def counts(connection: duckdb.DuckDBPyConnection, relation: str) -> dict[str, int]:
    """Broken lines by file."""
    rows = connection.sql(f"SELECT source_file, COUNT(*) FROM broken_{relation} GROUP BY 1").fetchall()
    return Counter({str(path): int(count) for path, count in rows})


def of_csv(connection: duckdb.DuckDBPyConnection, relation: str, part: Part, file: File) -> list[tuple[int, str, str]]:
    """Row number, raw text and reason of each broken line of a CSV file."""
    rows: list[tuple[int, str, str, int, int]] = connection.execute(
        f"SELECT place, raw, reason, begins, size FROM broken_{relation} WHERE source_file = ? ORDER BY place",
        [str(file.read_from)],
    ).fetchall()
    # The reader writes ? for every byte that is not UTF-8; the bytes themselves are in the file.
    spans = {place: (begins, size) for place, raw, _, begins, size in rows if "?" in raw}
    texts = dict(zip(spans, _texts(file, part, list(spans.values())), strict=True))
    return [(place, texts.get(place, raw), reason) for place, raw, reason, _, _ in rows]


def _texts(file: File, part: Part, spans: list[tuple[int, int]]) -> Iterator[str]:
    """What stands in a file from a byte on, for so many bytes; bytes that are not UTF-8 are shown as \\xff."""
    if not spans:
        return
    with bytes_of(file, part.compression) as stream, io.BufferedReader(stream) as source:
        at = 0
        for begins, size in spans:
            if part.compression is None:
                at = source.seek(begins)
            while at < begins:  # a compressed stream can only be read from its beginning
                at += len(source.read(min(begins - at, 1 << 20)))
            found = source.read(size)
            at += len(found)
            yield found.decode("utf-8", "backslashreplace").lstrip("\r\n")


def shifted(relation: str, file: File, number: str) -> str:
    """SQL of a good row's number in its file, from its number among the good ones."""
    before = f"SELECT COUNT(*) FROM broken_{relation} WHERE source_file = {literal(str(file.read_from))}"
    return f"{number} + ({before} AND good_before < {number})"


def of_ndjson(file: File, compression: str | None, empty: set[int]) -> list[tuple[int, str, str]]:
    """Row number, raw text and reason of the broken lines among the empty rows of an NDJSON file.

    ``empty`` holds the numbers of the rows that were read as nothing but nulls; ``{}`` is such a row, and whole.
    """
    found = []
    for number, line in enumerate(lines(file, compression), 1):
        if number in empty and (reason := _why(line)):
            found.append((number, line.decode("utf-8", "backslashreplace"), reason))
    return found


def _why(line: bytes) -> str | None:
    try:
        value: Any = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return "not JSON"
    return None if isinstance(value, dict) else "not an object"
