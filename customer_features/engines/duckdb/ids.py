"""Warnings about ids: alike, missing in disguise, rounded by a spreadsheet, or those of orders instead of customers.

Customers are looked at once they are rolled up, and only counts are compared first.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from customer_features.definition.counts import counted, told_apart
from customer_features.definition.faults import WARNINGS
from customer_features.definition.options import Grain, Options
from customer_features.engines.duckdb.hints import customer_like
from customer_features.engines.warnings import FIRST_ROWS, NAMED
from customer_features.query.columns import literal, quoted, shell_map, words_of_mapping
from customer_features.query.duckdb_steps import HASH

if TYPE_CHECKING:
    import duckdb

    from customer_features.engines.duckdb.quarantine import Staged
    from customer_features.sources.parts import Part

NULL_LIKE = (
    *("null", "none", "nan", "n/a", "#n/a", "\\n", "-", "--", "undefined", "nil", "na", "<na>", "(null)", "nat"),
    *("#null!", "#ref!", "#value!"),
)
"""What programs write where there is no value, in lower case."""
_WRITTEN = {form for text in NULL_LIKE for form in (text, text.upper(), text.capitalize())} | {"NaN", "NaT", "N/a"}
NULL_TOKENS = ", ".join(map(literal, sorted(_WRITTEN)))
_ROUNDED = "contains({0}, 'E+') AND regexp_full_match({0}, '[1-9]([.][0-9]+)?E[+][0-9]{{2,3}}')"
"""SQL of whether an id is a long number as spreadsheets show it: 1.23457E+12. The first test is the cheap one."""
_SHEET = 1_048_576
"""Rows of the largest sheet of a spreadsheet."""
_FIELDS = ("customer_id", "transaction_id", "product_id")
_BLANKS = " \t\n\r\v\f\u00a0\u2007\u200b\u202f\u3000\ufeff"
_OTHER = r"[\t-\r\x{{200b}}\x{{feff}}]"
_OTHER_BLANKS = rf"^[\s\p{{{{Z}}}}]*{_OTHER}|{_OTHER}[\s\p{{{{Z}}}}]*$"
"""Blanks that ``trim`` leaves, as a pattern within a format."""
_STEPS: dict[str, tuple[str, str]] = {
    "Unicode form": ("nfc_normalize({})", "nfc_normalize({})"),
    "surrounding blanks": (
        # To trim other blanks than spaces costs as much as all else, and there hardly are any.
        f"CASE WHEN regexp_matches({{0}}, {literal(_OTHER_BLANKS)}) THEN trim({{0}}, {literal(_BLANKS)})"
        " ELSE trim({0}) END",
        "trim({})",
    ),
    "case": ("lower({})", "lower({})"),
    "a fraction of zeros": (
        "CASE WHEN suffix({0}, '.0') THEN left({0}, -2) ELSE {0} END",
        "regexp_replace({}, '[.]0$', '')",
    ),
}
"""By what ids may differ: SQL that takes it away, of all kinds of blanks, and as people would write it."""
_ANY_BLANKS = r"regexp_replace({}, '^[\s\p{{Z}}\p{{C}}]+|[\s\p{{Z}}\p{{C}}]+$', '', 'g')"
_LEAST_SHARE = 0.1
"""A column of fewer values than this share of the customers says what kind a customer is, not who."""


@dataclass(frozen=True, slots=True)
class Run:
    """What a run has rolled up: SQL of the rows that vectors are made of, and of its customers."""

    connection: duckdb.DuckDBPyConnection
    used: str
    customers: str
    staged: list[Staged]
    options: Options

    def one(self, sql: str) -> tuple[Any, ...]:
        """The one row of a query."""
        return tuple(self.connection.sql(sql).fetchall()[0])


def nearly(sql: str) -> str:
    """SQL of what ids share that differ in case, surrounding blanks, Unicode form or a fraction of zeros alone."""
    for exact, _ in _STEPS.values():
        sql = exact.format(sql)
    return sql


def find_warnings(run: Run) -> list[dict[str, Any]]:
    """Warnings about the ids of the rows that counted: name, number of cases and a sentence."""
    everything = nearly("customer_id")
    customers, joined, visits = run.one(
        f"SELECT COUNT(*), COUNT(DISTINCT {HASH.format(everything)}), COALESCE(MAX(visits), 0) FROM {run.customers}"
    )
    found = _null_like(run) + _rounded(run)
    if joined < customers:
        found += _near_duplicates(run, int(customers), everything)
    if customers > 1:
        found += _one_order_per_customer(run, int(customers), int(visits))
    return found


def _warning(name: str, count: int, what: str) -> dict[str, Any]:
    return {"name": name, "count": count, "message": WARNINGS[name].says(what)}


def _null_like(run: Run) -> list[dict[str, Any]]:
    """A warning where ids look like the absence of one, with the rows of each field."""

    relations = dict.fromkeys(_FIELDS, (run.used, "COUNT(*)"))
    relations["customer_id"] = (run.customers, "SUM(used)")
    # A scan of one column for a list of constants costs next to nothing; of two columns at once, ten times that.
    counts = run.connection.sql(
        " UNION ALL ".join(
            f"SELECT {place} AS place, {field} AS id, {count} AS n FROM {relation} WHERE {field} IN ({NULL_TOKENS})"
            " GROUP BY 2"
            for place, (field, (relation, count)) in enumerate(relations.items())
        )
        + " ORDER BY place, n DESC, id"
    ).fetchall()
    told, tokens, total = [], [], 0
    for place, field in enumerate(_FIELDS):
        found = {str(text): int(count) for at, text, count in counts if at == place}
        if found:
            first, rows = list(found)[:NAMED], sum(found.values())
            listed = " or ".join(f"'{text}'" for text in first)
            told.append(f"{field} is {listed} in {counted(rows, 'row')}")
            tokens += [text for text in first if text not in tokens]
            total += rows
    if not told:
        return []
    options = " ".join(f"--null {shlex.quote(text)}" for text in tokens)
    what = f"{', '.join(told)}; they count as they are, and with {options}"
    return [_warning("looks_like_null", total, what)]


def _rounded(run: Run) -> list[dict[str, Any]]:
    """A warning where ids are numbers that a spreadsheet rounded, with the rows of each field."""
    relations = {"customer_id": (run.customers, "SUM(used)")}
    # No larger table was ever a sheet, and all its orders and products take a while to look at.
    (rows,) = run.one(f"SELECT COALESCE(SUM(used), 0) FROM {run.customers}")
    if rows <= _SHEET * len(run.staged):
        relations |= dict.fromkeys(_FIELDS[1:], (run.used, "COUNT(*)"))
    told, total = [], 0
    for field, (relation, count) in relations.items():
        rows, example = run.one(
            f"SELECT COALESCE({count}, 0), MIN({field}) FROM {relation} WHERE {_ROUNDED.format(field)}"
        )
        if rows:
            told.append(f"{field} is a number such as '{example}' in {counted(int(rows), 'row')}")
            total += int(rows)
    return [_warning("rounded_ids", total, ", ".join(told))] if told else []


def _near_duplicates(run: Run, customers: int, everything: str) -> list[dict[str, Any]]:
    """How many customers differ by what, and the expression that joins them."""
    exact = {name: sql for name, (sql, _) in _STEPS.items()}

    def distinct(sql: str) -> int:
        return int(run.one(f"SELECT COUNT(DISTINCT {sql}) FROM {run.customers}")[0])

    joined = distinct(everything)
    surplus = customers - joined
    if not surplus:
        return []  # two hashes were the same
    alone = {name: customers - distinct(sql.format("customer_id")) for name, sql in exact.items()}
    needed = []
    for name in exact:
        sql = "customer_id"
        for other, step in exact.items():
            sql = sql if other == name else step.format(sql)
        if distinct(sql) > joined:
            needed.append(name)
    plain = "customer_id"
    for name in needed or exact:
        plain = _STEPS[name][1].format(plain)
    blanks = "trim({})" if distinct(plain) == joined else _ANY_BLANKS
    mapped = run.staged[0].fields["customer_id"]
    expression = words_of_mapping(mapped, run.staged[0].part.columns)
    for name in needed or exact:
        expression = (blanks if name == "surrounding blanks" else _STEPS[name][1]).format(expression)
    listed = ", ".join(f"{name}: {counted(count, 'customer')}" for name, count in alone.items() if count)
    examples = run.connection.sql(
        f"SELECT MIN(customer_id), MAX(customer_id) FROM {run.customers} GROUP BY {everything}"
        f" HAVING COUNT(*) > 1 ORDER BY 1 LIMIT {NAMED}"
    ).fetchall()
    shown = "; ".join(f"{told_apart(one)} and {told_apart(other)}" for one, other in examples)
    kinds = f" ({listed})" if listed else ""
    what = f"{counted(surplus, 'customer')} of {customers:,}{kinds}, e.g. {shown}"
    return [_warning("near_duplicate_ids", surplus, f"{what}; {shell_map('customer_id', expression)}")]


def _one_order_per_customer(run: Run, customers: int, visits: int) -> list[dict[str, Any]]:
    """A warning where every customer has one order while another column of customers' ids repeats."""
    candidates = [(staged, column) for staged in run.staged for column in _customer_columns(staged)]
    if not candidates or (visits > 1 and not _one_order_each(run)):
        return []
    for staged, column in candidates:
        relation = _relation(staged.part, [column])
        if relation is None:
            continue
        other, mine = quoted(column), staged.fields["customer_id"].sql
        people, ids = run.one(
            f"SELECT COUNT(DISTINCT {other}), COUNT(DISTINCT {mine}) FROM {relation}"
            f" WHERE {other} IS NOT NULL AND CAST({other} AS VARCHAR) <> ''"
        )
        if max(1, ids * _LEAST_SHARE) < people < ids:
            shown = staged.fields["customer_id"].shown
            what = f"'{column}' has {people:,} values for {ids:,} of '{shown}'"
            option = shell_map("customer_id", column, [column])
            return [_warning("one_order_per_customer", customers, f"{what}; {option}")]
    return []


def _customer_columns(staged: Staged) -> list[str]:
    taken = {mapped.shown for mapped in staged.fields.values()}
    return customer_like([name for name in (*staged.part.columns, *staged.part.other_names) if name not in taken])


def _relation(part: Part, columns: list[str]) -> str | None:
    if all(column in part.columns for column in columns):
        return part.sound_rows
    return None if part.load_others is None else part.load_others(columns)


def _one_order_each(run: Run) -> bool:
    """Whether no customer has two orders; the first rows show it of most."""
    if run.options.grain is not Grain.TRANSACTION:
        return False  # visits are orders
    for relation in (f"(SELECT * FROM {run.used} LIMIT {FIRST_ROWS})", run.used):
        (several,) = run.one(
            f"SELECT COUNT(*) FROM (SELECT customer_id FROM {relation} f GROUP BY customer_id"
            " HAVING MIN(transaction_id) <> MAX(transaction_id) LIMIT 1) g"
        )
        if several:
            return False
    return True
