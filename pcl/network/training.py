"""Learning: one step on a batch by any rule that settles, and passes over arrays as one compiled program.

Every weight moves by the error above it times the activity below it (`plasticity`); `Rule.learns` says which errors
and activities. Outputs can be nudged to their targets instead of clamped: see `energy.nudged`.
"""

import dataclasses
import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Float, PRNGKeyArray

from pcl.errors import UsageError, one_of
from pcl.network import stability
from pcl.network.energy import Problem, check, energy, nudged
from pcl.network.halting import Budget
from pcl.network.inference import Learning, Numbers, Settled, Start
from pcl.network.layers import Dense, Network, forward
from pcl.network.outputs import distribution
from pcl.network.plasticity import hebbian_update, init_optimiser, learn
from pcl.network.precision import Precision, inverse, largest_gain, learn_variance, unit_variance
from pcl.network.rules import RULES

NUDGES: dict[str, tuple[int, ...]] = {"none": (), "positive": (1,), "negative": (-1,), "centred": (1, -1)}
ADAM = optax.adam(0.003)
FLOOR = 1e-2  # of the variances that are learned, so that no gain exceeds 100
WHOLE = 1e-3  # tolerance of the sum of a target's probabilities


class Step(NamedTuple):
    """One step of learning.

    problem: the problem settled last (nudged, or with the weights that the rule moved). settled: the result. raw:
    errors of each layer, divided by `beta` (signed) where the output is nudged. network, memory: after the step.
    """

    problem: Problem
    settled: Settled
    raw: tuple[Array, ...]
    network: Network
    memory: tuple[optax.OptState, ...]


class Inferred(NamedTuple):
    """A settled problem without a step of the weights (see `Step`). direction: of the step that the rule would take."""

    problem: Problem
    settled: Settled
    raw: tuple[Array, ...]
    direction: Network


def infer(
    problem: Problem,
    start: Start,
    rule: str,
    budget: Budget,
    numbers: Numbers,
    weight_B: Float[Array, " B"],
    nudge: str = "none",
    beta: ArrayLike = 0.5,
) -> Inferred:
    """Settles `problem` as `train_step` does, and says in which direction its weights would move.

    Raises:
      UsageError: as `train_step`, and a rule that moves the weights while it settles.
    """
    how, sides = RULES[rule], NUDGES[one_of("nudge", nudge, NUDGES)]
    if sides and (how.learns == "meanwhile" or problem.bottom is None):
        raise UsageError(f"nudge={nudge} needs a clamped bottom and a rule that learns after it has settled")
    if how.learns == "meanwhile":
        raise UsageError(f"inference={rule} moves the weights while it settles: its step cannot be changed by others")

    def inferred(problem: Problem, weight_B: Array) -> tuple[Settled, Network]:
        settled = how.settle(problem, start, budget, numbers)
        # `fixed_prediction` has errors of its own, beside the feed-forward activities.
        z = forward(problem.network[:-1], problem.bottom) if how.learns == "feedforward" else settled.z
        return settled, hebbian_update(problem, z, settled.errors, weight_B)

    if not sides:
        settled, direction = inferred(problem, weight_B)
        return Inferred(problem, settled, settled.errors.raw, direction)
    a, found = forward(problem.network, problem.bottom)[-1], []
    for sign in sides:
        share = sign * beta
        nearer = dataclasses.replace(problem, top=nudged(problem.output, problem.top, a, share))
        settled, direction = inferred(nearer, weight_B / share)
        found.append((direction, tuple(e / share for e in settled.errors.raw)))
    direction, raw = jax.tree.map(lambda *side: sum(side) / len(side), *found)
    return Inferred(nearer, settled, raw, direction)


def train_step(
    problem: Problem,
    start: Start,
    rule: str,
    budget: Budget,
    numbers: Numbers,
    nudge: str = "none",
    beta: ArrayLike = 0.5,
) -> Step:
    """Settles `problem` by `rule` from `start`, then moves its weights as `numbers.learning` says.

    nudge: the side from which outputs are nudged to the top, the share `beta` of the way. Errors of a nudged output,
    and all that follow from them, are `beta` times those of a clamped one, to first order: they are divided by it.
    With centred nudging they are the mean of both sides; `problem` and `settled` are those of the negative side.

    Raises:
      UsageError: an unknown rule or nudge, numbers without `learning`, a nudged output where the rule moves weights
        while it settles or the bottom is free, and what the rule refuses.
    """
    if numbers.learning is None:
        raise UsageError("numbers without `learning`: a step of learning needs an optimiser, its memory and weights")
    how, (optimiser, memory, weight_B, gate_L) = RULES[rule], numbers.learning
    if how.learns == "meanwhile" and nudge == "none":
        settled = how.settle(problem, start, budget, numbers)
        network, memory = settled.learned or (problem.network, memory)
        return Step(dataclasses.replace(problem, network=network), settled, settled.errors.raw, network, memory)
    problem, settled, raw, direction = infer(problem, start, rule, budget, numbers, weight_B, nudge, beta)
    return Step(problem, settled, raw, *learn(problem.network, memory, direction, optimiser, gate_L))


