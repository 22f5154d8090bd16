"""HTTPS by the service itself, and files that cannot serve for it."""

from __future__ import annotations

import signal
import ssl
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from tests.service.harness import EXAMPLE, ROUTE, Running, command
from tests.waiting import until

Start = Callable[..., Running]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def written(authority: trustme.CA, folder: Path) -> tuple[Path, Path]:
    """A new certificate of 127.0.0.1 and its key, under the same names each time."""
    folder.mkdir(exist_ok=True)
    made = authority.issue_cert("127.0.0.1")
    cert, key = folder / "cert.pem", folder / "key.pem"
    cert.write_bytes(b"".join(blob.bytes() for blob in made.cert_chain_pems))
    made.private_key_pem.write_to_path(key)
    return cert, key


def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def post(server: Running, context: ssl.SSLContext) -> httpx.Response:
    with httpx.Client(verify=context, timeout=60) as client:
        headers = {**server.headers, "Content-Type": "application/json"}
        return client.post(server.url + ROUTE, content=EXAMPLE, headers=headers)


def serial(server: Running, context: ssl.SSLContext) -> object:
    with (
        server.connect() as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as wrapped,
    ):
        return (wrapped.getpeercert() or {})["serialNumber"]


@pytest.mark.slow
def test_a_certificate_serves_and_can_be_renewed(started: Start, authority: trustme.CA, tmp_path: Path) -> None:
    cert, key = written(authority, tmp_path / "tls")
    server = started("--tls-cert", str(cert), "--tls-key", str(key), key=True)
    context = trusting(authority)
    assert server.url.startswith("https://127.0.0.1:")
    assert post(server, context).status_code == 200
    # Nothing plain, and nobody who does not trust the authority.
    with pytest.raises(httpx.HTTPError):
        httpx.get(server.url.replace("https", "http") + "/health")
    with pytest.raises(httpx.ConnectError):
        server.get("/health")
    before = serial(server, context)
    written(authority, tmp_path / "tls")
    server.process.send_signal(signal.SIGHUP)

    def renewed() -> bool:
        assert post(server, context).status_code == 200
        return serial(server, context) != before

    until(renewed, "the new certificate")
    assert post(server, context).status_code == 200
    assert server.stop() == 0
    assert "Traceback" not in server.log.read_text()


def test_files_that_cannot_serve_are_a_sentence(authority: trustme.CA, tmp_path: Path) -> None:
    cert, key = written(authority, tmp_path / "one")
    other, _ = written(authority, tmp_path / "other")
    encrypted, junk, broken = tmp_path / "encrypted.pem", tmp_path / "junk", tmp_path / "broken.pem"
    private = load_pem_private_key(key.read_bytes(), None)
    encrypted.write_bytes(
        private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"passphrase"))
    )
    junk.write_bytes(b"\x00\x01")
    broken.write_text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    for given, says in [
        ((cert, None), "--tls-key: is missing: --tls-cert is given"),
        ((None, key), "--tls-cert: is missing: --tls-key is given"),
        ((tmp_path / "gone.pem", key), "--tls-cert: '"),
        ((cert, tmp_path / "gone.pem"), "--tls-key: '"),
        ((cert, tmp_path), "is a directory"),
        ((cert, junk), "is not a PEM file"),
        ((key, key), "holds no certificate"),
        ((cert, cert), "holds no private key"),
        ((cert, encrypted), f"--tls-key: '{encrypted}' is encrypted"),
        ((other, key), "is not the key of the certificate"),
        ((cert, broken), "cannot be read as a certificate and its private key"),
    ]:
        words = [
            word
            for option, file in zip(("--tls-cert", "--tls-key"), given, strict=True)
            if file
            for word in (option, str(file))
        ]
        run = command(tmp_path, "serve", "--no-auth", "--port", "0", *words)
        assert run.returncode == 2, says
        assert says in run.stderr
        assert "Traceback" not in run.stderr
        assert len(run.stderr.splitlines()) == 1
