"""What is an address, and what of it may be shown."""

from __future__ import annotations

import pytest

from customer_features.addresses import named, scheme_of, shown


@pytest.mark.parametrize(
    ("name", "scheme"),
    [
        ("s3://bucket/key.parquet", "s3"),
        ("HTTPS://example.org/a.csv", "https"),
        ("postgresql+ssl://h/db", "postgresql+ssl"),
        ("purchases.csv", None),
        ("folder/s3:/x.csv", None),
        ("-", None),
        ("://x", None),
    ],
)
def test_scheme(name: str, scheme: str | None) -> None:
    assert scheme_of(name) == scheme


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("postgresql://ann:s3cr3t@db:5432/shop#features", "postgresql://ann@db:5432/shop#features"),
        ("postgresql://ann@db/shop", "postgresql://ann@db/shop"),
        ("postgresql://db/shop?password=s3cr3t", "postgresql://db/shop"),
        ("https://example.org/a.csv?X-Amz-Signature=s3cr3t", "https://example.org/a.csv"),
        ("https://:s3cr3t@example.org/a.csv", "https://example.org/a.csv"),
        ("https://ann:p@s3cr3t@example.org/a.csv", "https://example.org/a.csv"),
        ("https://s3cr3t@example.org/a.csv", "https://example.org/a.csv"),
        ("https://[s3cr3t/a.csv", "https://..."),
        ("s3://bucket/key.parquet", "s3://bucket/key.parquet"),
    ],
)
def test_shown_without_what_is_secret(address: str, expected: str) -> None:
    assert shown(address) == expected
    assert "s3cr3t" not in shown(address)


def test_a_file_is_shown_as_it_is_named() -> None:
    assert named("what?#1.csv") == "what?#1.csv"
    assert named("https://example.org/a.csv?sig=s3cr3t") == "https://example.org/a.csv"
