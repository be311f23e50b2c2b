"""Notebooks: made of the pages of docs/notebooks, so that a page and its notebook are one text.

python -m scripts.site.notebooks

A notebook begins with a cell that installs the package (docs/notebooks/install.py). Prose becomes cells of Markdown,
Python cells of code, and the printed text that a page shows the output of the cell before it. Pictures are left out: a
cell draws them. The format is nbformat 4.5, https://nbformat.readthedocs.io.
"""

import json
import re
from pathlib import Path
from typing import Any

from pcl.command import launch
from scripts.site.executed import BLOCK, DOCS
from scripts.site.links import ROOT

FOLDER = DOCS / "notebooks"
NOT_SHOWN = re.compile(r"^<!--.*?-->$|^!\[.*?\]\(.*?\)$", re.MULTILINE)
ITSELF = re.compile(r"^\[The notebook\]\(\w+\.ipynb\) of this page ", re.MULTILINE)
ADDRESS = re.compile(r'^repository-code: "?([^"\n]+)"?$', re.MULTILINE)


def pages() -> list[Path]:
    """The pages that are made into notebooks."""
    return sorted(FOLDER.glob("*.md"))


def notebook(page: Path) -> str:
    """The notebook of a page, as the text of its file."""
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    cells = [_cell("code", install(citation)), *_cells(page.read_text(encoding="utf-8"))]
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    about = {"kernelspec": kernel, "language_info": {"name": "python"}}
    made = {"cells": cells, "metadata": about, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(made, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def install(citation: str) -> str:
    """The first cell; it knows the address of the repository if the citation (CITATION.cff) does."""
    text = (FOLDER / "install.py").read_text(encoding="utf-8").rstrip("\n")
    found = ADDRESS.search(citation)
    return text.replace('REPOSITORY = ""', f'REPOSITORY = "git+{found[1]}"') if found else text


def _cells(text: str) -> list[dict[str, Any]]:
    cells: list[dict[str, Any]] = []
    end = 0
    for block in BLOCK.finditer(text):
        cells += _prose(text[end : block.start()])
        end = block.end()
        if block["kind"] == "text":
            cells[-1]["outputs"] = [{"name": "stdout", "output_type": "stream", "text": _lines(block["text"])}]
        else:
            cells.append(_cell("code", block["text"].rstrip("\n")))
    return cells + _prose(text[end:])


def _prose(text: str) -> list[dict[str, Any]]:
    said = re.sub(r"\n{3,}", "\n\n", NOT_SHOWN.sub("", ITSELF.sub("This notebook ", text))).strip()
    return [_cell("markdown", said)] if said else []


def _cell(kind: str, text: str) -> dict[str, Any]:
    of_code: dict[str, Any] = {"execution_count": None, "outputs": []} if kind == "code" else {}
    return {"cell_type": kind, "metadata": {}, "source": _lines(text), **of_code}


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def main() -> None:
    """Write the notebook of every page beside it."""
    for page in pages():
        page.with_suffix(".ipynb").write_text(notebook(page), encoding="utf-8")


if __name__ == "__main__":
    launch(main)
