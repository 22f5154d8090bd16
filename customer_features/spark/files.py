"""What a Spark job reads and writes, in whatever file system the cluster has."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from customer_features.engines.spark.columns import first_line
from customer_features.errors import MissingExtra, OutputError, SourceError
from customer_features.sources.lakes import ICEBERG, MARKS, METADATA

try:
    from py4j.protocol import Py4JJavaError
    from pyspark.errors import PySparkException
    from pyspark.sql import SparkSession
except ImportError as error:  # pragma: no cover - exercised in an environment without the extra
    raise MissingExtra("building on Spark", "spark") from error

if TYPE_CHECKING:
    from customer_features.engines.spark.engine import Engine


class Format(StrEnum):
    """What the vectors are written as."""

    PARQUET = "parquet"
    DELTA = "delta"


_TEXT = {"header": "true", "mode": "FAILFAST"}
_BY_SUFFIX: dict[str, tuple[str, dict[str, str]]] = {
    "parquet": ("parquet", {}),
    "orc": ("orc", {}),
    "csv": ("csv", _TEXT),
    "tsv": ("csv", {**_TEXT, "sep": "\t"}),
    "json": ("json", {"mode": "FAILFAST"}),
    "ndjson": ("json", {"mode": "FAILFAST"}),
}
"""Columns of text files stay text. A line that breaks the syntax stops the job: Spark cannot set it aside as it was."""
_PACKED = ("gz", "zst", "bz2", "lz4", "snappy")


def session() -> Any:
    """The session that ``spark-submit`` prepared, or one of this machine alone."""
    return SparkSession.builder.appName("customer-features").getOrCreate()


def read(session: Any, sources: Sequence[str], kind: str | None) -> Any:
    """The rows of all sources, whose columns must be the same. Raises SourceError."""
    frames: list[Any] = []
    for source in sources:
        try:
            frame = _read(session, source, kind)
        except PySparkException as error:
            raise SourceError(f"{source}: {first_line(error)}") from None
        if frames and (found := _types(frame)) != (wanted := _types(frames[0])):
            differing = sorted(f"{name} {kind}" for name, kind in found.items() ^ wanted.items())
            raise SourceError(f"{source}: its columns are not those of {sources[0]}: {', '.join(differing)}")
        frames.append(frame)
    rows = frames[0]
    for frame in frames[1:]:
        rows = rows.unionByName(frame)
    return rows


def _read(session: Any, source: str, kind: str | None) -> Any:
    if kind == "table":
        return session.table(source)
    words = source.rstrip("/").lower().split(".")
    suffix = words[-2] if len(words) > 2 and words[-1] in _PACKED else words[-1]
    chosen, options = _BY_SUFFIX.get(suffix if kind is None else kind, (kind or "parquet", {}))
    if chosen in ("parquet", "orc"):
        _refuse_tables(session, source)
    return session.read.format(chosen).options(**options).load(source)


def _refuse_tables(session: Any, source: str) -> None:
    """Raise SourceError where the files of a table of a lake would be read by themselves."""
    files, (folder, *_) = _Files(session), re.split(r"/[^/]*[*?\[{]", source.rstrip("/"), maxsplit=1)
    while folder:
        if (kind := files.table_at(folder)) is not None:
            raise SourceError(
                f"{source}: holds files of the {kind} table {folder}, in which rows still stand that were deleted or"
                f" overwritten; read the table itself, with --read {kind.lower()}"
            )
        folder = folder.rpartition("/")[0].rstrip("/")
        folder = "" if folder.endswith(":") else folder


def _types(frame: Any) -> dict[str, str]:
    return {field.name: field.dataType.simpleString() for field in frame.schema.fields}


class _Files:
    """The file systems of a session, by Hadoop's own names for things."""

    def __init__(self, session: Any) -> None:
        self._path = session._jvm.org.apache.hadoop.fs.Path
        self._configured = session.sparkContext._jsc.hadoopConfiguration()
        self._mark = uuid4().hex[:12]

    def _at(self, name: str) -> tuple[Any, Any]:
        path = self._path(name)
        return path.getFileSystem(self._configured), path

    def table_at(self, name: str) -> str | None:
        """The kind of table of a lake that a folder is, None where it is none."""
        for mark, kind in MARKS.items():
            system, path = self._at(f"{name}/{mark.rstrip('/')}")
            if not system.exists(path) or not system.getFileStatus(path).isDirectory():
                continue
            names = (str(status.getPath().getName()) for status in system.listStatus(path))
            if kind != ICEBERG or any(name.endswith(METADATA) for name in names):
                return kind
        return None

    def beside(self, name: str) -> str:
        """A name for what is not finished yet."""
        return f"{name.rstrip('/')}.part-{self._mark}"

    def delete(self, name: str) -> None:
        system, path = self._at(name)
        system.delete(path, True)

    def rename(self, name: str, final: str) -> None:
        """Put what is finished under its final name, in the place of what was there. Raises OutputError."""
        system, path = self._at(name)
        target, old = self._path(final), self._path(self.beside(final) + "-old")
        was = system.exists(target)
        if was and not system.rename(target, old):
            raise OutputError(f"{final}: what stands there could not be moved away")
        if not system.rename(path, target):
            if was:
                system.rename(old, target)
            raise OutputError(f"{name}: could not be renamed to {final}")
        if was:
            system.delete(old, True)

    def write(self, name: str, text: str) -> None:
        """A small file, from the driver."""
        system, path = self._at(name)
        stream = system.create(path, True)
        try:
            stream.write(bytearray(text.encode()))
        finally:
            stream.close()

    def listed(self, name: str) -> list[dict[str, Any]]:
        """The data files of a folder, in the order of their names, which is that of their rows."""
        system, path = self._at(name)
        found = [(status.getPath().getName(), int(status.getLen())) for status in system.listStatus(path)]
        return [{"path": one, "bytes": size} for one, size in sorted(found) if not one.startswith(("_", "."))]


