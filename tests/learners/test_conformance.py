"""What every learner of the registry promises; a new file of a learner is tested without a new test."""

import jax.numpy as jnp
import pytest

from pcl.conformance.compared import DoesNotApply, assert_same, at
from pcl.conformance.learners import PROPERTIES, QUICK, ROWS, lived, stretch, subject
from pcl.learners import REGISTRY

SLOW = ("parallax", "parallax_told", "parallax_single")  # to compile
OPENING = ("reopening", "reopening_parallax")
LONG = ("reopening_parallax",)  # minutes to compile; each of its two parts is among the others
PERIOD = {"atoms": "6,6", "critical": 32}  # over before tests ask what rows without a label teach
WIDER = {"random_features": 64}  # a kernel, and an expansion of which few units are active, take more features
SIZES = dict.fromkeys(("randumb", "fly"), WIDER)
# Learners around a rule, and settings of one classifier, of which others are tried whenever tests are.
AROUND = {name for name, entry in REGISTRY.items() if hasattr(entry.hparams, "rule")} - {"er", "er_pcn", "fresh"}
AROUND = (AROUND | {"acil", "randumb", "ranpac"}) - {*OPENING}
APART = {*SLOW, *OPENING, *AROUND}
DEFAULTS = [(name, SIZES.get(name, {})) for name, entry in REGISTRY.items() if entry.labels and name not in APART]
VARIANTS = [
    *((name, SIZES.get(name, {})) for name in (*SLOW, *sorted(AROUND))),
    ("derpp", {"keeps": "balanced", "updates": 2, "output": "categorical"}),
    ("pcn", {"activation": "relu", "output": "categorical", "optimiser": "sgd", "lr": 0.05}),
    ("pcn", {"depth": 0, "lr": 0.03}),
    ("pcn", {"inference": "ipc", "lr": 0.001}),
    ("pcn", {"inference": "gauss_newton", "inference_steps": 3}),
    ("pcn", {"inference": "momentum", "halt": "gradient", "tolerance": 0.1, "nudge": "centred"}),
    ("pcn", {"precision": "full", "halt": "saturation", "init": "mupc", "lr": 0.03, "optimiser": "adamw"}),
    ("backprop", {"activation": "relu", "output": "categorical", "optimiser": "sgd", "lr": 0.05}),
    ("bpc", {"depth": 1, "drift": 0.01}),
    ("rls", {"covariance": "low_rank", "block": 4, "features": "random"}),
    ("rls", {"covariance": "sums", "block": 16}),
    *((name, PERIOD) for name in OPENING),
]


@pytest.fixture(
    scope="module",
    params=[
        *DEFAULTS,
        *(pytest.param(v, marks=[pytest.mark.slow, *[pytest.mark.long][: v[0] in LONG]]) for v in VARIANTS),
    ],
    ids=lambda v: v[0] + "".join(f"-{x}" for x in v[1].values()),
)
def made(request):
    return subject(*request.param)


def in_time(state, change):
    """The state after a change of what it knows of labels in time, if it knows any."""
    if hasattr(state, "rule"):
        return state._replace(rule=in_time(state.rule, change))
    return state._replace(succession=change(state.succession)) if hasattr(state, "succession") else state


HELD = [pytest.param(held, marks=[] if held in QUICK else pytest.mark.slow, id=held.__name__) for held in PROPERTIES]


@pytest.mark.parametrize("held", HELD)
def test_every_learner(made, held):
    try:
        held(made)
    except DoesNotApply as why:
        pytest.skip(str(why))


def test_rows_without_a_label_teach_a_supervised_learner_nothing(made):
    state, _ = lived(made, stretch(made.spec))
    unlabelled = at(stretch(made.spec, 1), 0)._replace(labelled=jnp.zeros(ROWS, bool))
    after = made.learner.update(state, unlabelled, made.hp)[0]
    # What was believed of the last label is no lesson: the next row overwrites it.
    after, state = (in_time(s, lambda known: known._replace(latest=jnp.zeros(()))) for s in (after, state))
    if hasattr(state, "watch"):  # whether an input fits the code has nothing to do with labels
        after = after._replace(watch=state.watch)
    assert_same(after, state)
