"""The interface between rules that learn a network and the strategies around them (`pcl.learners.strategies`).

A strategy decides which rows are learned, towards which targets and with which weights: a `Lesson`. A rule decides the
direction in which the weights move: minus the gradient of the lesson's cost, or a local update. A strategy may change
the direction before the step. So it serves every rule, and repeats the update of none.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float, PRNGKeyArray

from pcl.learners import mlp
from pcl.learners.inputs import mean_weights, targets
from pcl.network.energy import output_cost
from pcl.network.layers import Network
from pcl.network.outputs import distribution
from pcl.types import Batch, HParams, Info, Learner, Prediction, Spec

ABSENT = -1e9  # logit of an output that takes no part: its probability is 0, and no product with it is NaN


class Match(NamedTuple):
    """Pre-activations of the output that rows should have, and the weight of each row's squared distance."""

    target: Float[Array, "B C"]
    weight: Float[Array, " B"]


class Lesson(NamedTuple):
    """Rows to learn from, with targets and weights. With a_b the pre-activation of the output for row b, their cost is

        sum_b weight_b cost(top_b, a_b) + 1/2 match.weight_b |match.target_b - a_b|^2

    x: inputs. top: targets of the output. weight: of each row; if all are 0, nothing is learned. among: the outputs
    that take part in `cost` (None: all). match: target pre-activations (None: none).
    """

    x: Float[Array, "B ..."]
    top: Float[Array, "B C"]
    weight: Float[Array, " B"]
    among: Bool[Array, "B C"] | None = None
    match: Match | None = None

    @property
    def teaches(self) -> Bool[Array, " B"]:
        """Rows from which something is learned."""
        return (self.weight if self.match is None else self.weight + self.match.weight) > 0


class Move(NamedTuple):
    """A rule's answer to a lesson.

    direction: of ascent, a number for each weight. state: the rule's state after the step, except for weights and the
    optimiser's memory. info: the rule's report.
    """

    direction: Network
    state: Any
    info: Info


class NetworkRule(NamedTuple):
    """A rule that learns a network from lessons, for a stream that announces a `Spec`.

    Its state has fields `network` and `optimiser` (the optimiser's memory), which `mlp.ascend` moves.

    init:   (key, hp) -> state
    direct: (state, lesson, hp) -> Move; a `UsageError` where the rule cannot tell its direction from its step
    learn:  (state, lesson, hp) -> (state, Info)         a step along its direction
    outer:  hp -> whether the direction of a dense layer by one row is one outer product of an activity and an error
    """

    init: Callable[[PRNGKeyArray, HParams], Any]
    direct: Callable[[Any, Lesson, HParams], Move]
    learn: Callable[[Any, Lesson, HParams], tuple[Any, Info]]
    outer: Callable[[HParams], bool] = lambda hp: False


def lesson(batch: Batch, spec: Spec) -> Lesson:
    """The mean over the rows of a batch that teach."""
    return Lesson(mlp.masked_inputs(batch, spec), targets(batch, spec), mean_weights(batch))


def cost(output: str, given: Lesson, a: Float[Array, "B C"]) -> Float[Array, ""]:
    """The cost of a lesson at pre-activations `a` of the output, of which `output` is the distribution."""
    of, seen, among = distribution(output), a, None
    if given.among is not None:
        seen, among = (jnp.where(given.among, a, ABSENT), None) if of.whole else (a, given.among.astype(a.dtype))
    total = given.weight @ output_cost(output, given.top, seen, observed=among)
    if given.match is not None:
        total += given.match.weight @ (0.5 * jnp.sum((given.match.target - a) ** 2, axis=1))
    return total


def learner(rule: NetworkRule, spec: Spec) -> Learner:
    """`rule`, which learns every batch as it comes."""

    def update(state: Any, batch: Batch, hp: HParams) -> tuple[Any, Info]:
        return rule.learn(state, lesson(batch, spec), hp)

    def predict(state: Any, x: Float[Array, "B ..."], hp: HParams) -> Prediction:
        return mlp.predict(spec, state.network, x)

    return Learner(rule.init, predict, update)
