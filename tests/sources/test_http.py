"""``https://`` sources over real sockets: whole or refused, whatever the server does, and nothing secret said."""

from __future__ import annotations

import gzip
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pyarrow.parquet as pq
import pytest
import trustme

from customer_features import SourceError
from customer_features.sources import download, http
from customer_features.system.temporary import scratch
from tests.conftest import TODAY, Cli, assert_no_leftovers, assert_refused, child_environment, csv_text, manifest_of
from tests.waiting import BOUND
from tests.web import Page, Web

ROWS = [f"c{place % 7},{place},2025-04-{place % 20 + 1:02},{place}.05,p{place % 3}" for place in range(200)]
BODY = csv_text(*ROWS).encode()


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def web(authority: trustme.CA) -> Iterator[Web]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with Web(context) as running:
        yield running


@pytest.fixture(scope="module")
def plain() -> Iterator[Web]:
    with Web() as running:
        yield running


@pytest.fixture(autouse=True)
def quick_and_trusting(
    authority: trustme.CA, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Small pieces, no pauses, and the tests' own authority trusted."""
    path = tmp_path_factory.mktemp("authority") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    monkeypatch.setattr(download, "PIECE", 1000)
    monkeypatch.setattr(download, "PAUSES", (0, 0, 0))


def bodies(*addresses: str) -> list[bytes]:
    """What came from some addresses, in files."""
    with scratch() as folder:
        return [file.path.read_bytes() for address in addresses for file in http.fetched(address, folder)]


def refused(address: str) -> str:
    with pytest.raises(SourceError) as caught:
        bodies(address)
    return str(caught.value)


def test_the_same_bytes_as_from_a_file(web: Web, tmp_path: Path, cli: Cli) -> None:
    bad = ",x,2025-04-01,1,p"
    body = csv_text(*ROWS, bad).encode()
    page = Page(body)
    address = web.put("/exports/day%201.csv?day=1", page)
    (tmp_path / "t.csv").write_bytes(body)
    outs = []
    for name, source in (("local", tmp_path / "t.csv"), ("remote", address)):
        out = tmp_path / name / "f.parquet"
        out.parent.mkdir()
        ran = cli("build", source, "--out", out, "--today", TODAY)
        assert ran.code == 0, ran.err
        outs.append(out)
    assert outs[0].read_bytes() == outs[1].read_bytes()
    shown = address.removesuffix("?day=1")
    assert manifest_of(outs[1])["sources"] == [{"path": shown, "bytes": len(body), "rows": 201}]
    aside = pq.read_table(outs[1].with_name("f.parquet.quarantine.parquet")).to_pylist()
    assert [(row["source"], row["row_number"]) for row in aside] == [(shown, 201)]
    assert [asked["Range"] for asked in page.asked][:2] == ["bytes=0-999", "bytes=1000-1999"]
    assert [asked.get("If-Range") for asked in page.asked][:2] == [None, '"1"']
    assert {asked["Accept-Encoding"] for asked in page.asked} == {"identity"}


@pytest.mark.parametrize(
    ("page", "asked"),
    [
        (Page(BODY, ranges=False), 1),
        (Page(BODY, ranges=False, framing="chunked"), 1),
        (Page(BODY, etag=None, modified="Thu, 24 Apr 2025 00:00:00 GMT"), None),
        (Page(BODY, etag='W/"1"'), None),
        (Page(BODY, etag=None), None),
        (Page(BODY, headers={"Content-Range": "bytes 0-9/*"}), None),
        (Page(BODY[:1000]), 1),
    ],
    ids=["no ranges", "chunked", "time of change", "weak tag", "nothing to tell by", "wrong range", "one piece"],
)
def test_servers_of_every_kind(page: Page, asked: int | None, web: Web) -> None:
    address = web.put("/t.csv", page)
    assert bodies(address) == [page.body]
    assert len(page.asked) == asked or (asked is None and len(page.asked) > 1)


def test_an_answer_without_an_end_is_refused(web: Web) -> None:
    address = web.put("/t.csv", Page(BODY, ranges=False, framing="close"))
    assert "neither how long its answer is nor where it ends" in refused(address)


def test_compressed_files_stay_as_they_are(web: Web) -> None:
    packed = gzip.compress(BODY)
    for encoding in ({}, {"Content-Encoding": "gzip"}):
        address = web.put("/t.csv.gz", Page(packed, headers=dict(encoding)))
        assert bodies(address) == [packed]


def test_an_answer_that_is_compressed_unasked_is_refused(web: Web) -> None:
    address = web.put("/t.csv", Page(gzip.compress(BODY), headers={"Content-Encoding": "gzip"}))
    assert "sends it as 'gzip' though it was asked for the bytes as they are" in refused(address)


def larger(number: int, page: Page) -> None:
    if number == 2:
        page.body += b"c9,9,2025-04-01,1,p\n"


def larger_and_renamed(number: int, page: Page) -> None:
    larger(number, page)
    page.etag = f'"{min(number, 2) // 2}"'


def renamed(number: int, page: Page) -> None:
    page.etag = f'"{min(number, 2) // 2}"'


def later(number: int, page: Page) -> None:
    page.modified = f"Thu, 24 Apr 2025 00:00:0{min(number, 2) // 2} GMT"


def cut(number: int, page: Page) -> None:
    if number == 2:
        page.body = page.body[:500]


@pytest.mark.parametrize(
    ("change", "etag", "now"),
    [
        (larger, None, len(BODY) + 20),
        (larger, '"1"', len(BODY) + 20),
        (larger_and_renamed, '"0"', len(BODY) + 20),
        (renamed, '"0"', len(BODY)),
        (later, None, len(BODY)),
        (cut, None, 500),
    ],
)
def test_an_object_that_changes_is_refused(
    change: Any, etag: str | None, now: int, web: Web, tmp_path: Path, cli: Cli
) -> None:
    address = web.put("/t.csv", Page(BODY, etag=etag, before=change))
    ran = cli("build", address, "--out", tmp_path / "out.csv", "--today", TODAY)
    assert assert_refused(ran, tmp_path) == (
        f"Error: {address}: changed while it was read: {len(BODY):,} bytes at first, {now:,} bytes now;"
        " nothing was published, run again\n"
    )


def test_a_broken_connection_is_resumed_where_it_broke(web: Web) -> None:
    page = Page(BODY, drop=lambda number: 300 if number in (1, 2) else None)
    assert bodies(web.put("/t.csv", page)) == [BODY]
    assert [asked["Range"] for asked in page.asked][:4] == [
        "bytes=0-999",
        "bytes=1000-1999",
        "bytes=1300-2299",
        "bytes=1600-2599",
    ]


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_server_without_ranges_begins_again(framing: str, web: Web) -> None:
    page = Page(BODY, ranges=False, framing=framing, drop=lambda number: 300 if number < 2 else None)
    assert bodies(web.put("/t.csv", page)) == [BODY]
    assert len(page.asked) == 3


def test_a_server_that_forgets_ranges_halfway(web: Web) -> None:
    def forget(number: int, page: Page) -> None:
        page.ranges = number < 2

    assert bodies(web.put("/t.csv", Page(BODY, before=forget))) == [BODY]


def test_a_connection_that_breaks_for_good_is_given_up(web: Web) -> None:
    address = web.put("/t.csv", Page(BODY, drop=lambda number: 0 if number > 1 else None))
    assert refused(address) == (
        f"{address}: broke off after 2,000 of {len(BODY):,} bytes: the connection broke (tried 4 times); run again"
    )


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (401, "the server wants credentials, or does not take those that were given (401 Unauthorized)"),
        (403, "a signed address may have expired (403 Forbidden)"),
        (404, "there is no such object (404 Not Found)"),
        (410, "the object is gone (410 Gone)"),
        (418, "the server does not give it out (418 "),
        (204, "the server does not give it out (204 No Content)"),
        (500, "the server answers 500 Internal Server Error (tried 4 times)"),
        (599, "the server answers 599 (tried 4 times)"),
        (429, "the server answers 429 Too Many Requests (tried 4 times)"),
    ],
)
def test_refusals(status: int, says: str, web: Web) -> None:
    address = web.put("/t.csv", Page(BODY, before=lambda number, page: status))
    said = refused(address)
    assert said.startswith(f"{address}: cannot be read: ")
    assert says in said


