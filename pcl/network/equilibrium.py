"""Gauss-Newton inference: the equilibrium of the activities in a few steps instead of a hundred.

Write activities by their errors, z_l = f(a_l) + e_l. At equilibrium every error is what the layers above ask for,

    Pi_l e_l = J_l(lambda),    J_l(lambda) = lambda carried down the chain from the output to layer l,

where lambda is the gained error of the output. So all of a sample's errors follow from as many numbers as it has
outputs, and a Gauss-Newton step needs one small solve, S = (Sigma_out + sum_l J_l Sigma_l J_l^T)^{-1} with
Sigma = Pi^{-1}. It is the solution of the block-tridiagonal Gauss-Newton system of the activities, by substitution.

Three things make it cheap: J_l in S is taken at the batch's mean slope, once (shared, rank = number of outputs;
what is carried down is each sample's own); where a Gaussian output is linear in the layer below it, that layer is
solved for exactly, given those further below; a step costs as many matrix products as a step of gradient descent.
It is exact in one step for linear networks, and for one hidden layer under a linear output. Elsewhere (muPC, whose
output reads f(z), categorical and binary outputs) it comes to the same point at a linear rate, the faster the more
alike the slopes of the batch's samples are. A sample whose energy rises takes its step back and tries a quarter of
it; where kinks (relu, maximal pooling) leave no point without a gradient, it stays where nothing falls any more.

NOT LOCAL: errors are carried through the whole chain and meet in one solve. What it finds is the same equilibrium,
so that the weights still learn by their local rule. Samples of a batch share S: it decides how fast each arrives,
not where. Related: error coordinates, Goemaere et al. (2025), arXiv:2505.20137; curvature bounds of categorical and
binary outputs, Boehning (1992), doi:10.1007/BF00048682.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Shaped

from pcl import linalg
from pcl.errors import UsageError
from pcl.network.activations import ACTIVATIONS
from pcl.network.energy import (
    Activities,
    Errors,
    Problem,
    activity_gradient,
    check,
    counts,
    errors,
    feedforward,
    first_prediction,
    output_cost,
    preactivations,
)
from pcl.network.inference import Halt, Settled, check_steps, first_gradient, norm, relative
from pcl.network.layers import Dense, Layer, activity
from pcl.network.precision import Precision, is_full, weigh

CURVATURE = {"gaussian": 1.0, "categorical": 0.5, "bernoulli": 0.25}  # bounds of the output cost's, by a_L, for a draw
NOTHING = 1e-6  # of the largest initial gradient: a sample below has nothing to settle, and no say in what is shared
SLACK = 1e-5  # of the energy: a rise within float32 rounding is none


class Point(NamedTuple):
    """Where inference stands: activities, their error signals, slopes f'(a) of the hidden layers, energies [B]."""

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


class Memory(NamedTuple):
    """What Gauss-Newton inference hands from one call to the next: the shared solve and each sample's step size."""

    gain: Gain
    rate: Float[Array, " B"]


def output_curvature(problem: Problem) -> Array | float:
    """A bound of the output cost's curvature by a_L, at identity precision: of each sample where they differ."""
    bound = CURVATURE[problem.output]
    return bound * jnp.maximum(counts(problem.top), 1.0) if problem.output == "categorical" else bound


def gauss_newton(
    problem: Problem, z: Activities, steps: int, halt: Halt | None = None, memory: Memory | None = None
) -> Settled:
    """At most `steps` Gauss-Newton steps down the free energy from activities `z`; where and why: see above.

    With the `memory` of an earlier call and its activities it goes on: the steps of both calls are those of one.

    Raises:
      UsageError: shapes that do not fit; a free bottom, a partly observed top, a halt by saturation, negative steps.
    """
    check(problem, z)
    check_steps(steps)
    if problem.bottom is None or problem.observed is not None:
        raise UsageError("gauss_newton needs a clamped bottom and a top that is observed in full; descend instead")
    if halt is not None and halt.rule != "gradient":
        raise UsageError(f"gauss_newton halts by the activity gradient, not by {halt.rule}: choose halt=gradient")
    first, size, steps = first_prediction(problem), problem.top.shape[0], steps if z else 0
    scale_B = first_gradient(problem, feedforward(problem))
    start = errors(problem, z, first)
    if not steps:
        return _settled(problem, z, start, scale_B, jnp.zeros(size), memory)
    if memory is None:
        slope = _slopes(problem, preactivations(problem, z, first))
        gain = _shared_gain(problem, z, slope, scale_B > NOTHING * scale_B.max())
    else:
        gain = memory.gain
    at = functools.partial(_roll_out, problem, gain, first)

    def move(point: Point, target: Activities, rate_B: Array, active_B: Array) -> tuple[Point, Array]:
        """Towards the errors `target`; a sample whose energy would rise stays, and will take smaller steps."""
        e = point.errors.raw[:-1]
        trial = at(tuple(e_l + _rows(rate_B, e_l) * (t_l - e_l) for e_l, t_l in zip(e, target, strict=True)))
        falls_B = trial.energy <= point.energy + SLACK * jnp.abs(point.energy)
        rate_B = jnp.where(falls_B, jnp.minimum(2 * rate_B, 1.0), rate_B / 4)
        keep_B = falls_B & active_B
        return jax.tree.map(lambda new, old: jnp.where(_rows(keep_B, new), new, old), trial, point), rate_B

    def residual(point: Point) -> Float[Array, " B"]:
        return norm(activity_gradient(problem, point.z, point.errors), size)

    active_B = scale_B > 0
    if memory is None:
        point = at(start.raw[:-1])
        point, rate_B = move(point, _first_target(problem, gain, point), jnp.ones(size), active_B)
        begun, taken_B = 1, active_B.astype(scale_B.dtype)
    else:
        point, rate_B = _point(problem, first, z), memory.rate
        begun, taken_B = 0, jnp.zeros_like(scale_B)
    if halt is None:

        def unmasked(_: Array, carry: tuple) -> tuple:
            return move(carry[0], _target(problem, gain, carry[0]), carry[1], scale_B > 0)

        point, rate_B = jax.lax.fori_loop(begun, steps, unmasked, (point, rate_B))
        taken_B = jnp.full(size, float(steps))
    else:

        def unfinished(carry: tuple) -> Array:
            k, *_, active_B = carry
            return (k < steps) & active_B.any()

        def masked(carry: tuple) -> tuple:
            k, point, rate_B, taken_B, active_B = carry
            active_B = active_B & (residual(point) > halt.tolerance * scale_B)
            point, rate_B = move(point, _target(problem, gain, point), rate_B, active_B)
            return k + 1, point, rate_B, taken_B + active_B, active_B

        carry = (begun, point, rate_B, taken_B, active_B)
        _, point, rate_B, taken_B, _ = jax.lax.while_loop(unfinished, masked, carry)
    return _settled(problem, point.z, point.errors, scale_B, taken_B, Memory(gain, rate_B))


