"""Notebooks are those that their pages make, valid, and installable on a machine that has nothing (test_executed.py
runs their code)."""

import ast
import importlib.util
import json
import re
import subprocess
from types import SimpleNamespace

import nbformat
import pytest

from scripts.site import executed, notebooks

PAGES = notebooks.pages()


def read(page):
    """The notebook beside a page."""
    return nbformat.reads(page.with_suffix(".ipynb").read_text(encoding="utf-8"), as_version=4)


def test_there_are_five_each_with_its_page():
    assert len(PAGES) == 5
    assert {path.stem for path in notebooks.FOLDER.glob("*.ipynb")} == {page.stem for page in PAGES}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_notebook_is_what_its_page_makes(page):
    made = "run `python -m scripts.site.notebooks`"
    assert page.with_suffix(".ipynb").read_text(encoding="utf-8") == notebooks.notebook(page), made


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_notebook_is_valid_and_holds_the_code_of_its_page(page):
    found = read(page)
    nbformat.validate(found)
    first, *code = (cell for cell in found.cells if cell.cell_type == "code")
    assert found.cells[0] is first
    assert '"pip", "install"' in first.source
    blocks = executed.BLOCK.finditer(page.read_text(encoding="utf-8"))
    assert [cell.source + "\n" for cell in code] == [b["text"] for b in blocks if b["kind"] == "python"]
    for cell in found.cells:
        if cell.cell_type == "code":
            ast.parse(cell.source)
        else:
            assert not re.search(r"<!--|```|\]\(\w+\.ipynb\)|!\[", cell.source), cell.source


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_outputs_are_small_texts_without_paths_of_a_machine(page):
    text = page.with_suffix(".ipynb").read_text(encoding="utf-8")
    assert len(text) < 20_000
    assert not re.search(r"/(home|tmp|root|usr|work|opt|Users|mnt)/|[A-Z]:\\\\", text)
    for cell in read(page).cells:
        for output in cell.get("outputs", []):
            assert (output.output_type, output.name) == ("stream", "stdout")
            assert len(output.text) < 1000
        assert cell.get("execution_count") is None


def installed(monkeypatch, tmp_path, text, gpu=None, there=False):
    """What the first cell runs on a machine."""
    ran = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: SimpleNamespace() if there else None)
    monkeypatch.setattr("shutil.which", lambda name: gpu)
    monkeypatch.setattr(subprocess, "run", lambda command, check: ran.append(command[1:]))
    exec(compile(text, "install.py", "exec"), {})
    return ran


ADDRESS = 'license: Apache-2.0\nrepository-code: "https://code.example/pcl.git"\n'


def test_the_first_cell_installs_from_the_repository(monkeypatch, tmp_path):
    text = notebooks.install(ADDRESS)
    pip = ("-m", "pip", "install", "--quiet")
    where = "@ git+https://code.example/pcl.git"
    assert installed(monkeypatch, tmp_path, text) == [(*pip, f"pcl-jax[figures] {where}")]
    assert installed(monkeypatch, tmp_path, text, gpu="nvidia-smi") == [(*pip, f"pcl-jax[figures,cuda] {where}")]
    assert installed(monkeypatch, tmp_path, text, there=True) == []


def test_the_first_cell_installs_from_the_clone_that_it_is_in_and_asks_elsewhere(monkeypatch, tmp_path):
    text = notebooks.install("license: Apache-2.0\n")
    with pytest.raises(SystemExit, match="write the address of the repository into REPOSITORY"):
        installed(monkeypatch, tmp_path, text)
    inner = tmp_path / "docs" / "notebooks"
    inner.mkdir(parents=True)
    (tmp_path / "pcl").mkdir()
    (tmp_path / "pcl/types.py").touch()
    (command,) = installed(monkeypatch, inner, text)
    assert command[-1] == f"{tmp_path}[figures]"


def test_prose_becomes_markdown_without_what_only_a_page_needs(tmp_path):
    page = tmp_path / "page.md"
    text = "# N\n\n[The notebook](page.ipynb) of this page runs.\n\n```python\nprint(1)\n```\n\n<!-- within 1 -->\n"
    page.write_text(text + "```text\n1\n```\n\n![a](../figures/b.png)\n\n*Caption.*\n", encoding="utf-8")
    _, first, code, last = json.loads(notebooks.notebook(page))["cells"]
    assert "".join(first["source"]) == "# N\n\nThis notebook runs."
    assert "".join(code["source"]) == "print(1)"
    assert code["outputs"] == [{"name": "stdout", "output_type": "stream", "text": ["1\n"]}]
    assert "".join(last["source"]) == "*Caption.*"