def test_a_server_that_fails_once(web: Web) -> None:
    page = Page(BODY, before=lambda number, page: 503 if number in (0, 3) else None)
    assert bodies(web.put("/t.csv", page)) == [BODY]


def test_redirects(web: Web, plain: Web) -> None:
    there = web.put("/there.csv", Page(BODY))
    assert bodies(web.put("/here.csv", Page(b"", redirect=there))) == [BODY]
    assert bodies(plain.put("/here.csv", Page(b"", redirect=there))) == [BODY]
    bare = plain.put("/there.csv", Page(BODY))
    down = web.put("/here.csv", Page(b"", redirect=bare))
    assert refused(down) == f"{down}: leads on to an address without encryption (http://); nothing was read"
    around = web.put("/around.csv", Page(b"", redirect="/around.csv"))
    assert refused(around) == f"{around}: cannot be read: it leads on and on to other addresses"
    away = web.put("/away.csv", Page(b"", redirect="ftp://127.0.0.1/t.csv"))
    assert "leads on to an address" in refused(away)


def test_a_password_is_not_passed_on(web: Web, plain: Web) -> None:
    page = Page(BODY)
    there = web.put("/there.csv", page)
    first = Page(b"", redirect=there, login=("ann", "s3cr3t"))
    assert bodies(plain.put("/here.csv", first, login="ann:s3cr3t@")) == [BODY]
    assert "Authorization" in first.asked[0]
    assert not any("Authorization" in asked for asked in page.asked)