def _settled(
    problem: Problem, z: Activities, e: Errors, scale_B: Array, taken_B: Array, memory: Memory | None
) -> Settled:
    residual_B = norm(activity_gradient(problem, z, e), problem.top.shape[0])
    return Settled(z, e, relative(residual_B, scale_B), taken_B, memory)


def _shared_gain(problem: Problem, z: Activities, slope: tuple[Array, ...], counts_B: Array) -> Gain:
    """J_l and the solve at the mean slope of the samples that count."""
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
    out = jnp.eye(outputs) / jnp.max(output_curvature(problem))
    if problem.output == "gaussian" and problem.gain(-1) is not None:
        out = _flat(
            weigh(_inverse(problem.gain(-1), problem.top), jnp.eye(outputs).reshape(-1, *problem.top.shape[1:]))
        )
    return Gain(covariance, tuple(down), out, _inverted(out + spread[-1]), _inverted(out + sum(spread)))


def _mean_down(layer: Layer, z_l: Array, carried: Array, mean: Callable[[Array], Array]) -> Array:
    """What the errors `carried` ask of the layer below, on average (maximal pooling: at the mean)."""

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
    if problem.output == "gaussian" and top.linear:
        predicted = z[-1] - e[-1]
        missing_BC = _flat(problem.top - top.predict(predicted))
        asked = top.carry_down(predicted, (missing_BC @ gain.top).reshape(problem.top.shape))
        z[-1] = predicted + weigh(gain.covariance[-1], asked)
    return _point(problem, first, tuple(z))


def _point(problem: Problem, first: Array | None, settled: Activities) -> Point:
    """Where activities `settled` stand."""
    signals, a = errors(problem, settled, first), preactivations(problem, settled, first)
    energy_B = output_cost(problem.output, problem.top, a[-1], problem.gain(-1))
    for raw, gained in zip(signals.raw[:-1], signals.gained[:-1], strict=True):
        energy_B += 0.5 * jnp.sum(_flat(raw * gained), 1)
    return Point(settled, signals, _slopes(problem, a), energy_B)


def _target(problem: Problem, gain: Gain, point: Point) -> Activities:
    """The errors after a full Gauss-Newton step: what is asked now, corrected through the shared solve."""
    asked = _asked(problem, gain, point, point.errors.delta[-1])
    excess = tuple(e_l - t_l for e_l, t_l in zip(point.errors.raw[:-1], asked, strict=True))
    kappa_BC = _gather(gain, excess) @ gain.all
    return tuple(
        t_l + weigh(c, jnp.tensordot(kappa_BC, j, 1))
        for t_l, j, c in zip(asked, gain.down, gain.covariance, strict=True)
    )


def _first_target(problem: Problem, gain: Gain, point: Point) -> Activities:
    """The same to first order, but corrected before it is carried down: better far away, inexact at the end."""
    lambda_BC = _flat(point.errors.delta[-1])
    lambda_BC = (lambda_BC @ gain.out + _gather(gain, point.errors.raw[:-1])) @ gain.all
    return _asked(problem, gain, point, lambda_BC.reshape(problem.top.shape))


def _asked(problem: Problem, gain: Gain, point: Point, delta: Array) -> Activities:
    """The hidden errors that a gained output error `delta` asks for: Sigma_l J_l(delta)."""
    asked: list[Array] = []
    for layer, z_l, slope_l, c in zip(
        problem.network[:0:-1], point.z[::-1], point.slope[::-1], gain.covariance[::-1], strict=True
    ):
        gained = layer.carry_down(z_l, delta)
        asked.append(weigh(c, gained))
        delta = slope_l * gained
    return tuple(asked[::-1])


def _gather(gain: Gain, e: Activities) -> Float[Array, "B C"]:
    """What errors `e` do to the output, to first order."""
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
    return x.reshape(x.shape[0], -1)


def _rows(x_B: Shaped[Array, " B"], like: Float[Array, "B ..."]) -> Shaped[Array, "B ..."]:
    """`x_B` shaped to multiply or select the samples of `like`."""
    return x_B.reshape(-1, *(1,) * (like.ndim - 1))
