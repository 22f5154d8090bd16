"""The client for event loops."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import closing
from typing import Any, Self, TypeVar, Unpack, overload

import httpx
from anyio import sleep

from customer_features.client.answers import Answer
from customer_features.client.asking import Asked, Asking
from customer_features.client.steps import Came, Conversation, Lost, Reply, Send, Step, Talk, Wait
from customer_features.client.transport import (
    Credentials,
    check_open,
    lost,
    opened,
    replied,
    request_options,
)

Frame = TypeVar("Frame")
T = TypeVar("T")


class AsyncClient(Asking):
    """:class:`Client` for event loops: the same arguments, methods and errors, to be awaited.

    ``async with`` or :meth:`aclose` closes its connections. A dataframe is read where the call is, not on a thread.
    """

    def _open(self) -> None:
        self._credentials = Credentials(self._settings)
        self._http = opened(httpx.AsyncClient, self._settings)

    @overload
    async def customer_features(
        self, customers: Iterable[Mapping[str, Any]], today: object = None, **options: Unpack[Asked]
    ) -> Answer: ...

    @overload
    async def customer_features(self, customers: Frame, today: object = None, **options: Unpack[Asked]) -> Frame: ...

    async def customer_features(self, customers: Any, today: object = None, **options: Unpack[Asked]) -> Any:
        """One exact feature vector per customer, computed by the service: :meth:`Client.customer_features`, awaited."""
        steps, frame = self._question(customers, today, **options)
        return self._handed_back(await self._run(steps), frame, stacklevel=2)

    async def health(self) -> dict[str, Any]:
        """What the service says of its health, ``{"status": "ok"}``. Raises ServiceUnavailable, ServiceError."""
        return await self._run(self._health())

    async def aclose(self) -> None:
        """Close the connections; the client is of no use any more."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def _run(self, steps: Conversation[T]) -> T:
        check_open(self._http.is_closed)
        with closing(steps):
            talk = Talk(steps)
            for step in talk:
                talk.came = await self._take(step)
            return talk.result

    async def _take(self, step: Step) -> Came:
        if isinstance(step, Wait):
            await sleep(step.seconds)
            return None
        return await self._send(step)

    async def _send(self, send: Send) -> Reply | Lost:
        try:
            response = await self._http.request(**request_options(send, self._credentials))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return lost(error, self._settings)
        return replied(response, self._settings)
