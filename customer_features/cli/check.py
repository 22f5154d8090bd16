"""``customer-features check``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
import msgspec

from customer_features.cli.completion import files
from customer_features.cli.log import log, visible
from customer_features.cli.shared import shared_options
from customer_features.definition.counts import counted
from customer_features.definition.faults import fault
from customer_features.errors import InvalidOption

if TYPE_CHECKING:
    from customer_features.engines.outcome import Outcome
    from customer_features.engines.results import Results

EXAMPLES = 3
"""So many rows are shown of each fault, unless --limit says otherwise."""


@click.command()
@shared_options
@click.option(
    "--out",
    metavar="FILE",
    shell_complete=files,
    help="Write all faulty rows to a file, whose suffix decides: .csv, .parquet or .ndjson.",
)
@click.option("--limit", metavar="N", help="How many rows of each fault are shown  [default: 3]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a table.")
@click.pass_context
def check(
    ctx: click.Context,
    /,
    sources: tuple[str, ...],
    assignments: tuple[str, ...],
    out: str | None,
    limit: str | None,
    as_json: bool,
    **choices: Any,
) -> None:
    """List the faulty rows of a source, without building.

    Exits with 1 when there are any.
    """
    from customer_features.cli.bulk import judged, say_recognised, say_started
    from customer_features.cli.given import Given
    from customer_features.query.written_days import sentences
    from customer_features.targets import listing
    from customer_features.targets.listing import listing_at

    given = Given.of(sources, assignments, **choices, on_fault="quarantine", max_faults=1)
    shown = EXAMPLES if limit is None else _count(limit)
    say_started("check", sources, **({} if out is None else {"out": out}))
    path = None if out is None else listing_at(out)
    with judged(given, exact_warnings=True, vectors=False) as engine:
        say_recognised(engine)
        for said in sentences(engine.days):
            log.say("days", said, label="Days", **engine.days)
        found = _found(engine, shown)
        if as_json:
            click.echo(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
        else:
            _table(found)
        if path is not None:
            listing.publish(engine, path)
            tell = log.record if as_json else log.say
            tell("listing", f"all faulty rows are in {path}", path=str(path), rows=engine.outcome.quarantined)
        _summary(engine.outcome, as_json)
        if engine.outcome.quarantined:
            ctx.exit(1)


def _count(limit: str) -> int:
    if not (limit.isascii() and limit.isdigit()):
        raise InvalidOption("limit", f"'{limit}' is not a whole number, 0 or more")
    return int(limit)


def _found(engine: Results, shown: int) -> dict[str, Any]:
    """Faults with counts, examples and what would mend them, as plain values."""
    outcome = engine.outcome
    faults = []
    for name, count in outcome.faults.items():
        examples = engine.examples(name, shown)
        faults.append(
            {
                "fault": name,
                "rows": count,
                "mend": fault(name).mend,
                "examples": [{"source": e.source, "row_number": e.row_number, "message": e.message} for e in examples],
            }
        )
    return {"rows": outcome.balance(), "faults": faults, "warnings": outcome.warnings}


def _table(found: dict[str, Any]) -> None:
    for entry in found["faults"]:
        click.echo(f"{entry['fault']}: {counted(entry['rows'], 'row')}; to mend it, {entry['mend']}")
        for example in entry["examples"]:
            click.echo(visible(f"  {example['source']}, row {example['row_number']}: {example['message']}"))
    for warning in found["warnings"]:
        click.echo(visible(f"warning: {warning['name']}: {warning['message']}"))


def _summary(outcome: Outcome, as_json: bool) -> None:
    """How it ended; the object on standard output says it all to those who read that."""
    rows = {"in": outcome.rows_in, "quarantined": outcome.quarantined}
    said = f"{counted(outcome.rows_in, 'row')} read, {outcome.quarantined:,} of them faulty"
    tell = log.record if as_json else log.say
    tell("judged", said, rows=rows, faults=outcome.faults, exit_code=1 if outcome.quarantined else 0)
