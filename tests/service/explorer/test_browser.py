"""The whole way in a real browser, at three widths, in light and dark; and with credentials."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.conftest import TODAY, Cli
from tests.installed import installed
from tests.service.harness import Running
from tests.waiting import BOUND

pytestmark = pytest.mark.slow
expect.set_options(timeout=BOUND * 1000)

ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
]
HEADER = "buyer,order_id,order_date,total,sku"
SCHEMES: tuple[Literal["light"], Literal["dark"]] = ("light", "dark")
ROWS = [f"C-{number % 90:03},T{number},2025-{1 + number % 4:02}-{1 + number % 24:02},{number}.25,P{number % 7}"
        for number in range(1, 301)]  # fmt: skip
CSV = "\n".join([HEADER, *ROWS, "C-001,T999,2025-02-30,5,P1", "C-002,T998,2025-02-03,-5,P1"]) + "\n"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = installed("chromium")
    with sync_playwright() as started:
        running = started.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield running
        running.close()


def visitor(browser: Browser, width: int = 1280) -> BrowserContext:
    context = browser.new_context(viewport={"width": width, "height": 900})
    context.set_default_timeout(BOUND * 1000)
    return context


@contextmanager
def visiting(browser: Browser, url: str, width: int) -> Iterator[Page]:
    """A page of a fresh visitor; it must complain of nothing, ask nobody else for anything, and load little."""
    context = visitor(browser, width)
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(f"{said.type}: {said.text}") if said.type != "log" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    weighed: list[int] = []
    page.on("requestfinished", lambda request: weighed.append(request.sizes()["responseBodySize"]))
    page.goto(url)
    yield page
    assert complaints == []
    assert [one for one in asked if not one.startswith(f"{url}/")] == []
    assert 50_000 < sum(weighed) < 2_000_000  # of a million customers no more: charts and tables hold no rows
    context.close()


def assert_accessible(page: Page, where: str) -> None:
    """In light and dark no violation of weight by axe-core's rules, of which contrast is one; and nothing too wide."""
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        found = [one for one in Axe().run(page).response["violations"] if one["impact"] in ("serious", "critical")]
        described = [(one["id"], [node["html"][:200] for node in one["nodes"][:3]]) for one in found]
        assert not found, (where, scheme, described)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), where


@pytest.mark.parametrize("width", [390, pytest.param(820, marks=pytest.mark.thorough), 1440])
def test_from_drop_to_download(width: int, browser: Browser, explorer: Running, cli: Cli, tmp_path: Path) -> None:
    source = tmp_path / "sales.csv"
    source.write_text(CSV)
    with visiting(browser, explorer.url, width) as page:
        assert_accessible(page, "start")
        page.set_input_files("#file", source)
        # One column is not recognised: the form asks for it and sends nothing until it is chosen.
        expect(page.get_by_role("heading", name="Which column is what?")).to_be_visible()
        page.get_by_role("button", name="Check the rows").click()
        assert page.locator("#f-customer_id").evaluate("one => one.validity.valueMissing")
        assert_accessible(page, "columns")
        page.locator("#f-customer_id").select_option("buyer")
        page.locator("#o-today").fill(TODAY)
        page.get_by_role("button", name="Check the rows").click()
        expect(page.get_by_role("heading", name="Faulty rows: 2 of 302", exact=True)).to_be_visible()
        expect(page.get_by_role("cell", name="unreadable_date").first).to_be_visible()
        assert_accessible(page, "faults")
        page.get_by_role("button", name="Build without the faulty rows").click()
        expect(page.get_by_role("heading", name="90 customers")).to_be_visible()
        expect(page.locator("figure svg")).to_have_count(7)  # of the loyalty that nobody has there is no picture
        assert_accessible(page, "result")

        page.get_by_role("button", name="purchase_total").click()
        first = page.locator("table.customers tbody tr").first
        expect(first).to_contain_text("C-030")
        page.get_by_label("Id contains").press_sequentially("c-08")
        expect(page.locator("table.customers tbody tr")).to_have_count(10)
        assert page.evaluate("document.activeElement.id") == "search"  # whoever types goes on typing
        page.get_by_role("button", name="C-088").click()
        dialog = page.get_by_role("dialog")
        expect(dialog.get_by_role("heading", name="C-088")).to_be_visible()
        expect(dialog).to_contain_text("268.25 + 178.25 + 88.25 = 534.75")
        assert_accessible(page, "customer")
        page.keyboard.press("Escape")
        expect(dialog).to_be_hidden()

        ran = cli("build", source, "--map", "customer_id=buyer", "--today", TODAY, "--out", tmp_path / "f.parquet")
        assert ran.code == 0, ran.err
        with page.expect_download() as awaited:
            page.get_by_role("button", name="Download Parquet").click()
        assert awaited.value.suggested_filename == "features.parquet"
        assert Path(awaited.value.path()).read_bytes() == (tmp_path / "f.parquet").read_bytes()
        page.get_by_role("button", name="Copy Command line").click()
        expect(page.get_by_role("status").filter(has_text="Copied")).to_be_attached()
        assert page.evaluate("navigator.clipboard.readText()").startswith("customer-features build sales.csv")
        page.get_by_label("Dialect").select_option("snowflake")
        expect(page.locator("#again pre").last).to_contain_text("Snowflake")

        page.reload()  # the address knows the dataset
        expect(page.get_by_role("heading", name="90 customers")).to_be_visible()
        page.get_by_role("button", name="Delete this file from the server").click()
        expect(page.locator("#drop")).to_be_visible()


