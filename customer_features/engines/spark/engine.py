"""The Spark engine: a DataFrame's rows, judged and rolled up by the cluster in plain Spark SQL.

What is kept for the run is persisted, so that the roll-up is computed once; executors that die take nothing along that
is not computed again from the rows. Nothing of the session's configuration or catalogue is left changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from customer_features.definition.features import names as feature_names
from customer_features.definition.options import Grain, Options
from customer_features.engines.outcome import Outcome
from customer_features.engines.spark.columns import check_names, source_of, texts_and_numbers
from customer_features.engines.spark.session import Warehouse
from customer_features.engines.spark.warnings import find_warnings
from customer_features.engines.warehouse import Judged, judge, refuse_two_scores
from customer_features.engines.warehouse_ids import read_as_whole
from customer_features.query.columns import (
    OPTIONAL,
    REQUIRED,
    Mapped,
    resolve,
    resolve_loyalty,
    scores_of_rows,
    two_scores,
)
from customer_features.query.dialects import Kind
from customer_features.query.dialects.spark import DIALECT
from customer_features.query.faulty_rows import faulty_rows
from customer_features.query.one_pass import OnePass
from customer_features.query.steps import IDS, LOYALTY, Source
from customer_features.query.typed_fields import all_typed, amount_texts, most_are_numbers

FEW = 100_000
"""So many faulty customers are sent to every task that lists faulty rows; more of them are joined by a shuffle, whose
partitions Spark's adaptive execution splits where one customer makes one too large."""


