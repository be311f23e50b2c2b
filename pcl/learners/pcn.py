"""Discriminative predictive-coding network: settle on each observation, then learn locally.

Activities start from the feed-forward pass, descend the free energy with input and label clamped, and every
weight then moves by the error above it times the activity below it.
Sources: Whittington and Bogacz (2017), doi:10.1162/NECO_a_00949; inference before learning as in
Song et al. (2024), doi:10.1038/s41593-023-01514-1. The sources of the variants are in `pcl/network`.

With nudged outputs the reported energy is that of the nudged problem; with centred nudging, energy, residual and steps
are those of the negative side.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import struct
from jax import Array
from jaxtyping import PRNGKeyArray

from pcl.errors import UsageError
from pcl.fields import Traced, static, traced
from pcl.learners import mlp, steps
from pcl.learners.inputs import answer
from pcl.learners.rule import Lesson, Move, NetworkRule, learner
from pcl.network import precision, stability
from pcl.network.energy import Problem, energy, feedforward_energy, output_cost
from pcl.network.inference import Learning, Numbers, rose
from pcl.network.layers import Network, forward
from pcl.network.outputs import distribution
from pcl.network.rules import RULES, choose
from pcl.network.samples import Activities
from pcl.network.stability import Directions
from pcl.network.training import FLOOR, NUDGES, Inferred, Step, infer, train_step
from pcl.types import Info, Learner, LearnerEntry, Logged, Spec


@struct.dataclass
class HParams(mlp.MLPHParams, steps.InferenceHParams):
    """Hyper-parameters of a predictive-coding network."""

    step_share: Traced = traced(
        0.1,
        "step size of inference, as a share of the largest stable one",
        low=0,
        high=1,
        idle=steps.UNLIMITED,
    )
    nudge: str = static(
        "none", "how outputs are nudged towards their targets (none: they are clamped)", choices=tuple(NUDGES)
    )
    beta: Traced = traced(
        0.5, "strength of nudging: share of the way from prediction to target", low=1e-6, idle={"nudge": ("none",)}
    )
    precision: str = static("identity", "precision of each layer's prediction errors", choices=precision.KINDS)
    precision_lr: Traced = traced(
        0.01, "learning rate of a diagonal or full precision", low=0, high=1, idle={"precision": ("identity",)}
    )


class PCNState(NamedTuple):
    """Weights, the optimiser's memory, each layer's error variance (None: identity precision), and a step's limit."""

    network: Network
    optimiser: tuple[optax.OptState, ...]
    variance: tuple[Array | None, ...]
    directions: Directions | None  # see `steps`


