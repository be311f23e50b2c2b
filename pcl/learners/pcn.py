"""Discriminative predictive-coding network: settle on each observation, then learn locally.

Activities start from the feed-forward pass, descend the free energy with input and label clamped, and every
weight then moves by the error above it times the activity below it.
Sources: Whittington and Bogacz (2017), doi:10.1162/NECO_a_00949; inference before learning as in
Song et al. (2024), doi:10.1038/s41593-023-01514-1. The sources of the variants are in `pcl/network`.

With nudged outputs the reported energy is that of the nudged problem; with centred nudging, energy, residual and steps
are those of the negative side.
"""

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
from pcl.network import precision, stability
from pcl.network.energy import Problem, energy, feedforward_energy, output_cost
from pcl.network.inference import Learning, rose
from pcl.network.layers import Network, forward
from pcl.network.outputs import distribution
from pcl.network.rules import RULES, choose
from pcl.network.samples import Activities
from pcl.network.stability import Directions
from pcl.network.training import FLOOR, NUDGES, Step, train_step
from pcl.types import Batch, Info, Learner, LearnerEntry, Logged, Prediction, Spec


@struct.dataclass
class HParams(mlp.MLPHParams, steps.InferenceHParams):
    """Numbers of a predictive-coding network."""

    step_share: Traced = traced(
        0.1,
        "largest step of the activities, as a share of the largest that is stable",
        low=0,
        high=1,
        idle=steps.UNLIMITED,
    )
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

    The residual, which is measured once a batch and is not used, is left out.
    """
    return max(len(NUDGES[hp.nudge]), 1) * RULES[hp.inference].flops(mlp.synapses(spec, hp), inference_steps)


def step_bound(spec: Spec, hp: HParams) -> float | None:
    """The largest `inference_lr` that is stable at fresh weights, on inputs of unit variance, at any precision.

    None for rules without a known bound, for rules that move the weights too, and where the step is limited, so that
    any `inference_lr` is stable.
    """
    rule = RULES[hp.inference]
    if rule.bound is None or rule.learns == "meanwhile" or hp.step_limit == "curvature":
        return None
    keys = jax.random.split(jax.random.key(0))
    network = mlp.network(spec, keys[0], hp)
    x = jax.random.normal(keys[1], (32, *spec.input_shape))
    *z, top = forward(network, x)
    limit = rule.bound(steps.numbers(hp, hp.inference_lr))
    return float(stability.step_bound(Problem(network, x, top, output=hp.output), tuple(z), limit).min())


def sizes(hp: HParams) -> tuple[str, ...]:
    """The sizes in which runs that share a program may differ (`LearnerEntry.sizes`).

    A precision that is learned is not that of 0 at a unit without synapses, and it limits the step of all.
    """
    if not RULES[hp.inference].padded:
        return ()
    return ("inference_steps", *(mlp.sizes(hp) if hp.precision == "identity" else ()))


def make(spec: Spec) -> Learner:
    """A predictive-coding network for inputs and labels as announced in `spec`."""

    def init(key: PRNGKeyArray, hp: HParams) -> PCNState:
        rule = choose(hp.inference, hp.halt, learns=("settled", "feedforward", "meanwhile"))
        if rule.learns == "meanwhile" and hp.nudge != "none":
            raise UsageError(f"nudge={hp.nudge}: inference={hp.inference} learns at every step, and takes nudge=none")
        network, optimiser = mlp.init(spec, key, hp)
        shapes = [z.shape[1:] for z in jax.eval_shape(forward, network, jnp.zeros((1, *spec.input_shape)))]
        variance = [precision.unit_variance(hp.precision, shape) for shape in shapes]
        if not distribution(hp.output).real:
            variance[-1] = None
        return PCNState(network, optimiser, tuple(variance), steps.start(network, spec.input_shape, hp))

    def update(state: PCNState, batch: Batch, hp: HParams) -> tuple[PCNState, Info]:
        x, y, weight = mlp.masked_inputs(batch, spec), targets(batch, spec), mean_weights(batch)
        *z, logits = forward(state.network, x)
        # The target of a row that does not teach is its own prediction: its error is zero.
        teaches = teaching_rows(batch)
        top = jnp.where(teaches[:, None], y, distribution(hp.output).mean(logits))
        gains = tuple(precision.inverse(v) for v in state.variance)
        problem = Problem(state.network, x, top, precision=gains, output=hp.output)
        rate, directions = steps.limit(state.network, state.directions, weight.any(), hp, hp.output)
        step = _learn(problem, tuple(z), weight, state, hp, rate)
        settled = step.settled
        variance = tuple(
            precision.learn_variance(v, e, weight, hp.precision_lr, FLOOR)
            for v, e in zip(state.variance, step.raw, strict=True)
        )
        before = weight @ feedforward_energy(step.problem, tuple(z), logits)
        after, rows = weight @ energy(step.problem, settled.z), jnp.maximum(teaches.sum(), 1)
        info = Info(
            prediction=answer(spec, logits),
            log={
                "surprise": Logged(weight @ output_cost(hp.output, y, logits, gains[-1]), "taught"),
                "energy": Logged(after, "taught"),
                "inference_steps": Logged(steps.mean_steps(settled, teaches), "taught"),
                # Relative to a gradient that may be zero.
                "residual": Logged(jnp.where(teaches, settled.residual, 0.0).sum() / rows, "taught", finite=False),
            },
            risen=rose(before, after),
        )
        return PCNState(step.network, step.memory, variance, directions), info

    def predict(state: PCNState, x: Float[Array, "B ..."], hp: HParams) -> Prediction:
        return mlp.predict(spec, state.network, x)

    return Learner(init, predict, update)


def _learn(problem: Problem, z: Activities, weight: Array, state: PCNState, hp: HParams, rate: Traced) -> Step:
    """A step by the rule that `hp` names; a batch in which no row teaches leaves the weights untouched."""
    meanwhile = RULES[hp.inference].learns == "meanwhile"
    optimiser = mlp.optimiser(hp, hp.inference_steps) if meanwhile else mlp.optimiser(hp)
    gate_L = mlp.open_gates(mlp.MLPState(state.network, state.optimiser), weight.any())
    numbers = steps.numbers(hp, rate, precision.largest_gain(problem.precision))
    numbers = numbers._replace(learning=Learning(optimiser, state.optimiser, weight, gate_L))
    return train_step(problem, z, hp.inference, steps.budget(hp), numbers, hp.nudge, hp.beta)


ENTRY = LearnerEntry(
    make=make,
    hparams=HParams(),
    summary="predictive-coding network, local updates after inference",
    flops=flops,
    local=True,
    label="predictive coding",
    targets=True,
    step_bound=step_bound,
    sizes=sizes,
)
