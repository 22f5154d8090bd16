"""What a machine has, read from folders that look like those of the kernel, and from this very machine."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from customer_features.engines.duckdb.session import default_memory
from customer_features.system import machine
from tests.installed import installed

GIB = 1 << 30
PHYSICAL = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def kernel(root: Path, files: dict[str, str]) -> Path:
    """A root folder with these files in it."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.mark.parametrize(
    ("files", "limit"),
    [
        ({}, None),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": f"{GIB}\n"}, GIB),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "max\n"}, None),
        # The lowest of those above counts, and what is beside does not.
        (
            {
                "proc/self/cgroup": "0::/a/b\n",
                "sys/fs/cgroup/a/memory.max": f"{GIB // 2}\n",
                "sys/fs/cgroup/a/b/memory.max": f"{GIB}\n",
                "sys/fs/cgroup/c/memory.max": "4096\n",
                "sys/fs/memory.max": "4096\n",
            },
            GIB // 2,
        ),
        # The first version; of a group that is not to be seen from inside, what stands at the top.
        (
            {
                "proc/self/cgroup": "7:cpu,cpuacct:/x\n4:memory:/docker/abc\n",
                "sys/fs/cgroup/memory/memory.limit_in_bytes": f"{GIB}\n",
                "sys/fs/cgroup/memory.max": "4096\n",
            },
            GIB,
        ),
        ({"proc/self/cgroup": "4:memory:/\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": f"{2**63 - 4096}\n"}, None),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "\u00e9"}, None),
        ({"proc/self/cgroup": "nonsense\n"}, None),
    ],
)
def test_memory(files: dict[str, str], limit: int | None, tmp_path: Path) -> None:
    assert machine.memory(kernel(tmp_path, files)) == (PHYSICAL, limit)


@pytest.mark.parametrize(
    ("files", "share"),
    [
        ({}, None),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "max 100000\n"}, None),
        ({"proc/self/cgroup": "0::/a\n", "sys/fs/cgroup/a/cpu.max": "50000 100000\n"}, 0.5),
        (
            {
                "proc/self/cgroup": "2:cpu,cpuacct:/\n",
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "25000\n",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            },
            0.25,
        ),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "99900000 100000\n"}, None),
    ],
)
def test_cores(files: dict[str, str], share: float | None, tmp_path: Path) -> None:
    assert machine.cores(kernel(tmp_path, files)) == (len(os.sched_getaffinity(0)), share)


def test_a_disk(tmp_path: Path) -> None:
    place = tmp_path / "a folder"
    place.mkdir()
    mounts = f"/dev/a / ext4 rw 0 0\ntmpfs {str(place).replace(' ', chr(92) + '040')} tmpfs rw 0 0\nbad\n"
    root = kernel(tmp_path / "root", {"proc/self/mounts": mounts})
    assert machine.disk(place, root).in_memory
    assert not machine.disk(tmp_path, root).in_memory
    assert abs(machine.disk(tmp_path).free - shutil.disk_usage(tmp_path).free) < GIB
    with pytest.raises(FileNotFoundError):
        machine.disk(tmp_path / "nowhere")


SHARED = Path("/dev/shm")  # noqa: S108 - only looked at


@pytest.mark.skipif(not SHARED.is_mount(), reason="no file system in memory is mounted here")
def test_this_machine_has_memory_for_a_disk() -> None:
    assert machine.disk(SHARED).in_memory


@pytest.mark.parametrize(
    ("says", "version", "major"),
    [
        ('openjdk version "17.0.15" 2025-04-15', "17.0.15", 17),
        ('java version "1.8.0_402"', "1.8.0_402", 8),
        ('openjdk version "21" 2023-09-19', "21", 21),
        ('openjdk version "25-ea" 2025-09-16', "25-ea", 25),
    ],
)
def test_java(says: str, version: str, major: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.write_text(f"#!/bin/sh\necho '{says}' >&2\n")
    java.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert machine.java() == machine.Java(str(java), version, major)
    monkeypatch.delenv("JAVA_HOME")
    monkeypatch.setenv("PATH", f"{java.parent}:/bin:/usr/bin")
    assert machine.java() == machine.Java(str(java), version, major)


@pytest.mark.parametrize("script", [None, "#!/bin/sh\nexit 1\n", "#!/nowhere\n", "#!/bin/sh\necho hello\n"])
def test_no_java(script: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bin").mkdir()
    if script:
        (tmp_path / "bin" / "java").write_text(script)
        (tmp_path / "bin" / "java").chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert machine.java() is None


def test_this_java(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    said = subprocess.run([installed("java"), "--version"], capture_output=True, text=True, check=True).stdout
    found = machine.java()
    assert found is not None
    assert found.version in said


def test_a_run_takes_half_of_a_container(monkeypatch: pytest.MonkeyPatch) -> None:
    said = {}
    for known in ((8 * GIB, 2 * GIB), (8 * GIB, None), (None, None)):
        monkeypatch.setattr("customer_features.engines.duckdb.session.memory", lambda known=known: known)
        said[known] = default_memory()
    assert list(said.values()) == ["1024 MiB", "4096 MiB", "2 GiB"]
