"""A process that shares runs with others: `python -m tests.runner.claimants FOLDER EXPIRES_S`.

It says which runs it has claimed, and waits for a line of standard input before it executes them; where that is closed
it waits no more.
"""

import json
import sys

from pcl.experiment import Arm, Experiment, StreamSpec
from pcl.runner import devices, sharing
from pcl.runner.claims import Claims
from pcl.runner.execute import plan
from pcl.runner.store import Store
from pcl.runner.sweep import resolve

RUNS = resolve(Experiment("trial", "", {"s": StreamSpec("split", {"batch": 200})}, {"ncm": {}}, (Arm(seeds=9),)))


class Said(Claims):
    """Claims that are said."""

    def take(self, runs, complete):
        """The same, said where they are any."""
        own = super().take(runs, complete)
        if own:
            print(json.dumps(sorted(own)), flush=True)
            sys.stdin.readline()
        return own


if __name__ == "__main__":
    devices.configure()
    store = Store(sys.argv[1], "trial")
    store.require_writable()
    claims = Said(store.folder, float(sys.argv[2]))
    sharing.execute_shared(plan(RUNS, "map", 2), store, "map", "trial", claims=claims)
