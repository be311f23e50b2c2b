"""Learning rates on Weather, by prequential accuracy."""

from pathlib import Path

from pcl.evaluation.summary import summarise
from pcl.figures.style import save_table
from pcl.runner.store import Store


def main(results_dir: Path) -> list[Path]:
    """Write the table from `<results_dir>/weather_rates`; returns the files written."""
    rows = summarise(Store(results_dir, "weather_rates").records())
    return save_table(rows, results_dir, "tab_weather_rates", ("prequential_acc", "ms_per_step"))
