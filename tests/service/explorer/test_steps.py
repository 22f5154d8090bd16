"""Step by step: a file, its columns, its faults, the result, one customer, the downloads."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import customer_features
from tests.conftest import EXAMPLE, EXAMPLE_VECTORS, TODAY, Cli
from tests.service.explorer.page import Page, text_of

CSV = (
    "Client;Bon;Fecha;Importe;Artikel\n"
    "00017;T1;21/04/2025;520,55;P1\n"
    "00017;T2;18/04/2025;398,40;P2\n"
    "C-2;T3;05/01/2025;120,00;P1\n"
    "C-2;T4;31/02/2025;75,90;P3\n"
)
CHOSEN = {
    "customer_id": "Client",
    "transaction_id": "Bon",
    "date": "Fecha",
    "amount": "Importe",
    "product_id": "Artikel",
    "today": TODAY,
    "decimal": ",",
    "date_format": "%d/%m/%Y",
}


def test_a_file_from_drop_to_download(page: Page, cli: Cli, tmp_path: Path) -> None:
    dataset = page.give(CSV.encode(), "ventas abril.csv")
    columns = page.settled(dataset)
    assert "ventas abril.csv" in columns
    for name in ("Client", "Bon", "Fecha", "Importe", "Artikel"):
        assert f'<option value="{name}"' in columns
    # Of these names one is known, and its column is chosen already.
    assert '<option value="Client" selected>' in columns
    assert '<option value="Bon" selected>' not in columns
    checked = page.run(dataset, "check", **CHOSEN)
    assert "Faulty rows: 1 of 4" in text_of(checked)
    assert "unreadable_date" in checked
    assert "31/02/2025" in text_of(checked)
    result = text_of(page.run(dataset, "build"))
    assert "2 customers" in result
    assert "4 rows in = 3 used + 0 excluded + 1 set aside" in result
    (tmp_path / "v.csv").write_text(CSV)
    given = [f'--map={field}="{CHOSEN[field]}"' for field in list(CHOSEN)[:5]]
    more = ["--today", TODAY, "--decimal", ",", "--date-format", "%d/%m/%Y", "--max-faults", "1"]
    for kind in ("parquet", "csv"):
        ran = cli("build", tmp_path / "v.csv", *given, *more, "--out", tmp_path / f"f.{kind}")
        assert ran.code == 0, ran.err
        assert page.download(dataset, kind).content == (tmp_path / f"f.{kind}").read_bytes()
    aside = page.download(dataset, "quarantine")
    (tmp_path / "aside.parquet").write_bytes(aside.content)
    assert pq.read_table(tmp_path / "aside.parquet")["row_number"].to_pylist() == [4]
    assert page.download(dataset, "manifest").json()["rows"] == {
        "in": 4,
        "used": 3,
        "excluded": 0,
        "excluded_by": {},
        "quarantined": 1,
    }
    assert 'filename="features.csv"' in page.download(dataset, "csv").headers["content-disposition"]


@pytest.mark.slow
def test_the_contracts_document(page: Page) -> None:
    """Its own today stands on the form, and the answer is the contract's."""
    body = json.dumps(EXAMPLE).encode()
    dataset = page.give(body, "request.json")
    assert f'value="{TODAY}"' in page.settled(dataset)
    page.run(dataset, "check", today=TODAY)
    assert "C-1001" in page.run(dataset, "build")
    answer = page.download(dataset, "json").content
    assert json.loads(answer) == json.loads(customer_features.answer(body))
    assert {one["customer_id"] for one in json.loads(answer)["customers"]} == set(EXAMPLE_VECTORS)


def test_what_is_wrong_is_said_where_it_stands(page: Page) -> None:
    dataset = page.give(CSV.encode(), "v.csv")
    form = page.run(dataset, "check", **{**CHOSEN, "window": "12 moons", "timezone": "Mars/Olympus"})
    assert 'id="e-window"' in form
    assert 'id="e-timezone"' in form
    assert 'value="12 moons"' in form  # what was typed stays
    assert '<option value="Bon" selected>' in form
    form = page.run(dataset, "check", **{**CHOSEN, "amount": "no such column"})
    assert "there is no column &#39;no such column&#39;" in form
    form = page.run(dataset, "check", **{name: value for name, value in CHOSEN.items() if name != "date"})
    assert "date" in text_of(form)
    assert 'class="error" role="alert"' in form
    # And mended, it goes on.
    assert "Faulty rows: 1 of 4" in text_of(page.run(dataset, "check", **CHOSEN))


def test_files_that_cannot_be_read(page: Page) -> None:
    for content, name in ((b"\0\1\2\3" * 500, "what.bin"), (b"PAR1 not really", "cut.parquet"), (b"{", "broken.json")):
        said = page.settled(page.give(content, name))
        assert "This file cannot be read" in said, name
        assert "/work" not in said
        assert "explorer/" not in text_of(said)
    assert page.ask("PUT", "/explorer/files", content=b"").status_code == 400
    only_head = page.give(b"customer_id,transaction_id,date,amount,product_id\n", "head.csv")
    assert "There are no rows" in text_of(page.run(only_head, "check", today=TODAY))
    assert "No customer is left" in text_of(page.run(only_head, "build"))


