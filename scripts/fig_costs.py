"""All learners on every stream with costs: accuracy against the bytes of the state and FLOPs of a learned sample."""

from pathlib import Path

from .tradeoffs import STREAMS, draw


def main(results_dir: Path) -> list[Path]:
    """Draw the figure from the records below `results_dir`; returns the files written."""
    return draw("fig_costs", results_dir, STREAMS, ("state_bytes", "flops_per_sample"), (2, 2, 4, 4))
