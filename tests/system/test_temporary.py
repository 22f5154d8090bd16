"""Staging: temporary names of the living are left alone, those of the dead are swept, all names change or none."""

from __future__ import annotations

import errno
import fcntl
import os
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from customer_features.errors import OutputError
from customer_features.system import temporary
from customer_features.system.temporary import Staging, put_in_place, scratch, sweep


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def leftover(folder: Path, name: str, pid: int = 99999) -> Path:
    path = folder / f".{name}.{pid}-0123abcd.part"
    path.write_bytes(b"half of it")
    return path


def test_what_the_dead_left_is_swept_even_where_their_number_lives_again(tmp_path: Path) -> None:
    for pid in (99999, os.getpid(), 1):
        leftover(tmp_path, "f.csv", pid)
    leftover(tmp_path, "f.csv.manifest.json")
    sweep([tmp_path / "f.csv", tmp_path / "f.csv.manifest.json"])
    assert names(tmp_path) == []


def test_what_a_living_writer_holds_stays_whatever_its_number(tmp_path: Path) -> None:
    held = leftover(tmp_path, "f.csv")
    with held.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        sweep([tmp_path / "f.csv"])
        assert held.exists()
    with ExitStack() as leftovers:
        staged = Staging(tmp_path / "f.csv", leftovers)
        sweep([tmp_path / "f.csv"])
        assert names(tmp_path) == [staged.path.name]
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    "name",
    [
        ".g.csv.1-0123abcd.part",
        ".fxcsv.1-0123abcd.part",
        "f.csv.1-0123abcd.part",
        ".f.csv.1-0123.part",
        ".f.csv.x-0123abcd.part",
        ".f.csv.part",
        ".f.csv.1-0123abcd.partly",
    ],
)
def test_other_names_are_not_ours_to_sweep(name: str, tmp_path: Path) -> None:
    (tmp_path / name).touch()
    sweep([tmp_path / "f.csv"])
    assert names(tmp_path) == [name]


def test_a_link_under_a_temporary_name_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").write_bytes(b"kept")
    link = tmp_path / ".f.csv.1-0123abcd.part"
    link.symlink_to(tmp_path / "precious")
    sweep([tmp_path / "f.csv"])
    assert names(tmp_path) == [link.name, "precious"]


def stage(folder: Path, leftovers: ExitStack) -> tuple[list[Staging], list[Path], Staging]:
    """New files a and voucher, where b goes."""
    staged = [Staging(folder / name, leftovers) for name in ("a", "voucher")]
    for file in staged:
        file.write(b"new")
    return staged[:1], [folder / "b"], staged[1]


@pytest.mark.parametrize("links", [True, False])
@pytest.mark.parametrize("earlier", [("a", "b", "voucher"), ("a",), ("voucher",), ()])
@pytest.mark.parametrize("fails", ["a", "voucher", None])
def test_all_names_change_or_none(
    fails: str | None, earlier: tuple[str, ...], links: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in earlier:
        (tmp_path / name).write_bytes(b"old")
    rename = Staging.rename

    def failing(self: Staging) -> None:
        rename(self)
        if self.final.name == fails:
            raise KeyboardInterrupt

    def no_links(self: Path, target: Path) -> None:
        target.stat()
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(Staging, "rename", failing)
    if not links:
        monkeypatch.setattr(Path, "hardlink_to", no_links)
    with ExitStack() as leftovers:
        if fails:
            with pytest.raises(KeyboardInterrupt):
                put_in_place(*stage(tmp_path, leftovers))
        else:
            put_in_place(*stage(tmp_path, leftovers))
    found = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert found == (dict.fromkeys(earlier, b"old") if fails else {"a": b"new", "voucher": b"new"})


def test_earlier_files_that_cannot_be_put_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "voucher"):
        (tmp_path / name).write_bytes(b"old")

    def broken(self: Path, target: Path) -> Path:
        raise OSError(errno.EIO, "Input/output error")

    with ExitStack() as leftovers:
        staged = stage(tmp_path, leftovers)
        monkeypatch.setattr(Path, "replace", broken)
        with pytest.raises(
            OutputError, match=r"nor could the earlier files .*: Input/output error; no voucher vouches"
        ):
            put_in_place(*staged)
    assert names(tmp_path) == ["a"]


def test_a_file_system_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is swept, as nobody can tell who lives; everything else works."""

    def none(handle: int, how: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(temporary.fcntl, "flock", none)
    left = leftover(tmp_path, "a")
    with ExitStack() as leftovers:
        sweep([tmp_path / "a"])
        put_in_place(*stage(tmp_path, leftovers))
    assert names(tmp_path) == [left.name, "a", "voucher"]


def test_another_file_under_the_temporary_name_is_noticed(tmp_path: Path) -> None:
    with ExitStack() as leftovers:
        staged = Staging(tmp_path / "a", leftovers)
        staged.path.write_bytes(b"the same file")
        staged.adopt()
        assert staged.bytes == 13
        staged.path.unlink()
        staged.path.write_bytes(b"another file")
        with pytest.raises(OSError, match="another file"):
            staged.adopt()


def test_scratch_folders_of_the_dead_are_swept_and_those_of_the_living_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(temporary.tempfile, "gettempdir", lambda: str(tmp_path))
    dead = tmp_path / f"customer-features.{os.getpid()}-0123abcd.part"
    dead.mkdir()
    (dead / "spilled").write_bytes(b"much")
    (tmp_path / "customer-features.of.mine").mkdir()
    with scratch() as living:
        assert not dead.exists()
        (living / "spilled").write_bytes(b"more")
        with scratch() as other:
            assert living != other
            assert (living / "spilled").exists()
        assert names(tmp_path) == [living.name, "customer-features.of.mine"]
        assert living.stat().st_mode & 0o777 == 0o700
    assert names(tmp_path) == ["customer-features.of.mine"]


def test_a_scratch_folder_swept_before_it_was_locked_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(temporary.tempfile, "gettempdir", lambda: str(tmp_path))
    opened, lock = os.open, temporary._lock
    early: list[Path] = []

    def swept_first(path: Path, how: int, **more: Any) -> int:
        if not early:
            early.append(Path(path))
            Path(path).rmdir()
        return opened(path, how, **more)

    def swept_then(handle: int) -> None:
        if len(early) == 1:
            early.append(next(tmp_path.iterdir()))
            early[1].rmdir()
        lock(handle)

    monkeypatch.setattr(temporary.os, "open", swept_first)
    monkeypatch.setattr(temporary, "_lock", swept_then)
    with scratch() as folder:
        assert folder.is_dir()
        assert folder not in early
        assert len(early) == 2
