"""Folders of their own for every test that reads a source."""

import os
from pathlib import Path

import pytest

from pcl.streams import sources
from pcl.streams.sources import SOURCES
from pcl.streams.sources.files import KNOWN


@pytest.fixture(scope="session")
def raw_folder():
    """The folder of the real files, which need not be there."""
    return Path(os.environ.get("PCL_DATA_DIR") or Path(__file__).parents[3] / "shared" / "data")


@pytest.fixture(scope="session")
def real(tmp_path_factory, raw_folder):
    """Loads a source from the real files into a cache of the tests' own, or skips."""

    def get(name):
        entry = SOURCES[name]
        missing = [file for file in entry.files if not (raw_folder / file).is_file()]
        if missing:
            pytest.skip(f"no {missing[0]} in {raw_folder}; name the folder with PCL_DATA_DIR")
        if not (entry.files or entry.embedded):
            pytest.skip(f"{name} is only to be had prepared")
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PCL_DATA_DIR", str(raw_folder))
            patch.setenv("PCL_CACHE_DIR", str(cached))
            return sources.load(name)

    cached = tmp_path_factory.mktemp("cache")
    return get


@pytest.fixture
def places(tmp_path, monkeypatch):
    """Empty folders of raw files, cached arrays and prepared data sets; no checksum is known."""
    for place, variable in (("data", "PCL_DATA_DIR"), ("cache", "PCL_CACHE_DIR"), ("tfds", "TFDS_DATA_DIR")):
        (tmp_path / place).mkdir()
        monkeypatch.setenv(variable, str(tmp_path / place))
    for name in list(KNOWN):
        monkeypatch.delitem(KNOWN, name)
    sources.source.cache_clear()
    yield tmp_path
    sources.use_data_dir(None)
    sources.source.cache_clear()
