"""What a command line refuses is refused from Python, by every learner and stream of the registries and by a run."""

import copy
import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pcl import learners, streams
from pcl.errors import UsageError
from pcl.fields import check_all, fields
from pcl.runner.evaluation import Evaluation
from pcl.runner.run import make_run
from pcl.types import Batch, Spec


def put(config, name, value):
    """A copy with another value, which the tests' own check of types does not see."""
    config = copy.copy(config)
    for field in dataclasses.fields(config):
        inner = getattr(config, field.name)
        if field.name == name:
            object.__setattr__(config, name, value)
        elif dataclasses.is_dataclass(inner) and name in fields(inner):
            object.__setattr__(config, field.name, put(inner, name, value))
    return config


def wrong(field):
    """Values that a field must not take, each for a reason of its own."""
    if isinstance(field.default, str):
        return [3, *(["no such thing"] if field.metadata["choices"] else [])]
    low, high = field.metadata["low"], field.metadata["high"]
    beyond = [low - 1] * math.isfinite(low) + [high + 1] * math.isfinite(high)
    if isinstance(field.default, int):
        return ["3", 2.5, *(int(value) for value in beyond)]
    return ["0.1", None, math.nan, math.inf, np.float32("nan"), jnp.ones(3), *beyond]


@pytest.mark.parametrize("name", learners.REGISTRY)
def test_every_setting_of_every_learner(name):
    spec = Spec((5,), 3) if learners.REGISTRY[name].labels else Spec((5,), 0, 5)
    learner, hp = learners.make(name, spec)
    y, true = jnp.zeros((4, 5)) if spec.num_targets else jnp.zeros(4, jnp.int32), jnp.ones(4, bool)
    batch = Batch(jnp.zeros((4, 5)), y, true, true, jnp.zeros(4, jnp.int32))
    calls = (
        lambda hp: learner.init(jax.random.key(0), hp),
        lambda hp: learner.predict(None, batch.x, hp),
        lambda hp: learner.update(None, batch, hp),
        lambda hp: learners.cost_ratio(name, spec, hp, 0, 10),
    )
    for setting, field in fields(hp).items():
        for value in wrong(field):
            for call in calls:
                with pytest.raises(UsageError, match=f"^{setting}(=| has shape)"):
                    call(put(hp, setting, value))


def test_settings_of_another_learner():
    learner, _ = learners.make("er_pcn", Spec((5,), 3))
    for other in ("pcn", "er"):
        with pytest.raises(UsageError, match=r"expected pcl\.learners"):
            learner.init(jax.random.key(0), learners.REGISTRY[other].hparams)


def test_numbers_at_the_end_of_their_range_may_come_as_float32():
    """1e-6 rounds to less than itself."""
    hp = learners.REGISTRY["pcn"].hparams
    assert float(np.float32(1e-6)) < 1e-6
    for kind in (float, np.float32, np.float64, jnp.float32):
        check_all(hp.replace(beta=kind(1e-6)), hp)
    with pytest.raises(UsageError, match="beta=9e-07"):
        check_all(hp.replace(beta=np.float32(9e-7)), hp)


@pytest.mark.parametrize("name", streams.REGISTRY)
def test_every_setting_of_every_stream(name):
    config = streams.REGISTRY[name].config
    for setting, field in fields(config).items():
        for value in wrong(field):
            with pytest.raises(UsageError, match=f"^{setting}(=| has shape)"):
                streams.configured(name, put(config, setting, value))


def test_settings_of_another_stream_and_held_out_samples_of_another_name():
    with pytest.raises(UsageError, match=r"expected pcl\.streams\.split\.Split"):
        streams.configured("split", streams.REGISTRY["drift"].config)
    with pytest.raises(UsageError, match="unknown probe_on 'tset'; known: test, validation"):
        streams.make("drift", probe_on="tset")


@pytest.mark.parametrize("name", ["probe_every", "probe_size", "log_bins", "revisit_steps", "end_every"])
def test_numbers_of_a_run(name):
    stream, _ = streams.make("drift")
    learner, _ = learners.make("ncm", stream.spec)
    with pytest.raises(UsageError, match=f"^{name}=-1"):
        make_run(learner, stream, Evaluation(**{name: -1}))
