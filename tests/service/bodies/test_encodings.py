"""Bodies that arrive packed, answers that leave so, and bombs."""

from __future__ import annotations

import gzip
import json
import random
import tracemalloc

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from customer_features.service.bodies import encodings
from customer_features.service.bodies.encodings import PIECE, chosen, packed, unpacker
from customer_features.service.problems import Refused
from tests.service.harness import EXAMPLE, Running, problem

PACK = {"gzip": gzip.compress, "zstd": zstandard.compress}
CODINGS = list(PACK)


@pytest.mark.parametrize("coding", CODINGS)
@given(members=st.lists(st.binary(max_size=3000), min_size=1, max_size=4), seed=st.integers(0, 2**32))
def test_what_was_packed_comes_out_however_it_is_cut(coding: str, members: list[bytes], seed: int) -> None:
    whole = b"".join(PACK[coding](member) for member in members)
    luck, found = random.Random(seed), b""
    reader = unpacker([coding])
    while whole:
        size = luck.randrange(0, 1 + len(whole)) or 1
        found += b"".join(reader.feed(whole[:size]))
        whole = whole[size:]
    reader.end()
    assert found == b"".join(members)


@pytest.mark.parametrize("coding", CODINGS)
def test_large_bodies_come_in_pieces(coding: str) -> None:
    body = random.Random(1).randbytes(2 * PIECE) + b" " * 5 * PIECE
    reader = unpacker([coding])
    pieces = list(reader.feed(PACK[coding](body)))
    reader.end()
    assert b"".join(pieces) == body
    assert max(map(len, pieces)) <= PIECE


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("damage", ["nothing", "cut", "not packed", "more behind"])
def test_what_is_not_whole_is_refused(coding: str, damage: str) -> None:
    body = PACK[coding](EXAMPLE)
    sent = {"nothing": b"", "cut": body[:-1], "not packed": EXAMPLE, "more behind": body + b"garbage"}[damage]
    reader = unpacker([coding])

    def read() -> None:
        list(reader.feed(sent))
        reader.end()

    with pytest.raises(Refused) as refused:
        read()
    assert refused.value.name == "bad-request"


@pytest.mark.parametrize("coding", CODINGS)
def test_req_20_a_bomb_never_lies_in_memory(coding: str) -> None:
    bomb = PACK[coding](bytes(128 * 2**20))
    reader, seen = unpacker([coding]), 0
    tracemalloc.start()
    for piece in reader.feed(bomb):
        seen += len(piece)
        if seen > 64 * 2**20:
            break
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 70 * 2**20


@pytest.mark.parametrize("coding", CODINGS)
def test_req_20_the_unpacked_size_is_capped(small: Running, coding: str) -> None:
    bomb = PACK[coding](bytes(20 * 2**20))
    assert len(bomb) < 100_000
    document = problem(small.post(bomb, Content_Encoding=coding), 413, "body-too-large")
    assert "100000" in document["detail"]


@pytest.mark.parametrize("coding", CODINGS)
def test_req_20_unpacked_is_what_counts(small: Running, coding: str) -> None:
    cap = 100_000
    fits = EXAMPLE + b" " * (cap - len(EXAMPLE))
    assert small.post(PACK[coding](fits), Content_Encoding=coding).status_code == 200
    document = problem(small.post(PACK[coding](fits + b" "), Content_Encoding=coding), 413, "body-too-large")
    assert f"unpacked, it may hold {cap}" in document["detail"]


@pytest.mark.parametrize("coding", ["gzip", "GZIP", "x-gzip", "zstd", "identity", "identity, gzip"])
def test_a_packed_body_is_answered_as_a_plain_one(server: Running, coding: str) -> None:
    name = coding.lower().split(", ")[-1].removeprefix("x-")
    body = PACK[name](EXAMPLE) if name in PACK else EXAMPLE
    assert server.post(body, Content_Encoding=coding).content == server.post().content


@pytest.mark.parametrize("coding", ["br", "deflate", "gzip, gzip", "compress", "*", "zstd;q=1"])
def test_req_20_another_coding_answers_415(server: Running, coding: str) -> None:
    reply = server.post(EXAMPLE, Content_Encoding=coding)
    assert coding in problem(reply, 415, "unsupported-media-type")["detail"]
    assert reply.headers["accept-encoding"] == "gzip, zstd"


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ([], None),
        (["identity"], None),
        (["gzip"], "gzip"),
        (["gzip, zstd"], "zstd"),
        (["gzip;q=1.0, zstd;q=0.5"], "gzip"),
        (["gzip;q=0"], None),
        (["*"], "zstd"),
        (["*;q=0"], None),
        (["zstd;q=0, *;q=0.1"], "gzip"),
        (["br", "GZIP ; q=0.3"], "gzip"),
        (["gzip;q=nonsense"], None),
    ],
)
def test_the_coding_of_an_answer(accepted: list[str], coding: str | None) -> None:
    assert chosen(accepted) == coding


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("customers", [60, 3000])
def test_answers_are_packed_on_request(server: Running, coding: str, customers: int) -> None:
    row = {"transaction_id": "T", "date": "2025-01-01", "amount": 1.5, "product_id": "P"}
    body = json.dumps(
        {"customers": [{"customer_id": str(n), "transactions": [row]} for n in range(customers)]}
    ).encode()
    plain, reply = (server.post(body, Accept_Encoding=accepted) for accepted in ("identity", coding))
    assert "content-encoding" not in plain.headers
    assert reply.headers["content-encoding"] == coding
    assert "accept-encoding" in reply.headers["vary"]
    assert reply.content == plain.content  # httpx unpacks
    assert int(reply.headers["content-length"]) < len(plain.content) / 4


def test_a_small_answer_is_left_as_it_is() -> None:
    assert len(EXAMPLE) / 4 < encodings.WORTH_PACKING
    assert packed(EXAMPLE, "gzip") == packed(EXAMPLE, "gzip")  # no time of day in it
