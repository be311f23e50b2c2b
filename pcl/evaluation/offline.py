"""Comparison of a stream with its shuffled twin: the same samples in random order."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pcl.evaluation.checks import known_mean
from pcl.evaluation.summary import Row, measure

Record = Mapping[str, Any]

SHUFFLED = "_iid"  # a stream called x_iid holds the samples of x, all shuffled together


def offline_rows(rows: Sequence[Row]) -> list[Row]:
    """`offline_acc` of each stream, learner and variant: the accuracy on the shuffled twin of the stream."""
    return [
        row._replace(stream=row.stream.removesuffix(SHUFFLED), metric="offline_acc")
        for row in rows
        if row.metric == "acc" and row.stream.endswith(SHUFFLED)
    ]


def shuffled_twins(records: Sequence[Record]) -> Callable[[Record], Record | None]:
    """The run of each run's settings and seed on its stream's shuffled twin, or None: it has the same code and key."""

    def of(record: Record) -> tuple[str, str, str, int]:
        return record["stream"], record["learner"], record["variant"], record["seed"]

    runs = {of(record): record for record in records}

    def twin(record: Record) -> Record | None:
        stream, learner, variant, seed = of(record)
        return runs.get((stream + SHUFFLED, learner, variant, seed))

    return twin


def order_gaps(records: Sequence[Record]) -> Callable[[Record], dict[str, float]]:
    """Loss of accuracy due to the order of samples, for `summarise`: offline accuracy minus that of a run, in points.

    `order_gap` is signed, `order_gap_size` is its absolute value; both are between runs of one seed, whose key draws
    the same code and the same first weights. Nothing for a run without a shuffled twin.
    """
    twin = shuffled_twins(records)

    def gap(record: Record) -> dict[str, float]:
        shuffled = twin(record)
        if shuffled is None:
            return {}
        points = measure(shuffled)["acc"] - measure(record)["acc"]
        return {"order_gap": points, "order_gap_size": abs(points)}

    return gap


def spreads(records: Sequence[Record]) -> Callable[[Record], dict[str, float]]:
    """Absolute deviation of each run's accuracy from the mean over the orders of its cell, for `summarise`, in points.

    `acc_spread` has no sign, so that its mean is the mean absolute deviation over orders.
    """
    found: dict[tuple[str, str, str], list[float]] = {}
    for record in records:
        found.setdefault(_cell(record), []).append(measure(record)["acc"])

    def spread(record: Record) -> dict[str, float]:
        return {"acc_spread": abs(measure(record)["acc"] - float(known_mean(found[_cell(record)])))}

    return spread


def _cell(record: Record) -> tuple[str, str, str]:
    return record["stream"], record["learner"], record["variant"]
