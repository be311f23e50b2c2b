"""Discriminative predictive-coding network: settle on each observation, then learn locally.

Activities start from the feed-forward pass, descend the free energy with input and label clamped, and every
weight then moves by the error above it times the activity below it.
Sources: Whittington and Bogacz (2017), doi:10.1162/NECO_a_00949; inference before learning as in
Song et al. (2024), doi:10.1038/s41593-023-01514-1. The variants' sources stand in `pcl/network`.

With nudged outputs the energy that is reported is that of the nudged problem; with centred ones energy, residual and
steps are those of the negative side.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import struct
from jax import Array
from jaxtyping import Float, PRNGKeyArray

from pcl.errors import UsageError
from pcl.fields import Traced, static, traced
from pcl.learners import mlp, steps
from pcl.learners.inputs import answer, mean_weights, targets, teaching_rows
from pcl.network import flops as counts
from pcl.network import precision, stability
from pcl.network.acceleration import anderson, conjugate, layerwise
from pcl.network.energy import Activities, Problem, energy, feedforward_energy, nudged, output_cost, output_mean
from pcl.network.equilibrium import gauss_newton
from pcl.network.incremental import settle_and_learn
from pcl.network.inference import HALTS, Halt, Settled, rose, settle
from pcl.network.layers import Network, forward
from pcl.network.oracles import settle_errors
from pcl.network.plasticity import hebbian_update
from pcl.network.stability import Directions
from pcl.types import Batch, Info, Learner, LearnerEntry, Logged, Prediction, Spec

FLOOR = 1e-2  # of the variances that are learned, so that no gain exceeds 100
Rule = Callable[[Problem, Activities, "HParams"], Settled]


def _rate(problem: Problem, hp: "HParams") -> Traced:
    """The step of rules that follow the gradient: gains are divided out of it, lest they make it unstable."""
    return hp.inference_lr / precision.largest_gain(problem.precision)


def _halt(hp: "HParams") -> Halt | None:
    return None if hp.halt == "fixed" else Halt(hp.halt, hp.tolerance)


def _descent(optimiser: Callable[[Problem, Activities, "HParams"], optax.GradientTransformation]) -> Rule:
    def rule(problem: Problem, z: Activities, hp: "HParams") -> Settled:
        return settle(problem, z, optimiser(problem, z, hp), hp.inference_steps, _halt(hp))

    return rule


# Rules that settle first and learn then, by the name of what moves the activities.
RULES: dict[str, Rule] = {
    "gd": _descent(lambda problem, _z, hp: optax.sgd(_rate(problem, hp))),
    "momentum": _descent(lambda problem, _z, hp: optax.sgd(_rate(problem, hp), hp.inference_momentum)),
    "adam": _descent(lambda _p, _z, hp: optax.adam(hp.inference_lr)),
    "layerwise": _descent(lambda problem, z, hp: layerwise(problem, z, hp.inference_lr)),
    # not local: ways to the same equilibrium in fewer steps, and a baseline
    "conjugate": _descent(lambda problem, _z, _hp: conjugate(problem)),
    "anderson": _descent(lambda problem, _z, hp: anderson(_rate(problem, hp))),
    "gauss_newton": lambda problem, z, hp: gauss_newton(problem, z, hp.inference_steps, _halt(hp)),
    "epc": lambda problem, z, hp: settle_errors(problem, optax.sgd(_rate(problem, hp)), hp.inference_steps),
}
LIMITED = ("gd", "momentum", "ipc")  # rules whose step the curvature limits
FLOPS = {"ipc": counts.incremental, "gauss_newton": counts.gauss_newton, "conjugate": counts.conjugate}
NUDGES: dict[str, tuple[int, ...]] = {"none": (), "positive": (1,), "negative": (-1,), "centred": (1, -1)}


@struct.dataclass
class HParams(mlp.MLPHParams):
    """Numbers of a predictive-coding network."""

    inference: str = static(
        "gd",
        "rule that moves the activities; ipc moves the weights with them; "
        "conjugate, anderson, gauss_newton and epc are not local",
        choices=(*RULES, "ipc"),
    )
    inference_steps: int = static(20, "most steps of the activities for each batch", low=0)
    inference_lr: Traced = traced(0.1, "largest step size of the activities", low=0)
    step_limit: str = steps.step_limit()
    step_share: Traced = steps.step_share(0.1)
    inference_momentum: Traced = traced(0.5, "share of the last activity step that is kept (momentum)", low=0, high=1)
    halt: str = static("fixed", "what ends a sample's inference before its last step", choices=HALTS)
    tolerance: Traced = traced(1e-3, "relative size at which it ends", low=0)
    nudge: str = static("none", "side from which outputs are nudged to their targets", choices=tuple(NUDGES))
    beta: Traced = traced(
        0.5, "share of the way to the target that a nudged output goes", low=1e-6, idle={"nudge": ("none",)}
    )
    precision: str = static("identity", "kind of the precision of each layer's errors", choices=precision.KINDS)
    precision_lr: Traced = traced(
        0.01, "rate at which a diagonal or full precision is learned", low=0, high=1, idle={"precision": ("identity",)}
    )


class PCNState(NamedTuple):
    """Weights, the optimiser's memory, each layer's error variance (None: identity precision), and a step's limit."""

    network: Network
    optimiser: tuple[optax.OptState, ...]
    variance: tuple[Array | None, ...]
    directions: Directions | None  # see `steps`


