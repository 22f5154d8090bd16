"""What the progress bar tells of speed and time left."""

from __future__ import annotations

import pytest

from customer_features.cli.progress import told


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
