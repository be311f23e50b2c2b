"""Absorption: bits of random labels taken in, lost and held, and what they cost."""

from pathlib import Path

from pcl.evaluation.summary import summarise
from pcl.figures.style import save_table
from pcl.runner.store import Store

METRICS = ("bits_gained", "bits_lost", "bits_held", "bits_gained_per_lost", "bits_held_per_byte", "state_bytes")


def main(results_dir: Path) -> list[Path]:
    """Write the table from `<results_dir>/load`; returns the files written."""
    rows = summarise(Store(results_dir, "load").records())
    return save_table(rows, results_dir, "tab_load", METRICS)
