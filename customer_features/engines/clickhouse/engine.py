"""The ClickHouse engine: rows are rolled up where they are, and only vectors and faulty rows are handed out.

ClickHouse has no transactions: the rows are read once to roll them up and once to count them, and where the two do not
agree because a table changed in between, the run fails.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

from sqlglot import exp

from customer_features.definition import features
from customer_features.definition.options import Options
from customer_features.engines.clickhouse.clients import Client, client_of
from customer_features.engines.duckdb.loyalty import Scores
from customer_features.engines.outcome import Outcome
from customer_features.engines.warehouse import Judged, judge, refuse_two_scores
from customer_features.engines.warehouse_ids import read_as_whole
from customer_features.engines.warnings import find_warnings
from customer_features.errors import ColumnError, MissingExtra, SourceError
from customer_features.query.columns import (
    OPTIONAL,
    REQUIRED,
    Mapped,
    quoted,
    resolve,
    resolve_loyalty,
    scores_of_rows,
    two_scores,
)
from customer_features.query.dialects import Kind, Type, dialect
from customer_features.query.reading import FIT, unfit
from customer_features.query.steps import IDS, Portable, Source
from customer_features.query.typed_fields import all_typed, amount_texts, most_are_numbers

try:
    import pyarrow as pa
except ImportError as error:  # pragma: no cover - exercised in an environment without the extra
    raise MissingExtra("ClickHouse", "clickhouse") from error

_DIALECT = dialect("clickhouse")
_OURS = ("join_use_nulls", "prefer_column_name_to_alias", "precise_float_parsing", "count_distinct_implementation")
"""Settings that our statements set: what stands in a user's query keeps those of the session."""
_SCORES = "customer_id Nullable(String), faulty_scores Int32, least_loyalty Nullable(Float64)"
_SCORES += ", greatest_loyalty Nullable(Float64), faulty_score Nullable(String)"