class Engine:
    """One run over a frame: :meth:`judge` first, then read :meth:`vectors` and :meth:`faulty_rows`."""

    def __init__(
        self,
        transactions: Any,
        options: Options,
        *,
        columns: Mapping[str, str] | None = None,
        loyalty: Any = None,
        name: str = "transactions",
    ) -> None:
        self.session = transactions.sparkSession
        self.warehouse = Warehouse(self.session)
        self.options = options
        self.name = name
        self.columns = dict(columns or {})
        self.outcome = Outcome()
        self.scored_by: dict[str, str] = {}
        """The column or expression of each field of the loyalty source."""
        self._frame, self._loyalty = transactions, loyalty
        self._fields: dict[str, Mapped] = {}
        self._judged: Judged | None = None

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if error is not None:
            self.warehouse.drop()
        self.warehouse.close()

    @property
    def mapping(self) -> dict[str, str]:
        """The column or expression of each field, as people named it."""
        return {name: mapped.shown for name, mapped in self._fields.items()}

    def judge(self, *, warn: bool = True) -> Outcome:
        """Roll the rows up on the cluster and judge them; nothing is handed out yet.

        ``warn``: look for what is suspicious, too. Raises ColumnError, and DataFaults where the options say to stop.
        """
        portable = self._portable()
        if self.options.grain is Grain.REPEATED_TOTAL:
            parts = self.warehouse.keep("parts", portable.parts())
            portable = portable.made_ready(parts=parts, orders=parts)
            ((disagreeing,),) = self.warehouse.rows(portable.disagreeing())
            portable = replace(portable, agreeing=not disagreeing)
        self._judged = judge(self.warehouse, portable, self.name, self._originals, listing=self._listing)
        self.outcome = self._judged.outcome
        if warn:
            self.outcome.warnings = self.outcome.loyalty_warnings() + find_warnings(
                self.warehouse, self._one_pass, self.outcome.used
            )
        return self.outcome

    def _listing(self, portable: OnePass, originals: tuple[str, ...]) -> str:
        ((broken,),) = self.warehouse.rows(portable.faulty_customers())
        return faulty_rows(replace(portable, few=broken <= FEW), originals)

    def vectors(self) -> Any:
        """The vectors as a frame, ordered by customer_id in byte order (and by as_of); no column is nullable."""
        portable = self._one_pass
        if self.options.as_of:
            portable = portable.made_ready(at_dates=self.warehouse.keep("at_dates", portable.at_dates()))
        if not self.options.as_of:
            self.warehouse.drop("parts")
        frame = self.warehouse.frame(portable.vectors())
        items = [_never_null("customer_id", "''"), *(["as_of"] if self.options.as_of else [])]
        items += [_never_null(name, "CAST(0 AS DOUBLE)") for name in feature_names()]
        return frame.selectExpr(*items)

    def faulty_rows(self) -> Any:
        """The rows set aside as a frame (there may be none): fault, faults, message, then every original column."""
        assert self._judged is not None  # noqa: S101
        if self._judged.faulty is None:
            # Of the same types, and without reading any row.
            sql = faulty_rows(self._one_pass, self._originals)
            return self.session.createDataFrame([], self.warehouse.frame(sql).schema)
        return self.warehouse.frame(f"SELECT * FROM {self._judged.faulty}")

    @property
    def _one_pass(self) -> OnePass:
        assert self._judged is not None  # noqa: S101
        portable = self._judged.portable
        assert isinstance(portable, OnePass)  # noqa: S101
        return portable

    # -- the source ----------------------------------------------------------------------------------------

    def _portable(self) -> OnePass:
        rows = self.warehouse.view("rows", self._frame)
        check_names(self._frame, self.name)
        optional = OPTIONAL if self._loyalty is None else ()
        columns = self._frame.columns
        if self._loyalty is not None:
            for column in scores_of_rows(columns, self.columns):
                error = two_scores(column, self.name, "loyalty", self._loyalty.columns, self.options.max_points)
                refuse_two_scores(self.warehouse, DIALECT, rows, column, self.options, error)
        self._fields = resolve(columns, self.columns, self.name, REQUIRED, optional, dialect=DIALECT.sqlglot)
        texts, numbers = texts_and_numbers(self._frame)
        self._fields = all_typed(
            self._fields, texts, numbers, DIALECT, lambda text: self._holds_numbers(rows, text), self.options.null
        )
        source = self._with_whole_ids(source_of(self.warehouse.frame, rows, self._fields, self.name))
        amounts = amount_texts(self._fields["amount"], is_text=source.types["amount"].kind is Kind.TEXT)
        source = replace(source, texts={shown: DIALECT.text(text) for shown, text in amounts.items()})
        source = replace(source, originals=tuple(self._original(field) for field in self._frame.schema.fields))
        return OnePass(DIALECT, self.options, source, loyalty=self._scores())

    def _holds_numbers(self, relation: str, text: str) -> bool:
        [(numbers, texts)] = self.warehouse.rows(most_are_numbers(DIALECT, text, relation))
        return bool(2 * int(numbers) > int(texts))

    def _scores(self) -> Source | None:
        if self._loyalty is None:
            return None
        scores = self.warehouse.view("loyalty", self._loyalty)
        check_names(self._loyalty, "loyalty")
        score = LOYALTY if self.options.max_points is None else "points"
        fields = resolve_loyalty(self._loyalty.columns, self.columns, "loyalty", score, dialect=DIALECT.sqlglot)
        self.scored_by = {name: mapped.shown for name, mapped in fields.items()}
        texts, numbers = texts_and_numbers(self._loyalty)
        fields = all_typed(
            fields, texts, numbers, DIALECT, lambda text: self._holds_numbers(scores, text), self.options.null
        )
        source = self._with_whole_ids(source_of(self.warehouse.frame, scores, fields, "loyalty"))
        return replace(source, name="loyalty")

    def _with_whole_ids(self, source: Source) -> Source:
        ids = {name: source.fields[name] for name in IDS if name in source.fields}
        texts = {name: sql for name, sql in ids.items() if source.types[name].kind is Kind.TEXT}
        whole = read_as_whole(self.warehouse.rows, DIALECT, source.relation, texts)
        return replace(source, fields={**source.fields, **whole}, whole=tuple(whole))

    def _original(self, field: Any) -> str:
        quoted = DIALECT.quoted(field.name)
        return DIALECT.text(quoted) if field.dataType.typeName() == "void" else quoted

    @property
    def _originals(self) -> tuple[str, ...]:
        """The names of the original columns among the rows set aside: our own there come first."""
        taken = {name.lower() for name in self._frame.columns} | _RESERVED
        shown = []
        for name in self._frame.columns:
            new = name
            while name.lower() in _RESERVED and new.lower() in taken:
                new = f"original_{new}"
            taken.add(new.lower())
            shown.append(new)
        return tuple(shown)


_RESERVED = {"fault", "faults", "message"}


def _never_null(name: str, zero: str) -> str:
    """A column that Spark knows never to be null: should it ever be, the job fails rather than to write a zero."""
    failed = f"RAISE_ERROR('customer_features: {name} is null')"
    return f"COALESCE({name}, {failed}, {zero}) AS {name}"
