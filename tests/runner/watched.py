"""Lives of learners with and without reports, in programs that are compiled as users' are (tests' own are not).

    python -m tests.runner.watched map,vmap pcn,ncm

prints a line of JSON for each mode and learner: how many reports came, and the parts of the record that differ.
"""

import json
import sys

import jax
import numpy as np

from pcl import streams
from pcl.runner import devices
from pcl.runner.program import compile_group
from pcl.runner.sweep import resolve
from pcl.runner.watch import Watch, Watching
from tests.runner.lives import SEEDS, experiment, unprobed


def compared(name, mode):
    """The reports and what they changed."""
    runs, reports = resolve(experiment(name)), []
    plain = jax.device_get(compile_group(runs[0], SEEDS, mode)(runs))
    with Watch(Watching(7, (reports.append,)), print) as watch:
        watched = jax.device_get(compile_group(runs[0], SEEDS, mode, watch=watch)(runs))
    leaves = zip(jax.tree_util.tree_leaves_with_path(plain), jax.tree.leaves(watched), strict=True)
    differ = [jax.tree_util.keystr(path) for (path, a), b in leaves if not np.array_equal(a, b, equal_nan=True)]
    return {"name": name, "mode": mode, "reports": sum(len(report.runs) for report in reports), "differ": differ}


if __name__ == "__main__":
    devices.configure()
    streams.REGISTRY.update({kind: unprobed(streams.REGISTRY[kind]) for kind in ("contexts", "sequence")})
    for name in sys.argv[2].split(","):
        for mode in sys.argv[1].split(","):
            print(json.dumps(compared(name, mode)), flush=True)
