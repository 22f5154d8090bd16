"""What a client is told: checked at once, from arguments or the environment, and the secret shown nowhere."""

from __future__ import annotations

import asyncio
import copy
import logging
import ssl
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme

from customer_features import AsyncClient, Client, CustomerFeaturesError, InvalidOption, ServiceUnavailable, UsageError
from customer_features.client.conversation import ROUTE
from customer_features.service.route import PATHS

from .scripted import HANG_UP, Ask, Asked, Says, Scripted, customer, overloaded, problem

API_ID, SECRET = "0d0e6a3e-0000-4000-8000-000000000000", "cfs_THE_SECRET_THAT_NOBODY_MAY_SEE"
CUSTOMERS = [customer("a", 1.0)]


def test_the_route_is_the_services() -> None:
    assert PATHS[0] == ROUTE


@pytest.mark.parametrize(
    ("base_url", "said"),
    [
        (None, "base_url: is missing; give the service's address or set CUSTOMER_FEATURES_URL"),
        ("", "base_url: is missing"),
        ("features.example.com", "'features.example.com' is no http:// or https:// address"),
        ("ftp://x", "'ftp://x' is no http"),
        ("https://", "'https://' is no http"),
        ("https://[::1", "that is no address"),
        ("https://x:99999", "that is no address"),
        ("https://☃☃-", "the host's name is none that there can be"),
        ("https://a\0b", "the host's name is none that there can be"),
        ("https://ann:hidden@x", "it holds a login; credentials go into api_id and secret"),
        ("https://x/?token=hidden", "it holds a query or a fragment"),
        (5, "found int; give a text"),
        (f"http://features.example.com{ROUTE}", "the secret is not sent to http://features.example.com without"),
        ("http://10.0.0.1", "without encryption; use https://, or say insecure=True"),
        ("http://127.0.0.1.example.com", "without encryption"),
    ],
)
@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_an_address_that_will_not_do(kind: type, base_url: Any, said: str) -> None:
    with pytest.raises(InvalidOption) as caught:
        kind(base_url, API_ID, SECRET)
    assert said in str(caught.value)
    assert "hidden" not in str(caught.value)
    assert caught.value.option == "base_url"


@pytest.mark.parametrize(
    "base_url", ["https://x", "http://localhost:1", "http://127.0.0.2:1/", "http://[::1]:1", f"https://x/pre{ROUTE}/"]
)
def test_an_address_that_will(base_url: str) -> None:
    with Client(base_url, API_ID, SECRET) as client:
        assert ROUTE not in repr(client)
        assert SECRET not in repr(client)
    Client("http://10.0.0.1", API_ID, SECRET, insecure=True).close()
    Client("http://10.0.0.1").close()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"api_id": API_ID}, "secret: is missing beside the other one; give it or set CUSTOMER_FEATURES_SECRET"),
        ({"secret": SECRET}, "api_id: is missing beside"),
        ({"api_id": API_ID, "secret": f"{SECRET}\nX: 1"}, "secret: holds blanks or characters that no header can"),
        ({"api_id": f"{SECRET} ", "secret": f"{SECRET}é"}, "secret: holds blanks"),
        ({"api_id": API_ID, "secret": SECRET.encode()}, "secret: found bytes; give a text"),
        ({"timeout": 0}, "timeout: 0 is not a number of seconds above 0"),
        ({"timeout": "5"}, "timeout: '5' is not"),
        ({"timeout": float("inf")}, "timeout: inf is not"),
        ({"patience": -1}, "patience: -1 is not"),
        ({"tries": 0}, "tries: 0 is not a whole number from 1"),
        ({"max_bytes": 1.5}, "max_bytes: 1.5 is not"),
        ({"max_customers": True}, "max_customers: True is not"),
    ],
)
def test_a_value_that_will_not_do(options: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidOption) as caught:
        Client("https://x", **options)
    assert str(caught.value).startswith(said)
    assert "SECRET_THAT" not in str(caught.value)


