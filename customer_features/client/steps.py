"""What a conversation with the service is made of: steps to take, and what may come of them.

A conversation is a generator: it yields steps, is sent what came of each, and returns the result. Whoever runs it does
the input and output, in a thread or in an event loop; everything that is decided is decided in the generator.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar


@dataclass(frozen=True, slots=True)
class Send:
    """Send a request; comes of it: a Reply, or Lost. ``signed``: with the credentials, where there are any."""

    method: str
    path: str
    body: bytes | None = field(default=None, repr=False)
    signed: bool = True


@dataclass(frozen=True, slots=True)
class Wait:
    """Wait for some seconds; comes of it: None."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer; the names of its headers are in lower case."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Lost:
    """No answer came: why, in words; whether another try may fare better; whether it broke off once connected."""

    reason: str
    again: bool
    broke: bool = False


Step: TypeAlias = Send | Wait
Came: TypeAlias = Reply | Lost | None

T = TypeVar("T")
Conversation: TypeAlias = Generator[Step, Came, T]
