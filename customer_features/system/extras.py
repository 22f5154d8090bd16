"""Which extras are installed here: what this package's own metadata ask for, beside what there is."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata
from itertools import zip_longest

OURS = "customer-features"
_GROUPS = ("all", "demo", "dev")
"""Extras of this project's own set-up, which give a user nothing by themselves."""
_REQUIREMENT = re.compile(
    r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[(?P<extras>[^\]]*)\])?\s*\(?(?:>=\s*(?P<least>[0-9][0-9.]*))?[^;]*"
    r"(?:;(?P<marker>.*))?"
)
_EXTRA = re.compile(r"""extra\s*==\s*['"]([^'"]+)['"]""")


@dataclass(frozen=True, slots=True)
class Purpose:
    """What an extra is for, and the module of ours that needs all of it."""

    gives: str
    module: str


PURPOSES = {
    "bulk": Purpose("build and check, over files and dataframes", "customer_features.targets.files"),
    "service": Purpose("the HTTP service", "customer_features.service.server"),
    "redis": Purpose("quotas that several servers count together", "redis"),
    "tracing": Purpose("traces of the service, for OpenTelemetry", "customer_features.service.telemetry.tracing"),
    "sql": Purpose("generated SQL and dbt models", "customer_features.query.dbt"),
    "postgres": Purpose("PostgreSQL as source and target", "customer_features.targets.postgresql"),
    "clickhouse": Purpose("vectors computed in ClickHouse", "customer_features.clickhouse"),
    "s3": Purpose("s3:// sources and targets", "customer_features.targets.s3"),
    "http": Purpose("https:// sources", "customer_features.sources.http"),
    "delta": Purpose("Delta tables as sources", "customer_features.sources.delta"),
    "iceberg": Purpose("Iceberg tables as sources", "customer_features.sources.iceberg"),
    "report": Purpose("pages and charts of features", "customer_features.report.rendering"),
    "explorer": Purpose("a page to look at files", "customer_features.service.explorer.explorer"),
    "client": Purpose("asking the HTTP service from Python", "customer_features.client"),
    "sklearn": Purpose("a transformer for scikit-learn", "customer_features.sklearn"),
    "spark": Purpose("vectors computed by Spark", "customer_features.spark.frames"),
}


@dataclass(frozen=True, slots=True)
class Package:
    """A package that is asked for: the least version that serves, and the one that is here (None: it is not)."""

    name: str
    least: str | None
    found: str | None

    @property
    def serves(self) -> bool:
        """Whether it is here and new enough."""
        return self.found is not None and not _older(self.found, self.least)

    def __str__(self) -> str:
        """As people are told of it."""
        if self.found is None:
            return f"{self.name} is missing"
        if not self.serves:
            return f"{self.name} {self.found} is older than {self.least}"
        return f"{self.name} {self.found}"


@dataclass(frozen=True, slots=True)
class Extra:
    """An extra and its packages. ``holds``: the larger extras inside it, by name; ``half``: it was begun to be
    installed, and cannot serve."""

    name: str
    packages: tuple[Package, ...]
    holds: dict[str, set[str]]
    half: bool

    @property
    def serves(self) -> bool:
        """Whether all of it is here."""
        return all(package.serves for package in self.packages)


@dataclass(frozen=True, slots=True)
class Installed:
    """What is installed: our version, what the core needs, and each extra."""

    version: str
    core: tuple[Package, ...]
    extras: tuple[Extra, ...]


def installed(path: list[str] | None = None) -> Installed:
    """What is installed on ``path`` (default: that of this interpreter).

    An extra counts as half-installed where one of its own packages is here for no other reason: nobody asked for it by
    name, and nothing else that is installed needs it. Raises PackageNotFoundError where this package itself is not
    installed.
    """
    here = _here(path)
    ours = here.get(OURS)
    if ours is None:
        raise metadata.PackageNotFoundError(OURS)
    wanted = _wanted(ours.requires or [])
    found = {
        name: tuple(
            Package(package, least, here[_plain(package)].version if _plain(package) in here else None)
            for package, least in packages.items()
        )
        for name, packages in wanted.items()
    }
    core = found.pop("")
    serving = [packages for packages in found.values() if all(package.serves for package in packages)]
    explained = _explained(here) | {_plain(package.name) for packages in [core, *serving] for package in packages}
    extras = []
    for name in sorted(
        found, key=lambda name: (list(PURPOSES).index(name) if name in PURPOSES else len(PURPOSES), name)
    ):
        packages = found[name]
        own = _own(name, wanted)
        begun = any(
            package.found is not None and package.name in own and _plain(package.name) not in explained
            for package in packages
        )
        inside = {
            other: set(of) for other, of in wanted.items() if other and len(of) > 1 and set(of) < set(wanted[name])
        }
        extras.append(Extra(name, packages, inside, begun and packages not in serving))
    return Installed(ours.version, core, tuple(extras))


def _own(name: str, wanted: dict[str, dict[str, str | None]]) -> set[str]:
    """The packages of an extra that no other one asks for, but those that hold all of it."""
    whole = set(wanted[name])
    return {
        package
        for package in whole
        if all(whole <= set(packages) for other, packages in wanted.items() if other and package in packages)
    }


def _here(path: list[str] | None) -> dict[str, metadata.Distribution]:
    """What is installed, by name; of two of a name the first is the one that is imported."""
    found: dict[str, metadata.Distribution] = {}
    for one in metadata.distributions() if path is None else metadata.distributions(path=path):
        if one.metadata is not None and one.metadata["Name"]:
            found.setdefault(_plain(one.metadata["Name"]), one)
    return found


def _wanted(requirements: Iterable[str]) -> dict[str, dict[str, str | None]]:
    """Packages and their least versions by extra; the core's under an empty name."""
    direct: dict[str, dict[str, str | None]] = {"": {}}
    others: dict[str, set[str]] = {}
    for text in requirements:
        if (match := _REQUIREMENT.match(text)) is None:
            continue
        extra = _EXTRA.search(match["marker"] or "")
        name = extra[1] if extra else ""
        if name in _GROUPS:
            continue
        packages = direct.setdefault(name, {})
        if _plain(match["name"]) == OURS:
            others.setdefault(name, set()).update(part.strip() for part in (match["extras"] or "").split(","))
        else:
            packages[match["name"]] = match["least"]
    for name, included in others.items():
        for other in sorted(included):
            direct[name] = {**direct.get(other, {}), **direct[name]}
    return direct


def _explained(here: dict[str, metadata.Distribution]) -> set[str]:
    """The packages that are here because somebody named them, or because something that is not ours needs them."""
    names = {name for name, one in here.items() if one.read_text("REQUESTED") is not None}
    for owner, one in here.items():
        for text in one.requires or [] if owner != OURS else []:
            match = _REQUIREMENT.match(text)
            if match is not None and not _EXTRA.search(match["marker"] or ""):
                names.add(_plain(match["name"]))
    return names


def _plain(name: str) -> str:
    """A package's name as all spellings of it are compared."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _older(found: str, least: str | None) -> bool:
    """Whether a version is older than another one; what stands behind its numbers (rc1, +cpu) does not count."""
    numbers = [[int(part) for part in re.findall(r"[0-9]+", _release(text))] for text in (found, least or "0")]
    for here, wanted in zip_longest(*numbers, fillvalue=0):
        if here != wanted:
            return here < wanted
    return False


def _release(version: str) -> str:
    match = re.match(r"(?:[0-9]+!)?[0-9]+(?:\.[0-9]+)*", version)
    return match[0] if match else "0"
