"""Permuted MNIST: twenty permutations, and the slope of online accuracy over two hundred."""

from pathlib import Path

from pcl.evaluation.summary import summarise
from pcl.figures.curves import plasticity
from pcl.figures.style import save_table
from scripts.records import records_of

METRICS = ("acc", "forgetting", "learning_acc", "prequential_acc", "plasticity_slope", "state_bytes", "ms_per_step")
NOTE = """
`plasticity_slope`: change of the accuracy while a permutation is met, in percentage points per 100 permutations.
"""


def main(results_dir: Path) -> list[Path]:
    """Write the table from `<results_dir>/permuted_mnist` and `<results_dir>/plasticity`."""
    records = records_of(results_dir, "permuted_mnist", "plasticity")
    long = [record for record in records if record["experiment"] == "plasticity"]
    rows = summarise(records)
    rows += summarise(long, lambda record: {"plasticity_slope": plasticity(record)})
    written = save_table(rows, results_dir, "tab_permuted_mnist", METRICS, latex=True)
    markdown = next(path for path in written if path.suffix == ".md")
    markdown.write_text(markdown.read_text() + NOTE)
    return written
