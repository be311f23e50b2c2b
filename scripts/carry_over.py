"""Carry records over to today's names of settings: rewrite their names and ids, and nothing else.

python -m scripts.carry_over
python -m scripts.carry_over --results_dir=results

Curves, commit, date, versions and machine stay. The same command again changes nothing. `python -m scripts.same_lives
--stored=results` checks that today's code gives the same results under these ids.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from absl import flags

from pcl.command import folder_flag, launch
from pcl.errors import UsageError
from pcl.fields import canonical
from pcl.runner.store import Store, experiments
from pcl.runner.versions import Row

FLAGS = flags.FLAGS
folder_flag("results_dir", "results", "Folder of the records.")

CODED = {"width": "random_features"}
CONJUGATE = CODED | {"precision": "covariance"}
GAUSSIANS = CODED | {"ridge": "prior_scatter"}
PARALLAX = CODED | {
    "specialists": "max_contexts",
    "momentum": "inference_momentum",
    "tolerance": "energy_tolerance",
}
# The old names of settings and the new ones, by learner and by kind of stream.
LEARNERS: dict[str, dict[str, str]] = {
    **dict.fromkeys(("ncm", "nlms"), CODED),
    **dict.fromkeys(("bpc", "rls"), CONJUGATE),
    **dict.fromkeys(("generative", "reopening"), GAUSSIANS),
    **dict.fromkeys(("parallax", "parallax_single", "parallax_told", "reopening_parallax"), PARALLAX),
}
STREAMS: dict[str, dict[str, str]] = {
    "class_contexts": {"dwell": "samples_per_task"},
    "drift": {"noise": "label_noise"},
    "sequence": {"dwell": "visit_steps"},
}
# Settings that came after some of the records, and the values that give the same results: to the bit at
# commit 7d23f0d, which brought them, but for the bytes of state that a limited step needs (at most 256 of 53,704).
LIMITED = {"step_limit": "curvature", "step_share": 0.9}
LATER: dict[str, dict[str, Any]] = {"bpc": LIMITED, "tpc": LIMITED}


def main() -> None:
    """Carry all records below the folder over, and print how many there were of each experiment.

    Raises:
      UsageError: two names or two runs would become one, or records cannot be read or written.
    """
    for name in experiments(FLAGS.results_dir):
        store = Store(FLAGS.results_dir, name)
        print(f"{name}: {carry_over(store)} records carried over")


def carry_over(store: Store) -> int:
    """Rewrite the records of one experiment as one part, if any of them has an old name; returns how many had.

    Raises:
      UsageError: two names or two runs would become one, or records cannot be read or written.
    """
    rows, old = store.records(), store.parts()
    new = [carried(row) for row in rows]
    changed = sum(after != before for after, before in zip(new, rows, strict=True))
    if twice := [run_id for run_id, times in Counter(row["run_id"] for row in new).items() if times > 1]:
        raise UsageError(f"{store.folder}: two runs would have the id {twice[0]}; nothing is carried over")
    if changed:
        whole = store.write(new)
        for part in old:
            if part != whole:
                part.unlink()
    return changed


def carried(row: Row) -> Row:
    """One record under today's names.

    Raises:
      UsageError: it has an old name and the new one.
    """
    config: dict[str, Any] = json.loads(row["config"])
    of_learner, of_stream = LEARNERS.get(row["learner"], {}), STREAMS.get(config["stream"]["kind"], {})
    config["learner"] = LATER.get(row["learner"], {}) | renamed(config["learner"], of_learner)
    config["stream"] = renamed(config["stream"], of_stream)
    text = canonical(config)
    if text == row["config"]:
        return row
    variant = canonical(renamed(json.loads(row["variant"]), of_learner | of_stream))
    return row | {"config": text, "variant": variant, "run_id": hashlib.sha256(text.encode()).hexdigest()[:16]}


def renamed(settings: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Settings under new names.

    Raises:
      UsageError: there are both.
    """
    for old, new in names.items():
        if old in settings and new in settings:
            raise UsageError(f"a record has {old} and {new}, which would be one setting; nothing is carried over")
    return {names.get(name, name): value for name, value in settings.items()}


if __name__ == "__main__":
    launch(main)
