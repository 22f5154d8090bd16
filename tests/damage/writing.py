"""Damaged rows as files of each form, and what the quarantine must show of every row."""

from __future__ import annotations

import gzip
import json
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.damage.groups import Score
from tests.damage.kinds import ABSENT, INFINITE_DAY, TYPED, Bare
from tests.damage.lines import COLUMNS, Line

Cells = dict[str, Any]
SWALLOWED = b"a record, that stands, behind, an open, quote"
"""The last line of a file whose last record but that one never closes a quote: it belongs to the broken record."""


def cells_of(line: Line, typed: bool) -> Cells:
    """What stands in each column of a row: values in a typed file, text in others."""
    cells: Cells = dict(
        zip(COLUMNS, (line.customer, line.order, line.day, line.paid, line.product, None, line.note), strict=True)
    )
    if not typed:
        cells["transaction_timestamp"] = None if line.day is None else line.day.isoformat()
        cells["sales_value"] = None if line.paid is None else repr(line.paid)
    for column, value in line.written.items():
        cells[column] = repr(value) if isinstance(value, float) and not typed else value
    return cells


def write(source_form: str, lines: list[Line], path: Path, luck: random.Random) -> list[Cells | str]:
    """Write a file; for each of its rows the cells that are kept of it, or the whole text where it is broken."""
    kept: list[Cells | str] = []
    if source_form not in ("csv", "ndjson"):
        kept += [cells_of(line, typed=source_form in TYPED) for line in lines]
        _write_table(source_form, kept, path)
        return kept
    writer = _Csv(luck, path.suffixes) if source_form == "csv" else _Ndjson(luck)
    body = bytearray(writer.head())
    for line in lines:
        record, keeps = writer.record(line)
        kept.append(keeps)
        body += record
        if luck.random() < 0.02 and line is not lines[-1]:
            body += writer.end  # a blank line is no row
    path.write_bytes(gzip.compress(body, 1) if path.suffix == ".gz" else body)
    return kept


def _write_table(form: str, kept: list[Any], path: Path) -> None:
    columns = {name: [cells[name] for cells in kept] for name in COLUMNS}
    kinds = dict.fromkeys(COLUMNS, pa.string())
    if form in TYPED:
        columns["transaction_timestamp"] = [_number_of_day(day) for day in columns["transaction_timestamp"]]
        kinds |= {"transaction_timestamp": pa.int32(), "sales_value": pa.float64(), "loyalty_score": pa.float64()}
    arrays = {name: pa.array(column, kinds[name]) for name, column in columns.items()}
    if form in TYPED:
        arrays["transaction_timestamp"] = arrays["transaction_timestamp"].cast(pa.date32())
    table = pa.table(arrays)
    if path.suffix == ".parquet":
        pq.write_table(table, path, row_group_size=400)
    else:
        with pa.ipc.new_file(path, table.schema) as out:
            out.write_table(table, max_chunksize=300)


def _number_of_day(day: Any) -> int | None:
    return day.toordinal() - 719_163 if day is not None and day != INFINITE_DAY else day


@dataclass
class _Csv:
    """A CSV file as one program writes it: its separator, its line ends, and how freely it quotes."""

    luck: random.Random
    suffixes: list[str]

    def __post_init__(self) -> None:
        self.mark = "\t" if ".tsv" in self.suffixes else self.luck.choice(",;|")
        self.end = self.luck.choice([b"\n", b"\r\n"])
        self.quoting = self.luck.choice([0.0, 0.1, 1.0])
        self.begins = self.luck.choice([b"", b"\xef\xbb\xbf"])

    def head(self) -> bytes:
        return self.begins + self.mark.join(COLUMNS).encode() + self.end

    def record(self, line: Line) -> tuple[bytes, Cells | str]:
        cells = cells_of(line, typed=False)
        fields = [self._field(cells[name], line) for name in COLUMNS]
        if not line.is_broken:
            kept = {name: cell or None for name, cell in cells.items()}
            return self.mark.join(fields).encode() + self.end, kept
        if line.style == "too few fields":
            fields = fields[: self.luck.randrange(1, len(fields))]
        elif line.style == "too many fields":
            fields += ["", "more"]
        elif line.style == "text after a quoted field":
            fields[4] = '"text"after'
        elif line.style == "an open quote to the end of the file":
            fields[4:] = ['"text', "", line.note]  # without a quote that would close it
        record = self.mark.join(fields).encode()
        if line.style == "bytes that are not UTF-8":
            record = b"\xe9\xff" + record
        if line.style == "an open quote to the end of the file":
            record += self.end + SWALLOWED + self.end
            return record, record.decode()
        return record + self.end, record.decode("utf-8", "backslashreplace")

    def _field(self, cell: str | None, line: Line) -> str:
        if cell is None:
            return ""
        quote = cell == "" or any(mark in cell for mark in f'{self.mark}"\r\n') or self.luck.random() < self.quoting
        if line.style == "a quote amid a field" and cell == line.note:
            return cell
        return '"' + cell.replace('"', '""') + '"' if quote or line.style == "all fields quoted" else cell


