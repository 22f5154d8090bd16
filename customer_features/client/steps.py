"""What a conversation with the service is made of: steps to take, and what may come of them.

A conversation is a generator: it yields steps, is sent what came of each, and returns the result. Whoever runs it does
the input and output, in a thread or in an event loop; everything that is decided is decided in the generator.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeAlias, TypeVar


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


class Talk(Generic[T]):
    """The steps of a conversation, one by one; what ``came`` of each is set before the next, ``result`` is there last.

    Errors of a step come back as Lost, so that none of ours has one of httpx behind it: the request that those carry
    holds the secret.
    """

    result: T

    def __init__(self, steps: Conversation[T]) -> None:
        self._steps = steps
        self.came: Came = None

    def __iter__(self) -> Iterator[Step]:
        return self

    def __next__(self) -> Step:
        try:
            return self._steps.send(self.came)
        except StopIteration as end:
            self.result = end.value
            raise
