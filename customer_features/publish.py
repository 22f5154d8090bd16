"""Publishing a bulk run: features, quarantine and manifest, all or nothing.

Everything is written under temporary names in the target's own folder, flushed to the disk, and only
then renamed into place; the manifest comes last and vouches, by SHA-256, for the other two. Until
then whatever stood under the final names stays there.
"""

from __future__ import annotations

import hashlib
import io
import os
import secrets
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
from customer_features.sources import first_line

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
    manifest, aside = _manifest(out), _aside(out)
    with ExitStack() as leftovers:
        try:
            vectors = _Staging(out, leftovers)
            rows = _write_features(engine, vectors)
            quarantine = engine.quarantine()
            staged_quarantine = _Staging(aside, leftovers) if quarantine is not None else None
            if quarantine is not None and staged_quarantine is not None:
                _write_parquet(quarantine, staged_quarantine, _schema(quarantine))
            described = _describe(engine, out, rows, vectors, staged_quarantine)
            text = _Staging(manifest, leftovers)
            text.write(msgspec.json.format(msgspec.json.encode(described), indent=2) + b"\n")
            for staged in (staged_quarantine, vectors):
                if staged is not None:
                    staged.rename()
            if staged_quarantine is None:
                aside.unlink(missing_ok=True)  # of an earlier run: this one set nothing aside
            text.rename()
        except (OSError, pa.ArrowException, duckdb.Error) as error:
            raise OutputError(f"{out}: cannot be written: {_reason(error)}; nothing was published") from None
    return Published(out, manifest, aside if quarantine is not None else None, described)


def _keep_sources(engine: Engine, out: Path) -> None:
    """Raise OutputError where a file of the run would take the place of one that was read."""
    parts = [*engine.parts, engine.loyalty] if engine.loyalty is not None else engine.parts
    read = {file.path.resolve() for part in parts for file in part.files}
    for final in (out, _manifest(out), _aside(out)):
        if final.resolve() in read:
            raise OutputError(f"{out}: {final} is one of the sources and would be overwritten; give another name")


def _manifest(out: Path) -> Path:
    return out.with_name(f"{out.name}.manifest.json")


def _aside(out: Path) -> Path:
    return out.with_name(f"{out.name}.quarantine.parquet")


def _reason(error: BaseException) -> str:
    return str(getattr(error, "strerror", None) or first_line(error))


class _Staging(io.RawIOBase):
    """A file under a temporary name that counts and hashes what is written, and can be renamed once."""

    def __init__(self, final: Path, leftovers: ExitStack) -> None:
        self.final = final
        self.path = final.with_name(f".{final.name}.{os.getpid()}-{secrets.token_hex(4)}.part")
        self.bytes = 0
        self._digest = hashlib.sha256()
        self._file = self.path.open("xb", buffering=0)
        leftovers.callback(self._discard)

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        written = 0
        while written < len(view):
            written += self._file.write(view[written:])
        self._digest.update(view)
        self.bytes += len(view)
        return len(view)

    def adopt(self) -> None:
        """Take over what another writer put under the temporary name."""
        self._file.close()
        self._file = self.path.open("r+b", buffering=0)
        self._digest = hashlib.file_digest(self._file, "sha256")
        self.bytes = self._file.tell()

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def rename(self) -> None:
        """Make it the final file: bytes to the disk first, then the name, then the folder."""
        os.fsync(self._file.fileno())
        self._file.close()
        self.path.replace(self.final)
        folder = os.open(self.final.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _discard(self) -> None:
        self._file.close()
        self.path.unlink(missing_ok=True)


def _write_features(engine: Engine, staging: _Staging) -> int:
    vectors = engine.vectors()
    suffix = staging.final.suffix.lower()
    schema = pa.schema(
        [pa.field("customer_id", pa.string(), nullable=False)]
        + [pa.field(name, pa.float64(), nullable=False) for name in features.names()]
    )
    if suffix == ".parquet":
        return _write_parquet(vectors, staging, schema)
    if suffix == ".arrow":
        return _write_all(vectors, schema, pa.ipc.new_file(pa.PythonFile(staging, "w"), schema))
    # The engine writes a double as the shortest text that reads back as it, with a decimal point: 2.0, 918.95.
    vectors.create_view("vectors")
    engine.connection.execute(f"COPY vectors TO {literal(str(staging.path))} (FORMAT csv, HEADER true)")
    staging.adopt()
    return engine.outcome.customers


def _schema(relation: duckdb.DuckDBPyRelation) -> Any:
    return relation.limit(0).to_arrow_table().schema


def _write_parquet(relation: duckdb.DuckDBPyRelation, staging: _Staging, schema: Any) -> int:
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


def _describe(engine: Engine, out: Path, rows: int, vectors: _Staging, quarantine: _Staging | None) -> dict[str, Any]:
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
    if quarantine is not None:
        described["quarantine"] = {
            "path": quarantine.final.name,
            "rows": outcome.quarantined,
            "bytes": quarantine.bytes,
            "sha256": quarantine.sha256,
        }
    return described
