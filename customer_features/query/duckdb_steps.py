"""Definition and options in, SQL out: how rows are judged, rolled up and made into vectors.

The steps, each a SELECT over the one before: *staged* (typed columns, see ``reading``), *counted* (rows
without a fault and inside the dates), *rolled up* (measures of a customer), and the features. Everything
that names a feature or a fault is read from their tables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date

from customer_features.definition import features
from customer_features.definition.faults import FAULTS, Fault, Scope, group_faults, row_faults
from customer_features.definition.options import Future, Grain, Options, Returns
from customer_features.query.columns import literal, quoted
from customer_features.query.reading import QUOTE
from customer_features.query.text_numbers import PLAIN, Marks, amount_hint_sql, marks_of


def date_literal(day: date) -> str:
    """A day as an SQL literal."""
    return f"DATE '{day.isoformat()}'"


def staged(readings: dict[str, str], relation: str, *more: str) -> str:
    """The staged columns over a relation; ``more`` are further select items."""
    items = [*more, *(f"{sql} AS {name}" for name, sql in readings.items())]
    return f"SELECT {', '.join(items)} FROM {relation}"


def counted(relation: str, options: Options, conflicts: bool = False) -> str:
    """The staged rows that count: no fault, neither after ``today`` nor before the window.

    ``conflicts``: rows of the orders in the table ``conflicting_orders`` do not count either.
    """
    without = " ANTI JOIN conflicting_orders USING (customer_id, transaction_id)" if conflicts else ""
    return f"SELECT * FROM ({_faultless(relation, options)} AND NOT ({_outside(options)})){without}"


def excluded(relation: str, options: Options) -> str | None:
    """How many rows are left out after ``today``, and how many before the window; None where the options leave none."""
    if options.future is not Future.EXCLUDE and options.window is None:
        return None
    rows = f"{_faultless(relation, options)} AND ({_outside(options)})"
    return f"SELECT COUNT(*) FILTER (day > today), COUNT(*) FILTER (day <= today) FROM ({rows})"


def incomplete(relation: str, options: Options, orders_out: bool, customers_out: bool) -> str:
    """The customers who have a vector and a row that is faulty by itself or by its order."""
    faulty = _of_faulty_rows(relation, options, orders_out)
    without = " ANTI JOIN faulty_customers USING (customer_id)" if customers_out else ""
    return f"SELECT customer_id FROM customers_measured SEMI JOIN ({faulty}) USING (customer_id){without}"


def _of_faulty_rows(relation: str, options: Options, orders_out: bool) -> str:
    """The customers' ids of the rows that are faulty by themselves or by their order."""
    conditions = " OR ".join(f"({rule.sql})" for rule in row_faults(options))
    rows = f"SELECT *, {date_literal(options.today)} AS today FROM {relation}"
    orders = " UNION ALL SELECT customer_id FROM conflicting_orders" if orders_out else ""
    return f"SELECT customer_id FROM ({rows}) WHERE {conditions}{orders}"


def without_vector(relation: str, options: Options, orders_out: bool, customers_out: bool) -> str:
    """How many customers have faulty rows, or are faulty as a whole, and have no row that counts."""
    faulty, counting = _of_faulty_rows(relation, options, orders_out), "customers_measured"
    if customers_out:
        faulty += " UNION ALL SELECT customer_id FROM faulty_customers"
        counting = f"(SELECT customer_id FROM {counting} ANTI JOIN faulty_customers USING (customer_id))"
    gone = f"({faulty}) ANTI JOIN {counting} USING (customer_id)"
    return f"SELECT COUNT(DISTINCT customer_id) FROM {gone} WHERE customer_id <> ''"


def incomplete_customers(incomplete: str) -> str:
    """Such customers as rows of :func:`faulty_customers`."""
    name = literal("incomplete_customer")
    return f"SELECT customer_id, {name}, [{name}], CAST(NULL AS VARCHAR) FROM ({incomplete})"


def _faultless(relation: str, options: Options) -> str:
    # A predicate is null only where another rule of the row holds, so null may count as faulty here.
    conditions = " AND ".join(f"NOT ({rule.sql})" for rule in row_faults(options))
    return f"SELECT * FROM (SELECT *, {date_literal(options.today)} AS today FROM {relation}) WHERE {conditions}"


def _outside(options: Options) -> str:
    if options.as_of and options.window is not None:
        ranges = covered((options.window.opens_after(day), day) for day in options.as_of)
        return f"NOT ({' OR '.join(f'({inside(*days)})' for days in ranges)})"
    out = []
    if options.future is Future.EXCLUDE:
        out.append("day > today")
    if options.window_opens_after is not None:
        out.append(f"day <= {date_literal(options.window_opens_after)}")
    return " OR ".join(out) or "FALSE"


