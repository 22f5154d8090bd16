"""The page for operators and its examples, held to the code."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import click
import httpx
import pytest
import yaml

from customer_features.cli.keys import keys
from customer_features.cli.serve import serve
from customer_features.service import app, environment
from customer_features.service.settings import MAX_BODY
from tests.installed import installed, prepared
from tests.service.harness import start
from tests.waiting import BOUND
from tools.needed import uv

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "examples" / "deploy"
PAGE = (ROOT / "docs" / "operate.md").read_text("utf-8")


def table() -> list[str]:
    """The settings as the page must show them."""
    rows = ["| Option | Variable | Default | Meaning |", "|---|---|---|---|"]
    for parameter in serve.params:
        assert isinstance(parameter, click.Option)
        (option,) = parameter.opts
        shown = option if parameter.is_flag else f"{option} {parameter.metavar or 'LEVEL'}"
        given = isinstance(parameter.default, str | int) and parameter.default != "" and not parameter.is_flag
        default = f"`{parameter.default}`" if given else ""
        meaning = (parameter.help or "").partition("  [default")[0]
        if isinstance(parameter.type, click.Choice):
            meaning += f" One of {', '.join(parameter.type.choices)}."
        rows.append(f"| `{shown}` | `{environment.variable_of(option)}` | {default} | {meaning} |")
    rows += [f"| | `{name}` | | {meaning[0].upper()}{meaning[1:]}. |" for name, meaning in environment.SHARED.items()]
    return rows


def test_every_setting_is_listed() -> None:
    shown = PAGE.split("held by a test -->\n")[1].split("<!-- /settings")[0].splitlines()
    assert shown == table()
    for name in environment.ELSEWHERE:
        assert name in PAGE


def test_every_variable_that_the_package_names_is_known() -> None:
    known = {environment.variable_of(option) for parameter in serve.params for option in parameter.opts}
    known |= {*environment.SHARED, *environment.ELSEWHERE}
    files = [*(ROOT / "customer_features").rglob("*.py"), *DEPLOY.iterdir()]
    found = {
        name for path in files for name in re.findall(r"\bCUSTOMER_FEATURES_[A-Z_]*[A-Z]", path.read_text("utf-8"))
    }
    assert found <= known


def test_every_metric_is_listed() -> None:
    from customer_features.service.telemetry.metrics import Metrics

    made = {family.name for family in Metrics().registry.collect()}
    listed = set(re.findall(r"^\| `(customer_features_\w+?)(?:_total)?` \|", PAGE, re.MULTILINE))
    assert listed == made


def test_every_command_for_keys_is_on_the_page() -> None:
    assert {"create", "list", "rotate", "revoke", "backup"} == set(keys.commands)
    for name in ("rotate", "revoke", "list", "backup"):
        assert f"keys {name}" in PAGE


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", PAGE):
        assert (ROOT / "docs" / target).exists(), target
    assert {path.name for path in DEPLOY.iterdir()} == set(re.findall(r"deploy/([\w.-]+)\)", PAGE))


def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    text = (DEPLOY / "customer-features.service").read_text()
    unit = tmp_path / "customer-features.service"
    command = "/usr/local/lib/customer-features/bin/customer-features"
    assert f"ExecStart={command} serve\n" in text
    unit.write_text(text.replace(command, str(Path(sys.executable).parent / "customer-features")))
    run = subprocess.run(
        [installed("systemd-analyze"), "verify", "--man=no", str(unit)],
        capture_output=True,
        text=True,
        env={**os.environ, "SYSTEMD_LOG_LEVEL": "warning"},
        timeout=BOUND,
        check=False,
    )
    assert [line for line in run.stderr.splitlines() if unit.name in line] == []


def test_the_manifest_asks_for_paths_that_there_are() -> None:
    (manifest,) = yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text())
    (container,) = manifest["spec"]["template"]["spec"]["containers"]
    probes = {name: probe["httpGet"]["path"] for name, probe in container.items() if name.endswith("Probe")}
    assert probes == {"startupProbe": app.HEALTH, "livenessProbe": app.HEALTH, "readinessProbe": app.READY}
    environment.check(
        [option for parameter in serve.params for option in parameter.opts],
        {entry["name"]: entry["value"] for entry in container["env"]},
    )


def test_the_proxies_have_the_services_limits() -> None:
    mib = MAX_BODY // 1024 // 1024
    assert f"client_max_body_size {mib}m;" in (DEPLOY / "nginx.conf").read_text()
    assert f"max_size {mib}MiB" in (DEPLOY / "Caddyfile").read_text()


def test_the_container_file_passes_its_linter() -> None:
    linter = Path(sys.executable).parent / "hadolint"
    run = subprocess.run([linter, DEPLOY / "Containerfile"], capture_output=True, text=True, timeout=BOUND, check=False)
    assert (run.returncode, run.stdout + run.stderr) == (0, "")


def test_the_container_does_not_run_as_root() -> None:
    last = (DEPLOY / "Containerfile").read_text().rpartition("FROM ")[2]
    assert re.search(r"^USER [1-9]\d*$", last, re.MULTILINE)
    assert "/venv/bin/customer-features" in last


@pytest.mark.slow
def test_the_containers_steps_make_a_service(tmp_path: Path) -> None:
    # There is no container runtime here; its steps are run in another folder instead.
    text = (DEPLOY / "Containerfile").read_text().replace("\\\n", " ")
    source = tmp_path / "source"
    source.mkdir()
    for line in re.findall(r"^COPY (?!--from)(.*)$", text, re.MULTILINE):
        *files, target = shlex.split(line)
        for name in files:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, source / target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / name, source / target)
    steps = re.search(r"^RUN (python -m venv .*)$", text, re.MULTILINE)
    assert steps is not None
    # uv does what the steps say, and takes from its cache what the environment was made of.
    prepared("service")
    venv, pinned = tmp_path / "venv", ROOT / "constraints.txt"
    install = f"{uv()} pip install --offline --python {venv} --build-constraint {pinned}"
    (run,) = steps.groups()
    for written, instead in {
        "python -m venv /venv": f"{uv()} venv --python {sys.executable} {venv}",
        "/venv/bin/python -m pip install --no-cache-dir": install,
    }.items():
        assert run.count(written) == 1
        run = run.replace(written, instead)
    made = subprocess.run(["bash", "-ec", run], cwd=source, check=False, timeout=600, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    command = str(venv / "bin" / "customer-features")
    running = start(tmp_path / "data", "--metrics-port", "0", key=True, command=[command])
    try:
        assert running.post().status_code == 200
        assert "Swagger" in httpx.get(f"{running.url}/docs/swagger-ui-bundle.js").text
        assert running.stop() == 0
    finally:
        running.kill()
