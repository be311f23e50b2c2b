"""Change detection on a sensory code: the surprise of inputs, and its CUSUM, which raises an alarm.

    s = sum over scales of log mean of |z|^2 - max_j (d_j z)^2      over the same patches z of each input
    g <- max(0, g + min(max((s - m) / d, -3), 3) - slack)            m and d by the inputs of the critical period

The error of the winners on whitened patches is the code's own prediction error. It grows if patches vary in directions
in which they had little variance, which whitening amplifies, and if no atom is similar. No labels or tasks are used.
Page's test: the sum is cut off at 0, so that single outliers are forgotten, and a lasting rise by more than `slack`
deviations is not. Each input counts at most three deviations, so that a few outliers raise no alarm.
Source: Page (1954), doi:10.1093/biomet/41.1-2.100.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, PRNGKeyArray

from pcl.code.code import Code, CodeHParams, glimpses_of, images
from pcl.code.code import init as init_code
from pcl.code.dictionary import misfit
from pcl.types import Spec

MOST = 3.0  # standard deviations: bound of the surprise of one input
LEAST = 0.01  # nats, added to the standard deviation of surprise
NOTHING = 1e-6  # least mean squared error of a whitened entry: that of rounding


class Watch(NamedTuple):
    """Mean and deviation of surprise in the period, and the sum over inputs after it."""

    mean: Float[Array, ""]
    deviation: Float[Array, ""]
    total: Float[Array, ""]


def init() -> Watch:
    """Before any input."""
    return Watch(jnp.zeros(()), jnp.ones(()), jnp.zeros(()))


def surprise(code: Code, x: Float[Array, "B ..."], hp: CodeHParams) -> Float[Array, " B"]:
    """Surprise of each input: the log of its mean squared error, summed over scales, in nats."""
    x_BHWC, total_B = images(x), jnp.zeros(len(x))
    for key, scale in zip(jax.random.split(code.key, len(code.scales)), code.scales, strict=True):
        error_N = misfit(scale, glimpses_of(key, scale, x_BHWC, hp.glimpses))
        total_B += jnp.log(jnp.maximum(error_N.reshape(len(x), -1).mean(1), NOTHING))
    return total_B


def begin(code: Code, hp: CodeHParams) -> Watch:
    """A watch over a code that has just closed, by the samples in its memory."""
    counts_N = jnp.arange(len(code.memory.x)) < code.stored
    s_N = jnp.where(counts_N, surprise(code, code.memory.x, hp), 0.0)
    mean = s_N.sum() / code.stored
    variance = jnp.sum(jnp.where(counts_N, (s_N - mean) ** 2, 0.0)) / code.stored
    return Watch(mean, jnp.sqrt(variance) + LEAST, jnp.zeros(()))


def observe(watch: Watch, s_B: Float[Array, " B"], counts_B: Bool[Array, " B"], slack: ArrayLike) -> Watch:
    """The watch after the surprises of a batch, one by one; rows outside `counts_B` are passed over."""
    excess_B = jnp.clip((s_B - watch.mean) / watch.deviation, -MOST, MOST) - slack
    sum_B = jnp.cumsum(jnp.where(counts_B, excess_B, 0.0))
    return watch._replace(total=sum_B[-1] - jnp.minimum(sum_B.min(), -watch.total))


def flops(spec: Spec, hp: CodeHParams) -> int:
    """Floating-point operations of the surprise of an input: whitening and matching its sampled patches."""

    def looked_at(key: PRNGKeyArray) -> list[tuple[Array, Array]]:
        x_BHWC = images(jnp.zeros((1, *spec.input_shape)))
        scales = init_code(key, spec, hp).scales
        return [(glimpses_of(key, scale, x_BHWC, hp.glimpses), scale.atoms) for scale in scales]

    shapes = jax.eval_shape(looked_at, jax.random.key(0))
    return sum(2 * p_NP.size * (p_NP.shape[1] + len(atoms_KP)) for p_NP, atoms_KP in shapes)
