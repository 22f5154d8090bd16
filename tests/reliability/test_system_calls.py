"""Each system call of a publication fails, or is the last one: the target is old or new, and whole."""

from __future__ import annotations

import re
import sys

import pytest

from tests.conftest import TODAY, assert_refused, csv_text
from tests.reliability.conftest import NEW, OLD, Call, Target, Traced

pytestmark = pytest.mark.slow

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


def test_bytes_then_names_then_the_manifest_reach_the_disk(publication: list[Call]) -> None:
    told = []
    for call in publication:
        if is_cleaning(call) or call.name.startswith("link"):
            continue
        what = re.findall(r"(published|f\.parquet[a-z.]*?)(?:\.\d+-[0-9a-f]{8}\.part)?[\">]", call.text)[-1]
        told.append(f"{call.name.removesuffix('at2').removesuffix('at')} {what}")
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


@pytest.mark.parametrize("group", list(GROUPS))
def test_an_error_of_the_disk_at_any_call_leaves_the_old_files(
    group: str, publication: list[Call], traced: Traced, target: Target
) -> None:
    for call in attacked(publication, group):
        target.put_old()
        ran, _ = traced(f"{call.name}:error=EIO:when={call.number}")
        assert "Traceback" not in ran.stderr
        if is_cleaning(call):
            assert (ran.returncode, target.state()) == (0, NEW), call
            continue
        assert ran.returncode == 2, (call, ran.stderr)
        assert re.search(r"^Error: .*cannot be written: .*; nothing was published$", ran.stderr, re.MULTILINE), ran
        assert "nput/output error" in ran.stderr
        assert target.state() == OLD, call
        assert target.leftovers() == [], call


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["parquet", "csv", "arrow"])
def test_an_error_of_the_disk_at_any_call_of_a_larger_output(suffix: str, traced: Traced, target: Target) -> None:
    source, out = target.folder.parent / "large.csv", target.folder / f"out.{suffix}"
    for path in target.folder.iterdir():
        path.unlink()
    rows = (f"customer-{place},{place},2025-04-20,{place}.37,p" for place in range(60_000))
    source.write_text(csv_text(*rows, ",x,2025-04-20,1,p"))
    command = [sys.executable, "-m", "customer_features", "build", str(source), "--out", str(out), "--today", TODAY]
    ran, calls = traced(command=command)
    assert ran.returncode == 0, ran.stderr
    places = dict.fromkeys((call.name, call.number) for call in calls if not is_cleaning(call))
    assert len(places) > 10
    for name, number in places:
        for path in target.folder.glob("out.*"):
            path.unlink()
        ran, _ = traced(f"{name}:error=EIO:when={number}", command=command)
        if ran.returncode == 0:
            # Threads share the work otherwise than before: no one made so many of these calls.
            assert name == "pwrite64"
            continue
        assert_refused(ran, target.folder)
        assert "nothing was published" in ran.stderr


def test_a_disk_that_fails_for_good_while_names_change_says_so(
    publication: list[Call], traced: Traced, target: Target
) -> None:
    *_, last = attacked(publication, "rename")
    ran, _ = traced(f"{last.name}:error=EIO:when={last.number}+")
    assert ran.returncode == 2
    assert "nor could the earlier files all be put back" in ran.stderr
    assert "nothing was published" not in ran.stderr
    assert "Traceback" not in ran.stderr
    assert target.state() is None
    assert target.build().returncode == 0
    assert target.state() == NEW
    assert target.leftovers() == []


@pytest.mark.parametrize(
    "group", [pytest.param(group, marks=pytest.mark.slow if group == "link" else ()) for group in GROUPS]
)
def test_a_kill_at_any_call_leaves_old_or_new(
    group: str, publication: list[Call], traced: Traced, target: Target
) -> None:
    for call in attacked(publication, group):
        target.put_old()
        ran, _ = traced(f"{call.name}:signal=KILL:when={call.number}")
        assert ran.returncode in (-9, 137), call
        assert target.state() in (OLD, NEW, None), call
    assert target.leftovers()
    ran = target.build()
    assert ran.returncode == 0, ran.stderr
    assert target.state() == NEW
    assert target.leftovers() == []
