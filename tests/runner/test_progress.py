"""A line of progress where there is no terminal, and no harm from a reader that has gone."""

import io
import re
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest

from pcl.runner import progress
from pcl.runner.progress import Curve, Progress, sparkline
from pcl.runner.watch import Report


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


def report(step, acc):
    """Two runs of 160 steps, of 5 samples each, on which `acc` is the mean accuracy."""
    runs = [SimpleNamespace(run_id=name, stream=SimpleNamespace(batch=5)) for name in "ab"]
    return Report(runs, step, 160, {"acc": np.array([acc - 0.25, acc + 0.25])})


def watched(monkeypatch, error, told):
    monkeypatch.setattr(progress, "_device_memory", lambda: ["3 GiB"])
    monkeypatch.setattr(sys, "stderr", error)
    with Progress(4) as shown:
        shown.add(1)
        shown.now("running pcn on s")
        shown._flight._start -= 10
        for one in told:
            shown.heard(one)
        return shown._line(600.0)


def test_watched_runs_count_by_their_steps_and_show_curves(monkeypatch):
    """Half of two runs is one run: with one that is done, half of four; 160 steps of 5 samples in ten seconds."""
    line = watched(monkeypatch, io.StringIO(), [report(10, 0.5), report(40, 0.25), report(80, 1.0)])
    assert re.fullmatch(
        r"2\.0 of 4 runs after 10 min, about 10 min left; running pcn on s; (79|80) samples/s, 3 GiB, acc 1 ▃▁█", line
    )
    error = Terminal()
    watched(monkeypatch, error, [report(10, 0.5), report(80, 1.0)])
    assert re.search(r"running pcn on s: +50%.*2\.0/4 .*, 80 samples/s, 3 GiB, acc 1 ▁█", error.getvalue())


def test_runs_that_are_stored_are_counted_once(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with Progress(2) as shown:
        shown.heard(report(160, 0.5))
        shown.add(2)
        assert shown._line(60.0).startswith("2 of 2 runs after 1 min")


def test_a_curve_has_the_means_of_its_stretches():
    curve = Curve()
    assert curve.text() == "not finite"
    for at, total, count in ((3, 2.0, 1), (0, 3.0, 2), (0, 0.0, 1), (1, float("nan"), 1)):
        curve.add(at, total, count)
    assert curve.text() == "2 ▁█"
    assert sparkline([5.0, 5.0]) == "▁▁"
    assert sparkline([0.0, 1.0, 7.0]) == "▁▂█"
