"""Gauss-Newton inference: the equilibrium of the activities in a few steps instead of a hundred.

Write activities by their errors, z_l = f(a_l) + e_l. At equilibrium the gradient is zero,

    Pi_l e_l = J_l(lambda),    J_l(lambda) = lambda carried down the chain from the output to layer l,

where lambda is the precision-weighted error of the output. So all of a sample's errors follow from as many numbers as
it has outputs, and a Gauss-Newton step needs one small solve, S = (Sigma_out + sum_l J_l Sigma_l J_l^T)^{-1} with
Sigma = Pi^{-1}. It is the solution of the block-tridiagonal Gauss-Newton system of the activities, by substitution.

S is computed once, with J_l at the batch's mean slope; errors are carried down at each sample's own slopes. Where a
Gaussian output is linear in the layer below it, that layer is solved for exactly, given those further below. The
result is exact after one step for linear networks, and for one hidden layer under a linear output. Elsewhere (muPC,
whose output reads f(z), categorical and binary outputs) convergence is linear, and faster the more similar the slopes
of the batch's samples are. If a sample's energy would rise, its step is undone and its step size divided by 4. With
kinks (relu, maximal pooling) there may be no stationary point: a sample then stays where no step lowers its energy.

NOT LOCAL: errors are carried through the whole chain into one solve. The equilibrium is that of the other rules, so
the weights still learn by their local rule. The samples of a batch share S, which changes how fast each converges,
but not where to. Related: error coordinates, Goemaere et al. (2025), arXiv:2505.20137.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from pcl import linalg
from pcl.errors import UsageError
from pcl.network.activations import ACTIVATIONS
from pcl.network.energy import (
    Errors,
    Problem,
    activity_gradient,
    errors,
    first_prediction,
    output_cost,
    preactivations,
)
from pcl.network.flops import predictive_coding
from pcl.network.halting import Budget, Progress, iterate, unmoved
from pcl.network.inference import Memory, Numbers, Rule, Settled, Start, begin, ended, gradient_scale, unsettled
from pcl.network.layers import Dense, Layer, activity
from pcl.network.outputs import largest_curvature
from pcl.network.precision import Precision, is_full, weigh
from pcl.network.samples import Activities, flat, per_sample, where

NOTHING = 1e-6  # of the largest initial gradient: samples below it are left out of the shared mean slope
SLACK = 1e-5  # relative rise of the energy that counts as float32 rounding


class Point(NamedTuple):
    """A point of inference: activities, their error signals, slopes f'(a) of the hidden layers, energies [B]."""

    z: Activities
    errors: Errors
    slope: tuple[Array, ...]
    energy: Float[Array, " B"]


class Gain(NamedTuple):
    """The shared solve. covariance: Sigma_l of each hidden layer. down: J_l at the mean slope, [C, ...] each.

    out: Sigma_out [C, C]. top: (Sigma_out + J Sigma J^T)^{-1} of the highest hidden layer alone; all: of all.
    """

    covariance: tuple[Precision, ...]
    down: tuple[Array, ...]
    out: Float[Array, "C C"]
    top: Float[Array, "C C"]
    all: Float[Array, "C C"]


State = tuple[Point, Float[Array, " B"]]  # the current point, and each sample's step size


