"""What the tests of reliability share: a batch in an old and a new version, strace, a small disk, the invariant."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from customer_features.targets.manifest import manifest_of, verify
from tests.conftest import TODAY, Ran, child_environment, csv_text
from tests.installed import installed, missing
from tests.reliability.warm import Warm

OLD, NEW = 0, 1


@dataclass(frozen=True)
class Batch:
    """Two versions of a source, each with a row to be set aside, and the three files that each is built into."""

    sources: tuple[Path, Path]
    wholes: tuple[dict[str, bytes], dict[str, bytes]]

    def arguments(self, version: int, out: Path) -> list[str]:
        return ["build", str(self.sources[version]), "--out", str(out), "--today", TODAY]

    def command(self, version: int, out: Path) -> list[str]:
        return [sys.executable, "-m", "customer_features", *self.arguments(version, out)]


@dataclass(frozen=True)
class Target:
    """A folder in which the old version stands, and the name that the new one is built under."""

    batch: Batch
    folder: Path

    @property
    def out(self) -> Path:
        return self.folder / "f.parquet"

    def build(self) -> subprocess.CompletedProcess[str]:
        """Build the new version, undisturbed."""
        return run(self.batch.command(NEW, self.out))

    def files(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.folder.iterdir() if not path.name.endswith(".part")}

    def leftovers(self) -> list[str]:
        return [path.name for path in self.folder.iterdir() if path.name.endswith(".part")]

    def put_old(self) -> None:
        for path in self.folder.iterdir():
            path.unlink()
        for name, body in self.batch.wholes[OLD].items():
            (self.folder / name).write_bytes(body)

    def state(self) -> int | None:
        """The version that stands here whole, or None where no manifest vouches for one.

        In either case each file under its final name is whole, and that of one version.
        """
        found = self.files()
        assert self.out.name in found
        for name, body in found.items():
            assert body in [version[name] for version in self.batch.wholes], f"{name} is of no version"
        if manifest_of(self.out).name not in found:
            return None
        verify(self.out)
        return self.batch.wholes.index(found)


def run(command: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
    kept = child_environment(**environment)
    return subprocess.run(command, env=kept, capture_output=True, text=True, timeout=240, check=False)


@pytest.fixture(scope="session")
def batch(tmp_path_factory: pytest.TempPathFactory) -> Batch:
    folder = tmp_path_factory.mktemp("versions")
    sources, wholes = [], []
    for version in (OLD, NEW):
        source, out = folder / f"t{version}.csv", folder / f"{version}" / "f.parquet"
        rows = (f"c{place},{place},2025-04-2{version},{place}.{version}5,p" for place in range(300))
        source.write_text(csv_text(*rows, f"v{version},x,2052-04-01,1,p"))
        out.parent.mkdir()
        sources.append(source)
        ran = run(
            [sys.executable, "-m", "customer_features", "build", str(source), "--out", str(out), "--today", TODAY]
        )
        assert ran.returncode == 0, ran.stderr
        wholes.append({path.name: path.read_bytes() for path in out.parent.iterdir()})
    assert all(len(whole) == 3 for whole in wholes)
    return Batch((sources[OLD], sources[NEW]), (wholes[OLD], wholes[NEW]))


@pytest.fixture
def target(batch: Batch, tmp_path: Path) -> Target:
    folder = tmp_path / "published"
    folder.mkdir()
    found = Target(batch, folder)
    found.put_old()
    return found


@pytest.fixture(scope="session")
def strace() -> str:
    """The path of strace, where it may trace."""
    found = installed("strace")
    tried = subprocess.run([found, "-f", "-o", os.devnull, "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        missing(f"strace may not trace here: {tried.stderr.strip()}")
    return found


@dataclass(frozen=True)
class Call:
    """One system call of a run: the thread's number, the call's name and its place among those of the thread."""

    thread: str
    name: str
    number: int
    text: str

    @property
    def file(self) -> str:
        """The final name of the file (or the name of the folder) that the call is about."""
        opened = re.match(r"\(\d+<([^>]+)>", self.text)
        path = Path(opened[1] if opened else re.findall(r'"([^"]+)"', self.text)[-1])
        return re.sub(r"^\.(.+)\.\d+-[0-9a-f]{8}\.part$", r"\1", path.name)


PUBLISHING = "write,pwrite64,fsync,fdatasync,ftruncate,?rename,?renameat,?renameat2,?link,linkat,?unlink,unlinkat"
"""The system calls of a publication; strace passes over those marked ? where the machine has none."""

_PUBLICATION = pytest.StashKey[list[Call]]()
Traced = Callable[..., tuple[Ran, list[Call]]]


@pytest.fixture(scope="session")
def warm() -> Iterator[Warm]:
    with Warm() as found:
        yield found


@pytest.fixture
def traced(strace: str, warm: Warm, target: Target, tmp_path: Path) -> Traced:
    """Build the new version under strace, with system calls tampered with; the run, and its calls on the folder.

    Other ``arguments`` may be given, other system calls to ``trace``, another folder to be ``within``, and more of
    the environment.
    """

    def build(
        *tamper: str,
        arguments: list[str] | None = None,
        trace: str = PUBLISHING,
        within: Path = target.folder,
        **environment: str,
    ) -> tuple[Ran, list[Call]]:
        log, err = tmp_path / "calls", tmp_path / "err"
        options = [part for which in tamper for part in ("-e", f"inject={which}")]
        pid = warm.fork(arguments or target.batch.arguments(NEW, target.out), err, **environment)
        command = [strace, "-f", "-y", "-o", str(log), "-e", f"trace={trace}", *options, "-p", str(pid)]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as tracing:
            assert tracing.stderr is not None
            said = tracing.stderr.readline()
            code = warm.run()
            tracing.communicate(timeout=60)
        assert "attached" in said, said
        found = [call for call in calls(log.read_text(errors="replace")) if f"{within}" in call.text]
        return Ran(code, "", err.read_text()), found

    return build


@pytest.fixture
def publication(traced: Traced, target: Target, request: pytest.FixtureRequest) -> list[Call]:
    """The calls of a run that nothing disturbs, traced once; the old version stands again."""
    found: list[Call] | None = request.config.stash.get(_PUBLICATION, None)
    if found is None:
        ran, found = traced()
        assert ran.code == 0, ran.err
        request.config.stash[_PUBLICATION] = found
        target.put_old()
    return found


def calls(log: str) -> Iterator[Call]:
    counted: dict[tuple[str, str], int] = {}
    for thread, name, text in re.findall(r"^(\d+) +(\w+)(\(.*)$", log, re.MULTILINE):
        number = counted[thread, name] = counted.get((thread, name), 0) + 1
        yield Call(thread, name, number, text)
