"""The explorer's routes: a page, and fragments of it that are rendered here and swapped in by htmx."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from litestar import Request, Response, delete, get, post, put
from litestar.handlers import HTTPRouteHandler
from litestar.response import File

from customer_features.connections.addresses import named
from customer_features.definition.options import current_day
from customer_features.query.dialects import DIALECTS
from customer_features.service.documents.docs_page import POLICY
from customer_features.service.explorer import results, snippets
from customer_features.service.explorer.arithmetic import steps
from customer_features.service.explorer.choices import Choices, chosen
from customer_features.service.explorer.datasets import BODY, Dataset, Datasets
from customer_features.service.explorer.downloads import Downloads
from customer_features.service.explorer.pictures import Drawn
from customer_features.service.explorer.rendering import rendered
from customer_features.service.explorer.steps import BUILT, CHECKED, CHOICES, LOOKED, PICTURES, Checked, Looked, kept
from customer_features.service.explorer.tasks import Runs
from customer_features.service.explorer.texts import language_of
from customer_features.service.problems import Refused
from customer_features.service.replies import COMMON
from customer_features.service.settings import Settings

Admit = Callable[[Any], Awaitable[str]]
"""Whose a request is, by its scope. Raises Refused where it is nobody's."""

OWN = "x-explorer"
"""Sent with every request of the page, and by no form or link of another site: a browser would ask us first."""
ENCODINGS = ("utf-8", "cp1252", "latin-1", "utf-16")
"""Offered where a file cannot be read as it is; any other can be typed among the options."""
_STATIC = {
    "explorer.css": "text/css; charset=utf-8",
    "explorer.js": "text/javascript; charset=utf-8",
    "htmx.min.js": "text/javascript; charset=utf-8",
}
_FOLDER = Path(__file__).parent / "static"
_HEADERS = {**{name.decode(): value.decode() for name, value in COMMON}, "content-security-policy": POLICY}
Asked = Request[Any, Any, Any]


