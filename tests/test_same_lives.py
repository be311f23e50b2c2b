"""Two records of one cell: the same to the bit, up to rounding, or of another life."""

import numpy as np
from stored import row

from pcl.runner.lives import compared
from pcl.runner.store import Store
from scripts.same_lives import recorded

LIFE = {
    "run_id": "a", "config": "{}", "timing": 1.0, "provenance": {"commit": "x"}, "status": "ok", "energy": None,
    "seen": np.full(4, 500.0), "hits": np.asarray([100.0, 200.0, 300.0, 400.0]), "contexts": np.asarray([1.0, 1, 2, 2]),
    "surprise": np.asarray([2.0, 1.0, np.nan, 1.0]),
}  # fmt: skip


def changed(**values):
    return LIFE | {name: np.asarray(value) for name, value in values.items()}


def test_what_a_run_says_of_itself_does_not_count():
    other = LIFE | {"run_id": "b", "config": "{1}", "timing": 2.0, "provenance": {"commit": "y"}, "energy": 1.0}
    assert compared(LIFE, other)[:2] == (True, "to the bit")


def test_rounding_moves_at_most_one_hit_of_a_thousand():
    moved = compared(LIFE, changed(hits=[101.0, 200.0, 300.0, 399.0]))
    assert moved == (True, "up to rounding", 2, 1 / 400)
    assert compared(LIFE, changed(hits=[101.0, 200.0, 300.0, 398.0]))[:3] == (False, "other hits", 3)
    assert compared(LIFE, changed(surprise=[2.0, 1.0, np.nan, 1.5])) == (True, "up to rounding", 0, 0.25)


def test_other_contexts_are_another_life_and_so_are_other_names_and_shapes():
    assert compared(LIFE, changed(contexts=[1.0, 2, 2, 2]))[:2] == (False, "other contexts")
    assert compared(LIFE, LIFE | {"status": "diverged"})[:2] == (False, "another status")
    assert compared(LIFE, changed(hits=[1.0]))[:2] == (False, "another hits")


def test_records_are_found_by_their_ids(tmp_path):
    store = Store(tmp_path, "trial")
    store.require_writable()
    store.write([row("a", hits=[3.0, 4.0]), row("b", 1)])
    lives = {("trial", "s", "l", f"named {run_id}", 0): row(run_id) for run_id in ("a", "c")}
    found = recorded(tmp_path, lives)
    assert {cell: record["hits"] for cell, record in found.items()} == {("trial", "s", "l", "named a", 0): [3.0, 4.0]}
