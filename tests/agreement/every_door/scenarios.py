"""What is asked of every door, an entry each: the options, and how dates and amounts come in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from tests.damage.judging import Choices


class Dates(StrEnum):
    """The type of the date column where columns have types."""

    DATE = "date"
    TEXT = "text"
    NAIVE = "timestamp"
    ZONED = "timestamp with time zone"


@dataclass(frozen=True, slots=True)
class Amounts:
    """The type of the amount column where columns have types: ``double``, ``text``, ``whole`` or ``decimal``."""

    kind: str
    precision: int = 0
    scale: int = 0


DOUBLE, TEXT, WHOLE = Amounts("double"), Amounts("text"), Amounts("whole")


@dataclass(frozen=True, slots=True)
class Scenario:
    """One set of options, and the columns they are asked over.

    ``faulty``: faults of every kind are planted; ``huge``: customers whose sums pass 2^63 units are among them;
    ``whole_ids``: customer ids are whole numbers where columns have types.
    """

    name: str
    today: date
    grain: str = "transaction"
    returns: str = "fault"
    future: str = "fault"
    window: tuple[int, str] | None = None
    as_of: tuple[date, ...] = ()
    timezone: str = "UTC"
    dates: Dates = Dates.DATE
    amounts: Amounts = DOUBLE
    loyalty: bool = True
    faulty: bool = True
    huge: bool = False
    whole_ids: bool = False

    @property
    def choices(self) -> Choices:
        """The options as the judge takes them."""
        return Choices(self.grain, self.returns, self.future, self.window, self.today, self.as_of)


_MONTH_ENDS = tuple(date(2023 + place // 12, place % 12 + 1, 28) for place in range(14))

SCENARIOS: list[Scenario] = [
    Scenario("visits", date(2025, 4, 24), faulty=False, loyalty=False),
    Scenario("visits with faults", date(2024, 12, 31)),
    Scenario(
        "lines of text",
        date(2024, 2, 29),
        grain="line",
        future="exclude",
        window=(12, "months"),
        dates=Dates.TEXT,
        amounts=TEXT,
    ),
    Scenario("order totals", date(2018, 1, 1), grain="repeated_total"),
    Scenario(
        "returns in decimals", date(2024, 3, 31), returns="net", window=(1, "months"), amounts=Amounts("decimal", 18, 4)
    ),
    Scenario(
        "returned lines in long decimals",
        date(2023, 5, 31),
        grain="line",
        returns="net",
        future="exclude",
        window=(540, "days"),
        amounts=Amounts("decimal", 38, 10),
    ),
    Scenario(
        "returned orders at local times",
        date(2025, 8, 31),
        grain="repeated_total",
        returns="net",
        future="exclude",
        window=(6, "months"),
        dates=Dates.NAIVE,
        timezone="America/New_York",
    ),
    Scenario(
        "instants where midnight is skipped",
        date(2018, 11, 4),
        future="exclude",
        timezone="America/Sao_Paulo",
        dates=Dates.ZONED,
        faulty=False,
    ),
    Scenario(
        "lines at instants",
        date(2024, 10, 27),
        grain="line",
        returns="net",
        window=(30, "days"),
        timezone="Europe/Berlin",
        dates=Dates.ZONED,
    ),
    Scenario(
        "order totals at times in text",
        date(2022, 1, 1),
        grain="repeated_total",
        future="exclude",
        window=(24, "months"),
        timezone="Asia/Kathmandu",
        dates=Dates.TEXT,
    ),
    Scenario(
        "many dates",
        _MONTH_ENDS[-1],
        as_of=_MONTH_ENDS,
        future="exclude",
        window=(12, "months"),
        faulty=False,
    ),
    Scenario(
        "many dates of returned lines",
        date(2024, 3, 31),
        grain="line",
        returns="net",
        as_of=(date(2023, 12, 31), date(2024, 1, 1), date(2024, 2, 29), date(2024, 3, 1), date(2024, 3, 31)),
        window=(30, "days"),
        amounts=TEXT,
    ),
    Scenario(
        "many dates of returned orders",
        date(2025, 3, 30),
        grain="repeated_total",
        returns="net",
        future="exclude",
        as_of=(date(2024, 2, 29), date(2024, 10, 27), date(2025, 3, 30)),
        dates=Dates.NAIVE,
    ),
    Scenario(
        "dates far apart",
        date(2025, 1, 1),
        grain="repeated_total",
        as_of=(date(2023, 1, 1), date(2024, 1, 31), date(2025, 1, 1)),
        window=(5, "days"),
        timezone="Pacific/Kiritimati",
        dates=Dates.ZONED,
        loyalty=False,
    ),
    Scenario("sums beyond 2^63", date(2025, 12, 31), returns="net", huge=True, faulty=False, loyalty=False),
    Scenario(
        "orders there and back at many dates",
        date(2025, 12, 31),
        grain="repeated_total",
        returns="net",
        as_of=(date(2025, 6, 30), date(2025, 12, 31)),
        huge=True,
        faulty=False,
        loyalty=False,
    ),
    Scenario(
        "whole numbers",
        date(2020, 2, 29),
        grain="line",
        amounts=WHOLE,
        whole_ids=True,
        faulty=False,
        window=(2000, "months"),
    ),
]
"""Read at call time; the names are those that a failing test shows."""
