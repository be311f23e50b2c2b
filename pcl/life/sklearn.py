"""Estimators of scikit-learn (Pedregosa et al. (2011), JMLR 12:2825)."""

import abc
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from pcl.life.features import Features
from pcl.life.labels import Labels
from pcl.life.life import Life


class Living(BaseEstimator, abc.ABC):
    """Common parts of both kinds: `fit`, and parameters, of which those of the learner can be searched too.

    By scikit-learn's conventions parameters are not checked before `fit`.
    """

    life_: Life

    def __init__(self, learner: Any, passes: Any, seed: Any, settings: dict[str, Any]):
        self.learner = learner
        self.passes = passes
        self.seed = seed
        self._settings = settings

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Parameters by name, including given settings of the learner."""
        return super().get_params(deep) | self._settings

    def set_params(self, **params: Any) -> Any:
        """Set parameters; those that are not the estimator's own are settings of the learner."""
        own = {name: value for name, value in params.items() if name in self._get_param_names()}
        self._settings = self._settings | {name: value for name, value in params.items() if name not in own}
        return super().set_params(**own)

    def fit(self, X: Any, y: Any) -> Any:
        """Learn from nothing but these samples, `passes` times in their order."""
        x, targets = self._validated(X, y, reset=True)
        self.life_ = self._born(Features.announced(x.shape[1]), targets, ())
        for _ in range(self.passes):
            self.life_.partial_fit(x, targets)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Labels or real targets of samples."""
        check_is_fitted(self, "life_")
        return self.life_.predict(validate_data(self, X, reset=False))

    def _continued(self, X: Any, y: Any, classes: Any) -> Any:
        fresh = not hasattr(self, "life_")
        x, targets = self._validated(X, y, reset=fresh)
        if fresh:
            self.life_ = self._born(Features.announced(x.shape[1]), targets, () if classes is None else classes)
        self.life_.partial_fit(x, targets)
        return self

    @abc.abstractmethod
    def _validated(self, X: Any, y: Any, reset: bool) -> tuple[np.ndarray, np.ndarray]:
        """Samples and targets as scikit-learn's checks return them."""

    @abc.abstractmethod
    def _born(self, features: Features, y: np.ndarray, classes: Any) -> Life:
        """A life with these inputs, and outputs for the first targets."""


class Classifier(ClassifierMixin, Living):
    """A learner of pcl that chooses between labels.

    learner: its name.   passes: how often `fit` goes through the samples.   max_classes: room for labels that come
    after the first samples (0: none).   seed: of the initial state.   settings: settings of the learner.
    """

    def __init__(
        self, learner: Any = "parallax", *, passes: Any = 1, max_classes: Any = 0, seed: Any = 0, **settings: Any
    ):
        super().__init__(learner, passes, seed, settings)
        self.max_classes = max_classes

    @property
    def classes_(self) -> np.ndarray:
        """The labels, in the order of columns of `predict_proba`: sorted, and later ones as they came."""
        check_is_fitted(self, "life_")
        return self.life_.classes_

    def partial_fit(self, X: Any, y: Any, classes: Any = None) -> Any:
        """Continue learning; at the first call `classes` are all labels (None: those of `y`)."""
        return self._continued(X, y, classes)

    def predict_proba(self, X: Any) -> np.ndarray:
        """The probability of each label of `classes_`."""
        check_is_fitted(self, "life_")
        return self.life_.predict_proba(validate_data(self, X, reset=False))

    def _validated(self, X: Any, y: Any, reset: bool) -> tuple[np.ndarray, np.ndarray]:
        x, labels = validate_data(self, X, y, reset=reset)
        check_classification_targets(labels)
        return x, labels

    def _born(self, features: Features, y: np.ndarray, classes: Any) -> Life:
        known = np.unique(np.asarray(y if len(classes) == 0 else classes))
        labels = Labels(known, max(len(known), self.max_classes))
        return Life.born(self.learner, self._settings, features, labels, self.seed)


class Regressor(RegressorMixin, Living):
    """A learner of pcl that predicts real targets, of about unit variance each.

    learner: its name.   passes: how often `fit` goes through the samples.   seed: of the initial state.
    settings: settings of the learner.
    """

    def __init__(self, learner: Any = "rls", *, passes: Any = 1, seed: Any = 0, **settings: Any):
        super().__init__(learner, passes, seed, settings)

    def partial_fit(self, X: Any, y: Any) -> Any:
        """Continue learning from further samples."""
        return self._continued(X, y, None)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def _validated(self, X: Any, y: Any, reset: bool) -> tuple[np.ndarray, np.ndarray]:
        x, targets = validate_data(self, X, y, reset=reset, multi_output=True, y_numeric=True)
        return x, targets

    def _born(self, features: Features, y: np.ndarray, classes: Any) -> Life:
        return Life.born(self.learner, self._settings, features, 1 if y.ndim == 1 else y.shape[1], self.seed)
