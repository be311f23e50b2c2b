"""A line of progress where there is no terminal, and no harm from a reader that has gone."""

import io
import re
import sys
import time

import pytest

from pcl.runner import progress
from pcl.runner.progress import Progress


class Gone(io.StringIO):
    """Standard error whose reader has closed the pipe."""

    def write(self, text):
        raise BrokenPipeError


class Terminal(io.StringIO):
    def isatty(self):
        return True


def printed(monkeypatch, error, total=5):
    """What stands on standard error after two of the runs took a while."""
    monkeypatch.setattr(progress, "EVERY_S", 0.02)
    monkeypatch.setattr(sys, "stderr", error)
    with Progress(total) as shown:
        assert shown.now("running pcn on s") == "running pcn on s"
        shown.add(2)
        time.sleep(0.15)
    text = error.getvalue()
    time.sleep(0.1)
    assert error.getvalue() == text  # nothing comes after the end
    return text


def test_a_batch_job_s_log_gets_lines(monkeypatch):
    lines = printed(monkeypatch, io.StringIO()).splitlines()
    assert 2 <= len(lines) <= 8
    assert set(lines) == {"2 of 5 runs after 0 min; running pcn on s"}


def test_the_first_line_comes_after_a_minute(monkeypatch):
    assert progress.EVERY_S == 60
    error = io.StringIO()
    monkeypatch.setattr(sys, "stderr", error)
    with Progress(5) as shown:
        shown.add(5)
    assert error.getvalue() == ""


def test_a_terminal_gets_a_bar(monkeypatch):
    text = printed(monkeypatch, Terminal())
    assert re.search(r"running pcn on s: +40%.*2/5", text)
    assert "after" not in text


def test_nothing_to_do_says_nothing(monkeypatch):
    assert printed(monkeypatch, io.StringIO(), total=0) == ""
    assert printed(monkeypatch, Terminal(), total=0) == ""


@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_reader_that_has_gone_stops_no_run(monkeypatch):
    assert printed(monkeypatch, Gone()) == ""
