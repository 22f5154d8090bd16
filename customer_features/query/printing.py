"""A query laid out for people: what it is for, what it reads, and a comment on each step."""

from __future__ import annotations

from customer_features.definition import features
from customer_features.definition.options import Grain
from customer_features.query.dialects import Type
from customer_features.query.faulty_rows import listing
from customer_features.query.steps import Portable


def text_of(made: Portable, faults: bool) -> str:
    """The query with its comments, laid out for people."""
    spoken = made.dialect
    head = "\n".join(f"-- {_on_one_line(line)}" for line in _head(made, faults))
    steps = []
    for place, step in enumerate(made.steps):
        name = f"{'WITH ' if place == 0 else ''}{step.name}"
        # A line break in a name or in a text is a part of it: nothing may be put behind it.
        select = step.select if "\n" in step.select else _indented(spoken.pretty(step.select))
        steps.append(f"-- {step.comment}\n{name} AS (\n{select}\n)")
    chain = ",\n".join(steps)
    last = listing(made) if faults else made.final
    comment = "The faulty rows." if faults else "The vectors: sums are exact, and each is rounded once, half up."
    settings = f"\n{spoken.settings}" if spoken.settings else ""
    return f"{head}\n{chain}\n-- {comment}\n{spoken.pretty(last)}{settings}\n"


def _head(made: Portable, faults: bool) -> list[str]:
    options, source = made.options, made.source
    today = ", ".join(str(day) for day in options.as_of or [options.today])
    if made.today is not None:
        today = " ".join(made.today.split())
    what = "Faulty rows, with all their faults" if faults else "One feature vector per customer"
    lines = [
        f"{what}, for {made.dialect.title}: customer-features, definition {features.DEFINITION_VERSION}.",
        f"grain: {options.grain}; today: {today}; window: {options.window or 'none'}; future: {options.future};"
        f" returns: {options.returns}; timezone: {options.timezone}.",
        f"Read from {source.relation}:",
        *(
            f"  {name} from {source.shown.get(name, sql)}, {_kind(source.types[name])}"
            for name, sql in source.fields.items()
        ),
    ]
    if made.guards:
        lines += [
            "Amounts are read of plain numbers in text, with a decimal point. Where none tells that the mark in 1.250",
            "is one, such amounts are faults.",
        ]
    if not faults:
        lines.append("Faulty rows are left out here; --faults prints the query that lists them.")
    of_orders = made.dialect.notes_on_orders if options.grain is Grain.REPEATED_TOTAL else ()
    return [*lines, *made.dialect.notes, *of_orders]


def _kind(kind: Type) -> str:
    return f"a {kind.kind}" + (f" with {kind.scale} digits after the point" if kind.scale else "")


def _on_one_line(text: str) -> str:
    """A text whose line breaks are escaped: one in a column's name would end the comment."""
    return text.translate({ord(mark): repr(mark)[1:-1] for mark in "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"})


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.split("\n"))
