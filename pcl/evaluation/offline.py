"""Streams beside the same samples shuffled: what each learner would have reached had the order not mattered."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pcl.evaluation.statistics import mean_interval
from pcl.evaluation.summary import Row, measure, setting_text

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
    """What the order cost a run, for `further_rows`: offline accuracy minus its own, in points.

    `order_gap` as it is and `order_gap_size` without its sign, each between runs of one seed, whose key draws the
    same code and the same first weights. Nothing for a run without a shuffled twin.
    """
    twin = shuffled_twins(records)

    def gap(record: Record) -> dict[str, float]:
        shuffled = twin(record)
        if shuffled is None:
            return {}
        points = measure(shuffled)["acc"] - measure(record)["acc"]
        return {"order_gap": points, "order_gap_size": abs(points)}

    return gap


def further_rows(
    rows: Sequence[Row], records: Sequence[Record], measured: Callable[[Record], dict[str, float]]
) -> list[Row]:
    """Mean and interval of further metrics over the runs that have them, in rows like those of the runs' `acc`."""
    cells: dict[tuple[str, str, str], list[dict[str, float]]] = {}
    for record in records:
        cell = record["stream"], record["learner"], setting_text(record["variant"])
        cells.setdefault(cell, []).append(measured(record))
    found = []
    for row in rows:
        if row.metric == "acc":
            runs = cells[row.stream, row.learner, row.variant]
            for metric in dict.fromkeys(metric for run in runs for metric in run):
                values = [run[metric] for run in runs if metric in run]
                mean, low, high = mean_interval(values)
                found.append(row._replace(metric=metric, mean=mean, low=low, high=high, seeds=len(values)))
    return found