def flops(spec: Spec, hp: HParams, inference_steps: Any, batch: int) -> Any:
    """Floating-point operations a learned sample, for a mean number of inference steps.

    `layerwise` and `epc` are counted as `gd`: products within layers, and between all errors and the output, are
    left out. So is the residual, which is measured once a batch and decides nothing.
    """
    counted = FLOPS.get(hp.inference, counts.predictive_coding)(mlp.synapses(spec, hp), inference_steps)
    return max(len(NUDGES[hp.nudge]), 1) * counted


def step_bound(spec: Spec, hp: HParams) -> float | None:
    """The largest `inference_lr` that is stable at fresh weights, on inputs of unit variance, at any precision.

    None for rules other than gradient descent, with or without momentum, of which no bound is known here, and where
    the step is limited: then it is stable at any `inference_lr`.
    """
    if hp.inference not in ("gd", "momentum") or hp.step_limit == "curvature":
        return None
    keys = jax.random.split(jax.random.key(0))
    network = mlp.network(spec, keys[0], hp)
    x = jax.random.normal(keys[1], (32, *spec.input_shape))
    *z, top = forward(network, x)
    momentum = hp.inference_momentum if hp.inference == "momentum" else 0.0
    return float(stability.step_bound(Problem(network, x, top, output=hp.output), tuple(z), momentum).min())


