"""``--push-down``: the run is computed in the server that holds the rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from customer_features.cli.dry_run import table, value
from customer_features.cli.given import Given, one_kind
from customer_features.definition.options import Options
from customer_features.engines.duckdb.session import connected
from customer_features.engines.warnings import EXACT_ROWS, FIRST_ROWS
from customer_features.query.layout import laid_out
from customer_features.sources.opening import opened

if TYPE_CHECKING:
    from customer_features.engines.postgres.engine import PushDown
    from customer_features.engines.postgres.plan import Plan


@contextmanager
def pushed_down(given: Given, *, beginning: bool = False) -> Iterator[PushDown]:
    """A run in a server, which has not begun; ``beginning``: of a loyalty file just its columns are looked at."""
    from customer_features.engines.postgres.engine import PushDown

    place, scored = given.spill_dir, [] if given.loyalty is None else [given.loyalty]
    with (
        connected(memory_limit=given.memory_limit, spill_dir=place, spill_limit=given.spill_limit) as connection,
        opened(scored, connection, place=place, beginning=beginning) as scores,
    ):
        options = Options.parse(**given.choices)
        loyalty = one_kind(given, scores)
        yield PushDown(connection, given.sources[0], given.query, options, columns=given.mapping, loyalty=loyalty)


def described(engine: PushDown, plan: Plan, published: list[tuple[str, str]]) -> str:
    """What such a run would do, as text; the same source and options give the same text."""
    fields = (
        (name, f"{mapped.shown} ({'recognised' if mapped.recognised else '--map'})", engine.types[name])
        for name, mapped in engine.fields.items()
    )
    files = [] if engine.loyalty is None else engine.loyalty.files
    loyalty = [(file.name, "loyalty, read here and sent to the server") for file in files]
    steps = [f"  {number}. {step.title}" for number, step in enumerate(plan.steps, 1)]
    notes = (
        "All of it is one transaction of one state of the database (REPEATABLE READ), which is undone at the end.",
        f"On more than {EXACT_ROWS:,} rows the first {FIRST_ROWS:,} are looked at for repetitions before all are.",
        "These are the steps where no row is faulty. Where any is, the source is read again to set it aside.",
    )
    sections = {
        "Sources": table([(engine.source, "computed in the server"), *loyalty]),
        f"Fields of {engine.source}": table(fields),
        "Options": table((name, value(of)) for name, of in {**engine.options.described(), **engine.how}.items()),
        "Steps": "\n".join([*steps, *(f"  {note}" for note in notes)]),
        "Published, all or nothing": table(published),
        "SQL": "\n\n".join(
            ["\n".join(f"{statement};" for statement in plan.settings)]
            + [f"-- {number}. {step.title}\n{laid_out(step.sql)};" for number, step in enumerate(plan.steps, 1)]
            + [f"-- Only where rows are faulty: {step.title}\n{laid_out(step.sql)};" for step in plan.when_faulty]
        ),
    }
    text = "\n\n".join(f"{title}\n{body}" for title, body in sections.items())
    return f"{text}\n\nA dry run: no rows were read, and nothing was written."