def publish(engine: Engine, sources: Sequence[str], out: str, kind: Format, quarantine: str, *, version: str) -> str:
    """Write vectors, quarantine and manifest; the manifest's name. Raises OutputError, and leaves nothing then.

    All is written under other names first, but a Delta table, whose own log replaces its rows. The manifest of an
    older run goes before anything takes its name, and the new manifest comes last: while it stands, it speaks of what
    stands beside it.
    """
    out = out.rstrip("/")
    files, outcome, manifest = _Files(engine.session), engine.outcome, f"{out}.manifest.json"
    whole, aside = (out if kind is Format.DELTA else files.beside(out)), files.beside(quarantine)
    try:
        faulty = engine.faulty_rows() if outcome.quarantined else None
        if faulty is not None:
            faulty.write.parquet(aside)
        if whole == out:
            files.delete(manifest)
        _write(engine.vectors(), whole, kind)
        rows = engine.session.read.format(kind.value).load(whole).count()
        if not engine.options.as_of and rows != outcome.customers:
            raise RuntimeError(f"{rows} vectors were written of {outcome.customers} customers")
        described = _described(engine, sources, version)
        described["output"] = {"path": out, "format": kind.value, "rows": rows}
        if kind is Format.PARQUET:
            described["output"]["files"] = files.listed(whole)
        if faulty is not None:
            described["quarantine"] = {"path": quarantine, "rows": outcome.quarantined, "files": files.listed(aside)}
        files.delete(manifest)
        if faulty is not None:
            files.rename(aside, quarantine)
        else:
            files.delete(quarantine)
        if whole != out:
            files.rename(whole, out)
        files.write(aside, json.dumps(described, indent=2, ensure_ascii=False) + "\n")
        files.rename(aside, manifest)
    except BaseException:
        for name in {whole, aside} - {out}:
            files.delete(name)
        raise
    return manifest


def _write(vectors: Any, target: str, kind: Format) -> None:
    writer = vectors.write.format(kind.value).mode("overwrite")
    try:
        (writer.option("overwriteSchema", "true") if kind is Format.DELTA else writer).save(target)
    except (PySparkException, Py4JJavaError) as error:
        said = first_line(error)
        if "DATA_SOURCE_NOT_FOUND" in said:
            said = f"this Spark does not know {kind.value}: give spark-submit its package with --packages ({said})"
        raise OutputError(f"{target}: {said}") from None


def _described(engine: Engine, sources: Sequence[str], version: str) -> dict[str, Any]:
    outcome = engine.outcome
    return {
        "definition": version,
        "options": engine.options.described(),
        "mapping": engine.mapping,
        "sources": [{"path": source} for source in sources],
        "rows": outcome.balance(),
        "faults": outcome.faults,
        "warnings": outcome.warnings,
        "notes": outcome.notes,
        "customers": outcome.customers,
        "customers_incomplete": outcome.customers_incomplete,
    }
