"""Rows with known numbers, and what other processes do with a store: `python stored.py ROLE FOLDER …` (no JAX)."""

import json
import os
import sys
from pathlib import Path

import numpy as np

from pcl.runner.schema import COLUMNS
from pcl.runner.store import Store

CHUNK = 2  # runs a part


def row(run_id, seed=0, created="2026-01-01T00:00:00+00:00", step=0.1, **more):
    """A row as `execute` makes it; `step` is a setting of the learner."""
    empty = dict.fromkeys(COLUMNS.names)
    named = {"run_id": run_id, "experiment": "trial", "stream": "s", "learner": "l", "variant": "{}", "seed": seed}
    config = {"schema": 2, "data": "none", "learner": {"name": "l", "step": step}, "seed": seed}
    known = {"config": json.dumps(config), "probe_accuracy": [[0.5, 1.0]], "hits": [1.0, 2.0], "status": "ok"}
    return empty | named | known | {"provenance": {"created": created, "commit": "0" * 40}} | more


def run(seed):
    """A row whose numbers its seed decides."""
    rng = np.random.default_rng(seed)
    return row(
        f"{seed:016x}",
        seed,
        hits=rng.random(500, np.float32).tolist(),
        energy=[float("nan"), -0.0],
        logged={"energy": "taught"},
    )


def shard(folder, index, shards, runs):
    """What a shard of a sweep does: nothing that is there already, a part after each chunk that it is told to write.

    It is told by a line of standard input, and says so before it writes; where that is closed it writes all.
    """
    store = Store(folder, "trial")
    store.require_writable()
    done = store.ids()
    missing = [seed for seed in range(int(index), int(runs), int(shards)) if f"{seed:016x}" not in done]
    for i in range(0, len(missing), CHUNK):
        rows = [run(seed) for seed in missing[i : i + CHUNK]]
        sys.stdin.readline()
        print("writing", flush=True)
        store.write(rows)


def until_stopped(folder, act):
    """`act(store)` again and again until a file `stop` appears."""
    while not (Path(folder) / "stop").exists():
        act(Store(folder, "trial"))


def compact(folder):
    """Join parts, beside whatever else goes on."""
    until_stopped(folder, lambda store: store.compact())


def read(folder):
    """Read everything: what was there once is there for ever, each run once."""
    known = set()

    def look(store):
        ids = store.ids()
        records = store.records(ids)
        assert known <= ids, "runs were lost"
        assert sorted(record["run_id"] for record in records) == sorted(ids), "a run is doubled or gone"
        known.update(ids)

    until_stopped(folder, look)


if __name__ == "__main__":
    {"shard": shard, "compact": compact, "read": read}[sys.argv[1]](*sys.argv[2:])
    sys.stdout.flush()
    os._exit(0)  # Arrow's threads may abort a process that is torn down under load, when all is written
