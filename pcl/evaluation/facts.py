"""What is known of a learner without a run: whether it stores samples, is told tasks and backpropagates errors.

Tables show it beside the other costs. Imports no JAX.
"""

import json
from collections.abc import Callable, Mapping, Sequence

from pcl.evaluation.summary import Record
from pcl.registry import declared


def facts(records: Sequence[Record]) -> Callable[[Record], Mapping[str, float]]:
    """For each of the records: the size of the replay memory, and two truths, as 1 or 0.

    The memory is the setting of that name; a learner without it stores no samples. Its entry says whether a learner is
    told tasks, and whether its learning is local (else errors are backpropagated). A learner that has no entry here
    has no truths.
    """
    local, told = declared("pcl.learners", "local"), declared("pcl.learners", "told")

    def of(record: Record) -> dict[str, float]:
        name, settings = record["learner"], json.loads(record["config"])["learner"]
        found = {"samples_stored": float(settings.get("memory", 0))}
        if name in local:
            found |= {"told_tasks": float(told.get(name, False)), "backpropagation": float(not local[name])}
        return found

    return of
