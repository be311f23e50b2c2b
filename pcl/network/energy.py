"""The free energy of a predictive-coding network whose ends are clamped, and its local error signals.

For one sample, with layers 1 .. L, pre-activations a_l (see `layers`) and errors e_l = z_l - f_l(a_l),

    F = sum_{l<L} 1/2 (e_l^T Pi_l e_l - log |Pi_l|) + cost(top, a_L) [ + prior/2 |z_0|^2 ]

The costs of the outputs are in `outputs`. Additive constants are left out.

Both directions are one chain. Discriminative: the bottom is clamped to the input, the top to the label.
Generative: the bottom is clamped to the label, or free under a Gaussian prior, and the top is the data.
Unobserved parts of the top are at their own prediction, where their error is zero: this is their exact
optimum for a factorised output, so they are never iterated.

Sources: Rao and Ballard (1999), doi:10.1038/4580; Whittington and Bogacz (2017), doi:10.1162/NECO_a_00949;
categorical outputs as in Pinchetti et al. (2025), arXiv:2407.01163.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Float

from pcl.errors import UsageError
from pcl.network.activations import ACTIVATIONS
from pcl.network.layers import activity, forward
from pcl.network.outputs import Output, distribution
from pcl.network.precision import Precision, check_precision, check_shape, is_full, log_determinant, weigh
from pcl.network.samples import Activities, units


@struct.dataclass
class Problem:
    """The input of inference: a network, the activities clamped at its ends, and the noise that is assumed.

    network: the layers. bottom: the clamped activity below the first layer [B, ...]; None: it is free, and
    the first of the activities. top: the clamped output [B, ...]. observed: which parts of the top are
    clamped (1) and which free (0), of a shape that broadcasts to the top's ([B, 1] for a categorical top);
    None: all are clamped.
    precision: one for each layer, or None for identity everywhere; an output that is not Gaussian has none (None).
    prior: precision of a free bottom.

    Raises:
      UsageError: an unknown output.
    """

    network: Any  # Network
    bottom: Any  # Float[Array, "B ..."] | None
    top: Any  # Float[Array, "B ..."]
    observed: Any = None
    precision: Any = None
    prior: Any = 1.0
    output: str = struct.field(pytree_node=False, default="gaussian")

    def __post_init__(self) -> None:
        distribution(self.output)

    @property
    def of_top(self) -> Output:
        """The distribution of the top given its pre-activation."""
        return distribution(self.output)

    def gain(self, index: int) -> Precision:
        """The precision of layer `index`."""
        return None if self.precision is None else self.precision[index]

    def below(self, z: Activities) -> Activities:
        """The activity below each layer."""
        return z if self.bottom is None else (self.bottom, *z)


class Errors(NamedTuple):
    """Local error signals: one array [B, ...] per layer, the output's last.

    raw: z_l - f(a_l); of the output, the observed value minus its expectation (of a categorical one:
    y - sum(y) softmax(a_L)). gained: Pi_l * raw. delta: the error at the pre-activation, f'(a_l) * gained; for the
    output, minus the derivative of its cost by a_L.
    """

    raw: tuple[Array, ...]
    gained: tuple[Array, ...]
    delta: tuple[Array, ...]


def nudged(output: str, top: Float[Array, "B ..."], a: Float[Array, "B ..."], beta: ArrayLike) -> Float[Array, "B ..."]:
    """A target that lies the share `beta` of the way from the prediction to `top`; negative: away from it.

    At `beta` = 1 the update, divided by `beta`, is that of plain predictive coding. In the limit `beta` -> 0 it equals
    backpropagation through the network linearised at the feed-forward pass, applied to the output error that
    remains after inference. Source: positive, negative and centred nudging in Pinchetti et al. (2025),
    arXiv:2407.01163.

    Raises:
      UsageError: an unknown output, or a top of another shape than the pre-activation `a`.

    Examples:
      >>> nudged("gaussian", top=jnp.ones((1, 2)), a=jnp.zeros((1, 2)), beta=0.25).tolist()
      [[0.25, 0.25]]
    """
    _same_top(top, a)
    mean = distribution(output).mean(a)
    return mean + beta * (top - mean)


def output_cost(
    output: str, top: Float[Array, "B ..."], a: Float[Array, "B ..."], precision: Precision = None, observed: Any = None
) -> Float[Array, " B"]:
    """Energy of the clamped output, per sample.

    Raises:
      UsageError: an unknown output, or a top of another shape than the pre-activation `a`.
    """
    of = distribution(output)
    _same_top(top, a)
    return of.cost(top, a, precision, observed)


def feedforward(problem: Problem, bottom: Float[Array, "B ..."] | None = None) -> Activities:
    """The free activities after a feed-forward pass; a free bottom begins at `bottom`."""
    if problem.bottom is not None:
        return forward(problem.network[:-1], problem.bottom)
    if bottom is None:
        raise UsageError("the bottom of this problem is free: give the activity that it begins at")
    return (bottom, *forward(problem.network[:-1], bottom))


def first_prediction(problem: Problem) -> Array | None:
    """The first layer's pre-activation if the bottom is clamped, else None. Settling does not change it."""
    return None if problem.bottom is None else problem.network[0].predict(problem.bottom)


