"""Short lives of learners with their default sizes, on as many CPU devices as `JAX_NUM_CPU_DEVICES` says.

    python -m tests.runner.lives map pcn,ncm

prints a line of JSON a learner: what the records of four seeds say of every step. Held-out samples are left aside, for
they would take longer to compile than lives take.
"""

import json
import sys

import jax

from pcl import learners, streams
from pcl.experiment import Arm, Experiment, StreamSpec
from pcl.runner import devices
from pcl.runner.program import compile_group
from pcl.runner.sweep import resolve

SEEDS = 4
CODE = {"patch": "3", "atoms": "16", "critical": 40}  # digits have 8 x 8 pixels, and the code is to be read out
SETTINGS = {"reopening": CODE, "reopening_parallax": CODE, "anderson": {"inference": "anderson"}}
SETTINGS |= {"low_rank": {"covariance": "low_rank"}, "sums": {"covariance": "sums", "block": 16}}
KINDS = {"anderson": "pcn", "low_rank": "rls", "sums": "rls"}  # what a name that is no learner's is a variant of
IMAGES = {"source": "digits", "contexts": 2, "visits": 3, "dwell": 40}
SEQUENCES = {"observed": 64, "hidden": 64, "contexts": 2, "visits": 3, "visit_steps": 20, "batch": 2}


def experiment(name):
    """One learner on one stream; a row at a time where rows are lived through in turn all the same."""
    kind = KINDS.get(name, name)
    batch = 1 if "parallax" in kind else 4
    stream = StreamSpec("contexts", IMAGES | {"batch": batch})
    stream = stream if learners.REGISTRY[kind].labels else StreamSpec("sequence", SEQUENCES)
    settings = {kind: SETTINGS.get(name, {})}
    return Experiment("lives", "", {"s": stream}, settings, (Arm(seeds=SEEDS),), {"end_every": 0})


def unprobed(entry):
    """The entry of a kind of streams without held-out samples."""

    def make(*arguments):
        stream, data = entry.make(*arguments)
        return stream._replace(probe=None, revisit=None), data

    return entry._replace(make=make)


def lived(name, mode):
    """What the records of a learner say: hits, and numbers."""
    runs = resolve(experiment(name))
    record = jax.device_get(compile_group(runs[0], SEEDS, mode)(runs))
    surprise = record.logged["surprise"].value.tolist() if "surprise" in record.logged else []
    return {"name": name, "devices": jax.local_device_count(), "hits": record.hits.tolist(), "surprise": surprise}


if __name__ == "__main__":
    devices.configure()
    streams.REGISTRY.update({kind: unprobed(streams.REGISTRY[kind]) for kind in ("contexts", "sequence")})
    for learner in sys.argv[2].split(","):
        print(json.dumps(lived(learner, sys.argv[1])), flush=True)
