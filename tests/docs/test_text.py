"""Texts of the code as Markdown: nothing in them becomes markup by accident, and links lead where they led."""

from pathlib import PurePosixPath

import pytest

pytest.importorskip("mkdocs", reason="the site needs the extra `docs`")
from scripts.site.links import place, rewritten
from scripts.site.text import docstring, prose, table


def test_prose_shows_what_was_written():
    assert prose("sum_l a*b [0, 1] <x>") == r"sum\_l a\*b \[0, 1\] \<x\>"
    assert prose("the field `max_contexts` is *not* markup") == r"the field `max_contexts` is \*not\* markup"


def test_papers_become_links():
    assert prose("Rao (1999), doi:10.1038/4580.") == "Rao (1999), [doi:10.1038/4580](https://doi.org/10.1038/4580)."
    assert prose("(2017), doi:10.1162/NECO_a_00949; and") == (
        r"(2017), [doi:10.1162/NECO\_a\_00949](https://doi.org/10.1162/NECO_a_00949); and"
    )
    assert prose("arXiv:2212.00720.") == "[arXiv:2212.00720](https://arxiv.org/abs/2212.00720)."


def test_indented_lines_of_a_docstring_stay_as_they_are():
    text = """First line.

    One sentence that goes
    on.
      sharp   each_task
      blurry  some
    """
    assert (
        docstring(text) == "First line.\n\nOne sentence that goes on.\n\n```text\nsharp   each_task\nblurry  some\n```"
    )


def test_a_table():
    assert table(("a", "b"), [(1, "x")]) == "| a | b |\n| --- | --- |\n| 1 | x |"


@pytest.mark.parametrize(
    ("path", "there"),
    [
        ("docs/live.md", "live.md"),
        ("docs/examples/pc_sine.py", "repository/docs/examples/pc_sine.py.md"),
        ("pcl/network", "repository/pcl/network/__init__.py.md"),
        ("results/figures/fig_wall.png", "repository/results/figures/fig_wall.png"),
        ("results/tables/tab_load.md", "repository/results/tables/tab_load.md"),
    ],
)
def test_files_of_the_repository_have_a_place(path, there):
    assert place(PurePosixPath(path)) == there


def test_links_are_rewritten_for_the_page_that_shows_them_and_code_is_left_alone():
    linked = []
    text = (
        "[a](../pcl/types.py#L3) ![b](figures/x.svg) [c](https://d.e) [f](#g)\n```python\nh[i](../pcl/types.py)\n```\n"
    )
    found = rewritten(text, PurePosixPath("docs/live.md"), "reference/rules/gd.md", linked.append)
    assert found == text.replace("(../pcl/types.py#L3)", "(../../repository/pcl/types.py.md#L3)").replace(
        "(figures/x.svg)", "(../../figures/x.svg)"
    )
    assert linked == [PurePosixPath("pcl/types.py"), PurePosixPath("docs/figures/x.svg")]


def test_a_link_to_nothing_is_left_for_mkdocs_to_complain_about():
    assert rewritten("[a](../nothing.py)", PurePosixPath("docs/live.md"), "live.md", print) == "[a](../nothing.py)"
