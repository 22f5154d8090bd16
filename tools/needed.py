"""What tests and benchmarks need beside the development environment: programs, and environments of other packages.

``make tools`` runs this: it looks for each, brings what is missing, and says so. Tests only look (tests/installed.py).
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENTS_FOLDER = ROOT / "build" / "environments"


@dataclass(frozen=True, slots=True)
class Tool:
    """A program or a header of C: the package of Debian that has it, why it is needed, and its names elsewhere."""

    name: str
    package: str
    why: str
    others: tuple[str, ...] = ()

    def path(self) -> str | None:
        """Where it is on this machine; None where it is not."""
        if self.name.endswith(".h"):
            header = Path(sysconfig.get_path("include"), self.name)
            return str(header) if header.exists() else None
        return next(filter(None, map(shutil.which, (self.name, *self.others))), None)


TOOLS = {
    tool.name: tool
    for tool in (
        Tool("cc", "gcc", "which compiles the hot loops"),
        Tool("Python.h", "python3-dev", "which the compiler needs"),
        Tool("chromium", "chromium", "which shows the pages", ("chromium-browser", "google-chrome")),
        Tool("curl", "curl", "which makes requests as the pages show them"),
        Tool("fish", "fish", "one of the shells that are completed"),
        Tool("java", "openjdk-17-jre-headless", "which Spark runs on"),
        Tool("ps", "procps", "which Spark's scripts ask"),
        Tool("psql", "postgresql-client", "PostgreSQL's own client"),
        Tool("redis-server", "redis-server", "which counts for all workers"),
        Tool("setpriv", "util-linux", "by which root gives up rights"),
        Tool("strace", "strace", "which makes system calls fail"),
        Tool("systemd-analyze", "systemd", "which reads the unit"),
        Tool("wrk", "wrk", "which makes the load of the benchmarks"),
        Tool("zsh", "zsh", "one of the shells that are completed"),
    )
}


@dataclass(frozen=True, slots=True)
class Environment:
    """A virtual environment in ``build/environments``: what is installed, as uv takes it, and why it stands apart."""

    name: str
    why: str
    packages: tuple[str, ...]

    @property
    def folder(self) -> Path:
        return ENVIRONMENTS_FOLDER / self.name

    @property
    def _stamp(self) -> Path:
        return self.folder / "made-of.txt"

    def _made_of(self) -> str:
        """The interpreter, the packages, and the text of each file that lists them."""
        files = [(ROOT / part).read_text("utf-8") for part in self.packages if (ROOT / part).is_file()]
        return "\n".join([sys.version, *self.packages, *files])

    def ready(self) -> bool:
        """Whether it was made, and of what it would be made of now."""
        return self._stamp.is_file() and self._stamp.read_text("utf-8") == self._made_of()

    def make(self) -> str:
        """Make it anew; what went wrong, or nothing."""
        python = str(self.folder / "bin" / "python")
        for command in (
            ["venv", "--quiet", "--clear", "--python", sys.executable, str(self.folder)],
            ["pip", "install", "--quiet", "--python", python, *self.packages],
        ):
            ran = subprocess.run([uv(), *command], cwd=ROOT, capture_output=True, text=True, check=False)
            if ran.returncode:
                return ran.stderr.strip()[-1000:] or f"uv {command[0]} ended with {ran.returncode}"
        self._stamp.write_text(self._made_of(), "utf-8")
        return ""


ENVIRONMENTS = {
    environment.name: environment
    for environment in (
        Environment(
            "dbt",
            "dbt asks for other versions of common packages",
            ("--requirements", "tests/examples/dbt.txt"),
        ),
        Environment(
            "featuretools",
            "featuretools asks for pandas 2",
            ("--requirements", "benchmarks/peers/featuretools.txt"),
        ),
        Environment(
            "older",
            "Modin asks for pandas 2, which stands beside no pandas 3",
            ("--requirements", "tests/frames/older.txt"),
        ),
        # A test installs the project in an environment of its own; this one leaves all else in uv's cache.
        Environment(
            "service",
            "the container has the service alone",
            ("--requirements", "pyproject.toml", "--extra", "service", "--constraint", "constraints.txt", "hatchling"),
        ),
    )
}


def uv() -> str:
    """The path of uv, which the development environment has."""
    from uv import find_uv_bin

    return str(find_uv_bin())


def may_install() -> bool:
    """Whether packages of Debian can be installed here without asking anybody."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def apt_get(*arguments: str) -> None:
    """Run apt-get; what it could not install is found missing afterwards."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    command = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=600", *arguments]
    ran = subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if ran.returncode:
        print(ran.stderr.strip()[-1000:], file=sys.stderr, flush=True)


def install(packages: Iterable[str]) -> None:
    """Install packages of Debian: all at once, and each by itself where one of them spoils that."""
    wanted = sorted(set(packages))
    apt_get("update")
    apt_get("install", "--yes", "--no-install-recommends", *wanted)
    for package in {tool.package for tool in TOOLS.values() if tool.package in wanted and tool.path() is None}:
        apt_get("install", "--yes", "--no-install-recommends", package)


def say(name: str, what: str) -> None:
    print(f"{name:26}{what}", flush=True)


def provide_tools() -> list[Tool]:
    """Bring the programs, saying of each whether it was here; those that are still missing."""
    missing = [tool for tool in TOOLS.values() if tool.path() is None]
    for tool in TOOLS.values():
        if tool not in missing:
            say(tool.name, f"here: {tool.path()}")
    if missing and may_install():
        print(f"Installing {', '.join(tool.package for tool in missing)} ...", flush=True)
        install(tool.package for tool in missing)
    for tool in missing:
        found = tool.path()
        say(tool.name, f"installed: {found}" if found else f"MISSING: {tool.why}")
    return [tool for tool in missing if tool.path() is None]


def provide_environments() -> list[Environment]:
    """Make the environments, saying of each whether it was here; those that could not be made."""
    missing = []
    for environment in ENVIRONMENTS.values():
        name = f"environment {environment.name}"
        if environment.ready():
            say(name, f"here: {environment.folder.relative_to(ROOT)}")
        elif wrong := environment.make():
            missing.append(environment)
            say(name, f"MISSING: {environment.why}")
            print(wrong, file=sys.stderr, flush=True)
        else:
            say(name, f"made: {environment.folder.relative_to(ROOT)}")
    return missing


def main() -> int:
    ENVIRONMENTS_FOLDER.mkdir(parents=True, exist_ok=True)
    with (ENVIRONMENTS_FOLDER / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another may be making them
        tools, environments = provide_tools(), provide_environments()
    if not tools and not environments:
        print("All that the tests need is here.")
        return 0
    left = ", ".join([*(tool.name for tool in tools), *(f"environment {one.name}" for one in environments)])
    print(f"The tests that need these are skipped, and fail in CI: {left}.")
    if tools:
        packages = " ".join(sorted({tool.package for tool in tools}))
        why = "apt-get did not bring them" if may_install() else "installing programs takes root and apt-get"
        print(f"The programs: {why}. By hand: sudo apt-get install --no-install-recommends {packages}")
    if environments:
        print("The environments: uv says above what went wrong. Run make tools again.")
    return 1


if __name__ == "__main__":
    sys.exit(main())
