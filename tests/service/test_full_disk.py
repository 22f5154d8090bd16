"""A disk that is full once the body is on it: a sentence and 503, for a request and for a job, and nothing is left."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from customer_features.engines.rows.engine import Caps
from customer_features.service.bodies import job_route, spool, tables
from customer_features.service.content import ARROW, ARROW_FILE, CSV, PARQUET
from customer_features.service.problems import Refused
from tests.conftest import Mount
from tests.service.bodies.test_jobs import ended, submit
from tests.service.bodies.test_tables import TODAY, ask
from tests.waiting import BOUND

from .harness import COMMAND, EXAMPLE, Running, problem, start

CUSTOMERS = 12_000
BODY = "\n".join(
    ["customer_id,transaction_id,date,amount,product_id", *(f"C{n},T,2025-01-01,{n}.5,P" for n in range(CUSTOMERS))]
).encode()
ROOM = 1_600_000
"""Bytes of a disk: for the body (350 kB), the queue and the log, and not for the answer (2 MB) as JSON too."""


@pytest.fixture
def full(small_disk: Mount) -> Iterator[Running]:
    """A server whose folder lies on a small disk."""
    folder, limited = small_disk("data", ROOM)
    running = start(folder, "--no-auth", command=[*limited, *COMMAND])
    yield running
    running.kill()


@pytest.mark.slow
def test_a_full_disk_under_an_answer_is_a_sentence(full: Running) -> None:
    document = problem(ask(full, BODY, CSV, "application/json"), 503, "overloaded")
    assert document["detail"] == spool.FULL
    assert not list((full.folder / "spool").iterdir())
    job = ended(full, submit(full, BODY, CSV, f"?today={TODAY}", Accept="application/json").headers["location"])
    assert job["status"] == "failed"
    assert (job["problem"]["status"], job["problem"]["detail"]) == (503, spool.FULL)
    assert not list((full.folder / "jobs" / job["id"]).glob("*.json"))
    assert full.post().status_code == 200
    assert ask(full, BODY, CSV, PARQUET).status_code == 200  # which has room


@pytest.mark.parametrize(
    ("answer", "file"), [("application/json", "answer.json"), (ARROW, "answer.arrows")], ids=["JSON", "a stream"]
)
def test_a_write_that_finds_no_room(answer: str, file: str, tmp_path: Path) -> None:
    (tmp_path / tables.BODY).write_bytes(BODY)
    (tmp_path / file).symlink_to("/dev/full")
    asked = tables.parse([("today", TODAY)], CSV, answer, "UTC")
    with pytest.raises(Refused) as refused:
        tables.compute(str(tmp_path), asked, memory="512MB", threads=1)
    assert (refused.value.name, refused.value.detail) == ("overloaded", spool.FULL)


COMPUTED = """
import sys
from customer_features.service import content; from customer_features.service.bodies import tables
asked = tables.parse([("today", "2025-04-24")], content.CSV, sys.argv[2], "UTC")
try:
    tables.compute(sys.argv[1], asked, memory="512MB", threads=1)
except tables.Refused as refused:
    print(refused.name, refused.detail)
"""


@pytest.mark.sampled(3)
@pytest.mark.parametrize("kind", [PARQUET, ARROW_FILE, CSV])
def test_an_answer_as_a_table_that_finds_no_room(kind: str, small_disk: Mount) -> None:
    """Here it is the publisher, or the engine itself, whose file may not grow."""
    folder, limited = small_disk("request", 32 * 1024, limited=True)
    (folder / tables.BODY).write_bytes(BODY)
    command = [*limited, sys.executable, "-c", COMPUTED, str(folder), kind]
    done = subprocess.run(command, capture_output=True, text=True, timeout=BOUND, check=False)
    assert (done.stdout, done.stderr) == (f"overloaded {spool.FULL}\n", "")


def test_a_job_in_json_that_finds_no_room(tmp_path: Path) -> None:
    (tmp_path / tables.BODY).write_bytes(EXAMPLE)
    (tmp_path / "answer.json").symlink_to("/dev/full")
    asked = json.dumps({"media_type": "application/json", "answer": "application/json"}).encode()
    with pytest.raises(Refused) as refused:
        job_route._computed(str(tmp_path), asked, "512MB", Caps(10, 10), 10)
    assert (refused.value.name, refused.value.detail) == ("overloaded", spool.FULL)
    assert not (tmp_path / "answer.json").is_symlink()


def test_another_error_is_not_taken_for_a_full_disk() -> None:
    with pytest.raises(PermissionError), spool.answering():
        raise PermissionError(13, "Permission denied")
