"""The documentation page at ``/docs``: a viewer of the OpenAPI document, from files of this package alone.

The viewer is Swagger UI 5.35.0 (Apache-2.0) as published on npm in ``swagger-ui-dist``, without its source maps and
the two comments that point to them. It works under the policy below: no script and no style but from our own
files, none within the page, and nothing from elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from litestar import Response, route
from litestar.enums import HttpMethod
from litestar.handlers import HTTPRouteHandler

from customer_features.service.replies import COMMON

DOCS = "/docs"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
FILES = {
    DOCS: ("docs.html", "text/html; charset=utf-8"),
    f"{DOCS}/docs.js": ("docs.js", "text/javascript; charset=utf-8"),
    f"{DOCS}/swagger-ui.css": ("swagger-ui.css", "text/css; charset=utf-8"),
    f"{DOCS}/swagger-ui-bundle.js": ("swagger-ui-bundle.js", "text/javascript; charset=utf-8"),
}
"""Each path with its file and media type."""

_FOLDER = Path(__file__).parent / "pages"


def handlers() -> Sequence[HTTPRouteHandler]:
    """A route for each file."""
    return [_handler(path, *file) for path, file in FILES.items()]


def _handler(path: str, name: str, media_type: str) -> HTTPRouteHandler:
    headers = {header.decode(): value.decode() for header, value in COMMON}
    headers["content-security-policy"] = POLICY

    @route(path, http_method=[HttpMethod.GET, HttpMethod.HEAD], sync_to_thread=False)
    def page() -> Response[bytes]:
        # The framework names the charset of text itself.
        return Response(_content(name), media_type=media_type.partition(";")[0], headers=headers)

    return page


@cache
def _content(name: str) -> bytes:
    """A file's bytes, read when it is first asked for."""
    return (_FOLDER / name).read_bytes()
