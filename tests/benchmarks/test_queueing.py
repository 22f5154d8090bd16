"""The simulated queue, where what must come out is known without simulating."""

from __future__ import annotations

import pytest

from benchmarks.queueing import at_share, latencies


def test_who_is_alone_never_waits() -> None:
    busy, ratio = latencies(4.0, connections=1, requests=20_000)
    assert ratio == pytest.approx(1)
    assert busy == pytest.approx(1 / 5, rel=0.05)  # one unit of work, and a pause of four


def test_who_never_pauses_waits_for_all_others() -> None:
    busy, ratio = latencies(1e-6, connections=8, requests=1_000)
    assert busy == pytest.approx(1)
    assert ratio == pytest.approx(1)


def test_the_pause_that_makes_the_load() -> None:
    busy, ratio = at_share(0.7)
    assert busy == pytest.approx(0.7, abs=0.02)
    assert 3 < ratio < 4.4  # an endless stream of such requests comes to 4.4