def test_the_keyboard_alone_goes_all_the_way(browser: Browser, explorer: Running, tmp_path: Path) -> None:
    source = tmp_path / "sales.csv"
    source.write_text(CSV.replace("buyer", "customer_id"))
    with visiting(browser, explorer.url, 1440) as page:
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        page.set_input_files("#file", source)
        for heading in ("Which column is what?", "Faulty rows: 2 of 302", "90 customers"):
            # Each step's heading has the focus, and its first button is reached by the tab key.
            expect(page.get_by_role("heading", name=heading, exact=True)).to_be_focused()
            for _ in range(30):
                page.keyboard.press("Tab")
                if page.evaluate("document.activeElement.matches('button.primary, button[data-download]')"):
                    break
            if heading != "90 customers":
                page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.textContent") == "Download Parquet"


def test_what_goes_wrong_is_said(browser: Browser, explorer: Running, tmp_path: Path) -> None:
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(b"PAR1 and no more")
    context = visitor(browser)
    page = context.new_page()
    page.goto(explorer.url)
    page.set_input_files("#file", broken)
    expect(page.get_by_role("heading", name="This file cannot be read")).to_be_visible()
    expect(page.get_by_text("broken.parquet: ")).to_be_visible()
    page.get_by_role("button", name="Another file").click()
    (tmp_path / "empty.csv").write_bytes(b"")
    page.set_input_files("#file", tmp_path / "empty.csv")
    expect(page.get_by_role("alert")).to_contain_text("The file is empty.")
    page.goto(f"{explorer.url}/#{'x' * 32}")
    page.reload()
    expect(page.get_by_role("alert")).to_contain_text("not here")
    context.close()


def test_two_tabs_do_not_mix(browser: Browser, explorer: Running, tmp_path: Path) -> None:
    for number in (1, 2):
        rows = [f"c{number}-{place},t{place},2025-04-01,1,p" for place in range(number)]
        text = "\n".join(["customer_id,transaction_id,date,amount,product_id", *rows])
        (tmp_path / f"{number}.csv").write_text(text + "\n")
    context = visitor(browser)
    tabs = [context.new_page(), context.new_page()]
    for number, tab in enumerate(tabs, 1):
        tab.goto(explorer.url)
        tab.set_input_files("#file", tmp_path / f"{number}.csv")
    for tab in tabs:
        tab.get_by_role("button", name="Check the rows").click()
    for tab in reversed(tabs):
        tab.get_by_role("button", name="Build the vectors").click()
    for number, tab in enumerate(tabs, 1):
        expect(tab.get_by_role("heading", name=re.compile(f"^{number} customers?$"))).to_be_visible()
        expect(tab.locator("table.customers")).to_contain_text(f"c{number}-0")
    context.close()


def test_credentials_stay_in_the_page(browser: Browser, started: Callable[..., Running], tmp_path: Path) -> None:
    server = started("--explorer", key=True)
    (tmp_path / "s.csv").write_text(CSV.replace("buyer", "customer_id"))
    context = visitor(browser)
    page = context.new_page()
    page.goto(server.url)
    page.get_by_label("API id").fill(server.headers["X-Customer-Api-Id"])
    page.get_by_label("Secret").fill("cfs_wrong")
    page.get_by_role("button", name="Enter").click()
    expect(page.get_by_role("alert")).to_contain_text("do not serve")
    page.get_by_label("Secret").fill(server.headers["X-Secret"])
    page.get_by_role("button", name="Enter").click()
    page.set_input_files("#file", tmp_path / "s.csv")
    page.get_by_role("button", name="Check the rows").click()
    page.get_by_role("button", name="Build without the faulty rows").click()
    expect(page.get_by_role("heading", name="90 customers")).to_be_visible()
    with page.expect_download() as awaited:
        page.get_by_role("button", name="Download CSV").click()
    assert Path(awaited.value.path()).read_bytes().startswith(b"customer_id,")
    assert context.storage_state() == {"cookies": [], "origins": []}
    assert server.headers["X-Secret"] not in page.content() + page.url
    page.reload()
    expect(page.get_by_label("Secret")).to_be_empty()
    assert server.headers["X-Secret"] not in server.log.read_text()
    context.close()
