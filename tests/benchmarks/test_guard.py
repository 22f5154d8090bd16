"""The guard over real work, in its small form: an A/A run passes, a planted slowdown is caught."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from benchmarks import guard
from benchmarks.guarded import CONTESTS, slowed

SMALL = ("json-pydantic",)
"""A second a repeat; it is measured beside other tests, whose work falls on both of a pair, and scatters them: so what
is planted here is larger than what the guard finds on a quiet machine (``--plant 1.3``)."""


@pytest.mark.slow
def test_the_same_passes_and_a_slower_one_fails(tmp_path: Path) -> None:
    same, slower = guard.sampler(tmp_path), guard.sampler(tmp_path, slower=1.6)
    recorded = guard.samples(SMALL, same)
    assert [one.failed for one in guard.guard(recorded, same, guard.MARGIN)] == [False]
    assert [one.failed for one in guard.guard(recorded, slower, guard.MARGIN)] == [True]


def test_a_planted_slowdown_is_as_long_as_it_says() -> None:
    from time import perf_counter, sleep

    began = perf_counter()
    slowed(lambda: sleep(0.1), 1.5)()
    assert 0.15 <= perf_counter() - began < 0.3


def test_what_is_recorded_are_the_contests_that_there_are() -> None:
    recorded = guard.read()
    assert recorded.repeats.keys() == CONTESTS.keys()
    assert {len(repeats) for repeats in recorded.repeats.values()} == {guard.REPEATS}


@pytest.fixture
def recorded_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "guard.json"
    monkeypatch.setattr(guard, "RECORDED", path)
    monkeypatch.setattr(guard, "sampler", lambda folder, slower=1: lambda name, count: [slower - 1 + 0.001 * count])
    return path


def test_record_pass_and_fail(recorded_elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = CliRunner().invoke
    nothing = run(guard.main, [])
    assert nothing.exit_code == 2
    assert "make guard-record" in nothing.output
    monkeypatch.setattr(
        guard, "samples", lambda names, sample: {name: [place / 100 for place in range(12)] for name in names}
    )
    assert run(guard.main, ["--record"]).exit_code == 0
    monkeypatch.setattr(guard, "guard", lambda recorded, sample, margin: [_judged(name, margin) for name in recorded])
    assert run(guard.main, []).exit_code == 0
    found = msgspec.json.decode(recorded_elsewhere.read_bytes(), type=guard.Recorded)
    found.place["processor"] = "another"
    recorded_elsewhere.write_bytes(msgspec.json.encode(found))
    elsewhere = run(guard.main, [])
    assert elsewhere.exit_code == 1
    assert "not another" in elsewhere.output
    assert "more than 30%" in elsewhere.output
    assert "slower than recorded, beside the peer: json-orjson, json-pydantic, bulk, csv, as-of" in elsewhere.output


def _judged(name: str, margin: float) -> guard.Judgement:
    return guard.Judgement(name, 1.0, 1.0, 1.0, 1.0, failed=margin != guard.MARGIN)
