"""What both clients are made of: what they are told, what they are asked, and what they hand back."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping
from typing import Any, TypedDict

from customer_features.client import conversation
from customer_features.client.answers import Answer
from customer_features.client.conversation import Customers
from customer_features.client.lists import listed
from customer_features.client.progress import Progress, check, shown
from customer_features.client.settings import MAX_BYTES, MAX_CUSTOMERS, Settings
from customer_features.client.steps import Conversation
from customer_features.definition.options import Future, Grain, Options, Returns
from customer_features.errors import InvalidOption, Suspicious

_OF_FRAMES = ("columns", "loyalty")


class Asked(TypedDict, total=False):
    """What may be asked beside ``customers`` and ``today``; all of it is optional."""

    grain: str
    future: str
    returns: str
    window: str | None
    timezone: str | None
    columns: Mapping[str, str] | None
    loyalty: Any
    progress: Progress


class Asking(ABC):
    """A service, and how it is asked."""

    def __init__(
        self,
        base_url: str | None = None,
        api_id: str | None = None,
        secret: str | None = None,
        *,
        timeout: float = 60.0,
        insecure: bool = False,
        tries: int = 5,
        patience: float = 120.0,
        max_bytes: int = MAX_BYTES,
        max_customers: int = MAX_CUSTOMERS,
    ) -> None:
        """Nothing is sent yet.

        Parameters
        ----------
        base_url
            The service's address, ``https://host`` with a path before the routes if it has one; else from
            ``CUSTOMER_FEATURES_URL``.
        api_id, secret
            The credentials; else from ``CUSTOMER_FEATURES_API_ID`` and ``CUSTOMER_FEATURES_SECRET``; without both, a
            service that asks for none.
        timeout
            Seconds without a sign of the service after which a try ends.
        insecure
            Send the secret over plain ``http://`` to another machine, too.
        tries
            How often one request is sent at most: again after 429, 502, 503, and where the connection broke.
        patience
            Seconds after a request's first try in which another one may begin.
        max_bytes, max_customers
            The largest request; a longer list goes in several.

        Raises
        ------
        InvalidOption
            One of them is missing or not allowed, or the secret would travel in the clear.
        """
        self._settings = Settings.of(
            base_url,
            api_id,
            secret,
            timeout=timeout,
            insecure=insecure,
            tries=tries,
            patience=patience,
            max_bytes=max_bytes,
            max_customers=max_customers,
        )
        self._open()

    @abstractmethod
    def _open(self) -> None:
        """Make what requests are sent with."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._settings.base_url!r}, api_id={self._settings.api_id!r})"

    def _question(
        self,
        customers: object,
        today: object = None,
        *,
        grain: str = "transaction",
        future: str = "fault",
        returns: str = "fault",
        window: str | None = None,
        timezone: str | None = None,
        columns: Mapping[str, str] | None = None,
        loyalty: Any = None,
        progress: Progress = False,
    ) -> tuple[Conversation[Answer], Any]:
        """The conversation to have, and the frame to make of its answer, if the customers are one.

        All that can be known to be wrong without the service is refused here.
        """
        check(progress)
        options = Options.parse(
            today=today, grain=grain, future=future, returns=returns, window=window, timezone=timezone
        )
        # Defaults are left out: a service of the bare contract takes them for granted.
        keys: dict[str, Any] = {
            # In a timezone that the caller names it is the caller who knows the date, else the service.
            **({} if today is None and timezone is None else {"today": options.today.isoformat()}),
            **({} if options.grain is Grain.TRANSACTION else {"grain": options.grain.value}),
            **({} if options.future is Future.FAULT else {"future": options.future.value}),
            **({} if options.returns is Returns.FAULT else {"returns": options.returns.value}),
            **({} if options.window is None else {"window": str(options.window)}),
        }
        given: Customers | None = listed(customers)
        frame = None
        if given is None:
            from customer_features.client.frames import Frame

            frame = Frame(customers, loyalty, options, columns)
            given = frame.customers()
        else:
            for name, value in zip(_OF_FRAMES, (columns, loyalty), strict=True):
                if value is not None:
                    raise InvalidOption(name, "is for dataframes; a list of customers is as the contract has it")
        return self._told(given, keys, progress), frame

    def _told(self, customers: Customers, keys: dict[str, Any], progress: Progress) -> Conversation[Answer]:
        with shown(progress, len(customers)) as tell:
            return (yield from conversation.about(customers, keys, self._settings.terms, tell))

    def _health(self) -> Conversation[dict[str, Any]]:
        return conversation.health(self._settings.base_url)

    def _handed_back(self, answer: Answer, frame: Any, stacklevel: int) -> Any:
        """The answer as the caller gets it, its warnings given."""
        warn(answer, stacklevel + 1)
        return answer if frame is None else frame.of(answer, self._settings.base_url)


def warn(answer: Answer, stacklevel: int) -> None:
    """One Python warning for each kind of warning in an answer, with the first of its kind."""
    counts = Counter(warning["name"] for warning in answer.get("warnings", []))
    for name, count in counts.items():
        first = next(warning for warning in answer["warnings"] if warning["name"] == name)
        where = "" if first["customer_id"] is None else f"customer '{first['customer_id'][:60]}': "
        more = "" if count == 1 else f" (and {count - 1} more)"
        warnings.warn(f"{name}: {where}{first['message']}{more}", Suspicious, stacklevel=stacklevel + 1)
