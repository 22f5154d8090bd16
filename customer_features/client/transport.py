"""One request over httpx: what the threaded and the asynchronous client share of it."""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Generator
from typing import Any, TypeVar

from customer_features.client.settings import Settings
from customer_features.client.steps import Lost, Reply, Send
from customer_features.errors import InvalidOption, MissingExtra, UsageError

try:
    import httpx
except ImportError as error:  # pragma: no cover - exercised in an environment without the extra
    raise MissingExtra("asking the HTTP service", "client") from error

C = TypeVar("C")

_CONNECTING = 10.0
"""Seconds for a connection, where ``timeout`` is not less."""


class Credentials(httpx.Auth):
    """Puts the credentials into requests; nowhere else do they stand as plain text."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """The request with its two headers."""
        if self._settings.api_id is not None and self._settings.secret is not None:
            request.headers["X-Customer-Api-Id"] = self._settings.api_id
            request.headers["X-Secret"] = self._settings.secret
        yield request


def client_options(settings: Settings) -> dict[str, Any]:
    """The arguments of httpx's clients."""
    options: dict[str, Any] = {
        "base_url": settings.base_url,
        "timeout": httpx.Timeout(settings.timeout, connect=min(settings.timeout, _CONNECTING)),
        "headers": {"Accept": "application/json", "User-Agent": "customer-features"},
        "follow_redirects": False,
    }
    if settings.loopback:
        # A proxy that the environment names would get what is meant for this machine alone.
        options["mounts"] = dict.fromkeys(("http://", "https://", "all://"))
        if settings.base_url.startswith("http://"):
            # No certificate is ever looked at, and to load those of all authorities takes longer than many a request.
            options["verify"] = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return options


def opened(kind: Callable[..., C], settings: Settings) -> C:
    """A client of httpx. Raises UsageError for certificates or a proxy that the environment names and are not there,
    InvalidOption for a host that there cannot be.
    """
    try:
        return kind(**client_options(settings))
    except httpx.InvalidURL:
        raise InvalidOption(
            "base_url", "the host's name is none that there can be; give the service's address"
        ) from None
    except (OSError, ValueError, ImportError) as error:
        raise UsageError(
            f"the client cannot be set up: {type(error).__name__} in TLS or a proxy; look at SSL_CERT_FILE,"
            " SSL_CERT_DIR and the *_PROXY variables"
        ) from None


def check_open(closed: bool) -> None:
    """Raise UsageError where a client was closed."""
    if closed:
        raise UsageError("the client is closed; make another one")


def request_options(send: Send, credentials: Credentials) -> dict[str, Any]:
    """The arguments of ``request`` of httpx's clients."""
    options: dict[str, Any] = {"method": send.method, "url": send.path, "auth": credentials if send.signed else None}
    if send.body is not None:
        options |= {"content": send.body, "headers": {"Content-Type": "application/json"}}
    return options


def replied(response: httpx.Response, settings: Settings) -> Reply:
    """An answer in our terms."""
    body = response.content
    if response.status_code != 200 and settings.secret:
        # Some proxies' error pages show the request's headers, and messages are made of them.
        body = body.replace(settings.secret.encode(), b"***")
    return Reply(response.status_code, {name.lower(): value for name, value in response.headers.items()}, body)


def lost(error: httpx.HTTPError | httpx.InvalidURL, settings: Settings) -> Lost:
    """Why no answer came. The work is the same however often it is asked for, so another try does no harm."""
    if isinstance(error, httpx.ConnectTimeout | httpx.PoolTimeout):
        return Lost("no connection in time", again=True)
    if isinstance(error, httpx.TimeoutException):
        # It may well be at work on it still: another try would double that.
        return Lost(f"no answer within {settings.timeout:g} s; send less at a time, or raise timeout", again=False)
    if isinstance(error, httpx.ConnectError):
        return _unconnected(error)
    if isinstance(error, httpx.NetworkError | httpx.RemoteProtocolError):
        return Lost("the connection broke before an answer was there", again=True, broke=True)
    return Lost(f"the request failed: {type(error).__name__}", again=False)


def _unconnected(error: httpx.ConnectError) -> Lost:
    """Why there is no connection; the cause that says it best stands behind others."""
    reason = str(error)
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            why = f"the service's certificate is not trusted: {cause.verify_message}"
            return Lost(f"{why}; SSL_CERT_FILE names the authorities to trust", again=False)
        if isinstance(cause, OSError) and cause.errno and not isinstance(cause, ssl.SSLError):
            # Numbers below 0 are those of names that are not found, which have words of their own.
            reason = os.strerror(cause.errno) if cause.errno > 0 else str(cause.strerror)
        cause = cause.__cause__ or cause.__context__
    return Lost(f"no connection: {reason}", again=True)