class Warehouse:
    """A session as ``warehouse`` and ``warnings`` know an engine."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self._token = secrets.token_hex(8)
        self._made: list[str] = []

    def rows(self, sql: str) -> Sequence[Sequence[Any]]:
        return [tuple(map(_plain, row.values())) for row in self.client.table(sql).to_pylist()]

    def named(self, name: str) -> str:
        """The name of a temporary table of this run, which is dropped at its end."""
        self._made.append(f"customer_features_{self._token}_{name}")
        return self._made[-1]

    def keep(self, name: str, sql: str) -> str:
        table = self.named(name)
        self.client.run(f"CREATE TEMPORARY TABLE {table} ENGINE = Memory AS {sql}")
        return table

    def hashed(self, columns: Sequence[str]) -> str:
        return f"sipHash64({', '.join(columns)})"

    def remainder(self, column: str, count: int) -> str:
        return f"sipHash64({column}) % {count}"

    def clear(self) -> None:
        """Drop what was made."""
        for table in self._made:
            with suppress(SourceError):
                self.client.run(f"DROP TEMPORARY TABLE IF EXISTS {table}")


class Run:
    """One run over a table or a query; ``scores``: of loyalty, a table or query as well, or :class:`Scores`."""

    def __init__(
        self,
        client: Any,
        given: str,
        options: Options,
        *,
        columns: Mapping[str, str] | None = None,
        scores: str | Scores | None = None,
    ) -> None:
        self.options = options
        self.columns = dict(columns or {})
        self.scores = scores
        self.source = _shown(given)
        self.outcome = Outcome()
        self._client = client_of(client)
        self._relation = self._isolated(given)

    @contextmanager
    def judged(self, *, originals: bool = False, exact_warnings: bool = False) -> Iterator[tuple[Warehouse, Judged]]:
        """The rows judged, for as long as the temporary tables stand; ``originals``: faulty rows with all columns.

        Raises SourceError, ColumnError, and DataFaults where the options say to stop.
        """
        warehouse = Warehouse(self._client)
        try:
            names, _ = self._described(self._relation, self.source)
            portable = self._portable(warehouse, names, originals)
            judged = judge(warehouse, portable, self.source, tuple(names) if originals else ())
            self.outcome = judged.outcome
            self.outcome.warnings = self.outcome.loyalty_warnings() + find_warnings(
                warehouse, judged.rows_that_count(), self.options, self.outcome.used, exact=exact_warnings
            )
            yield warehouse, judged
        finally:
            warehouse.clear()

    def vectors(self, judged: Judged) -> Any:
        """The vectors, ordered by customer_id in byte order: customer_id string, then float64 (``as_of`` date32)."""
        found = self._client.table(judged.vectors)
        days = [("as_of", pa.date32())] if self.options.as_of else []
        schema = pa.schema([("customer_id", pa.string()), *days, *((name, pa.float64()) for name in features.names())])
        if not found.num_columns:
            return schema.empty_table()
        try:
            table = found.cast(schema)
            table.validate(full=True)
        except pa.ArrowInvalid as error:
            raise SourceError(f"{self.source}: holds text that is not UTF-8: {error}") from None
        if not self.options.as_of and table.num_rows != self.outcome.customers:
            raise RuntimeError(f"{self.outcome.customers} customers but {table.num_rows} vectors")
        return table.combine_chunks()

    def faulty(self, judged: Judged) -> Any:
        """The rows set aside: fault, faults, message, then every original column; there may be none."""
        if judged.faulty is not None:
            return _text_as_string(self._client.table(f"SELECT * FROM {judged.faulty}"))
        columns = self._client.table(f"SELECT * FROM {self._relation} LIMIT 0").schema
        own = [pa.field(name, pa.string()) for name in ("fault", "faults", "message")]
        return pa.schema([*own, *columns]).empty_table()

    # -- what is read --------------------------------------------------------------------------------------

    def _isolated(self, given: str) -> str:
        """A table or query as a relation that our settings do not reach."""
        [values] = self._client.table(
            f"SELECT {', '.join(f'toString(getSetting({name!r})) AS {name}' for name in _OURS)}"
        ).to_pylist()
        kept = ", ".join(f"{name} = {_setting(_plain(value))}" for name, value in values.items())
        return f"(SELECT * FROM {_relation(given)} SETTINGS {kept})"

    def _described(self, relation: str, source: str) -> tuple[dict[str, str], str]:
        """The columns of a relation and their types."""
        try:
            rows = self._client.table(f"DESCRIBE TABLE {relation}").to_pylist()
        except SourceError as error:
            raise SourceError(f"{source}: {error}") from None
        return {str(_plain(row["name"])): str(_plain(row["type"])) for row in rows}, relation

    def _fields(
        self, relation: str, names: Mapping[str, str], source: str, needed: Sequence[str], optional: Sequence[str]
    ) -> Source:
        """A relation's columns as fields. Raises ColumnError where one is missing or unfit."""
        if needed == REQUIRED:
            fields = resolve(names, self.columns, source, needed, optional, dialect="clickhouse")
        else:
            fields = resolve_loyalty(names, self.columns, source, dialect="clickhouse")
        texts, numbers = _texts_and_numbers(names)
        fields = all_typed(
            fields, texts, numbers, _DIALECT, lambda text: self._holds_numbers(relation, text), self.options.null
        )
        _refuse_joined(fields, names, source)
        sql: dict[str, str] = {}
        kinds: dict[str, Type] = {}
        ids: dict[str, str] = {}
        for name, mapped in fields.items():
            try:
                types, _ = self._described(f"(SELECT {mapped.sql} AS x FROM {relation})", source)
            except SourceError as error:
                reason = str(error).removeprefix(f"{source}: ")
                raise ColumnError(f"{source}: {name}={mapped.shown} cannot be computed: {reason}") from None
            sql[name], kinds[name] = self._as_field(name, mapped, types["x"], relation, source)
            if name in IDS and re.match(r"(LowCardinality\(|Nullable\()*String", types["x"]):
                ids[name] = sql[name]
        whole = read_as_whole(Warehouse(self._client).rows, _DIALECT, relation, ids)
        sql |= whole
        amounts = {}
        if "amount" in fields:
            amounts = amount_texts(fields["amount"], is_text=kinds["amount"].kind is Kind.TEXT)
        read = {shown: _DIALECT.text(text) for shown, text in amounts.items()}
        return Source(relation, sql, kinds, texts=read, whole=tuple(whole))

    def _holds_numbers(self, relation: str, text: str) -> bool:
        [row] = self._client.table(most_are_numbers(_DIALECT, text, relation)).to_pylist()
        return bool(2 * int(row["numbers"]) > int(row["texts"]))

    def _portable(self, warehouse: Warehouse, names: Mapping[str, str], originals: bool) -> Portable:
        optional = OPTIONAL if self.scores is None else ()
        source = self._fields(self._relation, names, self.source, REQUIRED, optional)
        kept = tuple(quoted(name, "clickhouse") for name in names) if originals else ()
        source = replace(source, originals=kept)
        loyalty, ready = None, {}
        if isinstance(self.scores, str):
            shown = _shown(self.scores)
            relation = self._isolated(self.scores)
            columns, _ = self._described(relation, shown)
            self._refuse_two_scores(warehouse, names, shown, columns)
            loyalty = self._fields(relation, columns, shown, ("customer_id", "loyalty_score"), ())
            loyalty = replace(loyalty, name=shown)
        elif self.scores is not None:
            self._refuse_two_scores(warehouse, names, self.scores.name, [self.scores.mapping["loyalty_score"]])
            loyalty, table = Source("", {}, {}, name=self.scores.name), warehouse.named("loyalty_scores")
            self._client.run(f"CREATE TEMPORARY TABLE {table} ({_SCORES}) ENGINE = Memory")
            self._client.fill(table, self.scores.rows)
            ready = {"loyalty_scores": table}
        return Portable(dialect("clickhouse"), self.options, source, loyalty=loyalty, ready=ready)

    def _refuse_two_scores(
        self, warehouse: Warehouse, names: Iterable[str], scores: str, columns: Iterable[str]
    ) -> None:
        """Raise ColumnError where the rows hold loyalty scores beside the loyalty source."""
        for column in scores_of_rows(names, self.columns):
            error = two_scores(column, self.source, scores, columns, None)
            refuse_two_scores(warehouse, _DIALECT, self._relation, column, self.options, error)

    def _as_field(self, name: str, mapped: Mapped, type_name: str, relation: str, source: str) -> tuple[str, Type]:
        """The SQL and the kind of a column of a type, as a field."""
        sql = mapped.sql
        base = re.sub(r"^(Nullable|LowCardinality)\((.*)\)$", r"\2", type_name)
        base = re.sub(r"^Nullable\((.*)\)$", r"\1", base)
        word = re.sub(r"\(.*", "", base)
        text = f"CAST({sql} AS Nullable(String))"
        if word in ("String", "FixedString", "Nothing"):
            return text, Type(Kind.TEXT)
        if name in IDS:
            if word in ("UUID", "IPv4", "IPv6") or word.startswith("Enum") or re.fullmatch(r"U?Int\d+", word):
                return text, Type(Kind.TEXT)
            if word in ("Float32", "Float64"):
                self._refuse_fractions(mapped, relation, source)
                return f"CAST(CAST({sql} AS Nullable(Int64)) AS Nullable(String))", Type(Kind.TEXT)
            if word == "Decimal" and base.endswith(", 0)"):
                return text, Type(Kind.TEXT)
        elif name == "date":
            if word in ("Date", "Date32"):
                return sql, Type(Kind.DATE)
            if word in ("DateTime", "DateTime64"):
                return sql, Type(Kind.INSTANT)
        elif re.fullmatch(r"U?Int\d+", word):
            return sql, Type(Kind.WHOLE)
        elif word in ("Float32", "Float64"):
            return sql, Type(Kind.DOUBLE)
        elif word == "Decimal":
            return sql, Type(Kind.DECIMAL, int(base.rpartition(",")[2].rstrip(")")))
        raise unfit(name, mapped, type_name, source, FIT[name])

    def _refuse_fractions(self, mapped: Mapped, relation: str, source: str) -> None:
        sql, name = mapped.sql, "customer_features_value"  # where a name is taken twice, the other one counts
        broken = f"isNotNull({sql}) AND NOT ({sql} = floor({sql}) AND abs({sql}) < 9007199254740992)"
        found = self._client.table(f"SELECT toString({sql}) AS {name} FROM {relation} WHERE {broken} LIMIT 1")
        for row in found.to_pylist():
            raise ColumnError(
                f"{source}: '{mapped.shown}' holds {_plain(row[name])}, which is no whole number below 2^53 and so no"
                " id; give ids as text"
            )


