"""The package as ``make wheel`` builds it, with compiled hot loops, and the JSON contests over it.

The wheel is unpacked beside the benchmarks, and a process of its own imports it from there: the contests are those of
``json_bodies``, with the same peers in the same turns.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import msgspec

from benchmarks.results import Contest
from benchmarks.scale import Scale

ROOT = Path(__file__).parents[1]


def tree(folder: Path) -> Path:
    """A folder that holds the compiled package and the benchmarks, to be the working folder of a process.

    Skips the contest, and says why, where there is no compiler.
    """
    from tests.installed import installed
    from tests.making import wheel

    installed("cc")
    installed("Python.h")
    place = folder / "compiled"
    with zipfile.ZipFile(wheel()) as content:
        content.extractall(place)
    for name in ("benchmarks", "tests", "tools"):
        (place / name).symlink_to(ROOT / name)
    return place


def run(scale: Scale) -> Iterator[Contest]:
    """The JSON contests, of the compiled package."""
    with tempfile.TemporaryDirectory() as name:
        command = [sys.executable, "-m", "benchmarks.compiled", *(["quick"] if scale.quick else [])]
        # In a folder that Python looks into first, before the checkout that is installed.
        with subprocess.Popen(command, cwd=tree(Path(name)), stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            for line in process.stdout:
                yield msgspec.json.decode(line, type=Contest)
        if process.returncode:
            raise SystemExit(f"the compiled contests ended with {process.returncode}")


def main() -> None:
    """Run them here, in a process whose package is the compiled one; a contest a line of JSON."""
    from benchmarks import json_bodies
    from customer_features.engines.rows import kernel

    if not kernel.COMPILED:
        raise SystemExit(f"{kernel.__file__} is not compiled")
    for one in json_bodies.run(Scale(quick="quick" in sys.argv)):
        titled = msgspec.structs.replace(one, title=one.title.replace("JSON,", "JSON, compiled:"))
        print(msgspec.json.encode(titled).decode(), flush=True)


if __name__ == "__main__":
    main()
