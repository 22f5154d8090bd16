"""JSON bytes in, JSON bytes out: about 1 MB, 1,000 customers and 10,000 transactions."""

from __future__ import annotations

from benchmarks.data import answer_vectors, differing, document, document_vectors
from benchmarks.harness import Contender, Row, contest
from benchmarks.peers import orjson_loads, pydantic_loop
from customer_features import answer


def run() -> list[Row]:
    body = document(1_000)
    exact = document_vectors(body)

    def wrong(found: bytes) -> int:
        return differing(answer_vectors(found), exact)

    return contest(
        f"JSON, {len(body) / 1e6:.1f} MB in to bytes out",
        Contender("ours", lambda: answer(body), wrong),
        [
            Contender("orjson.loads alone", lambda: orjson_loads.run(body), None),
            Contender("pydantic models + loop", lambda: pydantic_loop.run(body), wrong),
        ],
        rounds=100,
    )
