"""A browser shows the page: without a complaint, on a phone without scrolling sideways, in the dark, in print."""

from __future__ import annotations

import http.server
import re
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.conftest import child
from tests.installed import installed

from .conftest import Files

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--enable-logging=stderr",
    "--v=0",
)  # fmt: skip
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(files: Files, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("page") / "r.html"
    assert child("report", files.newer, "--out", out, "--compare", files.older).returncode == 0
    return out.parent


def browse(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [installed("chromium"), *FLAGS, f"--user-data-dir={folder}/profile", *arguments],
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves the folder and keeps the paths that were asked for."""

    asked: list[str] = []  # noqa: RUF012 - one server, one list

    def log_message(self, *_: object) -> None:
        self.asked.append(self.path)


@pytest.fixture
def served(folder: Path) -> Iterator[str]:
    Quiet.asked.clear()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_no_complaint_and_no_other_request(folder: Path, served: str) -> None:
    done = browse(folder, "--virtual-time-budget=5000", "--dump-dom", f"{served}/r.html")
    assert "What changed since older.csv" in done.stdout
    assert [line for line in done.stderr.splitlines() if "CONSOLE" in line or "Content Security" in line] == []
    assert Quiet.asked == ["/r.html"]


@pytest.mark.parametrize("width", [390, 768, 1280])
def test_it_fits_the_screen(width: int, folder: Path, served: str) -> None:
    """In a frame as wide as the screen; the page around it tells what the frame's page measures."""
    (folder / f"frame-{width}.html").write_text(
        f"""<!doctype html><p id="told"></p>
<iframe id="f" src="r.html" width="{width}" height="800" style="border:0"></iframe>
<script>onload = () => {{ const d = document.getElementById("f").contentDocument;
const paper = getComputedStyle(d.querySelector(".card")).backgroundColor;
document.getElementById("told").textContent =
 `scroll ${{d.documentElement.scrollWidth}} of ${{d.documentElement.clientWidth}}; paper ${{paper}}` }}</script>"""
    )
    done = browse(folder, "--window-size=1400,1000", "--dump-dom", f"{served}/frame-{width}.html")
    told = re.search(r"scroll (\d+) of (\d+); paper rgb\(255, 255, 255\)", done.stdout)
    assert told, done.stdout
    assert int(told[1]) <= int(told[2]) <= width
    dark = browse(folder, "--blink-settings=preferredColorScheme=0", "--dump-dom", f"{served}/frame-{width}.html")
    assert "paper rgb(26, 30, 32)" in dark.stdout


def test_it_prints(folder: Path) -> None:
    out = folder / "r.pdf"
    browse(folder, "--no-pdf-header-footer", f"--print-to-pdf={out}", f"file://{folder}/r.html")
    pages = len(re.findall(rb"/Type\s*/Page\b", out.read_bytes()))
    assert 4 <= pages <= 16
