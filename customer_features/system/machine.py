"""What this machine has for a run: memory, cores, disks, Java. A container's limits count where there are any."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path("/")
_JAVA_VERSION = re.compile(r'version "(([0-9]+)(?:\.([0-9]+))?[^"]*)"')


def memory(root: Path = _ROOT) -> tuple[int | None, int | None]:
    """Bytes of memory of the machine, and the lower limit of a control group over this process; None: not known."""
    try:
        physical: int | None = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        physical = None
    limits = [
        int(text)
        for folder in _groups("memory", root)
        for name in ("memory.max", "memory.limit_in_bytes")
        if (text := _text(folder / name)).isdigit()
    ]
    lowest = min(limits, default=None)
    if lowest is not None and physical is not None and lowest >= physical:
        return physical, None  # of a group without a limit the older kernels give a number beyond all machines
    return physical, lowest


def cores(root: Path = _ROOT) -> tuple[int, float | None]:
    """Cores that this process may run on, and how many of them a control group grants it in time, where it does."""
    try:
        count = len(os.sched_getaffinity(0))
    except AttributeError:
        count = os.cpu_count() or 1
    shares = []
    for folder in _groups("cpu", root):
        quota, _, period = _text(folder / "cpu.max").partition(" ")
        if not quota:
            quota, period = _text(folder / "cpu.cfs_quota_us"), _text(folder / "cpu.cfs_period_us")
        if quota.isdigit() and period.isdigit() and int(period):
            shares.append(int(quota) / int(period))
    lowest = min(shares, default=None)
    return count, None if lowest is None or lowest >= count else lowest


def _groups(controller: str, root: Path) -> Iterator[Path]:
    """The folders of the control groups over this process, of the second version or of a controller of the first."""
    for line in _text(root / "proc/self/cgroup").splitlines():
        number, controllers, inside = [*line.split(":", 2), "", ""][:3]
        if number == "0" and not controllers:
            base = root / "sys/fs/cgroup"
        elif controller in controllers.split(","):
            base = root / "sys/fs/cgroup" / controller
        else:
            continue
        group = base / inside.strip("/")
        yield from (folder for folder in (group, *group.parents) if folder.is_relative_to(base))


def _text(path: Path) -> str:
    try:
        return path.read_text("ascii").strip()
    except (OSError, UnicodeError):
        return ""


@dataclass(frozen=True, slots=True)
class Disk:
    """What a folder lies on: bytes free, and whether it is memory and no disk."""

    free: int
    in_memory: bool


def disk(folder: Path, root: Path = _ROOT) -> Disk:
    """The disk of a folder. Raises OSError where there is no such folder."""
    free = shutil.disk_usage(folder).free
    place, kind = folder.resolve(), ""
    longest = -1
    for line in _text(root / "proc/self/mounts").splitlines():
        _, mounted, found, *_ = [*line.split(" "), "", "", ""]
        at = Path(mounted.replace("\\040", " "))
        if place.is_relative_to(at) and len(at.parts) >= longest:  # of two at one place the later one is seen
            longest, kind = len(at.parts), found
    return Disk(free, kind in ("tmpfs", "ramfs"))


@dataclass(frozen=True, slots=True)
class Java:
    """The Java that Spark would start: where it is, its version as it says it, and the number that counts."""

    path: str
    version: str
    major: int


def java() -> Java | None:
    """The Java of ``JAVA_HOME``, else that of ``PATH``; None where there is none that runs."""
    home = os.environ.get("JAVA_HOME")
    path = shutil.which("java", path=str(Path(home, "bin")) if home else None)
    if path is None:
        return None
    try:
        ran = subprocess.run([path, "-version"], capture_output=True, text=True, timeout=20, check=False)  # noqa: S603
    except (OSError, subprocess.SubprocessError, UnicodeError):
        return None
    found = _JAVA_VERSION.search(ran.stderr + ran.stdout)
    if found is None:
        return None
    # Up to Java 8 the first number was always 1.
    return Java(path, found[1], int(found[3] if found[2] == "1" and found[3] else found[2]))
