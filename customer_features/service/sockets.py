"""This process's sockets, which the HTTP server keeps to itself: found by their numbers, looked at, reset."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

DESCRIPTORS = Path("/dev/fd")
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER with no time: what is unsent is thrown away, instead of being offered by the kernel for minutes more."""


def at_port(port: int) -> Iterator[socket.socket]:
    """This process's sockets at the port, each good until the next is asked for."""
    for one in sockets():
        with suppress(OSError):
            if one.family in (socket.AF_INET, socket.AF_INET6) and one.getsockname()[1] == port:
                yield one


def sockets() -> Iterator[socket.socket]:
    """This process's sockets, each good until the next is asked for."""
    for entry in list(DESCRIPTORS.iterdir()):
        with suppress(OSError), ExitStack() as closing:  # closed meanwhile, or no socket
            yield borrowed(int(entry.name), closing)


def borrowed(descriptor: int, closing: ExitStack) -> socket.socket:
    """The socket of a number, until the stack is closed. Raises OSError where there is none.

    Under the number that it has, and never by a second descriptor: to close one, be it of a file that took a socket's
    number just now, would take the locks away by which SQLite keeps the credentials whole (see "How To Corrupt An
    SQLite Database File", 2.2).
    """
    one = socket.socket(fileno=descriptor)
    closing.callback(one.detach)
    return one


def accepts(one: socket.socket) -> bool:
    """Whether connections are accepted at this socket."""
    return bool(one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))


def listens(port: int) -> bool:
    """Whether this process accepts connections at the port."""
    return any([True for _ in listening(port)])


def listening(port: int) -> Iterator[socket.socket]:
    """This process's sockets that accept connections at the port, each good until the next is asked for."""
    return (one for one in at_port(port) if accepts(one))


def connected(port: int) -> bool:
    """Whether anybody is connected to this process at the port."""
    for one in at_port(port):
        with suppress(OSError):
            one.getpeername()
            return True
    return False


def keep_only(own: int, port: int) -> None:
    """Close what this process inherited of other processes' sockets at the port: theirs end with them alone."""
    for one in at_port(port):
        if one.fileno() != own:
            os.close(one.fileno())


def reset(one: socket.socket) -> None:
    """End a connection: the server, which waits on it, lets go of all that it holds. Raises OSError."""
    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    one.shutdown(socket.SHUT_RDWR)