def inside(opens_after: date | None, last: date) -> str:
    """Whether ``day`` stands in a window."""
    upper = f"day <= {date_literal(last)}"
    return upper if opens_after is None else f"day > {date_literal(opens_after)} AND {upper}"


def covered(windows: Iterable[tuple[date | None, date]]) -> list[tuple[date | None, date]]:
    """The days of some windows, ascending, as ranges that do not touch."""
    ranges: list[tuple[date | None, date]] = []
    for opens_after, last in windows:
        if ranges and (opens_after is None or opens_after <= ranges[-1][1]):
            ranges[-1] = (ranges[-1][0], last)
        else:
            ranges.append((opens_after, last))
    return ranges


HASH = "hash({})"
"""The engine's 64-bit hash of an id. Customers are told apart by it only where it was found to on these very data."""


def share_of(relation: str, number: int, count: int) -> str:
    """Of ``count`` shares of the customers, one: all rows of some customers, and none of the others."""
    return f"(SELECT * FROM {relation} WHERE {HASH.format('customer_id')} % {count} = {number})"


def orders(relation: str) -> str:
    """Counted rows by order, for the grain ``repeated_total``: the lowest and highest of what must agree."""
    return f"""SELECT customer_id, transaction_id, MIN(units) AS lowest_units, MAX(units) AS highest_units,
    MAX(number) AS highest_number, MIN(day) AS first_day, MAX(day) AS last_day
  FROM {relation} GROUP BY customer_id, transaction_id"""


def conflicting_orders(relation: str, options: Options) -> str:
    """Orders that break an order rule, with the number of each rule that they break."""
    rules = group_faults(Scope.ORDER, options)
    return (
        f"SELECT customer_id, transaction_id, {_first(rules)} AS order_fault, {_names(rules)} AS order_faults"
        f" FROM ({orders(relation)}) WHERE {' OR '.join(f'({rule.sql})' for rule in rules)}"
    )


def rolled_up(relation: str, options: Options, loyalty: bool, loyalty_table: bool = False) -> str:
    """Counted rows by customer: the measures but ``products``, how many rows counted, and what the rules read.

    ``loyalty``: the rows carry a loyalty column; ``loyalty_table``: a table ``loyalty_scores`` does.
    """
    # A return takes from the total and counts as nothing else: its other values are null.
    purchase = "CASE WHEN number >= 0 THEN {} END" if options.returns is Returns.NET else "{}"
    visits = "DISTINCT " + purchase.format("transaction_id")
    if options.grain is Grain.TRANSACTION:
        visits = purchase.format("*" if options.returns is not Returns.NET else "1")
    scores = """FALSE AS loyalty_faulty, CAST(NULL AS DOUBLE) AS lowest_loyalty,
    CAST(NULL AS DOUBLE) AS highest_loyalty, CAST(NULL AS VARCHAR) AS loyalty_shown"""
    if loyalty:
        scores = """BOOL_OR(loyalty_faulty) AS loyalty_faulty, MIN(loyalty) AS lowest_loyalty,
    MAX(loyalty) AS highest_loyalty, MIN(CASE WHEN loyalty_faulty THEN loyalty_found END) AS loyalty_shown"""
    total = _total("units", "number", options)
    by_customer = f"""SELECT customer_id, COUNT(*) AS used, {total} AS units, COUNT({visits}) AS visits,
    MAX({purchase.format("day")}) AS last_day, {scores}
  FROM {relation} GROUP BY customer_id"""
    if options.grain is Grain.REPEATED_TOTAL:
        total = _total("highest_units", "highest_number", options)
        totals = f"SELECT customer_id, {total} AS order_units FROM ({orders(relation)}) GROUP BY customer_id"
        by_customer = (
            f"SELECT * EXCLUDE (order_units) REPLACE (order_units AS units) FROM ({by_customer})"
            f" JOIN ({totals}) USING (customer_id)"
        )
    if loyalty_table:
        by_customer = f"""SELECT c.* REPLACE (COALESCE(s.loyalty_faulty, FALSE) AS loyalty_faulty,
    s.lowest_loyalty AS lowest_loyalty, s.highest_loyalty AS highest_loyalty, s.loyalty_shown AS loyalty_shown)
  FROM ({by_customer}) c LEFT JOIN loyalty_scores s USING (customer_id)"""
    return by_customer


