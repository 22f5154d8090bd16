"""Publishing: three files or none, the same bytes always, and a manifest that vouches for them."""

from __future__ import annotations

import csv
import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from customer_features import OutputError
from customer_features.definition import features
from customer_features.targets.formats import ROWS_A_GROUP
from customer_features.targets.publish import check_target
from tests.agreement import oracle
from tests.conftest import (
    FIELDS,
    TODAY,
    Cli,
    assert_no_leftovers,
    assert_refused,
    child_environment,
    csv_text,
    manifest_of,
)
from tests.waiting import BOUND, until

GOOD = [f"c{place % 7},{place},2025-04-{place % 20 + 1:02},{place}.05,p{place % 3}" for place in range(200)]
BAD = ["c1,x1,2052-04-01,1,p", ",x2,2025-04-01,-1,p"]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in" / "t.csv"
    path.parent.mkdir()
    path.write_text(csv_text(*GOOD, *BAD))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "published"
    path.mkdir()
    return path


def expected() -> dict[str, oracle.Vector]:
    rows = []
    for line in GOOD:
        customer, order, day, amount, product = line.split(",")
        rows.append(oracle.Row(customer, order, date.fromisoformat(day), float(amount), product))
    return oracle.vectors(rows, date(2025, 4, 24))


def read_back(path: Path) -> list[tuple[Any, ...]]:
    if path.suffix == ".csv":
        with path.open(newline="") as text:
            header, *rows = csv.reader(text)
        assert header == ["customer_id", *features.names()]
        return [(row[0], *map(float, row[1:])) for row in rows]
    if path.suffix == ".arrow":
        with pa.ipc.open_file(path) as reader:
            table = reader.read_all()
    else:
        table = pq.read_table(path)
    schema = pa.schema(
        [pa.field("customer_id", pa.string(), nullable=False)]
        + [pa.field(name, pa.float64(), nullable=False) for name in features.names()]
    )
    assert table.schema.remove_metadata() == schema
    return [tuple(row.values()) for row in table.to_pylist()]


@pytest.mark.parametrize("suffix", ["parquet", "csv", "arrow", "PARQUET"])
def test_vectors_read_back_to_the_same_bits(suffix: str, source: Path, folder: Path, cli: Cli) -> None:
    out = folder / f"f.{suffix}"
    ran = cli("build", source, "--out", out, "--today", TODAY, "--max-faults", 1)
    assert ran.code == 0, ran.err
    if suffix != "PARQUET":
        rows = read_back(out)
        wanted = expected()
        assert [row[0] for row in rows] == oracle.in_byte_order(wanted)
        for name, *vector in rows:
            assert oracle.bits(vector) == oracle.bits(wanted[name])
    assert sorted(path.name for path in folder.iterdir()) == [
        f"f.{suffix}",
        f"f.{suffix}.manifest.json",
        f"f.{suffix}.quarantine.{'csv' if suffix == 'csv' else 'parquet'}",
    ]


def test_csv_is_written_as_people_read_it(source: Path, folder: Path, cli: Cli) -> None:
    cli("build", source, "--out", folder / "f.csv", "--today", TODAY, "--max-faults", 1)
    lines = (folder / "f.csv").read_text().splitlines()
    assert (
        lines[0] == "customer_id,purchase_total,visit_frequency,avg_ticket,product_diversity,loyalty_score,recency_days"
    )
    first = expected()["c0"]
    assert lines[1] == f"c0,{first[0]!r},{first[1]!r},{first[2]!r},{first[3]!r},0.0,{first[5]!r}"


