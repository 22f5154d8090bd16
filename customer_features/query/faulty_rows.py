"""The listing of faulty rows as one SQL query, for any dialect: each once, with all its faults and a sentence."""

from __future__ import annotations

from customer_features.definition.faults import Fault, Scope
from customer_features.query.dialects import Dialect
from customer_features.query.steps import LOYALTY, Portable

_UNREAD = "%'"
"""Matches a score that cannot be read, which is shown in quotes."""


def faulty_rows(portable: Portable, originals: tuple[str, ...] = (), more: tuple[str, ...] = ()) -> str:
    """Rows that are set aside: ``fault`` (the first of decision 12), ``faults`` (all of them), ``message``, the row.

    ``originals``: names for the source's original columns, which stand in the place of the fields then; ``more``:
    further columns of what the messages are made of (``loyalty_shown``).
    """
    return portable.query_over(listing(portable, originals, more))


def listing(portable: Portable, originals: tuple[str, ...] = (), more: tuple[str, ...] = ()) -> str:
    """The SELECT of the listing over the steps of a query."""
    quoted = portable.dialect.quoted
    shown = [f"o{place} AS {quoted(name)}" for place, name in enumerate(originals)]
    if not originals:
        shown = [
            "customer_id",
            "transaction_id",
            f"date_read AS {quoted('date')}",
            f"amount_read AS {quoted('amount')}",
        ]
        shown.append("product_id")
    message = f"CASE fault {' '.join(_messages(portable))} END"
    columns = ", ".join(["fault", "SUBSTRING(names, 2) AS faults", f"{message} AS message", *shown, *more])
    order = "" if originals else " ORDER BY fault, customer_id, transaction_id"
    return f"SELECT {columns} FROM ({_named(portable)}) n WHERE fault IS NOT NULL{order}"


def _named(portable: Portable) -> str:
    """Every row with the names of its faults, the first apart, and what a message may need."""
    own = portable.row_rules
    of = portable.dialect.of
    rules = [(rule, f"({of(rule.sql)})") for rule in own]
    outside = f"COALESCE({portable.outside}, FALSE)" if portable.excludes else "FALSE"
    rows = (
        f"SELECT r.*, {_first(portable, rules)} AS own_first, {_all(portable, rules)} AS own_all, {outside} AS outside"
        f" FROM {portable.name('readings')} r"
    )
    first, every = ["own_first"], ["own_all"]
    joins = ""
    # One by one: some engines name what a star takes from a join after the side that it is from.
    carried = ["customer_id", "transaction_id", "product_id", "date_read", "amount_read"]
    carried += [f"o{place}" for place in range(len(portable.source.originals))]
    select = [f"w.{name} AS {name}" for name in carried]
    for letter, step, scope_rules, keys in (
        ("p", "orders", portable.order_rules, ("customer_id", "transaction_id")),
        ("q", "customers", portable.customer_rules, ("customer_id",)),
    ):
        if not scope_rules:
            continue
        # Excluded rows stay excluded: only the rows that counted go with their order or customer.
        columns = [
            *keys,
            f"{_first(portable, scope_rules)} AS {step}_first",
            f"{_all(portable, scope_rules)} AS {step}_all",
        ]
        if step == "customers":
            columns.append("loyalty_shown")
            select.append(f"{portable.score_found('q.loyalty_shown')} AS loyalty_shown")
        broken = " OR ".join(sql for _, sql in scope_rules)
        joins += (
            f" LEFT JOIN (SELECT {', '.join(columns)} FROM {portable.name(step)} WHERE {broken}) {letter}"
            f" ON {' AND '.join(f'w.{key} = {letter}.{key}' for key in keys)} AND NOT w.outside"
        )
        first.append(f"{letter}.{step}_first")
        every.append(f"COALESCE({letter}.{step}_all, '')")
    select.append(f"COALESCE({', '.join(first)}) AS fault")
    select.append(f"{' || '.join(every)} AS names")
    return f"SELECT {portable.hint}{', '.join(select)} FROM ({rows}) w{joins}"


def _first(portable: Portable, rules: list[tuple[Fault, str]]) -> str:
    literal = portable.dialect.literal
    cases = " ".join(f"WHEN {sql} THEN {literal(rule.name)}" for rule, sql in rules)
    return portable.dialect.cast(f"CASE {cases} END", portable.dialect.string)


def _all(portable: Portable, rules: list[tuple[Fault, str]]) -> str:
    literal = portable.dialect.literal
    return " || ".join(f"CASE WHEN {sql} THEN {literal(f',{rule.name}')} ELSE '' END" for rule, sql in rules)


def _messages(portable: Portable) -> list[str]:
    """For each fault that there can be, its sentence with what was found."""
    dialect = portable.dialect
    scores = "" if portable.loyalty is None else portable.loyalty.name
    where = f" in {scores}" if scores else ""
    found = {"date": dialect.text("date_read"), "amount": dialect.text("amount_read"), LOYALTY: "loyalty_shown"}
    rules = [
        *portable.row_rules,
        *(rule for rule, _ in portable.order_rules),
        *(rule for rule, _ in portable.customer_rules),
    ]
    cases, quote = [], dialect.literal("'")
    for rule in rules:
        value = found.get(rule.field, "''")
        if rule.scope is Scope.ORDER:
            value = f"{quote} || transaction_id || {quote}"
        elif rule.scope is Scope.CUSTOMER and rule.name != "loyalty_out_of_range":
            value = f"{quote} || customer_id || {quote}"
        source = where if rule.unread else ""
        text = _sentence(dialect, rule.message, value, source)
        if rule.unread and portable.texts_are_scores:
            unread = _sentence(dialect, rule.unread, value, source)
            text = f"CASE WHEN {value} LIKE {dialect.literal(_UNREAD)} THEN {unread} ELSE {text} END"
        cases.append(f"WHEN {dialect.literal(rule.name)} THEN {text}")
    return cases


def _sentence(dialect: Dialect, message: str, value: str, source: str) -> str:
    """A rule's message with a value filled in, followed by the name of the source that holds it."""
    before, hole, after = message.partition("{found}")
    if not hole:
        return dialect.literal(before)
    return f"{dialect.literal(before)} || COALESCE({value}, '') || {dialect.literal(f'{source}{after}')}"