class History(NamedTuple):
    """Curves of training: one number per pass, the mean over its batches.

    energy: free energy per sample at the settled activities, with the weights that settled them. accuracy: share of
    samples whose feed-forward answer, before their batch is learned, has its largest output where the target has; None
    where targets are not one-hot.
    """

    energy: Float[Array, " E"]
    accuracy: Float[Array, " E"] | None


class Fitted(NamedTuple):
    """The result of `fit`. network: the layers after the last pass. precision: per layer (None: identity). history."""

    network: Network
    precision: tuple[Precision, ...]
    history: History


@dataclasses.dataclass(frozen=True)
class _Plan:
    """Static arguments of the compiled program."""

    rule: str
    steps: int
    epochs: int
    batch: int
    output: str
    optimiser: optax.GradientTransformation
    nudge: str


class _State(NamedTuple):
    network: Network
    memory: tuple[optax.OptState, ...]
    variance: tuple[Array | None, ...]
    directions: Any  # of `stability`; None: the step is not limited


class _Rates(NamedTuple):
    activities: ArrayLike
    momentum: ArrayLike
    beta: ArrayLike
    precision: ArrayLike


def fit(
    network: Network,
    x: ArrayLike | None,
    y: ArrayLike,
    epochs: int,
    batch: int,
    key: PRNGKeyArray,
    *,
    rule: str = "gd",
    steps: int = 20,
    rate: ArrayLike | None = None,
    momentum: ArrayLike = 0.5,
    output: str = "gaussian",
    optimiser: optax.GradientTransformation = ADAM,
    nudge: str = "none",
    beta: ArrayLike = 0.5,
    precision: str = "identity",
    precision_rate: ArrayLike = 0.01,
) -> Fitted:
    """`epochs` shuffled passes over inputs `x` [N, ...], clamped at the bottom, and targets `y` [N, ...], at the top.

    Without inputs (None) the bottom is free under a Gaussian prior of precision 1, and the network a generative model
    of `y`, learned without labels: Rao and Ballard (1999), doi:10.1038/4580. Inference begins at a bottom of zeros.

    A pass leaves out samples that fill no batch. The same key gives the same passes. rate: the step of the activities
    (None: the rule's own), limited to 0.9 of the rule's stable step; rules without a bound take it as it is. precision:
    its kind; variances approach the errors' squares at `precision_rate`. Below a clamped output, hidden activities
    settle on its noise and variances shrink to the floor: learn precisions with nudged outputs. A second call that
    differs only in the values of arrays, the key or numbers compiles nothing.

    Raises:
      UsageError: shapes that do not fit; NaN; a batch larger than the data; targets that are not in the output's
        range (a categorical output takes rows that are one-hot or probabilities); an unknown
        rule, output, nudge or precision.
    """
    x, y = None if x is None else jnp.asarray(x, jnp.float32), jnp.asarray(y, jnp.float32)
    _check_data(network, x, y, epochs, batch, output)
    bottom = _resting(network, 1) if x is None else x[:1]
    shapes = [a.shape[1:] for a in jax.eval_shape(forward, network, bottom)]
    variance = [unit_variance(precision, shape) for shape in shapes]
    if not distribution(output).real:
        variance[-1] = None
    state = _State(network, init_optimiser(network, optimiser), tuple(variance), _directions(network, x, rule))
    plan = _Plan(rule, Budget(steps).steps, epochs, batch, output, optimiser, nudge)
    rates = _Rates(RULES[rule].rate if rate is None else rate, momentum, beta, precision_rate)
    state, (energies, hits) = _passes(state, x, y, key, rates, plan)
    labels = x is not None and bool(
        y.ndim == 2 and y.shape[1] > 1 and ((y == 0) | (y == 1)).all() and (y.sum(1) == 1).all()
    )
    return Fitted(state.network, tuple(map(inverse, state.variance)), History(energies, hits if labels else None))


