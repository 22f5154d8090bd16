"""Uploads and computations of the explorer, off the event loop, and what is told of them meanwhile."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from customer_features.errors import CustomerFeaturesError
from customer_features.service.bodies.computing import Computing
from customer_features.service.bodies.jobs import CANCELLED, PROGRESS
from customer_features.service.bodies.pace import Pace
from customer_features.service.bodies.spool import unkept, write
from customer_features.service.explorer import steps
from customer_features.service.explorer.choices import Choices
from customer_features.service.explorer.datasets import Dataset, State
from customer_features.service.explorer.steps import CHOICES, SPILL, work
from customer_features.service.log import LOGGER
from customer_features.service.problems import Refused
from customer_features.service.settings import Settings

LOOK = 0.1
"""Seconds between two looks at whether a computation is still wanted."""


class Runs:
    """What one worker computes for the explorer."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        # Where the page is this machine's alone nobody else wants the cores.
        self._threads = 1 if settings.auth else os.cpu_count() or 1
        self._memory = f"{settings.table_memory}B"
        self._computing = Computing(settings.memory_of_process, steps.__name__)
        self._tasks: dict[asyncio.Task[None], Dataset] = {}

    async def close(self) -> None:
        """Stop what computes, which nobody would come back for: its process ends in a moment then."""
        for dataset in self._tasks.values():
            self.cancel(dataset)
        await asyncio.gather(*self._tasks)
        self._computing.close()

    async def receive(self, pieces: AsyncIterator[bytes], path: Path, room: Callable[[int], Awaitable[None]]) -> None:
        """Write an upload down; ``room`` is asked for its bytes.

        Raises Refused: 413 (too large), 408 (too slow), 400 (nothing), 503 (no room), and what ``room`` raises.
        """
        size, settings = 0, self._settings
        pace = Pace(settings.min_rate, settings.request_timeout)

        async def counted() -> AsyncIterator[bytes]:
            nonlocal size
            while True:
                try:
                    async with pace.waiting():
                        piece = await anext(pieces)
                except StopAsyncIteration:
                    return
                except TimeoutError:
                    slow = f"The file came more slowly than {settings.min_rate} bytes a second, or stopped."
                    raise Refused("request-timeout", slow, close=True) from None
                pace.earn(len(piece))
                size += len(piece)
                if size > settings.explorer_max:
                    most = settings.explorer_max
                    raise Refused("body-too-large", f"A file may hold {most:,} bytes here.", close=True)
                yield piece

        try:
            await write(counted(), path, room)
        except OSError as error:
            raise unkept(error) from error
        if not size:
            raise Refused("bad-request", "The file is empty.")

    def start(self, dataset: Dataset, step: str, choices: Choices) -> None:
        """Begin a step, unless one is on its way."""
        if dataset.state.running:
            return
        if step != "look" or choices.options:
            (dataset.folder / CHOICES).write_bytes(msgspec.json.encode(choices))
        (dataset.folder / CANCELLED).unlink(missing_ok=True)  # of an earlier step
        dataset.say(State(step, running=True, worker=os.getpid()))
        task = asyncio.get_running_loop().create_task(self._run(dataset, step, choices))
        self._tasks[task] = dataset
        task.add_done_callback(self._tasks.pop)

    async def _run(self, dataset: Dataset, step: str, choices: Choices) -> None:
        error = ""
        most = self._settings.explorer_max
        asked = (step, str(dataset.folder), dataset.meta, choices, self._memory, self._threads, most)
        beside = self._computing.run(work, *asked, seconds=self._settings.job_timeout, tenant=dataset.meta.owner)
        computing = asyncio.ensure_future(beside)
        try:
            while not (await asyncio.wait({computing}, timeout=LOOK))[0]:
                if (dataset.folder / CANCELLED).exists() or not dataset.folder.exists():
                    computing.cancel()
            computing.result()
        except asyncio.CancelledError:
            error = "the computation was stopped; nothing was kept"
        except Refused as refused:
            error = refused.detail
        except CustomerFeaturesError as wrong:
            error = str(wrong).replace(f"{dataset.folder}/", "")
        except Exception:
            LOGGER.exception("the explorer's computation failed")
            error = "The server failed at this. Its log says why."
        shutil.rmtree(dataset.folder / SPILL, ignore_errors=True)  # a process that was ended leaves it
        with suppress(OSError):  # the dataset may have been removed meanwhile
            dataset.say(State(step, running=False, error=error))

    def cancel(self, dataset: Dataset) -> None:
        """Stop what is computed of a dataset."""
        with suppress(OSError):
            (dataset.folder / CANCELLED).touch()

    def progress(self, dataset: Dataset) -> float:
        """How far the step is, from 0 to 1."""
        with suppress(OSError, ValueError):
            return min(max(float((dataset.folder / PROGRESS).read_text()), 0.0), 1.0)
        return 0.0
