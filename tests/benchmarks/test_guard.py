"""The guard from a repeat to its exit code: an A/A run passes, a planted slowdown is caught."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from benchmarks import guard
from benchmarks.guarded import CONTESTS, Guarded, repeat, slowed

SMALL = ("json-pydantic",)
"""A second a repeat."""


@pytest.mark.thorough
def test_the_same_passes_and_a_slower_one_fails_on_this_machine(tmp_path: Path) -> None:
    """Measure real work. Other work on the machine scatters it, so this needs a quiet one.

    What is planted is larger than what the guard finds by itself (``--plant 1.3``).
    """
    same, slower = guard.sampler(tmp_path), guard.sampler(tmp_path, slower=1.6)
    recorded = guard.samples(SMALL, same)
    assert [one.failed for one in guard.guard(recorded, same, guard.MARGIN)] == [False]
    assert [one.failed for one in guard.guard(recorded, slower, guard.MARGIN)] == [True]


@pytest.mark.slow
def test_a_repeat_runs_in_a_process_of_its_own(tmp_path: Path) -> None:
    [ratio] = guard.sampler(tmp_path, slower=2)(SMALL[0], 1)
    assert math.isfinite(ratio)


class Clock:
    """Seconds that pass by work, and a little by every look, as a loop that waits for a moment needs."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1e-4
        return self.now

    def work(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def no_collecting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the garbage collection before each round: it takes long in the process of the tests."""
    monkeypatch.setattr("benchmarks.guarded.gc.collect", lambda: 0)


def contest(clock: Clock, noise: Callable[[], float] = lambda: 1.0) -> Guarded:
    """Ours takes half as long as the peer."""
    return Guarded(lambda: clock.work(0.1 * noise()), lambda: clock.work(0.2 * noise()), 6, lambda: None)


def test_a_planted_slowdown_is_as_long_as_it_says(no_collecting: None) -> None:
    clock = Clock()
    slowed(lambda: clock.work(0.1), 1.5, clock)()
    assert clock.now == pytest.approx(0.15, abs=1e-3)
    assert repeat(contest(clock), clock=clock) == pytest.approx(math.log(0.5), abs=0.01)
    assert repeat(contest(clock), 1.6, clock) == pytest.approx(math.log(0.8), abs=0.01)


def test_the_same_passes_and_a_slower_one_fails(no_collecting: None) -> None:
    clock, chance = Clock(), random.Random(6)

    def sample(slower: float) -> guard.Sample:
        work = contest(clock, lambda: chance.gauss(1, 0.02))
        return lambda name, count: [repeat(work, slower, clock) for _ in range(count)]

    recorded = guard.samples(SMALL, sample(1))
    assert [one.failed for one in guard.guard(recorded, sample(1), guard.MARGIN)] == [False]
    assert [one.failed for one in guard.guard(recorded, sample(1.3), guard.MARGIN)] == [True]


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
