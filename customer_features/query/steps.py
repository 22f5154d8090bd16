"""Definition and options in, one SQL query out, for any dialect: what a warehouse is given to compute with.

The query is a chain of named steps, each a SELECT over those before: *purchases* (the fields as they stand),
*readings* (ids as text, days, numbers), *counted* (rows without a fault and inside the dates), *orders* in the grain
``repeated_total``, *customers* (measures, faulty ones included) and the vectors. ``duckdb_steps.py`` holds the same
definition as the steps of the DuckDB engine, which may be larger than memory; the agreement tests hold the two
together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import ClassVar, Self

from customer_features.definition import features, money
from customer_features.definition.faults import Fault, Scope, group_faults, row_faults
from customer_features.definition.number_grammar import BESIDE_NUMBER, EVIDENCE, FEW
from customer_features.definition.options import Future, Grain, Options, Returns
from customer_features.query.columns import IDS as IDS
from customer_features.query.dialects.base import Dialect, Kind, Type
from customer_features.query.duckdb_steps import covered, nearly_scored

FIELDS = (*IDS, "date", "amount")
LOYALTY = "loyalty_score"


@dataclass(frozen=True, slots=True)
class Source:
    """What is read, in SQL of the dialect: a relation, the expression of each field over its rows, and their types.

    ``originals``: columns that a listing of faulty rows carries along, in SQL.
    """

    relation: str
    fields: Mapping[str, str]
    types: Mapping[str, Type]
    originals: tuple[str, ...] = ()
    shown: Mapping[str, str] = field(default_factory=dict)
    """How people named the fields whose SQL is made of what they gave."""
    texts: Mapping[str, str] = field(default_factory=dict)
    """What amounts in text are read of: SQL by the name that people know it by."""
    name: str = ""
    """What people call it, where messages about rows of another source name it."""
    whole: tuple[str, ...] = ()
    """Fields of ids in text that are read as the whole numbers that they are: 17850.0 as 17850."""


@dataclass(frozen=True, slots=True)
class Step:
    """One named step: what it is for, and its SELECT."""

    name: str
    comment: str
    select: str


@dataclass(frozen=True)
class Portable:
    """The definition under some options over a source, in a dialect.

    ``today``: an expression of the dialect in place of ``options.today``; ``loyalty``: a source of the fields
    ``customer_id`` and ``loyalty_score`` (or ``points`` where the options cap them).
    """

    dialect: Dialect
    options: Options
    source: Source
    today: str | None = None
    loyalty: Source | None = None
    guarded: bool = False
    """Whether the query stands alone: nothing looks at the rows before it runs, and people read it. It then looks for
    amounts with two readings itself, and reads plain numbers alone."""
    ready: Mapping[str, str] = field(default_factory=dict)
    """Steps that stand in tables already, by the relation that holds each."""
    all_agree: bool = False
    """Whether it is known that the lines of every order agree: then no order is looked up for its lines' products."""

    hint: ClassVar[str] = ""
    """What an engine is told of the joins of the listing of faulty rows, where it has words for it."""

    # -- queries -------------------------------------------------------------------------------------------

    def made_ready(self, **relations: str) -> Self:
        """The same with some steps taken from relations that hold them already."""
        return replace(self, ready={**self.ready, **relations})

    def vectors(self) -> str:
        """The vectors, ordered by customer_id in byte order (and by ``as_of``, where there are several dates)."""
        return self._query(self.final)

    def customers(self) -> str:
        """The measures of every customer, faulty ones included, with how many rows count (``used``)."""
        return self._query(f"SELECT * FROM {self.name('customers')}", upto="customers")

    def orders(self) -> str:
        """Each order of the grain ``repeated_total``, those whose lines do not agree included."""
        return self._query(f"SELECT * FROM {self.name('orders')}", upto="orders")

    def balance(self) -> str:
        """One row: how many rows there are, and how many are left out after ``today`` and before the window."""
        outside = f"{self.faultless} AND ({self.outside})"
        left_out = [
            f"COALESCE(SUM(CASE WHEN {outside} AND {side} THEN 1 ELSE 0 END), 0)" if self.excludes else "0"
            for side in ("day > today", "day <= today")
        ]
        select = f"SELECT COUNT(*) AS rows_in, {left_out[0]} AS after_today, {left_out[1]} AS before_window"
        return self._query(f"{select} FROM {self.name('readings')}", upto="readings")

    def incomplete(self) -> str:
        """One row: how many customers with a vector have a row that is faulty by itself or by its order."""
        faulty = self._of_faulty_rows
        return self._query(
            f"SELECT COUNT(*) AS incomplete FROM (SELECT DISTINCT customer_id FROM ({faulty}) f) d"
            f" JOIN {self.name('customers')} c ON d.customer_id = c.customer_id WHERE {self._sound}",
            upto="customers" if "customers" not in self.ready else "readings",
        )

    @property
    def _of_faulty_rows(self) -> str:
        """The customers' ids of the rows that are faulty by themselves or by their order."""
        faulty = f"SELECT customer_id FROM {self.name('readings')} WHERE NOT ({self.faultless})"
        if self.options.grain is Grain.REPEATED_TOTAL:
            faulty += f" UNION ALL SELECT customer_id FROM {self.name('orders')} WHERE NOT ({self._agreeing()})"
        return faulty

    def without_vector(self) -> str:
        """One row: how many customers have faulty rows, or are faulty as a whole, and have no row that counts."""
        customers = f"SELECT customer_id FROM {self.name('customers')} WHERE"
        faulty = f"{self._of_faulty_rows} UNION ALL {customers} NOT ({self._sound})"
        gone = f"(SELECT DISTINCT customer_id FROM ({faulty}) f) d"
        return self._query(
            f"SELECT COUNT(*) AS gone FROM {gone} LEFT JOIN ({customers} {self._sound}) c"
            " ON d.customer_id = c.customer_id WHERE c.customer_id IS NULL AND d.customer_id <> ''",
            upto="customers" if "customers" not in self.ready else "readings",
        )

    def evidence(self, text: str, sampled: int | None = None) -> str:
        """One row of :class:`Evidence`, in its order, of all texts or of the first ones."""
        some = "" if sampled is None else f" LIMIT {sampled}"
        rows = f"SELECT {text} AS t FROM {self.source.relation} WHERE {text} IS NOT NULL AND {text} <> ''{some}"
        found = {
            name: f"CASE WHEN {self.dialect.matches('t', f'^({form})$')} THEN t END" for name, form in EVIDENCE.items()
        }
        items = [f"MIN({sql}) AS {name}" for name, sql in found.items()]
        items += [f"COUNT({found[name]}) AS {name}s" for name in ("point", "comma")]
        return f"SELECT {', '.join(items)} FROM ({rows}) s"

    def currencies(self, text: str) -> str:
        """One row: the least and the greatest of the currencies that stand beside numbers in text."""
        mark = f"CASE WHEN NOT ({self.dialect.is_plain('t')}) AND {self.dialect.is_money('t')}"
        mark += f" THEN NULLIF({self.dialect.without('t', BESIDE_NUMBER)}, '') END"
        rows = f"SELECT {text} AS t FROM {self.source.relation} WHERE {text} IS NOT NULL AND {text} <> ''"
        return f"SELECT MIN(c) AS least, MAX(c) AS greatest FROM (SELECT {mark} AS c FROM ({rows}) s) m"

    def disagreeing(self) -> str:
        """One row: how many orders there are whose lines do not agree."""
        where = f"NOT ({self._agreeing()})"
        return self._query(f"SELECT COUNT(*) AS disagreeing FROM {self.name('orders')} WHERE {where}", upto="orders")

    def used(self) -> str:
        """One row: how many rows count, and of how many customers."""
        return self._query(
            f"SELECT COALESCE(SUM(used), 0) AS used, COUNT(*) AS customers FROM {self.name('customers')}"
            f" WHERE {self._sound}",
            upto="customers",
        )

    def scores(self) -> str:
        """One row: how many customers the loyalty source names, and of how many of them no row counts."""
        unknown = "SUM(CASE WHEN c.customer_id IS NULL THEN 1 ELSE 0 END)"
        return self._query(
            f"SELECT COUNT(*) AS named, COALESCE({unknown}, 0) AS unknown FROM {self.name('loyalty_scores')} s"
            f" LEFT JOIN {self.name('customers')} c ON s.customer_id = c.customer_id",
            upto="customers" if "customers" not in self.ready else "loyalty_scores",
        )

    def near_scores(self, limit: int) -> str:
        """Left-over scores and customers without one whose ids are nearly the same, as of ``nearly_scored``."""
        select = nearly_scored(self.name("customers"), self.name("loyalty_scores"), self.dialect.nearly, limit)
        return self._query(select, upto="customers" if "customers" not in self.ready else "loyalty_scores")

    def rows_that_count(self, *, all_sound: bool = False) -> str:
        """The rows of which vectors are made; ``all_sound``: no order and no customer was found faulty."""
        if all_sound:
            return self._query(f"SELECT * FROM {self.name('counted')}", upto="counted")
        # One by one, and under other names where they are joined: engines name what a star takes in ways of their own.
        names = ", ".join(f"c.{name} AS {name}" for name in (*IDS, "day", "number", "units"))
        sound = f"SELECT customer_id AS sound FROM {self.name('customers')} WHERE {self._sound}"
        select = f"SELECT {names} FROM {self.name('counted')} c JOIN ({sound}) m ON c.customer_id = m.sound"
        if self.options.grain is Grain.REPEATED_TOTAL:
            agreeing = "SELECT customer_id AS buyer, transaction_id AS bought"
            agreeing += f" FROM {self.name('orders')} WHERE {self._agreeing()}"
            select += f" JOIN ({agreeing}) o ON c.customer_id = o.buyer AND c.transaction_id = o.bought"
        return self._query(select, upto="counted" if "customers" in self.ready else "customers")

    def _query(self, select: str, upto: str | None = None) -> str:
        """A whole statement of the steps that a SELECT needs."""
        steps = self.steps
        if upto is not None:
            names = [step.name for step in steps]
            steps = steps[: names.index(upto) + 1] if upto in names else []
        chain = ", ".join(f"{step.name} AS ({step.select})" for step in steps)
        return f"{f'WITH {chain} ' if chain else ''}{select} {self.dialect.settings}".rstrip()

    def query_over(self, select: str) -> str:
        """A whole statement of a SELECT over all steps."""
        return self._query(select)

    def name(self, step: str) -> str:
        """The relation that holds a step."""
        return self.ready.get(step, step)

    # -- steps ---------------------------------------------------------------------------------------------

    @cached_property
    def steps(self) -> list[Step]:
        """The steps before the vectors, in order, without those that are ready."""
        steps = [Step("purchases", "The fields, as they stand in the source.", self._purchases)]
        if self._in_doubt is not None:
            steps.append(Step("marks", "What amounts in text tell of their decimal mark.", self._marks))
        steps += [
            Step("readings", "Ids as text, days in the business timezone, amounts as numbers.", self._readings),
            Step("counted", self._counted_comment, self._counted),
        ]
        if self.loyalty is not None and "loyalty_scores" not in self.ready:
            steps.append(Step("loyalty_scores", "Each customer's score, and whether it can be one.", self._scores))
        if self.options.grain is Grain.REPEATED_TOTAL:
            steps.append(Step("orders", "Each order once: its lines repeat the total.", self._orders))
            steps.append(Step("products", "The products of orders whose lines agree.", self._products))
        steps.append(Step("customers", "What is added up over each customer's rows.", self._customers))
        if self.options.as_of:
            steps.append(Step("dates", "The as-of dates, and the last day before the window of each.", self._dates))
            steps.append(Step("at_dates", "The same at each as-of date, from the rows up to it.", self._at_dates))
        return [step for step in steps if step.name not in self.ready]

    @property
    def _with_loyalty(self) -> bool:
        return LOYALTY in self.source.fields and self.loyalty is None

    @property
    def _purchases(self) -> str:
        items = []
        for name in (*FIELDS, *([LOYALTY] if self._with_loyalty else [])):
            items.append(f"{self._as_it_stands(name)} AS {_RAW.get(name, name)}")
        if self.guards:
            items += [f"{self.dialect.text(sql)} AS t{place}" for place, sql in enumerate(self.source.texts.values())]
        items += [f"{sql} AS o{place}" for place, sql in enumerate(self.source.originals)]
        return f"SELECT {', '.join(items)} FROM {self.source.relation}"

    def _as_it_stands(self, name: str) -> str:
        sql = self.source.fields[name]
        # What is read as text may be of another type all the same, whose text reads back as it.
        if name in IDS:
            return self.dialect.identifier(sql)
        return self.dialect.text_to_match(sql) if self.source.types[name].kind is Kind.TEXT else sql

    @property
    def _readings(self) -> str:
        of_text = any(self.source.types[name].kind is Kind.TEXT for name in ("date", "amount"))
        once = self.dialect.once if of_text else ""  # other types cost less to read than to keep
        return f"SELECT {', '.join(self.readings())} FROM {self.name('purchases')}{once}"

    def readings(self) -> list[str]:
        """The select items of what is read of each row."""
        dialect, types = self.dialect, self.source.types
        items = [*IDS, "date_read", "amount_read"]
        for name, missing in (("date", "date_missing"), ("amount", "amount_missing")):
            empty = f" OR {name}_read = ''" if types[name].kind is Kind.TEXT else ""
            items.append(f"({name}_read IS NULL{empty}) AS {missing}")
        items.append(f"{dialect.day('date_read', types['date'].kind, self.options.timezone)} AS day")
        kind = types["amount"]
        amount = number(dialect, "amount_read", kind, money=not self.guarded)
        if self._in_doubt is not None:
            amount = f"CASE WHEN NOT ({self._in_doubt}) THEN {amount} END"
        if kind.kind is Kind.DECIMAL:
            amount = dialect.amount_of_decimal("amount_read", kind.scale)
        items.append(f"{amount} AS number")
        if self._with_loyalty:
            items += ["loyalty_read", *loyalty_items(dialect, "loyalty_read", types[LOYALTY], None)]
        items.append(f"{self.today_sql} AS today")
        return items + [f"o{place}" for place in range(len(self.source.originals))]

    @property
    def _marks(self) -> str:
        items = []
        for name in ("point", "comma"):
            tells = (self._tells(text, EVIDENCE[name]) for text in self._doubted)
            items.append(f"SUM({' + '.join(f'CASE WHEN {sql} THEN 1 ELSE 0 END' for sql in tells)}) AS {name}s")
        return f"SELECT {', '.join(items)} FROM {self.name('purchases')}"

    @property
    def guards(self) -> bool:
        """Whether the query looks for amounts in text with two readings."""
        return self.guarded and self.source.types["amount"].kind is Kind.TEXT

    @property
    def _doubted(self) -> list[str]:
        """The columns of purchases that amounts are read of."""
        return [f"t{place}" for place in range(len(self.source.texts))]

    def _tells(self, text: str, form: str) -> str:
        return f"{text} IS NOT NULL AND {self.dialect.matches(text, f'^({form})$')}"

    @cached_property
    def _in_doubt(self) -> str | None:
        """Whether an amount has two readings, between which no other amount decides; None: nobody asks."""
        if not self.guards:
            return None
        either = f"{EVIDENCE['either_point']}|{EVIDENCE['either_comma']}"
        settled = f"(SELECT points - {FEW} * commas FROM {self.name('marks')}) > 0"
        return f"({' OR '.join(self._tells(text, either) for text in self._doubted)}) AND NOT ({settled})"

    @property
    def _counted(self) -> str:
        # Types that know no null are faster where an engine tells them apart.
        known = [(name, self.dialect.present(name)) for name in (*IDS, "day", "number")]
        items = [*(name if sql == name else f"{sql} AS {name}" for name, sql in known), self._units]
        if self._with_loyalty:
            items += ["loyalty_read", "loyalty", "loyalty_faulty"]
        where = self.faultless + (f" AND NOT ({self.outside})" if self.excludes else "")
        return f"SELECT {', '.join(items)} FROM {self.name('readings')} WHERE {where}"

    @property
    def _units(self) -> str:
        dialect, kind = self.dialect, self.source.types["amount"]
        units = {
            Kind.DECIMAL: lambda: dialect.units_of_decimal("amount_read", kind.scale),
            Kind.WHOLE: lambda: f"{dialect.cast('amount_read', dialect.bigint)} * 10000",
        }.get(kind.kind, lambda: dialect.units_of_double("number"))()
        return dialect.present(f"CASE WHEN ABS(number) <= {money.MAX_AMOUNT:.0f} THEN {units} END") + " AS units"

    @property
    def _counted_comment(self) -> str:
        return "Rows that count: without a fault" + (", and inside the dates." if self.excludes else ".")

    @cached_property
    def faultless(self) -> str:
        """Whether a row of the readings breaks no rule of a row."""
        return " AND ".join(f"NOT ({self.dialect.of(rule.sql)})" for rule in self.row_rules)

    @property
    def row_rules(self) -> list[Fault]:
        """The rules of a row that a table can break: it has no syntax of its own."""
        return [rule for rule in row_faults(self.options) if not rule.in_files]

    @property
    def excludes(self) -> bool:
        """Whether the options leave out rows that are not faulty."""
        return self.options.future is Future.EXCLUDE or self.options.window is not None

    @cached_property
    def outside(self) -> str:
        """Whether a row of the readings stands outside of the dates."""
        options = self.options
        if options.as_of and options.window is not None:
            ranges = covered((options.window.opens_after(day), day) for day in options.as_of)
            inside = [
                " AND ".join([f"day <= {self.day(last)}"] + ([] if opens is None else [f"day > {self.day(opens)}"]))
                for opens, last in ranges
            ]
            return f"NOT ({' OR '.join(f'({one})' for one in inside)})"
        out = []
        if options.future is Future.EXCLUDE:
            out.append("day > today")
        if options.window is not None and self.today is not None:
            out.append(f"day <= {self.dialect.before('today', options.window)}")
        elif options.window_opens_after is not None:
            out.append(f"day <= {self.day(options.window_opens_after)}")
        return " OR ".join(out) or "FALSE"

    def day(self, value: object) -> str:
        """A day as the dialect's literal."""
        return self.dialect.day_literal(value)  # type: ignore[arg-type]

    @property
    def today_sql(self) -> str:
        """The reference date."""
        return self.day(self.options.today) if self.today is None else self.today

    # -- rolling up ----------------------------------------------------------------------------------------

    @property
    def _net(self) -> bool:
        return self.options.returns is Returns.NET

    def _bought(self, sql: str, sign: str = "number") -> str:
        """A value of purchases alone: a return counts as nothing but its amount."""
        return f"CASE WHEN {sign} >= 0 THEN {sql} END" if self._net else sql

    def _cast_count(self, sql: str) -> str:
        return self.dialect.cast(sql, self.dialect.bigint)

    @property
    def _loyalty_columns(self) -> list[str]:
        """Aggregates of the scores beside the rows."""
        if not self._with_loyalty:
            return []
        return score_aggregates(self.dialect)

    @property
    def _orders(self) -> str:
        items = [
            *("customer_id", "transaction_id", "COUNT(*) AS lines"),
            *("MIN(units) AS lowest_units", "MAX(units) AS highest_units", "MAX(number) AS highest_number"),
            *("MIN(day) AS first_day", "MAX(day) AS last_day", *self._loyalty_columns),
        ]
        return f"SELECT {', '.join(items)} FROM {self.name('counted')} GROUP BY customer_id, transaction_id"

    def _agreeing(self, prefix: str = "") -> str:
        """Whether the lines of an order agree."""
        rules = " AND ".join(f"NOT ({self.dialect.of(rule.sql)})" for rule in group_faults(Scope.ORDER, self.options))
        for name in ("lowest_units", "highest_units", "first_day", "last_day"):
            rules = rules.replace(name, f"{prefix}{name}")
        return rules

    @property
    def _products(self) -> str:
        if self.all_agree:
            products = self._cast_count(self._distinct_products())
            return f"SELECT customer_id, {products} AS products FROM {self.name('counted')} GROUP BY customer_id"
        return (
            f"SELECT c.customer_id AS customer_id, {self._cast_count(self._distinct_products('c.'))} AS products"
            f" FROM {self.name('counted')} c JOIN {self.name('orders')} o ON c.customer_id = o.customer_id"
            f" AND c.transaction_id = o.transaction_id WHERE {self._agreeing('o.')} GROUP BY c.customer_id"
        )

    def _distinct_products(self, prefix: str = "") -> str:
        return f"COUNT(DISTINCT {self._bought(f'{prefix}product_id', f'{prefix}number')})"

    def _measures(self, prefix: str = "") -> tuple[list[str], str]:
        """The aggregates of a customer's measures over rows, or over orders in the grain repeated_total."""
        grain, at = self.options.grain, prefix
        if grain is Grain.REPEATED_TOTAL:
            units, sign, rows = f"{at}highest_units", f"{at}highest_number", f"SUM({at}lines)"
        else:
            units, sign, rows = f"{at}units", f"{at}number", "COUNT(*)"
        visits = f"COUNT(DISTINCT {self._bought(f'{at}transaction_id', sign)})"
        if grain is not Grain.LINE:
            visits = f"COUNT({self._bought('1', sign)})" if self._net else "COUNT(*)"
        last = self._bought(f"{at}{'last_day' if grain is Grain.REPEATED_TOTAL else 'day'}", sign)
        items = [
            f"{self._cast_count(rows)} AS used",
            f"{self.dialect.total(units)} AS units",
            f"{self._cast_count(visits)} AS visits",
            f"MAX({last}) AS last_day",
        ]
        if grain is not Grain.REPEATED_TOTAL:
            items.append(f"{self._cast_count(self._distinct_products(prefix))} AS products")
        return items, sign

    @property
    def _customers(self) -> str:
        grain = self.options.grain
        by_orders = grain is Grain.REPEATED_TOTAL
        items, sign = self._measures()
        if self.options.as_of and self._net:
            # Some date may see just the purchases of a customer, or just the returns: what both could come to.
            summed = "highest_units" if by_orders else "units"
            up, down = (
                f"COALESCE({self.dialect.total(f'CASE WHEN {sign} {compared} 0 THEN {summed} END')}, 0)"
                for compared in (">=", "<")
            )
            items[1] = f"CASE WHEN {up} + {down} >= 0 THEN {up} ELSE {down} END AS units"
        scores = self._loyalty_columns
        if by_orders and scores:
            scores = [
                "MAX(faulty_scores) AS faulty_scores",
                "MIN(least_loyalty) AS least_loyalty",
                "MAX(greatest_loyalty) AS greatest_loyalty",
                "MIN(faulty_score) AS faulty_score",
            ]
        inner = f"SELECT customer_id, {', '.join([*items, *scores])}"
        if by_orders:
            inner += f" FROM {self.name('orders')} WHERE {self._agreeing()} GROUP BY customer_id"
        else:
            inner += f" FROM {self.name('counted')} GROUP BY customer_id"
        return f"SELECT {', '.join(self._customer_items)} FROM ({inner}) c{self._customer_joins}"

    @property
    def _customer_items(self) -> list[str]:
        at = "s" if self.loyalty is not None else "c"
        items = [f"c.{name} AS {name}" for name in ("customer_id", "used", "units", "visits", "last_day")]
        items.append(f"{'p' if self.options.grain is Grain.REPEATED_TOTAL else 'c'}.products AS products")
        if self.loyalty is None and not self._with_loyalty:
            double, string = (self.dialect.cast("NULL", kind) for kind in (self.dialect.double, self.dialect.string))
            none = ("FALSE", double, double, string)
        else:
            # Where a score is missing the comparison is null, which is no fault.
            none = (
                f"COALESCE({at}.faulty_scores, 0) = 1",
                f"{at}.least_loyalty",
                f"{at}.greatest_loyalty",
                f"{at}.faulty_score",
            )
        names = ("loyalty_faulty", "lowest_loyalty", "highest_loyalty", "loyalty_shown")
        return items + [f"{sql} AS {name}" for sql, name in zip(none, names, strict=True)]

    @property
    def _customer_joins(self) -> str:
        joins = ""
        if self.options.grain is Grain.REPEATED_TOTAL:
            joins += f" JOIN {self.name('products')} p ON c.customer_id = p.customer_id"
        if self.loyalty is not None:
            joins += f" LEFT JOIN {self.name('loyalty_scores')} s ON c.customer_id = s.customer_id"
        return joins

    @property
    def _scores(self) -> str:
        assert self.loyalty is not None  # noqa: S101
        dialect, source, cap = self.dialect, self.loyalty, self.options.max_points
        name = LOYALTY if cap is None else "points"
        items = loyalty_items(dialect, "loyalty_read", source.types[name], cap)
        customer = dialect.identifier(source.fields["customer_id"])
        score = source.fields[name]
        if source.types[name].kind is Kind.TEXT:
            score = dialect.text(score)
        read = f"SELECT {customer} AS customer_id, {score} AS loyalty_read FROM {source.relation}"
        scored = f"SELECT customer_id, loyalty_read, {', '.join(items)} FROM ({read}) r"
        return f"SELECT customer_id, {', '.join(score_aggregates(dialect))} FROM ({scored}) l GROUP BY customer_id"

    def score_found(self, sql: str) -> str:
        """A faulty score as a message shows it, in quotes where it cannot be read, over its text."""
        cap, kind = self.options.max_points if self.loyalty is not None else None, self._score_type
        if kind is None:
            return sql  # it was read elsewhere, and stands as it is shown
        shown = sql if cap is None else f"{sql} || {self.dialect.literal(f' / {cap:.15g}')}"
        if kind.kind is not Kind.TEXT:
            return shown
        quote = self.dialect.literal("'")
        read = number(self.dialect, sql, kind)
        return f"CASE WHEN ({read}) IS NULL THEN {quote} || {sql} || {quote} ELSE {shown} END"

    @property
    def _score_type(self) -> Type | None:
        """The type of what scores are read of; None where they are not, or not in this query."""
        if self.loyalty is None:
            return self.source.types.get(LOYALTY)
        return self.loyalty.types.get(LOYALTY if self.options.max_points is None else "points")

    @property
    def texts_are_scores(self) -> bool:
        """Whether some score may be a text that cannot be read."""
        kind = self._score_type
        return self.loyalty is not None if kind is None else kind.kind is Kind.TEXT

    # -- as-of dates ---------------------------------------------------------------------------------------

    @property
    def _dates(self) -> str:
        first = self.options.window
        rows = []
        for day in self.options.as_of:
            opens = None if first is None else first.opens_after(day)
            # A window that opens before the first year takes every day.
            opened = self.day(opens) if opens is not None else self.dialect.no_day
            rows.append(f"SELECT {self.day(day)} AS as_of" + (f", {opened} AS opens_after" if first else ""))
        return " UNION ALL ".join(rows)

    @property
    def _at_dates(self) -> str:
        options = self.options
        by_orders = options.grain is Grain.REPEATED_TOTAL
        seen = "r.last_day <= d.as_of" if by_orders else "r.day <= d.as_of"
        if options.window is not None:
            seen += f" AND (d.opens_after IS NULL OR {'r.last_day' if by_orders else 'r.day'} > d.opens_after)"
        items, _ = self._measures("r.")
        relation, dates = self.name("orders" if by_orders else "counted"), self.name("dates")
        agreeing = f" AND {self._agreeing('r.')}" if by_orders else ""
        measured = (
            f"SELECT r.customer_id AS customer_id, d.as_of AS as_of, {', '.join(items)} FROM {relation} r"
            f" CROSS JOIN {dates} d WHERE {seen}{agreeing} GROUP BY r.customer_id, d.as_of"
        )
        if not by_orders:
            return measured
        of_lines = seen.replace("r.last_day", "r.day")
        products = (
            "SELECT r.customer_id AS customer_id, d.as_of AS as_of,"
            f" {self._cast_count(self._distinct_products('r.'))} AS products FROM {self.name('counted')} r"
            f" JOIN {relation} o ON r.customer_id = o.customer_id AND r.transaction_id = o.transaction_id"
            f" CROSS JOIN {dates} d WHERE {of_lines} AND {self._agreeing('o.')} GROUP BY r.customer_id, d.as_of"
        )
        names = ", ".join(f"m.{name} AS {name}" for name in ("customer_id", "as_of", "used", "units", "visits"))
        return (
            f"SELECT {names}, m.last_day AS last_day, p.products AS products FROM ({measured}) m"
            f" JOIN ({products}) p ON m.customer_id = p.customer_id AND m.as_of = p.as_of"
        )

    # -- vectors -------------------------------------------------------------------------------------------

    @property
    def _sound(self) -> str:
        """Whether a customer breaks no rule of a customer."""
        return " AND ".join(f"NOT COALESCE({sql}, FALSE)" for _, sql in self.customer_rules) or "TRUE"

    @property
    def customer_rules(self) -> list[tuple[Fault, str]]:
        """The rules of a customer, and each over the columns of the step ``customers``."""
        of = self.dialect.of
        return [(rule, f"({of(rule.sql)})") for rule in group_faults(Scope.CUSTOMER, self.options)]

    @property
    def order_rules(self) -> list[tuple[Fault, str]]:
        """The rules of an order, and each over the columns of the step ``orders``."""
        if self.options.grain is not Grain.REPEATED_TOTAL:
            return []
        return [(rule, f"({self.dialect.of(rule.sql)})") for rule in group_faults(Scope.ORDER, self.options)]

    @property
    def final(self) -> str:
        """The SELECT of the vectors over the steps."""
        customers = f"SELECT * FROM {self.name('customers')} WHERE {self._sound}"
        today, items = self.today_sql, ["customer_id"]
        relation = f"({customers}) m"
        at = "m"
        if self.options.as_of:
            relation = (
                f"{self.name('at_dates')} t JOIN ({customers}) m ON t.customer_id = m.customer_id WHERE t.visits > 0"
            )
            at, today = "t", "t.as_of"
        measures = [
            f"{at}.customer_id AS customer_id",
            *([] if not self.options.as_of else ["t.as_of AS as_of"]),
            f"{self.dialect.cast(f'{at}.units', self.dialect.bigint)} AS units",
            *(f"{at}.{name} AS {name}" for name in ("visits", "products", "last_day")),
            f"COALESCE(m.lowest_loyalty, {self.dialect.a_double(0)}) AS loyalty",
            f"{today} AS today",
        ]
        order = self.dialect.in_byte_order("customer_id")
        if self.options.as_of:
            items.append(f"{self.dialect.as_date('as_of')} AS as_of")
            order += ", as_of"
        items += [f"{self.dialect.of(one.sql)} AS {self.dialect.quoted(one.name)}" for one in features.FEATURES]
        return f"SELECT {', '.join(items)} FROM (SELECT {', '.join(measures)} FROM {relation}) v ORDER BY {order}"


