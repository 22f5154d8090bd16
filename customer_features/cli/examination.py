"""What ``customer-features doctor`` looks at, a function a matter. Nothing but the core is needed for it."""

from __future__ import annotations

import locale
import os
import platform
import shlex
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib.metadata import PackageNotFoundError
from pathlib import Path

from customer_features._version import __version__
from customer_features.cli.findings import MISSING, OK, PROBLEM, Check
from customer_features.definition.features import DEFINITION_VERSION
from customer_features.engines.rows import kernel
from customer_features.errors import MissingExtra, UsageError
from customer_features.service.settings import data_folder
from customer_features.system import machine
from customer_features.system.extras import OURS, PURPOSES, Extra, Installed, installed

JAVA = 17
"""The least Java that Spark 4 runs on."""
_PACKAGE = Path(__file__).parents[1]
_LITTLE_MEMORY, _LITTLE_DISK = 512 << 20, 1 << 30


def examined(path: list[str] | None = None) -> list[Check]:
    """Everything that there is to say; ``path``: where packages are looked for (default: where Python does)."""
    checks = [*_ourselves()]
    has_spark = False
    try:
        here = installed(path)
    except PackageNotFoundError:
        found, means = f"{OURS} runs from its folder and is not installed", "so its extras are not known"
        checks.append(Check("extras", MISSING, found, means, f"pip install {shlex.quote(str(_PACKAGE.parent))}"))
    else:
        checks += _packages(here)
        has_spark = any(extra.name == "spark" and extra.serves for extra in here.extras)
    looks: list[Callable[[], Iterator[Check]]] = [lambda: _java(has_spark), _memory, _cores, _folders, _data, _stores]
    return [*checks, *(check for look in [*looks, _settings] for check in look()), *_encoding()]


def _ourselves() -> Iterator[Check]:
    means = f"definition {DEFINITION_VERSION}: wherever that is the same, the same rows give the same bits"
    yield Check(OURS, OK, f"{__version__} in {_PACKAGE}", means)
    compiled = kernel.COMPILED
    means = "for JSON: as fast as it gets" if compiled else "for JSON: the same numbers; `make wheel` compiles it"
    yield Check("kernel", OK, "compiled" if compiled else "plain Python", means)
    found = f"{platform.python_version()} ({platform.python_implementation()}) at {sys.executable}"
    yield Check("python", OK, found, "3.11 or newer is needed")
    posix = os.name == "posix"
    means = (
        "files are published under POSIX locks" if posix else "files are published under POSIX locks: Linux or macOS"
    )
    yield Check("platform", OK if posix else PROBLEM, platform.platform(), means)


def _packages(here: Installed) -> Iterator[Check]:
    """The core and the extras; those that are whole are imported, each in a process of its own."""
    listed = ", ".join(map(str, here.core))
    whole = all(package.serves for package in here.core)
    means, mend = "answers requests in-process, and prints help", f"pip install '{OURS}'"
    yield Check("core", OK if whole else PROBLEM, listed, means, "" if whole else mend, broken=not whole)
    modules = [
        PURPOSES[extra.name].module if extra.serves and extra.name in PURPOSES else None for extra in here.extras
    ]
    with ThreadPoolExecutor(max(machine.cores()[0], 1)) as pool:
        for extra, error in zip(here.extras, pool.map(_unimportable, modules), strict=True):
            yield _extra(extra, error)


def _extra(extra: Extra, error: str | None) -> Check:
    name = f"[{extra.name}]"
    gives = PURPOSES[extra.name].gives if extra.name in PURPOSES else "see the README"
    command = str(MissingExtra("it", extra.name)).partition(": ")[2]
    if extra.serves and error is None:
        inside = set().union(*extra.holds.values())
        alone = [str(package) for package in extra.packages if package.name not in inside]
        return Check(name, OK, ", ".join([*alone, *(f"all of [{other}]" for other in extra.holds)]), gives)
    if extra.serves:
        means = f"{gives}: it is installed and cannot be imported"
        return Check(name, PROBLEM, str(error), means, f"{command} --force-reinstall", broken=True)
    found = _lacking(extra)
    if extra.half:
        there = ", ".join(str(package) for package in extra.packages if package.serves)
        found += f" ({there})" if there else ""
        return Check(name, PROBLEM, found, f"{gives}: installed by half", command, broken=True)
    return Check(name, MISSING, found, gives, command)


