"""Copying in pieces: what is resumed, what is begun again, and when it is given up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from customer_features import SourceError
from customer_features.sources import download
from customer_features.sources.download import Dropped, copied


class Scripted:
    """An object of ten bytes whose pieces go as a script says: so many bytes each, or a failure."""

    def __init__(self, *script: int | Dropped, total: int | None = 10) -> None:
        self.total = total
        self.script = list(script)
        self.asked: list[int] = []

    def piece(self, start: int, stop: int) -> Iterator[bytes]:
        self.asked.append(start)
        step = self.script.pop(0)
        if isinstance(step, Dropped):
            yield b"x"
            raise step
        yield b"0123456789"[start : start + step]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "PAUSES", (0, 0))


def test_pieces_of_any_length(tmp_path: Path) -> None:
    remote = Scripted(1, 4, 5)
    file = copied(remote, tmp_path / "x", "name", "origin")
    assert file.path.read_bytes() == b"0123456789"
    assert (file.name, file.origin, file.bytes) == ("name", "origin", 10)
    assert remote.asked == [0, 1, 5]
    assert "origin" not in repr(file)


def test_resumed_or_begun_again(tmp_path: Path) -> None:
    remote = Scripted(3, Dropped("gone"), 5, Dropped("gone", restart=True), 10)
    copied(remote, tmp_path / "x", "name", "")
    assert remote.asked == [0, 3, 4, 9, 0]
    assert (tmp_path / "x").read_bytes() == b"0123456789"


def test_a_piece_that_arrives_is_a_new_beginning_for_patience(tmp_path: Path) -> None:
    lost = Dropped("gone", restart=True)
    copied(Scripted(lost, lost, 1, lost, lost, 10), tmp_path / "x", "name", "")


def test_given_up(tmp_path: Path) -> None:
    lost = Dropped("gone")
    with pytest.raises(SourceError, match=r"^name: broke off after 6 of 10 bytes: gone \(tried 3 times\); run again$"):
        copied(Scripted(3, lost, lost, lost), tmp_path / "x", "name", "")
    with pytest.raises(SourceError, match="the answer was empty"):
        copied(Scripted(3, 0, 0, 0), tmp_path / "y", "name", "")


def test_more_than_was_announced(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="10 bytes came where 5 were announced"):
        copied(Scripted(10, total=5), tmp_path / "x", "name", "")


def test_a_place_that_takes_no_files(tmp_path: Path) -> None:
    with pytest.raises(
        SourceError,
        match=r"^name: cannot be kept in .*: No such file or directory; name another disk with --spill-dir$",
    ):
        copied(Scripted(10), tmp_path / "nowhere" / "x", "name", "")
