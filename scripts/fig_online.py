"""All learners on streams that end: final accuracy against prequential accuracy."""

from pathlib import Path

from .tradeoffs import STREAMS, draw

TITLES = list(STREAMS)[:4]  # of the others, one has no final accuracy, and one tells of no class before it is met


def main(results_dir: Path) -> list[Path]:
    """Draw the figure from the records below `results_dir`; returns the files written."""
    return draw("fig_online", results_dir, TITLES, ("prequential_acc",), (2, 2))