def flops(spec: Spec, hp: HParams, inference_steps: Any, batch: int) -> Any:
    """Floating-point operations per learned sample, for a mean number of inference steps.

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
    padded = RULES[hp.inference].padded
    fixed = () if padded and hp.precision == "identity" else ("width",)
    return (*(("inference_steps",) if padded else ()), *(name for name in mlp.sizes(hp) if name not in fixed))


def rule(spec: Spec) -> NetworkRule:
    """Local updates of a predictive-coding network, for inputs and labels as announced in `spec`."""

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

    def settled(state: PCNState, given: Lesson, hp: HParams, by: Callable[..., Any]) -> tuple[Any, PCNState, Info]:
        """The result of `by` (`_learn` or `_infer`), the state with weights and optimiser unchanged, and the report."""
        lesson = one_target(given, hp)
        weight = lesson.weight
        *z, logits = forward(state.network, lesson.x)
        # The target of a row that does not teach is its own prediction: its error is zero.
        teaches = lesson.teaches
        top = jnp.where(teaches[:, None], lesson.top, distribution(hp.output).mean(logits))
        gains = tuple(precision.inverse(v) for v in state.variance)
        among = None if lesson.among is None else lesson.among.astype(top.dtype)
        problem = Problem(state.network, lesson.x, top, observed=among, precision=gains, output=hp.output)
        rate, directions = steps.limit(state.network, state.directions, weight.any(), hp, hp.output)
        numbers = steps.numbers(hp, rate, precision.largest_gain(problem.precision))
        found = by(problem, tuple(z), weight, state, hp, numbers)
        variance = tuple(
            precision.learn_variance(v, e, weight, hp.precision_lr, FLOOR)
            for v, e in zip(state.variance, found.raw, strict=True)
        )
        before = weight @ feedforward_energy(found.problem, tuple(z), logits)
        after, rows = weight @ energy(found.problem, found.settled.z), jnp.maximum(teaches.sum(), 1)
        info = Info(
            prediction=answer(spec, logits),
            log={
                "surprise": Logged(weight @ output_cost(hp.output, lesson.top, logits, gains[-1], among), "taught"),
                "energy": Logged(after, "taught"),
                "inference_steps": Logged(steps.mean_steps(found.settled, teaches), "taught"),
                # The residual is relative to a gradient that may be zero.
                "residual": Logged(
                    jnp.where(teaches, found.settled.residual, 0.0).sum() / rows, "taught", finite=False
                ),
            },
            risen=rose(before, after),
        )
        return found, state._replace(variance=variance, directions=directions), info

    def direct(state: PCNState, lesson: Lesson, hp: HParams) -> Move:
        found, state, info = settled(state, lesson, hp, _infer)
        return Move(found.direction, state, info)

    def learn(state: PCNState, lesson: Lesson, hp: HParams) -> tuple[PCNState, Info]:
        step, state, info = settled(state, lesson, hp, _learn)
        return state._replace(network=step.network, optimiser=step.memory), info

    return NetworkRule(init, direct, learn, outer=lambda hp: len(NUDGES[hp.nudge]) < 2)


def make(spec: Spec) -> Learner:
    """A predictive-coding network for inputs and labels as announced in `spec`."""
    return learner(rule(spec), spec)


def one_target(lesson: Lesson, hp: HParams) -> Lesson:
    """`lesson` with its `match` mixed into the top: the sum of two squares is one square, up to a constant.

    Raises:
      UsageError: the output is not Gaussian, so that the sum is no cost of a top; precisions are learned, which needs
        weights that sum to 1; or outputs are left out though all of them are one variable.
    """
    of, output = distribution(hp.output), hp.output
    if lesson.among is not None and of.whole:
        raise UsageError(
            f"output={output}: its outputs are one variable, and none can be left out; set output=gaussian"
        )
    if lesson.match is None:
        return lesson
    if not of.real or hp.precision != "identity":
        given = f"output={output}, precision={hp.precision}"
        raise UsageError(f"{given}: predictive coding matches past outputs with output=gaussian, precision=identity")
    weight = lesson.weight + lesson.match.weight
    share = (lesson.match.weight / jnp.where(weight > 0, weight, 1.0))[:, None]
    return Lesson(lesson.x, lesson.top + share * (lesson.match.target - lesson.top), weight, lesson.among)


def _infer(problem: Problem, z: Activities, weight: Array, state: PCNState, hp: HParams, numbers: Numbers) -> Inferred:
    """The direction of a step by the rule that `hp` names."""
    return infer(problem, z, hp.inference, steps.budget(hp), numbers, weight, hp.nudge, hp.beta)


def _learn(problem: Problem, z: Activities, weight: Array, state: PCNState, hp: HParams, numbers: Numbers) -> Step:
    """A step by the rule that `hp` names; a batch in which no row teaches leaves the weights untouched."""
    meanwhile = RULES[hp.inference].learns == "meanwhile"
    optimiser = mlp.optimiser(hp, hp.inference_steps) if meanwhile else mlp.optimiser(hp)
    gate_L = mlp.open_gates(state, weight.any())
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
    rule=rule,
    sizes=sizes,
)
