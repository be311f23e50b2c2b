"""Loss due to rounded products: runs beside those of the same seed with float32 products."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pcl.evaluation.summary import measure

Record = Mapping[str, Any]

SETTING, REFERENCE = "products", "float32"
LOSSES = {"rounding_loss": "acc", "online_rounding_loss": "prequential_acc"}


def rounding_losses(records: Sequence[Record]) -> Callable[[Record], dict[str, float]]:
    """Loss of accuracy due to rounded factors, for `summarise`: float32 accuracy minus that of a run, in points.

    Both runs are of one seed, so that an interval is one of paired differences. Nothing for a run without such a twin.
    """

    def of(record: Record, variant: Mapping[str, Any]) -> tuple[str, str, str, int]:
        return record["stream"], record["learner"], json.dumps(variant, sort_keys=True), record["seed"]

    runs = {of(record, json.loads(record["variant"])): record for record in records}

    def losses(record: Record) -> dict[str, float]:
        variant = json.loads(record["variant"])
        twin = runs.get(of(record, variant | {SETTING: REFERENCE}))
        if variant.get(SETTING, REFERENCE) == REFERENCE or twin is None:
            return {}
        own, exact = measure(record), measure(twin)
        return {loss: exact[metric] - own[metric] for loss, metric in LOSSES.items() if metric in own}

    return losses
