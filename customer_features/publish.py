"""Publishing a bulk run: features, quarantine and manifest, all or nothing.

Everything is written under temporary names in the target's own folder, flushed to the disk, and only
then renamed into place; the manifest comes last and vouches, by SHA-256, for the other two. Until
then whatever stood under the final names stays there. What a killed run left is swept by the next one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from customer_features import features
from customer_features.columns import literal
from customer_features.engines.duckdb import Engine
from customer_features.errors import MissingExtra, OutputError, did_you_mean
from customer_features.parts import first_line
from customer_features.staging import Staging, put_in_place, sweep
from customer_features.verifying import manifest_of, quarantine_of

try:
    import duckdb
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet
except ImportError as error:  # pragma: no cover - exercised in an environment without the extra
    raise MissingExtra("writing files", "bulk") from error

SUFFIXES = (".parquet", ".csv", ".arrow")
ROWS_A_GROUP = 1 << 17
"""Rows of one row group: fixed, so that the same vectors give the same bytes."""


def check_target(out: Path) -> None:
    """Raise OutputError where ``out`` cannot become the features file, before any work is done."""
    if out.suffix.lower() not in SUFFIXES:
        hint = did_you_mean(out.suffix, SUFFIXES)
        raise OutputError(f"{out}: the suffix decides the format; allowed are {', '.join(SUFFIXES)}{hint}")
    if out.is_dir():
        raise OutputError(f"{out}: is a directory; give a file name in it")
    if not out.parent.is_dir():
        raise OutputError(f"{out}: the folder {out.parent} does not exist; make it first")
    if not os.access(out.parent, os.W_OK | os.X_OK):
        raise OutputError(f"{out}: the folder {out.parent} cannot be written to")


@dataclass(frozen=True, slots=True)
class Published:
    """The files of a run: their paths, and what the manifest says."""

    features: Path
    manifest: Path
    quarantine: Path | None
    described: dict[str, Any]


def publish(engine: Engine, out: Path) -> Published:
    """Write the vectors of a judged run to ``out``, with quarantine and manifest beside it.

    Raises OutputError when something cannot be written; nothing is published then.
    """
    check_target(out)
    _keep_sources(engine, out)
    manifest, aside = manifest_of(out), quarantine_of(out)
    with ExitStack() as leftovers:
        try:
            sweep((out, aside, manifest))
            vectors = Staging(out, leftovers)
            rows = _write_features(engine, vectors)
            quarantine = engine.quarantine()
            staged_quarantine = Staging(aside, leftovers) if quarantine is not None else None
            if quarantine is not None and staged_quarantine is not None:
                _write_parquet(quarantine, staged_quarantine, _schema(quarantine))
            described = _describe(engine, out, rows, vectors, staged_quarantine)
            text = Staging(manifest, leftovers)
            text.write(msgspec.json.format(msgspec.json.encode(described), indent=2) + b"\n")
            # A quarantine of an earlier run goes where this one set nothing aside.
            files, gone = ([vectors], [aside]) if staged_quarantine is None else ([staged_quarantine, vectors], [])
            put_in_place(files, gone, text)
        except (OSError, pa.ArrowException, duckdb.Error) as error:
            raise OutputError(f"{out}: cannot be written: {_reason(error)}; nothing was published") from None
    return Published(out, manifest, aside if quarantine is not None else None, described)


def _keep_sources(engine: Engine, out: Path) -> None:
    """Raise OutputError where a file of the run would take the place of one that was read."""
    parts = [*engine.parts, engine.loyalty] if engine.loyalty is not None else engine.parts
    read = {file.path.resolve() for part in parts for file in part.files}
    for final in (out, manifest_of(out), quarantine_of(out)):
        if final.resolve() in read:
            raise OutputError(f"{out}: {final} is one of the sources and would be overwritten; give another name")


def _reason(error: BaseException) -> str:
    return str(getattr(error, "strerror", None) or first_line(error))


def _write_features(engine: Engine, staging: Staging) -> int:
    vectors = engine.vectors()
    suffix = staging.final.suffix.lower()
    schema = pa.schema(
        [pa.field("customer_id", pa.string(), nullable=False)]
        + ([pa.field("as_of", pa.date32(), nullable=False)] if engine.options.as_of else [])
        + [pa.field(name, pa.float64(), nullable=False) for name in features.names()]
    )
    if suffix == ".parquet":
        return _write_parquet(vectors, staging, schema)
    if suffix == ".arrow":
        return _write_all(vectors, schema, pa.ipc.new_file(pa.PythonFile(staging, "w"), schema))
    # The engine writes a double as the shortest text that reads back as it, with a decimal point: 2.0, 918.95.
    vectors.create_view("vectors")
    engine.connection.execute(
        f"COPY vectors TO {literal(str(staging.path))} (FORMAT csv, HEADER true, USE_TMP_FILE false)"
    )
    staging.adopt()
    return engine.outcome.customers


def _schema(relation: duckdb.DuckDBPyRelation) -> Any:
    return relation.limit(0).to_arrow_table().schema


def _write_parquet(relation: duckdb.DuckDBPyRelation, staging: Staging, schema: Any) -> int:
    # Ids are nearly all different, so a dictionary of them would only cost; pages carry checksums.
    repeated = [name for name in schema.names if name != "customer_id"]
    writer = pa.parquet.ParquetWriter(
        pa.PythonFile(staging, "w"), schema, compression="zstd", use_dictionary=repeated, write_page_checksum=True
    )
    return _write_all(relation, schema, writer)


def _write_all(relation: duckdb.DuckDBPyRelation, schema: Any, writer: Any) -> int:
    rows = 0
    with writer:
        for table in _groups(relation, schema):
            writer.write_table(table)
            rows += table.num_rows
    return rows


def _groups(relation: duckdb.DuckDBPyRelation, schema: Any) -> Iterator[Any]:
    """Tables of exactly ``ROWS_A_GROUP`` rows (the last may have fewer), whatever the engine's batches are."""
    waiting: list[Any] = []
    count = 0
    for batch in relation.to_arrow_reader(ROWS_A_GROUP):
        waiting.append(pa.RecordBatch.from_arrays(batch.columns, schema=schema))
        count += batch.num_rows
        while count >= ROWS_A_GROUP:
            table = pa.Table.from_batches(waiting)
            yield table.slice(0, ROWS_A_GROUP).combine_chunks()
            rest = table.slice(ROWS_A_GROUP)
            waiting, count = rest.to_batches(), rest.num_rows
    if count:
        yield pa.Table.from_batches(waiting).combine_chunks()


