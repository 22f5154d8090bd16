"""Whose the datasets are, how long, and what nobody gets at."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from customer_features.service.explorer.datasets import FOLDER, HELD, KEEP, META, STATE, Datasets, State, shown_name
from customer_features.service.explorer.downloads import SERVES, Downloads
from customer_features.service.problems import Refused
from tests.conftest import TODAY
from tests.service.explorer.page import OWN, Page, text_of
from tests.service.harness import STOPS, Local, Running, children, new_key, paused, problem

pytestmark = pytest.mark.filterwarnings("ignore::litestar.exceptions.LitestarDeprecationWarning")

ROWS = b"customer_id,transaction_id,date,amount,product_id\nc,t,2025-04-01,10,p\n"


def test_requests_come_from_the_page(page: Page) -> None:
    """A form or a link of another site can send no header of ours; a browser asks first, and nothing answers that."""
    dataset = page.give(ROWS, "r.csv")
    for method, path in (("GET", f"/explorer/d/{dataset}"), ("PUT", "/explorer/files"), ("GET", "/explorer/start")):
        problem(page.server.request(method, path), 400, "bad-request", path)
    asked = {"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "PUT"}
    reply = page.server.request("OPTIONS", "/explorer/files", headers=asked)
    assert not any(name.startswith("access-control") for name in reply.headers)


ELSEWHERE = ["elsewhere.example", "elsewhere.example:80", "10.0.0.1:80", "localhost.elsewhere.example"]


@pytest.mark.parametrize("host", ELSEWHERE)
def test_a_name_that_was_bound_to_this_machine_elsewhere_is_refused(page: Page, host: str) -> None:
    reply = page.server.get("/explorer/start", headers={**OWN, "Host": host})
    assert "localhost" in problem(reply, 400, "bad-request", "/explorer/start")["detail"]
    assert page.server.get("/explorer/start", headers={**OWN, "Host": "localhost:1"}).status_code == 200


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("desc=maybe", "The query parameter 'desc' is 'maybe', which is not true or false."),
        ("first=z", "The query parameter 'first' is 'z', which is not a whole number."),
        ("first=1e999", "The query parameter 'first' is '1e999', which is not a whole number of 64 bits."),
    ],
)
def test_a_parameter_that_cannot_be_read_is_named(local: Callable[..., Local], query: str, says: str) -> None:
    path = f"/explorer/d/{'x' * 32}/customers"
    reply = local("--explorer", "--no-auth").request("GET", f"{path}?{query}", headers=OWN)
    assert problem(reply, 400, "bad-request", path)["detail"] == says


def test_a_parameter_that_is_missing_and_a_host_that_is_none_are_named(local: Callable[..., Local]) -> None:
    server, path = local("--explorer", "--no-auth"), f"/explorer/d/{'x' * 32}/customer"
    reply = server.request("GET", path, headers=OWN)
    assert problem(reply, 400, "bad-request", path)["detail"] == "Missing required query parameter 'id'."
    reply = server.request("GET", "/health", headers={"Host": "a b"})
    assert problem(reply, 400, "bad-request", "/health")["detail"] == "The request's Host header is malformed."


def test_an_id_that_is_none_finds_nothing(page: Page, explorer: Running) -> None:
    (explorer.folder / "outside").mkdir(exist_ok=True)
    for wanted in ("x" * 32, "..", "../outside", "%2e%2e%2foutside", "a", "x" * 400):
        assert page.ask("GET", f"/explorer/d/{wanted}").status_code in (404, 405), wanted
        assert page.ask("GET", f"/explorer/download/{wanted}/{'y' * 32}").status_code in (404, 405), wanted


def test_credentials_are_asked_for_and_datasets_are_a_tenants_alone(local: Callable[..., Local]) -> None:
    server = local("--explorer", key=True)
    shell = server.get("/")
    assert 'id="login"' in shell.text
    assert 'id="drop"' not in shell.text
    assert server.request("PUT", "/explorer/files", content=ROWS, headers=OWN).status_code == 401
    mine = Page(server, server.headers)
    dataset, _ = mine.built(ROWS, "r.csv", today=TODAY)
    other = Page(server, new_key(server.folder, "other"))
    for method, path in (
        ("GET", f"/explorer/d/{dataset}"), ("GET", f"/explorer/d/{dataset}/customers"),
        ("POST", f"/explorer/d/{dataset}/ticket/csv"), ("DELETE", f"/explorer/d/{dataset}"),
    ):  # fmt: skip
        problem(other.ask(method, path), 404, "not-found", path)
    assert "C-" not in other.ask("GET", "/explorer/start").text
    assert mine.download(dataset, "csv").content.startswith(b"customer_id,")
    log = server.log_text()
    assert server.headers["X-Secret"] not in log
    assert dataset not in log
    assert '"path":"/explorer/"' in log
    assert '"path":"other"' not in log


@pytest.mark.slow
def test_a_link_serves_once(page: Page) -> None:
    dataset, _ = page.built(ROWS, "r.csv", today=TODAY)
    url = page.ask("POST", f"/explorer/d/{dataset}/ticket/csv").json()["url"]
    assert page.server.get(url).status_code == 200
    assert page.server.get(url).status_code == 404
    assert page.ask("POST", f"/explorer/d/{dataset}/ticket/meta").status_code == 404
    assert page.ask("POST", f"/explorer/d/{dataset}/ticket/quarantine").status_code == 404  # there is none


class Clock:
    """Seconds since 1970, which pass when the test says so."""

    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def test_a_link_serves_for_a_minute(tmp_path: Path) -> None:
    clock = Clock()
    datasets = Datasets(tmp_path, clock=clock)
    made = datasets.create("r.csv", "me")
    (made.folder / "features.parquet").write_bytes(b"x")
    downloads = Downloads(datasets, clock)
    one, other = (downloads.ticket(made, "parquet") for _ in range(2))
    clock.now += SERVES
    assert downloads.take(made.id, one)[1] == "features.parquet"
    clock.now += 1
    with pytest.raises(Refused, match="not-found"):
        downloads.take(made.id, other)
    assert SERVES == 60


def test_what_nobody_looks_at_is_deleted(tmp_path: Path) -> None:
    clock = Clock()
    datasets = Datasets(tmp_path, clock=clock)
    kept, left = datasets.create("kept.csv", "me"), datasets.create("left.csv", "me")
    clock.now += KEEP - 10
    datasets.get(kept.id, "me")
    clock.now += 20
    datasets.sweep()
    assert [folder.name for folder in (tmp_path / FOLDER).iterdir()] == [kept.id]
    with pytest.raises(Refused):
        datasets.get(left.id, "me")
    clock.now += KEEP + 1
    datasets.sweep()
    assert not list((tmp_path / FOLDER).iterdir())


def test_what_a_lost_worker_computed_is_not_waited_for(tmp_path: Path) -> None:
    made = Datasets(tmp_path).create("r.csv", "me")
    made.say(State("check", running=True, worker=os.getpid()))
    assert made.state.running
    gone = subprocess.Popen(["true"])
    gone.wait()
    made.say(State("check", running=True, worker=gone.pid))
    assert (made.state.running, made.state.work) == (False, "check")
    assert "try again" in made.state.error


@pytest.mark.skipif(sys.platform != "linux", reason="finds the workers under /proc")
@pytest.mark.slow
def test_any_worker_answers(started: Callable[..., Running]) -> None:
    """Each request is a connection of its own, and so comes to one of two workers."""
    server = started("--no-auth", "--explorer", "--workers", "2")
    page = Page(server)

    def by_both() -> bool:
        """Whether both have computed a step by now: what one began, the other has told of then."""
        dataset, result = page.built(ROWS, "r.csv", today=TODAY)
        assert "1 customer" in text_of(result)
        assert page.download(dataset, "csv").status_code == 200
        assert page.ask("DELETE", f"/explorer/d/{dataset}").status_code == 200
        return all(map(children, server.workers()))

    assert any(by_both() for _ in range(30))


@pytest.mark.skipif(sys.platform != "linux", reason="finds the process that computes under /proc")
@pytest.mark.slow
def test_a_stop_does_not_wait_for_what_is_computed(started: Callable[..., Running]) -> None:
    server = started("--no-auth", "--explorer")
    page = Page(server)
    dataset = page.give(ROWS, "r.csv")
    page.settled(dataset)
    folder = server.folder / FOLDER / dataset
    with paused(server.computing()):
        assert "aria-busy" in page.ask("POST", f"/explorer/d/{dataset}/check", data={"today": TODAY}).text
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(STOPS) == 0  # its process is ended, be it ever so busy
    state = msgspec.json.decode((folder / STATE).read_bytes(), type=State)
    assert (state.work, state.running, "was stopped" in state.error) == ("check", False, True)


def test_there_are_not_too_many(tmp_path: Path) -> None:
    datasets = Datasets(tmp_path)
    made = [datasets.create("r.csv", "me") for _ in range(HELD)]
    with pytest.raises(Refused, match="overloaded"):
        datasets.create("r.csv", "me")
    datasets.remove(made[0])
    datasets.create("r.csv", "me")
    assert oct((tmp_path / FOLDER).stat().st_mode & 0o777) == "0o700"
    assert (made[1].folder / META).exists()


def test_a_file_may_be_so_large_and_no_larger(local: Callable[..., Local]) -> None:
    server = local("--no-auth", "--explorer", "--explorer-max", "1kB")
    page = Page(server)
    page.give(ROWS + b"#" * (1000 - len(ROWS)), "fits.csv")
    reply = server.request("PUT", "/explorer/files", content=b"#" * 1001, headers=OWN)
    problem(reply, 413, "body-too-large", "/explorer/files")
    assert len(list((server.folder / FOLDER).iterdir())) == 1


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("../../etc/passwd", "passwd"), ("C:\\fakepath\\a.csv", "a.csv"), ("..", "rows"), ("", "rows"),
        ("a\u202egnp.csv", "agnp.csv"), ("x" * 500 + ".csv", "x" * 116 + ".csv"), ("a\r\nb\0.csv", "ab.csv"),
    ],
)  # fmt: skip
def test_a_files_name_is_shown_and_never_a_path(given: str, shown: str) -> None:
    assert shown_name(given) == shown


def test_without_the_option_there_is_no_page(local: Callable[..., Local]) -> None:
    server = local("--no-auth")
    assert server.get("/").status_code == 404
    assert server.request("PUT", "/explorer/files", content=ROWS, headers=OWN).status_code == 404


def test_nothing_is_left_of_a_removed_dataset(page: Page, explorer: Running) -> None:
    dataset, _ = page.built(ROWS, "r.csv", today=TODAY)
    assert (explorer.folder / FOLDER / dataset).is_dir()
    assert page.ask("DELETE", f"/explorer/d/{dataset}").status_code == 200
    assert not (explorer.folder / FOLDER / dataset).exists()
    assert page.ask("GET", f"/explorer/d/{dataset}").status_code == 404