def test_the_environment_fills_in(scripted: Callable[..., Scripted], ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    server = scripted()
    monkeypatch.setenv("CUSTOMER_FEATURES_URL", server.url)
    monkeypatch.setenv("CUSTOMER_FEATURES_API_ID", API_ID)
    monkeypatch.setenv("CUSTOMER_FEATURES_SECRET", f"{SECRET}\n")
    ask(None, CUSTOMERS)
    ask(server.url + ROUTE, CUSTOMERS, client={"api_id": "other", "secret": "given"})
    first, second = server.asked
    assert (first.headers["x-customer-api-id"], first.headers["x-secret"]) == (API_ID, SECRET)
    assert (second.headers["x-customer-api-id"], second.headers["x-secret"]) == ("other", "given")
    assert {request.path for request in server.asked} == {ROUTE}
    assert first.headers["content-type"] == "application/json"
    assert first.headers["user-agent"] == "customer-features"


def test_a_path_before_the_routes(scripted: Callable[..., Scripted], ask: Ask) -> None:
    server = scripted()
    ask(f"{server.url}/features/v2/", CUSTOMERS)
    assert server.asked[0].path == f"/features/v2{ROUTE}"


def test_no_proxy_gets_what_is_for_this_machine(
    scripted: Callable[..., Scripted], ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = scripted()
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy.url)
    ask(scripted().url, CUSTOMERS, client={"api_id": API_ID, "secret": SECRET})
    assert proxy.asked == []


def test_a_broken_set_up_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere.pem")
    with pytest.raises(UsageError, match=r"the client cannot be set up: .* look at SSL_CERT_FILE"):
        Client("https://x")


def test_a_closed_client_says_so() -> None:
    client = Client("http://127.0.0.1:1")
    client.close()
    with pytest.raises(UsageError, match="the client is closed"):
        client.customer_features(CUSTOMERS)
    again = AsyncClient("http://127.0.0.1:1")
    asyncio.run(again.aclose())
    with pytest.raises(UsageError, match="the client is closed"):
        asyncio.run(again.health())


def told(error: BaseException | None) -> str:
    """All that an exception and those behind it say and hold."""
    text = ""
    while error is not None:
        text += "".join(traceback.format_exception(error)) + repr(error) + repr(vars(error)) + repr(error.args)
        error = error.__cause__ or error.__context__
    return text


def test_the_secret_is_shown_nowhere(
    scripted: Callable[..., Scripted], ask: Ask, no_waiting: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    def echoed(asked: Asked) -> Says:
        return Says(400, problem(400, "bad-request", detail=f"You sent {asked.headers}"))

    caplog.set_level(logging.DEBUG)
    script = (
        *(echoed, Says(401, problem(401, "unauthorized")), Says(500, b"x"), Says(200, b"x"), Says(302, b"")),
        *(overloaded(), overloaded(), HANG_UP, HANG_UP),
    )
    server = scripted(*script)
    said = ""
    for _ in range(7):
        with pytest.raises(CustomerFeaturesError) as caught:
            ask(server.url, CUSTOMERS, client={"api_id": API_ID, "secret": SECRET, "tries": 2})
        said += told(caught.value)
    assert len(server.asked) == len(script)
    assert all(request.headers["x-secret"] == SECRET for request in server.asked)
    assert "You sent" in said
    assert SECRET not in said
    assert "httpx" not in said.replace("customer_features/client", "")
    assert SECRET not in caplog.text
    assert caplog.text


def test_a_copy_shows_it_neither() -> None:
    client = Client("https://x", API_ID, SECRET)
    assert SECRET not in repr(client._settings) + str(client._settings) + repr(copy.copy(client))
    assert SECRET not in repr(client._http.headers)


def test_a_certificate_that_nobody_vouches_for(tmp_path: Path, ask: Ask, no_waiting: list[float]) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    with Scripted() as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        url = server.url.replace("http", "https")
        with pytest.raises(ServiceUnavailable, match=r"the service's certificate is not trusted: .*SSL_CERT_FILE"):
            ask(url, CUSTOMERS)
    assert no_waiting == []
