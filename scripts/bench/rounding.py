"""Float32 rounding in an updated covariance: conjugate synapses against the float64 solution of all rows.

Runs of 10^4, 10^5 and 10^6 updates, of one sample each on 50 inputs and of 50 samples each on 500, whose covariance
has a condition number of 10^4. A JSON line a run in `<results_dir>/bench_rounding.jsonl`: the largest error of the
weights and of the leverages of fresh inputs, both relative to the largest of them, and of P, relative to its largest
entry.

    python -m scripts.bench.rounding
"""

import json
from pathlib import Path

from absl import flags

from pcl.command import folder_flag, launch
from pcl.folders import write_whole
from pcl.runner import devices

from .rounding_error import rounding

FLAGS = flags.FLAGS
folder_flag("results_dir", "results", "Folder that bench_rounding.jsonl is written to.")

LIVES = ((10_000, 50, 1), (100_000, 50, 1), (1_000_000, 50, 1), (20_000, 500, 50))  # updates, inputs, samples in each


def main() -> None:
    """Execute each run and write a line."""
    path = Path(FLAGS.results_dir, "bench_rounding.jsonl")
    lines = []
    for updates, inputs, batch in LIVES:
        line = {"updates": updates, "inputs": inputs, "batch": batch} | rounding(updates, inputs, batch)
        print(json.dumps(line), flush=True)
        lines.append(json.dumps(line | devices.provenance()) + "\n")
    write_whole(path, "".join(lines).encode())


if __name__ == "__main__":
    launch(main)
