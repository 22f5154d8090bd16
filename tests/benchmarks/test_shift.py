"""The guard's statistic: exact against SciPy, seldom a false alarm, and sure of what is 30% slower."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from scipy import stats

from benchmarks.guard import ALPHA, MARGIN, REPEATS, guard, judge
from benchmarks.guarded import CONTESTS
from benchmarks.shift import rank, shift

NOISE = 0.05
"""A standard deviation of 5%, larger than what was measured."""
BURSTS = 1 / 12
"""Of the repeats, so many fall into a burst of other work and are far off, either way."""


def sample(chance: random.Random, count: int = REPEATS, times: float = 1.0, bursts: float = BURSTS) -> list[float]:
    """Repeats with noise and bursts."""
    return [
        math.log(times) + chance.gauss(0, NOISE) + (chance.choice([-1, 1]) * 0.3 if chance.random() < bursts else 0)
        for _ in range(count)
    ]


@pytest.mark.parametrize(("first", "second"), [(8, 8), (9, 7), (15, 15)])
@pytest.mark.parametrize("alpha", [0.05, 0.01, 1e-3])
def test_the_bound_is_above_nothing_just_when_scipy_would_reject(first: int, second: int, alpha: float) -> None:
    chance = random.Random(7)
    for _ in range(50):
        recorded, now = sample(chance, first), sample(chance, second, times=chance.choice([1.0, 1.1, 1.3]))
        p = stats.mannwhitneyu(now, recorded, alternative="greater", method="exact").pvalue
        assert (shift(recorded, now, alpha)[1] > 0) == (p <= alpha)


def test_too_few_repeats_give_no_bound() -> None:
    assert rank(4, 4, 1e-3) == 0  # of 70 orders none is as rare as that
    with pytest.raises(ValueError, match="4 and 4 repeats are too few"):
        shift([1, 2, 3, 4], [5, 6, 7, 8], 1e-3)


def test_the_estimate_is_the_median_of_the_differences() -> None:
    assert shift([1, 2, 3, 4, 5, 6], [11, 12, 13, 14, 15, 16], 0.01)[0] == 10


def test_noise_alone_moves_the_bound_above_nothing_as_seldom_as_stated() -> None:
    chance = random.Random(1)
    runs, alpha = 3_000, 0.01
    alarms = sum(shift(sample(chance), sample(chance), alpha)[1] > 0 for _ in range(runs))
    assert stats.binomtest(alarms, runs, alpha, alternative="greater").pvalue > 1e-6
    assert alarms > 0  # a bound that never moves would hold as well


def test_a_whole_guard_raises_fewer_than_one_false_alarm_in_a_thousand() -> None:
    # Without a margin, so that nothing hangs on how the noise is spread: ranks of what is alike are any order.
    generator, runs = np.random.default_rng(2), 100_000
    place = rank(REPEATS, REPEATS, ALPHA)
    recorded, first, again = (generator.random((runs, REPEATS)) for _ in range(3))
    # The bound is above nothing when fewer than ``place`` of the differences are not.
    alarms = [(now[:, :, None] <= recorded[:, None, :]).sum((1, 2)) < place for now in (first, again)]
    twice = int((alarms[0] & alarms[1]).sum())
    assert 0 < alarms[0].mean() < ALPHA * 1.5
    assert stats.binomtest(twice, runs, 1e-3 / len(CONTESTS), alternative="less").pvalue < 0.05


def test_another_day_that_moves_ratios_by_five_percent_passes() -> None:
    chance = random.Random(3)
    assert not any(judge("a", sample(chance), sample(chance, times=1.05), MARGIN).failed for _ in range(1_000))


@pytest.mark.parametrize(("times", "bursts", "at_least"), [(1.3, 0, 0.99), (1.3, BURSTS, 0.75), (1.5, BURSTS, 0.98)])
def test_a_slowdown_is_caught(times: float, bursts: float, at_least: float) -> None:
    chance = random.Random(4)
    caught, runs = 0, 500
    for _ in range(runs):
        recorded = sample(chance, bursts=bursts)
        tries = [sample(chance, times=times, bursts=bursts) for _ in range(2)]
        caught += all(judge("a", recorded, now, MARGIN).failed for now in tries)
    assert caught / runs >= at_least


def test_a_contest_that_fails_is_measured_once_more() -> None:
    chance = random.Random(5)
    asked: list[str] = []

    def unlucky(name: str, count: int) -> list[float]:
        asked.append(name)
        return sample(chance, count, times=1.5 if len(asked) <= REPEATS * 2 and name == "a" else 1.0)

    recorded = {"a": sample(chance), "b": sample(chance)}
    assert [one.failed for one in guard(recorded, unlucky, MARGIN)] == [False, False]
    assert len(asked) == 2 * REPEATS + 1

    def slower(name: str, count: int) -> list[float]:
        return sample(chance, count, times=1.5 if name == "a" else 1.0)

    assert [one.failed for one in guard(recorded, slower, MARGIN)] == [True, False]