def make(spec: Spec) -> Learner:
    """A predictive-coding network for inputs and labels as announced in `spec`."""

    def init(key: PRNGKeyArray, hp: HParams) -> PCNState:
        if hp.inference == "ipc" and (hp.nudge != "none" or hp.halt != "fixed"):
            raise UsageError("inference=ipc learns at every step: it takes nudge=none and halt=fixed")
        if hp.inference == "epc" and hp.halt != "fixed":
            raise UsageError(f"halt={hp.halt}: inference=epc takes a fixed number of steps; set halt=fixed")
        if hp.inference == "gauss_newton" and hp.halt == "saturation":
            raise UsageError("halt=saturation: inference=gauss_newton takes halt=fixed or halt=gradient")
        network, optimiser = mlp.init(spec, key, hp)
        shapes = [z.shape[1:] for z in jax.eval_shape(forward, network, jnp.zeros((1, *spec.input_shape)))]
        variance = [precision.unit_variance(hp.precision, shape) for shape in shapes]
        if hp.output != "gaussian":
            variance[-1] = None
        limited = hp.step_limit == "curvature" and hp.inference in LIMITED
        return PCNState(network, optimiser, tuple(variance), steps.start(network, spec.input_shape, limited))

    def update(state: PCNState, batch: Batch, hp: HParams) -> tuple[PCNState, Info]:
        x, y, weight = mlp.masked_inputs(batch, spec), targets(batch, spec), mean_weights(batch)
        *z, logits = forward(state.network, x)
        # A row that does not teach expects what it predicts: it has no error to settle.
        teaches = teaching_rows(batch)
        top = jnp.where(teaches[:, None], y, output_mean(hp.output, logits))
        gains = tuple(precision.inverse(v) for v in state.variance)
        problem = Problem(state.network, x, top, precision=gains, output=hp.output)
        momentum = hp.inference_momentum if hp.inference == "momentum" else 0.0
        stable, directions = steps.limit(state.network, state.directions, weight.any(), hp, hp.output, momentum)
        hp = dataclasses.replace(hp, inference_lr=stable)
        ended, settled, raw, learned = _learn(problem, tuple(z), logits, weight, state, hp)
        variance = tuple(
            precision.learn_variance(v, e, weight, hp.precision_lr, FLOOR)
            for v, e in zip(state.variance, raw, strict=True)
        )
        before = weight @ feedforward_energy(ended, tuple(z), logits)
        after, rows = weight @ energy(ended, settled.z), jnp.maximum(teaches.sum(), 1)
        info = Info(
            prediction=answer(spec, logits),
            log={
                "surprise": Logged(weight @ output_cost(hp.output, y, logits, gains[-1]), "taught"),
                "energy": Logged(after, "taught"),
                "inference_steps": Logged((teaches * settled.steps).sum() / rows, "taught"),
                # Relative to a gradient that may be zero.
                "residual": Logged(jnp.where(teaches, settled.residual, 0.0).sum() / rows, "taught", finite=False),
            },
            risen=rose(before, after),
        )
        return PCNState(*learned, variance, directions), info

    def predict(state: PCNState, x: Float[Array, "B ..."], hp: HParams) -> Prediction:
        return mlp.predict(spec, state.network, x)

    return Learner(init, predict, update)


def _learn(
    problem: Problem, z: Activities, logits: Array, weight: Array, state: PCNState, hp: HParams
) -> tuple[Problem, Settled, tuple[Array, ...], mlp.MLPState]:
    """Inference by the rule that `hp` names: the problem as it ended, where it settled, its errors, what was learned.

    Errors of a nudged output, and all that follow from them, are `beta` times those of a clamped one, to first order:
    they are divided by it, so that precision is that of the data and not of the nudge. With centred nudging errors
    are the mean of both sides, the problem and where it settled those of the negative side.
    """
    weights = mlp.MLPState(state.network, state.optimiser)
    if hp.inference == "ipc":
        gate_L = mlp.open_gates(weights, weight.any())
        rates = optax.sgd(_rate(problem, hp)), mlp.optimiser(hp, hp.inference_steps)
        settled, *moved = settle_and_learn(problem, z, state.optimiser, *rates, hp.inference_steps, weight, gate_L)
        learned = mlp.MLPState(*moved)
        return dataclasses.replace(problem, network=learned.network), settled, settled.errors.raw, learned
    if hp.nudge == "none":
        settled = RULES[hp.inference](problem, z, hp)
        direction = hebbian_update(problem, settled.z, settled.errors, weight)
        return problem, settled, settled.errors.raw, mlp.ascend(weights, direction, hp, weight.any())
    sides = []
    for sign in NUDGES[hp.nudge]:
        beta = sign * hp.beta
        nearer = dataclasses.replace(problem, top=nudged(hp.output, problem.top, logits, beta))
        settled = RULES[hp.inference](nearer, z, hp)
        direction = hebbian_update(nearer, settled.z, settled.errors, weight / beta)
        sides.append((direction, tuple(e / beta for e in settled.errors.raw)))
    direction, raw = jax.tree.map(lambda *side: sum(side) / len(side), *sides)
    return nearer, settled, raw, mlp.ascend(weights, direction, hp, weight.any())


ENTRY = LearnerEntry(
    make=make,
    hparams=HParams(),
    summary="predictive-coding network, local updates after inference",
    flops=flops,
    local=True,
    label="predictive coding",
    targets=True,
    step_bound=step_bound,
)
