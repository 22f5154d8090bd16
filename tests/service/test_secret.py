"""The form of a secret, its digest, and a ban on comparing digests with ``==``."""

from __future__ import annotations

import ast
import hashlib
import hmac
import re
from pathlib import Path

import pytest

from customer_features import service
from customer_features.service import secret


def test_req_01_a_secret_is_64_characters_of_prefix_randomness_and_checksum() -> None:
    made = {secret.make() for _ in range(200)}
    assert len(made) == 200
    for plain in made:
        assert re.fullmatch(r"cfs_[0-9A-Za-z]{60}", plain)
        assert secret.well_formed(plain)
    # 54 characters of 62 are 321 bits; every one of the 62 is in use.
    assert len(set("".join(plain[4:58] for plain in made))) == 62


def test_req_02_every_typo_of_one_character_is_seen() -> None:
    plain = secret.make()
    for place in range(len(plain)):
        wrong = plain[:place] + ("x" if plain[place] != "x" else "y") + plain[place + 1 :]
        assert not secret.well_formed(wrong)
    swapped = plain[:10] + plain[11] + plain[10] + plain[12:]
    assert swapped == plain or not secret.well_formed(swapped)


@pytest.mark.parametrize("text", ["", "cfs_", "x" * 64, "cfs_" + "é" * 60, "cfs_" + "0" * 59])
def test_other_text_is_no_secret(text: str) -> None:
    assert not secret.well_formed(text)


def test_a_digest_is_hmac_sha256_under_the_pepper() -> None:
    plain = secret.make()
    assert secret.digest(plain, b"p" * 32) == hmac.new(b"p" * 32, plain.encode(), hashlib.sha256).digest()
    assert secret.digest(plain, b"q" * 32) != secret.digest(plain, b"p" * 32)


SECRETIVE = re.compile(r"digest|hmac|sent$|nobody|plain|pepper$|checksum|^check$|^expected$|^key$", re.IGNORECASE)
MODULES = [
    Path(service.__path__[0]) / f"{name}.py"
    for name in ("secret", "access/pepper", "access/credentials", "access/authentication")
]


def comparisons(source: str) -> list[str]:
    """Comparisons by value in which an operand's own name says that it is secret."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Compare):
            continue
        if not any(isinstance(op, ast.Eq | ast.NotEq | ast.In | ast.NotIn) for op in node.ops):
            continue
        if any(SECRETIVE.search(name) for operand in (node.left, *node.comparators) for name in names(operand)):
            found.append(ast.unparse(node))
    return found


def names(operand: ast.expr) -> list[str]:
    match operand:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return [name]
        case ast.Subscript(value=value):
            return names(value)
        case ast.Call(func=ast.Attribute(value=value, attr=name)):
            return [*(names(value) if name in ("hex", "encode", "decode") else []), name]
        case ast.Call(func=ast.Name(id=name)):
            return [name]
    return []


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_req_04_no_digest_is_compared_with_an_operator(module: Path) -> None:
    source = module.read_text()
    assert comparisons(source) == []
    # Nor by the database, whose comparison takes as long as the common part.
    assert not re.search(r"digest\s*(=|IN\b|LIKE\b)", source.replace("digest = secret", ""))


def test_the_ban_catches_what_it_bans() -> None:
    assert comparisons("ok = key.digest == sent")
    assert comparisons("ok = sent != secret.digest(plain, pepper)")
    assert comparisons("ok = digests[0] in known")
    assert comparisons("ok = row.digest.hex() == other")
    assert not comparisons("ok = hmac.compare_digest(a, b)")