def test_the_manifest(source: Path, folder: Path, cli: Cli) -> None:
    out = folder / "f.parquet"
    ran = cli("build", source, "--out", out, "--today", TODAY, "--max-faults", "2%", "--window", "12 months")
    assert ran.code == 0, ran.err
    described = manifest_of(out)
    aside = folder / "f.parquet.quarantine.parquet"
    assert described["rows"] == {"in": 202, "used": 200, "excluded": 0, "excluded_by": {}, "quarantined": 2}
    assert described["faults"] == {"missing_customer_id": 1, "future_date": 1}
    assert described["warnings"] == []
    assert described["customers"] == 7
    assert described["definition"] == features.DEFINITION_VERSION
    assert described["mapping"] == {name: name for name in FIELDS}
    assert described["options"] == {
        "today": TODAY,
        "grain": "transaction",
        "future": "fault",
        "returns": "fault",
        "window": "12 months",
        "timezone": "UTC",
        "date_format": None,
        "decimal": None,
        "thousands": None,
        "null": [],
        "encoding": None,
        "max_points": None,
        "on_fault": "quarantine",
        "max_faults": 0.02,
        "tolerate": {},
        "incomplete": "keep",
    }
    assert described["sources"] == [{"path": str(source), "bytes": source.stat().st_size, "rows": 202}]
    assert described["output"] == {
        "path": "f.parquet",
        "rows": 7,
        "bytes": out.stat().st_size,
        "sha256": hashlib.sha256(out.read_bytes()).hexdigest(),
    }
    assert described["quarantine"] == {
        "path": aside.name,
        "rows": 2,
        "bytes": aside.stat().st_size,
        "sha256": hashlib.sha256(aside.read_bytes()).hexdigest(),
    }


@pytest.mark.parametrize("suffix", ["csv", "arrow"])
def test_digests_of_the_other_formats(suffix: str, source: Path, folder: Path, cli: Cli) -> None:
    out = folder / f"f.{suffix}"
    cli("build", source, "--out", out, "--today", TODAY, "--max-faults", 1)
    described = manifest_of(out)["output"]
    assert described["sha256"] == hashlib.sha256(out.read_bytes()).hexdigest()
    assert (described["rows"], described["bytes"]) == (7, out.stat().st_size)


def test_the_quarantine(source: Path, folder: Path, cli: Cli) -> None:
    out = folder / "f.parquet"
    cli("build", source, "--out", out, "--today", TODAY, "--max-faults", 1)
    table = pq.read_table(folder / "f.parquet.quarantine.parquet")
    assert table.column_names == ["source", "row_number", "fault", "faults", "message", *FIELDS]
    assert [tuple(row.values())[:4] + tuple(row.values())[5:] for row in table.to_pylist()] == [
        (str(source), 201, "future_date", "future_date", "c1", "x1", "2052-04-01", "1", "p"),
        (
            str(source),
            202,
            "missing_customer_id",
            "missing_customer_id,negative_amount",
            None,
            "x2",
            "2025-04-01",
            "-1",
            "p",
        ),
    ]


def test_the_same_bytes_on_a_second_run(source: Path, tmp_path: Path, cli: Cli) -> None:
    for suffix in ("parquet", "csv", "arrow"):
        contents = []
        for place in ("first", "second"):
            out = tmp_path / place / f"f.{suffix}"
            out.parent.mkdir(exist_ok=True)
            assert cli("build", source, "--out", out, "--today", TODAY, "--max-faults", 1).code == 0
            contents.append({path.name: path.read_bytes() for path in out.parent.glob(f"f.{suffix}*")})
        assert len(contents[0]) == 3
        assert contents[0] == contents[1]


def test_a_quarantine_of_an_earlier_run_is_taken_away(source: Path, folder: Path, cli: Cli) -> None:
    out = folder / "f.parquet"
    cli("build", source, "--out", out, "--today", TODAY, "--max-faults", 1)
    assert (folder / "f.parquet.quarantine.parquet").exists()
    source.write_text(csv_text(*GOOD))
    assert cli("build", source, "--out", out, "--today", TODAY).code == 0
    assert sorted(path.name for path in folder.iterdir()) == ["f.parquet", "f.parquet.manifest.json"]
    assert "quarantine" not in manifest_of(out)


