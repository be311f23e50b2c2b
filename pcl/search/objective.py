"""The value of a configuration: an aggregate of a metric over seeds, on samples that are not reported."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from pcl import streams
from pcl.errors import UsageError, one_of, unknown
from pcl.evaluation.catalogue import METRICS
from pcl.evaluation.statistics import interquartile_mean, mean_interval
from pcl.evaluation.summary import ANYTIME, Record, measure
from pcl.fields import as_dict

AGGREGATES = ("mean", "low", "iqm")
Data = tuple[str, Any]  # a kind of stream and its settings
BEFORE_THE_END = (*ANYTIME, "prequential_acc")  # metrics of an unfinished run


def require(metric: str, aggregate: str, seeds: int, unfinished: bool) -> None:
    """Refuse an objective that cannot decide.

    Raises:
      UsageError: no run has the metric by itself, or an unfinished run has not; an interval of a single seed.
    """
    known = {name for name, about in METRICS.items() if not about.beside and not about.curve}
    one_of("objective", metric, known)
    if unfinished and metric not in BEFORE_THE_END:
        raise unknown("objective that a run has before its end", metric, BEFORE_THE_END)
    if aggregate == "low" and seeds < 2:
        raise UsageError("--aggregate=low: one seed has no interval; give --seeds=2 or more")


def value(values: Sequence[float], how: str, less: bool) -> float:
    """The aggregate over seeds: the mean, the worse end of its 95 % interval, or the interquartile mean.

    A configuration of which a seed has no value has the worst one.
    """
    worst = float("inf") if less else float("-inf")
    if np.isnan(values).any():
        return worst
    mean, low, high = mean_interval(np.asarray(values))
    if how == "mean":
        return mean
    if how == "iqm":
        return interquartile_mean(np.reshape(values, (-1, 1)))[0]
    end = high if less else low
    return worst if np.isnan(end) else end


def measured(records: Sequence[Record], metric: str) -> tuple[float, ...]:
    """The metric of each record; NaN where it does not define it."""
    return tuple(float(measure(record).get(metric, np.nan)) for record in records)


def so_far(record: dict[str, Any], steps: int) -> dict[str, Any]:
    """The record of a run that has lived for `steps` steps, without the probes that are to come."""
    there = sum(step <= steps for step in record["probe_steps"])
    shorter = {name: list(record[name][:there]) for name in ("probe_steps", "probe_accuracy")}
    return record | shorter | {"task_ends": list(record["task_ends"])}


def decided_by(stream: Data, asked: str, reported: Data | None) -> tuple[str, str]:
    """Which data decide, in words, and the held-out samples to probe: validation or test.

    `asked` is the value of --set probe_on, if given.

    Data on which the winner is reported never decide: either validation samples are held back from it, or the search
    runs on a stream of other data than the one that is `reported`.

    Raises:
      UsageError: test samples of the reported data would decide, or no validation samples can be held back.
    """
    holds_back = _holds_back(stream)
    if reported is None:
        if not holds_back:
            raise UsageError(
                f"nothing can be held back from this {stream[0]} stream, so that what is reported would decide: search"
                " on another stream, and name the one that the winner is for with --reported=EXPERIMENT:STREAM"
            )
        if asked not in ("", "validation"):
            raise UsageError(
                f"probe_on={asked}: test samples may not choose; leave it out, and validation samples do, or name the"
                " stream of other data that the winner is for with --reported=EXPERIMENT:STREAM"
            )
        return f"validation samples of {_named(stream)}", "validation"
    one, two = streams.source_of(stream[1]), streams.source_of(reported[1])
    if one.version == two.version if one and two else stream == reported:
        raise UsageError(
            f"--reported: its samples are those that the search would choose on ({_named(stream)}); search on"
            " validation samples, without --reported, or on a stream of other data"
        )
    probed = asked or ("validation" if holds_back else "test")
    return f"{probed} samples of {_named(stream)}; reported is {_named(reported)}", probed


def _named(stream: Data) -> str:
    kind, config = stream
    return str(as_dict(config).get("source", kind))


def _holds_back(stream: Data) -> bool:
    """Whether validation samples can be held back from a stream."""
    kind, config = stream
    source = streams.source_of(config)
    return source is not None and len(source.y_test) > 0 and not streams.REGISTRY[kind].recall