def _describe(engine: Engine, out: Path, rows: int, vectors: Staging, quarantine: Staging | None) -> dict[str, Any]:
    """The manifest: what came in, what became of it, and the digests of the files written."""
    outcome = engine.outcome
    sizes = {file.name: file.bytes for part in engine.parts for file in part.files}
    described: dict[str, Any] = {
        "definition": features.DEFINITION_VERSION,
        "options": engine.options.described(),
        "mapping": engine.mapping,
        "sources": [
            {"path": name, "bytes": sizes.get(name), "rows": count} for name, count in outcome.rows_by_source.items()
        ],
        "rows": {
            "in": outcome.rows_in,
            "used": outcome.used,
            "excluded": outcome.excluded,
            "quarantined": outcome.quarantined,
        },
        "faults": outcome.faults,
        "warnings": outcome.warnings,
        "customers": outcome.customers,
        "output": {"path": out.name, "rows": rows, "bytes": vectors.bytes, "sha256": vectors.sha256},
    }
    if engine.loyalty is not None:
        files = [{"path": file.name, "bytes": file.bytes} for file in engine.loyalty.files]
        described["loyalty"] = {"sources": files, **outcome.loyalty}
    if quarantine is not None:
        described["quarantine"] = {
            "path": quarantine.final.name,
            "rows": outcome.quarantined,
            "bytes": quarantine.bytes,
            "sha256": quarantine.sha256,
        }
    return described
