"""The page without a browser: what its script asks of the server."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field
from urllib.parse import quote

import httpx

from tests.service.harness import Server
from tests.waiting import until

OWN = {"X-Explorer": "1"}


@dataclass
class Page:
    """A visitor of a server."""

    server: Server
    headers: dict[str, str] = field(default_factory=dict)

    def ask(self, method: str, path: str, **more: object) -> httpx.Response:
        """One request of the page's script."""
        given = {**OWN, **self.headers}
        return self.server.request(method, path, headers=given, **more)

    def give(self, content: bytes, name: str) -> str:
        """Drop a file; the dataset's id."""
        given = {**OWN, **self.headers, "X-File-Name": quote(name)}
        reply = self.server.request("PUT", "/explorer/files", content=content, headers=given)
        assert reply.status_code == 201, reply.text
        return str(reply.json()["id"])

    def settled(self, dataset: str, reply: httpx.Response | None = None) -> str:
        """What the page shows once nothing runs any more."""
        shown = iter([reply] if reply is not None else [])

        def look() -> httpx.Response | None:
            found = next(shown, None) or self.ask("GET", f"/explorer/d/{dataset}")
            return None if 'aria-busy="true"' in found.text else found

        found = until(look, "the end of what runs")
        assert found is not None
        assert found.status_code == 200, found.text
        return found.text

    def run(self, dataset: str, step: str, **choices: str) -> str:
        """A step with what was chosen on the form; what the page shows then."""
        self.settled(dataset)
        return self.settled(dataset, self.ask("POST", f"/explorer/d/{dataset}/{step}", data=choices or None))

    def built(self, content: bytes, name: str, **choices: str) -> tuple[str, str]:
        """Drop a file, check it, build: the dataset and the page of the result."""
        dataset = self.give(content, name)
        checked = self.run(dataset, "check", **choices)
        assert "/build" in checked, text_of(checked)
        return dataset, self.run(dataset, "build")

    def download(self, dataset: str, kind: str) -> httpx.Response:
        """A file of a result, by way of a link that serves once."""
        made = self.ask("POST", f"/explorer/d/{dataset}/ticket/{kind}")
        assert made.status_code == 200, made.text
        return self.server.get(made.json()["url"])


def text_of(page: str) -> str:
    """What a page says, without its marks."""
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", " ", page)))


def words(page: str, door: str) -> str:
    """The words to copy for a door, by its heading."""
    found = re.search(rf"<h3>{door}</h3>.*?<pre[^>]*><code>(.*?)</code>", page, re.DOTALL)
    assert found is not None, page
    return html.unescape(found[1])