def preactivations(problem: Problem, z: Activities, first: Array | None = None) -> tuple[Array, ...]:
    """Every layer's pre-activation; `first`, where given, is that of the first layer.

    Raises:
      UsageError: activities or a top that do not fit the layers, or a last layer that is not linear.
    """
    below = problem.below(z)
    if len(below) != len(problem.network):
        free = len(problem.network) - len(below) + len(z)
        raise UsageError(f"there are {len(z)} activities; this problem needs {free}")
    pairs = list(zip(problem.network, below, strict=True))
    a = [layer.predict(x) for layer, x in pairs[first is not None :]]
    a = a if first is None else [first, *a]
    _meet(problem, z, [a_l.shape for a_l in a])
    return tuple(a)


def errors(problem: Problem, z: Activities, first: Array | None = None) -> Errors:
    """The error signals of every layer at activities `z`."""
    a = preactivations(problem, z, first)
    raw, gained, delta = [], [], []
    for i, (layer, a_l, z_l) in enumerate(zip(problem.network[:-1], a[:-1], problem.below(z)[1:], strict=True)):
        raw.append(z_l - activity(layer, a_l))
        gained.append(weigh(problem.gain(i), raw[i]))
        delta.append(ACTIVATIONS[layer.activation].df(a_l) * gained[i])
    raw.append(problem.of_top.error(problem.top, problem.of_top.mean(a[-1]), problem.observed))
    gained.append(weigh(problem.gain(-1), raw[-1]))
    return Errors(tuple(raw), tuple(gained), (*delta, gained[-1]))


def activity_gradient(problem: Problem, z: Activities, e: Errors) -> Activities:
    """dF/dz_l = Pi_l e_l - (the error of layer l+1, carried down its weights), for every free activity."""
    if problem.bottom is None:
        own, above = (problem.prior * z[0], *e.gained[:-1]), zip(problem.network, e.delta, strict=True)
    else:
        own, above = e.gained[:-1], zip(problem.network[1:], e.delta[1:], strict=True)
    return tuple(own_l - layer.carry_down(z_l, delta) for own_l, z_l, (layer, delta) in zip(own, z, above, strict=True))


def energy(problem: Problem, z: Activities) -> Float[Array, " B"]:
    """Free energy F of each sample at the free activities `z`.

    Raises:
      UsageError: activities or a top that do not fit the layers, or a last layer that is not linear.
    """
    *below, total = layer_energies(problem, z)
    if problem.bottom is None:  # the order of a sum decides its last bits
        below = [*below[1:], below[0]]
    for energy_B in below:
        total += energy_B
    return total


def layer_energies(problem: Problem, z: Activities) -> tuple[Float[Array, " B"], ...]:
    """The terms of `energy`: the prior of a free bottom, if there is one, then each layer, lowest first.

    Raises:
      UsageError: as `energy`.
    """
    a = preactivations(problem, z)
    parts = [] if problem.bottom is not None else [0.5 * problem.prior * jnp.sum(z[0] ** 2, units(z[0]))]
    for i, (layer, a_l, z_l) in enumerate(zip(problem.network[:-1], a[:-1], problem.below(z)[1:], strict=True)):
        e = z_l - activity(layer, a_l)
        parts.append(0.5 * (jnp.sum(e * weigh(problem.gain(i), e), units(e)) - log_determinant(problem.gain(i), e)))
    cost = output_cost(problem.output, problem.top, a[-1], problem.gain(-1), problem.observed)
    return (*parts, cost)


