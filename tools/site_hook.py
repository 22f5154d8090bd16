"""A hook of MkDocs: the README is the home page, and what a page links to in the repository comes along.

The pages are written to be read in the repository, where ``../examples/nightly.sh`` and ``docs/sql.md`` lead
somewhere. The site stands alone, so each such file becomes part of it: a page of Markdown as a page, a text or a
notebook as a page that shows it beside a copy to download, a folder as a list of its files, anything else as a copy. A
link to what is not there stays as it was written, and MkDocs' strict build fails at it.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
LINK = re.compile(r"(?<=\]\()([^)\s#]+)(?=[)#])")
FENCED = re.compile(r"(^(`{3,})[^\n]*\n.*?^\2$)", re.DOTALL | re.MULTILINE)
LANGUAGES = {".py": "python", ".sh": "bash", ".sql": "sql", ".yaml": "yaml", ".yml": "yaml", ".conf": "nginx"}
NOT_SHOWN = {".png", ".csv"}
"""What is of more use as a copy than on a page."""
IN_NAV = {"index.md", "repository/examples/segmentation.ipynb.md"}
"""The pages from outside of docs/ that the navigation leads to."""

_sources: dict[str, str] = {}
"""The path in the repository of what each page is made from: its links are read from there."""


def target(link: str, source: str) -> str | None:
    """The path in the repository that a link in a file leads to; None where it leads elsewhere or nowhere."""
    if re.match(r"[a-z]+:", link):
        return None
    path = posixpath.normpath(posixpath.join(posixpath.dirname(source), link))
    return path if not path.startswith("..") and (ROOT / path).exists() else None


def place(path: str) -> str:
    """Where the site has a file or folder of the repository, as MkDocs names sources."""
    if path == "README.md":
        return "index.md"
    if (ROOT / path).is_dir():
        return f"repository/{path}/index.md"
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    suffix = posixpath.splitext(path)[1]
    if suffix in NOT_SHOWN:
        return f"files/{path}"
    return f"repository/{path}" if suffix == ".md" else f"repository/{path}.md"


def targets(text: str, source: str) -> set[str]:
    """The paths in the repository to which a page links."""
    found = {target(link, source) for part in prose(text) for link in LINK.findall(part)}
    return {path for path in found if path is not None}


def prose(text: str) -> list[str]:
    """The text without its code blocks."""
    return FENCED.sub("", text).split("\n")


def relinked(text: str, source: str, uri: str) -> str:
    """A page whose links lead to where the site has what they name."""

    def rewritten(match: re.Match[str]) -> str:
        path = target(match[1], source)
        return match[1] if path is None else posixpath.relpath(place(path), posixpath.dirname(uri) or ".")

    pieces: list[str] = []
    end = 0
    for block in FENCED.finditer(text):
        pieces += [LINK.sub(rewritten, text[end : block.start()]), block[0]]
        end = block.end()
    return "".join([*pieces, LINK.sub(rewritten, text[end:])])


def shown(path: str) -> str:
    """A page that shows a text file, and leads to a copy of it."""
    text = (ROOT / path).read_text("utf-8")
    fence = "`" * max(4, 1 + max(map(len, re.findall("`+", text)), default=0))
    copy = posixpath.relpath(f"files/{path}", posixpath.dirname(place(path)))
    language = LANGUAGES.get(posixpath.splitext(path)[1], "text")
    return f"# `{path}`\n\n[Download]({copy})\n\n{fence}{language}\n{text.rstrip()}\n{fence}\n"


def notebook(path: str) -> tuple[str, dict[str, bytes]]:
    """A page that shows a notebook as it is stored, run by nobody, and the pictures beside it by name.

    What pandas makes of a table brings its own style; without it a table looks like any other on the site.
    """
    from nbconvert import MarkdownExporter  # half a second, which the tests of this module do without

    named = {"unique_key": posixpath.basename(path).removesuffix(".ipynb"), "output_files_dir": "."}
    text, resources = MarkdownExporter().from_filename(str(ROOT / path), resources=named)
    text = re.sub(r"<style scoped>.*?</style>\n", "", text, flags=re.DOTALL)
    text = text.replace(' border="1" class="dataframe"', "").replace('<tr style="text-align: right;">', "<tr>")
    text = text.replace("![png](./", "![What the code above draws](")
    copy = posixpath.relpath(f"files/{path}", posixpath.dirname(place(path)))
    title, rest = text.split("\n", 1)
    page = f"{title}\n\n[Download the notebook]({copy}). Below each piece of code stands what it printed.\n{rest}"
    return page, {posixpath.normpath(name): data for name, data in resources["outputs"].items()}


def listed(path: str) -> str:
    """A page that lists a folder's files, by title where they have one."""
    lines = [f"# `{path}`", ""]
    for entry in sorted((ROOT / path).iterdir()):
        if entry.is_file():
            title = re.match(r"# (.+)", entry.read_text("utf-8")) if entry.suffix == ".md" else None
            lines.append(f"- [{title[1] if title else entry.name}]({entry.name})")
    return "\n".join([*lines, ""])


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the README and everything that is linked to, and what that links to."""
    _sources.clear()
    pages = [f"docs/{file.src_uri}" for file in files.documentation_pages()]
    waiting = ["README.md", *pages]
    seen: set[str] = set()
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        uri = place(path)
        whole = ROOT / path
        inside = path.startswith("docs/") and whole.is_file()
        level = InclusionLevel.INCLUDED if uri in IN_NAV else InclusionLevel.NOT_IN_NAV
        if whole.is_dir():
            text = listed(path)
            _sources[uri] = f"{path}/index.md"
        elif whole.suffix == ".md":
            text = whole.read_text("utf-8")
            _sources[uri] = path
        elif inside:
            continue  # a picture: MkDocs has it
        elif whole.suffix == ".ipynb":
            text, pictures = notebook(path)
            _sources[uri] = path
            files.append(File.generated(config, f"files/{path}", content=whole.read_bytes()))
            for name, data in pictures.items():
                files.append(File.generated(config, posixpath.join(posixpath.dirname(uri), name), content=data))
        else:
            files.append(File.generated(config, f"files/{path}", content=whole.read_bytes()))
            if uri.endswith(".md"):
                files.append(File.generated(config, uri, content=shown(path), inclusion=level))
            continue
        if not inside:
            files.append(File.generated(config, uri, content=text, inclusion=level))
        waiting += targets(text, _sources[uri])
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn a page's links into those of the site."""
    uri = page.file.src_uri
    return relinked(markdown, _sources[uri], uri) if uri in _sources else markdown
