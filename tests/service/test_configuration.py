"""Settings that cannot serve: each is refused at the start, by the name that it was given by."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from customer_features.cli import run as cli_run
from customer_features.cli.serve import serve
from customer_features.errors import UsageError
from customer_features.service import environment
from tests.installed import installed
from tests.waiting import BOUND

from .harness import COMMAND, command
from .harness import environment as child

WRONG = {
    "host": ["no.such.host.invalid", "256.1.1.1"],
    "port": ["-1", "70000", "http", "80.5"],
    "workers": ["0", "-2", "many", "257"],
    "no-auth": ["perhaps"],
    "max-body": ["lots", "-1", "0", "1.5MiB"],
    "max-unpacked": ["lots", "0"],
    "max-customers": ["0", "many"],
    "max-transactions": ["0", "many"],
    "table-memory": ["lots"],
    "max-table": ["lots"],
    "process-memory": ["lots", "256MiB"],
    "max-dates": ["0", "many"],
    "max-vectors": ["0", "many"],
    "tenant-disk": ["lots", "0"],
    "min-rate": ["fast", "0"],
    "peer-connections": ["0", "many"],
    "job-timeout": ["0s", "60"],
    "job-keep": ["soon"],
    "rate-limit": ["fast", "0/minute", "10/fortnight"],
    "failed-logins": ["fast"],
    "redis": ["localhost"],
    "request-timeout": ["0s", "60", "soon"],
    "drain": ["-1s", "5", "soon"],
    "timezone": ["Nowhere", "GMT+25"],
    "metrics-port": ["-1", "70000", "http"],
    "metrics-host": ["no.such.host.invalid"],
    "tls-cert": ["/no/such/file"],
    "tls-key": ["/no/such/file"],
    "trusted-proxies": ["10.0.0.300", "proxy", "10.1.2.3/8", "0.0.0.0/0"],
    "traces": [
        "localhost:4318",
        "ftp://x",
        "http://",
        "http://[::1",
        "http://user:word@host/v1/traces",
        "http://h:99999",
    ],
    "explorer": ["perhaps"],
    "explorer-max": ["lots", "0"],
    "log-level": ["loud"],
}


def refused(done: subprocess.CompletedProcess[str], *says: str) -> None:
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr
    for words in says:
        assert words in done.stderr


def serve_with(folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return command(folder, "serve", "--port", "0", **variables)


def options() -> set[str]:
    return {option.strip("-") for parameter in serve.params for option in parameter.opts}


def test_every_option_that_can_be_wrong_is_tried() -> None:
    assert set(WRONG) == options()


@pytest.mark.parametrize("option", [*WRONG])
def test_a_wrong_value_is_refused_by_its_name(
    tmp_path: Path, option: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(signal, "signal", lambda number, handler: None)
    monkeypatch.setenv("CUSTOMER_FEATURES_DATA_DIR", str(tmp_path))
    beside = ["serve", "--metrics-port", "0"] if option == "metrics-host" else ["serve"]
    variable = environment.variable_of(option)

    def says(name: str, *arguments: str) -> None:
        assert cli_run([*beside, *arguments]) == 2
        out, err = capsys.readouterr()
        assert (out, name in err, "Traceback" in err) == ("", True, False), err

    for value in WRONG[option]:
        if option not in ("no-auth", "explorer"):
            says(f"--{option}", f"--{option}={value}")
        with monkeypatch.context() as changed:
            changed.setenv(variable, value)
            says(variable)


def test_no_auth_beyond_this_machine_is_refused(tmp_path: Path) -> None:
    refused(
        serve_with(tmp_path, CUSTOMER_FEATURES_NO_AUTH="1", CUSTOMER_FEATURES_HOST="0.0.0.0"), "--no-auth is refused on"
    )


def test_an_unknown_setting_is_refused(tmp_path: Path) -> None:
    done = serve_with(tmp_path, CUSTOMER_FEATURES_MAXBODY="s3cret-value", CUSTOMER_FEATURES_X="s3cret-value")
    refused(done, "CUSTOMER_FEATURES_MAXBODY is not a setting (nor CUSTOMER_FEATURES_X)")
    assert "did you mean 'CUSTOMER_FEATURES_MAX_BODY'?" in done.stderr
    assert "s3cret" not in done.stderr


def test_what_others_read_is_no_mistake() -> None:
    known = [*environment.SHARED, *environment.ELSEWHERE]
    for name in ("URL", "API_ID", "SECRET", "DATA_DIR", "PEPPER", "LOG"):
        assert f"CUSTOMER_FEATURES_{name}" in known
    environment.check(["--port"], dict.fromkeys([*known, "CUSTOMER_FEATURES_PORT", "OTHER", "PATH"], "x"))
    with pytest.raises(UsageError, match="did you mean 'CUSTOMER_FEATURES_PORT'"):
        environment.check(["--port"], {"CUSTOMER_FEATURES_PROT": "1"})


def test_a_data_folder_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "inside"):
        refused(command(folder, "serve", "--port", "0"), str(folder), "CUSTOMER_FEATURES_DATA_DIR")


def test_a_data_folder_that_is_read_only(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o500)
    prefix: list[str] = []
    if os.getuid() == 0:
        # Root may write everywhere; what it may do without that right is what another user may.
        rights = "-dac_override,-dac_read_search"
        setpriv = installed("setpriv")
        prefix = [setpriv, f"--bounding-set={rights}", f"--inh-caps={rights}"]
    done = subprocess.run(
        [*prefix, *COMMAND, "serve", "--port", "0"],
        env=child(folder),
        capture_output=True,
        text=True,
        timeout=BOUND,
        check=False,
    )
    refused(done, "Permission denied", str(folder), "CUSTOMER_FEATURES_DATA_DIR")


def test_a_pepper_that_is_missing_or_another(tmp_path: Path) -> None:
    assert command(tmp_path, "keys", "create", "etl").returncode == 0
    pepper = tmp_path / "pepper"
    kept = pepper.read_bytes()
    refused(serve_with(tmp_path, CUSTOMER_FEATURES_PEPPER="x" * 31), "CUSTOMER_FEATURES_PEPPER is too short")
    refused(
        serve_with(tmp_path, CUSTOMER_FEATURES_PEPPER="x" * 32),
        "is not the one that the keys",
        "CUSTOMER_FEATURES_PEPPER",
    )
    pepper.write_bytes(kept[:31])
    refused(serve_with(tmp_path), f"{pepper} holds 31 bytes instead of 32")
    pepper.write_bytes(bytes(32))
    refused(serve_with(tmp_path), "is not the one that the keys")
    pepper.unlink()
    refused(serve_with(tmp_path), f"the pepper {pepper} is gone", "CUSTOMER_FEATURES_PEPPER")
    assert not pepper.exists()
