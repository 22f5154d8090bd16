"""How the dates of a column are written: on which day by their own offset, and whether on a clock without one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from customer_features.definition.counts import counted
from customer_features.definition.date_texts import OFFSET, literal_offset
from customer_features.query.columns import literal

NAMES = ("written_day", "on_clock")
"""Staged columns: the day of an instant in the offset that it is written with (null of what is no instant; UTC where
the source keeps none), and whether a value has a time of day and no offset."""
_NONE = {"written_day": "CAST(NULL AS DATE)", "on_clock": "FALSE"}


@dataclass(frozen=True, slots=True)
class Written:
    """SQL of the staged columns over the source, and of those that follow from other staged columns over these."""

    staged: dict[str, str]
    derived: dict[str, str]


def written(sql: str, type_name: str, date_format: str | None, timezone: str) -> Written:
    """The columns for dates of a type, written in a format of strptime or, in text, as every door reads them."""
    if type_name == "VARCHAR" and date_format is not None:
        return _by_format(sql, date_format)
    if type_name == "VARCHAR":
        # Of what is read at all, a longer text has a time, and one of these characters near its end an offset.
        # The cases keep the engine from looking at the ends of texts that are plain days.
        ends = " OR ".join(f"SUBSTRING({sql}, -{place}, 1) IN ('Z', '+', '-')" for place in (1, 3, 5, 6))
        staged = {
            "written_day": f"CASE WHEN strlen({sql}) > 16 THEN CASE WHEN {ends} THEN TRY_CAST(LEFT({sql}, 10) AS DATE)"
            " END END",
            "on_clock": f"CASE WHEN strlen({sql}) > 16 THEN NOT ({ends}) WHEN strlen({sql}) > 10 THEN TRUE"
            " ELSE FALSE END",
        }
        return Written(staged, {})
    if "WITH TIME ZONE" in type_name or type_name.startswith("TIMESTAMPTZ"):
        if timezone == "UTC":
            return Written({"written_day": f"CAST(timezone('UTC', {sql}) AS DATE)", "on_clock": "FALSE"}, _IN_UTC)
        return Written({"written_day": f"CAST(timezone('UTC', {sql}) AS DATE)", "on_clock": "FALSE"}, {})
    if type_name.startswith("TIMESTAMP"):
        return Written({**_NONE, "on_clock": f"{sql} IS NOT NULL"}, {**_NONE, "on_clock": "day IS NOT NULL"})
    return Written(_NONE, _NONE)


_IN_UTC = {"written_day": "day", "on_clock": "FALSE"}


def _by_format(sql: str, date_format: str) -> Written:
    stamp = f"TRY_STRPTIME({sql}, {literal(date_format)})"
    if literal_offset(date_format) is not None:
        day = f"CAST({stamp} AS DATE)"
    elif date_format.endswith("%z"):
        local = f"regexp_replace({sql}, '{OFFSET}$', '')"
        day = f"CAST(TRY_STRPTIME({local}, {literal(date_format.removesuffix('%z').rstrip())}) AS DATE)"
    elif "%z" in date_format:
        day = f"CAST(timezone('UTC', {stamp}) AS DATE)"
    else:
        clock = "day IS NOT NULL" if re.search("%-?[HI]", date_format) else "FALSE"
        given = f"{stamp} IS NOT NULL" if clock != "FALSE" else clock
        return Written({**_NONE, "on_clock": given}, {**_NONE, "on_clock": clock})
    return Written({"written_day": day, "on_clock": "FALSE"}, {})


def counts_sql(relation: str) -> str:
    """How many rows are instants, fall on another day than the one they are written with, and are on a clock alone."""
    return (
        "SELECT COUNT(written_day), COUNT_IF(written_day <> day), COUNT_IF(on_clock)"
        f" FROM {relation} WHERE day IS NOT NULL"
    )


def sentences(days: Mapping[str, Any]) -> list[str]:
    """What a manifest says of the days, for people."""
    if not days:
        return []
    said = [
        f"{one['column']} of {one['source']} holds {one['read_as']}, {one['first']} to {one['last']}"
        for one in days["numbers"]
    ]
    zone = days["timezone"]
    if instants := days["instants"]:
        other = days["on_another_day"]
        said.append(
            f"counted in {zone}; {other:,} of {counted(instants, 'row')} with an offset"
            f" {'falls' if other == 1 else 'fall'} on another day than the one that is written"
        )
    if days["timezone_given"] and (local := days["local_times"]):
        what = f"{counted(local, 'row')} {'has' if local == 1 else 'have'} a time without an offset"
        said.append(f"{what}, which is taken for local time in {zone}")
    return said
