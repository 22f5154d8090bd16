"""``customer-features report``."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

import click

from customer_features.cli.completion import files, folders, one_of
from customer_features.cli.log import log, log_option
from customer_features.errors import InvalidOption

if TYPE_CHECKING:
    from customer_features.report.shapes import Report


@click.command()
@click.argument("features", metavar="FEATURES", shell_complete=files)
@click.option(
    "--out", required=True, metavar="FILE", shell_complete=files, help="Where the report goes; - is standard output."
)
@click.option(
    "--format",
    "form",
    metavar="FORMAT",
    shell_complete=one_of(("html", "png", "svg", "pdf", "json")),
    help="html (the page), png, svg or pdf (the charts on one sheet) or json (the figures)"
    "  [default: what FILE ends in]",
)
@click.option(
    "--compare",
    metavar="OLDER",
    shell_complete=files,
    help="An older features file: what drifted, who came, went and moved.",
)
@click.option("--as-of", metavar="DATE", help="The as-of date, where FEATURES holds several  [default: the latest]")
@click.option(
    "--compare-as-of",
    metavar="DATE",
    help="The as-of date, where OLDER holds several  [default: the latest before that of FEATURES]",
)
@click.option("--show-ids", is_flag=True, help="Name customers that came, went or moved by their ids.")
@click.option("--memory-limit", metavar="SIZE", help="Memory to use before spilling to disk, e.g. 2GB  [default: half]")
@click.option(
    "--spill-dir",
    metavar="DIR",
    shell_complete=folders,
    envvar="CUSTOMER_FEATURES_SPILL_DIR",
    help="Folder for what does not fit into memory, and for copies  [default: TMPDIR]",
)
@click.option(
    "--spill-limit",
    metavar="SIZE",
    envvar="CUSTOMER_FEATURES_SPILL_LIMIT",
    help="The most that is spilled to disk, e.g. 50GB  [default: 90% of the free disk]",
)
@log_option
def report(
    features: str,
    out: str,
    form: str | None,
    compare: str | None,
    as_of: str | None,
    compare_as_of: str | None,
    show_ids: bool,
    memory_limit: str | None,
    spill_dir: str | None,
    spill_limit: str | None,
) -> None:
    """Show what a features file says of its customers.

    FEATURES is what build wrote (.parquet, .csv or .arrow), or the JSON that the service answered; - is standard
    input. The page is one file without script that needs no network; it holds figures of all customers together, and
    no customer's id unless --show-ids is given.
    """
    # What is heavy is imported here, so that help and completion come at once.
    from customer_features.cli.given import spill_folder
    from customer_features.engines.duckdb.session import connected
    from customer_features.report.making import made
    from customer_features.report.writing import check_target, format_of, publish, writer

    began = monotonic()
    chosen = format_of(out, form)
    check_target(out, [name for name in (features, compare) if name is not None])
    if compare is None and compare_as_of is not None:
        raise InvalidOption("compare_as_of", "goes with --compare OLDER")
    if compare is None and show_ids:
        raise InvalidOption("show_ids", "goes with --compare OLDER: without it no customer is told of alone")
    if features == compare == "-":
        raise InvalidOption("compare", "standard input can be read once")
    day, older_day = _day("as_of", as_of), _day("compare_as_of", compare_as_of)
    write = writer(chosen)  # what is missing is said before anything is read
    place = spill_folder(spill_dir)
    with connected(memory_limit=memory_limit, spill_dir=place, spill_limit=spill_limit) as connection:
        found = made(
            connection, features, older=compare, as_of=day, older_as_of=older_day, show_ids=show_ids, place=place
        )
    content = write(found)
    publish(content, out)
    _summary(found, out, len(content), monotonic() - began)


def _day(option: str, value: str | None) -> str | None:
    from customer_features.definition.options import parse_day

    return None if value is None else parse_day(option, value).isoformat()


def _summary(found: Report, out: str, size: int, seconds: float) -> None:
    from customer_features.report.drift import FEW

    figures = found.figures
    dated = f", as of {found.as_of}" if found.as_of else ""
    log.say("customers", f"{figures.customers:,}{dated}", label="Customers", customers=figures.customers)
    if found.comparison is not None:
        before = found.comparison
        said = f"{before.stayed:,} stayed, {before.came.customers:,} came, {before.went.customers:,} went"
        log.say("compared", said, label="Compared", older=before.name, stayed=before.stayed)
        levels = {level: [one.name for one in before.drift if one.level == level] for level in ("large", "moderate")}
        drifted = "; ".join(f"{level} in {', '.join(names)}" for level, names in levels.items() if names)
        if before.differences:
            told_apart = f"the runs were told different things: {'; '.join(before.differences)}"
            log.say("warning", told_apart, label="Warning", level="warning", differences=before.differences)
        few = f"cannot be told from chance with fewer than {FEW} customers in a file"
        told = {one.name: one.level for one in before.drift}
        log.say("drift", few if before.few else drifted or "none", label="Drift", drift=told)
    log.say(
        "published",
        f"{out}  ({seconds:.1f} s)",
        label="Report",
        path=out,
        bytes=size,
        seconds=round(seconds, 3),
        exit_code=0,
    )