def settle(problem: Problem, start: Start, budget: Budget, numbers: Numbers) -> Settled:
    """Gauss-Newton steps down the free energy (see above); `numbers` is not used.

    The memory is the shared solve and each sample's step size.

    Raises:
      UsageError: also a free bottom, or a partly observed top.
    """
    z, memory = begin(problem, start)
    if problem.bottom is None or problem.observed is not None:
        raise UsageError("gauss_newton needs a clamped bottom and a top that is observed in full; descend instead")
    if not z:
        return unsettled(problem)
    first, size = first_prediction(problem), problem.top.shape[0]
    scale_B = gradient_scale(problem, z)
    signals, active_B = errors(problem, z, first), scale_B > 0
    if not budget.steps:
        return ended(problem, z, jnp.zeros(size), memory or Memory(None, scale_B), signals)
    if memory is None or memory.optimiser is None:
        slope = _slopes(problem, preactivations(problem, z, first))
        gain = _shared_gain(problem, z, slope, scale_B > NOTHING * scale_B.max())
        point, rate_B = _roll_out(problem, gain, first, signals.raw[:-1]), jnp.ones(size)
        state = _move(problem, gain, first, active_B, (point, rate_B), _first_target(problem, gain, point))
        begun, taken_B = 1, active_B.astype(scale_B.dtype) if budget.halt else jnp.ones(size)
        progress: Progress | None = unmoved(z, active_B)
    else:
        gain, rate_B = memory.optimiser
        state, begun, taken_B, progress = (_point(problem, first, z), rate_B), 0, jnp.zeros(size), memory.progress
    (point, rate_B), more_B, progress = iterate(
        lambda state, _: _move(problem, gain, first, active_B, state, _target(problem, gain, state[0])),
        lambda state: activity_gradient(problem, state[0].z, state[0].errors),
        lambda state: state[0].z,
        state,
        scale_B,
        budget,
        progress,
        begun,
    )
    return ended(problem, point.z, taken_B + more_B, Memory((gain, rate_B), scale_B, progress), point.errors)


def _move(
    problem: Problem, gain: Gain, first: Array | None, active_B: Array, state: State, target: Activities
) -> State:
    """Towards the errors `target`; a sample whose energy would rise stays, and will take smaller steps."""
    point, rate_B = state
    e = point.errors.raw[:-1]
    moved = tuple(e_l + per_sample(rate_B, e_l) * (t_l - e_l) for e_l, t_l in zip(e, target, strict=True))
    trial = _roll_out(problem, gain, first, moved)
    falls_B = trial.energy <= point.energy + SLACK * jnp.abs(point.energy)
    rate_B = jnp.where(falls_B, jnp.minimum(2 * rate_B, 1.0), rate_B / 4)
    return where(falls_B & active_B, trial, point), rate_B


def _shared_gain(problem: Problem, z: Activities, slope: tuple[Array, ...], counts_B: Array) -> Gain:
    """J_l and the solve at the mean slope of the samples in `counts_B`."""
    share_B = counts_B / jnp.maximum(counts_B.sum(), 1)
    mean = functools.partial(jnp.tensordot, share_B, axes=1)
    outputs = problem.top[0].size
    covariance = tuple(_inverse(problem.gain(i), z_l) for i, z_l in enumerate(z))
    carried, down = jnp.eye(outputs).reshape(outputs, *problem.top.shape[1:]), []
    for layer, z_l, slope_l in zip(problem.network[:0:-1], z[::-1], slope[::-1], strict=True):
        down.append(_mean_down(layer, z_l, carried, mean))
        carried = mean(slope_l) * down[-1]
    down.reverse()
    spread = [_flat(weigh(c, j)) @ _flat(j).T for c, j in zip(covariance, down, strict=True)]
    out = jnp.eye(outputs) / jnp.max(jnp.asarray(largest_curvature(problem.output, problem.top)))
    if problem.gain(-1) is not None:
        units = jnp.eye(outputs).reshape(-1, *problem.top.shape[1:])
        out = _flat(weigh(_inverse(problem.gain(-1), problem.top), units))
    return Gain(covariance, tuple(down), out, _inverted(out + spread[-1]), _inverted(out + sum(spread)))


def _mean_down(layer: Layer, z_l: Array, carried: Array, mean: Callable[[Array], Array]) -> Array:
    """The errors `carried`, carried down to `z_l`: the mean over samples (linear or pooling layers: at their mean)."""

    def down(z: Array) -> Array:
        return layer.carry_down(jnp.broadcast_to(z, (len(carried), *z.shape)), carried)

    if isinstance(layer, Dense) and not layer.linear:
        return mean(jax.vmap(down)(z_l))
    return down(mean(z_l))


def _roll_out(problem: Problem, gain: Gain, first: Array | None, e: Activities) -> Point:
    """The activities with hidden errors `e`; the highest layer's is replaced by its optimum where that is known.

    It is known under a Gaussian output that is linear in it.
    """
    *hidden, top = problem.network
    z: list[Array] = []
    for i, (layer, e_l) in enumerate(zip(hidden, e, strict=True)):
        a_l = first if i == 0 and first is not None else layer.predict(z[-1] if z else problem.bottom)
        z.append(activity(layer, a_l) + e_l)
    if problem.of_top.real and top.linear:
        predicted = z[-1] - e[-1]
        missing_BC = _flat(problem.top - top.predict(predicted))
        asked = top.carry_down(predicted, (missing_BC @ gain.top).reshape(problem.top.shape))
        z[-1] = predicted + weigh(gain.covariance[-1], asked)
    return _point(problem, first, tuple(z))


