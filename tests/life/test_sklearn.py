"""Learners inside the real scikit-learn: its checks of estimators, pipelines, cross-validation, search."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_digits
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from pcl.errors import UsageError
from pcl.life import for_sklearn

X, Y = load_digits(return_X_y=True)
X, Y = X[:300] / 16, Y[:300]
SKIPPED = {"check_array_api_input"}  # asks for an array library that SciPy is not told to use


@pytest.mark.slow
@pytest.mark.parametrize("targets", [False, True])
def test_it_passes_scikit_learns_own_checks(targets):
    """No check is expected to fail; what the environment does not ask for is skipped by scikit-learn itself."""
    results = check_estimator(for_sklearn("rls", targets=targets), on_fail=None, on_skip=None)
    assert len(results) > 40
    assert not [(r["check_name"], str(r["exception"])) for r in results if r["status"] in ("failed", "xfail")]
    assert {r["check_name"] for r in results if r["status"] == "skipped"} <= SKIPPED


@pytest.mark.slow
def test_pipelines_cross_validation_and_search():
    model = make_pipeline(StandardScaler(), for_sklearn("rls"))
    assert cross_val_score(model, X, Y, cv=3).mean() > 0.85
    search = GridSearchCV(for_sklearn("rls", block=32), {"ridge": [1e-3, 1e4]}, cv=2).fit(X, Y)
    assert search.best_params_ == {"ridge": 1e-3}
    assert search.best_estimator_.get_params()["block"] == 32
    assert search.best_estimator_.life_.hp.ridge == 1e-3
    diabetes, progression = load_diabetes(return_X_y=True, scaled=True)
    progression = (progression - progression.mean()) / progression.std()
    regressor = make_pipeline(StandardScaler(), for_sklearn("rls", targets=True, ridge=10.0))
    assert cross_val_score(regressor, diabetes, progression, cv=3).mean() == pytest.approx(
        0.48, abs=0.05
    )  # least squares


def test_partial_fit_learns_on_and_labels_may_come_later():
    model = for_sklearn("ncm", max_classes=3)
    with pytest.raises(NotFittedError):
        model.predict(X)
    model.partial_fit(X[:50], np.where(Y[:50] > 4, "high", "low"))
    assert model.classes_.tolist() == ["high", "low"]
    model.partial_fit(X[50:60], ["new"] * 10)
    assert model.classes_.tolist() == ["high", "low", "new"]
    assert model.predict_proba(X[:4]).shape == (4, 3)
    with pytest.raises(UsageError, match="there is room for 3"):
        model.partial_fit(X[:1], ["more"])
    other = clone(model).set_params(passes=2, features="random")
    assert (other.passes, other.get_params()["features"], hasattr(other, "life_")) == (2, "random", False)
    assert repr(clone(for_sklearn("pcn", lr=0.5))) == "Classifier(learner='pcn', lr=0.5)"
