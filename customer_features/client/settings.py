"""Where the service is and how it is asked: arguments first, then the environment, checked once."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NoReturn
from urllib.parse import SplitResult, urlsplit

from customer_features.client.conversation import ROUTE, Terms
from customer_features.client.retrying import Patience
from customer_features.errors import InvalidOption

URL, API_ID, SECRET = (f"CUSTOMER_FEATURES_{name}" for name in ("URL", "API_ID", "SECRET"))

MAX_BYTES = 8 * 1024 * 1024
"""Bytes of one request: a quarter of what the service takes by default, so that one does not keep it for long."""
MAX_CUSTOMERS = 10_000

_HEADER_TEXT = re.compile(r"[!-~]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Settings:
    """What a client was told; the secret is in no text that is made of it."""

    base_url: str
    api_id: str | None
    secret: str | None = field(repr=False)
    timeout: float
    terms: Terms
    loopback: bool

    @classmethod
    def of(
        cls,
        base_url: object,
        api_id: object,
        secret: object,
        *,
        timeout: object,
        insecure: bool,
        tries: object,
        patience: object,
        max_bytes: object,
        max_customers: object,
        environ: Mapping[str, str] = os.environ,
    ) -> Settings:
        """Check everything, and fill in from the environment what was not given. Raises InvalidOption."""
        address = _address(base_url if base_url is not None else environ.get(URL))
        api_id = _header("api_id", api_id if api_id is not None else environ.get(API_ID))
        secret = _header("secret", secret if secret is not None else environ.get(SECRET))
        if (api_id is None) != (secret is None):
            missing, name = ("api_id", API_ID) if api_id is None else ("secret", SECRET)
            raise InvalidOption(missing, f"is missing beside the other one; give it or set {name}")
        loopback = _is_loopback(address.hostname or "")
        url = address.geturl()
        if secret is not None and address.scheme == "http" and not loopback and not insecure:
            raise InvalidOption(
                "base_url",
                f"the secret is not sent to {url} without encryption; use https://, or say insecure=True where the"
                " network itself is trusted",
            )
        terms = Terms(
            service=url,
            max_bytes=_whole("max_bytes", max_bytes),
            max_customers=_whole("max_customers", max_customers),
            patience=Patience(_whole("tries", tries), _seconds("patience", patience, least=0.0)),
        )
        return cls(url, api_id, secret, _seconds("timeout", timeout), terms, loopback)


def _address(given: object) -> SplitResult:
    """An address that paths are put behind."""
    example = "for example https://features.example.com"
    if given is None or given == "":
        raise InvalidOption("base_url", f"is missing; give the service's address or set {URL}, {example}")
    if not isinstance(given, str):
        raise InvalidOption("base_url", f"found {type(given).__name__}; give a text, {example}")
    try:
        parts = urlsplit(given.strip())
        host, _ = parts.hostname, parts.port
    except ValueError:
        _refuse_address("that is no address", example)
    if "@" in parts.netloc:
        _refuse_address("it holds a login; credentials go into api_id and secret", example)
    if parts.query or parts.fragment:
        _refuse_address("it holds a query or a fragment", example)
    if parts.scheme not in ("http", "https") or not host:
        raise InvalidOption("base_url", f"'{given[:100]}' is no http:// or https:// address; give {example}")
    # Who pastes the route's own address means its service.
    path = parts.path.rstrip("/").removesuffix(ROUTE)
    return SplitResult(parts.scheme, parts.netloc, path, "", "")


def _refuse_address(why: str, example: str) -> NoReturn:
    # The address itself is not shown: it may hold a password or a signature.
    raise InvalidOption("base_url", f"{why}; give the service's address alone, {example}") from None


def _is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False


def _header(option: str, given: object) -> str | None:
    """A text that can stand in a header; it is never shown, as it may be the secret in the wrong place."""
    if given is None or given == "":
        return None
    if not isinstance(given, str):
        raise InvalidOption(option, f"found {type(given).__name__}; give a text")
    text = given.strip()  # files that secrets are read from end with a new line
    if not _HEADER_TEXT.fullmatch(text):
        raise InvalidOption(option, "holds blanks or characters that no header can hold; is it whole and in its place?")
    return text


def _whole(option: str, given: object) -> int:
    if isinstance(given, bool) or not isinstance(given, int) or given < 1:
        raise InvalidOption(option, f"{given!r} is not a whole number from 1")
    return given


def _seconds(option: str, given: object, least: float | None = None) -> float:
    fits = isinstance(given, int | float) and not isinstance(given, bool)
    if not fits or not (given > 0 or given == least) or not given < float("inf"):  # type: ignore[operator]
        raise InvalidOption(option, f"{given!r} is not a number of seconds above 0")
    return float(given)  # type: ignore[arg-type]
