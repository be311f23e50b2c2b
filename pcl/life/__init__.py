"""Live learners: they predict and learn one sample, or one table, at a time.

    life = pcl.live("parallax", inputs=(8, 8), max_classes=10)
    life.predict_one(x); life.learn_one(x, y)             # River's conventions: x is a dict of features, or an array
    life.partial_fit(X, y); life.predict(X)               # scikit-learn's conventions
    life.save("life.npz"); life = pcl.load_live("life.npz")

`for_river` and `for_sklearn` make estimators of these libraries, for their pipelines and evaluations.
"""

from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any

from pcl import saved
from pcl.errors import UsageError
from pcl.life.features import Features
from pcl.life.labels import Labels
from pcl.life.life import Life

__all__ = ["Life", "for_river", "for_sklearn", "live", "load_live"]


def live(
    learner: str,
    *,
    inputs: int | tuple[int, ...] | Sequence[str],
    classes: Sequence[Hashable] = (),
    max_classes: int = 0,
    targets: int = 0,
    seed: int = 0,
    **settings: Any,
) -> Life:
    """A live learner before its first sample.

    Args:
      learner: its name, as `pcl --list` shows them.
      inputs: shape of one input, or the most features that a sample may have, or their names.
      classes: labels that are known beforehand.
      max_classes: the most labels that there will ever be; 0: no more than `classes`.
      targets: number of real targets per sample (of about unit variance each), instead of labels.
      seed: seed of the initial state.
      settings: settings of the learner that differ from its defaults, as `--set` takes them.

    Raises:
      UsageError: an argument is inadmissible; the message says what would be right.

    Examples:
      >>> life = live("ncm", inputs=2, max_classes=2)
      >>> life.learn_one({"width": 1.0, "height": 2.0}, "cat")
      >>> life.learn_one({"width": 3.0, "height": 0.5}, "dog")
      >>> life.predict_one({"width": 1.1, "height": 1.9})
      'cat'
    """
    if bool(targets) == bool(len(classes) or max_classes):
        raise UsageError("give the labels that there are (classes), the most that there will be (max_classes), or a"
                         " number of real targets (targets)")  # fmt: skip
    labels = targets or Labels(classes, max(max_classes, len(classes)))
    return Life.born(learner, settings, Features.announced(inputs), labels, seed)


def load_live(path: str | Path) -> Life:
    """The live learner in a file that `Life.save` wrote; it continues exactly where that stopped.

    It also reads files of `pcl.save` and `--save_state`; their labels are 0, 1, 2, …

    Raises:
      UsageError: the file does not exist, is damaged, or does not fit this version of pcl.
    """
    return Life.unpacked(saved.read(path), str(path))


def for_river(learner: str, *, targets: bool = False, **settings: Any) -> Any:
    """An estimator of River (a real `river.base.Classifier` or, for real `targets`, `Regressor`); needs River.

    Args:
      learner: its name.
      targets: whether a real number is predicted, about unit variance, rather than a label.
      settings: `inputs`, the most features that a sample may have (0: as many as the first that is learned);
        `max_classes` (10); `seed` (0); and settings of the learner.
    """
    from pcl.life import river

    return (river.Regressor if targets else river.Classifier)(learner, **settings)


def for_sklearn(learner: str, *, targets: bool = False, **settings: Any) -> Any:
    """An estimator of scikit-learn: a `ClassifierMixin` or, for real `targets`, a `RegressorMixin`.

    Args:
      learner: its name.
      targets: whether real numbers are predicted, about unit variance, rather than labels.
      settings: `passes`, how often `fit` goes through the samples (1); `max_classes`, room for labels that come after
        `fit` (0); `seed` (0); and settings of the learner.
    """
    from pcl.life import sklearn

    return (sklearn.Regressor if targets else sklearn.Classifier)(learner, **settings)
