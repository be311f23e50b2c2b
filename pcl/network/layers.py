"""Layers: each predicts the activity above it from the activity below it.

A layer's pre-activation is a = scale * W g(below) + b, plus `below` itself where it has a skip connection;
its prediction is f(a). Usually g is the identity; in the form of muPC, f is, and g is the nonlinearity.
Every layer kind has three methods, all of them linear in what they carry and local to the layer:

    predict(below) -> a                        the pre-activation
    carry_down(below, delta) -> like `below`   the transposed Jacobian times an error `delta` at `a`
    hebbian(below, delta) -> like the layer    sum over samples of error times presynaptic activity

A chain is a tuple of layers, the lowest first; its last layer is linear (its `activation` is the identity; another
one is refused), because the output's distribution is part of the energy.
"""

import dataclasses
import math
from typing import Any

import jax
import jax.numpy as jnp
from flax import struct
from jax import Array
from jaxtyping import Float

from pcl.errors import UsageError, one_of
from pcl.network.activations import ACTIVATIONS
from pcl.network.convolution import convolve, cropped, to_image, to_kernel, windows

POOLINGS = ("max", "average")
PADDINGS = ("SAME", "VALID")
LEAST_VARIANCE = 1e-5  # added to the variance in layer normalisation
Weights = Any  # an array; pytrees of layers also hold gradients, optimiser memory and shapes


def static(default: Any) -> Any:
    """A field of a layer that is static under `jit`."""
    return struct.field(pytree_node=False, default=default)


@struct.dataclass
class Dense:
    """Every unit below reaches every unit above; an image below is read as one vector.

    w: weights [D, H]; b: bias [H], or None. norm: what the weights carry has mean 0 and variance 1 over the units of
    the layer before the bias is added. That is layer normalisation, Ba, Kiros and Hinton (2016), arXiv:1607.06450,
    whose offset is the bias and whose gain is left to the weights above.

    Raises:
      UsageError: an unknown activation; (in use) inputs of another size.
    """

    w: Weights
    b: Weights = None
    activation: str = static("identity")
    inner: str = static("identity")
    scale: float = static(1.0)
    skip: bool = static(False)
    norm: bool = static(False)

    def __post_init__(self) -> None:
        one_of("activation", self.activation, ACTIVATIONS)
        one_of("activation", self.inner, ACTIVATIONS)

    @property
    def linear(self) -> bool:
        """Whether the pre-activation is linear in the activity below."""
        return self.inner == "identity" and not self.norm

    def predict(self, below: Float[Array, "B ..."]) -> Float[Array, "B H"]:
        """Pre-activation."""
        flat_BD = below.reshape(below.shape[0], -1)
        if flat_BD.shape[1] != self.w.shape[0]:
            raise UsageError(f"weights {self.w.shape} take {self.w.shape[0]} inputs per sample, not {flat_BD.shape[1]}")
        if self.skip and self.w.shape[0] != self.w.shape[1]:
            raise UsageError(f"weights {self.w.shape}: a layer with a skip connection has as many outputs as inputs")
        a_BH = self._carried(flat_BD)
        a_BH = _normalised(a_BH)[0] if self.norm else a_BH
        a_BH = a_BH if self.b is None else a_BH + self.b
        return a_BH + flat_BD if self.skip else a_BH

    def carry_down(self, below: Float[Array, "B ..."], delta: Float[Array, "B H"]) -> Float[Array, "B ..."]:
        """The error that each unit below receives over its outgoing weights."""
        down = _scaled(self.scale, self._through_norm(below, delta) @ self.w.T).reshape(below.shape)
        down = down if self.inner == "identity" else ACTIVATIONS[self.inner].df(below) * down
        return down + delta.reshape(below.shape) if self.skip else down

    def hebbian(self, below: Float[Array, "B ..."], delta: Float[Array, "B H"]) -> "Dense":
        """Error times presynaptic activity, for every weight and bias."""
        pre_BD = ACTIVATIONS[self.inner].f(below.reshape(below.shape[0], -1))
        bias = None if self.b is None else delta.sum(0)
        carried = self._through_norm(below, delta)
        return dataclasses.replace(self, w=_scaled(self.scale, pre_BD.T @ carried), b=bias)

    def _carried(self, flat_BD: Float[Array, "B D"]) -> Float[Array, "B H"]:
        """The pre-activation without scale, bias and skip connection."""
        return _scaled(self.scale, ACTIVATIONS[self.inner].f(flat_BD) @ self.w)

    def _through_norm(self, below: Float[Array, "B ..."], delta: Float[Array, "B H"]) -> Float[Array, "B H"]:
        """The error at what the weights carry: layer normalisation takes out its mean and its share along the output.

        Both are means over the units of the layer, as the normalisation itself.
        """
        if not self.norm:
            return delta
        n_BH, deviation_B1 = _normalised(self._carried(below.reshape(below.shape[0], -1)))
        along_B1 = jnp.mean(delta * n_BH, axis=1, keepdims=True)
        return (delta - delta.mean(1, keepdims=True) - n_BH * along_B1) / deviation_B1


