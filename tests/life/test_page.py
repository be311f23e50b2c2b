"""The page on saved and live learners: its Python runs as printed, in order."""

import contextlib
import importlib.util
import re
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "live.md").read_text()


@pytest.mark.slow
def test_every_block_of_the_page_runs(tmp_path):
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) == 6
    names: dict = {}
    with contextlib.chdir(tmp_path):
        for block in blocks:
            if "river" not in block or importlib.util.find_spec("river"):
                exec(compile(block, "docs/live.md", "exec"), names)
    assert names["life"].classes_.tolist() == list(range(10))
    assert names["answer"].tolist()[:2] == [0, 1]
    assert names["known"] == names["y"][0]
    assert {path.name for path in tmp_path.iterdir()} == {"digits.npz", "life.npz"}
