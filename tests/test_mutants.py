"""The mutations that tests must notice: held as data, each of one place, and the command tells killed from survived."""

import pytest

from pcl.errors import UsageError
from scripts import mutants

ALL = mutants.mutations()


def test_there_are_at_least_eighty_and_none_twice():
    assert len({(m.file, m.old, m.new) for m in ALL}) == len(ALL) >= 80


@pytest.mark.parametrize("file", sorted({m.file for m in ALL}))
def test_each_changes_one_place_and_names_tests_that_exist(file):
    text = (mutants.ROOT / file).read_text(encoding="utf-8")
    for mutation in ALL:
        if mutation.file == file:
            assert mutants.mutated(text, mutation) != text
            assert mutation.tests
            for test in mutation.tests:
                path, *names = test.split("[")[0].split("::")
                source = (mutants.ROOT / path).read_text(encoding="utf-8")
                assert all(f"def {name}(" in source or f"class {name}" in source for name in names), test


def test_a_text_that_occurs_twice_is_refused():
    with pytest.raises(UsageError, match="occurs 2 times"):
        mutants.mutated("a = b\na = b\n", mutants.Mutation("x.py", "a = b", "a = c", []))


@pytest.mark.slow
def test_only_a_failing_test_kills(tmp_path):
    (tmp_path / "code_.py").write_text("def double(x):\n    return 2 * x\n")
    test = "from code_ import double\n\ndef test_double():\n    assert double(2) == 4\n"
    (tmp_path / "test_code.py").write_text(test)

    def verdict(old, new):
        return mutants.attempt(mutants.Mutation("code_.py", old, new, ["test_code.py"]), tmp_path).verdict

    assert verdict("2 * x", "3 * x") == "killed"
    assert verdict("2 * x", "x + x") == "survived"
    assert verdict("2 * x", "2 * ").startswith("not tried")
    (tmp_path / "test_code.py").write_text("import pytest\n\npytestmark = pytest.mark.skip('here')\n\n" + test)
    assert verdict("2 * x", "3 * x") == "not tried: tests are skipped"
    assert (tmp_path / "code_.py").read_text() == "def double(x):\n    return 2 * x\n"
