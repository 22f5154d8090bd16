"""``s3://`` sources against a store behind a socket: one version of each object, or a sentence."""

from __future__ import annotations

import gzip
import itertools
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from customer_features import SourceError
from customer_features.connections import s3
from customer_features.sources import download
from customer_features.sources import s3 as fetcher
from customer_features.system.temporary import scratch
from tests.conftest import TODAY, Cli, assert_refused, child_environment, csv_text, manifest_of
from tests.store import SECRET, Answer, Asked, Bucket, Cut, Hand, Refused, Silent
from tests.waiting import BOUND, until

ROWS = [f"c{place % 7},{place},2025-04-{place % 20 + 1:02},{place}.05,p{place % 3}" for place in range(200)]
BODY = csv_text(*ROWS).encode()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read in small pieces, without pauses."""
    monkeypatch.setattr(download, "PIECE", 1000)
    monkeypatch.setattr(download, "PAUSES", (0, 0, 0))


def bodies(address: str) -> dict[str, bytes]:
    """What came from an address, by the names that the files are reported under."""
    with scratch() as folder:
        return {file.name: file.path.read_bytes() for file in fetcher.fetched(address, folder)}


def refused(address: str) -> str:
    with pytest.raises(SourceError) as caught:
        bodies(address)
    assert SECRET not in str(caught.value)
    return str(caught.value)


def pieces() -> Callable[[Asked], int | None]:
    """Make a function that counts the requests for a piece of an object, from 0. It gives None for other requests."""
    count = itertools.count()
    return lambda asked: next(count) if asked.method == "GET" and asked.key and "list-type" not in asked.query else None


def from_piece(first: int, answer: Answer) -> Hand:
    """Make a hand that gives an answer for the n-th piece and for each that follows."""
    number = pieces()
    return lambda asked: answer if (place := number(asked)) is not None and place >= first else None


def at_piece(the: int, what: Answer | Callable[[], object]) -> Hand:
    """Make a hand that gives an answer, or does something, at the n-th piece alone."""
    number = pieces()

    def hand(asked: Asked) -> Answer:
        if number(asked) != the:
            return None
        if not callable(what):
            return what
        what()
        return None

    return hand


@pytest.mark.parametrize("key", ["t.csv", "a b/über#1 [x]+%20&=.csv", "in/t.csv.gz"])
def test_the_same_bytes_as_from_a_file(key: str, bucket: Bucket, tmp_path: Path, cli: Cli) -> None:
    body = gzip.compress(BODY) if key.endswith(".gz") else BODY
    address = bucket.put(key, body)
    local = tmp_path / f"local{key[key.index('.csv') :]}"
    local.write_bytes(body)
    outs = []
    for name, source in (("local", local), ("remote", address)):
        out = tmp_path / name / "f.parquet"
        out.parent.mkdir()
        ran = cli("build", source, "--out", out, "--today", TODAY)
        assert ran.code == 0, ran.err
        outs.append(out)
    assert outs[0].read_bytes() == outs[1].read_bytes()
    assert manifest_of(outs[1])["sources"] == [{"path": address, "bytes": len(body), "rows": 200}]


def test_patterns(bucket: Bucket) -> None:
    keys = ["2025/a.csv", "2025/b.csv", "2025/b.parquet", "2025/04/c.csv", "2025/.hidden.csv", "2025/", "d.csv"]
    for key in keys:
        bucket.put(key, key.encode())

    def found(pattern: str) -> list[str]:
        return [name.removeprefix(f"{bucket}/") for name in bodies(f"{bucket}/{pattern}")]

    assert found("2025/*.csv") == ["2025/a.csv", "2025/b.csv"]
    assert found("2025/[b].*") == ["2025/b.csv", "2025/b.parquet"]
    assert found("**/*.csv") == ["2025/04/c.csv", "2025/a.csv", "2025/b.csv", "d.csv"]
    assert found("?.csv") == ["d.csv"]
    assert found("2025/.h*") == ["2025/.hidden.csv"]
    assert found("*/*/*.csv") == ["2025/04/c.csv"]
    assert refused(f"{bucket}/2025/*.json") == f"{bucket}/2025/*.json: no object matches"


def test_a_key_that_is_a_pattern_is_taken_to_the_letter_first(bucket: Bucket) -> None:
    bucket.put("a[1].csv", b"letter")
    bucket.put("a1.csv", b"pattern")
    assert list(bodies(f"{bucket}/a[1].csv").values()) == [b"letter"]
    assert list(bodies(f"{bucket}/a[12].csv").values()) == [b"pattern"]


def test_the_same_object_counts_once(bucket: Bucket, tmp_path: Path, cli: Cli) -> None:
    bucket.put("in/a.csv", BODY)
    bucket.put("in/b.csv", csv_text("c1,a,2025-04-01,1,p").encode())
    out = tmp_path / "f.csv"
    sources = (f"{bucket}/in/a.csv", f"{bucket}/in/*.csv", f"S3://{bucket.name}/**/a.csv")
    assert cli("build", *sources, "--out", out, "--today", TODAY).code == 0
    assert [(source["path"], source["rows"]) for source in manifest_of(out)["sources"]] == [
        (f"{bucket}/in/a.csv", 200),
        (f"{bucket}/in/b.csv", 1),
    ]


def test_what_is_not_there(bucket: Bucket) -> None:
    bucket.put("in/transactions.csv", BODY)
    meant = f"{bucket}/in/transaction.csv"
    assert refused(meant) == f"{meant}: no such object (did you mean 'transactions.csv'?)"
    assert refused(f"{bucket}/x/y.csv") == f"{bucket}/x/y.csv: no such object"
    for folder in ("in", "in/"):
        assert "is a folder; give its objects, for example" in refused(f"{bucket}/{folder}")
    other = f"{bucket}1/in/t.csv"
    assert refused(other) == f"{other}: there is no bucket '{bucket.name}1' (did you mean '{bucket.name}'?)"


def test_no_credentials(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    assert "no credentials for S3 were found (NoCredentialsError): set AWS_ACCESS_KEY_ID" in refused(f"{bucket}/t.csv")


def test_no_store(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    assert "the store at http://127.0.0.1:9 cannot be reached" in refused(f"{bucket}/t.csv")


def test_a_store_that_does_not_answer(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3, "READ_TIMEOUT", 0.2)
    address = bucket.put("t.csv", BODY)

    def read() -> dict[str, bytes] | None:
        bucket.store.hand = at_piece(1, Silent())
        try:
            return bodies(address)
        except SourceError:  # a slow machine may be late with answers that do come
            return None

    assert until(read, "a read in which one answer does not come and is asked for again") == {address: BODY}
    bucket.store.hand = lambda asked: Silent()
    assert "cannot be reached or breaks off (ReadTimeoutError)" in refused(address)


@pytest.mark.parametrize(
    ("status", "code", "says"),
    [
        (403, "AccessDenied", "is denied: the credentials lack a right"),
        (403, "InvalidObjectState", "the object is archived; have it restored first"),
        (503, "SlowDown", "the store is failing or overloaded (SlowDown)"),
        (400, "Unheard", "the store refuses it (Unheard)"),
    ],
)
def test_refusals(status: int, code: str, says: str, bucket: Bucket) -> None:
    address = bucket.put("t.csv", BODY)
    bucket.store.hand = from_piece(1, Refused(status, code))
    assert says in refused(address)


@pytest.mark.parametrize("versions", [False, True])
def test_an_object_replaced_between_two_pieces(versions: bool, bucket: Bucket, tmp_path: Path, cli: Cli) -> None:
    """Refused, or, where the bucket keeps versions, read to the end as the version that was begun."""
    place = bucket.store.bucket(versions=versions)
    address = place.put("t.csv", BODY)
    place.store.hand = at_piece(2, lambda: place.put("t.csv", BODY + BODY))
    ran = cli("build", address, "--out", tmp_path / "out.csv", "--today", TODAY)
    if versions:
        assert ran.code == 0
        assert manifest_of(tmp_path / "out.csv")["sources"][0]["bytes"] == len(BODY)
    else:
        assert assert_refused(ran, tmp_path) == (
            f"Error: {address}: changed while it was read: {len(BODY):,} bytes at first, {2 * len(BODY):,} bytes now;"
            " nothing was published, run again\n"
        )


def test_without_the_right_to_versions_the_object_is_read_all_the_same(bucket: Bucket) -> None:
    place = bucket.store.bucket(versions=True)
    address = place.put("t.csv", BODY)
    place.store.hand = lambda asked: Refused(403, "AccessDenied") if "versionId" in asked.query else None
    assert bodies(address) == {address: BODY}


def test_an_object_deleted_between_two_pieces(bucket: Bucket) -> None:
    address = bucket.put("t.csv", BODY)
    bucket.store.hand = at_piece(1, lambda: bucket.store.client.delete_object(Bucket=bucket.name, Key="t.csv"))
    assert refused(address) == f"{address}: was deleted while it was read; nothing was published, run again"


def test_a_broken_connection_is_resumed_where_it_broke(bucket: Bucket) -> None:
    address = bucket.put("t.csv", BODY)
    times: list[int] = []

    def hand(asked: Asked) -> Cut | None:
        if asked.method == "GET":
            times.append(1)
        return Cut(after=300) if len(times) in (2, 3) else None

    bucket.store.hand = hand
    assert bodies(address) == {address: BODY}


def test_a_connection_that_breaks_for_good_is_given_up(bucket: Bucket) -> None:
    address = bucket.put("t.csv", BODY)
    bucket.store.hand = from_piece(2, Cut())
    said = refused(address)
    assert said.startswith(f"{address}: broke off after 2,000 of {len(BODY):,} bytes: the store at http://127.0.0.1:")
    assert said.endswith("(tried 4 times); run again")


def test_an_empty_object(bucket: Bucket, cli: Cli) -> None:
    ran = cli("check", bucket.put("t.csv", b""))
    assert "is empty" in ran.err


def test_a_missing_extra_is_one_line_with_the_command() -> None:
    code = "import sys; sys.modules['boto3'] = None; from customer_features.cli import main; main(sys.argv[1:])"
    for more in (("check", "s3://shop/t.csv"), ("build", "t.csv", "--out", "s3://shop/f.csv")):
        ran = subprocess.run(
            [sys.executable, "-c", code, *more],
            env=child_environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=BOUND,
        )
        assert (ran.returncode, ran.stderr) == (
            2,
            "Error: access to s3:// addresses needs the 's3' extra: pip install 'customer-features[s3]'\n",
        )