_RAW = {"date": "date_read", "amount": "amount_read", LOYALTY: "loyalty_read"}


def number(dialect: Dialect, sql: str, kind: Type, *, money: bool = True) -> str:
    """An amount or a score as a double, null where it cannot be read; ``money``: as of the dialect."""
    if kind.kind is Kind.TEXT:
        return dialect.number_of_text(sql, money=money)
    if kind.kind is Kind.DECIMAL:
        return dialect.double_of_decimal(sql, kind.scale)
    return dialect.cast(sql, dialect.double)


def loyalty_items(dialect: Dialect, sql: str, kind: Type, cap: float | None) -> list[str]:
    """The select items of a score, null where absent or faulty, and of whether it is faulty."""
    score = number(dialect, sql, kind)
    if cap is not None:
        score = f"({score}) / {dialect.a_double(repr(cap))}"
    present = f"{sql} IS NOT NULL" + (f" AND {sql} <> ''" if kind.kind is Kind.TEXT else "")
    fits = f"COALESCE(({score}) BETWEEN 0 AND 1, FALSE)"
    return [f"CASE WHEN {fits} THEN {score} END AS loyalty", f"(({present}) AND NOT {fits}) AS loyalty_faulty"]


def score_aggregates(dialect: Dialect) -> list[str]:
    """The aggregates of the scores that rows state, be it of a customer or of an order."""
    return [
        "MAX(CASE WHEN loyalty_faulty THEN 1 ELSE 0 END) AS faulty_scores",
        "MIN(loyalty) AS least_loyalty",
        "MAX(loyalty) AS greatest_loyalty",
        f"MIN(CASE WHEN loyalty_faulty THEN {dialect.text('loyalty_read')} END) AS faulty_score",
    ]