def _lacking(extra: Extra) -> str:
    """What an extra lacks; of a larger one inside it the name alone."""
    inside = set().union(*extra.holds.values())
    lacking = [package for package in extra.packages if not package.serves]
    names = [package.name for package in lacking if package.found is None and package.name not in inside]
    names += [f"[{other}]" for other, of in extra.holds.items() if any(package.name in of for package in lacking)]
    absent = [f"{', '.join(names)} {'is' if len(names) == 1 else 'are'} missing"] if names else []
    old = [str(package) for package in lacking if package.found is not None and package.name not in inside]
    return ", ".join([*absent, *old])


def _unimportable(module: str | None) -> str | None:
    """Why a module cannot be imported; None where it can be. A library may end the process that imports it."""
    if module is None:
        return None
    path = os.pathsep.join(filter(None, [str(_PACKAGE.parent), os.environ.get("PYTHONPATH")]))
    try:
        ran = subprocess.run(  # noqa: S603
            [sys.executable, "-c", f"import {module}"],
            env={**os.environ, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            errors="replace",
            timeout=120,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        return f"{type(error).__name__}: {error}"
    if ran.returncode == 0:
        return None
    cause = ran.stderr.partition("\n\nThe above exception was")[0].strip()
    return (cause.splitlines() or [f"Python ended with {ran.returncode}"])[-1]


def _java(has_spark: bool) -> Iterator[Check]:
    found = machine.java()
    if found is None:
        where = "JAVA_HOME" if os.environ.get("JAVA_HOME") else "PATH"
        means = f"Spark alone needs it, {JAVA} or newer (Debian: apt-get install openjdk-17-jre-headless)"
        yield Check("java", MISSING, f"none by {where}", means)
    elif found.major < JAVA:
        means = f"Spark needs {JAVA} or newer; JAVA_HOME names another one" + (
            "" if has_spark else "; nothing else does"
        )
        yield Check("java", PROBLEM, f"{found.version} at {found.path}", means, broken=has_spark)
    else:
        yield Check("java", OK, f"{found.version} at {found.path}", "Spark runs on it; nothing else needs it")


def _memory() -> Iterator[Check]:
    physical, limit = machine.memory()
    known = physical if limit is None else limit
    if known is None:
        yield Check("memory", PROBLEM, "not known", "build takes up to 2 GiB before it spills; --memory-limit says it")
        return
    found = (
        _size(known) if limit is None else f"{_size(known)}, a container's limit on a machine of {_size(physical or 0)}"
    )
    means = f"build takes up to {_size(known // 2)} before it spills to disk; --memory-limit says otherwise"
    if known < _LITTLE_MEMORY:
        yield Check("memory", PROBLEM, found, f"little: {_size(_LITTLE_MEMORY)} or more are wanted, or small data")
    else:
        yield Check("memory", OK, found, means)


def _cores() -> Iterator[Check]:
    count, share = machine.cores()
    found = str(count) if share is None else f"{count}, of which a container is granted {share:g}"
    yield Check("cores", OK, found, "build uses all of them; serve as many as --workers says")


def _folders() -> Iterator[Check]:
    try:
        yield _folder("temporary folder", Path(tempfile.gettempdir()), "TMPDIR names another one")
    except FileNotFoundError as error:
        yield Check("temporary folder", PROBLEM, str(error), "builds spill there; TMPDIR names another one")
    if spill := os.environ.get("CUSTOMER_FEATURES_SPILL_DIR"):
        yield _folder("spill folder", Path(spill), "CUSTOMER_FEATURES_SPILL_DIR names it")


def _folder(name: str, folder: Path, named: str) -> Check:
    try:
        on = machine.disk(folder)
    except OSError as error:
        return Check(name, PROBLEM, f"{folder}: {error.strerror or error}", f"builds spill there; {named}")
    found = f"{_size(on.free)} free in {folder}"
    if not os.access(folder, os.W_OK | os.X_OK):
        return Check(name, PROBLEM, f"{folder} cannot be written to", f"builds spill there; {named}")
    if on.in_memory:
        return Check(
            name, PROBLEM, f"{found}, which is memory", f"to spill there frees none; {named}, so does --spill-dir"
        )
    if on.free < _LITTLE_DISK:
        return Check(name, PROBLEM, found, f"little for what larger builds spill; {named}, so does --spill-dir")
    return Check(name, OK, found, "what does not fit into memory goes there; --spill-dir names another one")


def _data() -> Iterator[Check]:
    """The service's folder of credentials."""
    name = "data folder"
    try:
        folder = data_folder()
    except RuntimeError as error:  # a user without a home
        yield Check(name, PROBLEM, str(error), "the service needs one: CUSTOMER_FEATURES_DATA_DIR names it")
        return
    try:
        if not folder.exists():
            means = "the first key of the service makes it, for you alone"
            yield Check(name, MISSING, f"{folder} is not there", means, f"{OURS} keys create NAME")
            return
        loose = [path for path in (folder, *folder.iterdir()) if stat.S_IMODE(path.stat().st_mode) & 0o077]
    except OSError as error:
        means = f"the service keeps its credentials there: {error.strerror}; CUSTOMER_FEATURES_DATA_DIR names another"
        yield Check(name, PROBLEM, str(folder), means)
        return
    if not os.access(folder, os.W_OK | os.X_OK):
        yield Check(name, PROBLEM, f"{folder} cannot be written to", "the service and `keys` write there")
    elif loose:
        mode = f"{stat.S_IMODE(loose[0].stat().st_mode):04o}"
        means, mend = "others than you may reach the service's credentials", f"chmod -R go= {shlex.quote(str(folder))}"
        yield Check(name, PROBLEM, f"{loose[0]} has the rights {mode}", means, mend)
    else:
        yield Check(name, OK, f"{folder}, which only you may read", "the service's credentials are there")


def _stores() -> Iterator[Check]:
    """The service's stores in that folder."""
    from customer_features.cli import stores

    with suppress(RuntimeError, OSError):  # which the line about the folder tells
        yield from stores.examined(data_folder())


def _settings() -> Iterator[Check]:
    """The variables of the environment, by their names alone: some hold secrets."""
    from customer_features.cli.serve import serve
    from customer_features.service import environment

    names = sorted(name for name in os.environ if name.startswith(environment.PREFIX))
    found = ", ".join(names) or "none are set"
    try:
        environment.check(option for parameter in serve.params for option in parameter.opts)
    except UsageError as error:
        yield Check("settings", PROBLEM, found, str(error).partition("; allowed are")[0])
    else:
        yield Check("settings", OK, found, "variables of the environment that begin with CUSTOMER_FEATURES_")


def _encoding() -> Iterator[Check]:
    names, text = sys.getfilesystemencoding(), locale.getpreferredencoding(False)
    found = f"{text} for text, {names} for file names"
    if {names.lower().replace("-", ""), text.lower().replace("-", "")} == {"utf8"}:
        yield Check("encoding", OK, found, "ids and names of files are shown as they are")
    else:
        means = "what is not ASCII may be shown as escapes; LC_ALL=C.UTF-8 or PYTHONUTF8=1 mends it"
        yield Check("encoding", PROBLEM, found, means)


def _size(count: int) -> str:
    for unit, name in ((1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB")):
        if count >= unit:
            return f"{count / unit:.1f} {name}"
    return f"{count} bytes"
