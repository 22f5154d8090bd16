"""The Spark job, which ``spark-submit customer_features/spark/__main__.py`` runs.

Vectors and quarantine are written beside their final names first and then renamed; the manifest comes last.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import traceback
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, NoReturn

import click

from customer_features._version import __version__
from customer_features.definition import features
from customer_features.definition.faults import check_tolerated
from customer_features.definition.options import Options, every, parse_choice
from customer_features.engines.outcome import customers_incomplete
from customer_features.errors import DataFaults, InvalidOption, SourceError, UsageError

if TYPE_CHECKING:
    from customer_features.engines.spark.engine import Engine

JAVA = 17
"""The oldest Java that Spark 4 runs on."""


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="customer-features")
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.option("--out", required=True, metavar="PATH", help="The folder of the vectors; what stood there is replaced.")
@click.option(
    "--format", "out_format", default="parquet", metavar="FORMAT", help="parquet or delta  [default: parquet]"
)
@click.option(
    "--read",
    "read_format",
    metavar="FORMAT",
    help="What the sources are: a format that Spark reads, or table  [default: by the suffix, else parquet]",
)
@click.option(
    "--quarantine",
    metavar="PATH",
    help="Where rows set aside go, as Parquet  [default: beside --out, .quarantine.parquet]",
)
@click.option("--today", multiple=True, metavar="DATE", help="Reference date, YYYY-MM-DD; repeat it for several.")
@click.option("--every", "step", metavar="STEP", help="As-of dates a day, week or month apart, with --from and --to.")
@click.option("--from", "start", metavar="DATE", help="The first as-of date of --every.")
@click.option("--to", "end", metavar="DATE", help="The last as-of date of --every, at most.")
@click.option(
    "--map", "assignments", multiple=True, metavar="FIELD=EXPR", help="Which column, or Spark SQL, is a field."
)
@click.option("--constant", "constants", multiple=True, metavar="FIELD=VALUE", help="A field that is always the same.")
@click.option("--null", multiple=True, metavar="TOKEN", help="A text that stands for nothing, e.g. NULL.")
@click.option("--loyalty", metavar="PATH", help="Rows of customer_id and loyalty_score, or points with --max-points.")
@click.option("--max-points", metavar="N", help="The points that make a loyalty score of 1.")
@click.option("--grain", metavar="GRAIN", help="transaction, line or repeated_total  [default: transaction]")
@click.option("--future", metavar="POLICY", help="Rows after today: fault or exclude  [default: fault]")
@click.option("--returns", metavar="POLICY", help="Negative amounts: fault or net  [default: fault]")
@click.option("--window", metavar="SPAN", help="How far back rows count, e.g. '12 months' or '540 days'.")
@click.option("--timezone", metavar="TZ", envvar="CUSTOMER_FEATURES_TIMEZONE", help="Business timezone  [default: UTC]")
@click.option("--on-fault", default="quarantine", metavar="POLICY", help="quarantine or fail  [default: quarantine]")
@click.option("--max-faults", default="1%", metavar="SHARE", help="Stop when more rows are faulty  [default: 1%]")
@click.option("--tolerate", multiple=True, metavar="FAULT=SHARE", help="A limit for one fault, e.g. missing_date=5%.")
def job(
    sources: tuple[str, ...],
    out: str,
    out_format: str,
    read_format: str | None,
    quarantine: str | None,
    assignments: tuple[str, ...],
    constants: tuple[str, ...],
    loyalty: str | None,
    **choices: Any,
) -> None:
    """Build one feature vector per customer on a Spark cluster.

    A SOURCE is a path that Spark can read, whose suffix decides (.parquet, .orc, .csv, .tsv, .json, .ndjson).
    """
    began = monotonic()
    options = _options(loyalty, choices)
    check_java()
    from customer_features.query.columns import parse_constants, parse_mapping, with_constants
    from customer_features.spark import files
    from customer_features.spark.frames import engine_over

    kind = parse_choice("format", out_format, files.Format)
    mapping = with_constants(parse_mapping(assignments), parse_constants(constants))
    session = files.session()
    try:
        rows = files.read(session, sources, read_format)
        scores = None if loyalty is None else files.read(session, (loyalty,), None)
        with engine_over(rows, options, mapping, scores, name=", ".join(sources)) as engine:
            try:
                outcome = engine.judge()
            finally:
                _say_recognised(engine)  # a wrong mapping is the first thing to look for
            if not outcome.rows_in:
                raise SourceError(f"{', '.join(sources)}: no rows; nothing was published")
            aside = quarantine or f"{out.rstrip('/')}.quarantine.parquet"
            manifest = files.publish(engine, sources, out, kind, aside, version=features.DEFINITION_VERSION)
            engine.warehouse.drop()
        _summary(engine, out, aside, manifest, monotonic() - began)
    finally:
        session.stop()


def _options(loyalty: str | None, choices: dict[str, Any]) -> Options:
    step, start, end = (choices.pop(name) for name in ("step", "start", "end"))
    days: list[Any] = list(dict.fromkeys(choices.pop("today")))
    if step is not None or start is not None or end is not None:
        if days:
            raise InvalidOption("today", "give either --today or --every with --from and --to")
        if step is None or start is None or end is None:
            raise InvalidOption("every", "--every, --from and --to go together")
        days = list(every(step, start, end))
    given = {name: value for name, value in choices.items() if value is not None}
    if "max_points" in given and loyalty is None:
        raise InvalidOption("max_points", "goes with --loyalty PATH, which holds the points")
    options = Options.parse(**given, **({} if not days else {"today": days[0]} if len(days) == 1 else {"as_of": days}))
    check_tolerated(options)
    return options


def check_java() -> None:
    """Raise UsageError where Spark would find no Java that it can run on."""
    if "PYSPARK_GATEWAY_PORT" in os.environ:
        return  # spark-submit has started one
    home = os.environ.get("JAVA_HOME")
    found = shutil.which(str(Path(home, "bin", "java")) if home else "java")
    mend = f"install Java {JAVA} (Debian: apt-get install openjdk-{JAVA}-jre-headless) or set JAVA_HOME to one"
    if found is None:
        raise UsageError(f"Spark needs Java {JAVA} or newer, and there is none: {mend}")
    told = subprocess.run([found, "-version"], capture_output=True, text=True, check=False).stderr  # noqa: S603
    version = told.partition('"')[2].partition('"')[0]
    major = version.removeprefix("1.").partition(".")[0].partition("-")[0]
    if major.isdigit() and int(major) < JAVA:
        raise UsageError(f"Spark needs Java {JAVA} or newer, and {found} is {version}: {mend}")


def _say(label: str, text: str) -> None:
    click.echo(f"{f'{label}:' if label else '':<12}{text}", err=True)


def _say_recognised(engine: Engine) -> None:
    taken = [f"{name} = {shown}" for name, shown in engine.mapping.items()]
    scored = [f"{name} = {shown}" for name, shown in engine.scored_by.items()]
    if taken:
        _say("Recognised", ", ".join(taken) + (f"; of loyalty: {', '.join(scored)}" if scored else ""))


def _summary(engine: Engine, out: str, aside: str, manifest: str, seconds: float) -> None:
    outcome = engine.outcome
    _say(
        "Rows",
        f"{outcome.rows_in:,} in = {outcome.used:,} used + {outcome.excluded:,} excluded"
        f" + {outcome.quarantined:,} quarantined",
    )
    for name, count in outcome.faults.items():
        _say("", f"{count:,} {name}")
    for name, count in outcome.excluded_by.items():
        _say("", f"{count:,} excluded: {name}")
    if outcome.customers_incomplete:
        _say("Incomplete", customers_incomplete(outcome.customers_incomplete))
    for note in outcome.notes:
        _say("Note", note)
    _say("Customers", f"{outcome.customers:,}")
    for warning in outcome.warnings:
        _say("Warning", f"{warning['name']}: {warning['message']}")
    if outcome.quarantined:
        _say("Quarantine", aside)
    _say("Features", f"{out}  (manifest: {manifest}; {seconds:.1f} s)")


class _Stopped(BaseException):
    """A signal came."""


def run(arguments: list[str] | None = None) -> int:
    """The exit code of the job: 0 done, 1 the data were refused, 2 wrong usage; 130 and 143 stopped by a signal."""

    def stop(number: int, frame: Any) -> NoReturn:
        raise _Stopped

    signal.signal(signal.SIGTERM, stop)
    try:
        job.main(args=arguments, prog_name="python -m customer_features.spark", standalone_mode=False)
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return 2
    except (click.Abort, KeyboardInterrupt):
        return _failed("interrupted; nothing is left half-written", 130)
    except _Stopped:
        return _failed("terminated; nothing is left half-written", 143)
    except InvalidOption as error:
        return _failed(f"--{error.option.replace('_', '-')}: {error.reason}", 2)
    except UsageError as error:
        return _failed(str(error), 2)
    except DataFaults as error:
        return _failed(f"{error}\nNothing was published.", 1)
    except Exception as error:
        if os.environ.get("CUSTOMER_FEATURES_DEBUG"):
            traceback.print_exc()
        from customer_features.engines.spark.columns import first_line

        return _failed(
            f"{first_line(error)}\nNothing is left half-written. CUSTOMER_FEATURES_DEBUG=1 shows where.",
            2,
        )
    return 0


def _failed(said: str, code: int) -> int:
    click.echo(f"Error: {said}", err=True)
    return code


def main() -> NoReturn:
    """Run the job and exit."""
    sys.exit(run())
