"""Whether published files are still what their manifest says."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import msgspec

from customer_features.errors import MissingExtra, SourceError

try:
    import pyarrow as pa
    import pyarrow.parquet
except ImportError as error:  # pragma: no cover - exercised in an environment without the extra
    raise MissingExtra("verifying files", "bulk") from error


def manifest_of(out: Path) -> Path:
    """The manifest's name beside a features file."""
    return out.with_name(f"{out.name}.manifest.json")


def quarantine_of(out: Path) -> Path:
    """The quarantine's name beside a features file: CSV beside CSV, and Parquet beside anything else."""
    return out.with_name(f"{out.name}.quarantine{'.csv' if out.suffix.lower() == '.csv' else '.parquet'}")


def verify(out: str | Path) -> dict[str, Any]:
    """Check a features file, and its quarantine if it has one, against the manifest beside it; return the manifest.

    Sizes, SHA-256 and, in Parquet, the checksum of every page and the number of rows must agree. Raises
    SourceError with what does not: a file was changed or damaged, or a run was cut short before its manifest.
    """
    out = Path(out)
    described = _described(out)
    _verify_file(out, described["output"])
    aside = quarantine_of(out)
    if "quarantine" in described:
        beside = quarantine_of(Path(described["output"]["path"])).name
        listed = str(described["quarantine"].get("path", beside))
        _verify_file(aside if listed == beside else out.parent / listed, described["quarantine"])
    elif aside.exists():
        raise SourceError(f"{aside}: is not of the run that {manifest_of(out).name} describes; build it again")
    return described


def vouched(out: Path) -> dict[str, Any] | None:
    """The manifest beside a features file, which is checked against it as in :func:`verify`; None where there is none.

    The quarantine may be elsewhere by now. Raises SourceError where the file is not what the manifest says.
    """
    if not manifest_of(out).exists():
        return None
    described = _described(out)
    _verify_file(out, described["output"])
    return described


def vouched_copy(copy: Path, manifest: Path, name: str) -> dict[str, Any]:
    """The manifest that was fetched with a copy of a features file, checked against the copy."""
    described = _described(Path(name), manifest)
    _verify_file(copy, described["output"], name)
    return described


def _described(out: Path, manifest: Path | None = None) -> dict[str, Any]:
    manifest = manifest or manifest_of(out)
    try:
        described = msgspec.json.decode(manifest.read_bytes(), type=dict[str, Any])
        for entry in (described["output"], described.get("quarantine", described["output"])):
            entry["bytes"], entry["sha256"], entry["rows"]
    except FileNotFoundError:
        raise SourceError(
            f"{out}: has no manifest {manifest.name} beside it: no run that ended well vouches for it; build it again"
        ) from None
    except OSError as error:
        raise SourceError(f"{manifest}: cannot be read: {error.strerror}") from None
    except (msgspec.DecodeError, KeyError, TypeError):
        raise SourceError(f"{manifest}: is not a manifest of customer-features; build it again") from None
    return described


def _verify_file(path: Path, entry: dict[str, Any], name: str | None = None) -> None:
    said = name or path
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            found = file.tell()
        rows = _rows(path) if path.suffix.lower() == ".parquet" else entry["rows"]
    except OSError as error:  # a page whose checksum does not agree as well
        raise SourceError(f"{said}: cannot be read: {str(error.strerror or error).strip().splitlines()[0]}") from None
    except pa.ArrowException as error:
        raise SourceError(f"{said}: is damaged: {str(error).strip().splitlines()[0]}; build it again") from None
    for what, is_now, was in (("bytes", found, entry["bytes"]), ("rows", rows, entry["rows"])):
        if is_now != was:
            raise SourceError(f"{said}: holds {is_now} {what}, its manifest says {was}; build it again")
    if digest != entry["sha256"]:
        raise SourceError(f"{said}: is not the file its manifest vouches for (SHA-256 differs); build it again")


def _rows(path: Path) -> int:
    """The rows of a Parquet file, every page of which was read and its checksum compared."""
    with path.open("rb") as opened, pa.parquet.ParquetFile(opened, page_checksum_verification=True) as file:
        return sum(batch.num_rows for batch in file.iter_batches())
