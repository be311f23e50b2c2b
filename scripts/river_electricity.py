"""Prequential accuracy of River's models on Electricity, for comparison: see `tab_electricity`.

The same 45,312 samples of 6 features in file order, each predicted and then learned from, by models with
River's default settings: Hoeffding adaptive tree (Bifet and Gavalda (2009), doi:10.1007/978-3-642-03915-7_22),
adaptive random forest of 10 trees (Gomes et al. (2017), doi:10.1007/s10994-017-5642-8), logistic regression on
features standardised by running moments; beside them the last label and the most frequent label so far. The
two that draw random numbers are run five times. River: Montiel et al. (2021), arXiv:2012.04740. Minutes on one core.

    pip install -e ".[figures,river]"
    python -m scripts.river_electricity --data_dir=FOLDER
"""

import time
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from absl import flags
from river import dummy, forest, linear_model, preprocessing, tree
from tqdm import tqdm

from pcl.command import folder_flag, launch
from pcl.evaluation.prequential import prequential_accuracy, windowed_accuracy
from pcl.figures.style import write_csv
from pcl.streams.sources import source, use_data_dir

FLAGS = flags.FLAGS
folder_flag("data_dir", None, "Folder of raw data files (default: the environment's PCL_DATA_DIR).")
folder_flag("results_dir", "results", "Folder in which river_electricity.csv is written.")

POINTS = 100  # of each curve, at most
WINDOW = 1000  # samples that each of them looks back on
SEEDS = 5

MODELS: dict[str, Callable[[int], Any]] = {
    "no change": lambda seed: dummy.NoChangeClassifier(),
    "majority": lambda seed: dummy.PriorClassifier(),
    "logistic regression": lambda seed: preprocessing.StandardScaler() | linear_model.LogisticRegression(),
    "Hoeffding adaptive tree": lambda seed: tree.HoeffdingAdaptiveTreeClassifier(seed=seed),
    "adaptive random forest": lambda seed: forest.ARFClassifier(n_models=10, seed=seed),
}
RANDOM = ("Hoeffding adaptive tree", "adaptive random forest")


def lived(model: Any, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Whether each sample [N] was predicted before it was learned from; no answer is a wrong one."""
    right = np.zeros(len(y))
    for i, (features, label) in enumerate(zip(tqdm(x.tolist(), desc=type(model).__name__), y.tolist(), strict=True)):
        sample = dict(enumerate(features))
        right[i] = model.predict_one(sample) == label
        model.learn_one(sample, label)
    return right


def rows(name: str, seed: int, right: np.ndarray, seconds: float) -> Iterator[dict[str, object]]:
    """A line for each point of the curve; what belongs to the whole run is repeated on each."""
    edges = np.append(np.arange(0, len(right), -(-len(right) // POINTS)), len(right))
    hits, seen = np.add.reduceat(right, edges[:-1]), np.diff(edges)
    whole = {
        "model": name,
        "seed": seed,
        "river": metadata.version("river"),
        "cpu_seconds": f"{seconds:.1f}",
        "accuracy": f"{prequential_accuracy(hits, seen):.6f}",
    }
    for samples, accuracy in zip(np.cumsum(seen), windowed_accuracy(hits, seen, WINDOW), strict=True):
        yield whole | {"samples": samples, "windowed_accuracy": f"{accuracy:.4f}"}


def main() -> None:
    """Run each model on the stream and write the file."""
    use_data_dir(FLAGS.data_dir)
    data = source("electricity")
    written: list[dict[str, object]] = []
    for name, make in MODELS.items():
        for seed in range(SEEDS if name in RANDOM else 1):
            start = time.process_time()
            right = lived(make(seed), data.x_train, data.y_train)
            written += rows(name, seed, right, time.process_time() - start)
    print(write_csv(Path(FLAGS.results_dir) / "river_electricity.csv", written))


if __name__ == "__main__":
    launch(main)