def feedforward_energy(problem: Problem, z: Activities, a: Float[Array, "B ..."]) -> Float[Array, " B"]:
    """`energy` at the feed-forward pass `z`, which ends at pre-activation `a`: only the output has an error there."""
    cost = output_cost(problem.output, problem.top, a, problem.gain(-1), problem.observed)
    return cost - 0.5 * sum(log_determinant(problem.gain(i), z_l) for i, z_l in enumerate(z))


def check(problem: Problem, z: Activities | None = None) -> None:
    """Refuses shapes that do not match, indefinite precisions, and values that are not finite.

    Shapes are always checked, values only outside of compiled functions.

    Raises:
      UsageError: otherwise; the message says what would be right.
    """
    if not problem.network:
        raise UsageError("there are no layers; a problem needs at least one")
    _one_a_layer(problem)
    if not isinstance(problem.prior, jax.core.Tracer) and not np.all(np.asarray(problem.prior) > 0):
        raise UsageError(f"prior={problem.prior}: the precision of a free bottom must be positive")
    for name, value in (
        ("bottom", problem.bottom),
        ("top", problem.top),
        *((f"z[{i}]", v) for i, v in enumerate(z or ())),
    ):
        known = value is not None and not isinstance(value, jax.core.Tracer)
        if known and not np.isfinite(value).all():
            raise UsageError(f"{name} holds NaN or infinite values; activities must be finite")
    if problem.bottom is None and not z:
        return
    bottom = problem.bottom if z is None or problem.bottom is not None else z[0]
    try:
        shapes = [a.shape for a in jax.eval_shape(forward, problem.network, bottom)]
    except (TypeError, ValueError) as e:
        raise UsageError(f"a bottom of shape {bottom.shape} does not fit the layers: {str(e).splitlines()[0]}") from e
    _meet(problem, z, shapes)
    for i, shape in enumerate(shapes):
        check_precision(problem.gain(i), shape[1:], f"layer {i}")
    if problem.observed is None:
        return
    if problem.of_top.whole and problem.observed.shape[1:] != (1,):
        raise UsageError(f"a {problem.output} top is observed as a whole: give an `observed` of shape [B, 1]")
    if problem.gain(-1) is not None and is_full(problem.gain(-1), problem.top):
        raise UsageError("a partly observed top takes identity or diagonal precision, not a full one")


def _meet(problem: Problem, z: Activities | None, shapes: list[tuple[int, ...]]) -> None:
    """Refuses activities, tops and precisions that do not fit these `shapes`, and a nonlinear last layer."""
    squashed = problem.network[-1].activation
    if squashed != "identity":
        raise UsageError(
            f"the last layer has activation={squashed}: it must be the identity; `output` sets the nonlinearity"
        )
    if z is not None:
        wanted = [*([] if problem.bottom is not None else [z[0].shape]), *shapes[:-1]]
        if [z_l.shape for z_l in z] != wanted:
            raise UsageError(f"activities have shapes {[z_l.shape for z_l in z]}; this problem needs {wanted}")
    if problem.top.shape != shapes[-1]:
        raise UsageError(f"top has shape {problem.top.shape}; the network's output has {shapes[-1]}")
    _one_a_layer(problem)
    for i, shape in enumerate(shapes):
        check_shape(problem.gain(i), shape[1:], f"layer {i}")
    if not problem.of_top.real and problem.gain(-1) is not None:
        raise UsageError(f"output={problem.output} has no precision: give None for the last layer")
    if problem.observed is None:
        return
    try:
        fits = jnp.broadcast_shapes(problem.observed.shape, problem.top.shape) == problem.top.shape
    except ValueError:
        fits = False
    if not fits:
        raise UsageError(f"observed has shape {problem.observed.shape}; it must broadcast to {problem.top.shape}")


def _one_a_layer(problem: Problem) -> None:
    if problem.precision is not None and len(problem.precision) != len(problem.network):
        right = f"{len(problem.network)}, one per layer (None: identity)"
        raise UsageError(f"there are {len(problem.precision)} precisions; this problem needs {right}")


def _same_top(top: Array, a: Array) -> None:
    if top.shape != a.shape:
        raise UsageError(f"top has shape {top.shape}; the network's output has {a.shape}")
