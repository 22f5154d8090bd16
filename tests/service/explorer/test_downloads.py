"""Downloads are made once and whole, whoever asks meanwhile; and no tenant's datasets fill the explorer."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from customer_features.service.bodies.pace import GRACE
from customer_features.service.explorer import datasets as module
from customer_features.service.explorer import results
from customer_features.service.explorer.datasets import BODY, HELD, Dataset, Datasets
from customer_features.service.explorer.downloads import Downloads
from customer_features.service.explorer.steps import FEATURES, MADE
from customer_features.service.explorer.tasks import Runs
from customer_features.service.problems import Refused
from customer_features.service.settings import MIN_RATE, Settings
from tests.service.virtual import passing, run
from tests.waiting import BOUND

WHOLE = b"all of it"


class Writer:
    """Writes a download in two halves, between which it waits to be told."""

    def __init__(self, between: Callable[[Path], None] = lambda folder: None) -> None:
        self.begun = threading.Semaphore(0)
        self.goes_on = threading.Event()
        self.drafts: list[Path] = []
        self._between = between

    def __call__(self, folder: Path, path: Path) -> None:
        self.drafts.append(path)
        with path.open("wb") as file:
            file.write(WHOLE[:4])
            self.begun.release()
            assert self.goes_on.wait(BOUND)
            self._between(folder)
            file.write(WHOLE[4:])

    async def half_way(self) -> None:
        assert await asyncio.to_thread(self.begun.acquire, timeout=BOUND)


@pytest.fixture
def datasets(tmp_path: Path) -> Datasets:
    return Datasets(tmp_path)


@pytest.fixture
def built(datasets: Datasets) -> Dataset:
    made = datasets.create("r.csv", "me")
    (made.folder / FEATURES).write_bytes(b"vectors")
    return made


def writes(monkeypatch: pytest.MonkeyPatch, writer: Writer) -> None:
    monkeypatch.setitem(results.WRITERS, "json", writer)


def left(built: Dataset) -> list[bytes]:
    return [path.read_bytes() for path in built.folder.glob(f"{MADE}*")]


def asked(built: Dataset, *several: Downloads) -> list[Awaitable[Path]]:
    return [asyncio.ensure_future(downloads.file(built.id, "json")) for downloads in several]


def test_who_asks_meanwhile_waits_for_the_one_that_is_made(
    datasets: Datasets, built: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = Writer()
    writes(monkeypatch, writer)

    async def ask() -> None:
        downloads = Downloads(datasets)
        first, *others = asked(built, *[downloads] * 3)
        await writer.half_way()
        first.cancel()  # type: ignore[attr-defined]
        writer.goes_on.set()
        paths = {await one for one in (*others, *asked(built, downloads))}
        assert [path.read_bytes() for path in paths] == [WHOLE]
        assert not downloads._making

    asyncio.run(ask())
    assert len(writer.drafts) == 1
    assert left(built) == [WHOLE]


def test_two_workers_make_it_without_each_other(
    datasets: Datasets, built: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = Writer()
    writes(monkeypatch, writer)

    async def ask() -> None:
        both = asked(built, Downloads(datasets), Downloads(datasets))
        for _ in both:
            await writer.half_way()
        writer.goes_on.set()
        assert [(await one).read_bytes() for one in both] == [WHOLE] * 2

    asyncio.run(ask())
    assert len({*writer.drafts}) == 2
    assert left(built) == [WHOLE]


def test_one_that_fails_leaves_nothing_and_is_made_again(
    datasets: Datasets, built: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(folder: Path) -> None:
        raise OSError("no space left on device")

    failing, writer = Writer(full), Writer()
    failing.goes_on.set()
    writer.goes_on.set()

    async def ask() -> None:
        downloads = Downloads(datasets)
        writes(monkeypatch, failing)
        for one in asked(built, downloads, downloads):
            with pytest.raises(OSError, match="no space"):
                await one
        assert left(built) == []
        writes(monkeypatch, writer)
        assert (await downloads.file(built.id, "json")).read_bytes() == WHOLE

    asyncio.run(ask())


def test_one_of_an_earlier_build_is_not_taken_for_this_one_s(
    datasets: Datasets, built: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    def build_again(folder: Path) -> None:
        (folder / "new").write_bytes(b"other vectors")
        (folder / "new").replace(folder / FEATURES)

    writer = Writer(build_again)
    writes(monkeypatch, writer)
    writer.goes_on.set()

    async def ask() -> None:
        downloads = Downloads(datasets)
        with pytest.raises(Refused, match="not-found"):
            await downloads.file(built.id, "json")
        assert left(built) == []
        (built.folder / FEATURES).unlink()
        with pytest.raises(Refused, match="not-found"):
            await downloads.file(built.id, "json")

    asyncio.run(ask())


# -- shares ------------------------------------------------------------------------------------------------


def test_req_29_datasets_of_one_tenant_fill_no_other_s_places(tmp_path: Path) -> None:
    datasets = Datasets(tmp_path, each=2)
    mine = [datasets.create("r.csv", "me") for _ in range(2)]
    with pytest.raises(Refused) as refused:
        datasets.create("r.csv", "me")
    assert (refused.value.name, "close one" in refused.value.detail) == ("too-many-requests", True)
    for number in range(HELD - 2):
        datasets.create("r.csv", f"other {number}")
    with pytest.raises(Refused, match="overloaded"):
        datasets.create("r.csv", "one more")
    datasets.remove(mine[0])
    datasets.create("r.csv", "me")


def test_req_27_datasets_of_one_tenant_hold_so_many_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_STEP", 10)
    datasets = Datasets(tmp_path, disk=1000)
    mine, other = datasets.create("r.csv", "me"), datasets.create("r.csv", "other")
    for made in (mine, other):
        (made.folder / "spill").mkdir()
        (made.folder / "spill" / "rows").write_bytes(b"x" * 500)
    room = datasets.room("me")
    asyncio.run(room(0))
    (mine.folder / BODY).write_bytes(b"x" * 1000)
    asyncio.run(room(9))  # too little has come to look again
    with pytest.raises(Refused, match="too-many-requests"):
        asyncio.run(room(10))
    asyncio.run(datasets.room("other")(10))


@pytest.mark.parametrize(("every", "size"), [(3.0, 1), (GRACE, 0), (1.0, MIN_RATE // 2)])
def test_an_upload_that_drips_is_ended(tmp_path: Path, every: float, size: int) -> None:
    """A byte now and then is no upload, however long it may go on."""

    async def any_room(size: int) -> None:
        pass

    async def at_once(pool: object, work: Callable[[], None]) -> None:
        work()

    async def drips() -> Any:
        while True:
            await passing(every)
            yield b"x" * size

    async def receive() -> None:
        runs = Runs(Settings(data_dir=tmp_path, request_timeout=60))
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(asyncio.get_running_loop(), "run_in_executor", at_once)
            with pytest.raises(Refused) as refused:
                await runs.receive(drips(), tmp_path / BODY, any_room)
        assert (refused.value.name, refused.value.close) == ("request-timeout", True)

    assert run(receive())[1] <= 2 * GRACE
