"""The client in plain curl, against a running service."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import EXAMPLE, EXAMPLE_VECTORS, ROOT, TODAY, child
from tests.installed import installed
from tests.service.harness import Running, start
from tests.waiting import BOUND

SCRIPT = ROOT / "examples" / "curl.sh"
PURCHASES = ROOT / "examples" / "purchases.csv"
CONTRACT = ROOT / "examples" / "contract.json"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    running = start(tmp_path_factory.mktemp("service"), key=True)
    yield running
    running.kill()


@pytest.fixture
def clean(tmp_path: Path) -> Path:
    """The purchases of the examples without the faulty one."""
    path = tmp_path / "clean.csv"
    path.write_text("".join(line for line in PURCHASES.read_text().splitlines(True) if "02-30" not in line))
    return path


def asked(service: Running, *words: object, **more: str) -> subprocess.CompletedProcess[str]:
    """One run of the script."""
    installed("curl")
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("CUSTOMER_FEATURES_")},
        "CUSTOMER_FEATURES_URL": service.url,
        "CUSTOMER_FEATURES_API_ID": service.headers["X-Customer-Api-Id"],
        "CUSTOMER_FEATURES_SECRET": service.headers["X-Secret"],
        "PAUSE": "0.1",
        "RETRIES": "1",
    }
    return subprocess.run(
        [SCRIPT, *map(str, words)],
        env={**environment, **more},
        capture_output=True,
        text=True,
        check=False,
        timeout=BOUND,
    )


def vectors(text: str) -> dict[str, tuple[float, ...]]:
    return {one["customer_id"]: tuple(one["features"].values()) for one in json.loads(text)["customers"]}


def test_a_document(service: Running, tmp_path: Path) -> None:
    ran = asked(service, CONTRACT)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert vectors(ran.stdout) == EXAMPLE_VECTORS
    packed = tmp_path / "contract.json.gz"
    packed.write_bytes(gzip.compress(CONTRACT.read_bytes()))
    assert asked(service, packed).stdout == ran.stdout


@pytest.mark.slow
def test_a_table(service: Running, clean: Path, tmp_path: Path) -> None:
    built = child(
        "build", clean, "--today", TODAY, "--grain", "line", "--window", "3 months", "--out", tmp_path / "f.csv"
    )
    assert built.returncode == 0, built.stderr
    words = (clean, f"today={TODAY}", "grain=line", "window=3 months", "map=amount=total")
    ran = asked(service, "-t", "csv", *words)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout == (tmp_path / "f.csv").read_text()
    job = asked(service, "-j", "-t", "csv", *words)
    assert (job.returncode, job.stdout) == (0, ran.stdout)
    assert asked(service, "-jt", "csv", *words).stdout == ran.stdout  # the same job again


def test_names_of_any_characters(service: Running, tmp_path: Path) -> None:
    path = tmp_path / "año de ventas & más.csv"
    path.write_text("customer_id,transaction_id,date,Größe & total=1,product_id\nä,1,2025-04-20,1.5,p\n")
    ran = asked(service, path, f"today={TODAY}", "map=amount=Größe & total=1")
    assert ran.returncode == 0, ran.stderr
    assert vectors(ran.stdout) == {"ä": (1.5, 1.0, 1.5, 1.0, 0.0, 4.0)}


@pytest.mark.parametrize("options", [[], ["-j"]])
def test_refused_data(options: list[str], service: Running) -> None:
    ran = asked(service, *options, PURCHASES, f"today={TODAY}")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "2025-02-30" in ran.stderr
    assert '"status":422' in ran.stderr


def test_refused_credentials(service: Running) -> None:
    ran = asked(service, CONTRACT, CUSTOMER_FEATURES_SECRET="wrong")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert json.loads(ran.stderr)["status"] == 401
    assert asked(service, CONTRACT, CUSTOMER_FEATURES_SECRET="").returncode == 2


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "usage: curl.sh [-j] [-t TYPE] FILE"),
        (["nowhere.csv"], "nowhere.csv cannot be read"),
        ([str(ROOT / "README.md")], "the suffix says what it is; allowed are .json, .csv"),
        (["-t", "xlsx", str(PURCHASES)], "-t 'xlsx' is unknown; allowed are json, csv, parquet, arrow"),
        ([str(PURCHASES), "today"], "'today' is not of the form NAME=VALUE"),
        ([str(CONTRACT), "today=2025-04-24"], "the options of a document stand in it"),
    ],
)
def test_wrong_usage(words: list[str], says: str, service: Running) -> None:
    ran = asked(service, *words)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert says in ran.stderr


@pytest.mark.slow
def test_no_address_and_no_service(service: Running) -> None:
    ran = asked(service, CONTRACT, CUSTOMER_FEATURES_URL="")
    assert ran.returncode == 2
    assert "set it to where the service is" in ran.stderr
    ran = asked(service, CONTRACT, CUSTOMER_FEATURES_URL="http://nowhere.invalid")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "nowhere.invalid" in ran.stderr


def test_the_secret_is_in_no_argument(service: Running, tmp_path: Path) -> None:
    """Every user of a machine may read the arguments of its processes."""
    spy, curl = tmp_path / "curl", installed("curl")
    spy.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >> {tmp_path}/arguments\nexec {curl} "$@"\n')
    spy.chmod(0o755)
    ran = asked(service, CONTRACT, PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert vectors(ran.stdout) == EXAMPLE_VECTORS
    arguments = (tmp_path / "arguments").read_text()
    assert service.url in arguments
    assert service.headers["X-Secret"] not in arguments
    assert service.headers["X-Customer-Api-Id"] not in arguments


def test_nothing_is_left(service: Running, tmp_path: Path) -> None:
    asked(service, CONTRACT, TMPDIR=str(tmp_path))
    asked(service, PURCHASES, TMPDIR=str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_the_example_is_the_contract() -> None:
    document: dict[str, Any] = json.loads(CONTRACT.read_text())
    assert document == EXAMPLE
