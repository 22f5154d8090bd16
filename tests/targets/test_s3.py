"""Publishing to ``s3://`` against a store behind a socket: what stands there after every way a run can end."""

from __future__ import annotations

import errno
import hashlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from customer_features.cli import run
from customer_features.connections import s3
from customer_features.targets import s3 as publisher
from customer_features.targets import s3_uploads
from customer_features.targets.manifest import verify
from tests.conftest import TODAY, Cli, Ran, child_environment, csv_text
from tests.store import SECRET, Asked, Bucket, Cut, Refused
from tests.targets.harness import taken
from tests.waiting import BOUND

pytestmark = pytest.mark.slow  # with all of its kind too long for every change; `make test-slow` runs it

GOOD = [f"c{place % 7},{place},2025-04-{place % 20 + 1:02},{place}.05,p{place % 3}" for place in range(200)]
BAD = ["c1,x1,2052-04-01,1,p"]
FEATURES, ASIDE, MANIFEST = "out/f.parquet", "out/f.parquet.quarantine.parquet", "out/f.parquet.manifest.json"
ALL = {FEATURES, ASIDE, MANIFEST}
BEGIN, PART, COMPLETE = "POST uploads", "PUT partNumber,uploadId", "POST uploadId"


@pytest.fixture(autouse=True)
def _nothing_is_abandoned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep every upload: the store of the tests says of each that it was begun in 2010."""
    monkeypatch.setattr(s3_uploads, "ABANDONED", timedelta(days=100 * 365))


@dataclass(frozen=True)
class Batch:
    """An old and a new version of a source, each with a row to be set aside, and what each is built into on a disk."""

    sources: tuple[Path, Path]
    wholes: tuple[dict[str, bytes], dict[str, bytes]]


OLD, NEW = 0, 1


@pytest.fixture(scope="module")
def batch(tmp_path_factory: pytest.TempPathFactory) -> Batch:
    folder = tmp_path_factory.mktemp("batch")
    sources = (folder / "old.csv", folder / "new.csv")
    wholes = []
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for source, rows in zip(sources, (GOOD[:100], GOOD), strict=True):
        source.write_text(csv_text(*rows, *BAD))
        out = folder / source.stem / "f.parquet"
        out.parent.mkdir()
        assert run(["build", str(source), "--out", str(out), "--today", TODAY]) == 0
        wholes.append({f"out/{path.name}": path.read_bytes() for path in out.parent.iterdir()})
    for number, handler in handlers.items():
        signal.signal(number, handler)
    return Batch(sources, (wholes[0], wholes[1]))


def put(bucket: Bucket, objects: dict[str, bytes]) -> None:
    """What a run would leave, in the order in which it does."""
    bucket.store.client.delete_object(Bucket=bucket.name, Key=MANIFEST)
    for key in (ASIDE, FEATURES, MANIFEST):
        digest = hashlib.sha256(objects[key]).hexdigest()
        bucket.store.client.put_object(Bucket=bucket.name, Key=key, Body=objects[key], Metadata={"sha256": digest})


def build(cli: Cli, source: object, out: str) -> Ran:
    return cli("build", source, "--out", out, "--today", TODAY)


def after(what: str, key: str, then: Callable[[], object] | Refused | Cut) -> Callable[[Asked], Refused | Cut | None]:
    """A hand that does something, once, at the first such request for a key."""
    done: list[Asked] = []

    def hand(asked: Asked) -> Refused | Cut | None:
        if (asked.what, asked.key) == (what, key) and not done:
            done.append(asked)
            if isinstance(then, Refused | Cut):
                return then
            then()
        return None

    return hand


@pytest.mark.quick
def test_the_same_three_files_as_on_a_disk(bucket: Bucket, batch: Batch, tmp_path: Path, cli: Cli) -> None:
    ran = build(cli, batch.sources[NEW], f"{bucket}/{FEATURES}")
    assert ran.code == 0, ran.err
    assert f"Features:   {bucket}/{FEATURES}  (manifest: f.parquet.manifest.json; " in ran.err
    assert f"Quarantine: {bucket}/{ASIDE}\n" in ran.err
    assert bucket.all() == batch.wholes[NEW]
    assert bucket.uploads() == []
    (tmp_path / "fetched").mkdir()
    for key, body in bucket.all().items():
        (tmp_path / "fetched" / Path(key).name).write_bytes(body)
    described = verify(tmp_path / "fetched" / "f.parquet")
    assert bucket.head(FEATURES)["Metadata"] == {"sha256": described["output"]["sha256"]}
    assert bucket.head(FEATURES)["ContentType"] == "application/vnd.apache.parquet"


@pytest.mark.parametrize(
    "key", ["a b/über#1/f.arrow", *(pytest.param(key, marks=pytest.mark.slow) for key in ("f.csv", "f.PARQUET"))]
)
def test_every_format_and_key(key: str, bucket: Bucket, batch: Batch, tmp_path: Path, cli: Cli) -> None:
    out = tmp_path / "disk" / Path(key).name
    out.parent.mkdir()
    assert build(cli, batch.sources[NEW], str(out)).code == 0
    assert build(cli, batch.sources[NEW], f"{bucket}/{key}").code == 0
    assert bucket.get(key) == out.read_bytes()


def test_the_table_of_features_reads_nothing_back(
    bucket: Bucket, batch: Batch, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "dumb")
    assert build(cli, batch.sources[NEW], f"{bucket}/{FEATURES}").code == 0
    bucket.store.asked.clear()
    assert build(cli, batch.sources[NEW], f"{bucket}/{FEATURES}").code == 0
    asked = bucket.asked()
    bucket.store.asked.clear()
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    ran = build(cli, batch.sources[NEW], f"{bucket}/{FEATURES}")
    assert ran.code == 0, ran.err
    assert "purchase_total" in ran.err.split("Features:")[1]
    assert bucket.asked() == asked


def test_everything_is_sent_before_anything_is_changed(bucket: Bucket, batch: Batch, cli: Cli) -> None:
    put(bucket, batch.wholes[OLD])
    bucket.store.asked.clear()
    assert build(cli, batch.sources[NEW], f"{bucket}/{FEATURES}").code == 0
    changes = [said for said in bucket.asked() if not said.startswith(("HEAD", "GET"))]
    # The first upload is the trial of the target, which comes before the sources are read.
    assert changes[:2] == [f"{BEGIN} {FEATURES}", f"DELETE uploadId {FEATURES}"]
    sent = [f"{what} {key}" for key in (FEATURES, ASIDE, MANIFEST) for what in (BEGIN, PART)]
    assert changes[2:] == [
        *sent,
        f"DELETE {MANIFEST}",
        f"{COMPLETE} {ASIDE}",
        f"{COMPLETE} {FEATURES}",
        f"{COMPLETE} {MANIFEST}",
    ]


def test_a_quarantine_of_an_earlier_run_is_taken_away(bucket: Bucket, batch: Batch, tmp_path: Path, cli: Cli) -> None:
    put(bucket, batch.wholes[OLD])
    source = tmp_path / "t.csv"
    source.write_text(csv_text(*GOOD))
    ran = build(cli, source, f"{bucket}/{FEATURES}")
    assert "Quarantine:" not in ran.err
    assert set(bucket.all()) == {FEATURES, MANIFEST}


def test_many_parts(bucket: Bucket, batch: Batch, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("moto.s3.models.S3_UPLOAD_PART_MIN_SIZE", 0)
    monkeypatch.setattr(s3_uploads, "PART", 500)
    assert build(cli, batch.sources[NEW], f"{bucket}/{FEATURES}").code == 0
    assert bucket.all() == batch.wholes[NEW]
    parts = -(-len(batch.wholes[NEW][FEATURES]) // 500)
    assert parts > 3
    assert bucket.asked().count(f"{PART} {FEATURES}") == parts
    assert bucket.head(FEATURES)["ETag"].endswith(f'-{parts}"')


@pytest.mark.slow
def test_many_parts_of_the_least_size(
    bucket: Bucket, tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parts of 5 MiB, the least that a store takes; the last one may be shorter."""
    monkeypatch.setattr(s3_uploads, "PART", 5 << 20)
    path = tmp_path / "t.csv"
    path.write_text(csv_text(*(f"{place:0>120},{place},2025-04-20,{place}.37,p" for place in range(120_000))))
    assert build(cli, path, str(tmp_path / "f.csv")).code == 0
    assert build(cli, path, f"{bucket}/f.csv").code == 0
    assert bucket.get("f.csv") == (tmp_path / "f.csv").read_bytes()
    assert bucket.asked().count(f"{PART} f.csv") == 4
    assert bucket.head("f.csv")["ETag"].endswith('-4"')


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ("{}/f.xlsx", "the suffix decides the format; allowed are .parquet, .csv, .arrow"),
        ("{}/f.parqet", "did you mean '.parquet'"),
        ("{}/folder/", "is a folder; give an object's name in it"),
        ("{}", "names no object"),
        ("{}1/f.parquet", "there is no bucket '{name}1' (did you mean '{name}'?); make it first"),
    ],
)
def test_targets_that_cannot_be(target: str, says: str, bucket: Bucket, cli: Cli) -> None:
    """They are refused before the source is looked for."""
    ran = build(cli, "nowhere.csv", target.format(bucket))
    assert ran.code == 2
    assert ran.err.startswith("Error: s3://")
    assert says.format(name=bucket.name) in ran.err


