"""What reading from and publishing to ``s3://`` share: addresses, a client, and what a store's errors mean."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from customer_features.connections.addresses import shown
from customer_features.errors import MissingExtra, UsageError, did_you_mean

try:
    import boto3
    import botocore.session
    from botocore import exceptions
    from botocore.config import Config
    from botocore.loaders import create_loader
    from urllib3.exceptions import HTTPError
except ImportError as error:  # pragma: no cover - exercised in an environment without the extra
    raise MissingExtra("access to s3:// addresses", "s3") from error

ERRORS = (exceptions.BotoCoreError, exceptions.ClientError, HTTPError)
"""What a call to a store may raise."""
CONNECT_TIMEOUT, READ_TIMEOUT, ATTEMPTS = 10, 60, 4
_CREDENTIALS = (
    exceptions.NoCredentialsError,
    exceptions.PartialCredentialsError,
    exceptions.CredentialRetrievalError,
    exceptions.ProfileNotFound,
    exceptions.SSOError,
    exceptions.TokenRetrievalError,
    exceptions.MetadataRetrievalError,
)
_UNREACHED = (exceptions.ConnectionError, exceptions.HTTPClientError, exceptions.IncompleteReadError, HTTPError)
_DENIED = "access to {what} is denied: the credentials lack a right"
_NOT_TAKEN = "the store does not take the credentials"
_ELSEWHERE = "the bucket is in another region; set AWS_REGION"
_FAILING = "the store is failing or overloaded ({code})"
_WHY = {
    "403": "access to {what} is denied: the credentials are wrong or lack a right",
    "AccessDenied": _DENIED,
    "AllAccessDisabled": _DENIED,
    "InvalidAccessKeyId": _NOT_TAKEN,
    "SignatureDoesNotMatch": _NOT_TAKEN,
    "InvalidToken": _NOT_TAKEN,
    "InvalidClientTokenId": _NOT_TAKEN,
    "ExpiredToken": "the credentials have expired",
    "RequestTimeTooSkewed": "this machine's clock and the store's differ too much",
    "NoSuchBucket": "there is no bucket '{bucket}'",
    "NoSuchKey": "there is no such object",
    "404": "there is no such bucket or object",
    "301": _ELSEWHERE,
    "PermanentRedirect": _ELSEWHERE,
    "AuthorizationHeaderMalformed": _ELSEWHERE,
    "400": "the store refuses the request, as it does where credentials have expired or the region is another one",
    "InvalidObjectState": "the object is archived; have it restored first",
    "NoSuchUpload": "the upload was aborted by someone else",
    "429": _FAILING,
    "500": _FAILING,
    "502": _FAILING,
    "503": _FAILING,
    "504": _FAILING,
    "InternalError": _FAILING,
    "ServiceUnavailable": _FAILING,
    "SlowDown": _FAILING,
    "RequestTimeout": _FAILING,
}


@dataclass(frozen=True, slots=True)
class Address:
    """A bucket and a key in it, to the letter: nothing in them is percent-encoded."""

    bucket: str
    key: str

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"

    @classmethod
    def of(cls, text: str, refused: type[UsageError]) -> Address:
        """The parts of an address. Raises ``refused`` where it is none; what may be secret in it is not shown."""
        found = re.fullmatch(r"[Ss]3://([A-Za-z0-9][A-Za-z0-9._-]{1,254})(?:/(.*))?", text, re.DOTALL)
        if not found:
            raise refused(
                "s3://...: names no bucket; write s3://bucket/key, and give credentials as AWS_ACCESS_KEY_ID and"
                " AWS_SECRET_ACCESS_KEY or by AWS_PROFILE, not in the address"
            )
        bucket, key = found[1], found[2] or ""
        # A question mark is a wildcard here; what has an equals sign after it was meant to be a query.
        if re.search(r"\?[^/]*=", key):
            raise refused(f"{shown(text)}: an s3:// address takes no query (?...=...); write s3://bucket/key alone")
        if not key:
            raise refused(f"{text}: names no object; write s3://{bucket}/key")
        return cls(bucket, key)


def connected(name: str, refused: type[UsageError]) -> Any:
    """A client with the credentials, region and endpoint that the environment and its profiles name.

    Raises ``refused`` where they cannot be used.
    """
    config = Config(
        connect_timeout=CONNECT_TIMEOUT,
        read_timeout=READ_TIMEOUT,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
    )
    try:
        # A session of its own: the default one of boto3 keeps the credentials that it found first.
        session = botocore.session.Session()
        session.register_component("data_loader", _loader())
        return boto3.session.Session(botocore_session=session).client("s3", config=config)
    except _CREDENTIALS as error:
        raise refused(f"{name}: {_without_credentials(error)}") from None
    except (exceptions.BotoCoreError, ValueError, OSError) as error:  # their texts may hold what the environment holds
        raise refused(
            f"{name}: the settings for S3 cannot be used ({type(error).__name__}): look at AWS_ENDPOINT_URL, AWS_REGION"
            " and the files of the AWS profile"
        ) from None


def head_of(client: Any, address: Address) -> dict[str, Any] | None:
    """What the store says of an object; None where there is none."""
    try:
        head: dict[str, Any] = client.head_object(Bucket=address.bucket, Key=address.key)
    except ERRORS as error:
        if code_of(error) in ("404", "NoSuchKey"):
            return None
        raise
    return head


@cache
def _loader() -> Any:
    """The descriptions of services, which cost more to read than all else of a client."""
    return create_loader()


def code_of(error: BaseException) -> str:
    """A store's own name for an error (``NoSuchKey``), or the status of an answer without a body (``404``)."""
    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, exceptions.ClientError) else ""


def why(error: BaseException, client: Any, address: Address) -> str:
    """What an error of a store means. A store's own words are not repeated: they may echo what was sent."""
    if isinstance(error, _CREDENTIALS):
        return _without_credentials(error)
    if isinstance(error, _UNREACHED):
        return (
            f"the store at {shown(client.meta.endpoint_url)} cannot be reached or breaks off ({type(error).__name__})"
        )
    code = re.sub(r"\W", "", code_of(error))[:60]
    if code in _WHY:
        return _WHY[code].format(bucket=address.bucket, what=address, code=code)
    return f"the store refuses it ({code or type(error).__name__})"


def no_bucket(client: Any, bucket: str) -> str:
    """What is said of a bucket that is not there, with one that is where the names are near."""
    try:
        known = [entry["Name"] for entry in client.list_buckets()["Buckets"]]
    except ERRORS:  # not everyone may list them
        known = []
    return f"there is no bucket '{bucket}'{did_you_mean(bucket, known)}"


def _without_credentials(error: BaseException) -> str:
    return (
        f"no credentials for S3 were found ({type(error).__name__}): set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY,"
        " or AWS_PROFILE"
    )
