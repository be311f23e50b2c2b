"""Fresh networks: chains of dense layers, a small convolutional network, and how their weights begin."""

import dataclasses
import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import PRNGKeyArray

from pcl import linalg
from pcl.errors import UsageError, one_of
from pcl.network.activations import ACTIVATIONS
from pcl.network.layers import Conv, Dense, Layer, Network


def _normal(variance: Callable[[int, int], float]) -> Callable[[PRNGKeyArray, tuple[int, ...]], Array]:
    def draw(key: PRNGKeyArray, shape: tuple[int, ...]) -> Array:
        *pre, post = shape
        place = math.prod(pre[:-1])  # a kernel of K x K places reaches K^2 units above
        return jax.random.normal(key, shape) * math.sqrt(variance(math.prod(pre), place * post))

    return draw


def _within(key: PRNGKeyArray, shape: tuple[int, ...]) -> Array:
    bound = 1 / math.sqrt(math.prod(shape[:-1]))
    return jax.random.uniform(key, shape, minval=-bound, maxval=bound)


# Weights by fan-in and fan-out. Sources: lecun, Efficient BackProp (1998); xavier, Glorot and Bengio (2010);
# he, He et al. (2015), arXiv:1502.01852; orthogonal, Saxe et al. (2014), arXiv:1312.6120; pytorch: uniform within
# 1 / sqrt(fan-in), as that library's layers are by default.
INITS: dict[str, Callable[[PRNGKeyArray, tuple[int, ...]], Array]] = {
    "lecun": _normal(lambda fan_in, fan_out: 1 / fan_in),
    "xavier": _normal(lambda fan_in, fan_out: 2 / (fan_in + fan_out)),
    "he": _normal(lambda fan_in, fan_out: 2 / fan_in),
    "pytorch": _within,
    "orthogonal": lambda key, shape: linalg.orthonormal(key, math.prod(shape[:-1]), shape[-1]).reshape(shape),
}


def dense_chain(
    key: PRNGKeyArray,
    sizes: tuple[int, ...],
    activation: str = "tanh",
    init: str = "lecun",
    bias: bool = True,
    norm: bool = False,
) -> Network:
    """Dense layers of the given sizes (input first); biases begin at zero. norm: see `Dense`, for all but the last.

    Raises:
      UsageError: fewer than two sizes, a size below 1, an unknown activation or init.

    Examples:
      >>> [layer.w.shape for layer in dense_chain(jax.random.key(0), (64, 128, 10))]
      [(64, 128), (128, 10)]
    """
    _check(activation, sizes, init)
    keys, chain = jax.random.split(key, len(sizes) - 1), []
    for k, d, h in zip(keys, sizes[:-1], sizes[1:], strict=True):
        chain.append(Dense(INITS[init](k, (d, h)), jnp.zeros(h) if bias else None, activation, norm=norm))
    return (*chain[:-1], dataclasses.replace(chain[-1], activation="identity", norm=False))


def mupc_chain(key: PRNGKeyArray, sizes: tuple[int, ...], activation: str = "tanh") -> Network:
    """A chain in the parametrisation of muPC, z_l = z_{l-1} + a_l W_l f(z_{l-1}): layers hold the scales.

    With N units per hidden layer, L layers of weights of variance 1, and no biases, the constants are a_1 =
    1/sqrt(inputs), a_l = 1/sqrt(N L), a_L = 1/N; the first and the last layer have no skip connection.
    Source: Innocenti, Achour and Buckley (2025), arXiv:2505.13124.

    Raises:
      UsageError: fewer than two sizes, a size below 1, an unknown activation.
    """
    _check(activation, sizes)
    keys, chain, last = jax.random.split(key, len(sizes) - 1), [], len(sizes) - 2
    for i, (k, d, h) in enumerate(zip(keys, sizes[:-1], sizes[1:], strict=True)):
        w = jax.random.normal(k, (d, h))
        if i == 0:
            chain.append(Dense(w, scale=1 / math.sqrt(d)))
        elif i == last:
            chain.append(Dense(w, inner=activation, scale=1 / d))
        else:
            chain.append(Dense(w, inner=activation, scale=1 / math.sqrt(h * (len(sizes) - 1)), skip=True))
    return tuple(chain)


def _check(activation: str, sizes: tuple[int, ...], init: str = "lecun") -> None:
    one_of("activation", activation, ACTIVATIONS)
    one_of("init", init, INITS)
    if len(sizes) < 2:
        raise UsageError(f"sizes={sizes}: give the inputs, the units of any hidden layers, and the outputs")
    if not all(isinstance(size, int) and size > 0 for size in sizes):
        raise UsageError(f"sizes={sizes}: each must be a whole number of at least 1")


def vgg5(
    key: PRNGKeyArray,
    input_shape: tuple[int, ...],
    outputs: int,
    width: int = 128,
    activation: str = "relu",
    init: str = "he",
) -> Network:
    """Four 3 x 3 convolutions of width, 2, 4 and 4 times width channels, maximal pooling by 2, a dense output.

    The last convolution takes no padding, as in the VGG-5 of Pinchetti et al. (2025), arXiv:2407.01163. On
    images too small for that, it is padded, and maps of one pixel's width are not pooled. An image
    [height, width], and a vector of a square number of entries as a square, are read as images of one channel.

    Raises:
      UsageError: the input is no image and no square, a size below 1, an unknown activation or init.
    """
    _check(activation, (*input_shape, outputs, width), init)
    image = (*input_shape, 1) if len(input_shape) == 2 else None
    if len(input_shape) == 1 and math.isqrt(input_shape[0]) ** 2 == input_shape[0]:
        image = (math.isqrt(input_shape[0]),) * 2 + (1,)
    if len(input_shape) != 3 and image is None:
        raise UsageError(
            "architecture=vgg5 reads images [height, width, channels] or [height, width] or squares, not inputs of"
            f" shape {input_shape}"
        )
    (height, breadth, channels), layers = image or input_shape, list[Layer]()
    *conv_keys, out_key = jax.random.split(key, 5)
    for i, (k, factor) in enumerate(zip(conv_keys, (1, 2, 4, 4), strict=True)):
        padding = "VALID" if i == 3 and min(height, breadth) >= 4 else "SAME"
        height, breadth = (n - 2 if padding == "VALID" else n for n in (height, breadth))
        pool = 2 if min(height, breadth) >= 2 else 1
        w = INITS[init](k, (3, 3, channels, factor * width))
        channels, height, breadth = factor * width, height // pool, breadth // pool
        layers.append(Conv(w, jnp.zeros(channels), activation, padding=padding, pool=pool, image=None if i else image))
    features = height * breadth * channels
    return (*layers, Dense(INITS[init](out_key, (features, outputs)), jnp.zeros(outputs)))
