"""Lives of parallax on small streams, for the tests beside this file."""

import functools

import jax
import numpy as np

from pcl import learners, streams
from pcl.learners.parallax import ablations
from pcl.learners.parallax import state as states
from pcl.learners.parallax.hparams import HParams
from pcl.learners.parallax.sensors.bank import sensor

RECURRING = {"source": "digits", "contexts": 3, "visits": 6, "dwell": 300, "batch": 1}


@functools.cache
def lived(kind, settings, seed=0):
    """The last state, and by step: hits, samples, inference steps, surprise, current context and its truth."""
    life, data = _program(kind, settings)
    state, log = life(jax.random.key(seed), data)
    return state, [np.asarray(part) for part in log]


@functools.cache
def _program(kind, settings):
    stream, data = streams.make(kind, **dict(settings))
    learner, hp = learners.make("parallax", stream.spec)
    hp = jax.tree.map(np.float32, hp)

    def life(key, data):
        stream_key, learner_key = jax.random.split(key)
        world, steps, _ = stream.schedule(stream_key, data)

        def step(state, drawn):
            batch = stream.observe(world, drawn, data)
            state, info = learner.update(state, batch, hp)
            hits = ((info.prediction.logits.argmax(1) == batch.y) & batch.valid).sum()
            steps, surprise = (info.log[name].value for name in ("inference_steps", "surprise"))
            log = (hits, batch.valid.sum(), steps, surprise, state.contexts.current, batch.task[0])
            return state, log

        return jax.lax.scan(step, learner.init(learner_key, hp), steps)

    return jax.jit(life), data


def fresh(hp, labels=2, inputs=3):
    """A life that has not begun, on a code of so many entries."""
    return states.init(jax.random.key(0), None, labels, inputs, sensor(labels, inputs, hp._replace(width=0)), hp)


def set_to(**settings):
    """The numbers of a life with these settings."""
    return ablations.of(HParams(**settings))


def frozen(**settings):
    """Settings as a key of the cache."""
    return tuple(sorted(settings.items()))