def _total(units: str, number: str, options: Options) -> str:
    """The sum of units that is to be in range."""
    if not options.as_of or options.returns is not Returns.NET:
        return f"SUM({units})"
    # Some date may see just the purchases of a customer, or just the returns: what both could come to.
    up, down = (f"COALESCE(SUM(CASE WHEN {number} {sign} 0 THEN {units} END), 0)" for sign in (">=", "<"))
    return f"CASE WHEN {up} + {down} >= 0 THEN {up} ELSE {down} END"


def products_numbered(relation: str) -> str:
    """The products of counted rows, each with a number from 0."""
    return (
        "SELECT product_id, CAST(row_number() OVER () - 1 AS UBIGINT) AS product_number"
        f" FROM (SELECT DISTINCT product_id FROM {relation})"
    )


def hashed_key(bits: int) -> str:
    """SQL of a customer's key by hash: 64 bits of which the lowest ``bits`` are left free."""
    return f"({HASH.format('customer_id')} & CAST({2**64 - 2**bits} AS UBIGINT))"


NUMBERED_KEY = "customer_key"


def customers_numbered(relation: str, bits: int) -> str:
    """Rolled-up customers with a key that is their number, above ``bits`` that are left free."""
    return f"SELECT *, CAST(row_number() OVER () - 1 AS UBIGINT) * {2**bits} AS {NUMBERED_KEY} FROM {relation}"


def pairs(relation: str, options: Options, key: str) -> str:
    """One word for each counted purchase: the customer's key and the product's number."""
    purchases = " WHERE number >= 0" if options.returns is Returns.NET else ""
    numbers = "JOIN products_numbered USING (product_id)"
    if key == NUMBERED_KEY:
        numbers += f" JOIN (SELECT customer_id, {key} FROM customers_measured) USING (customer_id)"
    return f"SELECT {key} | product_number AS word FROM {relation} {numbers}{purchases}"


def faulty_customers(relation: str, options: Options) -> str:
    """Customers that break a customer rule, with the first rule and all of them."""
    rules = group_faults(Scope.CUSTOMER, options)
    return (
        f"SELECT customer_id, {_first(rules)} AS customer_fault, {_names(rules)} AS customer_faults,"
        f" loyalty_shown FROM {relation} WHERE {' OR '.join(f'({rule.sql})' for rule in rules)}"
    )


def vectors(options: Options, key: str, customers_out: bool) -> str:
    """The features of each customer, ordered by id in byte order, from the tables of measures and products.

    ``key``: of a customer by which products were counted; ``customers_out``: ``faulty_customers`` are left out.
    """
    measures = _measures(options, key, customers_out)
    return f"SELECT customer_id, {feature_items()} FROM ({measures}) ORDER BY customer_id"


def values(options: Options, key: str, customers_out: bool) -> str:
    """The features of :func:`vectors` alone, in no order."""
    return f"SELECT {feature_items()} FROM ({_measures(options, key, customers_out)})"


def _measures(options: Options, key: str, customers_out: bool) -> str:
    without = " ANTI JOIN faulty_customers USING (customer_id)" if customers_out else ""
    return f"""SELECT c.customer_id, CAST(c.units AS BIGINT) AS units, c.visits, p.products, c.last_day,
    COALESCE(c.lowest_loyalty, 0) AS loyalty, {date_literal(options.today)} AS today
  FROM (SELECT *, {key} AS customer FROM customers_measured{without}) c JOIN products_counted p USING (customer)"""


def feature_items() -> str:
    """The select items of the features, over measures."""
    return ", ".join(f"{feature.sql} AS {quoted(feature.name)}" for feature in features.FEATURES)


def _first(rules: list[Fault]) -> str:
    return f"CASE {' '.join(f'WHEN {rule.sql} THEN {literal(rule.name)}' for rule in rules)} END"


def _names(rules: list[Fault]) -> str:
    cases = ", ".join(f"CASE WHEN {rule.sql} THEN {literal(rule.name)} END" for rule in rules)
    return f"list_filter([{cases}], lambda name: name IS NOT NULL)"


