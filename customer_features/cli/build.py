"""``customer-features build``."""

from __future__ import annotations

from time import monotonic
from typing import Any

import click

from customer_features.addresses import named
from customer_features.cli.bulk import Given, judged, say, say_recognised, shared_options
from customer_features.engines.duckdb import Outcome
from customer_features.errors import SourceError
from customer_features.publish import check_target, publish
from customer_features.publishers.writing import Published


@click.command()
@shared_options
@click.option(
    "--out",
    required=True,
    metavar="FILE",
    help="Where the vectors go: a file, whose suffix decides (.parquet, .csv or .arrow), or a table, as"
    " postgresql://USER@HOST/DATABASE#TABLE.",
)
@click.option(
    "--if-exists",
    default="replace",
    metavar="POLICY",
    help="A table that is there already: replace its rows or upsert into them  [default: replace]",
)
@click.option(
    "--on-fault",
    default="quarantine",
    metavar="POLICY",
    help="Faulty rows: quarantine (set them aside in a file) or fail  [default: quarantine]",
)
@click.option(
    "--max-faults",
    default="1%",
    metavar="SHARE",
    help="Stop when more rows than this share are faulty  [default: 1%]",
)
def build(sources: tuple[str, ...], assignments: tuple[str, ...], out: str, if_exists: str, **choices: Any) -> None:
    """Build one feature vector per customer from purchase rows.

    A SOURCE is a file (.csv, .tsv, .ndjson, .json, also .gz or .zst; .parquet; .arrow), a glob, - for
    standard input, or postgresql://USER@HOST/DATABASE, with #TABLE or --query. Beside FILE a manifest is
    written, and a quarantine when rows were set aside.
    """
    began = monotonic()
    given = Given.of(sources, assignments, **choices)
    check_target(out, if_exists)
    with judged(given) as engine:
        say_recognised(engine)
        if not engine.outcome.rows_in:
            raise SourceError(f"{', '.join(map(named, sources))}: no rows, only a header; nothing was published")
        published = publish(engine, out, if_exists)
        _summary(engine.outcome, published, monotonic() - began)


def _summary(outcome: Outcome, published: Published, seconds: float) -> None:
    say(
        f"Rows:       {outcome.rows_in:,} in = {outcome.used:,} used + {outcome.excluded:,} excluded"
        f" + {outcome.quarantined:,} quarantined"
    )
    for name, count in outcome.faults.items():
        say(f"            {count:,} {name}")
    say(f"Customers:  {outcome.customers:,}")
    if outcome.loyalty:
        named, unknown = outcome.loyalty["customers"], outcome.loyalty["unknown_customers"]
        say(f"Loyalty:    {named:,} customers have a score; {unknown:,} of them have no rows")
    for warning in outcome.warnings:
        say(f"Warning:    {warning['name']}: {warning['message']}")
    if published.quarantine:
        say(f"Quarantine: {published.quarantine}")
    say(f"Features:   {published.features}  (manifest: {published.manifest}; {seconds:.1f} s)")
