"""Vectors and quarantine written in a format, and the manifest that describes a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from customer_features.definition import features
from customer_features.engines.prefetch import ahead
from customer_features.engines.results import Results
from customer_features.errors import MissingExtra, OutputError, did_you_mean
from customer_features.query.columns import path_literal
from customer_features.system.temporary import Staging

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


@dataclass(frozen=True, slots=True)
class Published:
    """Where the results of a run are, as people are told, and what the manifest says."""

    features: str
    manifest: str
    quarantine: str | None
    described: dict[str, Any]


def check_suffix(out: Path | str, suffix: str) -> None:
    """Raise OutputError where a name does not say in which format the features are to be written."""
    if suffix.lower() not in SUFFIXES:
        hint = did_you_mean(suffix, SUFFIXES)
        raise OutputError(f"{out}: the suffix decides the format; allowed are {', '.join(SUFFIXES)}{hint}")


def manifest_text(described: dict[str, Any]) -> bytes:
    """A manifest as JSON for people to read."""
    return msgspec.json.format(msgspec.json.encode(described), indent=2) + b"\n"


def vectors_schema(engine: Results) -> Any:
    """The Arrow schema of the vectors: nothing in them is null."""
    return pa.schema(
        [pa.field("customer_id", pa.string(), nullable=False)]
        + ([pa.field("as_of", pa.date32(), nullable=False)] if engine.options.as_of else [])
        + [pa.field(name, pa.float64(), nullable=False) for name in features.names()]
    )


def sources_of(engine: Results) -> set[Path]:
    """The files that a run has read."""
    parts = [*engine.parts, engine.loyalty] if engine.loyalty is not None else engine.parts
    return {file.path.resolve() for part in parts for file in part.files}


def write_faulty_rows(engine: Results, staging: Staging) -> None:
    """Write the rows that were set aside in the format that the final name's suffix says."""
    relation = engine.faulty_rows()
    form = {".csv": "csv, HEADER true", ".ndjson": "json"}.get(staging.final.suffix.lower())
    if form is None:
        _write_parquet(relation, staging, relation.limit(0).to_arrow_table().schema)
    else:
        _copy(engine, relation, "faulty_rows", staging, form)


def write_features(engine: Results, staging: Staging) -> int:
    """Write the vectors in the format that the final name's suffix says; how many there are."""
    vectors = engine.vectors()
    suffix = staging.final.suffix.lower()
    schema = vectors_schema(engine)
    if suffix == ".parquet":
        return _write_parquet(vectors, staging, schema, engine.connection.interrupt)
    if suffix == ".arrow":
        writer = pa.ipc.new_file(pa.PythonFile(staging, "w"), schema)
        return _write_all(vectors, schema, writer, engine.connection.interrupt)
    # The engine writes a double as the shortest text that reads back as it, with a decimal point: 2.0, 918.95.
    _copy(engine, vectors, "vectors", staging, "csv, HEADER true")
    return engine.outcome.customers


def _copy(engine: Results, relation: duckdb.DuckDBPyRelation, view: str, staging: Staging, form: str) -> None:
    """Let the engine write a relation in a format of its own."""
    relation.create_view(view, replace=True)
    engine.connection.execute(f"COPY {view} TO {path_literal(staging.path)} (FORMAT {form}, USE_TMP_FILE false)")
    staging.adopt()


def _write_parquet(
    relation: duckdb.DuckDBPyRelation, staging: Staging, schema: Any, interrupt: Callable[[], None] | None = None
) -> int:
    # Ids and sums of money are nearly all different, so a dictionary of them would only cost; pages carry checksums.
    money = {feature.name for feature in features.FEATURES if feature.unit.startswith("currency")}
    repeated = [name for name in schema.names if name != "customer_id" and name not in money]
    writer = pa.parquet.ParquetWriter(
        pa.PythonFile(staging, "w"), schema, compression="zstd", use_dictionary=repeated, write_page_checksum=True
    )
    return _write_all(relation, schema, writer, interrupt)


def _write_all(
    relation: duckdb.DuckDBPyRelation, schema: Any, writer: Any, interrupt: Callable[[], None] | None
) -> int:
    rows = 0
    with writer:
        for table in ahead(groups(relation, schema), interrupt):
            writer.write_table(table)
            rows += table.num_rows
    return rows


def groups(relation: duckdb.DuckDBPyRelation, schema: Any) -> Iterator[Any]:
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


def describe(engine: Results, output: dict[str, Any], quarantine: dict[str, Any] | None) -> dict[str, Any]:
    """The manifest: what came in, what became of it, and what was written."""
    outcome = engine.outcome
    files = {file.name: file for part in engine.parts for file in part.files}
    sizes = {name: file.bytes for name, file in files.items()}
    described: dict[str, Any] = {
        "definition": features.DEFINITION_VERSION,
        "options": {**engine.options.described(), **engine.how},
        "mapping": engine.mapping,
        "sources": [
            {
                "path": name,
                "bytes": sizes.get(name),
                "rows": count,
                **({"table": files[name].version} if name in files and files[name].version else {}),
            }
            for name, count in outcome.rows_by_source.items()
        ],
        "rows": outcome.balance(),
        **({"days": dict(engine.days)} if engine.days else {}),
        "faults": outcome.faults,
        "warnings": outcome.warnings,
        "notes": outcome.notes,
        "customers": outcome.customers,
        "customers_incomplete": outcome.customers_incomplete,
        "output": output,
    }
    if engine.loyalty is not None:
        scores = [
            {"path": file.name, "bytes": file.bytes, **({"table": file.version} if file.version else {})}
            for file in engine.loyalty.files
        ]
        described["loyalty"] = {"sources": scores, "mapping": engine.scored_by, **outcome.loyalty}
    if quarantine is not None:
        described["quarantine"] = quarantine
    return described
