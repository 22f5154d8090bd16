"""Ports that cannot be had, in words."""

from __future__ import annotations

import socket

from customer_features.errors import UsageError
from customer_features.service.environment import variable_of

_IN_USE = (48, 98, 10048)
"""EADDRINUSE on macOS, Linux and Windows."""


def bind(listener: socket.socket, address: str, port: int, option: str) -> None:
    """Bind a socket. Raises UsageError, which names the option that would choose another port."""
    try:
        listener.bind((address, port))
    except OSError as error:
        reason = "it is in use" if error.errno in _IN_USE else f"{error.strerror}".lower()
        raise UsageError(
            f"cannot listen on {address} port {port}: {reason}; choose another with {option} ({variable_of(option)}),"
            " or 0 for a free one"
        ) from None


def url_of(address: str, port: int, scheme: str = "http") -> str:
    """The URL of a numeric address and a port."""
    return f"{scheme}://[{address}]:{port}" if ":" in address else f"{scheme}://{address}:{port}"