@pytest.mark.parametrize(
    ("what", "answer", "says"),
    [
        ("HEAD ", Refused(403, "AccessDenied"), "is denied: the credentials are wrong or lack a right"),
        (
            BEGIN,
            Refused(403, "AccessDenied"),
            "cannot be written: access to {} is denied: the credentials lack a right",
        ),
        ("HEAD ", Cut(), "the store at http://127.0.0.1:"),
    ],
)
def test_a_store_that_would_refuse_is_found_out_first(
    what: str, answer: Refused | Cut, says: str, bucket: Bucket, cli: Cli
) -> None:
    bucket.store.hand = lambda asked: answer if asked.what.strip() == what.strip() else None
    ran = build(cli, "nowhere.csv", f"{bucket}/{FEATURES}")
    assert ran.code == 2
    assert says.format(f"{bucket}/{FEATURES}") in ran.err


def test_a_source_is_not_overwritten(bucket: Bucket, batch: Batch, cli: Cli) -> None:
    address = bucket.put("t.csv", batch.sources[OLD].read_bytes())
    ran = build(cli, address, f"S3://{bucket.name}/t.csv")
    assert ran.code == 2
    assert f"{address} is one of the sources and would be overwritten; give another name" in ran.err
    assert bucket.all() == {"t.csv": batch.sources[OLD].read_bytes()}
    assert build(cli, batch.sources[OLD], f"{bucket}/{FEATURES}").code == 0
    ran = cli("build", f"{bucket}/{ASIDE}", "--out", f"{bucket}/{FEATURES}", "--today", TODAY, "--max-faults", 1)
    assert f"{bucket}/{ASIDE} is one of the sources and would be overwritten" in ran.err


