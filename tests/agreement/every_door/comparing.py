"""An outcome against what it must be: as 64-bit patterns, and count by count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from tests.agreement import oracle
from tests.agreement.every_door.expected import Expected, Key
from tests.agreement.every_door.interface import Form, Outcome

SHOWN = 5
"""So many differences are told of one case."""
_VECTOR = 64 * len(oracle.NAMES)


@dataclass(slots=True)
class Difference:
    """How an outcome differs: bits of vectors (a missing or surplus one counts all its bits), and row counts."""

    vectors: int = 0
    bits: int = 0
    faults: int = 0
    says: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.bits or self.faults)


def difference(outcome: Outcome, expected: Expected, form: Form) -> Difference:
    """Compare an outcome. Bulk output is compared place by place: its order is part of it."""
    keys, patterns = _patterns(outcome.vectors)
    found = Difference(vectors=len(keys))
    if form is Form.REQUEST:
        keys, patterns = _in_order(keys, patterns)
    if keys == expected.keys:
        _compare(found, keys, patterns, expected.patterns)
    else:
        _compare_by_key(found, keys, patterns, expected)
    for what, counts, due in (
        ("rows", outcome.rows, expected.rows),
        ("rows filed under", outcome.faults, expected.faults),
        ("rows with", outcome.listed, expected.listed),
    ):
        if counts is not None:
            _compare_counts(found, what, counts, due)
    return found


def _patterns(vectors: pa.Table) -> tuple[list[Key], np.ndarray[Any, Any]]:
    """Keys and 64-bit patterns. Raises AssertionError where the table is not of the promised shape."""
    several = "as_of" in vectors.column_names
    names = [*(("customer_id", "as_of") if several else ("customer_id",)), *oracle.NAMES]
    assert vectors.column_names == names, vectors.column_names
    columns = []
    for name in oracle.NAMES:
        column = vectors[name]
        assert column.type == pa.float64(), (name, column.type)
        assert column.null_count == 0, name
        columns.append(column.to_numpy().view(np.uint64))
    keys: list[Any] = vectors["customer_id"].to_pylist()
    if several:
        assert vectors["as_of"].type == pa.date32(), vectors["as_of"].type
        keys = list(zip(keys, vectors["as_of"].to_pylist(), strict=True))
    return keys, np.stack(columns, axis=1)


def _in_order(keys: list[Key], patterns: np.ndarray[Any, Any]) -> tuple[list[Key], np.ndarray[Any, Any]]:
    order = sorted(range(len(keys)), key=lambda place: str(keys[place]).encode())
    return [keys[place] for place in order], patterns[order]


def _compare(found: Difference, keys: list[Key], patterns: Any, due: Any) -> None:
    if np.array_equal(patterns, due):
        return
    found.bits += int(np.bitwise_count(patterns ^ due).sum())
    for place in np.flatnonzero((patterns != due).any(axis=1))[:SHOWN]:
        found.says.append(f"{keys[place]!r}: expected {_values(due[place])}, found {_values(patterns[place])}")


def _compare_by_key(found: Difference, keys: list[Key], patterns: Any, expected: Expected) -> None:
    places = {key: place for place, key in enumerate(keys)}
    due = {key: place for place, key in enumerate(expected.keys)}
    if len(places) < len(keys):
        found.bits += _VECTOR * (len(keys) - len(places))
        found.says.append(f"{len(keys) - len(places)} keys stand twice")
    missing, surplus = [key for key in due if key not in places], [key for key in places if key not in due]
    found.bits += _VECTOR * (len(missing) + len(surplus))
    found.says += [f"{key!r}: expected {_values(expected.patterns[due[key]])}, found none" for key in missing[:SHOWN]]
    found.says += [f"{key!r}: expected none, found {_values(patterns[places[key]])}" for key in surplus[:SHOWN]]
    both = [key for key in expected.keys if key in places]
    _compare(found, both, patterns[[places[key] for key in both]], expected.patterns[[due[key] for key in both]])
    if not (missing or surplus or len(places) < len(keys)):
        wrong = [place for place, (one, other) in enumerate(zip(keys, expected.keys, strict=True)) if one != other]
        found.bits += _VECTOR * len(wrong)
        found.says.append(f"{len(wrong)} vectors out of order, the first is {keys[wrong[0]]!r}")


def _values(patterns: Any) -> tuple[float, ...]:
    return tuple(np.asarray(patterns, np.uint64).view(np.float64).tolist())


def _compare_counts(found: Difference, what: str, counts: Mapping[str, int], due: Mapping[str, int]) -> None:
    for name in sorted({*counts, *due}):
        if (has := counts.get(name, 0)) != (wants := due.get(name, 0)):
            found.faults += abs(has - wants)
            found.says.append(f"{what} {name}: expected {wants}, found {has}")