@dataclass
class _Ndjson:
    """An NDJSON file: amounts as numbers or as text, missing cells as null."""

    luck: random.Random

    def __post_init__(self) -> None:
        self.end = self.luck.choice([b"\n", b"\r\n"])

    def head(self) -> bytes:
        return self.luck.choice([b"", b"\xef\xbb\xbf"])

    def record(self, line: Line) -> tuple[bytes, Cells | str]:
        cells = cells_of(line, typed=False)
        kept = dict(cells)
        tokens: dict[str, str] = {}
        for name, cell in cells.items():
            if cell is ABSENT:
                kept[name] = None
            elif isinstance(cell, Bare):
                kept[name] = tokens[name] = cell.token
            elif name == "sales_value" and name not in line.written and self.luck.random() < 0.5 and cell:
                kept[name], tokens[name] = float(cell), cell
            else:
                tokens[name] = json.dumps(cell, ensure_ascii=line.style == "escaped letters")
        pairs = list(tokens.items())
        if line.style == "a key twice":
            pairs = [("sales_value", "999.0"), *pairs]
        elif line.style == "a key that nobody asked for":
            pairs.insert(self.luck.randrange(len(pairs)), ("extra", '{"a": [1, null, "]"]}'))
        elif line.style == "keys the other way round":
            pairs.reverse()
        text = "{" + ", ".join(f'"{name}": {token}' for name, token in pairs) + "}"
        if not line.is_broken:
            return text.encode() + self.end, kept
        record = _broken_json(line.style, text)
        end = b"" if line.style == "a last line cut short" else self.end
        return record + end, record.decode("utf-8", "backslashreplace")


def _broken_json(style: str, text: str) -> bytes:
    if style == "bytes that are not UTF-8":
        return text.encode().replace(b'"note": "', b'"note": "\xe9\xff')
    broken = {
        "object cut short": text[: len(text) // 2],
        "a last line cut short": text[: len(text) - 3],
        "array for an object": f"[{text}]",
        "text for an object": json.dumps(text),
        "two objects in a line": f"{text} {text}",
        "a control character": text.replace('"note": "', '"note": "\x01'),
        "a word": "undefined",
        "a key without quotes": text.replace('"note"', "note"),
        "half a surrogate pair": text.replace('"note": "', '"note": "\\ud800'),
    }
    return broken[style].encode()


def write_scores(scores: dict[str, list[Score]], path: Path, luck: random.Random) -> None:
    """A loyalty file of text, with customers in it that nobody knows."""
    rows = [(customer, score.written) for customer, stated in scores.items() for score in stated]
    rows += [("nobody", 7.0), ("nobody else", 0.5)]
    luck.shuffle(rows)
    texts = [(customer, written if isinstance(written, str) else repr(written)) for customer, written in rows]
    if path.suffix == ".parquet":
        table = {"household_id": [customer for customer, _ in texts], "loyalty_score": [text for _, text in texts]}
        pq.write_table(pa.table(table), path)
    elif path.suffix == ".ndjson":
        path.write_text("".join(json.dumps({"household_id": c, "loyalty_score": text}) + "\n" for c, text in texts))
    else:
        path.write_text("household_id,loyalty_score\n" + "".join(f'{c},"{text}"\n' for c, text in texts))
