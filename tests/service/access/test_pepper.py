"""The pepper: made once, kept to its owner, never replaced under keys that need it."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from customer_features.errors import UsageError
from customer_features.service.access import pepper


def test_it_is_made_once_and_whole(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        loaded = set(pool.map(lambda _: pepper.load(tmp_path, environ={}), range(32)))
    assert len(loaded) == 1
    assert len(loaded.pop()) == 32
    assert [path.name for path in tmp_path.iterdir()] == ["pepper"]
    assert stat.S_IMODE((tmp_path / "pepper").stat().st_mode) == 0o600


def test_the_environment_comes_first(tmp_path: Path) -> None:
    assert pepper.load(tmp_path, environ={pepper.VARIABLE: "x" * 32}) == b"x" * 32
    assert list(tmp_path.iterdir()) == []


def test_a_short_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="too short: give at least 32"):
        pepper.load(tmp_path, environ={pepper.VARIABLE: "x" * 31})
    (tmp_path / "pepper").write_bytes(b"cut")
    with pytest.raises(UsageError, match="holds 3 bytes instead of 32"):
        pepper.load(tmp_path, environ={})


def test_one_that_others_may_read_is_refused_with_what_mends_it(tmp_path: Path) -> None:
    pepper.load(tmp_path, environ={})
    path = tmp_path / pepper.FILE
    for mode in (0o604, 0o644, 0o602):
        path.chmod(mode)
        with pytest.raises(UsageError, match=f"run chmod 600 {path}"):
            pepper.load(tmp_path, environ={})
    for mode in (0o600, 0o400, 0o660):  # Kubernetes gives rights to a volume's own group
        path.chmod(mode)
        assert len(pepper.load(tmp_path, environ={})) == 32


def test_a_lost_one_is_not_replaced(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is gone"):
        pepper.load(tmp_path, environ={}, create=False)