# -- what goes wrong on the way --------------------------------------------------------------------------


DENIED = Refused(403, "AccessDenied")
QUICK = [(BEGIN, FEATURES, DENIED), (PART, ASIDE, Cut()), (PART, MANIFEST, DENIED), (BEGIN, MANIFEST, Cut())]
EARLY = [
    (what, key, answer) for what in (BEGIN, PART) for key in (FEATURES, ASIDE, MANIFEST) for answer in (DENIED, Cut())
]


@pytest.mark.parametrize(
    ("what", "key", "answer"), [pytest.param(*case, marks=[] if case in QUICK else pytest.mark.slow) for case in EARLY]
)
def test_an_error_before_the_change_leaves_the_old_objects(
    what: str, key: str, answer: Refused | Cut, bucket: Bucket, batch: Batch, cli: Cli
) -> None:
    put(bucket, batch.wholes[OLD])
    began = sum((asked.what, asked.bucket, asked.key) == (BEGIN, bucket.name, key) for asked in bucket.store.asked)
    trials = 1 if key == FEATURES else 0

    def hand(asked: Asked) -> Refused | Cut | None:
        now = sum((other.what, other.bucket, other.key) == (BEGIN, bucket.name, key) for other in bucket.store.asked)
        return answer if (asked.what, asked.key) == (what, key) and now - began > trials else None

    bucket.store.hand = hand
    ran = build(cli, batch.sources[NEW], f"{bucket}/{FEATURES}")
    assert ran.code == 2
    assert "cannot be written" in ran.err
    assert ran.err.endswith("; nothing was published\n")
    assert bucket.all() == batch.wholes[OLD]
    # Of an upload whose answer is lost nobody knows the name: the next run but one day later aborts it.
    assert bucket.uploads() == ([key] if what == BEGIN and isinstance(answer, Cut) else [])


