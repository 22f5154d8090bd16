"""What is an address, and what of it may be shown."""

from __future__ import annotations

import pytest

from customer_features.connections.addresses import named, scheme_of, shown


@pytest.mark.parametrize(
    ("name", "scheme"),
    [
        ("s3://bucket/key.parquet", "s3"),
        ("HTTPS://example.org/a.csv", "https"),
        ("postgresql+ssl://h/db", "postgresql+ssl"),
        ("jdbc:postgresql://h/db", "jdbc:postgresql"),
        ("postgresql:/ann@h/db", "postgresql"),
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
        ("s3://bucket/key@2.parquet", "s3://bucket/key@2.parquet"),
        ("https://example.org/@ann/a.csv", "https://example.org/@ann/a.csv"),
        ("https://ann:s3cr3t/x@example.org/a.csv", "https://..."),
        ("postgresql://ann:s3cr3t/x@db/shop", "postgresql://..."),
        ("postgresql://ann:1/s3cr3t@db/shop", "postgresql://..."),
        ("postgresql://ann:s3cr3t#x@db/shop#t", "postgresql://..."),
        ("postgresql://ann:s3cr3t?x@db/shop#t", "postgresql://..."),
        ("postgresql:/ann:s3cr3t@db/shop", "postgresql://..."),
        ("jdbc:postgresql://db/shop?user=ann&password=s3cr3t", "jdbc:postgresql://db/shop"),
        ("postgresql:///shop?host=/run&password=s3cr3t#a@b", "postgresql://..."),
        ("postgresql://ann@h1:1,h2:2/shop#a@b", "postgresql://ann@h1:1,h2:2/shop#a@b"),
        ("postgresql:///shop?host=/run#shop.orders", "postgresql:///shop#shop.orders"),
    ],
)
def test_shown_without_what_is_secret(address: str, expected: str) -> None:
    assert shown(address) == expected
    assert "s3cr3t" not in shown(address)


def test_files_keep_their_names() -> None:
    assert named("a?b#c@d.csv") == "a?b#c@d.csv"
    assert named("https://example.org/a.csv?key=s3cr3t") == "https://example.org/a.csv"
