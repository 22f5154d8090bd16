"""The options that commands share. Nothing heavy is imported here, so that help and completion come at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from customer_features.cli.completion import files, folders, one_of, timezones
from customer_features.cli.log import log_option
from customer_features.definition.options import STEPS, Future, Grain, Returns, every
from customer_features.errors import InvalidOption

Function = TypeVar("Function", bound=Callable[..., Any])


def shared_options(command: Function) -> Function:
    """The options that every bulk command takes."""
    for decorate in reversed(
        (
            click.argument("sources", nargs=-1, required=True, metavar="SOURCE...", shell_complete=files),
            click.option(
                "--query", metavar="SQL", help="What to read from a database source, e.g. 'SELECT * FROM orders'."
            ),
            click.option(
                "--push-down",
                is_flag=True,
                help="Compute in the PostgreSQL server that holds the rows; only the results travel.",
            ),
            click.option(
                "--today",
                multiple=True,
                metavar="DATE",
                help="Reference date for recency, YYYY-MM-DD; repeat it for several as-of dates"
                "  [default: the current date]",
            ),
            click.option(
                "--every",
                metavar="STEP",
                shell_complete=one_of(STEPS),
                help="As-of dates a day, week or month apart, with --from and --to.",
            ),
            click.option("--from", "start", metavar="DATE", help="The first as-of date of --every."),
            click.option("--to", "end", metavar="DATE", help="The last as-of date of --every, at most."),
            click.option(
                "--map",
                "assignments",
                multiple=True,
                metavar="FIELD=EXPR",
                help="Which column, or SQL expression over one row, a field is. Repeat for each field.",
            ),
            click.option(
                "--loyalty",
                metavar="FILE",
                shell_complete=files,
                help="A file with customer_id and loyalty_score (0 to 1), or points with --max-points.",
            ),
            click.option("--max-points", metavar="N", help="The points that make a loyalty score of 1."),
            click.option(
                "--grain",
                metavar="GRAIN",
                shell_complete=one_of(Grain),
                help="What a row is: transaction (a visit), line (an order line with its own amount) or"
                " repeated_total (an order line that repeats the order's total)  [default: transaction]",
            ),
            click.option(
                "--future",
                metavar="POLICY",
                shell_complete=one_of(Future),
                help="Rows after today: fault or exclude  [default: fault]",
            ),
            click.option(
                "--returns",
                metavar="POLICY",
                shell_complete=one_of(Returns),
                help="Negative amounts: fault or net  [default: fault]",
            ),
            click.option("--window", metavar="SPAN", help="How far back rows count, e.g. '12 months' or '540 days'."),
            click.option(
                "--timezone",
                metavar="TZ",
                envvar="CUSTOMER_FEATURES_TIMEZONE",
                shell_complete=timezones,
                help="Business timezone that turns instants into dates  [default: UTC]",
            ),
            click.option(
                "--encoding",
                metavar="NAME",
                shell_complete=one_of(("utf-8", "latin-1", "cp1252", "utf-16")),
                help="Encoding of CSV files without a byte order mark, e.g. latin-1 or cp1252  [default: utf-8]",
            ),
            click.option(
                "--constant",
                "constants",
                multiple=True,
                metavar="FIELD=VALUE",
                help="A field that is the same in every row, e.g. product_id=unknown. Repeat for each field.",
            ),
            click.option("--decimal", metavar="MARK", help="Decimal mark of numbers in text: . or ,  [default: .]"),
            click.option(
                "--thousands",
                metavar="MARK",
                help="Mark between thousands of numbers in text: , . ' or a blank  [default: any of them]",
            ),
            click.option(
                "--null",
                multiple=True,
                metavar="TOKEN",
                help="A text that stands for nothing, e.g. NULL. Repeat for several.",
            ),
            click.option(
                "--date-format",
                metavar="FORMAT",
                help="How dates in text are written, e.g. %d/%m/%Y (day first)  [default: YYYY-MM-DD]",
            ),
            click.option(
                "--memory-limit",
                metavar="SIZE",
                help="Memory to use before spilling to disk, e.g. 2GB  [default: half of the machine's or container's]",
            ),
            click.option(
                "--spill-dir",
                metavar="DIR",
                shell_complete=folders,
                envvar="CUSTOMER_FEATURES_SPILL_DIR",
                help="Folder for what does not fit into memory, and for copies  [default: TMPDIR]",
            ),
            click.option(
                "--spill-limit",
                metavar="SIZE",
                envvar="CUSTOMER_FEATURES_SPILL_LIMIT",
                help="The most that is spilled to disk, e.g. 50GB  [default: 90% of the free disk]",
            ),
            log_option,
        )
    ):
        command = decorate(command)
    return command


def as_of_dates(today: tuple[str, ...], step: str | None, start: str | None, end: str | None) -> list[Any]:
    """The as-of dates that the options name; none when they name none."""
    if step is None and start is None and end is None:
        return list(dict.fromkeys(today))
    if today:
        raise InvalidOption("today", "give either --today or --every with --from and --to")
    if step is None or start is None or end is None:
        raise InvalidOption(
            "every", "--every, --from and --to go together, e.g. --every month --from 2024-01-31 --to 2024-12-31"
        )
    return list(every(step, start, end))