def test_a_refused_run_leaves_the_earlier_output_as_it_was(source: Path, folder: Path, cli: Cli) -> None:
    out = folder / "f.parquet"
    cli("build", source, "--out", out, "--today", TODAY, "--max-faults", 1)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    for more in (("--max-faults", "0.1%"), ("--on-fault", "fail")):
        ran = cli("build", source, "--out", out, "--today", TODAY, *more)
        assert ran.code == 1
        assert "Nothing was published" in ran.err
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_more_than_one_row_group(tmp_path: Path, cli: Cli) -> None:
    size = ROWS_A_GROUP + 1000
    table = pa.table(
        {
            "customer_id": [f"{place:07}" for place in range(size)][::-1],
            "transaction_id": ["t"] * size,
            "date": ["2025-04-20"] * size,
            "amount": [place / 100 for place in range(size)][::-1],
            "product_id": ["p"] * size,
        }
    )
    pq.write_table(table, tmp_path / "t.parquet")
    out = tmp_path / "f.parquet"
    assert cli("build", tmp_path / "t.parquet", "--out", out, "--today", TODAY).code == 0
    file = pq.ParquetFile(out)
    groups = [file.metadata.row_group(place).num_rows for place in range(file.num_row_groups)]
    assert groups == [ROWS_A_GROUP, 1000]
    rows = file.read()
    assert rows["customer_id"].to_pylist() == [f"{place:07}" for place in range(size)]
    assert rows["purchase_total"].to_pylist() == [place / 100 for place in range(size)]


def test_pages_carry_checksums(source: Path, folder: Path, cli: Cli) -> None:
    out = folder / "f.parquet"
    cli("build", source, "--out", out, "--today", TODAY, "--max-faults", 1)
    body = out.read_bytes()
    column = pq.ParquetFile(out).metadata.row_group(0).column(0)
    for back in range(1, 30):
        damaged = bytearray(body)
        damaged[column.data_page_offset + column.total_compressed_size - back] ^= 1
        out.write_bytes(damaged)
        with pytest.raises(OSError, match=r"(?i)crc|checksum"):
            pq.read_table(out, page_checksum_verification=True)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("f.xlsx", "the suffix decides the format; allowed are .parquet, .csv, .arrow"),
        ("f.parqet", "did you mean '.parquet'"),
        ("f", "the suffix decides the format"),
        ("f.csv.gz", "the suffix decides the format"),
        ("missing/f.csv", "the folder .*missing does not exist"),
        ("folder.csv", "is a directory"),
    ],
)
def test_targets_that_cannot_be(name: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(OutputError, match=says):
        check_target(tmp_path / name)


@pytest.mark.parametrize("form", ["t.csv", "./t.csv", "link.csv", "../in/t.csv"])
def test_a_source_is_not_overwritten(form: str, source: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(source.parent)
    (source.parent / "link.csv").symlink_to(source)
    before = source.read_bytes()
    ran = cli("build", source, "--out", form, "--today", TODAY, "--max-faults", 1)
    assert ran.code == 2
    assert "is one of the sources and would be overwritten" in ran.err
    assert source.read_bytes() == before
    assert sorted(path.name for path in source.parent.iterdir()) == ["link.csv", "t.csv"]


def test_a_quarantine_that_was_read_is_not_overwritten(source: Path, folder: Path, cli: Cli) -> None:
    """Mending a quarantine and building it again must not replace it under one's hands."""
    cli("build", source, "--out", folder / "f.parquet", "--today", TODAY, "--max-faults", 1)
    aside = folder / "f.parquet.quarantine.parquet"
    before = aside.read_bytes()
    ran = cli("build", aside, source, "--out", folder / "f.parquet", "--today", TODAY, "--max-faults", 1)
    assert ran.code == 2
    assert aside.read_bytes() == before


# -- what goes wrong while writing -----------------------------------------------------------------------

LIMITED = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), int(sys.argv[1])))
from customer_features.cli import main
main(sys.argv[2:])
"""


@pytest.mark.sampled(3)
@pytest.mark.parametrize("suffix", ["parquet", "csv", "arrow"])
@pytest.mark.parametrize("previous", [False, True])
def test_a_full_disk(suffix: str, previous: bool, tmp_path: Path, folder: Path) -> None:
    """A file may grow to 20 kB and no further, as on a disk that is full."""
    path = tmp_path / "t.csv"
    path.write_text(csv_text(*(f"customer-{place},1,2025-04-20,{place}.37,p" for place in range(5000))))
    out = folder / f"f.{suffix}"
    if previous:
        out.write_bytes(b"what stood here before")
    ran = subprocess.run(
        [sys.executable, "-c", LIMITED, "20000", "build", str(path), "--out", str(out), "--today", TODAY],
        env=child_environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=BOUND,
    )
    err = assert_refused(ran, folder)
    assert "cannot be written" in err
    assert "nothing was published" in err
    assert [path.name for path in folder.iterdir()] == ([out.name] if previous else [])
    assert not previous or out.read_bytes() == b"what stood here before"


def test_a_disk_too_full_for_standard_input(tmp_path: Path, folder: Path) -> None:
    body = csv_text(*(f"customer-{place},1,2025-04-20,{place}.37,p" for place in range(5000)))
    ran = subprocess.run(
        [sys.executable, "-c", LIMITED, "20000", "build", "-", "--out", str(folder / "out.csv"), "--today", TODAY],
        env=child_environment(),
        input=body,
        capture_output=True,
        text=True,
        check=False,
        timeout=BOUND,
    )
    assert_refused(ran, folder)


def test_a_place_that_takes_no_files(source: Path, cli: Cli) -> None:
    ran = cli("build", source, "--out", "/proc/f.parquet", "--today", TODAY, "--max-faults", 1)
    assert ran.code == 2
    assert ran.err.count("\n") == 1 or "cannot be" in ran.err
    assert "Traceback" not in ran.err
    assert "fault of customer-features itself" not in ran.err


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that takes a moment to read, and the vectors of which take one to write."""
    path = tmp_path_factory.mktemp("large") / "large.csv"
    days = [(date(2025, 4, 24) - timedelta(days=place)).isoformat() for place in range(300)]
    with path.open("w") as text:
        text.write(",".join(FIELDS) + "\n")
        text.writelines(
            f"c{place * 79 % 100_000},{place},{days[place % 300]},{place % 1000}.55,p{place * 31 % 9999}\n"
            for place in range(200_000)
        )
    return path


