"""Learners inside the real River: its checks of estimators, its evaluation, its pipelines."""

import itertools
import pickle

import pytest

from pcl.errors import UsageError
from pcl.life import for_river

river = pytest.importorskip("river", reason="River is not installed: pip install river")

from river import base, checks, datasets, evaluate, metrics, preprocessing  # noqa: E402


@pytest.mark.slow
@pytest.mark.parametrize("targets", [False, True])
def test_it_passes_rivers_own_checks(targets):
    """Room for 20 features: one of River's checks lets new ones appear."""
    model = for_river("rls", inputs=20, targets=targets)
    assert isinstance(model, base.Regressor if targets else base.Classifier)
    names = [check.__name__ for check in checks.yield_checks(model)]
    assert {"check_learn_one", "check_pickling", "check_emerging_features"} <= set(names)
    for check in checks.yield_checks(model):
        # Thousands of samples long, and the same life inside both: asked of the regressor alone.
        if targets or check.__name__ != "check_bounded_memory_growth":
            check(model.clone())


@pytest.mark.slow
def test_river_evaluates_it_in_a_pipeline():
    """`evaluate` predicts before it learns; a life by hand counts the same hits."""
    model = preprocessing.StandardScaler() | for_river("rls", max_classes=7)
    stream = datasets.ImageSegments().take(300)
    score = evaluate.progressive_val_score(stream, model, metrics.Accuracy()).get()
    scaler, life, hits = preprocessing.StandardScaler(), for_river("rls", max_classes=7), 0
    for x, y in datasets.ImageSegments().take(300):
        hits += life.predict_one(scaler.transform_one(x)) == y
        scaler.learn_one(x)
        assert life.learn_one(scaler.transform_one(x), y) is None
    assert score == hits / 299 > 0.7  # the first answer is none, before any label, and does not count
    steps = evaluate.iter_progressive_val_score(
        datasets.Phishing().take(50), for_river("ncm"), metrics.ROCAUC(), step=25
    )
    assert [step["Step"] for step in steps] == [25, 50]


@pytest.mark.slow
def test_river_scales_real_targets_for_it():
    model = preprocessing.StandardScaler() | preprocessing.TargetStandardScaler(for_river("rls", targets=True))
    stream = datasets.TrumpApproval()
    error = evaluate.progressive_val_score(stream, model, metrics.MAE()).get()
    assert error < 0.7  # of percentage points between 36 and 46; the last value itself errs by 0.3


def test_before_the_first_sample_it_answers_nothing_and_wrong_settings_are_said_at_once():
    model = for_river("ncm", inputs=2)
    assert (model.predict_one({"a": 1}), model.predict_proba_one({"a": 1})) == (None, {})
    assert for_river("rls", targets=True).predict_one({"a": 1}) == 0
    with pytest.raises(UsageError, match="unknown setting 'lrr'"):
        for_river("pcn", lrr=0.1)
    model.learn_one({"a": 1.0, "b": 2.0}, None)  # observed
    assert model.predict_proba_one({"a": 1}) == {}
    model.learn_one({"a": 1.0, "b": 2.0}, "x")
    clone = model.clone({"max_classes": 3})
    assert (clone.predict_one({"a": 1}), clone.max_classes, clone.inputs) == (None, 3, 2)
    assert pickle.loads(pickle.dumps(model)).predict_one({"a": 1}) == "x"
    assert for_river("pcn", lr=0.5).clone().settings == {"lr": 0.5}
    assert len(list(itertools.islice(model._unit_test_params(), 2))) == 1
