"""One of several processes that execute runs together: `python -m tests.runner.members FOLDER HOST:PORT SIZE RANK`."""

import sys

from pcl.experiment import Arm, Experiment, StreamSpec
from pcl.runner import devices, hosts, mesh, sharing
from pcl.runner.execute import plan
from pcl.runner.mesh import Division
from pcl.runner.store import Store
from pcl.runner.sweep import resolve

STREAM = {"s": StreamSpec("split", {"batch": 96, "classes_per_task": 10})}
RUNS = resolve(Experiment("trial", "", STREAM, {"er": {"width": 64, "memory": 96}}, (Arm(seeds=2),), {"end_every": 0}))

if __name__ == "__main__":
    folder, address, size, rank = sys.argv[1:]
    devices.configure()
    hosts.join(address, hosts.Place(int(rank), int(size)))
    mesh.use(Division(4, "sharded", joined=True))
    store = Store(folder, "trial")
    store.require_writable()
    print(sharing.execute_together(plan(RUNS, "map"), store, "map", "trial"))
