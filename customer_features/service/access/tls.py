"""A certificate and its key, looked at before the workers do, so that what is wrong with them is said plainly."""

from __future__ import annotations

import ssl
from pathlib import Path

from customer_features.errors import InvalidOption

CERT, KEY = "tls-cert", "tls-key"


def checked(cert: str | None, key: str | None) -> tuple[Path, Path] | None:
    """The two files, or None where neither is given. Raises InvalidOption, which never quotes a file's content."""
    if not cert and not key:
        return None
    for option, name in ((CERT, cert), (KEY, key)):
        if not name:
            continue
        try:
            content = Path(name).read_bytes()
        except OSError as error:
            raise InvalidOption(option, f"'{name}' cannot be read: {error.strerror}".lower()) from None
        if b"-----BEGIN " not in content:
            raise InvalidOption(option, f"'{name}' is not a PEM file: it must hold '-----BEGIN ...' blocks")
    if not cert or not key:
        given, missing = (CERT, KEY) if cert else (KEY, CERT)
        raise InvalidOption(missing, f"is missing: --{given} is given, and TLS needs both")
    if b"-----BEGIN CERTIFICATE-----" not in Path(cert).read_bytes():
        raise InvalidOption(CERT, f"'{cert}' holds no certificate, only other PEM blocks")
    if b"PRIVATE KEY-----" not in Path(key).read_bytes():
        raise InvalidOption(KEY, f"'{key}' holds no private key, only other PEM blocks")
    asked: list[bool] = []

    def password() -> str:
        asked.append(True)
        return ""

    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert, key, password)
    except ssl.SSLError as error:
        raise _wrong(cert, key, error, encrypted=bool(asked)) from None
    except ValueError:
        raise _wrong(cert, key, None, encrypted=bool(asked)) from None
    return Path(cert), Path(key)


def _wrong(cert: str, key: str, error: ssl.SSLError | None, *, encrypted: bool) -> InvalidOption:
    if encrypted:
        return InvalidOption(
            KEY,
            f"'{key}' is encrypted: give a key without a passphrase, readable by the service's user alone"
            " (openssl pkey -in ENCRYPTED -out KEY)",
        )
    if error is not None and error.reason == "KEY_VALUES_MISMATCH":
        return InvalidOption(KEY, f"'{key}' is not the key of the certificate in '{cert}'")
    return InvalidOption(CERT, f"'{cert}' and the key '{key}' cannot be read as a certificate and its private key")