def _texts_and_numbers(types: Mapping[str, str]) -> tuple[set[str], set[str]]:
    """The columns of text and those of numbers, of a relation's columns and their types."""
    words = {name: re.sub(r"^(LowCardinality\(|Nullable\()+", "", kind) for name, kind in types.items()}
    texts = {name for name, word in words.items() if re.match(r"(Fixed)?String|Enum", word)}
    return texts, {name for name, word in words.items() if re.match("U?Int|Float|Decimal", word)}


def _refuse_joined(fields: Mapping[str, Mapped], columns: Mapping[str, str], source: str) -> None:
    """Raise ColumnError where a join gave a second column the name of one that was recognised.

    ClickHouse shows it as ``table.column``, and a column inside another one as well, which is an array.
    """
    for name, mapped in fields.items():
        for column, kind in columns.items():
            table, dot, own = column.rpartition(".")
            if mapped.recognised and table and dot and own.lower() == mapped.shown.lower() and "Array(" not in kind:
                raise ColumnError(
                    f"{source}: '{mapped.shown}' and '{column}' would both serve as {name}; choose one with"
                    f" columns={{'{name}': ...}}, or name the columns of the query one by one"
                )


def _relation(given: str) -> str:
    """What a caller named as a relation: a query in parentheses, or a table."""
    text = given.strip().rstrip("; \t\r\n")
    if re.match(r"(SELECT|WITH)\b|\(", text, re.IGNORECASE):
        return f"(\n{text}\n)"
    if not re.fullmatch(r'(`[^`]+`|"[^"]+"|[\w$]+)(\.(`[^`]+`|"[^"]+"|[\w$]+))?', text):
        raise SourceError(f"{given!r} is neither a query (SELECT or WITH) nor a table's name, such as shop.orders")
    return str(exp.to_table(text, dialect="clickhouse").sql(dialect="clickhouse", identify=True))


def _shown(given: str) -> str:
    """How a source is named in messages: a table by its name, a query by its beginning."""
    text = " ".join(given.split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


_LONGEST = 60


def _plain(value: Any) -> Any:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _setting(value: str) -> str:
    return {"true": "1", "false": "0"}.get(value, value if value.isdigit() else f"'{value}'")


def _text_as_string(table: Any) -> Any:
    """Columns of bytes as text, where they are."""
    for place, field in enumerate(table.schema):
        if pa.types.is_binary(field.type):
            with suppress(pa.ArrowInvalid):
                table = table.set_column(place, field.name, table.column(place).cast(pa.string()))
    return table
