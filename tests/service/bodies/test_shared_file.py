"""The file between a worker and the process that computes: in memory or on the disk, found again, given up."""

from __future__ import annotations

import asyncio
import errno
import mmap
import os
import random
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from customer_features.service.bodies import large_json, shared_file
from customer_features.service.bodies.computing import Computing
from customer_features.service.bodies.shared_file import Handed
from customer_features.service.bodies.spool import FOLDER, Spool
from customer_features.service.problems import Refused
from customer_features.service.replies import Headers

BODY = random.Random(1).randbytes(700_000)


def spools(folder: Path) -> list[Spool | None]:
    """What a file may lie in on this system: memory, if there are such files, and the disk."""
    return [None, Spool(folder)] if shared_file.in_memory() else [Spool(folder)]


@pytest.mark.skipif(sys.platform != "linux", reason="there are no files in memory elsewhere")
def test_large_bodies_never_touch_a_disk_here() -> None:
    assert shared_file.in_memory()


def test_both_sides_see_the_same_bytes(tmp_path: Path) -> None:
    for spool in spools(tmp_path):
        file = Handed(spool)
        file.write(BODY[:1000])
        file.write(memoryview(BODY)[1000:])
        assert file.read(0, 10**6) == BODY
        assert file.read(699_990, 100) == BODY[699_990:]
        with shared_file.opened(file.place) as descriptor, mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ) as mapped:
            assert mapped[:] == BODY
        file.close()
        with pytest.raises(FileNotFoundError), shared_file.opened(file.place):
            pass
    assert list((tmp_path / FOLDER).iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="there are no files in memory elsewhere")
def test_another_file_under_the_same_number_is_not_taken_for_it() -> None:
    other, one = Handed(None), Handed(None)
    other.write(b"another request's")
    number = int(one.place.path.rpartition("/")[2])
    one.close()
    os.dup2(int(other.place.path.rpartition("/")[2]), number)
    try:
        with pytest.raises(FileNotFoundError), shared_file.opened(one.place):
            pass
        with shared_file.opened(other.place):
            pass
    finally:
        os.close(number)
        other.close()


@pytest.mark.parametrize("system", [OSError(errno.ENOSYS, "no such call"), AttributeError("memfd_create")])
def test_a_system_without_files_in_memory(system: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> int:
        raise system

    monkeypatch.setattr(shared_file, "_in_memory", refuse)
    assert not shared_file.in_memory.__wrapped__()


def test_no_room_answers_503_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    really = os.open

    def full(*arguments: object) -> int:
        raise OSError(errno.ENOSPC, "no space left on device")

    def opens(path: str, *arguments: int, **more: int) -> int:
        return full() if str(path).endswith("/body") else really(path, *arguments, **more)

    for spool in spools(tmp_path):
        file = Handed(spool)
        with monkeypatch.context() as patched:
            patched.setattr(os, "write", full)
            with pytest.raises(Refused) as refused:
                file.write(BODY)
        assert (refused.value.name, refused.value.close) == ("overloaded", True)
        file.close()
        with monkeypatch.context() as patched:
            patched.setattr(shared_file, "_in_memory", full)
            patched.setattr(os, "open", opens)
            with pytest.raises(Refused, match="overloaded"):
                Handed(spool)
    assert list((tmp_path / FOLDER).iterdir()) == []


def backwards(body: memoryview) -> tuple[bytes, Headers, int]:
    return bytes(body)[::-1] * 2, ((b"x", b"y"),), 3


def refuse(body: memoryview) -> tuple[bytes, Headers, int]:
    raise Refused("faulty-request", "No.", errors={str(n): ["x" * 1000] for n in range(1000)})


Work = Callable[[memoryview], tuple[bytes, Headers, int]]


@pytest.fixture
def asked(tmp_path: Path) -> Callable[[Work], list[tuple[bytes, Headers, int]]]:
    """What comes of some work on the body, in every kind of file."""

    async def of_all(work: Work) -> list[tuple[bytes, Headers, int]]:
        computing, found = Computing(), []
        for spool in spools(tmp_path):
            file = Handed(spool)
            try:
                file.write(BODY)
                reply, customers = await large_json.answered(computing, work, file, tenant="t")
                sent = bytearray()

                async def send(message: object, sent: bytearray = sent) -> None:
                    assert isinstance(message, dict)
                    assert len(message.get("body", b"")) <= 256 * 1024
                    sent += message.get("body", b"")

                await reply.send(send)
                found.append((bytes(sent), reply.headers, customers))
            finally:
                file.close()
        computing.close()
        return found

    return lambda work: asyncio.run(of_all(work))


def test_the_answer_takes_the_place_of_the_body(asked: Callable[[Work], list[tuple[bytes, Headers, int]]]) -> None:
    for answer in asked(backwards):
        assert answer == (BODY[::-1] * 2, ((b"x", b"y"),), 3)


def test_a_large_refusal_comes_back_whole(asked: Callable[[Work], list[tuple[bytes, Headers, int]]]) -> None:
    with pytest.raises(Refused) as refused:
        asked(refuse)
    assert len(refused.value.more["errors"]) == 1000
