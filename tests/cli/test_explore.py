"""``customer-features explore``: a page over a source, of this machine alone, which leaves nothing."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx
import pytest

from tests.conftest import ROOT, Cli, child_environment
from tests.waiting import BOUND, until

OWN = {"X-Explorer": "1"}
ADDRESS = re.compile(r"^Exploring on (http://127\.0\.0\.1:\d+)/#([\w-]{32})  \(Ctrl-C", re.MULTILINE)


def test_what_is_no_source_is_said(cli: Cli, tmp_path: Path) -> None:
    for name, said in (("nothing.csv", "is not there"), (".", "is a folder; give a file, or a glob")):
        ran = cli("explore", tmp_path / name)
        assert ran.code == 2
        assert said in ran.err
    assert not list(Path(tempfile.gettempdir()).glob(f"customer-features-explorer-*{tmp_path.name}*"))


EXAMPLES = ROOT / "examples"


@pytest.mark.parametrize(
    "source", [str(EXAMPLES / "purchases.csv"), pytest.param(str(EXAMPLES / "purch*.csv"), marks=pytest.mark.slow)]
)
def test_it_shows_the_source_and_leaves_nothing(source: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "customer_features", "explore", source, "--no-browser"]
    said = tmp_path / "said"
    with said.open("w") as sink:
        running = subprocess.Popen(
            command, stderr=sink, env=child_environment(TMPDIR=str(tmp_path)), start_new_session=True
        )
    try:
        until(lambda: ADDRESS.search(said.read_text()) or running.poll() is not None, "the address or the end")
        found = ADDRESS.search(said.read_text())
        assert found, said.read_text()
        url, dataset = found.groups()

        def looked_at() -> str | None:
            page = httpx.get(f"{url}/explorer/d/{dataset}", headers=OWN, timeout=BOUND).text
            return None if "aria-busy" in page else page

        page = until(looked_at, "a page that is not busy")
        assert '<option value="order_date" selected>' in page
        assert len(list(tmp_path.glob("customer-features-explorer-*"))) == 1
        running.send_signal(signal.SIGINT)
        assert running.wait(BOUND) == 0
        assert not list(tmp_path.glob("customer-features-explorer-*"))
    finally:
        running.kill()
