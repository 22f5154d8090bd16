"""The portable query as Spark is given it: one pass over the rows, in which no task gets all rows of a customer.

Every row goes into the roll-up, those that do not count as rows of no customer: so one pass tells how many rows there
are, how many are left out, and what the others add up to. The rows are first made into *parts*, one for each product of
a customer (and one for each order, where orders are counted), which Spark makes in two halves: within each task, and
then of tasks' parts that share a customer *and* a product (or order). Customers are added up from parts. So a customer
who holds a third of the rows is spread over all tasks, and distinct ids are counted as parts. Each row goes into two
parts at most, where a plan of two ``COUNT(DISTINCT)`` beside sums makes three rows of each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from customer_features.definition.faults import Fault
from customer_features.definition.options import Grain
from customer_features.query.dialects import Kind
from customer_features.query.dialects.spark import Spark
from customer_features.query.steps import IDS, LOYALTY, Portable

_ORDER = "of_order = 1"
"""A part that is an order; the others are products."""
_LOYALTY = ("loyalty", "loyalty_faulty")
_SELECTS = {
    "purchases": "_purchases",
    "readings": "_readings",
    "counted": "_counted",
    "judged": "_judged",
    "parts": "_parts",
    "loyalty_scores": "_scores",
    "products": "_products",
    "customers": "_customers",
    "dates": "_dates",
    "at_dates": "_at_dates",
}
"""The SELECT of each step."""


_EXCLUDED = ("after_today", "before_window")
"""The rows that the dates leave out, by rule."""


@dataclass(frozen=True)
class OnePass(Portable):
    """The same steps over *parts*; ``customers`` has one row without a customer_id, for rows that do not count.

    In the grain ``repeated_total`` the parts are to be kept (``made_ready``), as orders and customers are both made
    of them. ``agreeing``: the lines of every order were found to agree; ``few``: so few customers were found faulty
    that every task may have them all.
    """

    dialect: Spark
    agreeing: bool = False
    few: bool = False

    @property
    def hint(self) -> str:  # type: ignore[override]
        """Rows that look for their customer among the faulty ones would else all go to one task, by customer."""
        return "/*+ BROADCAST(q) */ " if self.few else ""

    @property
    def order_rules(self) -> list[tuple[Fault, str]]:
        return [] if self.agreeing else super().order_rules

    # -- queries -------------------------------------------------------------------------------------------

    def parts(self) -> str:
        """The parts of customers, and of the rows that do not count."""
        return self._query(self._parts)

    def customers(self) -> str:
        return self._query(self._customers)

    def balance(self) -> str:
        if self._by_orders:
            relation, rows, where = self.name("parts"), "lines", f" WHERE {_ORDER}"
        else:
            relation, rows, where = self.ready["customers"], "used", ""
        sums = [f"COALESCE(SUM({name}), 0)" if self.excludes else "0" for name in _EXCLUDED]
        items = ", ".join(f"{total} AS {name}" for total, name in zip(sums, _EXCLUDED, strict=True))
        return f"SELECT COALESCE(SUM({rows}), 0) AS rows_in, {items} FROM {relation}{where}"

    def disagreeing(self) -> str:
        """How many orders have lines that do not agree."""
        return f"SELECT COUNT(*) AS orders FROM {self.name('orders')} WHERE NOT ({self._agreeing()})"

    def faulty_customers(self) -> str:
        """How many customers break a rule of a customer."""
        broken = " OR ".join(sql for _, sql in self.customer_rules)
        return f"SELECT COUNT(*) AS customers FROM {self.name('customers')} WHERE {broken}"

    def at_dates(self) -> str:
        """The measures of every customer at each as-of date."""
        return self._query(self._at_dates)

    def _query(self, select: str, upto: str | None = None) -> str:
        # Steps stand as subqueries where they are used. Under a name, in a WITH, Spark would no longer see that what
        # it is asked for is what it has persisted, and compute it anew.
        return select

    def name(self, step: str) -> str:
        if step == "orders":
            return f"(SELECT * FROM {self.name('parts')} WHERE {_ORDER} AND customer_id IS NOT NULL)"
        relation = self.ready[step] if step in self.ready else f"({getattr(self, _SELECTS[step])})"
        if step == "customers" and not self._by_orders:
            return f"(SELECT * FROM {relation} WHERE customer_id IS NOT NULL)"
        return relation

    # -- steps ---------------------------------------------------------------------------------------------

    @property
    def _by_orders(self) -> bool:
        return self.options.grain is Grain.REPEATED_TOTAL

    @property
    def _sets(self) -> bool:
        """Whether there are parts of both kinds."""
        return self.options.grain is not Grain.TRANSACTION

    @property
    def _from_parts(self) -> bool:
        """Whether customers are made of parts alone: not where the products of some orders do not count."""
        return not self._by_orders or self.agreeing

    @property
    def _judged(self) -> str:
        excluded = f"({self.faultless}) AND ({self.outside})" if self.excludes else "FALSE"
        counts = self.faultless + (f" AND NOT ({self.outside})" if self.excludes else "")
        of_row = ["day", "number", self._units, *(["loyalty_read", *_LOYALTY] if self._with_loyalty else [])]
        rows = f"SELECT {', '.join([*IDS, *of_row])}, today, ({counts}) AS counts, ({excluded}) AS left_out"
        items = [f"CASE WHEN counts THEN {name} END AS {name}" for name in IDS]
        items += ["day", "number", "units"]
        items += [
            f"CASE WHEN left_out AND day {side} today THEN 1 ELSE 0 END AS {name}"
            for name, side in zip(_EXCLUDED, (">", "<="), strict=True)
        ]
        items += ["loyalty_read", *_LOYALTY] if self._with_loyalty else []
        return f"SELECT {', '.join(items)} FROM ({rows} FROM {self.name('readings')}) r"

    @property
    def _split(self) -> list[tuple[str, str]]:
        """What is summed in halves: a name, and SQL of the units."""
        if self.options.as_of and self._net:
            return [
                ("up", "CASE WHEN number >= 0 THEN units END"),
                ("down", "CASE WHEN number < 0 THEN units END"),
            ]
        return [("sum", "units")]

    @property
    def _parts(self) -> str:
        keys = "customer_id, product_id"
        if self._sets:
            keys = "GROUPING SETS ((customer_id, transaction_id), (customer_id, product_id))"
        items = [
            "COUNT(*) AS lines",
            f"{'MAX(CASE WHEN number >= 0 THEN 1 ELSE 0 END)' if self._net else '1'} AS bought",
        ]
        if self.excludes:
            items += [f"SUM({name}) AS {name}" for name in _EXCLUDED]
        if self._by_orders:
            items += ["MIN(units) AS lowest_units", "MAX(units) AS highest_units", "MAX(number) AS highest_number"]
            items += ["MIN(day) AS first_day", "MAX(day) AS last_day"]
        else:
            for name, units in self._split:
                high, low = self.dialect.halves(units)
                items += [f"SUM({high}) AS {name}_high", f"SUM({low}) AS {name}_low"]
            if self._net:
                items.append(f"COUNT({self._bought('1')}) AS purchases")
            items.append(f"MAX({self._bought('day')}) AS last_day")
        items += self._loyalty_columns
        of_order = "GROUPING(product_id)" if self._sets else "0"
        ids = "customer_id, transaction_id, product_id" if self._sets else "customer_id, product_id"
        return f"SELECT {ids}, {of_order} AS of_order, {', '.join(items)} FROM {self.name('judged')} GROUP BY {keys}"

    @property
    def _loyalty_columns(self) -> list[str]:
        columns = super()._loyalty_columns
        if columns and self.source.types[LOYALTY].kind is not Kind.TEXT:
            # The least of numbers is found in a hash table; the least of texts only by sorting all rows.
            columns[-1] = "MIN(CASE WHEN loyalty_faulty THEN loyalty_read END) AS faulty_score"
        return columns

    @property
    def _customer_items(self) -> list[str]:
        items = super()._customer_items
        if self._with_loyalty:
            items[-1] = f"{self.dialect.text('c.faulty_score')} AS loyalty_shown"
        return items

    @property
    def _customers(self) -> str:
        if not self._from_parts:
            return super()._customers
        of: Callable[[str], str] = _of_orders if self._sets else str
        items = ["customer_id", f"COALESCE(SUM({of('lines')}), 0) AS used", f"{self._customer_units(of)} AS units"]
        items.append(f"{self._customer_visits(of)} AS visits")
        last = self._bought("last_day", "highest_number") if self._by_orders else "last_day"
        products = f"SUM(CASE WHEN {_ORDER} THEN 0 ELSE bought END)"
        items += [f"MAX({of(last)}) AS last_day", f"{self._cast_count(products)} AS products"]
        if self._with_loyalty:
            items += [
                *("MAX(faulty_scores) AS faulty_scores", "MIN(least_loyalty) AS least_loyalty"),
                *("MAX(greatest_loyalty) AS greatest_loyalty", "MIN(faulty_score) AS faulty_score"),
            ]
        select = [sql.replace("p.products", "c.products") for sql in self._customer_items]
        where = " WHERE customer_id IS NOT NULL" if self._by_orders else ""
        if self.excludes and not self._by_orders:
            items += [f"SUM({of(name)}) AS {name}" for name in _EXCLUDED]
            select += [f"c.{name} AS {name}" for name in _EXCLUDED]
        inner = f"SELECT {', '.join(items)} FROM {self.name('parts')}{where} GROUP BY customer_id"
        joins = f" LEFT JOIN {self.name('loyalty_scores')} s ON c.customer_id = s.customer_id" if self.loyalty else ""
        return f"SELECT {', '.join(select)} FROM ({inner}) c{joins}"

    def _customer_units(self, of: Callable[[str], str]) -> str:
        if self._by_orders and not (self.options.as_of and self._net):
            return self.dialect.total(of("highest_units"))
        if self._by_orders:
            up, down = (
                f"COALESCE({self.dialect.total(of(f'CASE WHEN highest_number {sign} 0 THEN highest_units END'))}, 0)"
                for sign in (">=", "<")
            )
        else:
            totals = [
                self.dialect.joined(f"SUM({of(f'{name}_high')})", f"SUM({of(f'{name}_low')})")
                for name, _ in self._split
            ]
            if len(totals) == 1:
                return totals[0]
            up, down = (f"COALESCE({total}, 0)" for total in totals)
        # Some date may see just the purchases of a customer, or just the returns: what both could come to.
        return f"CASE WHEN {up} + {down} >= 0 THEN {up} ELSE {down} END"

    def _customer_visits(self, of: Callable[[str], str]) -> str:
        grain = self.options.grain
        if grain is Grain.REPEATED_TOTAL:
            return f"COUNT({of(self._bought('1', 'highest_number'))})"
        visits = "bought" if grain is Grain.LINE else "purchases" if self._net else "lines"
        return self._cast_count(f"SUM({of(visits)})")


def _of_orders(sql: str) -> str:
    return f"CASE WHEN {_ORDER} THEN {sql} END"
