"""``python -m benchmarks``: what it refuses, and that only ``--record`` keeps anything."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from benchmarks import __main__ as command
from benchmarks import guard, pages
from benchmarks.results import Contest, Standing, contest, load
from benchmarks.scale import Scale, said


def run(*words: str) -> Result:
    return CliRunner().invoke(command.main, words)


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Results in a folder of the test's, and no pages."""
    monkeypatch.setattr(command, "FILES", {kind: tmp_path / f"{kind}.json" for kind in ("standard", "large")})
    monkeypatch.setattr(pages, "write", lambda: [tmp_path / "page.md"])
    return tmp_path


def quick_ones(scale: Scale) -> Iterator[Contest]:
    yield contest(f"tiny, {scale.rows(10_000_000)}", [Standing("ours", [1.0], role="ours"), Standing("peer", [2.0])])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--only", "jsn"], "there is no contest 'jsn'; there are: json, json-compiled"),
        (["--only", ""], "there is no contest ''"),
        (["--quick", "--record"], "--quick is never recorded"),
        (["--only", "json", "--large"], "leave --large away"),
    ],
)
def test_wrong_usage(words: list[str], message: str) -> None:
    ran = run(*words)
    assert ran.exit_code == 2
    assert message in ran.output.replace("\n", " ")


@pytest.mark.slow
def test_a_quick_run_prints_and_keeps_nothing(elsewhere: Path) -> None:
    ran = run("--quick", "--only", "json")
    assert ran.exit_code == 0, ran.output
    assert "Pydantic models and a loop" in ran.output
    assert list(elsewhere.iterdir()) == []


def test_recording_merges_what_was_run(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    groups = dict.fromkeys(("json", "bulk"), ("standard", __name__, "quick_ones"))
    monkeypatch.setattr(command, "GROUPS", groups)
    assert run("--only", "bulk").exit_code == 0
    assert list(elsewhere.iterdir()) == []
    assert run("--record").exit_code == 0
    first = load(elsewhere / "standard.json")
    assert set(first.contests) == {"json", "bulk"}
    ran = run("--only", "json", "--record")
    assert f"written: {elsewhere / 'page.md'}" in ran.output
    found = load(elsewhere / "standard.json")
    assert found.contests == first.contests
    assert found.contests["json"][0].title == "tiny, 10000000"


def left_out(scale: Scale) -> Iterator[Contest]:
    pytest.skip("wrk is missing")
    yield


def test_what_cannot_run_here_is_left_out_and_the_rest_goes_on(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    groups = {"http": ("standard", __name__, "left_out"), "json": ("standard", __name__, "quick_ones")}
    monkeypatch.setattr(command, "GROUPS", groups)
    ran = run("--record")
    assert ran.exit_code == 0
    assert "left out: http: wrk is missing" in ran.stderr
    assert set(load(elsewhere / "standard.json").contests) == {"json"}


def test_sizes() -> None:
    quick = Scale(quick=True)
    assert (quick.rows(10_000_000), quick.rows(1_000_000), quick.rows(5_000), quick.rounds(7)) == (
        100_000,
        20_000,
        5_000,
        2,
    )
    assert (Scale().rows(10_000_000), Scale().rounds(7)) == (10_000_000, 7)
    assert (said(10_000_000), said(150_000)) == ("10 million rows", "150,000 rows")


def test_the_guard_refuses_to_record_a_planted_slowdown() -> None:
    ran = CliRunner().invoke(guard.main, ["--record", "--plant", "1.3"])
    assert ran.exit_code == 2
    assert "not to be recorded" in ran.output
