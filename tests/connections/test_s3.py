"""Addresses of objects, the client, and what a store's errors are called."""

from __future__ import annotations

import pytest
from botocore import exceptions as botocore

from customer_features import OutputError, SourceError
from customer_features.connections import s3
from tests.store import SECRET

ADDRESS = s3.Address("shop", "a/b.csv")


class Client:
    class meta:
        endpoint_url = "http://ann:s3cr3t@store.example:9000"


def answered(code: str) -> botocore.ClientError:
    return botocore.ClientError({"Error": {"Code": code, "Message": f"you sent {SECRET}"}}, "HeadObject")


@pytest.mark.parametrize(
    ("text", "bucket", "key"),
    [
        ("s3://shop/a/b.csv", "shop", "a/b.csv"),
        ("S3://shop/a b#é%20.csv", "shop", "a b#é%20.csv"),
        ("s3://my.shop-1//x", "my.shop-1", "/x"),
        ("s3://shop/part-??.csv", "shop", "part-??.csv"),
    ],
)
def test_addresses(text: str, bucket: str, key: str) -> None:
    address = s3.Address.of(text, SourceError)
    assert (address.bucket, address.key) == (bucket, key)
    assert str(address) == f"s3://{bucket}/{key}"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("s3://shop", "s3://shop: names no object; write s3://shop/key"),
        ("s3://shop/", "s3://shop/: names no object; write s3://shop/key"),
        ("s3:///key", "s3://...: names no bucket; write s3://bucket/key"),
        ("s3://AKIA:s3cr3t@shop/key", "s3://...: names no bucket; write s3://bucket/key, and give credentials as"),
        ("s3://AKIA:s3/cr3t@shop/key", "s3://...: names no bucket"),
        ("s3://shop/key.csv?X-Amz-Signature=s3cr3t", "s3://shop/key.csv: an s3:// address takes no query"),
    ],
)
def test_what_is_no_address(text: str, says: str) -> None:
    with pytest.raises(OutputError) as caught:
        s3.Address.of(text, OutputError)
    assert str(caught.value).startswith(says)
    assert "cr3t" not in str(caught.value)


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (answered("AccessDenied"), "access to s3://shop/a/b.csv is denied: the credentials lack a right"),
        (answered("403"), "access to s3://shop/a/b.csv is denied: the credentials are wrong or lack a right"),
        (answered("InvalidAccessKeyId"), "the store does not take the credentials"),
        (answered("SignatureDoesNotMatch"), "the store does not take the credentials"),
        (answered("ExpiredToken"), "the credentials have expired"),
        (answered("NoSuchBucket"), "there is no bucket 'shop'"),
        (answered("PermanentRedirect"), "the bucket is in another region; set AWS_REGION"),
        (answered("SlowDown"), "the store is failing or overloaded (SlowDown)"),
        (answered("InvalidArgument"), "the store refuses it (InvalidArgument)"),
        (answered(""), "the store refuses it (ClientError)"),
        (botocore.NoCredentialsError(), "no credentials for S3 were found (NoCredentialsError): set AWS_ACCESS_KEY_ID"),
        (
            botocore.EndpointConnectionError(endpoint_url="http://ann:s3cr3t@store.example:9000/shop?x"),
            "the store at http://store.example:9000 cannot be reached or breaks off (EndpointConnectionError)",
        ),
        (
            botocore.IncompleteReadError(actual_bytes=1, expected_bytes=2),
            "the store at http://store.example:9000 cannot be reached or breaks off (IncompleteReadError)",
        ),
        (botocore.FlexibleChecksumError(error_msg="x"), "the store refuses it (FlexibleChecksumError)"),
    ],
)
def test_what_errors_mean(error: Exception, says: str) -> None:
    said = s3.why(error, Client, ADDRESS)
    assert said.startswith(says)
    assert SECRET not in said
    assert "s3cr3t" not in said


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("AWS_ENDPOINT_URL", "http://ann:s3cr3t@not an address", "the settings for S3 cannot be used (ValueError)"),
        ("AWS_PROFILE", "nobody", "no credentials for S3 were found (ProfileNotFound)"),
    ],
)
def test_settings_that_cannot_be_used(name: str, value: str, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SourceError) as caught:
        s3.connected("s3://shop/key", SourceError)
    assert str(caught.value).startswith(f"s3://shop/key: {says}")
    assert "s3cr3t" not in str(caught.value)
