"""``customer-features sql``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from customer_features.cli.completion import folders, one_of, timezones
from customer_features.cli.shared import as_of_dates
from customer_features.definition.options import DIALECTS, STEPS, Future, Grain, Returns
from customer_features.errors import InvalidOption, OutputError


@click.command()
@click.option(
    "--dialect",
    "name",
    required=True,
    metavar="NAME",
    shell_complete=one_of(DIALECTS),
    help=f"One of {', '.join(DIALECTS)}.",
)
@click.option("--table", default="transactions", metavar="T", help="What is read  [default: transactions]")
@click.option(
    "--as",
    "form",
    default="query",
    metavar="FORM",
    shell_complete=one_of(("query", "dbt")),
    help="query, or dbt: a model, its schema and a test.",
)
@click.option("--faults", is_flag=True, help="Print the query that lists the faulty rows instead.")
@click.option(
    "--out",
    metavar="FOLDER",
    shell_complete=folders,
    help="With --as dbt: the dbt project that the files go to, instead of printing them.",
)
@click.option(
    "--today",
    multiple=True,
    metavar="DATE",
    help="Reference date, YYYY-MM-DD, or an SQL expression such as CURRENT_DATE; repeat it for several as-of dates"
    "  [default: the current date when the query runs]",
)
@click.option(
    "--every",
    metavar="STEP",
    shell_complete=one_of(STEPS),
    help="As-of dates a day, week or month apart, with --from and --to.",
)
@click.option("--from", "start", metavar="DATE", help="The first as-of date of --every.")
@click.option("--to", "end", metavar="DATE", help="The last as-of date of --every, at most.")
@click.option(
    "--map",
    "assignments",
    multiple=True,
    metavar="FIELD=EXPR",
    help="Which column, or SQL expression of the dialect over one row, a field is  [default: the field's own name]",
)
@click.option(
    "--constant",
    "constants",
    multiple=True,
    metavar="FIELD=VALUE",
    help="A field that is the same in every row, e.g. product_id=unknown. Repeat for each field.",
)
@click.option(
    "--type",
    "types",
    multiple=True,
    metavar="FIELD=TYPE",
    help="The type of a field's column, e.g. date=TIMESTAMPTZ, or amount=TEXT for plain numbers in text"
    "  [default: text for ids, date, double]",
)
@click.option("--loyalty", metavar="TABLE", help="A table with customer_id and loyalty_score, or points.")
@click.option("--max-points", metavar="N", help="The points that make a loyalty score of 1.")
@click.option(
    "--grain",
    default="transaction",
    metavar="GRAIN",
    shell_complete=one_of(Grain),
    help="transaction, line or repeated_total.",
)
@click.option(
    "--future",
    default="fault",
    metavar="POLICY",
    shell_complete=one_of(Future),
    help="Rows after today: fault or exclude.",
)
@click.option(
    "--returns",
    default="fault",
    metavar="POLICY",
    shell_complete=one_of(Returns),
    help="Negative amounts: fault or net.",
)
@click.option("--window", metavar="SPAN", help="How far back rows count, e.g. '12 months' or '540 days'.")
@click.option(
    "--timezone",
    metavar="TZ",
    envvar="CUSTOMER_FEATURES_TIMEZONE",
    shell_complete=timezones,
    help="Business timezone  [default: UTC]",
)
def sql(
    name: str,
    form: str,
    out: str | None,
    today: tuple[str, ...],
    every: str | None,
    start: str | None,
    end: str | None,
    assignments: tuple[str, ...],
    constants: tuple[str, ...],
    types: tuple[str, ...],
    **choices: Any,
) -> None:
    """Print the definition as one SQL query, to run where the data are.

    The query gives the very vectors that build gives; faulty rows are left out, and --faults lists them.
    """
    from customer_features.query import generate
    from customer_features.query.columns import parse_constants, parse_mapping, with_constants
    from customer_features.query.dialects import dialect

    days = as_of_dates(today, every, start, end)
    given = {
        "columns": with_constants(parse_mapping(assignments), parse_constants(constants)),
        "types": _types(types),
        "today": None if not days else days[0] if len(days) == 1 else days,
        **choices,
    }
    if out is None:
        click.echo(generate.sql(name, form=form, **given), nl=False)
        return
    if form != "dbt":
        raise InvalidOption("out", "goes with --as dbt; a query is printed, so: ... > query.sql")
    from customer_features.query import dbt

    faults = given.pop("faults")
    made = generate.portable(dialect(name), **given)
    for path, text in dbt.files(made, given["table"], given["loyalty"], faults).items():
        _write(Path(out, path), text)
        click.echo(f"Wrote {Path(out, path)}", err=True)


def _types(assignments: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for assignment in assignments:
        field, equals, text = (part.strip() for part in assignment.partition("="))
        if not equals or not field or not text:
            raise InvalidOption("type", f"'{assignment}' is not of the form FIELD=TYPE, e.g. date=TIMESTAMPTZ")
        found[field] = text
    return found


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror or error}") from None
