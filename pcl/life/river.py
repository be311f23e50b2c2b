"""Estimators of River (Montiel et al. (2021), arXiv:2012.04740); importing this needs River."""

import abc
from collections.abc import Iterator
from typing import Any

from river import base

from pcl import learners
from pcl.fields import replace
from pcl.life.features import Features
from pcl.life.labels import Labels
from pcl.life.life import Life


class Living(base.Estimator, abc.ABC):
    """Common parts of both kinds: the first sample sets the number of features and begins the life."""

    life: Life | None  # none before the first sample is learned

    def __init__(self, learner: str, inputs: int, seed: int, settings: dict[str, Any]):
        replace(learners.REGISTRY[learner].hparams, settings)  # a wrong setting is said now
        self.learner = learner
        self.inputs = inputs
        self.seed = seed
        self.settings = settings
        self.life = None

    def learn_one(self, x: dict[Any, Any], y: Any) -> None:
        """Learn from one sample; where `y` is None, observe it."""
        if self.life is None:
            self.life = self._born(Features.announced(self.inputs or max(1, len(x))))
        self.life.learn_one(x, y)

    @abc.abstractmethod
    def _born(self, features: Features) -> Life:
        """A life with these inputs."""

    @classmethod
    def _unit_test_params(cls) -> Iterator[dict[str, Any]]:
        yield {"learner": "rls", "inputs": 20}


class Classifier(Living, base.Classifier):
    """A learner of pcl that chooses between at most `max_classes` labels.

    Parameters
    ----------
    learner
        Its name, as `pcl --list` shows them.
    inputs
        The most features that a sample may have; 0: as many as the first that is learned.
    max_classes
        The most labels that there will ever be.
    seed
        Of the initial state.
    settings
        Settings of the learner that differ from its defaults.

    """

    def __init__(
        self, learner: str = "parallax", inputs: int = 0, max_classes: int = 10, seed: int = 0, **settings: Any
    ):
        super().__init__(learner, inputs, seed, settings)
        self.max_classes = max_classes

    def predict_one(self, x: dict[Any, Any], **kwargs: Any) -> Any:
        """The most probable label, or None before any was learned."""
        return None if self.life is None else self.life.predict_one(x)

    def predict_proba_one(self, x: dict[Any, Any], **kwargs: Any) -> dict[Any, float]:
        """The probability of each label that was learned."""
        return {} if self.life is None else self.life.predict_proba_one(x)

    @property
    def _multiclass(self) -> bool:
        return True

    def _born(self, features: Features) -> Life:
        return Life.born(self.learner, self.settings, features, Labels((), self.max_classes), self.seed)


class Regressor(Living, base.Regressor):
    """A learner of pcl that predicts one real number, of about unit variance.

    Parameters
    ----------
    learner
        Its name, as `pcl --list` shows them.
    inputs
        The most features that a sample may have; 0: as many as the first that is learned.
    seed
        Of the initial state.
    settings
        Settings of the learner that differ from its defaults.

    """

    def __init__(self, learner: str = "rls", inputs: int = 0, seed: int = 0, **settings: Any):
        super().__init__(learner, inputs, seed, settings)

    def predict_one(self, x: dict[Any, Any]) -> float:
        """The mean of the target, or 0 before anything was learned."""
        return 0.0 if self.life is None else float(self.life.predict_one(x))

    def _born(self, features: Features) -> Life:
        return Life.born(self.learner, self.settings, features, 1, self.seed)
