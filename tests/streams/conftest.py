"""Folders of their own for every test that reads a source."""

import pytest

from pcl.streams import sources
from pcl.streams.sources import checksums


@pytest.fixture
def places(tmp_path, monkeypatch):
    """Empty folders of raw files, cached arrays and prepared data sets; no checksum is known."""
    for place, variable in (("data", "PCL_DATA_DIR"), ("cache", "PCL_CACHE_DIR"), ("tfds", "TFDS_DATA_DIR")):
        (tmp_path / place).mkdir()
        monkeypatch.setenv(variable, str(tmp_path / place))
    for name in list(checksums.KNOWN):
        monkeypatch.delitem(checksums.KNOWN, name)
    sources.source.cache_clear()
    yield tmp_path
    sources.use_data_dir(None)
    sources.source.cache_clear()
