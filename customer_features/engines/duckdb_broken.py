"""Lines that break a text file's own syntax: counted, and kept as the text they are.

The CSV reader records the lines it cannot read (an open quote, too many or too few fields, bytes that are
not UTF-8). The NDJSON reader gives a row of nulls for each; what stands in such a line is looked up.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import msgspec

from customer_features.columns import literal
from customer_features.parts import File, lines

if TYPE_CHECKING:
    import duckdb

SHOWN = 200
"""So many characters of a broken line are shown in a message; the quarantine keeps all of it."""

_REASONS = {
    "UNQUOTED VALUE": "a quote is not closed",
    "INVALID ENCODING": "bytes that are not UTF-8 (--encoding names another encoding)",
    "LINE SIZE OVER MAXIMUM": "the line is longer than 16 MiB",
}


def recorded(relation: str) -> str:
    """Options of the CSV reader that record broken lines in a table of the staged relation's own."""
    return f"store_rejects=true, rejects_limit=0, rejects_table='rejects_{relation}', rejects_scan='scans_{relation}'"


def collect(connection: duckdb.DuckDBPyConnection, relation: str) -> None:
    """Make ``broken_RELATION``: file, place (row number), raw text, reason, and how many good rows stand before."""
    reason = " ".join(f"WHEN {literal(kind)} THEN {literal(text)}" for kind, text in _REASONS.items())
    connection.execute(
        f"""CREATE TEMP TABLE broken_{relation} AS
SELECT file_path AS source_file, place, raw, reason,
  place - row_number() OVER (PARTITION BY file_path ORDER BY place) AS good_before
FROM (SELECT file_path, line - 1 AS place, COALESCE(arg_min(csv_line, COALESCE(column_idx, 0)), '') AS raw,
    arg_min(CASE error_type {reason} ELSE lower(error_message) END, COALESCE(column_idx, 0)) AS reason
  FROM rejects_{relation} JOIN (SELECT DISTINCT scan_id, file_id, file_path FROM scans_{relation})
    USING (scan_id, file_id)
  GROUP BY file_path, line)"""
    )


def counts(connection: duckdb.DuckDBPyConnection, relation: str) -> dict[str, int]:
    """Broken lines by file."""
    rows = connection.sql(f"SELECT source_file, COUNT(*) FROM broken_{relation} GROUP BY 1").fetchall()
    return Counter({str(path): int(count) for path, count in rows})


def of_csv(connection: duckdb.DuckDBPyConnection, relation: str, file: File) -> list[tuple[int, str, str]]:
    """Row number, raw text and reason of each broken line of a CSV file."""
    rows: list[tuple[int, str, str]] = connection.execute(
        f"SELECT place, raw, reason FROM broken_{relation} WHERE source_file = ? ORDER BY place",
        [str(file.read_from)],
    ).fetchall()
    return rows


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
