"""JSON bytes in, JSON bytes out: one body of 1 MB, one of 25 MB, and a hundred of 10 kB."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from benchmarks.data import answer_vectors, document, document_vectors
from benchmarks.harness import Contender, run_contest
from benchmarks.judging import Verdict, judged_mapping
from benchmarks.peers import orjson_loads, orjson_loop, pydantic_loop, pydantic_typed_dicts
from benchmarks.results import Contest
from benchmarks.scale import Scale
from customer_features import answer


def run(scale: Scale) -> Iterator[Contest]:
    for title, bodies, rounds in (
        ("JSON, 1 MB in to bytes out", [document(980)], 60),
        ("JSON, 25 MB in to bytes out", [document(1_000 if scale.quick else 24_500)], 5),
        ("JSON, 100 bodies of 10 kB", [document(10, seed) for seed in range(100)], 60),
    ):
        yield bodies_contest(title, bodies, scale.rounds(rounds))


def bodies_contest(title: str, bodies: list[bytes], rounds: int) -> Contest:
    """Each contender does all the bodies, one after the other."""
    exact = [document_vectors(body) for body in bodies]

    def judge(found: list[bytes]) -> Verdict:
        verdicts = [judged_mapping(answer_vectors(one), right) for one, right in zip(found, exact, strict=True)]
        return Verdict(sum(one.wrong for one in verdicts), next((one.far for one in verdicts if one.far), ""))

    def over(work: Callable[[bytes], object]) -> Callable[[], list[object]]:
        return lambda: [work(body) for body in bodies]

    def parse() -> None:
        # Nothing is kept: what holds all parsed bodies at once is slower than what frees each before the next.
        for body in bodies:
            orjson_loads.run(body)

    return run_contest(
        title,
        Contender("ours", over(answer), judge, "checks every fault"),
        [
            Contender("`orjson.loads` alone", parse, None, "parses, computes nothing"),
            Contender("orjson and a loop", over(orjson_loop.run), judge, "checks nothing"),
            Contender(
                "Pydantic over `TypedDict` and a loop", over(pydantic_typed_dicts.run), judge, "checks the schema"
            ),
            Contender("Pydantic models and a loop", over(pydantic_loop.run), judge, "checks the schema"),
        ],
        rounds,
        vectors=sum(map(len, exact)),
    )
