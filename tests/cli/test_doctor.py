"""``doctor``: what it says of this environment, of the core alone, and of some that are broken."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from customer_features._version import __version__
from customer_features.cli import examination
from customer_features.cli.examination import examined
from customer_features.cli.findings import Check
from customer_features.system import machine
from customer_features.system.extras import PURPOSES, Purpose
from tests.conftest import ROOT, Cli, child_environment
from tests.system.test_extras import BULK, site
from tests.waiting import BOUND


@pytest.fixture(autouse=True)
def own_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder of the test's own, which is not there yet."""
    folder = tmp_path / "data"
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    return folder


def by_name(checks: list[Check]) -> dict[str, Check]:
    return {check.name: check for check in checks}


@pytest.mark.slow
def test_everything_imports(cli: Cli) -> None:
    """Everything is installed in the environment of the tests, and can be imported."""
    ran = cli("doctor", "--json")
    assert (ran.code, ran.err) == (0, "")
    checks = {check["name"]: check for check in json.loads(ran.out)["checks"]}
    for extra in PURPOSES:
        assert checks[f"[{extra}]"]["status"] == "ok", checks[f"[{extra}]"]


def test_this_environment(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is said of what is installed here is what pip says."""
    monkeypatch.setattr(examination, "_unimportable", lambda module: None)
    ran = cli("doctor", "--json")
    assert (ran.code, ran.err) == (0, "")
    found = json.loads(ran.out)
    assert (found["version"], found["ok"]) == (__version__, True)
    checks = {check["name"]: check for check in found["checks"]}
    assert not any(check["broken"] for check in checks.values())
    assert f"duckdb {metadata.version('duckdb')}, numpy {metadata.version('numpy')}" in checks["[bulk]"]["found"]
    assert checks["[s3]"]["found"] == f"boto3 {metadata.version('boto3')}, all of [bulk]"
    assert checks["cores"]["found"].startswith(str(len(os.sched_getaffinity(0))))
    assert {"memory", "temporary folder", "data folder", "settings", "encoding", "java"} <= set(checks)
    text = cli("doctor")
    assert text.code == 0
    for check in checks.values():
        if check["name"] != "temporary folder":  # other tests write meanwhile
            assert f"{check['status']:9}{check['name']:20}{check['found']}\n{'':29}{check['means']}\n" in text.out
            assert not check["mend"] or f"{check['means']}\n{'':29}{check['mend']}\n" in text.out


def test_the_core_alone(tmp_path: Path) -> None:
    """Nothing but the core can be imported, nor found: the wheel in an environment of its own."""
    alone = tmp_path / "site"
    alone.mkdir()
    for name in ("click", "msgspec", "tzdata"):
        spec = importlib.util.find_spec(name)
        assert spec is not None
        (alone / name).symlink_to(Path(str(spec.origin)).parent)
        distribution = metadata.distribution(name)
        (alone / f"{name}-{distribution.version}.dist-info").symlink_to(str(distribution._path))  # type: ignore[attr-defined]
    (alone / "customer_features").symlink_to(ROOT / "customer_features")
    ours = alone / f"customer_features-{__version__}.dist-info"
    ours.symlink_to(str(metadata.distribution("customer-features")._path))  # type: ignore[attr-defined]
    ran = subprocess.run(
        [sys.executable, "-S", "-m", "customer_features", "doctor", "--json"],
        env={**child_environment(), "PYTHONPATH": str(alone)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        timeout=BOUND,
    )
    assert ran.stderr == ""
    checks = {check["name"]: check for check in json.loads(ran.stdout)["checks"]}
    assert checks["core"]["status"] == "ok"
    for extra in PURPOSES:
        found = checks[f"[{extra}]"]
        assert found["status"] == "missing"
        assert (found["means"], found["mend"]) == (PURPOSES[extra].gives, f"pip install 'customer-features[{extra}]'")
    assert checks["[bulk]"]["found"] == "duckdb, numpy, pyarrow, rich, sqlglot are missing"
    assert checks["[redis]"]["found"] == "redis, [service] are missing"
    assert checks["[client]"]["found"] == "httpx is missing"


def test_half_an_extra(tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examination, "_unimportable", lambda module: None)
    packages = {**BULK, "duckdb": "1.4.1"}
    del packages["rich"]
    path = site(tmp_path / "site", packages)
    found = by_name(examined(path))["[bulk]"]
    assert (found.status, found.broken) == ("problem", True)
    assert found.found.startswith("rich is missing, duckdb 1.4.1 is older than 2.0 (numpy 2.0, ")
    assert found.means.endswith(": installed by half")
    assert found.mend == "pip install 'customer-features[bulk]'"
    monkeypatch.setattr(examination, "examined", lambda: examined(path))
    ran = cli("doctor")
    assert ran.code == 1
    assert "Broken: [bulk]." in ran.out.splitlines()[-1]
    assert json.loads(cli("doctor", "--json").out)["ok"] is False


def test_an_old_core(tmp_path: Path) -> None:
    path = site(tmp_path / "site", {"click": "8.1.7"})
    found = by_name(examined(path))["core"]
    assert (found.status, found.broken) == ("problem", True)
    assert found.found.startswith("click 8.1.7 is older than 8.2, ")
    assert found.mend == "pip install 'customer-features'"


def test_what_cannot_be_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "breaks.py").write_text(
        "try:\n  raise OSError('libz.so: no such file')\nexcept OSError as e: raise ImportError('x') from e\n"
    )
    (tmp_path / "dies.py").write_text("import os; os.abort()\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setitem(PURPOSES, "client", Purpose("asking", "breaks"))
    monkeypatch.setitem(PURPOSES, "spark", Purpose("vectors", "dies"))
    path = site(tmp_path / "site", {"httpx": "0.28", "pyspark": "4.0", "sqlglot": "28"})
    found = by_name(examined(path))
    assert (found["[client]"].status, found["[client]"].found) == ("problem", "OSError: libz.so: no such file")
    assert found["[client]"].mend == "pip install 'customer-features[client]' --force-reinstall"
    assert found["[spark]"].broken
    assert found["[spark]"].found


def test_not_installed(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    found = by_name(examined([str(tmp_path / "site")]))["extras"]
    assert (found.status, found.broken) == ("missing", False)


@pytest.mark.parametrize(
    ("java", "has_spark", "status", "broken"),
    [
        (machine.Java("/usr/bin/java", "17.0.1", 17), True, "ok", False),
        (machine.Java("/usr/bin/java", "11.0.1", 11), True, "problem", True),
        (machine.Java("/usr/bin/java", "11.0.1", 11), False, "problem", False),
        (None, True, "missing", False),
    ],
)
def test_java(
    java: machine.Java | None, has_spark: bool, status: str, broken: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "java", lambda: java)
    [found] = examination._java(has_spark)
    assert (found.status, found.broken) == (status, broken)


def test_a_narrow_terminal(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is said is wrapped; a command that one copies is not."""
    long = "word " * 30
    command = "pip install " + "x" * 90
    monkeypatch.setattr(examination, "examined", lambda: [Check("it", "missing", long, long, command)])
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "72")
    first, *lines = cli("doctor").out.splitlines()
    assert first.startswith("missing  it" + " " * 18 + "word word")
    assert f"{'':29}{command}" in lines
    assert all(len(line) <= 72 for line in [first, *lines] if command not in line)
    assert " ".join([first, *lines]).count("word") == 60