def _resting(network: Network, size: int) -> Array:
    """Where a free bottom begins: at the mean of its prior."""
    return jnp.zeros((size, len(network[0].w)))


def _directions(network: Network, x: Array | None, rule: str) -> Any:
    if RULES[rule].bound is None or (x is not None and len(network) == 1):
        return None
    shape = _resting(network, 1).shape[1:] if x is None else x.shape[1:]
    return stability.directions(network, shape, free_bottom=x is None)


@functools.partial(jax.jit, static_argnames="plan")
def _passes(
    state: _State, x: Array | None, y: Array, key: PRNGKeyArray, rates: _Rates, plan: _Plan
) -> tuple[_State, Any]:
    batches = len(y) // plan.batch

    def one(state: _State, key: PRNGKeyArray) -> tuple[_State, Any]:
        rows = jax.random.permutation(key, len(y))[: batches * plan.batch].reshape(batches, plan.batch)
        state, seen = jax.lax.scan(lambda s, r: _learn(s, None if x is None else x[r], y[r], rates, plan), state, rows)
        return state, jax.tree.map(jnp.mean, seen)

    return jax.lax.scan(one, state, jax.random.split(key, plan.epochs))


def _learn(state: _State, x: Array | None, y: Array, rates: _Rates, plan: _Plan) -> tuple[_State, tuple[Array, Array]]:
    """One batch: the next state, and the batch's mean energy and share of hits."""
    bottom = _resting(state.network, len(y)) if x is None else x
    *z, a = forward(state.network, bottom)
    z = [bottom, *z] if x is None else z
    gains = tuple(map(inverse, state.variance))
    problem = Problem(state.network, x, y, precision=gains, output=plan.output)
    weight_B, gate_L = jnp.full(len(y), 1 / len(y)), jnp.ones(len(state.network))
    learning = Learning(plan.optimiser, state.memory, weight_B, gate_L)
    numbers = Numbers(jnp.asarray(rates.activities), largest_gain(gains), rates.momentum, learning)
    directions, bound = state.directions, RULES[plan.rule].bound
    if directions is not None and bound is not None:
        s, directions = stability.stretch(state.network, directions)
        stable = bound(numbers) / stability.curvature(s, plan.output)
        numbers = numbers._replace(rate=jnp.minimum(numbers.rate, stability.SHARE * stable))
    step = train_step(problem, tuple(z), plan.rule, Budget(plan.steps), numbers, plan.nudge, rates.beta)
    variance = tuple(
        learn_variance(v, e, weight_B, rates.precision, FLOOR) for v, e in zip(state.variance, step.raw, strict=True)
    )
    hits_B = a.reshape(len(y), -1).argmax(1) == y.reshape(len(y), -1).argmax(1)
    seen = weight_B @ energy(step.problem, step.settled.z), hits_B.mean()
    return _State(step.network, step.memory, variance, directions), seen


def _check_data(network: Network, x: Array | None, y: Array, epochs: int, batch: int, output: str) -> None:
    """Refuses data, batches and targets that do not fit the network."""
    distribution(output)
    if x is None:
        if not network or not isinstance(network[0], Dense):
            raise UsageError("x=None: a free bottom needs a first layer that is dense, which says how wide it is")
        x = _resting(network, len(y))
    if len(x) != len(y):
        raise UsageError(f"x has {len(x)} rows and y has {len(y)}: each input needs its target")
    if y.ndim == 1:
        raise UsageError(f"y has shape {y.shape}; give one row per sample, for labels jax.nn.one_hot(y, classes)")
    if not (isinstance(epochs, int) and epochs > 0 and isinstance(batch, int) and 0 < batch <= len(x)):
        raise UsageError(f"epochs={epochs}, batch={batch}: give whole numbers, the batch at most the {len(x)} samples")
    z = jax.eval_shape(forward, network[:-1], x[:1]) if network else ()
    check(Problem(network, x, y, output=output), tuple(jnp.zeros((len(x), *z_l.shape[1:])) for z_l in z))
    values = np.asarray(y)
    if output == "categorical" and not ((values >= 0).all() and np.allclose(values.sum(1), 1, atol=WHOLE)):
        raise UsageError("output=categorical: every row of y must be one-hot, or probabilities that sum to 1")
    if output == "bernoulli" and not ((values >= 0) & (values <= 1)).all():
        raise UsageError("output=bernoulli: every number of y must lie between 0 and 1")