def reads(process: int, spill: Path, folder: Path) -> bool:
    """Tell whether a process has its spill folder and has opened the source."""
    opened = set()
    with suppress(OSError):  # it closes files meanwhile, or has ended
        for handle in Path(f"/proc/{process}/fd").iterdir():
            opened.add(handle.readlink().name)
    return "large.csv" in opened and any(spill.iterdir())


def writes(process: int, spill: Path, folder: Path) -> bool:
    """Tell whether something is written under a temporary name."""
    with suppress(FileNotFoundError):  # it gets its final name meanwhile
        return any(path.stat().st_size for path in folder.glob("*.part"))
    return False


@pytest.mark.sampled(4)
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
@pytest.mark.parametrize("moment", [reads, writes])
def test_a_run_that_is_stopped_leaves_nothing(
    number: signal.Signals,
    code: int,
    moment: Callable[[int, Path, Path], bool],
    large: Path,
    folder: Path,
    tmp_path: Path,
) -> None:
    spill, out = tmp_path / "spill", folder / "out.csv"
    spill.mkdir()
    command = [sys.executable, "-m", "customer_features", "build", str(large), "--today", TODAY, "--out", str(out)]

    def begun() -> subprocess.Popen[str] | None:
        """Start a run and halt it at the moment; give None where it was faster than this process."""
        environment = child_environment(TMPDIR=str(spill), OMP_NUM_THREADS="1")
        process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
        until(lambda: moment(process.pid, spill, folder) or process.poll() is not None, "the moment")
        if process.poll() is None:
            process.send_signal(signal.SIGSTOP)
            os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        if process.poll() is None and not list(folder.glob("*.manifest.json*")):
            return process
        process.send_signal(signal.SIGCONT)
        assert process.wait(timeout=BOUND) == 0, process.communicate()
        for path in folder.iterdir():
            path.unlink()
        return None

    process = until(begun, "a run that is halted in time")
    process.send_signal(number)
    process.send_signal(signal.SIGCONT)
    _, err = process.communicate(timeout=BOUND)
    assert process.returncode == code, err
    assert "nothing is left half-written" in err
    assert "Traceback" not in err
    assert_no_leftovers(folder)
    assert list(spill.iterdir()) == []