@struct.dataclass
class Conv:
    """A 2-D convolution over images [B, height, width, channels], and pooling of the pre-activation.

    Pooling windows of `pool` x `pool` do not overlap; rows and columns that fill no window are dropped. As
    every activation but gelu is monotone, maximal pooling before it is maximal pooling after it.

    w: kernel [K, K, channels below, channels above]; b: bias [channels above], or None; image: the height, width and
    channels as which a vector below is read.

    Raises:
      UsageError: an unknown activation, padding or pooling, a stride or pool below 1; (in use) images that do not fit.
    """

    w: Weights
    b: Weights = None
    activation: str = static("identity")
    stride: int = static(1)
    padding: str = static("SAME")  # or VALID
    pool: int = static(1)
    pooling: str = static("max")  # or average
    image: tuple[int, int, int] | None = static(None)

    def __post_init__(self) -> None:
        one_of("activation", self.activation, ACTIVATIONS)
        one_of("padding", self.padding, PADDINGS)
        one_of("pooling", self.pooling, POOLINGS)
        if min(self.stride, self.pool) < 1:
            raise UsageError(f"stride={self.stride}, pool={self.pool}: both must be at least 1")

    @property
    def linear(self) -> bool:
        """Whether the pre-activation is linear in the activity below."""
        return self.pool == 1 or self.pooling == "average"

    def predict(self, below: Float[Array, "B ..."]) -> Float[Array, "B P Q D"]:
        """Pre-activation."""
        pools = windows(self._convolve(below), self.pool)
        a = pools.max((2, 4)) if self.pooling == "max" else pools.mean((2, 4))
        return a if self.b is None else a + self.b

    def carry_down(self, below: Float[Array, "B ..."], delta: Float[Array, "B P Q D"]) -> Float[Array, "B ..."]:
        """The error that each unit below receives over its outgoing weights."""
        size = self._image(below).shape[1:3]
        down = to_image(self._unpool(below, delta), self.w, self.stride, self.padding, size)
        return down.reshape(below.shape)

    def hebbian(self, below: Float[Array, "B ..."], delta: Float[Array, "B P Q D"]) -> "Conv":
        """Error times presynaptic activity, summed over the places that share a weight."""
        spread, size = self._unpool(below, delta), self.w.shape[:2]
        kernel = to_kernel(self._image(below), spread, self.stride, self.padding, size)
        return dataclasses.replace(self, w=kernel, b=None if self.b is None else delta.sum((0, 1, 2)))

    def places(self, below: Float[Array, "B ..."]) -> int:
        """Places at which the kernel is applied to an image."""
        _, height, width, _ = jax.eval_shape(Conv._convolve, self, below).shape
        return height * width

    def _convolve(self, below: Array) -> Array:
        return convolve(self._image(below), self.w, self.stride, self.padding)

    def _image(self, below: Array) -> Float[Array, "B Y X C"]:
        wanted = self.image or below.shape[1:]
        fits = len(wanted) == 3 and wanted[2] == self.w.shape[2] and math.prod(wanted) == math.prod(below.shape[1:])
        if not fits:
            right = self.image or f"[height, width, {self.w.shape[2]}]"
            raise UsageError(f"a kernel of shape {self.w.shape} reads images {right}, not {below.shape[1:]}")
        return below.reshape(-1, *wanted)

    def _unpool(self, below: Array, delta: Array) -> Array:
        """The error of each window, given to its winner (maximal pooling) or shared (average pooling)."""
        if self.pool == 1:
            return delta
        share = delta[:, :, None, :, None] / self.pool**2
        unpooled = self._convolve(below)  # as in `predict`: compiled together, it is computed once
        pools = windows(unpooled, self.pool)
        if self.pooling == "max":
            wins = (pools == pools.max((2, 4), keepdims=True)).astype(delta.dtype)
            share = delta[:, :, None, :, None] * wins / wins.sum((2, 4), keepdims=True)
        spread = jnp.broadcast_to(share, pools.shape).reshape(cropped(unpooled, self.pool).shape)
        missing = [(0, whole - kept) for whole, kept in zip(unpooled.shape, spread.shape, strict=True)]
        return jnp.pad(spread, missing)


Layer = Dense | Conv
Network = tuple[Layer, ...]


def activity(layer: Layer, a: Float[Array, "B ..."]) -> Float[Array, "B ..."]:
    """The prediction f(a) of a layer with pre-activation `a`."""
    return ACTIVATIONS[layer.activation].f(a)


def forward(network: Network, x: Float[Array, "B ..."]) -> tuple[Array, ...]:
    """Activity of every layer after a feed-forward pass from `x`; the last is the linear output."""
    activities = []
    for layer in network:
        x = activity(layer, layer.predict(x))
        activities.append(x)
    return tuple(activities)


def _normalised(a_BH: Float[Array, "B H"]) -> tuple[Float[Array, "B H"], Float[Array, "B 1"]]:
    """Each row minus its mean, divided by its standard deviation; and the standard deviations."""
    centred_BH = a_BH - a_BH.mean(1, keepdims=True)
    deviation_B1 = jnp.sqrt(jnp.mean(centred_BH**2, axis=1, keepdims=True) + LEAST_VARIANCE)
    return centred_BH / deviation_B1, deviation_B1


def _scaled(scale: float, x: Array) -> Array:
    return x if scale == 1.0 else scale * x
