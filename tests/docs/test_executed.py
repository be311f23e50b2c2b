"""Tutorials and notebooks: their code runs in order, and what they show is what it prints."""

import json
import re

import forked
import pytest

from pcl.errors import UsageError
from scripts.site import executed

PAGES = executed.pages()
TUTORIALS = [page for page in PAGES if page.parent.name == "tutorials"]


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.parent.name}-{page.stem}")
def test_a_page_shows_what_its_code_prints(page, tmp_path_factory, tmp_path):
    # Commands define flags that other modules define too, so that each page has a process.
    result = tmp_path_factory.mktemp("shown") / "shown.json"
    done = forked.run("tests.docs.shown", page, tmp_path, result)
    assert done.returncode == 0, done.stderr
    shown = [executed.Shown(*one) for one in json.loads(result.read_text())]
    assert shown
    for one in shown:
        assert one.agrees, f"line {one.line} of the page shows\n{one.page}\nand this is printed\n{one.printed}"
    for picture in executed.pictures(page):
        assert executed.drawn(tmp_path, picture).stat().st_size > 5000
        assert picture.exists()


def test_each_tutorial_says_what_it_leads_to_and_what_it_needs():
    assert len(TUTORIALS) == 7
    index = (executed.DOCS / "tutorials/index.md").read_text(encoding="utf-8")
    for page in PAGES:
        title, end, *paragraphs = page.read_text(encoding="utf-8").split("\n\n")
        assert title.startswith(("# Tutorial: ", "# Notebook: "))
        assert end.startswith("At the end you have ")
        assert end.count(". ") == 0, page
        assert page.parent.name == "notebooks" or paragraphs[0].startswith("You need "), page
        assert f"{page.parent.name}/{page.name}" in index or f"]({page.name})" in index, page


def test_steps_of_a_tutorial_are_numbered():
    for page in TUTORIALS:
        numbers = [int(n) for n in re.findall(r"^## (\d+)\. ", page.read_text(encoding="utf-8"), re.MULTILINE)]
        assert numbers == list(range(1, len(numbers) + 1)), page
        assert len(numbers) >= 5, page


def page_of(folder, text):
    """A page with that text."""
    page = folder / "page.md"
    page.write_text(text, encoding="utf-8")
    return page


@pytest.fixture
def empty(tmp_path):
    """A folder for the code, beside that of the page."""
    (tmp_path / "empty").mkdir()
    return tmp_path / "empty"


def test_blocks_run_in_order_and_share_their_names_and_files(tmp_path, empty):
    text = '```python title="mine.py"\nA = 2\n```\n\n```python\nimport mine\n\nb = mine.A + 1\n```\n\ntext\n\n'
    page = page_of(tmp_path, text + "```python\nprint(b, 'is b  ')\n```\n\n```text\n3 is b\n```\n")
    (shown,) = executed.run(page, empty)
    assert (shown.line, shown.printed) == (18, "3 is b\n")
    assert shown.agrees
    assert [path.name for path in empty.iterdir() if path.is_file()] == ["mine.py"]
    (empty / "mine.py").write_text("A = 5\n")
    with pytest.raises(ModuleNotFoundError):  # nothing of a page is known behind it
        import mine  # noqa: F401


def test_python_that_prints_must_be_shown(tmp_path, empty):
    page = page_of(tmp_path, "\n```python\nx = 1\nprint(x)\n```\n\n## Next\n\n```text\n1\n```\n")
    with pytest.raises(UsageError, match=r"page\.md, line 3: the page does not show what this block prints"):
        executed.run(page, empty)


def test_an_error_is_at_its_line_of_the_page(tmp_path, empty):
    page = page_of(tmp_path, "# A\n\n```python\nx = 1\n1 / 0\n```\n")
    with pytest.raises(ZeroDivisionError) as raised:
        executed.run(page, empty)
    assert raised.traceback[-1].lineno + 1 == 5


def test_commands_run_as_they_are_typed_and_print_into_the_block_behind_them(tmp_path, empty):
    text = "```console\n$ pcl --describe=ncm\n$ not a command\n```\n\n```text\nlearner ncm\n…\n```\n"
    page = page_of(tmp_path, text)
    (shown,) = executed.run(page, empty)
    assert shown.agrees
    assert shown.printed.startswith("learner ncm")


@pytest.mark.parametrize(
    ("page", "printed", "within", "agrees"),
    [
        ("acc 90.1\n", "acc 90.1\n", 0, True),
        ("acc 90.1\n", "acc 90.2\n", 0, False),
        ("acc …\n", "acc 90.2 of 3\n", 0, True),
        ("a … c\n", "a b d\n", 0, False),
        ("acc 90.1  1,024\n", "acc 90.3 1,024\n", 0.25, True),
        ("acc 90.1\n", "acc 90.4\n", 0.25, False),
        ("acc 90.1\n", "aaa 90.1\n", 0.25, False),
        ("acc 90.1\n", "acc 90.1 90.1\n", 0.25, False),
        ("x -1.0\n", "x 1.0\n", 0.5, False),
        ("x 1.0\n", "x nan\n", 0.5, False),
    ],
)
def test_what_a_page_shows_agrees_with_what_is_printed(page, printed, within, agrees):
    assert executed.Shown(1, page, printed, within).agrees is agrees


def test_a_page_is_renewed_also_where_numbers_are_near(tmp_path):
    page = page_of(tmp_path, "a\n\n```text\nold\n```\n\n<!-- within 1 -->\n```text\n5\n```\n\n```text\n```\n")
    shown = [
        executed.Shown(4, "old\n", "new\n", 0),
        executed.Shown(9, "5\n", "5.5\n", 1),
        executed.Shown(13, "", "x\n", 0),
    ]
    assert executed.renewed(page, shown) == (
        "a\n\n```text\nnew\n```\n\n<!-- within 1 -->\n```text\n5.5\n```\n\n```text\nx\n```\n"
    )


def test_a_picture_that_no_code_draws_is_missed(tmp_path):
    page = page_of(tmp_path, "![text](../figures/tutorial_figure.png)\n\n![text](https://a.b/c.png)\n")
    (picture,) = executed.pictures(page)
    assert picture == executed.DOCS / "figures/tutorial_figure.png"
    with pytest.raises(UsageError, match=r"tutorial_figure\.png: the page shows it, and its code draws no"):
        executed.drawn(tmp_path, picture)
