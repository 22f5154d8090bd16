"""A Delta table that is replaced: no manifest vouches for rows that are not its own, wherever a run is killed."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from customer_features.definition.options import Options
from customer_features.engines.outcome import Outcome
from customer_features.spark import files


class Killed(BaseException):
    """What ends a run at once."""


class Files:
    """The files of a session, on this machine; killed before the step of that name."""

    def __init__(self, killed: str) -> None:
        self._killed = killed

    def beside(self, name: str) -> str:
        return f"{name}.part"

    def delete(self, name: str) -> None:
        Path(name).unlink(missing_ok=True)

    def rename(self, name: str, final: str) -> None:
        self._step("manifest renamed")
        Path(name).replace(final)

    def write(self, name: str, text: str) -> None:
        self._step("manifest written")
        Path(name).write_text(text)

    def _step(self, name: str) -> None:
        if name == self._killed:
            raise Killed


def replaced(out: Path, monkeypatch: pytest.MonkeyPatch, killed: str) -> None:
    """Publish over what stands there, killed at a step."""

    def write(vectors: Any, target: str, kind: files.Format) -> None:
        if killed == "data":
            raise Killed
        Path(target).write_text("new")
        if killed == "data written":
            raise Killed

    def load(target: str) -> Any:
        if killed == "counted":
            raise Killed
        return SimpleNamespace(count=lambda: 1)

    reader = SimpleNamespace(format=lambda kind: SimpleNamespace(load=load))
    engine: Any = SimpleNamespace(
        session=SimpleNamespace(read=reader),
        outcome=Outcome(rows_in=1, used=1, customers=1),
        options=Options.parse(today="2025-04-24"),
        mapping={},
        vectors=lambda: None,
    )
    monkeypatch.setattr(files, "_Files", lambda session: Files(killed))
    monkeypatch.setattr(files, "_write", write)
    kind = files.Format.DELTA
    files.publish(engine, ["rows"], str(out), kind, f"{out}.quarantine.parquet", version="1")


@pytest.mark.parametrize("killed", ["data", "data written", "counted", "manifest written", "manifest renamed"])
def test_s6_killed_in_between_no_manifest_vouches_for_other_rows(
    killed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, manifest = tmp_path / "features", tmp_path / "features.manifest.json"
    out.write_text("old")
    manifest.write_text("of the old")
    with pytest.raises(Killed):
        replaced(out, monkeypatch, killed)
    assert out.read_text() == ("old" if killed == "data" else "new")
    assert not manifest.exists()


def test_s6_a_run_to_its_end_leaves_its_own_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out, manifest = tmp_path / "features", tmp_path / "features.manifest.json"
    out.write_text("old")
    manifest.write_text("of the old")
    replaced(out, monkeypatch, "never")
    assert out.read_text() == "new"
    assert '"format": "delta"' in manifest.read_text()
