"""Types, units and meanings of the columns of the results. Imports no JAX.

Columns come in the order of `schema`: first those of `RUN`, then one for each setting that varies, `MADE`, every
metric, and last numbers that learners log under names of their own.
"""

from typing import NamedTuple

from pcl.evaluation.catalogue import METRICS


class Column(NamedTuple):
    """A column of the results.

    type: text, integer, number or truth.
    unit: "" where it has none.
    meaning: a phrase for readers.
    """

    type: str
    unit: str
    meaning: str


# Which run it is.
RUN = {
    "run_id": Column("text", "", "hash of everything that determines the run"),
    "experiment": Column("text", "", "folder of the record"),
    "stream": Column("text", "", "name that the experiment gives its stream"),
    "learner": Column("text", "", "name of the learner"),
    "variant": Column("text", "", "settings that are swept, as they are written after --set"),
    "seed": Column("integer", "", "seed of learner and stream"),
    "status": Column("text", "", "ok, or the kind of failure and its step"),
    "probe_on": Column("text", "", "held-out samples that were probed: test or validation"),
    "steps": Column("integer", "steps", "steps of the stream"),
    "chance": Column("number", "", "chance level: score of guessing, in 0 .. 1"),
}
# How it was made.
MADE = {
    "data": Column("text", "", "version of the data; none where the stream generates its samples"),
    "compile_s": Column("number", "s", "time to compile the program that the run shares with others"),
    "run_s": Column("number", "s", "time to execute the whole chunk of runs"),
    "created": Column("text", "", "when the record was made, in UTC"),
    "commit": Column("text", "", "commit of the code that made the record"),
    "dirty": Column("truth", "", "whether the code had uncommitted changes"),
    "mode": Column("text", "", "how the runs of a chunk were batched: map or vmap"),
    "width": Column("integer", "runs", "runs per chunk"),
    "device": Column("text", "", "name of the device"),
    "devices": Column("integer", "", "number of devices"),
    "machine": Column("text", "", "description of the machine"),
    "python": Column("text", "", "version of Python"),
    "versions": Column("text", "", "versions of the libraries, as JSON"),
}


def metric_columns() -> dict[str, Column]:
    """Every metric that a run has by itself, in the catalogue's order; NaN where its stream or learner has none.

    Metrics that compare a run with others (an oracle, the same samples shuffled) and facts about learners are in
    tables, not here; logged curves are read by `curves`.
    """
    return {
        name: Column("number", metric.unit, metric.meaning)
        for name, metric in METRICS.items()
        if not metric.curve and not metric.beside
    }


def schema() -> dict[str, Column]:
    """Type, unit and meaning of every column that `load` always gives, in its order.

    Between `probe_on`, `steps`, `chance` and the rest stands a column for each setting that varies, called by its part:
    `stream.batch`, `learner.lr`, `evaluation.probe_every`. After all others comes one column for each number that
    learners log under names of their own.
    """
    return RUN | MADE | metric_columns()