def test_a_full_disk_for_the_copy(bucket: Bucket, batch: Batch, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(publisher, "write_features", full)
    ran = build(cli, batch.sources[NEW], f"{bucket}/{FEATURES}")
    assert ran.code == 2
    assert "cannot be written: No space left on device; nothing was published (a copy is made on this" in ran.err
    assert bucket.all() == {}
    assert bucket.uploads() == []


def test_what_a_run_would_publish(bucket: Bucket, batch: Batch, cli: Cli) -> None:
    ran = cli("build", batch.sources[NEW], "--out", f"{bucket}/{FEATURES}", "--today", TODAY, "--dry-run")
    assert ran.code == 0, ran.err
    assert all(f"{bucket}/{key}" in ran.out for key in ALL)
    assert bucket.all() == {}


def test_the_copy_is_made_where_the_run_spills(bucket: Bucket, batch: Batch, tmp_path: Path, cli: Cli) -> None:
    place = tmp_path / "spill"
    place.mkdir()
    found: list[str] = []
    bucket.store.hand = after(
        PART, FEATURES, lambda: found.extend(path.name for path in place.glob("*/published/.f.*"))
    )
    ran = cli("build", batch.sources[NEW], "--out", f"{bucket}/{FEATURES}", "--today", TODAY, "--spill-dir", place)
    assert ran.code == 0, ran.err
    assert len(found) == 3
    assert list(place.iterdir()) == []


STEPS = [
    (f"DELETE {MANIFEST}", [], ALL),
    (f"{COMPLETE} {ASIDE}", ["the earlier manifest is gone"], {FEATURES, ASIDE}),
    (f"{COMPLETE} {FEATURES}", ["the earlier manifest is gone", "the new quarantine stands"], {FEATURES, ASIDE}),
    (
        f"{COMPLETE} {MANIFEST}",
        ["the earlier manifest is gone", "the new quarantine stands", "the new features stand"],
        {FEATURES, ASIDE},
    ),
]


@pytest.mark.parametrize(("step", "so_far", "stands"), STEPS)
def test_an_error_while_objects_change_says_what_stands(
    step: str, so_far: list[str], stands: set[str], bucket: Bucket, batch: Batch, cli: Cli
) -> None:
    put(bucket, batch.wholes[OLD])
    what, _, key = step.rpartition(" ")
    bucket.store.hand = after(what, key, Refused(500, "InternalError"))
    ran = build(cli, batch.sources[NEW], f"{bucket}/{FEATURES}")
    assert ran.code == 2
    assert f"{bucket}/{FEATURES}: could not be published whole: the store is failing" in ran.err
    assert all(said in ran.err for said in so_far)
    assert ("no manifest vouches for what stands there" in ran.err) == bool(so_far)
    assert set(bucket.all()) == stands
    assert bucket.uploads() == []


@pytest.mark.parametrize("key", [FEATURES, *(pytest.param(key, marks=pytest.mark.slow) for key in (ASIDE, MANIFEST))])
def test_an_answer_to_a_completion_that_is_lost(
    key: str, bucket: Bucket, batch: Batch, tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store carried it out; asked again it finds the upload gone, and the object says whose it is."""
    monkeypatch.setattr(s3, "ATTEMPTS", 2)
    asked_before: list[Asked] = []

    def hand(asked: Asked) -> Refused | Cut | None:
        if (asked.what, asked.key) != (COMPLETE, key):
            return None
        asked_before.append(asked)
        return Cut() if len(asked_before) == 1 else Refused(404, "NoSuchUpload")

    bucket.store.hand = hand
    ran = build(cli, batch.sources[NEW], f"{bucket}/{FEATURES}")
    assert ran.code == 0, ran.err
    assert bucket.all() == batch.wholes[NEW]
    assert len(asked_before) == 2


def test_an_answer_that_does_not_come_leaves_it_open(bucket: Bucket, batch: Batch, cli: Cli) -> None:
    bucket.store.hand = after(COMPLETE, FEATURES, Cut())
    ran = build(cli, batch.sources[NEW], f"{bucket}/{FEATURES}")
    assert "(whether the new features stand is not known); " in ran.err


# -- killed and stopped ----------------------------------------------------------------------------------

YOUNG = """
import sys
from datetime import timedelta
from customer_features.targets import s3_uploads
s3_uploads.ABANDONED = timedelta(days=int(sys.argv[1]))
from customer_features.cli import main
main(sys.argv[2:])
"""


def start(source: Path, out: str, place: Path) -> subprocess.Popen[str]:
    place.mkdir()
    return subprocess.Popen(
        [sys.executable, "-c", YOUNG, "99999", "build", str(source), "--out", out, "--today", TODAY],
        env=child_environment(TMPDIR=str(place)),
        stderr=subprocess.PIPE,
        text=True,
    )


class Halt:
    """A hand that holds up one request until it is let go."""

    def __init__(self, what: str, key: str) -> None:
        self.what, self.key = what, key
        self.came, self.go = threading.Event(), threading.Event()

    def __call__(self, asked: Asked) -> None:
        if (asked.what, asked.key) == (self.what, self.key) and not self.came.is_set():
            self.came.set()
            self.go.wait(BOUND)


@pytest.mark.parametrize(
    ("what", "key", "stands"),
    [
        (PART, MANIFEST, ALL),
        (COMPLETE, FEATURES, {FEATURES, ASIDE}),
        pytest.param(PART, FEATURES, ALL, marks=pytest.mark.slow),
    ],
)
@pytest.mark.slow
def test_kill_9(what: str, key: str, stands: set[str], bucket: Bucket, batch: Batch, tmp_path: Path, cli: Cli) -> None:
    """The old objects stand, or none vouches for them; a later run aborts what was open and mends it."""
    put(bucket, batch.wholes[OLD])
    bucket.store.hand = halt = Halt(what, key)
    process = start(batch.sources[NEW], f"{bucket}/{FEATURES}", tmp_path / "scratch")
    assert halt.came.wait(BOUND)
    process.kill()
    process.communicate()
    bucket.store.hand = None
    open_then = bucket.uploads()
    halt.go.set()
    bucket.store.idle()  # the request that was held up is carried out, as it would be by a real store
    assert FEATURES in open_then
    assert set(bucket.all()) == stands
    assert stands != ALL or bucket.all() == batch.wholes[OLD]
    left = bucket.uploads()
    assert left != []
    assert build(cli, batch.sources[NEW], f"{bucket}/{FEATURES}").code == 0
    assert bucket.uploads() == left  # they are too young: a run that lives may be behind them
    s3_uploads.ABANDONED = timedelta(days=1)  # the fixture puts it back
    assert build(cli, batch.sources[NEW], f"{bucket}/{FEATURES}").code == 0
    assert bucket.uploads() == []
    assert bucket.all() == batch.wholes[NEW]


@pytest.mark.parametrize(("what", "number", "code"), [(BEGIN, signal.SIGTERM, 143), (PART, signal.SIGINT, 130)])
@pytest.mark.slow
def test_a_run_that_is_stopped_leaves_no_upload(
    what: str,
    number: signal.Signals,
    code: int,
    bucket: Bucket,
    batch: Batch,
    tmp_path: Path,
    cli: Cli,
) -> None:
    put(bucket, batch.wholes[OLD])
    bucket.store.hand = halt = Halt(what, ASIDE)
    process = start(batch.sources[NEW], f"{bucket}/{FEATURES}", tmp_path / "scratch")
    assert halt.came.wait(BOUND)
    process.send_signal(number)
    taken(process, number)
    halt.go.set()
    _, err = process.communicate(timeout=BOUND)
    assert process.returncode == code, err
    assert "Traceback" not in err
    assert bucket.all() == batch.wholes[OLD]
    assert bucket.uploads() == []
    assert list((tmp_path / "scratch").iterdir()) == []


def test_a_signal_while_objects_change_is_obeyed_afterwards(
    bucket: Bucket, batch: Batch, tmp_path: Path, cli: Cli
) -> None:
    bucket.store.hand = halt = Halt(COMPLETE, FEATURES)
    process = start(batch.sources[NEW], f"{bucket}/{FEATURES}", tmp_path / "scratch")
    assert halt.came.wait(BOUND)
    process.terminate()
    taken(process, signal.SIGTERM)
    halt.go.set()
    _, err = process.communicate(timeout=BOUND)
    assert process.returncode == 143, err
    assert bucket.all() == batch.wholes[NEW]


# -- two writers -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", [PART, COMPLETE])
def test_another_run_that_ends_before_is_replaced(
    what: str, bucket: Bucket, batch: Batch, tmp_path: Path, cli: Cli
) -> None:
    bucket.store.hand = after(what, ASIDE, lambda: put(bucket, batch.wholes[OLD]))
    assert build(cli, batch.sources[NEW], f"{bucket}/{FEATURES}").code == 0
    assert bucket.all() == batch.wholes[NEW]


@pytest.mark.parametrize("key", [FEATURES, MANIFEST])
def test_another_run_that_comes_between_wins_or_none_does(
    key: str, bucket: Bucket, batch: Batch, tmp_path: Path, cli: Cli
) -> None:
    """It publishes before our features are completed, or after and before our manifest is."""
    theirs = batch.wholes[OLD]
    bucket.store.hand = after(COMPLETE, key, lambda: put(bucket, batch.wholes[OLD]))
    ran = build(cli, batch.sources[NEW], f"{bucket}/{FEATURES}")
    assert ran.code == 2
    assert f"{bucket}/{FEATURES}: another run published to it at the same time" in ran.err
    assert bucket.uploads() == []
    found = bucket.all()
    if key == MANIFEST:
        assert found == theirs
    else:
        # Their quarantine and our features: whoever looks at the manifest can tell.
        assert found[ASIDE] == theirs[ASIDE]
        assert found[FEATURES] != theirs[FEATURES]
        for name, body in found.items():
            (tmp_path / Path(name).name).write_bytes(body)
        with pytest.raises(Exception, match="build it again"):
            verify(tmp_path / "f.parquet")


def test_a_manifest_of_features_that_ours_replaced_is_replaced(
    bucket: Bucket, batch: Batch, tmp_path: Path, cli: Cli
) -> None:
    """The other run looked, found its features, and was slow to complete its manifest."""
    bucket.store.hand = after(COMPLETE, MANIFEST, lambda: bucket.put(MANIFEST, b"of another run"))
    ran = build(cli, batch.sources[NEW], f"{bucket}/{FEATURES}")
    assert ran.code == 0, ran.err
    assert bucket.all() == batch.wholes[NEW]


def test_manifests_of_others_without_end_are_given_up(bucket: Bucket, batch: Batch, cli: Cli) -> None:
    def hand(asked: Asked) -> None:
        if (asked.what, asked.key) == (COMPLETE, MANIFEST):
            bucket.put(MANIFEST, b"of another run")

    bucket.store.hand = hand
    ran = build(cli, batch.sources[NEW], f"{bucket}/{FEATURES}")
    assert ran.code == 2
    assert "another run published to it at the same time" in ran.err
    assert bucket.uploads() == []


def test_a_store_that_knows_no_conditions(bucket: Bucket, batch: Batch, tmp_path: Path, cli: Cli) -> None:
    bucket.store.hand = after(COMPLETE, MANIFEST, Refused(501, "NotImplemented"))
    assert build(cli, batch.sources[NEW], f"{bucket}/{FEATURES}").code == 0
    assert bucket.all() == batch.wholes[NEW]


def test_another_runs_features_after_our_manifest(
    bucket: Bucket, batch: Batch, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Our manifest would vouch for features that are gone by then, so it goes as well."""
    vouched = publisher._Switch._vouched

    def then_replaced(switch: publisher._Switch) -> bool:
        done = vouched(switch)
        bucket.put(FEATURES, b"of another run")
        return done

    monkeypatch.setattr(publisher._Switch, "_vouched", then_replaced)
    ran = build(cli, batch.sources[NEW], f"{bucket}/{FEATURES}")
    assert ran.code == 2
    assert "another run published to it at the same time" in ran.err
    assert set(bucket.all()) == {FEATURES, ASIDE}
    assert bucket.get(FEATURES) == b"of another run"


@pytest.mark.parametrize("turns", [1, pytest.param(5, marks=pytest.mark.thorough)])
def test_four_writers_at_once(turns: int, bucket: Bucket, tmp_path: Path, cli: Cli) -> None:
    """Whatever their order: where a manifest stands it vouches for what stands beside it."""
    paths = [tmp_path / f"{place}.csv" for place in range(4)]
    for place, path in enumerate(paths):
        path.write_text(csv_text(*GOOD[: 100 + place], *BAD))
    for turn in range(turns):
        running = [
            start(path, f"{bucket}/{FEATURES}", tmp_path / f"scratch-{turn}-{place}")
            for place, path in enumerate(paths)
        ]
        said = [process.communicate(timeout=BOUND)[1] for process in running]
        codes = [process.returncode for process in running]
        assert set(codes) <= {0, 2}, said
        assert all(code == 0 or "another run published" in err for code, err in zip(codes, said, strict=True))
        found = tmp_path / f"found-{turn}"
        found.mkdir()
        for key, body in bucket.all().items():
            (found / Path(key).name).write_bytes(body)
        if MANIFEST in bucket.all():
            verify(found / "f.parquet")
        assert bucket.uploads() == []


# -- what is secret --------------------------------------------------------------------------------------


def test_nothing_secret_is_said(bucket: Bucket, batch: Batch, cli: Cli) -> None:
    target = f"{bucket}/{FEATURES}"
    source = bucket.put("in/t.csv", batch.sources[NEW].read_bytes())

    def said(*command: object) -> str:
        ran = cli(*command)
        assert "fault of customer-features itself" not in ran.err
        return ran.out + ran.err

    texts = [said("build", source, "--out", target, "--today", TODAY)]
    for what, key in ((BEGIN, FEATURES), (PART, FEATURES), (COMPLETE, MANIFEST), ("HEAD", "")):
        for answer in (Refused(400, SECRET), Cut()):
            bucket.store.hand = after(what, key, answer)
            texts.append(said("build", source, "--out", target, "--today", TODAY))
    bucket.store.hand = None
    for odd in (
        f"s3://AKIA:{SECRET}@{bucket.name}/f.parquet",
        f"s3://{bucket.name}/f.parquet?X-Amz-Signature={SECRET}",
        f"s4://AKIA:{SECRET}@{bucket.name}/f.parquet",
    ):
        texts += [said("build", source, "--out", odd), said("build", odd, "--out", target), said("check", odd)]
    for text in [*texts, *(body.decode("latin-1") for body in bucket.all().values())]:
        assert SECRET not in text