def handlers(settings: Settings, datasets: Datasets, runs: Runs, admit: Admit) -> Sequence[HTTPRouteHandler]:
    """The routes over some datasets; ``admit`` says whose a request is."""
    downloads = Downloads(datasets)

    async def dataset(request: Asked, wanted: str) -> Dataset:
        return datasets.get(wanted, await _owner(request, admit))

    @get("/")
    async def page(request: Asked, lang: str | None = None) -> Response[str]:
        language = language_of(lang or request.headers.get("accept-language"))
        return _html("page", language, auth=settings.auth, max_bytes=settings.explorer_max, minutes=_minutes(datasets))

    @get("/explorer/static/{name:str}", sync_to_thread=False)
    def static(name: str) -> Response[bytes]:
        if name not in _STATIC:
            raise Refused("not-found", "There is no such file.")
        headers = {**_HEADERS, "cache-control": "no-cache"}
        return Response((_FOLDER / name).read_bytes(), media_type=_STATIC[name], headers=headers)

    @get("/explorer/start")
    async def start(request: Asked) -> Response[str]:
        await _owner(request, admit)
        return _html("start", _language(request), max_bytes=settings.explorer_max, minutes=_minutes(datasets))

    @put("/explorer/files", status_code=201, request_max_body_size=None)
    async def upload(request: Asked) -> dict[str, str]:
        owner = await _owner(request, admit)
        made = datasets.create(unquote(request.headers.get("x-file-name", "")), owner)
        try:
            await runs.receive(request.stream(), made.folder / BODY, datasets.room(owner))
        except BaseException:
            datasets.remove(made)
            raise
        return {"id": made.id}

    @get("/explorer/d/{wanted:str}")
    async def show(request: Asked, wanted: str) -> Response[str]:
        found = await dataset(request, wanted)
        if not (found.folder / LOOKED).exists() and not found.state.running and not found.state.error:
            runs.start(found, "look", Choices())
        return await _stage(request, found)

    @get("/explorer/d/{wanted:str}/columns")
    async def columns(request: Asked, wanted: str) -> Response[str]:
        found = await dataset(request, wanted)
        return _form(request, found, kept(found.folder / CHOICES, Choices) or Choices(), {})

    @post("/explorer/d/{wanted:str}/{step:str}", status_code=200)
    async def run(request: Asked, wanted: str, step: str) -> Response[str]:
        found = await dataset(request, wanted)
        if step == "cancel":
            runs.cancel(found)
            return await _stage(request, found)
        if step not in ("check", "build", "look"):
            raise Refused("not-found", "There is no such step.")
        form = {name: str(value) for name, value in (await request.form()).items()}
        asked, errors = chosen(form) if form else (kept(found.folder / CHOICES, Choices) or Choices(), {})
        looked = kept(found.folder / LOOKED, Looked)
        if looked is not None:
            # What is recognised by itself need not be said again, here or in the words to copy.
            asked.columns = {
                field: column for field, column in asked.columns.items() if looked.recognised.get(field) != column
            }
        if errors:
            return _form(request, found, asked, errors)
        runs.start(found, step, asked)
        return await _stage(request, found)

    async def _stage(request: Asked, found: Dataset) -> Response[str]:
        """Where a dataset is: what runs, what failed, or what the last step found."""
        for _ in range(8):  # most steps end at once: the page need not ask again
            if not found.state.running:
                break
            await asyncio.sleep(0.05)
        state, language = found.state, _language(request)
        if state.running:
            return _html("working", language, dataset=found, work=state.work, progress=runs.progress(found))
        choices = kept(found.folder / CHOICES, Choices) or Choices()
        if state.error and not (found.folder / LOOKED).exists():
            given = {"dataset": found, "error": state.error, "choices": choices, "encodings": ENCODINGS}
            return _html("unread", language, **given)
        if state.error:
            return _form(request, found, choices, {"": state.error})
        if state.work == "check":
            checked = kept(found.folder / CHECKED, Checked)
            return _html("checked", language, dataset=found, checked=checked, choices=choices)
        if (found.folder / BUILT).exists() and state.work == "build":
            return await _result(request, found, choices)
        return _form(request, found, choices, {})

    def _form(request: Asked, found: Dataset, choices: Choices, errors: dict[str, str]) -> Response[str]:
        looked = kept(found.folder / LOOKED, Looked)
        if looked is None:
            raise Refused("not-found", "This file has not been looked at yet.")
        today = choices.options.get("today") or looked.stated.get("today") or str(current_day(settings.timezone))
        fields = {**looked.recognised, **choices.columns}
        return _html(
            "columns", _language(request),
            dataset=found, looked=looked, choices=choices, errors=errors, today=today, fields=fields,
        )  # fmt: skip

    async def _result(request: Asked, found: Dataset, choices: Choices) -> Response[str]:
        checked = kept(found.folder / CHECKED, Checked)
        drawn = kept(found.folder / PICTURES, Drawn)
        page = await asyncio.to_thread(results.page, found.folder, "customer_id", descending=False, search="", first=0)
        return _html(
            "result", _language(request),
            dataset=found, checked=checked, choices=choices, page=page, drawn=drawn, dialects=DIALECTS,
            doors=_doors(request, found, "duckdb"), dialect="duckdb",
        )  # fmt: skip

    @get("/explorer/d/{wanted:str}/customers")
    async def customers(
        request: Asked, wanted: str, sort: str = "customer_id", desc: bool = False, search: str = "", first: int = 0
    ) -> Response[str]:
        found = await dataset(request, wanted)
        _built(found)
        page = await asyncio.to_thread(
            results.page, found.folder, sort, descending=desc, search=search[:200], first=first
        )
        return _html("customers", _language(request), dataset=found, page=page)

    @get("/explorer/d/{wanted:str}/customer")
    async def customer(request: Asked, wanted: str, id: str) -> Response[str]:
        found = await dataset(request, wanted)
        _built(found)
        checked, choices = kept(found.folder / CHECKED, Checked), kept(found.folder / CHOICES, Choices)
        if checked is None or choices is None:
            raise Refused("not-found", "Nothing was built of this dataset yet.")
        grain = choices.options.get("grain", "transaction")
        one = await asyncio.to_thread(results.customer, found.folder, id, grain)
        if one is None:
            raise Refused("not-found", "There is no such customer.")
        spelled = steps(one, checked.today, grain, loyalty="loyalty_score" in checked.mapping)
        return _html("customer", _language(request), dataset=found, one=one, steps=spelled)

    @get("/explorer/d/{wanted:str}/again")
    async def repeat(request: Asked, wanted: str, dialect: str = "duckdb") -> Response[str]:
        found = await dataset(request, wanted)
        _built(found)
        chosen_dialect = dialect if dialect in DIALECTS else "duckdb"
        doors = _doors(request, found, chosen_dialect)
        return _html("again", _language(request), dataset=found, doors=doors, dialects=DIALECTS, dialect=chosen_dialect)

    def _doors(request: Asked, found: Dataset, dialect: str) -> list[snippets.Again]:
        looked, checked = kept(found.folder / LOOKED, Looked), kept(found.folder / CHECKED, Checked)
        choices = kept(found.folder / CHOICES, Choices)
        if looked is None or checked is None or choices is None:
            return []
        base = str(request.base_url).rstrip("/")
        # Of an address without its password, which the command takes from the environment as well.
        name = found.meta.name if found.meta.source is None else named(found.meta.source)
        given = (name, looked, checked, choices)
        doors = [snippets.command_line(*given)]
        if found.meta.source is None or Path(found.meta.source).is_file():
            doors += [snippets.python(*given), snippets.curl(*given, base, auth=settings.auth)]
        else:
            doors += [snippets.Again(door, "", "note_one_file") for door in ("python", "curl")]
        return [*doors, snippets.sql(*given, dialect)]

    @post("/explorer/d/{wanted:str}/ticket/{what:str}", status_code=200)
    async def ticket(request: Asked, wanted: str, what: str) -> dict[str, str]:
        found = await dataset(request, wanted)
        _built(found)
        return {"url": f"/explorer/download/{found.id}/{downloads.ticket(found, what)}"}

    @get("/explorer/download/{wanted:str}/{used:str}")
    async def download(request: Asked, wanted: str, used: str) -> File:
        what, name, media_type = await asyncio.to_thread(downloads.take, wanted, used)
        path = await downloads.file(wanted, what)
        headers = {**_HEADERS, "content-security-policy": "default-src 'none'; sandbox"}
        return File(path, filename=name, media_type=media_type, headers=headers)

    @delete("/explorer/d/{wanted:str}", status_code=200)
    async def remove(request: Asked, wanted: str) -> Response[str]:
        found = await dataset(request, wanted)
        runs.cancel(found)
        datasets.remove(found)
        return _html("start", _language(request), max_bytes=settings.explorer_max, minutes=_minutes(datasets))

    return [
        page, static, start, upload, show, columns, run, customers, customer, repeat, ticket, download, remove,
    ]  # fmt: skip


async def _owner(request: Asked, admit: Admit) -> str:
    """Whose a request of the page is. Raises Refused where it did not come from the page."""
    if OWN not in request.headers:
        raise Refused("bad-request", f"The explorer's requests come from its page, with the header {OWN}.")
    return await admit(request.scope)


def _built(found: Dataset) -> None:
    if not (found.folder / BUILT).exists():
        raise Refused("not-found", "Nothing was built of this dataset yet.")


def _language(request: Asked) -> str:
    return language_of(request.headers.get("x-language") or request.headers.get("accept-language"))


def _html(template: str, language: str, **given: Any) -> Response[str]:
    return Response(rendered(template, language, **given), media_type="text/html", headers=_HEADERS)


def _minutes(datasets: Datasets) -> int:
    return round(datasets.keep / 60)