def quarantined(
    relation: str, options: Options, orders_out: bool, customers_out: bool, scores: str | None = None
) -> str:
    """Rows of a relation that are set aside: ``fault``, ``faults`` and ``message`` beside all its columns.

    The relation holds the staged columns, ``*_found`` and ``*_hint``, under names that no source column bears.
    ``orders_out``, ``customers_out``: whether the tables of conflicting orders and faulty customers exist;
    ``scores``: the loyalty source, by name.
    """
    rules = row_faults(options)
    today = date_literal(options.today)
    source = f"(SELECT *, {today} AS today FROM {relation})"
    group_faults_of_row, group_first = [], []
    if orders_out:
        source += " LEFT JOIN conflicting_orders USING (customer_id, transaction_id)"
        group_faults_of_row.append("COALESCE(order_faults, [])")
        group_first.append("order_fault")
    if customers_out:
        source += " LEFT JOIN faulty_customers USING (customer_id)"
        group_faults_of_row.append("COALESCE(customer_faults, [])")
        group_first.append("customer_fault")
    of_group = " || ".join(group_faults_of_row) or "CAST([] AS VARCHAR[])"
    # Excluded rows stay excluded: only the rows that counted go with their order or customer.
    names = "own || CASE WHEN outside THEN [] ELSE of_group END"
    inner = (
        f"SELECT *, {_names(rules)} AS own, COALESCE({_outside(options)}, FALSE) AS outside,"
        f" {of_group} AS of_group FROM {source}"
    )
    return (
        f"SELECT * EXCLUDE (own, outside, of_group, names), names[1] AS fault,"
        " array_to_string(names, ',') AS faults,"
        f" {message(customers_out, scores, marks_of(options))} AS message"
        f" FROM (SELECT *, {names} AS names FROM ({inner})) WHERE len(names) > 0"
    )


# What exports write into a row of sums at their end, where several of the other fields are empty.
_TOTALS_ROW = (
    "len(names) > 1 AND regexp_matches(LOWER(concat_ws(' ', customer_id, transaction_id, product_id, date_found)),"
    " '^\\s*((grand|sub|overall|report)[ -]?)?(totals?|sums?|summe|gesamt|gesamtsumme|somme|suma|soma|totale)\\b')"
)


def message(customers_out: bool, scores: str | None = None, marks: Marks = PLAIN) -> str:
    """SQL of the sentence for ``names[1]``, with what was found filled in; ``scores``: the loyalty source, by name."""
    score = "COALESCE(loyalty_shown, '')" if customers_out else "''"
    found = {
        "id": "unreadable_id",
        "date": "date_found",
        "amount": "amount_found",
        "loyalty_score": score if scores is None else f"{score} || {literal(f' in {scores}')}",
        "transactions": "'''' || customer_id || ''''",
    }
    cases = []
    for rule in FAULTS:
        value = found.get(rule.field, "''")
        if rule.scope is Scope.ORDER:
            value = "'''' || transaction_id || ''''"
        elif rule.name == "conflicting_loyalty":
            value = "'''' || customer_id || ''''"
        text = _sentence(rule.message, value)
        if rule.unread:
            bare = f"trim({score}, {QUOTE})"
            unread = f"{_sentence(rule.unread, value)} || {amount_hint_sql(bare, marks)}"
            text = f"CASE WHEN suffix({score}, {QUOTE}) THEN {unread} ELSE {text} END"
        if rule.name in ("unreadable_date", "unreadable_amount"):
            text += f" || {rule.field}_hint"
        if rule.name.startswith("missing_"):
            text += f" || CASE WHEN {_TOTALS_ROW} THEN '; it looks like a totals row, which is no purchase' ELSE '' END"
        cases.append(f"WHEN {literal(rule.name)} THEN {text}")
    return f"CASE names[1] {' '.join(cases)} END"


def _sentence(message: str, found: str) -> str:
    """SQL of a rule's message with what was found filled in."""
    before, hole, after = message.partition("{found}")
    return f"{literal(before)} || {found} || {literal(after)}" if hole else literal(before)


def nearly_scored(customers: str, scores: str, alike: Callable[[str], str], limit: int) -> str:
    """SELECT left-over scores and customers without one whose ids are nearly the same: both ids, and how many.

    ``customers``, ``scores``: relations of customer_id; ``alike``: SQL of what such ids share, of an id.
    """
    left_over = (
        f"SELECT {alike('s.customer_id')} AS shared, MIN(s.customer_id) AS scored FROM {scores} s"
        f" LEFT JOIN {customers} c ON s.customer_id = c.customer_id WHERE c.customer_id IS NULL AND s.customer_id <> ''"
        f" GROUP BY {alike('s.customer_id')}"
    )
    without = (
        f"SELECT {alike('c.customer_id')} AS shared, c.customer_id AS bought FROM {customers} c"
        f" LEFT JOIN {scores} s ON c.customer_id = s.customer_id WHERE s.customer_id IS NULL"
    )
    return (
        f"SELECT l.scored AS scored, w.bought AS bought, COUNT(*) OVER () AS pairs FROM ({left_over}) l"
        f" JOIN ({without}) w ON l.shared = w.shared ORDER BY bought LIMIT {limit}"
    )