def test_a_second_build_is_what_is_handed_out(page: Page) -> None:
    rows = b"customer_id,transaction_id,date,amount,product_id\nc,t,2025-04-01,10,p\n"
    dataset, _ = page.built(rows, "r.csv", today=TODAY)
    first = [page.download(dataset, kind).content for kind in ("csv", "json")]
    page.run(dataset, "check", today="2025-05-24")
    page.run(dataset, "build")
    second = [page.download(dataset, kind).content for kind in ("csv", "json")]
    assert [b"23.0" in one for one in first] == [True, True]
    assert [b"53.0" in one and b"23.0" not in one for one in second] == [True, True]


def test_a_file_in_another_encoding(page: Page) -> None:
    """It cannot be read as it is; the page asks in which encoding it is written, and keeps the answer."""
    content = CSV.replace("Fecha", "Día").replace("P1", "Piña").encode("latin-1")
    dataset = page.give(content, "antiguo.csv")
    said = page.settled(dataset)
    assert "This file cannot be read" in said
    assert "<option selected>utf-8</option>" in said
    columns = page.settled(dataset, page.ask("POST", f"/explorer/d/{dataset}/look", data={"encoding": "latin-1"}))
    assert '<option value="Día"' in columns
    assert 'value="latin-1"' in columns
    page.run(dataset, "check", **{**CHOSEN, "date": "Día", "encoding": "latin-1"})
    page.run(dataset, "build")
    assert "COUNT(P2, Piña)" in text_of(page.ask("GET", f"/explorer/d/{dataset}/customer", params={"id": "00017"}).text)


def test_every_customer_is_found_sorted_and_paged(page: Page) -> None:
    rows = [f"c{number:03},t{number},2025-04-{1 + number % 20:02},{number}.50,p" for number in range(1, 121)]
    text = "customer_id,transaction_id,date,amount,product_id\n" + "\n".join(rows) + "\n"
    dataset, result = page.built(text.encode(), "many.csv", today=TODAY)
    assert "1 to 50 of 120" in text_of(result)
    place = f"/explorer/d/{dataset}/customers"

    def ids(**asked: object) -> list[str]:
        return re.findall(r'"id": "(c\d+)"', page.ask("GET", place, params=asked).text.replace("&#34;", '"'))

    assert ids(sort="purchase_total", desc="true")[:3] == ["c120", "c119", "c118"]
    assert ids(sort="purchase_total", desc="false", first=100) == [f"c{number}" for number in range(101, 121)]
    assert ids(search="C11") == [f"c11{number}" for number in range(10)]
    assert ids(search="nobody") == []
    assert ids(sort="1; drop table x", first=-5)[:1] == ["c001"]
    assert ids(first=10_000) == [f"c{number}" for number in range(101, 121)]
    assert "No customer&#39;s id contains that" in page.ask("GET", place, params={"search": "'; --"}).text


@pytest.mark.slow
def test_a_customers_sums_are_spelled_out(page: Page) -> None:
    rows = [
        "a,T1,2025-04-01,100.005,p1", "a,T1,2025-04-01,100.005,p2", "a,T2,2025-04-10,30.00,p1",
        "a,T3,2025-04-20,-10.00,p9",
        "b,T9,2025-04-02,1,p",
    ]  # fmt: skip
    text = "customer_id,transaction_id,date,amount,product_id\n" + "\n".join(rows) + "\n"
    lines = "100.005 + 100.005 + 30.00 − 10.00"
    expected = {
        "transaction": (f"{lines} = 220.01", "COUNT(transaction_id) = 3", "220.01 / 3 = 73.34"),
        "line": (f"{lines} = 220.01", "COUNT(DISTINCT transaction_id) = 2", "220.01 / 2 = 110.01"),
        "repeated_total": ("100.005 + 30.00 − 10.00 = 120.01", "COUNT(DISTINCT transaction_id) = 2", "/ 2 = 60.00"),
    }
    for grain, sums in expected.items():
        dataset, _ = page.built(text.encode(), "r.csv", today=TODAY, grain=grain, returns="net")
        said = text_of(page.ask("GET", f"/explorer/d/{dataset}/customer", params={"id": "a"}).text)
        for one in (*sums, "COUNT(p1, p2) = 2", "2025-04-24 − 2025-04-10 = 14", "The 4 rows that count"):
            assert one in said, (grain, said)
    assert page.ask("GET", f"/explorer/d/{dataset}/customer", params={"id": "nobody"}).status_code == 404


def test_the_page_speaks_its_languages(page: Page) -> None:
    dataset = page.give(CSV.encode(), "v.csv")
    page.settled(dataset)
    spanish = Page(page.server, {"X-Language": "es"})
    assert "¿Qué columna es qué?" in spanish.settled(dataset)
    portuguese = page.server.get("/", headers={"Accept-Language": "pt-BR,pt;q=0.9,en;q=0.8"}).text
    assert '<html lang="pt">' in portuguese
    assert "Solte um arquivo" in portuguese
    assert '<html lang="en">' in page.server.get("/", headers={"Accept-Language": "xx"}).text
