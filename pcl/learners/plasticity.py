"""Framework for methods against loss of plasticity, around any rule: what they do before a step, and after it.

A method may change the direction of a step (`before`), and the network that the step has made (`after`). Inputs may be
normalised by moving averages on their way (`pcl.learners.moments`).
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import struct
from jax import Array
from jaxtyping import Float, Int, PRNGKeyArray

from pcl.fields import Traced, nested, static, traced
from pcl.learners import mlp, moments
from pcl.learners.moments import Moments
from pcl.learners.noise import normal
from pcl.learners.rule import Lesson, NetworkRule, lesson
from pcl.network.layers import Network
from pcl.types import Batch, Info, Learner, LearnerEntry, Prediction, Spec


@struct.dataclass
class HParams:
    """Hyper-parameters of the rule, and of the normalisation of its inputs."""

    rule: Any = nested(None)
    input_norm: str = static(
        "none",
        "moving: inputs are standardised by moving averages of their mean and variance",
        choices=("none", "moving"),
    )
    norm_decay: Traced = traced(
        0.99,
        "decay of the moving averages of inputs: share kept at each sample",
        low=0,
        high=1,
        idle={"input_norm": ("none",)},
    )


class State(NamedTuple):
    """The rule's state, the method's memory, moments of the inputs (None: as they are), and the steps taken."""

    rule: Any
    memory: Any
    moments: Moments | None
    steps: Int[Array, ""]
    key: PRNGKeyArray


class Method(NamedTuple):
    """A method against loss of plasticity, as three pure functions; `hp` are all settings.

    start:  (network, hp) -> memory
    before: (memory, network, direction, key, hp) -> (direction, memory)
    after:  (memory, the rule's state before the step, and after it, lesson, key, hp) -> (the rule's state, memory)
    cost:   operations per sample and weight, in addition to the rule's own
    """

    start: Callable[[Network, Any], Any] = lambda network, hp: ()
    before: Callable[[Any, Network, Network, PRNGKeyArray, Any], tuple[Network, Any]] = (
        lambda memory, network, direction, key, hp: (direction, memory)
    )
    after: Callable[[Any, Any, Any, Lesson, PRNGKeyArray, Any], tuple[Any, Any]] = (
        lambda memory, old, new, given, key, hp: (new, memory)
    )
    cost: int = 0


def entry(
    rule: LearnerEntry, method: Callable[[Spec], Method], hparams: Any, summary: str, label: str | None
) -> LearnerEntry:
    """The entry of `rule` with a method, in which `hparams.rule` are settings that differ from the rule's (or None)."""
    make, bound = rule.rule, rule.step_bound
    assert make is not None
    return rule._replace(
        make=lambda spec: around(make(spec), spec, method(spec)),
        hparams=hparams.replace(rule=rule.hparams.replace(**hparams.rule or {})),
        summary=summary,
        flops=lambda spec, hp, steps, batch: (
            rule.flops(spec, hp.rule, steps, batch) + method(spec).cost * sum(mlp.synapses(spec, hp.rule)) / batch
        ),
        label=label,
        step_bound=bound and (lambda spec, hp: bound(spec, hp.rule)),
        rule=None,
        sizes=None,
    )


def around(rule: NetworkRule, spec: Spec, method: Method) -> Learner:
    """The learner `rule` with a method."""

    def init(key: PRNGKeyArray, hp: Any) -> State:
        # The rule starts from the key that it has on its own: runs with and without a method are paired by seed.
        state = rule.init(key, hp.rule)
        seen = moments.prior(spec.input_shape) if hp.input_norm == "moving" else None
        return State(state, method.start(state.network, hp), seen, jnp.zeros((), jnp.int32), jax.random.fold_in(key, 1))

    def predict(state: State, x: Float[Array, "B ..."], hp: Any) -> Prediction:
        x = x.reshape(-1, *spec.input_shape)
        x = x if state.moments is None else moments.normalised(state.moments, x, hp.norm_decay)
        return mlp.predict(spec, state.rule.network, x)

    def update(state: State, batch: Batch, hp: Any) -> tuple[State, Info]:
        given, seen = lesson(batch, spec), state.moments
        if seen is not None:
            x = moments.normalised(seen, given.x, hp.norm_decay)
            seen, given = moments.moved(seen, given.x, given.teaches, hp.norm_decay), given._replace(x=x)
        move = rule.direct(state.rule, given, hp.rule)
        some, keys = given.teaches.any(), jax.random.split(jax.random.fold_in(state.key, state.steps))
        direction, memory = method.before(state.memory, state.rule.network, move.direction, keys[0], hp)
        stepped = mlp.ascend(move.state, direction, hp.rule, some)
        after, memory = method.after(memory, state.rule, stepped, given, keys[1], hp)
        # A batch in which no row teaches leaves all as it was.
        after, memory = jax.tree.map(
            lambda new, old: jnp.where(some, new, old), (after, memory), (move.state, state.memory)
        )
        return State(after, memory, seen, state.steps + some, state.key), move.info

    return Learner(init, predict, update)


def noise(key: PRNGKeyArray, network: Network) -> Network:
    """A normal number for every weight and bias (`pcl.learners.noise`)."""
    leaves, tree = jax.tree.flatten(network)
    keys = jax.tree.unflatten(tree, list(jax.random.split(key, len(leaves))))
    return jax.tree.map(lambda leaf, k: normal(k, leaf.shape), network, keys)
