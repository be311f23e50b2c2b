"""Links of the pages: files outside docs become pages or copies of the site, wherever a text was written."""

import os
import re
from collections.abc import Callable
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"(\]\()((?!\w+:|#|/)[^)\s]+)(\))")
FENCE = re.compile(r"(^```.*?^```[ ]*$)", re.DOTALL | re.MULTILINE)
TABLE = re.compile(r"^<!-- table: (\w+) -->$", re.MULTILINE)
COPIED = {".png", ".svg", ".pdf", ".csv", ".html", ".jsonl", ".tex", ".cff"}  # as they are; else a page shows them


def place(path: PurePosixPath) -> str:
    """The page or file of the site for a file or folder of the repository; both paths are relative."""
    if path.is_relative_to("docs") and path.suffix != ".py":
        return str(path.relative_to("docs"))
    if (ROOT / path).is_dir():
        path /= "__init__.py"
    return f"repository/{path}" if path.suffix in {*COPIED, ".md"} else f"repository/{path}.md"


def with_tables(text: str, page: PurePosixPath) -> str:
    """A Markdown text of the file `page`, each line `<!-- table: NAME -->` replaced by that table of results/tables."""

    def table(match: re.Match[str]) -> str:
        origin = PurePosixPath("results/tables", f"{match[1]}.md")

        def moved(link: re.Match[str]) -> str:
            return f"{link[1]}{os.path.relpath(os.path.normpath(origin.parent / link[2]), page.parent)}{link[3]}"

        return LINK.sub(moved, (ROOT / origin).read_text(encoding="utf-8"))

    return TABLE.sub(table, text)


def rewritten(text: str, origin: PurePosixPath, page: str, linked: Callable[[PurePosixPath], None]) -> str:
    """A Markdown text from the file `origin` with the links that the page `page` of the site needs.

    `linked` is told each file of the repository that a link names. Fenced code is left alone, and links that name no
    file too: MkDocs warns about these.
    """

    def one(match: re.Match[str]) -> str:
        target, _, anchor = match[2].partition("#")
        path = PurePosixPath(os.path.normpath(origin.parent / target))
        if not (path.is_relative_to("docs") or (ROOT / path).exists()):
            return match[0]
        linked(path)
        relative = os.path.relpath(place(path), os.path.dirname(page) or ".")
        return f"{match[1]}{relative}{'#' * bool(anchor)}{anchor}{match[3]}"

    return "".join(part if part.startswith("```") else LINK.sub(one, part) for part in FENCE.split(text))
