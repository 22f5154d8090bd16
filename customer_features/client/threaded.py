"""The client for plain Python: it waits where it is called."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import closing
from time import sleep
from typing import Any, Self, TypeVar, Unpack, overload

import httpx

from customer_features.client.answers import Answer
from customer_features.client.asking import Asked, Asking
from customer_features.client.steps import Came, Conversation, Lost, Reply, Send, Step, Talk, Wait
from customer_features.client.transport import Credentials, check_open, lost, opened, replied, request_options

Frame = TypeVar("Frame")
T = TypeVar("T")


class Client(Asking):
    """Asks the HTTP service for vectors. Threads may share one; ``with`` or :meth:`close` closes its connections."""

    def _open(self) -> None:
        self._credentials = Credentials(self._settings)
        self._http = opened(httpx.Client, self._settings)

    @overload
    def customer_features(
        self, customers: Iterable[Mapping[str, Any]], today: object = None, **options: Unpack[Asked]
    ) -> Answer: ...

    @overload
    def customer_features(self, customers: Frame, today: object = None, **options: Unpack[Asked]) -> Frame: ...

    def customer_features(self, customers: Any, today: object = None, **options: Unpack[Asked]) -> Any:
        """One exact feature vector per customer, computed by the service.

        Parameters
        ----------
        customers
            The contract's list of customers, each a dict with ``customer_id``, ``transactions`` and perhaps
            ``loyalty_score``; or purchase rows, shape (rows, columns): any dataframe that
            :func:`customer_features.build` takes (with the ``bulk`` extra).
        today
            Reference date for recency (a ``date`` or ``YYYY-MM-DD``). If None: the current date in ``timezone`` where
            that is given, else the date that the service takes; it is asked for that once where there are several
            requests, so that all of them have the same.
        grain, future, returns, window
            As of :func:`customer_features.build`.
        timezone
            IANA name of the business timezone (default: the service's own for ``today``, UTC for a dataframe's
            instants).
        columns, loyalty
            Of dataframes alone: which column is which field, and a second frame of scores, as of
            :func:`customer_features.build`.
        progress
            True shows a bar on standard error, where that is a terminal; a function is called with the number of
            customers that are done, and of all.

        Returns
        -------
        Of a list, the contract's answer: a dict with ``customers``, each with ``customer_id`` and ``features`` (six
        floats), in the list's order, and ``warnings`` where there are any. Of a dataframe, shape (customers, 7), the
        same kind and columns as of :func:`customer_features.build`, ordered by ``customer_id``. Warnings are also
        given as Python warnings, ``Suspicious``, one for each kind.

        Raises
        ------
        FaultyRequest
            The data have faults; ``errors`` names the first hundred by path. Nothing was computed.
        Unauthorized
            The credentials do not serve.
        InvalidRequest
            The service refused the request otherwise.
        ServiceUnavailable
            It could not be reached, or was overloaded or stopping, at every try.
        ServiceError
            What came was no answer.
        InvalidOption, SourceError, ColumnError
            What was given is wrong, and nothing was sent.

        Notes
        -----
        A list that is too large for one request is sent in several, one after the other, and halved where the service
        says that a request is too large (413). No customer may stand in it twice. Formulas: the published contract of
        ``/api/v1/ai/customer_features``.
        """
        steps, frame = self._question(customers, today, **options)
        return self._handed_back(self._run(steps), frame, stacklevel=2)

    def health(self) -> dict[str, Any]:
        """What the service says of its health, ``{"status": "ok"}``. Raises ServiceUnavailable, ServiceError."""
        return self._run(self._health())

    def close(self) -> None:
        """Close the connections; the client is of no use any more."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self, steps: Conversation[T]) -> T:
        check_open(self._http.is_closed)
        with closing(steps):
            talk = Talk(steps)
            for step in talk:
                talk.came = self._take(step)
            return talk.result

    def _take(self, step: Step) -> Came:
        if isinstance(step, Wait):
            sleep(step.seconds)
            return None
        return self._send(step)

    def _send(self, send: Send) -> Reply | Lost:
        try:
            response = self._http.request(**request_options(send, self._credentials))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return lost(error, self._settings)
        return replied(response, self._settings)
