"""Ids in text that are whole numbers written as floats, ``17850.0``, where the data are in a warehouse."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from customer_features.query.dialects.base import Dialect
from customer_features.query.typed_fields import SAMPLED


def read_as_whole(
    rows: Callable[[str], Sequence[Sequence[Any]]], dialect: Dialect, relation: str, ids: Mapping[str, str]
) -> dict[str, str]:
    """Return SQL of ids as whole numbers, by field, for those of which every value is one and some are floats.

    ``rows`` runs a query; ``ids``: SQL of text over the relation, by field. All rows are looked at only if the first
    ones are whole numbers written as floats.
    """
    texts = {field: dialect.identifier(sql) for field, sql in ids.items()}
    likely = _written_as_floats(rows, dialect, f"{relation} LIMIT {SAMPLED}", texts)
    found = _written_as_floats(rows, dialect, relation, {field: texts[field] for field in likely})
    return {
        field: f"CASE WHEN {texts[field]} LIKE '%.0' THEN SUBSTR({texts[field]}, 1, LENGTH({texts[field]}) - 2)"
        f" ELSE {texts[field]} END"
        for field in found
    }


def _written_as_floats(
    rows: Callable[[str], Sequence[Sequence[Any]]], dialect: Dialect, relation: str, texts: Mapping[str, str]
) -> list[str]:
    if not texts:
        return []
    items = [f"{sql} AS t{place}" for place, sql in enumerate(texts.values())]
    sums = []
    for place in range(len(texts)):
        text = f"t{place}"
        whole = dialect.matches(text, "^[0-9]+([.]0)?$")
        sums.append(f"SUM(CASE WHEN {text} LIKE '%.0' THEN 1 ELSE 0 END) AS floats{place}")
        sums.append(f"SUM(CASE WHEN {text} IS NULL OR {text} = '' OR {whole} THEN 0 ELSE 1 END) AS others{place}")
    [counts] = rows(f"SELECT {', '.join(sums)} FROM (SELECT {', '.join(items)} FROM {relation}) i")
    found = [None if count is None else int(count) for count in counts]
    return [field for place, field in enumerate(texts) if found[2 * place] and found[2 * place + 1] == 0]
