"""Each system call of a publication fails, or is the last one: the target is old or new, and whole."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from customer_features.targets.manifest import quarantine_of
from tests.conftest import TODAY, assert_refused, csv_text
from tests.reliability.conftest import NEW, OLD, Call, Target, Traced

GROUPS = {
    "bytes": ("write", "pwrite64", "ftruncate"),
    "fsync": ("fsync", "fdatasync"),
    "rename": ("rename", "renameat", "renameat2"),
    "link": ("link", "linkat"),
    "unlink": ("unlink", "unlinkat"),
}


def is_cleaning(call: Call) -> bool:
    """Whether it removes a temporary name, when all is done already."""
    return call.name.startswith("unlink") and ".part" in call.text


def attacked(publication: list[Call], group: str) -> list[Call]:
    """The calls of one group; of those that clean up in the end, the first."""
    found = [call for call in publication if call.name in GROUPS[group]]
    cleaning = [call for call in found if is_cleaning(call)]
    assert found
    return [call for call in found if call not in cleaning[1:]]


@pytest.mark.slow
def test_bytes_then_names_then_the_manifest_reach_the_disk(publication: list[Call]) -> None:
    told = []
    for call in publication:
        if is_cleaning(call) or call.name.startswith("link"):
            continue
        told.append(f"{call.name.removesuffix('at2').removesuffix('at')} {call.file}")
    features, aside, manifest = "f.parquet", "f.parquet.quarantine.parquet", "f.parquet.manifest.json"
    assert set(told[:3]) >= {f"write {aside}", f"fsync {aside}"}
    for name in (features, aside, manifest):
        assert told.index(f"write {name}") < told.index(f"fsync {name}") < told.index(f"rename {name}")
    renames = told.index(f"unlink {manifest}")
    assert told[renames:] == [
        f"unlink {manifest}",
        "fsync published",
        f"rename {aside}",
        f"rename {features}",
        "fsync published",
        f"rename {manifest}",
        "fsync published",
    ]
    assert {f"fsync {name}" for name in (features, aside, manifest)} <= set(told[:renames])


@pytest.mark.slow
@pytest.mark.parametrize("group", list(GROUPS))
def test_an_error_of_the_disk_at_any_call_leaves_the_old_files(
    group: str, publication: list[Call], traced: Traced, target: Target
) -> None:
    for call in attacked(publication, group):
        target.put_old()
        ran, _ = traced(f"{call.name}:error=EIO:when={call.number}")
        assert "Traceback" not in ran.err
        if is_cleaning(call):
            assert (ran.code, target.state()) == (0, NEW), call
            continue
        assert ran.code == 2, (call, ran.err)
        assert re.search(r"^Error: .*cannot be written: .*; nothing was published$", ran.err, re.MULTILINE), ran
        assert "nput/output error" in ran.err
        assert target.state() == OLD, call
        assert target.leftovers() == [], call


def until_names_change(calls: list[Call]) -> list[Call]:
    """The calls that depend on the format: those that write the files and flush them."""
    first = next(place for place, call in enumerate(calls) if call.name in (*GROUPS["link"], *GROUPS["rename"]))
    return calls[:first]


@pytest.mark.parametrize(
    ("suffix", "chosen"),
    [
        pytest.param("parquet", until_names_change, id="parquet", marks=pytest.mark.slow),
        pytest.param("csv", until_names_change, id="csv", marks=pytest.mark.slow),
        pytest.param("parquet", list, id="parquet, every call", marks=pytest.mark.thorough),
        pytest.param("csv", list, id="csv, every call", marks=pytest.mark.thorough),
        pytest.param("arrow", list, id="arrow, every call", marks=pytest.mark.thorough),
    ],
)
def test_an_error_of_the_disk_at_any_call_of_a_larger_output(
    suffix: str, chosen: Callable[[list[Call]], list[Call]], traced: Traced, target: Target
) -> None:
    source, out = target.folder.parent / "large.csv", target.folder / f"out.{suffix}"
    for path in target.folder.iterdir():
        path.unlink()
    rows = (f"customer-{place},{place},2025-04-20,{place}.37,p" for place in range(60_000))
    source.write_text(csv_text(*rows, ",x,2025-04-20,1,p"))
    arguments = ["build", str(source), "--out", str(out), "--today", TODAY]
    ran, calls = traced(arguments=arguments)
    assert ran.code == 0, ran.err
    attempts = chosen([call for call in calls if not is_cleaning(call)])
    written = {call.file for call in attempts if call.name in GROUPS["bytes"]}
    assert written == {out.name, f"{out.name}.manifest.json", quarantine_of(out).name}
    for name, number in dict.fromkeys((call.name, call.number) for call in attempts):
        for path in target.folder.glob("out.*"):
            path.unlink()
        ran, _ = traced(f"{name}:error=EIO:when={number}", arguments=arguments)
        if ran.code == 0:
            # The engine's threads shared the work differently: no thread made that many of these calls.
            assert name in {"pwrite64", "ftruncate"}
            continue
        assert_refused(ran, target.folder)
        assert "nothing was published" in ran.err


@pytest.mark.slow
def test_a_disk_that_fails_for_good_while_names_change_says_so(
    publication: list[Call], traced: Traced, target: Target
) -> None:
    *_, last = attacked(publication, "rename")
    ran, _ = traced(f"{last.name}:error=EIO:when={last.number}+")
    assert ran.code == 2
    assert "nor could the earlier files all be put back" in ran.err
    assert "nothing was published" not in ran.err
    assert "Traceback" not in ran.err
    assert target.state() is None
    assert target.build().returncode == 0
    assert target.state() == NEW
    assert target.leftovers() == []


@pytest.mark.slow
@pytest.mark.parametrize("group", list(GROUPS))
def test_a_kill_at_any_call_leaves_old_or_new(
    group: str, publication: list[Call], traced: Traced, target: Target
) -> None:
    for call in attacked(publication, group):
        target.put_old()
        ran, _ = traced(f"{call.name}:signal=KILL:when={call.number}")
        assert ran.code == -9, call
        assert target.state() in (OLD, NEW, None), call
    assert target.leftovers()
    built = target.build()
    assert built.returncode == 0, built.stderr
    assert target.state() == NEW
    assert target.leftovers() == []