def test_a_certificate_that_is_not_trusted(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    address = web.put("/t.csv", Page(BODY))
    monkeypatch.delenv("SSL_CERT_FILE")
    assert "the server's certificate is not trusted" in refused(address)
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/ca.pem")
    assert "cannot be read: FileNotFoundError in the set-up of TLS" in refused(address)


def test_a_server_that_does_not_answer(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "TIMEOUT", httpx.Timeout(BOUND, read=0.05))
    over = threading.Event()

    def silent(number: int, page: Page) -> None:
        over.wait()

    try:
        address = web.put("/t.csv", Page(BODY, before=silent))
        assert "the server does not answer in time (tried 4 times)" in refused(address)
    finally:
        over.set()


def test_no_server_and_no_address() -> None:
    assert "cannot be read: no connection: [Errno 111] Connection refused" in refused("https://127.0.0.1:9/t.csv")
    assert refused("https:///t.csv") == "https://...: names no host; write https://host/file"
    assert refused("https://h:s3cr3t@x:y/t.csv") == "https://...: is not an address; write https://host/file"


def test_an_empty_object(web: Web, cli: Cli) -> None:
    ran = cli("check", web.put("/t.csv", Page(b"")))
    assert ran.err.endswith("is empty; a table with a header and rows, or a JSON document, is needed\n")


def test_the_same_address_twice_and_two_that_look_alike(web: Web, tmp_path: Path, cli: Cli) -> None:
    once = Page(BODY)
    one, other = web.put("/t.csv?day=1", once), web.put("/t.csv?day=2", Page(csv_text("c1,a,2025-04-01,1,p").encode()))
    out = tmp_path / "f.csv"
    assert cli("build", one, other, one, f"{one}#top", "--out", out, "--today", TODAY).code == 0
    shown = one.removesuffix("?day=1")
    assert [(source["path"], source["rows"]) for source in manifest_of(out)["sources"]] == [
        (shown, 200),
        (f"(2) {shown}", 1),
    ]


def test_a_disk_too_full_for_the_copy(plain: Web, tmp_path: Path) -> None:
    limited = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
from customer_features.cli import main
main(sys.argv[1:])
"""
    address = plain.put("/t.csv", Page(BODY))
    ran = subprocess.run(
        [sys.executable, "-c", limited, "build", address, "--out", str(tmp_path / "out.csv"), "--today", TODAY],
        env=child_environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=BOUND,
    )
    assert "cannot be kept in" in assert_refused(ran, tmp_path)
    assert "File too large; name another disk with --spill-dir" in ran.stderr


def test_a_missing_extra_is_one_line_with_the_command() -> None:
    code = "import sys; sys.modules['httpx'] = None; from customer_features.cli import main; main(sys.argv[1:])"
    ran = subprocess.run(
        [sys.executable, "-c", code, "check", "https://example.org/t.csv"],
        env=child_environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=BOUND,
    )
    assert (ran.returncode, ran.stderr) == (
        2,
        "Error: reading https:// and http:// addresses needs the 'http' extra: pip install 'customer-features[http]'\n",
    )


SECRET_PAGES = {
    "fine": Page(csv_text(*ROWS, ",x,2025-04-01,1,p").encode()),
    "a header alone": Page(csv_text().encode()),
    "empty": Page(b""),
    "not a table": Page(bytes(range(256)) * 9),
    "a broken line": Page(csv_text(*ROWS, 'c1,"x').encode()),
    "unknown columns": Page(b"a,b\n1,2\n"),
    "changed": Page(BODY, before=larger),
    "dropped": Page(BODY, drop=lambda number: 0),
    "refused": Page(BODY, before=lambda number, page: 403),
    "failing": Page(BODY, before=lambda number, page: 500),
    "leads down": Page(b"", redirect="http://127.0.0.1/t.csv?sig=qu3ry"),
    "leads nowhere": Page(b"", redirect="ftp://ann:p4ssword@127.0.0.1/"),
    "leads on and on": Page(b"", redirect="/t.csv?sig=qu3ry"),
    "odd redirect": Page(b"", redirect="https://[qu3ry"),
    "compressed": Page(BODY, headers={"Content-Encoding": "br"}),
}


@pytest.mark.parametrize("kind", SECRET_PAGES)
def test_nothing_secret_is_said(kind: str, web: Web, tmp_path: Path, cli: Cli) -> None:
    page = SECRET_PAGES[kind]
    page.login = ("us3rname", "p4ssword")
    address = web.put("/t.csv?sig=qu3ry", page, login="us3rname:p4ssword@")
    for command in (
        ("build", address, "--out", tmp_path / "f.csv", "--today", TODAY),
        ("build", tmp_path / "local.csv", "--loyalty", address, "--out", tmp_path / "g.csv", "--today", TODAY),
    ):
        (tmp_path / "local.csv").write_bytes(BODY)
        page.asked.clear()
        ran = cli(*command)
        assert "fault of customer-features itself" not in ran.err
        written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
        for secret in ("us3rname", "p4ssword", "qu3ry"):
            assert secret not in ran.out + ran.err
            assert secret.encode() not in written
    if kind not in ("fine", "a broken line"):
        assert_no_leftovers(tmp_path)
