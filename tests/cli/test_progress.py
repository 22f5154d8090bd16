"""What the progress bar shows: how far the work is, its speed and the time left."""

from __future__ import annotations

import io
import re
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from customer_features.cli.progress import _paint, told


@pytest.mark.parametrize(
    ("share", "seconds", "rows", "size", "says"),
    [
        (0.0, 0.0, 1000, None, ""),
        (0.0, 5.0, 1000, None, ""),
        (0.5, 1.0, 1000, 999, "500 rows/s"),  # too soon to tell how long it takes
        (0.01, 60.0, 1_000_000, None, "167 rows/s"),  # too little is done to tell
        (0.5, 10.0, 30_000_000, None, "1.5 million rows/s, 10 s left"),
        (0.5, 10.0, 61_700, None, "3,080 rows/s, 10 s left"),
        (0.1, 60.0, 10**13, None, "16.7 billion rows/s, 9 min 00 s left"),
        (0.05, 60.0, None, 12 * 10**9, "10.0 MB/s, 19 min left"),
        (0.05, 600.0, None, 10**12, "83.3 MB/s, 3 h 10 min left"),
        (0.25, 100.0, None, None, "5 min 00 s left"),
        (1.0, 100.0, None, 10**9, "10.0 MB/s"),
    ],
)
def test_told(share: float, seconds: float, rows: int | None, size: int | None, says: str) -> None:
    assert told(share, seconds, rows, size) == says


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_bar_only_moves_forward(monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine's own estimate may take a step back."""
    engine: Any = SimpleNamespace(progress=0.0)
    estimates = iter((0.0, 0.3, 0.2, 0.5))

    class Done:
        """The end of the work, asked for before each look at the engine."""

        def wait(self, seconds: float) -> bool:
            engine.progress = next(estimates, None)
            return engine.progress is None

    done: Any = Done()
    monkeypatch.setattr(sys, "stderr", seen := Terminal())
    _paint(engine, done, 1000, None)
    shown = [int(percent) for percent in re.findall(r"(\d+)%", seen.getvalue())]
    assert shown == sorted(shown)
    assert set(shown) == {0, 30, 50, 100}
