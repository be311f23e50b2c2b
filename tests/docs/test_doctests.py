"""The examples in docstrings of the public namespace run and print what they say."""

import doctest
import importlib

import pytest

from scripts.site import api


def examples():
    """Each public function or class with examples, as doctests that know the names of its module."""
    found = {}
    for members in api.public().values():
        for path in members.values():
            module, _, name = path.rpartition(".")
            of = importlib.import_module(module)
            tests = doctest.DocTestFinder(recurse=False).find(getattr(of, name), path, globs=dict(vars(of)))
            found |= dict.fromkeys([path] if any(test.examples for test in tests) else [], tests)
    return found


@pytest.mark.slow
def test_examples_of_docstrings():
    found = examples()
    assert len(found) >= 16
    for path, tests in found.items():
        for test in tests:
            said = []
            failed = doctest.DocTestRunner(verbose=False).run(test, out=said.append).failed
            assert not failed, (path, "".join(said))