def _point(problem: Problem, first: Array | None, settled: Activities) -> Point:
    """The point of activities `settled`."""
    signals, a = errors(problem, settled, first), preactivations(problem, settled, first)
    energy_B = output_cost(problem.output, problem.top, a[-1], problem.gain(-1))
    for raw, gained in zip(signals.raw[:-1], signals.gained[:-1], strict=True):
        energy_B += 0.5 * jnp.sum(_flat(raw * gained), 1)
    return Point(settled, signals, _slopes(problem, a), energy_B)


def _target(problem: Problem, gain: Gain, point: Point) -> Activities:
    """The errors after a full Gauss-Newton step: `_asked` of the current output error, corrected by the solve."""
    asked = _asked(problem, gain, point, point.errors.delta[-1])
    excess = tuple(e_l - t_l for e_l, t_l in zip(point.errors.raw[:-1], asked, strict=True))
    kappa_BC = _gather(gain, excess) @ gain.all
    return tuple(
        t_l + weigh(c, jnp.tensordot(kappa_BC, j, 1))
        for t_l, j, c in zip(asked, gain.down, gain.covariance, strict=True)
    )


def _first_target(problem: Problem, gain: Gain, point: Point) -> Activities:
    """`_target` to first order, corrected before it is carried down: better far from equilibrium, inexact near it."""
    lambda_BC = _flat(point.errors.delta[-1])
    lambda_BC = (lambda_BC @ gain.out + _gather(gain, point.errors.raw[:-1])) @ gain.all
    return _asked(problem, gain, point, lambda_BC.reshape(problem.top.shape))


def _asked(problem: Problem, gain: Gain, point: Point, delta: Array) -> Activities:
    """The hidden errors in balance with a precision-weighted output error `delta`: Sigma_l J_l(delta)."""
    asked: list[Array] = []
    for layer, z_l, slope_l, c in zip(
        problem.network[:0:-1], point.z[::-1], point.slope[::-1], gain.covariance[::-1], strict=True
    ):
        gained = layer.carry_down(z_l, delta)
        asked.append(weigh(c, gained))
        delta = slope_l * gained
    return tuple(asked[::-1])


def _gather(gain: Gain, e: Activities) -> Float[Array, "B C"]:
    """The change of the output by errors `e`, to first order."""
    return functools.reduce(jnp.add, (_flat(e_l) @ _flat(j).T for e_l, j in zip(e, gain.down, strict=True)))


def _slopes(problem: Problem, a: tuple[Array, ...]) -> tuple[Array, ...]:
    pairs = zip(problem.network[:-1], a[:-1], strict=True)
    return tuple(ACTIVATIONS[layer.activation].df(a_l) for layer, a_l in pairs)


def _inverse(precision: Precision, like: Float[Array, "B ..."]) -> Any:
    """The covariance that belongs to a precision of activities like `like`."""
    if precision is None:
        return None
    return _inverted(precision) if is_full(precision, like) else 1 / precision


def _inverted(matrix: Float[Array, "N N"]) -> Float[Array, "N N"]:
    """The inverse of a symmetric positive definite matrix."""
    return linalg.cholesky_solve(linalg.cholesky(matrix), jnp.eye(len(matrix), dtype=matrix.dtype))


def _flat(x: Float[Array, "B ..."]) -> Float[Array, "B N"]:
    return flat((x,))


def flops(uses: Sequence[int], inference_steps: Any) -> Any:
    """Operations as for gradient descent, with more uses of the output's synapses.

    In each step the highest hidden layer is solved for (twice), and errors are gathered at the output and handed
    back, once each for every hidden layer; layers are taken to be as wide as the highest. The shared solve is left
    out.
    """
    return predictive_coding(uses, inference_steps) + 4 * inference_steps * len(uses) * uses[-1]


RULE = Rule(settle, flops, local=False, halts=("fixed", "gradient"), bound=None)
