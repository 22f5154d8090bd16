"""Sizes, durations, folders and addresses as people write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from customer_features.errors import InvalidOption, UsageError
from customer_features.service.settings import Settings, data_folder, is_loopback, parse_duration, parse_size


@pytest.mark.parametrize(
    ("text", "size"),
    [("32MiB", 2**25), ("32 mib", 2**25), ("500kB", 500_000), ("1048576", 2**20), ("1GiB", 2**30), ("7b", 7)],
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size("max-body", text) == size


@pytest.mark.parametrize("text", ["", "0", "-1", "1.5MiB", "MiB", "32 megabytes", "٣"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(InvalidOption, match=r"max-body: .* is not a size"):
        parse_size("max-body", text)


@pytest.mark.parametrize(
    ("text", "seconds"), [("60s", 60), ("30m", 1800), ("24h", 86400), ("90d", 90 * 86400), ("2W", 14 * 86400)]
)
def test_durations(text: str, seconds: int) -> None:
    assert parse_duration("expires", text) == seconds


@pytest.mark.parametrize("text", ["", "60", "0s", "-1d", "1.5h", "soon"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(InvalidOption, match=r"expires: .* is not a duration"):
        parse_duration("expires", text)
    assert parse_duration("overlap", "0s", least=0) == 0


def test_the_data_folder() -> None:
    assert data_folder({"CUSTOMER_FEATURES_DATA_DIR": "/x", "XDG_DATA_HOME": "/y"}) == Path("/x")
    assert data_folder({"XDG_DATA_HOME": "/y"}) == Path("/y/customer-features")
    assert data_folder({}) == Path.home() / ".local/share/customer-features"


def test_loopback() -> None:
    assert is_loopback(["127.0.0.1", "127.8.8.8", "::1"])
    assert not is_loopback(["127.0.0.1", "192.168.1.2"])
    assert not is_loopback(["0.0.0.0"])
    assert not is_loopback(["::"])
    assert Settings(host="localhost", auth=False).checked_address() in ("127.0.0.1", "::1")
    with pytest.raises(UsageError, match="--no-auth is refused"):
        Settings(host="0.0.0.0", auth=False).checked_address()
    assert Settings(host="0.0.0.0").checked_address() == "0.0.0.0"