def test_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    said = {}
    for known in ((8 << 30, None), (8 << 30, 2 << 30), (8 << 30, 256 << 20), (None, None)):
        monkeypatch.setattr(machine, "memory", lambda known=known: known)
        [found] = examination._memory()
        said[found.found] = found.status
    assert said == {
        "8.0 GiB": "ok",
        "2.0 GiB, a container's limit on a machine of 8.0 GiB": "ok",
        "256.0 MiB, a container's limit on a machine of 8.0 GiB": "problem",
        "not known": "problem",
    }


def folders(monkeypatch: pytest.MonkeyPatch, spill: str) -> Check:
    monkeypatch.setenv("CUSTOMER_FEATURES_SPILL_DIR", spill)
    temporary, found = examination._folders()
    assert (temporary.name, found.name) == ("temporary folder", "spill folder")
    return found


def test_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert folders(monkeypatch, str(tmp_path / "nowhere")).found.endswith("No such file or directory")
    assert folders(monkeypatch, str(tmp_path)).status == "ok"
    for disk, says in ((machine.Disk(5, False), "little"), (machine.Disk(1 << 40, True), "frees none")):
        monkeypatch.setattr(machine, "disk", lambda folder, disk=disk: disk)
        found = folders(monkeypatch, str(tmp_path))
        assert found.status == "problem"
        assert says in found.means
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert folders(monkeypatch, str(tmp_path)).found.endswith("cannot be written to")


def test_the_data_folder(own_data: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUSTOMER_FEATURES_DATA_DIR", str(own_data))

    def found() -> Check:
        [check] = examination._data()
        return check

    assert found().status == "missing"
    assert cli("keys", "create", "shop").code == 0
    assert found() == Check(
        "data folder", "ok", f"{own_data}, which only you may read", "the service's credentials are there"
    )
    own_data.chmod(0o750)
    assert found().found == f"{own_data} has the rights 0750"
    own_data.chmod(0o700)
    (own_data / "pepper").chmod(0o604)
    assert found().found == f"{own_data}/pepper has the rights 0604"
    subprocess.run(["sh", "-c", found().mend], check=True)
    assert found().status == "ok"
    monkeypatch.setenv("CUSTOMER_FEATURES_DATA_DIR", str(own_data / "pepper"))
    assert found().status == "problem"


def test_a_user_without_a_home_and_a_machine_without_a_temporary_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(error: Exception) -> Any:
        raise error

    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setattr(Path, "home", lambda: none(RuntimeError("Could not determine home directory.")))
    monkeypatch.setattr("tempfile.gettempdir", lambda: none(FileNotFoundError("No usable temporary directory found")))
    [data], [temporary] = examination._data(), examination._folders()
    assert (data.status, data.found) == ("problem", "Could not determine home directory.")
    assert (temporary.status, temporary.found) == ("problem", "No usable temporary directory found")


def test_no_secret_is_printed(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examination, "_unimportable", lambda module: None)
    for name in ("PEPPER", "SECRET", "API_ID", "REDIS", "TIMEZON"):
        monkeypatch.setenv(f"CUSTOMER_FEATURES_{name}", "hush" * 16)
    ran = cli("doctor")
    assert "hush" not in ran.out + ran.err
    assert "CUSTOMER_FEATURES_TIMEZON is not a setting (did you mean 'CUSTOMER_FEATURES_TIMEZONE'?)" in ran.out
    assert ran.code == 0


def test_the_encoding() -> None:
    found = {}
    for more in ({"PYTHONUTF8": "1"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}):
        code = "from customer_features.cli.examination import _encoding; print(*(c.status for c in _encoding()))"
        ran = subprocess.run(
            [sys.executable, "-c", code], env=child_environment(**more), capture_output=True, text=True, check=True
        )
        found[more["PYTHONUTF8"]] = ran.stdout.strip()
    assert found == {"1": "ok", "0": "problem"}
