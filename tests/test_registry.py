"""One file is enough: it is listed, and what its entry says is read without importing it."""

import sys
import types

import pytest

from pcl import learners, streams
from pcl.errors import UsageError
from pcl.learners import ncm
from pcl.registry import Registry, declared
from pcl.streams.sources import SOURCES
from pcl.types import LearnerEntry, StreamEntry


@pytest.mark.parametrize(
    ("registry", "package", "field"),
    [
        (learners.REGISTRY, "pcl.learners", "label"),
        (learners.REGISTRY, "pcl.learners", "local"),
        (learners.REGISTRY, "pcl.learners", "told"),
        (streams.REGISTRY, "pcl.streams", "contexts"),
        (streams.REGISTRY, "pcl.streams", "recall"),
    ],
)
def test_what_entries_say_is_read_from_their_files_as_it_is(registry, package, field):
    said = declared(package, field)
    default = registry.of._field_defaults.get(field)
    assert {name: said.get(name, default) for name in registry} == {n: getattr(e, field) for n, e in registry.items()}


def test_a_file_in_the_package_is_enough(tmp_path, monkeypatch):
    for name, end in (("toy", "ENTRY = ncm.ENTRY._replace(summary='a toy')"), ("part", "TOYS = 3")):
        (tmp_path / f"{name}.py").write_text(f"from pcl.learners import ncm\n\n{end}\n")
    monkeypatch.setattr(learners, "__path__", [*learners.__path__, str(tmp_path)])
    found = Registry("learner", LearnerEntry, "pcl.learners")
    for name in ("toy", "part"):
        del sys.modules[f"pcl.learners.{name}"]
    assert list(found) == sorted({*learners.REGISTRY, "toy"})
    assert found["toy"].summary == "a toy"


def test_what_is_no_entry_and_a_name_that_is_taken_are_refused():
    found = Registry("learner", LearnerEntry, "pcl.learners")
    with pytest.raises(UsageError, match=r"pcl\.learners\.ncm: there is a learner 'ncm' already"):
        found.register(ncm)
    mine = types.ModuleType("my.toy")
    with pytest.raises(UsageError, match=r"my\.toy: ENTRY is NoneType; expected that of a learner"):
        found.register(mine)
    mine.ENTRY = StreamEntry(make=None, config=None, summary="")
    with pytest.raises(UsageError, match=r"my\.toy: ENTRY is StreamEntry; expected that of a learner"):
        found.register(mine)
    mine.ENTRY = ncm.ENTRY
    found.register(mine)
    assert found["toy"] is ncm.ENTRY


@pytest.mark.parametrize(
    ("registry", "kind"), [(learners.REGISTRY, "learner"), (streams.REGISTRY, "stream"), (SOURCES, "source")]
)
def test_an_unknown_name_is_one_line_that_names_those_there_are(registry, kind):
    with pytest.raises(UsageError, match=f"unknown {kind} 'nothing'; known: {min(registry)}, "):
        registry["nothing"]
