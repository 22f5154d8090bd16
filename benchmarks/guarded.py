"""The contests of the guard: ours and a peer at the same small work, in turns, in one process.

``python -m benchmarks.guarded NAME FOLDER SLOWER`` prints one repeat: the logarithm of the median of ours / peer.
``SLOWER`` plants a slowdown (1.3: 30% more work for ours; 1: none), which the guard must catch.
"""

from __future__ import annotations

import gc
import math
import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks.data import answer_vectors, document, document_vectors
from benchmarks.harness import held
from benchmarks.judging import judged, judged_mapping

BODY = "body.json"
BULK_ROWS = 500_000
CSV_ROWS = 200_000
AS_OF_ROWS = 50_000
DATES = 24


@dataclass(frozen=True, slots=True)
class Guarded:
    """Two pieces of the same work, the rounds of a repeat, and what ends the run where ours is wrong."""

    ours: Callable[[], Any]
    peer: Callable[[], Any]
    rounds: int
    check: Callable[[], object]


def prepare(folder: Path) -> None:
    """The inputs of all contests."""
    from benchmarks.files import purchases, purchases_csv

    (folder / BODY).write_bytes(document(980))
    purchases(folder, BULK_ROWS, BULK_ROWS // 20, products=5_000)
    purchases(folder, AS_OF_ROWS, AS_OF_ROWS // 20, products=5_000)
    purchases_csv(folder, CSV_ROWS, CSV_ROWS // 20, products=5_000)


def _json(folder: Path, peer: str, rounds: int) -> Guarded:
    from benchmarks.peers import orjson_loads, pydantic_loop
    from customer_features import answer

    body = (folder / BODY).read_bytes()
    works: dict[str, Callable[[bytes], Any]] = {"orjson": orjson_loads.run, "pydantic": pydantic_loop.run}

    def check() -> object:
        return held("json", "ours", judged_mapping(answer_vectors(answer(body)), document_vectors(body)), ours=True)

    return Guarded(partial(answer, body), partial(works[peer], body), rounds, check)


def _files(folder: Path, source: str, rounds: int, dates: int = 0) -> Guarded:
    import polars as pl

    from benchmarks import ours
    from benchmarks.files import exact_at, exact_vectors, months
    from benchmarks.peers import as_of_sql, duckdb_sql

    path, mine, theirs = folder / source, str(folder / "ours.parquet"), str(folder / "peer.parquet")
    if dates:
        work = partial(ours.months, str(path), mine, str(dates))
        peer = partial(as_of_sql.each, str(path), theirs, str(dates))
    else:
        work, peer = partial(ours.build, str(path), mine), partial(duckdb_sql.exact, str(path), theirs)

    def check() -> object:
        work()
        exact = exact_at(path, months(dates)) if dates else exact_vectors(path)
        return held(source, "ours", judged(pl.read_parquet(mine), exact), ours=True)

    return Guarded(work, peer, rounds, check)


CONTESTS: dict[str, Callable[[Path], Guarded]] = {
    "json-orjson": partial(_json, peer="orjson", rounds=40),
    "json-pydantic": partial(_json, peer="pydantic", rounds=20),
    "bulk": partial(_files, source=f"purchases_{BULK_ROWS}.parquet", rounds=5),
    "csv": partial(_files, source=f"purchases_{CSV_ROWS}.csv", rounds=5),
    "as-of": partial(_files, source=f"purchases_{AS_OF_ROWS}.parquet", rounds=9, dates=DATES),
}
"""1 MB of JSON against ``orjson.loads`` and against Pydantic; Parquet and CSV against DuckDB SQL by hand, exact; many
as-of dates against a query a date."""


def slowed(work: Callable[[], Any], times: float, clock: Callable[[], float] = perf_counter) -> Callable[[], Any]:
    """The same work, and the processor kept busy for as much longer."""
    if times == 1:
        return work

    def slower() -> None:
        began = clock()
        work()
        end = began + times * (clock() - began)
        while clock() < end:
            pass

    return slower


def repeat(contest: Guarded, slower: float = 1, clock: Callable[[], float] = perf_counter) -> float:
    """One repeat: warmed up and checked, then in turns; the logarithm of the median ratio of its rounds."""
    contest.check()
    pair = [slowed(contest.ours, slower, clock), contest.peer]
    pair[1]()
    ratios = []
    for turn in range(contest.rounds):
        seconds = [0.0, 0.0]
        for place in (0, 1) if turn % 2 else (1, 0):
            gc.collect()
            began = clock()
            pair[place]()
            seconds[place] = clock() - began
        ratios.append(seconds[0] / seconds[1])
    return math.log(statistics.median(ratios))


if __name__ == "__main__":
    print(repeat(CONTESTS[sys.argv[1]](Path(sys.argv[2])), float(sys.argv[3])))
