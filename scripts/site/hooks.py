"""What MkDocs calls while it builds the site: pages that are made, links, pictures, equations.

A made page is Markdown whose links are relative to the root of the repository (`Pages`). It is made at each build from
the registries, the records' tables and the notes of docs/notes; nothing of it is committed.
"""

import re
import sys
from pathlib import Path, PurePosixPath
from typing import Any
from xml.etree import ElementTree

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))  # MkDocs runs this file alone

from latex2mathml.converter import convert  # noqa: E402
from mkdocs.config.defaults import MkDocsConfig  # noqa: E402
from mkdocs.structure.files import File, Files  # noqa: E402
from mkdocs.structure.pages import Page  # noqa: E402

from scripts.site import api, links, pages  # noqa: E402

EQUATION = re.compile(r'<(span|div) class="arithmatex">\\[(\[](.*?)\\[)\]]</\1>', re.DOTALL)
PICTURE = re.compile(r'<img alt="([^"]*)" src="[^"]*?pictures/(\w+)\.svg" ?/?>')
WIDE = re.compile(r"^\|(?:[^|\n]*\|){10,}[ ]*$", re.MULTILINE)
INTERVAL = re.compile(r"(<td[^>]*>[^<]*\[-?[\d.]+,) (-?[\d.]+\]</td>)")
ENTITIES = {"&lt;": "<", "&gt;": ">", "&amp;": "&"}


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the made pages into the navigation, and pages of docs that it does not name behind the guides."""
    entries: list[Any] = config.nav or []
    guides = next(entry["Guides"] for entry in entries if "Guides" in entry)
    guides += [path.name for path in pages.unnamed()]
    config.nav = [*entries, pages.navigation(), api.navigation()]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the made pages, and whatever in the repository they and those of docs link to."""
    found: dict[str, Any] = {}
    waiting: list[tuple[PurePosixPath, str, str | None]]
    waiting = [(PurePosixPath("docs", file.src_uri), file.src_uri, None) for file in files.documentation_pages()]
    made = {**pages.pages(), **api.pages()}
    waiting += [(PurePosixPath("docs", name), name, text) for name, text in made.items()]
    while waiting:
        origin, name, text = waiting.pop()
        linked: list[PurePosixPath] = []
        text = (ROOT / origin).read_text(encoding="utf-8") if text is None else text
        text = links.with_tables(text, origin) + (pages.more() if name == "index.md" else "")
        here = PurePosixPath("README.md") if name in made else origin
        found[name] = links.rewritten(text, here, name, linked.append)
        for path in linked:
            target = links.place(path)
            if target.startswith("repository/") and target not in found:
                found[target] = None
                if target.endswith(".md"):
                    waiting.append((path, target, pages.of_file(path)))
                else:
                    files.append(File.generated(config, target, abs_src_path=str(ROOT / path)))
    for name, text in found.items():
        if text is not None:
            if there := files.get_file_from_path(name):
                files.remove(there)
            files.append(File.generated(config, name, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> None:
    """A table of ten or more columns takes the place of the table of contents."""
    if WIDE.search(markdown):
        page.meta["hide"] = ["toc"]


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Equations as MathML, pictures inside the page, where they take its colours, and intervals on one line."""
    return INTERVAL.sub(r"\1&nbsp;\2", PICTURE.sub(_picture, EQUATION.sub(_equation, html)))


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """The theme's search is a dialog without a name for screen readers."""
    return output.replace(
        'data-md-component="search" role="dialog"', 'data-md-component="search" role="dialog" aria-label="Search"'
    )


def _equation(match: re.Match[str]) -> str:
    latex = re.sub("|".join(ENTITIES), lambda found: ENTITIES[found[0]], match[2]).strip()
    block = match[1] == "div"
    mathml = convert(latex, display="block" if block else "inline")
    return f'<div class="equation" tabindex="0">{mathml}</div>' if block else mathml


def _picture(match: re.Match[str]) -> str:
    """The SVG, with the text for readers who cannot see it as its title."""
    svg = (ROOT / "docs" / "pictures" / f"{match[2]}.svg").read_text(encoding="utf-8")
    ElementTree.fromstring(svg)  # it is well-formed
    svg = re.sub(r"<\?xml.*?\?>|<!--.*?-->|<style>.*?</style>|<title>.*?</title>", "", svg, flags=re.DOTALL)
    label = f"picture-{match[2]}"
    opening = f'<svg role="img" aria-labelledby="{label}" class="picture" '
    svg = re.sub(r"<svg\b ", opening, svg, count=1).replace(">", f'><title id="{label}">{match[1]}</title>', 1)
    return f'<span class="picture-box" tabindex="0">{svg.strip()}</span>'
