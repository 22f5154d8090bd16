"""One attack from the server's start to its verdict."""

from __future__ import annotations

import asyncio
import random
import ssl
import statistics
import tempfile
from collections import Counter
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.attack.attacker import AUTHORITY, OPTIONS, Attack, Attacker
from tests.attack.bystander import QUIET, Bystander, Patience, Seen, bystander
from tests.attack.watching import MIB, Watcher, settles
from tests.service.harness import Running, new_key, start


@dataclass
class Report:
    """What became of one attack; it held where there are no faults."""

    name: str
    tells: str
    faults: Counter[str] = field(default_factory=Counter)
    texts: list[str] = field(default_factory=list)
    answers: Counter[int] = field(default_factory=Counter)
    figures: list[str] = field(default_factory=list)
    seen: Seen = field(default_factory=Seen)
    memory: int = 0
    disk: int = 0

    def fault(self, kind: str, text: str) -> None:
        """Note a fault of the server itself."""
        self.faults[kind] += 1
        self.texts.append(f"{kind}: {text}")

    def line(self) -> str:
        """The attack in one line, with its figures."""
        cells = [f"{self.name:8} {'held  ' if not self.faults else 'FAILED'} {self.tells}"]
        if self.faults:
            cells.append(", ".join(f"{kind}: {count:,}" for kind, count in sorted(self.faults.items())))
        if self.answers:
            answered = (f"{status or 'none'} x {count:,}" for status, count in sorted(self.answers.items()))
            cells.append(f"attacker got {', '.join(answered)}")
        cells += self.figures
        cells.append(f"{self.memory // MIB:,} MiB of memory, {max(self.disk, 0) // MIB:,} MiB of disk")
        cells += [times for name in self.seen.attacked if (times := beside(name, self.seen))]
        return "; ".join(cells)


def beside(name: str, seen: Seen) -> str:
    """The 99th percentile of a kind of request under attack beside that at rest, and the longest."""
    attacked, rest = seen.attacked.get(name, []), seen.rest.get(name, [])
    at_rest = f" (at rest {high(rest):.1f})" if rest else ""
    return f"{name} {len(attacked):,}: p99 {high(attacked):.1f} ms{at_rest}, longest {1000 * max(attacked):.0f} ms"


def high(seconds: list[float]) -> float:
    """The 99th percentile, in milliseconds."""
    return 1000 * (statistics.quantiles(seconds, n=100, method="inclusive")[98] if len(seconds) > 1 else seconds[0])


def attacked(attack: Attack, seed: int = 0, patience: Patience = QUIET) -> Report:
    """Run one attack; whatever becomes of it stands in the report."""
    report = Report(attack.name, attack.tells)
    try:
        with tempfile.TemporaryDirectory(prefix="customer-features-attack-") as name:
            _run(attack, seed, patience, Path(name) / "data", report)
    except Exception as error:
        report.fault("broken off", f"{type(error).__name__}: {error}")
    return report


def _run(attack: Attack, seed: int, patience: Patience, folder: Path, report: Report) -> None:
    folder.mkdir()
    computes = f"{patience.computes}s"
    options = (*OPTIONS, "--request-timeout", computes, "--job-timeout", computes, *attack.prepare(folder))
    server = start(folder, *options, key=True, command=attack.command)
    cafile = str(folder / AUTHORITY) if attack.tls else None
    try:
        with Watcher(server) as watcher, ExitStack() as stack:
            other = None
            if attack.watched:
                given = (server.url, new_key(folder, "bystander"), attack.without, patience, cafile)
                other = stack.enter_context(bystander(*given))
            asyncio.run(_attacked(attack, seed, server, other, patience, report, cafile))
        report.memory, report.disk = watcher.memory, watcher.disk
        for fault in watcher.faults():
            report.fault("too much", fault)
        if not watcher.killed:
            _judge_the_server(attack, server, report)
    finally:
        server.kill()


async def _attacked(
    attack: Attack,
    seed: int,
    server: Running,
    other: Bystander | None,
    patience: Patience,
    report: Report,
    cafile: str | None,
) -> None:
    if other is not None:
        await asyncio.to_thread(other.served, patience.rest)
        other.attacked()
    context = ssl.create_default_context(cafile=cafile) if cafile else True
    async with Attacker(server, random.Random(seed), context) as attacker:
        try:
            async with asyncio.timeout(attack.longest):
                await attack.run(attacker)
        except TimeoutError:
            attacker.fault("endless", f"the attack was broken off after {attack.longest:g} seconds")
        except Exception as error:  # the bystander is heard all the same
            attacker.fault("broken off", f"{type(error).__name__}: {error}")
    report.answers, report.figures = attacker.answers, attacker.figures
    report.faults.update(attacker.faults)
    report.texts += attacker.texts
    if other is not None:
        with suppress(AssertionError):  # then its own answers say so
            await asyncio.to_thread(other.served, patience.rest)
        report.seen = await asyncio.to_thread(other.seen)
        report.faults.update({f"bystander's {kind}": count for kind, count in report.seen.faults.items()})
        report.texts += report.seen.texts


def _judge_the_server(attack: Attack, server: Running, report: Report) -> None:
    """Whether it still lives, comes to rest, and has failed at nothing."""
    if (code := server.process.poll()) is not None:
        report.fault("server ended", f"with exit code {code}")
        return
    if attack.settles and not settles(server):
        report.fault("works on", "its processes are still busy although every client has left")
    if internal := server.log_text().count('"event":"internal error"'):
        report.fault("internal errors", f"{internal} in the log of the server")
