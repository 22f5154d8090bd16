"""``customer-features build``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

import click

from customer_features.cli.completion import files, one_of
from customer_features.cli.log import log
from customer_features.cli.shared import shared_options
from customer_features.connections.addresses import named, scheme_of
from customer_features.definition.counts import counted
from customer_features.definition.options import Incomplete, OnFault
from customer_features.engines.outcome import customers_incomplete
from customer_features.errors import MissingExtra, SourceError
from customer_features.targets.publish import IF_EXISTS, check_target, publish
from customer_features.targets.publish import planned as published_as

if TYPE_CHECKING:
    from customer_features.cli.given import Given
    from customer_features.engines.results import Results
    from customer_features.targets.formats import Published


@click.command()
@shared_options
@click.option(
    "--out",
    required=True,
    metavar="FILE",
    shell_complete=files,
    help="Where the vectors go: a file, whose suffix decides (.parquet, .csv or .arrow), or a table, as"
    " postgresql://USER@HOST/DATABASE#TABLE.",
)
@click.option(
    "--if-exists",
    default="replace",
    metavar="POLICY",
    shell_complete=one_of(IF_EXISTS),
    help="A table that is there already: replace its rows or upsert into them  [default: replace]",
)
@click.option(
    "--on-fault",
    default="quarantine",
    metavar="POLICY",
    shell_complete=one_of(OnFault),
    help="Faulty rows: quarantine (set them aside in a file) or fail  [default: quarantine]",
)
@click.option(
    "--max-faults",
    default="1%",
    metavar="SHARE",
    help="Stop when more rows than this share are faulty  [default: 1%]",
)
@click.option(
    "--tolerate",
    multiple=True,
    metavar="FAULT=SHARE",
    help="A limit for one fault, e.g. missing_customer_id=40%, or =any; --max-faults bounds the rest.",
)
@click.option(
    "--incomplete",
    metavar="POLICY",
    shell_complete=one_of(Incomplete),
    help="Customers who lose faulty rows: keep (with a warning) or quarantine them whole  [default: keep]",
)
@click.option(
    "--quarantine",
    metavar="FILE",
    shell_complete=files,
    help="Where the faulty rows go, also of a refused run: .csv, .parquet or .ndjson  [default: beside --out]",
)
@click.option(
    "--dry-run",
    is_flag=True,
    help="Print what would be read, how, and in which steps (SQL); read no rows and write nothing.",
)
@click.option(
    "-q",
    "--quiet",
    is_flag=True,
    help="Say nothing on standard error but errors and warnings: no progress bar, no summary, no table.",
)
def build(
    sources: tuple[str, ...],
    assignments: tuple[str, ...],
    out: str,
    if_exists: str,
    quarantine: str | None,
    dry_run: bool,
    quiet: bool,
    **choices: Any,
) -> None:
    """Build one feature vector per customer from purchase rows.

    A SOURCE is a file (.csv, .tsv, .ndjson, .json, also .gz or .zst; .parquet; .arrow), a glob, an https:// or
    s3:// address, - for standard input, or postgresql://USER@HOST/DATABASE, with #TABLE or --query. Beside FILE,
    which may be an s3:// address, a manifest is written, and a quarantine when rows were set aside. On a terminal
    the run ends with a table of the features.
    """
    from customer_features.cli.bulk import judged, planned, say_recognised, say_started
    from customer_features.cli.given import Given

    began = monotonic()
    log.quiet = quiet
    given = Given.of(sources, assignments, **choices)
    say_started("build", sources, out=out)
    check_target(out, if_exists)
    aside = _listing(quarantine, out)
    if dry_run and given.push_down:
        steps = _say_pushed_down(given, out, aside)
        log.record("planned", f"{steps} steps; nothing was read or written", exit_code=0)
        return
    if dry_run:
        from customer_features.cli.dry_run import described

        with planned(given) as (engine, plan):
            click.echo(described(engine, plan, published_as(engine, out, aside), given.spill_dir))
        log.record("planned", f"{len(plan.steps)} steps; nothing was read or written", exit_code=0)
        return
    with judged(given, refused=None if aside is None else partial(_keep_faulty, aside)) as engine:
        say_recognised(engine)
        if not engine.outcome.rows_in:
            raise SourceError(f"{', '.join(map(named, sources))}: no rows, only a header; nothing was published")
        published = publish(engine, out, if_exists, aside)
        _summary(engine, published, monotonic() - began)
        _overview(engine)


def _listing(name: str | None, out: str) -> Path | None:
    """The path of --quarantine. Raises OutputError where it cannot serve."""
    if name is None:
        return None
    from customer_features.targets.listing import listing_at
    from customer_features.targets.manifest import manifest_of

    others = [] if scheme_of(out) else [Path(out), manifest_of(Path(out))]
    return listing_at(name, others)


def _keep_faulty(aside: Path, engine: Results) -> None:
    """Write the faulty rows of a refused run where --quarantine says."""
    from customer_features.targets import listing

    listing.publish(engine, aside)
    log.say("quarantine", str(aside), label="Quarantine", path=str(aside))


def _overview(engine: Results) -> None:
    """The features at a glance, where a person watches; what was asked for is published already."""
    from customer_features.engines.duckdb.engine import Engine

    # With --push-down the values are in the server, and would have to travel once more.
    if not isinstance(engine, Engine) or not log.watched:
        return
    try:
        from customer_features.cli.overview import show
    except MissingExtra as error:
        log.say("note", str(error))
    else:
        show(engine)


def _say_pushed_down(given: Given, out: str, aside: Path | None) -> int:
    """Print what would be computed in a server; the number of steps."""
    from customer_features.cli import push_down
    from customer_features.engines.postgres.plan import plan

    with push_down.pushed_down(given, beginning=True) as engine:
        planned = plan(engine)
        click.echo(push_down.described(engine, planned, published_as(engine, out, aside)))
    return len(planned.steps)


def _summary(engine: Results, published: Published, seconds: float) -> None:
    from customer_features.query.written_days import sentences

    outcome = engine.outcome
    rows = published.described["rows"]
    log.say(
        "judged",
        f"{outcome.rows_in:,} in = {outcome.used:,} used + {outcome.excluded:,} excluded"
        f" + {outcome.quarantined:,} quarantined",
        label="Rows",
        rows=rows,
        faults=outcome.faults,
    )
    for name, count in outcome.faults.items():
        log.say(
            "fault",
            f"{count:,} {name}",
            label="Set aside" if log.quiet else "",
            level="warning",
            fault=name,
            rows=count,
        )
    for name, count in outcome.excluded_by.items():
        log.say("excluded", f"{count:,} excluded: {name}", label="", rule=name, rows=count)
    log.say("customers", f"{outcome.customers:,}", label="Customers", customers=outcome.customers)
    if lost := outcome.customers_incomplete:
        said = f"{customers_incomplete(lost)}; set such customers aside with --incomplete quarantine"
        log.say("incomplete", said, label="Incomplete", level="warning", customers=lost)
    for note in outcome.notes:
        log.say("note", note, label="Note")
    for said in sentences(engine.days):
        log.say("days", said, label="Days", **engine.days)
    if outcome.loyalty:
        named, unknown = outcome.loyalty["customers"], outcome.loyalty["unknown_customers"]
        said = (
            f"{counted(named, 'customer')} {'has' if named == 1 else 'have'} a score; {unknown:,} of them"
            f" {'has' if unknown == 1 else 'have'} no rows"
        )
        log.say("loyalty", said, label="Loyalty", customers=named, unknown_customers=unknown)
    for warning in outcome.warnings:
        said = f"{warning['name']}: {warning['message']}"
        log.say("warning", said, label="Warning", level="warning", warning=warning["name"], count=warning["count"])
    if published.quarantine:
        log.say("quarantine", published.quarantine, label="Quarantine", path=published.quarantine)
    log.say(
        "published",
        f"{published.features}  (manifest: {published.manifest}; {seconds:.1f} s)",
        label="Features",
        path=published.features,
        manifest=published.manifest,
        quarantine=published.quarantine,
        rows=rows,
        customers=outcome.customers,
        output=published.described.get("output"),
        seconds=round(seconds, 3),
        exit_code=0,
    )
