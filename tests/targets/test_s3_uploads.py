"""Multipart uploads by themselves: their parts, what is swept, and signals that are put off."""

from __future__ import annotations

import hashlib
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest

from customer_features import OutputError
from customer_features.connections import s3
from customer_features.targets import s3_uploads
from customer_features.targets.s3_uploads import Upload, sweep, undisturbed
from tests.store import Bucket, Cut


def begun(bucket: Bucket, key: str, leftovers: ExitStack, body: bytes = b"") -> Upload:
    address = s3.Address(bucket.name, key)
    return Upload(bucket.store.client, address, hashlib.sha256(body).hexdigest(), leftovers)


@pytest.mark.parametrize(("size", "parts"), [(0, 1), (1, 1), (10, 1), (11, 2), (30, 3), (31, 3), (100, 3)])
def test_no_more_parts_than_a_store_takes(
    size: int, parts: int, bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("moto.s3.models.S3_UPLOAD_PART_MIN_SIZE", 0)
    monkeypatch.setattr(s3_uploads, "PART", 10)
    monkeypatch.setattr(s3_uploads, "PARTS", 3)
    body = os.urandom(size)
    (tmp_path / "x").write_bytes(body)
    with ExitStack() as leftovers:
        upload = begun(bucket, "f.csv", leftovers, body)
        upload.send(tmp_path / "x")
        assert bucket.all() == {}
        upload.complete()
    assert bucket.get("f.csv") == body
    assert bucket.head("f.csv")["ETag"].endswith(f'-{parts}"')
    assert upload.stands()
    bucket.put("f.csv", b"another")
    assert not upload.stands()
    upload.delete()  # another's object is left
    assert bucket.all() == {"f.csv": b"another"}


def test_what_is_not_completed_is_aborted(bucket: Bucket) -> None:
    with ExitStack() as leftovers:
        begun(bucket, "f.csv", leftovers)
        assert bucket.uploads() == ["f.csv"]
    assert bucket.uploads() == []
    assert bucket.all() == {}


def test_the_old_uploads_to_these_keys_alone_are_swept(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = ["f.csv", "f.csv.manifest.json", "f.csv.other.csv", "g.csv"]
    addresses = [s3.Address(bucket.name, key) for key in keys[:2]]
    with ExitStack() as leftovers:
        for key in keys:
            begun(bucket, key, leftovers)
        monkeypatch.setattr(s3_uploads, "ABANDONED", timedelta(days=100 * 365))
        sweep(bucket.store.client, addresses)
        assert bucket.uploads() == keys
        monkeypatch.setattr(s3_uploads, "ABANDONED", timedelta(days=1))
        sweep(bucket.store.client, addresses)
        assert bucket.uploads() == keys[2:]
        bucket.store.hand = lambda asked: Cut()
        sweep(bucket.store.client, addresses)  # a store that does not list them does not stop a run


def test_an_answer_that_names_no_upload(bucket: Bucket) -> None:
    bucket.store.hand = lambda asked: Cut(after=5)
    with ExitStack() as leftovers, pytest.raises((OutputError, *s3.ERRORS)):
        begun(bucket, "f.csv", leftovers)


class Stopped(BaseException):
    pass


@pytest.fixture
def heard() -> Iterator[list[int]]:
    """The signals that came through, each of which also stops what is going on."""
    came: list[int] = []

    def stop(number: int, frame: object) -> None:
        came.append(number)
        raise Stopped

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    yield came
    for number, handler in before.items():
        signal.signal(number, handler)


def signalled(*numbers: signal.Signals, then: Exception | None = None) -> int:
    """Send signals where they are put off; how many were sent in there."""
    sent = 0
    with undisturbed():
        for number in numbers:
            signal.raise_signal(number)
            sent += 1
        if then is not None:
            raise then
        assert sent == 1
    return sent


def test_a_signal_is_put_off_to_the_end(heard: list[int]) -> None:
    with pytest.raises(Stopped):
        signalled(signal.SIGTERM)
    assert heard == [signal.SIGTERM]
    with pytest.raises(Stopped):  # and as ever afterwards
        signal.raise_signal(signal.SIGINT)


def test_a_second_signal_is_heard_at_once(heard: list[int]) -> None:
    with pytest.raises(Stopped):
        signalled(signal.SIGTERM, signal.SIGINT, then=AssertionError("not reached"))
    assert heard == [signal.SIGINT]


def test_an_error_says_more_than_a_signal(heard: list[int]) -> None:
    with pytest.raises(OutputError, match="what stands there"):
        signalled(signal.SIGTERM, then=OutputError("what stands there"))
    assert heard == []


def test_where_signals_are_nobodys_business(heard: list[int]) -> None:
    def elsewhere() -> None:
        with undisturbed():
            heard.append(0)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with undisturbed():
        signal.raise_signal(signal.SIGTERM)
    assert heard == [0]
