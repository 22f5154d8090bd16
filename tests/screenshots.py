"""Pictures for the documentation, of the grocery data: what `make screenshots` runs."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, expect, sync_playwright

from examples.demo import groceries
from tests.conftest import ROOT
from tests.installed import installed
from tests.service.explorer.test_browser import ARGUMENTS
from tests.service.harness import start

PICTURES = ROOT / "docs" / "pictures"
WIDTH, HEIGHT = 1180, 900


def explorer(browser: Browser, url: str) -> None:
    """The explorer's second and last step."""
    page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
    page.goto(url)
    page.set_input_files("#file", groceries())
    page.locator("#o-grain").select_option("line")
    page.locator("#o-today").fill("2018-01-01")
    page.screenshot(path=PICTURES / "explorer-columns.png")
    page.get_by_role("button", name="Check the rows").click()
    page.get_by_role("button", name="Build the vectors").click()
    expect(page.get_by_role("heading", name="2,469 customers")).to_be_visible(timeout=60_000)
    page.set_viewport_size({"width": WIDTH, "height": 1500})
    page.screenshot(path=PICTURES / "explorer.png")


def report(browser: Browser, folder: Path) -> None:
    """The beginning of a report."""
    command = [sys.executable, "-m", "customer_features"]
    features, made = str(folder / "features.parquet"), folder / "report.html"
    how = ["--grain", "line", "--today", "2018-01-01", "--out", features]
    subprocess.run([*command, "build", str(groceries()), *how], check=True)
    subprocess.run([*command, "report", features, "--out", str(made)], check=True)
    page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
    page.goto(made.as_uri())
    page.screenshot(path=PICTURES / "report.png")


def main() -> None:
    path = installed("chromium")
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name, sync_playwright() as started:
        browser = started.chromium.launch(executable_path=path, args=ARGUMENTS)
        server = start(Path(name) / "data", "--no-auth", "--explorer")
        try:
            explorer(browser, server.url)
            report(browser, Path(name))
        finally:
            server.kill()
            browser.close()
    for picture in sorted(PICTURES.glob("*.png")):
        print(f"{picture.relative_to(ROOT)}  {picture.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
