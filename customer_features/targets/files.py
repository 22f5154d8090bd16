"""Files as target: features, quarantine and manifest, all or nothing.

Everything is written under temporary names in the target's own folder, flushed to the disk, and only
then renamed into place; the manifest comes last and vouches, by SHA-256, for the other two. Until
then whatever stood under the final names stays there. What a killed run left is swept by the next one.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from customer_features.engines.duckdb.session import shortage
from customer_features.engines.results import Results
from customer_features.errors import MissingExtra, OutputError
from customer_features.sources.parts import first_line
from customer_features.system.temporary import Staging, put_in_place, sweep
from customer_features.targets.formats import (
    Published,
    check_suffix,
    describe,
    manifest_text,
    sources_of,
    write_faulty_rows,
    write_features,
)
from customer_features.targets.manifest import manifest_of, quarantine_of

try:
    import duckdb
    import pyarrow as pa
except ImportError as error:  # pragma: no cover - exercised in an environment without the extra
    raise MissingExtra("writing files", "bulk") from error


def check_target(out: Path) -> None:
    """Raise OutputError where ``out`` cannot become the features file, before any work is done."""
    if (plain := os.fsencode(out).decode("utf-8", "backslashreplace")) != str(out):
        raise OutputError(f"{plain}: the name is not UTF-8; give another one")
    check_suffix(out, out.suffix)
    if out.is_dir():
        raise OutputError(f"{out}: is a directory; give a file name in it")
    if not out.parent.is_dir():
        raise OutputError(f"{out}: the folder {out.parent} does not exist; make it first")
    if not os.access(out.parent, os.W_OK | os.X_OK):
        raise OutputError(f"{out}: the folder {out.parent} cannot be written to")


def publish(engine: Results, out: Path, quarantine: Path | None = None) -> Published:
    """Write the vectors of a judged run to ``out``, with quarantine and manifest beside it.

    ``quarantine``: where the rows set aside go instead, also where there are none.

    Raises OutputError when something cannot be written; nothing is published then.
    """
    check_target(out)
    _keep_sources(engine, out, quarantine)
    manifest, beside = manifest_of(out), quarantine_of(out)
    aside = quarantine or beside
    with ExitStack() as leftovers:
        try:
            sweep((out, beside, manifest))
            if quarantine is not None:
                sweep([quarantine])
            vectors = Staging(out, leftovers)
            rows = write_features(engine, vectors)
            staged_quarantine = None
            if engine.outcome.quarantined or quarantine is not None:
                staged_quarantine = Staging(aside, leftovers)
                write_faulty_rows(engine, staged_quarantine)
            described = describe(
                engine, _file(vectors, rows, out), _file(staged_quarantine, engine.outcome.quarantined, out)
            )
            text = Staging(manifest, leftovers)
            text.write(manifest_text(described))
            # A quarantine of an earlier run goes where this one set nothing aside.
            files = [vectors] if staged_quarantine is None else [staged_quarantine, vectors]
            gone = [] if beside in (file.final for file in files) else [beside]
            put_in_place(files, gone, text)
        except (OSError, pa.ArrowException, duckdb.Error) as error:
            raise OutputError(f"{out}: cannot be written: {_reason(error)}; nothing was published") from None
    return Published(str(out), manifest.name, str(aside) if staged_quarantine is not None else None, described)


def planned(engine: Results, out: Path, quarantine: Path | None = None) -> list[tuple[str, str]]:
    """The files of a run, and what is in each. Raises OutputError where one would overwrite a source."""
    check_target(out)
    _keep_sources(engine, out, quarantine)
    aside = (quarantine_of(out), "the rows set aside, where there are any")
    if quarantine is not None:
        aside = (quarantine, "the rows set aside, also of a refused run")
    return [
        (str(out), "the features"),
        (str(manifest_of(out)), "the manifest, last"),
        (str(aside[0]), aside[1]),
    ]


def _keep_sources(engine: Results, out: Path, quarantine: Path | None) -> None:
    """Raise OutputError where a file of the run would take the place of one that was read."""
    read = sources_of(engine)
    for final in (out, manifest_of(out), quarantine_of(out), *([] if quarantine is None else [quarantine])):
        if final.resolve() in read:
            raise OutputError(f"{out}: {final} is one of the sources and would be overwritten; give another name")


def _reason(error: BaseException) -> str:
    return shortage(error) or str(getattr(error, "strerror", None) or first_line(error))


def _file(staging: Staging | None, rows: int, out: Path) -> Any:
    """What a manifest tells of a file: its name, and its folder where it is not that of the features."""
    if staging is None:
        return None
    final = staging.final.resolve()
    path = final.name if final.parent == out.resolve().parent else str(final)
    return {"path": path, "rows": rows, "bytes": staging.bytes, "sha256": staging.sha256}
